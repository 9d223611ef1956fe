"""Reductions made of others. Where entries are equal, sort, median and their like give the gradient to one."""

from math import nan, prod
from operator import index
from typing import Any

import numpy as np

from ..composition import composed, composition
from ..errors import DataError, ShapeError, UnsupportedError
from ..primitive import Array, Axis, primitive
from ..rules.reductions import in_rows, length, spread
from ..rules.shapes import axes_of
from .shapes import axis_of

# fmt: off
composed(np.ptp, "The largest entry less the smallest.",
    lambda x, axis=None, *, keepdims=False: np.max(x, axis, keepdims=keepdims) - np.min(x, axis, keepdims=keepdims))
composed(np.nansum, "The sum of what is not NaN.", lambda x, axis=None, *, keepdims=False:
    np.sum(np.where(np.isnan(x), 0, x), axis, keepdims=keepdims))
composed(np.nanmean, "The mean of what is not NaN.", lambda x, axis=None, *, keepdims=False:
    over(np.nansum(real(x), axis, keepdims=keepdims), count(x, axis, keepdims)))
composed(np.nanvar, "The var of what is not NaN.",
    lambda x, axis=None, *, ddof=0, keepdims=False, mean=None, correction=None:
        over(np.sum(np.square(numbers(x, axis, mean)), axis, keepdims=keepdims),
            numbers_free(x, axis, less(ddof, correction), keepdims)))
composed(np.nanstd, "The root of nanvar.",
    lambda x, axis=None, *, ddof=0, keepdims=False, mean=None, correction=None:
        over(length(numbers(x, axis, mean), axis=axis, keepdims=keepdims),
            numbers_free(x, axis, less(ddof, correction), keepdims) ** 0.5))
composed(np.median, "The entry in the middle of the sorted ones, or the mean of the two there.",
    lambda x, axis=None, *, keepdims=False: np.quantile(x, 0.5, axis, keepdims=keepdims))
composed(np.percentile, "What q percent of the entries are below; linear between two.",
    lambda x, q, axis=None, *, keepdims=False: np.quantile(x, np.divide(q, 100), axis, keepdims=keepdims))
composed(np.var, "The sum of squared distances from the mean over n - ddof (or n - correction).",
    lambda x, axis=None, *, ddof=0, keepdims=False, mean=None, correction=None:
        over(np.sum(np.square(distances(x, axis, mean)), axis, keepdims=keepdims), freedom(x, axis, ddof, correction)))
composed(np.std, "The root of var.",
    lambda x, axis=None, *, ddof=0, keepdims=False, mean=None, correction=None:
        length(distances(x, axis, mean), axis=axis, keepdims=keepdims) / freedom(x, axis, ddof, correction) ** 0.5)


def checked(q: Any) -> Any:
    """Parts of a whole, if they are."""
    if not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= 1)):
        raise DataError(f"quantile: q must be from 0 to 1 (of percentile, from 0 to 100), not {q}")
    return q


fraction = primitive(checked, "q", lambda g, y, q: g, name="fraction", shapes="any", fits=True,
    example="tg.rule('fraction')(0.5) -> 0.5")


