#!/usr/bin/env bash
# Usage: tests/hostile/run.sh [FILES [SEED]]
# Files broken on purpose, FILES (400) of each format: see hostile.c. What fails is left in
# $BUILD/hostile. Ends in the closing line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/sum.sh
. tools/sum.sh
files=${1:-400} seed=${2:-1}
build=${BUILD:-build}
mkdir -p "$build/hostile"

run() { # FORMAT FILE...
    local format=$1 log=$build/hostile/$1.log code=0
    "$build/flopwise-hostile" -n "$files" -s "$seed" -o "$build/hostile" "$@" >"$log" || code=$?
    grep -v ' passed, ' "$log"
    add_output $code "$log" || echo "hostile: $format failed"
}

# a megabyte at most each: larger ones only make the copies slower
mapfile -t onnx < <(find tests/models -name '*.onnx' -size -1024k | sort)
run onnx "${onnx[@]}"
mapfile -t text < <(find tests -name '*.onnxtxt' -size -1024k | sort)
[ ${#text[@]} -eq 0 ] || run onnx-text "${text[@]}"
mapfile -t weights < <(find tests/models -name '*.safetensors' | sort)
run safetensors "${weights[@]}"
run safetensors-bytes "${weights[@]}"
mapfile -t gguf < <(find tests/models -name '*.gguf' | sort)
run gguf "${gguf[@]}"
print_sums
