# The same question gives the same bytes: in every locale, at every place in memory, in any zone.
# Only whether tables for people may use more than ASCII follows the locale.
ask() { # COMMAND...: in front of each call
    for format in $formats; do
        "$@" "$FLOPWISE" count models/resnet18.onnx --format "$format"
        "$@" "$FLOPWISE" count models/lstm_dyn.onnx --format "$format"
        "$@" "$FLOPWISE" memory models/resnet18.onnx --format "$format"
    done
    "$@" "$FLOPWISE" count --no-such-option
}
formats="json csv md html svg"
ask env >first 2>&1
for locale in C POSIX C.UTF-8 de_DE.UTF-8 tr_TR.UTF-8 fr_FR; do
    ask env LC_ALL=$locale LANG=$locale LC_NUMERIC=$locale >again 2>&1
    cmp first again || echo "differs with the locale $locale"
done
formats="table tree json html svg"
ask env >first 2>&1
ask setarch -R >again 2>&1 # one fixed layout of memory instead of a random one
cmp first again || echo "differs without random addresses"
ask env TZ=Asia/Kathmandu HOME=/nowhere USER=nobody MALLOC_PERTURB_=165 >again 2>&1
cmp first again || echo "differs with the surroundings"
grep -c "1.814.073.344\|1814073344" first
