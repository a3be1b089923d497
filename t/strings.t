# Strings that look like something else: JSON, HTML, Redis' protocol, header
# lines, frames of an event stream.  Wherever they are stored they come back
# character for character, break no frame, and add no line to a log.
# contract: Bodies; Watch

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;


# what people and programs may send; and those without control characters,
# for what only wsctl sets

our @strings = (
    '{"a":[1,"b"],"c":null}', '"},"status":"running","x":{"y":"', '[[[[{{{{',
    '<script>alert(1)</script>&amp;<!--', ']]>\'";--', '$5 %s %n %00 %0d%0aX: y',
    'a\u0000\"\\\n', '\\', '\\"', '"', "\x{2028}\x{2029}\x{85}\x{a0}",
    "\x{1f600}\x{10ffff}\x{10000}\x{ffff}", "\x{feff}\x{202e}\x{200b}e\x{301}",
    'data: x', ': comment', 'null', '0', ' blank ends ', '../../etc/passwd',
    ']] redis.call("FLUSHALL") --', "\x{d7ff}\x{e000}\x{fffe}",
);

our @plain = @strings;

push @strings, (
    "*3\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$1\r\nb\r\n", "+OK\r\n-ERR x\r\n:1\r\n",
    "a\r\nSet-Cookie: x=y\r\n\r\n<html>", "x\n\nevent: error\ndata: {}\n\n",
    "x\r\rdata: {\"name\":\"other\"}\r\rid: 999999\r\r", "\n", "\r", "\r\n\r\n",
    "event: ping\n\n", "retry: 1\n\n", "id\n", "0\r\n\r\nHTTP/1.1 200 OK\r\n",
    join('', map { chr } 1 .. 0x1f, 0x7f .. 0x9f), "\e]0;title\a\e[31m",
    "127.0.0.1 - - [01/Jan/2026] \"GET / HTTP/1.1\" 200\n",
);


# a resource with the string wherever there can be one

sub resource_of {
    my ($s) = @_;

    return {
        name => $s, type => $s, icon => $s,
        metadata => [{ key => $s, value => $s }],
        agents => [{
            name => "agent $s", operating_system => $s, architecture => $s,
            directory => $s, instance_id => $s, startup_script => $s,
            troubleshooting_url => $s, version => $s,
            environment_variables => { "name $s" => $s },
            apps => [{ slug => "slug $s", display_name => $s, command => $s,
                       icon => $s, url => $s,
                       healthcheck => { url => $s } }],
        }],
    };
}


# and what has come back of it, in the same form

sub resource_seen {
    my ($r) = @_;

    my $agent = $r->{agents}[0];
    my $app = $agent->{apps}[0];
    my $pick = sub { my ($from, @keys) = @_;
                     map { $_ => $from->{$_} } @keys };

    return {
        $pick->($r, qw(name type icon)),
        metadata => [{ $pick->($r->{metadata}[0], qw(key value)) }],
        agents => [{
            $pick->($agent, qw(name operating_system architecture directory
                               instance_id startup_script version
                               troubleshooting_url environment_variables)),
            apps => [{ $pick->($app, qw(slug display_name command icon url)),
                       healthcheck => { url => $app->{healthcheck}{url} } }],
        }],
    };
}


sub resources_of {
    my ($build) = @_;

    return [map { resource_seen($_) } @{ $build->{resources} }];
}


# JSON on one line: nothing in it that a frame could end at

sub is_flat {
    my ($text, $label) = @_;

    ok $text !~ /[\x00-\x1f]|\xe2\x80[\xa8\xa9]/, "$label: one line";
}


run_tests();

__DATA__

=== TEST 1: a workspace full of them
--- scenario
our (@strings, @plain);

# parameters p0, p1, ... of any text

my $file = temp_dir() . '/parameters.json';

open my $out, '>', $file or die $!;
print $out WorkspaceTest::Http::encode([
    map { { name => "p$_", type => 'string', mutable => \1 } } 0 .. $#strings
]);
close $out;

wsctl(qw(version create --template), v('docker.id'), 'odd', '--promote',
      '--parameters', $file);

my $email = "<\"\x{1f600}\">\\\@example.com";

utf8::encode(my $bytes = $email);
v('dora.id', wsctl(qw(user create dora --org acme --email), $bytes));
v('dora.token', wsctl(qw(token create dora)));

start_node(name => 'told', http_config => <<'EOC');
    log_format told 'told "$request" $status $workspace_user $workspace_user_id '
                    '$workspace_id $workspace_endpoint "$http_x_any" end';
    access_log logs/told.log told;
EOC

my $w = create(as => 'dora', name => 'odd', node => 'told',
               rich_parameter_values => [
                   map { { name => "p$_", value => $strings[$_] } }
                       0 .. $#strings
               ]);

v('w', $w->{id});
v('build', $w->{latest_build}{id});

