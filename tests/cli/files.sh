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
