# Listings against a model: many queries made at random, by everybody who sees
# something else.  What they have to answer is worked out here, from the
# documents of all workspaces.  contract: List, Who may do what
#
#     WORKSPACE_QUERIES=5000 prove -It/lib t/list-model.t

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;

# blocks see these

use vars qw(@owners @templates %of_acme %may_read @all);

@owners = (map({ "user$_" } 1 .. 9), 'lead', 'half');


sub one_of { $_[rand @_] }


# has as many workspaces as there are, with names that many have

sub make {
    my ($owner) = @_;

    my (@calls, %used);

    for (1 .. 8) {
        my ($template, $org) = @{ one_of(@templates) };
        my $name = one_of(qw(api web dev api-web Dev-2 x));

        $name .= '-n' . @calls if $used{lc $name}++;

        push @calls, [
            POST => '/api/v2/organizations/' . v("$org.id")
                    . '/members/me/workspaces',
            { as => $owner, body => { name => $name,
                                      template_id => v("$template.id") } },
        ];
    }

    return @calls;
}


# what may have become of one that was just made

sub finish {
    my ($build, @how) = @_;

    wsctl(job => finish => $build->{job}{id}, @how);
}

my $file = temp_dir() . '/resources.json';

open my $out, '>', $file or die "$file: $!";
print $out '[{"name": "box", "type": "vm", "agents": [{"name": "main"}]}]';
close $out;

my @lives = (
    sub { },
    sub { http(PATCH => "/api/v2/workspacebuilds/$_[0]{latest_build}{id}/cancel",
               { as => 'admin' }) },
    sub { finish($_[0]{latest_build}, '--error', 'no') },
    sub { finish($_[0]{latest_build}) },
    sub { finish($_[0]{latest_build}, '--resources', $file) },
    sub { finish($_[0]{latest_build}, '--resources', $file);
          build($_[0], 'stop') },
    sub { finish($_[0]{latest_build}); finish(build($_[0], 'stop')) },
    sub { finish($_[0]{latest_build}); finish(build($_[0], 'delete')) },
);

sub live { one_of(@lives)->($_[0]) }


# The filters: what may be asked for, and whether a workspace meets it.

my %filters = (
    owner     => [ [ qw(user1 user2 user3 lead half me nobody) ],
                   sub { $_[0]{owner_name} eq $_[1] } ],
    template  => [ [ qw(docker k8s vm none) ],
                   sub { $_[0]{template_name} eq $_[1] } ],
    name      => [ [ qw(api dev - web x 2 api-w) ],
                   sub { index(lc $_[0]{name}, $_[1]) >= 0 } ],
    status    => [ [ qw(pending starting running stopped failed canceled
                        deleted) ],
                   sub { $_[0]{latest_build}{status} eq $_[1] } ],
    has_agent => [ [ qw(connecting connected) ], \&has_agent ],
);

sub has_agent {
    my ($w, $status) = @_;

    my $build = $w->{latest_build};

    return 0 if $build->{transition} ne 'start';
    return scalar grep { $_->{status} eq $status }
                  map { @{ $_->{agents} || [] } } @{ $build->{resources} };
}


# a query by somebody: the parameters, and the workspaces that meet it

sub query {
    my ($as) = @_;

    my (@pairs, @words);
    my @found = grep { $may_read{$as}->($_) } @all;
    my %asked = map { ($_ => one_of(@{ $filters{$_}[0] })) }
                grep { rand() < 0.3 } sort keys %filters;

    @found = grep { $_->{latest_build}{status} ne 'deleted' } @found
        if ($asked{status} // '') ne 'deleted';

    for my $key (sort keys %asked) {
        my $value = $asked{$key};
        my $meant = $value eq 'me' ? $as : $value;

        @found = grep { $filters{$key}[1]->($_, $meant) } @found;

        rand() < 0.5 ? push @pairs, "$key=$value"
                     : push @words, ($key =~ tr/_/-/r) . ":$value";
    }

    push @pairs, 'q=' . join '%20', @words if @words;

    return (\@pairs, sort {
        $b->{last_used_at} cmp $a->{last_used_at}
        || lc $a->{name} cmp lc $b->{name} || $a->{id} cmp $b->{id}
    } @found);
}


sub text {
    my ($count, @workspaces) = @_;

    return join ' ', "$count:", map { "$_->{name}/$_->{id}" } @workspaces;
}


run_tests();

__DATA__

=== TEST 1: workspaces of many owners, of two organizations, in every state
--- timeout: 120
--- scenario
for my $owner (@owners) {
    my @roles = ('--role', { lead => 'organization-admin',
                             half => 'organization-admin:acme' }->{$owner}
                           // 'member');

    v("$owner.id", wsctl(qw(user create), $owner,
                         qw(--org acme --org globex), @roles));
    v("$owner.token", wsctl(qw(token create), $owner));
}

# another one called docker

v('twin.id', wsctl(qw(template create --org globex docker)));
wsctl(qw(version create v1 --promote --template), v('twin.id'));

@templates = ([qw(docker acme)], [qw(k8s acme)], [qw(vm globex)],
              [qw(twin globex)]);
%of_acme = (v('docker.id') => 1, v('k8s.id') => 1);

# at once: some have been used in the same millisecond

my @made = map { WorkspaceTest::Life::must('create', $_, 200)->json }
           http_all(map { make($_) } @owners);

live($_) for @made;

http(POST => '/api/v2/workspaces/' . one_of(@made)->{id} . '/usage',
     { as => 'admin' }) for 1 .. 30;

@all = map { @{ http(GET => "/api/v2/workspaces$_",
                     { as => 'admin' })->json->{workspaces} } }
           '', '?status=deleted';

is join(' ', sort map { $_->{id} } @all), join(' ', sort map { $_->{id} } @made),
   'all are there, once';



=== TEST 2: any query answers what the model does
--- timeout: 300
--- scenario
my $acme = sub { $of_acme{ $_[0]{template_id} } };
my $all = sub { 1 };

%may_read = (
    admin    => $all,
    tplmgr   => $all,
    lead     => $all,
    orgadmin => $acme,
    gadmin   => sub { !$acme->(@_) },
    half     => sub { $acme->(@_) || $_[0]{owner_name} eq 'half' },
    user1    => sub { $_[0]{owner_name} eq 'user1' },
    user2    => sub { $_[0]{owner_name} eq 'user2' },
);

my ($wrong, $matched) = (0, 0);

for (1 .. $ENV{WORKSPACE_QUERIES} || 500) {
    my $as = one_of(sort keys %may_read);
    my ($pairs, @found) = query($as);
    my $count = @found;

    if (rand() < 0.5) {
        my $offset = int rand 40;

        push @$pairs, "offset=$offset";
        @found = @found[$offset .. $#found];
    }

    if (rand() < 0.5) {
        my $limit = 1 + int rand 40;

        push @$pairs, "limit=$limit";
        @found = @found[0 .. $limit - 1] if $limit < @found;
    }

    my $query = join '&', @$pairs;
    my $r = http(GET => "/api/v2/workspaces?$query", { as => $as })->json;
    my $is = text($r->{count}, @{ $r->{workspaces} || [] });
    my $expected = text($count, @found);

    $matched++ if @found;

    next if $is eq $expected;

    is $is, $expected, "$as: $query" if $wrong++ < 3;
}

is $wrong, 0, 'all are as expected';
cmp_ok $matched, '>', 0, 'and not for being empty';
