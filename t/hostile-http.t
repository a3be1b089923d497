# Clients that lie about HTTP itself: what is hardly a request, lengths and
# chunks that are not what they say, bodies byte by byte, pipelines, frames
# of HTTP/2.  Never is there a 5xx, a hang, a worker hurt, or anything changed;
# and no secret in a log.  contract: Errors, Authentication

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Endpoints;
use WorkspaceTest::Hostile;
use WorkspaceTest::Talk;

run_tests();

__DATA__

=== TEST 1: a node of its own, a running workspace, a job under way
--- scenario
stage();



=== TEST 2: what is hardly HTTP
--- scenario
my $path = '/api/v2/workspaces';
my $host = "\r\nHost: x\r\nConnection: close\r\n\r\n";

for my $text ("GET $path HTTP/9.9$host", "get $path HTTP/1.1$host",
              "GET  $path  HTTP/1.1$host", "GET $path HTTP/1.1\r\n\r\n",
              "GET http://x$path HTTP/1.1$host", "GET $path HTTP/1.1\n\n",
              "GET api HTTP/1.1$host", "G\0T $path HTTP/1.1$host",
              "GET $path?" . 'x' x 40_000 . " HTTP/1.1$host",
              "GET $path#x HTTP/1.1$host", "* * *$host", "\r\n\r\n\r\n",
              "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\0" x 100,
              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\xff" x 10_000,
              "GET $path HTTP/1.1$host" =~ s/\r\n/\r/gr,
              "*3\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$1\r\nb\r\n",
              "GET $path HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip"
              . "\r\n\r\n")
{
    my $said = talk([$text], port => node('victim')->port, end => 1);
    my ($first) = answers($said->{text});

    like $first ? $first->[0] : 'nothing', qr/^(?:4\d\d|50[15]|nothing)$/,
         substr $text =~ s/[^ -~]/./gr, 0, 50;
    ok $said->{closed};
}

# HTTP/0.9 has neither a status nor headers

my $said = talk(["GET $path\r\n"], port => node('victim')->port);

ok $said->{closed} && length WorkspaceTest::Http::decode($said->{text})
                                                                ->{message};



=== TEST 3: lengths and chunks that are not what they say
--- scenario
my ($e) = grep { $_->{name} eq 'rename' } endpoints();
my $head = "PATCH " . path($e) . " HTTP/1.1\r\nHost: x\r\nConnection: close"
           . "\r\nCoder-Session-Token: " . v('alice.token') . "\r\n";
my $before = digest();
my %said = (
    "Content-Length: 2\r\n\r\n{}and more" => 204,
    "Content-Length: 9\r\n\r\n{}" => 0,
    "Content-Length: 9\r\n\r\n{} and mor" => 400,
    "Content-Length: 99999999\r\n\r\n{}" => 413,
    map({ ("Transfer-Encoding: chunked\r\n\r\n$_->[0]" => $_->[1]) }
        ["2\r\n{}\r\n0\r\n\r\n", 204],
        ["2;ext=\"x\"\r\n{}\r\n0\r\n\r\n", 204],
        ["2\r\n{}\r\n0\r\nX: y\r\n\r\n", 204],
        ["1\r\n{\r\n1\r\n}\r\n000\r\n\r\n", 204],
        ["0\r\n\r\n", 400], ["2\r\n{}\r\n", 0], ["2\r\n{", 0], ["", 0],
        ["x\r\n", 400], ["-1\r\n{}", 400], ["2\r\n{}0\r\n\r\n", 400],
        ["2\r\n{}}\r\n0\r\n\r\n", 400], ["ffffffffffffffff\r\n{}", 400],
        ["7ffffffffffffff\r\n{}", 413], ["\0\r\n", 400]),
);

for my $rest (sort keys %said) {
    my $said = talk(["$head$rest"], port => node('victim')->port, end => 1);
    my ($first) = answers($said->{text});

    is $first ? $first->[0] : 0, $said{$rest},
       $rest =~ s/\r?\n/|/gr =~ s/\0/./gr;
    ok $said->{closed};
    ok length WorkspaceTest::Http::decode($first->[1])->{message}
        if $said{$rest} =~ /^4/;
}

is digest(), $before, 'nothing changed';



=== TEST 4: byte by byte, and clients that fall silent
--- scenario
my ($e) = grep { $_->{name} eq 'rename' } endpoints();
my $head = path($e) . " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
           . "Coder-Session-Token: " . v('alice.token') . "\r\n";
