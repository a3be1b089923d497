# Rename, autostart, TTL, extend.

use lib 't/lib';
use WorkspaceTest;

run_tests();

__DATA__

=== TEST 1: two workspaces
--- as: alice
--- request eval
["POST /api/v2/organizations/{{acme.id}}/members/me/workspaces\n{\"name\": \"one\", \"template_id\": \"{{docker.id}}\", \"ttl_ms\": 3600000}",
 "POST /api/v2/organizations/{{acme.id}}/members/me/workspaces\n{\"name\": \"two\", \"template_id\": \"{{docker.id}}\"}"]
--- error_code eval
[200, 200]
--- json eval
["name = \"one\"", "name = \"two\""]



=== TEST 2: their ids
--- scenario
for my $name (qw(one two)) {
    my $w = http(GET => "/api/v2/users/me/workspace/$name",
                 { as => 'alice' })->json;
    v("$name.id", $w->{id});
    v("$name.job", $w->{latest_build}{job}{id});
}

ok v('one.id');



=== TEST 3: renamed, in the build too
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');
my $before = http(GET => $path, { as => 'alice' })->json;
my $r = http(PATCH => $path, { as => 'alice', body => { name => 'Uno' } });

is $r->status, 204;
is $r->body, '', 'no body';

my $w = http(GET => $path, { as => 'alice' })->json;

is $w->{name}, 'Uno';
is $w->{latest_build}{workspace_name}, 'Uno';
isnt $w->{updated_at}, undef;
is $w->{last_used_at}, $before->{last_used_at}, 'renaming is not using';
is http(GET => '/api/v2/users/me/workspace/one', { as => 'alice' })->status,
   404, 'the old name is free';
is http(GET => '/api/v2/users/me/workspace/uno', { as => 'alice' })
   ->json->{id}, v('one.id'), 'found by the new one';
is wsctl('check'), '', 'all invariants hold';



=== TEST 4: nothing to change
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');
my $before = http(GET => $path, { as => 'alice' })->body;

for my $body ({}, { name => '' }, { name => 'Uno' }, { name => undef },
              { unknown => 1 })
{
    is http(PATCH => $path, { as => 'alice', body => $body })->status, 204;
}

is http(GET => $path, { as => 'alice' })->body, $before, 'not a byte';



=== TEST 5: another case of the same name is another spelling
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');

is http(PATCH => $path, { as => 'alice', body => { name => 'UNO' } })->status,
   204;
is http(GET => $path, { as => 'alice' })->json->{name}, 'UNO';
is wsctl('check'), '', 'all invariants hold';



=== TEST 6: taken, in any case; against the rule; the wrong type
--- as: alice
--- request eval
["PATCH /api/v2/workspaces/{{one.id}}\n{\"name\": \"TWO\"}",
 "PATCH /api/v2/workspaces/{{one.id}}\n{\"name\": \"a b\"}",
 "PATCH /api/v2/workspaces/{{one.id}}\n{\"name\": 7}"]
--- error_code eval
[409, 400, 400]
--- json eval
[("validations.0.field = \"name\"") x 3]



=== TEST 7: a schedule, stored as given
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');

for my $schedule ('30 9 * * 1-5', 'CRON_TZ=America/New_York 0 8 * * MON,wed',
                  '*/15 6-18/2 * * *', 'CRON_TZ=UTC 0 0 * * 0')
{
    is http(PUT => "$path/autostart",
            { as => 'alice', body => { schedule => $schedule } })->status,
       204, $schedule;
    is http(GET => $path, { as => 'alice' })->json->{autostart_schedule},
       $schedule;
}



=== TEST 8: turned off by null and by nothing
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');

for my $off (undef, '') {
    http(PUT => "$path/autostart",
         { as => 'alice', body => { schedule => '0 9 * * *' } });
    is http(PUT => "$path/autostart",
            { as => 'alice', body => { schedule => $off } })->status, 204;
    ok !exists http(GET => $path, { as => 'alice' })
       ->json->{autostart_schedule}, 'left out';
}



