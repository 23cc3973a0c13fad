#!/usr/bin/env python3
"""make_weights.py: writes the weight files of the tests and the seeds of their fuzz targets.

tests/models/weights holds tiny files: a folder of shards as Hugging Face writes them, a file of
every way to pack quantised weights, a GGUF model, the same in parts, and a tensor of every ggml
type. tests/fuzz/corpus/safetensors and gguf hold the same and a few broken ones. Needs nothing but
Python; contents are zeros, but for the shapes that compressed-tensors stores.
"""

import json
import math
import os
import re
import struct

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests")
BITS = {"F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "I64": 64,
        "I32": 32, "I16": 16, "I8": 8, "U8": 8, "U32": 32, "BOOL": 8}


def safetensors(tensors, contents=None, metadata=None):
    """The file of (name, type, shape) rows."""
    header = {"__metadata__": metadata or {"format": "pt"}}
    body = b""
    for name, dtype, shape in tensors:
        size = math.prod(shape) * BITS[dtype] // 8
        offsets = [len(body), len(body) + size]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        body += (contents or {}).get(name, bytes(size))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


# one layer of 64 inputs and 32 outputs by every scheme: 2048 parameters each
PACKED = [
    ("gptq.qweight", "I32", [8, 32]), ("gptq.qzeros", "I32", [2, 4]),
    ("gptq.scales", "F16", [2, 32]), ("gptq.g_idx", "I32", [64]),
    ("awq.qweight", "I32", [64, 4]), ("awq.qzeros", "I32", [2, 4]), ("awq.scales", "F16", [2, 32]),
    ("bnb4.weight", "U8", [1024, 1]), ("bnb4.weight.absmax", "F32", [32]),
    ("bnb4.weight.quant_map", "F32", [16]),
    ("bnb4.weight.quant_state.bitsandbytes__nf4", "U8", [40]),
    ("bnb8.weight", "I8", [32, 64]), ("bnb8.SCB", "F32", [32]),
    ("fp8.weight", "F8_E4M3", [32, 64]), ("fp8.weight_scale_inv", "F32", [1, 1]),
    ("mxfp4.proj_blocks", "U8", [32, 2, 16]), ("mxfp4.proj_scales", "U8", [32, 2]),
    ("nvfp4.weight", "U8", [32, 32]), ("nvfp4.weight_scale", "F8_E4M3", [32, 4]),
    ("nvfp4.weight_scale_2", "F32", []),
    ("ct.weight_packed", "I32", [32, 8]), ("ct.weight_scale", "BF16", [32, 1]),
    ("ct.weight_shape", "I64", [2]),
]
SHAPES = {"ct.weight_shape": struct.pack("<qq", 32, 64)}


# ---- GGUF ----------------------------------------------------------------------------------------

def ggml_types():
    """{name: (number, block, bytes)} from the table of the program itself."""
    with open(os.path.join(TOP, "../src/graph/storage.def"), encoding="utf-8") as file:
        rows = re.findall(r'FW_STORAGE\("(\w+)", (\d+), (\d+), \w+, (-?\d+)\)', file.read())
    return {name: (int(n), int(block), int(size)) for name, block, size, n in rows if int(n) >= 0}


CODES = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"),
         "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"),
         "f64": (12, "d")}


