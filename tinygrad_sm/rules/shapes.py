"""Ops that move or repeat entries, join arrays and cut them. The letters: x, a inputs; y output; g = dL/dy.

i is the place of an input among many.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..primitive import Array, primitive


def inverse(axes: Any) -> Any:
    """The axes that undo a transposition."""
    return axes if axes is None else np.argsort(np.mod(axes, len(axes)))


def along(axis: int, ndim: int, index: Any) -> Any:
    """The index that is `index` along one axis and everything along those before it."""
    return (slice(None),) * (axis % ndim) + (index,)


def piece(arrays: Sequence[Array], i: int, axis: int) -> Any:
    """Where array i lies in the concatenation."""
    start = sum(np.shape(a)[axis] for a in arrays[:i])
    return along(axis, np.ndim(arrays[i]), slice(start, start + np.shape(arrays[i])[axis]))


def inner_part(x: Array, pad_width: Any) -> Any:
    """Where x lies in the padded array; pad_width has every form that NumPy takes."""
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(i, pad_width.get(i - np.ndim(x), 0)) for i in range(np.ndim(x))]
        pad_width = [np.broadcast_to(width, 2) for width in pad_width]
    widths = np.broadcast_to(pad_width, (np.ndim(x), 2))
    return tuple(slice(before, before + n) for (before, _), n in zip(widths.tolist(), np.shape(x), strict=True))


# function                 formula                       rule
primitive(np.copy,         r"x",                         lambda g, y, x: g,
    numpy=(np.positive, np.conjugate, np.real),  shapes="any",                 example="tg.copy(2.0)")
stop_gradient = primitive(lambda x: x, r"x", None,       name="stop_gradient", shapes="any")
primitive(lambda x, dtype: x.astype(dtype), r"x",        lambda g, y, x, dtype=None: g.astype(x.dtype),
    name="astype", numpy=(getattr(np, "astype", None),), shapes="any", example="tg.astype(np.array(1), dtype=float)")
arrange = primitive(lambda x, shape: np.reshape(x, shape),
                           r"\mathrm{reshape}(x)",       lambda g, y, x, shape=(): np.reshape(g, np.shape(x)),
    name="reshape", shapes="x to `shape`, of as many entries; -1 stands for what is left",
    example="tg.reshape([1., 2., 3., 4.], (2, 2))")
primitive(np.transpose,    r"x^{T}",                     lambda g, y, x, axes=None: np.transpose(g, inverse(axes)),
    shapes="axis i of y is axis axes[i] of x; all reversed if axes is None", example="tg.transpose([[1., 2.]])")
primitive(np.swapaxes,     r"x^{T}",                     lambda g, y, x, axis1=0, axis2=1: np.swapaxes(g, axis1, axis2),
    shapes="two axes of x exchanged", example="tg.swapaxes([[1., 2.], [3., 4.]], 0, 1)")
primitive(np.broadcast_to, r"\mathrm{broadcast}(x)",     lambda g, y, x, shape=(): g,
    shapes="x to `shape`, to which it must broadcast", example="tg.broadcast_to([1., 2.], (2, 2))")
primitive(np.expand_dims,  r"\mathrm{expand}(x)",        lambda g, y, x, axis=0: np.reshape(g, np.shape(x)),
    shapes="x with an axis of length 1 put in at `axis`", example="tg.expand_dims([1., 2.], 0)")
primitive(np.squeeze,      r"\mathrm{squeeze}(x)",       lambda g, y, x, axis=None: np.reshape(g, np.shape(x)),
    shapes="x without the axes of length 1, or without those in `axis`", example="tg.squeeze([[1., 2.]])")
primitive(np.flip,         r"\mathrm{flip}(x)",          lambda g, y, x, axis=None: np.flip(g, axis),
    shapes="x's; every axis reversed if axis is None", example="tg.flip([1., 2., 3.])")
primitive(np.roll,         r"\mathrm{roll}(x)",          lambda g, y, x, shift=0, axis=None:
        np.roll(g, np.negative(shift), axis),
    shapes="x's; rolled as if flat if axis is None", example="tg.roll([1., 2., 3.], 1)")
primitive(np.rot90,        r"\mathrm{rot90}(x)",         lambda g, y, x, k=1, axes=(0, 1): np.rot90(g, -k, axes),
    shapes="x's, the lengths of the two axes exchanged if k is odd", example="tg.rot90([[1., 2.], [3., 4.]])")
join = primitive(lambda *x, axis=0: np.concatenate(x, axis),
                           r"(x_1, x_2, \dots)",         lambda g, y, i, *x, axis=0: g[piece(x, i, axis)],
    name="concatenate",    shapes="equal but along `axis`, where the lengths add up")
pile = primitive(lambda *x, axis=0: np.stack(x, axis),
                           r"(x_1, x_2, \dots)",         lambda g, y, i, *x, axis=0: g[along(axis, y.ndim, i)],
    name="stack",          shapes="all equal; y has one axis more, at `axis`")
frame = primitive(lambda x, pad_width, constant_values: np.pad(x, pad_width, constant_values=constant_values),
                           r"(\dots, x, \dots)",        lambda g, y, x, pad_width=0, constant_values=0:
        g[inner_part(x, pad_width)],
    name="pad",            shapes="x's, each axis longer by its two widths")


def axes_of(x: Array, axis: Any) -> tuple[int, ...]:
    """The axes meant, counted from 0; all if axis is None."""
    return normalize_axis_tuple(range(np.ndim(x)) if axis is None else axis, np.ndim(x))
