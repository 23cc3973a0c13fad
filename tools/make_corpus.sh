#!/bin/sh
# Writes the seeds of the fuzz targets that are made of what stands elsewhere: the small models and
# the seeds of the readers for fuzz_count, one expression a file for fuzz_poly, noise for
# fuzz_graph. The readers' own seeds come from tools/make_onnx_corpus.py. Other files in the corpus
# are inputs that once broke something; they stay.
set -eu
cd "$(dirname "$0")/.."

count=tests/fuzz/corpus/count
mkdir -p $count
for model in op_attention_128 op_baddbmm op_conv1d op_conv2d rnn_folded gru_folded lstm_folded \
    rnn lstm_dyn alexnet unet_dyn; do
    cp "tests/models/$model.onnx" "$count/$model.onnx"
done
cp tests/fuzz/corpus/onnx/*.onnx tests/fuzz/corpus/onnx_text/*.onnxtxt $count

poly=tests/fuzz/corpus/poly
mkdir -p $poly
n=0
while read -r a b; do
    n=$((n + 1))
    printf '%s\n%s' "$a" "$b" >"$poly/seed_$n.txt"
done <<'END'
2*K^2*L*n 3*(K+1)^3
floor((H-1)/2)+1 floor((H+2*p-k)/s)+1
min(S,2048) max(S-1,0)
H^2/2+1.5 -x/3
ceil(n/64)*64 n-64*floor(n/64)
170141183460469231731687303715884105727 10^37
(a+b)*(a-b) a-b
min(floor(a/b),max(3,c)) floor(floor(x/3)/5)
0 -1
END

# bytes of which fuzz_graph makes models: noise as good as any
python3 - <<'END'
import os, random
os.makedirs("tests/fuzz/corpus/graph", exist_ok=True)
for n in range(1, 41):
    with open(f"tests/fuzz/corpus/graph/seed_{n}", "wb") as f:
        f.write(random.Random(n).randbytes(16 + 12 * n))
END

json=tests/fuzz/corpus/json
mkdir -p $json
n=0
while read -r text; do
    n=$((n + 1))
    printf '%s' "$text" >"$json/seed_$n.json"
done <<'END'
{"model_type": "llama", "hidden_size": 4096, "rope_theta": 1e-05, "eos": [1, 2], "x": {"a": null}}
[true, false, NaN, Infinity, -Infinity, -0, 0.5, 1E+3, 9223372036854775808, [], {}]
"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00 é"
{"a": 1, "a": 2}
[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
"\ud800"
END
