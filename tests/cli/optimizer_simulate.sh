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
# of a matrix too; SOAP has a closed form where the gradient is diagonal
g=1,-2,3,0.5,4,7,-1,0.25,3,1,-6,2
for name in $("$FLOPWISE" optimizer --format json | jq -r '.optimizers[].name'); do
    for call in "4x3 $g" "3,4 -0.25" "2x3 2,0,0,0,-5,0"; do
        decay=0.01
        [ "$name" != lars ] || decay=0
        "$FLOPWISE" optimizer "$name" --simulate --shape "${call% *}" --gradient "${call#* }" \
            --steps 150 --decay $decay --format json | jq -c --arg name "$name" '[$name,
                .trial.closed_form != null, .trial.executed_flop == .trial.predicted_flop,
                (.trial.largest_difference | . == null or . < 1e-10)]'
    done
done
COLUMNS=80 "$FLOPWISE" optimizer lamb --simulate --shape 2x2 --gradient 1,2,3,4,4,3,2,1 --steps 3 |
    sed -n '/^3 steps/,$p'
COLUMNS=80 "$FLOPWISE" optimizer muon --simulate --steps 2 | sed -n '/^2 steps/,/^    w/p'
"$FLOPWISE" optimizer muon --simulate --shape 3x2 --gradient 1,2,3
"$FLOPWISE" optimizer muon --simulate --shape 65x2
"$FLOPWISE" optimizer muon --simulate --shape 3x2x
"$FLOPWISE" optimizer muon --shape 3x2
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
