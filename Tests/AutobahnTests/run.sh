#!/usr/bin/env bash
# The cases of the Autobahn test suite against the relay's WebSocket; ends with 1 if one of them fails.
#
#   Tests/AutobahnTests/run.sh [--all]     --all: also 9.*, large messages and round trips, which take a minute more
#
# Twice: all but compression (12.*, 13.*), which is not offered, against an echo program on the same WebSocket code, and
# all that don't need large messages against the relay itself, which ignores messages.
#
# BUILT   the folder with WebSocketEcho and pg_eventrelay (default .build/debug)
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$tests/../.." && pwd)
readonly tests root
readonly built=${BUILT:-$root/.build/debug}
readonly suite=autobahntestsuite==25.10.1
readonly environment=$root/.build-autobahn

# Not installed with what the suite names as its own needs: only its cases are used (see cases.py).
if ! [[ -e $environment/$suite ]]; then
    rm -rf "$environment"
    /usr/bin/python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps "$suite"
    touch "$environment/$suite"
fi

folder=$(mktemp -d /tmp/eventrelay-autobahn-XXXXXX)
# Its owner is another user where this runs as root, and would not get into that folder.
postgres=$(mktemp -d /tmp/eventrelay-autobahn-XXXXXX)
readonly folder postgres
pids=()
clean_up() {
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    wait
    "$root/scripts/throwaway-postgres.sh" stop "$postgres" >/dev/null 2>&1 || true
    rm -rf "$folder" "$postgres"
}
trap clean_up EXIT

# port_in FILE: waits until the program has written where it serves.
port_in() {
    local tries port
    for tries in {1..300}; do
        # A line of the echo program is this alone; of the relay's log it is the one that ends with "serving".
        port=$(sed -nE 's/^(.* )?port=([0-9]+)( .*\] serving)?$/\2/p' "$1" | head -n 1)
        if [[ -n $port ]]; then
            echo "$port"
            return
        fi
        sleep 0.1
    done
    cat "$1" >&2
    echo "autobahn: no port after $tries attempts" >&2
    return 1
}

run_cases() { "$environment/bin/python3" "$tests/autobahn_test.py" "$@"; }

status=0

"$built/WebSocketEcho" >"$folder/echo.log" 2>&1 &
pids+=($!)
echo_port=$(port_in "$folder/echo.log")
if [[ ${1:-} == --all ]]; then
    run_cases "echo program" "127.0.0.1:$echo_port" / || status=1
else
    run_cases "echo program" "127.0.0.1:$echo_port" / --without 9 || status=1
fi

DATABASE_URL=$("$root/scripts/throwaway-postgres.sh" start "$postgres")
export DATABASE_URL ES_HTTPHOST=127.0.0.1 ES_HTTPPORT=0 ES_LOGPATH=$folder/log.db
"$built/pg_eventrelay" >"$folder/relay.log" 2>&1 &
pids+=($!)
relay_port=$(port_in "$folder/relay.log")
run_cases "relay" "127.0.0.1:$relay_port" /listen/autobahn --no-echo --without 9 || status=1

exit "$status"
