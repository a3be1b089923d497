package WorkspaceTest;

# What the test files share.  A file is
#
#     use lib 't/lib';
#     use WorkspaceTest;
#     run_tests();
#     __DATA__
#
# and then blocks in Test::Nginx's format.  It runs under the real
# Test::Nginx::Socket when that is installed, and under the small runner in
# t/lib/shim otherwise.  t/README.md shows a block of each kind.
#
# Loading it starts a private redis-server, seeds it with wsctl (see
# WorkspaceTest::Seed for the names) and prepares an nginx with two workers
# on a port of its own, so that files may run side by side.
#
# Values.  {{name}} in any section is replaced by the value of that name just
# before the block runs: {{alice.token}}, {{acme.id}}, {{redis.url}} ...  A
# block makes values for later ones with "--- capture" (or v('name', VALUE) in
# Perl code).  Test::Base would filter all blocks before the first one runs;
# here filters are delayed and run block by block, from a block preprocessor,
# which both runners call right before the block.
#
# Sections beside those of Test::Nginx:
#
#     as          user names: whose token the requests carry ("alice"; for a
#                 list of requests one each, or one for all; "-" for none)
#     location    extra lines in the default "location /api/"
#     json        what the JSON answer holds: lines "path = JSON", see
#                 WorkspaceTest::Check
#     capture     lines "name = path": values for later blocks
#     before      Perl code, run before the block is prepared (Redis is up,
#                 this block's nginx is not yet); wsctl(...) and the like
#     scenario    Perl code, run after the block's request (without one, GET
#                 / is sent); http(...), sse_open(...), start_node(...), ok()
#     no_validate do not compare the answers with the reference
#     api_prefix  where the API is, when not at /api/v2
#     alerts      alerts in the error log are expected in this block
#
# Every answer under the prefix is checked against t/schema/api.json, in
# blocks and in http() alike.

use strict;
use warnings;

use Cwd ();
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep time);

use WorkspaceTest::Block;
use WorkspaceTest::Http;
use WorkspaceTest::Node;
use WorkspaceTest::Patience;
use WorkspaceTest::Redis;
use WorkspaceTest::Schema;
use WorkspaceTest::Seed;
use WorkspaceTest::Sse;

our @EXPORT = qw(
    v default_config free_port temp_dir wait_for now_ms uuid
    wsctl wsctl_run
    shards tag key shard_key shard_keys members
    use_redis redis redis_cmd redis_start redis_kill9 redis_stop redis_cont
    node start_node preload nginx_test
    http http_all sse_open
);

my ($Top, $Work, $Owner, $Redis, $Use, %Values, %Nodes);


# END blocks run in reverse: this one, compiled before Test::Nginx is loaded,
# runs after Test::Nginx has ended its nginx

END { end() if defined $Owner && $Owner == $$ }


sub end {
    my $status = $?;

    for my $node (values %Nodes) {
        my $name = $node->name;

        # a test that was cut short has said why

        if ($node->{owned} && $status == 0 && !$node->quit(10)) {
            Test::More::fail("node $name quits gracefully");
        }

        $node->kill9 if $node->{owned};

        my $log = $node->{expect_alerts} ? '' : $node->alerts;

        if ($log ne '' && $status == 0) {
            Test::More::fail("no alert in the error log of node $name");
            Test::More::diag($log);
        }
    }

    $Redis->end('KILL') if $Redis;

    if ($ENV{WORKSPACE_KEEP}) {
        warn "# kept: $Work\n";

    } else {
        File::Path::remove_tree($Work);
    }

    $? = $status;
}


sub import {
    my ($class, %options) = @_;

    my $main = caller;

    prepare();

    eval <<"EOC" or die $@;
package $main;
use Test::Nginx::Socket 'no_plan';
1;
EOC

    no strict 'refs';

    *{"${main}::$_"} = \&{$_} for @EXPORT;

    $main->can($_)->() for qw(no_shuffle no_long_string filters_delay);
    $main->can('master_on')->();
    $main->can('workers')->(2);
    $main->can('worker_connections')->(1024);
    $main->can('log_level')->($ENV{TEST_NGINX_LOG_LEVEL} || 'info');
    $main->can('timeout')->(10 * WorkspaceTest::Patience::FACTOR);
    $main->can('env_to_nginx')->('UBSAN_OPTIONS', 'LSAN_OPTIONS');
    $main->can('add_block_preprocessor')->(
        \&WorkspaceTest::Block::prepare
    );
    $main->can('add_response_body_check')->(
        \&WorkspaceTest::Block::check
    );

    WorkspaceTest::Block::watch_responses();

    WorkspaceTest::Seed::plant($options{seed}) if $options{redis} // 1;
}


