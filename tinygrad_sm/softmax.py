r"""Softmax and cross-entropy, by both roads: composed of exp, sum, divide and log, and fused into one op.

The letters, of a row each: z logits, m = max z, e = exp(z - m), s = the sum of e without the largest entry,
which is 1, so that a = softmax(z) = e / (1 + s); t targets; y output; g = dL/dy. N is the number of rows, K
that of classes.

    composed   a = exp(z) / sum exp(z),   C = -sum t ln a,   and back through log, divide, sum and exp
    fused      one node, whose backward pass is a - t

The fused arithmetic never subtracts what is nearly equal: the loss is ln(1 + s) - (z_t - m), and where t is 1
the gradient is minus the sum of the *other* a_j, not a_t - 1. A sample that is classified with near certainty
still has a loss and a gradient that are right to the last digits, where 1 - a_t would round to 0.
"""

from functools import lru_cache
from math import isfinite, prod
from typing import Any

import numpy as np
from numpy import exp, log1p, multiply, ndarray  # where np.exp would be looked up anew in each call
from numpy.lib.array_utils import normalize_axis_tuple

from .errors import DataError
from .primitive import PRIMITIVES, Array, Axis, filled, fused, primitive, real_array
from .rules.reductions import spread
from .rules.shapes import stop_gradient
from .targets import checked, distributions, divisor, factors, from_rows, legal, per_class, reduced, to_rows

TINY = 2.0**-23  # a product with it is infinite for infinite numbers alone; float16 holds it exactly
NARROW, WIDE = 64, 256  # classes: see columns and minus_row_sums
BUFFER = 8192  # entries: see columns


@lru_cache(maxsize=64)
def constants(n: int, k: int, dtype: Any) -> tuple[Array, ...]:
    """What all (n, k) logits share: where each row begins in the flattened array; TINY and 0 for each row; -1 for
    each class; 1."""
    rows = np.full(n, TINY, dtype), np.zeros(n, dtype)
    return np.arange(0, n * k, k), *rows, np.full(k, -1, dtype), np.ones((), dtype)


@lru_cache(maxsize=64)
def usual(z: tuple[int, ...], dtype: Any, t: tuple[int, ...], kind: Any) -> tuple[Any, ...] | None:
    """For the mean over logits (N, K) with class indices (N,): 1/N for each row, N, and the constants; if shapes
    and dtypes are such, nothing is to be converted, and the rows are few enough to be added up by a product."""
    fits = len(z) == 2 and t == z[:1] and 0 < z[0] <= 1000 and z[1] and dtype.char in "fd" and kind.kind == "i"
    return (np.full(z[0], 1 / z[0], dtype), np.array(z[0], dtype), constants(*z, dtype)) if fits else None


def columns(m: Array, k: int) -> Array:
    """A number for each row as k columns. NumPy takes rows one by one where it stretches them, and if they are
    short, to write the columns out is quicker; not more of them than NumPy's own buffer would hold."""
    return m.repeat(k).reshape(-1, k) if k < NARROW and len(m) * k <= BUFFER else m[:, None]


def floating(z: Array, name: str) -> Array:
    """Logits as an array of floating-point numbers."""
    z = real_array(z, name)
    return z if z.dtype.kind == "f" else z.astype(np.float64)


def shifted(z: Array, start: Array, tiny: Array, k: int) -> tuple[Array, Array, Array, Array]:
    """Logits z (N, K), the largest m of each row, d = z - m; where the largest are in the flattened array."""
    largest, flat = z.argmax(1), z.ravel()
    largest += start
    m = flat[largest]
    if flat.base is None:  # a copy, as the rows did not lie one behind another
        z = flat.reshape(z.shape)
    if not isfinite(m.dot(tiny)):
        z, m = limits(z, m)
    return z, m, z - columns(m, k), largest


class Rows:
    """The softmax of each row of z (N, K), kept as e, s and total = 1 + s."""

    __slots__ = ("e", "m", "one", "s", "start", "total", "z")

    def __init__(self, z: Array) -> None:
        self.start, tiny, _, minus, self.one = constants(*z.shape, z.dtype)
        self.z, self.m, self.e, largest = shifted(z, self.start, tiny, len(minus))
        exp(self.e, self.e)
        flat = self.e.ravel()
        flat[largest] = 0
        self.s = -minus_row_sums(self.e, minus)
        flat[largest] = 1
        self.total = self.s + self.one

    def a(self) -> Array:
        """The probabilities (N, K)."""
        return self.e / self.total[:, None]

    def log_a(self) -> Array:
        """Their logarithms (N, K)."""
        return (self.z - self.m[:, None]) - np.log1p(self.s)[:, None]

    def a_minus_one(self, t: Array) -> Array:
        """total (a - 1) of one entry of each row: minus the sum of the other e. Nothing is lost, because that
        entry either is 1, or is not the largest, which is 1."""
        return (self.e.ravel()[t] - self.one) - self.s


