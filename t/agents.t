# Agents: who they are, what they report, and usage by clients.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;


# the first agent of a workspace, as it is shown now

sub agent_of {
    my ($w) = @_;

    return show($w)->{latest_build}{resources}[0]{agents}[0];
}


sub version_of {
    my ($w) = @_;

    return redis_cmd('HGET', key('w', $w->{id}), 'v');
}


sub alive_ms {
    my ($w, $id) = @_;

    return redis_cmd('HGET', key('alive', $w->{id}), $id) // 0;
}


run_tests();

__DATA__

=== TEST 1: the first heartbeat connects
--- scenario
my ($w, $token) = started(name => 'one');

v('one', $w);
v('one.token', $token);

is agent_of($w)->{status}, 'connecting';

my $s = sse_open("/api/v2/workspaces/$w->{id}/watch", { as => 'alice' });
my $r = agent($token, 'heartbeat', version => '1.2.3');

is $r->status, 200;
is_deeply $r->json, { interval_ms => 10000 };

my $a = agent_of($w);

is $a->{status}, 'connected';
is $a->{version}, '1.2.3';
is $a->{first_connected_at}, $a->{last_connected_at};
ok abs(ms($a->{first_connected_at}) - now_ms()) < 5000, 'now';
ok !exists $a->{disconnected_at};

ok $s->wait_event(2, sub {
    $_->{event} eq 'data'
    && $_->{json}{latest_build}{resources}[0]{agents}[0]{status} eq 'connected'
}), 'a watcher sees it';

my $list = http(GET => '/api/v2/workspaces?q=has-agent:connected',
                { as => 'alice' })->json;
is $list->{count}, 1, 'and so does a filter';
is wsctl('check'), '', 'all invariants hold';



=== TEST 2: later ones touch no document
--- scenario
my $w = v('one');
my $version = version_of($w);
my $a = agent_of($w);
my $alive = alive_ms($w, $a->{id});
my $s = sse_open("/api/v2/workspaces/$w->{id}/watch", { as => 'alice' });

ok $s->wait_event(2, sub { $_->{event} eq 'data' });

for my $body ({}, { version => '1.2.3' }, { agent => 'main' },
              { activity => \0 })
{
    is agent(v('one.token'), 'heartbeat', %$body)->status, 200;
}

is http(POST => '/api/v2/workspaceagents/me/heartbeat',
        { headers => { 'Coder-Session-Token' => v('one.token') } })->status,
   200, 'no body at all';

is version_of($w), $version;
cmp_ok alive_ms($w, $a->{id}), '>', $alive, 'but it is alive';
is_deeply agent_of($w), $a;
is scalar(grep { $_->{event} eq 'data' } $s->drain), 0, 'no news';
is wsctl('check'), '', 'all invariants hold';



=== TEST 3: what a heartbeat costs Redis
--- scenario
my $token = v('one.token');

agent($token, 'heartbeat');
redis_cmd('CONFIG', 'RESETSTAT');
agent($token, 'heartbeat') for 1 .. 20;

my %calls;

for (split /\r?\n/, redis_cmd('INFO', 'commandstats')) {
    $calls{$1} = $2 if /^cmdstat_(\w+):calls=(\d+)/;
}

is $calls{hmget}, 20, 'one read of two fields';
is $calls{hset}, 20, 'one write of one';
ok !$calls{publish}, 'nothing is published';
ok !$calls{zadd}, 'nor moved';

# and the script compares the roster before it writes

is $calls{hget}, 20;



=== TEST 4: a new version is news
--- scenario
my $w = v('one');
my $first = agent_of($w);

is agent(v('one.token'), 'heartbeat', version => '1.2.4')->status, 200;

my $a = agent_of($w);

is $a->{version}, '1.2.4';
is $a->{status}, 'connected';
is $a->{first_connected_at}, $first->{first_connected_at};
is wsctl('check'), '', 'all invariants hold';



=== TEST 5: a goodbye, and back again
--- scenario
my $w = v('one');

is agent(v('one.token'), 'disconnect')->status, 204;

my $a = agent_of($w);

is $a->{status}, 'disconnected';
ok exists $a->{disconnected_at};
is $a->{disconnected_at}, $a->{last_connected_at};

my $version = version_of($w);

