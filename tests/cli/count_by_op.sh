"$FLOPWISE" count models/resnet18.onnx --by op --optimizer=adam
