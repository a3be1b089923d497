# Roles x endpoints x whose it is, all of it, in every way to say who one is.
# What is forbidden is the same as what is absent: byte for byte, and in what
# it costs.  contract: Authentication, Who may do what

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Endpoints;

use Time::HiRes qw(time);


# The contract's table.

our %may = (
    #                      read   create  update  watch
    'owner'              => [qw(all  all    all    all)],
    'template-admin'     => [qw(all  own    own    all)],
    'organization-admin' => [qw(org  org    org    org)],
    'member'             => [qw(own  own    own    own)],
    'auditor'            => [qw(own  own    own    own)],
    'user-admin'         => [qw(own  own    own    own)],
);

our @actions = qw(read create update watch);

# who there is: role, organization

our %who = (
    admin    => [qw(owner acme)],
    tplmgr   => [qw(template-admin acme)],
    orgadmin => [qw(organization-admin acme)],
    gadmin   => [qw(organization-admin globex)],
    alice    => [qw(member acme)],
    bob      => [qw(member acme)],
    carol    => [qw(member globex)],
    auditor  => [qw(auditor acme)],
    usermgr  => [qw(user-admin acme)],
);

# What each endpoint of users is to the table, and what it answers to those
# who may; a body that changes nothing.

our %asks = (
    create          => ['create', 409, { name => 'mine' }],  # taken
    by_name         => ['read',   200],
    read            => ['read',   200],
    rename          => ['update', 204, {}],
    autostart       => ['update', 204, { schedule => undef }],
    ttl             => ['update', 204, { ttl_ms => undef }],
    extend          => ['update', 409,
                        { deadline => '2099-01-01T00:00:00Z' }], # has none
    watch           => ['watch',  200],
    build_create    => ['update', 400,
                        { transition => 'start', template_version_id =>
                          '497f6eca-6276-4993-bfeb-53cbbbba6f08' }],
    build_list      => ['read',   200],
    build_by_number => ['read',   200],
    build_read      => ['read',   200],
    build_resources => ['read',   200],
    build_parameters => ['read',  200],
    build_logs      => ['read',   200],
    build_cancel    => ['update', 400],                      # finished
    usage           => ['update', 204],
);

our (%of);                      # user => { w, b }: a workspace of theirs


sub allowed {
    my ($caller, $action, $owner) = @_;

    my ($role, $org) = @{ $who{$caller} };
    my ($index) = grep { $actions[$_] eq $action } 0 .. $#actions;
    my $scope = $may{$role}[$index];

    return $caller eq $owner || $scope eq 'all'
           || $scope eq 'org' && $org eq $who{$owner}[1];
}


sub mine { grep { $_->{caller} eq 'user' && $_->{name} ne 'list' } endpoints() }


# the endpoint's path for somebody's workspace; $other: what is not there

sub path {
    my ($e, $owner, %other) = @_;

    return path_of($e, w => $of{$owner}{w}, b => $of{$owner}{b},
                   o => v("$who{$owner}[1].id"), u => $owner, n => 'mine',
                   '#' => 1, %other);
}


# one that is not there

sub path_of_none {
    my ($e, $owner) = @_;

    return path($e, $owner, w => uuid(), b => uuid(), n => 'none',
                $e->{name} eq 'create' ? (o => uuid()) : ());
}


sub body_for {
    my ($e, $owner) = @_;

    my $body = $asks{ $e->{name} }[2] or return;

    $body = { %$body, template_id => v($who{$owner}[1] eq 'acme'
                                       ? 'docker.id' : 'vm.id') }
        if $e->{name} eq 'create';

    return (body => $body);
}


# a request by a way to say who one is: node, method, path, options

our %ways = (
    header   => sub { my ($token) = @_; (undef, '',
                      { 'Coder-Session-Token' => $token }) },
    cookie   => sub { my ($token) = @_; (undef, '',
                      { Cookie => "a=b; coder_session_token=$token" }) },
    query    => sub { my ($token) = @_; (undef, "?coder_session_token=$token",
                      {}) },
    identity => sub { my ($token, $name) = @_; ('named', '',
                      { 'X-User' => $name }) },
);

sub call {
    my ($way, $caller, $e, $path, @body) = @_;

    my ($node, $query, $headers) = $ways{$way}->(v("$caller.token"), $caller);

    return [defined $node ? node($node) : (), $e->{method} => "$path$query",
            { headers => { %$headers }, @body }];
}


# Statuses, several hundred requests at once at most; streams, which do not
# end, one by one.

