package WorkspaceTest::Life;

# Workspaces through their life in a few words, by the API alone: for tests
# that are about something else than how a build gets done.
#
#     use WorkspaceTest::Life;
#
#     my $w = create(name => 'dev', as => 'alice', ttl_ms => 3600_000);
#     my $job = acquire($w);          the job of its latest build, now running
#     report($job, 'complete', resources => [...]);
#     my $b = build($w, 'stop');      the next build, pending
#
#     my ($w, $token) = started(name => 'dev', agents => [ ... ]);
#     agent($token, 'heartbeat', version => '1');     as the agent in it
#     due_at($ms, 'autostop', $w, ...);               not in an hour, but then
#     my $w = show($w);               as it is now
#
# Whatever does not answer as it should dies; report and agent return the
# answer.  A node (object or name) may be given to each as node => NODE.

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Time::Local ();

our @EXPORT = qw(create show build acquire report started stopped agent
                 due_at ms rfc3339);

my $names = 0;


sub call {
    my ($o, @args) = @_;

    return WorkspaceTest::http($o->{node} ? $o->{node} : (), @args);
}


sub must {
    my ($what, $response, @status) = @_;

    return $response if grep { $response->status == $_ } @status;

    die "$what: " . $response->status . ' ' . ($response->body // '') . "\n";
}


sub create {
    my (%o) = @_;

    my $org = WorkspaceTest::v(($o{org} // 'acme') . '.id');

    my $path = "/api/v2/organizations/$org/members/me/workspaces";
    my $r = call(\%o, POST => $path, {
        as   => $o{as} // 'alice',
        body => {
            name        => $o{name} // 'life-' . ++$names,
            template_id =>
                WorkspaceTest::v(($o{template} // 'docker') . '.id'),
            map { exists $o{$_} ? ($_ => $o{$_}) : () }
                qw(ttl_ms autostart_schedule rich_parameter_values),
        },
    });

    return must('create', $r, 200, 201)->json;
}


sub show {
    my ($w, %o) = @_;

    my $r = call(\%o, GET => "/api/v2/workspaces/$w->{id}?include_deleted=1",
                 { as => 'admin' });

    return must('show', $r, 200)->json;
}


sub build {
    my ($w, $transition, %o) = @_;

    my $r = call(\%o, POST => "/api/v2/workspaces/$w->{id}/builds",
                 { as => $o{as} // 'admin',
                   body => { transition => $transition } });

    return must("build $transition", $r, 201)->json;
}


sub provisioner {
    eval { local $SIG{__DIE__}; WorkspaceTest::v('life.token') }
        or WorkspaceTest::v('life.token',
                            WorkspaceTest::wsctl(qw(provisioner create life)));

    return 'life';
}


# jobs of others that wait before it are failed

sub acquire {
    my ($w, %o) = @_;

    for ( ;; ) {
        my $r = call(\%o, POST => '/api/v2/provisioners/me/acquire',
                     { as => provisioner(), body => { wait_ms => 5000 } });

        my $job = must('acquire', $r, 200)->json;

        return $job if $job->{workspace}{id} eq $w->{id};

        must('fail', report($job, 'fail', error => 'in the way'), 204);
    }
}


sub report {
    my ($job, $what, %body) = @_;

    my $node = delete $body{node};

    return call({ node => $node },
                POST => "/api/v2/provisioners/me/jobs/$job->{job_id}/$what",
                { as   => provisioner(),
                  body => { lease => $job->{lease}, %body } });
}


# running, with the agents given (one named "main" by default)

sub started {
    my (%o) = @_;

    my $w = create(%o);
    my $job = acquire($w, %o);

    must('complete', report($job, 'complete', resources => [{
        name   => 'box',
        type   => 'process',
        agents => $o{agents} || [{ name => 'main' }],
    }]), 204);

    return (show($w), $job->{agent_token});
}


sub stopped {
    my (%o) = @_;

    my ($w) = started(%o);

    build($w, 'stop');
    must('complete', report(acquire($w), 'complete'), 204);

    return show($w);
}


sub agent {
    my ($token, $what, %body) = @_;

    my $node = delete $body{node};

    return call({ node => $node }, POST => "/api/v2/workspaceagents/me/$what",
                { headers => { 'Coder-Session-Token' => $token },
                  body => \%body });
}


# milliseconds since the epoch, as the API writes them, and back

sub rfc3339 {
    my ($ms) = @_;

    return POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $ms / 1000)
           . sprintf '.%03dZ', $ms % 1000;
}


sub ms {
    my ($time) = @_;

    my ($y, $mo, $d, $h, $mi, $s, $f) = $time
        =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z$/ or die $time;

    return 1000 * Time::Local::timegm($s, $mi, $h, $d, $mo - 1, $y) + $f;
}


# Makes something ("autostart", "autostop", "lease") due at a time, as if it
# had been so from the beginning: in the documents, and in the set "due".

sub due_at {
    my ($at, $kind, @workspaces) = @_;

    my %text = (
        autostop  => [ d => qr/"deadline":"[^"]*"/,
                       '"deadline":"' . rfc3339($at) . '"' ],
        autostart => [ p => qr/"autostart_ms":\d+/, "\"autostart_ms\":$at" ],
    );

    for my $w (@workspaces) {
        my $key = WorkspaceTest::key('w', $w->{id});

        if ($kind eq 'lease') {
            WorkspaceTest::redis_cmd('HSET', $key, 'e', $at);

        } else {
            my ($field, $old, $new) = @{ $text{$kind} };
            my $json = WorkspaceTest::redis_cmd('HGET', $key, $field);

            $json =~ s/$old/$new/ or die "$kind: $json\n";
            WorkspaceTest::redis_cmd('HSET', $key, $field, $json);
        }

        WorkspaceTest::redis_cmd('ZADD',
                                 WorkspaceTest::shard_key('due', $w->{id}),
                                 'XX', $at, "$kind $w->{id}");
    }
}


1;