def minus_row_sums(e: Array, minus: Array) -> Array:
    """Minus the sum of each row. The product with a vector of -1 is quick; over many classes the sum in pairs is
    more exact, and exp takes the time."""
    return e.dot(minus) if len(minus) < WIDE else -e.sum(1)


def limits(z: Array, m: Array) -> tuple[Array, Array]:
    """Logits and their maxima where some are infinite: all the probability is on those that are +inf."""
    for row in np.flatnonzero(m == -np.inf):
        raise DataError(f"softmax: every logit of row {row} is -inf, so no class is left; leave one unmasked")
    sure, inf = m == np.inf, z.dtype.type(np.inf)
    return np.where(sure[:, None], np.where(z == inf, 0, -inf), z), np.where(sure, 0, m)


class ByIndex:
    """Cross-entropy with one class index t per row, times a factor c per row (1 if None): its class weight, 0
    if left out.

    In e, the place of each target is taken by minus the sum of the others, which is what the target's entry of
    the gradient comes to, as the other entries come to e, both over the total. s = others + e_t - 1 loses
    nothing: either the target is the largest, and e_t = 1, or the others hold the largest, and what is lost is
    small beside the loss.
    """

    __slots__ = ("c", "e", "n", "place", "shared", "total", "z")

    def losses(self, z: Array, place: Array, c: Array | None, n: Any, shared: tuple[Array, ...]) -> Array:
        """Each row's loss; what the gradient needs is kept."""
        start, tiny, zeros, minus, one = self.shared = shared
        _, _, e, _ = shifted(z, start, tiny, len(minus))
        self.z, self.place, self.c = z, place, c
        self.n, self.e = n, [e]
        flat = e.ravel()
        d_t = flat[place]
        exp(e, e)
        s = flat[place]
        flat[place] = zeros
        flat[place] = minus_others = minus_row_sums(e, minus)
        self.total = s - minus_others
        s -= one
        s -= minus_others
        log1p(s, s)
        s -= d_t
        return s if c is None else np.multiply(c, s, where=c != 0, out=np.zeros_like(s))

    def a_minus_t(self, g: Array) -> Array:
        """c (a - t) g / n, with one g for each row or for all. The first call gives e away as the place for it, so
        that nothing of the logits' size is held beside the gradient; another call computes e anew."""
        try:
            e = self.e.pop()  # which only one of two threads can do
        except IndexError:
            (again := ByIndex()).losses(self.z, self.place, None, 1, self.shared)
            e = again.e.pop()
        scale = g / self.total / self.n
        return multiply(e, columns(scale if self.c is None else scale * self.c, len(self.shared[3])), e)


class ByDistribution:
    """Cross-entropy with weights t (N, K) >= 0, whose rows add up to c (1 if they are distributions)."""

    __slots__ = ("c", "n", "rows", "t")

    def losses(self, z: Array, t: Array, c: Array, n: Any) -> Array:
        """Each row's loss; what the gradient needs is kept."""
        self.rows, self.n = (rows := Rows(z)), filled(n, z.dtype)
        self.t, self.c = np.ascontiguousarray(t, rows.z.dtype), c
        return -np.multiply(self.t, rows.log_a(), where=self.t != 0, out=np.zeros_like(rows.e)).sum(1)

    def a_minus_t(self, g: Array) -> Array:
        """(c a - t) g / n, with one g for each row or for all."""
        rows, c = self.rows, self.c
        d = rows.e * (c / rows.total)[:, None] - self.t
        most = rows.start + self.t.argmax(1)
        t = self.t.ravel()[most]
        exact = (c - t) + c * rows.a_minus_one(most) / rows.total
        d.ravel()[most] = np.where(2 * t > c, exact, d.ravel()[most])
        return d * np.reshape(g / self.n, (-1, 1))

    def minus_log_a(self, g: Array) -> Array:
        """-g/n ln a."""
        return -self.rows.log_a() * np.reshape(g / self.n, (-1, 1))


# ---- the ops ----


def softmax(z: Array, axis: int = -1) -> Array:
    """The probabilities."""
    z = floating(z, "softmax")
    return from_rows(Rows(to_rows(z, axis)).a(), z, axis)


def log_softmax(z: Array, axis: int = -1) -> Array:
    """Their logarithms, also where they are too small to be told from 0."""
    z = floating(z, "log_softmax")
    return from_rows(Rows(to_rows(z, axis)).log_a(), z, axis)


