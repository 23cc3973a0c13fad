# GGUF of mixtures and of layers that keep a state: the network from metadata and tensors
cat >make.py <<'END'
import os, sys
sys.path.insert(0, os.path.join(os.environ["TOP"], "tools"))
sys.dont_write_bytecode = True
from make_weights import gguf


def values(arch, **more):
    base = {"block_count": 2, "context_length": 64, "embedding_length": 32}
    ssm = {"ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16}
    rows = [("general.architecture", "str", arch)]
    for key, value in (base | ssm | more).items():
        rows.append((f"{arch}.{key}", "i32" if isinstance(value, list) else "u32", value))
    return rows


def whole(blocks, norm="output_norm"):
    return ([("token_embd.weight", "F16", [48, 32])] + blocks
            + [(norm + ".weight", "F32", [32]), ("output.weight", "F16", [48, 32])])


def named(i, *tensors):
    return [(f"blk.{i}.{name}", "F32", list(shape)) for name, *shape in tensors]


def mamba(i, extra=()):
    return named(i, ("attn_norm.weight", 32), ("ssm_in.weight", 128, 32),
                 ("ssm_conv1d.weight", 64, 4), ("ssm_conv1d.bias", 64), ("ssm_x.weight", 34, 64),
                 ("ssm_dt.weight", 64, 2), ("ssm_dt.bias", 64), ("ssm_a", 64, 16), ("ssm_d", 64),
                 ("ssm_out.weight", 32, 64), *extra)


def mamba2(i, groups=1, heads=8):
    wide = 64 + 2 * groups * 16
    return named(i, ("attn_norm.weight", 32), ("ssm_in.weight", 64 + wide + heads, 32),
                 ("ssm_conv1d.weight", wide, 4), ("ssm_conv1d.bias", wide), ("ssm_dt.bias", heads),
                 ("ssm_a", heads, 1), ("ssm_d", heads, 1),
                 ("ssm_norm.weight", groups, 64 // groups),
                 ("ssm_out.weight", 32, 64))


def attention(i, kv=16):
    return named(i, ("attn_q.weight", 32, 32), ("attn_k.weight", kv, 32),
                 ("attn_v.weight", kv, 32), ("attn_output.weight", 32, 32))


def feed(i, norm="ffn_norm.weight"):
    return named(i, (norm, 32), ("ffn_gate.weight", 48, 32), ("ffn_up.weight", 48, 32),
                 ("ffn_down.weight", 32, 48))


def experts(i):
    return named(i, ("ffn_norm.weight", 32), ("ffn_gate_inp.weight", 4, 32),
                 ("ffn_gate_exps.weight", 4, 48, 32), ("ffn_up_exps.weight", 4, 48, 32),
                 ("ffn_down_exps.weight", 4, 32, 48))


def shared(i):
    return named(i, ("ffn_gate_shexp.weight", 24, 32), ("ffn_up_shexp.weight", 24, 32),
                 ("ffn_down_shexp.weight", 32, 24))


def bert(i):
    layers = [("attn_q", 32, 32), ("attn_k", 32, 32), ("attn_v", 32, 32), ("attn_output", 32, 32),
              ("ffn_up", 48, 32), ("ffn_down", 32, 48)]
    whole_layers = [(name + ".weight", *shape) for name, *shape in layers]
    norms = [(name + end, 32) for name in ("attn_output_norm", "layer_output_norm")
             for end in (".weight", ".bias")]
    return named(i, *whole_layers, *[(name + ".bias", shape[0]) for name, *shape in layers], *norms)


def half(side, i):
    more = [("attn_rel_b.weight", 32, 4)] if i == 0 else []
    if side == "dec":
        more += [("cross_attn_" + x + ".weight", 32, 32) for x in "qkvo"]
        more += [("cross_attn_norm.weight", 32)]
    rows = named(i, ("attn_norm.weight", 32), *[(f"attn_{x}.weight", 32, 32) for x in "qkvo"],
                 *more,
                 ("ffn_norm.weight", 32), ("ffn_gate.weight", 48, 32), ("ffn_up.weight", 48, 32),
                 ("ffn_down.weight", 32, 48))
    ends = [(side + ".output_norm.weight", "F32", [32])] if i == 0 else []
    return [(f"{side}.{name}", *rest) for name, *rest in rows] + ends


NORMS = (("ssm_dt_norm.weight", 2), ("ssm_b_norm.weight", 16), ("ssm_c_norm.weight", 16))
HEADS = {"attention.head_count": 4}
CASES = {
    "mamba": (values("mamba", **{"ssm.time_step_rank": 2, "feed_forward_length": 0,
                                 "attention.head_count": 0}), whole(mamba(0) + mamba(1))),
    "mamba2": (values("mamba2", **{"ssm.time_step_rank": 8, "ssm.group_count": 2,
                                   "feed_forward_length": 0, "attention.head_count": 0}),
               whole(mamba2(0, 2) + mamba2(1, 2))),
    "jamba": (values("jamba", block_count=4, **HEADS, **{
        "ssm.time_step_rank": 2, "feed_forward_length": 48, "expert_count": 4,
        "expert_used_count": 2, "attention.head_count_kv": [0, 2, 0, 2]}),
              whole(mamba(0, NORMS) + feed(0)
                    + named(1, ("attn_norm.weight", 32)) + attention(1) + experts(1)
                    + mamba(2, NORMS) + feed(2)
                    + named(3, ("attn_norm.weight", 32)) + attention(3) + experts(3))),
    "falcon-h1": (values("falcon-h1", block_count=1, **HEADS, **{
        "ssm.time_step_rank": 8, "ssm.group_count": 1, "feed_forward_length": 48,
        "attention.head_count_kv": 2}), whole(mamba2(0) + attention(0) + feed(0))),
    "nemotron_h": (values("nemotron_h", block_count=3, **HEADS, **{
        "ssm.time_step_rank": 8, "ssm.group_count": 2, "attention.head_count_kv": [0, 2, 0],
        "attention.key_length": 8,
        "feed_forward_length": [0, 0, 48]}),
                   whole(mamba2(0, 2) + named(1, ("attn_norm.weight", 32)) + attention(1)
                         + named(2, ("attn_norm.weight", 32), ("ffn_up.weight", 48, 32),
                                 ("ffn_down.weight", 32, 48)))),
    "granitemoe": (values("granitemoe", block_count=1, **HEADS, **{
        "attention.head_count_kv": 2, "feed_forward_length": 48, "expert_count": 4,
        "expert_used_count": 2}),
                   whole(named(0, ("attn_norm.weight", 32)) + attention(0) + experts(0))),
    "llama4": (values("llama4", **HEADS, **{
        "attention.head_count_kv": 2, "feed_forward_length": 96, "expert_count": 4,
        "expert_used_count": 1, "expert_feed_forward_length": 48, "interleave_moe_layer_step": 2}),
               whole(named(0, ("attn_norm.weight", 32), ("ffn_norm.weight", 32),
                           ("ffn_gate.weight", 96, 32), ("ffn_up.weight", 96, 32),
                           ("ffn_down.weight", 32, 96)) + attention(0)
                     + named(1, ("attn_norm.weight", 32), ("ffn_gate_shexp.weight", 48, 32),
                             ("ffn_up_shexp.weight", 48, 32), ("ffn_down_shexp.weight", 32, 48))
                     + attention(1) + experts(1))),
    "lfm2": (values("lfm2", **HEADS, **{
        "attention.head_count_kv": [0, 2], "feed_forward_length": 48, "shortconv.l_cache": 3}),
             [("token_embd.weight", "F16", [48, 32]), ("token_embd_norm.weight", "F32", [32])]
             + named(0, ("attn_norm.weight", 32), ("shortconv.in_proj.weight", 96, 32),
                     ("shortconv.conv.weight", 32, 3), ("shortconv.out_proj.weight", 32, 32))
             + feed(0) + named(1, ("attn_norm.weight", 32), ("attn_q_norm.weight", 8),
                               ("attn_k_norm.weight", 8)) + attention(1) + feed(1)),
    "granitehybrid": (values("granitehybrid", **HEADS, **{
        "ssm.time_step_rank": 8, "ssm.group_count": 1, "attention.head_count_kv": [0, 2],
        "feed_forward_length": 48, "expert_count": 4, "expert_used_count": 2,
        "expert_shared_feed_forward_length": 24}),
                      whole(mamba2(0) + experts(0) + shared(0)
                            + named(1, ("attn_norm.weight", 32)) + attention(1) + experts(1)
                            + shared(1))),
    "nemotron_h_moe": (values("nemotron_h_moe", **HEADS, **{
        "ssm.time_step_rank": 8, "ssm.group_count": 2, "attention.head_count_kv": 0,
        "feed_forward_length": [0, 16], "expert_count": 4, "expert_used_count": 2,
        "expert_feed_forward_length": 16, "expert_shared_count": 1,
        "expert_shared_feed_forward_length": 24}),
                       whole(mamba2(0, 2) + named(
                           1, ("attn_norm.weight", 32), ("ffn_gate_inp.weight", 4, 32),
                           ("exp_probs_b.bias", 4), ("ffn_up_exps.weight", 4, 16, 32),
                           ("ffn_down_exps.weight", 4, 32, 16), ("ffn_up_shexp.weight", 24, 32),
                           ("ffn_down_shexp.weight", 32, 24)))),
    "bert": (values("bert", **HEADS, feed_forward_length=48),
             [("token_embd.weight", "F16", [48, 32]), ("token_types.weight", "F32", [2, 32]),
              ("position_embd.weight", "F32", [64, 32]), ("token_embd_norm.weight", "F32", [32]),
              ("token_embd_norm.bias", "F32", [32])] + bert(0) + bert(1)),
    "t5": (values("t5", **HEADS, **{
        "attention.key_length": 8, "attention.relative_buckets_count": 32,
        "feed_forward_length": 48, "decoder_block_count": 1}),
           [("token_embd.weight", "F16", [48, 32]), ("output.weight", "F16", [48, 32])]
           + half("enc", 0) + half("enc", 1) + half("dec", 0)),
    "t5encoder": (values("t5encoder", **HEADS, **{
        "attention.key_length": 8, "attention.relative_buckets_count": 32,
        "feed_forward_length": 48}),
                  [("token_embd.weight", "F16", [48, 32])] + half("enc", 0) + half("enc", 1)),
}
for name, (keys, tensors) in CASES.items():
    with open(name + ".gguf", "wb") as file:
        file.write(gguf(keys, tensors))
END
export TOP
python3 make.py
for name in mamba mamba2 jamba falcon-h1 nemotron_h granitemoe llama4 lfm2 granitehybrid \
    nemotron_h_moe bert t5 t5encoder; do
    "$FLOPWISE" count $name.gguf --quiet --strict --infer --batch 1 --seq 8 --format json >out.json
    echo "$name: exit $?"
    python3 - <<'END'
import json
answer = json.load(open("out.json", encoding="utf-8"))
weights = answer["weights"]
print(answer["totals"]["params"], answer["totals"]["forward"]["mac"], weights["params"],
      weights["expected"])
for x in weights["misfits"]:
    print("  ", x["what"], x["tensor"], x["expected"], x["found"])
END
done
