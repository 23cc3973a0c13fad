#!/bin/sh
# Usage: tools/check_exports.sh BUILD_DIR
# The shared library exports exactly the functions that the public header declares with FW_API, and
# the header is valid C11 and C++ by itself.
set -eu
cd "$(dirname "$0")/.."
build=$1
header=include/flopwise.h
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

nm -D --defined-only "$build/libflopwise.so" | awk '$2 != "A" { print $3 }' |
    LC_ALL=C sort >"$scratch/exported"
# declarations may break over lines: take what stands between FW_API and the first parenthesis
tr '\n' ' ' <$header | sed 's/#define FW_API[^#]*//g' | grep -oE 'FW_API [^;(]*[(;]' |
    sed -E 's/.*[^A-Za-z0-9_]([A-Za-z0-9_]+) *[(;]$/\1/' | LC_ALL=C sort >"$scratch/declared"

bad=0
diff -u --label 'declared in flopwise.h' --label 'exported by libflopwise.so' \
    "$scratch/declared" "$scratch/exported" || bad=1
foreign=$(grep -v '^fw_' "$scratch/exported") && {
    echo "exported without fw_: $foreign"
    bad=1
}
for language in c c++; do
    standard=$([ $language = c ] && echo c11 || echo c++11)
    echo '#include "flopwise.h"' | gcc -x $language -std="$standard" -fsyntax-only -Iinclude \
        -Wall -Wextra -Wpedantic -Werror - || bad=1
done
[ $bad -ne 0 ] || echo "$(wc -l <"$scratch/exported") functions exported, all of them declared"
exit $bad
