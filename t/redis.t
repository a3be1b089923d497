# Redis away, slow, and back.  contract: When Redis cannot answer

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Proxy;

use IO::Socket::INET;

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

is $s->status, 200;
ok $s->wait_event(10, sub { $_->{event} eq 'data' }), 'watching';

my $b = start_node(name => 'b');

redis_cmd(qw(CLIENT KILL TYPE pubsub));
is http($b, PATCH => $w, { as => 'alice', body => { name => 'dev-3' } })
   ->status, 204;

ok $s->wait_event(10, sub { $_->{event} eq 'data'
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



=== TEST 9: the answer to a change is lost: 503, and the change may be in effect
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $node = start_node(name => 'p', workers => 1,
                      http_config => 'workspace_redis ' . $proxy->url . ';');
my $w = '/api/v2/workspaces/' . v('dev.id');
my $rename = sub {
    http($node, PATCH => $w, { as => 'alice', body => { name => $_[0] } });
};

# the script is known then, the next commit is one command

is $rename->('script')->status, 204;

$proxy->cut('HSET[\s\S]*unanswered');

my $r = $rename->('unanswered');

ok wait_for(sub { $proxy->was_cut }, 5), 'the answer was lost';
is $r->status, 503;
ok $r->header('Retry-After');
is $r->json->{detail}, 'The change may be in effect.';
ok wait_for(sub { http(GET => $w, { as => 'alice' })->json->{name}
                  eq 'unanswered' }, 5), 'as it is';
is $rename->('answered')->status, 204, 'the next one is done';



=== TEST 10: what was not sent is not in effect, and nobody says that it may be
--- scenario
my $node = start_node(name => 'q', workers => 1, http_config =>
                      'workspace_redis ' . redis()->url
                      . ' connect_timeout=300ms;');
my $create = sub {
    my ($name) = @_;

    http($node, POST => '/api/v2/organizations/' . v('acme.id')
                        . '/members/me/workspaces',
         { as => 'alice', body => { name => $name,
                                    template_id => v('docker.id') } });
};

# the first thing that the next one asks of Redis is its commit

is $create->('before')->status, 200;

redis_kill9();

# connections are made, and no word is answered

my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                 LocalPort => v('redis.port'),
                                 Listen    => 64,
                                 ReuseAddr => 1) or die "listen: $!";
my $n = 0;

# at first nginx may not know that Redis is gone

ok wait_for(sub { http($node, GET => '/api/v2/workspaces/' . v('dev.id'),
                       { as => 'alice' })->status == 503 }, 5);

ok wait_for(sub {
    my $start = now_ms();
    my $r = $create->('unsent-' . ++$n);

    is $r->status, 503;
    is $r->json->{detail}, undef, 'it is not in effect';

    now_ms() - $start >= 100;
}, 10), 'one waited for the connection';

close $deaf;
redis_start();

ok wait_for(sub { $create->('after')->status == 200 }, 5), 'Redis is back';

for my $name (map { "unsent-$_" } 1 .. $n) {
    is http(GET => "/api/v2/users/me/workspace/$name", { as => 'alice' })
       ->status, 404, "$name is not there";
}



=== TEST 11: the error log of an outage: the loss, an attempt, and that it is over
--- scenario
my $node = start_node(name => 'r', workers => 1);
my $path = '/api/v2/workspaces/' . v('dev.id');
my $status = sub { http($node, GET => $path, { as => 'alice' })->status };
my $lines = sub { scalar(() = $node->log($_[0]) =~ /\n/g) };

is $status->(), 200;

# one for commands and one for subscriptions: nothing was listed

my @connections = (qr/redis [\d.:]+$/m, qr/redis [\d.:]+ \(subscriptions\)$/m);
my ($start, $n) = (now_ms(), 0);

redis_kill9();

ok wait_for(sub {
    $n++ if $status->() == 503;
    now_ms() - $start > 3000;
}, 10);

cmp_ok $n, '>=', 5, 'there are requests meanwhile';

redis_start();
ok wait_for(sub { $status->() == 200 }, 5);

for my $c (@connections) {
    ok wait_for(sub { $lines->(qr/works again, $c/) }, 5), 'back';
}

my $most = 1 + int((now_ms() - $start + 1000) / 10_000);

for my $c (@connections) {
    is $lines->(qr/\[error\] .* while (?:reading from|sending to) $c/), 1,
       'it is lost once';

    # a Redis that is dying may take one more

    my $attempts
        = $lines->(qr/\[error\] .* while (?:connecting to|setting up) $c/);

    cmp_ok $attempts, '>=', 1, 'an attempt is told';
    cmp_ok $attempts, '<=', $most, 'one in 10 seconds';
    is $lines->(qr/\[notice\] .* works again, $c/), 1, 'it is over';
}
