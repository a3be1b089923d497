# Listing: every filter, in both ways to give it; order, pages, counts; what
# of it a caller may see; listings too long to be held in memory.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Later;
use WorkspaceTest::Life;
use WorkspaceTest::Talk;

use List::Util qw(min);
use Socket ();
use Time::HiRes ();


# the answer to a query, given as pairs

sub ask {
    my ($as, @pairs) = @_;

    my @query;

    while (my ($name, $value) = splice @pairs, 0, 2) {
        $value =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
        push @query, "$name=$value";
    }

    return http(GET => '/api/v2/workspaces?' . join('&', @query),
                { as => $as });
}


# the names, in their order, and that count is their number

sub names {
    my (@ask) = @_;

    my $r = ask(@ask);

    return $r->status . ' ' . $r->body if $r->status != 200;

    my @names = map { $_->{name} } @{ $r->json->{workspaces} };

    return 'count is ' . $r->json->{count} if $r->json->{count} != @names;
    return "@names";
}


# a, b-1, b-2, b-3 as "a b-1..3"

sub ranges {
    my ($out, $before, $last) = ('', '', 0);

    for my $name (@_) {
        my ($base, $n) = $name =~ /^(.*-)(\d+)$/ ? ($1, $2) : ($name, 0);

        if ($n && $base eq $before && $n == $last + 1) {
            $out =~ s/(?:\.\.\d+)?$/..$n/;

        } else {
            $out .= ($out eq '' ? '' : ' ') . $name;
        }

        ($before, $last) = ($base, $n);
    }

    return $out;
}


# which parameter a refusal names

sub refused {
    my (@ask) = @_;

    my $r = ask(@ask);

    return $r->status if $r->status != 400;
    return join ' ', map { $_->{field} } @{ $r->json->{validations} };
}


# the sets of a live workspace: that of all there are in its shard; every one

sub all { shard_key('live:all', $_[0]{id}) }

sub sets {
    my ($w) = @_;

    my ($owner, $org, $template, undef, $status)
        = split ' ', redis_cmd('HGET', key('w', $w->{id}), 'm');

    return map { shard_key("live:$_", $w->{id}) }
           'all', "owner:$owner", "org:$org", "oo:$owner:$org",
           "template:$template", "status:$status";
}


# Copies a workspace, many times, as commits would have stored them: each used
# a millisecond before the one before it, and longer by a resource.  One
# script, as thousands of requests take too long.

sub copies {
    my ($w, $n, $prefix, $pad) = @_;

    my $script = <<'EOC';
local id, prefix, n, pad = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local doc = redis.call('HMGET', ARGV[6] .. id, 'v', 'm', 'd', 'p')
local score, sets = tonumber(ARGV[5]), {}
for k = 7, #ARGV do sets[#sets + 1] = ARGV[k] end
for i = 1, n do
    local new = string.format('%s%012x', string.sub(id, 1, 24), i)
    local d = string.gsub(doc[3], id, new)
    d = string.gsub(d, '"name":"[^"]*"', '"name":"' .. prefix .. i .. '"', 1)
    if #pad > 0 then
        d = string.gsub(d, '"resources":%[', '%0' .. pad .. ',')
    end
    redis.call('HSET', ARGV[6] .. new, 'v', doc[1], 'm', doc[2], 'd', d,
               'p', doc[4])
    for _, set in ipairs(sets) do
        redis.call('ZADD', set, score + i, prefix .. i .. ' ' .. new)
    end
end
EOC

    redis_cmd('EVAL', $script, 0, $w->{id}, $prefix, $n, $pad // '',
              redis_cmd('ZSCORE', all($w), lc($w->{name}) . " $w->{id}"),
              shard_key('w:', $w->{id}), sets($w));
}


# a resource that makes a document longer

