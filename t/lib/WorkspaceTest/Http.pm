package WorkspaceTest::Http;

# A small HTTP/1.1 client over non-blocking sockets.  One select loop serves
# any number of requests at once; nothing waits longer than its deadline.
# Streams (server-sent events) are read by WorkspaceTest::Sse, which shares
# the response parser below.

use strict;
use warnings;

use Errno qw(EAGAIN EINPROGRESS EINTR);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(time);

use WorkspaceTest::Patience;

our $Timeout = 10;

my $json_class = eval { require JSON::XS; 1 } ? 'JSON::XS' : 'JSON::PP';
my $json = $json_class->new->utf8->allow_nonref;
my $canonical = $json_class->new->utf8->allow_nonref->canonical;


sub decode {
    my ($text) = @_;

    return eval { local $SIG{__DIE__}; $json->decode($text) };
}


sub encode {
    my ($value) = @_;

    return $canonical->encode($value);
}


sub connect_to {
    my ($port) = @_;

    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $port,
        Proto    => 'tcp',
        Blocking => 0,
    );

    return $sock;
}


# The bytes of a request.  $opts: headers (hash, or array of [name, value]),
# body (bytes), chunked (send it so), raw (the whole request, as it is).

sub request_bytes {
    my ($method, $path, $opts) = @_;

    return $opts->{raw} if defined $opts->{raw};

    my @headers = ref $opts->{headers} eq 'ARRAY'
                  ? map { @$_ } @{ $opts->{headers} }
                  : %{ $opts->{headers} || {} };

    my $out = "$method $path HTTP/" . ($opts->{version} || '1.1') . "\r\n";
    my %seen;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $seen{lc $name} = 1;
        $out .= "$name: $value\r\n";
    }

    $out .= "Host: localhost\r\n" unless $seen{host};
    $out .= "Connection: close\r\n" unless $seen{connection};

    if (defined $opts->{body} && $opts->{chunked}) {
        my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
                     unpack '(a1000)*', $opts->{body};
        return "${out}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n";
    }

    if (defined $opts->{body}) {
        $out .= "Content-Length: " . length($opts->{body}) . "\r\n"
            unless $seen{'content-length'} || $seen{'transfer-encoding'};
        return "$out\r\n$opts->{body}";
    }

    return "$out\r\n";
}


# Runs all requests concurrently and returns their responses in order.  A
# request is { port, method, path, headers, body, timeout }; a response that
# did not come has status 0 and says why in error.

