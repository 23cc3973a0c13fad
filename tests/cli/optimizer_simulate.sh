COLUMNS=80 "$FLOPWISE" optimizer momentum --simulate --gradient 0.5 --steps 30 --lr 0.1 |
    sed -n '/^30 steps/,$p' | sed 's/at most .* of w/at most ... of w/' |
    sed 's/  *[-0-9.e]*e-1[0-9]  */ ~0 /; s/  *0  */ ~0 /'
# the closed forms agree to rounding, and what ran is what is counted, for every optimizer
for name in $("$FLOPWISE" optimizer --format json | jq -r '.optimizers[].name'); do
    "$FLOPWISE" optimizer "$name" --simulate --gradient -2 --steps 200 --format json |
        jq -c --arg name "$name" '[$name, .trial.closed_form,
            .trial.executed_flop == .trial.predicted_flop,
            ([.steps[] | select(has("closed_form")) | (.difference / .closed_form | fabs)] | max |
                . == null or . < 1e-12)]'
done
# with eps = 0 Adam does not depend on the size of the gradient
for c in 1e-3 7 1e6; do
    "$FLOPWISE" optimizer adam --simulate --gradient $c --eps 0 --steps 50 --format json |
        jq -c '.steps[49].w * 1e9 | round'
done
printf '1\n2 3\n' >g.txt
"$FLOPWISE" optimizer sgd --simulate --gradient @g.txt --steps 4 --lr 1 --format csv
"$FLOPWISE" optimizer sgd --simulate --gradient 1,x
"$FLOPWISE" optimizer sgd --steps 4
"$FLOPWISE" optimizer --simulate
