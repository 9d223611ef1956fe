"""What the targets of a cross-entropy may be, and how they are checked.

The letters: z logits, with K classes on one axis; t targets, class indices or distributions; a row for each
sample, N of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DataError, DtypeError, ShapeError
from .primitive import Array, filled

NAME = "softmax_cross_entropy"


def to_rows(z: Array, axis: int, name: str = "softmax") -> Array:
    """z with the class axis last and all others in one: (N, K)."""
    if not hasattr(axis, "__index__") or axis not in range(-z.ndim, z.ndim):
        raise ShapeError(f"{name}: logits of shape {z.shape} have no axis {axis}")
    if not z.shape[axis]:
        raise ShapeError(f"{name}: logits of shape {z.shape} have no classes; the class axis needs an entry")
    if z.ndim == 2 and axis in (-1, 1):
        return z
    return np.reshape(np.moveaxis(z, axis, -1), (-1, z.shape[axis]))


def from_rows(rows: Array, z: Array, axis: int) -> Array:
    """Rows in the shape of z again."""
    if z.ndim == 2 and axis in (-1, 1):
        return rows
    return np.moveaxis(np.reshape(rows, np.moveaxis(z, axis, -1).shape), -1, axis)


def without_classes(z: Array, axis: int) -> tuple[int, ...]:
    """The shape of z without the class axis."""
    return z.shape[:axis] + z.shape[axis:][1:]  # type: ignore[no-any-return]


def checked(
    z: Array, t: Array, label_smoothing: float, weight: Any, ignore_index: Any, axis: int, name: str = NAME
) -> tuple[Array, Array | None]:
    """Targets, checked: class indices (N,) or distributions (N, K), and which rows are kept (None: all)."""
    k = z.shape[axis]
    if label_smoothing and not 0 <= label_smoothing <= 1:
        raise DataError(f"{name}: label_smoothing must be from 0 to 1, not {label_smoothing}")
    if weight is not None and (np.shape(weight) != (k,) or not all(0 <= w < np.inf for w in weight)):
        raise DataError(f"{name}: weight must be {k} finite numbers >= 0, one per class; it is {weight}")
    if t.shape == z.shape:
        if ignore_index is not None:
            raise DataError(f"{name}: ignore_index goes with class indices; the targets are distributions")
        return check_distributions(to_rows(t, axis)), None
    if t.shape != without_classes(z, axis):
        raise ShapeError(
            f"{name}: targets of shape {t.shape} do not fit logits of shape {z.shape} with the classes on "
            f"axis {axis}; give class indices of that shape without the axis, or distributions of that shape"
        )
    if t.dtype.kind not in "iu":
        raise DtypeError(f"{name}: class indices must be integers, not {t.dtype}; use targets.astype(int)")
    t, kept = t.ravel(), None
    if ignore_index is not None:
        if not isinstance(ignore_index, (int, np.integer)):
            raise DataError(f"{name}: ignore_index must be an integer, not {ignore_index!r}")
        if t.size and t.item(t.argmin()) <= ignore_index:  # it mostly is below all
            kept = t != ignore_index
            t, kept = (t, None) if kept.all() else (np.where(kept, t, 0), kept)
    if not legal(t, k):
        row = int(np.argmax((t < 0) | (t >= k)))
        raise DataError(
            f"{name}: the target of row {row} is {t[row]}, but the {k} classes are 0 to {k - 1}; correct it, "
            f"or leave such rows out with ignore_index={t[row]}"
        )
    return t if t.dtype.kind == "i" else t.astype(np.intp), kept


def legal(t: Array, k: int) -> bool:
    """Are all class indices from 0 to k - 1? Where the largest is, is found in a quarter of max()'s time."""
    return not len(t) or 0 <= t.item(t.argmin()) <= t.item(t.argmax()) < k


def check_distributions(t: Array) -> Array:
    """t, if every row is a distribution: nothing below 0, and sum 1 up to rounding."""
    tolerance = np.finfo(t.dtype).eps ** 0.75 if t.dtype.kind == "f" else 0
    sums = t.sum(1, dtype=np.float64)
    good = (np.abs(sums - 1) <= tolerance) & (t >= 0).all(1)
    for row in np.flatnonzero(~good):
        raise DataError(
            f"{NAME}: the targets of row {row} are not a distribution: their sum is {sums[row]:.9g}, the "
            f"smallest {t[row].min():.9g}; divide each row by its sum, or give class indices"
        )
    return t


def factors(t: Array, kept: Array, weight: Any, dtype: Any) -> Array:
    """What the loss of each row is multiplied by: its class's weight, 0 if left out; None if all are 1."""
    if t.ndim == 2 or (kept is None and weight is None):
        return None
    w = 1 if weight is None else np.asarray(weight)[t]
    return np.asarray(w if kept is None else np.where(kept, w, 0), dtype)


def distributions(t: Array, kept: Array, k: int, label_smoothing: float, weight: Any, dtype: Any) -> Array:
    """The weight of each -ln a in the loss (N, K): smoothed, weighted, rows left out. t may be a Tensor."""
    if t.ndim == 1:
        t = (t[:, None] == np.arange(k)).astype(dtype)
    if label_smoothing:
        t = (1 - label_smoothing) * t + label_smoothing / k
    if weight is not None:
        t = t * np.asarray(weight, dtype)
    return t if kept is None else t * kept[:, None].astype(dtype)


def per_class(label_smoothing: float, weight: Any) -> Array:
    """What a target distribution is multiplied by on its way into the loss."""
    return (1 - label_smoothing) * (1 if weight is None else np.asarray(weight))


def divisor(t: Array, c: Array | None, reduction: str, name: str = NAME) -> Any:
    """What the sum of the rows' losses is divided by."""
    if reduction not in ("mean", "sum", "none"):
        raise DataError(f"{name}: reduction must be one of mean, sum, none, not {reduction!r}")
    if c is not None and len(t) and not c.any():
        raise DataError(f"{name}: every row is left out by ignore_index, or its class has weight 0")
    if reduction == "mean" and not len(t):
        raise DataError(f"{name}: a mean over no rows; give at least one, or use reduction='sum'")
    return 1 if reduction != "mean" else len(t) if c is None else c.sum()


def reduced(loss: Array, z: Array, n: int, reduction: str, axis: int) -> Array:
    """The losses of the rows, summed and divided, or in the shape of the logits without the class axis."""
    if reduction == "none":
        return np.reshape(loss, without_classes(z, axis))
    if not isinstance(loss, np.ndarray):
        return loss.sum() / n
    if loss.size > 1000 or loss.itemsize < 4:
        return loss.dtype.type(loss.sum(dtype=np.float64) / n)
    return filled(1 / n, loss.dtype, loss.size).dot(loss)  # the quickest sum of a few
