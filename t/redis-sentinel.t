# A primary, replicas and Sentinels: nginx follows the primary by itself.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Acl;
use WorkspaceTest::Sentinel;

use IO::Socket::INET;

my $s = WorkspaceTest::Sentinel->new(replicas => 2);

v('sentinel.url', $s->url);

sub sentinel { $s }


sub path { '/api/v2/workspaces/' . v('dev.id') }


# a change is acknowledged, within some seconds; returns how long it took

my $names = 0;

sub works {
    my ($what, @node) = @_;

    my $name = 'n' . ++$names;
    my $start = now_ms();

    ok wait_for(sub {
        my $r = http(@node, PATCH => path(),
                     { as => 'alice', body => { name => $name } });
        $r->status == 204;
    }, 30), $what;

    diag "$what: " . (now_ms() - $start) . ' ms' if $ENV{WORKSPACE_TELL};

    # another worker may find out later

    my $r;

    wait_for(sub {
        $r = http(@node, GET => path(), { as => 'alice' });
        $r->status == 200;
    }, 10);

    is $r->json->{name}, $name, 'and read';

    return $name;
}


# a Sentinel that answers the same to everything, and counts

sub liar {
    my (@answer) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 64) or die $!;

    my $pid = fork // die $!;

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        alarm 60;

        my $text = @answer ? '*' . @answer . "\r\n"
                             . join('', map { '$' . length($_) . "\r\n$_\r\n" }
                                        @answer)
                           : "*-1\r\n";

        while (my $sock = $listen->accept) {
            sysread $sock, my $bytes, 4096;
            syswrite $sock, $text;
        }

        POSIX::_exit(0);
    }

    v('liar.pid', $pid);

    return 'sentinel://127.0.0.1:' . $listen->sockport . '/main';
}


run_tests();

__DATA__

=== TEST 1: a workspace; all connections are to the primary
--- http_config
workspace_redis {{sentinel.url}};
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: a failover in order: requests and streams follow
--- http_config
workspace_redis {{sentinel.url}};
--- scenario
my $stream = sse_open(path() . '/watch', { as => 'alice' });

ok $stream->wait_event(5, sub { $_->{event} eq 'data' }), 'watching';
works('before');

my $old = sentinel()->primary;

sentinel()->failover;
sentinel()->wait_for_change($old);

my $name = works('after');

ok $stream->wait_event(15, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq $name }),
   'the stream is told';

sentinel()->ready;
is_deeply [ grep { / name=nginx-workspace / }
            split /\n/, $old->cmd(qw(CLIENT LIST)) ], [],
          'no connection is left to what is a replica now';



=== TEST 3: the primary is killed, and comes back as a primary at first
--- http_config
workspace_redis {{sentinel.url}};
--- scenario
my $stream = sse_open(path() . '/watch', { as => 'alice' });

ok $stream->wait_event(5, sub { $_->{event} eq 'data' }), 'watching';
works('before');

my $old = sentinel()->primary;

$old->kill9;

is http(PATCH => path(), { as => 'alice', body => { name => 'lost' } })
   ->status, 503, 'nobody to take it';

sentinel()->wait_for_change($old);

my $name = works('after');

ok $stream->wait_event(15, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq $name }),
   'the stream is told';

$old->start;

$name = works('the old one is back');

ok $stream->wait_event(15, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq $name });

sentinel()->ready;
works('and a replica');

is_deeply [ grep { / name=nginx-workspace / }
            split /\n/, $old->cmd(qw(CLIENT LIST)) ], [],
          'nobody has used it';

{
    my $primary = sentinel()->primary;
    local $ENV{WORKSPACE_REDIS} = "redis://127.0.0.1:$primary->{port}";

    is wsctl('check'), '';
}



=== TEST 4: an old primary that goes on for a while leaves nothing behind
--- timeout: 90
--- http_config
workspace_redis {{sentinel.url}};
--- scenario
my $far = start_node(
    name        => 'far',
    workers     => 1,
    http_config => 'workspace_redis ' . sentinel()->url . ' read_timeout=60s;'
                   . 'workspace_cache zone=far:1m;',
);
my $name_at = sub {
    my $r = http($_[0], GET => path(), { as => 'alice', timeout => 20 });

    return $r->status == 200 ? $r->json->{name} : $r->status;
};

