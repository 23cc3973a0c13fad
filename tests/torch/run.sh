#!/bin/sh
# Gradients against PyTorch (Debian: python3-torch, python3-torchvision), where it is installed.
set -eu
cd "$(dirname "$0")/../.."
FLOPWISE=$(realpath "${FLOPWISE:-build/flopwise}")
XDG_CACHE_HOME=$(mktemp -d)
trap 'rm -rf "$XDG_CACHE_HOME"' EXIT
export XDG_CACHE_HOME
python=/usr/bin/python3
if ! $python -c 'import torch, torchvision' 2>/dev/null; then
    echo "SKIPPED gradients against PyTorch: python3-torch or python3-torchvision is missing"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
mode=fast
! "$FLOPWISE" peak --format json | grep -q '"gemm_by": "none"' || mode=exact
$python tests/torch/gradients.py "$FLOPWISE" $mode
