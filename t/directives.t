# What nginx -t says of bad configuration: docs/directives.md.

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: bad values are named, and what was expected
--- scenario
for my $case (
    ['workspace_redis http://x;', qr/"workspace_redis": expected/],
    ['workspace_redis redis://;', qr/"workspace_redis": expected/],
    ['workspace_redis redis://h:99999;', qr/"workspace_redis": expected/],
    ['workspace_redis redis://h/x;', qr/"workspace_redis": expected/],
    ['workspace_redis unix:;', qr/"workspace_redis": expected/],
    ['workspace_redis redis://nonexistent.invalid;',
     qr/host not found in "workspace_redis"/],
    ['workspace_redis redis://127.0.0.1 read_timeout=x;',
     qr/"read_timeout" in "workspace_redis": expected a time/],
    ['workspace_redis redis://127.0.0.1 read_timeout=0;',
     qr/"read_timeout" in "workspace_redis": expected a time/],
    ['workspace_redis redis://127.0.0.1 db=x;',
     qr/"db" in "workspace_redis": expected a number/],
    ['workspace_redis redis://127.0.0.1 "prefix={x}";',
     qr/"prefix" in "workspace_redis": expected/],
    ['workspace_redis redis://127.0.0.1 username=x;',
     qr/a user in "workspace_redis" needs a password/],
    ['workspace_redis sentinel://127.0.0.1/main sentinel_username=x;',
     qr/a user in "workspace_redis" needs a password/],
    ['workspace_redis redis://127.0.0.1 colour=red;',
     qr/unknown parameter "colour" in "workspace_redis": expected/],
    ['workspace_redis redis://127.0.0.1; workspace_redis redis://127.0.0.1;',
     qr/"workspace_redis" directive is duplicate/],
    ['workspace_redis;',
     qr/invalid number of arguments in "workspace_redis"/],
    ['workspace_shards 3;',
     qr/"workspace_shards" value "3": expected a power of two/],
    ['workspace_shards 2; location /api/x/ { workspace_api; workspace_shards 4; }',
     qr/"workspace_shards" has two values, 2 and 4/],
    ['workspace_dialect martian;',
     qr/"workspace_dialect" value "martian": expected "published" or "coder"/],
    ['workspace_agent_timeout 0;',
     qr/"workspace_agent_timeout" value "0": expected a time/],
    ['workspace_agent_timeout x;',
     qr/"workspace_agent_timeout" value "x": expected a time/],
    ['workspace_prefix api;', qr/"workspace_prefix" value "api": expected/],
    ['workspace_prefix /api/;', qr/"workspace_prefix" value "\/api\/": expected/],
    ['workspace_identity name;', qr/"workspace_identity" value "name": expected/],
    ['workspace_identity $nothing_such;', qr/unknown "nothing_such" variable/],
    ['workspace_api;', qr/"workspace_api" directive is duplicate/],
    ['workspace_api on;',
     qr/invalid number of arguments in "workspace_api"/])
{
    my ($line, $expected) = @$case;
    my ($status, $output) = nginx_test(location => $line);

    isnt $status, 0, $line;
    like $output, $expected;
}



=== TEST 2: a password is not repeated in messages
--- scenario
my ($status, $output)
    = nginx_test(location => 'workspace_redis redis://u:hunter2@h:bad;');

isnt $status, 0;
unlike $output, qr/hunter2/;

for my $misspelled ('pasword=hunter2', 'hunter2') {
    ($status, $output)
        = nginx_test(location => "workspace_redis redis://127.0.0.1 $misspelled;");

    isnt $status, 0;
    unlike $output, qr/hunter2/, $misspelled;
}



=== TEST 3: the API needs a Redis
--- scenario
my ($status, $output)
    = nginx_test(config => "location / { workspace_api; }\n"
                           . "location /x/ {\n"
                           . "workspace_redis redis://127.0.0.1;\n}");

isnt $status, 0;
like $output, qr/"workspace_api" needs "workspace_redis"/;



=== TEST 4: good values
--- scenario
for my $line ('workspace_redis redis://127.0.0.1:6379/3 prefix=x: read_timeout=500ms;',
              'workspace_redis redis://user:pass%40word@[::1]:6380;',
              'workspace_redis unix:/tmp/x.sock connect_timeout=1s send_timeout=2s;',
              'workspace_prefix /;', 'workspace_prefix /a/b;',
              'workspace_dialect published;', 'workspace_identity $remote_user;')
{
    my ($status, $output) = nginx_test(location => $line);

    is $status, 0, $line or diag $output;
}



=== TEST 5: regular expressions, nested locations and if blocks
--- config
location ~ ^/api/v2/.*/watch$ {
    workspace_api;
}
location /api/ {
    workspace_api;
    location /api/v2/users/ {
        workspace_api;
        workspace_dialect coder;
    }
    if ($http_x_coder) {
        workspace_dialect coder;
    }
}
--- scenario
is http(GET => '/api/v2/workspaces', { as => 'alice' })->status, 200;
is http(GET => '/api/v2/workspaces/' . uuid() . '/watch', { as => 'alice' })
   ->status, 404;

is http(GET => '/api/v2/users/me/workspace/none', { as => 'alice' })->status,
   404, 'the nested one';

for my $case ([{}, 200], [{ 'X-Coder' => 1 }, 201]) {
    my $r = http(POST => '/api/v2/organizations/' . v('acme.id')
                         . '/members/me/workspaces',
                 { as => 'alice', headers => $case->[0],
                   body => { name => "n$case->[1]",
                             template_id => v('docker.id') } });

    is $r->status, $case->[1], 'the dialect of the if block';
}



=== TEST 6: another prefix
--- config
location ~ . {
    workspace_api;
    workspace_prefix /other;
}
--- api_prefix: /other
--- as: alice
--- request eval
["GET /other/workspaces", "GET /api/v2/workspaces"]
--- error_code eval
[200, 404]



=== TEST 7: where there is no data yet, there are no several shards
--- http_config
workspace_redis unix:{{redis.unix}} db=3 prefix=other:;
workspace_shards 4;
--- as: alice
--- request
GET /api/v2/workspaces
--- error_code: 503
--- error_log
without data redis



=== TEST 8: database and key prefix keep deployments apart
--- http_config
workspace_redis unix:{{redis.unix}} db=3 prefix=other:;
workspace_shards 1;
--- as: alice
--- request
GET /api/v2/workspaces
--- error_code: 401
