# Watching a workspace.  contract: Watch, Two dialects

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);

sub path { '/api/v2/workspaces/' . (@_ ? $_[0]{id} : v('dev.id')) }

# the next state that a stream gets, pings aside; undef when none comes

sub news {
    my ($s, $seconds) = @_;

    return $s->wait_event($seconds || 3, sub { $_->{event} eq 'data' });
}

# the next event, whatever it is; undef when none comes

sub soon { $_[0]->wait_event(2, sub { 1 }) }

# a stream that has had its first ping and state; the state

sub opened {
    my (@args) = @_;

    my $s = sse_open(@args);
    my $ping = soon($s);
    my $data = soon($s);

    die 'no stream: ' . ($s->status // $s->error) . "\n" if !$ping || !$data;
    die "first came $ping->{event}, then $data->{event}\n"
        if "$ping->{event} $data->{event}" ne 'ping data';

    return ($s, $data);
}

# a change that differs from the one before it; the new TTL

my $minutes = 0;

sub change {
    my ($w, %o) = @_;

    my $ttl = 60000 * (1 + ++$minutes % 10000);
    my $r = http($o{node} ? $o{node} : (), PUT => path($w) . '/ttl',
                 { as => $o{as} || 'alice', body => { ttl_ms => $ttl } });

    die 'ttl: ' . $r->status . "\n" if $r->status != 204;

    return $ttl;
}

# subscriptions to the workspace over all workers of all nodes

sub subscriptions {
    my ($w) = @_;

    my ($name) = grep { /:w:\Q$w->{id}\E$/ }
                 @{ redis_cmd(qw(PUBSUB CHANNELS), "*:w:$w->{id}") };

    return 0 if !defined $name;

    return redis_cmd(qw(PUBSUB NUMSUB), $name)->[1];
}

# The bytes of a stream as they come: sends the request and reads until the
# text matches, or the connection ends.

sub raw_open {
    my ($node, $request, %o) = @_;

    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, $o{rcvbuf} if $o{rcvbuf};

    $sock->connect($node->port, Socket::inet_aton('127.0.0.1'))
        or die "connect: $!";

    my $token = v(($o{as} || 'alice') . '.token');

    $request =~ s/\n/\r\nHost: localhost\r\nCoder-Session-Token: $token\r\n/;
    $request =~ s/(?<!\r)\n/\r\n/g;

    syswrite $sock, "$request\r\n";

    return $sock;
}

sub raw_read {
    my ($sock, $until, $seconds) = @_;

    my $text = '';
    my $deadline = Time::HiRes::time() + ($seconds || 3);

    while ($text !~ $until) {
        my $left = $deadline - Time::HiRes::time();

        last if $left <= 0 || !IO::Select->new($sock)->can_read($left);
        last if !sysread $sock, $text, 65536, length $text;
    }

    return $text;
}

# A client of HTTP/2 (RFC 9113) that asks for a stream and then reads nothing:
# the server may send 65535 bytes, the initial window.

sub stuck_h2 {
    my ($port, $path) = @_;

    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $port) or die "h2: $!";
    my %fields = (':method' => 'GET', ':scheme' => 'http', ':path' => $path,
                  ':authority' => 'localhost',
                  'coder-session-token' => v('alice.token'));

    # literal fields without indexing (RFC 7541, section 6.2.2)

    my $block = join '', map { pack 'x C/a C/a', $_, $fields{$_} }
                         sort keys %fields;

    syswrite $sock, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                    . pack('x n C C N', 0, 4, 0, 0)
                    . pack('x n C C N a*', length $block, 1, 0x05, 1, $block);

    return $sock;
}

# A workspace with a large document, so that a client that does not read is
# behind after a few changes.

