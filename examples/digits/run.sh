#!/bin/sh
# Trains a small network on handwritten digits and tests it on digits it has not seen.
# Usage: examples/digits/run.sh [FOLDER]   PYTHON names an interpreter with numpy and scikit-learn.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$(mktemp -d)}
FLOPWISE=${FLOPWISE:-$here/../../build/flopwise}
PYTHON=${PYTHON:-python3}
net=zoo:mlp,depth=3,width=64,in=64,out=10,bias=1,act=relu

"$PYTHON" "$here/prepare.py" "$folder"
# 40 times through the 1,437 digits of train.npz
"$FLOPWISE" run $net --batch 32 --train --optimizer momentum --lr 0.05 --steps 1800 \
    --input "$folder/train.npz" --save "$folder/digits.safetensors"
"$FLOPWISE" run $net --batch 40 --weights "$folder/digits.safetensors" \
    --input "$folder/test.npz" --outputs "$folder/outputs.npz" --quiet >/dev/null
"$PYTHON" "$here/accuracy.py" "$folder"
