#!/usr/bin/env bash
# Runs the relay, for `make run`. Arguments are passed on to it.
#
# With DATABASE_URL set: the relay alone, on that database.
# Without: the relay on a private throw-away PostgreSQL, which publishes a heartbeat and a demo stream. All of it, the
# ring log included (its ids belong to that database's events), lies in one folder that is removed at the end.
#
# RELAY_BINARY   the program to run (default .build/release/pg_eventrelay)
# ES_HTTPPORT    the relay's port (default 7700); like all ES_ variables it is read by the relay too
# ES_LOGPATH     keeps the ring log of a throw-away run in this file
# BESIDE         a program to run beside the relay of a throw-away run in place of the demo. In its environment are
#                DATABASE_URL, RELAY_URL and POSTGRES_FOLDER. When it ends, so does the relay
#
# How it ends. The relay runs in a process group of its own, so a Ctrl-C reaches only this script, which passes each
# signal on once: the first makes the relay drain, the second ends it at once. When the relay has ended, for whatever
# reason, what runs beside it and PostgreSQL are stopped, the folder is removed, and the script ends with the relay's
# status.
# Should this script be killed (-9), the kernel tells the relay and the caretaker does the rest.
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly scripts
readonly relay_binary=${RELAY_BINARY:-$scripts/../.build/release/pg_eventrelay}
readonly port=${ES_HTTPPORT:-7700}
readonly beside=${BESIDE:-}
# How long the relay has to answer /health with 200 before we stop waiting for it.
readonly patience_seconds=30
# How long a process that was told to end may take, where nobody is there to press Ctrl-C again.
readonly stop_seconds=20

folder=""
relay=""
starting_relay=""
publisher=""
watcher=""
caretaker=""
got_signal=""
# Prefix for what must not outlive this script.
dying_with_us=()

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "run: $*"
    exit 1
}

# --- where the relay answers ---------------------------------------------------------------------------------------

base_path() {
    local path=${ES_BASEPATH:-/}
    path=/${path#/}
    echo "${path%/}/"
}

# An address on which a relay that listens on ES_HTTPHOST can be reached from here.
local_host() {
    case ${ES_HTTPHOST:-} in
    "" | 0.0.0.0 | "*") echo 127.0.0.1 ;;
    ::) echo ::1 ;;
    *) echo "$ES_HTTPHOST" ;;
    esac
}

# As a person would write it.
shown_address() {
    local host
    host=$(local_host)
    case $host in
    127.0.0.1 | ::1) host=localhost ;;
    *:*) host="[$host]" ;;
    esac
    echo "$host:$port$(base_path)"
}

port_is_taken() { (exec 3<>"/dev/tcp/$(local_host)/$port") 2>/dev/null; }

# Bash's own sockets, so that curl is no requirement.
health_is_good() {
    (
        exec 3<>"/dev/tcp/$(local_host)/$port" &&
            printf 'GET %shealth HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$(base_path)" >&3 &&
            read -r -t 2 -u 3 _ status _ &&
            timeout 2 cat <&3 >/dev/null &&  # To the end: closing early would look like a broken client.
            [[ $status == 200 ]]
    ) 2>/dev/null
}

# --- the parts -----------------------------------------------------------------------------------------------------

# Starts a command in a process group of its own, where the terminal's Ctrl-C does not reach it and SIGINT is not
# ignored (bash ignores it in a script's background commands). Its process is $!.
in_own_group() {
    set -m
    "$@" </dev/null &
    set +m
}

check_before_start() {
    [[ -x $relay_binary ]] || fail "there is no program at $relay_binary; build it with 'make release'"
    [[ $port != 0 || -z $beside ]] || fail "$beside needs to know the relay's port: set ES_HTTPPORT to a port other than 0"
    [[ $port == 0 ]] || ! port_is_taken ||
        fail "port $port on $(local_host) is taken by another program; stop that one, or choose another port:" \
            "ES_HTTPPORT=7701 make run"
}

make_folder() {
    local parent=${TMPDIR:-/tmp}
    # Root's TMPDIR is often closed to PostgreSQL's user, and a long or odd one makes no Unix socket path.
    if [[ $EUID -eq 0 || ! $parent =~ ^/[A-Za-z0-9._/+-]{0,50}$ ]]; then
        parent=/tmp
    fi
    folder=$(mktemp -d "$parent/pg_eventrelay.XXXXXX")
}

# Waits for this script's death and clears away what a killed script can't. In the ordinary case clean_up ends it first.
take_care() {
    trap '' HUP INT TERM
    # Left alone by a script that is killed, it must not hold on to the terminal or a pipe that someone reads.
    exec >/dev/null 2>&1
    tail --pid=$$ -f /dev/null
    "$scripts/throwaway-postgres.sh" stop "$folder" || true
    rm -rf "$folder"
}

start_postgres() {
    say "Starting a throw-away PostgreSQL in $folder …"
    DATABASE_URL=$("$scripts/throwaway-postgres.sh" start "$folder") || fail "no PostgreSQL, so no demo; see above." \
        "With DATABASE_URL set, the relay uses that database instead."
    export DATABASE_URL
}

start_relay() {
    # The two channels by name are recorded from the start; '*' lets everyone listen to any other.
    export ES_CHANNELS=${ES_CHANNELS:-heartbeat,people,*}
    export ES_LOGPATH=${ES_LOGPATH:-$folder/pg_eventrelay.db}
    starting_relay=yes
    in_own_group "${dying_with_us[@]}" "$relay_binary" "$@"
    relay=$!
    starting_relay=""
    # A signal that came between the two lines above.
    [[ -z $got_signal ]] || pass_on "$got_signal"
}

