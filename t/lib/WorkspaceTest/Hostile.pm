package WorkspaceTest::Hostile;

# For tests about requests that are wrong: a node to send them to, and that
# they are refused in the API's form and have changed nothing.
#
#     use WorkspaceTest::Hostile;
#
#     stage();                    node "victim" (HTTP/2: v('h2.port')), with
#                                 a running workspace and a job under way
#     path($endpoint, w => 'x')   the endpoint's path for these, some parts
#                                 of it replaced
#     caller_of($endpoint)        whose token it takes, for "as"
#     refused($what, [ LABEL, METHOD, PATH, OPTIONS ], ...)
#                                 all are sent at once, each gets a 4xx, and
#                                 Redis holds the same afterwards
#     answered($what, qr/STATUS/, ...)    the same, any status, any change
#     digest()                    of all that Redis holds
#     keep_lease()                of the job: it would be over after 30 s
#     no_objects()                bodies that are none, name to bytes
#     secrets_in_logs(NODE, ...)  lines of their logs that hold a token or a
#                                 part of a body

use strict;
use warnings;

use Exporter 'import';
use Test::More ();

use WorkspaceTest::Endpoints;
use WorkspaceTest::Life;

our @EXPORT = qw(stage path caller_of refused answered digest keep_lease
                 no_objects secrets_in_logs);


my %bodies = (
    blank => ' ', 'an open brace' => '{', 'a list' => '[]',
    'a string' => '"x"', null => 'null', 'a number' => '7', two => '{}{}',
    'more after it' => '{} x', 'a zero byte' => "{\"name\": \"a\0b\"}",
    'only a zero byte' => "\0", 'an escaped zero' => '{"name": "\u0000"}',
    'a zero in a key' => '{"\u0000": 1}',
    'invalid UTF-8' => "{\"name\": \"\xff\"}",
    'an overlong form' => "{\"name\": \"\xc0\xaf\"}",
    'a surrogate as UTF-8' => "{\"name\": \"\xed\xa0\x80\"}",
    'a lone surrogate' => '{"name": "\ud800"}',
    'surrogates turned round' => '{"name": "\udc00\ud800"}',
    'invalid UTF-8 in a key' => "{\"\xfe\": 1}",
    'a bare key' => '{name: 1}', 'single quotes' => "{'name': 'x'}",
    'a comma too many' => '{"name": "x",}', 'a comment' => '{/**/}',
    'objects 5,000 deep' => '{"a":' x 5000,
    'lists 100,000 deep' => '[' x 100_000,
    'lists 100,000 deep, closed' =>
        '{"a":' . '[' x 100_000 . ']' x 100_000 . '}',
    'a huge real' => '{"x": 1e999}', 'a huge integer' => '{"x": 1' . '0' x 30
                                                         . '}',
    'a number of 100,000 digits' => '{"x": ' . '9' x 100_000 . '}',
    'leading zero' => '{"x": 01}', 'not a number' => '{"x": NaN}',
    'a byte order mark' => "\xef\xbb\xbf{}", 'UTF-16' => "\xff\xfe{\0}\0",
    'a raw line feed' => "{\"name\": \"a\nb\"}",
    'a form' => 'name=x&password=never-in-a-log',
    XML => '<?xml version="1.0"?><name/>',
);


sub no_objects { %bodies }


my $uuid = '497f6eca-6276-4993-bfeb-53cbbbba6f08';

my %args = (w => $uuid, o => $uuid, u => 'me', n => 'hostile', b => $uuid,
            j => $uuid, '#' => 1);


