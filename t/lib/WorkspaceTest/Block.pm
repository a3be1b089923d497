package WorkspaceTest::Block;

# What happens to a block before and after the runner has it: values and the
# default configuration are put in, answers are compared with the reference,
# and the sections json, capture, before and scenario are carried out.  See
# WorkspaceTest.

use strict;
use warnings;

use Test::More ();

use WorkspaceTest::Check;
use WorkspaceTest::Http;


# Both runners make their responses with HTTP::Response->parse; the checks
# below want the status and the headers beside the body.

my $last_response;

sub watch_responses {
    require HTTP::Response;

    my $parse = \&HTTP::Response::parse;

    no warnings 'redefine';

    *HTTP::Response::parse = sub {
        $last_response = $parse->(@_);
        return $last_response;
    };
}


# the preprocessor: from the written block to what the runner is to see

sub prepare {
    my ($block) = @_;

    run_code($block, 'before') if defined $block->before;

    $block->run_filters if !$block->is_filtered;

    for my $name (sections($block)) {
        next if $name eq 'scenario' || $name eq 'before';
        $block->set_value($name, expand(scalar $block->$name));
    }

    if (defined $block->scenario && !defined $block->request
        && !defined $block->raw_request && !defined $block->must_die)
    {
        $block->set_value(request => 'GET /');
    }

    set_default_config($block);
    add_tokens($block) if defined $block->as;
}


sub sections {
    my ($block) = @_;

    return @{ $block->{_section_order}[0] || [] };
}


sub expand {
    my ($value) = @_;

    if (ref $value eq 'ARRAY') {
        return [ map { expand($_) } @$value ];
    }

    if (ref $value eq 'HASH') {
        return { map { $_ => expand($value->{$_}) } keys %$value };
    }

    return $value if ref $value || !defined $value;

    $value =~ s/\{\{([\w.-]+)\}\}/WorkspaceTest::v($1)/ge;

    return $value;
}


sub set_default_config {
    my ($block) = @_;

    my %config = WorkspaceTest::default_config({
        http_config => scalar $block->http_config,
        config      => scalar $block->config,
        location    => scalar $block->location,
    });

    $block->set_value($_ => $config{$_}) for keys %config;
}


sub add_tokens {
    my ($block) = @_;

    my @users = ref $block->as ? @{ $block->as } : split ' ', $block->as;
    my $headers = $block->more_headers // '';
    my $count = ref $headers ? @$headers : @users;

    @users = (@users) x $count if @users == 1;

    my @out = map {
        my $given = ref $headers ? $headers->[$_] : $headers;
        chomp $given;
        $given .= "\n" if $given ne '';
        $given .= 'Coder-Session-Token: '
                  . WorkspaceTest::v("$users[$_].token") . "\n"
            if $users[$_] ne '-';
        $given;
    } 0 .. $count - 1;

    $block->set_value(more_headers => @out == 1 ? $out[0] : \@out);
}


# Perl code of a section, in the test file's package and with its line

sub run_code {
    my ($block, $section) = @_;

    my $name = $block->name;
    my $code = $block->$section;
    my $label = "$section of $name";

    $label =~ s/["\n]//g;

    no warnings 'once';
    local $main::block = $block;
    local $SIG{__DIE__};

    eval qq{package main; use strict; use warnings; our \$block;
#line 1 "$label"
$code
;1} and return;

    Test::More::fail("$name - $section died");
    Test::More::diag($@);
}


# the hook of add_response_body_check

sub check {
    my ($block, $body, $index, $repeated, $dry_run) = @_;

    return if $dry_run;

    my $response = $last_response;
    my $name = $block->name;

    if (!defined $block->no_validate && defined $response) {
        validate_block($block, $response, $body, $index);
    }

    my $json = WorkspaceTest::Http::decode($body);

    if (defined $block->json) {
        my $lines = ref $block->json ? $block->json->[$index] : $block->json;
        WorkspaceTest::Check::json($name, $lines, $json, $body)
            if defined $lines;
    }

    if (defined $block->capture) {
        my $lines = ref $block->capture ? $block->capture->[$index]
                                        : $block->capture;
        WorkspaceTest::Check::capture($name, $lines, $json, \&WorkspaceTest::v)
            if defined $lines;
    }

    return if $index < request_count($block) - 1;

    run_code($block, 'scenario') if defined $block->scenario;
    check_alerts($block);
}


sub request_count {
    my ($block) = @_;

    my $list = $block->pipelined_requests || $block->request;

    return ref $list eq 'ARRAY' ? scalar @$list : 1;
}


sub validate_block {
    my ($block, $response, $body, $index) = @_;

    my $request = $block->raw_request // $block->pipelined_requests
                  // $block->request;

    $request = $request->[$index] if ref $request eq 'ARRAY'
                                     && !defined $block->raw_request;

    # a request, or a raw one, may be a list of packets

    $request = join '', map { ref $_ ? $_->{value} : $_ } @$request
        if ref $request eq 'ARRAY';

    my $prefix = $block->api_prefix // '/api/v2';

    return if ($request // '') !~ m{^\s*(\S+) +(\Q$prefix\E[/?]?\S*)};

    my %headers;

    $response->headers->scan(sub {
        my ($key, $value) = (lc $_[0], $_[1]);
        $headers{$key} = defined $headers{$key} ? "$headers{$key}, $value"
                                                : $value;
    });

    my $req = {
        method => $1,
        path   => $2,
        prefix => $prefix,
    };

    my $good = WorkspaceTest::validate($req, {
        status  => $response->code,
        headers => \%headers,
        body    => $body // '',
    });

    Test::More::pass($block->name . ' - as the reference says') if $good;
}


# in the nginx of the blocks, as far as it has come

sub check_alerts {
    my ($block) = @_;

    my $log = WorkspaceTest::node()->alerts;

    return if $log eq '' || defined $block->alerts;

    Test::More::fail($block->name . ' - no alert in the error log');
    Test::More::diag($log);
}


1;
