# Reloading nginx while it is used: no request fails, streams are told to come
# back and do, and the old workers go.

use lib 't/lib';
use WorkspaceTest;

use POSIX ();

run_tests();

__DATA__

=== TEST 1: a workspace
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: 100 watches and steady requests through three reloads
--- scenario
my $node = start_node(name => 'b', workers => 2);
my $w = '/api/v2/workspaces/' . v('dev.id');
my @streams = map { sse_open($node, "$w/watch", { as => 'alice' }) } 1 .. 100;

is scalar(grep { $_->status == 200 } @streams), 100, 'all are open';

# requests in a process of their own, until it is told to stop

pipe my $stop, my $tell or die $!;
pipe my $read, my $write or die $!;

my $pid = fork // die $!;

if ($pid == 0) {
    close $tell;
    my ($sent, %status) = (0);
    my $told = '';

    vec($told, fileno $stop, 1) = 1;

    until (select my $ready = $told, undef, undef, 0) {
        my @all = http_all(
            (map { [ $node, GET => $w, { as => 'alice', validate => 0 } ] }
                 1 .. 6),
            [ $node, PUT => "$w/ttl", { as => 'alice', validate => 0,
                                        body => { ttl_ms => 60000
                                                  * (1 + $sent % 100) } } ],
            [ $node, GET => '/api/v2/workspaces',
              { as => 'alice', validate => 0 } ]);

        $sent += @all;
        $status{$_->status || $_->error}++ for @all;
    }

    syswrite $write, join(' ', map { "$_:$status{$_}" } sort keys %status);
    POSIX::_exit(0);
}

close $write;

for my $n (1 .. 3) {
    my @old = $node->workers;

    ok $node->reload, "reload $n: new workers";
    ok +(wait_for { !grep { kill 0, $_ } @old } 5), 'the old ones have gone';

    is scalar(grep { $_->wait_event(2, sub { defined $_->{retry} }) }
                   @streams), 100, 'each stream was told when to come back';
    is scalar(grep { $_->complete } @streams), 100, 'and ended in order';

    @streams = map { sse_open($node, "$w/watch", { as => 'alice' }) }
               1 .. 100;

    is scalar(grep { $_->wait_event(2, sub { $_->{event} eq 'data' }) }
                   @streams), 100, 'they are back';
}

close $tell;

my $status = do { local $/; <$read> };

waitpid $pid, 0;

unlike $status, qr/(?:^| )(?!200:|204:)\S/, 'no request failed';
like $status, qr/\b200:\d{2}/, 'there were many';



=== TEST 3: a worker that is killed takes nothing but its connections along
--- scenario
my $node = start_node(name => 'b', workers => 2, expect_alerts => 1);
my $w = '/api/v2/workspaces/' . v('dev.id');

for my $n (1 .. 3) {
    my ($victim) = $node->workers;

    kill KILL => $victim;

    ok wait_for { my @now = $node->workers;
                  @now == 2 && !grep { $_ == $victim } @now } 5;
    is http($node, PATCH => $w, { as => 'alice', body => { name => "n$n" } })
       ->status, 204;
}

is wsctl('check'), '', 'all invariants hold';



=== TEST 4: a configuration that takes longer to read than Redis may take
--- scenario
my ($begin, $end) = map { temp_dir() . '/fifo' } 1 .. 2;

POSIX::mkfifo($_, 0600) or die "$_: $!" for $begin, $end;

my $writer = fork // die $!;

if ($writer == 0) {

    # nginx waits in open(), as long as is to be, until this opens it, too

    open my $out, '>', $begin;
    close $out;
    select undef, undef, undef, 2.5;
    open $out, '>', $end;
    POSIX::_exit(0);
}

my $node = start_node(name        => 'c',
                      workers     => 1,
                      http_config => "include $begin; include $end;");
my $r = http($node, GET => '/api/v2/workspaces/' . v('dev.id'),
             { as => 'alice' });

is $r->status, 200, 'a new worker has the time of now, not of before';
is waitpid($writer, 0), $writer;
is $?, 0;
