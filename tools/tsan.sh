#!/bin/sh
# Usage: CC=clang-14 tools/tsan.sh BUILD_DIR [JOBS]
# ThreadSanitizer: the engine's unit tests, and training steps whose kernels are shared among four
# threads. oneDNN is not instrumented: what its own threads do is left out. The last line is the
# sum.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/sum.sh
. tools/sum.sh
build=$1
tools/configure.sh "$build" -Dtests=true -Ddebug=true -Db_sanitize=thread -Db_lundef=false \
    -Doptimization=1
ninja -C "$build" -j "${2:-2}" flopwise flopwise-unit >"$build/tsan.log" 2>&1 || {
    grep -E 'error' -A5 "$build/tsan.log"
    exit 1
}
export TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1
# version 14 wants addresses where the kernel does not put them at random
run() { # COMMAND...
    if setarch -R "$@" >"$build/run.log" 2>&1; then
        add_counts 1 0 0
    else
        add_counts 0 1 0
        echo "failed: $*"
        grep -E -A30 'WARNING|FAILED|flopwise:' "$build/run.log" || true
    fi
}
for test in engine_test fast_test exec_test; do
    run "$build/flopwise-unit" $test
done
train() { # MODEL [OPTION...]
    run "$build/flopwise" run --train --steps 2 --threads 4 --quiet "$@"
}
train zoo:convnet,size=32 --batch 8
train zoo:resnet18,size=32,classes=10 --batch 4 --optimizer adamw
train zoo:gpt2,layers=2,width=128,heads=4,vocab=500 --batch 2 --seq 64 --optimizer lamb
train zoo:lstm --batch 8 --seq 16 --optimizer muon
train zoo:mobilenet_v3_small,size=64 --batch 4 --optimizer adafactor
train zoo:vit-b-16,size=64,classes=10 --batch 4 --optimizer lion
print_sums
