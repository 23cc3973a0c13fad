# a file of weights: parameters, bytes, what is missing; packed weights by scheme
"$FLOPWISE" count models/weights/packed.safetensors
"$FLOPWISE" memory models/weights/packed.safetensors --quiet
"$FLOPWISE" count models/weights/packed.safetensors --quiet --format json >out.json
python3 - <<'END'
import json
answer = json.load(open("out.json", encoding="utf-8"))
weights = answer["weights"]
print(answer["complete"], answer["missing"], answer["totals"]["params"])
print(weights["tensors"], weights["elements"], weights["params"], weights["bytes"])
for tensor in weights["list"]:
    print(*tensor.values())
END
"$FLOPWISE" count models/weights/packed.safetensors --quiet --format tree
"$FLOPWISE" check models/weights/packed.safetensors --quiet --max-params 20k --max-memory 10KiB
head -c 2000 models/weights/packed.safetensors >cut.safetensors
"$FLOPWISE" count cut.safetensors
echo "exit $?"
"$FLOPWISE" count models/weights/packed.safetensors --strict --format csv --by module >out.csv
echo "exit $?"
head -n 3 out.csv | cut -c 1-80
