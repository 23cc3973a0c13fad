"""Contractions: loops over output elements with an accumulator, an fma a step."""

import itertools
from string import ascii_uppercase

import numpy as np

from arrays import each, op, padded, plain, table, taps, window_form
from counted import Num, fma, made, ruled
from elementwise import per_axis, greater, nearest, smaller


def dot(pairs):
    acc = 0
    for a, b in pairs:
        acc = fma(acc, a, b)
    return acc if isinstance(acc, Num) else Num(acc)


@op("MatMul")
def matmul(a, b):
    row, column = a.ndim == 1, b.ndim == 1
    a = a[None, :] if row else a
    b = b[:, None] if column else b
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    y = table(
        batch + (a.shape[-2], b.shape[-1]),
        lambda *at: dot(zip(a[at[:-1]], b[at[:-2] + (slice(None), at[-1])])),
    )
    y = y[..., 0, :] if row else y
    return y[..., 0] if column else y


@op("Gemm")
def gemm(a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
    """alpha times the product plus beta times C, where factors of one are left out."""
    y = matmul(a.T if transA else a, b.T if transB else b)
    if alpha != 1:
        y = each(lambda v: v * alpha, y)
    if c is None or beta == 0:
        return y
    if beta != 1:
        c = each(lambda v: v * beta, c)
    return each(lambda v, w: v + w, y, c)


def multiplied(acc, a, b, sums):
    """acc + a*b; sums: whether the forward pass, the gradient of a and that of b sum products."""
    kind, *back = ("fma" if s else "mul" for s in sums)
    links = [(x, ("fma" if k == "fma" else "times", y.v)) for x, y, k in zip((a, b), (b, a), back)]
    return made((0 if acc is None else acc.v) + a.v * b.v, kind, (acc, "sum"), *links)


@op("Einsum")
def einsum(*xs, equation):
    """Of one or two operands: one operand is moved or summed, two are a product for each
    combination of letters, an fma where some are summed."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    dots = max((x.ndim - len(t) + 3 for t, x in zip(terms, xs) if "..." in t), default=0)
    named = ascii_uppercase[:dots]  # letters for the ellipsis
    if not arrow:
        letters = "".join(terms).replace(".", "")
        right = "..." * ("..." in left) + "".join(
            sorted(s for s in set(letters) if letters.count(s) == 1)
        )
    terms = [
        t.replace("...", named[dots - (x.ndim - len(t) + 3) :] if "..." in t else "")
        for t, x in zip(terms, xs)
    ]
    right = right.replace("...", named)
    size = {s: d for t, x in zip(terms, xs) for s, d in zip(t, x.shape)}
    summed = [s for s in size if s not in right]
    # each pass over the letters is a contraction where it sums over some
    everywhere = set("".join(terms) + right)
    sums = [bool(everywhere - set(t)) for t in (right, *terms)]

    def element(*at):
        where = dict(zip(right, at))
        acc = None
        for more in itertools.product(*(range(size[s]) for s in summed)):
            where.update(zip(summed, more))
            v = [x[tuple(where[s] for s in t)] for t, x in zip(terms, xs)]
            if len(v) == 1:
                acc = v[0] if acc is None else acc + v[0]
            else:
                acc = multiplied(acc, *v, sums)
        return acc

    return table([size[s] for s in right], element)


def convolve(x, w, b, strides, pads, dilations, auto_pad, group):
    """x is padded with zeros that are multiplied like data."""
    kernel = w.shape[2:]
    out, strides, pads, dilations = window_form(
        x.shape[2:], kernel, strides, pads, dilations, auto_pad
    )
    x = padded(x, pads, 0.0, x.flat[0].live)
    per_group = w.shape[1]
    filters = w.shape[0] // group

    def element(n, f, *at):
        first = f // filters * per_group
        acc = dot(
            (
                x[
                    (n, first + c)
                    + tuple(p * s + t * d for p, s, t, d in zip(at, strides, tap, dilations))
                ],
                w[(f, c) + tap],
            )
            for c in range(per_group)
            for tap in taps(kernel)
        )
        return acc if b is None else acc + b[f]

    return table((x.shape[0], w.shape[0], *out), element)


@op("Conv")
def conv(
    x,
    w,
    b=None,
    strides=None,
    pads=None,
    dilations=None,
    auto_pad="NOTSET",
    group=1,
    kernel_shape=None,
):
    return convolve(x, w, b, strides, pads, dilations, auto_pad, group)


def cropped(y, part):
    """What is left of y. Backwards the border has gradients of zero, which are multiplied like
    data."""
    inside = np.zeros(y.shape, bool)
    inside[tuple(part)] = True
    where = np.flatnonzero(inside)

    def back(gs, ys, xs, live):
        grads = [Num(0.0)] * len(xs)
        for i, g in zip(where, gs):
            grads[i] = g
        return grads

    kept = ruled(lambda xs: [xs[i] for i in where], back, list(y.flat))
    return np.array(kept, object).reshape(y[tuple(part)].shape)


@op("ConvTranspose")
def conv_transpose(
    x,
    w,
    b=None,
    strides=None,
    pads=None,
    dilations=None,
    auto_pad="NOTSET",
    group=1,
    kernel_shape=None,
    output_padding=None,
    output_shape=None,
):
    """Each input element times the kernel is added into the output, what falls outside too."""
    n = x.ndim - 2
    kernel = w.shape[2:]
    strides, dilations = strides or [1] * n, dilations or [1] * n
    extra, pads = output_padding or [0] * n, list(pads or [0] * 2 * n)
    full = [
        (d - 1) * s + (k - 1) * e + 1 + o
        for d, s, k, e, o in zip(x.shape[2:], strides, kernel, dilations, extra)
    ]
    if output_shape or auto_pad.startswith("SAME"):
        wanted = output_shape or [d * s for d, s in zip(x.shape[2:], strides)]
        for i in range(n):
            spare = max(0, full[i] - wanted[i])
            pads[i] = spare // 2 if auto_pad == "SAME_UPPER" else spare - spare // 2
            pads[n + i] = spare - pads[i]
            full[i] = max(full[i], wanted[i] + spare)
    per_group = w.shape[1]
    y = np.zeros((x.shape[0], per_group * group, *full), object)
    for at in np.ndindex(x.shape):
        g = at[1] // (x.shape[1] // group)
        for f, tap in itertools.product(range(per_group), taps(kernel)):
            to = (at[0], g * per_group + f) + tuple(
                p * s + t * d for p, s, t, d in zip(at[2:], strides, tap, dilations)
            )
            y[to] = fma(y[to], x[at], w[(at[1], f) + tap])
    y = each(lambda v: v if isinstance(v, Num) else Num(v), y)
    y = cropped(y, [slice(None)] * 2 + [slice(pads[i], full[i] - pads[n + i]) for i in range(n)])
    return y if b is None else each(lambda v, c: v + c, y, b.reshape(-1, *[1] * n))


# ---- integers ----


def shifted(x, zero, axis):
    zero = per_axis(zero, x.ndim, axis)
    return x if zero is None else each(lambda v, z: v - z, x, zero)


@op("MatMulInteger")
def matmul_integer(a, b, a_zero=None, b_zero=None):
    return matmul(shifted(a, a_zero, -2), shifted(b, b_zero, -1))


@op("ConvInteger")
def conv_integer(
    x,
    w,
    x_zero=None,
    w_zero=None,
    kernel_shape=None,
    strides=None,
    pads=None,
    dilations=None,
    auto_pad="NOTSET",
    group=1,
):
    return convolve(
        shifted(x, x_zero, 1),
        shifted(w, w_zero, 0),
        None,
        strides,
        pads,
        dilations,
        auto_pad,
        group,
    )


def requantized(y, factor, zero):
    """The three scales are one factor, known before the data."""
    low, high = (-128, 127) if zero.v < 0 else (0, 255)
    return each(lambda v, m: smaller(greater(nearest(v * m) + zero, low), high), y, factor)


def factor_of(a, b, y, rank, axis):
    return each(
        lambda p, q, r: p.v * q.v / r.v, a.reshape(()), per_axis(b, rank, axis), y.reshape(())
    )


@op("QLinearMatMul")
def qlinear_matmul(a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero):
    y = matmul_integer(a, b, a_zero, b_zero)
    return requantized(y, factor_of(a_scale, b_scale, y_scale, y.ndim, -1), y_zero.flat[0])


@op("QLinearConv")
def qlinear_conv(x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, b=None, **attrs):
    y = conv_integer(x, w, x_zero, w_zero, **attrs)
    if b is not None:
        y = each(lambda v, c: v + c, y, b.reshape(-1, *[1] * (y.ndim - 2)))
    return requantized(y, factor_of(x_scale, w_scale, y_scale, y.ndim, 1), y_zero.flat[0])
