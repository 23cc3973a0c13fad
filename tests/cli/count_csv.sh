"$FLOPWISE" count models/op_conv2d.onnx --format csv
