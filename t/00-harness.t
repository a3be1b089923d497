# The tests' own tools: what is wrong must be seen to be wrong.

use strict;
use warnings;

use lib 't/lib';
use Test::More;

use WorkspaceTest::Check;
use WorkspaceTest::Http;
use WorkspaceTest::Schema;
use WorkspaceTest::Sse;


WorkspaceTest::Schema::load('t/schema/api.json');

my $id = '0af5c1d2-1111-4222-8333-444455556666';
my $time = '2026-11-24T02:09:36.123Z';

my $workspace = {
    created_at => $time, id => $id, last_used_at => $time, name => 'dev',
    outdated => \0, owner_id => $id, owner_name => 'alice',
    template_allow_user_cancel_workspace_jobs => \1,
    template_display_name => '', template_icon => '', template_id => $id,
    template_name => 'docker', updated_at => $time,
    latest_build => {
        build_number => 1, created_at => $time, daily_cost => 0,
        deadline => undef, id => $id, initiator_id => $id,
        initiator_name => 'alice', reason => 'initiator', status => 'pending',
        template_version_id => $id, template_version_name => 'v1',
        transition => 'start', updated_at => $time, workspace_id => $id,
        workspace_name => 'dev', workspace_owner_id => $id,
        workspace_owner_name => 'alice',
        job => {
            created_at => $time, file_id => $id, id => $id,
            status => 'pending', tags => {},
        },
        resources => [ {
            created_at => $time, daily_cost => 0, hide => \0, icon => '',
            id => $id, job_id => $id, name => 'main', type => 'vm',
            workspace_transition => 'start',
            agents => [ {
                apps => [], architecture => 'amd64',
                connection_timeout_seconds => 0, created_at => $time,
                delay_login_until_ready => \0, environment_variables => {},
                id => $id, lifecycle_state => 'created', name => 'main',
                operating_system => 'linux', resource_id => $id,
                startup_script_timeout_seconds => 0, status => 'connecting',
                troubleshooting_url => '', updated_at => $time, version => '',
                latency => { eu => { latency_ms => 1.5, preferred => \1 } },
            } ],
        } ],
    },
};

my $json = { 'content-type' => 'application/json; charset=utf-8' };


# what the reference says of an answer to the request

sub wrong {
    my ($method, $path, $status, $headers, $body) = @_;

    $body = WorkspaceTest::Http::encode($body) if ref $body;

    return join "\n", WorkspaceTest::Schema::check(
        { method => $method, path => "/api/v2$path", prefix => '/api/v2' },
        { status => $status, headers => $headers, body => $body },
    );
}


# the workspace, changed by code that gets a copy

sub of_changed {
    my ($code) = @_;

    my $text = WorkspaceTest::Http::encode($workspace);
    my $copy = WorkspaceTest::Http::decode($text);

    $code->($copy);

    return wrong(GET => "/workspaces/$id", 200, $json, $copy);
}


is of_changed(sub {}), '', 'a good workspace';
is of_changed(sub { $_[0]{ttl_ms} = 60000 }), '', 'with an optional field';

like of_changed(sub { delete $_[0]{name} }), qr/^name is missing$/m,
     'a missing field';
like of_changed(sub { $_[0]{extra} = 1 }), qr/^extra is not in the ref/m,
     'an undocumented field';
like of_changed(sub { $_[0]{latest_build}{job}{foo} = 1 }),
     qr/^latest_build\.job\.foo is not/m, 'one deep inside';
like of_changed(sub { $_[0]{ttl_ms} = undef }),
     qr/^ttl_ms is of type null/m, 'null where it is to be left out';
like of_changed(sub { $_[0]{latest_build}{resources} = undef }),
     qr/resources is of type null/, 'null for an empty list';
like of_changed(sub { $_[0]{outdated} = 0 }),
     qr/^outdated is of type integer/m, 'a number for a boolean';
like of_changed(sub { $_[0]{latest_build}{build_number} = '1' }),
     qr/build_number is of type string/, 'a string for a number';
like of_changed(sub { $_[0]{id} = uc $_[0]{id} }), qr/not a uuid/,
     'an upper-case UUID';
like of_changed(sub { $_[0]{created_at} = '2026-11-24T02:09:36+01:00' }),
     qr/not a date-time/, 'a time that is not in UTC';
like of_changed(sub { $_[0]{latest_build}{status} = 'odd' }),
     qr/is "odd", not one of/, 'an unknown status';