sub large {
    my ($w) = started(agents => [map { { name           => "agent-$_",
                                         startup_script => 'x' x 50_000 } }
                                 1 .. 2]);

    return $w;
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



=== TEST 2: the header, a ping at once, and the current state
--- scenario
my $s = sse_open(path() . '/watch', { as => 'alice' });

is $s->status, 200;
is $s->header('Content-Type'), 'text/event-stream';
is $s->header('Cache-Control'), 'no-cache';
is $s->header('X-Accel-Buffering'), 'no';
is $s->header('Content-Length'), undef;

is soon($s)->{event}, 'ping', 'first a ping';

my $e = soon($s);

is $e->{event}, 'data', 'then the state';
is $e->{data}, http(GET => path(), { as => 'alice' })->body,
   'as GET by ID gives it, byte for byte';
like $e->{id}, qr/^[1-9]\d*$/, 'with an id';
is $s->next_event(0.3), undef, 'and nothing else';



=== TEST 3: the bytes
--- scenario
my $sock = raw_open(node(), 'GET ' . path() . "/watch HTTP/1.0\n");
my $text = raw_read($sock, qr/^data: .*\n\n/m);

my ($head, $body) = split /\r\n\r\n/, $text, 2;

like $head, qr{^HTTP/1.1 200 };
unlike $head, qr/^Transfer-Encoding/mi, 'HTTP/1.0 has no chunks';
like $head, qr/^Connection: close\r$/m;

# no data with a ping: the official Go client fails on it

like $body, qr/\Aevent: ping\n\nid: \d+\nevent: data\ndata: \{.*\}\n\n\z/;
is scalar(() = $body =~ /[\r\n]/g), 6, 'the workspace is on one line';



=== TEST 4: HTTP/1.1 goes in chunks, each event at once
--- scenario
my ($s) = opened(path() . '/watch', { as => 'alice' });

is $s->header('Transfer-Encoding'), 'chunked';

for (1 .. 3) {
    my $start = now_ms();
    my $ttl = change({ id => v('dev.id') });

    is news($s)->{json}{ttl_ms}, $ttl;
    cmp_ok now_ms() - $start, '<', 500, 'without delay';
}



=== TEST 5: HTTP/2
--- scenario
my $port = free_port();
my $node = start_node(name => 'h2', http_config => <<"EOC");
server {
    listen 127.0.0.1:$port http2;
    location / { workspace_api; }
}
EOC

open my $curl, '-|', 'curl', '-sN', '--http2-prior-knowledge', '--max-time',
     20, '-H', 'Coder-Session-Token: ' . v('alice.token'),
     '-w', "\n%{http_version} %{exitcode}\n",
     "http://127.0.0.1:$port" . path() . '/watch' or die $!;

is raw_read($curl, qr/^data: .*\n\n/m) =~ s/^(?:id|data): \K.*//mgr,
   "event: ping\n\nid: \nevent: data\ndata: \n\n";

my $ttl = change({ id => v('dev.id') });

like raw_read($curl, qr/^data: .*\n\n/m), qr/"ttl_ms":$ttl\b/;

ok $node->reload;

like raw_read($curl, qr/exitcode/, 5), qr/\Aretry: \d+\n\n\n2 0\n\z/,
     'ended in order on reload';



=== TEST 6: each change of a workspace, its builds, jobs and agents
--- scenario
my $w = create(name => 'life');
my ($s, $first) = opened(path($w) . '/watch', { as => 'alice' });
my (@seen, $job);

my $next = sub {
    my ($what) = @_;
    my $e = news($s);

    ok $e, "$what: an event" or return {};
    cmp_ok $e->{id}, '>', $first->{id}, "$what: ids rise";
    is $e->{data}, http(GET => path($w), { as => 'alice' })->body,
       "$what: what GET gives";

    $first = $e;

    return $e->{json};
};

is http(PATCH => path($w), { as => 'alice', body => { name => 'renamed' } })
   ->status, 204;
is $next->('rename')->{name}, 'renamed';

is http(PUT => path($w) . '/autostart',
        { as => 'alice', body => { schedule => '0 9 * * 1-5' } })->status, 204;
is $next->('autostart')->{autostart_schedule}, '0 9 * * 1-5';

is http(PUT => path($w) . '/ttl',
        { as => 'alice', body => { ttl_ms => 3600000 } })->status, 204;
is $next->('ttl')->{ttl_ms}, 3600000;

$job = acquire($w);
is $next->('job taken')->{latest_build}{status}, 'starting';

report($job, 'complete', resources => [{
    name => 'box', type => 'process', agents => [{ name => 'main' }],
}]);
is $next->('job done')->{latest_build}{status}, 'running';

my $resource = $first->{json}{latest_build}{resources}[0];

is $resource->{agents}[0]{status}, 'connecting';

build($w, 'stop');
is $next->('a build')->{latest_build}{status}, 'pending';

is news($s, 0.3), undef, 'and nothing else';



=== TEST 7: quick changes are one event each, in order
--- scenario
my $w = create();
my ($s, $first) = opened(path($w) . '/watch', { as => 'alice' });
my @ttls = map { change($w) } 1 .. 30;
my @events = map { news($s) } @ttls;

is_deeply [ map { $_->{json}{ttl_ms} } @events ], \@ttls;
is_deeply [ map { $_->{id} - $first->{id} } @events ], [ 1 .. 30 ];



=== TEST 8: many that arrive at once, too
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);
my ($s, $first) = opened($node, path($w) . '/watch', { as => 'alice' });

