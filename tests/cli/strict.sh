# something without a rule: a lower bound that names it; an error under --strict. The node's name
# holds a quote, a tab and a byte that is no UTF-8.
python3 - >odd.onnx <<'END'
import sys

def field(number, data):
    if isinstance(data, int):
        return bytes([number << 3, data])
    return bytes([number << 3 | 2, len(data)]) + data

def value(name, *dims):
    shape = b"".join(field(1, field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

relu = field(1, b"x") + field(2, b"y") + field(3, b"first") + field(4, b"Relu")
odd = (field(1, b"y") + field(2, b"z") + field(3, b"a\"b\t\xff<c>") + field(4, b"Frobnicate")
       + field(7, b"some.where"))
graph = (field(1, relu) + field(1, odd) + field(2, b"g") + field(11, value(b"x", 2, 3))
         + field(12, value(b"z", 2, 3)))
opsets = field(8, field(1, b"") + field(2, 17)) + field(8, field(1, b"some.where") + field(2, 1))
sys.stdout.buffer.write(field(1, 8) + field(7, graph) + opsets)
END
"$FLOPWISE" count odd.onnx
echo "exit $?"
"$FLOPWISE" count odd.onnx --quiet --strict --format csv --infer
echo "exit $?"
"$FLOPWISE" count odd.onnx --quiet --infer --format json >out.json
python3 - <<'END'
import json
answer = json.load(open("out.json", encoding="utf-8"))
print(ascii(answer["missing"]), answer["complete"])
END
"$FLOPWISE" check odd.onnx --infer --max-flop 1k
echo "exit $?"
for command in field ratio memory; do
    "$FLOPWISE" $command odd.onnx --strict --quiet --format json >out.json
    echo "exit $?"
done
jq -c '[.complete, .missing[].op]' out.json
"$FLOPWISE" field odd.onnx --strict --format json >out.json
jq -c '[.complete, .missing[].op]' out.json
