r"""Softmax and cross-entropy, by both roads: composed of exp, sum, divide and log, and fused into one op.

The letters, of a row each: z logits, m = max z, e = exp(z - m), s = the sum of e without the largest entry,
which is 1, so that a = softmax(z) = e / (1 + s); t targets; y output; g = dL/dy. N is the number of rows, K
that of classes.

    composed   a = exp(z) / sum exp(z),   C = -sum t ln a,   and the backward pass goes through log, divide, sum and exp
    fused      one node, whose backward pass is a - t

The fused arithmetic never subtracts what is nearly equal: the loss is ln(1 + s) - (z_t - m), and where t is 1
the gradient is minus the sum of the *other* a_j, not a_t - 1. A sample that is classified with near certainty
still has a loss and a gradient that are right to the last digits, where 1 - a_t would round to 0.
"""

from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np

from .errors import DataError, DtypeError, ShapeError
from .primitive import PRIMITIVES, Array, Differentiable, composition, fused, ones, primitive
from .rules.reductions import spread
from .rules.shapes import stop_gradient


NAME = "softmax_cross_entropy"
REDUCTIONS = ("mean", "sum", "none")


def to_rows(z: Array, axis: int) -> Array:
    """z with the class axis last and all others in one: (N, K)."""
    if not -z.ndim <= axis < z.ndim:
        raise ShapeError(f"softmax: logits of shape {z.shape} have no axis {axis}")
    if not z.shape[axis]:
        raise ShapeError(f"softmax: logits of shape {z.shape} have no classes; the class axis needs an entry")
    if z.ndim == 2 and axis in (-1, 1):
        return z
    return np.reshape(np.moveaxis(z, axis, -1), (-1, z.shape[axis]))


def from_rows(rows: Array, z: Array, axis: int) -> Array:
    """Rows in the shape of z again."""
    if z.ndim == 2 and axis in (-1, 1):
        return rows
    moved = np.moveaxis(z, axis, -1).shape
    return np.moveaxis(np.reshape(rows, moved), -1, axis)


@lru_cache(maxsize=64)
def row_starts(n: int, k: int) -> Array:
    """Where each row of an (n, k) array begins in the flattened array."""
    return np.arange(0, n * k, k)


@lru_cache(maxsize=64)
def tiny(n: int, dtype: Any) -> Array:
    """n numbers so small that a product with them overflows for infinite numbers alone."""
    return np.full(n, np.finfo(dtype).tiny)


def floating(z: Array) -> Array:
    """Logits as an array of floating-point numbers."""
    z = np.asarray(z)
    return z if z.dtype.kind == "f" else z.astype(np.float64)


class Rows:
    """The softmax of each row of z (N, K), kept as e, s and total = 1 + s."""

    __slots__ = ("e", "m", "one", "s", "start", "total", "z")

    def __init__(self, z: Array) -> None:
        n, k = z.shape
        if not z.flags.c_contiguous:
            z = np.ascontiguousarray(z)
        self.start = row_starts(n, k)
        largest = self.start + z.argmax(1)
        m = z.ravel()[largest]
        if not isfinite(m.dot(tiny(n, z.dtype))):
            z, m = limits(z, m)
        self.z, self.m = z, m
        self.e = e = z - m[:, None]
        np.exp(e, e)
        flat = e.ravel()
        flat[largest] = 0
        self.s = s = e.dot(ones(k, z.dtype))
        flat[largest] = 1
        self.one = ones((), z.dtype)  # an array, which NumPy adds in half the time of a Python number
        self.total = s + self.one

    def a(self) -> Array:
        """The probabilities (N, K)."""
        return self.e / self.total[:, None]

    def log_a(self) -> Array:
        """Their logarithms (N, K)."""
        return (self.z - self.m[:, None]) - np.log1p(self.s)[:, None]

    def loss(self, t: Array) -> Array:
        """-ln a of one entry of each row, given by its place in the flattened array."""
        return np.log1p(self.s) - (self.z.ravel()[t] - self.m)

    def a_minus_one(self, t: Array) -> Array:
        """total (a - 1) of one entry of each row: minus the sum of the other e. Nothing is lost, because that
        entry either is 1, or is not the largest, which is 1."""
        return (self.e.ravel()[t] - self.one) - self.s