sub pad {
    my ($size) = @_;

    my $id = uuid();

    return '{"created_at":"2026-01-01T00:00:00.000Z","daily_cost":0,'
           . '"hide":false,"icon":"","id":"' . $id . '","job_id":"' . $id
           . '","name":"r","type":"t","workspace_transition":"start",'
           . '"metadata":[{"key":"k","sensitive":false,"value":"'
           . 'v' x $size . '"}]}';
}


run_tests();

__DATA__

=== TEST 1: nothing yet
--- as: alice
--- request
GET /api/v2/workspaces
--- response_body chomp
{"count":0,"workspaces":[]}
--- response_headers
Content-Type: application/json; charset=utf-8
Content-Length: 27



=== TEST 2: newest first, each as it is by itself
--- scenario
my %made = (
    a => { name => 'Api', as => 'alice' },
    b => { name => 'web-Dev', as => 'alice', template => 'k8s' },
    c => { name => 'api-2', as => 'bob' },
    d => { name => 'dev', as => 'carol', org => 'globex', template => 'vm' },
    e => { name => 'site', as => 'orgadmin' },
);

for my $key (sort keys %made) {
    my $w = create(%{ $made{$key} });

    v($key, $w);

    # not in one millisecond, by the clocks of two workers

    wait_for { now_ms() > ms($w->{last_used_at}) + 5 };
}

is names('alice'), 'web-Dev Api';
is names('bob'), 'api-2';
is names('admin'), 'site dev api-2 web-Dev Api';

my $list = ask('admin')->json->{workspaces};

is_deeply $list, [ map { show($_) } @$list ], 'the whole workspace, always';
is $list->[3]{template_display_name}, 'Kubernetes';

# of equal times the name decides, without case, and then the id

for my $all (shard_keys('live:all')) {
    redis_cmd('ZADD', $all, -1000, $_)
        for @{ redis_cmd('ZRANGE', $all, 0, -1) };
}

is names('admin'), 'Api api-2 dev site web-Dev', 'by name';

for my $w (v('c'), v('d')) {
    redis_cmd('ZADD', all($w), -1000, "api $w->{id}");
    redis_cmd('ZREM', all($w), "$w->{name} $w->{id}");
}

my @ids = map { $_->{id} } @{ ask('admin')->json->{workspaces} };
my @same = sort map { v($_)->{id} } qw(a c d);

is "@ids[0 .. 2]", "@same", 'by id';

redis_cmd('ZREM', all($_), "api $_->{id}") for v('c'), v('d');

my $n = -1000;
redis_cmd('ZADD', all($_), --$n, lc($_->{name}) . " $_->{id}")
    for map { v($_) } 'a' .. 'e';

is names('admin'), 'site dev api-2 web-Dev Api';



=== TEST 3: owner
--- scenario
is names('admin', owner => 'alice'), 'web-Dev Api';
is names('admin', owner => 'ALICE'), 'web-Dev Api', 'without case';
is names('alice', owner => 'me'), 'web-Dev Api';
is names('alice', owner => 'Me'), 'web-Dev Api';
is names('alice', owner => 'alice'), 'web-Dev Api';
is names('admin', owner => 'me'), '';
is names('admin', owner => 'nobody'), '', 'no such user';
is names('admin', owner => 'not a name'), '';
is names('admin', owner => ''), 'site dev api-2 web-Dev Api', 'not given';



=== TEST 4: template
--- scenario
is names('admin', template => 'docker'), 'site api-2 Api';
is names('admin', template => 'DOCKER'), 'site api-2 Api', 'without case';
is names('admin', template => 'k8s'), 'web-Dev';
is names('alice', template => 'docker'), 'Api';
is names('admin', template => 'params'), '', 'nothing made of it';
is names('admin', template => 'none'), '', 'no such template';
is names('admin', template => 'dock'), '', 'not a part of its name';

# two organizations may have templates of one name

my $t = wsctl(qw(template create --org globex docker));
wsctl(qw(version create v1 --promote --template), $t);
v('docker-g.id', $t);

