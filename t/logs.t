# The log of a build: read, and followed.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;


# lines from a provisioner: heartbeats with up to 500 at once

sub say_lines {
    my ($job, @lines) = @_;

    while (my @some = splice @lines, 0, 500) {
        my $r = report($job, 'heartbeat',
                       logs => [ map { { output => $_, stage => 'Build' } }
                                     @some ]);
        $r->status == 200 or die 'heartbeat: ' . $r->body;
    }
}


sub logs_path {
    my ($w) = @_;

    return "/api/v2/workspacebuilds/$w->{latest_build}{id}/logs";
}


sub outputs {
    my ($r) = @_;

    return $r->status == 200 ? join ' ', map { $_->{output} } @{ $r->json }
                             : $r->status;
}


# the data events until the end of the stream: [id, output]

sub follow_all {
    my ($s, $seconds) = @_;

    my @lines;

    while (my $e = $s->next_event($seconds // 20)) {
        push @lines, [ $e->{id}, $e->{json}{output} ]
            if $e->{event} eq 'data';
    }

    return @lines;
}


# subscriptions to a build's log, over all workers of all nodes

sub followers {
    my ($w) = @_;

    return redis_cmd(qw(PUBSUB NUMSUB),
                     key('logs', $w->{latest_build}{id}))->[1];
}


sub is_whole {
    my ($lines, $first, $last, $name) = @_;

    my $wrong = grep { $lines->[$_][0] != $first + $_
                       || $lines->[$_][1] !~ /^line (\d+)/ || $1 != $first + $_
                     } 0 .. $#$lines;

    is $wrong, 0, "$name: in order";
    is scalar @$lines, $last - $first + 1, "$name: all of them, once";
}


run_tests();

__DATA__

=== TEST 1: nothing yet
--- scenario
my $w = create(name => 'one');

v('one', $w);

my $r = http(GET => logs_path($w), { as => 'alice' });

is $r->status, 200;
is $r->body, '[]';



=== TEST 2: a token that is revoked ends what it reads, see test 16
--- scenario
v('never.id', wsctl(qw(template create --org acme never)));
wsctl(qw(version create --template never v1 --tag kind=none --promote));

my $token = wsctl(qw(token create alice));
my $w = create(template => 'never');

v('revoked', sse_open(logs_path($w) . '?follow',
                      { headers => { 'Coder-Session-Token' => $token } }));

is v('revoked')->status, 200;
is sse_open(logs_path($w) . '?follow', { as => 'bob' })->status, 404;
wsctl(qw(token revoke), substr $token, 0, 10);



=== TEST 3: lines as they came, numbered
--- scenario
my $w = v('one');
my $job = acquire($w);

v('one.job', $job);

is report($job, 'heartbeat', logs => [
    { output => 'first', stage => 'Plan', level => 'debug',
      created_at => '2026-01-02T03:04:05Z' },
    { output => "tabs\t\"quotes\" \x{20ac}" },
])->status, 200;

my $lines = http(GET => logs_path($w), { as => 'alice' })->json;

is_deeply $lines->[0], {
    id => 1, created_at => '2026-01-02T03:04:05.000Z',
    log_source => 'provisioner', log_level => 'debug', stage => 'Plan',
    output => 'first',
};
is $lines->[1]{id}, 2;
is $lines->[1]{output}, "tabs\t\"quotes\" \x{20ac}";
is $lines->[1]{log_level}, 'info';
is scalar @$lines, 2;



=== TEST 4: after, before
--- scenario
my $w = v('one');

say_lines(v('one.job'), map { "l$_" } 3 .. 10);

my %want = (
    ''                     => 'l3 l4 l5 l6 l7 l8 l9 l10',
    'after=2'              => 'l3 l4 l5 l6 l7 l8 l9 l10',
    'after=8'              => 'l9 l10',
    'after=10'             => '',
    'after=1000'           => '',
    'before=5'             => 'l3 l4',
    'before=1'             => '',
    'after=4&before=7'     => 'l5 l6',
    'after=4&before=5'     => '',
    'after=8&before=1000'  => 'l9 l10',
    'after=&before='       => 'l3 l4 l5 l6 l7 l8 l9 l10',
    'follow=false&after=9' => 'l10',
);

for my $query (sort keys %want) {
    my $got = outputs(http(GET => logs_path($w) . "?$query",
                           { as => 'alice' }));
    $got =~ s/^first tabs.*\x{20ac} ?//;
    is $got, $want{$query}, "?$query";
}



=== TEST 5: what is wrong is named
--- scenario
my $w = v('one');

for my $bad ([ after => 'after=x' ], [ after => 'after=-1' ],
             [ before => 'before=1.5' ], [ before => 'before=0' ],
             [ before => 'after=5&before=5' ], [ before => 'after=5&before=4' ],
             [ before => 'follow&before=5' ], [ follow => 'follow=maybe' ])
{
    my ($field, $query) = @$bad;
    my $r = http(GET => logs_path($w) . "?$query", { as => 'alice' });

    is $r->status, 400, $query;
    is $r->json->{validations}[0]{field}, $field;
}



=== TEST 6: followed: what was there, what comes, the end
--- scenario
my $w = v('one');
my $b = start_node(name => 'b');
my $s = sse_open($b, logs_path($w) . '?follow', { as => 'alice' });

is $s->status, 200;
is $s->next_event(10)->{event}, 'ping', 'at first a ping';
ok +(wait_for { followers($w) == 1 } 10), 'one subscription';

my @got = map { $s->next_event(10) } 1 .. 10;

is join(' ', map { $_->{event} } @got), join ' ', ('data') x 10;
is join(' ', map { $_->{id} } @got), join ' ', 1 .. 10;
is $got[0]{json}{output}, 'first';

say_lines(v('one.job'), 'l11', 'l12');

is $s->next_event(10)->{json}{output}, 'l11';
is $s->next_event(10)->{json}{output}, 'l12';
ok !$s->closed;

is report(v('one.job'), 'complete')->status, 204;
ok !defined $s->next_event(10);
ok $s->complete, 'ended as HTTP says';

ok +(wait_for { followers($w) == 0 } 10), 'nobody listens any more';

my $again = sse_open(logs_path($w) . '?follow=true', { as => 'alice' });
my @all = follow_all($again);

is scalar @all, 12, 'a finished build: its log, and the end';
ok $again->complete;



=== TEST 7: a stream ends however the job does
--- scenario
my %end = (
    completed => sub { report($_[1], 'complete') },
    failed    => sub { report($_[1], 'fail', error => 'x') },
    canceled  => sub {
        http(PATCH => '/api/v2/workspacebuilds/'
                      . "$_[0]{latest_build}{id}/cancel", { as => 'alice' });
        report($_[1], 'fail', error => 'killed');
    },
    'ended by hand' => sub {
        wsctl(job => finish => $_[0]{latest_build}{job}{id});
    },
);

for my $how (sort keys %end) {
    my $w = create();
    my $job = acquire($w);
    my $s = sse_open(logs_path($w) . '?follow', { as => 'alice' });

    say_lines($job, 'line 1');
    ok $s->wait_event(10, sub { $_->{event} eq 'data' }), $how;
    $end{$how}->($w, $job);
    ok wait_for { $s->pump(0.01); $s->complete } 10;
}

my $w = create();
my $s = sse_open(logs_path($w) . '?follow', { as => 'alice' });

http(PATCH => "/api/v2/workspacebuilds/$w->{latest_build}{id}/cancel",
     { as => 'alice' });
ok +(wait_for { $s->pump(0.01); $s->complete } 10), 'canceled while it waits';
is http(GET => logs_path($w) . '?follow', { as => 'alice' })->status, 204,
   'it has ended, and there is nothing to come';



=== TEST 8: many followers, two nodes, lines that come while they read
--- timeout: 60
--- scenario
my $b = start_node(name => 'b');
my $w = create(name => 'busy');
my $job = acquire($w);
my $n = 0;

say_lines($job, map { 'line ' . ++$n } 1 .. 250);

my @s;

for my $i (0 .. 9) {
    push @s, sse_open($i % 2 ? $b : node('main'),
                      logs_path($w) . '?follow&after=' . $i * 10,
                      { as => 'alice' });
    say_lines($job, map { 'line ' . ++$n } 1 .. 23);
}

say_lines($job, map { 'line ' . ++$n } 1 .. 1000);
report($job, 'complete');

for my $i (0 .. 9) {
    my @lines = follow_all($s[$i]);

    is_whole(\@lines, $i * 10 + 1, $n, "follower $i");
    ok $s[$i]->complete;
}

v('busy', $w);
v('busy.n', $n);



=== TEST 9: a log longer than a batch, read at once
--- scenario
my $w = v('busy');
my $r = http(GET => logs_path($w), { as => 'alice' });

is $r->header('transfer-encoding'), 'chunked';
is_whole([ map { [ $_->{id}, $_->{output} ] } @{ $r->json } ], 1,
         v('busy.n'), 'all');

$r = http(GET => logs_path($w) . '?after=100&before=701', { as => 'alice' });
is_whole([ map { [ $_->{id}, $_->{output} ] } @{ $r->json } ], 101, 700,
         'a part');

is http(HEAD => logs_path($w), { as => 'alice' })->status, 200;
is http(HEAD => logs_path($w) . '?follow', { as => 'alice' })->status, 200,
   'nothing is followed by HEAD';



=== TEST 10: coming back
--- scenario
my $w = v('busy');
my $n = v('busy.n');

my $from = sub {
    my ($id, $query) = @_;

    return sse_open(logs_path($w) . "?follow$query",
                    { as => 'alice', headers => { 'Last-Event-ID' => $id } });
};

is_whole([ follow_all($from->(500, '')) ], 501, $n, 'from where it was');
is_whole([ follow_all($from->(500, '&after=700')) ], 701, $n,
         'not before "after"');
is_whole([ follow_all($from->('x', '&after=700')) ], 701, $n, 'not an id');
is $from->($n, '')->status, 204, 'there is no more: do not come back';
is $from->($n + 5, '')->status, 204;
is $from->($n - 1, '')->status, 200;



=== TEST 11: a client that reads nothing holds nobody up, and gets all
--- timeout: 120
--- scenario
my $node = start_node(name => 'one', workers => 1);
my $w = create(name => 'slow');
my $job = acquire($w);
my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $node->port);

