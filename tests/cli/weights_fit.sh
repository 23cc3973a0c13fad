# weights beside a config.json: every tensor of the network is looked for, what differs is named
cat >make.py <<'END'
import json
import os
import sys

sys.path.insert(0, os.path.join(os.environ["TOP"], "tools"))
sys.dont_write_bytecode = True
from make_weights import layer, safetensors

LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8,
         "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "vocab_size": 32, "tie_word_embeddings": False}
TABLE = [("model.embed_tokens.weight", "BF16", [32, 8])]
NORM = [("model.norm.weight", "BF16", [8])]
HEAD = [("lm_head.weight", "BF16", [32, 8])]
FULL = TABLE + layer(0) + layer(1) + NORM + HEAD


def packed(name, dtype, shape):
    """The same layer as GPTQ packs it in 4 bits."""
    rows, columns = shape
    stem = name[:-len("weight")]
    return [(stem + "qweight", "I32", [columns // 8, rows]),
            (stem + "qzeros", "I32", [1, rows // 8]), (stem + "scales", "F16", [1, rows]),
            (stem + "g_idx", "I32", [columns])]


def gptq(tensor):
    return packed(*tensor) if "mlp" in tensor[0] else [tensor]


def mixture(i):
    """Mixtral: three matrices for each of two experts in place of the feed-forward."""
    name = f"model.layers.{i}.block_sparse_moe."
    rows = [t for t in layer(i) if "mlp" not in t[0]] + [(name + "gate.weight", "BF16", [2, 8])]
    for k in range(2):
        rows += [(f"{name}experts.{k}.w1.weight", "BF16", [16, 8]),
                 (f"{name}experts.{k}.w2.weight", "BF16", [8, 16]),
                 (f"{name}experts.{k}.w3.weight", "BF16", [16, 8])]
    return rows


CASES = {
    "whole": (LLAMA, FULL),
    "no prefix": (LLAMA, [(n.removeprefix("model."), t, s) for n, t, s in FULL]),
    "another prefix": (LLAMA, [("base." + n, t, s) for n, t, s in FULL]),
    "tied": (LLAMA | {"tie_word_embeddings": True}, TABLE + layer(0) + layer(1) + NORM),
    "tied, stored twice, buffers": (
        LLAMA | {"tie_word_embeddings": True},
        FULL + [("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", [2])]),
    "one layer more, wider": (LLAMA | {"num_hidden_layers": 3, "intermediate_size": 24}, FULL),
    "more than the network": (LLAMA, FULL + [("model.mtp.weight", "BF16", [4])]),
    "gptq": (LLAMA, [x for t in FULL for x in gptq(t)]),
    "gptq, one of another size": (
        LLAMA, [x for t in FULL for x in gptq(t)][:-1] + [("lm_head.weight", "BF16", [31, 8])]),
    "experts": (LLAMA | {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral",
                         "num_local_experts": 2, "num_experts_per_tok": 1},
                TABLE + mixture(0) + mixture(1)[:-1] + NORM + HEAD),
}


def show(name):
    answer = json.load(open("out.json", encoding="utf-8"))
    weights = answer["weights"]
    print(name + ":", answer["totals"]["params"], "in the network,", weights["params"],
          "in the files,", weights["expected"], "tensors expected")
    for x in weights["misfits"]:
        print("  ", x["what"], x["tensor"], x["expected"], x["found"])


config, tensors = CASES[sys.argv[1]]
if len(sys.argv) > 2:
    show(sys.argv[1])
    sys.exit()
os.makedirs("model", exist_ok=True)
json.dump(config, open("model/config.json", "w", encoding="utf-8"))
open("model/model.safetensors", "wb").write(safetensors(tensors))
END
export TOP
for name in "whole" "no prefix" "another prefix" "tied" "tied, stored twice, buffers" \
    "one layer more, wider" "more than the network" "gptq" "gptq, one of another size" "experts"; do
    python3 make.py "$name"
    "$FLOPWISE" count model --quiet --strict --batch 1 --seq 4 --format json >out.json
    echo "exit $?"
    python3 make.py "$name" show
done
python3 make.py "one layer more, wider"
"$FLOPWISE" memory model --infer --batch 1 --seq 4 | sed -n '/^Weights/,$p'
python3 make.py "tied, stored twice, buffers"
"$FLOPWISE" count model --infer --batch 1 --seq 4 | sed -n '/^Weights/,$p'
