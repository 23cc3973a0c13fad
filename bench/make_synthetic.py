#!/usr/bin/env python3
"""Writes large models for timing: many nodes, many bytes of weights, or many files of weights.

    python3 bench/make_synthetic.py nodes N FILE      N nodes of residual blocks
    python3 bench/make_synthetic.py weights MIB FILE  MIB mebibytes of raw_data in one file
    python3 bench/make_synthetic.py shards N FOLDER   safetensors in N files with an index
    python3 bench/make_synthetic.py experts N FOLDER  the same with as many tensors as DeepSeek-V3

`nodes`: blocks conv-bn-relu-conv-bn-add-relu, 16 channels, 32 x 32; initializers have shapes and
point to a data file that is not there. Bytes of the protobuf encoding are written directly: names
have a fixed width, so a block is one template with its number put in, and a million nodes take
seconds. `weights`: a chain of 4096 x 4096 matrix products with the data inside the file; the data
is a hole, so the file is sparse on disk. `shards`: the 1138 tensors of Llama 3.1 405B in bfloat16,
810 GB of holes; `experts`: 61 layers of 256 experts, three matrices each with their scales. Only the
standard library is needed.
"""
import json
import os
import struct
import sys

CHANNELS, SIZE, WIDTH = 16, 32, 4096
FLOAT, INTS = 1, 7               # TensorProto.FLOAT, AttributeProto.INTS


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, payload):
    if isinstance(payload, str):
        payload = payload.encode()
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def ints_attr(name, values):
    return data(5, data(1, name) + b"".join(number(8, v) for v in values) + number(20, INTS))


def node(op, name, inputs, output, attrs=b""):
    body = b"".join(data(1, i) for i in inputs) + data(2, output) + data(3, name) + data(4, op)
    return data(1, body + attrs)


def tensor_head(name, dims):
    return b"".join(number(1, d) for d in dims) + number(2, FLOAT) + data(8, name)


def external(name, dims):
    length = 4
    for d in dims:
        length *= d
    entries = [("location", "weights_not_included.bin"), ("length", str(length))]
    refs = b"".join(data(13, data(1, k) + data(2, v)) for k, v in entries)
    return data(5, tensor_head(name, dims) + refs + number(14, 1))


def value(field, name, dims):
    shape = b"".join(data(1, number(1, d)) for d in dims)
    return data(field, data(1, name) + data(2, data(1, number(1, FLOAT) + data(2, shape))))


def model(graph_size):
    """Everything before the fields of the graph."""
    return number(1, 8) + data(2, "flopwise synthetic") + varint(7 << 3 | 2) + varint(graph_size)


def block():
    """Nodes and initializers of one block; #######  is its number, ------- that of the last."""
    b, previous = "b#######", "b-------/out"
    conv = ints_attr("kernel_shape", (3, 3)) + ints_attr("pads", (1, 1, 1, 1)) + \
        ints_attr("strides", (1, 1))
    nodes, weights, x = b"", b"", previous
    for i in "12":
        w = f"{b}/conv{i}.weight"
        stats = [f"{b}/bn{i}.{s}" for s in ("weight", "bias", "mean", "var")]
        nodes += node("Conv", f"{b}/conv{i}", [x, w], f"{b}/c{i}", conv)
        nodes += node("BatchNormalization", f"{b}/bn{i}", [f"{b}/c{i}"] + stats, f"{b}/n{i}")
        weights += external(w, (CHANNELS, CHANNELS, 3, 3))
        weights += b"".join(external(s, (CHANNELS,)) for s in stats)
        if i == "1":
            nodes += node("Relu", f"{b}/relu1", [f"{b}/n1"], f"{b}/r1")
            x = f"{b}/r1"
    nodes += node("Add", f"{b}/add", [f"{b}/n2", previous], f"{b}/sum")
    nodes += node("Relu", f"{b}/relu2", [f"{b}/sum"], f"{b}/out")
    return nodes + weights


def put(template, number_, last):
    return template.replace(b"#######", b"%07d" % number_).replace(b"-------", b"%07d" % last)