# not so few that it would take minutes to read everything

setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 65536;
print $sock 'GET ' . logs_path($w) . "?follow HTTP/1.1\r\nHost: x\r\n"
            . 'Coder-Session-Token: ' . v('alice.token') . "\r\n\r\n";

my $quick = sse_open($node, logs_path($w) . '?follow', { as => 'alice' });
my $pad = ' ' . 'x' x 3900;
my $n = 0;
my (@lines, @rss);

# 12 MB: more than sockets take

for my $round (1 .. 30) {
    say_lines($job, map { 'line ' . ++$n . $pad } 1 .. 100);

    while (@lines < $n) {
        my $e = $quick->next_event(10) or last;
        push @lines, [ $e->{id}, $e->{json}{output} ]
            if $e->{event} eq 'data';
    }

    push @rss, $node->memory->{Rss};
}

is_whole(\@lines, 1, $n, 'the quick one');
cmp_ok $rss[29] - $rss[9], '<', 2_000_000, 'what is not read is not kept'
    if !$ENV{WORKSPACE_SANITIZED};

is report($job, 'complete')->status, 204;

my $text = '';

ok +(wait_for {
    sysread $sock, $text, 1 << 20, length $text;
    substr($text, -7) eq "\r\n0\r\n\r\n";
} 60), 'to the end';

