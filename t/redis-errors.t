# Redis answers, but with an error: the real ones, each brought about by what
# brings it about in life.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Acl;
use WorkspaceTest::Cluster;
use WorkspaceTest::Later;
use WorkspaceTest::Life;
use WorkspaceTest::Proxy;

use IO::Socket::UNIX;

my $create;


# what a reading and a writing request are answered

sub both {
    my (@node) = @_;

    my $read = http(@node, GET => '/api/v2/workspaces/' . v('dev.id'),
                    { as => 'alice' });
    my $write = http(@node, PUT => '/api/v2/workspaces/' . v('dev.id')
                                   . '/ttl',
                     { as => 'alice', body => { ttl_ms => 3600_000 } });

    for my $r (grep { $_->status == 503 } $read, $write) {
        $r->header('Retry-After') or return 'without Retry-After';
        length $r->json->{message} or return 'without a message';
    }

    return $read->status . ' ' . $write->status;
}


# both() is, within some seconds, and remains: there are two workers

sub becomes {
    my ($wanted, $what, @node) = @_;

    my $got;

    wait_for {
        for (1 .. 8) {
            $got = both(@node);
            return 0 if $got ne $wanted;
        }

        1;
    } 10;

    is $got, $wanted, $what;
}


# lines of a node's log that match

sub lines {
    my ($regex, $node) = @_;

    my $dir = $node ? $node->{dir} : $ENV{TEST_NGINX_SERVROOT};

    open my $in, '<', "$dir/logs/error.log" or die $!;

    return scalar grep { /$regex/ } <$in>;
}


# ids of nginx's connections

sub connections {
    return map { /^id=(\d+) .* name=nginx-workspace / ? $1 : () }
               split /\n/, redis_cmd(qw(CLIENT LIST));
}


# a listing that is too long for the connection of short commands, by its
# length and the name of one in it

sub listed {
    my ($node) = @_;

    my $list = http($node, GET => '/api/v2/workspaces?limit=0',
                    { as => 'alice' })->json->{workspaces};

    return join ' ', @$list > 100 ? 'long:' : 'short:',
                     map { $_->{id} eq v('dev.id') ? $_->{name} : () } @$list;
}


# a replica has what its primary has