# the places and ports of this process, before any runner reads them

sub prepare {
    my $file = __FILE__;

    ($Top) = Cwd::abs_path($file) =~ m{^(.*)/t/lib/WorkspaceTest\.pm$};

    $Owner = $$;
    $Work = File::Temp::tempdir('workspace-test-XXXXXXXX', TMPDIR => 1);
    chmod 0755, $Work;

    $SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

    # no file takes longer than this, whatever hangs

    $SIG{ALRM} = sub { die "the file takes too long\n" };
    alarm($ENV{WORKSPACE_FILE_SECONDS}
          || 600 * WorkspaceTest::Patience::FACTOR);

    # nginx would take this for sockets that it inherits

    delete $ENV{NGINX};

    my $port = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT};

    $ENV{TEST_NGINX_SERVER_PORT} = $port || free_port();
    $ENV{TEST_NGINX_PORT} = $ENV{TEST_NGINX_SERVER_PORT};
    $ENV{TEST_NGINX_SERVROOT} ||= "$Work/servroot";
    $ENV{TEST_NGINX_LOAD_MODULES} ||= module();
    $ENV{PATH} .= ':/usr/sbin:/sbin';

    WorkspaceTest::Schema::load("$Top/t/schema/api.json");

    # the real one is preferred wherever it is installed

    if (!eval { local $SIG{__DIE__}; require Test::Nginx::Socket; 1 }) {
        die $@ if $@ !~ m{^Can't locate Test/Nginx/Socket\.pm };
        push @INC, "$Top/t/lib/shim";
    }

    mkdir "$Work/nodes";

    $Redis = WorkspaceTest::Redis->new(dir  => "$Work/redis",
                                       port => free_port());

    v('redis.url', $Redis->url);
    v('redis.port', $Redis->port);
    v('redis.unix', $Redis->unix);
    v('port', $ENV{TEST_NGINX_SERVER_PORT});
    v('module', module());
    v('top', $Top);
    v('work', $Work);
}


sub module {
    return $ENV{WORKSPACE_MODULE}
           || "$Top/build/ngx_http_workspace_module.so";
}


# v('name') is the value of that name, v('name', VALUE) sets it

sub v {
    my ($name, @value) = @_;

    $Values{$name} = $value[0] if @value;

    die "there is no value named \"$name\"\n" if !exists $Values{$name};

    return $Values{$name};
}


# a TCP port of 127.0.0.1 that nothing listens on, below the range that the
# kernel gives to clients

my %ports_given;

sub free_port {
    for (1 .. 200) {
        my $port = 10000 + int rand 22000;

        next if $ports_given{$port}++;

        my $sock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1',
            LocalPort => $port,
            Listen    => 1,
            ReuseAddr => 1,
        ) or next;

        close $sock;
        return $port;
    }

    die "no free port";
}


# a new directory that goes away with the test

my $dirs = 0;

sub temp_dir {
    my $dir = "$Work/tmp" . ++$dirs;

    mkdir $dir or die "$dir: $!";
    return $dir;
}


# Calls the code until it returns something true, every 10 ms; returns that,
# or undef when it did not within the seconds.

sub wait_for (&;$) {
    my ($code, $seconds) = @_;

    my $deadline = time + ($seconds // 5) * WorkspaceTest::Patience::FACTOR;

    for ( ;; ) {
        my $value = $code->();
        return $value if $value;
        return if time >= $deadline;
        sleep 0.01;
    }
}


sub now_ms { int(time * 1000) }


# a UUID that nothing has

sub uuid {
    return sprintf '%08x-%04x-4%03x-8%03x-%06x%06x', rand 2**32, rand 2**16,
                   rand 2**12, rand 2**12, rand 2**24, rand 2**24;
}


# Runs wsctl: wsctl(qw(user create dave)).  Returns its output without the
# last newline; dies when it fails.  wsctl_run returns (status, stdout,
# stderr) whatever happens.

sub wsctl {
    my (@args) = @_;

    my ($status, $out, $err) = wsctl_run(@args);

    die "wsctl @args: exit status $status: $err\n" if $status != 0;

    chomp $out;
    return $out;
}


sub wsctl_run {
    my (@args) = @_;

    my $wsctl = $ENV{WSCTL} || "$Top/build/wsctl";
    my $errors = "$Work/wsctl.err";
    my $pid = open my $pipe, '-|';

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        $ENV{WORKSPACE_REDIS} //= $Redis->url;
        open STDIN, '<', '/dev/null';
        open STDERR, '>', $errors;
        exec $wsctl, @args or POSIX::_exit(127);
    }

    my $out = do { local $/; <$pipe> } // '';
    close $pipe;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;

    open my $in, '<', $errors or die $!;
    my $err = do { local $/; <$in> } // '';

    return ($status, $out, $err);
}


