# What a model may ask for at most: the list, an error for each that names it, and how it is moved.
"$FLOPWISE" limits
"$FLOPWISE" limits --format json | jq -c '.limits[] | select(.limit == "time")'
model=models/resnet50.onnx
for limit in time=0 nodes=10 dims=3 string=5 rows=3 file=20KB memory=100Ki; do
    "$FLOPWISE" count $model --limit $limit >&2
    echo "exit code $?"
done
"$FLOPWISE" count zoo:resnet18 --limit built=3
"$FLOPWISE" count zoo:resnet18 --limit nodes=3
"$FLOPWISE" count zoo:resnet18 --limit nesting=1
"$FLOPWISE" count zoo:mlp,depth=20000
"$FLOPWISE" count zoo:mlp,depth=20000 --limit layers=20000 --infer --top 1 | grep complete
"$FLOPWISE" count zoo:mlp,depth=L,width=K --set L=2 --set K=3 --limit bindings=1
"$FLOPWISE" init zoo:mlp --limit time=0
"$FLOPWISE" run zoo:mlp --batch 1 --infer --limit memory=2M
"$FLOPWISE" count zoo:mlp,depth=L,width=K --batch n --limit terms=1
"$FLOPWISE" count zoo:mlp,depth=L,width=K --batch n --limit degree=1
"$FLOPWISE" count zoo:mlp,depth=L,width=K --batch n --limit formulas=2
"$FLOPWISE" count - --limit stream=1000 <models/resnet50.onnx
"$FLOPWISE" memory $model --limit time=0
"$FLOPWISE" estimate --model $model --examples 1e6 --limit nodes=1
"$FLOPWISE" ratio zoo:mlp --sweep depth=2,3 --limit built=1
"$FLOPWISE" count $model --limit foo=1
"$FLOPWISE" count $model --limit nodes
"$FLOPWISE" count $model --limit dims=17
"$FLOPWISE" count $model --limit time=12 --limit nodes=175 --limit memory=1GiB --infer --top 1 |
    grep complete