=== TEST 9: what is no schedule
--- as: alice
--- request eval
[map { "PUT /api/v2/workspaces/{{one.id}}/autostart\n{\"schedule\": $_}" }
     '"0 9 * *"', '"0 9 * * * *"', '"60 9 * * *"', '"0 24 * * *"',
     '"0 9 1 * *"', '"0 9 * 1 *"', '"0 9 * * 7"', '"0 9 * * XYZ"',
     '"CRON_TZ=Mars/Base 0 9 * * *"', '"CRON_TZ=../etc 0 9 * * *"',
     '"@daily"', '5', '["0 9 * * *"]']
--- error_code eval
[(400) x 13]
--- json eval
[("validations.0.field = \"schedule\"") x 13]



=== TEST 10: a TTL, rounded down to the minute
--- scenario
my $path = '/api/v2/workspaces/' . v('two.id');

for my $pair ([60000, 60000], [119999, 60000], [604800000, 604800000],
              [604859999, 604800000], [3600001, 3600000])
{
    is http(PUT => "$path/ttl",
            { as => 'alice', body => { ttl_ms => $pair->[0] } })->status, 204;
    is http(GET => $path, { as => 'alice' })->json->{ttl_ms}, $pair->[1];
}



=== TEST 11: turned off by null and by 0
--- scenario
my $path = '/api/v2/workspaces/' . v('two.id');

for my $off (undef, 0) {
    http(PUT => "$path/ttl", { as => 'alice', body => { ttl_ms => 60000 } });
    is http(PUT => "$path/ttl", { as => 'alice', body => { ttl_ms => $off } })
       ->status, 204;
    ok !exists http(GET => $path, { as => 'alice' })->json->{ttl_ms},
       'left out';
}



=== TEST 12: what is no TTL
--- as: alice
--- request eval
[map { "PUT /api/v2/workspaces/{{two.id}}/ttl\n{\"ttl_ms\": $_}" }
     1, 59999, -1, -60000, 604860000, 9223372036854775807, '"1h"', 1.5, 'true',
     '[]']
--- error_code eval
[(400) x 10]
--- json eval
[("validations.0.field = \"ttl_ms\"") x 10]



=== TEST 13: a build that is not finished has no deadline to move
--- as: alice
--- request
PUT /api/v2/workspaces/{{one.id}}/extend
{"deadline": "2099-01-01T00:00:00Z"}
--- error_code: 409
--- json
message = /./



=== TEST 14: the deadline of a start is its end and the TTL
--- scenario
wsctl(qw(job finish), v("$_.job")) for qw(one two);

my $b = http(GET => '/api/v2/workspaces/' . v('one.id'), { as => 'alice' })
        ->json->{latest_build};

is iso_ms($b->{deadline}) - iso_ms($b->{job}{completed_at}), 3600000;

sub iso_ms {
    my ($s, $ms) = $_[0] =~ /^(\S+?)\.(\d+)Z$/;
    require Time::Piece;
    return Time::Piece->strptime($s, '%Y-%m-%dT%H:%M:%S')->epoch * 1000 + $ms;
}



=== TEST 15: a new TTL does not move the deadline of the running build
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');
my $before = http(GET => $path, { as => 'alice' })->json->{latest_build};

is http(PUT => "$path/ttl", { as => 'alice', body => { ttl_ms => 120000 } })
   ->status, 204;
is http(GET => $path, { as => 'alice' })->json->{latest_build}{deadline},
   $before->{deadline};



=== TEST 16: extended, any offset and fraction, earlier too
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');

for my $pair (['2099-01-01T00:00:00Z', '2099-01-01T00:00:00.000Z'],
              ['2098-06-01T12:30:00.123456789+02:00',
               '2098-06-01T10:30:00.123Z'])
{
    my $r = http(PUT => "$path/extend",
                 { as => 'alice', body => { deadline => $pair->[0] } });

    is $r->status, 200;
    ok length $r->json->{message}, 'with a message';
    is http(GET => $path, { as => 'alice' })->json->{latest_build}{deadline},
       $pair->[1];
}



=== TEST 17: at least 30 minutes away, with a minute of grace
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id') . '/extend';
my $at = sub {
    my @t = gmtime(time + $_[0]);
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1,
                   @t[3, 2, 1, 0];
};

