# letters that are left open give formulas; bound ones give numbers
"$FLOPWISE" count models/lstm_dyn.onnx --top 3
"$FLOPWISE" count models/lstm_dyn.onnx --top 3 --infer --batch 4 --seq=n