my $w = create(name => 'far', as => 'carol', org => 'globex',
               template => 'docker-g');

is names('admin', template => 'docker'), 'far site api-2 Api';
is names('carol', template => 'docker'), 'far';
is names('alice', template => 'docker'), 'Api';
is names('admin', template => 'docker', limit => 2, name => 'a'),
   'count is 3';

report(acquire($w), 'complete');
build($w, 'delete');
report(acquire($w), 'complete');

is names('admin', template => 'docker'), 'site api-2 Api';



=== TEST 5: a part of the name
--- scenario
is names('admin', name => 'api'), 'api-2 Api';
is names('admin', name => 'API'), 'api-2 Api', 'without case';
is names('admin', name => 'dev'), 'dev web-Dev';
is names('admin', name => 'b-d'), 'web-Dev';
is names('admin', name => 'web-dev'), 'web-Dev';
is names('admin', name => 'web-dev-'), '';
is names('admin', name => ' '), '', 'no name has a blank';
is names('admin', name => 'a' x 40), '', 'nor so many characters';
is names('admin', name => v('a')->{id}), '', 'an id is no name';
is names('bob', name => 'dev'), '';



=== TEST 6: status
--- timeout: 60
--- scenario
my %is;

$is{pending} = create(name => 's-pending');

$is{starting} = create(name => 's-starting');
acquire($is{starting});

($is{running}) = started(name => 's-running');

$is{stopping} = (started(name => 's-stopping'))[0];
build($is{stopping}, 'stop');
acquire($is{stopping});

$is{stopped} = stopped(name => 's-stopped');

$is{failed} = create(name => 's-failed');
report(acquire($is{failed}), 'fail', error => 'no');

$is{canceling} = create(name => 's-canceling');
acquire($is{canceling});
http(PATCH => "/api/v2/workspacebuilds/$is{canceling}{latest_build}{id}"
              . '/cancel', { as => 'alice' });

$is{deleting} = (started(name => 's-deleting'))[0];
build($is{deleting}, 'delete');
acquire($is{deleting});

$is{deleted} = (started(name => 's-deleted'))[0];
build($is{deleted}, 'delete');
report(acquire($is{deleted}), 'complete');

# acquiring fails what waits before: the pending ones come last

$is{canceled} = create(name => 's-canceled');
http(PATCH => "/api/v2/workspacebuilds/$is{canceled}{latest_build}{id}"
              . '/cancel', { as => 'alice' });

$is{pending} = create(name => 's-pending-2');

for my $status (sort keys %is) {
    is show($is{$status})->{latest_build}{status}, $status, $status;

    my @ids = map { $_->{id} }
                  @{ ask('alice', status => $status, name => 's-')
                     ->json->{workspaces} };

    my %seen = map { ($_ => 1) } @ids;

    ok delete $seen{ $is{$status}{id} }, "$status: it is listed";
    ok !$seen{ $is{$_}{id} }, "$status: not $_"
        for grep { $_ ne $status } keys %is;
}

like names('alice', status => 'STOPPED'), qr/^s-stopped$/, 'without case';

# otherwise deleted ones are left out

unlike names('alice'), qr/s-deleted/;
is names('alice', status => 'deleted'), 's-deleted';
is names('alice', status => 'deleted', name => 'DELETED'), 's-deleted';
is names('alice', status => 'deleted', name => 'stopped'), '';
is names('alice', status => 'deleted', template => 'docker'), 's-deleted';
is names('alice', status => 'deleted', template => 'k8s'), '';
is names('bob', status => 'deleted'), '', 'of others';
is names('bob', status => 'deleted', owner => 'alice'), '';
is names('admin', status => 'deleted'), 's-deleted far';
is names('admin', status => 'deleted', owner => 'alice'), 's-deleted';
is names('orgadmin', status => 'deleted'), 's-deleted';

is refused('alice', status => $_), 'status', "no status: $_"
    for 'odd', 'run', 'running ', 'running,stopped';



