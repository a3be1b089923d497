
# Redis Cluster over TLS, with certificates on both sides: every connection to
# every node has it, also to those that are known by what others tell.

use lib 't/lib';
use WorkspaceTest seed => 'none';
use WorkspaceTest::Certs;
use WorkspaceTest::Cluster;

# blocks see these

use vars qw($cluster $certs %made);

$certs = WorkspaceTest::Certs->new;

$certs->authority('ca');
$certs->authority('other');
$certs->issue('redis', by => 'ca', names => 'DNS:redis.test,IP:127.0.0.1');
$certs->issue('wrong', by => 'ca', names => 'DNS:redis.test,IP:127.0.0.2');
$certs->issue('nginx', by => 'ca');

v('certs', $certs->file(''));

$cluster = cluster(
    shards   => 16,
    replicas => 0,
    tls      => {
        'cert-file'    => $certs->file('redis.pem'),
        'key-file'     => $certs->file('redis.key'),
        'ca-cert-file' => $certs->file('ca.pem'),
    },
    conf     => parameters('ca'),
);


# a handshake may take its time on a machine that is busy

sub parameters {
    my ($authority) = @_;

    return join ' ', 'connect_timeout=10s read_timeout=10s',
                     'ssl_ca=' . $certs->file("$authority.pem"),
                     'ssl_certificate=' . $certs->file('nginx.pem'),
                     'ssl_certificate_key=' . $certs->file('nginx.key');
}


sub other_node {
    my ($parameters, $url) = @_;

    $url //= $cluster->url;

    return start_node(name => 'other', workers => 1, http_config =>
                      "workspace_redis $url $parameters;"
                      . 'workspace_shards 16;');
}


sub status {
    my ($id, @node) = @_;

    return http(@node, GET => "/api/v2/workspaces/$id",
                { as => $made{$id} })->status;
}


sub rename_one {
    my ($id, $name) = @_;

    return http(PATCH => "/api/v2/workspaces/$id",
                { as => $made{$id}, body => { name => $name } })->status;
}


sub listed {
    my ($query) = @_;

    return http(GET => "/api/v2/workspaces?$query",
                { as => 'admin' })->json->{count};
}


# connections of nginx: by the port of Redis that they came to

sub connections {
    my ($node) = @_;

    my %n = (plain => 0, tls => 0);
    my $port = $node->port;

    for (grep { /name=nginx-workspace/ }
         split /\n/, $node->cmd(qw(CLIENT LIST)))
    {
        $n{ /laddr=\S+:$port / ? 'plain' : 'tls' }++;
    }

    return \%n;
}


run_tests();

__DATA__

=== TEST 1: commits, reads and listings on all nodes
--- timeout: 60
--- scenario
# by chance some node may have none of the first ones

my (@users, %nodes);

while (@users < 12 || keys %nodes < 3 && @users < 60) {
    my $user = 'user' . (@users + 1);

    push @users, $user;

    v("$user.id", wsctl(qw(user create), $user, qw(--org acme)));
    v("$user.token", wsctl(qw(token create), $user));

    my $r = http(POST => '/api/v2/organizations/' . v('acme.id')
                         . '/members/me/workspaces',
                 { as => $user, body => { name        => "w-$user",
                                          template_id => v('docker.id') } });

    is $r->status, 200 or next;

    my $id = $r->json->{id};

    $made{$id} = $user;
    $nodes{ $cluster->home($id)->port } = 1;
}

is scalar(keys %nodes), 3, 'they are on all nodes';

for my $id (keys %made) {
    is status($id), 200;
    is rename_one($id, "x-$made{$id}"), 204;
}

is listed('name=x-user'), 12;
is listed('owner=user3'), 1;



=== TEST 2: watching; no connection is without TLS
--- timeout: 60
--- scenario
for my $id (keys %made) {
    my $stream = sse_open("/api/v2/workspaces/$id/watch",
                          { as => $made{$id} });

    ok $stream->wait_event(20, sub { $_->{event} eq 'data' });
    is rename_one($id, "y-$made{$id}"), 204;
    ok $stream->wait_event(20, sub { $_->{event} eq 'data'
                                     && $_->{json}{name} =~ /^y-/ });
}

for my $node ($cluster->primaries) {
    # if none watches there, the clock asks for what is due

    ok wait_for(sub { connections($node)->{tls} > 0 }, 20), 'some with TLS';
    is connections($node)->{plain}, 0, 'none without';
}



