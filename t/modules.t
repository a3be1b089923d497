# Beside nginx' other modules: what they do before, after and around the API.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Talk;

run_tests();


# the status of a GET of the workspace

sub read_status {
    my ($node, $path, %o) = @_;

    return http($node, GET => $path, { validate => 0, %o })->status;
}


# sets the TTL with a body of some size

sub put_ttl {
    my ($node, $path, $minutes, $size) = @_;

    return http($node, PUT => "$path/ttl", {
        as       => 'alice',
        validate => 0,
        body     => sprintf('{"ttl_ms": %d, "x": "%s"}', $minutes * 60_000,
                            'x' x $size),
    })->status;
}


sub minutes {
    return http(GET => '/api/v2/workspaces/' . v('dev.id'),
                { as => 'alice' })->json->{ttl_ms} / 60_000;
}


__DATA__

=== TEST 1: a workspace
--- config
location /api/ { workspace_api; }
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id
dev.build = latest_build.id



=== TEST 2: conditions of HTTP do not turn an answer into 304 or 412
--- config
location /api/ { workspace_api; }
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');
my $n = 0;

for my $h ([ 'If-Match', '"x"' ], [ 'If-None-Match', '*' ],
           [ 'If-Unmodified-Since', 'Thu, 01 Jan 1970 00:00:10 GMT' ],
           [ 'If-Modified-Since', 'Thu, 01 Jan 2099 00:00:10 GMT' ])
{
    my %o = (as => 'alice', headers => { @$h });

    is http(GET => $_, { %o })->status, 200, "$h->[0]: $_"
        for $w, '/api/v2/workspaces', "$w/builds";
    is http(POST => '/api/v2/organizations/' . v('acme.id')
                    . '/members/me/workspaces',
            { %o, body => { name => 'if-' . ++$n,
                            template_id => v('docker.id') } })->status,
       200, "$h->[0]: create";

    my $s = sse_open("$w/watch", { %o });

    is $s->status, 200, "$h->[0]: watch";
}



=== TEST 3: gzip_types without the charset, as people write it
--- config
location /api/ {
    workspace_api;
    gzip on;
    gzip_types application/json;
    gzip_min_length 1;
}
--- scenario
my $r = http(GET => '/api/v2/workspaces/' . v('dev.id'),
             { as => 'alice', validate => 0,
               headers => { 'Accept-Encoding' => 'gzip' } });

is $r->status, 200;
is $r->header('Content-Encoding'), 'gzip';
is $r->header('Content-Type'), 'application/json; charset=utf-8';



=== TEST 4: a body that breaks off does not make a page of HTML out of a stream
--- config
location /api/ { workspace_api; }
--- scenario
for my $path ('/workspaces/' . v('dev.id') . '/watch',
              '/workspacebuilds/' . v('dev.build') . '/logs?follow')
{
    my $said = talk([ "GET /api/v2$path HTTP/1.1\r\nHost: x\r\n"
                      . 'Coder-Session-Token: ' . v('alice.token') . "\r\n"
                      . "Transfer-Encoding: chunked\r\n\r\nzz\r\n" ],
                    until => qr/event: ping|<html>|\}\s*$/);

    unlike $said->{text}, qr/<html>/, $path;
    like $said->{text}, qr/event: ping/;
}



=== TEST 5: an identity in an "if" block counts more than the token
--- config
location /api/ {
    workspace_api;
    if ($http_x_who) {
        workspace_identity $http_x_who;
    }
}
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');

for my $case ([ alice => 'bob', 404 ], [ bob => 'alice', 200 ],
              [ undef, 'alice', 200 ], [ alice => undef, 200 ])
{
    my ($as, $who, $status) = @$case;

    is http(GET => $w, { $as ? (as => $as) : (),
                         headers => { $who ? ('X-Who' => $who) : () } })
       ->status, $status;
}



