# Clients that lie: every endpoint, and whatever can be wrong with its path,
# query, headers and body, and with HTTP itself.  What is refused is refused
# in the API's form and has changed nothing: a digest of all that Redis holds
# is the same before and after.  contract: Errors, Path values, Bodies

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Endpoints;
use WorkspaceTest::Life;
use WorkspaceTest::Talk;


my $uuid = '497f6eca-6276-4993-bfeb-53cbbbba6f08';

# values for a part of the path, none of which can be right

my @ids = ('x', '%20', '%25', '%', '%zz', '%ff', '%00', '..;', '%c0%af',
           '%0d%0aX-Bad:%20y', '{w}', '*', '"', '%F0%9F%98%80', 'me', '0',
           substr($uuid, 1), "${uuid}0", "{$uuid}", $uuid =~ tr/-//dr,
           $uuid =~ s/-/_/gr, $uuid =~ s/4/g/r, "$uuid%00", "%20$uuid",
           'a' x 5000);

our %parts = (
    w => \@ids, o => \@ids, b => \@ids, j => \@ids,
    u => [grep { $_ ne 'me' } @ids, 'nobody', 'me%20', 'm%65e', $uuid],
    n => [grep { $_ ne 'me' } @ids, 'none', '-', 'a' x 33],
    '#' => [qw(0 -1 1.5 1e0 x 0x1 99999999999999999999 2147483648 %31%00),
            '+1', '%20', '%ff'],
);

# values for a field, by its type, none of which is of it

our %wrong = (
    string  => ['7', '1.5', 'true', '[]', '{}', '["x"]', '{"x":"y"}'],
    integer => ['"7"', '1.5', '1e3', 'true', '[]', '{}', '[1]'],
    boolean => ['"true"', '1', '0', '[]', '{}', '[true]'],
    list    => ['"x"', '7', 'true', '{}', '{"0":{}}'],
    object  => ['"x"', '7', 'true', '[]', '[{}]'],
);

# values of the right type that break the field's rule

my $long = '"' . 'x' x 300_000 . '"';

