package WorkspaceTest::Node;

# An nginx of its own with the module loaded: a second node on the same
# Redis, or a server for what a test does to it (reload, quit, kill).  The
# nginx that Test::Nginx runs is wrapped by the same class (attach).

use strict;
use warnings;

use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use WorkspaceTest::Patience;


# { name, dir, port, workers, connections, main_config, http_config, config,
# log_level }
# Starts it and waits until it listens; dies with the error log otherwise.

sub new {
    my ($class, %args) = @_;

    my $self = bless { workers => 2, log_level => 'info', %args }, $class;

    mkdir $self->{dir};
    mkdir "$self->{dir}/$_" for qw(logs html conf);

    $self->{pid_file} = "$self->{dir}/logs/nginx.pid";
    $self->{error_log} = "$self->{dir}/logs/error.log";
    $self->{owned} = 1;

    $self->start;

    return $self;
}


# the nginx of another: { name, port, dir }

sub attach {
    my ($class, %args) = @_;

    return bless {
        pid_file  => "$args{dir}/logs/nginx.pid",
        error_log => "$args{dir}/logs/error.log",
        %args,
    }, $class;
}


sub port { $_[0]{port} }
sub name { $_[0]{name} }


sub conf {
    my ($self) = @_;

    my $dir = $self->{dir};
    my $user = $> == 0 ? 'user root;' : '';
    my $connections = $self->{connections} || 4096;
    my $temp = join "\n    ", map { "${_}_temp_path $dir/${_}_temp;" }
               qw(client_body proxy fastcgi scgi uwsgi);

    return <<"EOC";
worker_processes $self->{workers};
daemon on;
master_process on;
error_log $self->{error_log} $self->{log_level};
pid $self->{pid_file};
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env LSAN_OPTIONS;
$user
load_module $self->{module};
$self->{main_config}

events {
    worker_connections $connections;
}

http {
    access_log $dir/logs/access.log;
    default_type text/plain;
    $temp
$self->{http_config}
    server {
        listen 127.0.0.1:$self->{port};
        server_name localhost;
$self->{config}
    }
}
EOC
}


sub command {
    my ($self) = @_;

    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

    return ($nginx, '-e', $self->{error_log}, '-p', "$self->{dir}/",
            '-c', "$self->{dir}/conf/nginx.conf");
}


# writes the configuration; takes changed fields (config => ... and so on)

sub write_conf {
    my ($self, %changes) = @_;

    @$self{keys %changes} = values %changes;

    open my $out, '>', "$self->{dir}/conf/nginx.conf" or die $!;
    print $out $self->conf;
    close $out;
}


# runs nginx with arguments; returns its exit status and what it printed

sub nginx {
    my ($self, @args) = @_;

    my $pid = open my $pipe, '-|';

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec $self->command, @args or POSIX::_exit(127);
    }

    my $text = do { local $/; <$pipe> } // '';
    close $pipe;

    return ($? >> 8, $text);
}


# nginx -t over a configuration: (status, output)

sub test_conf {
    my ($self, %changes) = @_;

    $self->write_conf(%changes);

    return $self->nginx('-t');
}


sub start {
    my ($self, %changes) = @_;

    $self->write_conf(%changes);

    my ($status, $text) = $self->nginx;

    if ($status != 0) {
        die "nginx ($self->{name}) does not start: $text\n";
    }

    if (!$self->wait_until(10, sub { $self->has_all_workers })) {
        $self->kill9;
        die "nginx ($self->{name}) has no workers\n";
    }
}


sub wait_until {
    my ($self, $seconds, $code) = @_;

    my $deadline = time + $seconds * WorkspaceTest::Patience::FACTOR;

    for ( ;; ) {
        my $value = $code->();
        return $value if $value;
        return if time >= $deadline;
        sleep 0.01;
    }
}


# the master process

sub pid {
    my ($self) = @_;

    open my $in, '<', $self->{pid_file} or return;
    my $pid = <$in> // '';
    $pid =~ s/\s+//g;

    return $pid if $pid && kill 0, $pid;
    return;
}


sub running { defined $_[0]->pid }


