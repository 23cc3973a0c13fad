#!/usr/bin/env python3
"""Reproduces published counts from exported files and writes tests/models/PUBLISHED.tsv.

    /usr/bin/python3 tools/check_published.py --models DIR --counts published_counts.csv
        --expected tests/models/EXPECTED.tsv --table tests/models/PUBLISHED.tsv

Two independent ways: rows of torch and torchvision come from EXPECTED.tsv (what torch dispatched);
rows of thop, pycls and onnx-tool are recounted here from the ONNX graph with the weights of
CONVENTIONS, which docs/conventions.md explains. A row that no export can check is listed on
standard output with the reason.
"""
import argparse
import csv
import os
import sys
from collections import Counter
from math import prod

import onnx
from onnx import shape_inference

# "conv" and "gemm": (weight of a MAC, what a bias adds per output element; "channel": per output
# channel; negative: per output element with or without a bias). Others: per output element.
CONVENTIONS = {
    "thop": {"conv": (1, 0), "gemm": (1, 0), "BatchNormalization": 4, "LayerNormalization": 4},
    "thop-2019": {"conv": (1, 1), "gemm": (2, -1), "BatchNormalization": 4},
    "pycls": {"conv": (1, "channel"), "gemm": (1, 1)},
    "fvcore": {"conv": (1, 0), "gemm": (1, 0), "BatchNormalization": 2},
    "onnx-tool": {"conv": (1, 1), "gemm": (1, 1), "BatchNormalization": 31},
}
EXP, DIV, SQRT = 32, 4, 24                      # onnx-tool's weights of hard instructions
ONNX_TOOL_UNARY = {"Relu": 1, "Clip": 2, "Sigmoid": EXP, "Tanh": 2 * (EXP + 2 + DIV), "Erf": 0,
                   "Sqrt": SQRT, "Softmax": EXP + DIV, "HardSigmoid": 4, "HardSwish": 5,
                   "Exp": EXP, "Reciprocal": DIV, "Floor": 1, "LeakyRelu": 2}
ONNX_TOOL_BINARY = {"Add": 1, "Sub": 1, "Mul": 1, "Div": DIV, "Pow": EXP}


def scope(node):
    return node.name.rpartition("/")[0]


class Graph:
    def __init__(self, path):
        model = onnx.load(path, load_external_data=False)
        model = shape_inference.infer_shapes(model, data_prop=True)
        self.nodes = model.graph.node
        self.alone = Counter(scope(n) for n in self.nodes if n.op_type not in ("Constant", "Pad"))
        self.shape = {i.name: list(i.dims) for i in model.graph.initializer}
        for item in list(model.graph.value_info) + list(model.graph.input) + \
                list(model.graph.output):
            dims = item.type.tensor_type.shape.dim
            self.shape[item.name] = [d.dim_value for d in dims]
        for node in self.nodes:
            for attr in node.attribute:
                if attr.name == "value" and node.op_type == "Constant":
                    self.shape[node.output[0]] = list(attr.t.dims)

    def is_module(self, node):
        """A module's own node stands alone in its scope; a functional call shares its caller's."""
        return self.alone[scope(node)] == 1

    def size(self, name):
        n = prod(self.shape[name])
        if n == 0:
            raise ValueError(f"no shape for {name}")
        return n


