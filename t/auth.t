# Who it is that asks: tokens, where they are found, what is refused; the
# identity of a variable; what logs may know.  contract: Authentication

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: a workspace to read
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: cookie, query parameter, header
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $token = v('alice.token');

for my $case ([{ Cookie => "a=b; coder_session_token=$token; c=d" }, ''],
              [{}, "?coder_session_token=$token"],
              [{}, "?x=1&coder%5Fsession_token=$token&y=2"],
              [{ 'Coder-Session-Token' => $token }, ''],
              [{ 'coder-session-TOKEN' => $token }, ''])
{
    is http(GET => $path . $case->[1], { headers => $case->[0] })->status,
       200;
}



=== TEST 3: in this order: the first that is there counts
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my ($good, $bad) = (v('alice.token'), 'nonsense');
my $try = sub {
    my ($cookie, $query, $header) = @_;

    return http(GET => $path . ($query ? "?coder_session_token=$query" : ''),
                { headers => {
                      $cookie ? (Cookie => "coder_session_token=$cookie") : (),
                      $header ? ('Coder-Session-Token' => $header) : () } })
           ->status;
};

is $try->($good, $bad, $bad), 200, 'cookie before query and header';
is $try->($bad, $good, $good), 401;
is $try->(undef, $good, $bad), 200, 'query before header';
is $try->(undef, $bad, $good), 401;



=== TEST 4: what is no valid token
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $token = v('alice.token');
my ($id, $secret) = split /-/, $token;
my %bodies;

for my $bad ('', '-', 'x', $id, "$id-", "-$secret", "$token-x",
             uc $token, "$id-" . ('A' x 22), ('A' x 10) . "-$secret",
             'A' x 10 . '-' . 'B' x 22, '../../etc/passwd', "$id\x{27}-$secret",
             'A' x 5000)
{
    my $r = http(GET => $path, { headers => $bad eq '' ? {}
                                 : { 'Coder-Session-Token' => $bad } });

    is $r->status, 401, length $bad > 40 ? 'long' : "\"$bad\"";
    $bodies{$r->body}++;
}

is scalar(keys %bodies), 1, 'the answer never says why';



=== TEST 5: of a user who is not active
--- scenario
is http(GET => '/api/v2/workspaces', { as => 'mallory' })->status, 401;

wsctl(qw(user activate mallory));

ok wait_for { http(GET => '/api/v2/workspaces', { as => 'mallory' })
              ->status == 200 } 2;

wsctl(qw(user suspend mallory));

ok wait_for { http(GET => '/api/v2/workspaces', { as => 'mallory' })
              ->status == 401 } 2;



=== TEST 6: revoked, on every node
--- scenario
my $token = wsctl(qw(token create bob));
my $b = start_node(name => 'b');
my @nodes = (node('main'), $b);
my $status = sub {
    http($_[0], GET => '/api/v2/workspaces',
         { headers => { 'Coder-Session-Token' => $token } })->status;
};

is $status->($_), 200 for @nodes;

wsctl(qw(token revoke), (split /-/, $token)[0]);

for my $node (@nodes) {
    ok wait_for { $status->($node) == 401 } 2;
}

# nobody announces this

$token = wsctl(qw(token create bob));
is $status->($_), 200 for @nodes;

redis_cmd('DEL', 'ws:{dir}:token:' . (split /-/, $token)[0]);

for my $node (@nodes) {
    ok +(wait_for { $status->($node) == 401 } 10), 'looked at again by itself';
}



=== TEST 7: expired
--- scenario
my $token = wsctl(qw(token create bob --lifetime 2s));
my $status = sub {
    http(GET => '/api/v2/workspaces',
         { headers => { 'Coder-Session-Token' => $token } })->status;
};

is $status->(), 200;
ok wait_for { $status->() == 401 } 5;



=== TEST 8: only the secret's hash is stored
--- scenario
my ($id, $secret) = split /-/, v('alice.token');
my $stored = join ' ', @{ redis_cmd('HVALS', "ws:{dir}:token:$id") };

unlike $stored, qr/\Q$secret\E/;

require Digest::SHA;
like $stored, qr/${\ Digest::SHA::sha256_hex($secret)}/;



=== TEST 9: a token in the query is in no log
--- http_config
log_format full '$request|$request_uri|$args|$query_string|$uri';
--- location
access_log $TEST_NGINX_SERVROOT/logs/full.log full;
--- scenario
my $token = v('alice.token');
my $path = '/api/v2/workspaces/' . v('dev.id');

is http(GET => "$path?a=1&coder_session_token=$token&b=2")->status, 200;
is http(GET => "$path?coder_session_tok%65n=$token")->status, 200;
is http(GET => "/api/v2/none?coder_session_token=$token")->status, 404;
is http(POST => "/api/v2/workspaces?coder_session_token=$token",
        { headers => { 'Content-Length' => 99999999 } })->status,
   413, 'refused by nginx itself';

my $dir = node('main')->{dir} . '/logs';

