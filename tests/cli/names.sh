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
# a size that only the data tell is no letter to set; what cannot be executed is named
cat >boxes.onnxtxt <<'MODEL'
<ir_version: 8, opset_import: ["": 17]>
g (float[N,4] x) => (float[M,5] y) <float[4,5] w = ["location": "w"], int64[1] first = {0}>
{ one = Constant<value_ints = [1]>()
  n = NonZero(x) t = Transpose(n) r = Slice(t, first, one, one) i = Squeeze(r, one)
  p = Gather(x, i) y = MatMul(p, w) }
MODEL
"$FLOPWISE" count boxes.onnxtxt | sed -n '/^symbols/,/^$/p'
cat >parts.onnxtxt <<'MODEL'
<ir_version: 8, opset_import: ["": 17, "acme": 1]>
g (float[4,4] x, int64 i) => (float[4] y)
{ s = SplitToSequence<keepdims = 0>(x) y = SequenceAt(s, i) }
MODEL
"$FLOPWISE" run parts.onnxtxt
sed 's/{.*/{ y = acme.Own(x) }/' parts.onnxtxt >own.onnxtxt
"$FLOPWISE" run own.onnxtxt
"$FLOPWISE" memory own.onnxtxt | tail -n 1