=== TEST 7: has_agent: any agent, of a latest build that is a start
--- timeout: 60
--- scenario
my ($w, $token) = started(name => 'h-two', agents => [
    { name => 'one', connection_timeout_seconds => 1 }, { name => 'two' },
]);

ok wait_for {
    names('alice', has_agent => 'timeout', name => 'h-') eq 'h-two'
} 10;

is names('alice', has_agent => 'connecting', name => 'h-'), 'h-two',
   'and another one';
is names('alice', has_agent => 'TimeOut', q => 'has-agent:connecting h-'),
   'h-two', 'both of them';
is names('alice', has_agent => 'connected', name => 'h-'), '';
is names('alice', has_agent => 'timeout', status => 'stopped'), '';

my ($x, $agent) = started(name => 'h-one');

is names('alice', has_agent => 'connecting', name => 'h-'), 'h-one h-two';
is agent($agent, 'heartbeat', version => '1')->status, 200;
is names('alice', has_agent => 'connected', name => 'h-'), 'h-one';
is names('alice', has_agent => 'connecting', name => 'h-'), 'h-two';
is names('bob', has_agent => 'connected', name => 'h-'), '';
is names('admin', has_agent => 'connected', owner => 'alice', name => 'h-'),
   'h-one';

build($x, 'stop');
is names('alice', has_agent => 'connected', name => 'h-'), '', 'a stop';

is names('alice', has_agent => 'timeout', status => 'deleted'), '';

is refused('alice', has_agent => $_), 'has_agent', "no such status: $_"
    for 'odd', 'running', 'connect';



=== TEST 8: q: a key and a value, several of them, in quotes
--- scenario
is names('admin', q => 'owner:bob'), 'api-2';
is names('admin', q => 'template:k8s'), 'web-Dev';
is names('admin', q => 'name:web'), 'web-Dev';
is names('bob', q => 'status:pending'), '';
is names('bob', q => 'status:failed'), 'api-2';
is names('bob', q => 'has-agent:connected'), '';

is names('admin', q => 'OWNER:Bob TEMPLATE:Docker'), 'api-2', 'without case';
is names('admin', q => '  owner:bob   name:api '), 'api-2';
is names('admin', q => 'owner:bob name:dev'), '', 'all must hold';
is names('alice', q => 'owner:me template:k8s'), 'web-Dev';

is names('admin', q => 'owner:"bob"'), 'api-2', 'quoted';
is names('admin', q => 'name:"a b"'), '', 'one value, with its blank';
is names('admin', q => 'owner:bob name:"a:b"'), '', 'and with its colon';
is names('admin', q => '"web-dev"'), 'web-Dev', 'a quoted word';
is names('admin', q => '"owner:bob"'), '', 'is a word';
is names('admin', q => 'owner:bob name:""'), 'api-2', 'an empty one: no filter';

is names('admin', q => 'web'), 'web-Dev', 'a bare word is a name';
is names('admin', q => 'api 2'), 'api-2', 'and so are two';
is names('admin', q => 'bob/api'), 'api-2', 'a/b: owner and name';
is names('alice', q => 'me/WEB'), 'web-Dev';
is names('admin', q => 'bob/web'), '';
is names('admin', q => ''), names('admin');



=== TEST 9: q that makes no sense
--- scenario
is refused('admin', q => $_), 'q', $_
    for 'a:b:c', 'owner:a:b', 'a/b/c', 'odd:x', ':x', 'owner:', 'a/', '/b',
        'name:"a', 'status:odd', 'has-agent:odd', 'has_agent:timeout';

is refused('admin', q => 'bob status:odd'), 'q';
is names('admin', q => 'name:"a:b:c/d/e"'), '', 'in quotes they are text';



