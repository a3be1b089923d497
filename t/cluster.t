
# Redis Cluster: commits, listings, watching and jobs over shards on several
# nodes; a slot that moves and a primary that dies under requests.

use lib 't/lib';
use WorkspaceTest seed => 'none';
use WorkspaceTest::Acl;
use WorkspaceTest::Cluster;
use WorkspaceTest::Later;
use WorkspaceTest::Life;

# blocks see these

use vars qw($cluster @users %made);

$cluster = cluster(
    shards => 16,
    users  => [ [qw(nginx cluster:// workspace_wait)],
                [qw(wsctl cluster://)] ],
);
@users = map { "user$_" } 1 .. 12;


# a workspace of each user: their names by id

sub make_all {
    for my $user (@users) {
        v("$user.id", wsctl(qw(user create), $user, qw(--org acme)));
        v("$user.token", wsctl(qw(token create), $user));

        my $w = create(name => "w-$user", as => $user);

        $made{$w->{id}} = { name => $w->{name}, as => $user };
    }
}


sub listed {
    my ($query) = @_;

    my $r = http(GET => "/api/v2/workspaces?$query", { as => 'admin' });

    return $r->status == 200 ? $r->json
                             : { count => $r->status, workspaces => [] };
}


sub rename_one {
    my ($id, $name) = @_;

    my $r = http(PATCH => "/api/v2/workspaces/$id",
                 { as => $made{$id}{as}, body => { name => $name } });

    $made{$id}{name} = $name if $r->status == 204;

    return $r->status;
}


# reads one: '' when it is right, else what it is

sub wrong {
    my ($id) = @_;

    my $r = http(GET => "/api/v2/workspaces/$id", { as => $made{$id}{as} });

    return $r->status if $r->status != 200;
    return $r->json->{name} eq $made{$id}{name} ? '' : $r->json->{name};
}


sub check {
    my ($status, $out, $err) = wsctl_run('check');

    is $out, '', 'nothing is wrong with the store';
    like $err, qr/all is as it has to be/;
    is $status, 0;

    is denied($_, $cluster->alive), '', "nothing was refused to $_"
        for qw(nginx wsctl);
}


run_tests();

__DATA__

=== TEST 1: workspaces live on all nodes, and are found by id, name and list
--- scenario
make_all();

my %nodes = map { $cluster->home($_)->port => 1 } keys %made;

cmp_ok scalar(keys %nodes), '>', 1, 'they are on several nodes';

is join(',', grep { wrong($_) ne '' } keys %made), '', 'each is read by id';

for my $id (keys %made) {
    my ($as, $name) = @{ $made{$id} }{qw(as name)};
    my $r = http(GET => "/api/v2/users/me/workspace/$name", { as => $as });

    is $r->json->{id}, $id, "$name is found by its name";
}

my $all = listed('');

is $all->{count}, scalar(keys %made), 'all are counted';
is join(',', sort map { $_->{id} } @{ $all->{workspaces} }),
   join(',', sort keys %made), 'all are listed, each once';

my @order = map { $_->{last_used_at} } @{ $all->{workspaces} };

is "@order", join(' ', reverse sort @order), 'the one used last is first';



=== TEST 2: pages, filters and changes over shards
--- scenario
my @pages = map { @{ listed("limit=5&offset=$_")->{workspaces} } } 0, 5, 10;

is join(',', map { $_->{id} } @pages),
   join(',', map { $_->{id} } @{ listed('')->{workspaces} }),
   'pages make the list';

is listed('limit=5&offset=10')->{count}, scalar(keys %made);
is listed('name=w-user1')->{count}, 4, 'user1, 10, 11, 12';
is listed('owner=user3')->{count}, 1;
is listed('status=pending&template=docker&name=user')->{count},
   scalar(keys %made), 'several filters, answered by all nodes';

# every other one once a replica has it

my $w = start_node(name => 'w', workers => 1,
                   http_config => $cluster->conf . 'workspace_wait 1 5s;');
my $n = 0;

for my $id (keys %made) {
    my $name = $made{$id}{name} . '-x';

    is http(($n++ % 2 ? $w : ()), PATCH => "/api/v2/workspaces/$id",
            { as => $made{$id}{as}, body => { name => $name } })->status,
       204;

    $made{$id}{name} = $name;
}

cmp_ok $cluster->calls('wait'), '>', 0;
ok $w->quit;

is listed('name=-x')->{count}, scalar(keys %made);
is join(',', grep { wrong($_) ne '' } keys %made), '';



=== TEST 3: watching: whatever node a workspace is on, and whoever changes it
--- scenario
my $b = start_node(name => 'b');
my %watch;

for my $id (keys %made) {
    $watch{$id} = sse_open($b, "/api/v2/workspaces/$id/watch",
                           { as => $made{$id}{as} });
    ok $watch{$id}->wait_event(10, sub { $_->{event} eq 'data' });
}

cmp_ok scalar(map { @{ $_->cmd('PUBSUB', 'SHARDCHANNELS') } }
              $cluster->primaries), '>=', scalar(keys %made),
       'channels are sharded';

for my $id (keys %made) {
    my $name = $made{$id}{name} . 'y';

    is rename_one($id, $name), 204;
    ok $watch{$id}->wait_event(10, sub { $_->{event} eq 'data'
                                         && $_->{json}{name} eq $name }),
       "$name is told";
}



=== TEST 4: a provisioner gets the jobs of all shards; logs are followed
--- scenario
v('p1.token', wsctl(qw(provisioner create p1)));

my %jobs;

for (keys %made) {
    my $r = http(POST => '/api/v2/provisioners/me/acquire',
                 { as => 'p1', body => { wait_ms => 5000 } });

    is $r->status, 200 or next;

    my $job = $r->json;

    $jobs{$job->{workspace}{id}} = 1;
    is report($job, 'complete', resources => [])->status, 204;
}

is join(',', sort keys %jobs), join(',', sort keys %made),
   'each job is given once';

ok wait_for { listed('status=running')->{count} == keys %made } 10;

# one who waits is told at once, whichever node queues the job

my $waiting = http_later(node('b'), POST => '/api/v2/provisioners/me/acquire',
                    { as => 'p1', body => { wait_ms => 30_000 } });
my $w = create(as => 'user5', name => 'late');

is $waiting->answer(20)->json->{workspace}{id}, $w->{id};

$made{$w->{id}} = { as => 'user5', name => 'late' };



=== TEST 5: a slot moves while requests run: all is found, nothing torn
--- scenario
my ($id) = sort { $made{$a}{as} cmp $made{$b}{as} } keys %made;
my @mine = grep { tag($_) eq tag($id) } keys %made;
my $slot = $cluster->slot(tag($id));
my $from = $cluster->primary($slot);
my ($to) = grep { $_ != $from } $cluster->primaries;
my $stream = sse_open(node('b'), "/api/v2/workspaces/$id/watch",
                      { as => $made{$id}{as} });

# several builds: several keys that are read at once

my $w = { id => $id };

for my $transition (qw(stop start stop start)) {
    build($w, $transition);
    report(acquire($w), 'complete')->status == 204 or die;
}

my ($moved, $asked) = ($cluster->errors('MOVED'), $cluster->errors('ASK'));
my $again = $cluster->errors('TRYAGAIN');
my ($reads, $n, $late, %writes, %wrong) = (0, 0);

$cluster->move($slot, $to, sub {
    for (@mine) {
        my $what = wrong($_);

        $wrong{$what}++ if $what ne '';
        $reads++;
    }

    my $r = http(GET => "/api/v2/workspaces/$id/builds",
                 { as => $made{$id}{as} });
    my $builds = $r->status == 200
                 ? join ',', map { $_->{build_number} } @{ $r->json }
                 : $r->status;

    $wrong{"builds $builds"}++ if $builds ne '5,4,3,2,1';

    # a commit touches several keys, and cannot as long as they are apart

    my ($left) = @_;

    $writes{rename_one($id, 'moving-' . ++$n)}++ if $left % 10 == 0;

    # this one has the time to be tried until they are together again

    $late = http_later(PUT => "/api/v2/workspaces/$id/ttl",
                       { as => $made{$id}{as}, body => { ttl_ms => 60_000 } })
        if $left == 1;
});

is join(',', map { "$_ x $wrong{$_}" } sort keys %wrong), '',
   "$reads reads are right";
is join(',', grep { !/^(204|503)$/ } sort keys %writes), '',
   'writes are done, or refused';

cmp_ok $cluster->errors('ASK'), '>', $asked, 'some were sent on by ASK';
cmp_ok $cluster->errors('MOVED'), '>', $moved, 'and by MOVED';
cmp_ok $cluster->errors('TRYAGAIN'), '>', $again, 'some had keys apart';
is $late->answer->status, 204, 'and one of these waited for the last key';

is wrong($id), '';
is rename_one($id, 'moved'), 204;
ok $stream->wait_event(20, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq 'moved' }),
   'who watches is told by the new node';

is $cluster->primary($slot)->port, $to->port;

check();
--- timeout: 60



=== TEST 6: a primary dies: 503 until its replica has taken over, no more
--- scenario
my ($id) = sort { $made{$a}{as} cmp $made{$b}{as} } keys %made;
my $victim = $cluster->home($id);
my $other = (grep { $cluster->home($_) != $victim } keys %made)[0];
my $stream = sse_open(node('b'), "/api/v2/workspaces/$id/watch",
                      { as => $made{$id}{as} });

ok $stream->wait_event(10, sub { $_->{event} eq 'data' });

$cluster->kill9($victim);

my (%status, $last);

ok wait_for {
    $last = wrong($id);
    $status{$last || 200}++;
    $last eq '';
} 40;

is join(',', grep { !/^(200|503)$/ } keys %status), '',
   'answers are right, or 503';
ok wait_for { rename_one($id, 'survived') == 204 } 20;
ok wait_for { wrong($other) eq '' } 20;

ok $stream->wait_event(20, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq 'survived' }),
   'who watches ends at the stored version';

ok wait_for { listed('')->{count} == keys %made } 20;

check();
--- timeout: 60



=== TEST 7: who does not know the number of shards serves nothing
--- scenario
my $c = start_node(name => 'c', workers => 1,
                   http_config => 'workspace_redis ' . $cluster->url . ';'
                                  . 'workspace_shards 4;');

ok wait_for {
    $c->log(qr/\[crit\] .*the data in redis .* has 16 shards and sharded pubsub, .* say 4 /)
} 10;

my $r = http($c, GET => '/api/v2/workspaces', { as => 'admin' });

is $r->status, 503;
is $r->header('Retry-After'), 1;

my ($status, $out, $err) = wsctl_run(qw(--shards 4 user list));

is $status, 1;
like $err, qr/the data has 16 shards, not 4/;



=== TEST 8: another deployment in the cluster, with plain channels
--- scenario
local $ENV{WORKSPACE_REDIS} = $cluster->plain;

my @new = ('--prefix', 'other:');

wsctl(@new, qw(--shards 4 --pubsub plain org create acme));
v('o.id', wsctl(@new, qw(user create o --org acme --role owner)));
v('o.token', wsctl(@new, qw(token create o)));

my $template = wsctl(@new, qw(template create t --org acme));

wsctl(@new, qw(version create v1 --promote --template), $template);

my ($org) = split /\t/, wsctl(@new, qw(org list));
my @conf = (workers => 1, http_config =>
            'workspace_redis ' . $cluster->url . ' prefix=other: pubsub=plain;'
            . 'workspace_shards 4;');
my ($d, $e) = map { start_node(name => $_, @conf) } qw(d e);

my $r = http($d, POST => "/api/v2/organizations/$org/members/me/workspaces",
             { as => 'o', body => { name => 'w', template_id => $template } });

is $r->status, 200;

my $id = $r->json->{id};
my $stream = sse_open($e, "/api/v2/workspaces/$id/watch", { as => 'o' });

ok $stream->wait_event(10, sub { $_->{event} eq 'data' });
is http($d, PATCH => "/api/v2/workspaces/$id",
        { as => 'o', body => { name => 'x' } })->status, 204;
ok $stream->wait_event(10, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq 'x' });

my ($status, $out, $err) = wsctl_run(@new, qw(check));

is $out, '';
is $status, 0;



=== TEST 9: plain channels, and a change that is lost by a failover
--- timeout: 60
--- scenario
$_->start for grep { !$_->pid } @{ $cluster->{nodes} };
ok +(wait_for { $cluster->settled } 30), 'each primary has a replica';

my $home = $cluster->primary($cluster->slot(tag(v('o.id'), 4)));
my ($port) = $home->cmd(qw(INFO replication)) =~ /^slave0:.*port=(\d+)/m;
my ($replica) = grep { $_->port == $port } $cluster->alive;

# subscriptions are on a node that has no part in it

my ($other) = grep { $_ != $home } $cluster->primaries;
my $f = start_node(name => 'f', workers => 1, http_config =>
                   'workspace_redis cluster://127.0.0.1:' . $other->port
                   . ' prefix=other: pubsub=plain; workspace_shards 4;');
my ($w) = @{ http($f, GET => '/api/v2/workspaces', { as => 'o' })
             ->json->{workspaces} };
my $path = "/api/v2/workspaces/$w->{id}";
my $rename = sub {
    http($f, PATCH => $path, { as => 'o', body => { name => $_[0] } })->status;
};
my $stream = sse_open($f, "$path/watch", { as => 'o' });
my $shows = sub {
    my ($name) = @_;

    $stream->wait_event(10, sub { $_->{event} eq 'data'
                                  && $_->{json}{name} eq $name });
};

ok $shows->('x'), 'watching';
cmp_ok $home->cmd('WAIT', 1, 5000), '>=', 1, 'the replica has that';

# what comes now does not get there

$home->cmd(qw(ACL SETUSER default -psync -sync));
$home->cmd(qw(CLIENT KILL TYPE replica));

is $rename->('lost'), 204;
ok $shows->('lost'), 'a change is shown';

$replica->cmd(qw(CLUSTER FAILOVER TAKEOVER));

ok +(wait_for {
    my $r = http($f, GET => $path, { as => 'o' });

    $r->status == 200 && $r->json->{name} eq 'x';
} 20), 'and is lost';

ok $shows->('x'), 'the stream goes back with Redis';
is $rename->('next'), 204;
ok $shows->('next'), 'and has the next change, of the same version';

$home->cmd(qw(ACL SETUSER default +psync +sync));
ok +(wait_for { $cluster->settled } 30);



=== TEST 10: what a cluster cannot do is refused by name
--- scenario
my $url = $cluster->url;

for my $case (
    ["workspace_redis $url db=1;", qr/"db" .* a cluster has no other/],
    ["workspace_redis $url pubsub=loud;", qr/"pubsub" .* "plain"/],
    ["workspace_redis $url; workspace_cache zone=a:1m;",
     qr/"workspace_cache" cannot be used with a cluster/],
    ["workspace_redis $url; workspace_shards 3;", qr/a power of two/],
    ["workspace_redis $url; workspace_shards 2048;", qr/a power of two/],
) {
    my ($conf, $expected) = @$case;
    my ($status, $output) = nginx_test(http_config => $conf);

    isnt $status, 0;
    like $output, $expected;
}



=== TEST 11: a part of the cluster is gone: time and jobs go on in the rest
--- timeout: 120
--- scenario
$_->cmd(qw(CONFIG SET cluster-require-full-coverage no)) for $cluster->alive;

# not the part with the users and tokens, which is needed for everything

my $dir = $cluster->primary($cluster->slot('{dir}'));
my ($victim) = grep { $_ != $dir } map { $cluster->home($_) } sort keys %made;
my ($id) = grep { $cluster->home($_) != $victim } sort keys %made;
my $as = $made{$id}{as};

# one whose lease is going to end

my $w = create(as => $as, name => 'leased');

acquire($w);

my $queued = create(as => $as, name => 'queued');

for my $node ($cluster->alive) {
    my $info = $node->cmd('INFO', 'replication');

    $cluster->kill9($node) if $info =~ /^master_port:(\d+)/m
                              && $1 == $victim->port;
}

$cluster->kill9($victim);

my $node = $cluster->home($w->{id});

$node->cmd('HSET', key('w', $w->{id}), 'e', now_ms());
$node->cmd('ZADD', shard_key('due', $w->{id}), 'XX', now_ms(),
           "lease $w->{id}");

ok wait_for {
    my $r = http(GET => "/api/v2/workspaces/$w->{id}", { as => $as });

    $r->status == 200 && $r->json->{latest_build}{status} eq 'failed';
} 20;

my $job;

ok wait_for {
    $job = http(POST => '/api/v2/provisioners/me/acquire',
                { as => 'p1', body => { wait_ms => 2000 } });
    $job->status == 200;
} 30;

is $job->json->{workspace}{id}, $queued->{id} if $job->status == 200;

# what is lost is not taken for what is not there

my ($lost) = grep { my $id = $_; !eval { local $SIG{__DIE__}; $cluster->home($id) } }
             sort keys %made;

is wrong($lost), 503;
is listed('')->{count}, 503;



=== TEST 12: a map that cannot be used is not logged whenever it is read
--- timeout: 60
--- scenario
for my $case (
    ['alone', qr/did not tell of its cluster: "ERR /],
    ['named', qr/a node at "name", which is not an address/, 'CLUSTER SLOTS',
     '--cluster-enabled', 'yes', '--cluster-port', free_port(),
     '--cluster-announce-ip', 'name'],
) {
    my ($name, $line, $slots, @args) = @$case;
    my $redis = WorkspaceTest::Redis->new(dir  => WorkspaceTest::temp_dir(),
                                          port => free_port(),
                                          args => \@args);

    $redis->cmd(qw(CLUSTER ADDSLOTSRANGE 0 16383)) if $slots;

    my $start = time;
    my $node = start_node(name => $name, workers => 1, http_config =>
                          'workspace_redis cluster://127.0.0.1:'
                          . $redis->port . ';');

    ok +(wait_for {
        http($node, GET => '/api/v2/workspaces', { as => 'admin' });
        $redis->cmd(qw(INFO commandstats))
            =~ /^cmdstat_cluster\|slots:calls=(\d+)/m && $1 >= 8;
    } 30), "$name: the map is read again and again";

    my $lines = () = $node->log($line) =~ /\n/g;
    my $most = 2 + (time - $start) / 10;

    cmp_ok $lines, '>=', 1, 'that is logged';
    cmp_ok $lines, '<=', $most, 'one line in 10 seconds';
}



=== TEST 13: the part with the users is gone: nobody is told 401 or 404 for it
--- timeout: 120
--- scenario
$_->start for grep { !$_->pid } @{ $cluster->{nodes} };
ok +(wait_for { $cluster->settled } 30), 'what the last ones lost is back';

$_->cmd(qw(CONFIG SET cluster-require-full-coverage no)) for $cluster->alive;

my $dir = $cluster->primary($cluster->slot('{dir}'));
my ($id) = grep { $cluster->home($_) != $dir } sort keys %made;
my $as = $made{$id}{as};

# who is known, who is not, what is there, what is not

my @requests = (
    [GET => "/api/v2/workspaces/$id", { as => $as }],
    [GET => '/api/v2/workspaces', { as => $as }],
    [GET => '/api/v2/workspaces/' . uuid(), { as => $as }],
    [GET => '/api/v2/users/me/workspace/none', { as => $as }],
    [PUT => "/api/v2/workspaces/$id/ttl",
     { as => $as, body => { ttl_ms => 60_000 } }],
    [GET => "/api/v2/workspaces/$id",
     { headers => { 'Coder-Session-Token' => 'A' x 10 . '-' . 'B' x 22 } }],
    [POST => '/api/v2/provisioners/me/acquire',
     { as => 'p1', body => { wait_ms => 0 } }],
);
my @whole = (200, 200, 404, 404, 204, 401, 204);
my $status = sub { join ' ', map { $_->status } http_all(@requests) };

ok +(wait_for { $status->() eq "@whole" } 20), 'as it is with all parts';

my ($replica) = grep {
    $_->cmd('INFO', 'replication') =~ /^master_port:(\d+)/m
        && $1 == $dir->port
} $cluster->alive;

$cluster->kill9($_) for $replica, $dir;

# workers know for 5 seconds what they have read, not that anything is not there

my %wrong;

my $lost = sub {
    my @all = http_all(@requests);

    for my $i (0 .. $#all) {
        my $s = $all[$i]->status;

        $wrong{"$i: $s"}++ if $s != 503 && ($s != $whole[$i] || $s == 401);
    }

    return !grep { $_->status != 503 || !$_->header('Retry-After') } @all;
};

# there are two workers

ok +(wait_for { 20 == grep { $lost->() } 1 .. 20 } 30),
   'all is 503, and says when to come again';

is join(', ', sort keys %wrong), '', 'nothing else was said on the way';

$_->start for $dir, $replica;

ok +(wait_for { $status->() eq "@whole" } 40), 'all is back by itself';
check();
