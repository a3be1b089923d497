package WorkspaceTest::Cluster;

# A Redis Cluster of 3 primaries, each with a replica:
#
#     use WorkspaceTest seed => 'none';
#     use WorkspaceTest::Cluster;
#
#     my $cluster = cluster(shards => 16);    # started, planted with the cast
#
# replicas => 0 leaves them out.  tls => { ... } gives nodes a second port, for
# TLS, and to redis-server the options of these names without "--tls-"; conf
# => '...' are parameters of "workspace_redis" then.  users => [ [ 'nginx',
# ... ], [ 'wsctl', ... ] ] has nginx and wsctl come as these users: each is a
# list for documented() of WorkspaceTest::Acl.
#
#     $cluster->url                cluster://..., all nodes; with TLS
#                                  clusters://...
#     $cluster->url('nginx')       the same as this user, if there are users
#     $cluster->plain              without TLS
#     $cluster->conf               lines for "http" of nginx
#     $cluster->slot('{3}')        the slot of a key or tag
#     $cluster->primary($slot)     the WorkspaceTest::Redis that has it
#     $cluster->primaries
#     $cluster->home($id)          the node that has a workspace
#     $cluster->id($redis)         what CLUSTER NODES calls it
#     $cluster->kill9($redis)      and it stays away
#     $cluster->move($slot, $redis, sub { ... })
#                                  moves a slot; the code is called with the
#                                  number of keys left, again and again
#
# cluster() makes it the Redis of wsctl and of the blocks' nginx, unless it is
# bare => 1.

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(sleep);

use WorkspaceTest::Acl;
use WorkspaceTest::Redis;

our @EXPORT = qw(cluster);


sub cluster {
    my (%o) = @_;

    my $self = bless { shards => 1, replicas => 1, conf => '', users => [],
                       %o },
                     __PACKAGE__;

    $self->{nodes} = [ map { $self->node } 1 .. 3 + 3 * $self->{replicas} ];

    my @addresses = map { '127.0.0.1:' . $_->port } @{ $self->{nodes} };

    my $out = `redis-cli --cluster create @addresses \\
               --cluster-replicas $self->{replicas} --cluster-yes 2>&1`;

    $? == 0 or die "redis-cli --cluster create: $out";

    WorkspaceTest::wait_for(sub { $self->settled }, 30)
        or die 'the cluster does not settle';

    if (!$o{bare}) {
        $ENV{WORKSPACE_REDIS} = $self->plain('wsctl');
        $ENV{WORKSPACE_SHARDS} = $self->{shards};
        WorkspaceTest::use_redis($self->conf);
        WorkspaceTest::Seed::plant();
    }

    return $self;
}


sub node {
    my ($self) = @_;

    my %tls;

    %tls = (%{ $self->{tls} }, cluster => 'yes', replication => 'yes',
            port => WorkspaceTest::free_port()) if $self->{tls};

    my @users;

    for my $user (@{ $self->{users} }) {
        my (undef, undef, @words) = documented(@$user);

        push @users, '--user', @words;
    }

    return WorkspaceTest::Redis->new(
        dir  => WorkspaceTest::temp_dir(),
        port => WorkspaceTest::free_port(),
        peer => $tls{port},
        args => [ (map { ("--tls-$_", $tls{$_}) } keys %tls), @users,
                  '--cluster-enabled', 'yes',
                  '--cluster-port', WorkspaceTest::free_port(),
                  '--cluster-node-timeout', 1500,
                  '--cluster-replica-validity-factor', 0,
                  '--repl-diskless-sync-delay', 0 ],
    );
}


# the port that nodes tell each other, and those who come by it

sub peer_port { $_[1]{peer} // $_[1]->port }


sub url {
    my ($self, $user) = @_;

    return ($self->{tls} ? 'clusters://' : 'cluster://') . $self->as($user)
           . join ',', map { '127.0.0.1:' . $self->peer_port($_) }
                       @{ $self->{nodes} };
}


sub plain {
    my ($self, $user) = @_;

    return 'cluster://' . $self->as($user)
           . join ',', map { '127.0.0.1:' . $_->port } @{ $self->{nodes} };
}


sub as {
    my ($self, $user) = @_;

    return $user && @{ $self->{users} } ? "$user:s3cret\@" : '';
}


sub conf {
    my ($self) = @_;

    return 'workspace_redis ' . $self->url('nginx') . " $self->{conf};\n"
           . "workspace_shards $self->{shards};\n";
}


sub alive { grep { $_->pid } @{ $_[0]{nodes} } }


# all nodes agree that all slots are served, and replicas follow

sub settled {
    my ($self) = @_;

    for my $node ($self->alive) {
        my $info = $node->cmd('CLUSTER', 'INFO');

        return 0 if $info !~ /^cluster_state:ok/m
                    || $info !~ /^cluster_slots_ok:16384/m;

        my $replication = $node->cmd('INFO', 'replication');

        return 0 if $replication =~ /^role:slave/m
                    && $replication !~ /^master_link_status:up/m;
    }

    return 1;
}


sub slot {
    my ($self, $key) = @_;

    return ($self->alive)[0]->cmd('CLUSTER', 'KEYSLOT', $key);
}


sub id { $_[1]->cmd('CLUSTER', 'MYID') }


sub primaries {
    my ($self) = @_;

    return grep {
        $_->cmd('INFO', 'replication') =~ /^role:master/m
    } $self->alive;
}


sub primary {
    my ($self, $slot) = @_;

    for my $node ($self->primaries) {
        for my $range (@{ $node->cmd('CLUSTER', 'SLOTS') }) {
            next if $slot < $range->[0] || $slot > $range->[1];
            return $node if $range->[2][1] == $node->port;
        }
    }

    return;
}


sub home {
    my ($self, $id) = @_;

    my $tag = WorkspaceTest::tag($id, $self->{shards});

    return $self->primary($self->slot($tag));
}


sub kill9 { $_[1]->kill9 }


sub move {
    my ($self, $slot, $to, $each) = @_;

    my $from = $self->primary($slot);

    $to->cmd('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $self->id($from));
    $from->cmd('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $self->id($to));

    for ( ;; ) {
        my $keys = $from->cmd('CLUSTER', 'GETKEYSINSLOT', $slot, 1);

        $each->($from->cmd('CLUSTER', 'COUNTKEYSINSLOT', $slot)) if $each;

        last if !@$keys;

        $from->cmd('MIGRATE', '127.0.0.1', $self->peer_port($to), $keys->[0],
                   0, 5000);
    }

    for my $node ($to, $from, grep { $_ != $to && $_ != $from }
                              $self->primaries)
    {
        $node->cmd('CLUSTER', 'SETSLOT', $slot, 'NODE', $self->id($to));
    }

    $each->(-1) if $each;

    return $from;
}


# how often nodes answered with an error, or carried out a command

sub errors {
    my ($self, $code) = @_;

    return $self->count('errorstats', qr/^errorstat_$code:count=(\d+)/m);
}


sub calls {
    my ($self, $command) = @_;

    return $self->count('commandstats', qr/^cmdstat_$command:calls=(\d+)/m);
}


sub count {
    my ($self, $section, $pattern) = @_;

    my $n = 0;

    for my $node ($self->alive) {
        $n += $1 if $node->cmd('INFO', $section) =~ $pattern;
    }

    return $n;
}


sub DESTROY {
    my ($self) = @_;

    local $?;

    $_->end("KILL") for grep { defined } @{ $self->{nodes} || [] };
}


1;
