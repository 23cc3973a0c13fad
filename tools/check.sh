#!/bin/sh
# Usage: tools/check.sh BUILD_DIR [MESON_OPTION...]
# Builds everything and runs all tests of one build: the unit tests, every suite tests/NAME/run.sh
# (called with FLOPWISE and BUILD set, ends in a closing line) and the replay of the fuzz corpus.
# The last line is the sum.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/sum.sh
. tools/sum.sh

build=$1
shift
tools/configure.sh "$build" -Dtests=true "$@"
build=$(cd "$build" && pwd)
log=$build/check.log
if ! ninja -C "$build" all tests >"$log" 2>&1; then
    grep -vE '^(\[|ninja: (Entering|build stopped))' "$log" || true
    echo "the build failed"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
# a warning is worth seeing also where it is no error
grep -E 'warning:' "$log" || true

FLOPWISE=$build/flopwise
BUILD=$build
export FLOPWISE BUILD

failing=
run_suite() { # NAME COMMAND...
    name=$1
    shift
    echo "== $name"
    started=$(date +%s)
    code=0
    { "$@" 2>&1 || echo $? >"$log.code"; } </dev/null | tee "$log"
    [ ! -f "$log.code" ] || code=$(cat "$log.code")
    rm -f "$log.code"
    add_output "$code" "$log" || failing="$failing $name"
    echo "-- $name: $(($(date +%s) - started)) s"
}

run_suite unit "$build/flopwise-unit"
for suite in tests/*/run.sh; do
    name=$(basename "$(dirname "$suite")")
    case $name in
    fuzz | '*') ;; # bounded by time, not by cases
    *) run_suite "$name" "$suite" ;;
    esac
done
run_suite fuzz-corpus tests/fuzz/replay.sh "$build"

echo "== all"
[ -z "$failing" ] || echo "failing:$failing"
print_sums
[ -z "$failing" ]
