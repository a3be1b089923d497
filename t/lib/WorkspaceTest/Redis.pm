package WorkspaceTest::Redis;

# A private redis-server and a tiny client.  Data survives a kill -9 (append
# only file), so that tests may take Redis away and bring it back.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);


# { dir, port, password?, args? => [...], command? => [...] }; a command
# instead of the usual one has to make the socket dir/redis.sock

sub new {
    my ($class, %args) = @_;

    my $self = bless {
        %args,
        unix  => "$args{dir}/redis.sock",
        owner => $$,
    }, $class;

    mkdir $self->{dir};
    $self->start;

    return $self;
}


sub port { $_[0]{port} }
sub unix { $_[0]{unix} }
sub url { "redis://127.0.0.1:$_[0]{port}" }
sub pid { $_[0]{pid} }


# starts it and waits until it answers; dies when it does not within 10 s

sub start {
    my ($self) = @_;

    return if $self->running;

    $self->spawn;
    $self->wait_until_up;
}


# The same without waiting.  With "everysec" Redis may put off what it writes
# to its file, and a kill would take answered commands along.

sub spawn {
    my ($self) = @_;

    my @command = $self->{command} ? @{ $self->{command} } : (
        $ENV{WORKSPACE_REDIS_SERVER} || 'redis-server',
        '--port', $self->{port}, '--bind', '127.0.0.1',
        '--unixsocket', $self->{unix}, '--dir', $self->{dir},
        '--save', '', '--appendonly', 'yes', '--appendfsync', 'no',
        '--daemonize', 'no', '--logfile', "$self->{dir}/redis.log",
        '--maxclients', '20000',
        @{ $self->{args} || [] },
    );

    my $pid = fork;

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        setpgrp;
        delete @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';

        # do not outlive the test, even when that is killed

        exec 'setpriv', '--pdeathsig', 'KILL', @command
            or exec @command
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
}


sub wait_until_up {
    my ($self) = @_;

    my $deadline = time + 10;

    while (time < $deadline) {
        return if eval {
            local $SIG{__DIE__};
            $self->cmd('PING') eq 'PONG';
        };

        die "redis-server ended at once, see $self->{dir}/redis.log"
            if !$self->running;

        sleep 0.01;
    }

    die "redis-server does not answer";
}


sub running {
    my ($self) = @_;

    return 0 if !$self->{pid};

    if (waitpid($self->{pid}, WNOHANG) != 0) {
        delete $self->{pid};
        return 0;
    }

    return 1;
}


sub end {
    my ($self, $signal) = @_;

    return if !$self->{pid} || $$ != $self->{owner};

    kill 'CONT', $self->{pid};
    kill $signal, $self->{pid};
    waitpid $self->{pid}, 0;
    delete $self->{pid};
}


sub kill9 { $_[0]->end('KILL') }


sub stop {
    my ($self) = @_;

    kill 'STOP', $self->{pid} if $self->{pid};
}


sub cont {
    my ($self) = @_;

    kill 'CONT', $self->{pid} if $self->{pid};
}


# One command.  Returns a string, an integer, undef or an array reference;
# dies with the text of an error reply.

sub cmd {
    my ($self, @args) = @_;

    my $sock = $self->{sock};

    # nothing is to be read but the end, should the server have closed it

    undef $sock if $sock && IO::Select->new($sock)->can_read(0);

    if (!$sock || !$sock->connected || $self->{sock_pid} != $$) {
        $sock = IO::Socket::UNIX->new(Peer => $self->{unix})
            or die "redis: $self->{unix}: $!\n";
        $self->{sock} = $sock;
        $self->{sock_pid} = $$;
        $self->{in} = '';

        $self->cmd('AUTH', $self->{password}) if defined $self->{password};
    }

    my $out = '*' . @args . "\r\n";

    for my $arg (@args) {
        my $bytes = $arg;
        utf8::encode($bytes) if utf8::is_utf8($bytes);
        $out .= '$' . length($bytes) . "\r\n$bytes\r\n";
    }

    local $SIG{PIPE} = 'IGNORE';

    while ($out ne '') {
        my $n = syswrite $sock, $out;

        if (!defined $n) {
            delete $self->{sock};
            die "redis: send: $!\n";
        }

        substr($out, 0, $n) = '';
    }

    return $self->reply(time + 10);
}


sub fill {
    my ($self, $deadline) = @_;

    my $left = $deadline - time;

    if ($left > 0 && IO::Select->new($self->{sock})->can_read($left)) {
        return if sysread $self->{sock}, $self->{in}, 65536,
                          length $self->{in};
    }

    delete $self->{sock};
    die "redis: no reply\n";
}


sub reply {
    my ($self, $deadline) = @_;

    $self->fill($deadline) while $self->{in} !~ /\r\n/;
    $self->{in} =~ s/\A(.)([^\r\n]*)\r\n//s;

    my ($type, $rest) = ($1, $2);

    return $rest if $type eq '+' || $type eq ':';
    die "redis: $rest\n" if $type eq '-';
    return if $rest < 0;

    if ($type eq '*') {
        my (@list, $error);

        for (1 .. $rest) {
            my $item = eval {
                local $SIG{__DIE__};
                $self->reply($deadline);
            };
            $error ||= $@;
            push @list, $item;
        }

        die $error if $error;
        return \@list;
    }

    $self->fill($deadline) while length $self->{in} < $rest + 2;

    my $bytes = substr $self->{in}, 0, $rest, '';
    substr($self->{in}, 0, 2) = '';

    return $bytes;
}


1;
