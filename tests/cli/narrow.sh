COLUMNS=80 "$FLOPWISE" count models/resnet18.onnx --format tree | head -12
COLUMNS=40 "$FLOPWISE" count models/resnet18.onnx --format tree --infer | head -4
COLUMNS=80 "$FLOPWISE" formats | sed -n 1,4p
"$FLOPWISE" count models/resnet18.onnx --batch 2x || echo "exit $?"
