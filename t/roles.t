# Who may do what: the contract's table, role by role.  What is refused looks
# exactly like what is not there.

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: a workspace of everybody's, in both organizations
--- scenario
my %org = map { ($_ => 'acme') } qw(admin alice bob tplmgr orgadmin auditor
                                    usermgr);
$org{$_} = 'globex' for qw(carol gadmin);

for my $user (sort keys %org) {
    my $r = http(POST => '/api/v2/organizations/' . v("$org{$user}.id")
                         . '/members/me/workspaces',
                 { as => $user,
                   body => { name => "of-$user",
                             template_id => v($org{$user} eq 'acme'
                                              ? 'docker.id' : 'vm.id') } });
    is $r->status, 200, $user;
    v("of.$user", $r->json->{id});
}



=== TEST 2: reading
--- scenario
my %reads = (
    admin    => [qw(admin alice bob tplmgr orgadmin auditor usermgr carol
                    gadmin)],
    tplmgr   => [qw(admin alice bob tplmgr orgadmin auditor usermgr carol
                    gadmin)],
    orgadmin => [qw(admin alice bob tplmgr orgadmin auditor usermgr)],
    gadmin   => [qw(carol gadmin)],
    map { ($_ => [$_]) } qw(alice bob auditor usermgr carol),
);

table('GET', '', undef, 200, \%reads);

sub table {
    my ($method, $tail, $body, $good, $may) = @_;
    my $absent = http($method => "/api/v2/workspaces/" . uuid() . $tail,
                      { as => 'alice', body => $body });

    is $absent->status, 404, 'absent';

    for my $who (sort keys %$may) {
        my %may = map { ($_ => 1) } @{ $may->{$who} };
        my (@got, @want);

        for my $of (qw(admin alice bob tplmgr orgadmin auditor usermgr carol
                       gadmin))
        {
            my $r = http($method => '/api/v2/workspaces/' . v("of.$of")
                                    . $tail,
                         { as => $who, body => $body });

            push @got, "$of:" . $r->status;
            push @want, "$of:" . ($may{$of} ? $good : 404);

            if ($r->status == 404 && $r->body ne $absent->body) {
                fail "$who, of $of: a refusal is not the same as absence";
            }
        }

        is "@got", "@want", "$who: $method $tail";
    }
}



=== TEST 3: listing shows what may be read
--- scenario
my %sees = (admin => 9, tplmgr => 9, orgadmin => 7, gadmin => 2,
            map { ($_ => 1) } qw(alice bob auditor usermgr carol));

for my $who (sort keys %sees) {
    my $list = http(GET => '/api/v2/workspaces', { as => $who })->json;

    is $list->{count}, $sees{$who}, $who;
    is scalar @{ $list->{workspaces} }, $sees{$who};
}



=== TEST 4: changing: rename, TTL, schedule, builds
--- scenario
my %changes = (
    admin    => [qw(admin alice bob tplmgr orgadmin auditor usermgr carol
                    gadmin)],
    orgadmin => [qw(admin alice bob tplmgr orgadmin auditor usermgr)],
    gadmin   => [qw(carol gadmin)],
    map { ($_ => [$_]) } qw(alice bob tplmgr auditor usermgr carol),
);

my $n = 0;

for my $case ([PATCH => '', sub { { name => ++$n % 2 ? "OF-$_[0]" : "of-$_[0]" } },
               204],
              [PUT => '/ttl', { ttl_ms => 3600000 }, 204],
              [PUT => '/autostart', { schedule => '0 9 * * *' }, 204],
              [PUT => '/extend', { deadline => '2099-01-01T00:00:00Z' }, 409],
              [POST => '/builds', { transition => 'stop' }, 409])
{
    my ($method, $tail, $body, $good) = @$case;

    for my $who (sort keys %changes) {
        my %may = map { ($_ => 1) } @{ $changes{$who} };
        my (@got, @want);

        for my $of (qw(admin alice bob tplmgr orgadmin auditor usermgr carol
                       gadmin))
        {
            my $r = http($method => '/api/v2/workspaces/' . v("of.$of")
                                    . $tail,
                         { as => $who,
                           body => ref $body ne 'CODE' ? $body
                                   : $body->($of) });

            push @got, "$of:" . $r->status;
            push @want, "$of:" . ($may{$of} ? $good : 404);
        }

        is "@got", "@want", "$who: $method $tail";
    }
}



