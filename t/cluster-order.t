
# Commands of one slot end in the order of their issue, whatever becomes of
# each of them.  The nodes are one Redis behind proxies that make a cluster
# of it.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Later;
use WorkspaceTest::Life;
use WorkspaceTest::Proxy;

run_tests();

__DATA__

=== TEST 1: one was sent on to another node, one behind it gets no answer
--- scenario
my $w = create();
my $path = "/api/v2/workspaces/$w->{id}/builds";

# there is a build, and then there are two

redis_cmd('ZADD', key('builds', $w->{id}), 0, uuid());

my $other = WorkspaceTest::Proxy->new(to => v('redis.port'));
my ($here, $there) = (free_port(), $other->{port});
my $n = 0;

my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'), port => $here,
                                      rewrite => sub {
    my (@words) = @_;

    return ('EVAL', "return {{0, 16383, {'127.0.0.1', ARGV[1] + 0, 'a'}}}",
            0, $here)
        if uc $words[0] eq 'CLUSTER';

    return @words if "@words" !~ /^HGET \S+:build:\S+ d$/;

    # the first is at the other node, what follows breaks the connection

    return if $n++;
    return ('EVAL', "return redis.error_reply('ASK 1 127.0.0.1:' .. ARGV[1])",
            0, $there);
});

my $node = start_node(name => 'cluster', workers => 1, http_config =>
    "workspace_redis cluster://127.0.0.1:$here pubsub=plain;");

wait_for { http($node, GET => "/api/v2/workspaces/$w->{id}",
                { as => 'alice' })->status == 200 };

$other->hold(':build:');

my $list = http_later($node, GET => $path, { as => 'alice' });

ok wait_for { $other->held }, 'the first waits';
ok wait_for { 2 == grep { /closed while reading from redis/ }
                        split /\n/, $node->log },
   'the second was sent twice in vain';
is $list->answered, 0, 'it does not end before the first has';

$other->go;

is $list->answer(10)->status, 503, 'then both do';
is http($node, GET => "/api/v2/workspaces/$w->{id}",
        { as => 'alice' })->status, 200, 'and all goes on';
