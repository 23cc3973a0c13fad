# --sandbox: the same answer, the output still gets its name, further parts of a model are read.
export ASAN_OPTIONS=detect_leaks=0 # LeakSanitizer traces its own process, which is refused
if ! "$FLOPWISE" count zoo:mlp --sandbox >/dev/null 2>error; then
    grep -q 'Landlock\|seccomp' error && echo "no Landlock or no seccomp here" >&2 && exit 77
    cat error >&2
fi
model=models/resnet50.onnx
for command in count memory ratio field "explain layer" init; do
    # shellcheck disable=SC2086  # two words
    "$FLOPWISE" $command $model --batch 2 -o plain
    # shellcheck disable=SC2086
    "$FLOPWISE" $command $model --batch 2 --sandbox -o boxed
    cmp plain boxed && echo "$command: the same"
done
"$FLOPWISE" count $model >plain # names cut to the width, by characters
"$FLOPWISE" count $model --sandbox | cmp plain - && echo "narrow: the same"
"$FLOPWISE" diff zoo:mlp - --sandbox <$model >/dev/null && echo "diff, standard input"
"$FLOPWISE" check $model --max-params 1M --sandbox >/dev/null
"$FLOPWISE" count models/weights/shards --quiet >plain
"$FLOPWISE" count models/weights/shards --quiet --sandbox | cmp plain - && echo "several files"
"$FLOPWISE" run zoo:mlp --sandbox
ls
