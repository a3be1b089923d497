package WorkspaceTest::Endpoints;

# All endpoints as data, for tests that are about every one of them.
#
#     use WorkspaceTest::Endpoints;
#
#     for my $e (endpoints()) { ... }
#
#         $e->{name}      as in $workspace_endpoint
#         $e->{method}
#         $e->{pattern}   /workspaces/{w}/ttl
#         $e->{caller}    whose token it takes: user, provisioner, agent
#         $e->{body}      fields of its body, name to type: string, integer,
#                         boolean, list, object; with a "!" when required;
#                         absent when it takes none
#         $e->{optional}  true when the body may be left out
#         $e->{query}     parameters of its query, likewise
#
#     my $path = path_of($e, w => ID, u => 'me', ...);
#
# The letters of patterns: w workspace, o organization, u user, n name of a
# workspace, b build, # number of a build, j job.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(endpoints path_of);

my $lease = { lease => 'string!' };

my @table = (

[ create => POST => '/organizations/{o}/members/{u}/workspaces', 'user',
  { name => 'string!', template_id => 'string!',
    autostart_schedule => 'string', ttl_ms => 'integer',
    rich_parameter_values => 'list' } ],

[ by_name => GET => '/users/{u}/workspace/{n}', 'user', undef,
  { include_deleted => 'boolean' } ],

[ list => GET => '/workspaces', 'user', undef,
  { owner => 'string', template => 'string', name => 'string',
    status => 'word', has_agent => 'word', q => 'search',
    limit => 'integer', offset => 'integer' } ],

[ read => GET => '/workspaces/{w}', 'user', undef,
  { include_deleted => 'boolean' } ],

[ rename => PATCH => '/workspaces/{w}', 'user', { name => 'string' } ],

[ autostart => PUT => '/workspaces/{w}/autostart', 'user',
  { schedule => 'string' } ],

[ ttl => PUT => '/workspaces/{w}/ttl', 'user', { ttl_ms => 'integer' } ],

[ extend => PUT => '/workspaces/{w}/extend', 'user',
  { deadline => 'string!' } ],

[ watch => GET => '/workspaces/{w}/watch', 'user' ],

[ build_create => POST => '/workspaces/{w}/builds', 'user',
  { transition => 'string!', template_version_id => 'string',
    rich_parameter_values => 'list', orphan => 'boolean' } ],

[ build_list => GET => '/workspaces/{w}/builds', 'user', undef,
  { limit => 'integer', offset => 'integer', after_id => 'uuid',
    since => 'time' } ],

[ build_by_number => GET => '/users/{u}/workspace/{n}/builds/{#}', 'user' ],

[ build_read => GET => '/workspacebuilds/{b}', 'user' ],

[ build_resources => GET => '/workspacebuilds/{b}/resources', 'user' ],

[ build_parameters => GET => '/workspacebuilds/{b}/parameters', 'user' ],

[ build_logs => GET => '/workspacebuilds/{b}/logs', 'user', undef,
  { before => 'integer', after => 'integer', follow => 'boolean' } ],

[ build_cancel => PATCH => '/workspacebuilds/{b}/cancel', 'user' ],

[ usage => POST => '/workspaces/{w}/usage', 'user', {} ],

[ job_acquire => POST => '/provisioners/me/acquire', 'provisioner',
  { wait_ms => 'integer' } ],

[ job_heartbeat => POST => '/provisioners/me/jobs/{j}/heartbeat',
  'provisioner', { %$lease, logs => 'list', logs_after => 'integer' } ],

[ job_complete => POST => '/provisioners/me/jobs/{j}/complete',
  'provisioner', { %$lease, state => 'string', resources => 'list' } ],

[ job_fail => POST => '/provisioners/me/jobs/{j}/fail',
  'provisioner', { %$lease, error => 'string!' } ],

[ job_release => POST => '/provisioners/me/jobs/{j}/release',
  'provisioner', $lease ],

[ agent_heartbeat => POST => '/workspaceagents/me/heartbeat', 'agent',
  { agent => 'string', version => 'string', activity => 'boolean' } ],

[ agent_state => POST => '/workspaceagents/me/state', 'agent',
  { agent => 'string', lifecycle_state => 'string', apps => 'object',
    latency => 'object' } ],

[ agent_disconnect => POST => '/workspaceagents/me/disconnect', 'agent',
  { agent => 'string' } ],

);

my %body_optional = map { ($_ => 1) }
                    qw(usage agent_heartbeat agent_state agent_disconnect
                       job_acquire);


sub endpoints {
    return map {
        my ($name, $method, $pattern, $caller, $body, $query) = @$_;

        { name     => $name,
          method   => $method,
          pattern  => $pattern,
          caller   => $caller,
          body     => $body,
          optional => $body_optional{$name},
          query    => $query || {} };
    } @table;
}


sub path_of {
    my ($e, %part) = @_;

    my $path = $e->{pattern};

    $path =~ s/\{(.)\}/$part{$1} \/\/ die "no {$1} for $e->{name}"/ge;

    return "/api/v2$path";
}


1;
