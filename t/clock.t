# What time does: autostart, autostop, the end of leases, silent agents; and
# the life of a workspace in which all of that happens.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;
use WorkspaceTest::Proxy;


sub builds {
    my ($w) = @_;

    return http(GET => "/api/v2/workspaces/$w->{id}/builds",
                { as => 'admin' })->json;
}


# Each has one build more than before, of that transition and reason, made by
# the clock for its owner; returns by how much the slowest was late, ms.

sub is_done_once {
    my ($number, $transition, $reason, $at, @workspaces) = @_;

    my $late = 0;
    my (@wrong, @early);

    for my $w (@workspaces) {
        my @all = @{ builds($w) };
        my $b = $all[0];

        push @wrong, $b
            if @all != $number || $b->{build_number} != $number
               || $b->{transition} ne $transition || $b->{reason} ne $reason
               || $b->{initiator_id} ne $w->{owner_id}
               || $b->{initiator_name} ne $w->{owner_name};

        my $after = ms($b->{created_at}) - $at;

        push @early, $after if $after < 0;
        $late = $after if $after > $late;
    }

    is scalar @wrong, 0, "$reason, once each" or diag explain $wrong[0];
    is_deeply \@early, [], 'and not too early';

    return $late;
}


# a way to Redis on which it is so many seconds behind, and refuses claims

sub without_claims {
    my ($behind) = @_;

    return WorkspaceTest::Proxy->new(to => redis()->port, rewrite => sub {
        my (@words) = @_;

        return @words if $words[0] !~ /^EVAL/i;

        $words[1] = '0' x 40 if $words[0] eq 'EVALSHA';
        $words[1] = "return redis.error_reply('ERR no claims')"
            if $words[1] =~ /BYSCORE/ && $words[1] =~ /'TIME'/;
        $words[1] =~ s/redis\.call\('TIME'\)/{redis.call('TIME')[1] - $behind,
                                              redis.call('TIME')[2]}/;

        return @words;
    });
}



run_tests();

__DATA__

=== TEST 1: a workspace and its agent through all that they can be
--- http_config
workspace_agent_timeout 4s;
--- timeout: 120
--- scenario
my $http = '    workspace_agent_timeout 4s;';
my $b = start_node(name => 'b', http_config => $http);
my $w = create(name => 'life', ttl_ms => 3600_000,
               autostart_schedule => '0 9 * * *');
my $s = sse_open($b, "/api/v2/workspaces/$w->{id}/watch", { as => 'alice' });
my (@seen, @agent, $job);

# the next event whose status or agent's status is another than before

sub follow {
    my ($s, $what, $seen) = @_;

    my $e = $s->wait_event(20, sub {
        return 0 if $_->{event} ne 'data';

        my $b = $_->{json}{latest_build};
        my $is = $what eq 'agent'
                 ? $b->{resources}[0]{agents}[0]{status} : $b->{status};

        return 0 if !defined $is || @$seen && $seen->[-1] eq $is;
        push @$seen, $is;
        return 1;
    });

    return $e ? $seen->[-1] : 'nothing';
}

my $next = sub { follow($s, 'build', \@seen) };
my $next_agent = sub { follow($s, 'agent', \@agent) };

# it is in the list of those of this status, and in no other

my $listed = sub {
    my ($key, $value) = @_;
    my @found;

    for my $try (@{ { status => [qw(pending starting running stopping stopped
                                    failed canceling canceled deleting
                                    deleted)],
                      has_agent => [qw(connecting connected disconnected
                                       timeout)] }->{$key} })
    {
        my $r = http(GET => "/api/v2/workspaces?$key=$try",
                     { as => 'alice' })->json;
        push @found, $try if grep { $_->{id} eq $w->{id} }
                             @{ $r->{workspaces} };
    }

    is join(' ', @found), $value, "the filter $key=$value, and no other";
};

is $next->(), 'pending';
$listed->(status => 'pending');
$job = acquire($w);
is $next->(), 'starting';
$listed->(status => 'starting');
is report($job, 'complete', resources => [{
       name => 'box', type => 'process',
       agents => [{ name => 'main', connection_timeout_seconds => 1 }],
   }])->status, 204;
is $next->(), 'running';
$listed->(status => 'running');

# the agent

push @agent, show($w)->{latest_build}{resources}[0]{agents}[0]{status};
is $agent[0], 'connecting';
is $next_agent->(), 'timeout', 'by the clock';
$listed->(has_agent => 'timeout');

my $token = $job->{agent_token};

is agent($token, 'heartbeat')->status, 200;
is $next_agent->(), 'connected';
$listed->(has_agent => 'connected');
is $next_agent->(), 'disconnected', 'by the clock, of silence';
$listed->(has_agent => 'disconnected');
is agent($token, 'heartbeat')->status, 200;
is $next_agent->(), 'connected', 'back';
is agent($token, 'disconnect')->status, 204;
is $next_agent->(), 'disconnected', 'said goodbye';

