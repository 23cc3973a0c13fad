"""Reductions, normalisations, selections along axes."""

import numpy as np

from arrays import OPS, along, each, groups, ints, op
from counted import (
    Num,
    absolute,
    exp,
    greatest,
    least,
    log,
    minmax,
    pick,
    ruled,
    sign,
    sqrt,
    total,
)


def mean(xs):
    return total(xs) / len(xs)


def product(xs):
    acc = xs[0]
    for x in xs[1:]:
        acc = acc * x
    return acc


def log_sum_exp(xs):
    """Shifted by the maximum, so that no exp overflows."""
    top = greatest([Num(x.v) for x in xs])
    return top + log(total(exp(x - top) for x in xs))


# name: (forward, backward of one result from (dy, y, xs), None: as the additions and divisions say)
REDUCTIONS = {
    "ReduceSum": (total, None),
    "ReduceMean": (mean, None),
    "ReduceMax": (greatest, lambda dy, y, xs: to_equal(dy, y, xs)),
    "ReduceMin": (least, lambda dy, y, xs: to_equal(dy, y, xs)),
    "ReduceProd": (product, lambda dy, y, xs: over((dy * y), xs)),
    "ReduceL1": (
        lambda xs: total(absolute(x) for x in xs),
        lambda dy, y, xs: [dy * sign(x) for x in xs],
    ),
    "ReduceL2": (lambda xs: sqrt(total(x * x for x in xs)), lambda dy, y, xs: scaled(dy / y, xs)),
    "ReduceSumSquare": (lambda xs: total(x * x for x in xs), lambda dy, y, xs: scaled(2 * dy, xs)),
    "ReduceLogSum": (lambda xs: log(total(xs)), lambda dy, y, xs: [dy / exp(y)] * len(xs)),
    "ReduceLogSumExp": (log_sum_exp, lambda dy, y, xs: [dy * exp(x - y) for x in xs]),
}


def to_equal(dy, y, xs):
    return [pick(x.v == y.v, dy, 0) for x in xs]


def over(a, xs):
    return [a / x for x in xs]


def scaled(a, xs):
    return [a * x for x in xs]


def with_rule(f, back):
    return lambda xs: ruled(lambda vs: [f(vs)], lambda gs, ys, vs, _: back(gs[0], ys[0], vs), xs)[0]


def reduction(f):
    def run(x, axes_in=None, axes=None, keepdims=1, noop_with_empty_axes=0):
        axes = ints(axes_in) if axes is None else list(axes)
        if not axes:
            if noop_with_empty_axes:
                return x
            axes = range(x.ndim)
        axes = [a % x.ndim for a in axes]
        y = np.empty([1 if i in axes else d for i, d in enumerate(x.shape)], object)
        for at, xs in groups(x, axes):
            y[at] = f(xs)
        return y if keepdims else y.reshape([d for i, d in enumerate(x.shape) if i not in axes])

    return run


for _name, (_f, _back) in REDUCTIONS.items():
    OPS[_name] = reduction(_f if _back is None else with_rule(_f, _back))


def arg(best):
    def run(x, axis=0, keepdims=1, select_last_index=0):
        def line(xs):
            at, top = 0, xs[0].v
            for i, v in enumerate(xs[1:], 1):
                better = v.v > top if best is max else v.v < top
                if minmax(better or (select_last_index and v.v == top)).v:
                    at, top = i, v.v
            return [Num(at)]

        y = along(x, axis, line)
        return y if keepdims else y.squeeze(axis)

    return run


OPS["ArgMax"], OPS["ArgMin"] = arg(max), arg(min)


@op("CumSum")
def cumsum(x, axis, exclusive=0, reverse=0):
    """Of the exclusive sum the first is zero and the second a copy."""

    def line(xs):
        xs = xs[::-1] if reverse else xs
        taken = xs[:-1] if exclusive else xs
        ys = list(taken[:1])
        for v in taken[1:]:
            ys.append(ys[-1] + v)
        ys = [Num(0.0)] + ys if exclusive else ys
        return ys[::-1] if reverse else ys

    return along(x, ints(axis)[0], line)


@op("TopK")
def topk(x, k, axis=-1, largest=1, sorted=1):
    """The best of what is left, k times."""

    def line(xs):
        left = list(enumerate(xs))
        chosen = []
        for _ in range(ints(k)[0]):
            best = left[0]
            for other in left[1:]:
                better = other[1].v > best[1].v if largest else other[1].v < best[1].v
                if minmax(better).v:
                    best = other
            left.remove(best)
            chosen.append(best)
        return [(v, i) for i, v in chosen]

    y = along(x, axis, line)
    first = each_pair(y, 0)
    return first, each_pair(y, 1)


def each_pair(y, which):
    z = np.empty(y.shape, object)
    for at in np.ndindex(y.shape):
        z[at] = y[at][which] if which == 0 else Num(y[at][which])
    return z


def softmax_forward(xs):
    top = greatest(xs)
    es = [exp(x - top) for x in xs]
    s = total(es)
    return [e / s for e in es]


def softmax_back(gs, ys, xs, _):
    s = total(g * y for g, y in zip(gs, ys))
    return [(g - s) * y for g, y in zip(gs, ys)]


def softmax_line(xs):
    return ruled(softmax_forward, softmax_back, xs)


def log_softmax_forward(xs):
    top = greatest(xs)
    ds = [v - top for v in xs]
    s = log(total(exp(d) for d in ds))
    return [d - s for d in ds]


def log_softmax_back(gs, ys, xs, _):
    s = total(gs)
    return [g - exp(y) * s for g, y in zip(gs, ys)]


@op("Softmax")
def softmax(x, axis=-1):
    return along(x, axis, softmax_line)


@op("LogSoftmax")
def log_softmax(x, axis=-1):
    return along(x, axis, lambda xs: ruled(log_softmax_forward, log_softmax_back, xs))


@op("Hardmax")
def hardmax(x, axis=-1):
    def line(xs):
        top = greatest(xs)
        at = [v.v for v in xs].index(top.v)
        return [Num(float(i == at)) for i in range(len(xs))]

    return along(x, axis, line)
