# Reading one workspace: by id, by owner and name, deleted ones.

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: created
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "Dev", "template_id": "{{docker.id}}"}
--- json
name = "Dev"
--- capture
dev.id = id
dev.job = latest_build.job.id



=== TEST 2: by id, in either case
--- scenario
for my $id (v('dev.id'), uc v('dev.id')) {
    is http(GET => "/api/v2/workspaces/$id", { as => 'alice' })->json->{id},
       v('dev.id');
}



=== TEST 3: by owner and name, in either case, the owner by name, id or me
--- as: alice
--- request eval
["GET /api/v2/users/me/workspace/dev", "GET /api/v2/users/Alice/workspace/DEV",
 "GET /api/v2/users/{{alice.id}}/workspace/Dev"]
--- error_code eval
[200, 200, 200]
--- json eval
[("id = \"{{dev.id}}\"") x 3]



=== TEST 4: HEAD is GET without a body
--- as: alice
--- request
HEAD /api/v2/workspaces/{{dev.id}}
--- response_headers_like
Content-Length: [1-9]\d+
Content-Type: application/json; charset=utf-8
--- response_body



=== TEST 5: what is not an id, what does not exist
--- as: alice
--- request eval
["GET /api/v2/workspaces/dev", "GET /api/v2/workspaces/{{dev.id}}0",
 "GET /api/v2/workspaces/%7B{{dev.id}}%7D",
 "GET /api/v2/workspaces/00000000-0000-4000-8000-000000000000",
 "GET /api/v2/users/me/workspace/nothing",
 "GET /api/v2/users/me/workspace/-bad-",
 "GET /api/v2/users/nobody/workspace/dev",
 "GET /api/v2/users/a%20b/workspace/dev"]
--- error_code eval
[400, 400, 400, 404, 404, 404, 400, 400]



=== TEST 6: what is not a boolean
--- as: alice
--- request eval
[map { "GET /api/v2/workspaces/{{dev.id}}?include_deleted=$_" } qw(1 t T TRUE true True 0 f F FALSE false False yes 2 tRUE null)]
--- error_code eval
[(200) x 12, (400) x 4]
--- json eval
[("id = \"{{dev.id}}\"") x 12, ("validations.0.field = \"include_deleted\"") x 4]



=== TEST 7: a build that ended shows in job and status
--- scenario
wsctl(qw(job finish), v('dev.job'));

my $b = http(GET => '/api/v2/workspaces/' . v('dev.id'),
             { as => 'alice' })->json->{latest_build};

is $b->{status}, 'running';
is $b->{job}{status}, 'succeeded';
like $b->{job}{started_at}, qr/Z$/;
like $b->{job}{completed_at}, qr/Z$/;



=== TEST 8: deleted by a build
--- as: alice
--- request
POST /api/v2/workspaces/{{dev.id}}/builds
{"transition": "delete"}
--- error_code: 201
--- json
build_number = 2
transition = "delete"
status = "pending"
--- capture
del.job = job.id



=== TEST 9: while it is being deleted it is there
--- as: alice
--- request
GET /api/v2/workspaces/{{dev.id}}
--- json
latest_build.transition = "delete"



=== TEST 10: then it is gone, but for those who ask for it
--- scenario
wsctl(qw(job finish), v('del.job'));

my $path = '/api/v2/workspaces/' . v('dev.id');

is http(GET => $path, { as => 'alice' })->status, 404;
is http(GET => "$path?include_deleted=false", { as => 'alice' })->status, 404;

my $r = http(GET => "$path?include_deleted=true", { as => 'alice' });

is $r->status, 200;
is $r->json->{latest_build}{status}, 'deleted';
is wsctl('check'), '', 'all invariants hold';



=== TEST 11: by name too; its name is free again
--- scenario
my $path = '/api/v2/users/me/workspace/dev';

is http(GET => $path, { as => 'alice' })->status, 404;

my $r = http(GET => "$path?include_deleted=true", { as => 'alice' });

is $r->json->{id}, v('dev.id'), 'the deleted one';

my $new = http(POST => '/api/v2/organizations/' . v('acme.id')
                       . '/members/me/workspaces',
               { as => 'alice', body => { name => 'dev',
                                          template_id => v('docker.id') } });

is $new->status, 200, 'the name is free';
is http(GET => "$path?include_deleted=true", { as => 'alice' })->json->{id},
   $new->json->{id}, 'the live one comes first';

v('dev2.id', $new->json->{id});



=== TEST 12: of several deleted ones the most recently created
--- scenario
my $path = '/api/v2/workspaces/' . v('dev2.id');

is http(POST => "$path/builds",
        { as => 'admin', body => { transition => 'delete' } })->status,
   409, 'its first build is still active';

wsctl(qw(job finish), http(GET => $path, { as => 'alice' })
                      ->json->{latest_build}{job}{id});

is http(POST => "$path/builds",
        { as => 'admin', body => { transition => 'delete',
                                   orphan => \1 } })->status,
   201, 'an orphan is deleted at once';

is http(GET => '/api/v2/users/me/workspace/dev?include_deleted=1',
        { as => 'alice' })->json->{id}, v('dev2.id');
is wsctl('check'), '', 'all invariants hold';



=== TEST 13: the official server's way of saying deleted
--- location
workspace_dialect coder;
--- as: alice
--- request eval
["GET /api/v2/workspaces/{{dev.id}}",
 "GET /api/v2/workspaces/{{dev.id}}?include_deleted=true",
 "GET /api/v2/workspaces/00000000-0000-4000-8000-000000000000"]
--- error_code eval
[410, 200, 404]



=== TEST 14: template fields are those of now, on every node
--- scenario
my $b = start_node(name => 'b');
my $w = http(POST => '/api/v2/organizations/' . v('acme.id')
                     . '/members/me/workspaces',
             { as => 'alice', body => { name => 'fresh',
                                        template_id => v('docker.id') } })
        ->json;
my $path = "/api/v2/workspaces/$w->{id}";

is http($b, GET => $path, { as => 'alice' })->json->{template_display_name},
   $w->{template_display_name};

wsctl(qw(template edit), v('docker.id'), '--display-name', 'Docker "2"',
      '--icon', '/two.svg');

for my $node (node('main'), $b) {
    ok wait_for {
        my $now = http($node, GET => $path, { as => 'alice' })->json;

        $now->{template_display_name} eq 'Docker "2"'
            && $now->{template_icon} eq '/two.svg';
    } 2;
}



=== TEST 15: outdated, once the template has a newer active version
--- scenario
my $path = '/api/v2/users/me/workspace/fresh';

ok !http(GET => $path, { as => 'alice' })->json->{outdated};

wsctl(qw(version promote), v('docker.v2.id'));

ok wait_for { http(GET => $path, { as => 'alice' })->json->{outdated} } 2;

wsctl(qw(version promote), v('docker.v1.id'));



=== TEST 16: one round trip with a warm directory
--- scenario
my $path = '/api/v2/users/me/workspace/fresh';
my $id = http(GET => $path, { as => 'alice' })->json->{id};

# every worker has read the directory by now
http(GET => "/api/v2/workspaces/$id", { as => 'alice' }) for 1 .. 8;

my $reads = sub {
    my ($calls) = redis_cmd(qw(INFO commandstats))
                  =~ /cmdstat_hmget:calls=(\d+)/;
    return $calls;
};

# the directory is read again every few seconds: one try may meet that

ok wait_for {
    my $before = $reads->();

    http(GET => "/api/v2/workspaces/$id", { as => 'alice' }) for 1 .. 10;

    $reads->() - $before == 10;
} 10;
