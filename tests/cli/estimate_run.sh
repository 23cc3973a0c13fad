# a run of several phases and fleets, as tables and as a text to attach
cat >run.txt <<'RUN'
name = Example 7B
params = 6.7e9+-2%
hardware = H100 SXM
utilisation = 35%..45%
[pretraining]
schedule = 4096: 1.8e12, 32768: 2e11
[rollout]
tokens = 5e10
discarded = 4.5e11
[rl]
tokens = 5e10
recompute = full
[merged base weights]
flop = 2e22
[fleet main]
count = 1024
time = 14d
[fleet tail]
hardware = A100-80GB
gpu-hours = 50000
RUN
"$FLOPWISE" estimate --run run.txt
"$FLOPWISE" estimate --run run.txt --modifies unknown --report md
"$FLOPWISE" estimate --run run.txt --report html | grep -c '<math'
