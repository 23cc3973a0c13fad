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
# predicted and measured differ by what the draws explain
for act in relu gelu tanh; do
    "$FLOPWISE" init "zoo:mlp,depth=4,width=256,act=$act" --batch 8 --scheme keep \
        --simulate --draws 20 --format json |
        jq -c '[.layers[] |
            (.forward - .measured_forward, 4 * .measured_forward_error),
            (.backward - .measured_backward, 4 * .measured_backward_error)] |
            [_nwise(2) | (.[0] | fabs) < .[1] and .[1] < 0.25]'
done
# so do the four nets' forward and backward, relative to what was measured
for net in linearnet,size=4 convnet,size=8 deeperconvnet,n=3,size=8; do
    "$FLOPWISE" init "zoo:$net" --batch 4 --simulate --draws 60 --format json |
        jq -c '[.layers[] |
            [.forward / .measured_forward - 1, .measured_forward_error / .measured_forward],
            [.backward / .measured_backward - 1, .measured_backward_error / .measured_backward]] |
            [.[] | (.[0] | fabs) < 4 * .[1] and .[1] < 0.2] | [length, all]'
done
"$FLOPWISE" init models/alexnet.onnx --scheme hee
"$FLOPWISE" init models/alexnet.onnx --draws 3
"$FLOPWISE" init zoo:mlp,depth=2,width=K
