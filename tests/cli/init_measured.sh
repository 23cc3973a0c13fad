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
    draws=60
    [ $net != linearnet,size=4 ] || draws=20 # wide, so that few say as much
    "$FLOPWISE" init "zoo:$net" --batch 4 --simulate --draws $draws --format json |
        jq -c '[.layers[] |
            [.forward / .measured_forward - 1, .measured_forward_error / .measured_forward],
            [.backward / .measured_backward - 1, .measured_backward_error / .measured_backward]] |
            [.[] | (.[0] | fabs) < 4 * .[1] and .[1] < 0.2] | [length, all]'
done