# autostop

due_at(now_ms(), 'autostop', $w);
is $next->(), 'pending', 'stopped by the clock';
is show($w)->{latest_build}{reason}, 'autostop';
is show($w)->{latest_build}{transition}, 'stop';
$listed->(status => 'pending');
$job = acquire($w);
is $next->(), 'stopping';
$listed->(status => 'stopping');
is report($job, 'complete')->status, 204;
is $next->(), 'stopped';
$listed->(status => 'stopped');

# autostart, canceled while it runs

due_at(now_ms(), 'autostart', $w);
is $next->(), 'pending', 'started by the clock';
is show($w)->{latest_build}{reason}, 'autostart';
$job = acquire($w);
is $next->(), 'starting';
is http(PATCH => "/api/v2/workspacebuilds/$job->{build}{id}/cancel",
        { as => 'admin' })->status, 200;
is $next->(), 'canceling';
$listed->(status => 'canceling');
is report($job, 'fail', error => 'killed')->status, 204;
is $next->(), 'canceled';
$listed->(status => 'canceled');

# a start whose agent connects in time, and a provisioner that is silent

build($w, 'start');
is $next->(), 'pending';
$job = acquire($w);
is $next->(), 'starting';
due_at(now_ms(), 'lease', $w);
is $next->(), 'failed', 'by the clock, of silence';
like show($w)->{latest_build}{job}{error}, qr/silent/;
$listed->(status => 'failed');
is report($job, 'complete')->status, 409;

build($w, 'start');
is $next->(), 'pending';
$job = acquire($w);
is $next->(), 'starting';
is report($job, 'complete', resources => [{
       name => 'box', type => 'process', agents => [{ name => 'main' }],
   }])->status, 204;
is $next->(), 'running';
$listed->(has_agent => 'connecting');
is agent($job->{agent_token}, 'heartbeat')->status, 200;
@agent = ('connecting');
is $next_agent->(), 'connected';

# the end

build($w, 'delete');
is $next->(), 'pending';
$job = acquire($w);
is $next->(), 'deleting';
$listed->(status => 'deleting');
is report($job, 'complete')->status, 204;
is $next->(), 'deleted';
$listed->(status => 'deleted');

is join(' ', @seen),
   'pending starting running pending stopping stopped pending starting '
   . 'canceling canceled pending starting failed pending starting running '
   . 'pending deleting deleted';

is wsctl('check'), '', 'all invariants hold';



=== TEST 2: many at the same time, two workers each on two nodes
--- timeout: 120
--- scenario
start_node(name => 'b');

my @stop = map { (started(ttl_ms => 3600_000))[0] } 1 .. 12;
my @start = map { stopped(autostart_schedule => '0 9 * * *') } 1 .. 12;
my @lease = map { my $w = create(); acquire($w); $w } 1 .. 12;
my @agent = map {
    (started(agents => [{ name => 'main',
                          connection_timeout_seconds => 1 }]))[0]
} 1 .. 4;

my $version = sub { redis_cmd('HGET', key('w', $_[0]{id}), 'v') };
my %before = map { $_->{id} => $version->($_) } @lease;

# not while they are being made due

my $at = now_ms() + 3000;

due_at($at, 'autostop', @stop);
due_at($at, 'autostart', @start);
due_at($at, 'lease', @lease);

ok +(wait_for { members('due') == 0 } 20), 'nothing is due any more';

my $late = is_done_once(2, 'stop', 'autostop', $at, @stop);
my $late2 = is_done_once(3, 'start', 'autostart', $at, @start);

$late = $late2 if $late2 > $late;

for my $w (@lease) {
    my $b = show($w)->{latest_build};
    my $after = ms($b->{job}{completed_at}) - $at;

    $late = $after if $after > $late;
    cmp_ok $after, '>=', 0, 'not too early';
    is $b->{status}, 'failed';
    is $version->($w), $before{$w->{id}} + 1, 'failed once';
}

for my $w (@agent) {
    my $agent = show($w)->{latest_build}{resources}[0]{agents}[0];

    is $agent->{status}, 'timeout';
    is $version->($w), 4, 'made, acquired, completed; and timed out once';
}

diag "the slowest of 36 was $late ms late";
cmp_ok $late, '<', 10_000, 'in time';
is wsctl('check'), '', 'all invariants hold';



=== TEST 3: who would have done it is killed
--- timeout: 120
--- scenario
my @stop = map { (started(ttl_ms => 3600_000))[0] } 1 .. 3;
my @start = map { stopped(autostart_schedule => '0 9 * * *') } 1 .. 3;

