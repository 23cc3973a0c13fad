# wrong calls: one line each, exit code 2
try() {
    "$FLOPWISE" "$@"
    echo "exit $?"
}
try cuont models/resnet18.onnx
try frobnicate
try count
try count models/resnet18.onnx --formt json
try count models/resnet18.onnx --max-params 5M
try count models/resnet18.onnx --format yaml
try count models/resnet18.onnx --format jsn
try count models/resnet18.onnx --format svg
try count models/resnet18.onnx --optimizer adamm
try count models/resnet18.onnx --optimizer zzzzzzzz
try count models/resnet18.onnx --precision fp23
try count models/resnet18.onnx --convention tourch
try count models/resnet18.onnx --loss cross
try count models/resnet18.onnx --by node
try count models/resnet18.onnx --top 0
try count models/resnet18.onnx --set batch
try count models/resnet18.onnx --set nothing=3
try count models/resnet18.onnx --batch
try count models/resnet18.onnx --infer=yes
try count models/resnet18.onnx other.onnx
try memory models/resnet18.onnx --top 3
try version now
try check models/resnet18.onnx --infer --max-step-flop 5G
try count zoo:resnet18x
try count models/resnet18.onnx --train --infer
try count models/resnet18.onnx --head none
try count models/resnet18.onnx --batch 1e3
try count models/resnet18.onnx --batch 99999999999999999999
try count resnet18
try explain memroy
try explain memory zoo:mlp,width=K --batch n
try count zoo:mlp --batch 2 --batch 3
try count zoo:mlp -o a --output=b
try run models/lstm_dyn.onnx
try run zoo:onenet --convention torch
try memory zoo:mlp --infer --optimizer adam
try run zoo:onenet --input-grad
try diff - -
try frobnicate --format json
