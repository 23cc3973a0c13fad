"""The table of cases: random small shapes and attributes, always the same ones.

A line is (operator, inputs, attributes, options). An input is a shape (standard normal numbers), a
numpy array, or None for one that is left out. Options: fed = the inputs that the network is fed
(default: the first), low/high = ends of uniform numbers instead, opset, n_out.
"""

import itertools

import numpy as np

from counted import CLASSES
from elementwise import UNARY
from model import Case
from reduce import REDUCTIONS

I64, U8, I8 = np.int64, np.uint8, np.int8


def ints(*v):
    return np.array(v, I64)


def scalar(v, dtype=np.float32):
    return np.array(v, dtype)


def codes(rng, shape, dtype=U8):
    return rng.integers(0, 100, shape).astype(dtype)


def convolutions():
    for op in ("Conv", "ConvTranspose"):

        def w(out, into, group, *k):
            return (out, into // group, *k) if op == "Conv" else (into, out // group, *k)

        yield op, [(2, 3, 8), w(4, 3, 1, 3), (4,)], {}
        yield op, [(2, 3, 9), w(4, 3, 1, 3)], {"strides": [2], "pads": [1, 2]}
        yield op, [(2, 3, 5, 6), w(4, 3, 1, 3, 2), (4,)], {"pads": [1, 0, 1, 1]}
        yield op, [(1, 4, 7, 7), w(6, 4, 2, 3, 3), (6,)], {
            "group": 2,
            "strides": [2, 2],
            "pads": [1, 1, 1, 1],
        }
        yield op, [(2, 4, 6, 5), w(4, 4, 4, 3, 3)], {
            "group": 4,
            "dilations": [2, 1],
            "pads": [2, 1, 2, 1],
        }
        yield op, [(1, 2, 7, 6), w(3, 2, 1, 3, 3), (3,)], {
            "auto_pad": "SAME_UPPER",
            "strides": [2, 1],
        }
        yield op, [(1, 2, 4, 5, 3), w(2, 2, 1, 2, 3, 1), (2,)], {
            "strides": [1, 2, 1],
            "pads": [1, 1, 0, 0, 1, 0],
        }
    yield "ConvTranspose", [(1, 2, 4, 4), (2, 3, 3, 3)], {
        "strides": [2, 2],
        "output_padding": [1, 1],
    }


def products():
    yield "MatMul", [(3, 4), (4, 5)], {}
    yield "MatMul", [(2, 3, 4), (4, 5)], {}
    yield "MatMul", [(2, 3, 4), (2, 4, 5)], {}
    yield "MatMul", [(2, 1, 3, 4), (3, 4, 2)], {}
    yield "MatMul", [(4,), (4, 5)], {}
    yield "MatMul", [(3, 4), (4,)], {}
    yield "MatMul", [(2, 3, 4), (2, 4, 5)], {}, {"fed": (0, 1)}
    yield "Gemm", [(3, 4), (4, 5), (5,)], {}
    yield "Gemm", [(4, 3), (5, 4), (5,)], {"transA": 1, "transB": 1}
    yield "Gemm", [(3, 4), (5, 4)], {"transB": 1, "alpha": 0.5}
    yield "Gemm", [(3, 4), (4, 5), (3, 5)], {"alpha": 0.5, "beta": 2.0}
    yield "Gemm", [(3, 4), (4, 5), (3, 1)], {"beta": 0.25}
    for equation, *shapes in (
        ("ij,jk->ik", (3, 4), (4, 2)),
        ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
        ("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 2, 2, 4)),
        ("i,j->ij", (3,), (4,)),
        ("abc,cd->abd", (2, 3, 4), (4, 2)),
        ("ij,ij->", (3, 4), (3, 4)),
        ("...ij,jk->...ik", (2, 3, 4), (4, 2)),
    ):
        yield "Einsum", list(shapes), {"equation": equation}
    yield "Einsum", [(3, 4)], {"equation": "ij->j"}
    yield "Einsum", [(3, 4)], {"equation": "ij->ji"}


def quantised(rng):
    s, z = scalar(0.02), scalar(120, U8)
    weight_scales, zeros = np.full(3, 0.01, np.float32), np.zeros(3, I8)
    yield "MatMulInteger", [codes(rng, (3, 4)), codes(rng, (4, 2))], {}
    yield "MatMulInteger", [codes(rng, (3, 4)), codes(rng, (4, 2)), z, z], {}
    yield "ConvInteger", [codes(rng, (1, 2, 5, 5)), codes(rng, (3, 2, 3, 3)), z], {
        "pads": [1, 1, 1, 1]
    }
    yield "QLinearMatMul", [codes(rng, (3, 4)), s, z, codes(rng, (4, 2)), s, z, s, z], {}
    yield "QLinearConv", [
        codes(rng, (1, 2, 5, 5)),
        s,
        z,
        codes(rng, (3, 2, 3, 3), I8),
        weight_scales,
        zeros,
        s,
        z,
        ints(1, 2, 3).astype(np.int32),
    ], {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    yield "QLinearConv", [codes(rng, (1, 4, 5, 5)), s, z, codes(rng, (4, 2, 3, 3)), s, z, s, z], {
        "group": 2
    }
    yield "QuantizeLinear", [(2, 3, 4), s, z], {}
    yield "QuantizeLinear", [(2, 3, 4), s], {}
    yield "QuantizeLinear", [(2, 3, 4), weight_scales, zeros], {"axis": 1}
    yield "DequantizeLinear", [codes(rng, (2, 3, 4)), s, z], {}
    yield "DequantizeLinear", [codes(rng, (2, 3, 4)), s], {}
    yield "DynamicQuantizeLinear", [(3, 7)], {}, {"n_out": 3}


def elementwise(rng):
    for name, (_, _, low, high) in UNARY.items():
        opset = {"Gelu": 20, "Mish": 18, "Swish": 24}.get(name, 17)
        yield name, [(3, 5)], {}, {"low": low, "high": high, "opset": opset}
    yield "Gelu", [(3, 5)], {"approximate": "tanh"}, {"opset": 20}
    yield "Swish", [(3, 5)], {"alpha": 0.5}, {"opset": 24}
    for name in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu"):
        yield name, [(3, 5)], {"alpha": 0.3}
    yield "HardSigmoid", [(3, 5)], {"alpha": 0.3, "beta": 0.4}
    yield "Shrink", [(3, 5)], {"lambd": 0.3, "bias": 0.1}
    yield "IsInf", [(3, 5)], {"detect_negative": 0}
    yield "Clip", [(3, 5), scalar(-0.5), scalar(0.5)], {}
    yield "Clip", [(3, 5), None, scalar(0.5)], {}
    yield "Clip", [(3, 5)], {}
    shapes = [[(2, 3, 4), (4,)], [(3, 1), (1, 5)], [(2, 3), (2, 3)], [(4,), (2, 1, 4)]]
    for name in (
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Min",
        "Max",
        "Pow",
        "Mod",
        "Equal",
        "Less",
        "LessOrEqual",
        "Greater",
        "GreaterOrEqual",
    ):
        for pair in shapes:
            attrs = {"fmod": 1} if name == "Mod" else {}
            yield name, list(pair), attrs, {"fed": (0, 1), "low": 0.5, "high": 2}
    yield "Mod", [codes(rng, (2, 3), I64), ints(2, 3, 5)], {}
    yield "Div", [codes(rng, (2, 3), I64), ints(2, 3, 5)], {}
    for name in ("Sum", "Mean", "Min", "Max"):
        yield name, [(2, 3), (3,), (2, 1)], {}, {"fed": (0, 1, 2)}
        yield name, [(2, 3)], {}
    yield "Add", [(2, 3, 4), (4,)], {}
    yield "Mul", [(2, 3, 4), (4,)], {}
    yield "Where", [rng.integers(0, 2, (2, 1, 3)).astype(bool), (3,), (4, 1)], {}, {
        "fed": (0, 1, 2)
    }
    yield "PRelu", [(2, 3, 4), (3, 1)], {}
    yield "PRelu", [(2, 3, 4), (1,)], {}


def reductions(rng):
    names = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")
    for name in names:
        some = {"low": 0.5, "high": 2}
        old = 17 if name != "Sum" else 11
        yield f"Reduce{name}", [(2, 3, 4)], {"axes": [1]}, {**some, "opset": old}
        yield f"Reduce{name}", [(2, 3, 4)], {"keepdims": 0}, some
        yield f"Reduce{name}", [(2, 3, 4), ints(0, -1)], {"keepdims": 0}, {**some, "opset": 18}
        yield f"Reduce{name}", [(2, 3, 1), ints(2)], {}, {**some, "opset": 18}
    for name in ("ArgMax", "ArgMin"):
        yield name, [(3, 4)], {"axis": 1}
    for exclusive in (0, 1):
        for size in (5, 2, 1):
            yield "CumSum", [(3, size), ints(1)], {"exclusive": exclusive}
    yield "CumSum", [(4, 3), ints(0)], {"reverse": 1, "exclusive": 1}
    yield "TopK", [(3, 7), ints(3)], {}, {"n_out": 2}
    yield "TopK", [(5, 2), ints(5)], {"axis": 0, "largest": 0}, {"n_out": 2}
    for name in ("Softmax", "LogSoftmax", "Hardmax"):
        yield name, [(2, 3, 4)], {"axis": 1}
        yield name, [(2, 5)], {}
    yield "Softmax", [(4, 1)], {}


def norms():
    some = {"low": 0.5, "high": 2}
    yield "LayerNormalization", [(2, 3, 4), (4,), (4,)], {}
    yield "LayerNormalization", [(2, 3, 4), (3, 4)], {"axis": 1}
    yield "RMSNormalization", [(2, 3, 4), (4,)], {}, {"opset": 23}
    yield "BatchNormalization", [(2, 3, 4), (3,), (3,), (3,), (3,)], {}, some
    yield "BatchNormalization", [(2, 3, 2, 2), (3,), (3,), (3,), (3,)], {}, some
    for shape in ((2, 3, 4), (2, 3, 2, 2)):
        yield "BatchNormalization", [shape, (3,), (3,), (3,), (3,)], {"training_mode": 1}, {
            **some,
            "n_out": 3,
        }
    yield "InstanceNormalization", [(2, 3, 4, 2), (3,), (3,)], {}
    yield "GroupNormalization", [(3, 4, 2), (4,), (4,)], {"num_groups": 4}, {"opset": 21}
    yield "GroupNormalization", [(2, 6, 4), (6,), (6,)], {"num_groups": 2}, {"opset": 21}
    yield "MeanVarianceNormalization", [(2, 3, 2, 2)], {}
    yield "LpNormalization", [(3, 4)], {"p": 2}
    yield "LpNormalization", [(3, 4)], {"p": 1, "axis": 0}
    yield "LRN", [(2, 5, 3)], {"size": 3}
    yield "LRN", [(1, 4, 2, 2)], {"size": 4, "alpha": 0.1}


def pools():
    for name in ("MaxPool", "AveragePool", "LpPool"):
        yield name, [(2, 2, 7)], {"kernel_shape": [3]}
        yield name, [(1, 2, 7, 6)], {
            "kernel_shape": [3, 2],
            "strides": [2, 2],
            "pads": [1, 0, 1, 1],
        }
        yield name, [(1, 2, 6, 6)], {
            "kernel_shape": [3, 3],
            "auto_pad": "SAME_UPPER",
            "strides": [2, 2],
        }
        yield name, [(1, 1, 4, 4, 4)], {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]}
        opset = {"AveragePool": 19, "LpPool": 18}.get(name, 17)
        yield name, [(1, 2, 7, 7)], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, {
            "opset": opset
        }
        yield name, [(1, 2, 8, 7)], {"kernel_shape": [2, 3], "dilations": [2, 1]}, {"opset": opset}
    yield "AveragePool", [(1, 2, 5, 5)], {
        "kernel_shape": [3, 3],
        "pads": [1, 1, 1, 1],
        "count_include_pad": 1,
    }
    yield "LpPool", [(1, 2, 5)], {"kernel_shape": [3], "p": 1}
    yield "LpPool", [(1, 2, 5)], {"kernel_shape": [3], "p": 3}
    for name in ("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"):
        yield name, [(2, 3, 4, 2)], {}
    none = np.zeros(0, np.float32)
    places = ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")
    for mode, place in itertools.product(("linear", "cubic", "nearest"), places):
        attrs = {"mode": mode, "coordinate_transformation_mode": place}
        yield "Resize", [(1, 2, 3, 4), none, np.array([1, 1, 2, 1.5], np.float32)], attrs
        yield "Resize", [(1, 2, 5), none, none, ints(1, 2, 3)], attrs


def recurrents():
    seq, batch, n, m = 3, 2, 4, 3
    for name, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        for directions, way in ((1, "forward"), (1, "reverse"), (2, "bidirectional")):
            base = [(seq, batch, n), (directions, gates * m, n), (directions, gates * m, m)]
            bias = (directions, 2 * gates * m)
            attrs = {"hidden_size": m, "direction": way}
            yield name, base, attrs, {"n_out": 2}
            yield name, [*base, bias], attrs, {"n_out": 2}
            yield name, [*base, bias, None, (directions, batch, m)], attrs, {"n_out": 2}
    one = [(seq, batch, n), (1, 3 * m, n), (1, 3 * m, m)]
    for bias in ([], [(1, 6 * m)]):
        yield "GRU", one + bias, {"hidden_size": m, "linear_before_reset": 1}, {"n_out": 2}
    four = [(seq, batch, n), (1, 4 * m, n), (1, 4 * m, m), (1, 8 * m), None, None, None]
    yield "LSTM", [*four, (1, 3 * m)], {"hidden_size": m}, {"n_out": 2}
    yield "LSTM", four[:4], {"hidden_size": m, "input_forget": 1}, {"n_out": 2}
    yield "LSTM", four[:4], {"hidden_size": m, "clip": 0.5}, {"n_out": 2}
    plain = [(seq, batch, n), (1, m, n), (1, m, m), (1, 2 * m)]
    for f in (
        "Relu",
        "Sigmoid",
        "Softsign",
        "Softplus",
        "HardSigmoid",
        "LeakyRelu",
        "Elu",
        "ThresholdedRelu",
    ):
        yield "RNN", plain, {"hidden_size": m, "activations": [f]}, {"n_out": 2}


def attentions():
    all_three = {"fed": (0, 1, 2), "opset": 23}
    heads = [(2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 6)]
    yield "Attention", heads, {}, all_three
    yield "Attention", heads, {"scale": 1.0}, all_three
    yield "Attention", heads, {"is_causal": 1}, all_three
    yield "Attention", heads, {"softcap": 2.0, "scale": 0.3}, all_three
    yield "Attention", [*heads, (3, 5)], {}, all_three
    yield "Attention", [(2, 3, 8), (2, 5, 4), (2, 5, 4)], {"q_num_heads": 4, "kv_num_heads": 2}, (
        all_three
    )
    yield "Attention", [*heads, np.ones((3, 5), bool)], {}, all_three
    yield "Attention", [*heads, None, (2, 2, 2, 4), (2, 2, 2, 6)], {}, {**all_three, "n_out": 3}


def several():
    """What is used twice, what is first, what is a view: (name, shapes of the inputs, nodes)."""
    hidden = ("MatMul", ("i0", "i1"), {})
    yield "input twice", [(3, 3)], [("Mul", ("i0", "i0"), {})]
    yield "input twice in a product", [(3, 3)], [("MatMul", ("i0", "i0"), {})]
    yield "weight twice", [(2, 3), (3, 3)], [hidden, ("MatMul", ("n0", "i1"), {})]
    yield "bias twice", [(2, 3), (3,)], [("Add", ("i0", "i1"), {}), ("Add", ("n0", "i1"), {})]
    yield "residual", [(2, 3), (3, 4), (4, 4)], [
        hidden,
        ("Relu", ("n0",), {}),
        ("MatMul", ("n1", "i2"), {}),
        ("Add", ("n1", "n2"), {}),
    ]
    yield "three consumers", [(2, 3), (3, 4)], [
        hidden,
        ("Sigmoid", ("n0",), {}),
        ("Tanh", ("n0",), {}),
        ("Mul", ("n1", "n2"), {}),
        ("Sub", ("n3", "n0"), {}),
    ]
    yield "convolutions", [(2, 2, 6, 6), (3, 2, 3, 3), (3,), (4, 3, 3, 3), (5, 4), (5,)], [
        ("Conv", ("i0", "i1", "i2"), {"pads": [1, 1, 1, 1]}),
        ("Relu", ("n0",), {}),
        ("MaxPool", ("n1",), {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", ("n2", "i3"), {}),
        ("GlobalAveragePool", ("n3",), {}),
        ("Flatten", ("n4",), {}),
        ("Gemm", ("n5", "i4", "i5"), {"transB": 1}),
    ]
    yield "convolution twice", [(1, 2, 5), (2, 2, 3)], [
        ("Conv", ("i0", "i1"), {"pads": [1, 1]}),
        ("Conv", ("n0", "i1"), {"pads": [1, 1]}),
    ]


def array(rng, spec, low=None, high=None):
    if spec is None or isinstance(spec, np.ndarray):
        return spec
    x = rng.standard_normal(spec) if low is None else rng.uniform(low, high, spec)
    return x.astype(np.float32)


def forward():
    rng = np.random.default_rng(20240229)
    lines = [
        *convolutions(),
        *products(),
        *quantised(rng),
        *elementwise(rng),
        *reductions(rng),
        *norms(),
        *pools(),
        *recurrents(),
        *attentions(),
    ]
    for i, (op, inputs, attrs, *more) in enumerate(lines):
        more = dict(more[0]) if more else {}
        ends = {k: more.pop(k) for k in ("low", "high") if k in more}
        arrays = [array(rng, spec, **ends) for spec in inputs]
        yield Case(
            f"case {i} {' '.join(str(getattr(s, 'shape', s)) for s in inputs)} {attrs}",
            op,
            arrays,
            attrs,
            **more,
        )


def graphs():
    rng = np.random.default_rng(20240301)
    for name, shapes, nodes in several():
        yield Case(f"graph: {name}", name, [array(rng, s) for s in shapes], nodes=nodes)


# what is followed backwards; of the recurrent ones and attention the products
EXACT = {
    "Conv",
    "ConvTranspose",
    "MatMul",
    "Gemm",
    "Einsum",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Min",
    "Max",
    "Sum",
    "Mean",
    "Mod",
    "Where",
    "PRelu",
    "Clip",
    "CumSum",
    "Softmax",
    "LogSoftmax",
    "MaxPool",
    "AveragePool",
    "GlobalMaxPool",
    "GlobalAveragePool",
    "LayerNormalization",
    "RMSNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "Pow",
    *UNARY,
    *REDUCTIONS,
}
PRODUCTS = {"RNN", "GRU", "LSTM", "Attention"}


def backward():
    """(case, classes that are compared)."""
    for case in itertools.chain(forward(), graphs()):
        trained = all(
            a is None or a.dtype.kind == "f" for i, a in enumerate(case.inputs) if i in case.fed
        )
        follow = case.op in EXACT | PRODUCTS or "training_mode" in case.attrs or case.nodes
        if trained and follow:
            case.n_out = 1
            yield case, ("fma",) if case.op in PRODUCTS else CLASSES