# the worker finds all of them when it goes on

my ($pid) = $node->workers;

kill STOP => $pid;

my @ttls = map { change($w) } 1 .. 10;

kill CONT => $pid;

is_deeply [ map { news($s)->{json}{ttl_ms} } @ttls ], \@ttls;



=== TEST 9: through any worker of any nginx, to all who watch
--- scenario
my $w = create();
my $b = start_node(name => 'b', workers => 2);
my @streams = map { (opened($_, path($w) . '/watch', { as => 'alice' }))[0] }
              (node()) x 20, ($b) x 20;

for my $node (node(), $b) {
    my $ttl = change($w, node => $node);

    is scalar(grep { my $e = news($_);
                     $e && $e->{json}{ttl_ms} == $ttl } @streams),
       40, 'all got it';
}

cmp_ok subscriptions($w), '<=', 4, 'one subscription a worker at most';
is scalar(grep { news($_, 0.01) } @streams), 0, 'once';



=== TEST 10: the fields of the template
--- before
v('shown.id', wsctl(qw(template create --org acme shown)));
wsctl(qw(version create --template), v('shown.id'), 'v1', '--promote');
--- scenario
my $w = create(template => 'shown');
my $other = create();
my ($s, $first) = opened(path($w) . '/watch', { as => 'alice' });
my ($o) = opened(path($other) . '/watch', { as => 'alice' });

wsctl(qw(template edit), v('shown.id'), '--display-name', 'To be seen',
      '--icon', '/icon.svg', '--allow-user-cancel', 'false');

my $e = news($s);

is $e->{json}{template_display_name}, 'To be seen';
is $e->{json}{template_icon}, '/icon.svg';
ok !$e->{json}{template_allow_user_cancel_workspace_jobs};
cmp_ok $e->{id}, '>', $first->{id}, 'with another id';
ok !$e->{json}{outdated};

wsctl(qw(version create --template), v('shown.id'), 'v2', '--promote');

ok news($s)->{json}{outdated}, 'a new version';

my $ttl = change($w);

is news($s)->{json}{ttl_ms}, $ttl;
is news($o, 0.2), undef, 'those of other templates get nothing';



=== TEST 11: who comes back with the current id gets no repeat
--- scenario
my $w = create();
my ($s, $old) = opened(path($w) . '/watch', { as => 'alice' });

change($w);

my $now = news($s);
my $b = start_node(name => 'b');

for my $node (node(), $b) {
    my $again = sub {
        my ($id) = @_;
        my $s = sse_open($node, path($w) . '/watch',
                         { as      => 'alice',
                           headers => { 'Last-Event-ID' => $id } });

        is soon($s)->{event}, 'ping';

        return $s;
    };

    my $same = $again->($now->{id});

    is $same->next_event(0.3), undef, 'no repeat';

    for my $id ($old->{id}, $now->{id} + 1, "0$now->{id}", 'x', '-1',
                '99999999999999999999999')
    {
        my $e = soon($again->($id));

        is $e && $e->{id}, $now->{id}, "the state after $id";
    }

    my $ttl = change($w);

    $old = $now;
    $now = news($same);

    is $now->{json}{ttl_ms}, $ttl, 'and what comes then';
}