=== TEST 5: watching
--- scenario
my %watches = (
    admin    => [qw(alice carol)],
    tplmgr   => [qw(alice carol)],
    orgadmin => [qw(alice)],
    gadmin   => [qw(carol)],
    alice    => [qw(alice)],
    bob      => [],
    auditor  => [],
    usermgr  => [],
);

for my $who (sort keys %watches) {
    my %may = map { ($_ => 1) } @{ $watches{$who} };

    for my $of (qw(alice carol)) {
        my $s = sse_open('/api/v2/workspaces/' . v("of.$of") . '/watch',
                         { as => $who });

        is $s->status, $may{$of} ? 200 : 404, "$who, of $of";
        $s->close;
    }
}



=== TEST 6: creating for oneself and for others
--- scenario
my $n = 0;
my $create = sub {
    my ($who, $for, $org) = @_;

    return http(POST => '/api/v2/organizations/' . v("$org.id")
                        . "/members/$for/workspaces",
                { as => $who,
                  body => { name => 'n' . ++$n,
                            template_id => v($org eq 'acme' ? 'docker.id'
                                                            : 'vm.id') } })
           ->status;
};

for my $case (
    [admin => alice => 'acme', 200], [admin => carol => 'globex', 200],
    [admin => carol => 'acme', 200],
    [orgadmin => alice => 'acme', 200], [orgadmin => me => 'acme', 200],
    [orgadmin => carol => 'globex', 404], [orgadmin => carol => 'acme', 404],
    [orgadmin => me => 'globex', 404],
    [gadmin => carol => 'globex', 200], [gadmin => alice => 'acme', 404],
    [alice => me => 'acme', 200], [alice => alice => 'acme', 200],
    [alice => bob => 'acme', 404], [alice => me => 'globex', 404],
    [tplmgr => me => 'acme', 200], [tplmgr => alice => 'acme', 404],
    [auditor => me => 'acme', 200], [auditor => alice => 'acme', 404],
    [usermgr => me => 'acme', 200], [usermgr => alice => 'acme', 404])
{
    my ($who, $for, $org, $status) = @$case;

    is $create->($who, $for, $org), $status, "$who for $for in $org";
}



=== TEST 7: by name: another's is as absent as none
--- location
add_header X-Workspace "id:$workspace_id" always;
--- scenario
my $absent = http(GET => '/api/v2/users/bob/workspace/none',
                  { as => 'alice' });
my $refused = http(GET => '/api/v2/users/bob/workspace/of-bob',
                   { as => 'alice' });

is $absent->status, 404;
is $refused->status, 404;
is $refused->body, $absent->body, 'the same bytes';
is $refused->header('X-Workspace'), $absent->header('X-Workspace'),
   'and no id for others to log';
is http(GET => '/api/v2/users/bob/workspace/of-bob', { as => 'orgadmin' })
   ->status, 200;
is http(GET => '/api/v2/users/carol/workspace/of-carol',
        { as => 'orgadmin' })->status, 404;



=== TEST 8: only administrators leave orphans behind
--- scenario
my $path = '/api/v2/workspaces/' . v('of.alice');

wsctl(qw(job finish), http(GET => $path, { as => 'alice' })
                      ->json->{latest_build}{job}{id});

my $orphan = { transition => 'delete', orphan => \1 };

is http(POST => "$path/builds", { as => 'alice', body => $orphan })->status,
   404, 'not the owner';
is http(POST => "$path/builds", { as => 'orgadmin', body => $orphan })
   ->status, 201, 'the organization administrator';
is wsctl('check'), '', 'all invariants hold';
