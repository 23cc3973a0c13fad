#!/bin/bash
# Usage: tools/valgrind.sh PROGRAM
# A sample of commands under valgrind, which also sees what the libraries do: uninitialised memory,
# reads outside of blocks, leaks. Ends in the closing line: one test a command.
set -u
program=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

while read -r command; do
    code=0
    # shellcheck disable=SC2086  # words
    timeout 600 valgrind -q --error-exitcode=99 --leak-check=full --log-file="$log" \
        "$program" $command >/dev/null </dev/null || code=$?
    if [ $code -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "FAILED flopwise $command: exit code $code"
        head -n 20 "$log"
        failed=$((failed + 1))
    fi
done <<'END'
count tests/models/op_conv2d.onnx
memory tests/models/lstm_dyn.onnx --format json
count tests/fuzz/corpus/onnx_text/bodies.onnxtxt --format csv
run zoo:mlp,depth=2,width=8 --mode exact --quiet
optimizer adam --simulate --steps 5
field tests/models/op_conv1d.onnx
ratio zoo:mlp,depth=2,width=8 --sweep batch=1..8
explain 6nt
estimate --params 7e9 --tokens 1e12
END
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
