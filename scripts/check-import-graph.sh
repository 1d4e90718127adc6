#!/usr/bin/env bash
# Holds the import graph of Sources/ and Benchmarks/: a core that imports nothing, adapters that don't know one another, and each
# outside library behind one adapter. The compiler checks that a target imports only what Package.swift gives it; this
# checks that Package.swift doesn't give it more than the design allows.
#
#   scripts/check-import-graph.sh [FOLDER…]     default: Sources and Benchmarks, beside this script's folder
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ $# -gt 0 ]] || set -- "$repository/Sources" "$repository/Benchmarks"
readonly repository roots=("$@")

# Part of every Swift toolchain and free of I/O.
readonly standard_library='^(Swift|Synchronization)$'

# Own modules that a target may import. What is not listed may import none.
allowed_own_modules() {
    case $1 in
    RelayPostgres) echo RelayCore RelayThreads ;;
    RelaySQLite) echo RelayCore RelayThreads RelayMigrations ;;
    RelayHTTP) echo RelayCore RelayAssets ;;
    RelayObservability) echo RelayCore ;;
    RelayTokens) echo RelayCore ;;
    EventRelay) echo RelayCore RelayHTTP RelayObservability RelayPostgres RelaySQLite RelayThreads RelayTokens ;;
    RelayWithoutLog) echo RelayCore RelayHTTP RelayObservability RelayPostgres RelayThreads ;;
    esac
}

# The only targets that may import an outside module; nothing where any may.
owners_of() {
    case $1 in
    NIO*) echo RelayHTTP RelayClient ;;
    CLibpq) echo RelayPostgres ;;
    CSQLite) echo RelaySQLite ;;
    Metrics | CoreMetrics) echo RelayObservability ;;
    JWTKit) echo RelayTokens ;;
    esac
}

# Attributes and an access level may stand before `import`, and the kind of a declaration after it.
readonly attribute='@[A-Za-z_]+(\([^)]*\))?[[:space:]]+'
readonly access='(public|package|internal|fileprivate|private)[[:space:]]+'
readonly kind='(struct|class|enum|protocol|func|var|let|typealias|actor)[[:space:]]+'
readonly import="^[[:space:]]*($attribute)*($access)?import[[:space:]]+($kind)?([A-Za-z_0-9]+)"

# A line "FILE:LINE MODULE" for each import below a folder, FILE from the target's folder on.
imports() {
    (cd "$1" && grep -rnE --include='*.swift' "$import" -- *) |
        while IFS=: read -r file line statement; do
            [[ $statement =~ $import ]] && echo "$file:$line ${BASH_REMATCH[-1]}"
        done
}

violation() {
    echo "${root##*/}/$1: $2" >&2
    violations=$((violations + 1))
}

check_import() {
    local place=$1 module=$2 target=${1%%/*} owners
    if [[ $target == RelayCore && ! $module =~ $standard_library ]]; then
        violation "$place" "RelayCore imports $module; the core imports nothing but the standard library"
        return
    fi
    if [[ $module =~ ^(Relay[A-Za-z]*|EventRelay)$ && " $(allowed_own_modules "$target") " != *" $module "* ]]; then
        violation "$place" "$target must not import $module"
        return
    fi
    owners=$(owners_of "$module")
    if [[ -n $owners && " $owners " != *" $target "* ]]; then
        violation "$place" "$target imports $module, which belongs to $owners alone"
    fi
}

violations=0
total=0
for root in "${roots[@]}"; do
    [[ -d $root ]] || {
        echo "check-import-graph: no folder $root" >&2
        exit 1
    }
    count=0
    while read -r place module; do
        count=$((count + 1))
        check_import "$place" "$module"
    done < <(imports "$root")
    if ((count == 0)); then
        echo "Import graph: found no import in $root, so nothing was checked." >&2
        exit 1
    fi
    total=$((total + count))
done

if ((violations > 0)); then
    echo "Import graph: $violations of $total imports break it." >&2
    exit 1
fi
echo "Import graph: $total imports, all as designed."