=== TEST 12: dialect coder: a ping only, later changes, the server's frames
--- location
workspace_dialect coder;
--- scenario
my $w = create();
my $sock = raw_open(node(), 'GET ' . path($w) . "/watch HTTP/1.0\n");

like raw_read($sock, qr/ping/), qr/\r\n\r\nevent: ping\n\n\z/, 'a ping';
is raw_read($sock, qr/\n\n/, 0.3), '', 'no state';

my $ttl = change($w);

like raw_read($sock, qr/\n\n/),
     qr/\Aevent: data\ndata: \{.*"ttl_ms":$ttl\b.*\}\n\n\z/,
     'a change, without an id';

# EventSource asks for text/event-stream, and comes back with the id

my $s = sse_open(path($w) . '/watch',
                 { as => 'alice',
                   headers => { 'Accept' => 'text/event-stream' } });

is soon($s)->{event}, 'ping';
is $s->next_event(0.3), undef;

$ttl = change($w);

my $e = news($s);

is $e->{json}{ttl_ms}, $ttl;
like $e->{id}, qr/^\d+$/, 'an id for who knows what it is';

for my $case ([ $e->{id}, 0 ], [ $e->{id} - 1, 1 ]) {
    my ($id, $repeat) = @$case;
    my $s = sse_open(path($w) . '/watch',
                     { as => 'alice', headers => { 'Last-Event-ID' => $id } });

    is soon($s)->{event}, 'ping';
    is !!$s->wait_event(0.3, sub { 1 }), !!$repeat, "after id $id";
}



=== TEST 13: pings every 15 s; the right to watch is checked with them
--- before
v('dora.id', wsctl(qw(user create dora --org acme)));
v('dora.token', wsctl(qw(token create dora)));
v('revoked.token', wsctl(qw(token create alice)));
--- scenario
my $w = create();
my $own = create(as => 'dora');

my ($good) = opened(path($w) . '/watch', { as => 'alice' });
my $start = now_ms();

# long enough to open a stream with, over when rights are looked at

v('short.token', wsctl(qw(token create alice --lifetime 10s)));

my ($suspended) = opened(path($own) . '/watch', { as => 'dora' });
my ($expired) = opened(path($w) . '/watch', { as => 'short' });
my ($revoked) = opened(path($w) . '/watch', { as => 'revoked' });

wsctl(qw(user suspend dora));
wsctl(qw(token revoke), substr v('revoked.token'), 0, 10);

my $ping = $good->next_event(17);

is $ping->{event}, 'ping';
cmp_ok now_ms() - $start, '>', 14500;
cmp_ok now_ms() - $start, '<', 15500;

for my $case ([ 'user suspended', $suspended ], [ 'token expired', $expired ],
              [ 'token revoked', $revoked ])
{
    my ($what, $s) = @$case;
    my $e = $s->wait_event(2, sub { $_->{event} eq 'error' });

    ok $e, $what;
    ok length $e->{json}{message}, 'with an error body';
    is $s->next_event(2), undef;
    ok $s->complete, 'and the end';
}

my $ttl = change($w);

is news($good)->{json}{ttl_ms}, $ttl, 'who may goes on';



=== TEST 14: pings go on while Redis does not answer
--- scenario
my $w = create();
my ($s) = opened(path($w) . '/watch', { as => 'alice' });

redis_stop();

my $e = $s->next_event(17);

redis_cont();

is $e && $e->{event}, 'ping';
is $s->next_event(0.5), undef, 'no error';

ok +(wait_for { http(GET => path($w), { as => 'alice' })->status == 200 } 5);

my $ttl = change($w);

is news($s, 5)->{json}{ttl_ms}, $ttl, 'it goes on';



=== TEST 15: a slow watcher gets the newest state, not a backlog
--- scenario
my $w = large();
my $node = start_node(name => 'one', workers => 1);
my ($slow) = opened($node, path($w) . '/watch', { as => 'alice' });
my ($fast) = opened($node, path($w) . '/watch', { as => 'alice' });
my ($last, @fast, @slow);

# 12 MB, more than sockets hold; the fast one keeps up

for (1 .. 120) {
    $last = change($w);

    push @fast, news($fast) || last;
}

