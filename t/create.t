# Creating a workspace: reference "Create user workspace by organization".

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: the answer is the whole workspace, its first build pending
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "Dev-1", "template_id": "{{docker.id}}"}
--- json
name = "Dev-1"
owner_id = "{{alice.id}}"
owner_name = "alice"
template_id = "{{docker.id}}"
template_name = "docker"
template_allow_user_cancel_workspace_jobs = true
outdated = false
ttl_ms = absent
autostart_schedule = absent
latest_build.build_number = 1
latest_build.transition = "start"
latest_build.reason = "initiator"
latest_build.status = "pending"
latest_build.deadline = null
latest_build.initiator_id = "{{alice.id}}"
latest_build.initiator_name = "alice"
latest_build.template_version_id = "{{docker.v1.id}}"
latest_build.template_version_name = "v1"
latest_build.workspace_name = "Dev-1"
latest_build.workspace_owner_id = "{{alice.id}}"
latest_build.job.status = "pending"
latest_build.job.started_at = absent
latest_build.job.worker_id = absent
--- capture
dev.id = id
dev.job = latest_build.job.id
dev.build = latest_build.id



=== TEST 2: it was used just now, and its times are UTC
--- scenario
my $w = http(GET => '/api/v2/workspaces/' . v('dev.id'),
             { as => 'alice' })->json;

for my $field (qw(created_at updated_at last_used_at)) {
    like $w->{$field}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, $field;
}

is $w->{last_used_at}, $w->{created_at}, 'last_used_at is now';



=== TEST 3: the job waits in the queue
--- scenario
like wsctl(qw(job list)), qr/${\ v('dev.job')}/, 'listed';
is wsctl('check'), '', 'all invariants hold';



=== TEST 4: the name is taken, in any case
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/alice/workspaces
{"name": "dEV-1", "template_id": "{{docker.id}}"}
--- error_code: 409
--- json
validations.0.field = "name"



=== TEST 5: of another owner it is not
--- as: bob
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev-1", "template_id": "{{docker.id}}"}
--- json
owner_name = "bob"
name = "dev-1"



=== TEST 6: the template's default TTL, its name, icon and cancel rule
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "with-ttl", "template_id": "{{k8s.id}}"}
--- json
ttl_ms = 28800000
template_display_name = "Kubernetes"
template_icon = "/icon/k8s.svg"
template_allow_user_cancel_workspace_jobs = false



=== TEST 7: a TTL of 0 is the default as well
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "with-ttl-0", "template_id": "{{k8s.id}}", "ttl_ms": 0}
--- json
ttl_ms = 28800000



=== TEST 8: a TTL of one's own is rounded down to the minute
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "own-ttl", "template_id": "{{k8s.id}}", "ttl_ms": 119999}
--- json
ttl_ms = 60000



=== TEST 9: null is as good as nothing
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "nulls", "template_id": "{{docker.id}}", "ttl_ms": null, "autostart_schedule": null, "rich_parameter_values": null, "unknown": {"a": [1]}}
--- json
ttl_ms = absent
autostart_schedule = absent



=== TEST 10: a schedule is kept as given
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "sched", "template_id": "{{docker.id}}", "autostart_schedule": "CRON_TZ=Europe/Berlin 30 9 * * MON-FRI"}
--- json
autostart_schedule = "CRON_TZ=Europe/Berlin 30 9 * * MON-FRI"



=== TEST 11: what breaks a rule is named, and nothing is created
--- as: alice
--- request eval
my $p = 'POST /api/v2/organizations/{{acme.id}}/members/me/workspaces';
my $t = '"template_id": "{{docker.id}}"';
["$p\n{}", "$p\n{$t}", "$p\n{\"name\": \"x\"}",
 "$p\n{\"name\": \"x\", \"template_id\": \"no\"}",
 "$p\n{\"name\": \"x\", \"template_id\": \"00000000-0000-4000-8000-000000000000\"}",
 "$p\n{\"name\": \"\", $t}", "$p\n{\"name\": \"-x\", $t}",
 "$p\n{\"name\": \"x-\", $t}", "$p\n{\"name\": \"a--b\", $t}",
 "$p\n{\"name\": \"a b\", $t}", "$p\n{\"name\": \"" . "x" x 33 . "\", $t}",
 "$p\n{\"name\": \"x\", $t, \"ttl_ms\": 59999}",
 "$p\n{\"name\": \"x\", $t, \"ttl_ms\": 604860000}",
 "$p\n{\"name\": \"x\", $t, \"ttl_ms\": -1}",
 "$p\n{\"name\": \"x\", $t, \"autostart_schedule\": \"every day\"}"]
--- error_code eval
[(400) x 15]
--- json eval
["validations.0.field = \"template_id\"",
 "validations.0.field = \"name\"",
 ("validations.0.field = \"template_id\"") x 3,
 ("validations.0.field = \"name\"") x 6,
 ("validations.0.field = \"ttl_ms\"") x 3,
 "validations.0.field = \"autostart_schedule\""]



=== TEST 12: nothing was created by these
--- scenario
my $r = http(GET => '/api/v2/users/me/workspace/x', { as => 'alice' });

is $r->status, 404;
is wsctl('check'), '', 'all invariants hold';



