package WorkspaceTest::Talk;

# A client without manners: bytes as they are, in pieces, and what comes back.
#
#     use WorkspaceTest::Talk;
#
#     my $said = talk([ 'GET / HT', "TP/1.1\r\n" ], slow => 1, ...);
#
#     slow     the pieces are sent one by one, each in a packet of its own
#     end      the client has no more to say, and shows it (half-closed)
#     until    a pattern: enough has been heard
#     seconds  that it listens (10)
#     port     of the blocks' nginx by default
#
# Returns { text, closed }: all that was heard until nginx closed the
# connection (closed is 1 then), the pattern matched, or time was over.
#
#     my @answers = answers($text);     [ status, body ], ... of a pipeline
#
#     my $sock = slow_client($path, 'alice');    a GET; reads when told to
#     my $text = read_all($sock);

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_RCVBUF TCP_NODELAY);
use Time::HiRes qw(time);

use WorkspaceTest::Http;

our @EXPORT = qw(talk answers slow_client read_all);


sub talk {
    my ($pieces, %o) = @_;

    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $o{port} || WorkspaceTest::node()->port,
        Proto    => 'tcp',
    ) or die "connect: $!";

    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;

    my $self = { sock => $sock, text => '', closed => 0, until => $o{until},
                 deadline => time + ($o{seconds} || 10) };

    local $SIG{PIPE} = 'IGNORE';

    for my $piece ($o{slow} ? @$pieces : join '', @$pieces) {
        while ($piece ne '' && !$self->{closed}) {
            my $n = syswrite $sock, $piece, 65536;
            last if !defined $n;
            substr($piece, 0, $n) = '';
            hear($self, 0);
        }
    }

    shutdown $sock, 1 if $o{end};

    while (!$self->{closed} && !enough($self)) {
        my $left = $self->{deadline} - time;
        last if $left <= 0;
        hear($self, $left);
    }

    return { text => $self->{text}, closed => $self->{closed} };
}


sub enough {
    my ($self) = @_;

    return defined $self->{until} && $self->{text} =~ $self->{until};
}


sub hear {
    my ($self, $seconds) = @_;

    return if !IO::Select->new($self->{sock})->can_read($seconds);

    my $n = sysread $self->{sock}, $self->{text}, 65536,
                    length $self->{text};

    $self->{closed} = 1 if !$n;
}


sub answers {
    my ($text) = @_;

    my @answers;

    while ($text ne '') {
        my $res = WorkspaceTest::Response->new('GET', '/');

        $res->feed($text);
        $res->eof;

        if (!$res->{complete}) {
            push @answers, [0, $text];
            last;
        }

        push @answers, [$res->status, $res->body];
        $text = $res->{buf};
    }

    return @answers;
}


# the buffer is made small before the connection is: a window that has been
# offered cannot be taken back

sub slow_client {
    my ($path, $as) = @_;

    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, 4096;
    connect $sock, Socket::pack_sockaddr_in(WorkspaceTest::node()->port,
                                            Socket::inet_aton('127.0.0.1'))
        or die "connect: $!";

    syswrite $sock, "GET $path HTTP/1.1\r\nHost: localhost\r\n"
                    . "Connection: close\r\nCoder-Session-Token: "
                    . WorkspaceTest::v("$as.token") . "\r\n\r\n";

    return $sock;
}


sub read_all {
    my ($sock) = @_;

    my $in = '';

    1 while sysread $sock, $in, 65536, length $in;

    return $in;
}


1;