is scalar(@fast), 120, 'the fast one got each change';
is $fast[-1]{json}{ttl_ms}, $last;

while (my $e = news($slow)) {
    push @slow, $e;
    last if $e->{json}{ttl_ms} == $last;
}

cmp_ok scalar(@slow), '<', 120, 'the slow one did not: ' . @slow;
is $slow[-1]{json}{ttl_ms}, $last, 'but the last one';
is scalar(grep { $slow[$_]{id} <= $slow[$_ - 1]{id} } 1 .. $#slow), 0,
   'ids rise';

my $ttl = change($w);

is news($slow)->{json}{ttl_ms}, $ttl, 'and then it keeps up';



=== TEST 16: slow watchers cost no memory for what they have not read
--- scenario
my $w = large();
my $node = start_node(name => 'one', workers => 1);
my @slow = map { (opened($node, path($w) . '/watch', { as => 'alice' }))[0] }
           1 .. 20;

change($w) for 1 .. 20;

my $before = $node->memory->{Rss};

change($w) for 1 .. 100;

# 200 MB were it kept for each, 10 MB were it kept once

cmp_ok $node->memory->{Rss} - $before, '<', 5_000_000, 'memory'
    if !$ENV{WORKSPACE_SANITIZED};
is scalar(grep { $_->closed } @slow), 0, 'all are open';



=== TEST 17: a client that takes nothing for send_timeout is closed
--- scenario
my $w = large();
my $node = start_node(name => 'one', workers => 1,
                      location => 'send_timeout 1s;');
my $sock = raw_open($node, 'GET ' . path($w) . "/watch HTTP/1.1\n",
                    rcvbuf => 4096);

ok +(wait_for { subscriptions($w) == 1 } 3);

# one that reads is not

my ($good) = opened($node, path($w) . '/watch', { as => 'alice' });

for (1 .. 100) {
    change($w);
    news($good);
}

ok wait_for { $node->log(qr/client timed out/) } 5;
ok !$good->closed;



=== TEST 18: streams that are gone leave nothing behind
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);
my @streams = map { (opened($node, path($w) . '/watch',
                            { as => 'alice' }))[0] } 1 .. 60;

is subscriptions($w), 1, 'one subscription';

# closed, reset, and in the middle of an event

for my $i (0 .. 58) {
    setsockopt $streams[$i]{sock}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
        if $i % 2;
    $streams[$i]->close;
    change($w) if $i % 10 == 0;
}

change($w) for 1 .. 3;

my $ttl = change($w);

ok $streams[59]->wait_event(2, sub { $_->{event} eq 'data'
                                     && $_->{json}{ttl_ms} == $ttl }),
   'the one that is left gets all';

$streams[59]->close;

ok +(wait_for { subscriptions($w) == 0 } 3), 'unsubscribed';

my ($s) = opened($node, path($w) . '/watch', { as => 'alice' });

$ttl = change($w);

is news($s)->{json}{ttl_ms}, $ttl, 'and again';



=== TEST 19: changes while the subscription is lost are not missed
--- scenario
my @w = map { create() } 1 .. 30;
my @streams = map { (opened(path($_) . '/watch', { as => 'alice' }))[0] } @w;

# another node's subscriptions die as well, its commits do not

my $b = start_node(name => 'b');

for my $round (1 .. 3) {
    redis_cmd(qw(CLIENT KILL TYPE pubsub));

    my @ttls = map { change($_, node => $b) } @w;

    for my $i (0 .. $#w) {
        my $e = $streams[$i]->wait_event(3, sub {
            $_->{event} eq 'data' && $_->{json}{ttl_ms} == $ttls[$i];
        });

        ok $e, "$round: newest state of $i" if !$e || $i == 0;
    }
}

is scalar(grep { $_->closed } @streams), 0, 'all are open';



=== TEST 20: Redis killed: streams stay and get the newest state afterwards
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);
my ($s) = opened($node, path($w) . '/watch', { as => 'alice' });

redis_kill9();

is news($s, 0.5), undef;
ok !$s->closed, 'the stream is open';

redis_start();

# a change that this node cannot have been told of

