#!/usr/bin/env bash
# Usage: tests/hardening/run.sh
# What the linker and the compiler were told is in the program and in the shared library: read from
# the files themselves. Skipped for builds that leave it out (meson.build): with sanitizers, and
# without optimisation to count executed lines. Ends in the closing line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/sum.sh
. tools/sum.sh
build=${BUILD:-build}
if nm "$build/flopwise" | grep -qE '__((asan|ubsan|tsan|msan)_|gcov_init)'; then
    echo "a build with sanitizers or for coverage is not hardened"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if ! command -v readelf >/dev/null; then
    echo "readelf is not there"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

has() { readelf -W "$1" "$2" | grep -qE "$3"; } # OPTION FILE PATTERN

check "position independent" has -h "$build/flopwise" 'Type: +DYN'
check "marked so" has -d "$build/flopwise" 'FLAGS_1.*PIE'
for file in "$build/flopwise" "$build/libflopwise.so"; do
    name=$(basename "$file")
    check "$name: read-only relocations" has -l "$file" 'GNU_RELRO'
    check "$name: all bound at the start" has -d "$file" 'FLAGS.*NOW'
    check "$name: the stack is no code" has -l "$file" 'GNU_STACK.* RW +0x'
    if has -l "$file" 'LOAD.* RWE '; then
        check "$name: no page is written and run" false
    else
        check "$name: no page is written and run" true
    fi
    check "$name: stack protector" has -s "$file" '__stack_chk_fail'
    check "$name: checked copies (_FORTIFY_SOURCE)" \
        has -s "$file" '__(mem|str|v?s?n?printf)[a-z]*_chk'
    if has -d "$file" '(RPATH|RUNPATH)'; then
        check "$name: looks for libraries where the system does" false
    else
        check "$name: looks for libraries where the system does" true
    fi
done
print_sums
[ "$n_failed" -eq 0 ]
