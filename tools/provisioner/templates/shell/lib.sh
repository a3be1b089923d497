# What start, stop and delete of this template share.
#
# A workspace is a directory, $WORKSPACES_DIR/<workspace>, and while it is
# started a process: the agent, which runs the app.
#
#     home           what belongs to its user; kept until it is deleted
#     pid, url, log  of the process
#     agent-token    of this build

set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
agent=$here/../../../agent/workspace-agent

: "${WORKSPACES_DIR:=${XDG_STATE_HOME:-$HOME/.local/state}/workspaces}"

# it becomes a path that is removed at the end

case $WORKSPACE_ID in
    *[!0-9a-f-]* | '')
        echo "not the id of a workspace" >&2
        exit 1
        ;;
esac

dir=$WORKSPACES_DIR/$WORKSPACE_ID


# the process, if it is that of this workspace: a pid may be another's by now

running() {
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1

    test -n "$pid" || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$dir/"
}


end_process() {
    if running; then
        echo "ending process $pid"
        kill -TERM "$pid" 2>/dev/null || true

        # the agent gives its command 5 seconds

        n=0
        while running && test $n -lt 80; do
            sleep 0.1
            n=$((n + 1))
        done

        if running; then
            echo "process $pid does not end: killing it" >&2
            kill -KILL -- "-$pid" 2>/dev/null || true
        fi
    fi

    rm -f "$dir/pid" "$dir/url" "$dir/agent-token"
}
