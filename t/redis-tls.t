# Redis over TLS: who is believed, who we say we are, and that all connections
# have it.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Certs;
use WorkspaceTest::Proxy;

use POSIX ();

my $certs = WorkspaceTest::Certs->new;

$certs->authority($_) for qw(ca other);

$certs->issue('redis', by => 'ca', names => 'DNS:redis.test,IP:127.0.0.1');
$certs->issue('wrong', by => 'ca', names => 'DNS:else.test,IP:127.0.0.2');
$certs->issue('old', by => 'ca', names => 'IP:127.0.0.1', days => -1);
$certs->issue('client', by => 'ca');
$certs->issue('stranger', by => 'other');

v('tls.port', free_port());
v('certs', $certs->file(''));


# Redis with this certificate, asking clients for theirs or not

sub redis_has {
    my ($name, $clients) = @_;

    redis_cmd(qw(CONFIG SET), 'tls-cert-file', $certs->file("$name.pem"),
              'tls-key-file', $certs->file("$name.key"),
              'tls-ca-cert-file', $certs->file('ca.pem'),
              'tls-auth-clients', $clients // 'no');
    redis_cmd(qw(CONFIG SET tls-port), v('tls.port'));
}


sub status {
    my (@node) = @_;

    return http(@node, GET => '/api/v2/workspaces/' . v('dev.id'),
                { as => 'alice' })->status;
}


# a node that reaches Redis with these parameters, and a password

sub tls_node {
    my ($parameters, $host) = @_;

    $host //= '127.0.0.1';
    $parameters .= ' username=nginx password=s3cret';

    # a handshake may take its time on a machine that is busy

    $parameters .= ' connect_timeout=10s read_timeout=10s'
        if $parameters !~ /connect_timeout/;

    return start_node(
        name        => 'tls',
        workers     => 1,
        http_config => "workspace_redis rediss://$host:" . v('tls.port')
                       . " $parameters;",
    );
}


# Redis has been sent a password

sub signed_in { redis_cmd(qw(INFO commandstats)) =~ /^cmdstat_auth:/m ? 1 : 0 }


sub refused {
    my ($parameters, $why, $host) = @_;

    redis_cmd(qw(CONFIG RESETSTAT));

    my $node = tls_node($parameters, $host);

    is status($node), 503, "$parameters: $why";
    ok wait_for(sub { $node->log($why) }, 5), 'and it is logged';
    ok !signed_in(), 'the password was not sent';

    # nothing is left that might try again

    $node->kill9;
}


sub accepted {
    my ($parameters, $host) = @_;

    redis_cmd(qw(CONFIG RESETSTAT));

    my $node = tls_node($parameters, $host);

    ok wait_for(sub { status($node) == 200 }, 10),
       "accepted: $parameters";
    ok signed_in(), 'signed in';
}


redis_cmd(qw(ACL SETUSER nginx on >s3cret ~* &* +@all));

run_tests();

__DATA__

=== TEST 1: a workspace, through TLS from the first
--- before
redis_has('redis');
--- http_config
workspace_redis rediss://127.0.0.1:{{tls.port}} ssl_ca={{certs}}ca.pem
                connect_timeout=10s read_timeout=10s;
--- as: alice
--- request
POST /api/v2/organizations/{{acme.id}}/members/me/workspaces
{"name": "dev", "template_id": "{{docker.id}}"}
--- capture
dev.id = id



=== TEST 2: listings and subscriptions have it too
--- http_config
workspace_redis rediss://127.0.0.1:{{tls.port}} ssl_ca={{certs}}ca.pem
                connect_timeout=10s read_timeout=10s;
--- scenario
my $w = '/api/v2/workspaces/' . v('dev.id');
my $s = sse_open("$w/watch", { as => 'alice' });

ok $s->wait_event(5, sub { $_->{event} eq 'data' }), 'watching';
is http(GET => '/api/v2/workspaces', { as => 'alice' })->json->{count}, 1,
   'listing';

my $port = v('tls.port');
my @plain = grep { /laddr=\S+ / && / name=nginx-workspace /
                   && !/laddr=127\.0\.0\.1:$port / }
            split /\n/, redis_cmd(qw(CLIENT LIST));

is_deeply \@plain, [], 'no connection is without';

redis_cmd(qw(CLIENT KILL TYPE pubsub));
redis_cmd(qw(CLIENT KILL TYPE normal SKIPME yes));

is http(PATCH => $w, { as => 'alice', body => { name => 'dev-2' } })->status,
   204, 'connected anew';
ok $s->wait_event(15, sub { $_->{event} eq 'data'
                            && $_->{json}{name} eq 'dev-2' }), 'and told';



=== TEST 3: a long answer and a long request
--- http_config
workspace_redis rediss://127.0.0.1:{{tls.port}} ssl_ca={{certs}}ca.pem
                connect_timeout=10s read_timeout=20s;
--- scenario
my @all = http_all(map { [
    POST => '/api/v2/organizations/' . v('acme.id')
            . '/members/me/workspaces',
    { as => 'alice', body => { name => "many-$_",
                               template_id => v('docker.id') } }
] } 1 .. 300);

is scalar(grep { $_->status == 200 } @all), 300;

for (1 .. 3) {
    my $r = http(GET => '/api/v2/workspaces', { as => 'alice' });
    is $r->json->{count}, 301;
}

is wsctl('check'), '';



=== TEST 4: what Redis has got counts as sent, though not all could be
--- timeout: 120
--- http_config
workspace_redis redis://127.0.0.1:1;
--- scenario
my $port = v('tls.port');
my $file = temp_dir() . '/parameters.json';

open my $out, '>', $file or die $!;
print $out '[{"name": "text", "type": "string", "default": ""}]';
close $out or die $!;

v('large.id', wsctl(qw(template create --org acme large)));
wsctl(qw(version create v1 --promote --parameters), $file, '--template',
      v('large.id'));

my $node = tls_node("ssl_ca=" . v('certs') . "ca.pem connect_timeout=10s "
                    . "send_timeout=60s read_timeout=60s");
my $create = sub { [
    $node, POST => '/api/v2/organizations/' . v('acme.id')
                   . '/members/me/workspaces',
    { as => 'alice', timeout => 90,
      body => { name => $_[0], template_id => v('large.id'),
                rich_parameter_values => [ { name  => 'text',
                                             value => 'x' x 4000 } ] } }
] };

# bytes that wait to be read or sent, of Redis' end of the connections

sub queued {
    my ($port) = @_;
    my ($in, $end) = (0, sprintf ':%04X', $port);

    open my $tcp, '<', '/proc/net/tcp' or die $!;

    while (<$tcp>) {
        my (undef, $local, undef, $state, $queues) = split;

        $in += hex((split /:/, $queues)[1])
            if $state eq '01' && $local =~ /$end$/;
    }

    return $in;
}

# the same three times in a row

sub settled {
    my ($value) = @_;
    my @last = (-1);

    return wait_for(sub {
        push @last, $value->();
        @last >= 4 && $last[-1] == $last[-2] && $last[-2] == $last[-3];
    }, 20);
}

is $_->status, 200 for http_all(map { $create->("first-$_") } 1 .. 20);

my ($worker) = $node->workers;

# where a record ends when the connection is full is chance: three times

for my $round (1 .. 3) {
    redis_stop();

    my $pid = fork // die $!;

    if ($pid == 0) {
        wait_for(sub { queued($port) > 20_000 }, 4);
        settled(sub { queued($port) });         # the connection is full
        kill 'STOP', $worker;
        redis_cont();
        wait_for(sub { queued($port) == 0 }, 20);   # Redis does what it has
        settled(sub { redis_cmd(qw(INFO commandstats))
                      =~ /cmdstat_evalsha:calls=(\d+)/ ? $1 : 0 });
        kill 'CONT', $worker;
        POSIX::_exit(0);
    }

    my %status;

    $status{$_->status}++
        for http_all(map { $create->("large-$round-$_") } 1 .. 900);
    waitpid $pid, 0;

    is join(' ', %status), '200 900', 'nobody is told that a name is taken';
}

ok !$node->log(qr/reply to no command/), 'each reply has its command';



=== TEST 5: what is believed
--- scenario
my $dir = v('certs');

accepted("ssl_ca=${dir}ca.pem");
accepted('ssl_verify=off');
accepted("ssl_ca=${dir}ca.pem ssl_name=redis.test");
accepted("ssl_ca=${dir}ca.pem ssl_name=redis.test", 'localhost');

refused("ssl_ca=${dir}other.pem", qr/certificate is not accepted/);
refused('', qr/certificate is not accepted/);
refused("ssl_ca=${dir}ca.pem ssl_name=else.test",
        qr/certificate is not for "else\.test"/);
refused("ssl_ca=${dir}ca.pem", qr/certificate is not for "localhost"/,
        'localhost');



=== TEST 6: a certificate for another, one that has expired
--- scenario
my $dir = v('certs');

redis_has('wrong');
refused("ssl_ca=${dir}ca.pem", qr/certificate is not for "127\.0\.0\.1"/);
accepted("ssl_ca=${dir}ca.pem ssl_name=else.test");

redis_has('old');
refused("ssl_ca=${dir}ca.pem", qr/not accepted: .*has expired/);
accepted('ssl_verify=off');

# renewed, and nginx finds out by itself

my $node = tls_node("ssl_ca=${dir}ca.pem");

is status($node), 503, 'not yet';
redis_has('redis');
ok wait_for(sub { status($node) == 200 }, 10), 'renewed';



=== TEST 7: Redis asks for a client's certificate
--- scenario
my $dir = v('certs');

redis_has('redis', 'yes');

accepted("ssl_ca=${dir}ca.pem ssl_certificate=${dir}client.pem "
         . "ssl_certificate_key=${dir}client.key");

# with TLS 1.3 the server's no comes as an answer to the first command, and
# may be overtaken by the end of the connection

my $gone = qr/was closed|reset by peer|Broken pipe/;

refused("ssl_ca=${dir}ca.pem", qr/certificate required|$gone/);
refused("ssl_ca=${dir}ca.pem ssl_certificate=${dir}stranger.pem "
        . "ssl_certificate_key=${dir}stranger.key",
        qr/unknown ca|$gone/);

redis_has('redis');



=== TEST 8: a server that does not speak TLS
--- scenario
my $dir = v('certs');

my $node = start_node(
    name        => 'tls',
    http_config => 'workspace_redis rediss://127.0.0.1:' . v('redis.port')
                   . " ssl_ca=${dir}ca.pem connect_timeout=500ms;",
);

is status($node), 503;
ok wait_for(sub { $node->log(qr/TLS handshake with redis/) }, 5), 'logged';



=== TEST 9: a server that takes the connection and then says nothing
--- scenario
my $dir = v('certs');

# what would answer otherwise is read_timeout

my $node = tls_node("ssl_ca=${dir}ca.pem connect_timeout=500ms "
                    . 'read_timeout=20s');

ok wait_for(sub { status($node) == 200 }, 10);

redis_stop();
$node->kill9;
$node->start;

my $start = now_ms();

is http($node, GET => '/api/v2/workspaces/' . v('dev.id'),
        { as => 'alice', timeout => 30 })->status, 503;
cmp_ok now_ms() - $start, '<', 5000, 'after connect_timeout';
ok wait_for(sub { $node->log(qr/timed out.*TLS handshake with redis/) }, 5),
   'logged';

redis_cont();

ok wait_for(sub { status($node) == 200 }, 10);



=== TEST 10: wsctl too
--- scenario
my $dir = v('certs');
my @list = qw(user list);

local $ENV{WORKSPACE_REDIS} = 'rediss://127.0.0.1:' . v('tls.port');

like wsctl(@list, '--ssl-ca', "${dir}ca.pem"), qr/alice/;
is wsctl('check', '--ssl-ca', "${dir}ca.pem"), '';
like wsctl(@list, qw(--ssl-verify off)), qr/alice/;
like wsctl(@list, '--ssl-ca', "${dir}ca.pem", qw(--ssl-name redis.test)),
     qr/alice/;

for my $case (
    [ 3, qr/self.signed|unable to get|verify failed/i, () ],
    [ 3, qr/self.signed|unable to get|verify failed/i,
      '--ssl-ca', "${dir}other.pem" ],
    [ 3, qr/mismatch/i, '--ssl-ca', "${dir}ca.pem",
      qw(--ssl-name else.test) ],
    [ 3, qr/no such file|system lib|BIO/i, '--ssl-ca', "${dir}none.pem" ],
    [ 2, qr/on or off is expected/, qw(--ssl-verify maybe) ],
    [ 2, qr/need each other/, '--ssl-certificate', "${dir}client.pem" ],
    [ 2, qr/needs a URL over TLS/, qw(--redis redis://x --ssl-ca x) ])
{
    my ($wanted, $text, @options) = @$case;
    my ($status, $out, $err) = wsctl_run(@list, @options);

    is $status, $wanted, "@options";
    like $err, $text;
}

redis_has('old');
my ($status, $out, $err) = wsctl_run(@list, '--ssl-ca', "${dir}ca.pem");
is $status, 3;
like $err, qr/expired/;

redis_has('redis', 'yes');
like wsctl(@list, '--ssl-ca', "${dir}ca.pem",
           '--ssl-certificate', "${dir}client.pem",
           '--ssl-certificate-key', "${dir}client.key"), qr/alice/;
($status, $out, $err) = wsctl_run(@list, '--ssl-ca', "${dir}ca.pem");
is $status, 3, 'a certificate is wanted';

redis_has('redis');



=== TEST 11: what the configuration refuses
--- scenario
my $dir = v('certs');

for my $case (
    ["redis://127.0.0.1 ssl_ca=${dir}ca.pem", qr/need a URL that begins/],
    ['redis://127.0.0.1 ssl_verify=off', qr/need a URL that begins/],
    ['rediss://127.0.0.1 ssl_verify=no', qr/expected "on" or "off"/],
    ['rediss://127.0.0.1 ssl_ca=', qr/expected a file/],
    ["rediss://127.0.0.1 ssl_ca=${dir}none.pem", qr/none\.pem/],
    ["rediss://127.0.0.1 ssl_certificate=${dir}client.pem",
     qr/needs both "ssl_certificate=" and/],
    ["rediss://127.0.0.1 ssl_certificate=${dir}client.pem "
     . "ssl_certificate_key=${dir}ca.key", qr/SSL_CTX_use_PrivateKey/],
    ["rediss://127.0.0.1 ssl_ca=${dir}ca.pem ssl_verify=off",
     qr/has no use with "ssl_verify=off"/])
{
    my ($line, $expected) = @$case;
    my ($status, $text) = nginx_test(http_config => "workspace_redis $line;");

    isnt $status, 0, $line;
    like $text, $expected;
}



=== TEST 12: without ssl_ca= the system's authorities are believed
--- scenario
my $dir = v('certs');
my @list = (qw(user list --redis), 'rediss://127.0.0.1:' . v('tls.port'));

{
    local $ENV{SSL_CERT_FILE} = "${dir}ca.pem";

    accepted('');
    refused("ssl_ca=${dir}other.pem", qr/certificate is not accepted/);
    like wsctl(@list), qr/alice/, 'wsctl too';
    is +(wsctl_run(@list, '--ssl-ca', "${dir}other.pem"))[0], 3;
}

{
    local $ENV{SSL_CERT_FILE} = "${dir}other.pem";

    refused('', qr/certificate is not accepted/);
    is +(wsctl_run(@list))[0], 3;
}



=== TEST 13: a connection that is made again resumes its session
--- scenario
my $proxy = WorkspaceTest::Proxy->new(to => v('tls.port'));
my $node = start_node(
    name        => 'tls',
    workers     => 1,
    http_config => "workspace_redis rediss://127.0.0.1:$proxy->{port}"
                   . ' ssl_ca=' . v('certs') . 'ca.pem connect_timeout=10s'
                   . ' read_timeout=10s;',
);

is status($node), 200;

# a ServerHello of TLS 1.3 with "pre_shared_key" (RFC 8446, section 4.2.11):
# Redis takes what it was offered

$proxy->mute('(?s)\A\x16\x03\x03..\x02.{1,200}\x00\x29\x00\x02\x00\x00');
redis_cmd(qw(CLIENT KILL TYPE normal SKIPME yes));

ok wait_for(sub { $proxy->muted }, 10),
   'the session is used again';

$proxy->go;

ok wait_for(sub { status($node) == 200 }, 10), 'and works';
