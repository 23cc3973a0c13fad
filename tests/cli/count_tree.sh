"$FLOPWISE" count models/resnet18.onnx --format tree --infer
COLUMNS=72 "$FLOPWISE" count models/unet_dyn.onnx --format tree --infer | head -20
