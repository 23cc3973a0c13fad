#!/usr/bin/env python3
"""make_onnx_corpus.py: writes the seeds of the ONNX fuzz targets.

tests/fuzz/corpus/onnx_text holds the texts below, tests/fuzz/corpus/onnx what onnx.parser makes of
them, so the seeds cover functions, bodies, stored tensors and older forms in a few hundred bytes.
Needs the onnx package from 1.14 on.
"""

import os

import onnx.parser

SEEDS = {
    "mlp": """<ir_version: 8, opset_import: ["": 17]>
g (float[batch, 4] x) => (float[batch, 2] y) 
<float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[3] b = {1, 2, 3}, float[3,2] v = {1,2,3,4,5,6}>
{ h = Gemm<alpha = 1.0>(x, w, b) r = Relu(h) y = MatMul(r, v) }""",
    "constants": """<ir_version: 8, opset_import: ["": 17]>
g (float[N, seq_len, ?, 3] x, float[] u, seq(float[2]) s) => (float[a, b] y)
{ c = Constant<value = int64[2] {0, -1}>() d = Constant<value_ints = [1, 2]>()
  e = Constant<value_float = 1.5>() y = Reshape(x, c) z = Foo(d, e, u, s) }""",
    "function": """<ir_version: 8, opset_import: ["": 17, "d": 1]>
g (float[2] x) => (float[2] y) { y, z = d.F<k = 3.0>(x) }
<domain: "d", opset_import: ["": 17, "d": 1]>
F <k, m: int = 2> (a, b) => (p, q) { p = d.G(a) q = LeakyRelu<alpha: float = @k>(a) }
<domain: "d", opset_import: ["": 17]>
G (a) => (p) { p = Add(a, a) }""",
    "bodies": """<ir_version: 8, opset_import: ["": 17]>
g (bool c, float[2] x, int64 n) => (float[2] y)
{ y = If(c)<then_branch = t () => (float[2] o) { o = Add(x, x) },
            else_branch = e () => (float[2] o) { o = Identity(x) }>
  z = Loop(n, c, x)<body = b (int64 i, bool k, float[2] a) => (bool k2, float[2] b)
    { k2 = Identity(k) b = If(k)<then_branch = t2 () => (float[2] o) { o = Add(a, y) },
                                 else_branch = e2 () => (float[2] o) { o = Mul(a, x) }> }> }""",
    "old": """<ir_version: 3, opset_import: ["": 6]>
g (float[1,3,4,4] x) => (float[1,3,8,8] y) <float[3] s = {1,2,3}, float[3] m = {1,2,3}>
{ a = Add<broadcast = 1, axis = 1>(x, s) b = PRelu(a, s) c = Softmax<axis = 1>(b)
  d = BatchNormalization<is_test = 1>(c, s, s, m, m) e = Squeeze<axes = [0]>(d)
  f = Unsqueeze<axes = [0]>(e) h = Clip<min = 0.0, max = 6.0>(f) i = Dropout<ratio = 0.5>(h)
  j = Slice<starts = [0], ends = [1], axes = [1]>(i) k = Pad<pads = [0,0,0,0,0,0,0,0]>(i)
  y = Upsample<height_scale = 2.0, width_scale = 2.0>(k) }""",
}


def main():
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "fuzz", "corpus")
    for kind in ("onnx", "onnx_text"):
        os.makedirs(os.path.join(top, kind), exist_ok=True)
    for name, text in SEEDS.items():
        with open(os.path.join(top, "onnx_text", name + ".onnxtxt"), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        try:
            model = onnx.parser.parse_model(text)
        except onnx.parser.ParseError as error:
            raise SystemExit(f"{name}: {error}") from error
        with open(os.path.join(top, "onnx", name + ".onnx"), "wb") as file:
            file.write(model.SerializeToString())
    print(f"{len(SEEDS)} seeds for each target")


main()
