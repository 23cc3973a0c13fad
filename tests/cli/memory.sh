"$FLOPWISE" memory models/resnet18.onnx
"$FLOPWISE" memory models/resnet18.onnx --infer --precision bf16
# master copies have no place in the network's own block, but they are laid out too
"$FLOPWISE" memory models/resnet18.onnx --optimizer adamw --precision amp-bf16 --format json |
    jq -c '.training | [.peak_bytes, .planned_bytes, .optimizer_bytes]'
