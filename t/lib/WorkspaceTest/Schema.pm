package WorkspaceTest::Schema;

# Checks every response against the published reference: which endpoint it
# answers, whether that status may come from it, and whether the body has
# exactly the fields, types, formats and values that t/schema/api.json (made
# by hand from the reference) says.  Nothing undocumented is let through.
#
# The schema language is the part of JSON Schema that is used there: $ref,
# type (a name or a list), properties, required, additionalProperties, items,
# enum, format (uuid, date-time), pattern, minimum, minItems.

use strict;
use warnings;

use B ();
use WorkspaceTest::Http;


my $api;


sub load {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };

    $api = WorkspaceTest::Http::decode($text) or die "$file is not JSON";
}


# What is wrong with a response: a list of sentences, empty when it is good.
# $req: { method, path (with the query), prefix };  $res: { status,
# headers (lower-case name to value), body }.  A response of status 0 did not
# come whole and is not judged.

sub check {
    my ($req, $res) = @_;

    return if !$res->{status};

    my ($path) = split /\?/, $req->{path} // '', 2;
    my $prefix = $req->{prefix};

    return if $path !~ m{^\Q$prefix\E(/.*)?$};

    my $operation = find_operation($req->{method}, $1 // '');
    my @wrong = check_headers($req, $res, $operation);

    return @wrong if $req->{method} eq 'HEAD';

    my $status = $res->{status};
    my $type;

    if ($status >= 400) {
        $type = 'Error';

    } elsif (!$operation) {
        return (@wrong, "$req->{method} $path is not in the reference but "
                        . "answers $status");

    } else {
        my $responses = $operation->{responses};

        return (@wrong, "status $status is not in the reference of "
                        . "$req->{method} $operation->{path}")
            if !exists $responses->{$status};

        $type = $responses->{$status};
    }

    if (!defined $type) {
        push @wrong, "a body with status $status" if $res->{body} ne '';
        return @wrong;
    }

    return (@wrong, check_stream($res->{body}, event_type($operation)))
        if $type eq 'EventStream' || streams($operation, $res);
    return (@wrong, check_json($type, $res->{body}));
}


# the type of the data events of a path, prefix included: for streams

sub event_type_of {
    my ($path, $prefix) = @_;

    ($path) = split /\?/, $path, 2;

    my ($rest) = $path =~ m{^\Q$prefix\E(/.*)$} or return 'Workspace';

    return event_type(find_operation('GET', $rest));
}


sub event_type { ($_[0] && $_[0]{event}) || 'Workspace' }


# an endpoint that answers with a stream when it is asked to

sub streams {
    my ($operation, $res) = @_;

    return $operation && $operation->{event} && $res->{status} == 200
           && ($res->{headers}{'content-type'} // '') eq 'text/event-stream';
}


sub find_operation {
    my ($method, $path) = @_;

    $method = 'GET' if $method eq 'HEAD';

    for my $operation (@{ $api->{operations} }) {
        next if $operation->{method} ne $method;

        my $pattern = join '/', map { /^\{/ ? '[^/]+' : quotemeta }
                                split m{/}, $operation->{path}, -1;

        return $operation if $path =~ /^$pattern$/;
    }

    return;
}


sub check_headers {
    my ($req, $res, $operation) = @_;

    my $h = $res->{headers};
    my $status = $res->{status};
    my $type = $h->{'content-type'};
    my @wrong;

    if ($status == 204) {
        push @wrong, "Content-Type with 204" if defined $type;
        push @wrong, "Content-Length with 204"
            if defined $h->{'content-length'};

    } elsif ($operation && $status == 200
             && (($operation->{responses}{200} // '') eq 'EventStream'
                 || streams($operation, $res)))
    {
        push @wrong, "Content-Type of a stream is " . ($type // 'absent')
            if ($type // '') ne 'text/event-stream';
        push @wrong, "Cache-Control of a stream is not no-cache"
            if ($h->{'cache-control'} // '') ne 'no-cache';
        push @wrong, "X-Accel-Buffering of a stream is not no"
            if ($h->{'x-accel-buffering'} // '') ne 'no';

    } elsif (($type // '') ne 'application/json; charset=utf-8') {
        push @wrong, "Content-Type is " . ($type // 'absent');
    }

    push @wrong, "405 without Allow" if $status == 405
                                        && !defined $h->{allow};
    push @wrong, "503 without Retry-After" if $status == 503
                                              && !defined $h->{'retry-after'};

    return @wrong;
}


# a body, or one value of it, as a named definition

sub check_json {
    my ($type, $text) = @_;

    return "invalid UTF-8 in the body" if !utf8::decode(my $copy = $text);

    my $value = WorkspaceTest::Http::decode($text);

    return "the body is not JSON: " . substr($text, 0, 200)
        if !defined $value;

    my @wrong;

    if (length $text < 1_000_000) {
        my $twice = duplicate_key($text);
        push @wrong, "the key \"$twice\" twice in one object"
            if defined $twice;
    }

    walk($value, { '$ref' => $type }, '', \@wrong);

    return @wrong;
}


# complete events only: the last one may have been cut by the reader

sub check_stream {
    my ($text, $data) = @_;

    my @wrong;
    my @events = split /\n\n/, $text, -1;

    pop @events;

    for my $event (@events) {
        my %field = map { /^(\w*): ?(.*)$/ ? ($1 => $2) : ($_ => '') }
                    split /\n/, $event;

        my $name = $field{event} // 'none';

        if ($name eq 'data') {
            push @wrong, check_json($data, $field{data} // '');

        } elsif ($name eq 'error') {
            push @wrong, check_json('Error', $field{data} // '');

        } elsif ($name ne 'ping' && !defined $field{retry}) {
            push @wrong, "an event of name $name on the stream";
        }
    }

    return @wrong;
}


sub is_number {
    my ($value) = @_;

    return 0 if ref $value || !defined $value;

    my $flags = B::svref_2object(\$value)->FLAGS;

    return ($flags & (B::SVf_IOK | B::SVf_NOK)) && !($flags & B::SVf_POK);
}


sub type_of {
    my ($value) = @_;

    return 'null' if !defined $value;
    return 'object' if ref $value eq 'HASH';
    return 'array' if ref $value eq 'ARRAY';
    return 'boolean' if ref $value;
    return 'string' if !is_number($value);
    return $value == int $value ? 'integer' : 'number';
}


sub matches_type {
    my ($is, $wanted) = @_;

    for my $type (ref $wanted ? @$wanted : $wanted) {
        return 1 if $is eq $type || $is eq 'integer' && $type eq 'number';
    }

    return 0;
}


my %formats = (
    'uuid'      => qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/,
    'date-time' => qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\z/,
);


sub walk {
    my ($value, $schema, $at, $wrong) = @_;

    if (defined(my $name = $schema->{'$ref'})) {
        $schema = $api->{definitions}{$name} or die "no definition of $name";
    }

    my $where = $at eq '' ? 'the body' : $at;
    my $is = type_of($value);

    if (defined $schema->{type} && !matches_type($is, $schema->{type})) {
        my $wanted = $schema->{type};
        $wanted = join ' or ', @$wanted if ref $wanted;
        push @$wrong, "$where is of type $is, not $wanted";
        return;
    }

    if ($is eq 'object') {
        walk_object($value, $schema, $at, $wrong);

    } elsif ($is eq 'array') {
        push @$wrong, "$where is empty: it is to be left out then"
            if $schema->{minItems} && !@$value;

        if ($schema->{items}) {
            walk($value->[$_], $schema->{items}, "$at\[$_]", $wrong)
                for 0 .. $#$value;
        }

    } elsif ($is eq 'string') {
        check_string($value, $schema, $where, $wrong);

    } elsif ($is eq 'integer' && defined $schema->{minimum}) {
        push @$wrong, "$where is $value, less than $schema->{minimum}"
            if $value < $schema->{minimum};
    }
}


sub walk_object {
    my ($value, $schema, $at, $wrong) = @_;

    my $properties = $schema->{properties} || {};
    my $rest = $schema->{additionalProperties};
    my $dot = $at eq '' ? '' : "$at.";

    for my $key (@{ $schema->{required} || [] }) {
        push @$wrong, "$dot$key is missing" if !exists $value->{$key};
    }

    for my $key (sort keys %$value) {
        if ($properties->{$key}) {
            walk($value->{$key}, $properties->{$key}, "$dot$key", $wrong);

        } elsif (ref $rest eq 'HASH') {
            walk($value->{$key}, $rest, "$dot$key", $wrong);

        } else {
            push @$wrong, "$dot$key is not in the reference";
        }
    }
}


sub check_string {
    my ($value, $schema, $where, $wrong) = @_;

    my $format = $schema->{format};

    if ($schema->{enum} && !grep { $_ eq $value } @{ $schema->{enum} }) {
        push @$wrong, "$where is \"$value\", not one of "
                      . join ', ', @{ $schema->{enum} };
    }

    if (defined $format && $value !~ $formats{$format}) {
        push @$wrong, "$where is \"$value\", not a $format";
    }

    if (defined $schema->{pattern} && $value !~ /$schema->{pattern}/s) {
        push @$wrong, "$where is \"$value\", not like $schema->{pattern}";
    }
}


# The first key that stands twice in one object of a valid JSON text: parsers
# keep one of them silently, and bodies are spliced together from parts.

sub duplicate_key {
    my ($text) = @_;

    my (@seen, $string);

    while ($text =~ /\G(?:("(?:[^"\\]|\\.)*+")|([{}\[\]:])|[^"{}\[\]:]+)/gcs) {
        if (defined $1) {
            $string = $1;

        } elsif (!defined $2) {
            next;

        } elsif ($2 eq '{' || $2 eq '[') {
            push @seen, {};

        } elsif ($2 eq '}' || $2 eq ']') {
            pop @seen;

        } elsif ($seen[-1]{$string}++) {
            return substr $string, 1, -1;
        }
    }

    return;
}


1;