=== TEST 10: a parameter and the same key in q must both hold
--- scenario
is names('admin', owner => 'bob', q => 'owner:bob'), 'api-2';
is names('admin', owner => 'bob', q => 'owner:alice'), '';
is names('bob', owner => 'me', q => 'owner:bob'), 'api-2', 'the same one';
is names('bob', owner => 'me', q => 'owner:alice'), '';
is names('admin', template => 'docker', q => 'template:k8s'), '';
is names('admin', name => 'dev', q => 'name:web'), 'web-Dev', 'both parts';
is names('bob', status => 'failed', q => 'status:failed'), 'api-2';
is names('bob', status => 'failed', q => 'status:running'), '';
is names('bob', status => 'failed', q => 'status:deleted'), '';
is names('admin', owner => 'bob', template => 'docker', name => 'api',
         status => 'failed'), 'api-2', 'all at once';
is names('admin', owner => 'bob', template => 'docker', name => 'api',
         status => 'stopped'), '';



=== TEST 11: limit and offset; count is of all
--- scenario
sub page {
    my ($as, @ask) = @_;

    my $json = ask($as, @ask)->json;

    return join ' ', (map { $_->{name} } @{ $json->{workspaces} }),
                     "of $json->{count}";
}

is page('admin', name => 'dev'), 'dev web-Dev of 2';
is page('admin', name => 'dev', limit => 1), 'dev of 2';
is page('admin', name => 'dev', limit => 1, offset => 1), 'web-Dev of 2';
is page('admin', name => 'dev', offset => 1), 'web-Dev of 2';
is page('admin', name => 'dev', limit => 5), 'dev web-Dev of 2';
is page('admin', name => 'dev', offset => 2), 'of 2';
is page('admin', name => 'dev', limit => 3, offset => 100), 'of 2';
is page('admin', name => 'dev', limit => 0), 'dev web-Dev of 2', '0: all';
is page('admin', name => 'dev', limit => '', offset => ''),
   'dev web-Dev of 2', 'not given';
is page('bob', limit => 1, offset => 1), 'of 1', 'by rank';
is page('bob', limit => 1), 'api-2 of 1';
is page('carol', offset => 1), 'of 1';
is page('admin', owner => 'bob', status => 'failed', limit => 1),
   'api-2 of 1';

for my $name (qw(limit offset)) {
    is refused('admin', $name => $_), $name, "$name=$_"
        for '-1', 'x', '1.5', '1e3', '+1', ' 1', '0x10', '99999999999';
}



=== TEST 12: only what may be read is matched or counted
--- scenario
my %own = (bob => 'api-2', carol => 'dev', orgadmin => 'site');

for my $who (qw(bob carol)) {
    is names($who), $own{$who}, $who;
    is names($who, owner => 'me'), $own{$who};
    is names($who, owner => 'alice'), '', 'of somebody else';
    is names($who, name => 'api'), $who eq 'bob' ? 'api-2' : '';
    is names($who, template => 'k8s'), '';
}

is names($_), '', $_ for qw(auditor usermgr);

is names($_, name => 'dev'), 'dev web-Dev', "$_ reads all"
    for qw(admin tplmgr);

is names('orgadmin', name => 'dev'), 'web-Dev', 'of the organization';
is names('orgadmin', owner => 'carol'), '';
is names('orgadmin', owner => 'bob'), 'api-2';
is names('orgadmin', owner => 'me'), 'site';
like names('orgadmin'), qr/^(?:s-|h-).* site api-2 web-Dev Api$/,
     'and his own, once';
is names('gadmin'), 'dev';
is names('gadmin', owner => 'alice'), '';
is names('gadmin', owner => 'carol'), 'dev';
is names('gadmin', template => 'docker', status => 'deleted'), 'far';

is http(GET => '/api/v2/workspaces')->status, 401, 'nobody';



=== TEST 13: HEAD: as GET, without the documents
--- scenario
my $r = http(HEAD => '/api/v2/workspaces', { as => 'alice' });

is $r->status, 200;
is $r->body, '';
is http(HEAD => '/api/v2/workspaces?limit=x', { as => 'alice' })->status, 400;
is http(HEAD => '/api/v2/workspaces')->status, 401;



