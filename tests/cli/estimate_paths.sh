# Models that a run file names stand in its folder, or the caller allows more; those of the command
# line may stand anywhere.
mkdir -p run/sub
cp models/lstm_dyn.onnx run/inside.onnx
cp models/lstm_dyn.onnx run/sub/below.onnx
cp models/lstm_dyn.onnx outside.onnx
ln -s ../outside.onnx run/link.onnx
ln -s .. run/up
mkfifo run/never run/sub/never
try() { # MODEL [OPTION...]
    echo "== $*"
    printf 'model = %s\nexamples = 10\nbatch = 2\n' "$1" >run/run.txt
    shift
    "$FLOPWISE" estimate --run run/run.txt --seq 4 --format csv "$@" 2>&1 | tail -n 1
}
for model in inside.onnx ./sub/below.onnx zoo:lstm; do
    try $model
done
for model in ../outside.onnx "$PWD/outside.onnx" link.onnx up/outside.onnx sub/../inside.onnx; do
    try "$model"
    try "$model" --any-path
done
try never
try sub
try - </dev/null
cd run || exit 1
printf 'model = inside.onnx\nexamples = 10\nbatch = 2\nseq = 4\n' |
    "$FLOPWISE" estimate --run - --format csv | tail -n 1
printf 'examples = 10\nbatch = 2\nseq = 4\n' >run.txt
"$FLOPWISE" estimate --run run.txt --model ../outside.onnx --format csv | tail -n 1
# read once, counted twice
"$FLOPWISE" estimate --model - --examples 10 --batch 2 --seq 4.5 --recompute full --format csv \
    <inside.onnx | tail -n 1
