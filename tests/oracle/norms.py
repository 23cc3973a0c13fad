"""Normalisations: statistics, then a scaled and shifted copy."""

import numpy as np

from arrays import along, each, groups, op
from counted import Num, absolute, ruled, sqrt, total, uncounted
from reduce import mean


def centred(xs, epsilon):
    """Mean, deviations and one over the standard deviation."""
    m = mean(xs)
    ds = [x - m for x in xs]
    return m, ds, 1 / sqrt(mean([d * d for d in ds]) + epsilon)


def tail_lines(x, axis):
    """The axes from `axis` on as one."""
    axis = axis % x.ndim
    return x.reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)


@op("LayerNormalization")
def layer_norm(x, scale, shift=None, axis=-1, epsilon=1e-5, stash_type=1):
    lines = tail_lines(x, axis)
    s = np.broadcast_to(scale, x.shape[axis % x.ndim :]).reshape(-1)
    b = None if shift is None else np.broadcast_to(shift, x.shape[axis % x.ndim :]).reshape(-1)

    def back(gs, ys, ops, live):
        """Mean and inverse are kept, the normalised values are not: each gradient makes its own."""
        xs, k = ops[: len(gs)], ops[len(gs) :]
        m, _, inverse = uncounted(lambda: centred(xs, epsilon))
        dx, ds = [None] * len(xs), [None] * len(k)
        if live[0]:
            hs = [(x - m) * inverse for x in xs]
            scaled_gs = [g * c for g, c in zip(gs, k)]
            m1, m2 = mean(scaled_gs), mean([g * h for g, h in zip(scaled_gs, hs)])
            dx = [(g - m1 - h * m2) * inverse for g, h in zip(scaled_gs, hs)]
        if live[-1]:
            ds = [g * ((x - m) * inverse) for g, x in zip(gs, xs)]
        return dx + ds

    def forward(ops):
        xs, k = ops[: len(ops) // 2], ops[len(ops) // 2 :]
        _, ds, inverse = centred(xs, epsilon)
        return [d * inverse * c for d, c in zip(ds, k)]

    def line(xs):
        ys = ruled(forward, back, xs + list(s))
        return ys if b is None else [y + o for y, o in zip(ys, b)]

    return along(lines, -1, line).reshape(x.shape)


@op("RMSNormalization")
def rms_norm(x, scale, axis=-1, epsilon=1e-5, stash_type=1):
    s = np.broadcast_to(scale, x.shape[axis % x.ndim :]).reshape(-1)

    def inverse_of(xs):
        return 1 / sqrt(mean([v * v for v in xs]) + epsilon)

    def forward(ops):
        xs, k = ops[: len(ops) // 2], ops[len(ops) // 2 :]
        inverse = inverse_of(xs)
        return [v * inverse * c for v, c in zip(xs, k)]

    def back(gs, ys, ops, live):
        xs, k = ops[: len(gs)], ops[len(gs) :]
        inverse = uncounted(lambda: inverse_of(xs))
        dx, ds = [None] * len(xs), [None] * len(k)
        if live[0]:
            hs = [x * inverse for x in xs]
            scaled_gs = [g * c for g, c in zip(gs, k)]
            m2 = mean([g * h for g, h in zip(scaled_gs, hs)])
            dx = [(g - h * m2) * inverse for g, h in zip(scaled_gs, hs)]
        if live[-1]:
            ds = [g * (x * inverse) for g, x in zip(gs, xs)]
        return dx + ds

    lines = tail_lines(x, axis)
    return along(lines, -1, lambda xs: ruled(forward, back, xs + list(s))).reshape(x.shape)


def channelwise(parts, scale, shift, kept, epsilon):
    """Channels that share their statistics: per channel a factor and an offset, then x*a + b. Gives
    the new channels. kept = [] takes the mean and the variance."""

    def statistics(parts):
        flat = [x for part in parts for x in part]
        m, ds, inverse = centred(flat, epsilon)
        return m, inverse, ds

    def split(ops):
        n = len(parts[0])
        cut = n * len(parts)
        lists = [ops[i : i + n] for i in range(0, cut, n)]
        return lists, ops[cut : cut + len(parts)], ops[cut + len(parts) :]

    def forward(ops):
        xs, scales, shifts = split(ops)
        m, inverse, ds = statistics(xs)
        kept[:] = [m, uncounted(lambda: mean([d * d for d in ds]))]
        ys = []
        for part, s, o in zip(xs, scales, shifts):
            a = s * inverse
            b = o - m * a
            ys += [x * a + b for x in part]
        return ys

    def back(gs, ys, ops, live):
        """Scale and shift come first: their sums serve dX."""
        xs, scales, _ = split(ops)
        dys, _, _ = split(gs + ops[len(gs) :])
        m, inverse, _ = uncounted(lambda: statistics(xs))
        s1 = [total(part) for part in dys]
        s2 = [
            inverse * total(g * (x - m) for g, x in zip(dy, part)) for dy, part in zip(dys, xs)
        ]
        if not live[0]:
            return [None] * len(gs) + s2 + s1
        g1 = total(s * c for s, c in zip(s1, scales))
        g2 = total(s * c for s, c in zip(s2, scales))
        k1 = inverse * inverse * g2 / Num(len(gs))
        k2 = k1 * m - inverse * g1 / Num(len(gs))
        dx = []
        for dy, part, s in zip(dys, xs, scales):
            a = s * inverse
            dx += [a * g - k1 * x + k2 for g, x in zip(dy, part)]
        return dx + s2 + s1

    ops = [x for part in parts for x in part] + list(scale) + list(shift)
    return split(ruled(forward, back, ops) + list(scale) + list(shift))[0]


@op("BatchNormalization")
def batch_norm(x, scale, shift, mu, var, epsilon=1e-5, momentum=0.9, training_mode=0):
    """With stored statistics the factor and the offset of each channel need no data."""
    y = np.empty(x.shape, object)
    running = [], []
    for c in range(scale.size):
        if training_mode:
            now = []
            (line,) = channelwise([list(x[:, c].flat)], scale[[c]], shift[[c]], now, epsilon)
            y[:, c] = np.array(line, object).reshape(x[:, c].shape)
            for old, new, keep in zip((mu[c], var[c]), now, running):
                keep.append(Num(old.v) * momentum + Num(new.v) * (1 - momentum))
        else:
            a = scale[c] / sqrt(var[c] + epsilon)
            b = shift[c] - mu[c] * a
            y[:, c] = each(lambda v, a=a, b=b: v * a + b, x[:, c])
    return (y, *(np.array(r, object) for r in running)) if training_mode else y


def normalise_groups(x, scale, shift, n_groups, epsilon):
    """Statistics of each example and group of channels."""
    per = x.shape[1] // n_groups
    y = np.empty(x.shape, object)
    for n in range(x.shape[0]):
        for g in range(n_groups):
            which = range(g * per, (g + 1) * per)
            parts = [list(x[n, c].flat) for c in which]
            lines = channelwise(parts, scale[list(which)], shift[list(which)], [], epsilon)
            for c, line in zip(which, lines):
                y[n, c] = np.array(line, object).reshape(x[n, c].shape)
    return y


@op("InstanceNormalization")
def instance_norm(x, scale, shift, epsilon=1e-5):
    return normalise_groups(x, scale, shift, x.shape[1], epsilon)


@op("GroupNormalization")
def group_norm(x, scale, shift, num_groups, epsilon=1e-5, stash_type=1):
    return normalise_groups(x, scale, shift, num_groups, epsilon)


@op("MeanVarianceNormalization")
def mvn(x, axes=(0, 2, 3)):
    y = np.empty(x.shape, object)
    for at, xs in groups(x, [a % x.ndim for a in axes]):
        _, ds, inverse = centred(xs, 1e-9)
        where = tuple(slice(None) if i in axes else a for i, a in enumerate(at))
        y[where] = np.array([d * inverse for d in ds], object).reshape(y[where].shape)
    return y


@op("LpNormalization")
def lp_norm(x, axis=-1, p=2):
    def line(xs):
        norm = total(absolute(v) for v in xs) if p == 1 else sqrt(total(v * v for v in xs))
        return [v / norm for v in xs]

    return along(x, axis, line)