for my $case ([28 * 60, 400], [-3600, 400], [29 * 60 + 30, 200],
              [31 * 60, 200])
{
    my $r = http(PUT => $path,
                 { as => 'alice', body => { deadline => $at->($case->[0]) } });

    is $r->status, $case->[1], "$case->[0] s";
    is $r->json->{validations}[0]{field}, 'deadline' if $case->[1] == 400;
}



=== TEST 18: required, and the zero time counts as missing
--- as: alice
--- request eval
[map { "PUT /api/v2/workspaces/{{one.id}}/extend\n$_" }
     '{}', '{"deadline": null}', '{"deadline": "0001-01-01T00:00:00Z"}',
     '{"deadline": "tomorrow"}', '{"deadline": 5}',
     '{"deadline": "2099-02-30T00:00:00Z"}', '{"deadline": "2099-01-01"}']
--- error_code eval
[(400) x 7]
--- json eval
[("validations.0.field = \"deadline\"") x 7]



=== TEST 19: no deadline, no extension
--- as: alice
--- request
PUT /api/v2/workspaces/{{two.id}}/extend
{"deadline": "2099-01-01T00:00:00Z"}
--- error_code: 409
--- json
message = /./



=== TEST 20: nor for a build that is no start
--- scenario
my $path = '/api/v2/workspaces/' . v('one.id');
my $r = http(POST => "$path/builds",
             { as => 'alice', body => { transition => 'stop' } });

is $r->status, 201;
is http(PUT => "$path/extend",
        { as => 'alice', body => { deadline => '2099-01-01T00:00:00Z' } })
   ->status, 409, 'while it stops';

wsctl(qw(job finish), $r->json->{job}{id});

is http(PUT => "$path/extend",
        { as => 'alice', body => { deadline => '2099-01-01T00:00:00Z' } })
   ->status, 409, 'when it has stopped';
is http(GET => $path, { as => 'alice' })->json->{latest_build}{status},
   'stopped';



=== TEST 21: a deleted workspace is not renamed, nor changed
--- scenario
my $path = '/api/v2/workspaces/' . v('two.id');

is http(POST => "$path/builds",
        { as => 'admin', body => { transition => 'delete',
                                   orphan => \1 } })->status, 201;

my $coder = start_node(name => 'coder',
                       location => 'workspace_dialect coder;');

for my $case ([node(), 'published', 404], [$coder, 'coder', 410]) {
    my ($node, $dialect, $gone) = @$case;
    my %as = (as => 'alice');

    is http($node, GET => $path, \%as)->status, $gone, "$dialect: read";
    is http($node, GET => "$path/watch", \%as)->status, $gone,
       "$dialect: watch";
    is http($node, PATCH => $path, { %as, body => { name => 'three' } })
       ->status, 405, "$dialect: rename";
    is http($node, PUT => "$path/ttl", { %as, body => { ttl_ms => 60000 } })
       ->status, $gone, "$dialect: ttl";
    is http($node, PUT => "$path/autostart",
            { %as, body => { schedule => '0 9 * * *' } })->status, $gone,
       "$dialect: autostart";
    is http($node, PUT => "$path/extend",
            { %as, body => { deadline => '2099-01-01T00:00:00Z' } })
       ->status, 409, "$dialect: extend";
}

is wsctl('check'), '', 'all invariants hold';



=== TEST 22: many changes at once, none is lost
--- scenario
my $b = start_node(name => 'b');
my @nodes = (node('main'), $b);
my $path = '/api/v2/workspaces/' . v('one.id');
my ($v) = redis_cmd('HGET', key('w', v('one.id')), 'v');

my @all = http_all(map { [ $nodes[$_ % 2], PUT => "$path/ttl",
                           { as => 'alice',
                             body => { ttl_ms => 60000 * $_ } } ] } 1 .. 20);

my $ok = grep { $_->status == 204 } @all;
my $busy = grep { $_->status == 503 } @all;

is $ok + $busy, 20, 'done, or told to try again';
cmp_ok $ok, '>=', 10, 'most are done';
is redis_cmd('HGET', key('w', v('one.id')), 'v') - $v, $ok,
   'one version each';