=== TEST 6: an identity in the location that a request is rewritten to
--- scenario
my $node = start_node(name => 'b', config => <<'EOC');
location /a/ {
    workspace_api;
    workspace_prefix /a;
    rewrite ^/a/(.*)$ /b/$1 last;
}
location /b/ {
    workspace_api;
    workspace_prefix /b;
    workspace_identity $http_x_who;
}
location /c/ {
    rewrite ^/c/(.*)$ /api/v2/$1 break;
    workspace_api;
}
EOC
my $tail = '/workspaces/' . v('dev.id');

is read_status($node, "$_$tail", as => 'alice',
               headers => { 'X-Who' => 'bob' }), 404, $_ for '/a', '/b';
is read_status($node, "/a$tail", headers => { 'X-Who' => 'alice' }), 200;
is read_status($node, "/c$tail", as => 'alice'), 200, 'rewritten here';
is read_status($node, "/c$tail", as => 'bob'), 404;



=== TEST 7: two stores: who is known in one is nobody in the other
--- scenario
my $redis = 'workspace_redis redis://127.0.0.1:' . v('redis.port');
my $node = start_node(name => 'b', config => <<"EOC");
location /a/ {
    $redis;
    workspace_api;
    workspace_prefix /a;
    rewrite ^/a/(.*)\$ /b/\$1 last;
}
location /b/ {
    $redis prefix=other:;
    workspace_api;
    workspace_prefix /b;
}
EOC

isnt read_status($node, '/a/workspaces', as => 'alice'), 200;



=== TEST 8: sign-on first, else the token, wherever it stands
--- scenario
my $node = start_node(name => 'b', config => <<'EOC');
location = /auth {
    internal;
    if ($http_x_who) { return 204; }
    return 401;
}
location /api/ {
    auth_request /auth;
    workspace_identity $http_x_who;
    workspace_api;
    error_page 401 = @token;
}
location @token {
    workspace_api;
}
EOC
my $w = '/api/v2/workspaces/' . v('dev.id');
my $token = v('alice.token');

is read_status($node, $w, headers => { 'X-Who' => 'alice' }), 200, 'sign-on';
is read_status($node, $w, as => 'alice'), 200, 'header';
is read_status($node, $w, headers => {
    Cookie => "coder_session_token=$token" }), 200, 'cookie';
is read_status($node, "$w?coder_session_token=$token"), 200, 'query';
is read_status($node, $w), 401, 'nothing';



=== TEST 9: proxy_pass in a block of the location
--- scenario
my $port = free_port();
my $node = start_node(name => 'b', http_config => <<"EOH", config => <<"EOC");
server {
    listen 127.0.0.1:$port;
    return 418 \$args;
}
EOH
location / {
    workspace_api;
    if (\$http_x_legacy) {
        proxy_pass http://127.0.0.1:$port;
    }
    limit_except GET PUT {
        proxy_pass http://127.0.0.1:$port;
    }
}
location /verified/ {
    auth_request /verify;
    proxy_pass http://127.0.0.1:$port;
}
location = /verify {
    internal;
    rewrite ^ /api/v2/workspaces break;
    workspace_api;
}
EOC
my $w = '/api/v2/workspaces/' . v('dev.id');

is read_status($node, $w, as => 'alice'), 200;
is read_status($node, $w, as => 'alice', headers => { 'X-Legacy' => 1 }), 418;
is http($node, DELETE => $w, { as => 'alice', validate => 0 })->status, 418;
is http($node, GET => "$w?coder_session_token=whole",
        { validate => 0, headers => { 'X-Legacy' => 1 } })
   ->body, 'coder_session_token=whole', 'a token is passed on';

is http($node, GET => '/verified/?coder_session_token=whole',
        { as => 'alice', validate => 0 })
   ->body, 'coder_session_token=whole', 'even after a subrequest of ours';
is http($node, GET => '/verified/', { validate => 0 })->status, 401,
   'that decides';