sub run_all {
    my (@requests) = @_;

    my $read = IO::Select->new;
    my $write = IO::Select->new;
    my (%by_fd, @responses);

    for my $request (@requests) {
        my $res = WorkspaceTest::Response->new(
            $request->{method}, $request->{path}
        );

        push @responses, $res;

        my $sock = connect_to($request->{port});

        if (!$sock) {
            $res->{error} = "connect: $!";
            next;
        }

        my $bytes = request_bytes($request->{method}, $request->{path},
                                  $request);

        $by_fd{fileno $sock} = {
            sock     => $sock,
            out      => $bytes,
            res      => $res,
            started  => time,
            deadline => time + ($request->{timeout} || $Timeout)
                               * WorkspaceTest::Patience::FACTOR,
        };

        $read->add($sock);
        $write->add($sock);
    }

    while (%by_fd) {
        my $now = time;
        my $wait = 1;

        for my $c (values %by_fd) {
            my $left = $c->{deadline} - $now;

            if ($left <= 0) {
                finish($c, \%by_fd, $read, $write, 'timeout');
                next;
            }

            $wait = $left if $left < $wait;
        }

        last if !%by_fd;

        my ($r, $w) = IO::Select->select($read, $write, undef, $wait);

        for my $sock (@{ $w || [] }) {
            my $c = $by_fd{fileno($sock) // -1} or next;
            my $error = send_some($c);

            if (defined $error) {

                # the answer may be there already (413, 400): read it

                $write->remove($sock);
                $c->{write_error} = $error;

            } elsif ($c->{out} eq '') {
                $write->remove($sock);
            }
        }

        for my $sock (@{ $r || [] }) {
            my $c = $by_fd{fileno($sock) // -1} or next;
            my ($done, $error) = receive_some($c);

            if ($done) {
                finish($c, \%by_fd, $read, $write, $error);
            }
        }
    }

    return @responses;
}


sub send_some {
    my ($c) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $n = syswrite $c->{sock}, $c->{out}, 65536;

    if (!defined $n) {
        return if $!{EAGAIN} || $!{EINTR} || $!{EINPROGRESS};
        return "send: $!";
    }

    substr($c->{out}, 0, $n) = '';

    return;
}


sub receive_some {
    my ($c) = @_;

    my $n = sysread $c->{sock}, my $buf, 262144;

    if (!defined $n) {
        return (0) if $!{EAGAIN} || $!{EINTR};
        return (1, $c->{write_error} || "receive: $!");
    }

    if ($n == 0) {
        $c->{res}->eof;
        return (1, $c->{res}{complete}
                   ? undef : $c->{write_error} || 'closed early');
    }

    $c->{res}{first_byte} //= time - $c->{started};
    $c->{res}->feed($buf);

    return ($c->{res}{complete} && $c->{out} eq '') ? (1) : (0);
}


sub finish {
    my ($c, $by_fd, $read, $write, $error) = @_;

    my $sock = $c->{sock};

    delete $by_fd->{fileno $sock};
    $read->remove($sock);
    $write->remove($sock);
    close $sock;

    my $res = $c->{res};

    $res->{seconds} = time - $c->{started};

    if (defined $error) {
        $res->{error} = $error;
        $res->{status} = 0 if !$res->{complete};
    }
}


package WorkspaceTest::Response;

# A response, fed byte by byte.  Fields: status (0 until the headers are
# there, and when the response is not whole), headers (lower-case name to
# value; repeated ones joined with ", "), body, complete, error, seconds.

use strict;
use warnings;


sub new {
    my ($class, $method, $path) = @_;

    return bless {
        method   => $method,
        path     => $path,
        status   => 0,
        headers  => {},
        body     => '',
        complete => 0,
        buf      => '',
        state    => 'head',
    }, $class;
}


sub status { $_[0]{status} }
sub body { $_[0]{body} }
sub error { $_[0]{error} }
sub header { $_[0]{headers}{lc $_[1]} }


# the body as a Perl value; undef when it is not JSON

sub json {
    my ($self) = @_;

    if (!exists $self->{json}) {
        $self->{json} = WorkspaceTest::Http::decode($self->{body});
    }

    return $self->{json};
}


sub feed {
    my ($self, $bytes) = @_;

    $self->{buf} .= $bytes;

    while (!$self->{complete}) {
        my $step = "feed_$self->{state}";
        last if !$self->$step;
    }
}


# the peer closed: a body without a length ends here

sub eof {
    my ($self) = @_;

    if ($self->{state} eq 'until_close') {
        $self->{complete} = 1;
    }

    $self->{closed} = 1;
}


sub feed_head {
    my ($self) = @_;

    $self->{buf} =~ s/\A(.*?)\r\n\r\n//s or return 0;

    $self->{raw_head} = $1;

    my ($line, @lines) = split /\r\n/, $1;

    $line =~ m{\AHTTP/1\.[01] (\d\d\d)} or do {
        $self->{error} = "bad status line: $line";
        return 0;
    };

    $self->{status} = $1;

    for (@lines) {
        my ($name, $value) = split /:\s*/, $_, 2;
        my $h = \$self->{headers}{lc $name};
        $$h = defined $$h ? "$$h, $value" : $value;
    }

    my $h = $self->{headers};

    if ($self->{status} == 100) {
        $self->{headers} = {};
        $self->{status} = 0;
        return 1;
    }

    if ($self->{method} eq 'HEAD' || $self->{status} == 204
        || $self->{status} == 304)
    {
        $self->{complete} = 1;

    } elsif (($h->{'transfer-encoding'} || '') eq 'chunked') {
        $self->{state} = 'chunk_size';

    } elsif (defined $h->{'content-length'}) {
        $self->{left} = $h->{'content-length'};
        $self->{state} = 'length';

    } else {
        $self->{state} = 'until_close';
    }

    return 1;
}


sub take {
    my ($self) = @_;

    my $n = length $self->{buf};

    $n = $self->{left} if $n > $self->{left};
    $self->{body} .= substr $self->{buf}, 0, $n, '';
    $self->{left} -= $n;
}


sub feed_length {
    my ($self) = @_;

    $self->take;
    $self->{complete} = 1 if $self->{left} == 0;

    return 0;
}


sub feed_until_close {
    my ($self) = @_;

    $self->{body} .= $self->{buf};
    $self->{buf} = '';

    return 0;
}


sub feed_chunk_size {
    my ($self) = @_;

    $self->{buf} =~ s/\A([0-9A-Fa-f]+)[^\r\n]*\r\n// or return 0;

    $self->{left} = hex $1;
    $self->{state} = $self->{left} ? 'chunk_data' : 'trailer';

    return 1;
}


sub feed_chunk_data {
    my ($self) = @_;

    $self->take;

    return 0 if $self->{left} || length $self->{buf} < 2;

    substr($self->{buf}, 0, 2) = '';
    $self->{state} = 'chunk_size';

    return 1;
}


sub feed_trailer {
    my ($self) = @_;

    $self->{buf} =~ s/\A(?:[^\r\n]+\r\n)*\r\n// or return 0;
    $self->{complete} = 1;

    return 0;
}


1;
