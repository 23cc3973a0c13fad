#!/bin/bash
# Usage: tests/fuzz/run.sh SECONDS [NAME...]
# Fuzzes every target fuzz_NAME.c (or those named) for SECONDS each, with libFuzzer and the address
# and undefined-behaviour sanitizers, starting from tests/fuzz/corpus/NAME and from what earlier
# runs found (build-fuzz/corpus/NAME) and from what tests/fuzz/seeds_NAME.py writes, where there
# is one. tests/fuzz/NAME.dict is used where it exists. An input that
# breaks a target is left in build-fuzz/artifacts/NAME: mend the fault, add the input to the corpus.
# One input may take FUZZ_TIMEOUT seconds by the clock (10; a machine with other work wants more).
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:?seconds for each target}
shift
build="build-fuzz"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        [ ! -f "$source" ] || names+=("$(basename "$source" .c | sed 's/^fuzz_//')")
    done
fi
if [ ${#names[@]} -eq 0 ]; then
    echo "no fuzz targets yet"
    echo "0 passed, 0 failed, 0 skipped"
    exit 0
fi

clang=$(command -v clang-14 || command -v clang) || {
    echo "clang is missing: run tools/install_deps.sh fuzz"
    exit 1
}
CC=$clang tools/configure.sh $build -Dtests=true -Dfuzz=true -Ddebug=true \
    -Db_sanitize=address,undefined -Db_lundef=false || exit 1
ninja -C $build fuzzers flopwise-unit >$build/fuzz.log 2>&1 || {
    cat $build/fuzz.log
    exit 1
}

passed=0 failed=0
for name in "${names[@]}"; do
    corpus=$build/corpus/$name artifacts=$build/artifacts/$name
    mkdir -p "$corpus" "$artifacts"
    args=(-max_total_time="$seconds" -timeout="${FUZZ_TIMEOUT:-10}"
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$artifacts/")
    # an operator takes some hundred bytes, of which none is wasted
    [ "$name" != op ] || args+=(-len_control=0 -max_len=256)
    # a fixed seed repeats a run (CI, so that a change is judged and not the dice); else it explores
    [ -z "${FUZZ_SEED:-}" ] || args+=(-seed="$FUZZ_SEED")
    [ ! -f "tests/fuzz/$name.dict" ] || args+=(-dict="tests/fuzz/$name.dict")
    folders=("$corpus")
    if [ -f "tests/fuzz/seeds_$name.py" ]; then
        "tests/fuzz/seeds_$name.py" "$build/seeds/$name" "$build" || exit 1
        folders+=("$build/seeds/$name")
    fi
    [ ! -d "tests/fuzz/corpus/$name" ] || folders+=("tests/fuzz/corpus/$name")
    log=$build/fuzz_$name.log
    TIMEFORMAT='processor %U s'
    if { time "$build/fuzz_$name" "${args[@]}" "${folders[@]}" 2>&1; } >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
        echo "fuzz_$name: $runs inputs in $seconds s ($(tail -n 1 "$log")), $edges edges," \
            "no finding"
    else
        failed=$((failed + 1))
        tail -n 60 "$log"
        echo "FAILED fuzz_$name: see $artifacts and $log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
