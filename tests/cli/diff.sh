"$FLOPWISE" diff models/resnet18.onnx models/resnet34.onnx
"$FLOPWISE" diff models/resnet18.onnx models/resnet18.onnx
"$FLOPWISE" diff models/lstm_dyn.onnx models/lstm.onnx --infer
# a wrapped model: its names have a prefix, and one layer more stands in front
wrapped() { # PREFIX WIDTH INPUT NODES...
    cat <<END
<ir_version: 8, opset_import: ["": 17]>
g (float[4,8] x) => (float[4,2] y)
<float[8,8] z = ["location": "z"], float[8,$2] a = ["location": "a"],
 float[$2,2] b = ["location": "b"]>
{ $4 ["${1}first"] h = MatMul($3, a) ["${1}act"] r = Relu(h) ["${1}last"] y = MatMul(r, b) }
END
}
wrapped "" 16 x >plain.onnxtxt
wrapped "/model/" 32 s '["/model/stem"] s = MatMul(x, z)' >wrapped.onnxtxt
"$FLOPWISE" diff plain.onnxtxt wrapped.onnxtxt --infer
"$FLOPWISE" diff wrapped.onnxtxt plain.onnxtxt --infer