my $b = start_node(name => 'b', workers => 1);

ok +(wait_for { http($b, GET => path($w), { as => 'alice' })->status == 200 }
     5);

my $ttl = change($w, node => $b);

ok $s->wait_event(5, sub { $_->{event} eq 'data'
                           && $_->{json}{ttl_ms} == $ttl }), 'it came';



=== TEST 21: reload: streams end at once, and know when to come back
--- scenario
my $w = create();
my $big = large();
my $node = start_node(name => 'b', workers => 2);
my @streams = map { (opened($node, path($w) . '/watch',
                            { as => 'alice' }))[0] } 1 .. 20;

# some whose client does not take what it is sent

my @stuck = map { raw_open($node, 'GET ' . path($big) . "/watch HTTP/1.1\n",
                           rcvbuf => 4096) } 1 .. 3;

ok +(wait_for { subscriptions($big) >= 1 } 3);
change($big) for 1 .. 80;

my @old = $node->workers;
my $start = now_ms();

ok $node->reload, 'new workers';

my %retry;

for my $s (@streams) {
    my $e = $s->wait_event(3, sub { defined $_->{retry} }) or next;

    $retry{ $e->{retry} }++;
    soon($s);
}

is scalar(grep { $_->complete } @streams), 20, 'ended as HTTP says';
is scalar(grep { $_ >= 200 && $_ <= 2000 } keys %retry), keys %retry,
   'shortly';
cmp_ok keys %retry, '>', 5, 'not all at the same time';

ok +(wait_for { !grep { kill 0, $_ } @old } 5), 'old workers have gone';
cmp_ok now_ms() - $start, '<', 5000 * WorkspaceTest::Patience::FACTOR;

# as EventSource does

my $s = sse_open($node, path($w) . '/watch',
                 { as => 'alice',
                   headers => { 'Last-Event-ID' => $streams[0]{last_id} } });

is soon($s)->{event}, 'ping', 'it comes back';
is $s->next_event(0.3), undef, 'and has missed nothing';



=== TEST 22: clients of HTTP/2 that read nothing do not hold old workers
--- scenario
my $w = large();
my $port = free_port();
my $node = start_node(name => 'h2', http_config => <<"EOC");
server {
    listen 127.0.0.1:$port http2;
    location / { workspace_api; }
}
EOC

my @stuck = map { stuck_h2($port, path($w) . '/watch') } 1 .. 4;

ok +(wait_for { subscriptions($w) >= 1 } 3);
change($w) for 1 .. 3;

my @old = $node->workers;
my $start = now_ms();

ok $node->reload;
ok +(wait_for { !grep { kill 0, $_ } @old } 8), 'they have gone';
cmp_ok now_ms() - $start, '<', 5000, 'in time';



=== TEST 23: nothing holds an nginx that quits
--- scenario
my $w = create();
my $node = start_node(name => 'b', workers => 2);
my ($s) = opened($node, path($w) . '/watch', { as => 'alice' });

$s->close;

ok $node->quit(5), 'after a stream';

$node->start;
($s) = opened($node, path($w) . '/watch', { as => 'alice' });

redis_stop();

my $gone = $node->quit(5);

redis_cont();

ok $gone, 'with a stream, without Redis';
ok $s->wait_event(1, sub { defined $_->{retry} }), 'it was told to come back';



=== TEST 24: deleted while it is watched
--- scenario
my ($w) = stopped();
my ($s) = opened(path($w) . '/watch', { as => 'alice' });

build($w, 'delete');
report(acquire($w), 'complete');

ok $s->wait_event(3, sub { $_->{event} eq 'data'
                           && $_->{json}{latest_build}{status} eq 'deleted' }),
   'the last event shows it';
is news($s, 0.3), undef;
ok !$s->closed, 'the stream stays';

is http(GET => path($w) . '/watch', { as => 'alice' })->status, 404,
   'there is no other';



=== TEST 25: filters do not hold events back
--- location
gzip on;
gzip_types *;
gzip_min_length 1;
--- scenario
my $w = create();
my ($s) = opened(path($w) . '/watch',
                 { as      => 'alice',
                   headers => { 'Accept-Encoding' => 'gzip' } });

