# keys of built-in networks: each value is another network; the batch left open gives its limit
"$FLOPWISE" ratio zoo:deeperconvnet --sweep n=0,1,2,5,10,20,50,100
"$FLOPWISE" ratio zoo:deeperconvnet,n=7 --sweep n=0,1 --batch 1 --format csv
"$FLOPWISE" ratio zoo:mlp,depth=4,width=K --sweep in=1..4 --set K=5 --format csv
"$FLOPWISE" ratio zoo:mlp,depth=4,width=K --sweep in=1..4
"$FLOPWISE" ratio zoo:mlp,depth=4 --sweep width=0
"$FLOPWISE" ratio zoo:convnet --sweep batc=1
"$FLOPWISE" ratio zoo:linearnet
# a batch that is given does not hide the limit
"$FLOPWISE" ratio zoo:mlp --batch 8 --format json |
    jq -c '[.points[0].ratio, .limit.ratio, .formula]'
