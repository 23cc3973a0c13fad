# kernels of real numbers that a file gives others, and elements that are not there: errors
cat >bools.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (bool[3] x) => (y) { y = Sinh (x) }
M
cat >masks.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (bool[2,3] x, int8[3,4] w) => (y) { y = MatMul (x, w) }
M
cat >frames.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (float[1,8,1] x) => (y) <int64 step = {2}, int64[0] n = {}> { y = STFT (x, step, , n) }
M
cat >spread.onnxtxt <<'M'
<ir_version: 8, opset_import: ["": 17]>
g (float[2,3,4] x) => (y) <float[1,1,4] w = {1,2,3,4}, int64[3] s = {2,3,4}>
{ e = Expand (w, s) y = Add (x, e) }
M
try() {
    "$FLOPWISE" "$@" --format json >out 2>err
    code=$?
    grep -v '^ *$' err
    echo "exit $code"
}
for mode in fast exact; do
    try run --infer --mode $mode bools.onnxtxt
    try run --infer --mode $mode masks.onnxtxt
done
try init --simulate frames.onnxtxt
try run --infer --mode exact spread.onnxtxt # a stored tensor rearranged by a node of two inputs
try run --infer spread.onnxtxt
cat >joined.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (bool[3] x, float[5] w) => (y) { y = Concat <axis = 0> (x, w) }
M
try run --infer --mode exact joined.onnxtxt
cat >chosen.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (bool[5] c, bool[5] x, float[5] w) => (y) { y = Where (c, x, w) }
M
try run --infer --mode exact chosen.onnxtxt
cat >hot.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (int64[3] x, float[1] v) => (y) <int64 depth = {4}> { y = OneHot (x, depth, v) }
M
try run --infer --mode exact hot.onnxtxt
cat >padded.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 20]>
g (bool[3] x, double v) => (y) <int64[2] pads = {1, 1}> { y = Pad (x, pads, v) }
M
try run --infer --mode exact padded.onnxtxt
cat >turned.onnxtxt <<'M'
<ir_version: 10, opset_import: ["": 23, "com.microsoft": 1]>
g (float[1,2,3,4] x, int64[1,3] p, float[8,2] cosines, float[1,2] sines) => (y)
{ y = com.microsoft.RotaryEmbedding (x, p, cosines, sines) }
M
try run --infer --mode exact turned.onnxtxt
cat >labels.onnxtxt <<'M' # without scores
<ir_version: 10, opset_import: ["": 20, "ai.onnx.ml": 3]>
g (float[2,2] x) => (y)
{ y = ai.onnx.ml.LinearClassifier
      <coefficients = [1.0, 2.0, 3.0, 4.0], classlabels_ints = [0, 1]> (x) }
M
try run --infer --mode exact labels.onnxtxt
cat >wide.onnxtxt <<'M' # places behind the last element
<ir_version: 10, opset_import: ["": 20]>
g (float[2,2] x) => (y) <int64[2,3] at = {0,1,0,1,0,1}> { y = GatherElements <axis = 0> (x, at) }
M
try run --infer --mode exact wide.onnxtxt
cat >low.onnxtxt <<'M' # a bound that is not there
<ir_version: 10, opset_import: ["": 20]>
g (float[3] x, float[0] low) => (y) { y = Clip (x, low) }
M
try run --infer --mode exact low.onnxtxt
cat >alone.onnxtxt <<'M' # a query without keys
<ir_version: 10, opset_import: ["": 20, "com.microsoft": 1]>
g (float[2,2,2] q) => (y) { y = com.microsoft.MultiHeadAttention <num_heads = 1> (q) }
M
try run --infer --mode exact alone.onnxtxt
cat >past.onnxtxt <<'M' # keys of earlier calls without values
<ir_version: 10, opset_import: ["": 23]>
g (float[1,1,2,4] q, float[1,1,3,4] k, float[1,1,3,4] v, float[1,1,5,4] past) => (y)
{ y = Attention (q, k, v, , past) }
M
try run --infer --mode exact past.onnxtxt
cat >bits.onnxtxt <<'M' # more bits than a number has
<ir_version: 10, opset_import: ["": 20, "qonnx.custom_op.general": 1]>
g (float[3] x) => (y) <float scale = {1}, float zero = {0}, float bits = {1e30}>
{ y = qonnx.custom_op.general.Quant (x, scale, zero, bits) }
M
try run --infer --mode exact bits.onnxtxt
cat >regions.onnxtxt <<'M' # of an image of nothing
<ir_version: 10, opset_import: ["": 22]>
g (float[1,2,0,9] x, float[5,4] regions, int64[5] images) => (y)
{ y = RoiAlign <output_height = 2, output_width = 2, sampling_ratio = 2> (x, regions, images) }
M
try run --infer --mode exact regions.onnxtxt
