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
# a residual network: sums, batch normalisation, a stride beside another one, more positions than
# are followed one by one; weights are only declared
cat >residual.awk <<'A'
function weight(name, shape, n, i) {
    weights = weights sprintf(", float[%s] %s = {0", shape, name)
    for (i = 1; i < n; i++) weights = weights ",0"
    weights = weights "}"
}
function filled(name, value, i) {
    weights = weights sprintf(", float[%d] %s = {%d", W, name, value)
    for (i = 1; i < W; i++) weights = weights "," value
    weights = weights "}"
}
function conv(y, x, c, k, s) {
    weight(y "w", W "," c "," k "," k, W * c * k * k)
    p = (k - 1) / 2
    body = body sprintf("%s = Conv <pads = [%d,%d,%d,%d], strides = [%d,%d]> (%s, %sw)\n", y,
        p, p, p, p, s, s, x, y)
    filled(y "m", 0); filled(y "v", 1)
    body = body sprintf("%sn = BatchNormalization (%s, one, nil, %sm, %sv)\n", y, y, y, y)
}
function block(y, x, s) {
    conv(y "a", x, W, 3, s)
    body = body sprintf("%sr = Relu (%san)\n", y, y)
    conv(y "b", y "r", W, 3, 1)
    if (s > 1) { conv(y "d", x, W, 1, s); x = y "dn" }
    body = body sprintf("%ss = Add (%sbn, %s)\n%s = Relu (%ss)\n", y, y, x, y, y)
}
BEGIN {
    W = 32
    conv("stem", "x", 3, 3, 1)
    body = body "first = Relu (stemn)\n"
    block("p", "first", 1); block("q", "p", 1); block("r", "q", 2)
    body = body "mean = GlobalAveragePool (r)\nflat = Flatten (mean)\ny = Gemm (flat, w)\n"
    weight("w", W ",10", 10 * W)
    filled("one", 1); filled("nil", 0)
    printf "<ir_version: 8, opset_import: [\"\": 17]>\n"
    printf "residual (float[4,3,20,20] x) => (float[4,10] y)\n"
    printf "<%s>\n{\n%s}\n", substr(weights, 3), body
}
A
awk -f residual.awk >residual.txt
"$FLOPWISE" init residual.txt --simulate --draws 24 --format json |
    jq -c '[.layers[] |
        [.forward / .measured_forward - 1, .measured_forward_error / .measured_forward],
        [.backward / .measured_backward - 1, .measured_backward_error / .measured_backward]] |
        [.[] | (.[0] | fabs) < 4 * .[1] and .[1] < 0.12] | [length, all]'