# the other node has claimed what is due, and its commits do not arrive

my $proxy = WorkspaceTest::Proxy->new(to => redis()->port);
my @here = node()->workers;

kill 'STOP', @here;

my $b = start_node(name => 'b', expect_alerts => 1,
                   http_config => 'workspace_redis ' . $proxy->url . ';');

$proxy->hold('"transition":"(?:start|stop)"');

my $at = now_ms();

due_at($at, 'autostop', @stop);
due_at($at, 'autostart', @start);

ok +(wait_for { $proxy->held } 10), 'all but done';
ok $b->kill9, 'its node dies';
kill 'CONT', @here;

ok +(wait_for { members('due') == 0 } 20), 'done by the other one';

my $late = is_done_once(2, 'stop', 'autostop', $at, @stop);
my $late2 = is_done_once(3, 'start', 'autostart', $at, @start);

$late = $late2 if $late2 > $late;
diag "the slowest was $late ms late";
cmp_ok $late, '<', 10_000, 'in time';
is wsctl('check'), '', 'all invariants hold';



=== TEST 4: the workspaces of a user who is suspended stop, and do not start
--- timeout: 60
--- scenario
my ($stop) = started(as => 'bob', ttl_ms => 3600_000);
my $start = stopped(as => 'bob', autostart_schedule => '0 9 * * *');

wsctl(qw(user suspend bob));

my $at = now_ms();

due_at($at, 'autostop', $stop);
due_at($at, 'autostart', $start);

ok +(wait_for { @{ builds($stop) } == 2 } 20), 'stopped';

my $due = shard_key('due', $start->{id});
my $next;

# put off to the schedule's next time, whose minute is 0

ok +(wait_for {
    $next = redis_cmd('ZSCORE', $due, "autostart $start->{id}");
    $next > $at + 5000 && $next % 3600_000 == 0;
} 20), 'not started, but tried again the next day';
is scalar @{ builds($start) }, 2;
like node()->log(qr/cannot be done now/), qr/autostart $start->{id}/;

wsctl(qw(user activate bob));
redis_cmd('ZADD', $due, now_ms(), "autostart $start->{id}");
ok +(wait_for { @{ builds($start) } == 3 } 20), 'may start again';
is wsctl('check'), '', 'all invariants hold';



=== TEST 5: a zone that another node knows, and this one does not
--- scenario
my $w = stopped(autostart_schedule => 'CRON_TZ=Europe/Berlin 0 9 * * *');
my $due = shard_key('due', $w->{id});
my $at = redis_cmd('ZSCORE', $due, "autostart $w->{id}");

ok $at > now_ms(), 'it is due';

my $doc = redis_cmd('HGET', key('w', $w->{id}), 'd');

$doc =~ s{Europe.{1,2}Berlin}{Europe/Nowhere} or die $doc;
redis_cmd('HSET', key('w', $w->{id}), 'd', $doc);

my $path = "/api/v2/workspaces/$w->{id}";

is http(PATCH => $path, { as => 'alice', body => { name => 'else' } })->status,
   204, 'a change that has nothing to do with it';
is redis_cmd('ZSCORE', $due, "autostart $w->{id}"), $at, 'is due as before';
like node()->log(qr/autostart of workspace/),
     qr{"$w->{id}" is left as it is: "CRON_TZ=Europe/Nowhere 0 9 \* \* \*"},
     'and it is logged';

# it is done when it is due

due_at(now_ms(), 'autostart', $w);
ok +(wait_for { @{ builds($w) } == 3 } 20), 'started';
is builds($w)->[0]{reason}, 'autostart';
is wsctl('check'), '', 'all invariants hold';



=== TEST 6: what was missed while everything was down, once
--- timeout: 120
--- scenario
my @stop = map { (started(ttl_ms => 3600_000))[0] } 1 .. 5;
my @start = map { stopped(autostart_schedule => '0 9 * * *') } 1 .. 5;

my $b = start_node(name => 'b');

ok $b->quit;
ok node()->stop;

# ... three days ago

my $at = now_ms() - 3 * 24 * 3600_000;

due_at($at, 'autostop', @stop);
due_at($at, 'autostart', @start);
redis_kill9;
redis_start;

start_node(name => 'b');
start_node(name => 'c');

ok +(wait_for { members('due') == 0 } 20), 'done';

# the node of the blocks is still down

sub done_once {
    my ($number, $transition, $reason, @all) = @_;

    for my $w (@all) {
        my $r = http(node('b'), GET => "/api/v2/workspaces/$w->{id}/builds",
                     { as => 'admin' })->json;

        is scalar @$r, $number, "$reason once";
        is "$r->[0]{transition} $r->[0]{reason}", "$transition $reason";
    }
}

