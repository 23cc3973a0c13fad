"$FLOPWISE" ops Gemm --format json
"$FLOPWISE" ops 'nothing*'