sub follows {
    my ($redis) = @_;

    return wait_for {
        $redis->cmd(qw(INFO replication)) =~ /^master_link_status:up/m;
    } 20;
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
build.id = latest_build.id



=== TEST 2: OOM, memory is full: reading goes on; one log line for many answers
--- scenario
is both(), '200 204';

redis_cmd(qw(CONFIG SET maxmemory 1));

is both(), '200 503';
both() for 1 .. 20;

redis_cmd(qw(CONFIG SET maxmemory 0));

is both(), '200 204', 'as before at once';
is wsctl('check'), '', 'nothing half done';

my $n = lines(qr/redis answered "OOM .*its memory is full/);

cmp_ok $n, '>=', 1, 'it is logged';
cmp_ok $n, '<=', 6, 'but not every time';



=== TEST 3: a line in 10 seconds, with the number of those left out
--- timeout: 60
--- scenario
my $node = start_node(name => 'l', workers => 1);
my ($refused, $line) = (0);

is both($node), '200 204';
redis_cmd(qw(CONFIG SET maxmemory 1));

ok +(wait_for {
    $refused++ if both($node) eq '200 503';
    $line = $node->log(qr/redis answered "OOM .* more since/);
} 30), 'there is a second line';

redis_cmd(qw(CONFIG SET maxmemory 0));

# the first one, and that with the number

my ($more) = $line =~ /\((\d+) more since\)/;

cmp_ok $refused, '>', 10;
cmp_ok $more, '>=', $refused - 2, 'with all that were refused since then';
cmp_ok lines(qr/redis answered "OOM /, $node), '<', 6, 'few lines for many';



=== TEST 4: a job is not taken for broken because Redis is full
--- scenario
my $w = create(name => 'full');

WorkspaceTest::Life::provisioner();
redis_cmd(qw(CONFIG SET maxmemory 1));

my $r = http(POST => '/api/v2/provisioners/me/acquire',
             { as => 'life', body => { wait_ms => 300 } });

isnt $r->status, 200, 'it cannot be had';

redis_cmd(qw(CONFIG SET maxmemory 0));

is acquire($w)->{workspace}{id}, $w->{id}, 'now it can';



=== TEST 5: MISCONF, the disk cannot be written to
--- scenario
my $dump = v('work') . '/redis/dump.rdb';

mkdir $dump or die $!;
mkdir "$dump/in-the-way" or die $!;

redis_cmd(qw(CONFIG SET save), '3600 1');
redis_cmd('BGSAVE');

becomes '200 503', 'reading goes on';

rmdir "$dump/in-the-way" or die $!;
rmdir $dump or die $!;

# it tries by itself as well

wait_for(sub {
    eval { redis_cmd('BGSAVE') };
    redis_cmd(qw(INFO persistence)) =~ /rdb_last_bgsave_status:ok/;
}, 10);

becomes '200 204', 'writing too';

redis_cmd(qw(CONFIG SET save), '');

cmp_ok lines(qr/redis answered "MISCONF .*cannot write to its disk/), '>=', 1;



=== TEST 6: NOREPLICAS, too few replicas
--- scenario
redis_cmd(qw(CONFIG SET min-replicas-to-write 1));

is both(), '200 503';

redis_cmd(qw(CONFIG SET min-replicas-to-write 0));

is both(), '200 204';
cmp_ok lines(qr/redis answered "NOREPLICAS .*too few replicas/), '>=', 1;



=== TEST 7: READONLY, it has become a replica: another connection is made
--- scenario
is both(), '200 204';

my %before = map { $_ => 1 } connections();

redis_cmd(qw(REPLICAOF 127.0.0.1), free_port());

is both(), '200 503', 'reading goes on';

ok wait_for(sub {
    both();
    grep { !$before{$_} } connections();
}, 10), 'connected anew';

is both(), '200 503';

redis_cmd(qw(REPLICAOF NO ONE));

becomes '200 204', 'a primary again';

cmp_ok lines(qr/redis answered "READONLY .*it is a replica/), '>=', 1;



=== TEST 8: READONLY, the host has another address: what only reads goes along
--- timeout: 60
--- scenario
ok my $hosts = preload('two_hosts'), 'a name with two addresses';

my $port = v('redis.port');
my $other = WorkspaceTest::Redis->new(
    dir  => WorkspaceTest::temp_dir(),
    port => $port,
    args => ['--bind', '127.0.0.2', '--repl-diskless-sync-delay', 0],
);
$other->cmd('REPLICAOF', '127.0.0.1', $port);
create() for 1 .. 100;

ok follows($other), 'it has the data';

my $start = sub {
    local $ENV{LD_PRELOAD} = $hosts;

    my ($name) = @_;

    # Redis tells the nodes' connections apart by their users

    $_->cmd('ACL', 'SETUSER', $name, qw(on nopass ~* &* +@all))
        for redis(), $other;

    return start_node(name => $name, workers => 1, http_config =>
                      "workspace_redis redis://$name:x\@two.test:$port;");
};
my $node = $start->('two');
my $path = '/api/v2/workspaces/' . v('dev.id');
my $rename = sub {
    http($_[1] // $node, PATCH => $path,
         { as => 'alice', body => { name => $_[0] } })->status;
};
my $stream = sse_open($node, "$path/watch", { as => 'alice' });

ok $stream->wait_event(10, sub { $_->{event} eq 'data' }), 'watching';
is $rename->('one'), 204;
is listed($node), 'long: one', 'a listing, by another connection than short ones';

# what is a replica now gets nothing

$other->cmd(qw(REPLICAOF NO ONE));
redis_cmd(qw(REPLICAOF 127.0.0.1), free_port());

ok +(wait_for {
    $other->cmd(qw(CLIENT LIST TYPE normal)) =~ / name=nginx-workspace /;
} 20), 'a worker goes to the other one, though it writes nothing';
is $rename->('two'), 204, 'and writes to it';
ok +(wait_for {
    $other->cmd(qw(CLIENT LIST TYPE pubsub)) =~ / name=nginx-workspace /;
} 10), 'the subscription is there too';
is $rename->('three'), 204;
ok $stream->wait_event(10, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq 'three' }),
   'and what is changed there is told';
is listed($node), 'long: three', 'and listed';

# the first address is that of a replica, which is not up to date

my $late = $start->('late');

is listed($late), 'long: three', 'who begins begins with the primary';
is $rename->('four', $late), 204;
is listed($late), 'long: four';
ok +(wait_for { redis_cmd(qw(CLIENT LIST)) !~ / user=late / } 10),
   'and nothing of it stays with the replica';

ok $_->quit for $node, $late;
redis_cmd(qw(REPLICAOF NO ONE));
becomes '200 204', 'a primary again';

# one that serves whom it has, and nobody else

$node = $start->('third');

is http($node, GET => $path, { as => 'alice' })->status, 200;

redis_cmd(qw(CONFIG SET maxclients 1));

ok +(wait_for {
    http($node, GET => '/api/v2/workspaces?limit=0', { as => 'alice' })->status
        == 200;
} 20), 'who cannot connect takes all to the other one';

redis_cmd(qw(CONFIG SET maxclients 10000));
ok $node->quit;



=== TEST 9: READONLY, the address leads to another server: all goes along
--- timeout: 60
--- scenario

# connections that are there stay where they are

my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $other = WorkspaceTest::Redis->new(
    dir  => WorkspaceTest::temp_dir(),
    port => free_port(),
    args => ['--repl-diskless-sync-delay', 0],
);
my $via = start_node(name => 'via', workers => 1, http_config =>
                     'workspace_redis ' . $proxy->url . ';'
                     . 'workspace_cache zone=via:1m;');
my $there = start_node(name => 'there', workers => 1, http_config =>
                       'workspace_redis ' . $other->url . ';');
my $path = '/api/v2/workspaces/' . v('dev.id');
my $rename = sub {
    http($there, PATCH => $path, { as => 'alice', body => { name => $_[0] } })
    ->status;
};
my $name = sub {
    http($via, GET => $path, { as => 'alice' })->json->{name};
};

$other->cmd('REPLICAOF', '127.0.0.1', v('redis.port'));
ok follows($other), 'it has the data';

my $was = $name->();
my $stream = sse_open($via, "$path/watch", { as => 'alice' });

ok $stream->wait_event(10, sub { $_->{event} eq 'data' }), 'watching';
is $name->(), $was, 'cached';
is listed($via), "long: $was";

$other->cmd(qw(REPLICAOF NO ONE));
$proxy->to($other->port);
redis_cmd(qw(REPLICAOF 127.0.0.1), free_port());

ok +(wait_for { $rename->('away') == 204 } 10), 'a change by another node';
ok +(wait_for { $name->() eq 'away' } 20), 'is seen';
is $rename->('gone'), 204;
ok $stream->wait_event(10, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq 'gone' }),
   'told';
is listed($via), 'long: gone', 'listed';
is $rename->('cached'), 204;
ok +(wait_for { $name->() eq 'cached' } 5), 'and no cache hides it';

ok $_->quit for $via, $there;
redis_cmd(qw(REPLICAOF NO ONE));
becomes '200 204', 'a primary again';



=== TEST 10: READONLY, and after it the answer to a script that has to be sent anew
--- timeout: 60
--- http_config
workspace_redis redis://127.0.0.1:1;
--- scenario

# nobody but this node loads scripts

my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $node = start_node(name => 'p', workers => 1, http_config =>
                      'workspace_redis ' . $proxy->url . ' read_timeout=20s;');
my $path = '/api/v2/workspaces/' . v('dev.id');
my $ttl = sub { [ $node, PUT => "$path/ttl",
                  { as => 'alice', body => { ttl_ms => $_[0] * 60_000 } } ] };
my $get = sub { http($node, GET => $path, { as => 'alice', timeout => 25 }) };

ok +(wait_for { $get->()->status == 200 } 10);

# a connection is given up for another at most once a second

my $opened = now_ms();

is http(@{ $ttl->(1) })->status, 204;
ok +(wait_for { now_ms() > $opened + 1500 } 5);

$proxy->hold('HSET');

my $late = http_later(@{ $ttl->(2) });

ok +(wait_for { $proxy->held } 5), 'the commit is held back';

my $held = $proxy->held;

ok +(wait_for { $proxy->held > $held } 10), "and the clock's script behind it";

redis_cmd(qw(SCRIPT FLUSH));
wsctl(qw(user create scripted));            # with the script of commits
redis_cmd(qw(REPLICAOF 127.0.0.1), free_port());
$proxy->go;

is $late->answer(10)->status, 503, 'READONLY';

redis_cmd(qw(REPLICAOF NO ONE));

my $start = now_ms();

is $get->()->status, 200, 'there is another connection';
cmp_ok now_ms() - $start, '<', 10_000, 'and nothing waited for the old one';
is http(@{ $ttl->(3) })->status, 204;



=== TEST 11: MASTERDOWN, a replica that does not want to serve old data
--- scenario
redis_cmd(qw(CONFIG SET replica-serve-stale-data no));
redis_cmd(qw(REPLICAOF 127.0.0.1), free_port());

is both(), '503 503';

redis_cmd(qw(REPLICAOF NO ONE));
redis_cmd(qw(CONFIG SET replica-serve-stale-data yes));

becomes '200 204', 'a primary again';

cmp_ok lines(qr/redis answered "MASTERDOWN .*lost its primary/), '>=', 1;



=== TEST 12: BUSY, a script of somebody else runs and runs
--- scenario
redis_cmd(qw(CONFIG SET busy-reply-threshold 10));

my $sock = IO::Socket::UNIX->new(Peer => v('redis.unix')) or die $!;

syswrite $sock, "EVAL \"while true do end\" 0\r\n";

ok wait_for(sub { !eval { redis_cmd('PING') } }, 10), 'it runs';

is both(), '503 503';

redis_cmd(qw(SCRIPT KILL));

becomes '200 204', 'it was killed';

cmp_ok lines(qr/redis answered "BUSY .*a script keeps it busy/), '>=', 1;



=== TEST 13: LOADING, it has just been started
--- scenario
redis_cmd(qw(CONFIG SET rdbcompression no));
redis_cmd('SET', "other:$_", 'x' x 1024) for 1 .. 300;
redis_cmd('BGREWRITEAOF');

ok wait_for(sub {
    redis_cmd(qw(INFO persistence))
        =~ /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/
}, 10), 'its data is on the disk';

redis_kill9();

redis()->{args} = [ '--key-load-delay', '10000',
                    '--loading-process-events-interval-bytes', '1024' ];
redis()->spawn;

ok wait_for(sub { !eval { redis_cmd('PING') } && $@ =~ /LOADING/ }, 10),
   'it is loading';

ok wait_for(sub {
    both() eq '503 503' && lines(qr/redis answered "LOADING /);
}, 5), 'and nginx says so';

redis()->wait_until_up;
redis()->{args} = [];

becomes '200 204', 'loaded';

cmp_ok lines(qr/redis answered "LOADING .*it is loading/), '>=', 1;
is wsctl('check'), '';



=== TEST 14: a password is set: new connections are refused, the log says why
--- scenario
is both(), '200 204';

redis_cmd(qw(CONFIG SET requirepass s3cret));
redis_cmd(qw(CLIENT KILL TYPE normal SKIPME yes));

becomes '503 503', 'locked out';

redis_cmd(qw(CONFIG SET requirepass), '');

becomes '200 204', 'let in';

cmp_ok lines(qr/was refused: "NOAUTH/), '>=', 1;



=== TEST 15: the permissions that are documented suffice
--- http_config
workspace_redis redis://nginx:s3cret@127.0.0.1:{{redis.port}};
--- before
redis_cmd(documented('nginx'));
redis_cmd(documented('wsctl'));
--- scenario
is both(), '200 204';

my ($w, $token) = started(name => 'acl', ttl_ms => 3600_000,
                          agents => [ { name => 'main' } ]);

agent($token, 'heartbeat', version => '1');

my $s = sse_open("/api/v2/workspaces/$w->{id}/watch", { as => 'alice' });
ok $s->wait_event(5, sub { $_->{event} eq 'data' }), 'watching';

for my $path ('/workspaces', '/workspaces?q=owner:alice+status:running',
              '/workspaces?has_agent=connected&limit=1',
              '/workspaces?name=ac',
              '/workspaces?status=deleted',
              '/users/me/workspace/acl',
              '/users/me/workspace/none',
              '/users/me/workspace/acl/builds/1',
              "/workspaces/$w->{id}/builds",
              "/workspacebuilds/$w->{latest_build}{id}",
              "/workspacebuilds/$w->{latest_build}{id}/logs")
{
    isnt http(GET => "/api/v2$path", { as => 'alice' })->status, 503, $path;
}

is http(PATCH => "/api/v2/workspaces/$w->{id}",
        { as => 'alice', body => { name => 'acl-2' } })->status, 204;
ok $s->wait_event(5, sub { $_->{event} eq 'data'
                           && $_->{json}{name} eq 'acl-2' }), 'told';

for my $case ([ ttl => { ttl_ms => 3600_000 } ],
              [ autostart => { schedule => '30 9 * * 1-5' } ],
              [ extend => { deadline => rfc3339(now_ms() + 7200_000) } ])
{
    my ($what, $body) = @$case;
    my $r = http(PUT => "/api/v2/workspaces/$w->{id}/$what",
                 { as => 'alice', body => $body });

    ok $r->status < 300, $what or diag $r->status . ' ' . $r->body;
}

agent($token, 'disconnect');

is http(POST => "/api/v2/workspaces/$w->{id}/builds",
        { as => 'alice', body => { transition => 'delete' } })->status, 201;

# jobs: started() has acquired and completed one

my $job = acquire($w);

is report($job, 'heartbeat', logs => [ { output => 'hello' } ],
          logs_after => 0)->status, 200;
is report($job, 'release')->status, 204;
is report(acquire($w), 'fail', error => 'no')->status, 204;

my $other = create(name => 'acl-jobs');

is http(PATCH => "/api/v2/workspacebuilds/$other->{latest_build}{id}/cancel",
        { as => 'admin' })->status, 200;
$other = create(name => 'acl-finish');
$job = acquire($other);

{
    local $ENV{WORKSPACE_REDIS} = 'redis://wsctl:s3cret@127.0.0.1:'
                                  . v('redis.port');

    wsctl(qw(user create acl));
    wsctl(qw(token create acl));
    wsctl(qw(user suspend acl));
    wsctl(qw(user activate acl));

    my ($id) = split /\t/, wsctl(qw(token list acl));

    wsctl(qw(token revoke), $id);
    wsctl(qw(org create acl));
    wsctl(qw(template create --org acme acl));
    wsctl(qw(template edit acl --name acl-2));
    wsctl(qw(version create v1 --template acl-2));
    wsctl(qw(version promote), wsctl(qw(version create v2 --template acl-2)));
    wsctl(qw(version list --template acl-2));
    wsctl(qw(template delete acl-2));
    wsctl(qw(provisioner create acl));
    wsctl(qw(provisioner delete acl));
    like wsctl(qw(job list)), qr/acl-finish/;
    wsctl(qw(job finish), $job->{job_id}, qw(--error no));
    wsctl($_, 'list') for qw(org user template provisioner);
    is wsctl('check'), '';
}

is show($other)->{latest_build}{status}, 'failed', 'finished by hand';
is denied($_, redis()), '', "nothing was refused to $_" for qw(nginx wsctl);



=== TEST 16: NOPERM: a permission is taken away, and given back
--- http_config
workspace_redis redis://nginx:s3cret@127.0.0.1:{{redis.port}};
--- scenario
redis_cmd(qw(ACL SETUSER nginx -evalsha -eval));

is both(), '200 503';

redis_cmd(qw(ACL SETUSER nginx +evalsha +eval));

is both(), '200 204';
cmp_ok lines(qr/redis answered "NOPERM .*lacks a permission/), '>=', 1;



=== TEST 17: the user is gone, its password is in no log
--- http_config
workspace_redis redis://nginx:s3cret@127.0.0.1:{{redis.port}};
--- scenario
is both(), '200 204';

redis_cmd(qw(ACL DELUSER nginx));

becomes '503 503', 'out';

redis_cmd(documented('nginx'));

becomes '200 204', 'in';

cmp_ok lines(qr/AUTH was refused: "WRONGPASS/), '>=', 1;
cmp_ok lines(qr/s3cret/), '==', 0;



=== TEST 18: CLUSTERDOWN, a node of a cluster misses a slot
--- before
our $cluster = cluster(replicas => 0);
--- scenario
our $cluster;

v('dev.id', create(name => 'dev')->{id});

is both(), '200 204';

my $node = $cluster->home(v('dev.id'));
my ($range) = grep { $_->[2][1] == $node->port }
              @{ $node->cmd(qw(CLUSTER SLOTS)) };
my %used = map { $cluster->slot($_) => 1 } '{0}', '{dir}';
my ($slot) = grep { !$used{$_} } $range->[0] .. $range->[1];

$node->cmd(qw(CLUSTER DELSLOTS), $slot);

becomes '503 503', 'it serves nothing at all';

$node->cmd(qw(CLUSTER ADDSLOTS), $slot);

becomes '200 204', 'whole again';

cmp_ok lines(qr/redis answered "CLUSTERDOWN .*a slot has no node/), '>=', 1;
is wsctl('check'), '', 'nothing half done';