start_publisher() {
    if [[ -n $beside ]]; then
        RELAY_URL=http://$(shown_address) POSTGRES_FOLDER=$folder in_own_group "${dying_with_us[@]}" "$beside"
        publisher=$!
        in_own_group end_relay_after "$publisher"
        watcher=$!
        # Bash has nothing to say about how it ends.
        disown "$watcher"
        return
    fi
    "$relay_binary" sql trigger people >"$folder/trigger.sql" || fail "the demo has no trigger; see above."
    in_own_group psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file="$scripts/demo/schema.sql" \
        --file="$folder/trigger.sql" --file="$scripts/demo/demo.sql" "$DATABASE_URL" >"$folder/demo.log" 2>&1
    publisher=$!
}

end_relay_after() {
    tail --pid="$1" -f /dev/null
    kill -s TERM "$relay" 2>/dev/null || true
}

# Succeeds once the relay answers. Fails when it ended or takes too long.
wait_until_healthy() {
    local deadline=$((SECONDS + patience_seconds))
    while ((SECONDS < deadline)) && [[ -z $got_signal ]] && is_running "$relay"; do
        ! health_is_good || return 0
        sleep 0.1 || true  # A Ctrl-C ends the sleep too.
    done
    return 1
}

print_banner() {
    local address
    address=$(shown_address)
    cat <<BANNER

  pg_eventrelay is running on a throw-away PostgreSQL.

  Viewer      http://${address}?channel=people
  History     curl 'http://${address}history/people?limit=5'
  WebSocket   ws://${address}listen/people?last-seen-id=0
  Ring log    sqlite3 -readonly $ES_LOGPATH 'SELECT * FROM history ORDER BY id DESC LIMIT 5'
  Database    psql -h $folder/socket -p 5432 -U postgres eventrelay

  In psql, type this and watch the viewer:

      NOTIFY people, '{"hello":"world"}';

  Ctrl-C ends everything and removes $folder

BANNER
}

# --- the end -------------------------------------------------------------------------------------------------------

is_running() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

pass_on() {
    got_signal=$1
    [[ -z $starting_relay ]] || return 0
    # Before there is a relay there is nobody to decide otherwise.
    [[ -n $relay ]] || exit $((128 + $(kill -l "$1")))
    # A closed terminal means the same to the relay as being told to end.
    kill -s "${1/HUP/TERM}" "$relay" 2>/dev/null || true
}

# A signal ends `wait` early; then wait again. Bash keeps the status of a process that has ended.
wait_for_relay() {
    local status
    while :; do
        got_signal=""
        status=0
        wait "$relay" || status=$?
        [[ -n $got_signal ]] || return "$status"
    done
}

end_process() {
    local deadline=$((SECONDS + stop_seconds))
    kill -s TERM "$1" 2>/dev/null || return 0
    while is_running "$1" && ((SECONDS < deadline)); do
        sleep 0.1
    done
    kill -s KILL "$1" 2>/dev/null || true
}

kill_group() { [[ -z $1 ]] || kill -s KILL -- "-$1" 2>/dev/null || true; }

clean_up() {
    # From here on nothing may cut it short; each step ends by itself.
    trap '' HUP INT TERM
    trap - EXIT
    kill_group "$watcher"
    # The relay still runs only where this script ends before it does.
    if is_running "$relay"; then
        end_process "$relay"
    fi
    # It may be about to start PostgreSQL again.
    if is_running "$publisher"; then
        end_process "$publisher"
    fi
    if [[ -n $folder ]]; then
        "$scripts/throwaway-postgres.sh" stop "$folder" || say "run: look at $folder; PostgreSQL may still run there."
        rm -rf "$folder"
    fi
    kill_group "$caretaker"
}

# --- the two ways to run -------------------------------------------------------------------------------------------

run_on_given_database() {
    say "Starting the relay on DATABASE_URL; the viewer will be at http://$(shown_address)"
    exec "$relay_binary" "$@"
}

run_on_throwaway_database() {
    local status=0
    # PGHOSTADDR, PGSERVICE and others could lead the relay or psql elsewhere than the URL says.
    unset "${!PG@}"
    # The banner has to name the port that the relay takes, whatever a configuration file says.
    export ES_HTTPPORT=$port
    trap clean_up EXIT
    trap 'pass_on INT' INT
    trap 'pass_on TERM' TERM
    trap 'pass_on HUP' HUP
    if setpriv --pdeathsig TERM true 2>/dev/null; then
        dying_with_us=(setpriv --pdeathsig TERM --)
    fi
    make_folder
    in_own_group take_care
    caretaker=$!
    start_postgres
    start_relay "$@"

    if [[ $port == 0 ]]; then
        say "Port 0 lets the relay choose: its log says which port it took. No banner, and the demo starts now."
        start_publisher
    elif wait_until_healthy; then
        start_publisher
        [[ -n $beside ]] || print_banner
    elif [[ -z $got_signal ]] && is_running "$relay"; then
        say "run: http://$(shown_address)health has not answered 200 within $patience_seconds s; the relay's log may say why."
        start_publisher
    fi

    wait_for_relay || status=$?
    ((status == 0)) || say "run: the relay ended with status $status"
    # What ended before the relay took it along, and has said why.
    if [[ -n $beside && -n $publisher ]] && ! is_running "$publisher"; then
        wait "$publisher" || status=$?
    fi
    exit "$status"
}

check_before_start
if [[ -n ${DATABASE_URL:-} ]]; then
    run_on_given_database "$@"
else
    run_on_throwaway_database "$@"
fi