like of_changed(sub { delete $_[0]{latest_build}{deadline} }),
     qr/deadline is missing/, 'the deadline is always there';
like of_changed(sub { $_[0]{latest_build}{resources}[0]{agents} = [] }),
     qr/agents is empty/, 'an empty list that is to be left out';
like of_changed(sub { $_[0]{latest_build}{resources}[0]{agents}[0]{apps}
                      = undef }), qr/apps is of type null/, 'apps: null';

my $error = { message => 'no' };

is wrong(GET => '/workspaces', 400, $json, $error), '', 'an error';
like wrong(GET => '/workspaces', 400, $json, { message => '' }),
     qr/message/, 'an empty message';
like wrong(GET => '/workspaces', 400, $json,
           { message => 'no', validations => [] }), qr/validations/,
     'validations without any';
like wrong(GET => '/workspaces', 400, $json, '<html>'), qr/not JSON/, 'HTML';
like wrong(GET => '/workspaces', 400, { 'content-type' => 'text/html' },
           $error), qr/Content-Type/, 'another type';
like wrong(POST => '/workspaces', 405, $json, $error), qr/Allow/,
     '405 without Allow';
like wrong(GET => '/workspaces', 503, $json, $error), qr/Retry-After/,
     '503 without Retry-After';
like wrong(GET => '/workspaces', 201, $json, {}), qr/status 201/,
     'a status that this endpoint does not have';
like wrong(GET => '/nothing', 200, $json, {}), qr/not in the reference/,
     'success of an unknown endpoint';
is wrong(PATCH => "/workspaces/$id", 204, {}, ''), '', 'no content';
like wrong(PATCH => "/workspaces/$id", 204, $json, ''), qr/Content-Type/,
     '204 with a type';
is wrong(HEAD => '/workspaces', 200, $json, ''), '', 'HEAD';
like wrong(GET => '/workspaces', 200, $json, '{"count":0,"count":0,'
           . '"workspaces":[]}'), qr/"count" twice/, 'a key that is twice';
like wrong(GET => '/workspaces', 400, $json, "{\"message\":\"\xff\"}"),
     qr/UTF-8/, 'invalid UTF-8';

my %stream = (
    'content-type'      => 'text/event-stream',
    'cache-control'     => 'no-cache',
    'x-accel-buffering' => 'no',
);

my $data = WorkspaceTest::Http::encode($workspace);

is wrong(GET => "/workspaces/$id/watch", 200, \%stream,
         "event: ping\n\nid: 1\nevent: data\ndata: $data\n\nevent: da"), '',
   'a stream, cut';
like wrong(GET => "/workspaces/$id/watch", 200, \%stream,
           "event: data\ndata: {}\n\n"), qr/name is missing/, 'a bad event';
like wrong(GET => "/workspaces/$id/watch", 200, \%stream,
           "event: other\ndata: {}\n\n"), qr/event of name other/,
     'an event that is not in the contract';


# answers that come in pieces

for my $size (1, 3, 1000) {
    my $res = WorkspaceTest::Response->new('GET', '/');
    my $bytes = "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n"
                . "\r\n5\r\nhello\r\nA\r\n, world!!!\r\n0\r\n\r\n";

    $res->feed($_) for $bytes =~ /(.{1,$size})/gs;

    ok $res->{complete}, "chunks in pieces of $size: complete";
    is $res->body, 'hello, world!!!', 'and whole';
    is $res->header('x-a'), 1, 'and the headers';
}

my $cut = WorkspaceTest::Response->new('GET', '/');

$cut->feed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
$cut->eof;
ok !$cut->{complete}, 'a body that was cut is not complete';


# paths of the sections json and capture

my $value = { a => [ { b => 1 }, { b => 2 } ], n => undef };

is_deeply [ WorkspaceTest::Check::look_up($value, 'a.1.b') ], [ 1, 2 ],
          'an item';
is_deeply [ WorkspaceTest::Check::look_up($value, 'a.*.b') ], [ 1, [ 1, 2 ] ],
          'all items';
is_deeply [ WorkspaceTest::Check::look_up($value, 'a.#') ], [ 1, 2 ],
          'their number';
is_deeply [ WorkspaceTest::Check::look_up($value, 'n') ], [ 1, undef ],
          'null is there';
is_deeply [ WorkspaceTest::Check::look_up($value, 'a.2.b') ], [ 0 ],
          'no such item';
is_deeply [ WorkspaceTest::Check::look_up($value, 'x') ], [ 0 ], 'no such key';

done_testing();
