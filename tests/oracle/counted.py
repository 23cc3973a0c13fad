"""Numbers that count the operations done on them, and a tape to run them backwards.

The classes are those of the counting rule: fma add mul div sqrt minmax special. Arithmetic between
plain Python numbers is free: that is what can be known before any data arrives (attributes, sizes).
A comparison is counted with the choice it steers (`pick`), so > and < alone cost nothing.

Backwards: a number is `live` when a gradient is asked for it or for something it was made from.
Each operation with a live operand leaves a link to it on TAPE; `backward` walks the tape in reverse
order and counts what it does. The first contribution to a gradient is taken over, each further one
is an add; contributions of an fma are fma themselves and start from zero.
"""

import math

CLASSES = ("fma", "add", "mul", "div", "sqrt", "minmax", "special")
TALLY = dict.fromkeys(CLASSES, 0)
TAPE = []
COPY, NEGATE = "copy", "negate"  # links without an operand


def start():
    """Forgets what was counted."""
    TAPE.clear()
    for name in CLASSES:
        TALLY[name] = 0


def counts():
    return dict(TALLY)


def uncounted(f):
    """What f gives; for what was kept from before."""
    before = dict(TALLY)
    y = f()
    TALLY.update(before)
    return y


class Num:
    __slots__ = ("v", "live", "g")

    def __init__(self, v, live=False):
        self.v, self.live, self.g = v, live, None

    def __add__(self, b):
        return made(self.v + val(b), "add", (self, COPY), (b, COPY))

    __radd__ = __add__

    def __sub__(self, b):
        return made(self.v - val(b), "add", (self, COPY), (b, NEGATE))

    def __rsub__(self, a):
        return made(a - self.v, "add", (self, NEGATE))

    def __neg__(self):
        return made(-self.v, "add", (self, NEGATE))

    def __mul__(self, b):
        return made(self.v * val(b), "mul", (self, ("times", val(b))), (b, ("times", self.v)))

    __rmul__ = __mul__

    def __truediv__(self, b):
        if isinstance(b, Num):
            return ruled(lambda x: [made(quotient(x[0].v, x[1].v), "div")], divide_back, [self, b])[
                0
            ]
        return made(quotient(self.v, b), "div", (self, ("times", 1 / b)))

    def __rtruediv__(self, a):
        return made(quotient(a, self.v), "div")

    def __gt__(self, b):
        return self.v > val(b)

    def __lt__(self, b):
        return self.v < val(b)

    def __ge__(self, b):
        return self.v >= val(b)

    def __le__(self, b):
        return self.v <= val(b)


def val(x):
    return x.v if isinstance(x, Num) else x


def quotient(a, b):
    return int(a / b) if isinstance(a, int) and isinstance(b, int) else a / b


def made(v, kind, *links):
    """The result of one operation of a class."""
    TALLY[kind] += 1
    y = Num(v)
    live = [(p, rule) for p, rule in links if isinstance(p, Num) and p.live]
    if live:
        y.live = True
        TAPE.append((y, live))
    return y


def divide_back(gs, ys, xs, live):
    """dA = dY/B serves dB = -(dA*Y) as well."""
    share = gs[0] / xs[1]
    return share, ("minus", share * ys[0]) if live[1] else None


def applied(forward, derivatives, *xs):
    """forward(*xs); derivatives[i](dy, y, *xs) is the gradient of xs[i], both counted."""
    bare = [Num(x.v) for x in xs]
    y = forward(*bare)
    y = Num(y.v)
    live = [(x, (d, Num(y.v), bare)) for x, d in zip(xs, derivatives) if x.live]
    if live:
        y.live = True
        TAPE.append((y, live))
    return y


def fma(acc, a, b):
    """acc + a*b of a contraction; acc 0 at first."""
    v = val(acc) + a.v * b.v
    return made(v, "fma", (acc, "sum"), (a, ("fma", b.v)), (b, ("fma", a.v)))


def special(f, *xs):
    return made(f(*(val(x) for x in xs)), "special")


def sqrt(x):
    return made(math.sqrt(x.v), "sqrt")


