"""Cases from the ONNX backend tests: they bring the outputs too, so they show that a reference
implementation is the operator."""

import glob
import os

import numpy as np
import onnx
from onnx import numpy_helper

from arrays import OPS
from model import Case

FOLDER = "/usr/share/libonnx-testdata/data/node"
LARGEST = 20000  # elements: larger cases take too long


def tensors(folder, kind):
    paths = sorted(
        glob.glob(os.path.join(folder, "test_data_set_0", f"{kind}_*.pb")),
        key=lambda p: int(p.rsplit("_", 1)[1][:-3]),
    )
    found = []
    for path in paths:
        tensor = onnx.TensorProto()
        with open(path, "rb") as f:
            tensor.ParseFromString(f.read())
        found.append(numpy_helper.to_array(tensor))
    return found


def attributes(node):
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    text = lambda v: v.decode() if isinstance(v, bytes) else v
    return {k: [text(w) for w in v] if isinstance(v, list) else text(v) for k, v in values.items()}


def cases():
    for folder in sorted(glob.glob(os.path.join(FOLDER, "test_*"))):
        model = onnx.load(os.path.join(folder, "model.onnx"))
        nodes = model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in OPS or nodes[0].domain:
            continue
        arrays = dict(zip((i.name for i in model.graph.input), tensors(folder, "input")))
        outputs = dict(zip((o.name for o in model.graph.output), tensors(folder, "output")))
        inputs = [arrays.get(name) for name in nodes[0].input]
        if any(a is not None and a.dtype.kind not in "fiub" for a in inputs):
            continue
        if sum(a.size for a in list(outputs.values()) + list(arrays.values())) > LARGEST:
            continue
        wanted = [outputs.get(name) for name in nodes[0].output]
        opset = next(o.version for o in model.opset_import if not o.domain)
        yield Case(
            os.path.basename(folder)[5:],
            nodes[0].op_type,
            inputs,
            attributes(nodes[0]),
            opset=opset,
            wanted=wanted,
            n_out=len(wanted),
        )
