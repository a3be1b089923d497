
# make run: demo data, signals, and what an earlier run left behind.

use lib 't/lib';
use JSON::XS ();
use POSIX ();
use Test::More;

# stock nginx with a sanitized module needs more than tools/run does; said
# before the scenarios below make a plan

BEGIN {
    plan skip_all => 'with sanitizers' if $ENV{WORKSPACE_SANITIZED};
}

use WorkspaceTest;


my (@dirs, $owner);

# a test that fails must not leave servers behind

END {
    if (defined $owner && $owner == $$) {
        my $status = $?;

        kill 'TERM', servers($_) for @dirs;
        $? = $status;
    }
}


# the nginx and the Redis that run in a directory

sub servers {
    my ($dir) = @_;

    return split ' ', `pgrep -f '^(nginx|redis|python3) ?.*$dir/'`;
}


# starts it; a hash with its pid and where it writes

sub begin {
    my ($dir, $port) = @_;

    push @dirs, $dir;
    $owner = $$;

    unlink "$dir.out", "$dir.err";

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        @ENV{qw(RUN_DIR PORT)} = ($dir, $port);
        delete @ENV{qw(LD_PRELOAD MAKEFLAGS MFLAGS MAKELEVEL)};
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);

        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir.out" or POSIX::_exit(127);
        open STDERR, '>', "$dir.err" or POSIX::_exit(127);
        exec v('top') . '/tools/run' or POSIX::_exit(127);
    }

    return { pid => $pid, dir => $dir };
}


sub text {
    my ($name) = @_;

    open my $in, '<', $name or return '';
    local $/;
    return scalar <$in>;
}


# its exit status, or undef when it does not end

sub ended {
    my ($run, $seconds) = @_;

    wait_for {
        waitpid($run->{pid}, POSIX::WNOHANG()) == $run->{pid}
    } $seconds or return;

    return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
}


# waits until it is up (it may have to build first); demo.env as a hash

sub up {
    my ($run) = @_;

    ok wait_for {
        text("$run->{dir}.out") =~ /Ctrl-C stops/
            || !kill(0, $run->{pid})
    } 300;

    my %env = map { split /=/, $_, 2 } split /\n/,
              text("$run->{dir}/demo.env");

    is join(' ', sort keys %env),
       'ADMIN_TOKEN MEMBER_TOKEN ORGANIZATION_ID OTHER_MEMBER_TOKEN '
       . 'TEMPLATE_ID WORKSPACE_REDIS WORKSPACE_URL', 'demo.env'
        or diag text("$run->{dir}.err");

    return \%env;
}


sub status {
    my ($env, $token, $path) = @_;

    return `curl -s -o /dev/null -w '%{http_code}' \\
            -H 'Coder-Session-Token: $env->{$token}' \\
            $env->{WORKSPACE_URL}/api/v2/$path`;
}


# nothing that it started still runs

sub nothing_left {
    my ($run) = @_;

    my $gone = wait_for { !servers($run->{dir}) } 5;

    ok $gone, 'nothing is left';
}


run_tests();

__DATA__

=== TEST 1: the first start, the next one, and those in their way
--- timeout: 400
--- scenario
my ($dir, $port) = (temp_dir() . '/r', free_port());
my $run = begin($dir, $port);
my $env = up($run);

is $env->{WORKSPACE_URL}, "http://127.0.0.1:$port";
is sprintf('%o', (stat "$dir/demo.env")[2] & 07777), '600', 'nobody else reads it';

# the three lines, pasted

my @curl = grep { /^curl / } split /\n/, text("$dir.out");
is scalar @curl, 3;

my ($made, $got, $list) = map { JSON::XS->new->decode(scalar `$_`) } @curl;
is $made->{latest_build}{status}, 'pending';
is $got->{id}, $made->{id};
is $list->{count}, 1;

# it is started, and is used

my $build;

ok +(wait_for {
    $build = JSON::XS->new->decode(scalar `$curl[1]`)->{latest_build};
    $build->{status} eq 'running';
} 20), 'it runs' or diag text("$dir/provisioner.log");

my $page = $build->{resources}[0]{agents}[0]{apps}[0]{url};

like `curl -s '$page' -d 'command=echo \$((6*7))'`, qr/^<pre>42$/m, 'its page';

my $w = "workspaces/$made->{id}";
is status($env, 'MEMBER_TOKEN', $w), '200', 'the member';
is status($env, 'OTHER_MEMBER_TOKEN', $w), '404', 'another one';
is status($env, 'ADMIN_TOKEN', $w), '200', 'the owner of the site';

# a second one in the way of the first

my $same_dir = begin($dir, free_port());
is ended($same_dir, 300), 1, 'the same RUN_DIR';
like text("$dir.err"), qr/another one runs in/;

my $same_port = begin("$dir-b", $port);
is ended($same_port, 300), 1, 'the same PORT';
like text("$dir-b.err"), qr/port $port is in use/;

# and one beside it

my $other = begin("$dir-c", free_port());
my $other_env = up($other);
is status($other_env, 'ADMIN_TOKEN', $w), '404', 'data of its own';
kill TERM => $other->{pid};
is ended($other, 20), 0, 'SIGTERM';
nothing_left($other);

# Ctrl-C, and on

kill INT => $run->{pid};
is ended($run, 20), 0, 'SIGINT';
nothing_left($run);

$run = begin($dir, $port);
is_deeply up($run), $env, 'the same tokens';
is status($env, 'MEMBER_TOKEN', $w), '200', 'nothing is lost';
is wsctl('check', '--redis', $env->{WORKSPACE_REDIS}), '';

# killed: what it leaves behind is stopped by the next one

kill KILL => $run->{pid};
is ended($run, 5), 'signal 9';

$run = begin($dir, $port);
is_deeply up($run), $env;
like text("$dir.err"), qr/stopping what is left/;
is status($env, 'MEMBER_TOKEN', $w), '200', 'nothing is lost';

kill TERM => $run->{pid};
is ended($run, 20), 0;
nothing_left($run);



=== TEST 2: a first start that was interrupted
--- scenario
my ($dir, $port) = (temp_dir() . '/r', free_port());

# after each of the things that it makes

for my $key (qw(orgs template-name:shell users)) {
    my $run = begin($dir, $port);

    my $made = wait_for {
        `redis-cli -s $dir/redis.sock exists 'ws:{dir}:$key' 2>/dev/null` =~ /1/
    } 300;

    ok $made, $key;

    kill TERM => $run->{pid};
    is ended($run, 20), 0;
    nothing_left($run);
    unlink "$dir/demo.env";
}

my $run = begin($dir, $port);
my $env = up($run);

for my $token (qw(ADMIN_TOKEN MEMBER_TOKEN OTHER_MEMBER_TOKEN)) {
    is status($env, $token, 'workspaces'), '200', $token;
}

my @redis = ('--redis', $env->{WORKSPACE_REDIS});

is wsctl('check', @redis), '';
is join(' ', map { (split /\t/)[1] } split /\n/, wsctl(qw(user list), @redis)),
   'admin alice bob';
is scalar(() = wsctl(qw(token list alice), @redis)), 1, 'no token is left over';
is join(' ', map { (split /\t/)[2] } split /\n/,
             wsctl(qw(template list), @redis)), 'kubernetes shell';

kill TERM => $run->{pid};
is ended($run, 20), 0;
nothing_left($run);