is agent(v('one.token'), 'disconnect')->status, 204, 'again';
is version_of($w), $version, 'no news';

is agent(v('one.token'), 'heartbeat')->status, 200;

my $b = agent_of($w);

is $b->{status}, 'connected';
is $b->{version}, '1.2.4', 'without a version it stays';
is $b->{first_connected_at}, $a->{first_connected_at};
cmp_ok ms($b->{last_connected_at}), '>=', ms($a->{last_connected_at});
ok !exists $b->{disconnected_at};



=== TEST 6: a lifecycle state, health of apps, latencies
--- scenario
my ($w, $token) = started(agents => [{
    name => 'main',
    apps => [{ slug => 'code', health => 'initializing' },
             { slug => 'web' }],
}]);

agent($token, 'heartbeat');

is agent($token, 'state', lifecycle_state => 'ready',
         apps => { code => 'healthy' },
         latency => { eu => { latency_ms => 3.5, preferred => \1 },
                      us => { latency_ms => 90 } })->status, 204;

my $a = agent_of($w);

is $a->{lifecycle_state}, 'ready';
is $a->{apps}[0]{health}, 'healthy';
is $a->{apps}[1]{health}, 'disabled', 'the other one as it was';
is_deeply $a->{latency}, {
    eu => { latency_ms => 3.5, preferred => $a->{latency}{eu}{preferred} },
    us => { latency_ms => 90, preferred => $a->{latency}{us}{preferred} },
};
ok $a->{latency}{eu}{preferred};
ok !$a->{latency}{us}{preferred};

my $version = version_of($w);

is agent($token, 'state', lifecycle_state => 'ready',
         apps => { code => 'healthy' })->status, 204;
is agent($token, 'state')->status, 204;
is version_of($w), $version, 'the same again is no news';
ok alive_ms($w, $a->{id}), 'but a sign of life';

is agent($token, 'state', apps => { $a->{apps}[1]{id} => 'unhealthy' })
   ->status, 204, 'by id';
is agent_of($w)->{apps}[1]{health}, 'unhealthy';
is agent($token, 'state', latency => {})->status, 204;
ok !exists agent_of($w)->{latency}, 'left out when there is none';
is wsctl('check'), '', 'all invariants hold';



=== TEST 7: what is wrong is named, and nothing is changed
--- scenario
my ($w, $token) = started();
my $version = version_of($w);

my @bad = (
    [ state     => { lifecycle_state => 'asleep' }, 'lifecycle_state' ],
    [ state     => { lifecycle_state => 1 }, 'lifecycle_state' ],
    [ state     => { apps => [] }, 'apps' ],
    [ state     => { lifecycle_state => 'ready',
                     apps => { mail => 'healthy' } }, 'apps' ],
    [ state     => { latency => 5 }, 'latency' ],
    [ state     => { latency => { 'x' x 65 => { latency_ms => 1 } } },
      'latency' ],
    [ state     => { latency => { eu => {} } }, 'latency' ],
    [ state     => { agent => 5 }, 'agent' ],
    [ heartbeat => { version => 5 }, 'version' ],
    [ heartbeat => { version => 'x' x 257 }, 'version' ],
    [ heartbeat => { activity => 'yes' }, 'activity' ],
);

for my $bad (@bad) {
    my ($what, $body, $field) = @$bad;
    my $r = agent($token, $what, %$body);

    is $r->status, 400, "$what $field";
    is $r->json->{validations}[0]{field}, $field;
}

for my $raw ('[]', '{', '"x"') {
    is http(POST => '/api/v2/workspaceagents/me/heartbeat',
            { headers => { 'Coder-Session-Token' => $token }, body => $raw })
       ->status, 400, $raw;
}

is version_of($w), $version;



=== TEST 8: of several the one that is meant has to be named
--- scenario
my ($w, $token) = started(agents => [{ name => 'one' }, { name => 'two' }]);
my $r = agent($token, 'heartbeat');

is $r->status, 400;
is $r->json->{validations}[0]{field}, 'agent';
is agent($token, 'heartbeat', agent => 'two')->status, 200;

my @status = map { $_->{status} }
                 @{ show($w)->{latest_build}{resources}[0]{agents} };

