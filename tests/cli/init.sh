COLUMNS=80 "$FLOPWISE" init models/alexnet.onnx
COLUMNS=80 "$FLOPWISE" init models/resnet18.onnx --scheme torch --quiet | sed -n '/^Layers/,/^$/p'
# x*sigmoid(x) in two nodes is one function; what has no rule is named
"$FLOPWISE" init models/efficientnet_b0.onnx --format json --quiet |
    jq -c ".functions[] | [.function, (.gain * 1e6 | round)]"
"$FLOPWISE" init models/lstm.onnx --strict --quiet --format json | jq -c .missing
# gains to six digits, by the names that networks are built with
for act in relu leaky_relu relu6 gelu gelu_tanh silu mish elu selu tanh sigmoid softplus softsign \
    hardswish hardsigmoid hardtanh; do
    "$FLOPWISE" init "zoo:mlp,depth=2,width=4,act=$act" --format json --quiet |
        jq -r --arg act "$act" '.functions[] | "\($act) \(.function) \(.gain * 1e6 | round)"'
done
# layer normalisation in single nodes, masks
for net in convnext_tiny.onnx gpt2_124m_nobias.onnx; do
    "$FLOPWISE" init "models/$net" --format json --quiet |
        jq -c '[(.layers | length), .missing, (.layers[-1].forward * 1000 | round)]'
done
# a vector, and a parameter whose gradient is the one of the output itself
cat >vector.txt <<EOF
<ir_version: 8, opset_import: ["": 17]>
vector (float[4] x) => (float[3] y)
<float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[3] b = {1, 2, 3}>
{
    h = MatMul(x, w)
    y = Add(h, b)
}
EOF
"$FLOPWISE" init vector.txt --simulate --draws 2 --format json |
    jq -c '.layers[] | [.fan_in, .forward, .backward]'
"$FLOPWISE" init models/alexnet.onnx --scheme hee
"$FLOPWISE" init models/alexnet.onnx --draws 3
"$FLOPWISE" init zoo:mlp,depth=2,width=K
