#!/bin/sh
# Usage: CC=clang-14 tools/msan.sh BUILD_DIR [JOBS]
# MemorySanitizer: the unit tests and the fuzz corpus in a build without oneDNN, whose library is
# not instrumented. The last line is the sum.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/sum.sh
. tools/sum.sh
build=$1
tools/configure.sh "$build" -Dtests=true -Ddebug=true -Db_sanitize=memory -Db_lundef=false \
    -Ddnnl=disabled -Doptimization=1
ninja -C "$build" -j "${2:-2}" flopwise-unit fuzzers >"$build/msan.log" 2>&1 || {
    grep -E 'error' -A5 "$build/msan.log"
    exit 1
}
run() { # COMMAND...
    code=0
    "$@" >"$build/run.log" 2>&1 || code=$?
    grep -vE ' passed, ' "$build/run.log" || true
    add_output $code "$build/run.log" || echo "failed: $*"
}
run "$build/flopwise-unit"
run tests/fuzz/replay.sh "$build"
print_sums
