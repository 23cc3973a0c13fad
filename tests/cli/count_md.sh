"$FLOPWISE" count models/op_conv2d.onnx --format md
