# contradictory and impossible inputs: one line each, exit code 2
try() {
    "$FLOPWISE" estimate "$@"
    echo "exit $?"
}
try
try --hardware H1000 --time 3d
try --hardware 'TPU v5' --time 3d
try --hardware A100 --time=-3d
try --hardware A100 --time 3d --gpu-hours 5
try --hardware A100 --time 3d --utilization 1.2
try --hardware A100 --time 3d --utilization 0.3 --utilisation 0.4
try --params 1e9 --tokens 5e12..3e12
try --params 1e9 --tokens 1e9 --tokens 2e9
try --params 1e9 --tokens many
try --params 1e9
try --tokens 1e9
try --params 1e9 --tokens 1e9 --optimizer adam
try --params 1e9 --tokens 1e9 --infer
try --params 1e9 --tokens 1e9 --report pdf
try --params 1e9 --tokens 1e9 --report md --format json
try --model models/lstm_dyn.onnx --examples 1e6
try --model models/lstm_dyn.onnx --examples 1e6 --seq 3..5
try --model models/resnet18.onnx --tokens 1e6
try --model missing.onnx --examples 1e6
try --run missing.txt
echo 'params 7e9' >run.txt
try --run run.txt