def limits(z: Array, m: Array) -> tuple[Array, Array]:
    """Logits and their maxima where there are infinite ones: all the probability is on those that are
    +inf."""
    for row in np.flatnonzero(m == -np.inf):
        raise DataError(f"softmax: every logit of row {row} is -inf, so no class is left; leave one unmasked")
    sure, inf = m == np.inf, z.dtype.type(np.inf)
    return np.where(sure[:, None], np.where(z == inf, 0, -inf), z), np.where(sure, 0, m)


class ByIndex:
    """Cross-entropy with one class index t per row, times a factor c per row (1 if None): its class weight, 0
    if left out."""

    __slots__ = ("c", "loss", "n", "rows", "t")

    def __init__(self, z: Array, t: Array, c: Array) -> None:
        self.rows = rows = Rows(z)
        self.t, self.c = rows.start + t, c
        self.loss = rows.loss(self.t)
        if c is not None:
            self.loss = np.multiply(c, self.loss, where=c != 0, out=np.zeros_like(self.loss))

    def a_minus_t(self, scale: Array) -> Array:
        """c (a - t), each row times its scale."""
        rows = self.rows
        scale = scale / rows.total
        if self.c is not None:
            scale = scale * self.c
        d = rows.e * scale[:, None]
        d.ravel()[self.t] = scale * rows.a_minus_one(self.t)
        return d


class ByDistribution:
    """Cross-entropy with weights t (N, K) >= 0, whose rows add up to c (1 if they are distributions)."""

    __slots__ = ("c", "loss", "n", "rows", "t")

    def __init__(self, z: Array, t: Array, c: Array) -> None:
        self.rows = rows = Rows(z)
        self.t, self.c = np.ascontiguousarray(t, rows.z.dtype), c
        self.loss = -np.multiply(self.t, rows.log_a(), where=self.t != 0, out=np.zeros_like(rows.e)).sum(1)

    def a_minus_t(self, scale: Array) -> Array:
        """c a - t, each row times its scale."""
        rows, c = self.rows, self.c
        d = rows.e * (c / rows.total)[:, None] - self.t
        most = rows.start + self.t.argmax(1)
        t = self.t.ravel()[most]
        exact = (c - t) + c * rows.a_minus_one(most) / rows.total
        d.ravel()[most] = np.where(2 * t > c, exact, d.ravel()[most])
        return d * scale[:, None]

    def minus_log_a(self, scale: Array) -> Array:
        """-ln a, each row times its scale."""
        return -self.rows.log_a() * scale[:, None]


# ---- targets ----


def read_targets(
    z: Array, t: Array, label_smoothing: float, weight: Any, ignore_index: int | None, axis: int
) -> tuple[Array, Array | None]:
    """Targets, checked: class indices (N,) or distributions (N, K), and which rows are kept (None: all)."""
    k = z.shape[axis]
    if not 0 <= label_smoothing <= 1:
        raise DataError(f"{NAME}: label_smoothing must be from 0 to 1, not {label_smoothing}")
    if weight is not None and (np.shape(weight) != (k,) or not all(0 <= w < np.inf for w in weight)):
        raise DataError(f"{NAME}: weight must be {k} finite numbers >= 0, one per class; it is {weight}")
    if t.shape == z.shape:
        if ignore_index is not None:
            raise DataError(f"{NAME}: ignore_index goes with class indices, but the targets are distributions")
        t = to_rows(t, axis)
        check_distributions(t)
        return t, None
    if t.shape != z.shape[: axis % z.ndim] + z.shape[axis % z.ndim + 1 :]:
        raise ShapeError(
            f"{NAME}: targets of shape {t.shape} do not fit logits of shape {z.shape} with the classes on axis {axis}; "
            f"give class indices of the logits' shape without that axis, or distributions of the logits' shape"
        )
    if t.dtype.kind not in "iu":
        raise DtypeError(f"{NAME}: class indices must be integers, not {t.dtype}; use targets.astype(int)")
    t, kept = t.ravel(), None
    if ignore_index is not None:
        if not isinstance(ignore_index, (int, np.integer)):
            raise DataError(f"{NAME}: ignore_index must be an integer, not {ignore_index!r}")
        kept = t != ignore_index
        t = np.where(kept, t, 0)
    if t.size and np.maximum.reduce(t.astype(np.uint64)) >= k:  # a negative one becomes huge
        row = int(np.argmax((t < 0) | (t >= k)))
        raise DataError(
            f"{NAME}: the target of row {row} is {t[row]}, but the {k} classes are 0 to {k - 1}; correct it, or leave "
            f"such rows out with ignore_index={t[row]}"
        )
    return t if t.dtype.kind == "i" else t.astype(np.intp), kept