=== TEST 13: a name of 32 characters
--- as: alice
--- request eval
"POST /api/v2/organizations/{{acme.id}}/members/me/workspaces\n"
. '{"name": "' . "x" x 32 . '", "template_id": "{{docker.id}}"}'
--- json eval
"name = \"" . "x" x 32 . "\""



=== TEST 14: deleted, of another organization
--- as: alice
--- request eval
["POST /api/v2/organizations/{{acme.id}}/members/me/workspaces\n{\"name\": \"y\", \"template_id\": \"{{retired.id}}\"}",
 "POST /api/v2/organizations/{{acme.id}}/members/me/workspaces\n{\"name\": \"y\", \"template_id\": \"{{vm.id}}\"}"]
--- error_code eval
[404, 401]



=== TEST 15: organization and user in the path
--- as: alice
--- request eval
my $b = '{"name": "z", "template_id": "{{docker.id}}"}';
["POST /api/v2/organizations/acme/members/me/workspaces\n$b",
 "POST /api/v2/organizations/00000000-0000-4000-8000-000000000000/members/me/workspaces\n$b",
 "POST /api/v2/organizations/{{acme.id}}/members/nobody/workspaces\n$b",
 "POST /api/v2/organizations/{{acme.id}}/members/-/workspaces\n$b",
 "POST /api/v2/organizations/{{acme.id}}/members/00000000-0000-4000-8000-000000000000/workspaces\n$b"]
--- error_code eval
[400, 404, 400, 400, 400]



=== TEST 16: a user by id, in any case, and by name, in any case
--- scenario
my $n = 0;

for my $user (v('alice.id'), uc v('alice.id'), 'ALICE', 'me') {
    my $r = http(POST => '/api/v2/organizations/' . uc(v('acme.id'))
                         . "/members/$user/workspaces",
                 { as => 'alice', body => { name => 'by' . ++$n,
                                            template_id => v('docker.id') } });

    is $r->status, 200, $user;
    is $r->json->{owner_id}, v('alice.id');
}



=== TEST 17: parameters that the version declares
--- as: alice
--- request eval
my $p = 'POST /api/v2/organizations/{{acme.id}}/members/me/workspaces';
sub body { "$p\n" . '{"name": "' . $_[0] . '", "template_id": "{{params.id}}"'
           . ($_[1] ? ", \"rich_parameter_values\": $_[1]" : '') . '}' }
[body('p1', '[{"name": "region", "value": "eu"}]'),
 body('p2', '[{"name": "region", "value": "us"}, {"name": "cpus", "value": "8"}, {"name": "gpu", "value": "true"}, {"name": "tags", "value": "[\"a\"]"}, {"name": "host", "value": "box"}]'),
 body('p3'),
 body('p4', '[{"name": "region", "value": "mars"}]'),
 body('p5', '[{"name": "region", "value": "eu"}, {"name": "cpus", "value": "9"}]'),
 body('p6', '[{"name": "region", "value": "eu"}, {"name": "cpus", "value": "x"}]'),
 body('p7', '[{"name": "region", "value": "eu"}, {"name": "gpu", "value": "maybe"}]'),
 body('p8', '[{"name": "region", "value": "eu"}, {"name": "tags", "value": "a"}]'),
 body('p9', '[{"name": "region", "value": "eu"}, {"name": "host", "value": "A B"}]'),
 body('p10', '[{"name": "region", "value": "eu"}, {"name": "colour", "value": "red"}]'),
 body('p11', '[{"name": "region"}]'),
 body('p12', '"eu"')]
--- error_code eval
[200, 200, (400) x 10]



=== TEST 18: 100 creates of one name over two nodes
--- scenario
my $b = start_node(name => 'b');
my @nodes = (node('main'), $b);
my $path = '/api/v2/organizations/' . v('acme.id') . '/members/me/workspaces';
my %seen;

my @all = http_all(map { [ $nodes[$_ % 2], POST => $path,
                           { as => 'alice',
                             body => { name => $_ % 3 ? 'race' : 'Race',
                                       template_id => v('docker.id') } } ] }
                       1 .. 100);

$seen{$_->status}++ for @all;

is_deeply \%seen, { 200 => 1, 409 => 99 }, 'exactly one succeeds';
is wsctl('check'), '', 'all invariants hold';



=== TEST 19: an organization of others is as one that is not there
--- scenario
my $calls = sub {
    my ($n) = redis_cmd('INFO', 'commandstats')
              =~ /^cmdstat_hmget:calls=(\d+)/m;
    return $n // 0;
};
my $ask = sub {
    my ($org, $user, $body) = @_;
    return http(POST => "/api/v2/organizations/$org/members/$user/workspaces",
                { as => 'alice', body => $body });
};

for my $case ([ me => '{"name": ' ], [ me => '[]' ],
              [ me => { name => '-' } ], [ nobody => {} ])
{
    my ($forbidden, $absent) = map { $ask->($_, @$case) }
                               v('globex.id'), uuid();

    is $forbidden->status, $case->[0] eq 'me' ? 404 : 400;
    is $absent->status, $forbidden->status;
    is $absent->body, $forbidden->body;
}

my $before = $calls->();

$ask->(uuid(), me => { name => 'x' }) for 1 .. 30;

cmp_ok $calls->() - $before, '<', 30, 'no look-up of it';