our %breaks = (
    create => {
        name        => ['""', '"a b"', '"-a"', '"a-"', '"a--b"', '"a\n"',
                        '"' . 'a' x 33 . '"', '"\u00e9"', $long],
        template_id => ['""', '"x"', qq("$uuid"), qq("{$uuid}"), $long],
        autostart_schedule => ['"x"', '"* * * * *\u0009"', '"0 9 * * 8"',
                               '"CRON_TZ=../../etc/passwd 0 9 * * *"',
                               '"CRON_TZ=/etc/localtime 0 9 * * *"', $long],
        ttl_ms      => ['1', '-1', '604800001e0', '-9223372036854775808',
                        '9223372036854775807'],
        rich_parameter_values => ['[{}]', '[[]]', '["x"]', '[null]',
            '[{"name":"x"}]', '[{"name":1,"value":"x"}]',
            '[{"name":"x","value":null}]', '[{"name":"x","value":"y"}]',
            '[' . join(',', ('{"name":"x","value":"y"}') x 10_000) . ']'],
    },
    rename    => { name => ['"a b"', '"a\u2028"', '"/"', $long] },
    autostart => { schedule => ['"x"', '"60 * * * *"', '"0 9 1 * *"', $long,
                                '"CRON_TZ=\u0001 0 9 * * *"'] },
    ttl       => { ttl_ms => ['-1', '59999', '604860000',
                              '9223372036854775807'] },
    extend    => { deadline => ['""', '"x"', '"0001-01-01T00:00:00Z"',
                                '"2020-01-01T00:00:00Z"',
                                '"2099-13-01T00:00:00Z"',
                                '"99999-01-01T00:00:00Z"', $long] },
    build_create => {
        transition => ['""', '"begin"', '"START"', $long],
        template_version_id => ['""', '"x"', qq("$uuid")],
        rich_parameter_values => ['[{}]', '[null]',
                                  '[{"name":"x","value":"y"}]'],
        orphan     => ['true'],
    },
    job_acquire => { wait_ms => ['-1', '60001', '9223372036854775807'] },
    job_heartbeat => {
        lease      => ['""', '"x"', qq("$uuid"), $long],
        logs       => ['[{}]', '[[]]', '["x"]', '[null]', '[{"output":1}]',
                       '[{"output":"x","level":"loud"}]',
                       '[{"output":"x","level":1}]',
                       '[{"output":"x","stage":[]}]',
                       '[{"output":"x","created_at":"now"}]',
                       '[{"output":"x","created_at":7}]',
                       '[{"output":"good"},{"output":null}]',
                       '[' . join(',', ('{"output":""}') x 1001) . ']'],
        logs_after => ['-1', '9223372036854775807'],
    },
    job_complete => {
        lease     => ['""', '"x"', qq("$uuid")],
        state     => [$long],
        resources => ['[{}]', '[null]', '[[]]',
                      map({ qq([{"name":"n","type":"t",$_}]) }
                          '"daily_cost":-1', '"daily_cost":1e3',
                          '"daily_cost":9223372036854775807', '"hide":"no"',
                          '"metadata":[{"key":null}]', '"agents":[7]',
                          '"icon":"' . 'x' x 70_000 . '"',
                          map { qq("agents":[{"name":"a",$_}]) }
                              '"connection_timeout_seconds":'
                              . '9223372036854775807',
                              '"connection_timeout_seconds":-1',
                              '"environment_variables":{"a":{"b":1}}',
                              '"status":"fine"', '"apps":[{}]',
                              '"apps":[{"slug":"s","healthcheck":[]}]',
                              '"apps":[{"slug":"s","healthcheck":'
                              . '{"interval":-1}}]'),
                      '[' . join(',', ('{"name":"n","type":"t"}') x 65)
                      . ']'],
    },
    job_fail  => { lease => ['""', '"x"'], error => ['""'] },
    job_release => { lease => ['""', '"x"', qq("$uuid")] },
    agent_heartbeat => { agent => ['"none"', $long],
                         version => ['"' . 'x' x 257 . '"'] },
    agent_state => {
        agent => ['"none"', qq("$uuid")],
        lifecycle_state => ['""', '"fine"', $long],
        apps    => ['{"none":"healthy"}', '{"code":"fine"}', '{"code":null}',
                    '{"code":["healthy"]}'],
        latency => ['{"x":1}', '{"x":null}', '{"x":{}}',
                    '{"x":{"latency_ms":-1}}', '{"x":{"latency_ms":"1"}}',
                    '{' . join(',', map { qq("$_":{"latency_ms":1}) } 0 .. 64)
                    . '}'],
    },
    agent_disconnect => { agent => ['"none"'] },
);

# bodies that are no JSON object

our %bodies = (
    blank => ' ', 'an open brace' => '{', 'a list' => '[]',
    'a string' => '"x"', null => 'null', 'a number' => '7', two => '{}{}',
    'more after it' => '{} x', 'a zero byte' => "{\"name\": \"a\0b\"}",
    'only a zero byte' => "\0", 'an escaped zero' => '{"name": "\u0000"}',
    'a zero in a key' => '{"\u0000": 1}',
    'invalid UTF-8' => "{\"name\": \"\xff\"}",
    'an overlong form' => "{\"name\": \"\xc0\xaf\"}",
    'a surrogate as UTF-8' => "{\"name\": \"\xed\xa0\x80\"}",
    'a lone surrogate' => '{"name": "\ud800"}',
    'surrogates turned round' => '{"name": "\udc00\ud800"}',
    'invalid UTF-8 in a key' => "{\"\xfe\": 1}",
    'a bare key' => '{name: 1}', 'single quotes' => "{'name': 'x'}",
    'a comma too many' => '{"name": "x",}', 'a comment' => '{/**/}',
    'objects 5,000 deep' => '{"a":' x 5000,
    'lists 100,000 deep' => '[' x 100_000,
    'lists 100,000 deep, closed' =>
        '{"a":' . '[' x 100_000 . ']' x 100_000 . '}',
    'a huge real' => '{"x": 1e999}', 'a huge integer' => '{"x": 1' . '0' x 30
                                                         . '}',
    'a number of 100,000 digits' => '{"x": ' . '9' x 100_000 . '}',
    'leading zero' => '{"x": 01}', 'not a number' => '{"x": NaN}',
    'a byte order mark' => "\xef\xbb\xbf{}", 'UTF-16' => "\xff\xfe{\0}\0",
    'a raw line feed' => "{\"name\": \"a\nb\"}",
    'a form' => 'name=x&password=never-in-a-log',
    XML => '<?xml version="1.0"?><name/>',
);