ok wait_for { local (@ARGV, $/) = "$dir/full.log"; <> =~ tr/\n// >= 4 } 5;

my ($id, $secret) = split /-/, $token;
my $logs = join '', map { local (@ARGV, $/) = $_; <> }
           grep { -f } glob "$dir/*";

like $logs, qr/a=1&coder_session_token=x+&b=2/, 'it was logged';
unlike $logs, qr/\Q$secret\E/, 'without the token';

# where others handle the request, or it leads to another one

my $node = start_node(name => 'b', http_config => <<'EOH', config => <<'EOC');
log_format full '$request|$request_uri|$args|$http_referer|$upstream_addr';
access_log logs/full.log full;
EOH
location /failed/ {
    rewrite ^/failed/(.*)$ /api/v2/$1 break;
    proxy_pass http://127.0.0.1:1;
    error_page 502 = @api;
}
location @api { workspace_api; }
location /api/ { workspace_api; }
location /denied/ { deny all; }
EOC
my $query = "?a=%22b&coder_session_token=$token&b=2";

is http($node, GET => '/failed/workspaces/' . v('dev.id') . $query)->status,
   200, 'the token still counts when another server has failed';

for my $at ('/api/v2/none', '/denied/x', '/denied/a=b;c', '/failed/a=b',
            '/favicon.ico') {
    http($node, GET => $at . $query, { validate => 0 });
    http($node, GET => $at, { validate => 0, headers => {
        Referer => "http://localhost/api/v2/a=b$query",
    } });
}

ok wait_for { local (@ARGV, $/) = "$node->{dir}/logs/full.log";
              <> =~ tr/\n// >= 11 } 5;

$logs = join '', map { local (@ARGV, $/) = $_; <> }
        grep { -f } glob "$node->{dir}/logs/*";

like $logs, qr{, upstream: "http://127.0.0.1:1/\S*_token=x+&b=2"}, 'passed on';
like $logs, qr{, referrer: "http://localhost/\S*_token=x+&b=2"}, 'came from';
unlike $logs, qr/\Q$secret\E/, 'all without the token';



=== TEST 10: the variables
--- http_config
log_format vars '$workspace_endpoint $workspace_user $workspace_user_id $workspace_id $workspace_redis_time';
--- location
access_log $TEST_NGINX_SERVROOT/logs/vars.log vars;
--- scenario
my $log = node('main')->{dir} . '/logs/vars.log';
my $id = v('dev.id');

is http(GET => "/api/v2/workspaces/$id", { as => 'alice' })->status, 200;
is http(GET => '/api/v2/users/me/workspace/dev', { as => 'alice' })->status,
   200;
is http(GET => '/api/v2/workspaces')->status, 401;
is http(GET => '/api/v2/none')->status, 404;

my $made = http(POST => '/api/v2/organizations/' . v('acme.id')
                        . '/members/me/workspaces',
                { as => 'alice', body => { name => 'variables',
                                           template_id => v('docker.id') } })
           ->json->{id};
my $text = wait_for { my $t = do { local (@ARGV, $/) = $log; <> };
                      $t =~ tr/\n// >= 5 ? $t : undef } 5;
my $u = v('alice.id');

like $text, qr/^read alice $u $id \d+\.\d{6}$/m;
like $text, qr/^by_name alice $u $id \d+\.\d{6}$/m;
like $text, qr/^create alice $u $made \d+\.\d{6}$/m;
like $text, qr/^list - - - -$/m;
like $text, qr/^- - - - -$/m;

# how long Redis took; of these requests one has nothing else to look up

my $one = start_node(name => 'one', workers => 1, location =>
                     'add_header X-Time $workspace_redis_time always;');
my $time = sub {
    redis_cmd(qw(CLIENT PAUSE 300 ALL));

    return http($one, GET => "/api/v2/workspaces/$id", { as => 'alice' })
           ->header('X-Time');
};

ok +(wait_for { $time->() >= 0.1 } 10), 'the time of Redis';



=== TEST 11: $workspace_user as the key of limit_req
--- http_config
limit_req_zone $workspace_user zone=per_user:1m rate=1r/m;
--- location
limit_req zone=per_user burst=2 nodelay;
--- as: alice alice alice alice bob
--- request eval
[("GET /api/v2/workspaces/{{dev.id}}") x 5]
--- error_code eval
[200, 200, 200, 503, 404]



=== TEST 12: identity from a variable; without a value the token counts
--- http_config
map $http_x_user $trusted { default $http_x_user; }
--- location
workspace_identity $trusted;
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $as = sub { http(GET => $path, { headers => { 'X-User' => $_[0] } })
               ->status };

is $as->('alice'), 200;
is $as->('ALICE'), 200, 'in any case';
is $as->('bob'), 404;
is $as->('admin'), 200;
is $as->('nobody'), 401, 'unknown';
is $as->('no body'), 401, 'no name at all';
is $as->('mallory'), 401, 'suspended';
is http(GET => $path, { as => 'alice' })->status, 200, 'the token';
is http(GET => $path, { as => 'alice', headers => { 'X-User' => 'bob' } })
   ->status, 404, 'the variable counts more';
is http(GET => $path)->status, 401, 'neither';



=== TEST 13: identity by auth_request
--- config
location = /auth {
    internal;
    proxy_pass http://127.0.0.1:$server_port/who;
}
location = /who {
    add_header X-Auth-User $http_x_who;
    return 204;
}
location /api/ {
    auth_request /auth;
    auth_request_set $who $upstream_http_x_auth_user;
    workspace_identity $who;
    workspace_api;
}
--- scenario
my $path = '/api/v2/workspaces/' . v('dev.id');
my $who = sub { http(GET => $path, { headers => { 'X-Who' => $_[0] } })->status };

is http(GET => $path, { as => 'alice' })->status, 200, 'empty: the token';
is $who->('alice'), 200;
is $who->('bob'), 404;
is $who->('nobody'), 401;
