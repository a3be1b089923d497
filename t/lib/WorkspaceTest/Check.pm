package WorkspaceTest::Check;

# The sections json and capture.  A path is keys and indexes joined by dots
# (latest_build.job.status, workspaces.0.name); * stands for all items of a
# list (workspaces.*.name is the list of their names), # for their number
# (workspaces.#).  A line of a json section is one of
#
#     path = JSON           has that value
#     path = /regex/        is a string (or number) that matches
#     path = present        is there, whatever it holds
#     path = absent         is not there

use strict;
use warnings;

use Test::More ();
use WorkspaceTest::Http;


# (found, value)

sub look_up {
    my ($value, $path) = @_;

    my @keys = split /\./, $path;

    while (defined(my $key = shift @keys)) {
        if ($key eq '*') {
            return (0) if ref $value ne 'ARRAY';
            my $rest = join '.', @keys;
            return (1, [ map { (look_up($_, $rest))[1] } @$value ]);
        }

        if ($key eq '#') {
            return (0) if ref $value ne 'ARRAY';
            return (1, scalar @$value);
        }

        if (ref $value eq 'ARRAY') {
            return (0) if $key !~ /^\d+$/ || $key > $#$value;
            $value = $value->[$key];

        } else {
            return (0) if ref $value ne 'HASH' || !exists $value->{$key};
            $value = $value->{$key};
        }
    }

    return (1, $value);
}


sub lines {
    my ($text) = @_;

    return map { /^\s*(\S+)\s*=\s*(.*?)\s*$/ ? [$1, $2] : die "bad line: $_" }
           grep { /\S/ && !/^\s*#/ } split /\n/, $text;
}


sub json {
    my ($name, $text, $json, $body) = @_;

    for my $line (lines($text)) {
        my ($path, $wanted) = @$line;
        my ($found, $value) = look_up($json, $path);
        my $got = $found ? WorkspaceTest::Http::encode($value) : 'absent';
        my $label = "$name - $path = $wanted";

        if ($wanted eq 'present') {
            Test::More::ok($found, $label);

        } elsif ($wanted =~ m{^/(.*)/$}) {
            Test::More::like(ref $value ? $got : $value, qr/$1/, $label);

        } else {
            my $expected = WorkspaceTest::Http::decode($wanted);

            $wanted = WorkspaceTest::Http::encode($expected)
                if $wanted ne 'absent' && $wanted ne 'null';

            Test::More::is($got, $wanted, $label)
                || Test::More::diag('body: ' . substr $body // '', 0, 2000);
        }
    }
}


# $set: code that takes (name, value)

sub capture {
    my ($name, $text, $json, $set) = @_;

    for my $line (lines($text)) {
        my ($to, $path) = @$line;
        my ($found, $value) = look_up($json, $path);

        if (!$found) {
            Test::More::fail("$name - captures $to: no $path in the answer");
            next;
        }

        $value = WorkspaceTest::Http::encode($value) if ref $value;
        $set->($to, $value);
    }
}


1;