# queries, by type

our %queries = (
    boolean => [qw(x 2 -1 yes tRUE true%20 %00 %ff 1%00)],
    integer => [qw(x -1 1.5 1e3 0x10 99999999999999999999 %00 %ff
                   1%00), '1 ' =~ s/ /%20/r],
    uuid    => ['x', '%00', '%ff', "$uuid%00", "{$uuid}", $uuid],
    time    => ['x', '2020-01-01', '2020-01-01T00:00:00', '%00', '%ff'],
    word    => [qw(x %00 %ff running%00 running%20)],
    string  => [qw(%00 %ff a%00 %c0%af %ed%a0%80)],
    search  => [qw(%00 %ff a:b:c a/b/c x:y status:x has-agent:x owner:
                   :a %22), 'name:%22a', 'a' x 4000 . ':b:c'],
);


our %args = (w => $uuid, o => $uuid, u => 'me', n => 'hostile', b => $uuid,
            j => $uuid, '#' => 1);


# a path of the staged workspaces, with some parts replaced

sub path {
    my ($e, %parts) = @_;

    return path_of($e, %args, %parts);
}


sub caller_of { $_[0]{caller} eq 'user' ? 'alice' : $_[0]{caller} }


# the whole of Redis, but for the list of what is due: the clock of every
# worker works on that

