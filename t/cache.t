# The cache of documents: nobody on the node that made a change reads what was
# before it, other nodes for moments only, and without news from Redis nobody
# reads from the cache at all: docs/directives.md, workspace_cache

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Acl;
use WorkspaceTest::Proxy;

our $Shown = 'add_header X-Cache $workspace_cache_status always;'
             . ' add_header X-Worker $pid always;';

# a node whose cache works, and what it says of the cache

sub cached_node {
    my (%args) = @_;

    my $size = delete $args{size} || '1m';
    my $node = start_node(workers => 1, location => $Shown,
                          http_config => "workspace_redis unix:" . redis()->unix
                                         . ";workspace_cache zone=c:$size;",
                          %args);

    works($node);

    return $node;
}

sub works {
    my ($node) = @_;
    my %hit;
    my $workers = () = $node->workers;

    ok +(wait_for {
        for my $r (http_all(map { [ $node, GET => path(), { as => 'alice' } ] }
                            1 .. 8))
        {
            $hit{ $r->header('X-Worker') }++
                if ($r->header('X-Cache') || '') eq 'HIT';
        }
        keys %hit == $workers;
    } 10), 'all workers use the cache';
}

sub path { '/api/v2/workspaces/' . v('dev.id') }

sub get { http($_[0], GET => path(), { as => $_[1] || 'alice' }) }

sub rename_to {
    my ($node, $name) = @_;

    return http($node, PATCH => path(), { as => 'alice',
                                          body => { name => $name } })->status;
}

sub reads_of_redis {
    my ($n) = redis_cmd(qw(INFO commandstats)) =~ /hmget:calls=(\d+)/;

    return $n || 0;
}

run_tests();

__DATA__

=== TEST 1: a workspace
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id
dev.job = latest_build.job.id



=== TEST 2: without the directive there is none
--- location eval: $main::Shown
--- scenario
my $r = http(GET => path(), { as => 'alice' });

is $r->status, 200;
is $r->header('X-Cache'), undef;



=== TEST 3: hits cost Redis nothing, and are the same bytes
--- scenario
my $node = cached_node();
my $fresh = http(GET => path(), { as => 'alice' })->body;
my $before = reads_of_redis();

for (1 .. 200) {
    my $r = get($node);

    if ($r->header('X-Cache') ne 'HIT' || $r->body ne $fresh) {
        is $r->body, $fresh;
        is $r->header('X-Cache'), 'HIT';
        last;
    }
}

# the directory is read again every five seconds

cmp_ok reads_of_redis() - $before, '<', 40;



=== TEST 4: roles hold
--- scenario
my $node = node('b');

is get($node)->status, 200;
is get($node, 'admin')->status, 200;
is get($node, 'admin')->header('X-Cache'), 'HIT';
is get($node, 'bob')->status, 404;
is http($node, GET => path())->status, 401;

# that somebody else's is in the cache is not to be seen

my $as_bob = sub {
    my ($id) = @_;

    my $before = reads_of_redis();
    my $r = http($node, GET => "/api/v2/workspaces/$id", { as => 'bob' });

    return join ' ', $r->status, $r->header('X-Cache'),
                     reads_of_redis() - $before;
};

ok +(wait_for { get($node); $as_bob->(uuid()) eq '404 MISS 1' } 5);
is get($node)->header('X-Cache'), 'HIT';
is $as_bob->(v('dev.id')), '404 MISS 1', 'forbidden as if absent';
is get($node)->header('X-Cache'), 'HIT', 'and still there for others';



=== TEST 5: a change is seen at once by all workers of the node
--- scenario
my $node = cached_node(workers => 3);
my %worker;

for my $i (1 .. 40) {
    my $name = "at-once-$i";

    # reads are on their way while it changes, and fill the cache after it

    my @all = http_all((map { [ $node, GET => path(), { as => 'alice' } ] }
                        1 .. 6),
                       [ $node, PATCH => path(),
                         { as => 'alice', body => { name => $name } } ],
                       (map { [ $node, GET => path(), { as => 'alice' } ] }
                        1 .. 6));

    is $all[6]->status, 204;

    for my $r (http_all(map { [ $node, GET => path(), { as => 'alice' } ] }
                        1 .. 6))
    {
        $worker{ $r->header('X-Worker') }++;
        fail 'old: ' . $r->json->{name} if $r->json->{name} ne $name;
    }
}

is keys %worker, 3, 'all workers were asked';



=== TEST 6: at once, even if Redis' message takes its time
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $node = cached_node(
    name => 'p', workers => 3,
    http_config => "workspace_redis @{[$proxy->url]}; workspace_cache zone=c:1m;"
);

$proxy->mute('__redis__:invalidate');

# of a change elsewhere, nobody knows now

