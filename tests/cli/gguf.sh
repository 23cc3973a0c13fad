# GGUF: the network from the metadata, tensors compared with it, parts, types without a network
"$FLOPWISE" count models/weights/llama.gguf --infer --batch 1 --seq 8 --top 2
"$FLOPWISE" count models/weights/types.gguf --quiet --top 1
show() { # FILE
    "$FLOPWISE" count "$1" --quiet --strict --batch 1 --seq 8 --format json >out.json
    echo "exit $?"
    python3 - <<'END'
import json
answer = json.load(open("out.json", encoding="utf-8"))
weights = answer["weights"]
print(answer["totals"]["params"], answer["totals"]["forward"]["mac"], answer["complete"])
print(weights["params"], weights["bytes"], len(weights["files"]), weights["expected"])
for x in weights["misfits"]:
    print("  ", x["what"], x["tensor"], x["expected"], x["found"])
END
}
show models/weights/llama.gguf
show models/weights/parts/tiny-00001-of-00002.gguf
show models/weights/parts
cat >make.py <<'END'
import os
import sys

sys.path.insert(0, os.path.join(os.environ["TOP"], "tools"))
sys.dont_write_bytecode = True
from make_weights import LLAMA_TENSORS, gguf, llama_block, llama_values

CASES = {
    "other.gguf": gguf([("general.architecture", "str", "rnnoise")], LLAMA_TENSORS),
    "layers.gguf": gguf(llama_values(2), LLAMA_TENSORS),
    "more.gguf": gguf(llama_values(), LLAMA_TENSORS + llama_block(1)[:1]),
    "heads.gguf": gguf([v for v in llama_values() if "head_count_kv" not in v[0]]
                       + [("llama.attention.head_count_kv", "i32", [2, 1])], LLAMA_TENSORS),
    "nothing.gguf": gguf([v for v in llama_values() if "embedding" not in v[0]], LLAMA_TENSORS),
}
for name, data in CASES.items():
    with open(name, "wb") as file:
        file.write(data)
END
export TOP
python3 make.py
show layers.gguf
show more.gguf
for name in other heads nothing; do
    "$FLOPWISE" count $name.gguf --quiet | sed -n '/^count/,/^$/p'
done
mkdir part
cp models/weights/parts/tiny-00001-of-00002.gguf part
"$FLOPWISE" count part --quiet
echo "exit $?"
ln -s ../models/weights/parts/tiny-00002-of-00002.gguf part
"$FLOPWISE" count part --quiet
echo "exit $?"
"$FLOPWISE" count models/weights/parts/tiny-00002-of-00002.gguf --quiet
echo "exit $?"
# inference loads the weights as the file holds them
"$FLOPWISE" memory models/weights/llama.gguf --infer --batch 1 --seq 8 | sed -n '/^Inference/,/^$/p'