my @ids = $text =~ /^id: (\d+)\r?$/mg;

is join(' ', @ids), join(' ', 1 .. $n), 'all, in order, once';



=== TEST 12: Redis dies and comes back
--- timeout: 60
--- scenario
my $w = create(name => 'outage');
my $job = acquire($w);
my $s = sse_open(logs_path($w) . '?follow', { as => 'alice' });

say_lines($job, map { "line $_" } 1 .. 20);

my @lines;

while (@lines < 20) {
    my $e = $s->next_event(10) or last;
    push @lines, [ $e->{id}, $e->{json}{output} ] if $e->{event} eq 'data';
}

redis_kill9;
redis_start;

ok +(wait_for {
    report($job, 'heartbeat',
           logs => [ map { { output => "line $_" } } 21 .. 40 ])->status
    == 200;
} 10), 'its provisioner goes on';

while (@lines < 40) {
    my $e = $s->next_event(10) or last;
    push @lines, [ $e->{id}, $e->{json}{output} ] if $e->{event} eq 'data';
}

is_whole(\@lines, 1, 40, 'nothing is lost');
is report($job, 'complete')->status, 204;
ok +(wait_for { $s->pump(0.01); $s->complete } 10), 'and the end is seen';



=== TEST 13: a reload ends the stream, which is taken up again
--- timeout: 60
--- scenario
my $b = start_node(name => 'b');
my $w = create(name => 'reload');
my $job = acquire($w);
my $s = sse_open($b, logs_path($w) . '?follow', { as => 'alice' });

