#!/usr/bin/env bash
# Packs the program.
#
#   scripts/package.sh tarball|deb
#
# tarball   pg_eventrelay-VERSION-linux-ARCH.tar.gz with SHA256SUMS
# deb       pg-eventrelay_VERSION-REVISION_ARCH.deb
#
# BINARY              the program (default: the static release of `make dist`)
# OUT                 the folder for what is made (default: dist)
# SOURCE_DATE_EPOCH   the time of all files (default: that of the last commit): one program is packed to the same bytes
#                     each time
# REVISION            of the Debian package (default: 1)
# MAINTAINER          of the Debian package, with address
# COMPRESSION         of the Debian package (default: xz)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root kind=${1:-}
readonly binary=${BINARY:-$root/.build-dist/release/pg_eventrelay}
readonly out=${OUT:-$root/dist}
readonly revision=${REVISION:-1}
readonly maintainer=${MAINTAINER:-pg_eventrelay authors <pg_eventrelay@localhost>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

stage=$(mktemp -d)
readonly stage
trap 'rm -rf "$stage"' EXIT

version=$("$binary" --version)
readonly version=${version##* }
mkdir -p "$out"

# install_program FOLDER: without symbols, which are two thirds of it.
install_program() {
    install -D -m 0755 "$binary" "$1/pg_eventrelay"
    strip --strip-all "$1/pg_eventrelay"
}

# completion SHELL FILE
completion() {
    mkdir -p "$(dirname "$2")"
    "$binary" --generate-completion-script "$1" >"$2"
}

# documents FOLDER: with most of what they link to, each where the links expect it.
documents() {
    local file
    (cd "$root" && find README.md SECURITY.md ARCHITECTURE.md docs migrations config packaging/pg_eventrelay.service \
        examples/README.md examples/listen.py -type f -print0) | while IFS= read -r -d '' file; do
        install -D -m 0644 "$root/$file" "$1/$file"
    done
}

# third_party FILE: licences and notices of all that is linked in.
third_party() { "$root/scripts/sbom.py" --binary "$binary" --texts "$1"; }

# The files of a folder get the same owner, mode and time each time.
settle() { find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +; }

make_tarball() {
    local name folder
    name=pg_eventrelay-$version-linux-$(uname -m)
    folder=$stage/$name
    install_program "$folder"
    documents "$folder"
    install -m 0644 "$root"/{LICENSE,CHANGELOG.md} "$folder"
    "$root/scripts/manual.py" "$binary" >"$folder/pg_eventrelay.1"
    completion bash "$folder/completions/pg_eventrelay.bash"
    completion zsh "$folder/completions/_pg_eventrelay"
    completion fish "$folder/completions/pg_eventrelay.fish"
    third_party "$folder/THIRD_PARTY.txt"
    settle "$folder"
    tar --create --directory "$stage" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu "$name" |
        gzip --best --no-name >"$out/$name.tar.gz"
    (cd "$out" && sha256sum "$name.tar.gz" >SHA256SUMS)
    echo "$out/$name.tar.gz"
}

# What the program needs of the system's libraries, with versions. SQLite's symbols don't tell that the migrations need
# 3.40.
dependencies() {
    mkdir -p "$stage/control/debian"
    printf 'Source: pg-eventrelay\n\nPackage: pg-eventrelay\nArchitecture: any\n' >"$stage/control/debian/control"
    # A debug build needs libraries of Swift's that are in no package.
    (cd "$stage/control" && dpkg-shlibdeps --ignore-missing-info -O "$1" 2>"$stage/shlibdeps") ||
        { cat "$stage/shlibdeps" >&2 && return 1; }
}

make_deb() {
    local arch package=$stage/package documents fields depends
    arch=$(dpkg --print-architecture)
    documents=$package/usr/share/doc/pg-eventrelay
    install_program "$package/usr/bin"
    install -D -m 0644 "$root/packaging/pg_eventrelay.service" "$package/lib/systemd/system/pg_eventrelay.service"
    # As the example, but for where the log is, and not open to the network before somebody says so.
    install -D -m 0640 "$root/config/pg_eventrelay.toml.example" "$package/etc/pg_eventrelay.toml"
    sed -i -e 's|^#HttpHost = .*|HttpHost = "127.0.0.1"|' \
        -e 's|^#LogPath = .*|LogPath = "/var/lib/pg_eventrelay/pg_eventrelay.db"|' "$package/etc/pg_eventrelay.toml"
    mkdir -p "$package/usr/share/man/man1"
    "$root/scripts/manual.py" "$binary" >"$package/usr/share/man/man1/pg_eventrelay.1"
    completion bash "$package/usr/share/bash-completion/completions/pg_eventrelay"
    # It is read by the shell that is there, not run.
    sed -i '1{/^#!/d}' "$package/usr/share/bash-completion/completions/pg_eventrelay"
    completion zsh "$package/usr/share/zsh/vendor-completions/_pg_eventrelay"
    completion fish "$package/usr/share/fish/vendor_completions.d/pg_eventrelay.fish"
    documents "$documents"
    install -m 0644 "$root"/packaging/debian/{copyright,README.Debian} "$documents"
    install -m 0644 "$root/CHANGELOG.md" "$documents/changelog"
    third_party "$documents/THIRD_PARTY.txt"
    cat >"$documents/changelog.Debian" <<EOF
pg-eventrelay ($version-$revision) unstable; urgency=medium

  * Version $version. What is in it stands in changelog.gz.

 -- $maintainer  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
EOF
    gzip --best --no-name "$documents"/{changelog,changelog.Debian,THIRD_PARTY.txt} \
        "$package/usr/share/man/man1/pg_eventrelay.1"
    install -D -m 0644 "$root/packaging/debian/lintian-overrides" "$package/usr/share/lintian/overrides/pg-eventrelay"

    fields=$(dependencies "$package/usr/bin/pg_eventrelay")
    depends=$(sed -nE '/^shlibs:Depends=/{s///;s/libsqlite3-0( \([^)]*\))?/libsqlite3-0 (>= 3.40)/;p}' <<<"$fields")
    install -d "$package/DEBIAN"
    install -m 0755 "$root"/packaging/debian/{postinst,prerm,postrm} "$package/DEBIAN"
    echo /etc/pg_eventrelay.toml >"$package/DEBIAN/conffiles"
    (cd "$package" && find usr lib etc -type f -exec md5sum {} +) | sort -k 2 >"$package/DEBIAN/md5sums"
    cat >"$package/DEBIAN/control" <<EOF
Package: pg-eventrelay
Version: $version-$revision
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du --summarize --apparent-size --block-size=1K "$package" | cut -f 1)
Depends: $depends, adduser
Suggests: postgresql, sqlite3
Section: database
Priority: optional
Description: PostgreSQL NOTIFY to WebSocket, with resume
 Listens to PostgreSQL, keeps the newest notifications in a bounded SQLite file
 and delivers them to WebSocket clients. A client that comes back with the last
 id it saw gets what it missed. It needs nothing in the database, and runs in
 the place of pg_eventserv.
EOF
    settle "$package"
    dpkg-deb --root-owner-group -Z"${COMPRESSION:-xz}" --build "$package" "$out/pg-eventrelay_$version-${revision}_$arch.deb"
}

case $kind in
tarball) make_tarball ;;
deb) make_deb ;;
*)
    echo "usage: scripts/package.sh tarball|deb" >&2
    exit 64
    ;;
esac
