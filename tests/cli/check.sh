"$FLOPWISE" check models/resnet18.onnx --max-params 11.7M --max-flop 4G --max-memory 2GiB
echo "exit $?"
"$FLOPWISE" check models/resnet18.onnx --max-params 11689511 --max-mac=1814073344 --format json
echo "exit $?"
"$FLOPWISE" check models/resnet18.onnx --max-params 11M5
echo "exit $?"
"$FLOPWISE" check models/lstm_dyn.onnx --max-mac 1M
echo "exit $?"
"$FLOPWISE" check zoo:convnet --max-mac 138M --max-memory 20M --format csv
echo "exit $?"
"$FLOPWISE" check models/resnet18.onnx
echo "exit $?"
