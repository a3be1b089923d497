# The module is what it should be as a file, nginx takes it, and the API
# answers in its own form even where it has nothing.

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: nginx takes the module and the configuration
--- scenario
my ($status, $output) = nginx_test();

is $status, 0, 'nginx -t';
like $output, qr/test is successful/, 'says so';



=== TEST 2: no symbol is exported but what nginx looks up
--- scenario
my $module = v('module');
my @symbols = map { (split)[-1] } `nm -D --defined-only '$module'`;
my %allowed = map { $_ => 1 } qw(ngx_modules ngx_module_names ngx_module_order
                                 ngx_http_workspace_module);

is_deeply [ grep { !$allowed{$_} } @symbols ], [], 'nothing else';
is scalar(grep { $_ eq 'ngx_modules' } @symbols), 1, 'the table is there';



=== TEST 3: an unknown path below the prefix
--- request
GET /api/v2/nothing/here
--- error_code: 404
--- response_headers
Content-Type: application/json; charset=utf-8
--- json
message = /./



=== TEST 4: a path of the location that is not below the prefix
--- request
GET /api/other
--- error_code: 404
--- response_headers
Content-Type: application/json; charset=utf-8
--- json
message = /./



=== TEST 5: an error page of nginx itself has the API's form
--- request eval
"GET /api/v2/workspaces HTTP/1.1\nx"
--- more_headers
Expect: 100-continue
Content-Length: 99999999999
--- error_code: 413
--- json
message = /./



=== TEST 6: other locations are left alone
--- request
GET /
--- response_body_like: It works!
--- response_headers_like
Content-Type: text/html.*



=== TEST 7: nginx keeps working after a reload
--- scenario
my $node = start_node(name => 'b');

ok $node->reload, 'new workers';
is http($node, GET => '/api/v2/nothing')->status, 404, 'the API is there';
ok +(wait_for { !$node->old_workers }), 'old workers are gone';
ok $node->quit, 'a graceful quit';
is $node->log(qr/\[(?:alert|crit|emerg)\]|signal 11/), '', 'a quiet log';



=== TEST 8: seeded users are known
--- as: alice
--- request
GET /api/v2/workspaces
--- json
count = 0
workspaces = []