sub stage {
    my $port = WorkspaceTest::free_port();
    my $token = WorkspaceTest::wsctl(qw(provisioner create hostile));

    WorkspaceTest::v('h2.port', $port);
    WorkspaceTest::v('provisioner.token', $token);
    WorkspaceTest::v('life.token', $token);

    start_victim($port);

    my $w;

    ($w, $token) = started(name => 'hostile', ttl_ms => 3600_000, agents => [
        { name => 'main', apps => [{ slug => 'code' }] }, { name => 'two' },
    ]);

    WorkspaceTest::v('agent.token', $token);

    my $held = create(name => 'held');
    my $job = acquire($held);

    WorkspaceTest::v('lease', $job->{lease});
    report($job, 'heartbeat', logs => [{ output => 'one' }]);

    @args{qw(w o b j)} = ($w->{id}, WorkspaceTest::v('acme.id'),
                          $w->{latest_build}{id}, $job->{job_id});
}


sub start_victim {
    my ($port) = @_;

    my $location = <<'EOC';
    location /api/ {
        workspace_api;
        workspace_agent_timeout 1h;
        client_body_timeout 2s;
    }
EOC

    my $node = WorkspaceTest::start_node(
        name => 'victim', config => $location, http_config => <<"EOC");
    client_header_timeout 2s;
    log_format told '\$remote_addr "\$request" \$status \$workspace_user '
                    '\$workspace_user_id \$workspace_id \$workspace_endpoint '
                    '\$workspace_cache_status \$workspace_redis_time '
                    '"\$http_user_agent" "\$http_referer"';
    access_log logs/told.log told;
    server {
        listen 127.0.0.1:$port http2;
        server_name localhost;
    $location
    }
EOC

    WorkspaceTest::v('workers', join ' ', $node->workers);
}


# a path of the staged workspaces, with some parts replaced

sub path {
    my ($e, %parts) = @_;

    return path_of($e, %args, %parts);
}


sub caller_of { $_[0]{caller} eq 'user' ? 'alice' : $_[0]{caller} }


# the whole of Redis, but for the list of what is due: the clock of every
# worker works on that

sub digest {
    return WorkspaceTest::redis_cmd(EVAL => <<'EOC', 0);
local keys, all = redis.call('KEYS', '*'), {}
table.sort(keys)
for _, key in ipairs(keys) do
    if not key:match(':due$') then
        all[#all + 1] = key
        all[#all + 1] = redis.call('DUMP', key)
    end
end
return redis.sha1hex(table.concat(all))
EOC
}


# each answer has the API's form: http_all sees to that

sub answered {
    my ($what, $good, @calls) = @_;

    my @answers = WorkspaceTest::http_all(
        map { my ($label, @call) = @$_;
              [WorkspaceTest::node('victim'), @call] } @calls
    );

    my @bad = map {
        my ($answer, $call) = ($answers[$_], $calls[$_]);
        my $status = $answer->status;
        $status =~ $good ? ()
                         : substr("$call->[0]: $status "
                                  . ($answer->error // $answer->body), 0, 200)
    } 0 .. $#calls;

    Test::More::ok(!@bad, "$what: " . @calls . ' requests')
        || Test::More::diag(join "\n", map { "    $_" }
                            @bad[0 .. ($#bad < 9 ? $#bad : 9)]);
}


sub refused {
    my ($what, @calls) = @_;

    my $before = digest();

    answered($what, qr/^4/, @calls);
    Test::More::is(digest(), $before, "$what: nothing changed");
}


sub keep_lease {
    my $r = WorkspaceTest::http(
        WorkspaceTest::node('victim'),
        POST => "/api/v2/provisioners/me/jobs/$args{j}/heartbeat",
        { as   => 'provisioner',
          body => { lease => WorkspaceTest::v('lease') } }
    );

    $r->status == 200 or die 'the lease was lost';
}


sub secrets_in_logs {
    my @secrets = ('never-in-a-log', map {
        WorkspaceTest::v("$_.token") =~ /-(\w{22})\z/
    } qw(alice provisioner agent));

    my $any = join '|', @secrets;
    my @found;

    for my $node (map { WorkspaceTest::node($_) } @_) {
        for my $file (glob "$node->{dir}/logs/*.log") {
            open my $in, '<', $file or die "$file: $!";
            push @found, map { "$file: " . substr $_, 0, 300 }
                         grep { /$any/ } <$in>;
        }
    }

    return @found;
}


1;