sub digest {
    return redis_cmd(EVAL => <<'EOC', 0);
local keys, all = redis.call('KEYS', '*'), {}
table.sort(keys)
for _, key in ipairs(keys) do
    if not key:match(':due$') then
        all[#all + 1] = key
        all[#all + 1] = redis.call('DUMP', key)
    end
end
return redis.sha1hex(table.concat(all))
EOC
}


# Sends [ label, METHOD, PATH, options ] all at once.  Each answer has the
# API's form (http_all sees to that) and one of the statuses.

sub answered {
    my ($what, $good, @calls) = @_;

    my @answers = http_all(map { my ($label, @call) = @$_;
                                 [node('victim'), @call] } @calls);

    my @bad = map {
        my ($answer, $call) = ($answers[$_], $calls[$_]);
        my $status = $answer->status;
        $status =~ $good ? ()
                         : substr("$call->[0]: $status "
                                  . ($answer->error // $answer->body), 0, 200)
    } 0 .. $#calls;

    ok !@bad, "$what: " . @calls . ' requests';
    diag(join "\n", map { "    $_" } @bad[0 .. ($#bad < 9 ? $#bad : 9)])
        if @bad;
}


sub refused {
    my ($what, @calls) = @_;

    my $before = digest();

    answered($what, qr/^4/, @calls);
    is digest(), $before, "$what: nothing changed" if @calls;
}


# the job goes on being the provisioner's: its lease would be over after 30 s

sub keep_lease {
    http(node('victim'), POST => "/api/v2/provisioners/me/jobs/$args{j}"
                                 . '/heartbeat',
         { as => 'provisioner', body => { lease => v('lease') } })
        ->status == 200 or die 'the lease was lost';
}


# a good body, one field of which is as given

sub body_with {
    my ($e, $field, $json) = @_;

    my %good = (
        create       => { name => '"fresh"',
                          template_id => '"' . v('docker.id') . '"' },
        build_create => { transition => '"stop"' },
        extend       => { deadline => '"2099-01-01T00:00:00Z"' },
        agent_state  => { agent => '"main"' },
        map { ("job_$_" => { lease => '"' . v('lease') . '"' }) }
            qw(heartbeat complete fail release),
    );

    my %body = %{ $good{ $e->{name} } || {} };

    $body{error} = '"it failed"' if $e->{name} eq 'job_fail';
    $body{$field} = $json;
    delete $body{$field} if !defined $json;

    return '{' . join(',', map { qq("$_":$body{$_}) } sort keys %body) . '}';
}


run_tests();

__DATA__

=== TEST 1: the table of endpoints is that of the routes
--- scenario
open my $in, '<', v('top') . '/src/api/ws_route.c' or die $!;

my $source = join '', <$in>;
my %method = (STREAM => 'GET');
my @routes;

while ($source =~ /\{ WS_(\w+), "(\S+)",\s+WS_ENDPOINT_\w+, ngx_string\("(\w+)"/g)
{
    push @routes, join ' ', $3, $method{$1} || $1, $2;
}

is_deeply [sort map { "$_->{name} $_->{method} $_->{pattern}" } endpoints()],
          [sort @routes];



=== TEST 2: a node of its own, a running workspace, a job under way
--- scenario
our %args;

my $port = free_port();

v('h2.port', $port);
v('provisioner.token', wsctl(qw(provisioner create hostile)));
v('life.token', v('provisioner.token'));

my $location = <<'EOC';
    location /api/ {
        workspace_api;
        workspace_agent_timeout 1h;
        client_body_timeout 2s;
    }
EOC

start_node(name => 'victim', config => $location, http_config => <<"EOC");
    client_header_timeout 2s;
    log_format told '\$remote_addr "\$request" \$status \$workspace_user '
                    '\$workspace_user_id \$workspace_id \$workspace_endpoint '
                    '\$workspace_cache_status \$workspace_redis_time '
                    '"\$http_user_agent" "\$http_referer"';
    access_log logs/told.log told;
    server {
        listen 127.0.0.1:$port http2;
        server_name localhost;
    $location
    }
EOC

v('workers', join ' ', node('victim')->workers);

my ($w, $token) = started(name => 'hostile', ttl_ms => 3600_000, agents => [
    { name => 'main', apps => [{ slug => 'code' }] }, { name => 'two' },
]);

v('agent.token', $token);

my $held = create(name => 'held');
my $job = acquire($held);

v('lease', $job->{lease});
report($job, 'heartbeat', logs => [{ output => 'one' }]);

@args{qw(w o b j)} = ($w->{id}, v('acme.id'), $w->{latest_build}{id},
                      $job->{job_id});



=== TEST 3: paths
--- scenario
our %parts;

for my $e (endpoints()) {
    my @calls;

    for my $part ($e->{pattern} =~ /\{(.)\}/g) {
        push @calls, map {
            [$_, $e->{method} => path($e, $part => $_),
             { as => caller_of($e), $e->{body} ? (body => '{}') : () }]
        } @{ $parts{$part} };
    }

    refused("$e->{name}: paths", @calls) if @calls;
}



=== TEST 4: bodies that are no JSON object
--- scenario
our %bodies;

for my $e (grep { $_->{body} } endpoints()) {
    keep_lease();

    refused("$e->{name}: bodies",
            ['nothing', $e->{method} => path($e),
             { as => caller_of($e), body => '' }]) if !$e->{optional};

    for my $chunked (0, 1) {
        refused("$e->{name}: bodies" . ($chunked ? ', in chunks' : ''), map {
            [$_, $e->{method} => path($e),
             { as => caller_of($e), body => $bodies{$_},
               chunked => $chunked }]
        } sort keys %bodies);
    }
}



=== TEST 5: fields of another type, fields that break their rule, none
--- scenario
our (%wrong, %breaks);

for my $e (grep { $_->{body} } endpoints()) {
    my @calls;

    for my $field (sort keys %{ $e->{body} }) {
        my $type = $e->{body}{$field};
        my @values = (@{ $wrong{ $type =~ tr/!//dr } },
                      @{ $breaks{ $e->{name} }{$field} || [] });

        push @values, 'null', undef if $type =~ /!/;

        push @calls, map {
            my $value = $_ // 'absent';
            ["$field $value", $e->{method} => path($e),
             { as => caller_of($e), body => body_with($e, $field, $_) }]
        } @values;
    }

    keep_lease();
    refused("$e->{name}: fields", @calls) if @calls;
}



=== TEST 6: queries
--- scenario
our %queries;

for my $e (endpoints()) {
    my @calls;

    for my $name (sort keys %{ $e->{query} }) {
        push @calls, map {
            ["$name=$_", GET => path($e) . "?$name=$_", { as => 'alice' }]
        } @{ $queries{ $e->{query}{$name} } };
    }

    refused("$e->{name}: queries", @calls) if @calls;
}

# and those that mean nothing

for my $e (grep { $_->{method} eq 'GET' && $_->{name} ne 'watch' }
           endpoints())
{
    answered("$e->{name}: odd queries", qr/^200$/, map {
        [$_, GET => path($e) . "?$_", { as => 'alice' }]
    } '', '&', '&&&', '=', '=x', '%', '%zz=%zz', '%00=%00', '?', '??',
      'x=' . 'y' x 5000, 'x&' x 2000, "x=\xff\xfe", 'offset', '%6Cimit=');
}


=== TEST 7: other methods
--- scenario
my %allowed;

for my $e (endpoints()) {
    $allowed{ path($e) }{ $e->{method} } = 1;
    $allowed{ path($e) }{HEAD} = 1
        if $e->{method} eq 'GET' && $e->{name} ne 'watch';
}

refused('other methods', map {
    my $path = $_;
    map { ["$_ $path", $_ => $path, { as => 'alice' }] }
    grep { !$allowed{$path}{$_} }
    qw(GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND MOVE
       FOO)
} sort keys %allowed);

for my $e (grep { $_->{method} eq 'GET' && $_->{name} ne 'watch' }
           endpoints())
{
    my ($get, $head) = http_all(
        map { [node('victim'), $_ => path($e), { as => 'alice' }] }
            qw(GET HEAD)
    );

    is join(' ', $head->status, $head->header('content-type'), $head->body),
       join(' ', $get->status, $get->header('content-type'), ''),
       "HEAD $e->{name}";
    is $head->header('content-length') // $get->header('content-length'),
       $get->header('content-length');
}



=== TEST 8: headers
--- scenario
my $token = 'Coder-Session-Token: ' . v('alice.token');
my %headers = (
    'a long one'      => 'X: ' . 'x' x 20_000,
    'many'            => join("\r\n", map { "X-$_: " . 'x' x 7000 } 1 .. 6),
    'a zero byte'     => "X: a\0b",
    'a zero byte in the name' => "X\0: y",
    'a blank in the name' => 'X y: z',
    'another host'    => 'Host: other',
    'a host with a path' => 'Host: a/b',
    'a negative length'  => 'Content-Length: -1',
    'a length in hex' => 'Content-Length: 0x2',
    'a length with a tail' => 'Content-Length: 2x',
    'a huge length'   => 'Content-Length: 99999999999999999999',
    'a large length'  => 'Content-Length: 9223372036854775807',
    'two lengths'     => "Content-Length: 2\r\nContent-Length: 3",
    'a length and chunks' =>
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
);

for my $e (grep { $_->{name} =~ /^(?:list|rename|agent_state|watch)$/ }
           endpoints())
{
    my $line = "$e->{method} " . path($e) . " HTTP/1.1\r\nHost: x\r\n$token";

    refused("$e->{name}: headers", map {
        [$_, $e->{method} => path($e),
         { raw => "$line\r\n$headers{$_}\r\nConnection: close\r\n\r\n{}" }]
    } sort keys %headers);

    refused("$e->{name}: no host", ['', $e->{method} => path($e),
        { raw => "$e->{method} " . path($e) . " HTTP/1.1\r\n\r\n" }]);
}

# what is no token is as good as none

my $id = substr v('alice.token'), 0, 10;

for my $e (endpoints()) {
    my @tokens = ('x', '-', "$id-", v('alice.token') . 'x', ' ' x 5000,
                  "$id-" . 'x' x 22, "$id-" . 'x' x 5000, "\xff\xfe",
                  "*\r\nX: y", "ws:{dir}:token:$id", '../../x',
                  substr(v('agent.token'), 0, 37) . 'x' x 22,
                  $e->{caller} eq 'user' ? v('provisioner.token')
                                         : v('alice.token'),
                  $e->{caller} eq 'agent' ? v('provisioner.token')
                                          : v('agent.token'));

    answered("$e->{name}: tokens", qr/^401$/, map {
        my $token = $_;
        map { [$token, $e->{method} => path($e),
               { headers => { @$_ }, $e->{body} ? (body => '{}') : () }] }
            ['Coder-Session-Token' => $token],
            ['Cookie' => "coder_session_token=$token"],
    } @tokens);
}



=== TEST 9: what is hardly HTTP
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



=== TEST 10: lengths and chunks that are not what they say
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



=== TEST 11: byte by byte, and clients that fall silent
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



=== TEST 12: many requests on one connection
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



=== TEST 13: Expect: 100-continue
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



=== TEST 14: bodies and names of megabytes
--- scenario
start_node(name => 'wide', log_level => 'error',
           location => 'client_max_body_size 64m;');

my $name = 'x' x 10_000_000;
my $before = digest();

# a sanitizer looks at the stack for every list

my $lists = '[],' x ($ENV{WORKSPACE_SANITIZED} ? 10_000 : 1_000_000);
my $blank = ' ' x 2_000_000;

for my $e (grep { $_->{name} =~ /^(?:create|rename|ttl|agent_state)$/ }
           endpoints())
{
    my ($field) = grep { /^(?:name|ttl_ms|lifecycle_state)$/ }
                  sort keys %{ $e->{body} };

    for my $body (qq({"$field": "$name"}), qq({"$name": 1, "$field": []}),
                  qq({"x": [$lists []], $blank "$field": false}))
    {
        my %o = (as => caller_of($e), body => $body);

        is http(node('victim'), $e->{method} => path($e), \%o)->status, 413;
        is http(node('wide'), $e->{method} => path($e), \%o)->status, 400,
           "$e->{name}: " . length $body;
    }
}

is digest(), $before, 'nothing changed';



=== TEST 15: HTTP/2
--- scenario
our %bodies;

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



=== TEST 16: HTTP/2 frames that should not be
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

my ($e) = grep { $_->{name} eq 'rename' } endpoints();
my @request = ([':method', 'PATCH'], [':scheme', 'http'],
               [':path', path($e)], [':authority', 'x'],
               ['coder-session-token', v('alice.token')]);
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



=== TEST 17: tokens and bodies are in no log
--- scenario
my $token = v('alice.token');
my $query = "?coder_session_token=$token";

# Also of those that are refused, or go away, before nginx knows whose they
# are; about these it says more on level "info", and nobody can help it.

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
    talk([$text], port => node('wide')->port, end => 1);
}

my @secrets = ((map { v("$_.token") } qw(alice provisioner agent)),
               'never-in-a-log');

for my $secret (@secrets) {
    $secret =~ s/^.*-(?=\w{22}$)//;
}

for my $name (qw(victim wide)) {
    for my $file (glob v('work') . "/nodes/$name/logs/*.log") {
        open my $in, '<', $file or die $!;
        my @lines = <$in>;

        for my $secret (@secrets) {
            my @found = grep { index($_, $secret) >= 0 } @lines;

            is scalar @found, 0, "$name, $file";
            diag(substr $found[0], 0, 400) if @found;
        }
    }
}



=== TEST 18: nobody was hurt
--- scenario
is join(' ', node('victim')->workers), v('workers'), 'the same workers';
unlike node('victim')->log, qr/exited on signal|Sanitizer/;
is wsctl('check'), '', 'all invariants hold';
is http(node('victim'), GET => '/api/v2/users/me/workspace/hostile',
        { as => 'alice' })->status, 200;
