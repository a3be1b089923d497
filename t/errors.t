# Methods, bodies, sizes: what is malformed gets a 4xx in the API's shape, and
# nothing is changed.  contract: Errors, Bodies, Methods

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: a workspace
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: other methods of known paths
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');
my %allow = (
    '/api/v2/workspaces' => 'GET, HEAD',
    $w => 'GET, HEAD, PATCH',
    "$w/autostart" => 'PUT',
    "$w/ttl" => 'PUT',
    "$w/extend" => 'PUT',
    "$w/watch" => 'GET',
    '/api/v2/users/me/workspace/dev' => 'GET, HEAD',
    '/api/v2/organizations/' . v('acme.id') . '/members/me/workspaces'
        => 'POST',
);

for my $path (sort keys %allow) {
    my %ok = map { ($_ => 1) } split /, /, $allow{$path};

    for my $method (qw(GET POST PUT PATCH DELETE OPTIONS HEAD)) {
        next if $ok{$method};

        my $r = http($method => $path, { as => 'alice' });

        is $r->status, 405, "$method $path";
        is $r->header('Allow'), $allow{$path};
    }
}



=== TEST 3: paths that are not there
--- as: alice
--- request eval
[map { "GET $_" } '/api/v2', '/api/v2/', '/api/v2/workspaces/',
 '/api/v2/workspaces/{{dev.id}}/', '/api/v2/workspaces/{{dev.id}}/nope',
 '/api/v2x/workspaces', '/api/v2/users//workspace/dev',
 '/api/v2/users/me/workspace/']
--- error_code eval
[(404) x 8]



=== TEST 4: bodies that are not one JSON object
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $before = http(GET => $path, { as => 'alice' })->body;

for my $body ('', ' ', '{', '[]', '"x"', 'null', '7', '{}{}', '{} x',
              "{\"name\": \"a\0b\"}", '{"name": "\u0000"}', "{\"name\": \"\xff\"}",
              "{\"name\": \"\xc0\xaf\"}", '{"name": "\ud800"}', '{name: 1}',
              "{'name': 'x'}", '{"a":' x 5000, '[' x 100000,
              '{"name": 1e999}', '{"ttl_ms": 99999999999999999999999}',
              "\xef\xbb\xbf{}")
{
    my $r = http(PATCH => $path, { as => 'alice', body => $body });

    is $r->status, 400, 'body: ' . substr $body, 0, 30;
    ok length $r->json->{message};
}

is http(GET => $path, { as => 'alice' })->body, $before, 'nothing changed';



=== TEST 5: a body larger than client_max_body_size, announced or not
--- location
client_max_body_size 64k;
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $big = '{"x": "' . 'x' x 100_000 . '"}';

my $r = http(PATCH => $path, { as => 'alice', body => $big });

is $r->status, 413;
ok length $r->json->{message}, 'in the shape of the API';

$r = http(PATCH => $path, { as => 'alice', body => $big, chunked => 1 });

is $r->status, 413, 'in chunks';
ok length $r->json->{message}, 'in the shape of the API';



=== TEST 6: a body that does not fit nginx' buffer, but the limit
--- location
client_max_body_size 1m;
client_body_buffer_size 1k;
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');

for my $chunked (0, 1) {
    for my $size (10, 900, 1100, 5000, 200_000) {
        my $r = http(PATCH => $path,
                     { as => 'alice', chunked => $chunked,
                       body => '{"x": "' . 'x' x $size . '", "name": "n'
                               . "$size$chunked\"}" });

        is $r->status, 204, "$size bytes";
        is http(GET => $path, { as => 'alice' })->json->{name},
           "n$size$chunked", 'read to its end';
    }
}



=== TEST 7: a request after one that was refused, on the same connection
--- as: alice
--- pipelined_requests eval
["PATCH /api/v2/workspaces/nope\n{\"name\": \"GET /x HTTP/1.1\"}",
 "DELETE /api/v2/workspaces\n{\"a\": 1}",
 "GET /api/v2/workspaces/{{dev.id}}"]
