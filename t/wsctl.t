
# wsctl: what it prints, how it ends, what it refuses, and what its check
# finds.

use lib 't/lib';
use WorkspaceTest;

use Digest::SHA ();
use JSON::XS ();
use POSIX ();

use constant UUID =>
    qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
use constant TOKEN => qr/^[A-Za-z0-9]{10}-[A-Za-z0-9]{22}$/;


# done(ARGS...) prints something that matches; refused(STATUS, qr/MESSAGE/,
# ARGS...) prints nothing on stdout

sub done {
    my ($wanted, @args) = @_;
    my ($status, $out, $err) = wsctl_run(@args);

    chomp $out;
    is "$status $err", '0 ', "wsctl @args";
    like $out, $wanted, 'its output';

    return $out;
}


sub refused {
    my ($wanted, $message, @args) = @_;
    my ($status, $out, $err) = wsctl_run(@args);

    is "$status $out", "$wanted ", "wsctl @args";
    like $err, $message, 'its message';
}


sub file {
    my ($text) = @_;
    my $name = temp_dir() . '/file.json';

    open my $out, '>', $name or die "$name: $!";
    print $out $text;
    close $out;

    return $name;
}


# what is stored of a record of the directory

sub stored {
    my ($kind, $id) = @_;

    return JSON::XS->new->decode(redis_cmd('HGET', "ws:{dir}:$kind:$id",
                                           'd'));
}


# changes one key, and the check says so and names a key; then all is well
# again

sub broken {
    my ($message, $command, $key, @args) = @_;
    my $dump = redis_cmd('DUMP', $key);

    redis_cmd($command, $key, @args);

    my ($status, $out) = wsctl_run('check');

    is $status, 1, "$command $key @args";
    like $out, $message, 'is found';

    redis_cmd('DEL', $key);
    redis_cmd('RESTORE', $key, 0, $dump) if defined $dump;
}


run_tests();

__DATA__

