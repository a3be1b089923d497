package WorkspaceTest::Sse;

# A reader of server-sent events (WHATWG HTML, 9.2): opens a stream, hands
# out its events one by one, and never waits longer than it was told.

use strict;
use warnings;

use IO::Select;
use Time::HiRes qw(time);

use WorkspaceTest::Http;
use WorkspaceTest::Patience;


# Opens the stream and waits for its headers.  Always returns an object; see
# status and error.  { port, path, headers, timeout, method }

sub open {
    my ($class, %args) = @_;

    my $self = bless {
        res    => WorkspaceTest::Response->new('GET', $args{path}),
        events => [],
        text   => '',
        offset => 0,
    }, $class;

    my $deadline = time + ($args{timeout} || $WorkspaceTest::Http::Timeout);

    $self->{sock} = WorkspaceTest::Http::connect_to($args{port});

    if (!$self->{sock}) {
        $self->{res}{error} = "connect: $!";
        return $self;
    }

    my $c = {
        sock => $self->{sock},
        out  => WorkspaceTest::Http::request_bytes('GET', $args{path}, \%args),
    };

    my $select = IO::Select->new($self->{sock});

    while ($c->{out} ne '' && time < $deadline) {
        $select->can_write($deadline - time) or last;

        my $error = WorkspaceTest::Http::send_some($c);

        if (defined $error) {
            $self->{res}{error} = $error;
            return $self;
        }
    }

    while (!$self->status && !$self->closed && time < $deadline) {
        $self->pump($deadline - time);
    }

    return $self;
}


sub status { $_[0]{res}{status} }
sub header { $_[0]{res}->header($_[1]) }
sub error { $_[0]{res}{error} }
sub response { $_[0]{res} }


# true when the server ended the stream (or the connection broke)

sub closed { !$_[0]{sock} || $_[0]{res}{closed} || $_[0]{res}{complete} }


# true when the stream was ended as HTTP says, not cut

sub complete { $_[0]{res}{complete} }


sub close {
    my ($self) = @_;

    CORE::close(delete $self->{sock}) if $self->{sock};
}


# The next event: { event, data, id, retry, json }, or undef when none came
# in time or the stream ended (see closed).  Comments are counted only.

sub next_event {
    my ($self, $timeout) = @_;

    my $deadline = time + ($timeout // 5);

    for ( ;; ) {
        if (@{ $self->{events} }) {
            return shift @{ $self->{events} };
        }

        my $left = $deadline - time;

        return if $left <= 0 || $self->closed;

        $self->pump($left);
    }
}


# The first event for which the code is true, others before it are dropped;
# undef when there was none in time.

sub wait_event {
    my ($self, $timeout, $code) = @_;

    my $deadline = time + $timeout * WorkspaceTest::Patience::FACTOR;

    for ( ;; ) {
        my $event = $self->next_event($deadline - time) or return;
        local $_ = $event;
        return $event if $code->($event);
    }
}


# all events that are there already, and those that come within $seconds

sub drain {
    my ($self, $seconds) = @_;

    my (@events, $deadline);

    $deadline = time + ($seconds || 0);

    do {
        my $left = $deadline - time;
        $self->pump($left > 0 ? $left : 0) if !$self->closed;
        push @events, splice @{ $self->{events} };
    } while (time < $deadline && !$self->closed);

    return @events;
}


# reads what is there, waiting at most $wait seconds for something

sub pump {
    my ($self, $wait) = @_;

    return if $self->closed;

    IO::Select->new($self->{sock})->can_read($wait) or return;

    my $n = sysread $self->{sock}, my $buf, 262144;

    if (!defined $n) {
        return if $!{EAGAIN} || $!{EINTR};
        $self->{res}{error} = "receive: $!";
        $self->{res}{closed} = 1;
        return;
    }

    if ($n == 0) {
        $self->{res}->eof;

    } else {
        $self->{res}->feed($buf);
    }

    $self->parse if $self->status == 200;
}


sub parse {
    my ($self) = @_;

    $self->{text} .= $self->{res}{body};
    $self->{res}{body} = '';

    while ($self->{text} =~ s/\A(.*?)\r?\n\r?\n//s) {
        my %event = (event => 'message', at => time);
        my @data;

        for my $line (split /\r?\n/, $1) {
            my ($field, $value) = split /: ?/, $line, 2;

            $value //= '';

            if ($field eq '') {
                $self->{comments}++;

            } elsif ($field eq 'data') {
                push @data, $value;

            } else {
                $event{$field} = $value;
            }
        }

        $self->{last_id} = $event{id} if defined $event{id};
        $self->{retry} = $event{retry} if defined $event{retry};

        next if !@data && $event{event} eq 'message' && keys %event == 2;

        $event{data} = join "\n", @data;
        $event{json} = WorkspaceTest::Http::decode($event{data}) if @data;
        $self->{check}->(\%event) if $self->{check};

        push @{ $self->{events} }, \%event;
    }
}


sub DESTROY { $_[0]->close }


1;