is "@status", 'connecting connected';
is agent($token, $_, agent => 'three')->status, 404, $_
    for qw(heartbeat state disconnect);
is agent($token, 'disconnect', agent => 'one')->status, 204,
   'it was not connected';
is wsctl('check'), '', 'all invariants hold';



=== TEST 9: a build without agents
--- scenario
my ($w, $token) = started(agents => []);

is agent($token, 'heartbeat')->status, 404;
is agent($token, 'heartbeat', agent => 'main')->status, 404;



=== TEST 10: who is refused, and that one cannot tell why
--- scenario
my ($w, $token) = started();
my ($id, $secret) = $token =~ /^(.{36})-(.{22})$/;
my $other = uuid();

my %bad = (
    'no token'            => undef,
    'the wrong secret'    => "$id-" . reverse($secret),
    'no such workspace'   => "$other-$secret",
    'too short'           => substr($token, 0, 58),
    'too long'            => $token . 'x',
    'a token of a user'   => v('alice.token'),
    'no dash'             => "$id.$secret",
    'no UUID'             => 'x' x 36 . "-$secret",
    'nothing'             => '',
);

my $body;

for my $why (sort keys %bad) {
    for my $what (qw(heartbeat state disconnect)) {
        my $r = http(POST => "/api/v2/workspaceagents/me/$what", {
            headers => { defined $bad{$why}
                         ? ('Coder-Session-Token' => $bad{$why}) : () },
            body    => {},
        });

        is $r->status, 401, "$why: $what";
        $body //= $r->body;
        is $r->body, $body;
    }
}

is agent(uc($id) . "-$secret", 'heartbeat')->status, 200,
   'ids are taken in either case';
is http(GET => '/api/v2/workspaces',
        { headers => { 'Coder-Session-Token' => $token } })->status, 401,
   'the token opens nothing else';



=== TEST 11: the token is the build's
--- scenario
my ($w, $token) = started();

is agent($token, 'heartbeat')->status, 200;

# a build that waits: nobody may report

build($w, 'stop');
is agent($token, $_)->status, 409, "$_ while stopping"
    for qw(heartbeat state disconnect);
is redis_cmd('EXISTS', key('alive', $w->{id})), 0, 'nothing is left behind';

my $job = acquire($w);

is agent($token, 'heartbeat')->status, 401, 'the next build has its own';
is agent($job->{agent_token}, 'heartbeat')->status, 409;
is report($job, 'complete')->status, 204;
is agent($job->{agent_token}, 'heartbeat')->status, 409, 'stopped';

build($w, 'start');
$job = acquire($w);

is agent($job->{agent_token}, 'heartbeat')->status, 409, 'starting';

report($job, 'complete', resources => [{
    name => 'box', type => 'process', agents => [{ name => 'main' }],
}]);

is agent($job->{agent_token}, 'heartbeat')->status, 200, 'running';
is agent($token, 'heartbeat')->status, 401;
is wsctl('check'), '', 'all invariants hold';



=== TEST 12: the agents of a superseded build are gone
--- scenario
my ($w, $token) = started();

agent($token, 'heartbeat');

my $id = $w->{latest_build}{id};

build($w, 'stop');

my $b = http(GET => "/api/v2/workspacebuilds/$id", { as => 'alice' })->json;
my $a = $b->{resources}[0]{agents}[0];

is $a->{status}, 'disconnected';
ok exists $a->{disconnected_at};



=== TEST 13: activity moves last_used_at and the deadline
--- scenario
my ($w, $token) = started(ttl_ms => 3600_000);

is agent($token, 'heartbeat', activity => \1)->status, 200;

my $after = show($w);

cmp_ok ms($after->{last_used_at}), '>', ms($w->{last_used_at});
is $after->{latest_build}{deadline}, $w->{latest_build}{deadline},
   'less than 5% of the TTL have passed';
is agent_of($w)->{status}, 'connected', 'it is a heartbeat, too';

# as if the build were an hour old: the deadline is now

my $deadline = show($w)->{latest_build}{deadline};
my $earlier = rfc3339(ms($deadline) - 3600_000);
my $d = redis_cmd('HGET', key('w', $w->{id}), 'd');
$d =~ s/"deadline":"\Q$deadline\E"/"deadline":"$earlier"/;
redis_cmd('HSET', key('w', $w->{id}), 'd', $d);

