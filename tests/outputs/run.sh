#!/usr/bin/env bash
# Results of the reference kernels against the stored outputs of the ONNX backend's node tests
# (Debian's libonnx-testdata), and of ONNX Runtime's own operators against what that gives
# (tools/ort_cases.py). Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folders=("$here/runtime")
nodes=/usr/share/libonnx-testdata/data/node
if [ -d "$nodes" ]; then
    folders+=("$nodes")
else
    echo "SKIP the node tests: libonnx-testdata is not installed"
fi
exec "${BUILD:-$here/../../build}/flopwise-outputs" "$@" "${folders[@]}"
