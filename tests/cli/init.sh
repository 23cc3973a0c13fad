COLUMNS=80 "$FLOPWISE" init models/alexnet.onnx
COLUMNS=80 "$FLOPWISE" init models/resnet18.onnx --scheme torch --quiet | sed -n '/^Layers/,/^$/p'
# x*sigmoid(x) in two nodes is one function; what has no rule is named
"$FLOPWISE" init models/efficientnet_b0.onnx --format json --quiet |
    jq -c ".functions[] | [.function, (.gain * 1e6 | round)]"
"$FLOPWISE" init models/lstm.onnx --strict --quiet --format json | jq -c .missing
# predicted and measured differ by what the draws explain
for act in relu gelu tanh; do
    "$FLOPWISE" init "zoo:mlp,depth=4,width=256,act=$act" --batch 8 --scheme keep \
        --simulate --draws 20 --format json |
        jq -c '[.layers[] |
            (.forward - .measured_forward, 4 * .measured_forward_error),
            (.backward - .measured_backward, 4 * .measured_backward_error)] |
            [_nwise(2) | (.[0] | fabs) < .[1] and .[1] < 0.25]'
done
"$FLOPWISE" init models/alexnet.onnx --scheme hee
"$FLOPWISE" init models/alexnet.onnx --draws 3
"$FLOPWISE" init zoo:mlp,depth=2,width=K
