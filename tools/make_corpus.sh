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

# arrays: numpy's two, safetensors, TensorProto, most of them an input of tests/hostile's network;
# a header that ends behind its last key
python3 - <<'END'
import io, os, struct, zipfile
top = "tests/fuzz/corpus/arrays"
os.makedirs(top, exist_ok=True)

def npy(descr, shape, data, version=1, order="False", header=None):
    text = header or f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + data

def npz(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, data in members.items():
            z.writestr(zipfile.ZipInfo(name + ".npy"), data)
    return file.getvalue()

f4 = npy("<f4", (2, 3), bytes(24))
one = npy("<i8", "()", bytes(8))
long = npz(long=one)
header = b'{"input": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}'
end = "'shape': (), 'fortran_order': False, 'descr':"
seeds = {
    "f4.npy": f4,
    "v2.npy": npy("|b1", (2, 3), b"\1\0\1\1\0\1", 2),
    "rows.npy": npy("<i8", (5, 3), bytes(120)),
    "fortran.npy": npy("<f8", (2, 2), bytes(32), order="True"),
    "key_at_end.npy": npy("", "", b"", header=" " * (4096 - len(end)) + end),
    "two.npz": npz(input=f4, y=npy("<i4", (1,), bytes(4))),
    "input.npz": npz(input=f4),
    "zip64.npz": long[:22] + b"\xff" * 4 + long[26:28] + b"\x14\0" + long[30:38]
    + struct.pack("<HHQQ", 1, 16, len(one), len(one)) + long[38:],
    "input.safetensors": struct.pack("<Q", len(header)) + header + bytes(24),
    "raw.pb": b"\x0a\2\2\3\x10\1\x42\5input\x4a\x18" + bytes(24),
    "packed.pb": b"\x08\2\x08\3\x10\7\x3a\6\1\2\3\4\5\6",
    "int4.pb": b"\x08\5\x10\x16",
}
for name, data in seeds.items():
    with open(f"{top}/{name}", "wb") as f:
        f.write(data)
END
