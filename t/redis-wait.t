# workspace_wait: a change is acknowledged when replicas have it, and what is
# acknowledged outlives the primary.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Acl;
use WorkspaceTest::Later;
use WorkspaceTest::Life;
use WorkspaceTest::Sentinel;

my $s = WorkspaceTest::Sentinel->new(replicas => 2);

v('sentinel.url', $s->url);

sub sentinel { $s }
sub replicas { @{ $s->{redis} }[1, 2] }


sub rename_to {
    my ($name, $which) = @_;

    return http(PATCH => '/api/v2/workspaces/' . v($which // 'dev.id'),
                { as => 'alice', body => { name => $name } });
}


# how many are waiting for replicas

sub waiting { redis_cmd(qw(INFO clients)) =~ /^blocked_clients:(\d+)/m; $1 }


sub name {
    return http(GET => '/api/v2/workspaces/' . v('dev.id'),
                { as => 'alice' })->json->{name};
}


run_tests();

__DATA__

=== TEST 1: a replica has it: acknowledged, to the user that is documented
--- before
redis_cmd(documented('nginx', 'workspace_wait'));
--- http_config
workspace_redis redis://nginx:s3cret@127.0.0.1:{{redis.port}};
workspace_wait 1 2s;
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: no replica has it in time: 503, and the truth about it
--- http_config
workspace_redis {{redis.url}};
workspace_wait 1 1s;
--- scenario
$_->stop for replicas();

my $start = now_ms();
my $r = rename_to('doubtful');

cmp_ok now_ms() - $start, '>=', 900, 'it was waited for';
is $r->status, 503;
ok $r->header('Retry-After');
is $r->json->{detail}, 'The change may be in effect.';
is name(), 'doubtful', 'as it is';

# what decides before anything is written is told at once and as always

$start = now_ms();
is http(POST => '/api/v2/organizations/' . v('acme.id')
                . '/members/me/workspaces',
        { as => 'alice', body => { name => 'doubtful',
                                   template_id => v('docker.id') } })->status,
   409, 'a name that is taken';

$_->cont for replicas();

ok wait_for(sub { rename_to('sure')->status == 204 }, 10), 'it is back';
is name(), 'sure';
ok node()->log(qr/0 replicas instead of 1 have confirmed a change/), 'logged';



=== TEST 3: reading does not wait for it; many changes wait together
--- http_config
workspace_redis {{redis.url}};
workspace_wait 1 1s;
--- scenario
is rename_to('before')->status, 204;

$_->stop for replicas();

my @changes = map {
    http_later(PATCH => '/api/v2/workspaces/' . v('dev.id'),
               { as => 'alice', body => { name => "many-$_" } })
} 1 .. 30;

ok wait_for(sub { name() =~ /^many-/ }, 5), 'it is read';
ok !$changes[0]->answered, 'before it is acknowledged';

my %seen;

for (@changes) {
    my $r = $_->answer;
    $seen{$r ? $r->status : 'none'}++;
}

is_deeply [ sort keys %seen ], [ 503 ], 'none is acknowledged, none hangs';

$_->cont for replicas();

ok wait_for(sub { rename_to('after')->status == 204 }, 10);

my @all = http_all(map { [
    POST => '/api/v2/organizations/' . v('acme.id')
            . '/members/me/workspaces',
    { as => 'alice', body => { name => "all-$_",
                               template_id => v('docker.id') } }
] } 1 .. 50);

is scalar(grep { $_->status == 200 } @all), 50, 'all are acknowledged';



=== TEST 4: more replicas than there are
--- http_config
workspace_redis {{redis.url}};
workspace_wait 3 300ms;
--- scenario
is rename_to('three')->status, 503;
is name(), 'three';



=== TEST 5: Redis stands still meanwhile
--- http_config
workspace_redis {{redis.url}} read_timeout=1s;
workspace_wait 1 1s;
--- scenario
is rename_to('going')->status, 204;

redis_stop();

my $r = rename_to('standing');

is $r->status, 503;
redis_cont();

ok wait_for(sub { rename_to('going-on')->status == 204 }, 10);



=== TEST 6: a change that is waited for in vain has an end
--- http_config
workspace_redis {{redis.url}} read_timeout=1s;
workspace_wait 1 1s;
--- timeout: 60
--- scenario
is rename_to('in-time')->status, 204;

$_->stop for replicas();

# twice the second and read_timeout, and what a slow machine needs

for my $frozen (0, 1) {
    my $change = http_later(PATCH => '/api/v2/workspaces/' . v('dev.id'),
                            { as => 'alice',
                              body => { name => "vain-$frozen" } });

    ok wait_for(sub { name() eq "vain-$frozen" }, 5), 'it is done, not told';
    redis_stop() if $frozen;

    my $r = $change->answer(8);

    is $r->status, 503, $frozen ? 'Redis does not end it' : 'Redis ends it';
    is $r->json->{detail}, 'The change may be in effect.' if $r->status;
}

redis_cont();
$_->cont for replicas();

ok wait_for(sub { rename_to('no-more')->status == 204 }, 10);



=== TEST 7: what nginx does by itself, and handing over a job, do not wait
--- http_config
workspace_redis {{redis.url}};
workspace_wait 1 10s;
--- timeout: 60
--- scenario
my ($running) = started(name => 'runs', ttl_ms => 3600_000);
my $w = create(name => 'queued');

$_->stop for replicas();

my $start = now_ms();
my $r = http(POST => '/api/v2/provisioners/me/acquire',
             { as => 'life', body => { wait_ms => 5000 } });

is $r->status, 200, 'the job is handed over';
is $r->json->{workspace}{id}, $w->{id};
cmp_ok now_ms() - $start, '<', 5000, 'in less than the time of a change';
is waiting(), 0, 'nobody waits for replicas';

due_at(now_ms(), 'autostop', $running);

ok wait_for(sub { show($running)->{latest_build}{transition} eq 'stop' }, 5),
   'what is due is done';
is waiting(), 0, 'nor for that';

# this one does

my $change = http_later(PATCH => '/api/v2/workspaces/' . v('dev.id'),
                        { as => 'alice', body => { name => 'waits' } });

ok wait_for(sub { waiting() == 1 }, 5), 'a change of somebody waits';

$_->cont for replicas();

is $change->answer->status, 204;



=== TEST 8: what is acknowledged is not lost when the primary is killed
--- http_config
workspace_redis {{sentinel.url}};
workspace_wait 1 1s;
--- scenario
my ($n, %acknowledged, %refused) = (0);

my $write = sub {
    my @names = map { 'k' . ++$n } 1 .. 10;
    my @all = http_all(map { [
        POST => '/api/v2/organizations/' . v('acme.id')
                . '/members/me/workspaces',
        { as => 'alice', body => { name => $_,
                                   template_id => v('docker.id') } }
    ] } @names);

    for my $i (0 .. $#all) {
        if ($all[$i]->status == 200) {
            $acknowledged{$names[$i]} = $all[$i]->json->{id};

        } else {
            $refused{$all[$i]->status}++;
        }
    }
};

my $began = now_ms();

$write->() for 1 .. 20;

my $before = keys %acknowledged;

# it dies in the middle of writing

my $killer = fork // die $!;

if ($killer == 0) {
    select undef, undef, undef, 0.05;
    kill 'KILL', redis()->pid;
    POSIX::_exit(0);
}

my $deadline = now_ms() + 40000;
my $after = 0;

while ($after < 100 && now_ms() < $deadline) {
    my $had = keys %acknowledged;

    $write->();
    $after += keys(%acknowledged) - $had if $refused{503};
}

waitpid $killer, 0;
redis_kill9();

diag 'it took ' . (now_ms() - $began) . ' ms' if $ENV{WORKSPACE_TELL};

cmp_ok $before, '>', 0, 'acknowledged before';
cmp_ok $after, '>=', 100, 'and after';
is_deeply [ keys %refused ], [ 503 ], 'all others are 503';

# a worker may not have found the new primary for its reads yet

my @lost;

for my $name (keys %acknowledged) {
    my $r;

    wait_for {
        $r = http(GET => "/api/v2/workspaces/$acknowledged{$name}",
                  { as => 'alice' });
        $r->status != 503;
    } 20;

    push @lost, "$name: " . $r->status
        if $r->status != 200 || $r->json->{name} ne $name;
}

is_deeply \@lost, [], 'none of ' . keys(%acknowledged) . ' is lost';

{
    my $primary = sentinel()->primary;
    local $ENV{WORKSPACE_REDIS} = "redis://127.0.0.1:$primary->{port}";

    is wsctl('check'), '';
}

redis_start();



=== TEST 9: what the configuration refuses
--- scenario
for my $case (
    [ 'workspace_wait 1;', qr/expected a number of replicas/ ],
    [ 'workspace_wait 0 1s;', qr/expected a number of replicas/ ],
    [ 'workspace_wait x 1s;', qr/expected a number of replicas/ ],
    [ 'workspace_wait 1 0;', qr/invalid time "0" in "workspace_wait"/ ],
    [ 'workspace_wait 1 x;', qr/invalid time "x" in "workspace_wait"/ ],
    [ 'workspace_wait 1 1s; workspace_wait off;', qr/is duplicate/ ])
{
    my ($line, $expected) = @$case;
    my ($status, $text) = nginx_test(http_config => $line);

    isnt $status, 0, $line;
    like $text, $expected;
}

my ($status, $text) = nginx_test(
    http_config => 'workspace_redis redis://127.0.0.1; workspace_wait 1 1s;',
    config      => 'location /a/ { workspace_api; }
                    location /b/ { workspace_api; workspace_wait off; }',
);

isnt $status, 0;
like $text, qr/"workspace_wait" has two values/;
