
# wsctl export and import: a deployment moves from one Redis into the shards
# of a cluster, and back, and is the same.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Acl;
use WorkspaceTest::Cluster;
use WorkspaceTest::Life;
use WorkspaceTest::Redis;

use JSON::PP;

# blocks see these

use vars qw($cluster $again @users);

@users = map { "user$_" } 1 .. 8;
$cluster = cluster(
    shards => 16,
    bare   => 1,
    users  => [ [qw(nginx cluster://)],
                ['wsctl', 'cluster://', 'wsctl export', 'wsctl import'] ],
);
$again = WorkspaceTest::Redis->new(dir => temp_dir(), port => free_port());


sub shell {
    my ($command) = @_;

    my $wsctl = $ENV{WSCTL} || v('top') . '/build/wsctl';
    my $err = v('work') . '/shell.err';

    $command =~ s/WSCTL/$wsctl/;

    my $status = system('sh', '-c', "$command 2>$err") >> 8;

    open my $in, '<', $err or die $!;

    return ($status, do { local $/; <$in> } // '');
}


sub as_wsctl { 'redis://wsctl:s3cret@127.0.0.1:' . $_[0]->port }


sub file { v('work') . "/$_[0].export" }


# an export's elements, one each, in an order that does not depend on pages

sub elements {
    my ($name) = @_;

    open my $in, '<', file($name) or die $!;

    my $json = JSON::PP->new->canonical->allow_nonref;
    my @elements;

    while (my $text = <$in>) {
        my ($type, $key, @rest) = @{ $json->decode($text) };

        if ($type eq 'hash' || $type eq 'zset') {
            while (my ($a, $b) = splice @rest, 0, 2) {
                push @elements, join ' ', $type, $key,
                                     map { $json->encode($_) } $a, $b;
            }

        } elsif ($type eq 'set' || $type eq 'list') {
            push @elements, join ' ', $type, $key,
                                 $json->encode(\@rest) if $type eq 'list';
            push @elements, map { "$type $key $_" } @rest if $type eq 'set';
        }
    }

    return join "\n", sort @elements;
}


sub check {
    my ($url) = @_;

    my ($status, $out, $err) = wsctl_run('check', '--redis', $url);

    is $out, '', 'nothing is wrong with the store';
    is $status, 0;

    return $err;
}


run_tests();

END { local $?; $again->end('KILL') if $again }

__DATA__

=== TEST 1: a deployment in one Redis, with all that there may be
--- scenario
my %seen;

for my $user (@users) {
    v("$user.id", wsctl(qw(user create), $user, qw(--org acme)));
    v("$user.token", wsctl(qw(token create), $user));

    my ($w) = started(as => $user, name => 'runs', ttl_ms => 3600_000,
                      agents => [ { name => 'dev' } ]);

    http(PUT => "/api/v2/workspaces/$w->{id}/autostart",
         { as => $user, body => { schedule => '30 9 * * 1-5' } });

    my ($gone) = started(as => $user, name => 'gone');

    build($gone, 'delete', as => $user);
    is report(acquire($gone), 'complete')->status, 204;

    $seen{tag($w->{id}, 16)} = 1;
}

create(as => $_, name => 'waits') for @users;

cmp_ok scalar(keys %seen), '>', 1, 'of several shards';

v('logs.id', uuid());
redis_cmd('RPUSH', key('logs', v('logs.id')), "a\0b\xff\n\"", map { "line $_" } 1 .. 450);

redis_cmd('EXPIRE', key('logs', v('logs.id')), 3600);

check(redis()->url);



=== TEST 2: into 16 shards of a cluster
--- scenario
node('main')->quit;
redis_cmd(documented('wsctl', 'wsctl export'));

my ($status, $err) = shell('WSCTL export --redis ' . as_wsctl(redis())
                           . ' > ' . file('a'));

is $status, 0;
is $err, '';

my $to = '--redis ' . $cluster->url('wsctl');

($status, $err) = shell("WSCTL import $to --shards 16 < " . file('a'));

is $status, 0;
like $err, qr/^\d+ lines, into 16 shards$/;

like check($cluster->url), qr/ \d+ workspaces: all is as it has to be/;

($status, $err) = shell("WSCTL import $to --shards 16 < " . file('a'));

is $status, 1;
like $err, qr/there is data already/;

my $b = start_node(name => 'b', http_config => $cluster->conf);
my $r = http($b, GET => '/api/v2/workspaces', { as => 'admin' });

is $r->json->{count}, 2 * @users;

$r = http($b, GET => '/api/v2/users/me/workspace/runs', { as => 'user3' });

is $r->json->{autostart_schedule}, '30 9 * * 1-5';

is http($b, PATCH => '/api/v2/workspaces/' . $r->json->{id},
        { as => 'user3', body => { name => 'other' } })->status, 204;
is http($b, PATCH => '/api/v2/workspaces/' . $r->json->{id},
        { as => 'user3', body => { name => 'runs' } })->status, 204;

ok $b->quit;

is denied('wsctl', redis(), $cluster->alive), '', 'nothing was refused';
is denied('nginx', $cluster->alive), '';



=== TEST 3: and back into one
--- scenario
$again->cmd(documented('wsctl', 'wsctl import'));

my ($status) = shell('WSCTL export --redis ' . $cluster->url('wsctl') . ' > '
                     . file('b'));

is $status, 0;

($status) = shell('WSCTL import --redis ' . as_wsctl($again) . ' < '
                  . file('b'));

is $status, 0;
is denied('wsctl', $again, $cluster->alive), '', 'nothing was refused';

check($again->url);
is $again->cmd('PEXPIRETIME', 'ws:{0}:logs:' . v('logs.id')),
   redis_cmd('PEXPIRETIME', key('logs', v('logs.id'))), 'what ends, ends then';

($status) = shell('WSCTL export --redis ' . $again->url . ' > ' . file('c'));

is $status, 0;
ok elements('c') eq elements('b'), 'all is the same';

# but for the workspace that was renamed there and back

my ($n, $m) = map { my $n = () = elements($_) =~ /\n/g; $n } qw(a c);

is $m, $n;



=== TEST 4: what is no export, or not all of one, is refused
--- scenario
my $url = $again->url;
my ($head, @lines) = do { open my $in, '<', file('c') or die $!; <$in> };

for my $case (
    ['', qr/ends before its end/],
    ["hello\n", qr/line 1: not a line of an export/],
    ["[1]\n", qr/line 1: not an export/],
    [qq{["workspace-export",2,1]\n}, qr/line 1: of a version/],
    [$head . $lines[0], qr/ends before its end/],
    [$head . qq{["end",7]\n}, qr/line 2: lines are missing/],
    [$head . qq{["hash","{}:w:x","v","1"]\n}, qr/line 2: without an id/],
    [$head . qq{["hash","{}:what:x","v","1"]\n}, qr/line 2: no such key/],
    [$head . qq{["hash","ws:x","v","1"]\n}, qr/line 2: not such a key/],
    [$head . qq{["zset","{dir}:orgs","v","1"]\n}, qr/line 2: of the wrong type/],
    [$head . qq{["hash","{dir}:orgs","v"]\n}, qr/line 2: of the wrong length/],
    [$head . qq{["hash","{dir}:orgs","v",1]\n}, qr/line 2: not all of it is text/],
    [$head . qq{["end",1]\n["end",1]\n}, qr/line 3: not a line/],
) {
    my ($text, $expected) = @$case;

    $again->cmd('FLUSHALL');

    open my $out, '>', file('bad') or die $!;
    print $out $text;
    close $out;

    my ($status, $err) = shell("WSCTL import --redis $url < " . file('bad'));

    is $status, 1;
    like $err, $expected;
}

# one that broke off serves nothing

$again->cmd('FLUSHALL');
shell("head -n 20 " . file('c') . " | WSCTL import --redis $url");

my ($status, $out, $err) = wsctl_run(qw(user list --redis), $url);

is $status, 1;
like $err, qr/an import into this store has not come to its end/;

my $c = start_node(name => 'c', http_config => "workspace_redis $url;");

ok wait_for { $c->log(qr/has 1 shards and importing pubsub/) } 10;
is http($c, GET => '/api/v2/workspaces', { as => 'admin' })->status, 503;



=== TEST 5: of two at once one is refused, and one that others were before
--- scenario
my $url = $again->url;
my ($head) = do { open my $in, '<', file('c') or die $!; <$in> };
my $wsctl = $ENV{WSCTL} || v('top') . '/build/wsctl';

# both have found the store empty when the first line comes to either

my $begin = sub {
    my ($name, $n) = @_;

    open my $in, '|-', "$wsctl import --redis $url 2>" . file("$name.err")
        or die $!;
    ok +(wait_for { (() = $again->cmd(qw(CLIENT LIST)) =~ /cmd=scan/g) == $n }
         5), "$name waits";

    return $in;
};

my $end = sub {
    my ($in, $name) = @_;

    syswrite $in, $head . qq{["end",1]\n};
    close $in;

    my $status = $? >> 8;

    open my $err, '<', file("$name.err") or die $!;

    return ($status, do { local $/; <$err> } // '');
};

$again->cmd('FLUSHALL');

my @in = ($begin->('one', 1), $begin->('two', 2));

is +($end->($in[0], 'one'))[0], 0;

my ($status, $err) = $end->($in[1], 'two');

is $status, 1;
like $err, qr/there is data already/;

$again->cmd('FLUSHALL');

my $late = $begin->('late', 1);

is +(wsctl_run(qw(org create acme --redis), $url))[0], 0;

($status, $err) = $end->($late, 'late');

is $status, 1;
like $err, qr/there is data already/;
is +(wsctl_run(qw(org list --redis), $url))[0], 0, 'which is served';
