"""Sliding windows and interpolation: pools, LRN, Resize."""

import math

import numpy as np

from arrays import each, ints, op, padded, table, taps, window_form
from counted import Num, absolute, greatest, power, ruled, sqrt, total
from reduce import OPS


def pool(x, kernel, form, fill, f):
    """f(window values, [is inside]) per output element; padding is worked on like data."""
    out, strides, pads, dilations = form
    inside = padded(each(lambda v: Num(True), x), pads, False)
    x = padded(x, pads, fill, x.flat[0].live)

    def element(n, c, *at):
        places = [
            (n, c) + tuple(p * s + t * d for p, s, t, d in zip(at, strides, tap, dilations))
            for tap in taps(kernel)
        ]
        return f([x[p] for p in places], [inside[p].v for p in places])

    return table((*x.shape[:2], *out), element)


def form_of(x, kernel, strides=None, pads=None, dilations=None, auto_pad="NOTSET", ceil_mode=0):
    return window_form(x.shape[2:], kernel, strides, pads, dilations, auto_pad, ceil_mode)


@op("MaxPool")
def max_pool(x, kernel_shape, storage_order=0, **form):
    return pool(
        x, kernel_shape, form_of(x, kernel_shape, **form), -math.inf, lambda v, _: max_of(v)
    )


def max_of(xs):
    """Backwards the gradient is added where the kept index says."""

    def back(gs, ys, vs, _):
        at = [v.v for v in vs].index(ys[0].v)
        return [gs[0] if i == at else None for i in range(len(vs))]

    return ruled(lambda vs: [greatest(vs)], back, xs, scatter=True)[0]


def mean_of(xs, count):
    """Backwards each share is added at every tap."""

    def back(gs, ys, vs, _):
        return [gs[0] / Num(count)] * len(vs)

    return ruled(lambda vs: [total(vs) / Num(count)], back, xs, scatter=True)[0]


@op("AveragePool")
def average_pool(x, kernel_shape, count_include_pad=0, **form):
    """The zeros of the padding are added; they count in the divisor where that is asked for, though
    never those that only ceil_mode appends."""
    n = len(kernel_shape)
    pads = list(form.get("pads") or [0] * 2 * n)
    shaped = form_of(x, kernel_shape, **form)
    size = [x.shape[2 + i] + pads[i] + pads[n + i] for i in range(n)]

    def element(at, values, inside):
        count = sum(inside)
        if count_include_pad:
            out, strides, _, dilations = shaped
            count = sum(
                all(p * s + t * d < m for p, s, t, d, m in zip(at, strides, tap, dilations, size))
                for tap in taps(kernel_shape)
            )
        return mean_of(values, count)

    places = iter(np.ndindex((*x.shape[:2], *shaped[0])))
    return pool(x, kernel_shape, shaped, 0.0, lambda v, i: element(next(places)[2:], v, i))


def norm_of(values, p):
    if p == 1:
        return total(absolute(v) for v in values)
    if p == 2:
        return sqrt(total(v * v for v in values))
    return power(total(power(absolute(v), p) for v in values), 1 / p)


@op("LpPool")
def lp_pool(x, kernel_shape, p=2, **form):
    return pool(x, kernel_shape, form_of(x, kernel_shape, **form), 0.0, lambda v, _: norm_of(v, p))


def whole(f):
    def run(x, p=2):
        y = np.empty(x.shape[:2], object)
        for at in np.ndindex(y.shape):
            y[at] = f(list(x[at].flat), p)
        return y.reshape(*x.shape[:2], *[1] * (x.ndim - 2))

    return run


OPS["GlobalMaxPool"] = whole(lambda xs, p: max_of(xs))
OPS["GlobalAveragePool"] = whole(lambda xs, p: total(xs) / Num(len(xs)))
OPS["GlobalLpPool"] = whole(norm_of)


@op("LRN")
def lrn(x, size, alpha=1e-4, beta=0.75, bias=1.0):
    """Squares once per element; the window of channels is padded with zeros."""
    squares = each(lambda v: v * v, x)
    before = (size - 1) // 2

    def element(n, c, *at):
        window = [
            squares[(n, i) + at] if 0 <= i < x.shape[1] else Num(0.0)
            for i in range(c - before, c - before + size)
        ]
        return x[(n, c) + at] / power(bias + (alpha / size) * total(window), beta)

    return table(x.shape, element)


def source(i, n_in, n_out, scale, mode):
    if mode == "asymmetric":
        return i / scale
    if mode == "align_corners":
        return i * (n_in - 1) / (n_in * scale - 1) if n_out > 1 else 0.0
    if mode == "pytorch_half_pixel" and n_out == 1:
        return 0.0
    return (i + 0.5) / scale - 0.5


@op("Resize")
def resize(
    x,
    roi=None,
    scales=None,
    sizes=None,
    mode="nearest",
    cubic_coeff_a=-0.75,
    coordinate_transformation_mode="half_pixel",
    exclude_outside=0,
    nearest_mode=None,
    extrapolation_value=0.0,
):
    """Axis after axis inside each output element; weights come from sizes alone."""
    if coordinate_transformation_mode == "tf_crop_and_resize":
        raise NotImplementedError("places that come from data")
    if scales is not None and scales.size:
        scale = [s.v for s in scales.flat]
        out = [math.floor(d * s) for d, s in zip(x.shape, scale)]
    else:
        out = ints(sizes)
        scale = [o / d for o, d in zip(out, x.shape)]
    coefficient = cubic_coeff_a if mode == "cubic" else None

    def value(at, axis, where):
        if axis == x.ndim:
            return x[where]
        if scale[axis] == 1:
            return value(at, axis + 1, where + (at[axis],))
        n = x.shape[axis]
        place = source(at[axis], n, out[axis], scale[axis], coordinate_transformation_mode)
        if mode == "nearest":
            i = to_nearest(place, nearest_mode or "round_prefer_floor")
            return value(at, axis + 1, where + (min(max(i, 0), n - 1),))
        taken = weighted(place, n, coefficient, exclude_outside)
        return total(
            value(at, axis + 1, where + (min(max(i, 0), n - 1),)) * Num(w) for i, w in taken
        )

    return table(out, lambda *at: value(at, 0, ()))


def to_nearest(place, how):
    if how == "floor":
        return math.floor(place)
    if how == "ceil":
        return math.ceil(place)
    up = math.floor(place + 0.5)
    return up - 1 if how == "round_prefer_floor" and place + 0.5 == up else up


def weighted(place, n, a, exclude_outside):
    """(index, weight) of the two (linear, a is None) or four (cubic) taps around a place."""
    low = math.floor(place)
    t = place - low
    if a is None:
        return [(low, 1 - t), (low + 1, t)]
    near = lambda d: (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = lambda d: a * (d**3 - 5 * d**2 + 8 * d - 4)
    taken = [(low - 1, far(t + 1)), (low, near(t)), (low + 1, near(1 - t)), (low + 2, far(2 - t))]
    if exclude_outside:
        inside = [(i, w if 0 <= i < n else 0.0) for i, w in taken]
        taken = [(i, w / sum(w for _, w in inside)) for i, w in inside]
    return taken