is $s->header('Content-Encoding'), undef;

my $ttl = change($w);

is news($s)->{json}{ttl_ms}, $ttl;



=== TEST 26: a request with a body, and one behind it
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);

for my $late (0, 1) {
    my $sock = raw_open($node, 'GET ' . path($w)
                               . "/watch HTTP/1.1\nContent-Length: 5\n");

    syswrite $sock, 'hello' if !$late;
    like raw_read($sock, qr/^data: .*\n\n/m), qr/event: ping/;

    # a pipelined request has to wait; it does not harm the stream

    syswrite $sock, 'hello' if $late;
    syswrite $sock, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    my $ttl = change($w);

    like raw_read($sock, qr/^data: .*\n\n/m), qr/"ttl_ms":$ttl\b/;

    close $sock;
}

ok +(wait_for { change($w); subscriptions($w) == 0 } 3), 'both are forgotten';



=== TEST 27: identified by nginx: no token to check
--- location
workspace_identity $http_x_user;
--- scenario
my $w = create();
my ($s) = opened(path($w) . '/watch', { headers => { 'X-User' => 'alice' } });
my $ttl = change($w);

is news($s)->{json}{ttl_ms}, $ttl;
is http(GET => path($w) . '/watch', { headers => { 'X-User' => 'bob' } })
   ->status, 404;



=== TEST 28: Redis comes back with older data, and the subscription is lost
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);
my ($s) = opened($node, path($w) . '/watch', { as => 'alice' });
my $key = key('w', $w->{id});

my $old = change($w, node => $node);
is news($s)->{json}{ttl_ms}, $old, 'before';
my $dump = redis_cmd('DUMP', $key);

for (1 .. 3) {
    my $ttl = change($w, node => $node);
    is news($s)->{json}{ttl_ms}, $ttl, 'lost later';
}

redis_cmd('RESTORE', $key, 0, $dump, 'REPLACE');
redis_cmd(qw(CLIENT KILL TYPE pubsub));

my $e = news($s);
is $e && $e->{json}{ttl_ms}, $old, 'what Redis has is shown';

my $ttl = change($w, node => $node);
$e = news($s);
is $e && $e->{json}{ttl_ms}, $ttl, 'a change after that';

my $n = sse_open($node, path($w) . '/watch', { as => 'alice' });
is soon($n)->{event}, 'ping';
$e = soon($n);
is $e && $e->{json}{ttl_ms}, $ttl, 'one who comes now';
is http($node, GET => path($w), { as => 'alice' })->json->{ttl_ms}, $ttl,
   'a reader';



=== TEST 29: a version is lost and given away again before it is missed
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);
my ($s) = opened($node, path($w) . '/watch', { as => 'alice' });
my $key = key('w', $w->{id});

my $dump = redis_cmd('DUMP', $key);
my $lost = change($w, node => $node);
is news($s)->{json}{ttl_ms}, $lost, 'before';
my $version = redis_cmd('HGET', $key, 'v');

redis_cmd('RESTORE', $key, 0, $dump, 'REPLACE');
my $ttl = change($w, node => $node);
is redis_cmd('HGET', $key, 'v'), $version, 'the same version again';
redis_cmd(qw(CLIENT KILL TYPE pubsub));

my $e = news($s);
is $e && $e->{json}{ttl_ms}, $ttl, 'what Redis has is shown';

# and is not shown twice

redis_cmd(qw(CLIENT KILL TYPE pubsub));
$ttl = change($w, node => $node);
$e = news($s);
is $e && $e->{json}{ttl_ms}, $ttl, 'a change after that';



=== TEST 30: a workspace that Redis has lost
--- scenario
my $w = create();
my $node = start_node(name => 'one', workers => 1);
my ($s) = opened($node, path($w) . '/watch', { as => 'alice' });

redis_cmd('DEL', key('w', $w->{id}));
redis_cmd(qw(CLIENT KILL TYPE pubsub));

my $e = soon($s);
is $e && $e->{event}, 'error', 'its streams are told';
like $e && $e->{json}{message}, qr/not there/, 'what has happened';
is $s->next_event(2), undef;
ok $s->complete, 'and end';
