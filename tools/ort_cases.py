#!/usr/bin/env python3
"""Usage: tools/ort_cases.py FOLDER

Writes cases of com.microsoft operators (and ML:NAME, of ai.onnx.ml) with the outputs that ONNX
Runtime gives, in the layout of
the ONNX node tests (all inputs are stored in the model), for tests/outputs. Wants numpy, onnx and
onnxruntime from PyPI in a virtual environment; tests/outputs/runtime holds what it wrote.
"""
import os
import shutil
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

rng = np.random.default_rng(7)
f = lambda *shape: (rng.standard_normal(shape) * 0.5).astype(np.float32)
u8 = lambda *shape: rng.integers(0, 256, shape).astype(np.uint8)
i8 = lambda *shape: rng.integers(-128, 128, shape).astype(np.int8)
i32 = lambda *v: np.array(v, np.int32)
s = lambda x: np.float32(x)
z = lambda x: np.uint8(x)
zi = lambda x: np.int8(x)
ones = lambda *shape: np.ones(shape, np.float32)


def caches(n, half):
    angle = np.outer(np.arange(n), 1 / 100 ** (np.arange(half) / half))
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


# Weights of bytes without a sign: on processors without VNNI the products of bytes with and without
# a sign are held in 16 bits there, and overflow.
def cases():
    """(name, operator, attributes, inputs, number of outputs)"""
    cos, sin = caches(16, 8)
    x, w, b = f(2, 5, 12), f(12, 36), f(36)
    yield "attention", "Attention", dict(num_heads=3), [x, w, b], 1
    yield "attention_causal", "Attention", dict(num_heads=3, unidirectional=1), [x, w, b], 2
    yield "attention_lengths", "Attention", dict(num_heads=3), [x, w, b, i32(5, 3)], 1
    mask = np.array([[1, 1, 1, 1, 1], [0, 1, 1, 1, 0]], np.int32)
    yield "attention_mask", "Attention", dict(num_heads=3), [x, w, b, mask], 1
    yield "attention_past", "Attention", dict(num_heads=3, unidirectional=1), [
        x, w, b, None, f(2, 2, 3, 4, 4)], 2
    yield "attention_bias", "Attention", dict(num_heads=3, scale=0.3), [
        x, w, b, None, None, f(2, 3, 5, 5)], 1
    yield "attention_uneven", "Attention", dict(num_heads=2, qkv_hidden_sizes=[8, 8, 12]), [
        x, f(12, 28), f(28)], 1
    q, k, v = f(2, 5, 12), f(2, 7, 12), f(2, 7, 24)
    yield "multi", "MultiHeadAttention", dict(num_heads=3), [q, k, v], 1
    yield "multi_bias", "MultiHeadAttention", dict(num_heads=3), [q, k, v, f(48)], 1
    yield "multi_padding", "MultiHeadAttention", dict(num_heads=3), [
        q, k, v, None, np.array([[1] * 7, [1] * 4 + [0] * 3], np.int32)], 1
    yield "multi_added", "MultiHeadAttention", dict(num_heads=3), [
        q, k, v, None, None, f(1, 3, 5, 7)], 1
    yield "multi_past", "MultiHeadAttention", dict(num_heads=3, unidirectional=1), [
        f(2, 4, 12), f(2, 4, 12), f(2, 4, 12), None, None, None, f(2, 3, 6, 4), f(2, 3, 6, 4)], 3
    yield "multi_heads", "MultiHeadAttention", dict(num_heads=3), [
        q, f(2, 3, 7, 4), f(2, 3, 7, 4)], 1
    gqa = dict(num_heads=4, kv_num_heads=2)
    few = dict(num_heads=2, kv_num_heads=1, do_rotary=1)
    yield "group", "GroupQueryAttention", gqa, [
        f(2, 4, 32), f(2, 4, 16), f(2, 4, 16), None, None, i32(3, 2), i32(4)[0]], 3
    yield "group_rotary", "GroupQueryAttention", few, [
        f(1, 4, 32), f(1, 4, 16), f(1, 4, 16), None, None, i32(3), i32(4)[0], cos, sin], 3
    yield "group_pairs", "GroupQueryAttention", dict(few, rotary_interleaved=1), [
        f(1, 4, 32), f(1, 4, 16), f(1, 4, 16), None, None, i32(3), i32(4)[0], cos, sin], 3
    yield "group_past", "GroupQueryAttention", few, [
        f(2, 1, 32), f(2, 1, 16), f(2, 1, 16), f(2, 1, 6, 16), f(2, 1, 6, 16), i32(6, 4), i32(7)[0],
        cos, sin], 3
    yield "group_window", "GroupQueryAttention", dict(gqa, local_window_size=2), [
        f(1, 6, 32), f(1, 6, 16), f(1, 6, 16), None, None, i32(5), i32(6)[0]], 3
    yield "group_packed", "GroupQueryAttention", few, [
        f(1, 4, 64), None, None, None, None, i32(3), i32(4)[0], cos, sin], 3
    yield "group_capped", "GroupQueryAttention", dict(gqa, softcap=2.0, scale=1.5), [
        f(1, 4, 32), f(1, 4, 16), f(1, 4, 16), None, None, i32(3), i32(4)[0]], 3
    yield "masked", "DecoderMaskedMultiHeadAttention", dict(
        num_heads=3, past_present_share_buffer=1), [
        f(2, 1, 12), f(2, 1, 12), f(2, 1, 12), None, None, f(2, 3, 9, 4), f(2, 3, 9, 4), i32(6)], 3
    yield "embed", "EmbedLayerNormalization", {}, [
        np.array([[1, 4, 2], [0, 5, 3]], np.int32), np.array([[0, 0, 1], [1, 0, 0]], np.int32),
        f(6, 8), f(4, 8), f(2, 8), f(8), f(8), np.array([[1, 1, 1], [1, 1, 0]], np.int32)], 2
    yield "skip", "SkipLayerNormalization", {}, [f(2, 3, 8), f(2, 3, 8), f(8), f(8), f(8)], 1
    yield "skip_simple", "SkipSimplifiedLayerNormalization", {}, [f(2, 3, 8), f(2, 3, 8), f(8)], 1
    yield "fused_conv", "FusedConv", dict(
        activation="LeakyRelu", activation_params=[0.2], kernel_shape=[3, 3], pads=[1] * 4), [
        f(1, 3, 5, 5), f(4, 3, 3, 3), f(4), f(1, 4, 5, 5)], 1
    yield "fused_conv_clip", "FusedConv", dict(
        activation="Clip", activation_params=[-0.1, 0.4], kernel_shape=[3, 3]), [
        f(1, 3, 5, 5), f(4, 3, 3, 3), f(4)], 1
    yield "fused_gemm", "FusedGemm", dict(activation="Relu", transB=1, alpha=0.5), [
        f(3, 5), f(4, 5), f(4)], 1
    yield "fused_matmul", "FusedMatMul", dict(transA=1, alpha=0.5), [f(2, 5, 3), f(2, 5, 4)], 1
    yield "gelu_bias", "BiasGelu", {}, [f(3, 8), f(8)], 1
    yield "quick_gelu", "QuickGelu", dict(alpha=1.702), [f(3, 8)], 1
    yield "rotary", "RotaryEmbedding", {}, [
        f(2, 3, 4, 16), np.arange(8).reshape(2, 4).astype(np.int64), cos, sin], 1
    yield "q_add", "QLinearAdd", {}, [
        u8(2, 3, 4), s(0.04), z(120), u8(4), s(0.03), z(100), s(0.06), z(110)], 1
    yield "q_mul", "QLinearMul", {}, [
        i8(2, 3), s(0.041), zi(12), i8(2, 1), s(0.0307), zi(-10), s(0.083), zi(5)], 1
    yield "q_sigmoid", "QLinearSigmoid", {}, [u8(3, 7), s(0.05), z(128), s(1 / 256), z(0)], 1
    yield "q_leaky", "QLinearLeakyRelu", dict(alpha=0.2), [
        u8(3, 7), s(0.05), z(128), s(0.04), z(100)], 1
    yield "q_softmax", "QLinearSoftmax", dict(axis=-1, opset=13), [
        u8(3, 7), s(0.05), z(128), s(1 / 256), z(0)], 1
    yield "q_concat", "QLinearConcat", dict(axis=1), [
        s(0.05), z(120), u8(2, 3), s(0.04), z(110), u8(2, 2), s(0.06), z(130)], 1
    yield "q_pool", "QLinearAveragePool", dict(kernel_shape=[3, 3], pads=[1] * 4), [
        u8(1, 2, 5, 5), s(0.05), z(120), s(0.04), z(110)], 1
    yield "q_global", "QLinearGlobalAveragePool", {}, [
        u8(1, 3, 4, 5), s(0.05), z(120), s(0.03), z(110)], 1
    yield "q_gemm", "QGemm", dict(transB=1), [
        u8(3, 8), s(0.02), z(120), u8(4, 8), s(0.03), z(133),
        rng.integers(-500, 500, 4).astype(np.int32), s(0.1), z(128)], 1
    yield "q_gemm_float", "QGemm", dict(alpha=0.5), [
        u8(3, 8), s(0.02), z(120), u8(8, 4), s(0.03), z(130)], 1
    yield "dynamic", "DynamicQuantizeMatMul", {}, [f(3, 8), u8(8, 4), f(4) ** 2, u8(4), f(4)], 1
    yield "to_float", "MatMulIntegerToFloat", {}, [
        u8(3, 8), u8(8, 4), s(0.02), f(4) ** 2, z(120), u8(4), f(4)], 1
    bits = dict(K=40, N=3, bits=4, block_size=16)
    packed = u8(3, 3, 8)
    yield "bits", "MatMulNBits", bits, [f(2, 40), packed, f(9)], 1
    yield "bits_zero", "MatMulNBits", bits, [f(2, 40), packed, f(9), u8(6)], 1
    yield "bits_bias", "MatMulNBits", bits, [f(2, 40), packed, f(9), None, None, f(3)], 1
    yield from classical()