is rename_to(node('main'), 'elsewhere'), 204;
ok +(wait_for { $proxy->muted }), 'the message is on its way';
isnt get($node)->json->{name}, 'elsewhere';

my %worker;

# who accepts a connection is not for us to say

for my $i (1 .. 50) {
    last if $i > 5 && keys %worker == 3;

    is rename_to($node, "here-$i"), 204;

    for my $r (http_all(map { [ $node, GET => path(), { as => 'alice' } ] }
                        1 .. 8))
    {
        $worker{ $r->header('X-Worker') }++;
        is $r->json->{name}, "here-$i";
    }
}

is keys %worker, 3, 'all workers were asked';

$proxy->go;



=== TEST 7: a connection for news that has fallen silent is not believed for long
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $node = cached_node(
    name => 'p', http_config => "workspace_redis @{[$proxy->url]} "
                                . 'read_timeout=500ms; workspace_cache zone=c:1m;'
);

$proxy->mute('__redis__:invalidate');

is rename_to(node('main'), 'silence'), 204;
ok +(wait_for { $proxy->muted }), 'the message does not come, nor any after it';

# 1 second and twice read_timeout, and what a slow machine needs

ok +(wait_for { get($node)->json->{name} eq 'silence' } 8), 'it is noticed';
like $node->log(qr/timed out/), qr/\(subscriptions\)/, 'by that connection';

$proxy->go;
works($node);



=== TEST 8: what was read before a change is not kept after it
--- scenario
my $other = http(POST => '/api/v2/organizations/' . v('acme.id')
                         . '/members/me/workspaces',
                 { as => 'alice', body => { name => 'other',
                                            template_id => v('docker.id') } })
            ->json->{id};
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $node = cached_node(
    name => 'p',
    http_config => "workspace_redis @{[$proxy->url]} read_timeout=20s;"
                   . 'workspace_cache zone=c:1m;'
);
my $get_other = sub {
    http($node, GET => "/api/v2/workspaces/$other",
         { as => 'alice', timeout => $_[0], validate => 0 });
};

ok +(wait_for { $get_other->(5)->header('X-Cache') eq 'HIT' });

is rename_to(node('main'), 'slow'), 204;

# news come in order: when those of the other are there, so are these

redis_cmd('HSET', key('w', $other), 'x', 0);
ok +(wait_for { $get_other->(5)->header('X-Cache') ne 'HIT' });

$proxy->mute('"name":"slow"');

# the answer to this read is on its way ...

my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $node->port);

print $sock 'GET ' . path() . " HTTP/1.0\r\nCoder-Session-Token: "
            . v('alice.token') . "\r\n\r\n";
$sock->flush;

ok +(wait_for { $proxy->muted }), 'read';

# ... when the workspace changes, and another, of which the node knows then

is rename_to(node('main'), 'fast'), 204;
redis_cmd('HSET', key('w', $other), 'x', 1);

ok +(wait_for { $get_other->(0.2)->status == 0 } 10), 'the news are there';

$proxy->go;

like do { local $/; <$sock> }, qr/"name":"slow"/, 'what was read';
is get($node)->json->{name}, 'fast', 'and not kept';
works($node);
is get($node)->json->{name}, 'fast';



=== TEST 9: other nodes follow
--- scenario
my $here = node('b');
my $there = cached_node(name => 'c');
my (@lag, $old);

for my $i (1 .. 50) {
    is get($there)->status, 200;
    is rename_to($here, "follow-$i"), 204;

    my $start = Time::HiRes::time();

    ok +(wait_for {
        my $new = get($there)->json->{name} eq "follow-$i";
        $old++ if !$new;
        $new;
    } 2), 'it follows' or last;

    push @lag, 1000 * (Time::HiRes::time() - $start);
}

@lag = sort { $a <=> $b } @lag;
$old ||= 0;
Test::More::note sprintf('first new answer after %.1f ms (median), %.1f ms (last), '
             . '%d old answers', $lag[@lag / 2], $lag[-1], $old);
cmp_ok $lag[@lag / 2], '<', 500;



=== TEST 10: a provisioner's report, told by wsctl, is seen
--- scenario
my $node = node('b');

works($node);
wsctl(qw(job finish), v('dev.job'));

ok wait_for { get($node)->json->{latest_build}{status} eq 'running' } 2;
works($node);
is get($node)->json->{latest_build}{status}, 'running';



=== TEST 11: who is told by a stream reads nothing older
--- scenario
my $node = node('b');
my $other = node('main');
my $s = sse_open($node, path() . '/watch', { as => 'alice' });

ok $s->wait_event(2, sub { $_->{event} eq 'data' });

for my $i (1 .. 20) {
    works($node) if $i % 5 == 1;
    is rename_to($other, "told-$i"), 204;
    ok $s->wait_event(2, sub { $_->{event} eq 'data'
                               && $_->{json}{name} eq "told-$i" });
    is get($node)->json->{name}, "told-$i";
}