# Where things are in Redis.  What belongs to workspaces is in shards, of
# which there is one unless WORKSPACE_SHARDS says otherwise, and an id tells
# its shard by its first 10 bits.

sub shards { $ENV{WORKSPACE_SHARDS} || 1 }

sub tag {
    my ($id, $shards) = @_;

    return '{' . (hex(substr $id, 0, 4) >> 6) % ($shards || shards()) . '}';
}


# key('w', ID) is the key of one thing, shard_key('due', ID) one that is there
# once for each shard, and shard_keys('due') all of these

sub key { shard_key("$_[0]:$_[1]", $_[1]) }
sub shard_key { 'ws:' . tag($_[1]) . ":$_[0]" }
sub shard_keys { my ($name) = @_; map { "ws:{$_}:$name" } 0 .. shards() - 1 }


# how many the sorted sets of a name have, those of all shards

sub members {
    my ($name) = @_;

    my $n = 0;

    $n += redis_cmd('ZCARD', $_) for shard_keys($name);

    return $n;
}


# the lines that nginx gets in "http" instead of the URL of this Redis

sub use_redis { $Use = $_[0] }


sub redis { $Redis }
sub redis_cmd { $Redis->cmd(@_) }
sub redis_start { $Redis->start }
sub redis_kill9 { $Redis->kill9 }
sub redis_stop { $Redis->stop }
sub redis_cont { $Redis->cont }


# The default configuration in three parts, for nodes and blocks alike.
# $given: { http_config, config, location }.

