"$FLOPWISE" count models/resnet18.onnx --format tree --infer
