# external data is never opened, wherever it is said to stand: here are pipes, which would block
mkdir -p 1/2/3/4/5
mkfifo 1/2/3/4/5/weights_not_included.bin fifo_here
cp models/alexnet.onnx 1/2/3/4/5/beside.onnx
name=weights_not_included.bin # of 24 letters, as are those in its place
above=1/2/3/4/5/above.onnx
sed "s|$name|../../../../../fifo_here|g" models/alexnet.onnx >$above
cmp models/alexnet.onnx $above >differences || echo "the name was changed"
sed "s|$name|/etc/passwd/not/a/folder|g" models/alexnet.onnx >absolute.onnx
for model in 1/2/3/4/5/beside 1/2/3/4/5/above absolute; do
    timeout 20 "$FLOPWISE" count $model.onnx --infer --top 1 | grep -E '^(file|parameters|count)'
    timeout 20 "$FLOPWISE" memory $model.onnx --infer | grep -E '^weights'
done