=== TEST 12: where it is off, and what is changed there
--- scenario
my $node = cached_node(name => 'd', config => <<'EOC');
location / {
    workspace_api;
    add_header X-Cache $workspace_cache_status always;
    add_header X-Worker $pid always;
}
location /off {
    workspace_api;
    workspace_prefix /off/api/v2;
    workspace_cache off;
    add_header X-Cache $workspace_cache_status always;
}
EOC

my $r = http($node, GET => '/off' . path(), { as => 'alice', validate => 0 });

is $r->status, 200;
is $r->header('X-Cache'), undef, 'off';

for my $i (1 .. 10) {
    works($node);
    is http($node, PATCH => '/off' . path(),
            { as => 'alice', validate => 0, body => { name => "off-$i" } })
       ->status, 204;
    is get($node)->json->{name}, "off-$i";
}



=== TEST 13: everything is deleted behind its back
--- scenario
my $node = node('b');
my $key = (grep { /:w:/ } @{ redis_cmd('KEYS', '*' . v('dev.id')) })[0];
my $dump = redis_cmd('DUMP', $key);

works($node);
redis_cmd('DEL', $key);
ok +(wait_for { get($node)->status == 404 } 2), 'one key';

redis_cmd('RESTORE', $key, 0, $dump);
works($node);

# a database that is not ours: Redis does not say which

redis_cmd(qw(EVAL), "redis.call('SELECT', 9) return redis.call('FLUSHDB')", 0);
ok +(wait_for { get($node)->header('X-Cache') ne 'HIT' } 2), 'all keys';
works($node);



=== TEST 14: older data is believed when Redis has no newer
--- scenario
my $node = node('b');
my $key = (grep { /:w:/ } @{ redis_cmd('KEYS', '*' . v('dev.id')) })[0];
my $dump = redis_cmd('DUMP', $key);
my $name = get($node)->json->{name};

is rename_to($node, 'newer'), 204;
works($node);
redis_cmd('RESTORE', $key, 0, $dump, 'REPLACE');
ok wait_for { get($node)->json->{name} eq $name } 2;
works($node);
is get($node)->json->{name}, $name;
redis_cmd('HSET', $key, 'v', 1000);



=== TEST 15: the connection that brings the news is lost
--- scenario
my $node = node('b');

for my $i (1 .. 5) {
    works($node);

    # it may come back before anybody asks: what was read before is not used

    my @all = http_all(map { [ $node, GET => path(), { as => 'alice' } ] }
                       1 .. 6);
    is scalar(grep { $_->header('X-Cache') eq 'HIT' } @all), 6;

    redis_cmd(qw(CLIENT KILL TYPE pubsub));
    ok +(wait_for { get($node)->header('X-Cache') ne 'HIT' } 2), 'not used';
}

works($node);



=== TEST 16: a change while there are no news is not missed
--- scenario
my $node = node('b');
my $key = (grep { /:w:/ } @{ redis_cmd('KEYS', '*' . v('dev.id')) })[0];

works($node);
redis_cmd(qw(MULTI));
redis_cmd(qw(CLIENT KILL TYPE pubsub));
redis_cmd('HINCRBY', $key, 'v', 1);
redis_cmd('EXEC');
redis_cmd('HSET', $key, 'd', redis_cmd('HGET', $key, 'd')
                             =~ s/"name":"[^"]*"/"name":"unseen"/r);
ok wait_for { get($node)->json->{name} eq 'unseen' } 3;
works($node);
is get($node)->json->{name}, 'unseen';



=== TEST 17: Redis dies and comes back
--- scenario
my $node = node('b');

works($node);
redis_kill9();
ok +(wait_for { get($node)->status == 503 } 3), 'not answered from the cache';
redis_start();
ok wait_for { get($node)->status == 200 } 5;
works($node);



=== TEST 18: a full zone goes on
--- scenario
my $node = cached_node(size => '64k');
my @ids = map {
    http(POST => '/api/v2/organizations/' . v('acme.id')
                 . '/members/me/workspaces',
         { as => 'alice', body => { name => "w$_",
                                    template_id => v('docker.id') } })
    ->json->{id}
} 1 .. 40;

for my $id (@ids, reverse @ids) {
    my $r = http($node, GET => "/api/v2/workspaces/$id", { as => 'alice' });

    is $r->json->{id}, $id;
}

my $r = http($node, GET => "/api/v2/workspaces/$ids[0]", { as => 'alice' });

is $r->header('X-Cache'), 'HIT', 'the newest are kept';
$r = http($node, GET => "/api/v2/workspaces/$ids[30]", { as => 'alice' });
is $r->header('X-Cache'), 'MISS', 'the oldest are not';
unlike $node->log(qr/no memory/), qr/./;



=== TEST 19: reloaded, with the same size and with another
--- scenario
my $node = cached_node();
my $unix = redis()->unix;

