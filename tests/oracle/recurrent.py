"""Recurrent layers and attention, unit by unit and score by score."""

import math

import numpy as np

from arrays import each, op, table
from counted import Num, applied, fma, pick, ruled, tanh
from elementwise import UNARY, greater, sigmoid, smaller
from reduce import softmax_line

DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
ALPHA_BETA = {
    "LeakyRelu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
}


def activation(name, more):
    f, slope = UNARY[name][:2]
    return lambda x: applied(lambda v: f(v, **more), [lambda dy, y, v: slope(dy, y, v, **more)], x)


def functions(kind, directions, names, alpha, beta):
    """The activations of each direction, parameters filled in from left to right."""
    names = names or DEFAULTS[kind] * directions
    alpha, beta = list(alpha or []), list(beta or [])
    fs = []
    for name in names:
        more = {}
        for key in ALPHA_BETA.get(name, ()):
            given = alpha if key == "alpha" else beta
            if given:
                more[key] = given.pop(0)
        fs.append(activation(name, more))
    n = len(DEFAULTS[kind])
    return [fs[i * n : (i + 1) * n] for i in range(directions)]


def reach(row, w, x, recurrent, h):
    """One pre-activation: the second product goes on where the first ended."""
    acc = 0
    for a, b in zip(w[row], x):
        acc = fma(acc, b, a)
    for a, b in zip(recurrent[row], h):
        acc = fma(acc, b, a)
    return acc


def biased(acc, b, row, n):
    return acc if b is None else acc + b[row] + b[n + row]


def rnn_step(x, h, c, w, r, b, p, f, clip, options):
    m = len(h)
    return [f[0](clip(biased(reach(i, w, x, r, h), b, i, m))) for i in range(m)], c


def limited(bound):
    """The clip before an activation; nothing goes back where it cut."""

    def slope(dy, y, _):
        return pick(y > -bound, pick(y < bound, dy, 0), 0)

    return lambda x: applied(lambda v: smaller(greater(v, -bound), bound), [slope], x)


def beside(y, idle):
    """y; idle goes nowhere, yet its part of the one product of all gates is made, backwards too,
    where it is multiplied by zero."""
    back = lambda gs, ys, xs, live: [gs[0], Num(0.0)]
    return ruled(lambda xs: xs[:1], back, [y, idle])[0]


def gru_step(x, h, c, w, r, b, p, f, clip, options):
    m = len(h)
    z = [f[0](clip(biased(reach(i, w, x, r, h), b, i, 3 * m))) for i in range(m)]
    reset = [f[0](clip(biased(reach(m + i, w, x, r, h), b, m + i, 3 * m))) for i in range(m)]
    if options["linear_before_reset"]:
        new = []
        for i in range(2 * m, 3 * m):
            own = reach(i, w, x, r, [])
            other = reach(i, w, [], r, h)
            if b is not None:
                own, other = own + b[i], other + b[3 * m + i]
            new.append(f[1](clip(own + reset[i - 2 * m] * other)))
    else:
        kept = [q * v for q, v in zip(reset, h)]
        if not options["state"]:  # zero: nothing is asked of the product, the gates get zeros
            kept = [Num(v.v) for v in kept]
        new = [
            f[1](clip(biased(reach(i, w, x, r, kept), b, i, 3 * m))) for i in range(2 * m, 3 * m)
        ]
        if not options["state"]:
            new = [beside(v, q) for v, q in zip(new, reset)]
    # (1 - z)*new + z*h with one product
    return [n + u * (v - n) for n, u, v in zip(new, z, h)], c


def lstm_step(x, h, c, w, r, b, p, f, clip, options):
    m = len(h)

    def gate(k, i, peek=None, cell=None):
        acc = biased(reach(k * m + i, w, x, r, h), b, k * m + i, 4 * m)
        if p is not None and peek is not None:
            acc = acc + p[peek * m + i] * cell
        return acc

    hs, cs = [], []
    for i in range(m):
        inward = f[0](clip(gate(0, i, 0, c[i])))
        before = gate(2, i, 2, c[i])  # one product makes all gates, also where one is not used
        forget = beside(1 - inward, before) if options["input_forget"] else f[0](clip(before))
        cell = forget * c[i] + inward * f[1](clip(gate(3, i)))
        out = f[0](clip(gate(1, i, 1, cell)))
        hs.append(out * f[2](clip(cell)))
        cs.append(cell)
    return hs, cs


STEPS = {"RNN": rnn_step, "GRU": gru_step, "LSTM": lstm_step}


