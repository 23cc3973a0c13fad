"""Functions of corresponding elements: forward and derivative, each as it would be written by hand.

A derivative takes (dy, y, x...) and gives the gradient of one operand. It is written in y where y
is enough, because then x need not be kept.
"""

import math

import numpy as np

from arrays import OPS, each, op, plain, wrap
from counted import (
    Num,
    absolute,
    applied,
    exp,
    floor,
    greatest,
    least,
    log,
    minmax,
    nearest,
    pick,
    power,
    sign,
    special,
    sqrt,
    tanh,
    total,
)

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_HALF = math.sqrt(0.5)


def greater(a, b):
    return greatest([Num(a.v), b if isinstance(b, Num) else Num(b)])


def smaller(a, b):
    return least([Num(a.v), b if isinstance(b, Num) else Num(b)])


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softplus(x):
    """Without overflow: log(1 + exp(x)) would overflow for a large x."""
    return greater(x, 0) + log(1 + exp(-absolute(x)))


def erf(x):
    return special(math.erf, x)


def gelu(x, approximate="none"):
    half = x * 0.5
    if approximate == "none":
        return half * (1 + erf(x * ROOT_HALF))
    c = math.sqrt(2 / math.pi)
    d = c * 0.044715
    return half + half * tanh(x * (c + d * x * x))


def gelu_slope(dy, y, x, approximate="none"):
    if approximate == "none":
        cdf = 0.5 * (1 + erf(x * ROOT_HALF))
        density = (1 / math.sqrt(2 * math.pi)) * exp(-0.5 * x * x)
        return dy * (cdf + x * density)
    c = math.sqrt(2 / math.pi)
    d = c * 0.044715
    square = x * x
    t = tanh(x * (c + d * square))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (c + 3 * d * square))


def hard_sigmoid(x, alpha=0.2, beta=0.5):
    return greater(smaller(alpha * x + beta, 1), 0)


def hard_sigmoid_slope(dy, y, x, alpha=0.2, beta=0.5):
    return pick(y > 0, pick(y < 1, alpha * dy, 0), 0)


def hard_swish(x):
    return x * greater(smaller(x * (1 / 6) + 0.5, 1), 0)


def hard_swish_slope(dy, y, x):
    return pick(x <= -3, 0, pick(x >= 3, dy, dy * (x * (1 / 3) + 0.5)))


def mish_slope(dy, y, x):
    t = tanh(softplus(x))
    return dy * (t + x * sigmoid(x) * (1 - t * t))


def swish(x, alpha=1.0):
    return x / (1 + exp(-alpha * x))


def swish_slope(dy, y, x, alpha=1.0):
    u = alpha * x
    s = 1 / (1 + exp(-u))
    return dy * s * (1 + u * (1 - s))


def elu(x, alpha=1.0):
    return pick(x > 0, x, alpha * (exp(x) - 1))


def selu(x, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875):
    return gamma * pick(x > 0, x, alpha * (exp(x) - 1))


def selu_slope(dy, y, x, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875):
    return dy * pick(y > 0, gamma, y + gamma * alpha)


def celu(x, alpha=1.0):
    return greater(x, 0) + smaller(alpha * (exp(x / alpha) - 1), 0)


def shrink(x, lambd=0.5, bias=0.0):
    return pick(x < -lambd, x + bias, pick(x > lambd, x - bias, 0))


def softsign_slope(dy, y, x):
    r = 1 - absolute(y)
    return dy * r * r


def slope_acosh(dy, y, x):
    return dy / sqrt(x * x - 1)


