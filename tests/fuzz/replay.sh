#!/bin/bash
# Usage: tests/fuzz/replay.sh BUILD_DIR
# Feeds the committed corpus, tests/fuzz/corpus/NAME/*, to the fuzz targets of a build. Each file is
# one test. A target takes all its files in one process; only when that fails, one by one. A target
# without files gets random bytes, the same in every run, which is one test.
set -u
build=$(realpath "$1")
cd "$(dirname "$0")" || exit 1
passed=0 failed=0
seconds=20 # for one input
random_inputs=10000
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for source in fuzz_*.c; do
    [ -f "$source" ] || break
    name=${source%.c}
    mapfile -t inputs < <(find "corpus/${name#fuzz_}" -type f 2>/dev/null | LC_ALL=C sort)
    if [ ${#inputs[@]} -eq 0 ]; then
        if timeout $((seconds * 6)) "$build/$name" --random 0 $random_inputs >"$log" 2>&1; then
            passed=$((passed + 1))
        else
            echo "FAILED $name --random $random_inputs (exit code $?)"
            tail -n 40 "$log" | sed 's/^/    /'
            failed=$((failed + 1))
        fi
        continue
    fi
    if timeout $((seconds * 6)) "$build/$name" "${inputs[@]}" >"$log" 2>&1; then
        passed=$((passed + ${#inputs[@]}))
        continue
    fi
    for input in "${inputs[@]}"; do
        if timeout $seconds "$build/$name" "$input" >"$log" 2>&1; then
            passed=$((passed + 1))
        else
            echo "FAILED $name $input (exit code $?)"
            sed 's/^/    /' "$log" | head -n 40
            failed=$((failed + 1))
        fi
    done
done

[ $((passed + failed)) -gt 0 ] || echo "no fuzz targets yet"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
