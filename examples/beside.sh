#!/usr/bin/env bash
# What an example has beside the relay: its tables, the triggers that tell their changes, and the page's own backend.
# Run by scripts/run.sh, which says where the database and the relay are.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly examples

# What is replaced is not there yet, and no news.
export PGOPTIONS="--client-min-messages=warning"
run_sql() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@" "$DATABASE_URL" >/dev/null; }

run_sql --file="$examples/$EXAMPLE/schema.sql"
# A line is a table and options; docs/triggers.md has them.
while read -r -a table_and_options; do
    "$RELAY_BINARY" sql trigger "${table_and_options[@]}" | run_sql
done < <(cat "$examples/$EXAMPLE/triggers" 2>/dev/null || true)

exec python3 "$examples/backend.py" "$EXAMPLE"
