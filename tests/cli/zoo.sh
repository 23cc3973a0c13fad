# The list, one network's keys, and what goes wrong with a specification.
"$FLOPWISE" zoo mlp
echo
"$FLOPWISE" zoo deeperconvnet --format json
"$FLOPWISE" count zoo:convnet --batch 1 --top 2
"$FLOPWISE" zoo ViT_B_16 --format csv
"$FLOPWISE" zoo resnext50 || echo "exit $?"
for spec in resnte18 mlp,wdth=3 mlp,depth=1000000000 mlp,depth=0 vgg16,size=S; do
    "$FLOPWISE" count "zoo:$spec" || echo "exit $?"
done
"$FLOPWISE" count zoo:mlp,depth=L,in=3,act=relu --set L=1 || echo "exit $?"