sub ps {
    my ($self) = @_;

    my $master = $self->pid or return;
    my %titles;

    open my $in, '<', "/proc/$master/task/$master/children" or return;

    for my $pid (split ' ', <$in> // '') {
        open my $cmd, '<', "/proc/$pid/cmdline" or next;
        my $title = do { local $/; <$cmd> } // '';
        $title =~ s/\0+/ /g;

        # in valgrind a process cannot change its title

        $title = 'worker process' if $ENV{WORKSPACE_VALGRIND};
        $titles{$pid} = $title;
    }

    return %titles;
}


# the pids of the workers that take connections, and of those on their way out

sub workers {
    my ($self) = @_;

    my %ps = $self->ps;
    my @pids = sort { $a <=> $b }
               grep { $ps{$_} =~ /worker process/ && $ps{$_} !~ /shutting/ }
               keys %ps;

    return @pids;
}


sub old_workers {
    my ($self) = @_;

    my %ps = $self->ps;
    my @pids = sort { $a <=> $b }
               grep { $ps{$_} =~ /shutting down/ } keys %ps;

    return @pids;
}


# true when as many workers as configured take connections

sub has_all_workers {
    my ($self) = @_;

    open my $in, '<', "$self->{dir}/conf/nginx.conf" or return 0;
    my ($count) = map { /^\s*worker_processes\s+(\d+)/ ? $1 : () } <$in>;

    return $self->workers == $count;
}


# Reloads and waits until all workers are new ones (old ones may still run:
# see old_workers).  True when that happened within $seconds (5).

sub reload {
    my ($self, $seconds) = @_;

    my %before = map { $_ => 1 } $self->workers, $self->old_workers;

    kill 'HUP', $self->pid;

    return $self->wait_until($seconds // 5, sub {
        return $self->has_all_workers && !grep { $before{$_} } $self->workers;
    });
}


# Ends it: gracefully (quit), at once (stop), or by force (kill9).  True when
# it was gone within $seconds.

sub quit { $_[0]->end('QUIT', $_[1]) }
sub stop { $_[0]->end('TERM', $_[1]) }


sub end {
    my ($self, $signal, $seconds) = @_;

    my $pid = $self->pid or return 1;
    my @all = ($pid, $self->workers, $self->old_workers);

    kill $signal, $pid;

    return $self->wait_until($seconds // 5, sub {
        return !grep { is_alive($_) } @all;
    });
}


sub kill9 {
    my ($self) = @_;

    my $pid = $self->pid or return 1;
    my @all = ($pid, $self->workers, $self->old_workers);

    kill 'KILL', @all;
    unlink $self->{pid_file};

    return $self->wait_until(5, sub { !grep { is_alive($_) } @all });
}


# a zombie that init has not reaped yet is dead enough

sub is_alive {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return 0;
    my $stat = <$in> // '';

    return $stat =~ /\) [^ZX] / ? 1 : 0;
}


# Memory of a worker (the first, without a pid) in bytes, from
# /proc/PID/smaps_rollup: { Rss, Pss, Private_Dirty, ... }

sub memory {
    my ($self, $pid) = @_;

    ($pid) = $self->workers if !defined $pid;

    open my $in, '<', "/proc/$pid/smaps_rollup" or return {};

    my %memory;

    while (<$in>) {
        $memory{$1} = $2 * 1024 if /^(\w+):\s+(\d+) kB/;
    }

    return \%memory;
}


# What has no place in an error log: alerts, crashes, and what sanitizers
# report.  Each line is returned once.

my %seen;

sub alerts {
    my ($self) = @_;

    open my $in, '<', $self->{error_log} or return '';

    # another file under the same name begins at its beginning

    my $key = join ':', (stat $in)[0, 1];

    seek $in, $seen{$key} || 0, 0;

    my $log = join '', grep {
        /\[(?:alert|emerg)\]|Sanitizer|runtime error:/
    } <$in>;

    $seen{$key} = tell $in;

    return $log;
}


# the error log, or the lines of it that match

sub log {
    my ($self, $pattern) = @_;

    open my $in, '<', $self->{error_log} or return '';
    my @lines = <$in>;

    return join '', defined $pattern ? grep { $_ =~ $pattern } @lines : @lines;
}


1;
