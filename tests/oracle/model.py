"""One-node ONNX models, what flopwise says about them, and the counts that executing gives."""

import json
import os
import subprocess
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

import counted
from arrays import OPS, each, plain, wrap

FLOPWISE = os.environ.get("FLOPWISE", "build/flopwise")
PHASES = ("backward_input", "backward_weight")
# operators that may have stored inputs which are no weights: where their weights are
WEIGHTS = {
    "RNN": (1, 2, 3),
    "GRU": (1, 2, 3),
    "LSTM": (1, 2, 3, 7),
    "BatchNormalization": (1, 2),
    "Clip": (),
    "Attention": (),
}


class Case:
    """A node with its inputs as numpy arrays (None: left out). Those in `fed` are inputs of the
    network, the others are stored; `wanted` are the expected outputs, where known.

    `nodes` makes it several nodes, op is then a name only: (operator, words, attributes) where a
    word is i0, i1... (an input) or n0, n1... (the result of an earlier node)."""

    def __init__(
        self, name, op, inputs, attrs=None, fed=(0,), opset=17, wanted=None, n_out=1, nodes=None
    ):
        self.name, self.op, self.inputs, self.attrs = name, op, inputs, attrs or {}
        self.nodes = nodes
        self.fed, self.opset, self.wanted, self.n_out = fed, opset, wanted, n_out

    def floats(self):
        return [i for i, a in enumerate(self.inputs) if a is not None and a.dtype.kind == "f"]

    def data(self):
        return [i for i in self.floats() if i in self.fed]

    def parameters(self):
        """What is stored where the operator expects weights."""
        slots = WEIGHTS.get(self.op, range(len(self.inputs)))
        return [i for i in self.floats() if i not in self.fed and i in slots]


def save(case, path):
    names = ["" if a is None else f"i{i}" for i, a in enumerate(case.inputs)]
    if case.nodes:
        nodes = [
            helper.make_node(op, words, [f"n{i}"], name=f"node{i}", **attrs)
            for i, (op, words, attrs) in enumerate(case.nodes)
        ]
        outs = [f"n{len(nodes) - 1}"]
    else:
        outs = [f"o{i}" for i in range(case.n_out)]
        nodes = [helper.make_node(case.op, names, outs, name="node", **case.attrs)]
    fed = [
        helper.make_tensor_value_info(
            names[i],
            (
                helper.np_dtype_to_tensor_dtype(a.dtype)
                if hasattr(helper, "np_dtype_to_tensor_dtype")
                else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[a.dtype]
            ),
            a.shape,
        )
        for i, a in enumerate(case.inputs)
        if i in case.fed and a is not None
    ]
    stored = [
        numpy_helper.from_array(a, names[i])
        for i, a in enumerate(case.inputs)
        if a is not None and i not in case.fed
    ]
    results = [helper.make_tensor_value_info(o, 1, None) for o in outs]
    graph = helper.make_graph(nodes, "case", fed, results, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)])
    model.ir_version = 8
    onnx.save(model, path)


def ask(path, *options):
    """The JSON of `flopwise count`."""
    done = subprocess.run(
        [FLOPWISE, "count", path, "--format", "json", *options], capture_output=True, text=True
    )
    answer = json.loads(done.stdout or '{"message": "no answer"}')
    if done.returncode != 0:
        raise ValueError(answer.get("message", done.stderr.strip()))
    if not answer["complete"]:
        raise ValueError(f"incomplete: {answer['missing']}")
    return answer


def said(answer, *phases):
    total = dict.fromkeys(counted.CLASSES, 0)
    for phase in phases:
        for name in total:
            total[name] += answer["totals"][phase][name]
    return total


def execute(case, live=()):
    """The reference run on counted numbers; the inputs in `live` are followed backwards. Gives the
    outputs as a tuple (None where only the count is known) and the wrapped inputs."""
    counted.start()
    inputs = [None if a is None else wrap(a, i in live) for i, a in enumerate(case.inputs)]
    ys = run_nodes(case.nodes, inputs) if case.nodes else OPS[case.op](*inputs, **case.attrs)
    return ys if isinstance(ys, tuple) or ys is None else (ys,), inputs


def run_nodes(nodes, inputs):
    """Each node takes its operands for itself: what several hand back is added up."""
    values = {f"i{i}": x for i, x in enumerate(inputs)}
    for i, (op, words, attrs) in enumerate(nodes):
        operands = [each(counted.alias, values[word]) for word in words]
        values[f"n{i}"] = y = OPS[op](*operands, **attrs)
    return y


