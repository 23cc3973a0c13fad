#!/usr/bin/env bash
# Usage: tests/hostile/run.sh [--files N] [--seed N] [FORMAT...]
# Files broken on purpose, N (400) of each format: see hostile.c. The same seed gives the same
# files. What fails is left in $BUILD/hostile. Ends in the closing line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/sum.sh
. tools/sum.sh
files=400 seed=1
while [ $# -gt 0 ]; do
    case $1 in
    --files) files=$2 && shift 2 ;;
    --seed) seed=$2 && shift 2 ;;
    -*) echo "usage: tests/hostile/run.sh [--files N] [--seed N] [FORMAT...]" >&2 && exit 2 ;;
    *) break ;;
    esac
done
wanted=" $* "
build=${BUILD:-build}
mkdir -p "$build/hostile"
# what was freed is kept back only shortly: what is judged is memory in use
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=8"
# clang 14's LeakSanitizer breaks down now and then while it looks through the storage of threads
export LSAN_OPTIONS="${LSAN_OPTIONS:-}:use_tls=0:print_suppressions=0"

run() { # FORMAT FILE...
    local format=$1 log=$build/hostile/$1.log code=0
    [ "$wanted" = "  " ] || [[ $wanted == *" $format "* ]] || return 0
    "$build/flopwise-hostile" -n "$files" -s "$seed" -o "$build/hostile" "$@" >"$log" || code=$?
    grep -v ' passed, ' "$log"
    add_output $code "$log" || echo "hostile: $format failed"
}

seeds() { # FIND_ARGUMENT...: a megabyte at most each, larger ones only make the copies slower
    find "$@" -type f -size -1024k | LC_ALL=C sort
}
mapfile -t onnx < <(seeds tests/models -name '*.onnx')
run onnx "${onnx[@]}"
mapfile -t text < <(seeds tests -name '*.onnxtxt')
run onnx-text "${text[@]}"
run onnx-text-run "${text[@]}"
mapfile -t configs < <(seeds tests/fuzz/corpus/hf -name '*.json')
run config "${configs[@]}"
mapfile -t weights < <(seeds tests/models -name '*.safetensors')
run safetensors "${weights[@]}"
run safetensors-bytes "${weights[@]}"
mapfile -t gguf < <(seeds tests/models -name '*.gguf')
run gguf "${gguf[@]}"
mapfile -t runs < <(seeds tests/fuzz/corpus/run)
run run "${runs[@]}"
mapfile -t claims < <(seeds tests/estimate tests/fuzz/corpus/claims -name '*.csv')
run claims "${claims[@]}"
mapfile -t indexes < <(seeds tests/models -name '*.index.json')
run index "${indexes[@]}"
mapfile -t specs < <(seeds tests/fuzz/corpus/zoo)
run zoo "${specs[@]}"
mapfile -t small < <(seeds tests/models tests/fuzz/corpus/onnx -name '*.onnx' -size -20k)
run onnx-run "${small[@]}"
mapfile -t arrays < <(seeds tests/fuzz/corpus/arrays)
run arrays "${arrays[@]}"
print_sums
