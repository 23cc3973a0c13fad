#!/bin/sh
# Usage: tools/format.sh [--write]
# Names the C files that .clang-format would change (exit 1), or changes them. Version 14, as in
# Debian 12: other versions format differently.
set -eu
cd "$(dirname "$0")/.."
tool=$(command -v clang-format-14) || {
    echo "clang-format-14 is missing: run tools/install_deps.sh ci" >&2
    exit 1
}
list_files() {
    for folder in include src tests; do
        [ ! -d $folder ] || find $folder -type f -name '*.[ch]' ! -path 'tests/models/*'
    done
}
if [ "${1:-}" = --write ]; then
    list_files | xargs -r "$tool" -i
else
    list_files | xargs -r "$tool" --dry-run -Werror
fi
