# Provisioners: who they are, which jobs they get, and what their word counts
# for.  The program that is one is tested in provisioner-tool.t.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Later;
use WorkspaceTest::Proxy;

# a new workspace of alice's: what the API answered

my $names = 0;

sub create {
    my ($template, %more) = @_;

    my $org = v($more{org} // 'acme.id');
    my $r = http(POST => "/api/v2/organizations/$org/members/me/workspaces",
                 { as => $more{as} // 'alice',
                   body => { name => 'w' . ++$names,
                             template_id => v($template // 'docker.id') } });

    $r->status == 200 or die 'create: ' . $r->body;

    return $r->json;
}


sub build {
    my ($workspace, $transition) = @_;

    my $r = http(POST => "/api/v2/workspaces/$workspace->{id}/builds",
                 { as => 'alice', body => { transition => $transition } });

    $r->status == 201 or die 'build: ' . $r->body;

    return $r->json;
}


sub latest {
    my ($workspace) = @_;

    my $r = http(GET => "/api/v2/workspaces/$workspace->{id}"
                        . '?include_deleted=true',
                 { as => 'admin' });

    return $r->json->{latest_build};
}


# acquire('p1', wait_ms [, node]) at once; acquire_later is waited for

sub acquire {
    my ($who, $wait, @node) = @_;

    return http(@node, POST => '/api/v2/provisioners/me/acquire',
                { as => $who, body => { wait_ms => $wait // 0 } });
}


sub acquire_later {
    my ($who, $wait, @node) = @_;

    return http_later(@node, POST => '/api/v2/provisioners/me/acquire',
                      { as => $who, body => { wait_ms => $wait // 30000 } });
}


# the workspace whose job that is; the status when it is none

sub given {
    my ($r) = @_;

    return $r->status == 200 ? $r->json->{workspace}{id} : $r->status;
}


# a word about a job that was acquired

sub report {
    my ($who, $job, $what, %body) = @_;

    return http(POST => "/api/v2/provisioners/me/jobs/$job->{job_id}/$what",
                { as => $who, body => { lease => $job->{lease}, %body } });
}


# no more jobs are waiting

sub empty_queue {
    for ( ;; ) {
        my $r = acquire('p1');
        last if $r->status != 200;
        report('p1', $r->json, 'fail', error => 'cleared away');
    }
}


# The requests that a node has under way, apart from the one that asks: as
# soon as there are as many as polls were sent, all of them wait.

sub under_way {
    my (@node) = @_;

    my $body = http(@node, GET => '/stat')->body;

    return $body =~ /Writing: (\d+)/ ? $1 - 1 : die $body;
}


# lines of a node's access log

sub logged {
    my ($regex, $node) = @_;

    my $dir = $node ? $node->{dir} : $ENV{TEST_NGINX_SERVROOT};

    open my $in, '<', "$dir/logs/access.log" or return 0;

    return scalar grep { /$regex/ } <$in>;
}


sub locations {
    return <<'EOC';
location /api/ { workspace_api; }
location = /stat { stub_status; }
EOC
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => locations())
        if !defined $block->config && !defined $block->location;
});


run_tests();

__DATA__

=== TEST 1: wsctl makes provisioners, with a token that is shown once
--- scenario
v('p1.token', wsctl(qw(provisioner create p1)));
v('p2.token', wsctl(qw(provisioner create p2)));
v('gpu.token', wsctl(qw(provisioner create gpu --tag kind=gpu --tag),
                     'size=big one'));
v('glob.token', wsctl(qw(provisioner create glob --org globex)));

like v('p1.token'), qr/^[A-Za-z0-9]{10}-[A-Za-z0-9]{22}$/;

my @list = map { [split /\t/] } split /\n/, wsctl(qw(provisioner list));

is_deeply [map { $_->[1] } @list], [qw(glob gpu p1 p2)];
is $list[0][2], v('globex.id'), 'its organization';
is $list[1][2], '-', 'none';
is $list[1][4], '{"kind":"gpu","size":"big one"}', 'its tags';

is((wsctl_run(qw(provisioner create P1)))[0], 1, 'a name is used once');
is((wsctl_run(qw(provisioner create x --tag kind)))[0], 2, 'not a tag');
is((wsctl_run(qw(provisioner create x --tag a=1 --tag a=2)))[0], 2, 'twice');
is((wsctl_run(qw(provisioner create x --org nowhere)))[0], 1, 'no such org');
is wsctl('check'), '', 'all invariants hold';



=== TEST 2: a provisioner is not a user, and a user is no provisioner
--- as: p1 p1 alice admin -
--- request eval
["GET /api/v2/workspaces",
 "POST /api/v2/organizations/{{acme.id}}/members/me/workspaces\n{}",
 "POST /api/v2/provisioners/me/acquire\n{}",
 "POST /api/v2/provisioners/me/jobs/{{acme.id}}/heartbeat\n{}",
 "POST /api/v2/provisioners/me/acquire\n{}"]
--- error_code eval
[401, 401, 401, 401, 401]



=== TEST 3: its token is not in any way special: wrong ones are refused
--- scenario
my $wrong = v('p1.token');
substr($wrong, -1) =~ tr/A-Za-z0-9/B-ZAb-za1-90/;
v('wrong.token', $wrong);

is acquire('wrong')->status, 401, 'another secret';
is http(POST => '/api/v2/provisioners/me/acquire?coder_session_token='
                . v('p1.token'), { body => { wait_ms => 0 } })->status, 204,
   'in the query as well';



=== TEST 4: what is asked for has to make sense
--- as: p1
--- request eval
["POST /api/v2/provisioners/me/acquire\n{\"wait_ms\": -1}",
 "POST /api/v2/provisioners/me/acquire\n{\"wait_ms\": 60001}",
 "POST /api/v2/provisioners/me/acquire\n{\"wait_ms\": \"1\"}",
 "POST /api/v2/provisioners/me/acquire\n[]",
 "GET /api/v2/provisioners/me/acquire"]
--- error_code eval
[400, 400, 400, 400, 405]



=== TEST 5: no job: 204, at once or when the wait is over
--- scenario
my $start = now_ms();
is acquire('p1', 0)->status, 204;
cmp_ok now_ms() - $start, '<', 1000, 'at once';

$start = now_ms();
is acquire('p1', 700)->status, 204;
cmp_ok now_ms() - $start, '>=', 650, 'after the wait';
cmp_ok now_ms() - $start, '<', 2500;



=== TEST 6: a job comes with all that is needed to run it
--- before
v('region', 'eu');
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{params.id}}",
 "rich_parameter_values": [{"name": "region", "value": "eu"}]}
--- capture
dev.id = id
dev.build = latest_build.id
dev.job = latest_build.job.id
--- scenario
my $before = now_ms();
my $r = acquire('p1');
my $job = $r->json;

is $r->status, 200;
is $job->{job_id}, v('dev.job');
is $job->{transition}, 'start';
is_deeply $job->{workspace}, { id => v('dev.id'), name => 'dev',
                               organization_id => v('acme.id') };
is_deeply $job->{owner}, { id => v('alice.id'), username => 'alice',
                           email => $job->{owner}{email} };
is_deeply $job->{template}, { id => v('params.id'), name => 'params' };
is_deeply $job->{template_version}, { id => v('params.v1.id'),
                                      name => 'v1' };
is_deeply $job->{build}, { id => v('dev.build'), number => 1,
                           reason => 'initiator' };
is_deeply [sort map { "$_->{name}=$_->{value}" } @{ $job->{parameters} }],
          [sort 'region=eu', 'cpus=2', 'gpu=false', 'tags=[]', 'host=dev'];
is $job->{state}, undef, 'no build before';
like $job->{agent_token}, qr/^\Q@{[v('dev.id')]}\E-/;

my $b = latest({ id => v('dev.id') });

is $b->{status}, 'starting';
is $b->{job}{status}, 'running';
ok $b->{job}{started_at};
ok $b->{job}{worker_id};

my $key = key('w', v('dev.id'));

is redis_cmd('HGET', $key, 'l'), $job->{lease};
cmp_ok redis_cmd('HGET', $key, 'e') - $before, '>=', 29_000,
       'half a minute, from now';
unlike redis_cmd('HGET', $key, 'at') . join('', @{ redis_cmd('HVALS', $key) }),
       qr/\Q@{[substr $job->{agent_token}, -22]}\E/, 'the secret is not kept';
is wsctl('check'), '', 'all invariants hold';

is acquire('p2')->status, 204, 'nobody else gets it';

v('job', $job);



=== TEST 7: a heartbeat moves the end of the lease, and not the document
--- scenario
my $job = v('job');
my $key = key('w', $job->{workspace}{id});
my $version = redis_cmd('HGET', $key, 'v');
my $e = redis_cmd('HGET', $key, 'e');

wait_for { now_ms() > $e - 30_000 + 20 };

my $r = report('p1', $job, 'heartbeat');

is $r->status, 200;
is $r->json->{canceling}, JSON::PP::false();
cmp_ok redis_cmd('HGET', $key, 'e'), '>', $e;
is redis_cmd('HGET', $key, 'v'), $version;
like $r->json->{lease_expires_at}, qr/^20/;



=== TEST 8: lines of the log, numbered, kept for a week
--- scenario
my $job = v('job');
my $key = key('logs', $job->{build}{id});

is report('p1', $job, 'heartbeat', logs => [
    { output => "one \"\x{e9}\"\t\e[1m", stage => 'init',
      created_at => '2026-01-02T03:04:05+01:00' },
    { output => '', level => 'error' },
])->status, 200;

my $r = report('p1', $job, 'heartbeat', logs => [{ output => 'x' x 5000 }]);

is $r->status, 200;
is $r->json->{last_log}, 3;

# the answer was lost, say

is report('p1', $job, 'heartbeat', logs_after => 2,
          logs => [{ output => 'x' x 5000 }])->json->{last_log}, 3;

my @lines = map { WorkspaceTest::Http::decode($_) }
            @{ redis_cmd('LRANGE', $key, 0, -1) };

is_deeply [map { $_->{id} } @lines], [1, 2, 3];
is_deeply $lines[0], { id => 1, created_at => '2026-01-02T02:04:05.000Z',
                       log_source => 'provisioner', log_level => 'info',
                       stage => 'init',
                       output => "one \"\x{e9}\"\t\e[1m" };
is $lines[1]{log_level}, 'error';
is $lines[1]{output}, '';
is length $lines[2]{output}, 4096, 'cut';
cmp_ok redis_cmd('TTL', $key), '>', 6 * 24 * 3600;
is wsctl('check'), '', 'all invariants hold';



=== TEST 9: a log that does not end is cut off
--- scenario
my $job = v('job');
my $key = key('logs', $job->{build}{id});
my @many = map { { output => "line $_" } } 1 .. 1000;

is report('p1', $job, 'heartbeat', logs => \@many)->status, 200 for 1 .. 6;
is redis_cmd('LLEN', $key), 5000;
like redis_cmd('LINDEX', $key, -1), qr/left out/;
unlike redis_cmd('LINDEX', $key, -2), qr/left out/;

is report('p1', $job, 'heartbeat', logs => [@many, $many[0]])->status, 400,
   'too many at once';



=== TEST 10: words that make no sense are refused, and count for nothing
--- scenario
my $job = v('job');
my $path = '/api/v2/provisioners/me/jobs';

for my $case (
    [400, 'logs', logs => 'x'],
    [400, 'logs', logs => ['x']],
    [400, 'logs', logs => [{}]],
    [400, 'logs', logs => [{ output => 1 }]],
    [400, 'logs', logs => [{ output => 'x', level => 'loud' }]],
    [400, 'logs', logs => [{ output => 'x', stage => [] }]],
    [400, 'logs', logs => [{ output => 'x', created_at => 'today' }]],
    [400, 'logs', logs => [{ output => 'x' }], logs_after => 99_999],
    [400, 'logs_after', logs_after => -1],
    [400, 'logs_after', logs_after => '1'],
    [400, 'lease', lease => undef],
    [400, 'lease', lease => 1])
{
    my ($status, $field, %body) = @$case;
    my $r = report('p1', $job, 'heartbeat', %body);

    is $r->status, $status, WorkspaceTest::Http::encode(\%body);
    is $r->json->{validations}[0]{field}, $field;
}

for my $what (qw(heartbeat complete fail release)) {
    my %body = (lease => $job->{lease}, error => 'e');

    is http(POST => "$path/x/$what", { as => 'p1', body => \%body })->status,
       400, "$what: not an id";
    is http(POST => "$path/" . uuid() . "/$what",
            { as => 'p1', body => \%body })->status,
       404, "$what: no such job";
    is report('p1', $job, $what, lease => uuid(), error => 'e')->status,
       409, "$what: another lease";
    is report('p1', $job, $what, lease => '', error => 'e')->status, 409;
    is http(POST => "$path/$job->{job_id}/$what",
            { as => 'alice', body => \%body })->status,
       401, "$what: a user";
}

is report('p1', $job, 'fail')->status, 400, 'why?';
is latest($job->{workspace})->{status}, 'starting', 'nothing happened';
is wsctl('check'), '', 'all invariants hold';



=== TEST 11: resources that make no sense are refused, the job goes on
--- scenario
my $job = v('job');

for my $case (
    [{}, 'must be a list'],
    ['x', '[0]: must be an object'],
    [{ type => 't' }, '[0].name: is required'],
    [{ name => 'n', type => 1 }, '[0].type: is of the wrong type'],
    [{ name => 'n', type => 't', daily_cost => -1 },
     '[0].daily_cost: is out of range'],
    [{ name => 'n', type => 't',
       agents => [{ name => 'a',
                    connection_timeout_seconds => 9223372036854775807 }] },
     '[0].agents[0].connection_timeout_seconds: is out of range'],
    [{ name => 'n', type => 't', agents => 1 },
     '[0].agents: must be a list'],
    [{ name => 'n', type => 't', agents => [{ name => 'a' }, {}] },
     '[0].agents[1].name: is required'],
    [{ name => 'n', type => 't',
       agents => [{ name => 'a', apps => [{ slug => 's',
                                            health => 'fine' }] }] },
     '[0].agents[0].apps[0].health: has an unknown value'],
    [{ name => 'n', type => 't', metadata => [{}] },
     '[0].metadata[0].key: is required'])
{
    my ($what, $detail) = @$case;

    for my $good (0, 1) {
        my $list = $detail eq 'must be a list' ? $what
                   : [({ name => 'good', type => 't', agents => [
                         { name => 'a', apps => [{ slug => 's' }] }] }) x $good,
                      $what];
        my $r = report('p1', $job, 'complete', resources => $list);
        my $where = $detail;

        $where =~ s/^\[0\]/[$good]/;

        is $r->status, 400;
        is $r->json->{validations}[0]{field}, 'resources';
        is $r->json->{validations}[0]{detail}, $where
            if ref $list eq 'ARRAY';
    }
}

# small as it is given, large when it is filled in

my $r = report('p1', $job, 'complete', resources => [ map {
    { name => 'n', type => 't', agents => [ map {
        { name => 'a', apps => [ map { { slug => 's' } } 1 .. 64 ] }
    } 1 .. 32 ] }
} 1 .. 4 ]);

is $r->status, 400, 'what becomes more than 1 MB';
is $r->json->{validations}[0]{detail}, 'come to more than 1 MB';

$r = report('p1', $job, 'complete', state => 'x' x (256 * 1024 + 1));

is $r->status, 400;
is $r->json->{validations}[0]{field}, 'state';
is report('p1', $job, 'heartbeat')->status, 200, 'still ours';



=== TEST 12: a build that is complete has its resources; then it is over
--- scenario
my $job = v('job');

is report('p1', $job, 'complete', state => "st\x{e4}te", resources => [{
    name => 'vm', type => 'machine', daily_cost => 7,
    metadata => [{ key => 'ip', value => '::1' }],
    agents => [{ name => 'main', status => 'connected',
                 apps => [{ slug => 'code' }] }],
}])->status, 204;

my $b = latest($job->{workspace});

is $b->{status}, 'running';
is $b->{job}{status}, 'succeeded';
is $b->{daily_cost}, 7;
is $b->{resources}[0]{agents}[0]{status}, 'connecting', 'nobody heard of it';
is $b->{resources}[0]{agents}[0]{apps}[0]{slug}, 'code';
is $b->{resources}[0]{metadata}[0]{value}, '::1';

for my $what (qw(heartbeat complete fail release)) {
    is report('p1', $job, $what, error => 'e')->status, 409, "$what: too late";
}

is latest($job->{workspace})->{status}, 'running';
is wsctl('check'), '', 'all invariants hold';



=== TEST 13: the next build gets the state of the one before
--- scenario
my $workspace = v('job')->{workspace};

build($workspace, 'stop');

my $job = acquire('p2')->json;

is $job->{transition}, 'stop';
is $job->{build}{number}, 2;
is $job->{state}, "st\x{e4}te";
isnt $job->{agent_token}, v('job')->{agent_token};

is report('p1', v('job'), 'heartbeat')->status, 409, 'the old job is over';
is report('p2', $job, 'complete')->status, 204;

my $b = latest($workspace);

is $b->{status}, 'stopped';
is_deeply $b->{resources}, [];

build($workspace, 'delete');
$job = acquire('p1')->json;

is $job->{state}, "st\x{e4}te", 'kept when nothing else was said';
is report('p1', $job, 'complete')->status, 204;
is latest($workspace)->{status}, 'deleted';
is wsctl('check'), '', 'all invariants hold';



=== TEST 14: a job that fails says why
--- scenario
my $w = create();
my $job = acquire('p1')->json;

is report('p1', $job, 'fail', error => "no disk: \x{2603}")->status, 204;

my $b = latest($w);

is $b->{status}, 'failed';
is $b->{job}{error}, "no disk: \x{2603}";
is report('p1', $job, 'complete')->status, 409;



=== TEST 15: a job that is given back waits again, where it was
--- scenario
my $first = create();
my $second = create();
my $job = acquire('p1')->json;

is $job->{workspace}{id}, $first->{id};
is $job->{last_log}, 0;
is report('p1', $job, 'heartbeat', logs => [{ output => 'x' }])->status, 200;
is report('p1', $job, 'release')->status, 204;

my $b = latest($first);

is $b->{status}, 'pending';
is $b->{job}{status}, 'pending';
ok !exists $b->{job}{started_at};
ok !exists $b->{job}{worker_id};
is wsctl('check'), '', 'all invariants hold';

is report('p1', $job, 'heartbeat')->status, 409, 'not his any more';

my $again = acquire('p2')->json;

is $again->{workspace}{id}, $first->{id}, 'still the oldest';
is $again->{last_log}, 1, 'its log is there';
isnt $again->{lease}, $job->{lease};
isnt $again->{agent_token}, $job->{agent_token};

empty_queue();



=== TEST 16: the oldest job first
--- scenario
my %at;

for my $owner (qw(alice bob orgadmin tplmgr auditor usermgr) x 2) {
    my $w = create(undef, as => $owner);

    $at{$w->{id}} = $w->{latest_build}{job}{created_at};
}

my @got = map { acquire('p1')->json->{workspace}{id} } keys %at;

is_deeply [sort @got], [sort keys %at], 'each once';
is_deeply [@at{@got}], [sort values %at],
          'by age, whoever has them; of one millisecond in any order';
is acquire('p1')->status, 204;



=== TEST 17: a job goes to a provisioner that has its tags
--- scenario
v('cuda.id', wsctl(qw(template create --org acme cuda)));
wsctl(qw(version create --template cuda v1 --tag kind=gpu --promote));
v('huge.id', wsctl(qw(template create --org acme huge)));
wsctl(qw(version create --template huge v1 --tag kind=gpu --tag size=huge
         --promote));

my $huge = create('huge.id');
my $cuda = create('cuda.id');
my $plain = create();

is_deeply $cuda->{latest_build}{job}{tags}, { kind => 'gpu' };

is acquire('p1')->json->{workspace}{id}, $plain->{id},
   'without tags: an older job is passed over';
is acquire('p1')->status, 204;

my $job = acquire('gpu')->json;

is $job->{workspace}{id}, $cuda->{id}, 'more tags than needed';
is_deeply $job->{tags}, { kind => 'gpu' };
is acquire('gpu')->status, 204, 'a tag of another value is another tag';

my $plain2 = create();

is acquire('gpu')->json->{workspace}{id}, $plain2->{id},
   'with tags: jobs without any';
is latest($huge)->{status}, 'pending', 'nobody for it';



=== TEST 18: a provisioner of an organization gets that organization's jobs
--- scenario
my $poll = acquire_later('glob', 20000);
my $ours = create();

is acquire('p1', 2000)->json->{workspace}{id}, $ours->{id};
ok !$poll->answered, 'not his';

my $theirs = create('vm.id', org => 'globex.id', as => 'carol');

is $poll->answer(3)->json->{workspace}{id}, $theirs->{id};



=== TEST 19: many that nobody can run do not keep the others waiting
--- scenario
my @huge = map { create('huge.id') } 1 .. 150;
my $plain = create();

is acquire('p1')->json->{workspace}{id}, $plain->{id};
is acquire('p1')->status, 204;

wsctl(qw(provisioner create big --tag kind=gpu --tag size=huge --json))
    =~ /"token":"([^"]+)"/ and v('big.token', $1);

# one more waits since test 17

is report('big', acquire('big')->json, 'complete')->status, 204
    for 0 .. @huge;

is acquire('big')->status, 204;
is wsctl('check'), '', 'all invariants hold';



=== TEST 20: who waits on one node gets what was made on another, soon
--- scenario
my $b = start_node(name => 'b', config => locations());

for (1 .. 5) {
    my $poll = acquire_later('p1', 30000, $b);

    ok wait_for { under_way($b) == 1 };

    my $start = now_ms();
    my $w = create();
    my $r = $poll->answer(5);

    is $r->status, 200;
    is $r->json->{workspace}{id}, $w->{id};
    cmp_ok now_ms() - $start, '<', 2000;
    report('p1', $r->json, 'complete');
}



=== TEST 21: exactly one of those who wait gets a job
--- scenario
my $b = start_node(name => 'b', config => locations());

for my $round (1 .. 3) {
    my @polls = map { acquire_later('p1', 2000, $_ % 2 ? $b : ()) } 1 .. 12;
    my $w = create();
    my @answers = map { $_->answer(6) } @polls;
    my @got = grep { $_->status == 200 } @answers;

    is scalar @got, 1, 'one';
    is scalar(grep { $_->status == 204 } @answers), 11, 'the others wait on';
    is $got[0]->json->{workspace}{id}, $w->{id};
}

# and as many as there are jobs when there are several

my @polls = map { acquire_later('p1', 5000, $_ % 2 ? $b : ()) } 1 .. 12;
my %w = map { create()->{id} => 1 } 1 .. 8;
my @got = grep { $_->status == 200 } map { $_->answer(8) } @polls;

is scalar @got, 8;
is scalar(keys %{ { map { $_->json->{workspace}{id} => 1 } @got } }), 8;
ok !grep({ !$w{ $_->json->{workspace}{id} } } @got);
is wsctl('check'), '', 'all invariants hold';



=== TEST 22: a client that went away does not get a job
--- scenario
my $poll = acquire_later('p1', 30000);

ok wait_for { under_way() == 1 };
$poll->close;
ok +(wait_for { logged(qr/acquire.* 499 /) }), 'it was noticed';

my $w = create();

is latest($w)->{status}, 'pending';
is acquire('p1')->json->{workspace}{id}, $w->{id};



=== TEST 23: one that goes away while its job is on the way: it waits again
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $b = start_node(name => 'b', config => locations(), workers => 1,
                   http_config => "workspace_redis @{[$proxy->url]};");

$proxy->hold('lease_expires_ms');

my $poll = acquire_later('p1', 30000, $b);

ok wait_for { under_way($b) == 1 };

my $w = create();

ok +(wait_for { $proxy->held }), 'the commit is on the way';
$poll->close;
ok +(wait_for { logged(qr/acquire.* 499 /, $b) }), 'the client is not there';
is latest($w)->{status}, 'pending';

$proxy->go;

ok +(wait_for { redis_cmd('HGET', key('w', $w->{id}), 'v') == 3 } 5),
   'acquired, and given back';

my $l = latest($w);

is $l->{status}, 'pending';
ok !exists $l->{job}{worker_id};
is wsctl('check'), '', 'all invariants hold';
is acquire('p2')->json->{workspace}{id}, $w->{id}, 'for the next one';



=== TEST 24: the answer to a commit is lost: whoever waits gets the job
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));
my $b = start_node(name => 'b', config => locations(), workers => 1,
                   http_config => "workspace_redis @{[$proxy->url]};");

my $poll = acquire_later('p1', 30000, $b);

ok wait_for { under_way($b) == 1 };
$proxy->cut('lease_expires_ms');

my $w = create();
my $r = $poll->answer(5);

ok +(wait_for { $proxy->was_cut } 5);
is $r->status, 200;
is $r->json->{workspace}{id}, $w->{id};
is redis_cmd('HGET', key('w', $w->{id}), 'v'), 2, 'acquired once';
is report('p1', $r->json, 'heartbeat')->status, 200, 'it is his';

# and when nobody is there any more: given back, though nothing was known

$poll = acquire_later('p1', 30000, $b);
ok wait_for { under_way($b) == 1 };
$proxy->hold('lease_expires_ms');
$w = create();
ok wait_for { $proxy->held };
$proxy->cut('lease_expires_ms');
$poll->close;
ok wait_for { logged(qr/acquire.* 499 /, $b) };
$proxy->go;

ok wait_for { redis_cmd('HGET', key('w', $w->{id}), 'v') == 3 } 5;
is latest($w)->{status}, 'pending';
is wsctl('check'), '', 'all invariants hold';
empty_queue();



=== TEST 25: a reload: those who wait are told to come again
--- scenario
my $b = start_node(name => 'b', config => locations());
my @polls = map { acquire_later('p1', 60000, $b) } 1 .. 6;

ok wait_for { under_way($b) == 6 };

ok $b->reload, 'new workers';

for my $poll (@polls) {
    is $poll->answer(3)->status, 204, 'no job';
}

ok +(wait_for { !$b->old_workers } 5), 'old workers are gone';

my $poll = acquire_later('p1', 20000, $b);
my $w = create();

is $poll->answer(5)->json->{workspace}{id}, $w->{id}, 'the new ones serve';



=== TEST 26: Redis restarts: those who wait still get what comes after
--- scenario
my $poll = acquire_later('p1', 30000);

ok wait_for { under_way() == 1 };

# what it reads before it waits is read when these are answered, by whichever
# worker

ok http(GET => '/api/v2/workspaces?limit=1', { as => 'alice' })->json
    for 1 .. 40;

redis_kill9();
ok !$poll->answered, 'waiting on';
redis_start();

my $w;

ok +(wait_for { $w = eval { create() } } 5), 'a job';
is $poll->answer(8)->json->{workspace}{id}, $w->{id};
is wsctl('check'), '', 'all invariants hold';



=== TEST 27: one that is deleted gets no job, even if it was waiting before
--- scenario
v('gone.token', wsctl(qw(provisioner create gone)));

my $poll = acquire_later('gone', 30000);

ok wait_for { under_way() == 1 };
wsctl(qw(provisioner delete GONE));

my $w = create();

is $poll->answer(5)->status, 204;
is latest($w)->{status}, 'pending';
is acquire('gone')->status, 401;
is((wsctl_run(qw(provisioner delete gone)))[0], 1, 'once');
is wsctl('check'), '', 'all invariants hold';
empty_queue();



=== TEST 28: who waits behind one that gets no job does not wait any longer
--- scenario
my $b = start_node(name => 'b', config => locations(), workers => 1);

v('gone.token', wsctl(qw(provisioner create gone)));

my @gone;

for my $n (1 .. 3) {
    push @gone, acquire_later('gone', 30000, $b);
    ok +(wait_for { under_way($b) == $n }), 'it waits';
}

my $poll = acquire_later('p1', 30000, $b);

ok wait_for { under_way($b) == 4 };
wsctl(qw(provisioner delete gone));

my $w = create();

# three looks at the queue would take longer

is given($poll->answer(6)), $w->{id}, 'the one behind them has it';
is $_->answer(1)->status, 204, 'refused' for @gone;

# one that goes away before its job is acquired, and one whose job cannot be
# read until its time is over

my $proxy = WorkspaceTest::Proxy->new(to => v('redis.port'));

for my $how ('goes away', 'is late') {
    my $c = start_node(name => 'c', config => locations(), workers => 1,
                       http_config => "workspace_redis @{[$proxy->url]}"
                                      . ' read_timeout=1500ms;');

    # it is subscribed and knows both: the next job makes for one look at the
    # queue

    is acquire('p2', 0, $c)->status, 204;

    my $poll = acquire_later('p1', 30000, $c);

    ok wait_for { under_way($c) == 1 };
    $w = create();
    is given($poll->answer(5)), $w->{id};

    my $first = acquire_later('p1', $how eq 'is late' ? 1000 : 30000, $c);

    ok wait_for { under_way($c) == 1 };

    my $second = acquire_later('p2', 30000, $c);

    ok wait_for { under_way($c) == 2 };
    $proxy->hold('(?s)HGET.*job:');
    $w = create();
    ok +(wait_for { $proxy->held }), 'a job is on the way';

    if ($how eq 'is late') {
        is $first->answer(4)->status, 204, 'its time is over';

    } else {
        $first->close;
        ok wait_for { logged(qr/acquire.* 499 /, $c) };
    }

    $proxy->go;

    # five seconds after somebody came here there is a look in any case

    is given($second->answer(2)), $w->{id}, "the first $how: the second has it";
    $c->stop;
}

is wsctl('check'), '', 'all invariants hold';



=== TEST 29: a cancel is heard of, and confirmed by failing or completing
--- scenario
for my $end ([fail => error => 'stopped'], ['complete']) {
    my $w = create();
    my $job = acquire('p1')->json;

    is http(PATCH => "/api/v2/workspacebuilds/$job->{build}{id}/cancel",
            { as => 'admin', no_validate => 1 })->status, 200;
    is latest($w)->{status}, 'canceling';

    my $r = report('p1', $job, 'heartbeat');

    is $r->status, 200;
    is $r->json->{canceling}, JSON::PP::true();

    is report('p1', $job, @$end)->status, 204;

    my $b = latest($w);

    is $b->{status}, 'canceled';
    ok $b->{job}{canceled_at};
    is report('p1', $job, 'heartbeat')->status, 409;
}



=== TEST 30: a lease that has run out is no good, at once
--- scenario
my $w = create();
my $job = acquire('p1')->json;
my $key = key('w', $w->{id});

redis_cmd('HSET', $key, 'e', now_ms() - 1);

for my $what (qw(heartbeat complete fail release)) {
    is report('p1', $job, $what, error => 'e')->status, 409, $what;
}

is latest($w)->{status}, 'starting', 'though the clock has not seen it yet';

# the clock looks when it is due

redis_cmd('ZADD', shard_key('due', $w->{id}), now_ms(), "lease $w->{id}");

ok wait_for { latest($w)->{status} eq 'failed' } 5;
like latest($w)->{job}{error}, qr/silent/;
is wsctl('check'), '', 'all invariants hold';



=== TEST 31: a lease is good for its own job only
--- scenario
my $w = create();
my $old = acquire('p1')->json;

is report('p1', $old, 'heartbeat',
          logs => [{ output => 'x' }])->status, 200;
is report('p1', $old, 'fail', error => 'x')->status, 204;
is http(POST => "/api/v2/workspaces/$w->{id}/builds",
        { as => 'alice', body => { transition => 'stop' } })->status, 201;

my $new = acquire('p1')->json;
my $mixed = { job_id => $old->{job_id}, lease => $new->{lease} };
my $key = key('w', $w->{id});
my $before = redis_cmd('HMGET', $key, 'v', 'l', 'e');

is report('p1', $mixed, 'heartbeat')->status, 409;
is report('p1', $mixed, 'heartbeat',
          logs => [{ output => 'x' }])->status, 409;
is report('p1', $mixed, 'complete')->status, 409;
is report('p1', $mixed, 'fail', error => 'x')->status, 409;
is report('p1', $mixed, 'release')->status, 409;

is_deeply redis_cmd('HMGET', $key, 'v', 'l', 'e'), $before;
is redis_cmd('LLEN', key('logs', $old->{build}{id})), 1;
is report('p1', $new, 'heartbeat')->status, 200, 'the job goes on';
is report('p1', $new, 'complete')->status, 204;



=== TEST 32: heartbeats put the end off
--- scenario
my $w = create();
my $job = acquire('p1')->json;
my $due = shard_key('due', $w->{id});

redis_cmd('HSET', key('w', $w->{id}), 'e', now_ms() + 1500);
redis_cmd('ZADD', $due, now_ms() + 1500, "lease $w->{id}");

is report('p1', $job, 'heartbeat')->status, 200;

ok +(wait_for { redis_cmd('ZSCORE', $due, "lease $w->{id}")
              > now_ms() + 20_000 } 5), 'the clock has looked, and waits';
is latest($w)->{status}, 'starting';
is report('p1', $job, 'complete')->status, 204;



=== TEST 33: over HTTP/2 as well
--- scenario
if (`curl --version 2>/dev/null` !~ /HTTP2/) {
    diag 'there is no curl with HTTP/2';
    return;
}

my $port = free_port();
my $b = start_node(name => 'b', config => locations(), http_config => <<"EOC");
    server {
        listen 127.0.0.1:$port http2;
        @{[locations()]}
    }
EOC

my $token = v('p1.token');
my $url = "http://127.0.0.1:$port/api/v2/provisioners/me/acquire";
my @curl = ('curl', '-s', '--http2-prior-knowledge', '-m', 30,
            '-H', "Coder-Session-Token: $token", '-d', '{}');

my $w = create();

open my $in, '-|', @curl, $url or die $!;
like do { local $/; <$in> }, qr/\Q$w->{id}\E/, 'a job';
close $in;

# a connection that is gone

my $pid = open $in, '-|', @curl, $url or die $!;

ok wait_for { under_way($b) == 1 };
kill 'KILL', $pid;
close $in;
ok wait_for { logged(qr/acquire.* 499 /, $b) };

$w = create();

is acquire('p1')->json->{workspace}{id}, $w->{id};