my $before = now_ms();

is agent($token, 'heartbeat', activity => \1)->status, 200;

my $moved = ms(show($w)->{latest_build}{deadline});

cmp_ok $moved, '>=', $before + 3600_000 - 2000, 'now and the TTL';
cmp_ok $moved, '<=', now_ms() + 3600_000 + 2000;
is redis_cmd('ZSCORE', shard_key('due', $w->{id}), "autostop $w->{id}"),
   $moved, 'and so is the clock';



=== TEST 14: usage, as clients see it
--- scenario
my ($w) = started(ttl_ms => 3600_000);
my $path = "/api/v2/workspaces/$w->{id}/usage";

is http(POST => $path, { as => 'alice' })->status, 204, 'without a body';

my $first = show($w)->{last_used_at};

cmp_ok ms($first), '>', ms($w->{last_used_at});
is http(POST => $path, { as => 'alice', body => { any => 'thing' } })
   ->status, 204;
is http(POST => $path, { as => 'alice', body => '[]' })->status, 400;
is http(POST => $path, { as => $_ })->status, 204, $_ for qw(admin orgadmin);
is http(POST => $path, { as => $_ })->status, 404, $_
    for qw(bob tplmgr auditor);
is http(POST => $path)->status, 401;
is http(POST => '/api/v2/workspaces/' . uuid() . '/usage',
        { as => 'alice' })->status, 404;
is http(POST => '/api/v2/workspaces/x/usage', { as => 'alice' })->status, 400;
is http(GET => $path, { as => 'alice' })->header('allow'), 'POST';

# the first of a list is the one used last

my ($other) = started();

http(POST => $path, { as => 'alice' });
is http(GET => '/api/v2/workspaces?limit=1', { as => 'alice' })
   ->json->{workspaces}[0]{id}, $w->{id};

wsctl(job => finish => build($w, 'delete')->{job}{id});
is http(POST => $path, { as => 'alice' })->status, 404, 'deleted';
is wsctl('check'), '', 'all invariants hold';



=== TEST 15: heartbeats of many, at once, through two nodes
--- scenario
my $b = start_node(name => 'b');
my @w = map { [ started() ] } 1 .. 3;

my @r = http_all(map {
    my $token = $w[$_ % 3][1];
    [ ($_ & 1) ? $b : node('main'),
      POST => '/api/v2/workspaceagents/me/heartbeat',
      { headers => { 'Coder-Session-Token' => $token }, body => {} } ];
} 1 .. 60);

is scalar(grep { $_->status == 200 } @r), 60;
is agent_of($_->[0])->{status}, 'connected' for @w;

# connected once: created, acquired, completed, connected

is version_of($_->[0]), 4 for @w;



=== TEST 16: the interval is a third of the timeout
--- location
workspace_agent_timeout 6s;
--- scenario
my ($w, $token) = started();

is agent($token, 'heartbeat')->json->{interval_ms}, 2000;

my ($score) = redis_cmd('ZSCORE', shard_key('due', $w->{id}),
                        "agent $w->{id} " . agent_of($w)->{id});

is $score, ms(agent_of($w)->{last_connected_at}) + 6000;



=== TEST 17: values of the directive
--- scenario
for my $bad ('workspace_agent_timeout;', 'workspace_agent_timeout 0;',
             'workspace_agent_timeout x;', 'workspace_agent_timeout -1s;',
             'workspace_agent_timeout 1s 2s;',
             "workspace_agent_timeout 1s;\nworkspace_agent_timeout 1s;")
{
    my ($status, $output) = nginx_test(location => $bad);
    isnt $status, 0, $bad;
    like $output, qr/"workspace_agent_timeout"/, 'it says what is wrong';
}

my ($status, $output)
    = nginx_test(location => 'workspace_agent_timeout 500ms;');
is $status, 0 or diag $output;



=== TEST 18: while Redis is away
--- scenario
my ($w, $token) = started();

redis_kill9;

for my $what (qw(heartbeat state disconnect)) {
    my $r = agent($token, $what);
    is $r->status, 503, $what;
    ok defined $r->header('retry-after');
}

redis_start;
ok wait_for { agent($token, 'heartbeat')->status == 200 } 5;
