#!/usr/bin/env bash
# Checks what building, running or testing pg_eventrelay needs, and installs what is missing.
#
#   scripts/install-requirements.sh [run|test]     default: run
#
# Each requirement is checked by what it provides, not by a package's name, so that a PostgreSQL or SQLite from
# elsewhere counts too. With nothing missing it says nothing and changes nothing.
set -euo pipefail

readonly purpose=${1:-run}
readonly least_swift=6.2
# Older ones lack what the migrations and the README's queries use.
readonly least_sqlite=3.40

say() { printf '%s\n' "$*" >&2; }

# Two lists side by side: what is missing in words, and the Debian package that brings it.
missing=()
packages=()

# need DESCRIPTION PACKAGE COMMAND…: when the command fails, the requirement is missing.
need() {
    local description=$1 package=$2
    shift 2
    "$@" >/dev/null 2>&1 && return 0
    missing+=("$description")
    packages+=("$package")
}

has_postgres_server() { compgen -G '/usr/lib/postgresql/*/bin/initdb' || command -v initdb; }

has_c_compiler() { command -v cc || command -v clang; }

# Debian's package belongs to the system's Python; another python3 that comes first on the PATH doesn't see it.
has_selenium() {
    /usr/bin/python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("selenium") is None)'
}

# Older ones have no WebSocket, not even behind the flag.
has_node_with_websocket() {
    [[ $(node --experimental-websocket --print 'typeof WebSocket') == function ]]
}

has_prometheus_client() {
    /usr/bin/python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("prometheus_client") is None)'
}

check_requirements() {
    missing=()
    packages=()
    need "pkg-config" pkg-config command -v pkg-config
    need "libpq's header (libpq-fe.h)" libpq-dev pkg-config --exists libpq
    need "SQLite's header, $least_sqlite or newer (sqlite3.h)" libsqlite3-dev \
        pkg-config --atleast-version="$least_sqlite" sqlite3
    if [[ $purpose == test || -z ${DATABASE_URL:-} ]]; then
        need "a PostgreSQL server (initdb)" postgresql has_postgres_server
        need "psql" postgresql-client command -v psql
    fi
    if [[ $purpose == test ]]; then
        need "the sqlite3 shell" sqlite3 command -v sqlite3
        need "PgBouncer" pgbouncer test -x /usr/sbin/pgbouncer
        need "a C compiler (cc or clang)" gcc has_c_compiler
        need "/usr/bin/python3" python3 test -x /usr/bin/python3
        need "venv for /usr/bin/python3" python3-venv /usr/bin/python3 -c 'import ensurepip, venv'
        need "the Prometheus client for /usr/bin/python3" python3-prometheus-client has_prometheus_client
        need "Selenium for /usr/bin/python3" python3-selenium has_selenium
        need "Chromium" chromium command -v chromium
        need "chromedriver" chromium-driver command -v chromedriver
        need "Node 20.10 or newer, as Debian 13 or https://nodejs.org has it" nodejs has_node_with_websocket
        need "the TypeScript compiler (tsc)" node-typescript command -v tsc
        need "systemd-analyze and systemd" systemd test -x /lib/systemd/systemd
        need "ip and ss" iproute2 command -v ip
        need "pgrep" procps command -v pgrep
        need "curl" curl command -v curl
        need "openssl" openssl command -v openssl
        need "shellcheck" shellcheck command -v shellcheck
        need "man" man-db command -v man
        need "dpkg-shlibdeps" dpkg-dev command -v dpkg-shlibdeps
    fi
}

check_swift() {
    local answer version
    if ! command -v swiftc >/dev/null; then
        say "Swift $least_swift or newer is missing, and Debian has no package for it."
        say "Get it from https://www.swift.org/install/linux/ and put its usr/bin on the PATH."
        exit 1
    fi
    # swiftc answers several times faster than `swift --version`.
    answer=$(swiftc --version 2>&1) || true
    version=$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$answer" | head -n 1)
    if [[ -z $version ]]; then
        say "$(command -v swiftc) does not report its version. 'swiftc --version' says:"
        say "$answer"
        exit 1
    fi
    if [[ $(printf '%s\n' "$least_swift" "$version" | sort --version-sort | head -n 1) != "$least_swift" ]]; then
        say "$(command -v swiftc) is Swift $version; this needs $least_swift or newer."
        say "Get it from https://www.swift.org/install/linux/ and put its usr/bin first on the PATH."
        exit 1
    fi
}

list_missing() {
    local i
    for i in "${!missing[@]}"; do
        say "  - ${missing[$i]} (Debian: ${packages[$i]})"
    done
}

give_up() {
    say "$1"
    say "Please install these yourself, then run the command again:"
    list_missing
    exit 1
}

# Prefix for commands that need root: nothing as root, else sudo if it asks for no password.
as_root=()
find_root() {
    [[ $EUID -ne 0 ]] || return 0
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
}

# In the background of someone's work apt must neither ask nor fail because another apt is at it.
apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get --yes --quiet -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# Debian's server package makes a cluster "main" and starts it. Nobody asked for that one: this setting, read by the
# package's own scripts, is there while we install and gone afterwards.
readonly no_cluster=/etc/postgresql-common/createcluster.d/pg_eventrelay.conf
forbid_cluster() {
    "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
    trap allow_cluster EXIT
}
allow_cluster() {
    "${as_root[@]}" rm -f "$no_cluster"
}

install_missing() {
    command -v apt-get >/dev/null || give_up "There is no apt-get here to install what is missing with."
    find_root || give_up "Installing what is missing needs root, and sudo without a password doesn't work here."

    say "Missing for 'make $purpose':"
    list_missing
    say "Installing with apt-get: ${packages[*]}"
    apt_get update >&2 || say "apt-get update failed; continuing with the existing package lists."
    if [[ " ${packages[*]} " == *" postgresql "* ]]; then
        say "(without the system-wide cluster that Debian's postgresql package would create and start)"
        forbid_cluster
    fi
    apt_get install --no-install-recommends "${packages[@]}" >&2 || give_up "apt-get could not install them."

    check_requirements
    [[ ${#missing[@]} -eq 0 ]] || give_up "Something is still missing after the installation."
    say "All requirements for 'make $purpose' are installed."
}

case $purpose in
run | test) ;;
*)
    say "usage: scripts/install-requirements.sh [run|test]"
    exit 64
    ;;
esac

# First, because it can't be installed here: better told before other packages are.
check_swift
check_requirements
[[ ${#missing[@]} -eq 0 ]] || install_missing