def tree(leaves):
    """Attributes of two trees over three features; leaves: (prefix, entries (tree, node, id, w))"""
    prefix, entries = leaves
    modes = ["BRANCH_LEQ", "BRANCH_GT", "LEAF", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"]
    columns = list(zip(*entries))
    return {"nodes_treeids": [0] * 5 + [1] * 3, "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
            "nodes_featureids": [0, 2, 0, 0, 0, 1, 0, 0], "nodes_modes": modes,
            "nodes_values": [0.1, -0.2, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0],
            "nodes_truenodeids": [1, 2, 0, 0, 0, 1, 0, 0],
            "nodes_falsenodeids": [4, 3, 0, 0, 0, 2, 0, 0],
            prefix + "_treeids": columns[0], prefix + "_nodeids": columns[1],
            prefix + "_ids": columns[2], prefix + "_weights": columns[3]}


def classical():
    x = f(6, 3) * 2
    places = [(0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]
    one = [(t, n, 0, w) for (t, n), w in zip(places, [0.5, -0.25, 0.125, 0.75, -1.0])]
    zero = [(t, n, 0, abs(w)) for t, n, _, w in one]
    many = [(t, n, c, (t + n * c) / 8.0) for t, n in places for c in range(3)]
    yield "ml_trees", "ML:TreeEnsembleRegressor", dict(
        tree(("target", [(t, n, 0, w) for t, n, _, w in one])), n_targets=1,
        base_values=[0.25]), [x], 1
    yield "ml_trees_min", "ML:TreeEnsembleRegressor", dict(
        tree(("target", many)), n_targets=3, aggregate_function="MIN"), [x], 1
    yield "ml_forest", "ML:TreeEnsembleClassifier", dict(
        tree(("class", many)), classlabels_int64s=[4, 5, 6], post_transform="SOFTMAX"), [x], 2
    yield "ml_boosted", "ML:TreeEnsembleClassifier", dict(
        tree(("class", one)), classlabels_int64s=[3, 7], post_transform="LOGISTIC"), [x], 2
    second = [(t, n, 1, w) for t, n, _, w in one]
    yield "ml_second", "ML:TreeEnsembleClassifier", dict(
        tree(("class", second)), classlabels_int64s=[3, 7], post_transform="LOGISTIC"), [x], 2
    yield "ml_positive", "ML:TreeEnsembleClassifier", dict(
        tree(("class", zero)), classlabels_int64s=[3, 7]), [x], 2
    w = [float(v) for v in np.round(f(9), 3)]
    yield "ml_linear", "ML:LinearRegressor", dict(
        coefficients=w[:6], intercepts=[0.5, -0.5], targets=2), [x], 1
    yield "ml_classes", "ML:LinearClassifier", dict(
        coefficients=w, intercepts=[0.1, 0.2, 0.3], classlabels_ints=[2, 4, 8],
        post_transform="SOFTMAX"), [x], 2
    yield "ml_logistic", "ML:LinearClassifier", dict(
        coefficients=w, intercepts=[0.1, 0.2, 0.3], classlabels_ints=[2, 4, 8],
        post_transform="LOGISTIC"), [x], 2
    for kernel in ("LINEAR", "RBF", "POLY", "SIGMOID"):
        yield "ml_svr_" + kernel.lower(), "ML:SVMRegressor", dict(
            kernel_type=kernel, kernel_params=[0.3, 0.5, 3.0], coefficients=w[:3], rho=[0.25],
            support_vectors=[float(v) for v in np.round(f(9), 3)], n_supports=3), [x], 1
    yield "ml_scaler", "ML:Scaler", dict(offset=[0.5, 1.0, -1.0], scale=[2.0, 0.5, 0.25]), [x], 1
    yield "ml_binarizer", "ML:Binarizer", dict(threshold=0.25), [x], 1
    yield "ml_imputer", "ML:Imputer", dict(
        replaced_value_float=0.0, imputed_value_floats=[1.5, 2.5, 3.5]), [
        x * (np.arange(18).reshape(6, 3) % 4 > 0).astype(np.float32)], 1
    for norm in ("MAX", "L1", "L2"):
        yield "ml_norm_" + norm.lower(), "ML:Normalizer", dict(norm=norm), [np.abs(x)], 1
    yield "ml_one_hot", "ML:OneHotEncoder", dict(cats_int64s=[3, 1, 4], zeros=1), [
        np.array([4, 3, 9, 1], np.int64)], 1


def sequences(folder):
    """Small graphs over sequences: (name, nodes, stored tensors, outputs)"""
    node = helper.make_node
    x, one, two = f(7, 4), np.array(1, np.int64), np.array(2, np.int64)
    split = node("SplitToSequence", ["x", "two"], ["s"], axis=0)
    last = node("SequenceAt", ["s", "minus"], ["y0"])
    stored = dict(x=x, two=two, one=one, minus=np.array(-1, np.int64))
    write_graph(folder, "seq_split", [
        split, last, node("SequenceLength", ["s"], ["y1"]),
        node("ConcatFromSequence", ["s"], ["y2"], axis=0)], stored, 3)
    write_graph(folder, "seq_edit", [
        split, node("SequenceErase", ["s", "one"], ["t"]),
        node("SequenceInsert", ["t", "x", "one"], ["u"]),
        node("SequenceAt", ["u", "one"], ["y0"]),
        node("ConcatFromSequence", ["u"], ["y1"], axis=0)], stored, 2)
    write_graph(folder, "seq_stack", [
        node("SequenceConstruct", ["x", "x", "x"], ["s"]),
        node("ConcatFromSequence", ["s"], ["y0"], axis=-1, new_axis=1)], stored, 1)
    write_graph(folder, "seq_sizes", [
        node("SplitToSequence", ["x", "sizes"], ["s"], axis=1),
        node("SequenceAt", ["s", "one"], ["y0"])], dict(
            stored, sizes=np.array([1, 3], np.int64)), 1)
    write_graph(folder, "seq_columns", [
        node("SplitToSequence", ["x"], ["s"], axis=1, keepdims=0),
        node("SequenceAt", ["s", "two"], ["y0"])], stored, 1)


def write(folder, name, op, attributes, inputs, n_out):
    domain = "ai.onnx.ml" if op.startswith("ML:") else "com.microsoft"
    names = ["x%d" % i if x is not None else "" for i, x in enumerate(inputs)]
    outs = ["y%d" % i for i in range(n_out)]
    node = helper.make_node(op.split(":")[-1], names, outs, domain=domain, **attributes)
    stored = {n: np.asarray(x) for x, n in zip(inputs, names) if n}
    write_graph(folder, name if name.startswith("ml_") else "ms_" + name, [node], stored, n_out,
                [helper.make_opsetid(domain, 1 if domain[0] == "c" else 3)])


def write_graph(folder, name, nodes, tensors, n_out, opsets=()):
    outs = ["y%d" % i for i in range(n_out)]
    used = {n for node in nodes for n in node.input}
    stored = [numpy_helper.from_array(x, n) for n, x in tensors.items() if n in used]
    infos = [onnx.ValueInfoProto(name=n) for n in outs]
    graph = helper.make_graph(nodes, name, [], infos, stored)
    opsets = [helper.make_opsetid("", 17), *opsets]
    model = helper.make_model(graph, ir_version=8, opset_imports=opsets)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    results = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {})
    for info, y in zip(infos, results):
        kind = helper.np_dtype_to_tensor_dtype(np.asarray(y).dtype)
        info.CopyFrom(helper.make_tensor_value_info(info.name, kind, np.asarray(y).shape))
    del graph.output[:]
    graph.output.extend(infos)
    model = helper.make_model(graph, ir_version=8, producer_name="flopwise", opset_imports=opsets)
    where = os.path.join(folder, name)
    os.makedirs(os.path.join(where, "test_data_set_0"))
    onnx.save(model, os.path.join(where, "model.onnx"))
    for i, y in enumerate(results):
        with open(os.path.join(where, "test_data_set_0", "output_%d.pb" % i), "wb") as out:
            out.write(numpy_helper.from_array(np.asarray(y), outs[i]).SerializeToString())


def main():
    folder = sys.argv[1]
    shutil.rmtree(folder, ignore_errors=True)
    for case in cases():
        try:
            write(folder, *case)
        except Exception as error:  # what this release does not run on a CPU
            print(case[0], str(error).split("\n")[0][:120])
    sequences(folder)


if __name__ == "__main__":
    main()
