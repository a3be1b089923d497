package WorkspaceTest::Proxy;

# Stands between nginx and Redis, and interferes when it is told to.
#
#     my $proxy = WorkspaceTest::Proxy->new(to => PORT);
#
#     $proxy->url              redis://... for nginx
#     $proxy->hold('regex')    the next bytes to Redis that match, and what
#                              follows on that connection, are held back ...
#     $proxy->held             ... how many bytes there are
#     $proxy->go               ... until now
#     $proxy->mute('regex')    the same the other way: from Redis
#     $proxy->muted
#     $proxy->cut('regex')     the next bytes that match reach Redis, but the
#                              connection is closed instead of its answer
#     $proxy->was_cut          1 once that has happened
#     $proxy->to(PORT)         where new connections lead to from now on
#
# With (rewrite => sub { my (@words) = @_; ... }) each command goes to Redis as
# what the code returns, a list of words; () closes the connection, after what
# Redis says next if there were commands before it in the same bytes.  The code
# is called in the proxy.
#
# It is told by files: the proxy is a process of its own.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use POSIX ();

use WorkspaceTest ();


sub new {
    my ($class, %args) = @_;

    my $self = bless {
        dir   => WorkspaceTest::temp_dir(),
        port  => WorkspaceTest::free_port(),
        owner => $$,
        %args,
    }, $class;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $self->{port},
        Listen    => 64,
        ReuseAddr => 1,
    ) or die "listen: $!";

    $self->{pid} = fork // die "fork: $!";

    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        $self->serve($listen);
        POSIX::_exit(0);
    }

    return $self;
}


sub DESTROY {
    my ($self) = @_;

    if ($self->{owner} == $$ && $self->{pid}) {
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;
    }
}


sub url { "redis://127.0.0.1:$_[0]{port}" }

sub hold { $_[0]->write_file('hold', $_[1]) }
sub held { -s "$_[0]{dir}/held" // 0 }
sub mute { $_[0]->write_file('mute', $_[1]) }
sub muted { -e "$_[0]{dir}/muted" ? 1 : 0 }
sub go { unlink map { "$_[0]{dir}/$_" } qw(hold held mute muted) }
sub cut { $_[0]->write_file('cut', $_[1]) }
sub was_cut { -e "$_[0]{dir}/was-cut" ? 1 : 0 }
sub to { $_[0]->write_file('to', $_[1]) }


sub write_file {
    my ($self, $name, $text) = @_;

    unlink "$self->{dir}/was-$name";

    open my $out, '>', "$self->{dir}/$name.new" or die $!;
    print $out $text;
    close $out;

    rename "$self->{dir}/$name.new", "$self->{dir}/$name" or die $!;
}


sub read_file {
    my ($self, $name) = @_;

    open my $in, '<', "$self->{dir}/$name" or return undef;

    return do { local $/; <$in> };
}


sub wish {
    my ($self, $name, $bytes) = @_;

    my $regex = $self->read_file($name);

    return defined $regex && $bytes =~ /$regex/ ? 1 : 0;
}


# { socket => the other one, held => bytes, cut => 1 }, by file number

sub serve {
    my ($self, $listen) = @_;

    my $read = IO::Select->new($listen);
    my %peer;

    for ( ;; ) {
        POSIX::_exit(0) if getppid() != $self->{owner};

        for my $sock ($read->can_read(0.02)) {
            if ($sock == $listen) {
                $self->join($read, \%peer, $sock->accept);
                next;
            }

            my $p = $peer{fileno($sock) // -1} or next;

            if (!sysread $sock, my $bytes, 262144) {
                part($read, \%peer, $sock);

            } elsif ($p->{up}) {
                $bytes = $self->rewritten($p, $bytes);

                if ($p->{last} && $bytes eq '') {
                    part($read, \%peer, $sock);

                } else {
                    $self->upwards($p, $bytes);
                }

            } elsif ($peer{fileno $p->{socket}}{cut}) {
                part($read, \%peer, $sock);
                $self->write_file('was-cut', '');
                unlink "$self->{dir}/cut";

            } elsif (defined $p->{held} || $self->wish('mute', $bytes)) {
                $p->{held} .= $bytes;
                $self->write_file('muted', '');

            } else {
                put($p->{socket}, $bytes);

                part($read, \%peer, $sock)
                    if $peer{fileno $p->{socket}}{last};
            }
        }

        for my $p (values %peer) {
            my $until = $p->{up} ? 'hold' : 'mute';

            if (defined $p->{held} && !-e "$self->{dir}/$until") {
                put($p->{socket}, delete $p->{held});
            }
        }
    }
}


# whole commands, as they are to be

sub rewritten {
    my ($self, $p, $bytes) = @_;

    my $rewrite = $self->{rewrite} or return $bytes;
    my $out = '';

    $p->{in} .= $bytes;

    while ($p->{in} =~ /\A\*(\d+)\r\n/) {
        my ($n, $at, @words) = ($1, $+[0]);

        while (@words < $n) {
            substr($p->{in}, $at) =~ /\A\$(\d+)\r\n/ or last;
            $at += $+[0];
            last if length $p->{in} < $at + $1 + 2;
            push @words, substr $p->{in}, $at, $1;
            $at += $1 + 2;
        }

        last if @words < $n;

        substr($p->{in}, 0, $at) = '';

        if (!(@words = $rewrite->(@words))) {
            $p->{last} = 1;
            last;
        }

        $out .= '*' . @words . "\r\n"
                . join '', map { '$' . length($_) . "\r\n$_\r\n" } @words;
    }

    return $out;
}


sub upwards {
    my ($self, $p, $bytes) = @_;

    return if $bytes eq '';

    if (defined $p->{held} || $self->wish('hold', $bytes)) {
        $p->{held} .= $bytes;
        $self->write_file('held', $p->{held});
        return;
    }

    $p->{cut} = 1 if $self->wish('cut', $bytes);

    put($p->{socket}, $bytes);
}


sub join {
    my ($self, $read, $peer, $client) = @_;

    my $server = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $self->read_file('to') // $self->{to},
    );

    return if !$server;

    $read->add($client, $server);

    $peer->{fileno $client} = { socket => $server, up => 1 };
    $peer->{fileno $server} = { socket => $client };
}


sub part {
    my ($read, $peer, $sock) = @_;

    my $other = $peer->{fileno $sock}{socket};

    for my $s ($sock, $other) {
        delete $peer->{fileno $s};
        $read->remove($s);
        close $s;
    }
}


sub put {
    my ($sock, $bytes) = @_;

    while ($bytes ne '') {
        my $n = syswrite $sock, $bytes;
        return if !defined $n;
        substr($bytes, 0, $n) = '';
    }
}


1;
