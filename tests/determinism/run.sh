#!/usr/bin/env bash
# Usage: tests/determinism/run.sh
# The same question gets the same bytes, in every format of every command that does not measure:
# whatever the locale, the addresses, the environment and its order, and the folder it is asked
# from. What `run` writes does not depend on the number of threads. Ends in the closing line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/sum.sh
. tools/sum.sh
top=$PWD
flopwise=$(realpath "${FLOPWISE:-build/flopwise}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C.UTF-8 TERM=dumb COLUMNS=100
models=$top/tests/models

same() { # NAME A B
    if cmp -s "$2" "$3"; then
        add_counts 1 0 0
    else
        add_counts 0 1 0
        echo "FAILED $1"
        diff "$2" "$3" | head -n 6
    fi
}

fixed=(setarch -R)
setarch -R true 2>/dev/null || fixed=() # not allowed in some containers

# The variants: each gets the words of a call.
fixed_addresses() { "${fixed[@]}" "$flopwise" "$@"; }
other_surroundings() {
    (cd / && env -i Z=1 LANG=de_DE.UTF-8 COLUMNS=100 FILLER="$(printf '%5000s' x)" TERM=dumb \
        LC_ALL=tr_TR.UTF-8 A=2 HOME=/nowhere MALLOC_PERTURB_=165 OMP_NUM_THREADS=1 \
        "$flopwise" "$@")
}
variants=(fixed_addresses other_surroundings)

ask() { # FORMATS WORD...
    local formats=$1 format variant
    shift
    for format in $formats; do
        "$flopwise" "$@" --format "$format" >"$scratch/first" 2>&1
        for variant in "${variants[@]}"; do
            $variant "$@" --format "$format" >"$scratch/again" 2>&1
            same "$* --format $format: $variant" "$scratch/first" "$scratch/again"
        done
    done
}

tables="table json csv md html"
ask "$tables tree" count "$models/lstm_dyn.onnx"
ask "$tables" count zoo:mlp,depth=L,width=K --batch n
ask "$tables svg" memory "$models/lstm_dyn.onnx" --batch 2 --seq 3 --optimizer adam
ask "$tables svg" ratio zoo:mlp --sweep batch=1..64
ask "$tables svg" field zoo:alexnet
ask "$tables" init zoo:mlp,depth=2,width=8 --batch 4 --simulate --draws 1
ask "$tables" optimizer adam --simulate --steps 5
ask "text md html" explain 6nt zoo:mlp --batch 4
ask "$tables" diff zoo:mlp zoo:mlp,depth=3
ask "$tables" check zoo:mlp --max-params 5M
ask "$tables" ops 'Conv*'
ask "$tables" estimate --params 7e9 --tokens 1e12 --hardware A100 --gpu-hours 1e5
ask "$tables" hardware H100
ask "$tables" formats
ask "$tables" limits
ask "$tables" zoo 'vgg*'
ask json count /nowhere

# What is computed: weights after training, and outputs. In exact mode whatever the threads are; by
# oneDNN the same at the same number of threads.
learn() { # FILE WORD...
    local file=$1
    shift
    "$flopwise" run zoo:mlp,depth=2,width=64 --batch 8 --train --steps 3 --save "$file" "$@" \
        >/dev/null 2>&1
}
learn "$scratch/a" --mode exact --threads 1
learn "$scratch/b" --mode exact --threads 2
same "weights, exact, 1 and 2 threads" "$scratch/a" "$scratch/b"
learn "$scratch/c" --threads 2
learn "$scratch/d" --threads 2
same "weights, fast, twice" "$scratch/c" "$scratch/d"
for threads in 1 2; do
    "$flopwise" run "$models/lstm_dyn.onnx" --batch 2 --seq 3 --mode exact --threads $threads \
        --outputs "$scratch/out$threads.npz" >/dev/null 2>&1
done
same "outputs, exact, 1 and 2 threads" "$scratch/out1.npz" "$scratch/out2.npz"
[ ${#fixed[@]} -gt 0 ] || add_counts 0 0 1
print_sums
[ "$n_failed" -eq 0 ]
