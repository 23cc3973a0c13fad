#!/bin/sh
# Usage: tools/demo.sh BUILD_DIR
# The main job from nothing: installs what is missing, builds, says what ResNet-50 costs.
set -eu
cd "$(dirname "$0")/.."
build=$1

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

show tools/install_deps.sh build
show tools/configure.sh "$build"
show ninja --quiet -C "$build"
show "$build/flopwise" count tests/models/resnet50.onnx
show "$build/flopwise" memory tests/models/resnet50.onnx
