# the ratio at the file's batch, over a sweep, and where sizes are left open
"$FLOPWISE" ratio models/resnet18.onnx
COLUMNS=80 "$FLOPWISE" ratio models/resnet18.onnx --sweep batch=1,2,4..64 --optimizer adam
"$FLOPWISE" ratio models/lstm_dyn.onnx
"$FLOPWISE" ratio models/lstm_dyn.onnx --sweep seq=1..16 --format csv
"$FLOPWISE" ratio models/resnet18.onnx --batch 8 --format json
# what a layer that is frozen changes, and an input that wants a gradient
"$FLOPWISE" ratio models/resnet18.onnx --freeze '*' --format csv
"$FLOPWISE" ratio models/resnet18.onnx --input-grad --format csv
# what runs twice is told beside the ratio; letters that are left open beside the batch
COLUMNS=80 "$FLOPWISE" ratio zoo:vgg11 --batch 8 --recompute full --precision amp-bf16 --loss none
"$FLOPWISE" ratio zoo:vgg11 --batch 8 --recompute full --format csv
COLUMNS=80 "$FLOPWISE" ratio zoo:mlp,depth=L,width=K --batch n
COLUMNS=80 "$FLOPWISE" ratio zoo:gpt2
COLUMNS=80 "$FLOPWISE" ratio zoo:mlp --batch n
