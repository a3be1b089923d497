package WorkspaceTest::Seed;

# The cast of the tests, made with wsctl.
#
#     organization  members
#     acme          admin (owner), alice, bob, tplmgr (template-admin),
#                   orgadmin (organization-admin), auditor, usermgr
#                   (user-admin), mallory (suspended)
#     globex        carol, gadmin (organization-admin)
#
#     template          of      versions        declares
#     docker            acme    v1 (active), v2
#     k8s               acme    v1              display name, icon, TTL of 8 h,
#                                               users may not cancel
#     params            acme    v1              parameters, see below
#     retired           acme    v1              deleted
#     vm                globex  v1
#
# Values: NAME.id and NAME.token of users, NAME.id of organizations and
# templates, docker.v1.id and so on of versions.

use strict;
use warnings;


my @users = (
    [ admin    => 'acme', 'owner' ],
    [ alice    => 'acme' ],
    [ bob      => 'acme' ],
    [ tplmgr   => 'acme', 'template-admin' ],
    [ orgadmin => 'acme', 'organization-admin' ],
    [ auditor  => 'acme', 'auditor' ],
    [ usermgr  => 'acme', 'user-admin' ],
    [ mallory  => 'acme' ],
    [ carol    => 'globex' ],
    [ gadmin   => 'globex', 'organization-admin' ],
);

my @templates = (
    [ docker  => 'acme' ],
    [ k8s     => 'acme', '--display-name', 'Kubernetes', '--icon',
                 '/icon/k8s.svg', '--default-ttl', '8h',
                 '--allow-user-cancel', 'false' ],
    [ params  => 'acme' ],
    [ retired => 'acme' ],
    [ vm      => 'globex' ],
);

my $parameters = <<'EOC';
[
    { "name": "region", "type": "string", "required": true,
      "options": ["eu", "us"], "mutable": false },
    { "name": "cpus", "type": "number", "default": "2", "min": 1, "max": 8,
      "mutable": true },
    { "name": "gpu", "type": "bool", "default": "false", "mutable": true },
    { "name": "tags", "type": "list(string)", "default": "[]",
      "mutable": true },
    { "name": "host", "type": "string", "default": "dev",
      "regex": "^[a-z]+$", "mutable": true }
]
EOC


# $what: undef or 'all' plants all, 'none' nothing

sub plant {
    my ($what) = @_;

    return if ($what // 'all') eq 'none';

    # the first says how many shards there are

    set("$_.id", '--shards', WorkspaceTest::shards(), org => create => $_)
        for qw(acme globex);

    for my $user (@users) {
        my ($name, $org, @roles) = @$user;

        set("$name.id", user => create => $name, '--org', $org,
            map { ('--role', $_) } @roles);
        set("$name.token", token => create => $name);
    }

    for my $template (@templates) {
        my ($name, $org, @options) = @$template;

        set("$name.id", template => create => '--org', $org, $name, @options);

        my @more = $name eq 'params' ? ('--parameters', parameters_file())
                                     : ();

        set("$name.v1.id", version => create => '--template',
            WorkspaceTest::v("$name.id"), 'v1', '--promote', @more);
    }

    set('docker.v2.id', version => create => '--template',
        WorkspaceTest::v('docker.id'), 'v2');

    WorkspaceTest::wsctl(user => suspend => 'mallory');
    WorkspaceTest::wsctl(template => delete => 'retired');
}


sub set {
    my ($name, @command) = @_;

    WorkspaceTest::v($name, WorkspaceTest::wsctl(@command));
}


sub parameters_file {
    my $file = WorkspaceTest::temp_dir() . '/parameters.json';

    open my $out, '>', $file or die "$file: $!";
    print $out $parameters;
    close $out;

    return $file;
}


1;
