# fields of an image network, of three axes, of branches that are not aligned, and where all is seen
COLUMNS=100 "$FLOPWISE" field models/alexnet.onnx
COLUMNS=80 "$FLOPWISE" field models/unet.onnx | tail -12
"$FLOPWISE" field models/op_conv1d.onnx --format json
"$FLOPWISE" field models/lstm_dyn.onnx --format csv
"$FLOPWISE" field zoo:mobilenet_v1,size=H --format json | grep '"Conv2d_13_pointwise"'
"$FLOPWISE" field models/alexnet.onnx --input none
"$FLOPWISE" field models/alexnet.onnx --at none
"$FLOPWISE" field zoo:mobilenet_v1,size=H --format svg
