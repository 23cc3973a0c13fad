#!/bin/sh
# Prints the files of one kind, one per line, as paths from the top folder; without an argument all
# kinds, which tools/configure.sh compares to notice added and removed files.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."

list() { # FOLDER PATTERN...: names matching any pattern below the folder, if it exists
    [ -d "$1" ] || return 0
    folder=$1
    shift
    for pattern in "$@"; do
        find "$folder" -type f -name "$pattern"
    done | sort
}

case ${1:-all} in
lib) list src '*.c' | grep -v -e '_test\.c$' -e '^src/ops/.*_run\.c$' -e '^src/cli/' ;;
kernels) list src/ops '*_run.c' ;;
cli) list src/cli '*.c' | grep -v -e '_test\.c$' -e '^src/cli/main\.c$' || true ;;
unit) list src '*_test.c' && list tests '*_test.c' ;;
support) list tests/support '*.c' ;;
fuzz) list tests/fuzz 'fuzz_*.c' ;;
data) list data '*.txt' '*.tsv' '*.csv' '*.css' '*.js' '*.html' '*.svg' ;;
man) list man '*.scd' ;;
all)
    for kind in lib kernels cli unit support fuzz data man; do
        sh tools/list_sources.sh $kind
    done
    ;;
*)
    echo "list_sources.sh: unknown kind '$1'" >&2
    exit 2
    ;;
esac
