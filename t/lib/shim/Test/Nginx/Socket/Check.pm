package Test::Nginx::Socket::Check;

# Compares an answer, and the logs, with what the sections of a block expect.

use strict;
use warnings;

use HTTP::Response;
use Test::More ();
use Time::HiRes qw(sleep time);

use Test::Nginx::Socket::Server;

our @BodyChecks;


# Takes the bytes that were read; returns those after the first answer (of
# pipelined requests).  $at: { head, index, repeated, many, more }.

sub answer {
    my ($block, $bytes, $at) = @_;

    return '' if defined $block->ignore_response;

    my $name = $block->name;
    my ($res, $headers, $left) = parse($name, $bytes, $at->{head});

    if ($left ne '' && !$at->{more}) {
        warn "# WARNING: $name - unexpected bytes after the response: "
             . substr($left, 0, 100) . "\n";
    }

    error_code($block, $res, $at);
    raw_headers($block, $headers, $at);
    headers($block, $res, $headers, $at);
    body($block, $res, $at);

    for my $check (@BodyChecks) {
        $check->($block, $res->content, $at->{index}, $at->{repeated}, 0);
    }

    return $left;
}


# (HTTP::Response with a decoded body, raw headers, bytes after it)

sub parse {
    my ($name, $bytes, $head) = @_;

    my ($headers) = $bytes =~ /\A(.*?\r\n)\r\n/s;
    my $res = HTTP::Response->parse($bytes);
    my $code = $res->code;

    $headers //= '';

    if (defined $code && $code !~ /^\d+$/) {
        $res->code(undef);
        undef $code;
    }

    my $raw = $res->content // '';

    return ($res, $headers, '') if $code && ($code == 304 || $code == 101);

    if (($res->header('Transfer-Encoding') // '') eq 'chunked') {
        my ($body, $left, $error) = unchunk($raw);

        Test::More::fail("$name - $error") if defined $error;
        $res->content($body);
        return ($res, $headers, $left);
    }

    my $length = $res->header('Content-Length');

    return ($res, $headers, '') if !defined $length || $length !~ /^\d+$/;

    if ($head) {
        $res->content('');
        return ($res, $headers, $raw);
    }

    if (length $raw < $length) {
        warn "# WARNING: $name - response body truncated: $length expected, "
             . 'but got ' . length($raw) . "\n";
        return ($res, $headers, '');
    }

    $res->content(substr $raw, 0, $length);

    return ($res, $headers, substr $raw, $length);
}


sub unchunk {
    my ($raw) = @_;

    my $body = '';

    while ($raw =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*\r\n/gc) {
        my $size = hex $1;
        my $at = pos $raw;

        if ($size == 0) {
            $raw =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc
                or return ($body, '', 'no end after the last chunk');
            return ($body, substr $raw, pos $raw);
        }

        if (length $raw < $at + $size + 2
            || substr($raw, $at + $size, 2) ne "\r\n")
        {
            return ($body . substr($raw, $at, $size), '',
                    'invalid chunked data received');
        }

        $body .= substr $raw, $at, $size;
        pos($raw) = $at + $size + 2;
    }

    return ($body, '', 'no last chunk found');
}


# the expectation for this one of several requests

sub of_request {
    my ($block, $section, $at) = @_;

    my $value = $block->$section;

    return $value->[$at->{index}] if ref $value eq 'ARRAY';

    die $block->name . " - $section must be a list, as the requests are\n"
        if $at->{many};

    return $value;
}


sub error_code {
    my ($block, $res, $at) = @_;

    my $label = $block->name . ' - status code ok';
    my $code = $res->code || '';

    if (defined $block->error_code_like) {
        my $pattern = of_request($block, 'error_code_like', $at);
        Test::More::like($code, qr/$pattern/sm, $label);
        return;
    }

    my $wanted = defined $block->error_code
                 ? of_request($block, 'error_code', $at) : 200;

    Test::More::is($code, $wanted, $label)
        || Test::More::diag('    ' . substr $res->content // '', 0, 500);
}


sub raw_headers {
    my ($block, $headers, $at) = @_;

    my $name = $block->name;

    if (defined $block->raw_response_headers_like) {
        my $pattern = of_request($block, 'raw_response_headers_like', $at);
        Test::More::like($headers, qr/$pattern/s, "$name - raw headers like");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $pattern = of_request($block, 'raw_response_headers_unlike', $at);
        Test::More::unlike($headers, qr/$pattern/s,
                           "$name - raw headers unlike");
    }
}


# "Name: value" lines; "!Name" for one that must not be there

sub headers {
    my ($block, $res, $raw, $at) = @_;

    my $like = defined $block->response_headers ? 0
               : defined $block->response_headers_like ? 1 : return;

    my $section = $like ? 'response_headers_like' : 'response_headers';

    for (split /\n/, of_request($block, $section, $at) // '') {
        my ($absent, $key, $value)
            = /^\s*(!?)\s*([^:]*?)\s*(?::\s*(.*?)\s*)?$/;
        my $label = $block->name . " - header $key ok";

        next if $key eq '';

        if ($absent) {
            Test::More::unlike($raw, qr/^\s*\Q$key\E\s*:/m, $label);
            next;
        }

        my $got = $res->header($key) // '';

        if ($like) {
            Test::More::like($got, qr/^$value$/, $label);

        } else {
            Test::More::is($got, $value, $label);
        }
    }
}


sub body {
    my ($block, $res, $at) = @_;

    my $name = $block->name;
    my $content = $res->content;

    if (defined $block->response_body) {
        my $wanted = of_request($block, 'response_body', $at);

        if (ref $wanted) {
            Test::More::like($content, $wanted, "$name - response_body");

        } else {
            $wanted = Test::Nginx::Socket::Server::expand($wanted);
            Test::More::is($content, $wanted, "$name - response_body");
        }

    } elsif (defined $block->response_body_like) {
        my $pattern = of_request($block, 'response_body_like', $at);
        Test::More::like($content, qr/$pattern/s,
                         "$name - response_body_like");

    } elsif (defined $block->response_body_unlike) {
        my $pattern = of_request($block, 'response_body_unlike', $at);
        Test::More::unlike($content, qr/$pattern/s,
                           "$name - response_body_unlike");
    }
}


# a text is one pattern a line, taken literally; else patterns or a list

sub patterns {
    my ($value) = @_;

    return @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { $_ ne '' } split /\n+/, $value;
}


sub has_line {
    my ($lines, $pattern) = @_;

    my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;

    return (grep { $_ =~ $re } @$lines)[0];
}


sub logs {
    my ($block, $repeated) = @_;

    for my $log (qw(error access)) {
        expect_lines($block, $log, "${log}_log");
        refuse_lines($block, $log, "no_${log}_log");
    }

    grep_error_log($block, $repeated) if defined $block->grep_error_log;

    # of several requests each has to write what is expected

    Test::Nginx::Socket::Server::mark_logs('error');
}


# a line may be on its way: it is waited for, two seconds at most

sub expect_lines {
    my ($block, $log, $section) = @_;

    return if !defined $block->$section;

    my $deadline = time + 2;

    for my $pattern (grep { defined } patterns(scalar $block->$section)) {
        my $found;

        for ( ;; ) {
            my $lines = Test::Nginx::Socket::Server::log_lines($log);
            $found = defined has_line($lines, $pattern);
            last if $found || time >= $deadline;
            sleep 0.01;
        }

        Test::More::ok($found, $block->name . " - pattern \"$pattern\" "
                               . "matches a line in $log.log");
    }
}


sub refuse_lines {
    my ($block, $log, $section) = @_;

    return if !defined $block->$section;

    my $lines = Test::Nginx::Socket::Server::log_lines($log);

    for my $pattern (grep { defined } patterns(scalar $block->$section)) {
        my $line = has_line($lines, $pattern);

        Test::More::ok(!defined $line, $block->name . " - pattern "
                       . "\"$pattern\" does not match a line in $log.log")
            || Test::More::diag("    $line");
    }
}


sub grep_error_log {
    my ($block, $repeated) = @_;

    my $name = $block->name;
    my ($pattern, $wanted) = map { ref $_ eq 'ARRAY' ? $_->[$repeated] : $_ }
        scalar $block->grep_error_log, scalar $block->grep_error_log_out;

    die "$name - grep_error_log without grep_error_log_out\n"
        if !defined $wanted;

    my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    my $got = join '', map { /($re)/ ? "$1\n" : () }
              @{ Test::Nginx::Socket::Server::log_lines('error') };

    if (ref $wanted) {
        Test::More::like($got, $wanted, "$name - grep_error_log_out");

    } else {
        Test::More::is($got, $wanted, "$name - grep_error_log_out");
    }
}


# what the log holds after nginx has ended

sub shutdown_logs {
    my ($block) = @_;

    return if !defined $block;

    expect_lines($block, 'error', 'shutdown_error_log');
    refuse_lines($block, 'error', 'no_shutdown_error_log');
}


sub must_die {
    my ($block, $status) = @_;

    my $wanted = $block->must_die;
    my $name = $block->name;

    if ($wanted =~ /^\d+$/) {
        Test::More::is($status, $wanted, "$name - dies with that status");

    } else {
        Test::More::isnt($status, 0, "$name - dies as expected");
    }

    logs($block, 0);
}


1;
