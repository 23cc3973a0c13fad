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
# Kernels (x_run.c) go without the path-sensitive checks, which walk their nested loops for minutes
# a file; the sanitizer builds run every kernel.
# shellcheck disable=SC2016  # $1 and its like are for the inner shell
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c \
    'case $3 in *_run.c) only=--checks=-clang-analyzer-* ;; *) only=--checks= ;; esac
    "$1" -p "$2" --quiet "$only" --extra-arg=-Wno-unknown-warning-option \
        --extra-arg=-Wno-unused-command-line-argument "$3"' sh "$tool" "$build" {} \
    2>"$build/tidy.log" || {
    cat "$build/tidy.log" >&2
    exit 1
}
echo "$# files without a finding"
