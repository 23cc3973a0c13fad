# claims recomputed; cells with line breaks, a number that is none
cat >models.csv <<'CSV'
model,flop,params,Training dataset size (total),epochs,hours,hardware,count,utilization,domain,notes
GPT-3,3.14e23,1.746e11,3e11,1,,,,,Language,"from ""table D.1"",
two lines"
LLaMA-65B,5.5e+23,6.52e10,1.4e12,1.09,500,NVIDIA A100,2048,0.4746,Language,
ELMo,3.3e15,9.4e7,2e9,1,,,,,Language,
IMPALA,1.68e20,,,,100,P100,1,,Games,
MAE,4.6e20,632e6,"327978752,192851506176",,,,,,Vision,
CSV
"$FLOPWISE" estimate --check models.csv
"$FLOPWISE" estimate --check models.csv --format json | head -20
echo 'Model,Training compute (FLOP)
x' >short.csv
"$FLOPWISE" estimate --check short.csv
echo "exit $?"
"$FLOPWISE" estimate --check models.csv --params 3
echo "exit $?"
