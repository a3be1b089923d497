# Redis away, slow, and back.  contract: When Redis cannot answer

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: a workspace
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: Redis killed: 503 at once, and everything back when it is
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');
my $create = '/api/v2/organizations/' . v('acme.id')
             . '/members/me/workspaces';
my $s = sse_open("$w/watch", { as => 'alice' });

ok $s->wait_event(2, sub { $_->{event} eq 'data' }), 'watching';

redis_kill9();

for my $case ([GET => $w], [GET => '/api/v2/workspaces'],
              [GET => '/api/v2/users/me/workspace/dev'],
              [PATCH => $w, { name => 'x' }],
              [PUT => "$w/ttl", { ttl_ms => 60000 }],
              [POST => $create, { name => 'y',
                                  template_id => v('docker.id') }],
              [GET => "$w/watch"])
{
    my ($method, $path, $body) = @$case;
    my $start = now_ms();
    my $r = http($method => $path, { as => 'alice', body => $body });

    is $r->status, 503, "$method $path";
    ok $r->header('Retry-After'), 'says when to come again';
    ok length $r->json->{message};
    cmp_ok now_ms() - $start, '<', 1000, 'at once, not after read_timeout';
}

ok !$s->closed, 'the stream is open';

redis_start();

ok wait_for { http(GET => $w, { as => 'alice' })->status == 200 } 3;

is http(PATCH => $w, { as => 'alice', body => { name => 'dev-2' } })->status,
   204;
ok $s->wait_event(3, sub { $_->{event} eq 'data'
                           && $_->{json}{name} eq 'dev-2' }),
   'the stream has the newest state';
is wsctl('check'), '', 'all invariants hold';



=== TEST 3: a change made while the subscription was away is not missed
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');
my $s = sse_open("$w/watch", { as => 'alice' });

ok $s->wait_event(2, sub { $_->{event} eq 'data' }), 'watching';

my $b = start_node(name => 'b');

redis_cmd(qw(CLIENT KILL TYPE pubsub));
is http($b, PATCH => $w, { as => 'alice', body => { name => 'dev-3' } })
   ->status, 204;

ok $s->wait_event(3, sub { $_->{event} eq 'data'
                           && $_->{json}{name} eq 'dev-3' }), 'it came';



=== TEST 4: Redis stopped: 503 within the timeout, recovery at once
--- http_config
workspace_redis unix:{{redis.unix}} read_timeout=3s;
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');

is http(GET => $w, { as => 'alice' })->status, 200;

redis_stop();

my $start = now_ms();
my @all = http_all(map { [ GET => $w, { as => 'alice' } ] } 1 .. 20);

is_deeply [ map { $_->status } @all ], [ (503) x 20 ], 'all';
my $took = now_ms() - $start;

cmp_ok $took, '>=', 2800, 'not before the timeout, which is not the default';
cmp_ok $took, '<', 10_000, 'nor long after it';

redis_cont();

ok wait_for { http(GET => $w, { as => 'alice' })->status == 200 } 2;



=== TEST 5: a paused Redis: replies go to whom they belong
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');

redis_cmd(qw(CLIENT PAUSE 300 ALL));

my @names = map { [ GET => "/api/v2/users/me/workspace/"
                           . ($_ % 2 ? 'dev-3' : 'none'),
                    { as => 'alice' } ] } 1 .. 40;

is_deeply [ map { $_->status } http_all(@names) ],
          [ map { $_ % 2 ? 200 : 404 } 1 .. 40 ];



=== TEST 6: Redis is full
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');

redis_cmd(qw(CONFIG SET maxmemory 1));

is http(PATCH => $w, { as => 'alice', body => { name => 'full' } })->status,
   503, 'a write is refused';
is http(GET => $w, { as => 'alice' })->status, 200, 'reading goes on';

redis_cmd(qw(CONFIG SET maxmemory 0));

is http(PATCH => $w, { as => 'alice', body => { name => 'room' } })->status,
   204;
is wsctl('check'), '', 'nothing half done';



=== TEST 7: scripts flushed
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');

redis_cmd(qw(SCRIPT FLUSH));

is http(PATCH => $w, { as => 'alice', body => { name => 'flushed' } })
   ->status, 204;



=== TEST 8: a password that Redis does not take is in no log
--- http_config
workspace_redis redis://user:hunter2@127.0.0.1:{{redis.port}};
--- as: alice
--- request
GET /api/v2/workspaces
--- error_code: 503
--- error_log
WRONGPASS
--- no_error_log
hunter2
