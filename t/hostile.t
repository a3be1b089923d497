# Clients that lie: every endpoint, and whatever can be wrong with its path,
# query, headers and body; t/hostile-http.t is about HTTP itself.  What is
# refused is refused in the API's form and has changed nothing: a digest of
# all that Redis holds is the same before and after.  contract: Errors, Path
# values, Bodies

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Endpoints;
use WorkspaceTest::Hostile;


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
                              '"apps":[{}]',
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

while ($source =~ /\{\ WS_(\w+),\ "(\S+)",\s+WS_ENDPOINT_\w+,
                   \ ngx_string\("(\w+)"/gx)
{
    push @routes, join ' ', $3, $method{$1} || $1, $2;
}

is_deeply [sort map { "$_->{name} $_->{method} $_->{pattern}" } endpoints()],
          [sort @routes];



=== TEST 2: a node of its own, a running workspace, a job under way
--- scenario
stage();



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
my %bodies = no_objects();

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



=== TEST 9: bodies and names of megabytes
--- scenario
start_node(name => 'wide', log_level => 'error',
           location => 'client_max_body_size 64m;');

my $name = 'x' x 10_000_000;

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

        keep_lease();

        my $before = digest();

        is http(node('victim'), $e->{method} => path($e), \%o)->status, 413;
        is http(node('wide'), $e->{method} => path($e), \%o)->status, 400,
           "$e->{name}: " . length $body;
        is digest(), $before, 'nothing changed';
    }
}



=== TEST 10: nobody was hurt
--- scenario
is join(' ', node('victim')->workers), v('workers'), 'the same workers';
unlike node('victim')->log, qr/exited on signal|Sanitizer/;
is wsctl('check'), '', 'all invariants hold';
is join('', secrets_in_logs(qw(victim wide))), '';
is http(node('victim'), GET => '/api/v2/users/me/workspace/hostile',
        { as => 'alice' })->status, 200;
