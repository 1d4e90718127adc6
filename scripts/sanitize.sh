#!/usr/bin/env bash
# Builds everything with a sanitizer and runs the tests; the program that they start has the sanitizer too. Ends with
# an error if a test fails or anything was reported, be it by a program that was killed later.
#
#   scripts/sanitize.sh thread|address [ARGUMENTS OF swift test…]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly sanitizer=${1:?thread or address}
shift
flags=()
case $sanitizer in
thread)
    scratch=.build-tsan
    flags=(-Xlinker "$PWD/$scratch/tsan-mutex.o")
    ;;
address) scratch=.build-asan ;;
*)
    echo "unknown sanitizer: $sanitizer" >&2
    exit 64
    ;;
esac
readonly scratch flags
readonly reports=$PWD/$scratch/reports
mkdir -p "$reports"
rm -f "$reports"/*

# Each process writes its reports to a file of its own. Leaks are not looked for: the Swift runtime keeps what it made
# until the end, and much of that is reachable only by tagged pointers.
# What was freed is not kept for long: some tests measure memory.
# The program that tests start has a short PATH, on which the symbolizer is not.
symbolizer=$(command -v llvm-symbolizer)
readonly symbolizer
export TSAN_OPTIONS="external_symbolizer_path=$symbolizer log_path=$reports/tsan halt_on_error=0"
export ASAN_OPTIONS="external_symbolizer_path=$symbolizer detect_leaks=0 quarantine_size_mb=8 log_path=$reports/asan"

# At once, so that no test waits for the processor longer than its time limit: each may run a relay and a server, and
# all of them take several times as long as without the sanitizer.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4

if [[ $sanitizer == thread ]]; then
    clang -Wall -Wextra -Werror -O1 -fPIC -c scripts/tsan-mutex.c -o "$scratch/tsan-mutex.o"
fi
swift build --build-tests --sanitize="$sanitizer" --scratch-path "$scratch" "${flags[@]}"
status=0
swift test --skip-build --parallel --disable-xctest --sanitize="$sanitizer" --scratch-path "$scratch" "$@" || status=$?

count=$(find "$reports" -type f -size +0 | wc -l)
if ((count > 0)); then
    find "$reports" -type f -size +0 -exec head -n 60 {} +
    echo "$count processes reported something: see $reports" >&2
    exit 1
fi
echo "the $sanitizer sanitizer reported nothing"
exit "$status"