def write_nodes(count, path):
    blocks, rest = divmod(count, 7)
    template = block()
    relu = node("Relu", "t#######", ["b-------/out"], "b#######/out")
    dims = (1, CHANNELS, SIZE, SIZE)
    edges = data(2, "synthetic") + value(11, "b0000000/out", dims) + \
        value(12, f"b{blocks + rest:07d}/out", dims)
    size = blocks * len(template) + rest * len(relu) + len(edges)
    with open(path, "wb") as f:
        f.write(model(size))
        for i in range(1, blocks + 1):
            f.write(put(template, i, i - 1))
        for i in range(blocks + 1, blocks + rest + 1):
            f.write(put(relu, i, i - 1))
        f.write(edges + data(8, number(2, 16)))


def write_weights(mebibytes, path):
    each = WIDTH * WIDTH * 4
    layers = max(1, mebibytes * 2**20 // each)
    nodes, heads = b"", []
    for i in range(layers):
        nodes += node("MatMul", f"mm{i}", [f"x{i}", f"w{i}"], f"x{i + 1}")
        head = tensor_head(f"w{i}", (WIDTH, WIDTH)) + varint(9 << 3 | 2) + varint(each)
        heads.append(varint(5 << 3 | 2) + varint(len(head) + each) + head)
    edges = data(2, "weights") + value(11, "x0", (1, WIDTH)) + value(12, f"x{layers}", (1, WIDTH))
    with open(path, "wb") as f:
        f.write(model(len(nodes) + sum(map(len, heads)) + layers * each + len(edges)))
        f.write(nodes)
        for head in heads:
            f.write(head)
            f.seek(each, 1)
        f.write(edges + data(8, number(2, 16)))


def llama():
    """Names, types and shapes of Llama 3.1 405B."""
    yield "model.embed_tokens.weight", "BF16", [128256, 16384]
    for i in range(126):
        name = f"model.layers.{i}."
        yield name + "input_layernorm.weight", "BF16", [16384]
        yield name + "post_attention_layernorm.weight", "BF16", [16384]
        for part, rows in (("q", 16384), ("k", 1024), ("v", 1024), ("o", 16384)):
            yield name + f"self_attn.{part}_proj.weight", "BF16", [rows, 16384]
        for part in ("gate", "up"):
            yield name + f"mlp.{part}_proj.weight", "BF16", [53248, 16384]
        yield name + "mlp.down_proj.weight", "BF16", [16384, 53248]
    yield "model.norm.weight", "BF16", [16384]
    yield "lm_head.weight", "BF16", [128256, 16384]


def experts():
    """The experts of a network like DeepSeek-V3: fp8 with a scale for every 128 x 128."""
    for i in range(61):
        for k in range(256):
            for part, rows, columns in (("gate", 2048, 7168), ("up", 2048, 7168),
                                        ("down", 7168, 2048)):
                name = f"model.layers.{i}.mlp.experts.{k}.{part}_proj.weight"
                yield name, "F8_E4M3", [rows, columns]
                yield name + "_scale_inv", "F32", [rows // 128, columns // 128]


def write_shard(path, tensors):
    header, at = {}, 0
    for name, dtype, shape in tensors:
        size = {"BF16": 2, "F8_E4M3": 1, "F32": 4}[dtype]
        for d in shape:
            size *= d
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)


def write_shards(tensors, count, folder):
    tensors = list(tensors)
    os.makedirs(folder, exist_ok=True)
    where = {}
    for i in range(count):
        name = f"model-{i + 1:05}-of-{count:05}.safetensors"
        own = tensors[len(tensors) * i // count:len(tensors) * (i + 1) // count]
        write_shard(os.path.join(folder, name), own)
        where.update((tensor[0], name) for tensor in own)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as file:
        json.dump({"metadata": {}, "weight_map": where}, file, indent=2)


def main():
    kinds = {
        "nodes": write_nodes,
        "weights": write_weights,
        "shards": lambda n, folder: write_shards(llama(), n, folder),
        "experts": lambda n, folder: write_shards(experts(), n, folder),
    }
    if len(sys.argv) != 4 or sys.argv[1] not in kinds:
        print(__doc__, file=sys.stderr)
        return 2
    kinds[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
    return 0


if __name__ == "__main__":
    sys.exit(main())
