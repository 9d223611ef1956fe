"""Functions that move, join and cut arrays, made of others."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..composition import composed, composition
from ..errors import DataError, ShapeError, UnsupportedError
from ..primitive import Array, Differentiable
from ..rules.shapes import along, arrange, axes_of, frame, join, pile

# fmt: off
composed(np.shape, "The shape of an array.", lambda a: a.shape if hasattr(a, "shape") else np.asarray(a).shape)
composed(np.ndim, "The number of axes.", lambda a: len(np.shape(a)))
composed(np.size, "The number of entries, or the length along an axis.", lambda a, axis=None:
    prod(np.shape(a)[i] for i in axes_of(a, axis)))
composed(np.ravel, "All entries in one row.", lambda x, order="C": np.reshape(x, -1, order))
composed(np.fliplr, "Each row backwards.", lambda x: np.flip(x, 1))
composed(np.flipud, "The rows in the opposite order.", lambda x: np.flip(x, 0))
composed(np.matrix_transpose, "The last two axes exchanged.", lambda x: np.swapaxes(x, -1, -2))
composed(np.rollaxis, "One axis moved to stand before another.", lambda x, axis, start=0:
    np.moveaxis(x, axis := axis_of(x, axis), (before := start + x.ndim * (start < 0)) - (axis < before)))
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
    np.split(with_axes(1, x), indices_or_sections, min(x.ndim, 2) - 1))
composed(np.vsplit, "Cut along the first axis.", lambda x, indices_or_sections:
    np.split(with_axes(2, x), indices_or_sections, 0))
composed(np.dsplit, "Cut along the third axis.", lambda x, indices_or_sections:
    np.split(with_axes(3, x), indices_or_sections, 2))
composed(np.broadcast_arrays, "Arrays stretched to one shape.", lambda *x:
    tuple(np.broadcast_to(a, np.broadcast_shapes(*map(np.shape, x))) for a in x))
composed(np.atleast_1d, "A scalar as a vector.", lambda *x: alone([np.reshape(a, np.shape(a) or (1,)) for a in x]))
composed(np.atleast_2d, "A vector as a row.", lambda *x:
    alone([np.reshape(a, (1,) * (2 - np.ndim(a)) + np.shape(a)) for a in x]))
composed(np.atleast_3d, "A vector as (1, n, 1), a matrix as (n, m, 1).", lambda *x:
    alone([np.reshape(a, np.shape(a) + (1,) * (3 - np.ndim(a))) for a in each(np.atleast_2d, x)]))


def axis_of(x: Array, axis: int) -> int:
    """The one axis meant, counted from 0."""
    return normalize_axis_index(axis, np.ndim(x))


def with_axes(least: int, x: Array) -> Array:
    """x, if it has that many axes at least."""
    if np.ndim(x) < least:
        raise ShapeError(f"split: an array of shape {np.shape(x)} has too few axes; it must have {least} at least")
    return x


def each(function: Any, arrays: Sequence[Array]) -> list[Array]:
    """The function of each array."""
    return [function(a) for a in arrays]


def alone(arrays: list[Array]) -> Any:
    """The only one by itself."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


@composition(np.split)
def split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Cut into equal parts, or before the indices given."""
    n = np.shape(x)[axis_of(x, axis)]
    if np.ndim(indices_or_sections) == 0 and n % max(indices_or_sections, 1):
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
    if len(source) != len(destination):
        raise ShapeError(f"moveaxis: source has {len(source)} axes, destination {len(destination)}; give as many")
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


@composition(np.block)
def block(arrays: Any) -> Array:
    """Nested lists of blocks as one array: the inmost joined along the last axis, those around along the one before."""
    depth = nesting(arrays)
    leaves = [arrays]
    for _ in range(depth):
        leaves = [part for parts in leaves for part in parts]
    ndim = max(depth, *map(np.ndim, leaves))

    def joined(part: Any, axis: int) -> Array:
        if isinstance(part, list):
            return np.concatenate([joined(inner, axis + 1) for inner in part], axis)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return joined(arrays, -depth) if depth else np.copy(arrays)


def nesting(part: Any) -> int:
    """How deep lists of blocks are nested, if all are alike."""
    if isinstance(part, tuple):
        raise UnsupportedError("block: a tuple stands among the blocks; nest them in lists")
    if not isinstance(part, list):
        return 0
    depths = {nesting(inner) for inner in part}
    if len(depths) != 1:
        raise ShapeError("block: lists are empty, or nested to different depths; nest all blocks alike")
    return 1 + depths.pop()


@composition(np.meshgrid)
def meshgrid(*x: Array, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    """Coordinates as grids, one for each: along its own axis they run, along the others they repeat (unless sparse)."""
    if indexing not in ("xy", "ij"):
        raise DataError(f'meshgrid: indexing must be "xy" or "ij", not {indexing!r}')
    grids = [np.reshape(a, (-1,) + (1,) * (len(x) - 1 - i)) for i, a in enumerate(x)]
    grids = [np.reshape(a, (1,) * (len(x) - np.ndim(a)) + np.shape(a)) for a in grids]
    if indexing == "xy" and len(x) > 1:
        grids = [np.swapaxes(a, 0, 1) for a in grids]
    grids = grids if sparse else [*np.broadcast_arrays(*grids)]
    tensors = [a for a in x if isinstance(a, Differentiable)]
    if not tensors:
        return tuple(map(np.copy, grids))
    return tuple(np.copy(a) if isinstance(a, Differentiable) else as_constant(a, tensors[0]) for a in grids)


def as_constant(a: Array, t: Array) -> Array:
    """A copy of an array, as what t is: a Tensor that needs no gradient."""
    return np.where(True, a, np.zeros_like(t, shape=(), dtype=a.dtype))


@composition(np.array_split)
def array_split(x: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Cut into so many parts, of which the first may be longer by one, or before the indices given."""
    axis, cuts = axis_of(x, axis), indices_or_sections
    n = np.shape(x)[axis]
    if np.ndim(cuts) == 0:
        if cuts < 1:
            raise ShapeError(f"split: into {cuts} parts; there must be 1 at least")
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
