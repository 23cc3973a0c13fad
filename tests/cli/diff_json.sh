"$FLOPWISE" diff models/op_conv2d.onnx models/op_conv1d.onnx --format json
