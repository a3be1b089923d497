# Reading builds, their logs, canceling them.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;
use WorkspaceTest::Talk;


# the numbers of the builds that a list has

sub numbers {
    my ($path, %o) = @_;

    my $r = http(GET => $path, { as => 'alice', %o });

    return $r->status == 200 ? join ' ', map { $_->{build_number} } @{ $r->json }
                             : $r->status;
}


sub get {
    my ($path, $as) = @_;

    return http(GET => "/api/v2$path", { as => $as // 'alice' });
}


# asks for a job, without waiting for one

sub poll {
    return http(POST => '/api/v2/provisioners/me/acquire',
                { as => WorkspaceTest::Life::provisioner(),
                  body => { wait_ms => 0 } });
}


sub clear_queue {
    for ( ;; ) {
        my $r = poll();
        last if $r->status != 200;
        report($r->json, 'fail', error => 'cleared away');
    }
}


# many builds of one workspace, without a provisioner

sub build_and_fail {
    my ($w, $n) = @_;

    for (1 .. $n) {
        my $b = build($w, 'start');
        wsctl(job => finish => $b->{job}{id}, '--error', "failed $_");
    }
}


run_tests();

__DATA__

=== TEST 1: the latest build, by its id, is that of the workspace
--- scenario
my $w = create(name => 'one', ttl_ms => 3600_000);

v('one.id', $w->{id});
v('one.b1', $w->{latest_build}{id});

is_deeply get("/workspacebuilds/$w->{latest_build}{id}")->json,
          $w->{latest_build}, 'pending';

my $job = acquire($w);
report($job, 'complete', resources => [
    { name => 'box', type => 'process', daily_cost => 3,
      metadata => [{ key => 'k', value => 'v' }],
      agents => [{ name => 'main', apps => [{ slug => 'code' }] }] },
    { name => 'disk', type => 'volume' },
]);

my $b = show($w)->{latest_build};

is $b->{status}, 'running';
is_deeply get("/workspacebuilds/$b->{id}")->json, $b, 'running';
is_deeply get("/workspacebuilds/$b->{id}/resources")->json, $b->{resources},
          'its resources';



=== TEST 2: a superseded build stays as it was
--- scenario
my $w = { id => v('one.id') };
my $before = get('/workspacebuilds/' . v('one.b1'))->json;
my $next = build($w, 'stop');

v('one.b2', $next->{id});

my $after = get('/workspacebuilds/' . v('one.b1'))->json;

# but that its agents will not report any more

is $after->{resources}[0]{agents}[0]{status}, 'timeout';
$_->{resources}[0]{agents}[0] = 0 for $before, $after;

is_deeply $after, $before;
is_deeply get("/workspacebuilds/$next->{id}")->json, $next, 'the latest one';
is_deeply get("/workspacebuilds/$next->{id}/resources")->json, [],
          'no resources';
is @{ get('/workspacebuilds/' . v('one.b1') . '/resources')->json }, 2,
   'those of the first one';
is wsctl('check'), '', 'all invariants hold';



=== TEST 3: builds show the name that the workspace has now
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');

is http(PATCH => $path, { as => 'alice', body => { name => 'renamed' } })
   ->status, 204;
is get('/workspacebuilds/' . v('one.b1'))->json->{workspace_name}, 'renamed';
is get('/workspacebuilds/' . v('one.b2'))->json->{workspace_name}, 'renamed';
is $_->{workspace_name}, 'renamed' for @{ http(GET => "$path/builds",
                                               { as => 'alice' })->json };



=== TEST 4: by number
--- scenario
my $path = '/users/me/workspace/renamed/builds';

is get("$path/1")->json->{id}, v('one.b1');
is get("$path/2")->json->{id}, v('one.b2');
is get('/users/ALICE/workspace/RENAMED/builds/1', 'admin')->json->{id},
   v('one.b1'), 'of somebody, in any case';
is get('/users/' . v('alice.id') . '/workspace/renamed/builds/1')
   ->json->{id}, v('one.b1');

is get("$path/3")->status, 404, 'none of that number yet';
is get('/users/me/workspace/nothing/builds/1')->status, 404;
is get('/users/me/workspace/a%20b/builds/1')->status, 404;

for my $bad (qw(0 -1 one 1.0 01x 99999999999)) {
    my $r = get("$path/$bad");
    is $r->status, 400, "number $bad";
    is $r->json->{validations}[0]{field}, 'buildnumber';
}

is get('/users/nobody/workspace/renamed/builds/1')->status, 400,
   'no such user';



=== TEST 5: parameters, of each build its own
--- scenario
my $w = create(name => 'params', template => 'params',
               rich_parameter_values => [{ name => 'region', value => 'eu' },
                                         { name => 'cpus', value => '4' }]);
my $first = $w->{latest_build}{id};
my %have = map { $_->{name} => $_->{value} }
               @{ get("/workspacebuilds/$first/parameters")->json };

is_deeply \%have, { region => 'eu', cpus => '4', gpu => 'false', tags => '[]',
                    host => 'dev' };

wsctl(job => finish => $w->{latest_build}{job}{id});

my $r = http(POST => "/api/v2/workspaces/$w->{id}/builds", {
    as => 'alice',
    body => { transition => 'stop',
              rich_parameter_values => [{ name => 'cpus', value => '8' }] },
});

is $r->status, 201;

my %of = map {
    my $id = $_;
    $id => { map { $_->{name} => $_->{value} }
                 @{ get("/workspacebuilds/$id/parameters")->json } };
} $first, $r->json->{id};

is $of{$first}{cpus}, '4', 'the first build has what it was given';
is $of{ $r->json->{id} }{cpus}, '8';
is $of{ $r->json->{id} }{region}, 'eu', 'carried over';



=== TEST 6: absent and forbidden look the same
--- scenario
my $absent = uuid();

for my $suffix ('', '/resources', '/parameters', '/logs', '/logs?follow') {
    my $none = get("/workspacebuilds/$absent$suffix");
    my $not = get('/workspacebuilds/' . v('one.b1') . $suffix, 'bob');

    is $none->status, 404, "absent: $suffix";
    is $not->status, 404, "bob's: $suffix";
    is $none->body, $not->body, 'the same bytes';
}

is http(PATCH => "/api/v2/workspacebuilds/$_->[0]/cancel", { as => $_->[1] })
   ->status, 404 for [ $absent, 'alice' ], [ v('one.b2'), 'bob' ],
                      [ v('one.id'), 'alice' ],
                     [ v('one.b2'), 'tplmgr' ];

is get('/workspacebuilds/' . v('one.b1'), $_)->status, 200, $_
    for qw(admin tplmgr orgadmin);
is get('/workspacebuilds/' . v('one.b1'), $_)->status, 404, $_
    for qw(auditor usermgr carol gadmin);
is http(GET => '/api/v2/workspacebuilds/' . v('one.b1'))->status, 401;

is get("/workspaces/$absent/builds")->status, 404;
is get('/workspaces/' . v('one.id') . '/builds', 'bob')->status, 404;
is get('/users/alice/workspace/renamed/builds/1', 'bob')->status, 404;
is get('/workspacebuilds/not-a-uuid')->status, 400;
is get('/workspaces/x/builds')->status, 400;



=== TEST 7: a list, newest first, each as it is by itself
--- scenario
my $w = create(name => 'many');

v('many.id', $w->{id});
wsctl(job => finish => $w->{latest_build}{job}{id});
build_and_fail($w, 6);

my $list = get("/workspaces/$w->{id}/builds")->json;

is join(' ', map { $_->{build_number} } @$list), '7 6 5 4 3 2 1';
is_deeply get("/workspacebuilds/$_->{id}")->json, $_ for @$list;
is $list->[6]{status}, 'running';
is $list->[0]{job}{error}, 'failed 6';
is wsctl('check'), '', 'all invariants hold';



=== TEST 8: pages of it
--- scenario
my $path = '/api/v2/workspaces/' . v('many.id') . '/builds';
my @list = @{ http(GET => $path, { as => 'alice' })->json };

is numbers("$path?limit=3"), '7 6 5';
is numbers("$path?limit=3&offset=2"), '5 4 3';
is numbers("$path?offset=5"), '2 1';
is numbers("$path?offset=7"), '';
is numbers("$path?limit=0"), '7 6 5 4 3 2 1', 'all';
is numbers("$path?limit=&offset="), '7 6 5 4 3 2 1';
is numbers("$path?limit=100"), '7 6 5 4 3 2 1';

is numbers("$path?after_id=$list[2]{id}"), '4 3 2 1', 'after number 5';
is numbers("$path?after_id=$list[2]{id}&limit=2"), '4 3';
is numbers("$path?after_id=$list[2]{id}&limit=2&offset=1"), '3 2';
is numbers("$path?after_id=$list[6]{id}"), '', 'after the last';
is numbers("$path?after_id=00000000-0000-0000-0000-000000000000&limit=1"),
   '7', 'the nil UUID is none';

is numbers("$path?since=$list[3]{created_at}"), '7 6 5',
   'created after number 4';
is numbers("$path?since=$list[3]{created_at}&limit=2"), '7 6';
is numbers("$path?since=$list[3]{created_at}&offset=2"), '5';
is numbers("$path?since=2000-01-01T00:00:00%2B02:00"), '7 6 5 4 3 2 1';
is numbers("$path?since=2100-01-01T00:00:00Z"), '';



=== TEST 9: what is wrong is named
--- scenario
my $path = '/workspaces/' . v('many.id') . '/builds';

for my $bad ([ limit => 'x' ], [ limit => -1 ], [ offset => '1.5' ],
             [ offset => "9" x 20 ], [ since => 'yesterday' ],
             [ after_id => 'x' ], [ after_id => uuid() ],
             [ after_id => v('one.b1') ])
{
    my $r = get("$path?$bad->[0]=$bad->[1]");
    is $r->status, 400, "@$bad";
    is $r->json->{validations}[0]{field}, $bad->[0];
}



=== TEST 10: a list longer than a batch comes whole, also to a slow client
--- timeout: 60
--- scenario
my $w = create(name => 'long');

wsctl(job => finish => $w->{latest_build}{job}{id});

# as commits would have archived them: copies of the first one

my $first = build($w, 'stop');
my $d = redis_cmd('HGET', key('build', $w->{latest_build}{id}), 'd');
my $p = redis_cmd('HGET', key('build', $w->{latest_build}{id}), 'p');
my $n = 300;

wsctl(job => finish => $first->{job}{id});
(my $second = $d) =~ s/"build_number":1,/"build_number":2,/;
redis_cmd('HMSET', key('build', $first->{id}), 'd', $second, 'p', $p);

for my $i (3 .. $n) {
    my $id = substr($w->{id}, 0, 4) . substr uuid(), 4;

    (my $copy = $d) =~ s/"build_number":1,/"build_number":$i,/;
    $copy =~ s/"resources":\[\]/'"resources":[' . pad() . ']'/e;
    redis_cmd('HMSET', key('build', $id), 'w', $w->{id}, 'n', $i, 'd', $copy,
              'p', $p);
    redis_cmd('ZADD', key('builds', $w->{id}), $i, $id);
}

# the latest one is in the document: it is one more

my $doc = redis_cmd('HGET', key('w', $w->{id}), 'd');
$doc =~ s/"build_number":2,/"build_number":$n,/ or die $doc;
redis_cmd('HSET', key('w', $w->{id}), 'd', $doc);

sub pad {
    my $app = join ',', map {
        "{\"key\":\"k$_\",\"sensitive\":false,\"value\":\"" . 'v' x 200 . '"}'
    } 1 .. 40;

    return '{"created_at":"2026-01-01T00:00:00.000Z","daily_cost":0,"hide":'
           . 'false,"icon":"","id":"' . uuid() . '","job_id":"' . uuid()
           . '","name":"r","type":"t","workspace_transition":"start",'
           . "\"metadata\":[$app]}";
}

my $path = "/api/v2/workspaces/$w->{id}/builds";
my $r = http(GET => $path, { as => 'alice' });

is $r->status, 200;
is $r->header('transfer-encoding'), 'chunked';
is scalar @{ $r->json }, $n;
is join(' ', map { $_->{build_number} } @{ $r->json }),
   join(' ', reverse 1 .. $n);
is numbers("$path?limit=150&offset=10"), join ' ', reverse 141 .. 290;
is http(HEAD => $path, { as => 'alice' })->status, 200;

# more than sockets hold, taken late

my $sock = slow_client($path, 'alice');

is http(GET => "$path?limit=1", { as => 'alice' })->status, 200,
   'others are served meanwhile';

my $text = read_all($sock);

like $text, qr/\r\n0\r\n\r\n\z/, 'whole';
cmp_ok length $text, '>', 2_000_000;
is(() = $text =~ /"build_number":/g, $n);



=== TEST 11: a connection stays open behind a long list
--- scenario
my $w = http(GET => '/api/v2/users/me/workspace/long', { as => 'alice' })
        ->json;
my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => node()->port);
my $text = '';

for my $i (1 .. 2) {
    print $sock "GET /api/v2/workspaces/$w->{id}/builds HTTP/1.1\r\n"
                . "Host: x\r\nCoder-Session-Token: " . v('alice.token')
                . "\r\n\r\n";

    my $ok = wait_for {
        sysread $sock, $text, 1 << 20, length $text;
        $text =~ /\r\n0\r\n\r\n\z/;
    } 10;

    ok $ok, "answer $i";
    $text = '';
}



=== TEST 12: Redis goes away in the middle: no end, not a whole answer
--- scenario
my $w = http(GET => '/api/v2/users/me/workspace/long', { as => 'alice' })
        ->json;
my $sock = slow_client("/api/v2/workspaces/$w->{id}/builds", 'alice');

sysread $sock, my $text, 4096;
like $text, qr/^HTTP\/1.1 200 /;

redis_kill9;

$text .= read_all($sock);

unlike $text, qr/\r\n0\r\n\r\n\z/, 'cut off';
is http(GET => "/api/v2/workspaces/$w->{id}/builds", { as => 'alice' })
   ->status, 503;
redis_start;
ok wait_for { get("/workspaces/$w->{id}/builds")->status == 200 } 5;



=== TEST 13: (that workspace goes, its builds were not made by commits)
--- scenario
my $w = http(GET => '/api/v2/users/me/workspace/long', { as => 'alice' })
        ->json;
my $ids = redis_cmd('ZRANGE', key('builds', $w->{id}), 0, -1);
my $member = "long $w->{id}";

redis_cmd('DEL', key('w', $w->{id}), key('builds', $w->{id}),
                 map { key('build', $_) } @$ids);
redis_cmd('HDEL', key('names', v('alice.id')), 'long');

for my $key (@{ redis_cmd('KEYS', shard_key('*', $w->{id})) }) {
    if ($key =~ /:live:/) {
        redis_cmd('ZREM', $key, $member);

    } elsif ($key =~ /:job:/) {
        redis_cmd('DEL', $key)
            if (redis_cmd('HGET', $key, 'w') // '') eq $w->{id};
    }
}

is wsctl('check'), '', 'all invariants hold';



=== TEST 14: canceling what waits: at once
--- scenario
clear_queue();

my $w = create(name => 'waits');
my $path = "/api/v2/workspacebuilds/$w->{latest_build}{id}";
my $s = sse_open("/api/v2/workspaces/$w->{id}/watch", { as => 'alice' });
my $r = http(PATCH => "$path/cancel", { as => 'alice' });

is $r->status, 200;
like $r->json->{message}, qr/./;

my $b = show($w)->{latest_build};

is $b->{status}, 'canceled';
is $b->{job}{status}, 'canceled';
is $b->{job}{canceled_at}, $b->{job}{completed_at};
ok !exists $b->{job}{started_at};
ok $s->wait_event(2, sub {
    $_->{event} eq 'data' && $_->{json}{latest_build}{status} eq 'canceled'
}), 'a watcher sees it';

$r = http(PATCH => "$path/cancel", { as => 'alice' });
is $r->status, 400, 'finished';

is poll()->status, 204, 'nobody gets the job';
is wsctl('check'), '', 'all invariants hold';



=== TEST 15: canceling what runs: its provisioner is asked
--- scenario
my $w = create(name => 'runs');
my $job = acquire($w);
my $path = "/api/v2/workspacebuilds/$w->{latest_build}{id}";

ok !report($job, 'heartbeat')->json->{canceling};
is http(PATCH => "$path/cancel", { as => 'alice' })->status, 200;

my $b = show($w)->{latest_build};

is $b->{status}, 'canceling';
ok exists $b->{job}{canceled_at};
ok !exists $b->{job}{completed_at};
ok report($job, 'heartbeat')->json->{canceling}, 'it learns of it';

my $before = redis_cmd('HGET', key('w', $w->{id}), 'v');

is http(PATCH => "$path/cancel", { as => 'alice' })->status, 200, 'again';
is redis_cmd('HGET', key('w', $w->{id}), 'v'), $before, 'nothing changes';

is http(POST => "/api/v2/workspaces/$w->{id}/builds",
        { as => 'alice', body => { transition => 'stop' } })->status, 409,
   'it is still active';

is report($job, 'fail', error => 'killed')->status, 204;

my $after = show($w)->{latest_build};

is $after->{status}, 'canceled';
ok !exists $after->{job}{error};
is $after->{job}{canceled_at}, $b->{job}{canceled_at}, 'when it was asked';
ok exists $after->{job}{completed_at};
is http(PATCH => "$path/cancel", { as => 'alice' })->status, 400, 'finished';
is wsctl('check'), '', 'all invariants hold';



=== TEST 16: a superseded build is finished
--- scenario
my $w = create(name => 'older');
my $first = $w->{latest_build};

wsctl(job => finish => $first->{job}{id});
build($w, 'stop');

my $r = http(PATCH => "/api/v2/workspacebuilds/$first->{id}/cancel",
             { as => 'alice' });

is $r->status, 400;
is show($w)->{latest_build}{status}, 'pending';



=== TEST 17: the owner may where the template allows it, administrators always
--- scenario
for my $who ([ alice => 403 ], [ admin => 200 ], [ orgadmin => 200 ]) {
    my $w = create(template => 'k8s');
    my $r = http(PATCH => '/api/v2/workspacebuilds/'
                          . "$w->{latest_build}{id}/cancel",
                 { as => $who->[0] });

    is $r->status, $who->[1], $who->[0];
    is show($w)->{latest_build}{status},
       $who->[1] == 200 ? 'canceled' : 'pending';
}



=== TEST 18: canceled by many at once, ended once
--- scenario
my $w = create(name => 'raced');
my $path = "/api/v2/workspacebuilds/$w->{latest_build}{id}/cancel";
my @r = http_all(map { [ PATCH => $path, { as => 'alice' } ] } 1 .. 10);
my %n;

$n{ $_->status }++ for @r;

is $n{200}, 1, 'one of them';
is $n{400}, 9, 'the others find it finished';
is redis_cmd('HGET', key('w', $w->{id}), 'v'), 2, 'one change';



=== TEST 19: builds of a deleted workspace can still be read
--- scenario
my $w = create(name => 'gone');

wsctl(job => finish => $w->{latest_build}{job}{id});

my $b = build($w, 'delete');

wsctl(job => finish => $b->{job}{id});

is get("/workspaces/$w->{id}")->status, 404;
is get("/workspacebuilds/$b->{id}")->json->{status}, 'deleted';
is get("/workspacebuilds/$w->{latest_build}{id}")->json->{status}, 'running';
is numbers("/api/v2/workspaces/$w->{id}/builds"), '2 1';
is http(PATCH => "/api/v2/workspacebuilds/$b->{id}/cancel",
        { as => 'alice' })->status, 400;



=== TEST 20: methods
--- scenario
my $b = '/api/v2/workspacebuilds/' . v('one.b1');

for my $path ($b, "$b/resources", "$b/parameters", "$b/logs",
              '/api/v2/workspaces/' . v('one.id') . '/builds')
{
    my $get = http(GET => $path, { as => 'alice' });
    my $head = http(HEAD => $path, { as => 'alice' });

    is $head->status, 200, "HEAD $path";
    is $head->header('content-length'), length $get->body;
    is http(DELETE => $path, { as => 'alice' })->status, 405;
}

is http(POST => "$b/cancel", { as => 'alice' })->header('allow'), 'PATCH';
