# Operations by the rule and counted by running, layer by layer; what the hardware counted depends
# on the machine and is left out.
rows='.rows[] | "\(.phase) \(.name) \(.op) \(.dense_flop) \(.valid_flop) \(.executed_flop)"'
"$FLOPWISE" audit zoo:convnet,size=12 --batch 2 --train --mode exact --format json >train.json
jq -r "$rows" train.json
jq -c '.mode, .executed_by, (.totals | [.dense_flop, .valid_flop, .executed_flop,
    .planned_bytes == .allocated_bytes]), .ratios[0].by_rule' train.json
"$FLOPWISE" audit zoo:mlp,depth=2,width=8 --mode exact --by op --format json | jq -r "$rows"
"$FLOPWISE" audit zoo:mlp,depth=2,width=8 --mode exact | grep -E '^(kernels|executed|backward)'
"$FLOPWISE" audit zoo:mlp,depth=2,width=8 --mode exact --format md --quiet | grep -c '^|'
"$FLOPWISE" audit zoo:mlp --mode quick
"$FLOPWISE" audit zoo:mlp --batch n
