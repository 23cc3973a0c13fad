"$FLOPWISE" memory models/resnet18.onnx
"$FLOPWISE" memory models/resnet18.onnx --infer --precision bf16
