#!/bin/sh
# Usage: tools/format.sh [--write] [FILE...]
# Names the C files (all, or these) that .clang-format would change (exit 1), or changes them.
# Version 14, as in Debian 12: other versions format differently.
set -eu
cd "$(dirname "$0")/.."
tool=$(command -v clang-format-14) || {
    echo "clang-format-14 is missing: run tools/install_deps.sh ci" >&2
    exit 1
}
mode='--dry-run -Werror'
if [ "${1:-}" = --write ]; then
    mode=-i
    shift
fi
list_files() {
    for folder in include src tests; do
        [ ! -d $folder ] || find $folder -type f -name '*.[ch]' ! -path 'tests/models/*'
    done
}
# shellcheck disable=SC2086  # two words
if [ $# -gt 0 ]; then
    "$tool" $mode "$@"
else
    list_files | xargs -r "$tool" $mode
fi
