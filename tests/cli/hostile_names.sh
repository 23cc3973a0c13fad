# Names from a file speak to no terminal and begin no line: escape sequences, control characters of
# one and two bytes, line ends, turned directions. JSON says what they were. The names of a folder
# too.
header='{"a\u001b]0;x\u0007\u001b[31m.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
"b\nflopwise: forged\r.weight":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},
"c\u009b31m\u202e\u2028\u007f.weight":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}'
name=$(printf 'm\033[31m\302\233\n.safetensors')
{
    n=$(printf %s "$header" | wc -c)
    # shellcheck disable=SC2059 # bytes of the length
    printf "$(printf '\\%03o\\%03o\\000\\000\\000\\000\\000\\000' $((n % 256)) $((n / 256)))"
    printf %s "$header"
    head -c 24 /dev/zero
} >"$name"
for format in table csv md html tree json; do
    echo "== $format"
    "$FLOPWISE" count "$name" --format $format >out 2>&1
    echo "exit $?"
    # nothing but printable characters, ends of lines and what a table draws
    LC_ALL=C tr -d '\012\015\040-\176' <out | LC_ALL=C tr -d '\200-\377' | wc -c
    grep -c '^flopwise: forged' out
done
grep -o '[abc][^ "]*weight' out | sort -u
"$FLOPWISE" count "$name" --limit string=3
"$FLOPWISE" count models/lstm_dyn.onnx -o "$name/x"
"$FLOPWISE" count models/lstm_dyn.onnx -o same.json --format json
cp models/lstm_dyn.onnx same.onnx
ln same.onnx again.onnx
"$FLOPWISE" count same.onnx -o again.onnx
echo "exit $?"
cmp same.onnx models/lstm_dyn.onnx && echo "the model is as it was"
