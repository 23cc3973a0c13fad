#!/usr/bin/env python3
"""Exports networks to ONNX as structure only: no weights, but exact shapes.

    /usr/bin/python3 tools/export_models.py --out DIR [--dynamic] (NAMES... | --all)

Needs Debian's python3-torch 1.13, python3-torchvision 0.14 and python3-onnx. Opset 16, eval mode,
batch normalisation kept apart from the convolutions, constants not folded (so that parameters
keep their names and the shape arithmetic stays in the graph); models named `*_folded` are the
exception.
Values are never serialised on the way (only folding needs them), so a network of 600 million
parameters exports too. Float and 8-bit initializers above 256 bytes become references to
`weights_not_included.bin`, a file that does not exist; other integer and small tensors stay
inline because they may feed shapes.
With --dynamic batch, height, width (frames, sequence) are symbolic and the file is NAME_dyn.onnx;
where a pooling needs the size to be known when exporting, only the batch is.

Every network of the table exports but quantized_shufflenet_v2_x0_5, _x1_0, _x1_5 and _x2_0: torch
1.13 has no rule for slicing a quantised tensor (SymbolicValueError). googlenet and inception_v3
leave out their auxiliary heads, which do not run in eval mode; the segmentation networks keep
theirs as a second output. swin_v2 needs the rule for aten::zero below, mvit the patch in
torch_models.py, the quantised networks the qnnpack back end. With --dynamic the transformers' and
swin's image size stays fixed (it is part of the network), and detection has no batch.
"""
import argparse
import io
import os
import sys
import time
import traceback
import warnings
from dataclasses import replace

import onnx
import torch
from onnx import TensorProto, numpy_helper

import torch_models

LOCATION = "weights_not_included.bin"
INLINE_LIMIT = 256           # bytes of weight data that stay in the file
# Types whose large tensors leave the file, with their width; wider integers may feed shapes.
MOVED = {TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8, TensorProto.FLOAT16: 2,
         TensorProto.INT8: 1, TensorProto.UINT8: 1}


def register_missing_symbolics():
    """swin_v2 zeroes a third of a bias in place; torch 1.13 has no export rule for that."""
    def zero(g, self):
        return g.op("ConstantOfShape", g.op("Shape", self),
                    value_t=torch.zeros(1, dtype=torch.float32))
    torch.onnx.register_custom_op_symbolic("aten::zero", zero, 9)


def input_names(spec):
    if spec.kind == "list":
        return ["input"]
    return ["input"] if len(spec.shapes) == 1 else [f"input{i}" for i in range(len(spec.shapes))]


def outputs(net):
    return len(net.keys) if isinstance(net, torch_models.Pick) else 1


def to_onnx(net, spec, dynamic, with_values):
    names = input_names(spec)
    axes = None
    if dynamic:
        axes = {n: dict(a) for n, a in zip(names, spec.axes)}
    target = io.BytesIO()
    torch.onnx.export(
        net, torch_models.make_inputs(spec), target, opset_version=16, input_names=names,
        output_names=None if spec.family == "detection" else ["output", "aux"][:outputs(net)],
        dynamic_axes=axes,
        export_params=with_values, do_constant_folding=spec.fold,
        training=torch.onnx.TrainingMode.EVAL if spec.fold else torch.onnx.TrainingMode.PRESERVE)
    return onnx.load_model_from_string(target.getvalue())


def add_missing_values(model, net):
    """An export without values has its parameters as inputs: turn them into initializers."""
    tensors = dict(net.named_parameters())
    tensors.update(net.named_buffers())
    keep = []
    for item in model.graph.input:
        tensor = tensors.get(item.name)
        if tensor is None:
            keep.append(item)
        elif tensor.is_floating_point() and tensor.numel() * 4 > INLINE_LIMIT:
            init = model.graph.initializer.add(name=item.name, data_type=TensorProto.FLOAT)
            init.dims.extend(tensor.shape)
            init.data_location = TensorProto.EXTERNAL
        else:
            model.graph.initializer.append(
                numpy_helper.from_array(tensor.detach().numpy(), item.name))
    del model.graph.input[:]
    model.graph.input.extend(keep)


def each_tensor(graph):
    yield from graph.initializer
    for node in graph.node:
        for attr in node.attribute:
            if attr.type == onnx.AttributeProto.TENSOR:
                yield attr.t
            elif attr.type == onnx.AttributeProto.GRAPH:
                yield from each_tensor(attr.g)


def strip(model):
    """Moves weight data out of the file; returns the size the data file would have."""
    offset = 0
    for tensor in each_tensor(model.graph):
        width = MOVED.get(tensor.data_type)
        if width is None:
            continue
        length = width
        for dim in tensor.dims:
            length *= dim
        if length <= INLINE_LIMIT:
            continue
        for field in ("raw_data", "float_data", "double_data", "int32_data", "external_data"):
            tensor.ClearField(field)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", LOCATION), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset += length
    return offset


def export(name, spec, out, dynamic):
    net = torch_models.build(spec)
    values = spec.fold or spec.family == "quantized"
    try:
        model = to_onnx(net, spec, dynamic, values)
    except torch.onnx.errors.SymbolicValueError:
        if not dynamic:
            raise
        spec = replace(spec, axes=tuple({k: v for k, v in a.items() if k == 0}
                                        for a in spec.axes))
        model = to_onnx(net, spec, dynamic, values)
    if not values:
        add_missing_values(model, net)
    strip(model)
    for node in model.graph.node:
        node.ClearField("doc_string")
    path = os.path.join(out, name + ("_dyn" if dynamic else "") + ".onnx")
    with open(path + ".part", "wb") as f:
        f.write(model.SerializeToString())
    os.replace(path + ".part", path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--dynamic", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--keep", action="store_true", help="skip files that exist")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    table = torch_models.specs()
    names = list(table) if args.all else args.names
    if args.list:
        print("\n".join(table))
        return 0
    warnings.filterwarnings("ignore")
    torch_models.quick_init()
    register_missing_symbolics()
    os.makedirs(args.out, exist_ok=True)
    failed = 0
    for name in names:
        spec = table[name]
        path = os.path.join(args.out, name + ("_dyn" if args.dynamic else "") + ".onnx")
        if (args.dynamic and not spec.axes) or (args.keep and os.path.exists(path)):
            continue
        start = time.time()
        try:
            export(name, spec, args.out, args.dynamic)
            print(f"{name}\tok\t{os.path.getsize(path)}\t{time.time() - start:.1f} s", flush=True)
        except Exception as e:  # a network that does not export is a result, not a crash
            failed += 1
            reason = (str(e).strip().splitlines() or [type(e).__name__])[0][:200]
            print(f"{name}\tFAILED\t{type(e).__name__}: {reason}", flush=True)
            if os.environ.get("TRACE"):
                traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