my $before = works('before');

ok wait_for { $name_at->($far) eq $before } 10;

my $stream = sse_open($far, path() . '/watch', { as => 'alice' });

ok $stream->wait_event(10, sub { $_->{event} eq 'data' }), 'watching';

my $old = sentinel()->primary;

# it is thought to be dead; of the node's connections only that for
# subscriptions looks for another one

$old->stop;
sentinel()->wait_for_change($old);

my $new = sentinel()->primary;
my $after = works('after');
my $subs = sub { scalar(() = $new->cmd(qw(CLIENT LIST TYPE pubsub))
                             =~ / name=nginx-workspace /g) };
my $n = $subs->();

$old->cont;
$old->cmd(qw(CLIENT KILL TYPE pubsub));

ok wait_for { $subs->() > $n } 10;
is $name_at->($far), $before, 'it reads from the old one';

# until that is made a replica

ok +(wait_for { $name_at->($far) eq $after } 40), 'what it read is not kept';
ok $stream->wait_event(20, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq $after }),
   'the stream is told';

sentinel()->ready;



=== TEST 5: without Sentinels what is connected goes on; they come back
--- http_config
workspace_redis {{sentinel.url}};
--- scenario
works('before');

$_->stop for @{ sentinel()->{sentinels} };

works('no Sentinel answers');

$_->cont for @{ sentinel()->{sentinels} };
$_->kill9 for @{ sentinel()->{sentinels} };

works('no Sentinel is there');

sentinel()->{redis}[$_]->cmd(qw(CLIENT KILL TYPE normal SKIPME yes))
    for 0 .. 2;

is http(GET => path(), { as => 'alice' })->status, 503,
   'a new connection has nobody to ask';

$_->start for @{ sentinel()->{sentinels} };

works('they are back');
sentinel()->ready;



=== TEST 6: wsctl finds the primary as well
--- scenario
local $ENV{WORKSPACE_REDIS} = sentinel()->url;

like wsctl(qw(user list)), qr/alice/;
is wsctl('check'), '';

$ENV{WORKSPACE_REDIS} =~ s{/main}{/other};

my ($status, $out, $err) = wsctl_run(qw(user list));

is $status, 3;
like $err, qr/knows no "other"/;



=== TEST 7: what Sentinels may say
--- scenario
my $primary = sentinel()->primary;
my ($replica) = grep { $_ != $primary } @{ sentinel()->{redis} };

for my $case (
    [ [ '127.0.0.1', $primary->{port} ], 200, qr/./ ],
    [ [ '127.0.0.1', $replica->{port} ], 503, qr/its role is "slave"/ ],
    [ [], 503, qr/Sentinel knows no "main"/ ],
    [ [ 'redis.test', 6379 ], 503, qr/expected an IP address and a port/ ],
    [ [ '127.0.0.1', 0 ], 503, qr/expected an IP address and a port/ ],
    [ [ '127.0.0.1' ], 503, qr/unexpected answer of Sentinel/ ],
    [ [ '127.0.0.1', free_port() ], 503, qr/Connection refused/ ])
{
    my ($answer, $status, $log) = @$case;

    my $node = start_node(
        name        => 'liar',
        workers     => 1,
        http_config => 'workspace_redis ' . liar(@$answer) . ';',
    );

    is http($node, GET => path(), { as => 'alice' })->status, $status,
       "@$answer";
    ok wait_for(sub { $node->log($log) }, 5), 'logged';

    $node->quit;
    kill 'KILL', v('liar.pid');
    waitpid v('liar.pid'), 0;
}



=== TEST 8: one that does not help is not the last one asked
--- timeout: 60
--- scenario
my ($real) = @{ sentinel()->{sentinels} };
my $primary = sentinel()->primary;
my ($replica) = grep { $_ != $primary } @{ sentinel()->{redis} };

# a worker connects before it is asked to, and again when that has failed: it
# does not say then that it works "again" if one attempt was enough

