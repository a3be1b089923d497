# The reference provisioner (tools/provisioner), its example template and the
# agent that runs in it.

use lib 't/lib';
use WorkspaceTest;
use POSIX qw(:sys_wait_h);

my $names = 0;

sub create {
    my (%more) = @_;

    my $org = v('acme.id');
    my $r = http(POST => "/api/v2/organizations/$org/members/me/workspaces",
                 { as => 'alice',
                   body => { name => 'w' . ++$names,
                             template_id => v('docker.id'), %more } });

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

    return $r->status == 200 ? $r->json->{latest_build} : { status => '?' };
}


# until the latest build has that status: that build, or undef

sub becomes {
    my ($workspace, $status, $seconds) = @_;

    my $b;

    return wait_for {
        $b = latest($workspace);
        $b->{status} eq $status && $b;
    } $seconds // 15;
}


sub lines {
    my ($build) = @_;

    my $list = redis_cmd('LRANGE', key('logs', $build->{id}), 0, -1);

    return map { WorkspaceTest::Http::decode($_) } @$list;
}


# A provisioner with these programs of the template "docker":
# provisioner(start => 'sh code', options => [...]).  Ends with the test.

my %running;

END {
    if (!$WorkspaceTest::forked) {
        kill 'KILL', keys %running;
    }
}

sub provisioner {
    my (%programs) = @_;

    my $options = delete $programs{options} || [];
    my $templates = delete $programs{templates};

    if (!$templates) {
        $templates = temp_dir();
        mkdir "$templates/docker";

        for my $name (keys %programs) {
            program("$templates/docker/$name", $programs{$name});
        }
    }

    my $log = temp_dir() . '/log';
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $WorkspaceTest::forked = 1;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        $ENV{WORKSPACE_PROVISIONER_TOKEN} = v('p1.token');
        $ENV{WORKSPACES_DIR} = v('work') . '/workspaces';
        exec v('top') . '/tools/provisioner/workspace-provisioner',
             '--url', 'http://127.0.0.1:' . v('port') . '/api/v2',
             '--templates', $templates, @$options
            or POSIX::_exit(127);
    }

    $running{$pid} = 1;

    return bless { pid => $pid, log => $log }, 'Provisioner';
}


sub program {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!";
    print $out "#!/bin/sh\n$text";
    close $out;
    chmod 0755, $path;
}


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return <$in>;
}


# a zombie is none: who was left to init may never be reaped in a container

sub alive {
    my ($pid) = @_;

    return slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) [^ZX]/ ? 1 : 0;
}


package Provisioner;

sub log { main::slurp($_[0]{log}) }
sub signal { kill $_[1], $_[0]{pid} }

# the exit status, or undef when it does not end

sub ended {
    my ($self, $seconds) = @_;

    my $done = WorkspaceTest::wait_for(sub {
        waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid}
    }, $seconds // 5);

    return if !$done;

    my $status = $?;
    delete $running{$self->{pid}};

    return $status;
}

package main;

run_tests();

__DATA__

=== TEST 1: what it does not understand it says
--- before
v('p1.token', wsctl(qw(provisioner create p1)));
--- scenario
my $tool = v('top') . '/tools/provisioner/workspace-provisioner';

for my $args ('', '--url http://x --templates /nowhere',
              '--url ftp://x --templates /tmp',
              '--url http://x:y --templates /tmp',
              '--url http://x --templates /tmp --concurrency 0')
{
    my $token = v('p1.token');
    my $out = `WORKSPACE_PROVISIONER_TOKEN=$token $tool $args 2>&1`;

    is $? >> 8, 2, $args;
    like $out, qr/usage/;
    unlike $out, qr/Traceback/;
}

like `$tool --url http://x --templates /tmp --token-file /dev/null 2>&1`,
     qr/there is no token/;



=== TEST 2: a program gets the job, and its output is the log
--- scenario
my $dir = temp_dir();
my $p = provisioner(start => <<"EOC");
cat >$dir/job
env >$dir/env
pwd >$dir/pwd
echo "making \$WORKSPACE_NAME"
echo careful >&2
printf 'no end of line'
cat >"\$WORKSPACE_OUTPUT" <<EOJ
{"resources": [{"name": "vm", "type": "machine",
                "agents": [{"name": "main"}]}],
 "state": "s1"}
