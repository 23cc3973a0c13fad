#!/usr/bin/env bash
# The ONNX backend tests: Debian's libonnx-testdata, and where FLOPWISE_ONNX_DATA names the folder
# of a newer `onnx` package (onnx/backend/test/data), those too. Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folders=()
for root in /usr/share/libonnx-testdata/data "${FLOPWISE_ONNX_DATA:-}"; do
    [ -n "$root" ] || continue
    for kind in node simple pytorch-operator pytorch-converted; do
        [ -d "$root/$kind" ] && folders+=("$root/$kind")
    done
done
if [ ${#folders[@]} -eq 0 ]; then
    echo "SKIP conformance: libonnx-testdata is not installed"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
exec "${BUILD:-$here/../../build}/flopwise-conformance" "$@" "${folders[@]}"