say_lines($job, map { "line $_" } 1 .. 5);

my @lines;

while (@lines < 5) {
    my $e = $s->next_event(10) or last;
    push @lines, [ $e->{id}, $e->{json}{output} ] if $e->{event} eq 'data';
}

ok $b->reload, 'old workers leave';
ok wait_for { $s->pump(0.01); $s->closed } 10;
ok defined $s->{retry}, 'with the order to come back soon';

say_lines($job, map { "line $_" } 6 .. 9);

$s = sse_open($b, logs_path($w) . '?follow',
              { as => 'alice', headers => { 'Last-Event-ID' => 5 } });
report($job, 'complete');
push @lines, follow_all($s);
is_whole(\@lines, 1, 9, 'before and after');



=== TEST 14: a node that dies takes no line with it
--- timeout: 60
--- scenario
my $b = start_node(name => 'b', expect_alerts => 1);
my $w = create(name => 'killed');
my $job = acquire($w);
my $s = sse_open($b, logs_path($w) . '?follow', { as => 'alice' });

say_lines($job, map { "line $_" } 1 .. 300);
ok $s->wait_event(10, sub { ($_->{id} // 0) == 100 });
$b->kill9;

my @lines = map { [ $_->{id}, $_->{json}{output} ] }
                grep { $_->{event} eq 'data' } $s->drain(0.1);
my $last = @lines ? $lines[-1][0] : 100;

$s = sse_open(logs_path($w) . '?follow',
              { as => 'alice', headers => { 'Last-Event-ID' => $last } });
report($job, 'complete');
push @lines, follow_all($s);
is_whole(\@lines, 101, 300, 'the rest');



=== TEST 15: clients that leave are forgotten
--- scenario
my $w = create(name => 'left');
my $job = acquire($w);
my @s = map { sse_open(logs_path($w) . '?follow', { as => 'alice' }) } 1 .. 3;

ok +(wait_for { followers($w) } 10);
$_->close for @s[0, 1];
say_lines($job, 'line 1');
ok $s[2]->wait_event(10, sub { $_->{event} eq 'data' }), 'one stays';
$s[2]->close;
ok +(wait_for { followers($w) == 0 } 10), 'all have left';
is report($job, 'complete')->status, 204;



=== TEST 16: whoever loses the right to read is sent away
--- scenario
my $s = v('revoked');

# rights are looked at with pings, every 15 seconds: it was opened long ago

ok $s->wait_event(30, sub { $_->{event} eq 'error' });
ok wait_for { $s->pump(0.01); $s->complete } 10;



=== TEST 17: the next build has a log of its own
--- scenario
my $w = v('one');
my $first = logs_path($w);
my $b = build($w, 'stop');
my $second = "/api/v2/workspacebuilds/$b->{id}/logs";
my $s = sse_open("$second?follow", { as => 'alice' });
my $old = sse_open("$first?follow", { as => 'alice' });

is scalar follow_all($old), 12, 'a superseded one is whole, and ended';
ok $old->complete;

my $job = acquire($w);

say_lines($job, 'line 1');
report($job, 'complete');
is_whole([ follow_all($s) ], 1, 1, 'the new one');
is outputs(http(GET => $second, { as => 'alice' })), 'line 1';
is wsctl('check'), '', 'all invariants hold';