EOJ
EOC

my $w = create();
my $b = becomes($w, 'running');

ok $b, 'running';
is $b->{resources}[0]{agents}[0]{name}, 'main';

my $job = WorkspaceTest::Http::decode(slurp("$dir/job"));

is $job->{workspace}{id}, $w->{id};
is $job->{transition}, 'start';
ok !exists $job->{lease}, 'the lease is not for the program';

my %env = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () }
          split /\n/, slurp("$dir/env");

is $env{WORKSPACE_ID}, $w->{id};
is $env{WORKSPACE_OWNER_NAME}, 'alice';
is $env{WORKSPACE_TEMPLATE_NAME}, 'docker';
is $env{WORKSPACE_BUILD_NUMBER}, 1;
is $env{WORKSPACE_AGENT_TOKEN}, $job->{agent_token};
is $env{WORKSPACE_URL}, 'http://127.0.0.1:' . v('port') . '/api/v2';
ok !grep({ /PROVISIONER/ } keys %env), 'its token is not for the program';
like slurp("$dir/pwd"), qr{/docker$};

my @lines = lines($b);

is_deeply [sort map { "$_->{log_level} $_->{stage} $_->{output}" } @lines],
          ["info start making $w->{name}", 'info start no end of line',
           'warn start careful'];
ok !-e $env{WORKSPACE_OUTPUT}, 'cleaned up';

$p->signal('TERM');
is $p->ended, 0, 'ends when it is told to';
is wsctl('check'), '', 'all invariants hold';
v('w.id', $w->{id});



=== TEST 3: the next program gets the state; a version may have its own
--- scenario
my $dir = temp_dir();
my $templates = temp_dir();

mkdir "$templates/docker";
mkdir "$templates/docker/v1";
program("$templates/docker/stop", "exit 9\n");
program("$templates/docker/v1/stop", <<"EOC");
printf '%s' "\$WORKSPACE_STATE" >$dir/state
echo '{"state": {"n": 2}}' >"\$WORKSPACE_OUTPUT"
EOC

my $p = provisioner(templates => $templates);
my $w = { id => v('w.id') };

build($w, 'stop');
ok becomes($w, 'stopped'), 'that of the version';
is slurp("$dir/state"), 's1';

build($w, 'stop');
ok wait_for { latest($w)->{build_number} == 3
              && latest($w)->{status} eq 'stopped' } 10;
is slurp("$dir/state"), '{"n": 2}', 'a state may be any JSON';

build($w, 'delete');
my $b = becomes($w, 'failed');
like $b->{job}{error}, qr/no program "delete"/;
$p->signal('TERM');
$p->ended;



=== TEST 4: a program that fails, and one whose output is of no use
--- scenario
my $p = provisioner(
    start  => 'echo "no disk" >&2; exit 3',
    stop   => 'echo "{" >"$WORKSPACE_OUTPUT"',
    delete => 'echo \'{"resources": [{"name": 1}]}\' >"$WORKSPACE_OUTPUT"');

my $w = create();
my $b = becomes($w, 'failed');

is $b->{job}{error}, 'start: exit status 3: no disk';

build($w, 'stop');
ok wait_for { latest($w)->{build_number} == 2
              && latest($w)->{status} eq 'failed' } 10;
like latest($w)->{job}{error}, qr/^stop: the output is of no use/;

build($w, 'delete');
ok wait_for { latest($w)->{build_number} == 3
              && latest($w)->{status} eq 'failed' } 10;
like latest($w)->{job}{error}, qr/^resources were refused/;
$p->signal('TERM');
$p->ended;



=== TEST 5: a long log comes in order, while the program runs
--- scenario
my $dir = temp_dir();
my $p = provisioner(start => <<"EOC");
i=0; while [ \$i -lt 1500 ]; do echo "line \$i"; i=\$((i + 1)); done
until [ -e $dir/go ]; do sleep 0.05; done
echo end
EOC

my $w = create();
my $b = becomes($w, 'starting');

ok +(wait_for { lines($b) == 1500 } 15), 'it is there before the end';

my @lines = map { $_->{output} } lines($b);

is_deeply \@lines, [map { "line $_" } 0 .. 1499];