@composition(np.quantile)
def quantile(x: Array, q: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """What a part q (from 0 to 1) of the entries is below; linear between two; NaN where there is a NaN."""
    rows, q = np.sort(in_rows(x, axis), -1), fraction(float(q) if isinstance(q, int) else q)
    place = np.multiply(q, rows.shape[-1] - 1)
    low, high = rows[..., np.floor(place).astype(int)], rows[..., np.ceil(place).astype(int)]
    part = float(place % 1) if isinstance(q, float) else place % 1
    y = np.where(part == 0, low, (1 - part) * low + part * high)
    last = np.reshape(rows[..., -1], rows.shape[:-1] + (1,) * np.ndim(q))
    y = np.moveaxis(np.where(np.isnan(last), nan, y), range(-np.ndim(q), 0), range(np.ndim(q)))
    return np.expand_dims(y, tuple(np.ndim(q) + i for i in axes_of(x, axis))) if keepdims else y


def distances(x: Array, axis: Axis, mean: Array) -> Array:
    """How far the entries are from the mean."""
    return x - (np.mean(x, axis, keepdims=True) if mean is None else mean)


def freedom(x: Array, axis: Axis, ddof: float, correction: float | None) -> Any:
    """How many entries are free to vary."""
    return max(prod(np.shape(x)[i] for i in axes_of(x, axis)) - less(ddof, correction), 0)


def less(ddof: float, correction: float | None) -> float:
    """How many entries are not free to vary."""
    if ddof and correction is not None:
        raise DataError("var, std: ddof and correction are two names of one number; give one of them")
    return ddof if correction is None else correction


def wide(x: Array) -> Any:
    """The dtype to count the entries of x in: its own, but float64 for float16, which ends at 65504."""
    return np.dtype(float) if x.dtype == np.float16 else x.dtype


def over(y: Array, n: Any) -> Array:
    """y / n in the dtype of y, for a number n of entries."""
    if y.dtype != np.float16:
        return np.divide(y, n)
    return np.divide(y, n if hasattr(n, "dtype") else np.float64(n)).astype(y.dtype)


def share_of_numbers(g: Array, y: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """Give g to the entries of x that equal the extreme y, in equal parts; NaN equals nothing."""
    hit = np.equal(x, spread(y, x, axis, keepdims))
    many = np.maximum(np.sum(hit, axis, keepdims=True), 1)
    return over(np.where(hit, spread(g, x, axis, keepdims), 0), many.astype(wide(y)))


for extreme, formula in {np.nanmax: r"\max x", np.nanmin: r"\min x"}.items():
    primitive(extreme, formula,
        lambda g, y, x, axis=None, keepdims=False: share_of_numbers(g, y, x, axis, keepdims),
        shapes="x without the axes given (kept with length 1 if keepdims), a scalar if axis is None",
        example=f"tg.{extreme.__name__}([1., np.nan, 2.])")


def numbers(x: Array, axis: Axis, mean: Array) -> Array:
    """How far what is not NaN is from its mean; 0 for NaN."""
    if mean is None:
        mean = over(np.nansum(real(x), axis, keepdims=True), np.maximum(count(x, axis, True), 1))
    return np.where(np.isnan(x), 0, x - mean)


def count(x: Array, axis: Axis, keepdims: bool) -> Array:
    """How many entries are not NaN."""
    return np.sum(np.logical_not(np.isnan(x)), axis, keepdims=keepdims).astype(wide(real(x)))


def numbers_free(x: Array, axis: Axis, ddof: float, keepdims: bool) -> Array:
    """How many of the entries that are not NaN are free to vary; NaN if none is."""
    n = count(x, axis, keepdims) - ddof
    return np.where(n > 0, n, nan)


def real(x: Array) -> Array:
    """Integers as real numbers, so that products and sums do not run over."""
    x = x if hasattr(x, "dtype") else np.asarray(x)
    return x if x.dtype.kind == "f" else np.multiply(x, 1.0)


@composition(np.average)
def average(x: Array, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean, or the sum of weights times x over the sum of weights, which is returned too if asked for."""
    x = real(x)
    if weights is None and not returned:
        return np.mean(x, axis, keepdims=keepdims)
    if weights is None:
        weights = np.ones_like(x)
    elif np.shape(weights) != np.shape(x):
        axes = axes_of(x, axis)
        if np.shape(weights) != tuple(np.shape(x)[i] for i in axes):
            raise ShapeError(f"average: weights of shape {np.shape(weights)} do not fit axis {axis} of {np.shape(x)}")
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.expand_dims(weights, tuple(i for i in range(np.ndim(x)) if i not in axes))
    weights = real(weights)
    total = np.sum(weights * np.ones_like(x), axis, keepdims=keepdims)
    y = np.sum(x * weights, axis, keepdims=keepdims) / total
    return (y, total) if returned else y


@composition(np.diff)
def diff(x: Array, n: int = 1, axis: int = -1, prepend: Array = None, append: Array = None) -> Array:
    """Each entry less the one before it, n times over; with values put before and after, if given."""
    if n < 0:
        raise DataError(f"diff: n must be at least 0, not {n}")
    axis = axis_of(x, axis)
    one = [1 if i == axis else n for i, n in enumerate(np.shape(x))]
    ends = [np.broadcast_to(e, one) if e is not None and np.ndim(e) == 0 else e for e in (prepend, append)]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    y = np.moveaxis(np.concatenate(parts, axis), axis, -1)
    for _ in range(n):
        y = y[..., 1:] - y[..., :-1]
    return np.moveaxis(y, -1, axis)


@composition(np.gradient)
def gradient(f: Array, *spacings: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """The slopes of what f samples, along each axis: central inside, one-sided at the ends.

    A spacing is a distance, or the coordinates along its axis; one distance serves all axes, by default 1.
    """
    f = real(f)
    axes = axes_of(f, axis)
    if len(spacings) <= 1 and not any(map(np.ndim, spacings)):
        spacings = (spacings or (1.0,)) * len(axes)
    if len(spacings) != len(axes):
        raise UnsupportedError(f"gradient: {len(spacings)} spacings for {len(axes)} axes; give one for each, or one")
    if edge_order not in (1, 2):
        raise DataError(f"gradient: edge_order must be 1 or 2, not {edge_order!r}")
    parts = [slopes(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True)]
    return parts[0] if len(parts) == 1 else tuple(parts)


def slopes(f: Array, spacing: Any, axis: int, edge_order: int) -> Array:
    """The slopes along one axis: between neighbours, and at an entry the mean of the two, the nearer counting more."""
    f = np.moveaxis(f, axis, -1)
    n = f.shape[-1]
    if n <= edge_order:
        raise ShapeError(f"gradient: axis {axis} has {n} entries; edge_order={edge_order} needs {edge_order + 1}")
    if np.ndim(spacing) and np.shape(spacing) != (n,):
        raise ShapeError(f"gradient: axis {axis} needs {n} coordinates, not those of shape {np.shape(spacing)}")
    d = np.diff(real(spacing)) if np.ndim(spacing) else spacing * np.ones(n - 1, f.dtype)
    s = (f[..., 1:] - f[..., :-1]) / d
    inner = (d[1:] * s[..., :-1] + d[:-1] * s[..., 1:]) / (d[1:] + d[:-1])
    first, last = s[..., :1], s[..., -1:]
    if edge_order == 2:
        first = first + (first - s[..., 1:2]) * (d[0] / (d[0] + d[1]))
        last = last + (last - s[..., -2:-1]) * (d[-1] / (d[-1] + d[-2]))
    y = np.moveaxis(np.concatenate((first, inner, last), -1), -1, axis)
    return y if y.dtype == f.dtype else y.astype(f.dtype)


@composition(np.linspace)
def linspace(
    start: Array, stop: Array, num: int = 50, endpoint: bool = True, retstep: bool = False, *, axis: int = 0
) -> Any:
    """So many numbers from start to stop, equally far apart, on a new axis; with retstep, how far, too."""
    if (num := index(num)) < 0:
        raise ShapeError(f"linspace: num must be at least 0, not {num}")
    start, stop = (x if isinstance(x, int | float) else real(x) for x in (start, stop))
    gap, steps = stop - start, num - bool(endpoint)
    i = np.reshape(np.arange(num, dtype=getattr(gap, "dtype", float)), (num,) + (1,) * np.ndim(gap))
    if steps > 0:
        step = gap / steps  # one that is too small for a number is not multiplied by
        y = np.where(np.any(np.equal(step, 0)), i / steps * gap, i * step) + start
        y = np.where(np.equal(i, steps), stop, y)
    else:
        step, y = nan, i * gap + start
    y = np.moveaxis(y, 0, axis)
    return (y, step) if retstep else y