my $stream = sse_open('told', "/api/v2/workspaces/$w->{id}/watch",
                      { as => 'dora' });
my $follow = sse_open('told', "/api/v2/workspacebuilds/" . v('build')
                              . '/logs?follow', { as => 'dora' });
my $job = acquire($w);

is $job->{owner}{email}, $email;
is_deeply [map { $_->{value} } @{ $job->{parameters} }], \@strings,
          'parameters reach the provisioner';

is report($job, 'heartbeat', logs => [
    map { { output => $_, stage => $_ } } @strings
])->status, 200;

my @lines;

while (@lines < @strings) {
    my $event = $follow->wait_event(10, sub { $_->{event} eq 'data' }) or last;
    push @lines, $event->{json};
    is_flat($event->{data}, 'a line of the log') if @lines == @strings;
}

is_deeply [map { $_->{output} } @lines], \@strings, 'the log is followed';
is_deeply [map { $_->{stage} } @lines], \@strings, 'and its stages';

my @resources = map { resource_of($_) } @strings;

is report($job, 'complete', state => join('', @strings),
          resources => \@resources)->status, 204;

my $event = $stream->wait_event(10, sub {
    $_->{event} eq 'data' && $_->{json}{latest_build}{status} eq 'running'
});

is_deeply resources_of($event->{json}{latest_build}), \@resources, 'watched';
is_flat($event->{data}, 'an event');
ok !$stream->closed, 'the stream goes on';

$follow->close;
$stream->close;



=== TEST 2: they come back wherever they are read
--- scenario
our @strings;

my @resources = map { resource_of($_) } @strings;
my $build = '/api/v2/workspacebuilds/' . v('build');
my %of = (
    '/api/v2/workspaces/' . v('w') => sub { $_[0]{latest_build} },
    '/api/v2/users/dora/workspace/odd' => sub { $_[0]{latest_build} },
    '/api/v2/workspaces?name=odd'
        => sub { $_[0]{workspaces}[0]{latest_build} },
    '/api/v2/workspaces/' . v('w') . '/builds' => sub { $_[0][0] },
    '/api/v2/users/dora/workspace/odd/builds/1' => sub { $_[0] },
    $build => sub { $_[0] },
    "$build/resources" => sub { { resources => $_[0] } },
);

for my $path (sort keys %of) {
    my $r = http('told', GET => $path, { as => 'dora' });

    is_deeply resources_of($of{$path}->($r->json)), \@resources, $path;
    is_flat($r->body, $path);
}

is_deeply [map { $_->{value} }
           @{ http('told', GET => "$build/parameters",
                   { as => 'dora' })->json }],
          \@strings, 'parameters';

my $logs = http('told', GET => "$build/logs", { as => 'dora' });

is_deeply [map { $_->{output} } @{ $logs->json }], \@strings, 'the log';
is_flat($logs->body, 'the log');



=== TEST 3: what agents say: version, regions, agents and apps by name
--- scenario
our @strings;

# some of them: each report is a commit of the whole