=== TEST 1: the command line
--- scenario
refused(2, qr/a command is expected/);
refused(2, qr/unknown command "usr"; do you mean "user"/, 'usr');
refused(2, qr/do you mean "create"/, qw(user creat));
refused(2, qr/not a whole command/, 'user');
refused(2, qr/NAME is missing/, qw(user create));
refused(2, qr/NAME is missing/, qw(user create), '');
refused(2, qr/one argument too many/, qw(user create a b));
refused(2, qr/do you mean --role/, qw(user create a --rolle owner));
refused(2, qr/come after it/, qw(--organization x user create a));
refused(2, qr/needs a value: ROLE/, qw(user create a --role));
refused(2, qr/given twice/, qw(user create a --email a@b --email a@b));
refused(2, qr/takes no value/, qw(user list --json=1));
refused(2, qr/not valid UTF-8/, 'user', 'create', "\xff");
refused(2, qr/begin with "--"/, qw(user create -x));
refused(2, qr/power of two/, qw(--shards 3 user list));
refused(2, qr/--prefix/, qw(--prefix a{b user list));
refused(2, qr/--redis: /, qw(--redis http://x user list));

{
    local $ENV{WORKSPACE_REDIS} = '';
    refused(2, qr/WORKSPACE_REDIS/, qw(user list));
}

refused(3, qr/unix:\/nonexistent: /, qw(--redis unix:/nonexistent user list));
refused(3, qr/port 1: /, qw(--redis redis://127.0.0.1:1 user list));
done(qr/^Usage: wsctl COMMAND/, '--help');
done(qr/\b$_/, '--help')
    for qw(redis:// rediss:// unix:/ sentinel:// sentinels:// cluster://
           clusters:// WORKSPACE_REDIS WORKSPACE_SENTINEL_AUTH);
done(qr/^Usage: wsctl user /, qw(user --help));
done(qr/^Usage: wsctl user create NAME.*--role ROLE/s, qw(user create -h));
done(UUID, qw(org create), '--', 'dashes');



=== TEST 2: organizations and users
--- scenario
my $org = done(UUID, qw(org create Initech));

refused(1, qr/already/, qw(org create iniTech));
refused(1, qr/not the name/, 'org', 'create', $_)
    for 'a b', 'a--b', 'a-', 'a/b', 'a' x 33, "\xc3\xa4";
done(qr/^$org\tInitech$/m, qw(org list));

my $id = done(UUID, qw(user create Peter --org initech --org), v('acme.id'),
              qw(--role organization-admin --role auditor --role member
                 --email p@initech.example));

is_deeply [ @{ stored(user => $id) }{qw(username email status roles)} ],
          [ 'Peter', 'p@initech.example', 'active', ['auditor'] ];
is_deeply stored(user => $id)->{organizations},
          [ { id => $org, roles => ['organization-admin'] },
            { id => v('acme.id'), roles => ['organization-admin'] } ];

my $other = done(UUID, qw(user create Milton
                           --role organization-admin:Initech));
is_deeply stored(user => $other)->{organizations},
          [ { id => $org, roles => ['organization-admin'] } ];

refused(1, qr/already/, qw(user create peter));
refused(1, qr/no organization "nope"/, qw(user create x --org nope));
refused(2, qr/no role "king"/, qw(user create x --role king));
refused(2, qr/which organization/,
        qw(user create x --role organization-admin));
refused(1, qr/not an e-mail/, qw(user create x --email x));

done(qr/^$/, qw(user suspend PETER));
is stored(user => $id)->{status}, 'suspended';
done(qr/^$id\tPeter\tsuspended\tp\@initech.example$/m, qw(user list));
done(qr/"status":"active"/, 'user', 'activate', $id, '--json');
refused(1, qr/no user "zed"/, qw(user suspend zed));
refused(1, qr/no user/, 'user', 'suspend', uuid());



=== TEST 3: a suspended user is refused at once, and let in again
--- scenario
my $status = sub {
    http(GET => '/api/v2/workspaces', { as => 'bob' })->status;
};

is $status->(), 200;
wsctl(qw(user suspend bob));
ok wait_for { $status->() == 401 } 2;
wsctl(qw(user activate bob));
ok wait_for { $status->() == 200 } 2;



=== TEST 4: tokens
--- scenario
my $token = done(TOKEN, qw(token create alice --lifetime 1h));
my ($id, $secret) = split /-/, $token;
my $get = sub {
    http(GET => '/api/v2/workspaces',
         { headers => { 'Coder-Session-Token' => $token } })->status;
};

is $get->(), 200;

my ($line) = grep { /^$id\t/ } split /\n/, wsctl(qw(token list alice));
like $line, qr/^$id\t\S+Z\t\S+Z$/;
unlike wsctl(qw(token list alice --json)), qr/hash|$secret/;
is stored(token => $id)->{hash}, Digest::SHA::sha256_hex($secret);

done(qr/^$/, qw(token revoke), $id);
ok wait_for { $get->() == 401 } 2;

refused(1, qr/no token/, qw(token revoke), $id);
refused(1, qr/not the id of a token/, qw(token revoke), $_)
    for 'short', '..........';

my (undef, undef, $err) = wsctl_run(qw(token revoke), $token);
unlike $err, qr/$secret/, 'a secret is not repeated';

refused(2, qr/--lifetime/, qw(token create alice --lifetime), $_)
    for '0s', '', '1y', '-1h';

my $forever = wsctl(qw(token create alice --lifetime never));
is stored(token => substr($forever, 0, 10))->{expires_at}, undef;
like wsctl(qw(token list alice)), qr/\tnever$/m;



=== TEST 5: templates
--- scenario
my $id = done(UUID, qw(template create Go --org acme --display-name),
              'Go "1.22"', qw(--icon /go.svg --default-ttl 8h1s
                              --allow-user-cancel false));

is_deeply [ @{ stored(template => $id) }{
               qw(name display_name icon default_ttl_ms active_version_id
                  organization_id)} ],
          [ 'Go', 'Go "1.22"', '/go.svg', 28800000, undef, v('acme.id') ];
ok !stored(template => $id)->{allow_user_cancel_workspace_jobs};

refused(1, qr/already/, qw(template create go --org acme));
refused(2, qr/--org is missing/, qw(template create x));

my $same = done(UUID, qw(template create go --org globex));

refused(1, qr/more than one organization.*ORG\/NAME/,
        qw(template edit go --icon x));
done(qr/"icon":"x"/, qw(template edit Globex/GO --icon x --json));
done(qr/^$/, qw(template edit), $id, qw(--name golang --default-ttl 0));
is stored(template => $id)->{default_ttl_ms}, 0;
done(qr/^$/, qw(template edit golang --name GoLang));
refused(1, qr/already/, qw(template edit docker --name golang));
refused(1, qr/no template "acme\/go"/, qw(template edit acme/go --icon x));
refused(1, qr/no organization "nope"/, qw(template edit nope/go --icon x));
refused(2, qr/nothing to change/, qw(template edit golang));
refused(2, qr/--default-ttl/, qw(template edit golang --default-ttl), $_)
    for '59s', '169h', 'x', '';
refused(2, qr/true or false/, qw(template edit golang --allow-user-cancel 1));
refused(2, qr/longer/, qw(template edit golang --display-name), 'x' x 65);
refused(2, qr/control/, qw(template edit golang --icon), "a\nb");
done(qr/^$id\t[^\t]+\tGoLang\t-$/m, qw(template list --org acme));

done(qr/^$/, qw(template delete golang));
refused(1, qr/is deleted/, qw(template edit), $id, qw(--icon x));
refused(1, qr/no template/, qw(template delete golang));
done(UUID, qw(template create golang --org acme));
is wsctl('check'), '';



=== TEST 6: an edited template shows in its workspaces
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "seen", "template_id": "{{docker.id}}"}
--- capture
seen.id = id
--- scenario
wsctl(qw(template edit docker --display-name Whale));

ok wait_for {
    http(GET => '/api/v2/workspaces/' . v('seen.id'), { as => 'alice' })
        ->json->{template_display_name} eq 'Whale'
} 2;



=== TEST 7: versions and their parameters
--- scenario
my $good = file('[{"name": "cpus", "type": "number", "default": 2, "max": 8},'
                . ' {"name": "image", "options": ["a", "b"]}]');
my $id = done(UUID, qw(version create v7 --template docker --parameters),
              $good);

is stored(version => $id)->{parameters}[0]{default}, '2';
is_deeply stored(version => $id)->{parameters}[1]{options}[0],
          { name => 'a', value => 'a' };
is stored(template => v('docker.id'))->{active_version_id},
   v('docker.v1.id'), 'not promoted';

refused(1, qr/already/, qw(version create V7 --template docker));
refused(2, qr/--template is missing/, qw(version create x));
refused(1, qr/without --template/, qw(version promote v7));
refused(1, qr/another template/, qw(version promote --template k8s), $id);
refused(1, qr/no version/, qw(version promote --template docker v9));

done(qr/^$/, qw(version promote --template docker v7));
is stored(template => v('docker.id'))->{active_version_id}, $id;
done(qr/^$id\tv7\t\S+\tactive$/m, qw(version list --template docker));
done(qr/^$/, qw(version promote), v('docker.v1.id'));

for my $case (['[', qr/line 1/], ['{}', qr/array/], ['', qr/line/],
              ['[{"name": "a", "name": "b"}]', qr/duplicate/],
              ["[{\"name\": \"\xff\"}]", qr/0xff/],
              ["[{\"name\": \"a\0\"}]", qr/file\.json/],
              ['[{"name": "a\u0000"}]', qr/file\.json/],
              ['[{"name": "a", "regex": "("}]', qr/parameter 1 \(a\)/],
              ['[' . ' ' x 1048576 . ']', qr/larger than/])
{
    refused(1, $case->[1], qw(version create v8 --template docker
                              --parameters), file($case->[0]));
}

refused(1, qr/No such file/, qw(version create v8 --template docker
                                --parameters /nonexistent));



=== TEST 8: jobs
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "job", "template_id": "{{docker.id}}"}
--- capture
w.id = id
w.job = latest_build.job.id
--- scenario
my ($job, $w) = (v('w.job'), v('w.id'));
my $get = sub {
    http(GET => "/api/v2/workspaces/$w", { as => 'alice' })->json
        ->{latest_build};
};

done(qr/^$job\tpending\tstart\t\S+\t$w\talice\/job$/m, qw(job list));

my ($listed) = grep { $_->{id} eq $job }
                    @{ JSON::XS->new->decode(wsctl(qw(job list --json))) };
is_deeply [ @$listed{qw(status transition build_number workspace_name)} ],
          [ 'pending', 'start', 1, 'job' ];

refused(1, qr/no job/, qw(job finish), $_) for 'x', uuid(), $w;
refused(2, qr/exclude/, qw(job finish), $job, qw(--error x --resources y));
refused(1, qr/./, qw(job finish), $job, '--resources', file('[{"name":1}]'));
is $get->()->{status}, 'pending', 'nothing has changed';

done(qr/^$/, qw(job finish), $job, '--resources',
     file('[{"name": "main", "type": "vm", "agents": [{"name": "dev"}]}]'));
is $get->()->{status}, 'running';
is $get->()->{resources}[0]{agents}[0]{name}, 'dev';
refused(1, qr/finished/, qw(job finish), $job);
unlike wsctl(qw(job list)), qr/$job/;
is wsctl('check'), '';



=== TEST 9: a job that failed
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "bad", "template_id": "{{docker.id}}"}
--- capture
w.id = id
w.job = latest_build.job.id
--- scenario
done(qr/^$/, qw(job finish), v('w.job'), '--error', "no \"luck\"\n\x7f");

my $build = http(GET => '/api/v2/workspaces/' . v('w.id'), { as => 'alice' })
                ->json->{latest_build};

is $build->{status}, 'failed';
is $build->{job}{error}, "no \"luck\"\n\x7f";



=== TEST 10: of twenty at once one makes the user, and no edit is lost
--- scenario
my $wsctl = $ENV{WSCTL} || v('top') . '/build/wsctl';
my $run = sub {
    my ($n, @args) = @_;
    local $ENV{WORKSPACE_REDIS} = v('redis.url');

    open my $pipe, '-|',
         "for i in \$(seq $n); do $wsctl @args 2>/dev/null & done; wait"
        or die $!;
    return scalar(() = <$pipe>);
};

is $run->(20, qw(user create racer)), 1, 'one id';

my $key = 'ws:{dir}:template:' . v('k8s.id');
my $v = redis_cmd('HGET', $key, 'v');

is $run->(10, qw(template edit k8s --icon i --json)), 10;
is redis_cmd('HGET', $key, 'v'), $v + 10;
is wsctl('check'), '';



=== TEST 11: the check finds what is wrong with a workspace
--- as: bob
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "broken", "template_id": "{{docker.id}}"}
--- capture
w.id = id
w.job = latest_build.job.id
w.build = latest_build.id
--- scenario
my ($w, $job, $build, $bob) = map { v($_) } qw(w.id w.job w.build bob.id);
my $member = "broken $w";
my $p = shard_key('', $w);

is wsctl('check'), '';
is wsctl(qw(check --json)), '[]';

# indexes
broken(qr/live:all: ZSCORE \Q$member\E is nothing/,
       ZREM => $p . 'live:all', $member);
broken(qr/live:all: \Q$member\E: has another score/,
       ZADD => $p . 'live:all', 1, $member);
broken(qr/live:all: other $w: has another name/,
       ZADD => $p . 'live:all', 1, "other $w");
broken(qr/live:all: x: is no/, ZADD => $p . 'live:all', 1, 'x');
broken(qr/live:status:failed: \Q$member\E: does not belong/,
       ZADD => $p . 'live:status:failed', 1, $member);
broken(qr/deleted:all: \Q$member\E: does not belong/,
       ZADD => $p . 'deleted:all', 1, $member);

# names
broken(qr/names:$bob: HGET broken is nothing/,
       HDEL => $p . "names:$bob", 'broken');
broken(qr/names:$bob: two: leads to a workspace of another name/,
       HSET => $p . "names:$bob", 'two', $w);
broken(qr/gone:$bob:broken: $w: is not deleted/,
       ZADD => $p . "gone:$bob:broken", 1, $w);

# builds and jobs
broken(qr/builds:$w: ZCARD/, DEL => $p . "builds:$w");
broken(qr/builds:$w: build 1 has the number 2/,
       ZADD => $p . "builds:$w", 2, $build);
broken(qr/build:$build: HGET w is nothing/, DEL => $p . "build:$build");
broken(qr/build:$build: /, HSET => $p . "build:$build", 'd', '{}');
broken(qr/job:$job: HGET/, DEL => $p . "job:$job");
broken(qr/queue: ZSCORE $job is nothing/, ZREM => $p . 'queue', $job);
broken(qr/queue: other: is no/, ZADD => $p . 'queue', 1, 'other');
broken(qr/due: autostop $w: is not due/,
       ZADD => $p . 'due', 9e15, "autostop $w");
broken(qr/w:$w: a lease without/, HSET => $p . "w:$w", 'l', 'x', 'e', 1);

# documents
broken(qr/w:$w: not the document/, HSET => $p . "w:$w", 'd', '"');
broken(qr/w:$w: not the document/, HSET => $p . "w:$w", 'v', '0');
broken(qr/w:$w: m and d/, HSET => $p . "w:$w", 'm',
       join(' ', $bob, v('acme.id'), v('k8s.id'), v('docker.v1.id'),
            'pending'));

# the directory
broken(qr/users: HGET bob/, HDEL => 'ws:{dir}:users', 'bob');
broken(qr/users: zed: leads to no user/, HSET => 'ws:{dir}:users', 'zed', 'x');
broken(qr/user:$bob: its version/, HSET => "ws:{dir}:user:$bob", 'v', '-1');
broken(qr/user:$bob: EXISTS/, DEL => "ws:{dir}:user:$bob");
broken(qr/template-name:docker: SISMEMBER/, DEL => 'ws:{dir}:template-name:docker');
broken(qr/tokens:$bob: nope: is no token/,
       SADD => "ws:{dir}:tokens:$bob", 'nope');

# keys
broken(qr/foo\\x0a: no such key/, SET => $p . "foo\n", 'x');
broken(qr/no such key/, SET => 'ws:{' . shards() . '}:queue', 'x');
broken(qr/names:x: of the wrong type/, SET => $p . 'names:x', 'x');

is wsctl('check'), '', 'all is well again';

# in the shard of another id

my @two = qw(--prefix two:);
my $strayed = '0000' . substr uuid(), 4;

wsctl(@two, qw(--shards 2 org create one));

for my $kind (qw(build job)) {
    redis_cmd('HSET', "two:{1}:$kind:$strayed", 'w', $w, 'n', 1, 'b', $build);
    like((wsctl_run(@two, 'check'))[1],
         qr/$kind:$strayed: $strayed belongs to shard 0/, "a $kind");
}



=== TEST 12: no false alarm while the store is in use
--- scenario
my $wsctl = $ENV{WSCTL} || v('top') . '/build/wsctl';
my $path = '/api/v2/organizations/' . v('acme.id') . '/members/me/workspaces';
my @ids;

for my $n (1 .. 5) {
    push @ids, http(POST => $path, { as => 'alice', body => {
        name => "busy-$n", template_id => v('docker.id') } })->json->{id};
}

my $name = temp_dir() . '/alarms';
my $pid = fork // die "fork: $!";

if ($pid == 0) {
    $ENV{WORKSPACE_REDIS} = v('redis.url');
    exec 'sh', '-c', "for i in 1 2 3 4 5 6 7 8 9 10; do $wsctl check; done "
                     . ">$name 2>/dev/null"
        or POSIX::_exit(127);
}

my $n = 0;

until (waitpid $pid, POSIX::WNOHANG()) {
    $n++;
    http(PATCH => "/api/v2/workspaces/$ids[$n % 5]",
         { as => 'alice', body => { name => "busy-$n-x" } });
}

cmp_ok $n, '>', 10, 'there were changes meanwhile';
is -s $name, 0, 'none was taken for a fault';



=== TEST 13: two begin a store at once
--- scenario

# both have seen that it is new, and wait to write

sub begun_by_both {
    my ($prefix, @shards) = @_;
    my @out = map { temp_dir() . "/begun-$prefix-$_" } 0, 1;
    my @pid;

    redis_cmd(qw(CLIENT PAUSE 60000 WRITE));

    for my $i (0, 1) {
        $pid[$i] = fork // die "fork: $!";

        if ($pid[$i] == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', $out[$i];
            $ENV{WORKSPACE_REDIS} = v('redis.url');
            exec $ENV{WSCTL} || v('top') . '/build/wsctl',
                 '--prefix', "$prefix:", '--shards', $shards[$i],
                 'org', 'create', "one-$i"
                or POSIX::_exit(127);
        }
    }

    wait_for { redis_cmd(qw(INFO clients)) =~ /blocked_clients:2\r/ };
    redis_cmd(qw(CLIENT UNPAUSE));

    return map {
        waitpid $pid[$_], 0;
        [$? >> 8, do { local (@ARGV, $/) = $out[$_]; <> }]
    } 0, 1;
}

my @done = begun_by_both('same', 2, 2);

is $_->[0], 0, 'of the same shards: done' for @done;
is redis_cmd(qw(HLEN same:{dir}:orgs)), 2, 'both are there';

@done = sort { $a->[0] <=> $b->[0] } begun_by_both('other', 2, 4);

is $done[0][0], 0, 'of other shards: one has begun it';
is $done[1][0], 1, 'the other fails';
like $done[1][1], qr/the data has [24] shards, not [24]/, 'and says why';
is redis_cmd(qw(HLEN other:{dir}:orgs)), 1, 'with nothing done';
is wsctl(qw(--prefix other: check)), '', 'the store is whole';
