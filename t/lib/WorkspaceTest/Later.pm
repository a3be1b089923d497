package WorkspaceTest::Later;

# A request whose answer is a matter of time: sent now, read later.
#
#     use WorkspaceTest::Later;
#
#     my $poll = http_later([NODE,] METHOD, PATH, {as, headers, body, ...});
#
#     $poll->answered          1 when the answer is there, else 0; at once
#     $poll->answer(SECONDS)   a WorkspaceTest::Response; status 0 when it did
#                              not come in time
#     $poll->close             the client goes away

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use Time::HiRes qw(time);

use WorkspaceTest::Http;

our @EXPORT = qw(http_later);


sub http_later {
    my (@args) = @_;

    my $request = WorkspaceTest::http_request(@args);
    my $sock = WorkspaceTest::Http::connect_to($request->{port})
        or die "connect: $!";

    my $self = bless {
        sock    => $sock,
        request => $request,
        started => time,
        res     => WorkspaceTest::Response->new($request->{method},
                                                $request->{path}),
        out     => WorkspaceTest::Http::request_bytes(
            $request->{method}, $request->{path}, $request
        ),
    };

    my $write = IO::Select->new($sock);

    while ($self->{out} ne '') {
        $write->can_write(10) or die 'the request cannot be sent';

        my $error = WorkspaceTest::Http::send_some($self);
        die $error if defined $error;
    }

    return $self;
}


sub answered {
    my ($self) = @_;

    $self->read_for(0);

    return $self->{ended} ? 1 : 0;
}


sub answer {
    my ($self, $seconds) = @_;

    $self->read_for($seconds // 10);

    my $res = $self->{res};

    if (!$self->{ended}) {
        $res->{error} = 'timeout';
        $res->{status} = 0;

    } elsif ($self->{request}{validate} && !$self->{validated}++) {
        WorkspaceTest::validate($self->{request}, $res);
    }

    return $res;
}


sub read_for {
    my ($self, $seconds) = @_;

    return if $self->{ended} || !$self->{sock};

    my $read = IO::Select->new($self->{sock});
    my $deadline = time + $seconds;

    for ( ;; ) {
        my $left = $deadline - time;

        last if !$read->can_read($left > 0 ? $left : 0);

        my ($done, $error) = WorkspaceTest::Http::receive_some($self);

        next if !$done;

        $self->{ended} = 1;
        $self->{res}{seconds} = time - $self->{started};

        if (defined $error) {
            $self->{res}{error} = $error;
            $self->{res}{status} = 0;
        }

        $self->close;
        last;
    }
}


sub close {
    my ($self) = @_;

    close $self->{sock} if $self->{sock};
    $self->{sock} = undef;
}


1;
