# sizes and nodes called as nothing in our own formulas may be, and weights that nothing trains
export COLUMNS=80
cat >names.onnxtxt <<'MODEL'
<ir_version: 8, opset_import: ["": 17]>
g (float["batch size",8] x, float["数",8] z) => (float[M,N] y)
<float[8,4] w = ["location": "w"], float[4,4] v = ["location": "w"], float one = {1.0},
 int8 zero = {0}>
{ a = MatMul(x, w)
  b = MatMul(z, w) c = MatMul(b, v) t = Transpose(c) d = MatMul(a, t)
  q = QuantizeLinear(d, one, zero) y = DequantizeLinear(q, one, zero) }
MODEL
"$FLOPWISE" count names.onnxtxt | sed '/^Formulas/,$d'
"$FLOPWISE" count names.onnxtxt --set 'batch size=3' --set 数=5 | head -6
