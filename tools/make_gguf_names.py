#!/usr/bin/env python3
"""make_gguf_names.py: writes data/gguf_names.tsv, what tensors of Hugging Face models are called in
GGUF files.

The facts come from the gguf package (0.19 on PyPI, gguf/tensor_mapping.py), for the architectures
that src/formats/gguf_config.c maps. '*' stands for the layer's number; a line for all architectures
begins with '*'. What the converter of llama.cpp splits is added by hand: a '+' joins the parts, a
'|' an older way to store the same, and '!' says that the name is complete.
"""

import os
import re

from gguf.constants import MODEL_ARCH_NAMES
from gguf.tensor_mapping import get_tensor_name_map

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
# the maps of some families leave the first part of a name out
PREFIXED = re.compile(r"^(h\.\d+\.|word_embeddings_layernorm$)")
STARTS = ("model.", "transformer.", "backbone.", "gpt_neox.", "lm_head", "embed_out", "bert.")
# all of an encoder and a decoder, and of an encoder whose names begin with its family's
PARTS = {"t5": ("encoder.block.", "decoder.block.", "shared", "encoder.final", "decoder.final"),
         "t5encoder": ("encoder.block.", "shared", "encoder.final")}
INSIDE = {"bert": ("embeddings.", "encoder.layer.")}
SPLIT = [
    ("gpt-oss", "model.layers.*.mlp.experts.gate_up_proj",
     "blk.*.ffn_gate_exps+blk.*.ffn_up_exps"),
    ("deepseek2", "model.layers.*.self_attn.kv_b_proj",
     "blk.*.attn_k_b+blk.*.attn_v_b|blk.*.attn_kv_b"),
    ("*", "model.layers.*.router_correction", "blk.*.exp_probs_b.bias!"),
    ("*", "backbone.layers.*.mixer.router_correction", "blk.*.exp_probs_b.bias!"),
    ("*", "backbone.layers.*.router_correction", "blk.*.exp_probs_b.bias!"),
    ("lfm2moe", "model.layers.*.feed_forward.experts.w1", "blk.*.ffn_gate_exps"),
    ("lfm2moe", "model.layers.*.feed_forward.experts.w2", "blk.*.ffn_down_exps"),
    ("lfm2moe", "model.layers.*.feed_forward.experts.w3", "blk.*.ffn_up_exps"),
    ("llama4", "model.layers.*.feed_forward.experts.gate_up_proj",
     "blk.*.ffn_gate_exps+blk.*.ffn_up_exps"),
    ("granitemoe", "model.layers.*.block_sparse_moe.input_linear",
     "blk.*.ffn_gate_exps+blk.*.ffn_up_exps"),
    ("granitehybrid", "model.layers.*.block_sparse_moe.input_linear",
     "blk.*.ffn_gate_exps+blk.*.ffn_up_exps"),
    ("granitehybrid", "model.layers.*.shared_mlp.input_linear",
     "blk.*.ffn_gate_shexp+blk.*.ffn_up_shexp|blk.*.ffn_gate+blk.*.ffn_up"),
    ("granitehybrid", "model.layers.*.shared_mlp.output_linear",
     "blk.*.ffn_down_shexp|blk.*.ffn_down"),
    ("nemotron_h_moe", "backbone.layers.*.mixer.experts.up_proj", "blk.*.ffn_up_exps"),
    ("nemotron_h_moe", "backbone.layers.*.mixer.experts.down_proj", "blk.*.ffn_down_exps"),
    ("*", "backbone.layers.*.mixer.A_log", "blk.*.ssm_a!"),
    ("*", "backbone.layers.*.mixer.D", "blk.*.ssm_d!"),
    ("*", "backbone.layers.*.mixer.dt_bias", "blk.*.ssm_dt.bias!"),
    ("*", "model.layers.*.mamba.A_log", "blk.*.ssm_a!"),
    ("*", "model.layers.*.mamba.D", "blk.*.ssm_d!"),
    ("*", "model.layers.*.mamba.dt_bias", "blk.*.ssm_dt.bias!"),
]


def architectures():
    with open(os.path.join(TOP, "src/formats/gguf_config.c"), encoding="utf-8") as file:
        table = file.read().split("types[][2] = {")[1].split("};")[0]
    return re.findall(r'\{"([^"]+)",', table)


def main():
    names = {}
    by_name = {name: arch for arch, name in MODEL_ARCH_NAMES.items()}
    listed = architectures()
    for arch in listed:
        mapping = get_tensor_name_map(by_name[arch], 1).mapping
        whole = {"transformer." + key: at for key, at in mapping.items() if PREFIXED.match(key)}
        whole |= {arch + "." + key: at for key, at in mapping.items()
                  if key.startswith(INSIDE.get(arch, ()))}
        for key, (_, name) in (whole | mapping).items():
            if key.startswith(STARTS + PARTS.get(arch, ())):
                key = re.sub(r"\.0(\.|$)", r".*\1", key, count=1)
                name = re.sub(r"\.0\.", ".*.", name, count=1)
                names.setdefault(key, {})[arch] = name
    by_hand = {(arch, key) for arch, key, _ in SPLIT}
    lines = ["\t".join(row) for row in SPLIT]
    for key in sorted(names):
        found = names[key]
        most = max(sorted(set(found.values())), key=list(found.values()).count)
        for arch in listed:
            if arch in found and found[arch] != most and (arch, key) not in by_hand:
                lines.append(f"{arch}\t{key}\t{found[arch]}")
        if (listed[0], key) not in by_hand:
            lines.append(f"*\t{key}\t{most}")
    with open(os.path.join(TOP, "data/gguf_names.tsv"), "w", encoding="utf-8") as file:
        file.write("# written by tools/make_gguf_names.py from gguf 0.19 (tensor_mapping.py)\t\t\n")
        file.write("\n".join(lines) + "\n")
    print(len(lines), "names")


if __name__ == "__main__":
    main()