def gguf(values, tensors, version=3, big=False, alignment=32):
    """The file of (key, type, value) and (name, type, shape) rows; a list is an array."""
    order, count = ">" if big else "<", "I" if version == 1 else "Q"

    def pack(code, value):
        return struct.pack(order + code, value)

    def text(value):
        return pack(count, len(value.encode())) + value.encode()

    def one(kind, value):
        return text(value) if kind == "str" else pack(CODES[kind][1], value)

    out = b"GGUF" + pack("I", version) + pack(count, len(tensors)) + pack(count, len(values))
    for key, kind, value in values:
        number = 8 if kind == "str" else CODES[kind][0]
        out += text(key)
        if isinstance(value, list):
            out += pack("I", 9) + pack("I", number) + pack(count, len(value))
            out += b"".join(one(kind, v) for v in value)
        else:
            out += pack("I", number) + one(kind, value)
    types, at = ggml_types(), 0
    for name, kind, shape in tensors:
        number, block, size = types[kind]
        out += text(name) + pack("I", len(shape))
        out += b"".join(pack(count, d) for d in reversed(shape))
        out += pack("I", number) + pack("Q", at)
        at += -(-(math.prod(shape) // block * size) // alignment) * alignment
    return out + bytes(-len(out) % alignment + at)


def llama_values(layers=1):
    return [("general.architecture", "str", "llama"), ("general.name", "str", "tiny"),
            ("llama.block_count", "u32", layers), ("llama.context_length", "u32", 128),
            ("llama.embedding_length", "u32", 32), ("llama.feed_forward_length", "u32", 64),
            ("llama.attention.head_count", "u32", 4), ("llama.attention.head_count_kv", "u32", 2),
            ("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5),
            ("llama.rope.dimension_count", "u32", 8),
            ("tokenizer.ggml.tokens", "str", ["a", "b", "\u00e9"]),
            ("tokenizer.ggml.scores", "f32", [0.0, -1.0]), ("x.flags", "bool", [True, False])]


def llama_block(i):
    name = f"blk.{i}."
    return [(name + "attn_norm.weight", "F32", [32]), (name + "attn_q.weight", "Q4_0", [32, 32]),
            (name + "attn_k.weight", "Q4_0", [16, 32]), (name + "attn_v.weight", "Q5_1", [16, 32]),
            (name + "attn_output.weight", "Q4_0", [32, 32]),
            (name + "ffn_norm.weight", "F32", [32]), (name + "ffn_gate.weight", "Q4_0", [64, 32]),
            (name + "ffn_up.weight", "Q4_0", [64, 32]),
            (name + "ffn_down.weight", "Q8_0", [32, 64])]


LLAMA_TENSORS = ([("token_embd.weight", "Q8_0", [48, 32])] + llama_block(0)
                 + [("output_norm.weight", "F32", [32]), ("output.weight", "F16", [48, 32]),
                    ("rope_freqs.weight", "F32", [4])])


def gguf_parts():
    """The same model in two files: metadata in the first."""
    half = len(LLAMA_TENSORS) // 2
    for i, tensors in enumerate((LLAMA_TENSORS[:half], LLAMA_TENSORS[half:])):
        split = [("split.no", "u16", i), ("split.count", "u16", 2),
                 ("split.tensors.count", "i32", len(LLAMA_TENSORS))]
        yield f"tiny-{i + 1:05}-of-00002.gguf", gguf((llama_values() if i == 0 else []) + split,
                                                     tensors)


def gguf_seeds():
    good = gguf(llama_values(), LLAMA_TENSORS)
    yield "v1", gguf(llama_values(), LLAMA_TENSORS, version=1)
    yield "v2", gguf(llama_values(), LLAMA_TENSORS[:2], version=2)
    yield "big_endian", gguf(llama_values(), LLAMA_TENSORS, big=True)
    yield "aligned", gguf([("general.alignment", "u32", 64)], LLAMA_TENSORS[:3], alignment=64)
    yield "nested", gguf([("a", "u8", 1)], []).replace(struct.pack("<IB", 0, 1), struct.pack(
        "<IIQIQIQ", 9, 9, 1, 9, 1, 0, 0))
    yield "many_tensors", good[:8] + b"\xff" * 8 + good[16:]
    yield "cut", good[:700]


def write(path, data):
    path = os.path.join(TOP, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def broken():
    """Headers that are wrong in one way each."""
    good = safetensors([("a.weight", "F32", [2, 3]), ("a.bias", "F32", [3])])
    yield "empty_header", struct.pack("<Q", 2) + b"{}"
    yield "long_header", struct.pack("<Q", 1 << 40) + good[8:]
    yield "cut", good[:40]
    yield "hole", good.replace(b"[24,36]", b"[28,40]") + bytes(4)
    yield "overlap", good.replace(b"[24,36]", b"[20,32]")[:-4]
    yield "huge", good.replace(b"[2,3]", b"[9223372036854775807,3]")
    yield "deep", struct.pack("<Q", 2000) + b'{"a":' + b"[" * 1995
    yield "twice", good.replace(b"a.bias", b"a.weight")


def shards():
    """A model of two layers in three files, with its index."""
    files = {
        "model-00001-of-00003.safetensors": [("model.embed_tokens.weight", "BF16", [32, 8])],
        "model-00002-of-00003.safetensors": layer(0) + layer(1),
        "model-00003-of-00003.safetensors": [
            ("model.norm.weight", "BF16", [8]), ("lm_head.weight", "BF16", [32, 8])],
    }
    size, where = 0, {}
    for name, tensors in files.items():
        yield name, safetensors(tensors)
        for tensor, dtype, shape in tensors:
            size += math.prod(shape) * BITS[dtype] // 8
            where[tensor] = name
    index = {"metadata": {"total_size": size}, "weight_map": where}
    yield "model.safetensors.index.json", (json.dumps(index, indent=2) + "\n").encode()


def layer(i):
    """Grouped-query attention and a gated feed-forward, 8 wide."""
    name = f"model.layers.{i}."
    return [(name + "input_layernorm.weight", "BF16", [8]),
            (name + "self_attn.q_proj.weight", "BF16", [8, 8]),
            (name + "self_attn.k_proj.weight", "BF16", [4, 8]),
            (name + "self_attn.v_proj.weight", "BF16", [4, 8]),
            (name + "self_attn.o_proj.weight", "BF16", [8, 8]),
            (name + "post_attention_layernorm.weight", "BF16", [8]),
            (name + "mlp.gate_proj.weight", "BF16", [16, 8]),
            (name + "mlp.up_proj.weight", "BF16", [16, 8]),
            (name + "mlp.down_proj.weight", "BF16", [8, 16])]


def main():
    for name, data in shards():
        write("models/weights/shards/" + name, data)
    write("models/weights/packed.safetensors", safetensors(PACKED, SHAPES))
    write("fuzz/corpus/safetensors/packed", safetensors(PACKED, SHAPES))
    write("models/weights/llama.gguf", gguf(llama_values(), LLAMA_TENSORS))
    write("models/weights/types.gguf",
          gguf([], [(name.lower(), name, [2, 256]) for name in ggml_types()]))
    for name, data in gguf_parts():
        write("models/weights/parts/" + name, data)
    for name, data in gguf_seeds():
        write("fuzz/corpus/gguf/" + name, data)
    for name, data in broken():
        write("fuzz/corpus/safetensors/" + name, data)


if __name__ == "__main__":
    main()
