#!/bin/sh
# The public header by itself: as C11 and as C++11 without a warning, and a program that links with
# the shared library and knows nothing else.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
passed=0
failed=0
skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

try() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$scratch/out" 2>&1; then
        passed=$((passed + 1))
    else
        cat "$scratch/out"
        echo "FAILED $what"
        failed=$((failed + 1))
    fi
}

echo '#include <flopwise.h>
int main(void) { struct fw_options o = fw_options_default(); return o.inference; }' >"$scratch/h.c"
cp "$scratch/h.c" "$scratch/h.cc"
warnings="-Wall -Wextra -Wpedantic -Werror"
# shellcheck disable=SC2086
try "header as C11" "${CC:-cc}" -std=c11 $warnings -Iinclude -c "$scratch/h.c" -o "$scratch/h.o"
if command -v "${CXX:-c++}" >/dev/null; then
    # shellcheck disable=SC2086
    try "header as C++11" "${CXX:-c++}" -std=c++11 $warnings -Iinclude -c "$scratch/h.cc" \
        -o "$scratch/hh.o"
else
    echo "skipped: there is no C++ compiler"
    skipped=$((skipped + 1))
fi
sanitize=
if nm -D "$BUILD/libflopwise.so" | grep -q __asan_init; then
    sanitize="-fsanitize=address,undefined"
fi
# shellcheck disable=SC2086
try "a program with the shared library" "${CC:-cc}" -std=c11 $warnings $sanitize -Iinclude \
    tests/api/use.c -o "$scratch/use" -L"$BUILD" -lflopwise -Wl,-rpath,"$(realpath "$BUILD")"
try "what the program finds" "$scratch/use" tests/models/resnet18.onnx
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
