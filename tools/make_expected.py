#!/usr/bin/env python3
"""Writes tests/models/EXPECTED.tsv: what torch itself says of each exported network.

    /usr/bin/python3 tools/make_expected.py --models DIR --table FILE [--committed DIR] [NAMES...]

Rows already in the table are kept unless named. Columns:
  file          name of the ONNX file; NAME_dyn.onnx bound to the same shape has the same figures
  committed     yes if the file stands in tests/models
  shape         shapes of the inputs, `+` between two inputs
  params        elements of nn.Module.parameters() that the file holds; a tied tensor once
  buffers       elements of floating-point buffers (running statistics) that the file holds
  forward_mac   multiply-adds of mm, addmm, bmm, baddbmm, convolution; batch as in `shape`, eval
  backward_flop          2 x multiply-adds of backward, no gradient of the network's input
  backward_flop_input    the same with that gradient; `-` where not measured
  note          parameters the export left out, data-dependent counts, ...
The backward of a recurrent network has no dX into the initial state (it needs no gradient).
"""
import argparse
import os
import sys
import warnings

import onnx
import torch
import torchvision

import torch_count
import torch_models

COLUMNS = ["file", "committed", "shape", "params", "buffers", "forward_mac", "backward_flop",
           "backward_flop_input", "note"]
BACKWARD = {"resnet18", "resnet50", "mobilenet_v2", "vgg11", "alexnet", "vit_b_16", "unet",
            "regnet_y_400mf", "convnext_tiny", "transformer", "transformer_encoder", "swin_t",
            "efficientnet_b0", "shufflenet_v2_x1_0", "mnasnet0_5", "r3d_18", "densenet121",
            "squeezenet1_1", "mobilenet_v3_small", "lstm_tagger", "s3d", "googlenet",
            "lraspp_mobilenet_v3_large", "cifar_resnet110", "op_conv2d", "op_conv1d",
            "op_baddbmm", "op_attention_128", "op_attention_256", "gpt2_124m_nobias"}


def wants_backward(name, spec):
    return name in BACKWARD or (spec.family == "recurrent" and not name.endswith("_folded"))


def held(net, model, fold):
    """(params, buffers, notes) of what the file holds, by initializer name."""
    names = {init.name for init in model.graph.initializer}
    params, left = 0, {}
    for name, p in net.named_parameters():
        if fold or name in names:
            params += p.numel()
        else:
            top = name.split(".")[0] if not name.startswith("net.") else name.split(".")[1]
            left[top] = left.get(top, 0) + p.numel()
    buffers = sum(b.numel() for n, b in net.named_buffers()
                  if b.is_floating_point() and n in names)
    ints = sum(b.numel() for n, b in net.named_buffers()
               if not b.is_floating_point() and n in names)
    notes = [f"left out {k}: {v} parameters" for k, v in left.items()]
    if ints:
        notes.append(f"{ints} integer buffer elements besides")
    return params, buffers, notes


def forward(net, spec, notes):
    if spec.family not in ("detection", "flow"):
        try:
            meta = net.to("meta")
            mode = torch_count.forward_macs(meta, torch_models.make_inputs(spec, "meta"))
            return mode
        except (NotImplementedError, RuntimeError):
            net = torch_models.build(spec)
    if spec.family == "detection":
        with torch.no_grad():
            return detection(net, spec, notes)
    if spec.family == "flow":
        with torch.no_grad():
            return torch_count.forward_macs(net, torch_models.make_inputs(spec))
    mode = torch_count.forward_macs(net, torch_models.make_inputs(spec))
    return mode


def detection(net, spec, notes):
    """Forward MACs without any box; the work per proposal and per detection goes into notes."""
    inputs, rows = torch_models.make_inputs(spec), {}
    if not hasattr(net, "rpn"):
        return torch_count.forward_macs(net, inputs)
    heads = {"proposal": "box_head", "detection": "mask_head", "keypoint": "keypoint_head"}
    for kind, head in heads.items():
        module = getattr(net.roi_heads, head, None)
        if module is not None:
            module.register_forward_pre_hook(
                lambda m, x, kind=kind: rows.__setitem__(kind, x[0].shape[0]))
    net.rpn.nms_thresh = net.roi_heads.nms_thresh = 1.1
    net.rpn.score_thresh = 2.0
    base = torch_count.forward_macs(net, inputs)
    net.rpn.score_thresh, net.roi_heads.score_thresh = -1.0, 2.0
    boxes = torch_count.forward_macs(net, inputs).macs
    notes.append("without boxes")
    notes.append(f"plus {(boxes - base.macs) // rows['proposal']} per proposal")
    if len(rows) > 1:
        net.roi_heads.score_thresh = -1.0
        last = torch_count.forward_macs(net, inputs).macs
        count = rows.get("detection") or rows.get("keypoint")
        notes.append(f"plus {(last - boxes) // count} per detection")
    return base


def measure_quantized(name, spec):
    """The float network's multiply-adds; weights are 8-bit and batch norms are folded away."""
    net = torchvision.models.get_model(name, weights=None, quantize=False)
    torch_models.fill(net.eval())
    mode = torch_count.forward_macs(net, torch_models.make_inputs(spec))
    shape = "x".join(map(str, spec.shapes[0]))
    return [name + ".onnx", "no", shape, "-", "-", mode.macs, "-", "-", "8-bit"]


def measure(name, spec, models):
    if spec.family == "quantized":
        return measure_quantized(name, spec)
    path = os.path.join(models, name + ".onnx")
    model = onnx.load(path, load_external_data=False)
    net = torch_models.build(spec)
    params, buffers, notes = held(net, model, spec.fold)
    back = ["-", "-"]
    if wants_backward(name, spec):
        inputs = torch_models.make_inputs(spec)
        if any(True for _ in net.parameters()):
            back[0] = 2 * torch_count.backward_macs(net, inputs, False).macs
        if spec.kind != "index":
            back[1] = 2 * torch_count.backward_macs(net, inputs, True).macs
    mode = forward(net, spec, notes)
    if mode.opaque:
        notes.append("uncounted: " + " ".join(mode.opaque))
    shape = "+".join("x".join(map(str, s)) for s in spec.shapes)
    return [name + ".onnx", "no", shape, params, buffers, mode.macs, *back, "; ".join(notes)]


def read_table(path):
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return {row[0]: row for row in rows[1:]}


def write_table(path, rows, order, committed):
    with open(path, "w") as f:
        f.write("\t".join(COLUMNS) + "\n")
        for name in order:
            row = rows.get(name + ".onnx")
            if row:
                row[1] = "yes" if os.path.exists(os.path.join(committed, row[0])) else "no"
                f.write("\t".join(map(str, row)) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--committed", default="tests/models")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch_models.quick_init()
    table = torch_models.specs()
    rows = read_table(args.table)
    for name in args.names or table:
        path = os.path.join(args.models, name + ".onnx")
        if not os.path.exists(path) or (not args.names and name + ".onnx" in rows):
            continue
        try:
            rows[name + ".onnx"] = measure(name, table[name], args.models)
        except Exception as e:  # say which network, go on with the others
            print(f"{name}: {type(e).__name__}: {str(e)[:200]}", file=sys.stderr, flush=True)
            continue
        print(*rows[name + ".onnx"], sep="\t", flush=True)
        write_table(args.table, rows, table, args.committed)
    write_table(args.table, rows, table, args.committed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
