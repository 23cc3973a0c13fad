# shellcheck shell=sh disable=SC2034,SC2154
# Read by run.sh, which sets scratch and looks at under: the same natively (native.py).
python=${FLOPWISE_FRIDA_PYTHON:-python3} # one that has Frida
native() { # MODEL OPTION...
    "$python" tests/emulated/native.py "$scratch/operations.so" "$FLOPWISE" audit "$@" --threads 1 \
        --limit time=100000
}

known() { # instructions whose operations are known
    ${CC:-cc} -O2 -o "$scratch/wide" tests/emulated/wide.c
    if "$python" tests/emulated/native.py "$scratch/operations.so" "$scratch/wide" \
        >"$scratch/wanted" 2>"$scratch/found" &&
        grep -qx "flops $(cat "$scratch/wanted")" "$scratch/found"; then
        passed=$((passed + 1))
    else
        echo "FAILED known instructions: $(cat "$scratch/wanted"), found $(cat "$scratch/found")"
        failed=$((failed + 1))
    fi
}

if ! "$python" -c 'import frida' 2>/dev/null; then
    echo "SKIPPED: what networks retire natively (PyPI: frida)"
    skipped=$((skipped + 1))
elif ! grep -q avx512vl /proc/cpuinfo; then
    echo "SKIPPED: what networks retire natively (a processor with AVX-512)"
    skipped=$((skipped + 1))
else
    ${CC:-cc} -O2 -shared -fPIC -o "$scratch/operations.so" tests/emulated/operations.c
    under=native
    known
    audit 0 zoo:convnet,size=16 --batch 2 --mode exact
    if ! "$FLOPWISE" peak --format json | grep -q '"gemm_by": "none"'; then
        ONEDNN_MAX_CPU_ISA=AVX2 audit 0 zoo:convnet,size=48 --batch 2 --mode fast # as emulated
        audit 0 zoo:convnet,size=48 --batch 2 --mode fast
        audit 0 zoo:linearnet,size=32 --batch 16 --mode fast
        audit 0 zoo:resnet50,size=64,classes=10 --batch 1 --mode fast
        audit 0 zoo:squeezenet1_1,size=48,classes=10 --batch 2 --mode fast
        audit 0 zoo:gpt2,layers=2,width=128,heads=4,vocab=500 --batch 2 --seq 64 --mode fast
    fi
fi
