#!/usr/bin/env bash
# Counts of operators against a plain scalar implementation whose operations are counted as they
# run, forward and, by running the chain rule over them, backward. Needs Debian's python3-onnx and
# python3-numpy. Ends in the closing line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
if ! /usr/bin/python3 -c 'import numpy, onnx' 2>/dev/null; then
    echo "SKIP oracle: python3-onnx or python3-numpy is not installed"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
export FLOPWISE=${FLOPWISE:-$here/../../build/flopwise}
exec /usr/bin/python3 "$here/oracle.py" "$@"
