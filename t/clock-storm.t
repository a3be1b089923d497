# Much is due at once, for two workers each on two nodes: all of it is done,
# each once, and requests are answered meanwhile.
#
#     WORKSPACE_DUE=10000 prove -It/lib -v t/clock-storm.t
#
# is the long version; the default is one that a test run can afford.

use lib 't/lib';
use WorkspaceTest;
use WorkspaceTest::Life;
use Time::HiRes qw(time);


# the scenarios are compiled in another package

sub many { return $ENV{WORKSPACE_DUE} || 300 }


# of several owners, and so in several shards

my @owners = qw(alice bob orgadmin tplmgr auditor usermgr);


# many requests, 100 at a time; the code makes the n-th

sub all_of {
    my ($n, $make) = @_;

    my @answers;

    while (@answers < $n) {
        my $last = @answers + 100 < $n ? @answers + 100 : $n;

        push @answers, http_all(map { $make->($_) }
                                    scalar @answers .. $last - 1);
    }

    return @answers;
}


sub running {
    my ($n) = @_;

    my $path = '/api/v2/organizations/' . v('acme.id')
               . '/members/me/workspaces';

    my @w = map { $_->json } all_of($n, sub {
        return [POST => $path, { as => $owners[$_[0] % @owners],
                                 validate => 0, body => {
            name => "w$_[0]", template_id => v('docker.id'),
            ttl_ms => 3600_000 } }];
    });

    my $as = WorkspaceTest::Life::provisioner();

    my @jobs = map { $_->json } all_of($n, sub {
        return [POST => '/api/v2/provisioners/me/acquire',
                { as => $as, validate => 0, body => { wait_ms => 5000 } }];
    });

    my @done = all_of($n, sub {
        my $job = $jobs[$_[0]];

        return [POST => "/api/v2/provisioners/me/jobs/$job->{job_id}/complete",
                { as => $as, validate => 0,
                  body => { lease => $job->{lease} } }];
    });

    die "not all are running\n" if grep { $_->status != 204 } @done;

    return @w;
}


# Gets workspaces, one after the other, until the code says so: how long each
# took, in ms, sorted.

sub get_until {
    my ($w, $stop) = @_;

    my (@took, $bad);

    for (my $i = 0; !$stop->(); $i++) {
        my $start = time;
        my $r = http(GET => "/api/v2/workspaces/$w->[$i % @$w]{id}",
                     { as => 'admin', validate => 0 });

        push @took, 1000 * (time - $start);
        $bad ||= $r->status if $r->status != 200;
    }

    is $bad, undef, 'all are answered';

    return sort { $a <=> $b } @took;
}


sub percentiles {
    my (@took) = @_;

    return sprintf 'p50 %.1f ms, p99 %.1f ms, worst %.1f ms of %d',
                   @took[int(@took * 0.5), int(@took * 0.99)], $took[-1],
                   scalar @took;
}


run_tests();

__DATA__

=== TEST 1: all at once
--- timeout: 600
--- scenario
start_node(name => 'b');

my @w = running(many());

my $at = now_ms() + 3000 + many();

due_at($at, 'autostop', @w);

my @before = get_until(\@w, sub { now_ms() > $at - 500 });
my $polled = 0;

# until then the requests would show it being idle

wait_for { now_ms() >= $at } 30;

my @during = get_until(\@w, sub {
    return 0 if time < $polled + 0.1;

    $polled = time;
    return members('due') == 0 || now_ms() > $at + 120_000;
});

my $took = now_ms() - $at;

is members('due'), 0, 'nothing is due any more';

# one build each, and that the second

is members('queue'), many(), 'a job for each';

my $r = http(GET => '/api/v2/workspaces?status=pending',
             { as => 'admin', validate => 0, timeout => 60 })->json;

is $r->{count}, many();

my @wrong = grep {
    my $b = $_->{latest_build};

    $b->{build_number} != 2 || $b->{transition} ne 'stop'
        || $b->{reason} ne 'autostop'
        || $b->{initiator_name} ne $_->{owner_name};
} @{ $r->{workspaces} };

is scalar @wrong, 0, 'each stopped once, for its owner'
    or diag explain $wrong[0];

my @wrong_builds = grep { redis_cmd('ZCARD', key('builds', $_->{id})) != 2 }
                        @w;

is scalar @wrong_builds, 0, 'two builds each';
is wsctl('check'), '', 'all invariants hold';

diag sprintf '%d done in %.1f s (%.0f a second)', many(), $took / 1000,
             1000 * many() / $took;
diag 'GET before: ', percentiles(@before);
diag 'GET meanwhile: ', percentiles(@during);
