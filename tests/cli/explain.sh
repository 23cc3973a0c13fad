for topic in layer 6nt memory init adam field ratio; do
    COLUMNS=80 "$FLOPWISE" explain $topic --format json |
        jq -c '[.schema, .topic, .network, .layer, .facts | if type == "object" then
            with_entries(select(.key | startswith("largest_deviation") | not) |
                .value |= (. * 1e6 | round / 1e6))
            else . end]'
done
# the exact count that the terms of 6*N*T add up to
"$FLOPWISE" explain 6nt models/resnet18.onnx --format json |
    jq -c --argjson f 10648412160 '[.facts.matmul_flop, ([.terms[0:5][].flop] | add == $f)]'
# finite differences agree with dL/dz_i * x_j
for act in relu gelu tanh; do
    "$FLOPWISE" explain zoo:mlp,depth=3,width=24,act=$act --batch 4 --format json |
        jq -c '.facts.largest_deviation < 1e-6 and (.checks | length) == 3'
done
# and with the graph for any layer with weights; some of these are run alone
check() {
    layer=$1
    shift
    "$FLOPWISE" explain layer "$@" --layer "$layer" --format json | jq -c '[.layer,
        (.checks | length), .facts.largest_deviation < 1e-6,
        .facts.largest_deviation_of_graph < 1e-6, ([.checks[]? | .graph != null] | all)]'
}
check conv1 zoo:convnet,size=32
check layer4.1.bn1 zoo:resnet18,size=64,classes=4 --batch 3
check layer1.lstm zoo:lstm,hidden=6,in=3 --seq 4
check layer1.gru zoo:gru,hidden=6,in=3 --seq 4
for layer in '*wte*' '*wpe*' '*ln_1*' '*c_attn*' '*mlp.c_proj*'; do
    check "$layer" zoo:gpt2,layers=1,width=16,heads=2,vocab=50 --seq 5
done
check /layer4/layer4.0/downsample/downsample.0/Conv models/resnet18.onnx
COLUMNS=80 "$FLOPWISE" explain layer zoo:mlp,depth=2,width=16 --batch 4 --layer 'layer1*' |
    sed '/^On real/,/^Where/d'
# the last digits of a difference of losses are those of the C library's functions
COLUMNS=80 "$FLOPWISE" explain 6nt | sed -E 's/ [0-9.]+e-1[0-9]$/ rounding/'
"$FLOPWISE" explain adam --format md | sed -n '/^## Adam/,/^## What/p'
"$FLOPWISE" explain init --format html | grep -c '<math'
# formulas in the cells of tables
"$FLOPWISE" explain 6nt --format html | grep -c '<td><math'
"$FLOPWISE" explain 6nt --format md | grep '^| gradients'
"$FLOPWISE" explain 6nt models/alexnet.onnx --layer nothing
"$FLOPWISE" explain nothing
"$FLOPWISE" explain ratio models/alexnet.onnx --layer x
# rows of a recurrent network are the steps of its examples, its biases no factors of products
"$FLOPWISE" explain 6nt zoo:lstm,both=1 --batch 3 --seq 5 --format json |
    jq -c '[.facts.t, .facts.matmul_flop, [.terms[0:3][].flop]]'
COLUMNS=80 "$FLOPWISE" explain ratio zoo:gru --batch 2 --seq 4 | sed -n '/^Of/,$p'
# where branches meet there is no window
"$FLOPWISE" explain field zoo:inception_v3 --format json |
    jq -c '(.windows | length), (.windows[] | select(.name | startswith("Mixed_5b")) |
        [.name, .kernel, .grows, .size])'
# sizes that are left open are chosen, and said
COLUMNS=80 "$FLOPWISE" explain layer zoo:lstm,hidden=6,in=3 --layer layer1.lstm |
    sed -n '4,/^Nodes/p'
COLUMNS=80 "$FLOPWISE" explain 6nt zoo:gpt2,layers=2,width=64,heads=2,vocab=100 |
    sed -n '/^From/,/^= FLOP/p'