--- error_code eval
[400, 405, 200]



=== TEST 8: without a token the body is not looked at
--- request
PATCH /api/v2/workspaces/{{dev.id}}
not json
--- error_code: 401



=== TEST 9: errors of nginx' own have the API's form: access rules
--- location
deny all;
--- request
GET /api/v2/workspaces
--- error_code: 403
--- json
message = /./



=== TEST 10: the operator's error_page comes first
--- config
location /api/ {
    workspace_api;
    deny all;
    error_page 403 /denied;
}
location /denied {
    return 403 "go away";
}
--- no_validate
--- request
GET /api/v2/workspaces
--- error_code: 403
--- response_body: go away



=== TEST 11: what is stored comes back byte for byte
--- scenario
my $name = "\x{2028}\x{2029}\x{fffd}\"\\</script> event: x {\"a\":[1]} \$5 \x{1f600}";

utf8::encode($name);
wsctl(qw(template edit), v('docker.id'), '--display-name', $name);

my $path = '/api/v2/workspaces/' . v('dev.id');

utf8::decode($name);
ok wait_for { http(GET => $path, { as => 'alice' })
              ->json->{template_display_name} eq $name } 2;

my $s = sse_open("$path/watch", { as => 'alice' });

is $s->wait_event(2, sub { $_->{event} eq 'data' })
   ->{json}{template_display_name}, $name, 'in a stream too';



=== TEST 12: nginx' own disk is full: only its logs suffer
--- scenario
my $port = free_port();
my $node = start_node(name => 'full',
                      location => "access_log /dev/full;\nerror_log /dev/full;",
                      http_config => <<"EOC");
server {
    listen 127.0.0.1:$port http2;
    http2_body_preread_size 1m;
    access_log /dev/full;
    error_log /dev/full;
    location / { workspace_api; }
}
EOC

ok rmdir "$node->{dir}/client_body_temp", 'no place for bodies';

my $path = '/api/v2/workspaces/' . v('dev.id');
my $body = sub { '{"x": "' . 'x' x 500_000 . "\", \"name\": \"$_[0]\"}" };
my $name = sub { http($node, GET => $path, { as => 'alice' })->json->{name} };

for my $how ('at-once', 'chunked') {
    is http($node, PATCH => $path,
            { as => 'alice', chunked => $how eq 'chunked',
              body => $body->($how) })->status, 204, $how;
    is $name->(), $how;
}

if (`curl --version 2>/dev/null` =~ /HTTP2/) {
    my $file = temp_dir() . '/body';

    open my $out, '>', $file or die $!;
    print $out $body->('http2');
    close $out or die $!;

    is `curl -s --http2-prior-knowledge -o /dev/null -w '%{http_code}' \\
             -X PATCH --data-binary \@$file \\
             -H 'Coder-Session-Token: @{[v('alice.token')]}' \\
             http://127.0.0.1:$port$path`, 204, 'HTTP/2';
    is $name->(), 'http2';

} else {
    diag 'there is no curl with HTTP/2';
}

my $s = sse_open($node, "$path/watch", { as => 'alice' });

is http($node, PATCH => $path,
        { as => 'alice', body => { name => 'seen' } })->status, 204;
ok $s->wait_event(3, sub { $_->{event} eq 'data'
                           && $_->{json}{name} eq 'seen' }), 'streams go on';
is http($node, GET => '/api/v2/workspaces?name=none', { as => 'alice' })->status,
   200, 'listings, too';
is http($node, GET => '/api/v2/nothing', { as => 'alice' })->status, 404,
   'and what would be logged is answered';



=== TEST 13: of a field that is there twice the last counts
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $patch = sub { http(PATCH => $path, { as => 'alice', body => $_[0] }) };
my $name = sub { http(GET => $path, { as => 'alice' })->json->{name} };

is $patch->('{"name": 7, "name": "twice"}')->status, 204;
is $name->(), 'twice', 'the last';
is $patch->('{"name": "first", "name": 7}')->status, 400;
is $name->(), 'twice', 'not the first';
