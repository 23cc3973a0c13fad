# sweeps that are none, one line each
try() {
    "$FLOPWISE" ratio "$@"
    echo "exit $?"
}
try models/resnet18.onnx --sweep 3
try models/resnet18.onnx --sweep batch=8..4
try models/resnet18.onnx --sweep batch=0,1
try models/resnet18.onnx --sweep size=1,2
try models/resnet18.onnx --sweep batch=1,2 --batch 4
try models/lstm_dyn.onnx --sweep batch=1,2
try models/resnet18.onnx --infer