my @some = @strings[grep { $_ % 3 == 1 } 0 .. $#strings];
my $w = create(as => 'dora', name => 'agents');
my $job = acquire($w);

report($job, 'complete', resources => [map { resource_of($_) } @some]);

my $token = $job->{agent_token};
my $s = sse_open('told', "/api/v2/workspaces/$w->{id}/watch",
                 { as => 'dora' });

for my $string (@some) {
    my $name = "agent $string";

    is agent($token, 'heartbeat', agent => $name, version => $string)
       ->status, 200;
    is agent($token, 'state', agent => $name,
             apps => { "slug $string" => 'healthy' },
             latency => { $string => { latency_ms => 1 } })->status, 204;

    my $event = $s->wait_event(10, sub {
        my ($agent) = $_->{event} eq 'data'
                      ? grep { $_->{name} eq $name }
                        map { @{ $_->{agents} } }
                        @{ $_->{json}{latest_build}{resources} } : ();

        $agent && $agent->{version} eq $string
        && $agent->{apps}[0]{health} eq 'healthy'
        && exists $agent->{latency}{$string};
    });

    ok $event, 'seen in the stream';
}



=== TEST 4: why a build failed; what the last one left behind
--- scenario
our @strings;

my $w = { id => v('w') };
my $s = sse_open('told', '/api/v2/workspaces/' . v('w') . '/watch',
                 { as => 'dora' });

for my $string (@strings) {
    build($w, 'start', as => 'dora');

    my $job = acquire($w);

    is $job->{state}, join('', @strings), 'the state' if $string eq '"';
    is report($job, 'fail', error => $string)->status, 204;

    my $event = $s->wait_event(10, sub {
        $_->{event} eq 'data' && $_->{json}{latest_build}{status} eq 'failed'
        && $_->{json}{latest_build}{job}{id} eq $job->{job_id}
    });

    is $event->{json}{latest_build}{job}{error}, $string, 'why it failed';
}

is http('told', GET => '/api/v2/users/dora/workspace/odd', { as => 'dora' })
   ->json->{latest_build}{job}{error}, $strings[-1];



=== TEST 5: templates: what wsctl takes, and says
--- scenario
our @plain;

my $path = '/api/v2/workspaces/' . v('w');
my $s = sse_open('told', "$path/watch", { as => 'dora' });

for my $string (@plain) {
    utf8::encode(my $bytes = $string);
    wsctl(qw(template edit), v('docker.id'), '--display-name', $bytes,
          '--icon', $bytes);

    my $event = $s->wait_event(10, sub {
        $_->{event} eq 'data'
        && $_->{json}{template_display_name} eq $string
    });

    is $event && $event->{json}{template_icon}, $string, 'in the stream';
}

my $list = WorkspaceTest::Http::decode(wsctl(qw(template list --json)));
my ($template) = grep { $_->{id} eq v('docker.id') } @$list;

is $template->{display_name}, $plain[-1], 'wsctl template list --json';

my $users = WorkspaceTest::Http::decode(wsctl(qw(user list --json)));
my ($dora) = grep { $_->{username} eq 'dora' } @$users;

is $dora->{email}, "<\"\x{1f600}\">\\\@example.com", 'wsctl user list --json';

for my $bad ("a\nb", "a\tb", "\e[31m", "\x7f", "\xff", "\xc0\xaf") {
    my ($status) = wsctl_run(qw(template edit), v('docker.id'),
                             '--display-name', $bad);
    is $status, 2, 'control characters, invalid UTF-8';
}



=== TEST 6: what is empty is left out
--- scenario
my $w = create(as => 'dora', name => 'empty');
my %empty = map { ($_ => '') } qw(directory instance_id startup_script);
my $job = acquire($w);

is report($job, 'complete', resources => [{
    name => 'n', type => 't', metadata => [],
    agents => [{ name => 'a', %empty,
                 apps => [{ slug => 's', command => '', icon => '' }] }],
}])->status, 204;

my ($resource) = @{ show($w)->{latest_build}{resources} };
my ($agent) = @{ $resource->{agents} };

is_deeply [grep { exists $agent->{$_} } sort keys %empty], [];
is_deeply [grep { exists $agent->{apps}[0]{$_} } qw(command icon)], [];
ok !exists $resource->{metadata};



=== TEST 7: a zero is refused wherever it may stand
--- scenario
my $w = create(as => 'dora', name => 'zero');
my $job = acquire($w);
my $path = '/api/v2/provisioners/me/jobs/' . $job->{job_id};

for my $case ([heartbeat => '"logs":[{"output":"a\u0000b"}]'],
              [heartbeat => '"logs":[{"output":"a","stage":"\u0000"}]'],
              [complete => '"state":"\u0000"'],
              [complete => '"resources":[{"name":"\u0000","type":"t"}]'],
              [complete => '"resources":[{"name":"n","type":"t","agents":'
                           . '[{"name":"a","environment_variables":'
                           . '{"\u0000":"x"}}]}]'],
              [fail => '"error":"\u0000"'])
{
    my ($what, $field) = @$case;

    is http(POST => "$path/$what",
            { as => 'life', body => qq({"lease":"$job->{lease}",$field}) })
       ->status, 400, $what;
}

is report($job, 'fail', error => 'no more')->status, 204, 'nothing was done';



=== TEST 8: logs have one line a request, whatever is in it
--- scenario
our @strings;

my $file = v('work') . '/nodes/told/logs/told.log';
my $lines = sub { open my $in, '<', $file or die $!; my @l = <$in>; @l };
my $before = $lines->();

for my $string (@strings) {
    utf8::encode(my $bytes = $string);
    (my $path = $bytes) =~ s/(\W)/sprintf '%%%02x', ord $1/ge;
    (my $header = $bytes) =~ s/[\0\r\n]//g;

    my $r = http('told', GET => "/api/v2/users/$path/workspace/$path?q=$path",
                 { as => 'dora', headers => { 'X-Any' => $header,
                                              'Last-Event-ID' => $header } });

    like $r->status, qr/^4/;
    unlike $r->{raw_head}, qr/^(?:Set-Cookie|X|id|data):/mi, 'no header';
}

my @new;

ok wait_for { @new = $lines->(); @new >= $before + @strings } 10;
is @new, $before + @strings, 'one line each';

my @odd = grep { !/^told ".*" \d\d\d [\w-]+ [\w-]+ [\w-]+ [\w-]+ ".*" end$/ }
          @new;

is "@odd", '', 'each in its form';

open my $in, '<', node('told')->{error_log} or die $!;
@odd = grep { !m{^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: } } <$in>;

is "@odd", '', 'and the error log';
is wsctl('check'), '', 'all invariants hold';