for my $case (
    [ 'knows no such Redis', qr/Sentinel knows no "main"/ ],
    [ 'names a replica', qr/its role is "slave"/,
      '127.0.0.1', $replica->{port} ],
    [ 'names nobody', qr/Connection refused/, '127.0.0.1', free_port() ])
{
    my ($what, $log, @answer) = @$case;

    my $url = liar(@answer) =~ s{/main}{,127.0.0.1:$real->{port}/main}r;
    my $node = start_node(
        name        => 'next',
        workers     => 1,
        http_config => "workspace_redis $url connect_timeout=10s;",
    );

    is http($node, GET => path(), { as => 'alice' })->status, 200, $what;
    like $node->log($log), $log, 'it was asked';
    is $node->log(qr/connection works again/), '', 'and then the next, at once';

    $node->quit;
    kill 'KILL', v('liar.pid');
    waitpid v('liar.pid'), 0;
}

# here the request comes while the first one is waited for

my $silent = sentinel()->{sentinels}[1];

$silent->stop;

my $node = start_node(
    name        => 'next',
    workers     => 1,
    http_config => "workspace_redis sentinel://127.0.0.1:$silent->{port},"
                   . "127.0.0.1:$real->{port}/main connect_timeout=2s"
                   . ' read_timeout=20s;',
);

is http($node, GET => path(), { as => 'alice', timeout => 30 })->status, 200,
   'says nothing';
like $node->log(qr/timed out/), qr/asking Sentinel/, 'it was asked';

$silent->cont;
sentinel()->ready;



=== TEST 9: users, passwords and databases: of Redis, of Sentinel
--- scenario
my $s = sentinel();

for my $redis (@{ $s->{redis} }) {
    $redis->cmd(documented($_, 'sentinel://')) for qw(nginx wsctl);
}

$_->cmd(documented('asker'), qw(>t0p <s3cret)) for @{ $s->{sentinels} };
$_->cmd(qw(ACL SETUSER default resetpass -@all +acl +ping +sentinel +info
           +publish +subscribe +hello +client)), for @{ $s->{sentinels} };

my $node = start_node(
    name        => 'users',
    http_config => 'workspace_redis ' . $s->url(auth => 'nginx:s3cret')
                   . ' sentinel_username=asker sentinel_password=t0p;',
);

works('signed in', $node);

{
    local $ENV{WORKSPACE_REDIS} = $s->url(auth => 'wsctl:s3cret');
    local $ENV{WORKSPACE_SENTINEL_AUTH} = 'asker:t0p';

    like wsctl(qw(user list)), qr/alice/, 'wsctl too';

    # another deployment, in a database of the same Redis

    $ENV{WORKSPACE_REDIS} .= '?db=3';

    wsctl('--shards', shards(), qw(org create acme));
    wsctl(qw(user create dave --org acme));
    v('dave.token', wsctl(qw(token create dave)));

    for my $url ($s->url(auth => 'nginx:s3cret') . '?db=3',
                 $s->url(auth => 'nginx:s3cret') . ' db=3')
    {
        my $other = start_node(
            name        => 'database',
            http_config => "workspace_redis $url sentinel_username=asker"
                           . ' sentinel_password=t0p;',
        );

        is_deeply [ map { http($other, GET => '/api/v2/workspaces',
                               { as => $_ })->status } qw(dave alice) ],
                  [ 200, 401 ], $url;

        # it need not follow what comes

        $other->quit;
    }

    $ENV{WORKSPACE_REDIS} = $s->url(auth => 'wsctl:s3cret');

    $ENV{WORKSPACE_SENTINEL_AUTH} = 'asker:wrong';
    is +(wsctl_run(qw(user list)))[0], 3;

    $ENV{WORKSPACE_SENTINEL_AUTH} = 't0p';
    is +(wsctl_run(qw(user list)))[0], 2, 'a colon is missing';
}

is denied($_, @{ $s->{redis} }), '', "nothing was refused to $_"
    for qw(nginx wsctl);

$_->cmd(qw(ACL SETUSER asker >other <t0p)) for @{ $s->{sentinels} };

$node->quit;
$node->start;

is http($node, GET => path(), { as => 'alice' })->status, 503;
ok wait_for(sub { $node->log(qr/AUTH was refused: "WRONGPASS/) }, 5);
is $node->log(qr/t0p|s3cret/), '';

my ($status, $text) = nginx_test(
    http_config => 'workspace_redis redis://127.0.0.1 sentinel_password=x;'
);

isnt $status, 0;
like $text, qr/expected a password, with a URL of Sentinels/;
