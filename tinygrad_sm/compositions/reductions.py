"""Reductions made of others. Where entries are equal, sort, median and their like give the gradient to one."""

from math import nan, prod
from typing import Any

import numpy as np

from ..composition import composed, composition
from ..errors import DataError, ShapeError
from ..primitive import Array, Axis, primitive
from ..rules.reductions import in_rows, length
from ..rules.shapes import axes_of
from .shapes import axis_of

# fmt: off
composed(np.ptp, "The largest entry less the smallest.",
    lambda x, axis=None, *, keepdims=False: np.max(x, axis, keepdims=keepdims) - np.min(x, axis, keepdims=keepdims))
composed(np.nansum, "The sum of what is not NaN.", lambda x, axis=None, *, keepdims=False:
    np.sum(np.where(np.isnan(x), 0, x), axis, keepdims=keepdims))
composed(np.nanmean, "The mean of what is not NaN.", lambda x, axis=None, *, keepdims=False:
    np.nansum(x, axis, keepdims=keepdims) / np.nansum(np.where(np.isnan(x), x, 1), axis, keepdims=keepdims))
composed(np.median, "The entry in the middle of the sorted ones, or the mean of the two there.",
    lambda x, axis=None, *, keepdims=False: np.quantile(x, 0.5, axis, keepdims=keepdims))
composed(np.percentile, "What q percent of the entries are below; linear between two.",
    lambda x, q, axis=None, *, keepdims=False: np.quantile(x, np.divide(q, 100), axis, keepdims=keepdims))
composed(np.var, "The sum of squared distances from the mean over n - ddof (or n - correction).",
    lambda x, axis=None, *, ddof=0, keepdims=False, mean=None, correction=None:
        np.sum(np.square(distances(x, axis, mean)), axis, keepdims=keepdims) / freedom(x, axis, ddof, correction))
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
    return max(prod(np.shape(x)[i] for i in axes_of(x, axis)) - (ddof if correction is None else correction), 0)


def real(x: Array) -> Array:
    """Integers as real numbers, so that products and sums do not run over."""
    x = x if hasattr(x, "dtype") else np.asarray(x)
    return x if x.dtype.kind == "f" else np.multiply(x, 1.0)


@composition(np.average)
def average(x: Array, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean, or the sum of weights times x over the sum of weights, which is returned too if asked for."""
    x = real(x)
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
