#!/usr/bin/env bash
# Usage: tests/faults/run.sh [MOST]
# What goes wrong around the program: memory that is refused in every command (faults.c, MOST
# requests of each; 0: all), a disk that is full, a pipe that is closed, signals, files that vanish
# or shrink while they are read. Nothing may be left beside the output. Ends in the closing line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/sum.sh
. tools/sum.sh
top=$PWD
resnet=$top/tests/models/resnet50.onnx
build=$(realpath "${BUILD:-build}")
flopwise=$(realpath "${FLOPWISE:-$build/flopwise}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

log=$scratch/faults.log code=0
(cd "$scratch" && "$build/flopwise-faults" -n "${1:-16}" "$top") >"$log" || code=$?
grep -v ' passed, ' "$log"
add_output $code "$log" || echo "faults: requests for memory"

is_empty() { [ -z "$(ls -A "$1")" ]; }
model=$top/tests/models/lstm_dyn.onnx
out=$scratch/out
mkdir "$out"

# A full disk: exit code 3 and a word. What is written in pieces fails early, the rest at the end.
for format in table json csv md html svg; do
    "$flopwise" memory "$model" --batch 1 --seq 4 --format $format --quiet \
        >/dev/full 2>"$scratch/err"
    check "full disk, $format" [ $? -eq 3 ]
    check "full disk, $format: a word" grep -q 'standard output.*No space left' "$scratch/err"
done
for file in --save --outputs; do
    mode=--train
    [ $file = --save ] || mode=--infer
    "$flopwise" run zoo:mlp,depth=1,width=8 --mode exact $mode $file /dev/full \
        >/dev/null 2>"$scratch/err"
    check "full disk, $file" [ $? -eq 3 ]
    check "full disk, $file: a word" grep -q '/dev/full: .*No space left' "$scratch/err"
done
# A file that exists stays as it was, whatever fails.
echo old >"$out/kept"
(
    ulimit -f 1 # kilobyte: writing more is an error, not the signal's end of the program
    "$flopwise" count "$resnet" --format json -o "$out/kept"
) >/dev/null 2>"$scratch/err"
check "no room for the file" [ $? -eq 3 ]
check "the file is as it was" [ "$(cat "$out/kept")" = old ]
rm "$out/kept"
check "nothing beside it" is_empty "$out"
(
    ulimit -f 0
    "$flopwise" count "$resnet" --format json -o "$out/x"
) >/dev/null 2>&1
check "no room at all" [ $? -eq 3 ]
check "no room at all leaves nothing" is_empty "$out"
"$flopwise" count /nowhere -o "$out/x" 2>/dev/null
check "an error leaves no file" is_empty "$out"

# A closed pipe ends the program without a word.
for format in table json html; do
    {
        "$flopwise" count "$resnet" --format $format --quiet 2>"$scratch/err"
        echo $? >"$scratch/code"
    } | head -c 0
    # 0: all was written before the other end was closed
    check "closed pipe, $format" grep -qE '^(141|0)$' "$scratch/code"
    check "closed pipe, $format: no word" [ ! -s "$scratch/err" ]
done

# Signals in the middle: the output is open, standard input does not end. Who started this script
# may have had signals ignored, which a shell cannot undo.
for signal in INT TERM HUP KILL; do
    mkfifo "$scratch/never"
    env --default-signal=INT,TERM,HUP "$flopwise" count - --format json -o "$out/x" --quiet \
        <"$scratch/never" &
    pid=$!
    exec 3>"$scratch/never" # returns when the program has it open
    until find /proc/$pid/fd -lname "$out*" 2>/dev/null | grep -q .; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    kill -$signal $pid
    wait $pid 2>/dev/null
    check "ends by $signal" [ $? -gt 128 ]
    exec 3>&-
    rm "$scratch/never"
    check "nothing is left by $signal" is_empty "$out"
done

# A node that computes for longer than a step may: nobody looks at the clock in a kernel, a timer
# ends the program.
for format in table json; do
    "$flopwise" run zoo:mlp,depth=1,width=4000,in=4000 --batch 8000 --mode exact --threads 1 \
        --limit time=1 --format $format -o "$out/x" >"$scratch/answer" 2>"$scratch/err"
    check "a long kernel, $format" [ $? -eq 7 ]
    check "a long kernel, $format: a word" grep -qE \
        '^flopwise: zoo:mlp[^:]*: ((before the first step|step 1): )?more than 1 s' "$scratch/err"
    check "a long kernel leaves nothing" is_empty "$out"
done
check "a long kernel, as JSON" grep -q '"code": 7' "$scratch/answer"

# A model that becomes shorter, or goes, while it is read: the first is open when the second, from
# standard input, is waited for.
for change in shorter gone; do
    cp "$resnet" "$scratch/model.onnx"
    mkfifo "$scratch/late"
    "$flopwise" diff "$scratch/model.onnx" - -o "$out/x" --quiet <"$scratch/late" 2>"$scratch/err" &
    pid=$!
    exec 3>"$scratch/late"
    until grep -q model.onnx /proc/$pid/maps 2>/dev/null; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    if [ $change = shorter ]; then
        : >"$scratch/model.onnx"
    else
        rm "$scratch/model.onnx"
    fi
    cat "$model" >&3
    exec 3>&-
    wait $pid
    code=$?
    if [ $change = shorter ]; then
        check "a file cut short" [ $code -eq 3 ]
        check "a file cut short: a word" grep -q 'became shorter while it was read' "$scratch/err"
        check "a file cut short leaves nothing" is_empty "$out"
    else
        check "a file that is gone was read" [ $code -eq 0 ]
        rm "$out/x"
    fi
    rm "$scratch/late"
done
mkfifo "$scratch/short"
head -c 1000 "$resnet" >"$scratch/short" &
"$flopwise" count "$scratch/short" >/dev/null 2>"$scratch/err"
check "a read that ends early" [ $? -eq 4 ]
check "a read that ends early names the file" grep -q "$scratch/short" "$scratch/err"
print_sums
[ "$n_failed" -eq 0 ]
