package Test::Nginx::Socket;

# A small runner for the part of Test::Nginx's data-driven format that this
# project uses, for machines that do not have Test::Nginx::Socket from CPAN.
# Names and meaning of functions, sections and environment variables are those
# of the real one (see its manual); t/lib/WorkspaceTest.pm loads this one only
# when the real one is not there.
#
# Two differences are on purpose: an nginx whose configuration a block shares
# with the block before is kept running, and a block that cannot be run ends
# its own file, not those that run after it.
#
#     Test::Nginx::Socket::Request  from a block to the bytes to be sent
#     Test::Nginx::Socket::Server   nginx: configuration, start, stop, logs
#     Test::Nginx::Socket::Check    what the sections expect of an answer
#
# Spiffy, below Test::Base, puts "my $self = shift" into every function here
# that has no prototype.

use Test::Base -Base;

use Test::Nginx::Socket::Check;
use Test::Nginx::Socket::Request;
use Test::Nginx::Socket::Server;

our $VERSION = '0.01';

our @EXPORT = qw(
    run_tests repeat_each timeout workers worker_connections
    master_on master_off master_process_enabled log_level
    no_shuffle no_long_string no_root_location
    server_addr server_name server_port server_port_for_client
    server_root html_dir env_to_nginx config_preamble bail_out
    add_block_preprocessor add_response_body_check
    add_cleanup_handler add_test_cleanup_handler
);

my $s = \%Test::Nginx::Socket::Server::Settings;
my $repeat_each = 1;
my (@preprocessors, @cleanups, @test_cleanups);

sub setting ($@) {
    my ($name, @value) = @_;

    $s->{$name} = $value[0] if @value;

    return $s->{$name};
}

sub repeat_each (@) {
    $repeat_each = shift if @_;

    return $repeat_each;
}

sub timeout (@) { setting('timeout', @_) }
sub workers (@) { setting('workers', @_) }
sub worker_connections (@) { setting('worker_connections', @_) }
sub log_level (@) { setting('log_level', @_) }
sub server_addr (@) { setting('server_addr', @_) }
sub server_name (@) { setting('server_name', @_) }
sub server_port (@) { setting('port', @_) }
sub server_port_for_client (@) { setting('client_port', @_) }
sub server_root () { $s->{root} }
sub html_dir () { "$s->{root}/html" }
sub config_preamble ($) { $s->{preamble} = shift }
sub master_on () { $s->{master} = 'on' }
sub master_off () { $s->{master} = 'off' }
sub no_root_location () { $s->{no_root_location} = 1 }
sub no_long_string () { }
sub env_to_nginx (@) { push @{ $s->{env} }, @_ }

# blocks are run in the order in which they are written

sub no_shuffle () { }

sub master_process_enabled (@) {
    $s->{master} = shift() ? 'on' : 'off' if @_;

    return $s->{master};
}

# as in the real one, what was added last runs first

sub add_block_preprocessor (&) { unshift @preprocessors, shift }
sub add_cleanup_handler ($) { unshift @cleanups, shift }
sub add_test_cleanup_handler ($) { unshift @test_cleanups, shift }

sub add_response_body_check ($) {
    push @Test::Nginx::Socket::Check::BodyChecks, shift;
}

sub bail_out (@) {
    Test::Nginx::Socket::Server::stop();
    die join('', @_) . "\n";
}

sub run_tests () {
    $ENV{TEST_NGINX_SERVER_PORT} //= $s->{port};
    $ENV{TEST_NGINX_SERVER_ROOT} = $s->{root};

    for my $block (Test::Base::blocks()) {
        $_->($block) for @preprocessors;

        next if defined $block->SKIP;

        $block->set_value(name => "$0 " . $block->name);
        run_block($block);
        $_->($block) for @test_cleanups;
    }

    $_->() for @cleanups;
    Test::Nginx::Socket::Server::stop();
}

sub run_block ($) {
    my ($block) = @_;

    my ($skip, $count, $reason) = should_skip($block);

    if ($skip) {
        SKIP: {
            Test::More::skip($block->name . " - $reason", $count);
        }

        return;
    }

    local $s->{log_level} = scalar $block->log_level || $s->{log_level};

    if (defined $block->must_die) {
        for my $i (1 .. $repeat_each) {
            my $status = Test::Nginx::Socket::Server::try_start($block);
            Test::Nginx::Socket::Check::must_die($block, $status);
            Test::Nginx::Socket::Server::stop();
        }

        return;
    }

    Test::Nginx::Socket::Server::ensure($block);
    run_init($block);

    for my $i (0 .. $repeat_each - 1) {
        run_once($block, $i);
    }
}

sub run_init ($) {
    my ($block) = @_;

    my $code = $block->init // return;

    eval $code;

    bail_out($block->name . " - init failed: $@") if $@;
}

sub run_once ($$) {
    my ($block, $repeated) = @_;

    my @requests = Test::Nginx::Socket::Request::of_block($block);
    my $pipelined = $block->pipelined_requests;
    my $many = @requests > 1 || $pipelined;
    my $index = 0;
    my $last = $pipelined ? $#$pipelined : $#requests;

    for my $request (@requests) {
        my $bytes = Test::Nginx::Socket::Request::exchange($request, $block);

        do {
            $bytes = Test::Nginx::Socket::Check::answer($block, $bytes, {
                head     => $request->{head},
                index    => $index,
                repeated => $repeated,
                many     => $many,
                more     => $pipelined && $index < $last,
            });

            wait_and_check_logs($block, $repeated);

        } while ($pipelined && $index++ < $last);

        $index++ if !$pipelined;
    }
}

sub wait_and_check_logs ($$) {
    my ($block, $repeated) = @_;

    select undef, undef, undef, $block->wait if $block->wait;

    Test::Nginx::Socket::Check::logs($block, $repeated);
}

# "N: < 1.25.0" or "N: PERL EXPRESSION", each with the number of tests that
# are then left out

sub should_skip ($) {
    my ($block) = @_;

    my $name = $block->name;

    if (defined(my $spec = $block->skip_nginx)) {
        $spec =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*([\d.]+)\s*(?::\s*(.*?))?\s*$/
            or bail_out("$name - bad skip_nginx: $spec");

        my ($count, $op, $version, $reason) = ($1, $2, $3, $4);
        my $order = Test::Nginx::Socket::Server::compare_version($version);
        my $is = $op eq '<' ? $order < 0 : $op eq '<=' ? $order <= 0
                 : $op eq '>' ? $order > 0 : $order >= 0;

        return ($is, $count, $reason || "nginx version $op $version");
    }

    if (defined(my $spec = $block->skip_eval)) {
        $spec =~ /^\s*(\d+)\s*:\s*(.*)/s
            or bail_out("$name - bad skip_eval: $spec");

        my ($count, $code) = ($1, $2);
        my $is = eval $code;

        bail_out("$name - skip_eval: $@") if $@;

        return ($is, $count, 'skip_eval');
    }

    return (0);
}

sub cleanup_at_end () {
    my $status = $?;

    Test::Nginx::Socket::Server::stop();
    Test::Nginx::Socket::Check::shutdown_logs();

    $? = $status;
}

END { cleanup_at_end() }

1;
