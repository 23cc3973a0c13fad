"$FLOPWISE" estimate --params 3e9..5e9 --tokens 1e12 --format json
"$FLOPWISE" estimate --hardware H100 --gpu-hours 370000 --utilization 0.5 --peak-flops 989e12 \
    --format json | grep '"method'