sub statuses {
    my ($e, @calls) = @_;

    my @answers;

    if ($e->{name} eq 'watch') {
        for my $call (@calls) {
            my @node = ref $call->[0] ? $call->[0] : ();
            my $s = sse_open(@node, @$call[-2, -1]);

            push @answers, $s->response;
            $s->close;
        }

    } else {
        push @answers, http_all(splice @calls, 0, 200) while @calls;
    }

    return @answers;
}


# every caller for every owner's, compared with the table

sub compare {
    my ($way, @owners) = @_;

    for my $e (mine()) {
        my ($action, $good) = @{ $asks{ $e->{name} } };
        my (@want, @calls, %absent);

        for my $caller (sort keys %who) {
            for my $owner (@owners) {
                push @calls, call($way, $caller, $e, path($e, $owner),
                                  body_for($e, $owner));
                push @want, "$caller, $owner: "
                            . (allowed($caller, $action, $owner) ? $good
                                                                 : 404);
            }
        }

        my ($absent) = statuses($e, call($way, 'alice', $e,
                                         path_of_none($e, 'alice'),
                                         body_for($e, 'alice')));
        my @answers = statuses($e, @calls);
        my @got = map {
            ($want[$_] =~ s/\d+$//r) . $answers[$_]->status
        } 0 .. $#want;
        my @wrong = grep { $got[$_] ne $want[$_] } 0 .. $#want;

        is join("\n", @got[@wrong]), join("\n", @want[@wrong]),
           "$way, $e->{name}: " . @want;
        is $absent->status, 404;

        my @differ = grep { $_->status == 404
                            && $_->body ne $absent->body } @answers;

        is scalar @differ, 0, 'forbidden is as absent';
    }
}


# Redis commands a request, by name; what else goes on is less than a half

sub cost {
    my ($n, $code) = @_;

    redis_cmd(qw(CONFIG RESETSTAT));
    $code->() for 1 .. $n;

    my %calls = redis_cmd(INFO => 'commandstats')
                =~ /^cmdstat_(\S+?):calls=(\d+)/mg;

    # the clock looks at each shard, and is known by asking for the time

    my $looks = delete $calls{time} // 0;

    $calls{$_} -= $looks for qw(evalsha zrange);

    return join ' ', map { my $each = int $calls{$_} / $n + 0.5;
                           $each ? "$_=$each" : () }
           grep { !/^(?:config|info)/ } sort keys %calls;
}


run_tests();

__DATA__

=== TEST 1: a workspace of everybody's, its first build over
--- scenario
our (%of, %who, %asks);

is_deeply [sort map { $_->{name} } mine()], [sort keys %asks],
          'the table has every endpoint';

start_node(name => 'named', config => <<'EOC');
    location /api/ {
        workspace_api;
        workspace_identity $http_x_user;
    }
EOC

for my $user (sort keys %who) {
    my $org = $who{$user}[1];
    my $w = http(POST => '/api/v2/organizations/' . v("$org.id")
                         . '/members/me/workspaces',
                 { as => $user,
                   body => { name => 'mine', template_id =>
                             v($org eq 'acme' ? 'docker.id' : 'vm.id') } })
            ->json;

    $of{$user} = { w => $w->{id}, b => $w->{latest_build}{id} };
    wsctl(qw(job finish), $w->{latest_build}{job}{id});
}



=== TEST 2: with a token in a header: everybody for everybody's
--- scenario
our %who;

compare('header', sort keys %who);



=== TEST 3: in a cookie, in the query, by the variable
--- scenario
compare($_, qw(alice carol orgadmin)) for qw(cookie query identity);



=== TEST 4: listing
--- scenario
our (%of, %who, %ways);

my ($e) = grep { $_->{name} eq 'list' } endpoints();

for my $way (sort keys %ways) {
    my @callers = sort keys %who;
    my @answers = http_all(map { call($way, $_, $e, '/api/v2/workspaces') }
                           @callers);

    for my $caller (@callers) {
        my $list = (shift @answers)->json;
        my @want = grep { allowed($caller, 'read', $_) } sort keys %who;

        is_deeply [sort map { $_->{id} } @{ $list->{workspaces} }],
                  [sort map { $of{$_}{w} } @want], "$way, $caller";
        is $list->{count}, @want;
    }
}



=== TEST 5: creating, where there is nothing yet: for whom, and where
--- scenario
our (%who, %may);

my ($e) = grep { $_->{name} eq 'create' } endpoints();
my (@calls, @want);

for my $caller (sort keys %who) {
    for my $for (sort keys %who) {
        for my $org (qw(acme globex)) {
            my ($role, $home) = @{ $who{$caller} };
            my $scope = $may{$role}[1];
            my $good = $scope eq 'all'
                       || $who{$for}[1] eq $org
                          && ($caller eq $for
                              || $scope eq 'org' && $home eq $org);
            my $path = path_of($e, o => v("$org.id"), u => $for);

            push @calls, call('header', $caller, $e, $path,
                body => { name => "of-$caller-$org", template_id =>
                          v($org eq 'acme' ? 'docker.id' : 'vm.id') });
            push @want, "$caller for $for in $org: " . ($good ? 200 : 404);
        }
    }
}

my @got = map { $_->status } http_all(@calls);

is_deeply [map { s/\d+$//r . shift @got } @want], \@want;



=== TEST 6: who is nobody: 401, whatever it is about
--- scenario
our (%ways, %who);

v('revoked.token', wsctl(qw(token create alice)));
v('expired.token', wsctl(qw(token create alice --lifetime 1s)));
v('malformed.token', 'x');
v('wrong.token', substr(v('alice.token'), 0, 11) . 'x' x 22);
v('absent.token', 'x' x 10 . '-' . 'x' x 22);

# both are good at first: a worker has them at hand

my ($read) = grep { $_->{name} eq 'read' } endpoints();

for my $name (qw(revoked expired)) {
    is http(@{ call('header', $name, $read, path($read, 'alice')) })->status,
       200, "$name: not yet" if $name eq 'revoked';
}

wsctl(qw(token revoke), substr v('revoked.token'), 0, 10);

for my $name (qw(revoked expired)) {
    ok wait_for {
        !grep { $_->status != 401 }
        http_all((call('header', $name, $read, path($read, 'alice'))) x 20)
    } 10;
}

for my $e (endpoints()) {
    my $path = path($e, 'alice', j => uuid());
    my @calls;

    for my $name (qw(mallory revoked expired malformed wrong absent)) {
        push @calls, map { call($_, $name, $e, $path, body_for($e, 'alice')) }
                     qw(header cookie query);
    }

    push @calls, call('identity', 'mallory', $e, $path);
    push @calls, map { [node('named'), $e->{method} => $path,
                        { headers => { 'X-User' => $_ } }] }
                 'nobody', 'a b', '../x', "\xff", 'x' x 1000, v('alice.id');
    push @calls, [$e->{method} => $path, {}];

    my %statuses = map { $_->status => 1 } http_all(@calls);

    is join(' ', sort keys %statuses), '401', "$e->{name}: " . @calls;
}



=== TEST 7: what is forbidden costs what is absent costs
--- scenario
our %asks;

my $n = 60;

for my $e (mine()) {
    my ($action, $good) = @{ $asks{ $e->{name} } };
    my (%cost, %times);

    my %path = (forbidden => path($e, 'bob'), absent => path_of_none($e, 'bob'));
    my @order = sort keys %path;
    my %call = map { ($_ => call('header', 'alice', $e, $path{$_},
                                 body_for($e, 'bob'))) } @order;

    # in both workers: what is known of alice, bob and so on

    http_all(map { ($call{$_}) x 20 } @order);

    for my $which (@order) {
        my @answers;

        $cost{$which} = cost($n, sub {
            my $from = time;
            push @answers, http(@{ $call{$which} });
            push @{ $times{$which} }, (time - $from) * 1e6;
        });

        is scalar(grep { $_->status != 404 } @answers), 0, "$which: 404";
    }

    # an organization that is there is known, one that is not is asked for

    is $cost{forbidden}, $cost{absent}, "$e->{name}: commands"
        if $e->{name} ne 'create';

    # of what is not asserted: quartiles, in microseconds

    diag(sprintf '%-16s %s', $e->{name}, join ', ', map {
        my @t = sort { $a <=> $b } @{ $times{$_} };
        sprintf '%s (%s) %.0f %.0f %.0f', $_, $cost{$_},
                @t[$n / 4, $n / 2, 3 * $n / 4]
    } @order);
}



=== TEST 8: nor do names of what is deleted tell of what is not
--- scenario
my ($live) = grep { $_->{name} eq 'by_name' } mine();
my $n = 20;
my %cost;

for my $path (path($live, 'bob'), path_of_none($live, 'bob')) {
    my @call = (GET => "$path?include_deleted=true",
                { headers => { 'Coder-Session-Token' => v('alice.token') } });

    http_all((\@call) x 20);

    $cost{$path} = cost($n, sub {
        http(@call)->status == 404 or die "$path: not 404\n" });
}

my @cost = values %cost;

is scalar @cost, 2;
is $cost[0], $cost[1], 'as many commands';



=== TEST 9: nothing is broken
--- scenario
is wsctl('check'), '', 'all invariants hold';