def logsumexp(z: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """ln sum e^z, without overflow, and right also where it is nearly 0."""
    z = floating(z, "logsumexp")
    axes = tuple(range(z.ndim)) if axis is None else normalize_axis_tuple(axis, z.ndim)
    moved = np.moveaxis(z, axes, range(-len(axes), 0))
    rows = moved.reshape(-1, prod(z.shape[i] for i in axes))
    top = rows.max(1)
    if np.isfinite(top).all():
        top = (e := Rows(rows)).m + np.log1p(e.s)
    else:  # rows of infinities, each the largest of its row
        finite = np.isfinite(top)
        top[finite] = logsumexp(rows[finite], 1)
    y = top.reshape(moved.shape[: z.ndim - len(axes)])
    return np.expand_dims(y, axes) if keepdims else y[()]


# ---- the fused op ----


def kernel(
    z: Array, t: Array, reduction: str = "mean", label_smoothing: float = 0.0, weight: Any = None,
    ignore_index: int | None = None, axis: int = -1,
) -> tuple[Array, ByIndex | ByDistribution]:  # fmt: skip
    """The loss, and the softmax that its gradient needs."""
    saved: Any = ByIndex()
    plain = reduction == "mean" and weight is None and not label_smoothing and axis == -1
    if plain and type(z) is type(t) is ndarray and (known := usual(z.shape, z.dtype, t.shape, t.dtype)):
        share, n, shared = known
        if (ignore_index is None or (type(ignore_index) is int and ignore_index < 0)) and legal(t, len(shared[3])):
            return share.dot(saved.losses(z, shared[0] + t, None, n, shared)), saved
    rows, t = to_rows(z := floating(z, "softmax_cross_entropy"), axis), np.asarray(t)
    t, kept = checked(z, t, label_smoothing, weight, ignore_index, axis)
    c = factors(t, kept, weight, rows.dtype)
    n = divisor(t, c, reduction)
    if t.ndim == 1 and not label_smoothing:
        shared = constants(*rows.shape, rows.dtype)
        losses = saved.losses(rows, shared[0] + t, c, filled(n, rows.dtype), shared)
    else:
        t = distributions(t, kept, rows.shape[1], label_smoothing, weight, rows.dtype)
        saved = ByDistribution()
        losses = saved.losses(rows, t, 1 if weight is None and kept is None else t.sum(1), n)
    return reduced(losses, z, n, reduction, axis), saved


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
    kernel=kernel, definition=definition, public="softmax_cross_entropy", fits=True,
    rules=(
        lambda g, y, saved, z, targets, reduction="mean", label_smoothing=0.0, weight=None, ignore_index=None, axis=-1:
            from_rows(saved.a_minus_t(g.ravel() if reduction == "none" else g), z, axis),
        lambda g, y, saved, z, targets, label_smoothing=0.0, weight=None, axis=-1, **_:
            from_rows(saved.minus_log_a(g) * per_class(label_smoothing, weight), z, axis),
    ),
    shapes="logits (..., K, ...), K classes on `axis`; targets: indices without that axis, or of the logits' shape",
    example="round(float(tg.softmax_cross_entropy([[2., 1., 0.1]], [0])), 12) -> 0.417030016278",
    doc="""Cross-entropy of softmax(z) with targets, in one op whose backward pass is a - t.

targets          class indices (integers), or distributions: rows that sum to 1
reduction        "mean" over the rows (over the weights of their classes, if there are any), "sum" or "none"
label_smoothing  the part of each target that is spread evenly over the classes
weight           a factor for each class
ignore_index     the class index that marks rows to leave out

Raises DataError for labels out of range, rows that are no distribution, and where no loss is left;
ShapeError; DtypeError.
Source: Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.""")

primitive(softmax,     r"\frac{e^{z_j}}{\sum_k e^{z_k}}",
    lambda g, y, z, axis=-1: y * (g - np.sum(g * y, axis, keepdims=True)),
    shapes="any; y sums to 1 along `axis`",
    example="tg.softmax([2., 1., 0.1]) -> array([0.65900114, 0.24243297, 0.09856589])")
primitive(log_softmax, r"\ln \mathrm{softmax}(z)",
    lambda g, y, z, axis=-1: g - PRIMITIVES["softmax"](z, axis=axis) * np.sum(g, axis, keepdims=True),
    shapes="any; y is softmax's logarithm along `axis`",
    example="tg.log_softmax([2., 1., 0.1]) -> array([-0.41703002, -1.41703002, -2.31703002])")
primitive(logsumexp,   r"\ln \sum e^{z}",
    lambda g, y, z, axis=None, keepdims=False: spread(g, z, axis, keepdims) * np.exp(z - spread(y, z, axis, keepdims)),
    shapes="z without the axes given (kept with length 1 if keepdims), a scalar if axis is None",
    example="round(float(tg.logsumexp([2., 1., 0.1])), 12) -> 2.417030016278")
# fmt: on
