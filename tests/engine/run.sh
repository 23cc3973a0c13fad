#!/bin/sh
# `run` from outside: memory as predicted, a loss that falls, data in and out, errors.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/sum.sh
. "$here/../../tools/sum.sh"
FLOPWISE=$(realpath "${FLOPWISE:-build/flopwise}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export XDG_CACHE_HOME="$scratch/cache"
python=/usr/bin/python3 # the one that Debian's numpy is for
[ -x $python ] || python=python3

value() { # FILE KEY: a number or a word of the JSON form
    sed -n "s/.*\"$2\": \"\{0,1\}\([^,\"}]*\).*/\1/p" "$1" | head -1
}

fails() { # CODE WORDS COMMAND...
    code=$1 words=$2 found=0
    shift 2
    "$@" >/dev/null 2>error || found=$?
    test $found = "$code" && grep -q "$words" error
}

less() { # A B: A < B
    awk "BEGIN { exit !($1 < $2) }"
}

within() { # PART A B: |A/B - 1| <= PART, and A more than 200 MB
    awk "BEGIN { d = $2 / $3 - 1; exit !($2 > 2e8 && d <= $1 && d >= -$1) }"
}

# exact mode: predicted, planned and allocated are one number
"$FLOPWISE" run zoo:convnet,size=24 --batch 4 --train --steps 8 --lr 0.05 --mode exact \
    --format json >exact.json
check "planned as predicted" test "$(value exact.json planned_bytes)" = \
    "$(value exact.json predicted_bytes)"
check "allocated as planned" test "$(value exact.json allocated_bytes)" = \
    "$(value exact.json planned_bytes)"
check "the loss falls" less "$(value exact.json last_loss)" "$(value exact.json first_loss)"

# data in and out: the forward pass twice, over 6 rows in batches of 4, with weights saved between
"$python" - <<'EOF' || { echo "SKIPPED: numpy is missing"; add_counts 0 0 1; }
import numpy
numpy.save("x.npy", numpy.arange(48, dtype=numpy.float32).reshape(6, 8) / 48)
EOF
if [ -f x.npy ]; then
    net=zoo:mlp,depth=2,width=8,act=relu
    "$FLOPWISE" run $net --batch 4 --mode exact --input x.npy --outputs a.npz \
        --save w.safetensors --seed 5 >/dev/null
    "$FLOPWISE" run $net --batch 4 --mode exact --input x.npy --outputs b.npz \
        --weights w.safetensors --seed 6 >/dev/null
    check "outputs" "$python" -c "
import numpy
a, b = (numpy.load(f) for f in ('a.npz', 'b.npz'))
x, y = a[a.files[0]], b[b.files[0]]
assert x.shape == (6, 8), x.shape
assert numpy.isfinite(x).all() and (x == y).all() and x.std() > 0"
    check "a wrong array" fails 6 "rows of 16 numbers are wanted" \
        "$FLOPWISE" run zoo:mlp,depth=1,width=16 --batch 4 --mode exact --input x.npy
    check "an unknown name" fails 2 "is no input of the network" \
        "$FLOPWISE" run $net --batch 4 --mode exact --input other=x.npy
fi

modes=exact
# oneDNN, where it is
if "$FLOPWISE" peak --format json | grep -q '"gemm_by": "none"'; then
    echo "SKIPPED fast kernels: oneDNN is not installed"
    add_counts 0 0 1
else
    modes="exact fast"
    "$FLOPWISE" run zoo:convnet,size=24 --batch 4 --train --steps 8 --lr 0.05 --format json \
        >fast.json
    check "planned as predicted" test "$(value fast.json planned_bytes)" = \
        "$(value fast.json predicted_bytes)"
    check "the same loss" awk "BEGIN { d = $(value fast.json last_loss) - \
        $(value exact.json last_loss); exit !(d < 1e-3 && d > -1e-3) }"
    check "fast kernels" test "$(value fast.json fast_nodes)" -gt 5
fi
# networks of config.json, random weights: a training step by both kinds of kernel
while IFS="$(printf '\t')" read -r name config; do
    case $name in '#'*) continue ;; esac
    mkdir "$name"
    printf '%s' "$config" >"$name/config.json"
    for mode in $modes; do
        "$FLOPWISE" run "$name/config.json" --batch 2 --seq 6 --train --steps 3 --lr 0.1 \
            --mode "$mode" --format json >"$name/$mode.json" 2>error || cat error
    done
    check "$name: the loss falls" less "$(value "$name/exact.json" last_loss)" \
        "$(value "$name/exact.json" first_loss)"
    [ "$modes" != exact ] || continue
    check "$name: the same loss" awk "BEGIN { d = $(value "$name/fast.json" last_loss) - \
        $(value "$name/exact.json" last_loss); exit !(d < 1e-3 && d > -1e-3) }"
done <"$here/configs.tsv"
# steps take the time they take, all of them more than the limit of one; fewer than a thousand, as
# clang-14's leak checker breaks down over longer reports (addr=0x280 in ScanRangeForPointers)
check "limit of time" "$FLOPWISE" run zoo:mlp,depth=2,width=8 --batch 2000 --train --steps 700 \
    --mode exact --limit time=1 --format json -o many.json
check "the loss is in the answer" less 0 "$(value many.json last_loss)"
# what the process grows by is what was planned: convolutions with many inputs, both directions
if [ "$modes" != exact ] && ! nm "$FLOPWISE" 2>/dev/null | grep -q __asan_; then
    for options in "--batch 44 --train" "--batch 110 --steps 2"; do
        # shellcheck disable=SC2086 # words
        "$FLOPWISE" run zoo:convnet $options --format json >resident.json
        check "resident as allocated, $options" within 0.03 \
            "$(value resident.json resident_bytes)" "$(value resident.json allocated_bytes)"
    done
fi
check "open sizes" fails 2 "'K' is left open" "$FLOPWISE" run zoo:mlp,depth=2,width=K --batch 4
check "a letter" fails 2 "letter 'n'" "$FLOPWISE" run zoo:mlp,depth=2 --batch n
check "a rate without training" fails 2 "goes with --train" "$FLOPWISE" run zoo:onenet --lr 0.1
check "a rule without training" fails 2 "goes with --train" "$FLOPWISE" \
    run zoo:onenet --optimizer lion
check "Winograd in plain C" fails 2 "goes with --mode fast" "$FLOPWISE" \
    run zoo:convnet,size=24 --mode exact --winograd
check "no threads" fails 2 "from 1 to" "$FLOPWISE" run zoo:onenet --threads 0
check "a wrong mode" fails 2 "fast or exact" "$FLOPWISE" run zoo:onenet --mode slow
print_sums
[ "$n_failed" -eq 0 ]