# name: (function, derivative or None where it is zero almost everywhere, low and high end of x)
UNARY = {
    "Abs": (absolute, lambda dy, y, x: dy * sign(x), -2, 2),
    "Acos": (lambda x: special(math.acos, x), lambda dy, y, x: -dy / sqrt(1 - x * x), -0.9, 0.9),
    "Acosh": (lambda x: special(math.acosh, x), slope_acosh, 1.2, 3),
    "Asin": (lambda x: special(math.asin, x), lambda dy, y, x: dy / sqrt(1 - x * x), -0.9, 0.9),
    "Asinh": (lambda x: special(math.asinh, x), lambda dy, y, x: dy / sqrt(x * x + 1), -2, 2),
    "Atan": (lambda x: special(math.atan, x), lambda dy, y, x: dy / (1 + x * x), -2, 2),
    "Atanh": (lambda x: special(math.atanh, x), lambda dy, y, x: dy / (1 - x * x), -0.9, 0.9),
    "Ceil": (lambda x: minmax(math.ceil(x.v)), None, -2, 2),
    "Celu": (celu, lambda dy, y, x, alpha=1.0: dy * pick(y > 0, 1, y / alpha + 1), -2, 2),
    "Cos": (lambda x: special(math.cos, x), lambda dy, y, x: -dy * special(math.sin, x), -2, 2),
    "Cosh": (lambda x: special(math.cosh, x), lambda dy, y, x: dy * special(math.sinh, x), -2, 2),
    "Elu": (elu, lambda dy, y, x, alpha=1.0: dy * pick(y > 0, 1, y + alpha), -2, 2),
    "Erf": (erf, lambda dy, y, x: dy * (TWO_OVER_ROOT_PI * exp(-(x * x))), -2, 2),
    "Exp": (exp, lambda dy, y, x: dy * y, -2, 2),
    "Floor": (floor, None, -2, 2),
    "Gelu": (gelu, gelu_slope, -2, 2),
    "HardSigmoid": (hard_sigmoid, hard_sigmoid_slope, -4, 4),
    "HardSwish": (hard_swish, hard_swish_slope, -5, 5),
    "IsNaN": (lambda x: minmax(x.v != x.v), None, -2, 2),
    "LeakyRelu": (
        lambda x, alpha=0.01: pick(x > 0, x, alpha * x),
        lambda dy, y, x, alpha=0.01: pick(x > 0, dy, alpha * dy),
        -2,
        2,
    ),
    "Log": (log, lambda dy, y, x: dy / x, 0.5, 2),
    "Mish": (lambda x: x * tanh(softplus(x)), mish_slope, -2, 2),
    "Neg": (lambda x: -x, lambda dy, y, x: -dy, -2, 2),
    "Reciprocal": (lambda x: 1 / x, lambda dy, y, x: -dy * y * y, 0.5, 2),
    "Relu": (lambda x: greater(x, 0), lambda dy, y, x: pick(y > 0, dy, 0), -2, 2),
    "Round": (nearest, None, -2, 2),
    "Selu": (selu, selu_slope, -2, 2),
    "Shrink": (
        shrink,
        lambda dy, y, x, lambd=0.5, bias=0.0: pick(absolute(x) > lambd, dy, 0),
        -2,
        2,
    ),
    "Sigmoid": (sigmoid, lambda dy, y, x: dy * y * (1 - y), -2, 2),
    "Sign": (sign, None, -2, 2),
    "Sin": (lambda x: special(math.sin, x), lambda dy, y, x: dy * special(math.cos, x), -2, 2),
    "Sinh": (lambda x: special(math.sinh, x), lambda dy, y, x: dy * special(math.cosh, x), -2, 2),
    "Softplus": (softplus, lambda dy, y, x: dy * (1 - exp(-y)), -2, 2),
    "Softsign": (lambda x: x / (1 + absolute(x)), softsign_slope, -2, 2),
    "Sqrt": (sqrt, lambda dy, y, x: dy / (2 * y), 0.5, 2),
    "Swish": (swish, swish_slope, -2, 2),
    "Tan": (lambda x: special(math.tan, x), lambda dy, y, x: dy * (1 + y * y), -1, 1),
    "Tanh": (tanh, lambda dy, y, x: dy * (1 - y * y), -2, 2),
    "ThresholdedRelu": (
        lambda x, alpha=1.0: pick(x > alpha, x, 0),
        lambda dy, y, x, alpha=1.0: pick(y.v != 0, dy, 0),
        -2,
        2,
    ),
}


def unary(name):
    forward, derivative = UNARY[name][:2]

    def run(x, **attrs):
        slope = derivative or (lambda dy, y, x: None)
        live = derivative is not None
        return each(
            lambda v: applied(
                lambda u: forward(u, **attrs),
                [lambda dy, y, u: slope(dy, y, u, **attrs)] if live else [],
                v,
            ),
            x,
        )

    return run


for _name in UNARY:
    OPS[_name] = unary(_name)


@op("IsInf")
def is_inf(x, detect_negative=1, detect_positive=1):
    """One comparison for each infinity that is looked for."""

    def f(v):
        found = False
        if detect_negative:
            found |= minmax(v.v == -math.inf).v
        if detect_positive:
            found |= minmax(v.v == math.inf).v
        return Num(found)

    return each(f, x)


@op("Clip")
def clip(x, low=None, high=None, min=None, max=None):
    low = low if low is not None else None if min is None else wrap(min)
    high = high if high is not None else None if max is None else wrap(max)

    def f(v):
        y = v
        if low is not None:
            y = greater(y, low.flat[0])
        if high is not None:
            y = smaller(y, high.flat[0])
        return y

    def slope(dy, y, v):
        if low is not None:
            dy = pick(y > low.flat[0], dy, 0)
        if high is not None:
            dy = pick(y < high.flat[0], dy, 0)
        return dy

    return each(lambda v: applied(f, [slope], v), x)


# ---- two and more operands ----