=== TEST 14: what ceased to belong to it meanwhile is left out, and not counted
--- scenario
my $key = key('w', v('c')->{id});
my $m = redis_cmd('HGET', $key, 'm');

# the index is as it was found, the document as it is fetched

redis_cmd('HSET', $key, 'm', $m =~ s/ \w+$/ running/r);
is names('bob', status => 'failed'), '', 'another status';
is names('bob'), 'api-2', 'which does not matter here';

redis_cmd('HSET', $key, 'm', $m =~ s/ \w+$/ deleted/r);
is names('bob'), '', 'deleted';

redis_cmd('HSET', $key, 'm', $m);
is names('bob', status => 'failed'), 'api-2';

# gone altogether: one of several

redis_cmd('RENAME', $key, 'aside');
is names('admin', name => 'api'), 'Api';
redis_cmd('RENAME', 'aside', $key);
is names('admin', name => 'api'), 'api-2 Api';



=== TEST 15: one broken document does not break a listing
--- scenario
my $key = key('w', v('c')->{id});
my $m = redis_cmd('HGET', $key, 'm');

redis_cmd('HSET', $key, 'm', 'nonsense');
is names('admin', name => 'api'), 'Api';
ok node()->log(qr/broken document/), 'it is logged';

my $none = uuid();
redis_cmd('HSET', $key, 'm', join ' ', (split ' ', $m)[0, 1], $none,
          (split ' ', $m)[3, 4]);
is names('admin', name => 'api'), 'Api', 'of a template that is missing';
ok node()->log(qr/its template "$none" is missing/), 'it is logged';

redis_cmd('HSET', $key, 'm', $m);
is names('admin', name => 'api'), 'api-2 Api';



=== TEST 16: nor do members of an index that are none, however many
--- scenario
my $all = all(v('c'));

redis_cmd('ZADD', $all, map { (-8e15, "junk-$_") } 1 .. 1200);

my $names = names('admin');

like $names, qr/site dev api-2 web-Dev Api$/;
is names('admin', name => 'api'), 'api-2 Api';

for my $offset (0, 3, 700) {
    is ask('admin', limit => 1, offset => $offset)->status, 200,
       "a page at $offset";
}

redis_cmd('ZREMRANGEBYSCORE', $all, -8e15, -8e15);
is names('admin'), $names;



=== TEST 17: templates are shown as they are now
--- scenario
wsctl(qw(template edit), v('docker.id'), '--display-name', 'Docker "2"');

ok wait_for {
    ask('bob')->json->{workspaces}[0]{template_display_name} eq 'Docker "2"'
} 10;

wsctl(qw(version promote), v('docker.v2.id'));

ok wait_for { ask('bob')->json->{workspaces}[0]{outdated} } 10;
ok !ask('alice', name => 'web')->json->{workspaces}[0]{outdated};



=== TEST 18: a long one is sent in pieces, and is whole
--- timeout: 60
--- scenario
my ($w) = started(name => 'copied', as => 'usermgr', agents => []);

v('copied', $w);
copies($w, 1700, 'copy-');

# each once, and in order

my $r = ask('admin', owner => 'usermgr');

is $r->header('transfer-encoding'), 'chunked';
is names_of($r), 'copied copy-1..1700 of 1701';
is names_of(ask('usermgr', name => 'copy-')), 'copy-1..1700 of 1700';
is names_of(ask('usermgr', status => 'running', template => 'docker')),
   'copied copy-1..1700 of 1701', 'of several terms';
is names_of(ask('usermgr', name => '-17')),
   'copy-17 copy-170..179 copy-1700 of 12';

is names_of(ask('usermgr', limit => 650, offset => 5)),
   'copy-5..654 of 1701', 'a long page';
is names_of(ask('usermgr', limit => 10, offset => 1695)),
   'copy-1695..1700 of 1701', 'the last page';
