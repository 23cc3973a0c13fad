#!/bin/sh
# Usage: tools/tidy.sh BUILD_DIR [FILE...]
# clang-tidy over the library, the program and the public header. Unit tests are left out: cmocka's
# macros expand to what half of the checks forbid.
set -eu
cd "$(dirname "$0")/.."
build=$1
shift
tool=$(command -v clang-tidy-14) || {
    echo "clang-tidy-14 is missing: run tools/install_deps.sh ci" >&2
    exit 1
}
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046  # a list of names without blanks
    set -- $(tools/list_sources.sh lib) $(tools/list_sources.sh kernels) \
        $(tools/list_sources.sh cli) src/cli/main.c
fi
# One file per process: from the second on, version 14 takes each va_list for uninitialised.
# The path-sensitive checks (clang-analyzer-*) take a quarter of an hour over everything, minutes
# for one file of nested loops: gcc's analyzer and cppcheck walk the paths in CI, and with PATHS=yes
# this does, kernels (x_run.c) left out.
# shellcheck disable=SC2016  # $1 and its like are for the inner shell
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c \
    'case $4$3 in no* | *_run.c) only=--checks=-clang-analyzer-* ;; *) only=--checks= ;; esac
    "$1" -p "$2" --quiet "$only" --extra-arg=-Wno-unknown-warning-option \
        --extra-arg=-Wno-unused-command-line-argument "$3"' sh "$tool" "$build" {} "${PATHS:-no}" \
    2>"$build/tidy.log" || {
    cat "$build/tidy.log" >&2
    exit 1
}
echo "$# files without a finding"
