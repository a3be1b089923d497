package WorkspaceTest::Sentinel;

# Replicas of the test's Redis, and Sentinels that watch over all of them.
#
#     my $s = WorkspaceTest::Sentinel->new(replicas => 1, sentinels => 3);
#
#     $s->url                  sentinel://... for nginx and wsctl
#     $s->primary              the WorkspaceTest::Redis that is the primary,
#                              as the Sentinels say
#     $s->failover             has them make a replica the primary, in order
#     $s->wait_for_change(OLD) until the primary is another than OLD
#     $s->ready                until everybody knows everybody
#     $s->{redis}, $s->{sentinels}     lists
#
# Options: password => of the Sentinels.

use strict;
use warnings;

use WorkspaceTest ();
use WorkspaceTest::Redis;

use constant NAME => 'main';


sub new {
    my ($class, %o) = @_;

    my $first = WorkspaceTest::redis();
    my $self = bless { %o, redis => [ $first ], sentinels => [] }, $class;

    $first->cmd(qw(CONFIG SET repl-diskless-sync-delay 0));

    for (1 .. $o{replicas} // 1) {
        my $dir = WorkspaceTest::temp_dir();

        push @{ $self->{redis} }, WorkspaceTest::Redis->new(
            dir  => $dir,
            port => WorkspaceTest::free_port(),
            args => ['--repl-diskless-sync-delay', 0,
                     '--replicaof', "127.0.0.1 $first->{port}"],
        );
    }

    push @{ $self->{sentinels} }, $self->sentinel for 1 .. $o{sentinels} // 3;

    $self->ready;

    # once more a server is started, its place is what the Sentinels say

    $_->{args} = ['--repl-diskless-sync-delay', 0] for @{ $self->{redis} };

    return $self;
}


sub sentinel {
    my ($self) = @_;

    my $dir = WorkspaceTest::temp_dir();
    my $port = WorkspaceTest::free_port();
    my $name = NAME;

    open my $out, '>', "$dir/sentinel.conf" or die $!;
    print $out <<"EOC";
port $port
bind 127.0.0.1
dir $dir
unixsocket $dir/redis.sock
sentinel monitor $name 127.0.0.1 $self->{redis}[0]{port} 2
sentinel down-after-milliseconds $name 2000
sentinel failover-timeout $name 5000
EOC
    print $out "requirepass $self->{password}\n"
               . "sentinel sentinel-pass $self->{password}\n"
        if $self->{password};
    close $out;

    return WorkspaceTest::Redis->new(
        dir      => $dir,
        port     => $port,
        password => $self->{password},
        command  => [ 'redis-server', "$dir/sentinel.conf", '--sentinel' ],
    );
}


sub url {
    my ($self, %o) = @_;

    my $hosts = join ',', map { "127.0.0.1:$_->{port}" }
                          @{ $self->{sentinels} };

    return 'sentinel://' . ($o{auth} ? "$o{auth}\@" : '') . "$hosts/" . NAME;
}


sub ask { $_[0]{sentinels}[0]->cmd('SENTINEL', @_[1 .. $#_]) }


sub primary {
    my ($self) = @_;

    my $port = $self->ask('GET-MASTER-ADDR-BY-NAME', NAME)->[1];

    my ($redis) = grep { $_->{port} == $port } @{ $self->{redis} };

    return $redis;
}


sub failover {
    my ($self) = @_;

    # the last one may not have been over for long

    WorkspaceTest::wait_for(sub {
        eval { local $SIG{__DIE__}; $self->ask('FAILOVER', NAME) };
    }, 20) or die "no failover: $@";
}


sub wait_for_change {
    my ($self, $old) = @_;

    WorkspaceTest::wait_for(sub {
        my $now = $self->primary;
        $now && $now != $old
            && eval { local $SIG{__DIE__};
                      $now->cmd('ROLE')->[0] eq 'master' };
    }, 30) or die 'the primary remains';
}


# every replica is one, and known, and every Sentinel knows the others

sub ready {
    my ($self) = @_;

    my $replicas = @{ $self->{redis} } - 1;
    my $others = @{ $self->{sentinels} } - 1;

    WorkspaceTest::wait_for(sub {
        my $primary = $self->primary or return 0;

        my $online = () = $primary->cmd(qw(INFO replication))
                          =~ /^slave\d+:.*state=online/mg;

        return 0 if $online < $replicas;

        for my $sentinel (@{ $self->{sentinels} }) {
            my %m = @{ $sentinel->cmd('SENTINEL', 'MASTER', NAME) };

            return 0 if $m{'num-other-sentinels'} < $others
                        || $m{'num-slaves'} < $replicas
                        || $m{flags} ne 'master';
        }

        return 1;
    }, 30) or die 'Sentinel is not ready';
}


sub DESTROY {
    my ($self) = @_;

    local $?;

    for my $redis (@{ $self->{sentinels} },
                   @{ $self->{redis} }[1 .. $#{ $self->{redis} }])
    {
        $redis->end('KILL') if $redis;
    }
}


1;