open my $go, '>', "$dir/go";
ok becomes($w, 'running');
is((lines($b))[-1]{output}, 'end');
$p->signal('TERM');
$p->ended;



=== TEST 6: a cancel ends the program and all that it has started
--- scenario
my $dir = temp_dir();
my $p = provisioner(options => [qw(--grace 1)], start => <<"EOC");
trap 'echo "stopping" >&2' TERM
sh -c 'trap "" TERM; echo \$\$ >$dir/child; while :; do sleep 1; done' &
while :; do sleep 1; done
EOC

my $w = create();

becomes($w, 'starting');
ok wait_for { -s "$dir/child" };
chomp(my $child = slurp("$dir/child"));
ok alive($child);

is http(PATCH => '/api/v2/workspacebuilds/' . latest($w)->{id} . '/cancel',
        { as => 'admin', no_validate => 1 })->status, 200;

ok becomes($w, 'canceled', 20), 'confirmed';
ok +(wait_for { !alive($child) } 5), 'nothing is left of it';
$p->signal('TERM');
$p->ended;



=== TEST 7: SIGTERM: what runs is finished, nothing new is begun
--- scenario
my $dir = temp_dir();
my $p = provisioner(start => <<"EOC");
touch $dir/begun
until [ -e $dir/go ]; do sleep 0.05; done
EOC

my $w = create();

ok wait_for { -e "$dir/begun" };
$p->signal('TERM');
ok wait_for { $p->log =~ /stopping/ };

my $other = create();

open my $go, '>', "$dir/go";

ok becomes($w, 'running'), 'finished';
is $p->ended(10), 0;
is latest($other)->{status}, 'pending', 'not begun';

# and a second one ends it at once

unlink "$dir/go", "$dir/begun";
$p = provisioner(start => <<"EOC");
touch $dir/begun
until [ -e $dir/go ]; do sleep 0.05; done
EOC

ok wait_for { -e "$dir/begun" } 10;
$p->signal('TERM');
ok wait_for { $p->log =~ /stopping when/ };
$p->signal('TERM');
is $p->ended(10), 0;

my $b = becomes($other, 'failed');

like $b->{job}{error}, qr/was stopped/;



=== TEST 8: kill -9: the program ends with it, the build fails, no harm done
--- scenario
my $dir = temp_dir();
my $p = provisioner(start => <<"EOC");
echo \$\$ >$dir/pid
while :; do sleep 1; done
EOC

my $w = create();

ok wait_for { -s "$dir/pid" } 10;
chomp(my $pid = slurp("$dir/pid"));
$p->signal('KILL');
$p->ended;

ok +(wait_for { !alive($pid) } 5), 'the program is gone';

# not to wait for half a minute

redis_cmd('HSET', key('w', $w->{id}), 'e', now_ms() - 1);
redis_cmd('ZADD', shard_key('due', $w->{id}), now_ms(), "lease $w->{id}");

my $b = becomes($w, 'failed');

like $b->{job}{error}, qr/silent/;
is wsctl('check'), '', 'all invariants hold';



=== TEST 9: a lease that was lost ends the program
--- scenario
my $dir = temp_dir();
my $p = provisioner(start => <<"EOC");
echo \$\$ >$dir/pid
while :; do sleep 1; echo still here; done
EOC

my $w = create();

ok wait_for { -s "$dir/pid" } 10;
chomp(my $pid = slurp("$dir/pid"));

wsctl(qw(job finish), latest($w)->{job}{id});
is latest($w)->{status}, 'running', 'by hand';
ok +(wait_for { !alive($pid) } 15), 'it was told';
like $p->log, qr/is lost/;
is latest($w)->{status}, 'running', 'its word does not count';
$p->signal('TERM');
is $p->ended, 0;



=== TEST 10: nginx and Redis away: it waits, and goes on
--- scenario
my $dir = temp_dir();
my $p = provisioner(options => [qw(--concurrency 2)], start => <<"EOC");
touch $dir/begun
until [ -e $dir/go ]; do sleep 0.05; done
EOC

my $w = create();

ok wait_for { -e "$dir/begun" } 10;

redis_kill9();
open my $go, '>', "$dir/go";

my $log = "$ENV{TEST_NGINX_SERVROOT}/logs/access.log";

