# branches and loop bodies stand under their node, and inside its JSON row
cat >bodies.onnxtxt <<'END'
<ir_version: 8, opset_import: ["": 17]>
g (bool c, float[8,16] x, int64 n) => (float[8,16] y, float[8,16] z, float[8,16] v)
<float[16,16] w = ["location": "w"], int64 ten = {10}, bool yes = {1}>
{ y = If(c)<then_branch = t () => (float[8,16] o) { o = MatMul(x, w) },
            else_branch = e () => (float[8,16] o) { o = Identity(x) }>
  z = Loop(ten, yes, x)<body = b (int64 i, bool k, float[8,16] a) => (bool k2, float[8,16] b)
    { k2 = Identity(k) b = Add(a, y) }>
  v = Loop(n, yes, x)<body = b (int64 i, bool k, float[8,16] a) => (bool k2, float[8,16] b)
    { k2 = Identity(k) b = Add(a, y) }> }
END
"$FLOPWISE" count bodies.onnxtxt --infer
"$FLOPWISE" count bodies.onnxtxt --infer --format md | grep branch
"$FLOPWISE" count bodies.onnxtxt --infer --format json | grep -o '"bodies".*'
"$FLOPWISE" count bodies.onnxtxt --infer --format html | grep -A1 "class=.under"