def exp(x):
    return special(math.exp, x)


def log(x):
    return special(lambda v: math.log(v) if v > 0 else -math.inf, x)


def tanh(x):
    return special(math.tanh, x)


def power(x, e):
    return special(lambda a, b: a ** b if not (a == 0 and b < 0) else math.inf, x, e)


def minmax(v):
    return made(v, "minmax")


def absolute(x):
    return minmax(abs(x.v))


def sign(x):
    return minmax((x.v > 0) - (x.v < 0))


def floor(x):
    return minmax(math.floor(x.v))


def nearest(x):
    """Half to even."""
    return minmax(round(x.v))


def pick(test, a, b):
    """test ? a : b, both evaluated; the comparison in test is part of it."""
    return minmax(val(a) if test else val(b))


def greatest(xs, of=max):
    """The maximum (or minimum) of a list. Backwards each asks whether it is the one."""
    y = Num(of(x.v for x in xs))
    TALLY["minmax"] += len(xs) - 1
    if len(xs) == 1:
        live = [(x, COPY) for x in xs if x.live]
    else:
        live = [
            (x, (lambda g, y, x: pick(x.v == y.v, g, 0), Num(y.v), [Num(x.v)]))
            for x in xs
            if x.live
        ]
    if live:
        y.live = True
        TAPE.append((y, live))
    return y


def least(xs):
    return greatest(xs, min)


def total(xs):
    """A sum of n numbers is n - 1 additions."""
    xs = list(xs)
    if not xs:
        return Num(0)
    acc = xs[0]
    for x in xs[1:]:
        acc = acc + x
    return acc


def ruled(f, back, xs, scatter=False):
    """f(xs) -> list, with a gradient of its own: back(gs, ys, xs, live) -> gradients of xs, None
    for one that has none, ("minus", g) for one that is subtracted. With scatter all are added into
    zeros.
    """
    bare = [Num(x.v) for x in xs]
    ys = [Num(y.v) for y in f(bare)]
    if any(x.live for x in xs):
        for y in ys:
            y.live = True
        TAPE.append((ys, (xs, bare, back, scatter)))
    return ys


def alias(x):
    """The same number for another consumer: what consumers hand back is added up."""
    y = Num(x.v)
    if x.live:
        y.live = True
        TAPE.append((y, [(x, COPY)]))
    return y


def give(x, g):
    x.g = g if x.g is None else made(x.g.v + g.v, "add")


def follow(x, rule, g):
    if rule == "sum":  # the accumulator of a contraction: its gradient is that of the result
        x.g = g
    elif rule is COPY:
        give(x, g)
    elif rule is NEGATE:
        x.g = made(-g.v if x.g is None else x.g.v - g.v, "add")
    elif rule[0] == "times":
        give(x, made(g.v * rule[1], "mul"))
    elif rule[0] == "fma":
        x.g = made((0 if x.g is None else x.g.v) + g.v * rule[1], "fma")
    else:
        derivative, y, bare = rule
        give(x, derivative(Num(g.v), y, *bare))


def follow_rule(ys, xs, bare, back, scatter):
    gs = [Num(0.0 if y.g is None else y.g.v) for y in ys]
    live = [x.live for x in xs]
    grads = back(gs, [Num(y.v) for y in ys], bare, live)
    for x, g in zip(xs, grads):
        if scatter and x.live and x.g is None:
            x.g = Num(0.0)
        if g is None or not x.live:
            continue
        if isinstance(g, tuple):
            follow(x, NEGATE, g[1])
        elif scatter:
            x.g = made(x.g.v + g.v, "add")
        else:
            give(x, g)


def backward(outputs):
    """Counts the backward pass of 1/2 sum y*y, whose first gradient is y itself. Gradients are left
    in .g of what is live."""
    tape = list(TAPE)
    start()
    for y in outputs:
        if y.live:
            y.g = Num(y.v)
    for y, links in reversed(tape):
        if isinstance(links, tuple):
            if any(v.g is not None for v in y):
                follow_rule(y, *links)
        elif y.g is not None:
            for x, rule in links:
                follow(x, rule, Num(y.g.v))
