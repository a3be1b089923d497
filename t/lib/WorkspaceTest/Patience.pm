package WorkspaceTest::Patience;

# How many times longer than a test says something is waited for: what is to
# happen takes long in valgrind ("make valgrind").

use strict;
use warnings;

use constant FACTOR => $ENV{WORKSPACE_VALGRIND} ? 10 : 1;


1;
