# The clock over many shards: of a node's workers two look at each, and one of
# them is enough.

use lib 't/lib';
use WorkspaceTest;

use constant { SHARDS => 64, WORKERS => 4 };

my @other = ('--prefix', 'many:', '--shards', SHARDS);

wsctl(@other, qw(org create one));


sub many_node {
    return start_node(
        name        => 'many',
        workers     => WORKERS,
        http_config => 'workspace_redis ' . v('redis.url') . ' prefix=many:;'
                       . 'workspace_shards ' . SHARDS . ';');
}


# who claims from which shard: the addresses of connections, by shard

sub claims {
    my ($n) = @_;

    my %by;

    my $pid = open my $pipe, '-|', 'redis-cli', '-p', v('redis.port'),
                   'monitor' or die "redis-cli: $!";

    while (my $line = <$pipe>) {
        my ($who, $shard) = $line =~ m{\[0\s(\S+)\]\s"eval(?:sha)?"\s.*
                                       "many:\{(\d+)\}:due"}xi or next;
        $by{$shard}{$who}++;
        last if --$n == 0;
    }

    kill 'TERM', $pid;
    close $pipe;

    return \%by;
}


sub left {
    my $n = 0;

    $n += redis_cmd('ZCARD', "many:{$_}:due") for 0 .. SHARDS - 1;

    return $n;
}


run_tests();

__DATA__

=== TEST 1: two workers look at each shard, all at the one that tells the time
--- timeout: 120
--- scenario
my $node = many_node();

ok +(wait_for { keys %{ claims(WORKERS * (SHARDS / 2 + 1)) } == SHARDS } 60);

# several rounds

my $by = claims(8 * WORKERS * (SHARDS / 2 + 1));

is scalar(keys %{ $by->{0} }), WORKERS;
is join(',', grep { keys %{ $by->{$_} } != 2 } 1 .. SHARDS - 1), '';



=== TEST 2: one that hangs is not missed
--- timeout: 120
--- scenario
for my $worker (node('many')->workers) {
    kill 'STOP', $worker;

    redis_cmd('ZADD', "many:{$_}:due", 1, 'autostop ' . uuid())
        for 0 .. SHARDS - 1;

    ok +(wait_for { left() == 0 } 60), 'all shards are looked at';

    kill 'CONT', $worker;
}