OPS["Add"] = lambda a, b: each(lambda x, y: x + y, a, b)
OPS["Sub"] = lambda a, b: each(lambda x, y: x - y, a, b)
OPS["Mul"] = lambda a, b: each(lambda x, y: x * y, a, b)
OPS["Div"] = lambda a, b: each(lambda x, y: x / y, a, b)
OPS["Min"] = lambda *xs: each(lambda *v: least(v), *xs)
OPS["Max"] = lambda *xs: each(lambda *v: greatest(v), *xs)
OPS["Sum"] = lambda *xs: each(lambda *v: total(v), *xs)
OPS["Mean"] = lambda *xs: each(lambda *v: total(v) / len(v), *xs)
for _name, _test in {
    "Equal": lambda a, b: a == b,
    "Less": lambda a, b: a < b,
    "Greater": lambda a, b: a > b,
    "LessOrEqual": lambda a, b: a <= b,
    "GreaterOrEqual": lambda a, b: a >= b,
}.items():
    OPS[_name] = lambda a, b, test=_test: each(lambda x, y: minmax(test(x.v, y.v)), a, b)


@op("Pow")
def pow_(a, b):
    """b - 1 and log(a) do not depend on what is broadcast against them."""
    less = {id(e): Num(e.v - 1) for e in b.flat}
    logs = {id(x): Num(math.log(x.v)) if x.v > 0 else Num(0) for x in a.flat}

    def f(x, e):
        return applied(
            power,
            [
                lambda dy, y, x_, e_: dy * (e_ * power(x_, less[id(e)])),
                lambda dy, y, x_, e_: dy * (y * logs[id(x)]),
            ],
            x,
            e,
        )

    y = each(f, a, b)
    integers = isinstance(a.flat[0].v, int)
    return each(lambda v: Num(int(v.v), v.live), y) if integers and not a.flat[0].live else y


def pow_extra(a, b):
    """What backwards is done once per operand element: e - 1, log(x)."""
    return {"add": b.size if a.flat[0].live else 0, "special": a.size if b.flat[0].live else 0}


@op("Mod")
def mod(a, b, fmod=0):
    """Integers: the division gives the remainder; floats: a - b*floor(a/b)."""

    def f(x, y):
        if isinstance(x.v, int):
            r = (x / y).v  # the one division
            r = x.v - int(x.v / y.v) * y.v if fmod else x.v % y.v
            return Num(r)
        q = x / y
        return x - y * minmax(math.trunc(q.v) if fmod else math.floor(q.v))

    def of_divisor(dy, _, x, y):
        return -(dy * minmax(math.trunc((x / y).v)))

    return each(lambda x, y: applied(f, [lambda dy, *_: dy, of_divisor], x, y), a, b)


@op("Where")
def where(c, a, b):
    def f(k, x, y):
        return applied(
            lambda u, v: pick(k.v, u, v),
            [lambda dy, *_: pick(k.v, dy, 0), lambda dy, *_: pick(k.v, 0, dy)],
            x,
            y,
        )

    return each(f, c, a, b)


@op("PRelu")
def prelu(x, slope):
    def f(v, s):
        return applied(
            lambda v_, s_: pick(v_ > 0, v_, s_ * v_),
            [
                lambda dy, y, v_, s_: pick(v_ > 0, dy, s_ * dy),
                lambda dy, y, v_, s_: pick(v_ > 0, 0, v_ * dy),
            ],
            v,
            s,
        )

    return each(f, x, slope)


# ---- quantisation ----


def to_integer(x, scale, zero, low, high):
    """Rounded and clipped; the sum with the zero point only where there is one."""
    y = nearest(x / scale)
    if zero is not None:
        y = y + zero
    return smaller(greater(y, low), high)


def per_axis(p, rank, axis):
    if p is None or p.ndim == 0 or p.size == 1:
        return None if p is None else p.reshape(())
    return p.reshape([-1 if i == axis % rank else 1 for i in range(rank)])


@op("QuantizeLinear")
def quantize_linear(x, scale, zero=None, axis=1, bits=(0, 255), **_):
    s, z = (per_axis(p, x.ndim, axis) for p in (scale, zero))
    low, high = (-128, 127) if z is not None and min(v.v for v in z.flat) < 0 else bits
    if z is None:
        return each(lambda v, a: to_integer(v, Num(a.v), None, low, high), x, s)
    return each(lambda v, a, o: to_integer(v, a, o, low, high), x, s, z)


@op("DequantizeLinear")
def dequantize_linear(x, scale, zero=None, axis=1, **_):
    s, z = (per_axis(p, x.ndim, axis) for p in (scale, zero))
    if z is None:
        return each(lambda v, a: v * a, x, s)
    return each(lambda v, a, o: (v - o) * a, x, s, z)


@op("DynamicQuantizeLinear")
def dynamic_quantize_linear(x):
    """The range, widened to hold zero, makes scale and zero point; then as QuantizeLinear."""
    low = least(list(x.flat) + [Num(0)])
    high = greatest(list(x.flat) + [Num(0)])
    scale = (high - low) / Num(255.0)
    zero = smaller(greater(nearest(0 - low / scale), 0), 255)
    y = each(lambda v: to_integer(v, scale, zero, 0, 255), x)
    return y, wrap(np.array(scale.v)), wrap(np.array(zero.v))
