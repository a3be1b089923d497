# Redis is slow, or stands still, and many requests wait for it: each is
# answered in time and with what it asked for, and memory stays bounded.
#
# WORKSPACE_WAITING=10000 is the long version.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Later;
use WorkspaceTest::Proxy;

use IO::Socket::INET;

use constant WAITING => $ENV{WORKSPACE_WAITING} || 1500;
use constant WORKSPACES => 40;

# seconds, so that the last is sent before the first has waited for too long
use constant READ_TIMEOUT => WAITING > 2000 ? 20 : 3;


# sends that many requests, each on a connection of its own and each for one
# of the workspaces by its id or its name

sub send_many {
    my ($n, $node) = @_;

    return map {
        my $i = $_ % WORKSPACES;
        my $path = $_ % 3 ? '/api/v2/workspaces/' . v("w$i.id")
                          : "/api/v2/users/me/workspace/w$i";

        my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                         PeerPort => $node->port)
            or die "connect: $!";

        syswrite $sock, "GET $path HTTP/1.1\r\nHost: localhost\r\n"
                        . 'Coder-Session-Token: ' . v('alice.token') . "\r\n"
                        . "Connection: close\r\n\r\n";

        { sock => $sock, id => v("w$i.id"), name => "w$i" }
    } 1 .. $n;
}


# Reads all answers: how many there are of each status; "wrong" when a body
# is not that of the workspace asked for.

sub answers {
    my (@sent) = @_;

    my %seen;

    for my $one (@sent) {
        my $text = '';

        while (sysread $one->{sock}, $text, 65536, length $text) { }

        close $one->{sock};

        my ($status) = $text =~ m{^HTTP/1.1 (\d+)};

        $status //= 'none';

        if ($status eq '200') {
            $status = 'wrong' if $text !~ /"id":"$one->{id}"/
                                 || $text !~ /"name":"$one->{name}"/;

        } elsif ($status eq '503') {
            $status = 'wrong' if $text !~ /^Retry-After: 1\r$/m;
        }

        $seen{$status}++;
    }

    return \%seen;
}


sub slow_node {
    return start_node(
        name        => 'slow',
        workers     => 1,
        connections => 3 * WAITING,
        http_config => 'workspace_redis ' . v('redis.url')
                       . ' read_timeout=' . READ_TIMEOUT . 's;',
    );
}


# nginx has taken them all

sub all_waiting {
    my ($node, $n) = @_;

    return &wait_for(sub {
        my ($pid) = $node->workers;
        my @fds = glob "/proc/$pid/fd/*";
        @fds >= $n;
    }, 10);
}


sub megabytes { int(($_[0]->memory->{Rss} || 0) / 1048576) }


run_tests();

__DATA__

=== TEST 1: workspaces
--- scenario
for my $i (0 .. WORKSPACES - 1) {
    my $r = http(POST => '/api/v2/organizations/' . v('acme.id')
                         . '/members/me/workspaces',
                 { as => 'alice', body => { name => "w$i",
                                            template_id => v('docker.id') } });
    v("w$i.id", $r->json->{id});
}

is_deeply answers(send_many(100, node())), { 200 => 100 };



=== TEST 2: Redis stands still: all are answered 503 in time, then all is well
--- scenario
my $node = slow_node();

is_deeply answers(send_many(100, $node)), { 200 => 100 };

my $before = megabytes($node);
my @peak;

for my $round (1 .. 2) {
    redis_stop();

    my $start = now_ms();
    my @sent = send_many(WAITING, $node);

    ok all_waiting($node, WAITING), 'they wait';
    push @peak, megabytes($node);

    is_deeply answers(@sent), { 503 => WAITING }, 'none hangs';

    my $took = now_ms() - $start;

    cmp_ok $took, '<', (READ_TIMEOUT + 20) * 1000, 'nor long';

    redis_cont();
    $start = now_ms();

    ok &wait_for(sub {
        answers(send_many(1, $node))->{200};
    }, 10), 'Redis goes on';

    diag WAITING . " waited, the last was answered after $took ms; "
         . 'recovered after ' . (now_ms() - $start) . ' ms; '
         . "$before MB before, $peak[-1] MB while they waited"
        if $ENV{WORKSPACE_WAITING};

    is_deeply answers(send_many(WAITING, $node)), { 200 => WAITING },
              'each gets what it asked for';
}

# sanitizers keep what was freed

