"$FLOPWISE" count models/resnet18.onnx
