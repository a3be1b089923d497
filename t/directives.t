# What nginx -t says of bad configuration: docs/directives.md.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;


# an organization with one user, where these options of wsctl say

sub another {
    my ($name, @options) = @_;

    wsctl(@options, '--shards', shards(), qw(org create acme));
    wsctl(@options, qw(user create), $name, qw(--org acme));
    v("$name.token", wsctl(@options, qw(token create), $name));
}


# how a node with this Redis answers these users

sub known {
    my ($redis, @users) = @_;

    my $node = start_node(
        name        => 'known',
        workers     => 1,
        http_config => "workspace_redis $redis;",
    );

    return [ map { http($node, GET => '/api/v2/workspaces',
                        { as => $_ })->status } @users ];
}


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
[crit]



=== TEST 8: a database alone keeps deployments apart, however it is written
--- scenario
my $tcp = '127.0.0.1:' . redis()->port;
my $unix = redis()->unix;

another('dave', '--redis', "redis://$tcp/3");

for my $redis ("redis://$tcp/3", "redis://$tcp db=3", "redis://$tcp/4 db=3",
               "unix:$unix?db=3", "unix://$unix?db=3", "unix:$unix db=3")
{
    is_deeply known($redis, 'dave', 'alice'), [ 200, 401 ], $redis;
}

like wsctl(qw(user list --redis), "unix:$unix?db=3"), qr/dave/, 'wsctl too';
unlike wsctl(qw(user list)), qr/dave/, 'and the other way round';



=== TEST 9: and so does a key prefix
--- scenario
my $redis = 'unix:' . redis()->unix;

another('erin', qw(--prefix other:));

is_deeply known("$redis prefix=other:", 'erin', 'alice'), [ 200, 401 ];
is_deeply known($redis, 'erin', 'alice'), [ 401, 200 ];



=== TEST 10: user and password as parameters: as they are, and they win
--- scenario
my $redis = '127.0.0.1:' . redis()->port;

redis_cmd(qw(ACL SETUSER nginx on ~* &* +@all), '>p%40s:');

for my $case (
    ["redis://$redis username=nginx password=p%40s:", 200],
    ["redis://other:x\@$redis username=nginx password=p%40s:", 200],
    ["redis://nginx:x\@$redis password=p%40s:", 200],
    ["redis://other:p%2540s%3A\@$redis username=nginx", 200],
    ["redis://nginx:p%2540s%3A\@$redis", 200],
    ["redis://nginx:p%40s:\@$redis", 503],
    ["redis://nginx:p%2540s%3A\@$redis password=x", 503],
    ["redis://nginx:p%2540s%3A\@$redis username=other", 503])
{
    my ($url, $status) = @$case;

    is_deeply known($url, 'alice'), [ $status ], $url;
}



=== TEST 11: the prefix of a server that has nothing else
--- scenario
my $node = start_node(name => 'root', config => <<'EOC');
location / {
    workspace_api;
    workspace_prefix /;
}
EOC

for my $case (['/workspaces', 200], ['/api/v2/workspaces', 404]) {
    is http($node, GET => $case->[0], { as => 'alice', validate => 0 })->status,
       $case->[1], $case->[0];
}



=== TEST 12: how many connections to Redis there are, whatever many locations
--- scenario
redis_cmd('ACL', 'SETUSER', 'counted', qw(on nopass ~* &* +@all));

my $redis = 'redis://counted:x@127.0.0.1:' . v('redis.port');
my $count = sub {
    my @all = redis_cmd(qw(CLIENT LIST)) =~ / user=counted /g;
    return scalar @all;
};

create() for 1 .. 70;

for my $case (['', 3], ['workspace_wait 1 1s;', 4]) {
    my ($more, $wanted) = @$case;
    my $conf = "workspace_api; workspace_redis $redis; $more";
    my $node = start_node(name => 'counted', workers => 1, config => <<"EOC");
location /api/ { $conf }
location /too/ { $conf workspace_prefix /too/v2; }
EOC

    my $id = http($node, GET => '/api/v2/workspaces', { as => 'alice' })
             ->json->{workspaces}[0]{id};

    for my $at ('/api/v2', '/too/v2') {
        my %o = (as => 'alice', validate => 0);
        my $s = sse_open($node, "$at/workspaces/$id/watch", \%o);

        ok $s->wait_event(10, sub { $_->{event} eq 'data' }), "watching, $at";
        is http($node, GET => "$at/workspaces", \%o)->status, 200, 'a listing';
        http($node, PUT => "$at/workspaces/$id/ttl",
             { %o, body => { ttl_ms => 60_000 } });
    }

    is $count->(), $wanted, "and not one more: $more";
    ok $node->quit;
    ok +(wait_for { $count->() == 0 } 10), 'none is left';
}
