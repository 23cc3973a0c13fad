#!/usr/bin/env python3
"""make_weights.py: writes the weight files of the tests and the seeds of their fuzz targets.

tests/models/weights holds tiny files: a folder of shards as Hugging Face writes them, a file of
every way to pack quantised weights. tests/fuzz/corpus/safetensors holds the same and a few broken
ones. Needs nothing but Python; contents are zeros, but for the shapes that compressed-tensors
stores.
"""

import json
import math
import os
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
    for name, data in broken():
        write("fuzz/corpus/safetensors/" + name, data)


if __name__ == "__main__":
    main()
