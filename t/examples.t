# conf-examples/: each is started as it is, but for addresses, and exercised.

use lib 't/lib';

BEGIN { $ENV{WORKSPACE_SHARDS} = 1 }    # as the examples have it

use WorkspaceTest;

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';


# a directory for one nginx

sub example {
    my $dir = temp_dir();

    mkdir "$dir/$_" for qw(modules certs logs);
    symlink v('module'), "$dir/modules/ngx_http_workspace_module.so";

    return $dir;
}


# starts it there with a file of conf-examples/; each of the replacements must
# be in the file

sub start {
    my ($dir, $file, @replacements) = @_;
    my $text = do { local (@ARGV, $/) = v('top') . "/conf-examples/$file";
                    <> };

    while (my ($from, $to) = splice @replacements, 0, 2) {
        $text =~ s/\Q$from\E\b/$to/g or die "no $from in $file";
    }

    open my $out, '>', "$dir/nginx.conf" or die $!;
    print $out "user root;\n$text";
    close $out;

    system("$nginx -e $dir/logs/error.log -p $dir/ -c $dir/nginx.conf") == 0
        or die "nginx does not start with $file";
}


sub stop {
    my ($dir) = @_;

    system("$nginx -e $dir/logs/error.log -p $dir/ -c $dir/nginx.conf -s stop");
    ok wait_for { !-e "$dir/logs/nginx.pid" } 5;

    my $log = do { local (@ARGV, $/) = "$dir/logs/error.log"; <> };
    unlike $log, qr/\[(?:alert|emerg)\]/, 'no alert';
}


sub status {
    my ($url, @options) = @_;

    return `curl -sk -o /dev/null -w '%{http_code}' @options $url`;
}


run_tests();

__DATA__

=== TEST 1: behind a reverse proxy with TLS and auth_request
--- config
location = /verify {
    if ($cookie_session = "of-alice") { add_header X-User alice always; }
    return 200 "ok";
}
location /api/ {
    workspace_api;
}
--- scenario
my $dir = example();
my ($front, $back) = (free_port(), free_port());

system("openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
       . "-keyout $dir/certs/server.key -out $dir/certs/server.crt "
       . "2>$dir/logs/openssl.log") == 0 or die 'openssl';

start($dir, 'proxy/nginx.conf', '8443' => $front,
      '127.0.0.1:9000' => '127.0.0.1:' . v('port'),
      '127.0.0.1:8081' => "127.0.0.1:$back",
      'redis://127.0.0.1:6379' => v('redis.url'));

my $api = "https://127.0.0.1:$front/api/v2";
my $url = "$api/users/me/workspace/none";

ok wait_for { status($url, '-b session=of-alice') eq '404' } 5;
is status($url, '-b session=of-alice'), '404', 'alice, by her session';
is status($url), '401', 'nobody';
is status($url, "-H 'X-Workspace-User: alice'"), '401',
   'a header of the client counts nothing';
is status($url, "-H 'Coder-Session-Token: " . v('alice.token') . "'"), '404',
   'a token';

my $body = '{"name": "dev", "template_id": "' . v('docker.id') . '"}';
my $path = 'organizations/' . v('acme.id') . '/members/me/workspaces';

like `curl -sk -b session=of-alice -d '$body' $api/$path`,
     qr/"owner_name":"alice"/, 'created';

stop($dir);



=== TEST 2: two nodes behind a load balancer
--- scenario
my @dirs = map { example() } 1 .. 3;
my @ports = map { free_port() } 1 .. 3;

for my $n (0, 1) {
    start($dirs[$n], 'cluster/node.conf', '8081' => $ports[$n],
          'redis://10.0.0.5:6379' => v('redis.url'));
}

start($dirs[2], 'cluster/balancer.conf', 'listen 8080' => "listen $ports[2]",
      '10.0.0.11:8081' => "127.0.0.1:$ports[0]",
      '10.0.0.12:8081' => "127.0.0.1:$ports[1]");

my $api = "http://127.0.0.1:$ports[2]/api/v2";
my $as = "-H 'Coder-Session-Token: " . v('alice.token') . "'";
my $body = '{"name": "shared", "template_id": "' . v('docker.id') . '"}';
my $path = 'organizations/' . v('acme.id') . '/members/me/workspaces';
my $id;

ok wait_for {
    ($id) = `curl -s $as -d '$body' $api/$path` =~ /"id":"([0-9a-f-]{36})"/;
} 5;

is status("$api/workspaces/$id", $as), '200' for 1 .. 4;

open my $stream, '-|', "curl -sN --max-time 10 $as $api/workspaces/$id/watch"
    or die $!;

like scalar(<$stream>), qr/^event: ping/, 'the first event comes at once';
is status("$api/workspaces/$id", $as, q{-X PATCH -d '{"name": "two"}'}),
   '204';

my $seen;

while (my $line = <$stream>) {
    last if $seen = $line =~ /"name":"two"/;
}

ok $seen, 'a change reaches the stream through the balancer';

# a node goes: the other answers

stop($dirs[0]);
is status("$api/workspaces/$id", $as), '200' for 1 .. 4;

close $stream;
stop($_) for @dirs[1, 2];
