#!/usr/bin/perl

# Runs unit tests (programs that use cmocka) and test files (*.t, TAP) and
# closes with the totals of both, alone on a line: "N passed, N failed".
# Exits with 1 when anything failed, or when nothing was run.
#
#     t/lib/run.pl [--jobs N] FILE...

use strict;
use warnings;

use Getopt::Long;
use TAP::Harness;

my $jobs = 1;

GetOptions('jobs=i' => \$jobs) or die "usage: run.pl [--jobs N] FILE...\n";

# sanitizers and valgrind report into files of this directory

my $reports = $ENV{WORKSPACE_SANITIZED};

# nginx has t/lib/nginx-valgrind

my $valgrind = $ENV{WORKSPACE_VALGRIND}
    ? 'valgrind --quiet --error-exitcode=99 --num-callers=30 --leak-check=full'
      . " --log-file=$reports/report.%p "
    : '';

my ($passed, $failed) = (0, 0);
my (@broken, @files);

for my $file (@ARGV) {
    if ($file =~ /\.t$/) {
        push @files, $file;

    } else {
        run_unit($file);
    }
}

run_files() if @files;

check_report($_) for defined $reports ? grep { -s } glob "$reports/report*"
                                     : ();

print "\nbroken: $_" for @broken;
print "\n$passed passed, $failed failed\n";

exit($failed || !$passed ? 1 : 0);


sub check_report {
    my ($report) = @_;

    open my $in, '<', $report or die "$report: $!";
    my @lines = <$in>;

    print "\n$report:\n", grep { defined } @lines[0 .. 59];
    push @broken, $report;
    $failed++;
}


# a program without a summary (a crash) counts as one that failed

sub run_unit {
    my ($program) = @_;

    my $output = `$valgrind$program 2>&1`;
    my $status = $?;
    my ($ok, $bad) = (0, 0);

    $ok += $1 while $output =~ /\[  PASSED  \] (\d+) test/g;
    $bad += $1 while $output =~ /\[  FAILED  \] (\d+) test/g;
    $bad ||= 1 if $status != 0 || !$ok;

    $passed += $ok;
    $failed += $bad;

    printf "%s .. %s\n", $program, $bad ? 'FAILED' : "ok ($ok)";

    if ($bad) {
        push @broken, $program;
        print grep { !/^\[ (?:RUN     |      OK) \]/ }
              map { "$_\n" } split /\n/, $output;
        printf "exit status %d, signal %d\n", $status >> 8, $status & 127
            if $status;
    }
}


sub run_files {
    my $harness = TAP::Harness->new({
        jobs     => $jobs,
        timer    => 1,
        failures => 1,
        merge    => 0,
        lib      => ['t/lib'],
        verbosity => 0,
    });

    my $all = $harness->runtests(@files);

    $passed += $all->passed;
    $failed += $all->failed;

    # a file that died, or whose plan does not hold, without a failed test

    for my $file ($all->descriptions) {
        my ($parser) = $all->parsers($file);

        next if !$parser->has_problems;

        push @broken, $file;
        $failed++ if !$parser->failed;
    }
}