is names_of(ask('usermgr', name => 'copy', limit => 2, offset => 1500)),
   'copy-1501..1502 of 1700', 'a page of what is filtered';
is names_of(ask('usermgr', name => 'copy', offset => 1600)),
   'copy-1601..1700 of 1700', 'a long one, but for its beginning';

sub names_of {
    my $json = $_[0]->json;

    return ranges(map { $_->{name} } @{ $json->{workspaces} })
           . " of $json->{count}";
}

is http(HEAD => '/api/v2/workspaces', { as => 'usermgr' })->status, 200;

# those of two owners take turns; the second one sees his own in two ways

my ($more) = started(name => 'more', as => 'orgadmin', agents => []);

v('more', $more);
copies($more, 700, 'more-');

my @in_order = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map {
    my ($w, $prefix, $n) = @$_;
    my $score = redis_cmd('ZSCORE', all($w), "$w->{name} $w->{id}");

    # copies have whole milliseconds; of equal ones the name decides

    map { [ $score + $_ + ($prefix eq 'more-') / 2, "$prefix$_" ] } 1 .. $n;
} [ $w, 'copy-', 1700 ], [ $more, 'more-', 700 ];

for my $as (qw(admin orgadmin)) {
    my @got = grep { /^(?:copy|more)-\d/ }
              map { $_->{name} } @{ ask($as)->json->{workspaces} };

    ok "@got" eq "@in_order", "$as sees them in their order";
}



=== TEST 19: more at once than Redis is asked for at a time
--- timeout: 60
--- scenario
my $node = start_node(name => 'one', workers => 1, http_config =>
    'workspace_redis ' . v('redis.url') . ' read_timeout=30s;');

# all begin together

redis_stop;

my @all = map {
    http_later($node, GET => '/api/v2/workspaces?owner=usermgr&limit=200',
               { as => 'usermgr', validate => 0 })
} 1 .. 400;

redis_cont;

my %seen;

