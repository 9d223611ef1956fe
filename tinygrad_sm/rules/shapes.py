"""Ops that move or repeat entries, join arrays and cut them. The letters: x, a inputs; y output; g = dL/dy.

i is the place of an input among many.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..errors import ShapeError, UnsupportedError
from ..primitive import Array, composed, composition, primitive


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


# fmt: off
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

composed(np.shape, "The shape of an array.", lambda a: a.shape if hasattr(a, "shape") else np.asarray(a).shape)
composed(np.ndim, "The number of axes.", lambda a: len(np.shape(a)))
composed(np.size, "The number of entries, or the length along an axis.", lambda a, axis=None:
    prod(np.shape(a)[i] for i in axes_of(a, axis)))
composed(np.ravel, "All entries in one row.", lambda x, order="C": np.reshape(x, -1, order))
composed(np.fliplr, "Each row backwards.", lambda x: np.flip(x, 1))
composed(np.flipud, "The rows in the opposite order.", lambda x: np.flip(x, 0))
composed(np.matrix_transpose, "The last two axes exchanged.", lambda x: np.swapaxes(x, -1, -2))
composed(np.rollaxis, "One axis moved to stand before another.", lambda x, axis, start=0:
    np.moveaxis(x, axis, (start % x.ndim if start < 0 else start) - (axis % x.ndim < start % (x.ndim + 1))))
composed(np.append, "Values after those of x, all flat if axis is None.", lambda x, values, axis=None:
    np.concatenate((x, values), axis))
composed(np.vstack, "Arrays one below another.", lambda arrays: np.concatenate(each(np.atleast_2d, arrays), 0))
composed(np.hstack, "Arrays one after another along their second axis, or their only one.", lambda arrays:
    np.concatenate(flat := each(np.atleast_1d, arrays), min(flat[0].ndim, 2) - 1))
composed(np.dstack, "Arrays one behind another, along the third axis.", lambda arrays:
    np.concatenate(each(np.atleast_3d, arrays), 2))
composed(np.column_stack, "Vectors as columns, matrices as they are, side by side.", lambda arrays:
    np.concatenate([x if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in arrays], 1))
composed(np.hsplit, "Cut along the second axis, or the only one.", lambda x, indices_or_sections:
    np.split(x, indices_or_sections, min(x.ndim, 2) - 1))
composed(np.vsplit, "Cut along the first axis.", lambda x, indices_or_sections: np.split(x, indices_or_sections, 0))
composed(np.dsplit, "Cut along the third axis.", lambda x, indices_or_sections: np.split(x, indices_or_sections, 2))
composed(np.broadcast_arrays, "Arrays stretched to one shape.", lambda *x:
    tuple(np.broadcast_to(a, np.broadcast_shapes(*map(np.shape, x))) for a in x))
composed(np.atleast_1d, "A scalar as a vector.", lambda *x: alone([np.reshape(a, np.shape(a) or (1,)) for a in x]))
composed(np.atleast_2d, "A vector as a row.", lambda *x:
    alone([np.reshape(a, (1,) * (2 - np.ndim(a)) + np.shape(a)) for a in x]))
composed(np.atleast_3d, "A vector as (1, n, 1), a matrix as (n, m, 1).", lambda *x:
    alone([np.reshape(a, np.shape(a) + (1,) * (3 - np.ndim(a))) for a in each(np.atleast_2d, x)]))
# fmt: on


def axes_of(x: Array, axis: Any) -> tuple[int, ...]:
    """The axes meant, counted from 0; all if axis is None."""
    return normalize_axis_tuple(range(np.ndim(x)) if axis is None else axis, np.ndim(x))


def each(function: Any, arrays: Sequence[Array]) -> list[Array]:
    """The function of each array."""
    return [function(a) for a in arrays]


def alone(arrays: list[Array]) -> Any:
    """The only one by itself."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


@composition(np.split)
def split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Cut into equal parts, or before the indices given."""
    if np.ndim(indices_or_sections) == 0 and (n := np.shape(x)[axis]) % indices_or_sections:
        raise ShapeError(f"split: {n} entries do not make {indices_or_sections} equal parts; use array_split")
    return array_split(x, indices_or_sections, axis)  # type: ignore[no-any-return]


@composition(np.reshape)
def reshape(x: Array, shape: Any, order: str = "C") -> Array:
    """The same entries in another shape; with order "F" they are counted along the first axis first."""
    if order not in ("C", "F"):
        raise UnsupportedError(f'reshape: order must be "C" or "F", not {order!r}')
    if order == "F":
        return np.transpose(arrange(np.transpose(x), shape=np.atleast_1d(shape)[::-1].tolist()))
    return arrange(x, shape=shape)


@composition(np.moveaxis)
def moveaxis(x: Array, source: Any, destination: Any) -> Array:
    """The axes of x in another order: `source` at `destination`, the rest as they stand."""
    source, destination = axes_of(x, source), axes_of(x, destination)
    axes = [axis for axis in range(np.ndim(x)) if axis not in source]
    for to, axis in sorted(zip(destination, source, strict=True)):
        axes.insert(to, axis)
    return np.transpose(x, axes)


@composition(np.concatenate)
def concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """Arrays one after another along an axis that they have (flattened first if axis is None).

    >>> concatenate([np.array([1.0, 2.0]), np.array([3.0])])
    array([1., 2., 3.])
    """
    if axis is None:
        arrays, axis = [np.reshape(a, -1) for a in arrays], 0
    return join(*arrays, axis=axis)


@composition(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Arrays of one shape side by side along a new axis.

    >>> stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    return pile(*arrays, axis=axis)


@composition()
def array(nested: Any) -> Array:
    """Nested lists of tensors and numbers as one array: np.array, which cannot do that, for tensors."""
    return np.stack([array(entry) for entry in nested]) if isinstance(nested, list | tuple) else np.copy(nested)


@composition(np.array_split)
def array_split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Cut into so many parts, of which the first may be longer by one, or before the indices given."""
    n, cuts = np.shape(x)[axis], indices_or_sections
    if np.ndim(cuts) == 0:
        cuts = [n // cuts * i + min(i, n % cuts) for i in range(1, cuts)]
    return [x[along(axis, x.ndim, slice(start, stop))] for start, stop in pairwise([0, *cuts, n])]


@composition(np.tile)
def tile(x: Array, reps: Any) -> Array:
    """x again and again, so many times along each axis."""
    ndim = max(np.ndim(x), np.size(reps))
    reps = (1,) * (ndim - np.size(reps)) + tuple(np.atleast_1d(reps).tolist())
    shape = (1,) * (ndim - np.ndim(x)) + np.shape(x)
    y = np.reshape(x, [n for length in shape for n in (1, length)])
    y = np.broadcast_to(y, [n for pair in zip(reps, shape, strict=True) for n in pair])
    return np.reshape(y, [r * n for r, n in zip(reps, shape, strict=True)])


@composition(np.pad)
def pad(x: Array, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Array:
    """Entries added at the ends of the axes: constants, or copies of x (modes edge, reflect, symmetric, wrap)."""
    if mode == "constant":
        return frame(x, pad_width=pad_width, constant_values=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise UnsupportedError(f"pad: mode={mode!r} is not here; constant, edge, reflect, symmetric and wrap are")
    places = np.reshape(np.arange(np.size(x)), np.shape(x))
    return np.reshape(x, -1)[np.pad(places, pad_width, mode)]
