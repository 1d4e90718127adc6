#!/usr/bin/env bash
# A private PostgreSQL that lives in one folder and is gone with it.
#
#   scripts/throwaway-postgres.sh start DIR   make it and start it; prints its DATABASE_URL
#   scripts/throwaway-postgres.sh stop DIR    stop it; the folder may then be removed
#   scripts/throwaway-postgres.sh down DIR    an outage: stop it, and keep all that was committed
#   scripts/throwaway-postgres.sh up DIR      start it again after that
#
# DIR/data       the data directory
# DIR/socket     the Unix socket, the only way in
# DIR/server.log what the server says
#
# It listens on no TCP port: with `trust` on TCP anyone on the machine could become its superuser, and through it run
# programs as its owner. The folder is 0700, so only its owner (and root) reaches the socket.
set -euo pipefail

readonly database=eventrelay
readonly superuser=postgres
# It only names the socket file. It is written out everywhere so that a PGPORT in someone's environment does no harm.
readonly port=5432
# sun_path holds 107 bytes and PostgreSQL appends "/socket/.s.PGSQL.5432.lock".
readonly longest_path=80

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "throwaway-postgres: $*"
    exit 1
}

usage() {
    say "usage: scripts/throwaway-postgres.sh start|stop|down|up DIR"
    exit 64
}

# The folder with initdb and pg_ctl: the newest of Debian's versioned folders, else where initdb on the PATH really is.
postgres_programs() {
    local newest
    newest=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort --version-sort | tail -n 1) || true
    [[ -n $newest ]] || newest=$(command -v initdb) ||
        fail "no PostgreSQL server (initdb) found; scripts/install-requirements.sh run installs one"
    dirname "$(readlink -f "$newest")"
}

# PostgreSQL refuses to run as root. Root's server belongs to `postgres`, or to `nobody` where there is no such user.
server_user() {
    local user
    if [[ $EUID -ne 0 ]]; then
        id -un
        return
    fi
    for user in postgres nobody; do
        if id -u "$user" >/dev/null 2>&1; then
            echo "$user"
            return
        fi
    done
    fail "running as root, and there is neither a user postgres nor a user nobody to run the server as"
}

# Runs a command as the server's user, with nothing of the caller's PG* variables, locale or folder.
as_server_user() {
    local become=() user
    if [[ $EUID -eq 0 ]]; then
        user=$(server_user)
        # setpriv becomes the command, where su and runuser would stay in between and have to pass signals on.
        become=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups --)
    fi
    (cd / && exec env -i "PATH=$PATH" "HOME=/" LC_ALL=C "${become[@]}" "$@")
}

check_folder_name() {
    local dir=$1
    [[ $dir == /* ]] || fail "'$dir' must be an absolute path"
    # The path goes into a configuration file, where ',' parts a list, and into a URL.
    [[ $dir =~ ^[A-Za-z0-9._/+-]+$ ]] || fail "'$dir' may hold only letters, digits and . _ / + -"
    ((${#dir} <= longest_path)) || fail "'$dir' is too long for a Unix socket: ${#dir} of at most $longest_path bytes"
}

make_folder() {
    local dir=$1
    mkdir -p "$dir/socket"
    chmod 700 "$dir" "$dir/socket"
    : >"$dir/server.log"
    if [[ $EUID -eq 0 ]]; then
        chown "$(server_user):" "$dir" "$dir/socket" "$dir/server.log"
    fi
    as_server_user test -w "$dir" ||
        fail "user $(server_user) can't reach $dir: one of the folders above it is closed to that user"
}

# Nothing of this has to survive a crash, so nothing is synced.
write_settings() {
    local dir=$1
    cat <<SETTINGS | as_server_user tee -a "$dir/data/postgresql.conf" >/dev/null
listen_addresses = ''
port = $port
unix_socket_directories = '$dir/socket'
unix_socket_permissions = 0700
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 50
max_wal_size = 32MB
min_wal_size = 8MB
SETTINGS
}

start() {
    local dir=$1 programs
    check_folder_name "$dir"
    programs=$(postgres_programs)
    [[ ! -e $dir/data ]] || fail "$dir already holds a server; take an empty folder"
    make_folder "$dir"
    # A Ctrl-C is no failure to explain.
    trap 'stop "$dir" || true; exit 130' INT

    as_server_user "$programs/initdb" --pgdata="$dir/data" --username="$superuser" --auth=trust \
        --encoding=UTF8 --no-locale --no-sync --no-instructions --wal-segsize=4 >>"$dir/server.log" 2>&1 ||
        explain_failure "initdb" "$dir"
    write_settings "$dir"
    up "$dir"
    as_server_user "$programs/createdb" --host="$dir/socket" --port="$port" --username="$superuser" "$database" \
        >>"$dir/server.log" 2>&1 || explain_failure "creating the database" "$dir"

    echo "postgresql:///$database?host=$dir/socket&port=$port&user=$superuser"
}

# pg_ctl puts the server into a session of its own: a Ctrl-C in the caller's terminal doesn't reach it.
up() {
    local dir=$1 programs
    check_folder_name "$dir"
    programs=$(postgres_programs)
    as_server_user "$programs/pg_ctl" start --pgdata="$dir/data" --log="$dir/server.log" --wait --timeout=60 --silent \
        </dev/null >>"$dir/server.log" 2>&1 || explain_failure "starting PostgreSQL" "$dir"
}

# Whoever is connected is cut at once.
down() {
    local dir=$1 programs
    check_folder_name "$dir"
    programs=$(postgres_programs)
    as_server_user "$programs/pg_ctl" stop --pgdata="$dir/data" --mode=fast --wait --timeout=30 --silent \
        </dev/null >>"$dir/server.log" 2>&1 || fail "the PostgreSQL in $dir does not stop; see $dir/server.log"
}

explain_failure() {
    local what=$1 dir=$2
    say "throwaway-postgres: $what in $dir failed. The end of $dir/server.log says:"
    tail -n 15 "$dir/server.log" | sed 's/^/    /' >&2
    stop "$dir" || true
    exit 1
}

# Nothing in it is to be kept, so it is stopped by the quickest way that leaves no process and no shared memory behind.
stop() {
    local dir=$1 programs pid
    check_folder_name "$dir"
    [[ -e $dir/data/postmaster.pid ]] || return 0
    programs=$(postgres_programs)
    pid=$(head -n 1 "$dir/data/postmaster.pid")
    as_server_user "$programs/pg_ctl" stop --pgdata="$dir/data" --mode=immediate --wait --timeout=30 --silent \
        </dev/null >>"$dir/server.log" 2>&1 && return 0
    # It went by itself in the meantime, or its file is left over from a crash.
    as_server_user kill -0 "$pid" 2>/dev/null || return 0
    fail "the PostgreSQL in $dir (process $pid) does not stop"
}

[[ $# -eq 2 ]] || usage
case $1 in
start | stop | down | up) "$1" "${2%/}" ;;
*) usage ;;
esac
