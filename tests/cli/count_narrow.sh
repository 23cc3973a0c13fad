# 60 columns: rounded numbers, short names, no line beyond
export COLUMNS=60 LC_ALL=C
"$FLOPWISE" count models/resnet18.onnx --top 5 >out
cat out
awk 'length($0) > 60 { print "too wide: " $0 }' out
