"""Ops that move entries and compute nothing. The letters: x input; y output; g = dL/dy; i the place of an input among many."""

from math import prod

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..primitive import composition, primitive


def reshape(x, shape):
    """The same entries in another shape."""
    return np.reshape(x, shape)


def copy(x):
    """x in memory of its own."""
    return np.array(x)


def stop_gradient(x):
    """x as a constant."""
    return x


def astype(x, dtype):
    """x in another floating-point type."""
    return x.astype(dtype)


def getitem(x, key):
    """x[key], for every kind of NumPy index."""
    return x[key]


def scatter(x, key, shape):
    """Zeros of a shape with x added at [key]; where the key repeats an index, its entries add up."""
    y = np.zeros(shape, np.result_type(x))
    basic = (slice, int, type(None), type(Ellipsis))
    if all(isinstance(k, basic) and not isinstance(k, bool) for k in (key if isinstance(key, tuple) else (key,))):
        y[key] = x
    else:
        np.add.at(y, key, x)
    return y


def inverse(axes):
    """The axes that undo a transposition."""
    return axes if axes is None else np.argsort(axes)


def along(axis, ndim, index):
    """The index that is `index` along one axis and everything along those before it."""
    return (slice(None),) * (axis % ndim) + (index,)


def piece(arrays, i, axis):
    """Where array i lies in the concatenation."""
    start = sum(np.shape(a)[axis] for a in arrays[:i])
    return along(axis, np.ndim(arrays[i]), slice(start, start + np.shape(arrays[i])[axis]))


def join(*arrays, axis=0):
    """Arrays one after another along an axis that they have."""
    return np.concatenate(arrays, axis)


def pile(*arrays, axis=0):
    """Arrays of one shape side by side along a new axis."""
    return np.stack(arrays, axis)


# fmt: off
# function                 formula                                rule
primitive(copy,            r"x",                                  lambda g, y, x: g,
    numpy=(np.copy, np.positive), shapes="any", example="tg.copy(2.0) -> array(2.)")
stop_gradient = primitive(stop_gradient, r"x", None, shapes="any")
primitive(astype,          r"x",                                  lambda g, y, x, dtype=None: g.astype(x.dtype),
    shapes="any",          example="tg.astype(np.array([1, 2]), dtype=np.float32) -> array([1., 2.], dtype=float32)")
primitive(reshape,         r"\mathrm{reshape}(x)",                lambda g, y, x, shape=(): np.reshape(g, np.shape(x)),
    numpy=(np.reshape,),   shapes="x to `shape`, of as many entries; -1 stands for what is left",
    example="tg.reshape([1., 2., 3., 4.], (2, 2)) -> array([[1., 2.], [3., 4.]])")
primitive(np.transpose,    r"x^{T}",                              lambda g, y, x, axes=None: np.transpose(g, inverse(axes)),
    shapes="axis i of y is axis axes[i] of x; all reversed if axes is None",
    example="tg.transpose([[1., 2.], [3., 4.]]) -> array([[1., 3.], [2., 4.]])")
primitive(np.broadcast_to, r"\mathrm{broadcast}(x)",              lambda g, y, x, shape=(): g,
    shapes="x to `shape`, to which it must broadcast",
    example="tg.broadcast_to([1., 2.], (2, 2)) -> array([[1., 2.], [1., 2.]])")
primitive(np.expand_dims,  r"\mathrm{expand}(x)",                 lambda g, y, x, axis=0: np.reshape(g, np.shape(x)),
    shapes="x with an axis of length 1 put in at `axis`",
    example="tg.expand_dims([1., 2.], 0) -> array([[1., 2.]])")
primitive(np.squeeze,      r"\mathrm{squeeze}(x)",                lambda g, y, x, axis=None: np.reshape(g, np.shape(x)),
    shapes="x without the axes of length 1, or without those in `axis`",
    example="tg.squeeze([[1., 2.]]) -> array([1., 2.])")
primitive(getitem,         r"x_{k}",                              lambda g, y, x, key=(): scatter_add(g, key=key, shape=np.shape(x)),
    shapes="NumPy's of x[key]",
    example="tg.getitem(np.array([1., 2., 3.]), key=[0, 2]) -> array([1., 3.])")
scatter_add = primitive(scatter, r"0, \; y_{k} \mathrel{+}= x",   lambda g, y, x, key=(), shape=(): g[key],
    name="scatter_add",    shapes="x of the shape of y[key]; y of `shape`",
    example="tg.scatter_add(1.0, key=1, shape=(3,)) -> array([0., 1., 0.])")
concatenation = primitive(join, r"(x_1, x_2, \dots)",             lambda g, y, i, *x, axis=0: g[piece(x, i, axis)],
    name="concatenate",    shapes="equal but along `axis`, where the lengths add up")
stacking = primitive(pile, r"(x_1, x_2, \dots)",                  lambda g, y, i, *x, axis=0: g[along(axis, y.ndim, i)],
    name="stack",          shapes="all equal; y has one axis more, at `axis`")
# fmt: on


@composition(np.shape)
def shape(x):
    """The shape of x."""
    return x.shape if hasattr(x, "shape") else np.shape(x)


@composition(np.ndim)
def ndim(x):
    """The number of axes of x."""
    return len(shape(x))


@composition(np.size)
def size(x, axis=None):
    """The number of entries of x, or its length along an axis."""
    return prod(shape(x)) if axis is None else shape(x)[axis]


@composition(np.moveaxis)
def moveaxis(x, source, destination):
    """The axes of x in another order: `source` at `destination`, the rest as they stand."""
    source, destination = (normalize_axis_tuple(axis, x.ndim) for axis in (source, destination))
    axes = [axis for axis in range(x.ndim) if axis not in source]
    for to, axis in sorted(zip(destination, source, strict=True)):
        axes.insert(to, axis)
    return np.transpose(x, axes)


@composition(np.concatenate)
def concatenate(arrays, axis=0):
    """Arrays one after another along an axis that they have (flattened first if axis is None).

    >>> concatenate([np.array([1.0, 2.0]), np.array([3.0])])
    array([1., 2., 3.])
    """
    if axis is None:
        arrays, axis = [np.reshape(a, -1) for a in arrays], 0
    return concatenation(*arrays, axis=axis)


@composition(np.stack)
def stack(arrays, axis=0):
    """Arrays of one shape side by side along a new axis.

    >>> stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    return stacking(*arrays, axis=axis)
