package WorkspaceTest::Acl;

# The users of Redis with the permissions of docs/operations.md, no others.
#
#     documented('nginx')                      the command that makes it
#     documented('nginx', 'workspace_cache')   the same, with what "# with
#                                              workspace_cache" adds
#     denied('nginx', $redis, ...)             what was refused to the user,
#                                              in a line
#
# Their password is "s3cret".

use strict;
use warnings;

use Exporter 'import';

use WorkspaceTest ();

our @EXPORT = qw(documented denied);


sub documented {
    my ($user, @with) = @_;

    open my $in, '<', WorkspaceTest::v('top') . '/docs/operations.md'
        or die $!;
    my $text = do { local $/; <$in> };

    my $rule = qr/^    ACL SETUSER \Q$user\E (.*(?:\n        .*)*)/m;

    my @words = $text =~ $rule ? split ' ', $1 =~ s/>PASSWORD/>s3cret/r
                               : die "no rule for $user\n";

    for my $with (@with) {
        my ($part) = $text =~ /^    # with \Q$with\E\n((?:    .*\n)+)/m;

        push @words, ($part // '') =~ $rule ? split ' ', $1
                                            : die "none for $user, $with\n";
    }

    return (qw(ACL SETUSER), $user, @words);
}


sub denied {
    my ($user, @redis) = @_;

    my @entries = map { +{ @$_ } } map { @{ $_->cmd(qw(ACL LOG)) } } @redis;

    return join ', ', map { "$_->{reason} $_->{object}" }
                      grep { $_->{username} eq $user } @entries;
}


1;
