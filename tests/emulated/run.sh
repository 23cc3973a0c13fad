#!/bin/sh
# What small networks retire under an emulator against what was predicted.
set -eu
cd "$(dirname "$0")/../.."
FLOPWISE=$(realpath "${FLOPWISE:-build/flopwise}")
export FLOPWISE
passed=0
failed=0
skipped=0
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
export XDG_CACHE_HOME="$scratch" FLOPS_PLUGIN="$scratch/flops.so"

under=tests/emulated/audit.sh
total() { # KEY: a number among the totals
    sed -n '/"totals"/,$p' "$scratch/audit.json" | sed -n "s/.*\"$1\": \([^,}]*\).*/\1/p" | head -1
}

audit() { # LIMIT MODEL OPTION...: |retired / predicted - 1| is at most LIMIT
    limit=$1
    shift
    if ! $under "$@" --train --format json >"$scratch/audit.json" 2>"$scratch/err"
    then
        echo "FAILED $*"
        cat "$scratch/err"
        failed=$((failed + 1))
        return
    fi
    deviation=$(total deviation)
    open=$(total open_flop) # every row has a closed form
    if awk "BEGIN { d = $deviation; exit !(d <= $limit && d >= -$limit && $open == 0) }"; then
        passed=$((passed + 1))
        echo "$*: $(total retired_flop) retired, $(total difference_flop) from the prediction"
    else
        echo "FAILED $*: deviation $deviation, retired without a closed form $open"
        failed=$((failed + 1))
    fi
}

audit 0 zoo:onenet --batch 1 --mode exact
audit 0 zoo:mlp,depth=3,width=33,in=7,out=5,bias=1,act=relu --batch 5 --mode exact
audit 0 zoo:linearnet,size=4 --batch 2 --mode exact
audit 0 zoo:convnet,size=16 --batch 2 --mode exact
audit 0 zoo:resnet18,size=8,classes=10 --batch 1 --mode exact
audit 0 zoo:lstm --batch 2 --seq 5 --mode exact
audit 0 zoo:gpt2,layers=2,width=32,heads=2,vocab=50 --batch 2 --seq 7 --mode exact # with dropout
for rule in momentum nesterov adagrad rmsprop adadelta adam adam-literal adamw amsgrad adafactor \
    lion lamb lars muon shampoo soap sophia adam8bit; do
    audit 0 zoo:mlp,depth=2,width=33,in=7,out=5,bias=1,act=relu --batch 5 --mode exact \
        --optimizer $rule
done
for act in gelu silu mish hardswish elu selu; do
    audit 0 zoo:mlp,depth=2,width=9,in=7,out=5,act=$act --batch 5 --mode exact
done
rnn() { # ACTIVATION: a layer with it, as text
    numbers() { seq -s, "$1" | sed 's/[0-9]\+/'"$2"'/g'; }
    cat <<END >"$scratch/$1.onnxtxt"
<ir_version: 8, opset_import: ["" : 17]>
rnn (float[9, 2, 4] x) => (float[9, 1, 2, 5] y)
<float[1, 5, 4] W = {$(numbers 20 0.1)}, float[1, 5, 5] R = {$(numbers 25 -0.2)}>
{
    y, h = RNN <hidden_size = 5, activations = ["$1"]> (x, W, R)
}
END
    echo "$scratch/$1.onnxtxt"
}
for act in Elu LeakyRelu ScaledTanh Softplus HardSigmoid; do
    audit 0 "$(rnn $act)" --mode exact
done
if "$FLOPWISE" peak --format json | grep -q '"gemm_by": "none"'; then
    echo "SKIPPED fast mode: oneDNN is not installed"
else
    audit 0 zoo:convnet,size=48 --batch 2 --mode fast
    audit 0 zoo:mobilenet_v2,size=32,classes=10 --batch 2 --mode fast
    audit 0 zoo:gpt2,layers=2,width=32,heads=2,vocab=50 --batch 2 --seq 7 --mode fast
    audit 0 zoo:bert-base,layers=1,width=32,heads=2,vocab=50 --batch 2 --seq 9 --mode fast
    audit 0 zoo:lstm --batch 2 --seq 5 --mode fast
    for act in gelu silu mish softplus elu tanh; do # vectors, and what they leave
        audit 0 zoo:mlp,depth=2,width=9,in=7,out=5,act=$act --batch 5 --mode fast
    done
    audit 0 "$(rnn Softplus)" --mode fast
    audit 0 "$(rnn Elu)" --mode fast
fi
. tests/emulated/native.sh
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