done_once(2, 'stop', 'autostop', @stop);
done_once(3, 'start', 'autostart', @start);
is wsctl('check'), '', 'all invariants hold';



=== TEST 7: what Redis is asked grows with nodes, not with their workers
--- timeout: 120
--- scenario
use Time::HiRes ();

my $claims = sub {
    redis_cmd('INFO', 'commandstats') =~ /cmdstat_evalsha:calls=(\d+)/ ? $1 : 0;
};

ok node()->stop;

my $from = $claims->();

start_node(name => 'b', workers => 4);

# all workers have begun, each with a claim of its own; of each shard

ok +(wait_for { $claims->() >= $from + 4 * shards() } 20), 'it claims';

$from = $claims->();

my $at = Time::HiRes::time();

ok +(wait_for { $claims->() >= $from + 16 * shards() } 60), 'and goes on';

my $took = Time::HiRes::time() - $at;

# 6.4 s, but for a worker that was late; 1.6 s if each had a turn at each tick

ok $took > 3, 'one worker at a time' or diag "16 turns in $took s";



=== TEST 8: over many shards, and a worker that hangs is not missed
--- timeout: 120
--- scenario
my $shards = 64;

wsctl('--prefix', 'many:', '--shards', $shards, qw(org create one));

my $node = start_node(
    name        => 'many',
    workers     => 4,
    http_config => 'workspace_redis ' . v('redis.url') . ' prefix=many:;'
                   . "workspace_shards $shards;");

sub left {
    my $n = 0;

    $n += redis_cmd('ZCARD', "many:{$_}:due") for 0 .. $shards - 1;

    return $n;
}

for my $worker ($node->workers) {
    kill 'STOP', $worker;

    redis_cmd('ZADD', "many:{$_}:due", 1, 'autostop ' . uuid())
        for 0 .. $shards - 1;

    ok +(wait_for { left() == 0 } 60), 'all shards are looked at';

    kill 'CONT', $worker;
}



=== TEST 9: a node whose clock is wrong goes by Redis' from its first answer on
--- timeout: 60
--- scenario

# Redis is ten minutes behind; no worker claims what is due, which tells the
# time as well

my $proxy = without_claims(600);
my $node = start_node(name => 'ahead', workers => 1, http_config =>
    'workspace_redis ' . $proxy->url . ';');

v('short.token', wsctl(qw(token create alice --lifetime 1s)));

my $expired = now_ms() + 1000;

my $w = http($node, POST => '/api/v2/organizations/' . v('acme.id')
             . '/members/me/workspaces',
             { as => 'alice', body => { name => 'behind',
                                        template_id => v('docker.id') } })
        ->json;
my $ahead = ms($w->{created_at}) - (now_ms() - 600_000);

cmp_ok abs $ahead, '<', 60_000, 'the time of a document';

wait_for { now_ms() > $expired };

my $s = sse_open($node, "/api/v2/workspaces/$w->{id}/watch",
                 { as => 'short' });
is $s->status, 200, 'a token lives until Redis says that it is over';

# the second ping comes after the right to watch was checked

my $pings = 0;
ok $s->wait_event(20, sub { $_->{event} eq 'ping' && ++$pings == 2 }),
   'and so does its stream';



=== TEST 10: a node whose clock is set while it runs notices nothing
--- timeout: 60
--- scenario

# no worker claims what is due, which tells the time as well

my $proxy = without_claims(0);
my $step = temp_dir() . '/step';

ok my $clock = preload('step_clock'), 'a clock to set';

my $node = do {
    local $ENV{STEP_CLOCK} = $step;
    local $ENV{LD_PRELOAD} = $clock;

    start_node(name => 'steps', workers => 1, http_config =>
               'workspace_redis ' . $proxy->url . ';');
};

my $job;
my $w = create(name => 'steps');
my $path = "/api/v2/workspaces/$w->{id}";

ok $job = acquire($w), 'leased for thirty seconds';
is http($node, GET => $path, { as => 'alice' })->status, 200;

open my $fh, '>', $step or die "$step: $!";

ok +(wait_for {
    my $date = http($node, GET => $path, { as => 'alice' })->header('Date');
    my ($day) = $date =~ /, (\d+) /;

    $day == (gmtime(time + 86400))[3];
} 20), 'the clock is a day ahead';

is report($job, 'heartbeat', node => $node)->status, 200,
   'the lease has not ended';
is http($node, PUT => "$path/ttl", { as => 'alice',
                                     body => { ttl_ms => 3600_000 } })->status,
   204, 'a change';

my $ahead = ms(show($w)->{updated_at}) - now_ms();

cmp_ok abs $ahead, '<', 60_000, 'its time is Redis\' time';