my @good = (
    ['PATCH', "Content-Length: 19\r\n\r\n{\"name\": \"hostile\"}", 204],
    ['PATCH', "Transfer-Encoding: chunked\r\n\r\n"
              . "5\r\n{\"nam\r\ne\r\ne\": \"hostile\"}\r\n0\r\n\r\n", 204],
    ['PATCH', "Content-Length: 3\r\n\r\n{]}", 400],
    ['GET', "\r\n", 200],
    ['DELETE', "Content-Length: 5\r\n\r\nhello", 405],
);

for my $case (@good) {
    my ($method, $rest, $status) = @$case;
    my $said = talk([split //, "$method $head$rest"], slow => 1,
                    port => node('victim')->port);
    my ($first) = answers($said->{text});

    is $first->[0], $status, "$method, byte by byte";
}

# all at once: a part of the head, the head and a part of the body

keep_lease();

my $before = digest();
my @silent = map {
    my $first = "$_->{method} " . path($_) . " HTTP/1.1\r\nHost: x\r\n";
    my $token = "Coder-Session-Token: "
                . v(caller_of($_) . '.token') . "\r\n";

    ["$first$token"],
    $_->{body} ? (["$first${token}Content-Length: 50\r\n\r\n{\"lease\": \""],
                  ["$first${token}Transfer-Encoding: chunked\r\n\r\n5\r\n{"])
               : ();
} endpoints();

my @answers = http_all(map { [node('victim'), X => '/', { raw => $_->[0] }] }
                       @silent);

is_deeply [grep { $_ ne 'closed early' } map { $_->error // $_->status }
           @answers], [], 'nginx hangs up';
is digest(), $before, 'nothing changed';



=== TEST 5: many requests on one connection
--- scenario
my (@texts, @single);

keep_lease();

for my $e (grep { $_->{name} !~ /^(?:watch|job_acquire|.*_cancel|usage)$/ }
           endpoints())
{
    my ($part) = $e->{pattern} =~ /\{(.)\}/;

    for my $path ($part ? path($e, $part => 'x') : (), path($e)) {
        my $body = $path eq path($e) ? 'GET / HTTP/1.1' : '{"name": 7}';
        my $options = { as => caller_of($e), body => $body };

        push @texts, join "\r\n", "$e->{method} $path HTTP/1.1", 'Host: x',
            'Coder-Session-Token: ' . v(caller_of($e) . '.token'),
            'Content-Length: ' . length $body, '', $body;
        push @single, [node('victim'), $e->{method} => $path, $options];
    }
}

my $before = digest();
my @want = map { $_->status } http_all(@single);

for my $slow (0, 1) {
    my $said = talk([@texts, "GET /api/v2/x HTTP/1.1\r\nHost: x\r\n"
                             . "Connection: close\r\n\r\n"],
                    slow => $slow, port => node('victim')->port);

    is join(' ', map { $_->[0] } answers($said->{text})), "@want 404",
       @want . ' requests';
}

is digest(), $before, 'nothing changed';



=== TEST 6: Expect: 100-continue
--- scenario
for my $e (grep { $_->{body} && !$_->{optional} } endpoints()) {
    my $head = "$e->{method} " . path($e) . " HTTP/1.1\r\nHost: x\r\n"
               . "Connection: close\r\nExpect: 100-continue\r\n"
               . "Content-Length: 4\r\n";
    my $token = 'Coder-Session-Token: ' . v(caller_of($e) . '.token');
    my $said = talk(["$head\r\n"], port => node('victim')->port,
                    until => qr/\}\z/);

    like $said->{text}, qr{\AHTTP/1.1 401 }, "$e->{name}: not without a token";

    $said = talk(["$head$token\r\n\r\n"], port => node('victim')->port,
                 until => qr/100 Continue\r\n\r\n/);
    like $said->{text}, qr{\AHTTP/1.1 100 Continue\r\n\r\n\z}, 'go on';

    $said = talk(["$head$token\r\n\r\n", '[{}]'], slow => 1,
                 port => node('victim')->port);
    like $said->{text}, qr{^HTTP/1.1 400 }m, 'and then the answer';
}



=== TEST 7: HTTP/2
--- scenario
my %bodies = no_objects();

# by curl, one connection; each answer as "STATUS TYPE"

my $dir = temp_dir();
my $base = 'http://127.0.0.1:' . v('h2.port');
my ($n, @config) = (0);

keep_lease();

for my $e (endpoints()) {
    for my $part ($e->{pattern} =~ /\{(.)\}/g) {
        for my $value (qw(x %ff %00 %zz), 'a' x 3000) {
            push @config, [$e, path($e, $part => $value)];
        }
    }

    if ($e->{body}) {
        push @config, map { [$e, path($e), $bodies{$_}] } sort keys %bodies;
    }
}

open my $out, '>', "$dir/config" or die $!;

for my $case (@config) {
    my ($e, $path, $body) = @$case;

    # what comes after the first takes the connection that is there

    print $out $n++ ? "next\nhttp2\n" : "http2-prior-knowledge\n";
    print $out qq(globoff\nsilent\noutput = /dev/null\n)
               . qq(write-out = "%{http_code} %{content_type}\\n"\n)
               . qq(request = $e->{method}\nurl = "$base$path"\n)
               . qq(header = "Coder-Session-Token: )
               . v(caller_of($e) . '.token') . qq("\n);

    if (defined $body) {
        open my $file, '>', "$dir/$n" or die $!;
        print $file $body;
        close $file;
        print $out qq(data-binary = "\@$dir/$n"\n);
    }
}

close $out;

my $before = digest();
my %seen;

$seen{$_}++ for split /\n/, `curl -K $dir/config`;

my @odd = grep { !m{^4\d\d application/json; charset=utf-8$} } keys %seen;

is "@odd", '', @config . ' requests by curl';
cmp_ok $seen{'400 application/json; charset=utf-8'}, '>', 300;
is digest(), $before, 'nothing changed';



=== TEST 8: HTTP/2 frames that should not be
--- scenario
# a frame; header fields as literals that are not indexed (RFC 7541, 6.2.2)

sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}

sub fields {
    my (@fields) = @_;

    return join '', map { pack 'CC/a*C/a*', 0, @$_ } @fields;
}

# the job has been waited for long enough

my ($fail) = grep { $_->{name} eq 'job_fail' } endpoints();

http(node('victim'), POST => path($fail),
     { as => 'provisioner', body => { lease => v('lease'), error => 'x' } });

my ($e) = grep { $_->{name} eq 'rename' } endpoints();
my @request = ([':method', 'PATCH'], [':scheme', 'http'],
               [':path', path($e)], [':authority', 'x'],
               ['coder-session-token', v('alice.token')]);

sub get {
    my ($name) = @_;

    my ($e) = grep { $_->{name} eq $name } endpoints();
    my $query = $name eq 'build_logs' ? '?follow=1' : '';

    return fields([':method', 'GET'], [':path', path($e) . $query],
                  @request[1, 3, 4]);
}

my $preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '');
my $long = [['content-length', 50]];
my $body = '{"name": "never"}';
my $reset = frame(3, 0, 1, pack 'N', 8);

my %frames = (
    'no frame'             => "\xff" x 100,
    'a body cut short'     => frame(1, 4, 1, fields(@request, @$long))
                              . frame(0, 1, 1, $body),
    'a body too long'      => frame(1, 4, 1, fields(@request,
                                                    ['content-length', 3]))
                              . frame(0, 1, 1, $body),
    'reset within a body'  => frame(1, 4, 1, fields(@request, @$long))
                              . frame(0, 0, 1, $body) . $reset,
    'reset at once'        => frame(1, 5, 1, fields(@request)) . $reset,
    'reset, and a body'    => frame(1, 4, 1, fields(@request)) . $reset
                              . frame(0, 1, 1, $body),
    'a long poll, reset'   => frame(1, 4, 1, fields([':method', 'POST'],
                              [':path', '/api/v2/provisioners/me/acquire'],
                              @request[1, 3], ['coder-session-token',
                                               v('provisioner.token')]))
                              . frame(0, 1, 1, '{"wait_ms": 60000}') . $reset,
    map({ ("$_, reset" => frame(1, 5, 1, get($_)) . $reset,
           "$_, and then nothing" => frame(1, 5, 1, get($_))) }
        qw(list watch build_logs build_list)),
    'a body for nobody'    => frame(0, 1, 1, $body),
    'a body on stream 0'   => frame(0, 1, 0, $body),
    'headers of 60 kB'     => frame(1, 0, 1, fields(@request)) . join('',
                              map { frame(9, 0, 1, fields(map { ["x-$_",
                                    'x' x 200] } 1 .. 20)) } 1 .. 15)
                              . frame(9, 4, 1, ''),
    'no headers at all'    => frame(1, 5, 1, ''),
    'half a field'         => frame(1, 5, 1, "\0\x7f"),
    'a field of 2 GB'      => frame(1, 5, 1, "\0\x7f\xff\xff\xff\x7f"),
    'no path'              => frame(1, 5, 1, fields($request[0])),
    'two paths'            => frame(1, 5, 1, fields(@request, $request[2])),
    'a zero in the path'   => frame(1, 5, 1, fields(@request[0, 1],
                                             [':path', "/api/v2/\0"])),
    'a path with a query'  => frame(1, 5, 1, fields(@request[0, 1],
                              [':path', "/api/v2/%zz?coder_session_token="
                                        . v('alice.token')])),
    'upper case'           => frame(1, 5, 1, fields(@request, ['X', 'y'])),
    'a line feed'          => frame(1, 5, 1, fields(@request, ['x', "a\nb"])),
    'a window too large'   => frame(8, 0, 0, pack 'N', 0x7fffffff),
    'a window of nothing'  => frame(8, 0, 0, pack 'N', 0),
    'odd settings'         => frame(4, 0, 0, 'x' x 7),
    '1,000 pings'          => frame(6, 0, 0, 'x' x 8) x 1000,
    '200 streams, reset'   => join('', map {
                              my $id = 2 * $_ + 1;
                              frame(1, 4, $id, fields(@request))
                              . frame(3, 0, $id, pack 'N', 8) } 0 .. 199),
);

my $before = digest();

for my $what (sort keys %frames) {
    for my $waiting (0, 1) {

        # whose token it is has to be asked for: all has come until then

        redis_cmd(PUBLISH => 'ws:{dir}:changed',
                  'token ' . substr v('alice.token'), 0, 10) if $waiting;

        my $said = talk([$preface, $frames{$what}], end => 1,
                        port => v('h2.port'));

        ok $said->{closed}, $what;
    }
}

is digest(), $before, 'nothing changed';

# one that is good, all of which has come before anybody wants it

my $said = talk([$preface, frame(1, 4, 1, fields(@request)),
                 map({ frame(0, 0, 1, $_) } '{"x": "', ('y' x 10_000) x 6),
                 frame(0, 1, 1, '", "name": "hostile-2"}')],
                port => v('h2.port'), until => qr/\x89/);

is http(node('victim'), GET => path($e), { as => 'alice' })->json->{name},
   'hostile-2', 'a body of 60 kB';
http(node('victim'), PATCH => path($e), { as => 'alice',
                                          body => { name => 'hostile' } });



=== TEST 9: tokens and bodies are in no log
--- scenario
my $token = v('alice.token');
my $query = "?coder_session_token=$token";

# Also of those that are refused, or go away, before nginx knows whose they
# are; about these it says more on level "info", and nobody can help it.

start_node(name => 'plain', log_level => 'error');

for my $text ("GET /api/v2/%zz$query HTTP/1.1\r\nHost: x\r\n\r\n",
              "GET /api/v2/workspaces$query HTTP/1.1\r\n\r\n",
              "GET /api/v2/workspaces$query HTTP/1.1\r\nX: " . 'x' x 40_000,
              "GET /api/v2/workspaces$query HTTP/1.1\r\nHo",
              "GET /api/v2/workspaces$query HTTP/9.9\r\n\r\n",
              "GET /api/v2/workspaces$query", "get /$query HTTP/1.1\r\n\r\n",
              "GET /elsewhere$query HTTP/1.1\r\nHost: x\r\n\r\n",
              "GET /api/v2/workspaces?x&coder%5Fsession_token=$token HTTP/1.1"
              . "\r\nHost: x\r\n\r\n")
{
    talk([$text], port => node('plain')->port, end => 1);
}

is join('', secrets_in_logs(qw(victim plain))), '';



=== TEST 10: nobody was hurt
--- scenario
is join(' ', node('victim')->workers), v('workers'), 'the same workers';
unlike node('victim')->log, qr/exited on signal|Sanitizer/;
is wsctl('check'), '', 'all invariants hold';
is http(node('victim'), GET => '/api/v2/users/me/workspace/hostile',
        { as => 'alice' })->status, 200;
