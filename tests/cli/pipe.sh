# a reader that leaves early is no error worth a word
{ "$FLOPWISE" memory models/resnet50.onnx --format json; } | head -n 1