=== TEST 10: bodies that another module has read
--- config
location /api/ { workspace_api; }
--- scenario
my $port = free_port();
my $node = start_node(name => 'b', http_config => <<"EOH", config => <<"EOC");
log_format body '\$request_method \$content_length \$request_body';
server {
    listen 127.0.0.1:$port;
    access_log logs/mirrored.log body;
    location / {
        client_body_buffer_size 1m;
        proxy_pass http://127.0.0.1:$port/end/;
    }
    location /end/ {
        access_log off;
        return 200;
    }
}
EOH
client_body_buffer_size 8k;
location /failed/ {
    rewrite ^/failed/(.*)\$ /api/v2/\$1 break;
    proxy_pass http://127.0.0.1:1;
    error_page 502 = \@api;
}
location \@api {
    workspace_api;
}
location /api/ {
    mirror /mirror;
    workspace_api;
}
location = /mirror {
    internal;
    proxy_pass http://127.0.0.1:$port\$request_uri;
}
EOC
my $tail = '/workspaces/' . v('dev.id');
my $n = 10;

for my $size (1, 10_000, 100_000) {
    is put_ttl($node, "/failed$tail", ++$n, $size), 204, "failed, $size";
    is minutes(), $n;
    is put_ttl($node, "/api/v2$tail", ++$n, $size), 204, "mirrored, $size";
    is minutes(), $n;
}

my $log = "$node->{dir}/logs/mirrored.log";
my @lines = wait_for { local @ARGV = $log; my @l = <>; @l == 3 && \@l } 5;

is scalar(grep { /^PUT (\d+) (.*)$/ && $1 > 20 && $2 =~ /x/ } @{ $lines[0] }),
   3, 'the mirror has them, too';



=== TEST 11: a subrequest without a body
--- scenario
my $id = v('dev.id');
my $node = start_node(name => 'b', workers => 1, config => <<"EOC");
location /api/ {
    workspace_api;
}
location /copied/ {
    mirror /api/v2/workspaces/$id/ttl;
    mirror_request_body off;
    proxy_pass http://127.0.0.1:\$server_port/end/;
}
location /end/ {
    return 204;
}
EOC
my ($worker) = $node->workers;

is put_ttl($node, '/copied', 7, 10), 204;
is read_status($node, "/api/v2/workspaces/$id", as => 'alice'), 200;
is(($node->workers)[0], $worker, 'it lives');
isnt minutes(), 7, 'without a body it changes nothing';



=== TEST 12: listings within a page
--- config
location /api/ { workspace_api; }
--- scenario
my $path = '/api/v2/organizations/' . v('acme.id') . '/members/me/workspaces';

for my $k (1 .. 4) {
    http_all(map { [ POST => $path,
                     { as => 'alice', validate => 0,
                       body => { name => "l-$k-$_",
                                 template_id => v('docker.id') } } ] }
                 1 .. 50);
}

my $node = start_node(name => 'b', workers => 1, config => <<'EOC');
location /api/ {
    workspace_api;
}
location /page/ {
    ssi on;
    root html;
}
EOC

mkdir $_ for map { "$node->{dir}/$_" } 'html', 'html/page';

open my $out, '>', "$node->{dir}/html/page/all.html" or die $!;
print $out 'A' . '<!--# include virtual="/api/v2/workspaces" -->B' x 3;
close $out or die $!;

open $out, '>', "$node->{dir}/html/page/stream.html" or die $!;
print $out '<!--# include virtual="/api/v2/workspaces/' . v('dev.id')
           . '/watch" -->';
close $out or die $!;

like http($node, GET => '/page/stream.html', { as => 'alice', validate => 0 })
     ->body, qr/\A\{"message":"A stream cannot be a part of another answer."/;

my $r = http($node, GET => '/page/all.html',
             { as => 'alice', validate => 0, timeout => 20 });
my $list = http(GET => '/api/v2/workspaces', { as => 'alice' })->body;

is $r->status, 200;
ok $r->body eq 'A' . ($list . 'B') x 3, 'each of them, whole';
