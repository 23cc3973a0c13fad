"""Arrays of counted numbers: numpy object arrays, used for their shapes and indices only."""

import itertools

import numpy as np

from counted import Num

OPS = {}  # ONNX operator -> reference implementation (inputs..., attributes by name)


def op(*names):
    def keep(f):
        for name in names:
            OPS[name] = f
        return f

    return keep


OPS["Flatten"] = lambda x, axis=1: x.reshape(int(np.prod(x.shape[:axis])), -1)


def wrap(a, live=False):
    """Any numeric array as counted numbers."""
    a = np.asarray(a)
    y = np.empty(a.shape, object)
    for at in np.ndindex(a.shape):
        y[at] = Num(a[at].item(), live)
    return y


def plain(a):
    y = [x.v for x in a.flat]
    return np.array(y).reshape(a.shape)


def ints(a):
    """What an input of sizes or axes says."""
    return None if a is None else [int(x.v) for x in a.flat]


def each(f, *arrays):
    """f of corresponding elements, broadcast."""
    arrays = np.broadcast_arrays(*arrays)
    y = np.empty(arrays[0].shape, object)
    for at in np.ndindex(y.shape):
        y[at] = f(*(a[at] for a in arrays))
    return y


def table(shape, f):
    """An array whose element at an index is f(*index)."""
    y = np.empty(tuple(shape), object)
    for at in np.ndindex(y.shape):
        y[at] = f(*at)
    return y


def along(x, axis, f):
    """Each line along an axis replaced by f(list)."""
    moved = np.moveaxis(x, axis, -1)
    first = None
    for at in np.ndindex(moved.shape[:-1]):
        line = f(list(moved[at]))
        if first is None:
            first = np.empty(moved.shape[:-1] + (len(line),), object)
        for i, v in enumerate(line):
            first[at + (i,)] = v
    return np.moveaxis(first, -1, axis)


def groups(x, axes):
    """(index of the result with kept dimensions, list of what is reduced there)."""
    kept = [1 if i in axes else d for i, d in enumerate(x.shape)]
    for at in np.ndindex(*kept):
        where = tuple(slice(None) if i in axes else a for i, a in enumerate(at))
        part = x[where]
        yield at, list(part.flat) if isinstance(part, np.ndarray) else [part]


def taps(kernel):
    return list(itertools.product(*(range(k) for k in kernel)))


def padded(x, pads, fill, live=False):
    """x with spatial borders of `fill`; live where the padding counts as if it were data."""
    n = x.ndim - 2
    shape = x.shape[:2] + tuple(d + pads[i] + pads[n + i] for i, d in enumerate(x.shape[2:]))
    inner = (slice(None),) * 2 + tuple(
        slice(pads[i], pads[i] + d) for i, d in enumerate(x.shape[2:])
    )
    y = table(shape, lambda *at: Num(fill, live))
    y[inner] = x
    return y


def window_form(size, kernel, strides, pads, dilations, auto_pad, ceil_mode=0):
    """Sizes of the output and the pads of a sliding window."""
    n = len(size)
    strides = strides or [1] * n
    dilations = dilations or [1] * n
    pads = list(pads or [0] * 2 * n)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    if auto_pad.startswith("SAME"):
        out = [-(-s // st) for s, st in zip(size, strides)]
        for i in range(n):
            need = max(0, (out[i] - 1) * strides[i] + reach[i] - size[i])
            small, large = need // 2, need - need // 2
            pads[i], pads[n + i] = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
        return out, strides, pads, dilations
    room = [size[i] + pads[i] + pads[n + i] - reach[i] for i in range(n)]
    if not ceil_mode:
        return [r // s + 1 for r, s in zip(room, strides)], strides, pads, dilations
    out = [-(-r // s) + 1 for r, s in zip(room, strides)]
    for i in range(n):  # a window that starts behind the image is none
        if (out[i] - 1) * strides[i] >= size[i] + pads[i]:
            out[i] -= 1
        short = (out[i] - 1) * strides[i] + reach[i] - (size[i] + pads[i] + pads[n + i])
        pads[n + i] += max(0, short)
    return out, strides, pads, dilations