def difference(counts, other):
    """Text: where two counts differ, '' where they agree."""
    return " ".join(
        f"{k} executed {counts[k]} said {other[k]};" for k in counts if counts[k] != other[k]
    )


def check_forward(case, path):
    """What is wrong with the forward pass, or ''."""
    answer = ask(path, "--infer")
    last = f"node{len(case.nodes) - 1}" if case.nodes else "node"
    ys, _ = execute(case)
    wrong = difference(counted.counts(), said(answer, "forward"))
    shape = next(layer for layer in answer["layers"] if layer["name"] == last)["output_shape"]
    if ys is not None and list(ys[0].shape) != shape:
        wrong += f" shape {ys[0].shape} said {shape};"
    for i, (y, want) in enumerate(zip(ys or (), case.wanted or ())):
        # of rounded numbers a tie may fall either way
        atol = 1 if "Quant" in case.op or "QLinear" in case.op else 1e-4
        if want is not None and not np.allclose(
            plain(y).astype(float), np.asarray(want, float), rtol=1e-3, atol=atol, equal_nan=True
        ):
            wrong += f" values of output {i} are not the operator's;"
    return wrong


def gradient_error(case, ys, inputs, live, rng):
    """Two elements of each gradient against the difference quotient of 1/2 sum y*y."""

    def loss(i, at, step):
        moved = [a if j != i else a.astype(float) for j, a in enumerate(case.inputs)]
        moved[i][at] += step
        out, _ = execute(Case(case.name, case.op, moved, case.attrs, nodes=case.nodes))
        return 0.5 * float((plain(out[0]).astype(float) ** 2).sum())

    for i in live:
        for _ in range(2):
            at = tuple(int(rng.integers(d)) for d in case.inputs[i].shape)
            slope = (loss(i, at, 1e-5) - loss(i, at, -1e-5)) / 2e-5
            g = inputs[i][at].g
            if abs((g.v if g else 0) - slope) > 1e-3 * (1 + abs(slope)):
                return f" gradient of input {i} at {at} is {g.v if g else 0}, slope is {slope};"
    return ""


def check_backward(case, path, rng, extra=None, classes=counted.CLASSES):
    """What is wrong with the backward pass: of the parameters, of the inputs, of both."""
    fed, stored = case.data(), case.parameters()
    frozen = ["--freeze", "*"] if stored else []
    # of several nodes, and of time steps, backward_input hands on what the weights need
    handed_on = case.nodes or case.op in ("RNN", "GRU", "LSTM")
    wrong = ""
    for live, options in (
        (stored, []),
        (fed, ["--input-grad", *frozen]),
        (fed + stored, ["--input-grad"]),
    ):
        if not live:
            continue
        answer = ask(path, "--loss", "squares", *options)
        ys, inputs = execute(case, live)
        counted.backward(list(ys[0].flat))
        counts = counted.counts()
        for name, n in (extra(*inputs) if extra else {}).items():
            counts[name] += n
        bad = difference({c: counts[c] for c in classes}, said(answer, *PHASES))
        if answer["totals"]["params"] != sum(case.inputs[i].size for i in stored):
            bad += f" {answer['totals']['params']} parameters;"
        if live == stored and not handed_on and any(said(answer, "backward_input").values()):
            bad += " dX is computed though nobody wants it;"
        if live == fed and any(said(answer, "backward_weight").values()):
            bad += " dW is computed though nobody wants it;"
        bad += gradient_error(case, ys, inputs, live, rng)
        if bad:
            wrong += f" [of {live}]{bad}"
    return wrong


class Results:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.passed = self.failed = self.skipped = 0
        self.by_op = {}

    def run(self, case, check, *more):
        path = os.path.join(self.folder.name, "case.onnx")
        try:
            save(case, path)
            wrong = check(case, path, *more)
        except NotImplementedError as e:
            print(f"SKIP {case.name} ({case.op}): {e}")
            self.skipped += 1
            return
        except Exception as e:  # a broken case must not hide the others
            wrong = f"{type(e).__name__}: {e}"
        if wrong:
            self.failed += 1
            print(f"FAILED {case.name} ({case.op}):{wrong if wrong[0] == ' ' else ' ' + wrong}")
        else:
            self.passed += 1
            self.by_op[case.op] = self.by_op.get(case.op, 0) + 1