def attrs(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def contraction(graph, node):
    """(kind, MACs, output elements, has bias, output channels), or None."""
    op, out = node.op_type, node.output[0]
    if op in ("Conv", "ConvTranspose"):
        x, w, y = (graph.shape[node.input[0]], graph.shape[node.input[1]], graph.shape[out])
        spatial = (x if op == "ConvTranspose" else y)[2:]
        return "conv", y[0] * prod(spatial) * prod(w), prod(y), len(node.input) > 2, y[1]
    if op == "Gemm":
        w, y = graph.shape[node.input[1]], graph.shape[out]
        inner = w[1] if attrs(node).get("transB") else w[0]
        return "gemm", prod(y) * inner, prod(y), len(node.input) > 2, y[-1]
    if op == "MatMul":
        a, y = graph.shape[node.input[0]], graph.shape[out]
        return "gemm", prod(y) * a[-1], prod(y), False, y[-1]
    return None


def contraction_count(rule, part):
    kind, macs, outputs, bias, channels = part
    per_mac, extra = rule[kind]
    if extra == "channel":
        return per_mac * macs + (channels if bias else 0)
    if extra < 0:                                # 2 * in - 1 adds and multiplies per output
        return per_mac * macs + extra * outputs
    return per_mac * macs + (extra * outputs if bias else 0)


def pooled(name, graph, node):
    """What the tool counts for a pooling node."""
    op, x, y = node.op_type, graph.size(node.input[0]), graph.size(node.output[0])
    if name.startswith("thop") and not graph.is_module(node):
        return 0
    if name == "thop" and op == "GlobalAveragePool":
        return x + y
    if name == "thop" and op == "AveragePool":
        return y
    if name == "thop-2019" and op in ("GlobalAveragePool", "AveragePool"):
        window = x // y if op[0] == "G" else prod(attrs(node)["kernel_shape"])
        return y * (window + 1)
    if name == "fvcore" and op == "GlobalAveragePool":
        return x
    if name == "onnx-tool":
        if op == "GlobalAveragePool":
            return x + y * DIV
        return y * prod(attrs(node)["kernel_shape"])
    return 0


def count(name, graph):
    rule, total = CONVENTIONS[name], 0
    for node in graph.nodes:
        part = contraction(graph, node)
        if part:
            total += contraction_count(rule, part)
        elif node.op_type in ("GlobalAveragePool", "AveragePool", "MaxPool"):
            total += pooled(name, graph, node)
        elif node.op_type in rule:
            total += rule[node.op_type] * graph.size(node.output[0])
        elif name == "onnx-tool" and node.op_type in ONNX_TOOL_UNARY:
            total += ONNX_TOOL_UNARY[node.op_type] * graph.size(node.output[0])
        elif name == "onnx-tool" and node.op_type in ONNX_TOOL_BINARY:
            total += ONNX_TOOL_BINARY[node.op_type] * graph.size(node.output[0])
        elif name == "onnx-tool" and node.op_type.startswith("Reduce"):
            total += graph.size(node.input[0])
    return total


def activations(graph):
    """pycls: output elements of convolutions, linear layers and pools that are not global."""
    return sum(graph.size(n.output[0]) for n in graph.nodes
               if n.op_type in ("Conv", "Gemm", "MatMul", "MaxPool", "AveragePool"))


def count_modules(name, export):
    """The same weights over torch modules, where onnx cannot infer every shape of the file."""
    import torch
    import torch_models
    from torch import nn
    torch_models.quick_init()
    spec = torch_models.specs()[export]
    net, rule, total = torch_models.build(spec), CONVENTIONS[name], [0]

    def hook(module, inputs, out):
        x, y = inputs[0], out
        bias = getattr(module, "bias", None) is not None
        if isinstance(module, nn.Conv2d):
            macs = y.shape[0] * prod(y.shape[2:]) * module.weight.numel()
            total[0] += contraction_count(rule, ("conv", macs, y.numel(), bias, y.shape[1]))
        elif isinstance(module, nn.Linear):
            macs = y.numel() * module.in_features
            total[0] += contraction_count(rule, ("gemm", macs, y.numel(), bias, y.shape[-1]))
        elif isinstance(module, nn.BatchNorm2d):
            total[0] += rule.get("BatchNormalization", 0) * x.numel()

    for module in net.modules():
        module.register_forward_hook(hook)
    with torch.no_grad():
        net(*torch_models.make_inputs(spec))
    return total[0]


# ---------------------------------------------------------------- which row, which file

PYCLS = {"R-110_nds": "cifar_resnet110", "R-50-1x64d_step": "resnet50",
         "R-101-1x64d_step": "resnet101", "R-101-1x64d_dds": "resnet101",
         "X-50-32x4d_step": "resnext50_32x4d", "X-50-32x4d_dds": "resnext50_32x4d",
         "X-101-32x4d_step": "resnext101_32x4d", "X-101-32x4d_dds": "resnext101_32x4d",
         "X-152-32x4d_dds": "resnext152_32x4d", "EN-B1_dds": "efficientnet_b1",
         "EN-B2_dds": "efficientnet_b2_260", "EN-B3_dds": "efficientnet_b3",
         "EN-B4_dds": "efficientnet_b4", "RegNetX-1.6GF_dds": "regnet_x_1_6gf",
         "RegNetX-3.2GF_dds": "regnet_x_3_2gf", "RegNetX-800MF_dds": "regnet_x_800mf",
         "RegNetY-3.2GF_dds": "regnet_y_3_2gf", "RegNetY-32GF_dds": "regnet_y_32gf",
         "RegNetY-400MF_dds": "regnet_y_400mf"}
TORCH = {"resnet18 fwd+bwd": ("resnet18", "train_input"),
         "conv2d": ("op_conv2d", "forward"), "conv1d": ("op_conv1d", "forward"),
         "baddbmm": ("op_baddbmm", "forward"),
         "sdpa forward B4 H8 Sq128 Sk128": ("op_attention_128", "forward"),
         "sdpa forward B4 H8 Sq128 Sk256": ("op_attention_256", "forward"),
         "sdpa forward+backward math": ("op_attention_128", "train_input"),
         "sdpa fwd+bwd math": ("op_attention_256", "train_input"),
         "GPT-2 124M forward+backward": ("gpt2_124m_nobias", "train"),
         "GPT-2 124M (bias=False)": ("gpt2_124m_nobias", "params"),
         "GPT-2 124M forward": ("gpt2_124m_nobias", "forward")}
SQUARE = {"vit_b_16": 224, "vit_l_16": 224, "vit_h_14": 224, "regnet_y_16gf": 224,
          "regnet_y_128gf": 224}


# Boxes in torchvision's own run, where not 1000 proposals and 100 detections: the score threshold
# of these two lets none of the proposals through on their random image.
BOXES = {"fasterrcnn_mobilenet_v3_large_fpn": (0, 0),
         "fasterrcnn_mobilenet_v3_large_320_fpn": (0, 0)}


def export_name(row):
    repo, model = row["source_repo"], row["model"]
    if repo == "pytorch/vision":
        name = model.lower()
        size = int(row["input_shape"].split("x")[-1])
        return f"{name}_{size}" if name in SQUARE and size != SQUARE[name] else name
    if repo == "facebookresearch/pycls":
        last = model.split("/")[-1]
        return PYCLS.get(last, last.replace("_dds", "").replace("-", "_").lower())
    if repo == "ThanatosShinji/onnx-tool":
        return None                  # other people's files; ConvNeXt-L has a 21841-class head
    if repo in ("pytorch/pytorch", "karpathy/nanoGPT"):
        hits = [v[0] for k, v in TORCH.items() if model == k or (
            model.startswith(k) and repo == "pytorch/pytorch")]
        return hits[-1] if hits else None
    return model


def per(exp, what):
    """The figure N in a note `plus N per WHAT`, or 0."""
    for note in exp["note"].split("; "):
        if note.endswith("per " + what):
            return int(note.split()[1])
    return 0


def expected_value(row, name, table):
    """From what torch dispatched; None if this row needs the graph or cannot be checked."""
    exp = table.get(name + ".onnx")
    if exp is None:
        return None
    if row["metric"] == "params":
        aux = sum(int(n.split(": ")[1].split()[0]) for n in exp["note"].split("; ")
                  if n.startswith("left out"))
        return int(exp["params"]) + aux
    if row["source_repo"] == "pytorch/vision" and row["metric"] == "macs":
        proposals, detections = BOXES.get(name, (1000, 100))
        return int(exp["forward_mac"]) + proposals * per(exp, "proposal") + \
            detections * per(exp, "detection")
    if row["metric"] == "flops":
        forward = 2 * int(exp["forward_mac"])
        kind = TORCH.get(row["model"]) or [
            v for k, v in TORCH.items() if row["model"].startswith(k)][-1]
        extra = {"train_input": "backward_flop_input", "train": "backward_flop"}.get(kind[1])
        return forward + int(exp[extra]) if extra else forward
    return None


def computed(row, name, table, models, graphs):
    value = expected_value(row, name, table)
    if value is not None:
        return value, "dispatch"
    tool = {"facebookresearch/pycls": "pycls", "Lyken17/pytorch-OpCounter": "thop-2019",
            "ThanatosShinji/onnx-tool": "onnx-tool"}.get(row["source_repo"])
    path = os.path.join(models, name + ".onnx")
    if tool is None or not os.path.exists(path) or row["metric"] == "params":
        return None, "no export"
    if name.startswith("shufflenet"):
        return count_modules(tool, name), "modules:" + tool
    if name not in graphs:
        graphs[name] = Graph(path)
    if row["metric"] == "activations":
        return activations(graphs[name]), "graph"
    return count(tool, graphs[name]), "graph:" + tool


def read_expected(path):
    with open(path) as f:
        return {row["file"]: row for row in csv.DictReader(f, delimiter="\t")}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True)
    parser.add_argument("--counts", required=True)
    parser.add_argument("--expected", required=True)
    parser.add_argument("--table", required=True)
    args = parser.parse_args()
    table, graphs, good, bad, skipped = read_expected(args.expected), {}, 0, [], []
    with open(args.counts) as f:
        rows = list(csv.DictReader(f))
    with open(args.table, "w") as out:
        print("source", "model", "file", "shape", "metric", "value", "base_unit",
              "rounding_half_unit", "computed", "by", "holds", sep="\t", file=out)
        for row in rows:
            name = export_name(row)
            value, by = computed(row, name, table, args.models, graphs) if name else (None, "")
            if value is None:
                skipped.append(row)
                continue
            published, half = float(row["value_base"]), float(row["rounding_half_unit"])
            holds = abs(value - published) <= half
            good += holds
            if not holds:
                bad.append((row["source_repo"], row["model"], row["metric"], published, value))
            print(row["source_repo"], row["model"], name + ".onnx", row["input_shape"],
                  row["metric"], int(published), row["base_unit"], row["rounding_half_unit"],
                  value, by, "yes" if holds else "no", sep="\t", file=out)
    print(f"{len(rows)} rows: {good} hold, {len(bad)} do not, {len(skipped)} not checkable")
    for item in bad:
        print("differs", *item, sep="\t")
    for row in skipped:
        print("unchecked", row["source_repo"], row["model"], row["metric"], sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