def recurrent(
    kind,
    x,
    w,
    r,
    b=None,
    lens=None,
    h0=None,
    c0=None,
    p=None,
    direction="forward",
    activations=None,
    activation_alpha=None,
    activation_beta=None,
    clip=None,
    layout=0,
    hidden_size=None,
    **options
):
    options = {"linear_before_reset": 0, "input_forget": 0, **options}
    x = np.swapaxes(x, 0, 1) if layout else x
    seq, batch, _ = x.shape
    n_dir, m = w.shape[0], r.shape[2]
    fs = functions(kind, n_dir, activations, activation_alpha, activation_beta)
    zero = lambda: table((n_dir, batch, m), lambda *_: Num(0.0))
    first = [zero() if s is None else np.swapaxes(s, 0, 1) if layout else s for s in (h0, c0)]
    limit = limited(clip) if clip else lambda v: v
    y = np.empty((seq, n_dir, batch, m), object)
    last = np.empty((n_dir, batch, m), object)
    for d in range(n_dir):
        backwards = direction == "reverse" or d == 1
        for n in range(batch):
            h, c = list(first[0][d, n]), list(first[1][d, n])
            options["state"] = h0 is not None
            for t in reversed(range(seq)) if backwards else range(seq):
                h, c = STEPS[kind](
                    list(x[t, n]),
                    h,
                    c,
                    w[d],
                    r[d],
                    None if b is None else b[d],
                    None if p is None else p[d],
                    fs[d],
                    limit,
                    options,
                )
                options["state"] = True
                y[t, d, n] = h
            last[d, n] = h
    if lens is not None and any(v.v != seq for v in lens.flat):
        return None  # the values differ, the count does not
    return (y.transpose(2, 0, 1, 3), last.swapaxes(0, 1)) if layout else (y, last)


@op("RNN")
def rnn(x, w, r, b=None, lens=None, h0=None, **attrs):
    return recurrent("RNN", x, w, r, b, lens, h0, **attrs)


@op("GRU")
def gru(x, w, r, b=None, lens=None, h0=None, **attrs):
    return recurrent("GRU", x, w, r, b, lens, h0, **attrs)


@op("LSTM")
def lstm(x, w, r, b=None, lens=None, h0=None, c0=None, p=None, **attrs):
    return recurrent("LSTM", x, w, r, b, lens, h0, c0, p, **attrs)


# ---- attention ----


def squashed(x, pairs):
    """The capped score is not kept: backwards the product is made again."""

    def slope(dy, y, _):
        acc = 0
        for a, c in pairs:
            acc = fma(acc, Num(a.v), Num(c.v))
        return dy * (1 - y * y)

    return applied(tanh, [slope], x)


def hidden(s):
    """Overwritten at a place known from sizes: no arithmetic either way, but the products with
    such scores are made."""
    return ruled(lambda xs: [Num(-math.inf)], lambda gs, ys, xs, live: [Num(0.0)], [s])[0]


def masked(allowed, s):
    return applied(
        lambda v: pick(allowed, v, -math.inf), [lambda dy, y, v: pick(allowed, dy, 0)], s
    )


def unfold(x, heads):
    if x.ndim == 4:
        return x
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


@op("Attention")
def attention(
    q,
    k,
    v,
    mask=None,
    past_k=None,
    past_v=None,
    q_num_heads=0,
    kv_num_heads=0,
    scale=0.0,
    is_causal=0,
    softcap=0.0,
    qk_matmul_output_mode=0,
    softmax_precision=1,
):
    """Scores of all pairs, those that a causal mask hides too: they are masked, not left out."""
    folded = q.ndim == 3
    q, k, v = unfold(q, q_num_heads), unfold(k, kv_num_heads), unfold(v, kv_num_heads)
    if past_k is not None:
        # the gradients of all keys and values are one product, of which the past's part is dropped
        k, v = (
            np.concatenate([each(lambda a, x=x: Num(a.v, x.flat[0].live), past), x], 2)
            for past, x in ((past_k, k), (past_v, v))
        )
    earlier = 0 if past_k is None else past_k.shape[2]
    share = q.shape[1] // k.shape[1]
    scale = scale or 1 / math.sqrt(q.shape[3])
    mask = (
        None
        if mask is None
        else np.broadcast_to(mask, (q.shape[0], q.shape[1], q.shape[2], k.shape[2]))
    )

    def score(b, h, i, j):
        acc = 0
        for a, c in zip(q[b, h, i], k[b, h // share, j]):
            acc = fma(acc, a, c)
        s = acc if scale == 1 else acc * scale
        if softcap:
            s = squashed(s * (1 / softcap), list(zip(q[b, h, i], k[b, h // share, j]))) * softcap
        if is_causal and j > i + earlier:
            s = hidden(s)
        if mask is not None:
            m = mask[b, h, i, j]
            s = masked(m.v, s) if isinstance(m.v, bool) else s + m
        return s

    def row(b, h, i):
        p = softmax_line([score(b, h, i, j) for j in range(k.shape[2])])
        ys = []
        for d in range(v.shape[3]):
            acc = 0
            for j, s in enumerate(p):
                acc = fma(acc, s, v[b, h // share, j, d])
            ys.append(acc)
        return ys

    y = np.empty((*q.shape[:3], v.shape[3]), object)
    for at in np.ndindex(q.shape[:3]):
        y[at] = row(*at)
    return y.transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[2], -1) if folded else y