def check_distributions(t: Array) -> None:
    """Raise a DataError unless every row is a distribution: no entry below 0, sum 1 up to its dtype's rounding."""
    tolerance = np.finfo(t.dtype).eps ** 0.75 if t.dtype.kind == "f" else 0
    sums = t.sum(1, dtype=np.float64)
    good = (np.abs(sums - 1) <= tolerance) & (t >= 0).all(1)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{NAME}: the targets of row {row} are not a distribution: their sum is {sums[row]:.9g}, the smallest is "
            f"{t[row].min():.9g}; divide each row by its sum, or give class indices"
        )


def factors(t: Array, kept: Array, weight: Any, dtype: Any) -> Array:
    """What the loss of each row is multiplied by: the weight of its class, 0 if it is not kept; None if all
    are 1."""
    if t.ndim == 2 or (kept is None and weight is None):
        return None
    w = 1 if weight is None else np.asarray(weight)[t]
    return np.asarray(w if kept is None else np.where(kept, w, 0), dtype)


def distributions(t: Array, kept: Array, k: int, label_smoothing: float, weight: Any, dtype: Any) -> Array:
    """The weight of each -ln a in the loss (N, K): smoothed, weighted and with rows left out. t may be a
    Tensor."""
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


def divisor(t: Array, c: Array | None, reduction: str) -> Any:
    """What the sum of the rows' losses is divided by."""
    if reduction not in REDUCTIONS:
        raise DataError(f"{NAME}: reduction must be one of {', '.join(REDUCTIONS)}, not {reduction!r}")
    if c is not None and len(t) and not c.any():
        raise DataError(f"{NAME}: no loss is left: every row is left out by ignore_index, or its class has weight 0")
    if reduction != "mean":
        return 1
    if not len(t):
        raise DataError(f"{NAME}: a mean over no rows; give at least one, or use reduction='sum'")
    return len(t) if c is None else c.sum()


def reduced(loss: Array, z: Array, n: int, reduction: str, axis: int) -> Array:
    """The losses of the rows, summed and divided, or in the shape of the logits without the class axis."""
    if reduction == "none":
        return np.reshape(loss, z.shape[: axis % z.ndim] + z.shape[axis % z.ndim + 1 :])
    return ones(loss.size, loss.dtype).dot(loss) / n if isinstance(loss, np.ndarray) else loss.sum() / n


# ---- the ops ----


def softmax(z: Array, axis: int = -1) -> Array:
    """The probabilities."""
    z = floating(z)
    return from_rows(Rows(to_rows(z, axis)).a(), z, axis)


def log_softmax(z: Array, axis: int = -1) -> Array:
    """Their logarithms, also where they are too small to be told from 0."""
    z = floating(z)
    return from_rows(Rows(to_rows(z, axis)).log_a(), z, axis)



def kernel(
    z: Array, t: Array, reduction: str = "mean", label_smoothing: float = 0.0, weight: Any = None,
    ignore_index: int | None = None, axis: int = -1,
) -> tuple[Array, ByIndex | ByDistribution]:  # fmt: skip
    """The loss, and the softmax that its gradient needs."""
    z, t = floating(z), np.asarray(t)
    rows = to_rows(z, axis)
    t, kept = read_targets(z, t, label_smoothing, weight, ignore_index, axis)
    c = factors(t, kept, weight, rows.dtype)
    if t.ndim == 1 and not label_smoothing:
        saved = ByIndex(rows, t, c)
    else:
        t = distributions(t, kept, rows.shape[1], label_smoothing, weight, rows.dtype)
        saved = ByDistribution(rows, t, 1 if weight is None and kept is None else t.sum(1))
    saved.n = divisor(t, c, reduction)
    return reduced(saved.loss, z, saved.n, reduction, axis), saved