ok $node->reload;
works($node);

for my $size (qw(2m 128k)) {
    $node->write_conf(http_config => "workspace_redis unix:$unix;"
                                     . "workspace_cache zone=c:$size;"
                                     . 'workspace_shards ' . shards() . ';');
    ok $node->reload, $size;
    works($node);
    is rename_to($node, "size-$size"), 204;
    is get($node)->json->{name}, "size-$size";
}



=== TEST 20: a user who may not track: no cache, everything else works
--- scenario
redis_cmd(qw(ACL SETUSER weak on >pass ~* &* +@all -client|tracking));

my $node = start_node(
    name => 'e', workers => 1, location => $main::Shown,
    http_config => 'workspace_redis unix://weak:pass@' . redis()->unix
                   . '; workspace_cache zone=c:1m;');

for (1 .. 20) {
    my $r = get($node);
    is $r->status, 200;
    is $r->header('X-Cache'), 'BYPASS';
}

like $node->log(qr/CLIENT TRACKING was refused/), qr/NOPERM/;

my $s = sse_open($node, path() . '/watch', { as => 'alice' });

ok $s->wait_event(2, sub { $_->{event} eq 'data' }), 'streams work';



=== TEST 21: a user who may do what the documentation says
--- scenario
redis_cmd(documented('nginx', 'workspace_cache'));

my $node = cached_node(
    name => 'e', http_config => 'workspace_redis unix://nginx:s3cret@'
                                . redis()->unix
                                . '; workspace_cache zone=c:1m;');

is get($node)->header('X-Cache'), 'HIT';

my $s = sse_open($node, path() . '/watch', { as => 'alice' });

ok $s->wait_event(5, sub { $_->{event} eq 'data' }), 'streams work';
is rename_to($node, 'allowed'), 204;
ok $s->wait_event(5, sub { $_->{event} eq 'data'
                           && $_->{json}{name} eq 'allowed' }), 'told';
is denied('nginx', redis()), '', 'nothing was refused';



=== TEST 22: what is refused
--- scenario
for my $case (['on', 'expected "zone=NAME:SIZE"'], ['zone=a', 'NAME:SIZE'],
              ['zone=:1m', 'NAME:SIZE'], ['zone=a:', 'NAME:SIZE'],
              ['zone=a:b', 'NAME:SIZE'], ['zone=a:0', 'NAME:SIZE'],
              ['zone=a:1k', 'too small: expected 64k at least'],
              ['zone=a:1m b', 'invalid number of arguments'],
              ['off; workspace_cache zone=a:1m', 'is duplicate'])
{
    my ($status, $out) = nginx_test(location => "workspace_cache $case->[0];");

    is $status, 1, $case->[0];
    like $out, qr/\Q$case->[1]/;
    like $out, qr/workspace_cache/;
}

my ($status, $out) = nginx_test(
    config => 'location /a { workspace_api; workspace_cache zone=a:1m; }'
              . 'location /b { workspace_api; workspace_cache zone=b:1m; }');

is $status, 1;
like $out, qr/has two zones, "a" and "b"/;

($status, $out) = nginx_test(
    config => 'location /a { workspace_api; workspace_cache zone=a:1m; }'
              . 'location /b { workspace_api; workspace_cache zone=a:1m; }'
              . 'location /c { workspace_api; workspace_cache off; }');

is $status, 0, 'one zone in several places' or diag $out;



=== TEST 23: one zone for two deployments, one of them a copy of the other
--- scenario
for my $key (@{ redis_cmd('KEYS', 'ws:*') }) {
    redis_cmd('COPY', $key, $key =~ s/^ws:/copy:/r);
}

my $redis = 'unix:' . redis()->unix;
my $node = start_node(workers => 1, config => <<"EOC");
workspace_cache zone=both:1m;
add_header X-Cache \$workspace_cache_status always;
location /api/ {
    workspace_api;
    workspace_redis $redis;
}
location /copy/ {
    workspace_api;
    workspace_prefix /copy/v2;
    workspace_redis $redis prefix=copy:;
}
EOC
my $read = sub {
    my $r = http($node, GET => path() =~ s{^/api}{$_[0]}r,
                 { as => 'alice', validate => 0 });

    return join ' ', $r->json->{name}, $r->header('X-Cache');
};
my $name = get($node)->json->{name};

for my $at ('/api', '/copy') {
    ok +(wait_for { $read->($at) eq "$name HIT" } 10), "cached, $at";
}

is http($node, PATCH => path() =~ s{^/api}{/copy}r,
        { as => 'alice', body => { name => 'copied' }, validate => 0 })
   ->status, 204;

ok +(wait_for { $read->('/copy') eq 'copied HIT' } 10), 'another one there';
is $read->('/api'), "$name HIT", 'and not here';