ok +(wait_for { slurp($log) =~ m{/complete HTTP/1\.1" 503 } } 10),
   'nobody hears that it is complete';
redis_start();

ok becomes($w, 'running', 20), 'completed all the same';

my $other;

ok wait_for { $other = eval { create() } } 5;
ok becomes($other, 'running', 20), 'and the next one';
$p->signal('TERM');
is $p->ended(10), 0;
is wsctl('check'), '', 'all invariants hold';



=== TEST 11: several at a time
--- scenario
my $dir = temp_dir();
my $p = provisioner(options => [qw(--concurrency 3)], start => <<"EOC");
mkdir $dir/\$WORKSPACE_ID
until [ -e $dir/go ]; do sleep 0.05; done
EOC

my @w = map { create() } 1 .. 4;

ok +(wait_for { (() = glob "$dir/*-*") == 3 } 10), 'three';
is scalar(grep { latest($_)->{status} eq 'pending' } @w), 1;

open my $go, '>', "$dir/go";
ok becomes($_, 'running') for @w;
$p->signal('TERM');
$p->ended;



=== TEST 12: the example template: a shell on a page, that is used and goes
--- scenario
v('shell.id', wsctl(qw(template create --org acme shell)));
wsctl(qw(version create --template shell v1 --promote));

my $p = provisioner(templates => v('top') . '/tools/provisioner/templates');
my $w = create(template_id => v('shell.id'));
my $b = becomes($w, 'running');

ok $b, 'running' or diag $p->log, map { "$_->{output}\n" } lines(latest($w));

my $dir = v('work') . "/workspaces/$w->{id}";
my $url = $b->{resources}[0]{agents}[0]{apps}[0]{url};
my ($port, $path) = $url =~ m{^http://127\.0\.0\.1:(\d+)(/.+/)$};

sub page {
    my ($method, $at, $body) = @_;

    my ($r) = WorkspaceTest::Http::run_all({
        port => $port, method => $method, path => $at, body => $body,
    });

    return $r;
}

is page('GET', $path)->status, 200;
is page('GET', '/')->status, 404, 'not for those who do not know the path';
is page('POST', '/x/', 'command=id')->status, 404;
like page('POST', $path, 'command=echo+%24%28%28+6+*+7+%29%29;touch+kept')
     ->body, qr/^<pre>42$/m, 'a shell';
ok -e "$dir/home/kept";

chomp(my $pid = slurp("$dir/pid"));
ok alive($pid);

my $agent;

ok +(wait_for {
    $agent = latest($w)->{resources}[0]{agents}[0];
    $agent->{status} eq 'connected' && $agent->{lifecycle_state} eq 'ready'
        && $agent->{apps}[0]{health} eq 'healthy';
} 10), 'its agent reports' or diag WorkspaceTest::Http::encode($agent),
                                   slurp("$dir/log");
is $agent->{version}, 'workspace-agent/1';

build($w, 'stop');
ok becomes($w, 'stopped');
ok !alive($pid), 'its process has ended';
is page('GET', $path)->status, 0;
ok -e "$dir/home/kept", 'its home is kept';

build($w, 'start');
$b = becomes($w, 'running');
ok $b;
isnt $b->{resources}[0]{agents}[0]{apps}[0]{url}, $url;
chomp($pid = slurp("$dir/pid"));

build($w, 'delete');
ok becomes($w, 'deleted');
ok !alive($pid);
ok !-e $dir, 'nothing is left';

$p->signal('TERM');
is $p->ended, 0;
is wsctl('check'), '', 'all invariants hold';



=== TEST 13: lines as long as they may be, many at once, reach the log
--- location
client_max_body_size 1m;
--- scenario
my $p = provisioner(start => <<'EOC');
awk 'BEGIN { l = sprintf("%4000s", ""); gsub(/ /, "x", l);
             for (i = 0; i < 1000; i++) print i " " l }'
EOC

my $w = create();

ok becomes($w, 'running', 45) or diag $p->log;
is scalar(lines(latest($w))), 1000;
$p->signal('KILL');



=== TEST 14: no room for a job's directory: the build fails, the slot goes on
--- scenario
my $tmp = temp_dir() . '/tmp';

mkdir $tmp;

my $p = do {
    local $ENV{TMPDIR} = $tmp;
    provisioner(start => "true\n", options => ['--concurrency', 2]);
};

my $w = create();

ok becomes($w, 'running');

rmdir $tmp or die "$tmp: $!";
$w = create();

ok becomes($w, 'failed', 40) or diag latest($w)->{status}, $p->log;
like latest($w)->{job}{error}, qr/No such file/;

mkdir $tmp;
$w = create();

ok becomes($w, 'running');
$p->signal('KILL');



=== TEST 15: a result in any script is no longer than it was written
--- location
client_max_body_size 1m;
--- scenario
my $p = provisioner(start => <<'EOC');
python3 - >"$WORKSPACE_OUTPUT" <<'EOP'
import json, sys
sys.stdout.buffer.write(json.dumps({"resources": [
    {"name": "vm", "type": "m", "metadata": [
        {"key": "k%d" % i, "value": "\u00e9" * 30000} for i in range(8)]}
]}, ensure_ascii=False).encode())
EOP
EOC

my $w = create();

ok becomes($w, 'running', 40) or diag latest($w)->{job}{error}, $p->log;
$p->signal('KILL');



=== TEST 16: a state that the environment cannot carry
--- scenario
my $p = provisioner(start => <<'EOC', stop => "true\n");
python3 - >"$WORKSPACE_OUTPUT" <<'EOP'
import json, sys
sys.stdout.buffer.write(json.dumps({"state": "\u20ac" * 60000},
                                   ensure_ascii=False).encode())
EOP
EOC

my $w = create();

ok becomes($w, 'running', 40) or diag latest($w)->{job}{error}, $p->log;
build($w, 'stop');
ok becomes($w, 'stopped') or diag latest($w)->{job}{error};
$p->signal('KILL');



=== TEST 17: apps: one asks for a login, one hangs, one goes away again
--- scenario
my $said = `python3 - ${\ v('top')}/tools/agent/workspace-agent <<'EOP'
import importlib.machinery, importlib.util, http.server, socket, sys
import threading, time

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('agent', sys.argv[1])
agent = importlib.util.module_from_spec(
    importlib.util.spec_from_loader('agent', loader))
loader.exec_module(agent)

class Login(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.end_headers()

    def log_message(self, *args):
        pass

server = http.server.HTTPServer(('127.0.0.1', 0), Login)
threading.Thread(target=server.serve_forever, daemon=True).start()
silent = socket.create_server(('127.0.0.1', 0))

class Options:
    url, token, agent = 'http://127.0.0.1:1', 't', 'main'
    activity = command = None
    app = ['login=http://127.0.0.1:%d/' % server.server_port,
           'silent=http://127.0.0.1:%d/' % silent.getsockname()[1]]

a = agent.Agent(Options)
posts = []
a.api.post = lambda what, **fields: (posts.append((what, fields))
                                     or {'interval_ms': 1000})

def tell(text):
    print(text, flush=True)

def until(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()

def said(slug):
    return [f['apps'][slug] for what, f in list(posts)
            if slug in f.get('apps', {})]

def beats():
    return len([1 for what, f in list(posts) if what == 'heartbeat'])

threading.Thread(target=a.run, daemon=True).start()

tell(until(lambda: 'healthy' in said('login')))
server.shutdown()
server.server_close()
tell(until(lambda: 'unhealthy' in said('login')))
n = beats()
tell(until(lambda: beats() >= n + 3))
tell(said('login')[-2:])
tell(said('silent'))
EOP`;

is $said, join '', map { "$_\n" } ('True') x 3,
    "['healthy', 'unhealthy']", "['initializing']";



=== TEST 18: Redis has lost lines of a log: the job goes on
--- scenario
my $dir = temp_dir();
my $p = provisioner(start => <<"EOC");
echo first
until [ -e $dir/go ]; do sleep 0.05; done
echo second
EOC

my $w = create();
my $b = becomes($w, 'starting');

ok +(wait_for { lines($b) == 1 } 15);

redis_cmd('DEL', key('logs', $b->{id}));
redis_cmd('HDEL', key('job', $b->{job}{id}), 'n');

open my $go, '>', "$dir/go";
ok becomes($w, 'running') or diag $p->log;
is_deeply [ map { $_->{output} } lines($b) ], ['second'];
$p->signal('KILL');