def definition(
    z: Array, t: Array, reduction: str = "mean", label_smoothing: float = 0.0, weight: Any = None,
    ignore_index: int | None = None, axis: int = -1,
) -> Array:  # fmt: skip
    """The same out of max, exp, sum, log and their like."""
    rows, kept = to_rows(z, axis), None
    if np.shape(t) == z.shape:
        t = to_rows(t, axis)
    else:
        t = np.asarray(t).ravel()
        kept = None if ignore_index is None else t != ignore_index
        t = t if kept is None else np.where(kept, t, 0)
    n = divisor(t, factors(t, kept, weight, rows.dtype), reduction)
    t = distributions(t, kept, rows.shape[1], label_smoothing, weight, rows.dtype)
    d = rows - stop_gradient(np.max(rows, 1, keepdims=True))
    log_a = d - np.log(np.sum(np.exp(d), 1, keepdims=True))
    return reduced(-np.sum(t * np.where(d == -np.inf, 0, log_a), 1), z, n, reduction, axis)


# fmt: off
softmax_cross_entropy = fused("SoftmaxCrossEntropy", r"-\frac{1}{N} \sum t \ln \mathrm{softmax}(z)",
    kernel=kernel, definition=definition, public=NAME,
    rules=(
        lambda g, y, saved, z, targets, reduction="mean", label_smoothing=0.0, weight=None, ignore_index=None, axis=-1:
            from_rows(saved.a_minus_t(g.ravel() / saved.n), z, axis),
        lambda g, y, saved, z, targets, label_smoothing=0.0, weight=None, axis=-1, **_:
            from_rows(saved.minus_log_a(g.ravel() / saved.n) * per_class(label_smoothing, weight), z, axis),
    ),
    shapes="logits (..., K, ...) with K classes on `axis`; targets: indices without that axis, or of the logits' shape",
    example="tg.softmax_cross_entropy([[2., 1., 0.1]], [0]) -> np.float64(0.4170300162778335)",
    doc="""Cross-entropy of softmax(z) with targets, in one op whose backward pass is a - t.

targets          class indices (integers), or distributions: rows that sum to 1
reduction        "mean" over the rows (over the weights of their classes, if there are any), "sum" or "none"
label_smoothing  the part of each target that is spread evenly over the classes
weight           a factor for each class
ignore_index     the class index that marks rows to leave out

Raises DataError for labels out of range, rows that are no distribution, and where no loss is left; ShapeError, DtypeError.
Source: Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.""")

primitive(softmax, r"\frac{e^{z_j}}{\sum_k e^{z_k}}",
    lambda g, y, z, axis=-1: y * (g - np.sum(g * y, axis, keepdims=True)),                            # y_j (delta - y_i)
    shapes="any; y sums to 1 along `axis`",
    example="tg.softmax([2., 1., 0.1]) -> array([0.65900114, 0.24243297, 0.09856589])")
primitive(log_softmax, r"\ln \mathrm{softmax}(z)",
    lambda g, y, z, axis=-1: g - PRIMITIVES["softmax"](z, axis=axis) * np.sum(g, axis, keepdims=True),  # delta - y_i
    shapes="any",
    example="tg.log_softmax([2., 1., 0.1]) -> array([-0.41703002, -1.41703002, -2.31703002])")
# fmt: on


# ---- the composed route ----


@composition()
def composed_softmax_cross_entropy(z: Array, targets: Array, shift: bool = False) -> Array:
    """Cross-entropy of softmax(z), mean over the rows, out of exp, sum, divide, log, multiply and negative,
    as it is taught.

    C = -(1/N) sum t ln(exp(z) / sum exp(z)). Logits (K,) or (N, K); targets are class indices or of the
    logits' shape, and are not asked to sum to 1. With shift=True the row's largest logit is subtracted first;
    without, exp overflows at logits above 709 (88 in float32) and C is NaN.

    >>> composed_softmax_cross_entropy(np.array([[2.0, 1.0, 0.1]]), np.array([0]))
    np.float64(0.4170300162778335)
    """
    z = z if isinstance(z, Differentiable) else floating(z)
    k = z.shape[-1]
    if np.shape(targets) != z.shape:
        targets, _ = read_targets(z, np.asarray(targets), 0, None, None, -1)
        targets = np.reshape(distributions(targets, None, k, 0, None, z.dtype), z.shape)
    if shift:
        z = z - np.max(z, -1, keepdims=True)
    e = np.exp(z)
    a = e / np.sum(e, -1, keepdims=True)
    return -np.sum(targets * np.log(a)) / divisor(np.empty(z.size // k), None, "mean")
