# both methods, plans and rules; a model's exact step; one number with an interval
"$FLOPWISE" estimate --params 65.2B --tokens '1.4T+-5%' --hardware A100-80GB --gpu-hours 1022362 \
    --price 1.5..2.5 --carbon 385 --pue 1.1
"$FLOPWISE" estimate --model models/alexnet.onnx --examples 1.2e6 --epochs 90 \
    --hardware 'GTX 580' --count 2 --time 5.5d
"$FLOPWISE" estimate --model models/lstm_dyn.onnx --examples 1e6 --seq 20.5 --batch 4 \
    --recompute full
"$FLOPWISE" estimate --params 7B --tokens 2T --hardware h100 --deadline 30d --precision fp32
"$FLOPWISE" estimate --params 175e9 --tokens 300e9 --hardware V100 --count 100 --time 30d | head -8
"$FLOPWISE" estimate --hardware H100 --count 8 | tail -1
