LC_ALL=C "$FLOPWISE" count models/op_attention_128.onnx --format tree
LC_ALL=C "$FLOPWISE" memory models/op_attention_128.onnx