for (@all) {
    my $r = $_->answer(60);
    my $n = () = $r->body =~ /"latest_build":/g;

    $seen{join ' ', $r->status, $n, $r->error // 'whole'}++;
}

is_deeply \%seen, { '200 200 whole' => 400 };
is $node->log(qr/ends early/), '';



=== TEST 20: while workspaces are used, each is there exactly once
--- timeout: 60
--- scenario
# they move to the front, behind the back of whoever reads

my $script = <<'EOC';
local n = tonumber(ARGV[1])
for k = 1, n do
    local i = math.random(tonumber(ARGV[5]))
    local m = ARGV[4] .. i .. ' ' .. string.format('%s%012x', ARGV[2], i)
    for s = 6, #ARGV do
        redis.call('ZADD', ARGV[s], ARGV[3], m)
    end
end
EOC

my @copies = map { [ @$_, sets($_->[0]) ] } [ v('copied'), 'copy-', 1700 ],
                                            [ v('more'), 'more-', 700 ];

for my $case (['usermgr', ''], ['admin', '?name=o'],
              ['admin', '?status=running&template=docker&name=o'],
              ['orgadmin', '?name=o'], ['usermgr', '?limit=5000'])
{
    my ($missing, $twice) = (0, 0);

    for my $round (1 .. 4) {
        my $sock = slow_client("/api/v2/workspaces$case->[1]", $case->[0]);
        my $in = '';

        $sock->blocking(0);

        # a thousand a second, as far as this machine goes

        for (my $used = Time::HiRes::time(); ; ) {
            my $n = min(int(1000 * (Time::HiRes::time() - $used)), 20);

            my ($w, $prefix, $last, @sets) = @{ $copies[rand @copies] };

            redis_cmd('EVAL', $script, 0, $n, substr($w->{id}, 0, 24),
                      -now_ms(), $prefix, $last, @sets);
            $used = Time::HiRes::time() if $n;

            $n = sysread $sock, $in, 65536, length $in;
            last if defined $n && $n == 0;

            die "read: $!" if !defined $n && !$!{EAGAIN};
        }

        like $in, qr/\r\n0\r\n\r\n\z/, "@$case, $round: it is whole";

        $in =~ s/\A.*?\r\n\r\n//s;

        my ($body, $at) = ('', 0);

        while (substr($in, $at, 20) =~ /\A([0-9a-f]+)\r\n/) {
            $at += length($1) + 2;
            $body .= substr $in, $at, hex $1;
            $at += 2 + hex $1;
        }

        my %seen;

        $seen{ $_->{name} }++ for @{ WorkspaceTest::Http::decode($body)->{workspaces} };

        for ($case->[0] eq 'usermgr' ? $copies[0] : @copies) {
            my (undef, $prefix, $last) = @$_;

            $missing += grep { !$seen{"$prefix$_"} } 1 .. $last;
        }

        $twice += grep { $_ > 1 } values %seen;
    }

    is "$missing missing, $twice twice", '0 missing, 0 twice', "@$case";
}



=== TEST 21: Redis does not answer: 503, or no end
--- timeout: 60
--- http_config
workspace_redis {{redis.url}} read_timeout=1s;
--- alerts
--- scenario
copies(v('copied'), 400, 'long-', pad(40_000));

my $sock = slow_client('/api/v2/workspaces?name=long-', 'usermgr');
my $in = '';

sysread $sock, $in, 4096;
like $in, qr/^HTTP\/1.1 200 /, 'it has begun';

redis_stop();
$in .= read_all($sock);
redis_cont();

unlike $in, qr/\r\n0\r\n\r\n\z/, 'a client sees that it is not whole';
cmp_ok length $in, '<', 400 * 40_000, 'nor is it';
ok node()->log(qr/a listing ends early/), 'it is logged';

redis_stop();

for my $query ('', '?limit=1', '?name=o&status=running', '?template=docker',
               '?owner=bob')
{
    my $r = http(GET => "/api/v2/workspaces$query", { as => 'admin' });

    is $r->status, 503, "503: $query";
    is $r->header('retry-after'), 1;
}

redis_cont();

ok wait_for {
    http(GET => '/api/v2/workspaces?limit=1', { as => 'bob' })->status == 200
} 10;



=== TEST 22: a slow client costs no more memory; one that stalls is given up
--- timeout: 60
--- location
send_timeout 1s;
--- scenario
my ($peak, %idle) = (0);

# each worker has its connections and has answered something

is ask('usermgr', name => 'long-', limit => 10)->status, 200 for 1 .. 20;

for my $pid (node()->workers) {
    $idle{$pid} = node()->memory($pid)->{Rss};
}

my $sock = slow_client('/api/v2/workspaces?name=long-', 'usermgr');

# the server's and the client's buffers fill up, then nothing moves for 1 s

my $over = wait_for {
    for my $pid (keys %idle) {
        my $more = node()->memory($pid)->{Rss} - $idle{$pid};
        $peak = $more if $more > $peak;
    }

    node()->log(qr/client timed out/);
} 20;

ok $over, 'it is given up';
cmp_ok $peak, '<', 4 * 1024 * 1024, 'of 16 MB little is in the worker'
    if !$ENV{WORKSPACE_SANITIZED};
unlike read_all($sock), qr/\r\n0\r\n\r\n\z/, 'not the whole';



=== TEST 23: a client that goes away
--- timeout: 60
--- scenario
for my $bytes (0, 1, 1000, 100_000, 1_000_000) {
    my $sock = slow_client('/api/v2/workspaces?name=long-', 'usermgr');
    my $in = '';

    while (length $in < $bytes) {
        sysread $sock, $in, 4096, length $in or die "read: $!";
    }

    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'ii', 1, 0;
    close $sock;
}

my $r = ask('usermgr', name => 'long-');

is $r->json->{count}, 400, 'others are served';
is scalar @{ $r->json->{workspaces} }, 400;
