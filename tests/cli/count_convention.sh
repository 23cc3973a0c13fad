"$FLOPWISE" count models/resnet18.onnx --convention torch --top 3 --infer
