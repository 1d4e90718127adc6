#!/usr/bin/env bash
# Runs an example on a throw-away PostgreSQL: examples/run.sh table|chat|map|dashboard
#
# Starts a private PostgreSQL, the relay on it, and what the example needs beside them (beside.sh); then open the address
# that it prints. Ctrl-C ends and removes all of it.
#
# EXAMPLE_PORT   the port of the example's pages (default 7780)
# ES_HTTPPORT    the relay's port (default 7700); other settings of the relay work too
# RELAY_BINARY   the program to run (default: the release if it is built, else the debug build)
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly examples

fail() {
    printf 'example: %s\n' "$*" >&2
    exit 1
}

newest_build() {
    local kind
    for kind in release debug; do
        if [[ -x $examples/../.build/$kind/pg_eventrelay ]]; then
            echo "$examples/../.build/$kind/pg_eventrelay"
            return
        fi
    done
    fail "there is no pg_eventrelay yet: 'make release' builds it, or 'make example NAME=$EXAMPLE' does all"
}

# What the page listens to is recorded from the start, so that a first visitor has a history.
case ${1:-} in
table) channels=orders ;;
chat) channels=chat.lobby,chat.kitchen,chat.garden ;;
map) channels=positions ;;
dashboard) channels=counters ;;
*)
    echo "usage: examples/run.sh table|chat|map|dashboard" >&2
    exit 64
    ;;
esac
command -v python3 >/dev/null || fail "there is no python3, which the example's own backend is written in"

export EXAMPLE=$1
RELAY_BINARY=${RELAY_BINARY:-$(newest_build)}
export RELAY_BINARY BESIDE=$examples/beside.sh
# Nothing of an example is for other machines.
export ES_HTTPHOST=${ES_HTTPHOST:-127.0.0.1} ES_CHANNELS=${ES_CHANNELS:-$channels}
unset DATABASE_URL
exec "$examples/../scripts/run.sh"