sub default_config {
    my ($given) = @_;

    my $http = $given->{http_config} // '';
    my $config = $given->{config};
    my $location = $given->{location} // '';

    if (!defined $config) {
        $location =~ s/^/        /mg;
        $config = "    location /api/ {\n        workspace_api;\n$location\n"
                  . "    }\n";
    }

    if ("$http\n$config" !~ /^\s*workspace_redis\b/m) {
        $http = ($Use // '    workspace_redis ' . $Redis->url . ";\n")
                . $http;
    }

    if (shards() > 1 && "$http\n$config" !~ /\bworkspace_shards\b/) {
        $http .= '    workspace_shards ' . shards() . ";\n";
    }

    return (http_config => $http, config => $config);
}


# The nginx of the blocks: node('main'), or one that start_node made.

sub node {
    my ($name) = @_;

    $name //= 'main';

    if ($name eq 'main') {
        $Nodes{main} ||= WorkspaceTest::Node->attach(
            name => 'main',
            port => $ENV{TEST_NGINX_SERVER_PORT},
            dir  => $ENV{TEST_NGINX_SERVROOT},
        );
    }

    return $Nodes{$name} || die "no node named $name";
}


# Starts an nginx of its own on the same Redis: start_node(name => 'b',
# workers => 2, config => ..., http_config => ..., location => ...).  A node
# of that name that was there is killed.  At the end of the file every node
# has to quit gracefully and without an alert in its error log, unless it was
# given expect_alerts => 1.

sub start_node {
    my (%args) = @_;

    my $name = $args{name} || 'b';

    $Nodes{$name}->kill9 if $Nodes{$name};

    return $Nodes{$name} = WorkspaceTest::Node->new(
        node_args($name, free_port(), \%args)
    );
}


sub node_args {
    my ($name, $port, $args) = @_;

    return (
        name        => $name,
        dir         => "$Work/nodes/$name",
        port        => $port,
        module      => module(),
        main_config => '',
        %$args,
        default_config($args),
    );
}


# Builds t/lib/NAME.c; returns what LD_PRELOAD has to be for nginx to use it

sub preload {
    my ($name) = @_;

    my $lib = temp_dir() . "/$name.so";
    my $cc = $ENV{CC} || 'cc';

    my $source = v('top') . "/t/lib/$name.c";

    system("$cc -shared -fPIC -o $lib $source -ldl") == 0
        or die "$name.c does not compile";

    return join ' ', grep { $_ } $lib, $ENV{LD_PRELOAD};
}


# nginx -t over a configuration in the same three parts: (status, output)

sub nginx_test {
    my (%args) = @_;

    my $dir = temp_dir();
    my $node = bless {
        workers   => 1,
        log_level => 'info',
        node_args('test', free_port(), \%args),
        dir       => $dir,
        pid_file  => "$dir/logs/nginx.pid",
        error_log => "$dir/logs/error.log",
    }, 'WorkspaceTest::Node';

    mkdir "$dir/$_" for qw(logs conf);

    return $node->test_conf;
}


# One request: http('POST', '/api/v2/...', { as => 'alice', body => {...} }).
# A node (object or name) may stand first; the default is the blocks' nginx.
# Options: as (a user name), headers (hash or list of pairs), body (bytes, or
# a hash to be sent as JSON), timeout (10), raw (the bytes of the request),
# validate (1), prefix.  Returns a WorkspaceTest::Response: status, header,
# body, json, error.

sub http {
    my ($response) = http_all([ @_ ]);

    return $response;
}


# many at once: http_all([ METHOD, PATH, OPTIONS ], ...); the answers in order

sub http_all {
    my (@calls) = @_;

    my @requests = map { http_request(@$_) } @calls;
    my @responses = WorkspaceTest::Http::run_all(@requests);

    for my $i (0 .. $#requests) {
        my $request = $requests[$i];
        validate($request, $responses[$i]) if $request->{validate};
    }

    return @responses;
}


sub http_request {
    my (@args) = @_;

    my $node = node();

    if (ref $args[0]) {
        $node = shift @args;

    } elsif ($Nodes{ $args[0] }) {
        $node = node(shift @args);
    }

    my ($method, $path, $options) = @args;
    my %o = (validate => 1, prefix => '/api/v2', %{ $options || {} });
    my @headers = ref $o{headers} eq 'ARRAY' ? map { @$_ } @{ $o{headers} }
                                             : %{ $o{headers} || {} };

    push @headers, 'Coder-Session-Token', v("$o{as}.token")
        if defined $o{as};

    if (ref $o{body}) {
        $o{body} = WorkspaceTest::Http::encode($o{body});
        push @headers, 'Content-Type', 'application/json';
    }

    my @pairs;

    while (my ($name, $value) = splice @headers, 0, 2) {
        push @pairs, [$name, $value];
    }

    return {
        %o,
        port    => $node->port,
        method  => $method,
        path    => $path,
        headers => \@pairs,
    };
}


# A stream: sse_open('/api/v2/workspaces/ID/watch', { as => 'alice' }), with
# a node before it as for http.  See WorkspaceTest::Sse for what it can do.
# Its data and error events are validated as they are taken.

sub sse_open {
    my (@args) = @_;

    my @node = ref $args[0] || $Nodes{ $args[0] } ? shift @args : ();
    my ($path, $options) = @args;
    my $request = http_request(@node, 'GET', $path, $options);
    my $stream = WorkspaceTest::Sse->open(%$request);

    if ($request->{validate}) {
        my $type = WorkspaceTest::Schema::event_type_of(
            $path, $request->{prefix}
        );
        $stream->{check} = sub { validate_event($path, $type, @_) };
        validate($request, $stream->response) if $stream->status;
    }

    return $stream;
}


sub validate_event {
    my ($path, $data, $event) = @_;

    my %type = (data => $data, error => 'Error');
    my $type = $type{ $event->{event} } or return;
    my @wrong = WorkspaceTest::Schema::check_json($type, $event->{data});

    complain("$event->{event} event of $path", \@wrong) if @wrong;
}


# silent when all is well: a failed test otherwise

sub validate {
    my ($request, $response) = @_;

    my @wrong = WorkspaceTest::Schema::check($request, $response);

    return 1 if !@wrong;

    complain("$request->{method} $request->{path}: $response->{status}",
             \@wrong);

    return 0;
}


sub complain {
    my ($what, $wrong) = @_;

    Test::More::fail("as the reference says - $what");
    Test::More::diag(join "\n", map { "    $_" } @$wrong);
}


1;
