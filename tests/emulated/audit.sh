#!/bin/sh
# Usage: tests/emulated/audit.sh MODEL [OPTION...]
# `flopwise audit` under QEMU, with flops.c in the place of the hardware's counter.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
FLOPWISE=${FLOPWISE:-$here/../../build/flopwise}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# FLOPS_PLUGIN: one that stands already
plugin=${FLOPS_PLUGIN:-$scratch/flops.so}
[ -f "$plugin" ] || ${CC:-cc} -O2 -shared -fPIC -o "$plugin" "$here/flops.c"
# the emulator adds without locks: one thread
FLOPWISE_COUNTER_FILE=$scratch/total \
    qemu-x86_64 -cpu max -plugin "file=$plugin,total=$scratch/total" \
    "$FLOPWISE" audit "$@" --threads 1 --limit time=100000 # emulated, a step takes long
