for topic in layer 6nt memory init adam field ratio; do
    COLUMNS=80 "$FLOPWISE" explain $topic --format json |
        jq -c '[.schema, .topic, .network, .layer, .facts | if type == "object" then
            with_entries(select(.key != "largest_deviation") | .value |= (. * 1e6 | round / 1e6))
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
COLUMNS=80 "$FLOPWISE" explain layer zoo:mlp,depth=2,width=16 --batch 4 --layer 'layer1*' |
    sed '/^On real/,/^Where/d'
COLUMNS=80 "$FLOPWISE" explain 6nt
"$FLOPWISE" explain adam --format md | sed -n '/^## Adam/,/^## What/p'
"$FLOPWISE" explain init --format html | grep -c '<math'
"$FLOPWISE" explain 6nt models/alexnet.onnx --layer nothing
"$FLOPWISE" explain nothing
"$FLOPWISE" explain ratio models/alexnet.onnx --layer x
