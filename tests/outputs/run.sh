#!/usr/bin/env bash
# Results of the reference kernels against the stored outputs of the ONNX backend's node tests
# (Debian's libonnx-testdata). Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folder=/usr/share/libonnx-testdata/data/node
if [ ! -d "$folder" ]; then
    echo "SKIP outputs: libonnx-testdata is not installed"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
exec "${BUILD:-$here/../../build}/flopwise-outputs" "$@" "$folder"
