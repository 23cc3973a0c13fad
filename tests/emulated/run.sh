#!/bin/sh
# What small networks retire under an emulator against what was predicted.
set -eu
cd "$(dirname "$0")/../.."
FLOPWISE=$(realpath "${FLOPWISE:-build/flopwise}")
export FLOPWISE
passed=0
failed=0
if ! command -v qemu-x86_64 >/dev/null 2>&1 || [ "$(uname -m)" != x86_64 ]; then
    echo "SKIPPED: what networks retire under an emulator (Debian: qemu-user; x86-64)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if "$FLOPWISE" version | grep -q sanitize || nm "$FLOPWISE" 2>/dev/null | grep -q __asan_; then
    echo "SKIPPED: sanitizers do not run under the emulator"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME="$scratch"

total() { # KEY: a number among the totals
    sed -n '/"totals"/,$p' "$scratch/audit.json" | sed -n "s/.*\"$1\": \([^,}]*\).*/\1/p" | head -1
}

audit() { # LIMIT MODEL OPTION...: |retired / predicted - 1| is at most LIMIT
    limit=$1
    shift
    if ! tests/emulated/audit.sh "$@" --train --format json >"$scratch/audit.json" 2>"$scratch/err"
    then
        echo "FAILED $*"
        cat "$scratch/err"
        failed=$((failed + 1))
        return
    fi
    deviation=$(total deviation)
    if awk "BEGIN { d = $deviation; exit !(d <= $limit && d >= -$limit) }"; then
        passed=$((passed + 1))
    else
        echo "FAILED $*: $deviation"
        failed=$((failed + 1))
    fi
}

audit 0 zoo:onenet --batch 3 --mode exact
audit 0 zoo:mlp,depth=3,width=33,in=7,out=5,bias=1,act=relu --batch 5 --mode exact
audit 0 zoo:convnet,size=24 --batch 2 --mode exact
if "$FLOPWISE" peak --format json | grep -q '"gemm_by": "none"'; then
    echo "SKIPPED fast mode: oneDNN is not installed"
else
    audit 0.01 zoo:convnet,size=48 --batch 4 --mode fast
fi
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
