# frozen layers have no dW, and without dX behind them no backward at all
"$FLOPWISE" count models/resnet18.onnx --by module --top 4 --freeze '*layer*' --freeze '*conv1*'
"$FLOPWISE" count models/resnet18.onnx --freeze nothing
