# Many jobs, eight provisioners over two nodes, one of them killed at random
# every few seconds: every job ends, none is run twice, none is lost.
#
#     WORKSPACE_JOBS=5000 prove -It/lib -v t/provisioner-storm.t
#
# is the long version; the default is one that a test run can afford.

use lib 't/lib';
use WorkspaceTest;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time);

my %running;

END { kill 'KILL', keys %running if !$WorkspaceTest::forked }

# the scenarios are compiled in another package

sub running { return \%running }
sub jobs { return $ENV{WORKSPACE_JOBS} || 300 }

# of several owners, and so in several shards

my @owners = qw(alice bob orgadmin tplmgr auditor usermgr);

sub owner_of { return $owners[$_[0] % @owners] }


sub provisioner {
    my ($node, $templates) = @_;

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $WorkspaceTest::forked = 1;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', v('work') . '/provisioners.log';
        open STDERR, '>&', \*STDOUT;
        $ENV{WORKSPACE_PROVISIONER_TOKEN} = v('p1.token');
        exec v('top') . '/tools/provisioner/workspace-provisioner',
             '--url', 'http://127.0.0.1:' . $node->port . '/api/v2',
             '--templates', $templates, '--concurrency', 2
            or POSIX::_exit(127);
    }

    $running{$pid} = $node;

    return $pid;
}


sub reap {
    my ($pid) = @_;

    wait_for { waitpid($pid, WNOHANG) == $pid } 30;
    delete $running{$pid};
}


# how many workspaces have a status, by status

sub statuses {
    my %n;

    for my $status (qw(pending starting running failed)) {
        $n{$status} = members("live:status:$status");
    }

    return \%n;
}


run_tests();

__DATA__

=== TEST 1: jobs that wait
--- scenario
v('p1.token', wsctl(qw(provisioner create p1)));

my $path = '/api/v2/organizations/' . v('acme.id') . '/members/me/workspaces';
my $n = 0;

while ($n < jobs()) {
    my @calls = map { [POST => $path, { as => owner_of($_), body => {
        name => "w$_", template_id => v('docker.id') } }] }
        $n + 1 .. $n + (jobs() - $n < 100 ? jobs() - $n : 100);

    $n += @calls;

    my @bad = grep { $_->status != 200 } http_all(@calls);
    is scalar @bad, 0, "$n made" or last;
}

is statuses()->{pending}, jobs();



=== TEST 2: all are run, whoever is killed
--- scenario
my $dir = temp_dir();
my $templates = temp_dir();

mkdir "$templates/docker";
open my $out, '>', "$templates/docker/start" or die $!;
print $out <<"EOC";
#!/bin/sh
echo "begin \$WORKSPACE_JOB_ID" >>$dir/runs
echo "at work"
sleep 0.0\$((\$\$ % 10))
echo "end \$WORKSPACE_JOB_ID" >>$dir/runs
EOC
close $out;
chmod 0755, "$templates/docker/start";

my @nodes = (node(), start_node(name => 'b'));
my $start = time;
my $killed = 0;

provisioner($nodes[$_ % 2], $templates) for 1 .. 8;

my $next = time + 1;
my ($done, $half);

while (time - $start < 60 + jobs() / 2) {
    my $n = statuses();

    $done = $n->{pending} == 0;
    last if $done;

    if (time >= $next) {
        my @pids = keys %{ running() };
        my $pid = $pids[rand @pids];
        my $node = running()->{$pid};

        kill 'KILL', $pid;
        reap($pid);
        provisioner($node, $templates);

        $killed++;
        $next = time + 1 + rand 2;
    }

    wait_for { statuses()->{pending} == 0 || time >= $next } 5;
}

ok $done, 'no job waits any more';
cmp_ok $killed, '>', 0, 'some were killed';

my $busy = time - $start;

# those whose provisioner was killed end with their leases

ok +(wait_for { statuses()->{starting} == 0 } 45), 'and none runs';

my $n = statuses();

is $n->{running} + $n->{failed}, jobs(), 'all have ended';

my (%begun, %ended);

open my $in, '<', "$dir/runs" or die $!;

while (<$in>) {
    my ($what, $job) = split;
    $what eq 'begin' ? $begun{$job}++ : $ended{$job}++;
}

is scalar(grep { $_ > 1 } values %begun), 0, 'none was run twice';
cmp_ok scalar(keys %ended), '>=', $n->{running}, 'what succeeded was run';

my $r = http(GET => '/api/v2/workspaces?status=failed', { as => 'admin' });
my %why;

$why{ $_->{latest_build}{job}{error} }++ for @{ $r->json->{workspaces} };

is_deeply [grep { !/silent/ } keys %why], [], 'why others failed';
cmp_ok $n->{failed}, '<=', 2 * $killed, 'only what a killed one had';
is wsctl('check'), '', 'all invariants hold';

diag sprintf '%d jobs, %d kills: no job waits after %.1f s (%.0f a second), '
             . '%d failed', jobs(), $killed, $busy, jobs() / $busy,
             $n->{failed};

kill 'TERM', keys %{ running() };
reap($_) for keys %{ running() };
