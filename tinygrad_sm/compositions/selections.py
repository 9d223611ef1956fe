"""Entries chosen by place, by condition or by rank: functions made of others."""

from typing import Any

import numpy as np

from ..composition import composed, composition
from ..errors import DataError, DtypeError, ShapeError
from ..primitive import PRIMITIVES, Array, primitive
from ..rules.selections import scatter_add
from ..rules.shapes import along
from .shapes import axis_of

# fmt: off
composed(np.tril, "The entries on the diagonal k and below, else 0.", lambda x, k=0:
    np.where(triangle(x, k), x, np.zeros_like(x)))
composed(np.triu, "The entries on the diagonal k and above, else 0.", lambda x, k=0:
    np.where(triangle(x, k - 1), np.zeros_like(x), x))
composed(np.trace, "The sum of a diagonal.", lambda x, offset=0, axis1=0, axis2=1:
    np.sum(np.diagonal(x, offset, axis1, axis2), -1))
composed(np.diagflat, "The entries on a diagonal, else 0.", lambda x, k=0: np.diag(np.ravel(x), k))
composed(np.compress, "Where the condition holds along an axis.", lambda condition, a, axis=None:
    np.take(a, np.flatnonzero(condition), axis))
composed(np.extract, "Where the condition holds, flat.", lambda condition, arr: np.take(arr, np.flatnonzero(condition)))
composed(np.repeat, "Each entry so many times.", lambda x, repeats, axis=None:
    np.take(x, np.repeat(np.arange(np.size(x) if axis is None else np.shape(x)[axis_of(x, axis)]), repeats), axis))
composed(np.sort, "The entries in order of size.", lambda x, axis=-1, *, kind=None, stable=None:
    ranked(x, np.argsort, axis, kind=kind, stable=stable))
composed(np.partition, "As sorted at kth; what is smaller before it, what is larger after it.", lambda x, kth, axis=-1:
    ranked(x, np.argpartition, axis, kth=kth))


def checked(a: Any, n: int = 1, mode: str = "raise") -> Any:
    """Numbers of n choices, if they are; in the modes wrap and clip they are made so."""
    a = np.asarray(a)
    if a.dtype.kind not in "iub":
        raise DtypeError(f"choose: the numbers of the choices must be integers, not {a.dtype}; use a.astype(int)")
    if mode not in ("raise", "wrap", "clip"):
        raise DataError(f"choose: mode must be raise, wrap or clip, not {mode!r}")
    if not n:
        raise DataError("choose: there are no choices; give one at least")
    if mode != "raise":
        return a.astype(int) % n if mode == "wrap" else np.clip(a, 0, n - 1)
    for place in np.argwhere((a < 0) | (a >= n))[:1].tolist():
        raise DataError(
            f"choose: {a[*place]} at {(*place,)} is none of the {n} choices, 0 to {n - 1}; correct it, or use "
            f'mode="wrap" or "clip"'
        )
    return a


checked_choice = primitive(checked, "i", None, name="checked_choice", shapes="any")


@composition(np.choose)
def choose(a: Array, choices: Any, *, mode: str = "raise") -> Array:
    """For each entry the choice with the number that stands in a; where there is none, by mode: raise, wrap or clip."""
    a, last = checked_choice(a, n=len(choices), mode=mode), [*choices][-1:]
    return np.select([np.equal(a, i) for i in range(len(choices))], choices, *last)


def triangle(x: Array, k: int) -> Array:
    """Whether an entry is on diagonal k or below; a vector stands for as many equal rows."""
    if not np.ndim(x):
        raise ShapeError("tril, triu: a single number has no diagonals; reshape it to (1, 1)")
    return np.tri(np.shape(x)[-2:][0], np.shape(x)[-1], k, dtype=bool)


@composition(np.bincount)
def bincount(x: Array, weights: Array = None, minlength: int = 0) -> Array:
    """How often each number occurs in x, or the sum of the weights that stand there."""
    n: Array = PRIMITIVES["bincount"](x, minlength=minlength)
    if weights is None:
        return n
    if np.shape(weights) != np.shape(x):
        raise ShapeError(f"bincount: {np.shape(weights)} weights for {np.shape(x)} numbers; give one for each")
    return scatter_add(np.multiply(weights, np.ones(())), key=x, shape=n.shape)


def ranked(x: Array, order: Any, axis: int | None, **how: Any) -> Array:
    """The entries in an order found by a query; it is a constant."""
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    return np.take_along_axis(x, order(x, axis=axis, **how), axis)


@composition(np.take)
def take(x: Array, indices: Any, axis: int | None = None, mode: str = "raise") -> Array:
    """The entries at some places along an axis, or of x as if flat."""
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    indices, n = np.asarray(indices), np.shape(x)[axis_of(x, axis)]
    indices = indices.astype(int) if indices.dtype == bool else indices
    if mode != "raise":
        indices = indices % n if mode == "wrap" else np.clip(indices, 0, n - 1)
    return x[along(axis, x.ndim, indices)]


@composition(np.take_along_axis)
def take_along_axis(x: Array, indices: Array, axis: int | None = -1) -> Array:
    """For each line along the axis, the entries at its own places."""
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    grid = list(np.ix_(*map(np.arange, np.shape(x))))
    grid[axis_of(x, axis)] = indices
    return x[tuple(grid)]


@composition(np.diagonal)
def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Entries (i, i + offset) of two axes, as the last axis."""
    x = np.moveaxis(x, (axis1, axis2), (-2, -1))
    places = np.arange(max(0, min(x.shape[-2] + min(offset, 0), x.shape[-1] - max(offset, 0))))
    return x[..., places - min(offset, 0), places + max(offset, 0)]


@composition(np.diag)
def diag(x: Array, k: int = 0) -> Array:
    """The matrix with x on diagonal k, or the diagonal k of the matrix x."""
    if np.ndim(x) == 2:
        return np.diagonal(x, k)
    n, places = len(x) + abs(k), np.arange(len(x))
    return scatter_add(x, key=(places - min(k, 0), places + max(k, 0)), shape=(n, n))


@composition(np.select)
def select(condlist: Any, choicelist: Any, default: Array = 0) -> Array:
    """For each entry the first choice whose condition holds, else the default."""
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = np.where(condition, choice, y)
    return y
