package Test::Nginx::Socket::Request;

# From the sections request, raw_request, pipelined_requests and more_headers
# to bytes, and those over a socket to the bytes of the answer.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EINPROGRESS);
use IO::Select;
use IO::Socket::INET;
use Test::More ();
use Time::HiRes qw(sleep time);

use Test::Nginx::Socket::Server;


# A list of requests: { packets => [{ value, delay_before }], head => is it
# HEAD }.

sub of_block {
    my ($block) = @_;

    if (defined(my $raw = $block->raw_request)) {
        return as_request(ref $raw eq 'ARRAY' ? @$raw : $raw);
    }

    if (my $list = $block->pipelined_requests) {
        my $bytes = '';

        for my $i (0 .. $#$list) {
            my $connection = $i == $#$list ? 'close' : 'keep-alive';
            my ($packet) = build($block, $i, $connection, $list->[$i]);
            $bytes .= $packet->{value};
        }

        return as_request($bytes);
    }

    my $request = $block->request;

    die $block->name . " - request empty\n" if !defined $request;

    if (!ref $request) {
        $request =~ s/\A(?:\s*\#[^\n]*\n|\s+)*//;
        return as_request(build($block, 0, 'close', $request));
    }

    my $i = 0;

    return map {
        as_request(build($block, $i++, 'close', ref $_ ? @$_ : $_))
    } @$request;
}


sub as_request {
    my (@packets) = @_;

    @packets = map { ref $_ ? $_ : { value => $_ } } @packets;

    my $all = join '', map { $_->{value} } @packets;

    return { packets => \@packets, head => $all =~ /^\s*HEAD\s/ ? 1 : 0 };
}


# One request, given as packets of which the first holds the request line:
# "METHOD [URL [VERSION]]", and then the body.

sub build {
    my ($block, $index, $connection, @packets) = @_;

    @packets = map { ref $_ ? { %$_ } : { value => $_ } } @packets;

    my ($headers, $chunked) = more_headers($block, $index);
    my ($line, $rest) = $packets[0]{value} =~ /\A\s*([^\n]*)\n?(.*)\z/s;
    my ($method, $url, $version) = split ' ', $line;

    $url //= '/';
    $version //= 'HTTP/1.1';
    $packets[0]{value} = $rest;

    my $body = join '', map { $_->{value} } @packets;
    my $length = '';

    if ($body ne '' && !$chunked && $headers !~ /^Content-Length:/m) {

        # the line end of the section is not a part of the body

        $packets[0]{value} =~ s/\A\s+//;
        $packets[-1]{value} =~ s/\s+\z//;
        $body = join '', map { $_->{value} } @packets;
        $length = 'Content-Length: ' . length($body) . "\r\n";
    }

    my $head = "$method $url $version\r\n";

    $head .= "Host: $Test::Nginx::Socket::Server::Settings{server_name}\r\n"
        if $headers !~ /^Host:/mi;
    $head .= "Connection: $connection\r\n" if $headers !~ /^Connection/mi;

    $packets[0]{value} = "$head$headers$length\r\n$packets[0]{value}";

    return @packets;
}


sub more_headers {
    my ($block, $index) = @_;

    my $text = $block->more_headers // '';

    if (ref $text) {
        $text = $text->[$index]
                // die $block->name . " - more_headers lacks $index\n";
    }

    my ($out, $chunked) = ('', 0);

    for my $line (split /\n+/, $text) {
        next if $line =~ /^\s*\#/;

        my ($name, $value) = split /:\s*/, $line, 2;

        $value //= '';
        $chunked = 1 if lc $name eq 'transfer-encoding'
                        && $value eq 'chunked';
        $out .= "$name: $value\r\n";
    }

    return ($out, $chunked);
}


sub block_timeout {
    my ($block) = @_;

    my $timeout = $block->timeout
                  // return $Test::Nginx::Socket::Server::Settings{timeout};

    $timeout =~ s/\s+//g;

    return $timeout / 1000 if $timeout =~ s/ms$//;

    $timeout =~ s/s$//;
    return $timeout;
}


# Sends the packets and reads until the server closes, or until nothing
# happened for the block's timeout: a failure then, unless it says abort.

sub exchange {
    my ($request, $block) = @_;

    my $settings = \%Test::Nginx::Socket::Server::Settings;
    my $name = $block->name;
    my $sock = IO::Socket::INET->new(
        PeerAddr => $block->server_addr_for_client
                    // $settings->{server_addr},
        PeerPort => $settings->{client_port},
        Proto    => 'tcp',
    );

    if (!$sock) {
        Test::More::fail("$name - cannot connect: $!");
        return '';
    }

    $sock->blocking(0);

    local $SIG{PIPE} = 'IGNORE';

    my @packets = @{ $request->{packets} };
    my $out = (shift @packets)->{value};
    my $in = '';
    my $timeout = block_timeout($block);
    my $read = IO::Select->new($sock);
    my $write = IO::Select->new($sock);

    for ( ;; ) {
        my ($readable, $writable) = IO::Select->select(
            $read, $write->count ? $write : undef, undef, $timeout
        );

        if (!defined $readable) {
            next if $!{EINTR};
            Test::More::fail("ERROR: client socket timed out - $name")
                if !defined $block->abort;
            last;
        }

        if (@$readable) {
            my $n = sysread $sock, $in, 65536, length $in;

            last if defined $n && $n == 0;
            last if !defined $n && !$!{EAGAIN} && !$!{EINTR};
        }

        if (@{ $writable || [] }) {
            $out = send_packet($sock, $out, \@packets);

            if (!defined $out) {
                $write->remove($sock);
                shutdown $sock, $block->shutdown || 1
                    if defined $block->shutdown;
            }
        }
    }

    close $sock;

    return $in;
}


# what is left to send, undef when there is nothing

sub send_packet {
    my ($sock, $out, $packets) = @_;

    if ($out eq '') {
        my $next = shift @$packets or return;

        sleep $next->{delay_before} if $next->{delay_before};
        $out = $next->{value};
    }

    my $n = syswrite $sock, $out;

    if (!defined $n) {
        return $!{EAGAIN} || $!{EINTR} ? $out : undef;
    }

    substr($out, 0, $n) = '';

    return $out eq '' && !@$packets ? undef : $out;
}


1;
