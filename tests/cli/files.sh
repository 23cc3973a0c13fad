# what can go wrong with files
try() {
    "$FLOPWISE" "$@"
    echo "exit $?"
}
try count missing.onnx
try count missing.onnx --format json
try count .
: >empty.onnx
try count empty.onnx
head -c 3000 models/resnet18.onnx >cut.onnx
try count cut.onnx
try count models/resnet18.onnx -o /nowhere/out.txt
try count models/resnet18.onnx --format json -o /dev/full
"$FLOPWISE" count models/resnet18.onnx >/dev/full
echo "exit $?"
try count missing.onnx -o kept.txt
try count models/resnet18.onnx --infer --top 1 -o new.txt
ls
try count - <models/op_conv2d.onnx
# a loop whose condition has no element, a transposed vector
cat >loop.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (float[4] x) => (y) <int64 n = {3}, bool[0] c = {}> {
  y = Loop <body = b (int64 i, bool k, float[4] s) => (k, t) { t = Relu (s) }> (n, c, x)
}
M
"$FLOPWISE" count loop.onnxtxt --format json | grep -c '"complete"'
cat >vector.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20, "com.microsoft": 1]>
g (int8[3] a, float s, int8 z, int8[3,4] b) => (y) {
  y = com.microsoft.QGemm <transA = 1> (a, s, z, b, s, z)
}
M
"$FLOPWISE" count vector.onnxtxt >out || echo "exit $?"
