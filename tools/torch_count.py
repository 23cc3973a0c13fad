"""Counts the matrix work that torch really dispatches, forward and backward.

`Contractions` is a dispatch mode: every mm, addmm, bmm, baddbmm, convolution and their backward
that reaches the back end adds its multiply-adds. Nothing is derived from module types, so the
figures are independent of any formula per layer. A convolution's backward is one dispatched call
with an output mask: dX and dW each have the forward's multiply-adds, also when grouped.
"""
from collections import Counter
from math import prod

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


def conv_macs(x, w, transposed, out_shape):
    """x: N,C,spatial; w: D,C/g,k (or C,D/g,k transposed). Padded taps are counted."""
    spatial = x[2:] if transposed else out_shape[2:]
    return x[0] * prod(spatial) * prod(w)


def mm(args, _out):
    a, b = args[-2:]
    return a.shape[0] * a.shape[1] * b.shape[1]


def addmm(args, _out):
    a, b = args[1:3]
    return a.shape[0] * a.shape[1] * b.shape[1]


def bmm(args, _out):
    a, b = args[-2:]
    return prod(a.shape) * b.shape[2]


def baddbmm(args, _out):
    a, b = args[1:3]
    return prod(a.shape) * b.shape[2]


def convolution(args, out):
    return conv_macs(args[0].shape, args[1].shape, args[6], out.shape)


def convolution_backward(args, _out):
    dy, x, w, transposed, mask = args[0], args[1], args[2], args[7], args[10]
    return conv_macs(x.shape, w.shape, transposed, dy.shape) * (bool(mask[0]) + bool(mask[1]))


RULES = {
    aten.mm.default: mm,
    aten.addmm.default: addmm,
    aten.bmm.default: bmm,
    aten.baddbmm.default: baddbmm,
    aten.convolution.default: convolution,
    aten._convolution.default: convolution,
    aten.convolution_backward.default: convolution_backward,
}
# Calls that hide contractions inside one kernel: seeing one means the count is not complete.
OPAQUE = ("_native_multi_head_attention", "_transformer_encoder", "mkldnn_rnn", "lstm", "gru",
          "einsum", "mkldnn_linear", "addmv", "mv", "dot", "addbmm", "_trilinear", "linear",
          "thnn_conv2d", "slow_conv", "matmul", "quantized")


class Contractions(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.macs = 0
        self.by_op = Counter()
        self.opaque = Counter()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        rule = RULES.get(func)
        name = func._schema.name.split("::")[1]
        self.seen[name] += 1
        if rule:
            n = rule(args, out)
            self.macs += n
            self.by_op[name] += n
        elif name in OPAQUE:
            self.opaque[name] += 1
        return out


def forward_macs(net, inputs):
    """Multiply-adds of one forward pass in eval mode, with gradients on (no fused kernels)."""
    mode = Contractions()
    with mode:
        net(*inputs)
    return mode


def flatten(out):
    if isinstance(out, torch.Tensor):
        return [out]
    if isinstance(out, dict):
        out = list(out.values())
    return [t for item in out for t in flatten(item)]


def backward_macs(net, inputs, input_grad):
    """Multiply-adds of backward alone, loss = sum of squares of the outputs."""
    if input_grad:
        inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    loss = sum((t * t).sum() for t in flatten(net(*inputs)) if t.is_floating_point())
    mode = Contractions()
    with mode:
        loss.backward()
    net.zero_grad(set_to_none=True)
    return mode