=== TEST 3: who has been told the wrong node is sent on, by TLS
--- timeout: 60
--- scenario
my ($id) = keys %made;
my $slot = $cluster->slot(tag($id));
my $from = $cluster->home($id);
my ($to) = grep { $_ != $from } $cluster->primaries;
my $stream = sse_open("/api/v2/workspaces/$id/watch", { as => $made{$id} });
my ($moved, $asked) = ($cluster->errors('MOVED'), $cluster->errors('ASK'));
my %statuses;

ok $stream->wait_event(20, sub { $_->{event} eq 'data' });

$cluster->move($slot, $to, sub { $statuses{ status($id) }++ });

is join(',', keys %statuses), 200;
cmp_ok $cluster->errors('ASK'), '>', $asked;
cmp_ok $cluster->errors('MOVED'), '>', $moved;

is rename_one($id, 'moved'), 204;
ok $stream->wait_event(20, sub { $_->{event} eq 'data'
                                 && $_->{json}{name} eq 'moved' });

is $cluster->home($id)->port, $to->port;
is connections($_)->{plain}, 0 for $cluster->primaries;



=== TEST 4: who is believed
--- timeout: 60
--- scenario
my ($id) = keys %made;
my $right = parameters('ca');

ok wait_for(sub { status($id, other_node("$right ssl_name=redis.test"))
                  == 200 }, 20), 'one name for all of them';

(my $named = $cluster->url) =~ s/127\.0\.0\.1/localhost/g;

ok wait_for(sub { status($id, other_node("$right ssl_name=redis.test",
                                         $named)) == 200 }, 20);

# the server's no may be overtaken by the end of the connection

my $gone = qr/was closed|reset by peer|Broken pipe/;

for my $case (
    [ $right, qr/certificate is not for "localhost"/, $named ],
    [ "$right ssl_name=else.test", qr/certificate is not for "else\.test"/ ],
    [ parameters('other'), qr/certificate is not accepted/ ],
    [ 'ssl_verify=off', qr/certificate required|$gone/ ],
) {
    my ($parameters, $why, @url) = @$case;
    my $node = other_node($parameters, @url);

    is status($id, $node), 503, "$why";
    ok wait_for(sub { $node->log($why) }, 20), 'and it is logged';
}



=== TEST 5: a node that comes back as another: 503 for its shards alone
--- timeout: 60
--- scenario
my $dir = $cluster->primary($cluster->slot('{dir}'));
my ($node) = grep { $_ != $dir } map { $cluster->home($_) } sort keys %made;
my @there = grep { $cluster->home($_) == $node } keys %made;
my @elsewhere = grep { $cluster->home($_) != $node } keys %made;

sub turns_into {
    my ($name) = @_;

    $node->cmd(qw(CONFIG SET), map { ("tls-$_->[0]", $_->[1]) }
               [ 'cert-file' => $certs->file("$name.pem") ],
               [ 'key-file' => $certs->file("$name.key") ]);
    $node->cmd(qw(CLIENT KILL TYPE normal SKIPME yes));
    $node->cmd(qw(CLIENT KILL TYPE pubsub));
}

turns_into('wrong');

ok wait_for(sub { status($there[0]) == 503 }, 20);
ok wait_for(sub { status($there[0]) == 503
                  && node()->log(qr/certificate is not for "127\.0\.0\.1"/) },
            20);
is status($_), 200 for @elsewhere;

turns_into('redis');

ok wait_for(sub { status($there[0]) == 200 }, 20), 'renewed';
ok wait_for(sub { rename_one($there[0], 'again') == 204 }, 20);



=== TEST 6: wsctl
--- timeout: 60
--- scenario
my $dir = v('certs');
my @tls = ('--redis', $cluster->url, '--ssl-certificate', "${dir}nginx.pem",
           '--ssl-certificate-key', "${dir}nginx.key");

my ($status, $out, $err) = wsctl_run('check', @tls, '--ssl-ca',
                                     "${dir}ca.pem");

is $out, '', 'nothing is wrong with the store';
like $err, qr/12 workspaces: all is as it has to be/;
is $status, 0;

($status, $out, $err) = wsctl_run('check', @tls, '--ssl-ca',
                                  "${dir}other.pem");
is $status, 3;
like $err, qr/self.signed|unable to get|verify failed/i;