if (!$ENV{WORKSPACE_SANITIZED}) {
    cmp_ok $peak[0], '<', $before + 40 + WAITING / 50, 'memory is bounded';
    cmp_ok $peak[1], '<', $peak[0] + 20, 'and does not grow';
}



=== TEST 3: Redis is slow, but fast enough: all wait, all are answered
--- scenario
my $node = slow_node();

is_deeply answers(send_many(10, $node)), { 200 => 10 };

redis_cmd(qw(CLIENT PAUSE 1000 ALL));

is_deeply answers(send_many(WAITING, $node)), { 200 => WAITING };



=== TEST 4: a pause longer than the timeout, and requests all the time
--- scenario
my $node = slow_node();

is_deeply answers(send_many(10, $node)), { 200 => 10 };

redis_cmd(qw(CLIENT PAUSE), READ_TIMEOUT * 1000 + 2000, 'ALL');

my (%seen, $ok);

ok &wait_for(sub {
    my $seen = answers(send_many(50, $node));
    $seen{$_} += $seen->{$_} for keys %$seen;
    ($seen->{200} || 0) == 50;
}, 60), 'over';

is join(' ', sort keys %seen), '200 503', 'nothing else was answered';



=== TEST 5: Redis reads but does not write: who waits for a job waits no longer
--- scenario
v('p1.token', wsctl(qw(provisioner create p1)));

my $node = slow_node();

my $acquire = sub {
    my ($wait_ms) = @_;

    return http_later($node, POST => '/api/v2/provisioners/me/acquire',
                      { as => 'p1', body => { wait_ms => $wait_ms } });
};

# all that was made above waits; this one began before the pause

my $r = $acquire->(0)->answer;

is $r->status, 200;

redis_cmd(qw(CLIENT PAUSE 60000 WRITE));

# over while the job is acquired, which ends with Redis' time

my $wait = READ_TIMEOUT * 1000 / 2;

$r = $acquire->($wait)->answer(READ_TIMEOUT * 2 + 2);

is $r->status, 204, 'no job';
cmp_ok $r->{seconds} * 1000, '>=', $wait, 'not before its time';

redis_cmd(qw(CLIENT UNPAUSE));

# none is lost, none is given twice

my (%seen, $again);

ok &wait_for(sub {
    my $r = $acquire->(0)->answer;

    $again++ if $r->status == 200 && $seen{$r->json->{job_id}}++;
    keys %seen == WORKSPACES - 1;
}, 20), 'each of the others can be had' or diag scalar keys %seen;

ok !$again, 'once';
is $acquire->(0)->answer->status, 204, 'no more';
is wsctl('check'), '', 'all invariants hold';



=== TEST 6: nobody answers a connection: connect_timeout
--- timeout: 60
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $node = start_node(name => 'connect', workers => 1, http_config =>
                      'workspace_redis ' . $proxy->url
                      . ' connect_timeout=3s read_timeout=40s;');

is_deeply answers(send_many(10, $node)), { 200 => 10 };

# who connects when the backlog is full gets no answer

my $port = $proxy->{port};
undef $proxy;

my @full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
                                 Listen => 1, ReuseAddr => 1) or die $!;

push @full, IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
                                  Blocking => 0) for 1 .. 4;

# a request may come when some of the time is over

my $longest = 0;

ok &wait_for(sub {
    my $start = now_ms();
    answers(send_many(1, $node))->{503} or die 'not 503';
    my $took = now_ms() - $start;
    $longest = $took if $took > $longest;
    $longest >= 2500;
}, 30), 'they wait for the connection as long as that says';

cmp_ok $longest, '<', 20_000, 'and not for read_timeout';



=== TEST 7: Redis does not read: send_timeout
--- timeout: 60
--- scenario
my $node = start_node(name => 'send', workers => 1, connections => 8192,
                      http_config => 'workspace_redis unix:' . redis()->unix
                                     . ' send_timeout=3s read_timeout=50s;');

is_deeply answers(send_many(WORKSPACES * 3, $node)),
          { 200 => WORKSPACES * 3 };

redis_stop();

# more than the socket takes

my $start = now_ms();
my @sent = send_many(WAITING, $node);

is_deeply answers(@sent), { 503 => WAITING };

my $took = now_ms() - $start;

cmp_ok $took, '>=', 2800, 'not before send_timeout, which is not the default';
cmp_ok $took, '<', 40_000, 'and not read_timeout';
like $node->log, qr/timed out.*while sending to/, 'for this reason';

redis_cont();
ok &wait_for(sub { answers(send_many(1, $node))->{200} }, 10);
