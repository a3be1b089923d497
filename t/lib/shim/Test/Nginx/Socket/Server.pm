package Test::Nginx::Socket::Server;

# The nginx under test: writes its configuration, starts it when a block wants
# another one than is running, stops it, and reads its logs.

use strict;
use warnings;

use File::Path ();
use File::Spec ();
use Time::HiRes qw(sleep time);

use Test::Nginx::Socket::Check;

our %Settings = (
    root               => $ENV{TEST_NGINX_SERVROOT}
                          || File::Spec->rel2abs('t/servroot'),
    port               => $ENV{TEST_NGINX_SERVER_PORT}
                          || $ENV{TEST_NGINX_PORT} || 1984,
    server_addr        => '127.0.0.1',
    server_name        => 'localhost',
    workers            => 1,
    worker_connections => 64,
    master             => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
    log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    timeout            => $ENV{TEST_NGINX_TIMEOUT} || 3,
    preamble           => '',
    env                => [],
);

$Settings{client_port} = $ENV{TEST_NGINX_CLIENT_PORT} || $Settings{port};

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($running_conf, $running_block, %log_position);


# replaces $TEST_NGINX_NAME by the environment variable of that name

sub expand {
    my ($text) = @_;

    return '' if !defined $text;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        $ENV{$1} // die "no environment variable $1\n";
    }ge;

    return $text;
}


sub conf {
    my ($block) = @_;

    my %part = map { $_ => expand(scalar $block->$_) }
               qw(main_config http_config config post_main_config);

    my $dir = $Settings{root};
    my $temp = join ' ', map { "${_}_temp_path $dir/${_}_temp;" }
               grep { $part{http_config} !~ /\b${_}_temp_path\b/ }
               qw(client_body proxy fastcgi scgi uwsgi);
    my $load = join ' ', map { "load_module $_;" }
               split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $env = join "\n", map { "env $_;" }
              qw(LD_PRELOAD LD_LIBRARY_PATH ASAN_OPTIONS),
              @{ $Settings{env} };
    my $log = $block->error_log_file || "$dir/logs/error.log";
    my $user = $> == 0 ? 'user root;' : '';
    my $root = $Settings{no_root_location} ? '' : <<"EOC";
        location / {
            root $dir/html;
            index index.html index.htm;
        }
EOC

    return <<"EOC";
worker_processes $Settings{workers};
daemon on;
master_process $Settings{master};
error_log $log $Settings{log_level};
pid $dir/logs/nginx.pid;
$env
$user
$load $part{main_config}

http {
    access_log $dir/logs/access.log;
    default_type text/plain;
    keepalive_timeout 68000ms;
    $temp
$part{http_config}
    server {
        listen $Settings{port};
        server_name '$Settings{server_name}';
        client_max_body_size 30M;
$Settings{preamble}
$part{config}
$root
    }
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $Settings{worker_connections};
}
EOC
}


# keeps the running nginx when it has the configuration of this block

sub ensure {
    my ($block) = @_;

    my $files = $block->user_files;
    my $conf = conf($block);

    if (!defined $running_conf || $running_conf ne $conf || defined $files
        || defined $block->shutdown_error_log
        || defined $block->no_shutdown_error_log
        || !running())
    {
        my $status = try_start($block);

        if ($status != 0) {
            my $log = join '', @{ log_lines('error') };
            die $block->name . " - cannot start nginx: $log\n";
        }

        # must not be reused by a block with another view of its logs or files

        $running_conf = defined $files ? undef : $conf;
        $running_block = $block;
    }

    mark_logs();
}


# starts nginx anew; returns its exit status

sub try_start {
    my ($block) = @_;

    stop();

    my $dir = $Settings{root};

    File::Path::remove_tree(map { "$dir/$_" } qw(conf html logs cache));
    File::Path::make_path(map { "$dir/$_" } qw(conf html logs));

    write_file("$dir/html/index.html", '<html><body>It works!</body></html>');
    write_file("$dir/conf/nginx.conf", conf($block));
    write_user_files($block);

    %log_position = ();

    my $stderr = defined $block->suppress_stderr ? '2>/dev/null' : '';
    my $preload = $ENV{TEST_NGINX_LD_PRELOAD};

    local $ENV{LD_PRELOAD} = $preload if defined $preload;

    system "$binary -e $dir/logs/error.log -p $dir/ -c $dir/conf/nginx.conf"
           . " >/dev/null $stderr";

    return $? >> 8 || $?;
}


sub write_file {
    my ($path, $content) = @_;

    $path =~ m{^(.*)/};
    File::Path::make_path($1);

    open my $out, '>', $path or die "$path: $!";
    binmode $out;
    print $out $content;
    close $out;
}


# ">>> NAME" lines, each followed by the content, or a list of [name, content]

sub write_user_files {
    my ($block) = @_;

    my $files = $block->user_files // return;

    if (!ref $files) {
        my (undef, @parts) = split /^>>> (\S+).*\n/m, $files;
        my @list;

        while (my ($name, $content) = splice @parts, 0, 2) {
            push @list, [ $name, $content ];
        }

        $files = \@list;
    }

    for my $file (@$files) {
        my ($name, $content) = @$file;
        my $path = $name =~ m{^/} ? $name : "$Settings{root}/html/$name";
        write_file($path, expand($content));
    }
}


sub master_pid {
    open my $in, '<', "$Settings{root}/logs/nginx.pid" or return;
    my ($pid) = (<$in> // '') =~ /(\d+)/;

    return $pid;
}


sub running {
    my $pid = master_pid();

    return defined $pid && is_alive($pid);
}


# true until the process is gone; one that only waits to be reaped is gone

sub is_alive {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return 0;

    return (<$in> // '') =~ /\) [^ZX] / ? 1 : 0;
}


sub stop {
    my $pid = master_pid();

    undef $running_conf;

    if (defined $pid && is_alive($pid)) {
        my $deadline = time + $Settings{timeout};

        kill 'QUIT', $pid;
        sleep 0.005 while is_alive($pid) && time < $deadline;

        if (is_alive($pid)) {
            warn "# nginx does not quit: killing it\n";
            kill 'TERM', $pid;
            sleep 0.2;
            kill 'KILL', $pid;
        }
    }

    my $block = $running_block;

    undef $running_block;
    Test::Nginx::Socket::Check::shutdown_logs($block) if $block;
}


sub mark_logs {
    for my $name (@_ ? @_ : qw(error access)) {
        $log_position{$name} = -s "$Settings{root}/logs/$name.log" || 0;
    }
}


# the lines that came since the block began

sub log_lines {
    my ($name) = @_;

    open my $in, '<', "$Settings{root}/logs/$name.log" or return [];
    seek $in, $log_position{$name} || 0, 0;

    return [ <$in> ];
}


# -1, 0, 1: the nginx under test is older than, is, is newer than the version

sub compare_version {
    my ($version) = @_;

    my ($own) = `$binary -v 2>&1` =~ m{nginx/([\d.]+)};
    my @own = split /\./, $own // '0';
    my @other = split /\./, $version;

    for my $i (0 .. 2) {
        my $order = ($own[$i] // 0) <=> ($other[$i] // 0);
        return $order if $order;
    }

    return 0;
}


1;
