"""Losses made of other functions, softmax cross-entropy by the composed road first.

The letters: z logits; t targets; y output; g = dL/dy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .composition import composition
from .errors import DataError, ShapeError
from .primitive import PRIMITIVES, Array, Differentiable, primitive
from .softmax import floating
from .targets import checked, distributions, divisor, factors, reduced, to_rows


def as_distributions(t: Array, shape: tuple[int, ...] = (), dtype: Any = float) -> Array:
    """Class indices, checked, as rows with 1 at their class, for logits of that shape."""
    t, _ = checked(np.broadcast_to(0, shape), np.asarray(t), 0, None, None, -1, "one_hot")
    return np.reshape(distributions(t, None, shape[-1], 0, None, dtype), shape)


def as_indices(t: Array, shape: tuple[int, ...] = (), axis: int = -1, ignore_index: int | None = None) -> Array:
    """Class indices, checked, in one row; 0 where they are to be left out."""
    return checked(np.broadcast_to(0, shape), np.asarray(t), 0, None, ignore_index, axis, "nll_loss")[0]


def as_factors(
    t: Array, shape: tuple[int, ...] = (), axis: int = -1, ignore_index: int | None = None, weight: Any = None,
    dtype: Any = float,
) -> Array:  # fmt: skip
    """What the loss of each row is multiplied by; not all are 0."""
    indices, kept = checked(np.broadcast_to(0, shape), np.asarray(t), 0, weight, ignore_index, axis, "nll_loss")
    c = factors(indices, kept, weight, dtype)
    c = np.ones(len(indices), dtype) if c is None else c
    divisor(indices, c, "sum", "nll_loss")
    return c


def as_probabilities(t: Array) -> Array:
    """Numbers, checked to be from 0 to 1."""
    if not ((t >= 0).all() and (t <= 1).all()):
        raise DataError(
            "sigmoid_binary_cross_entropy: targets are probabilities, from 0 to 1, one for each logit"
        )
    return t


one_hot = primitive(as_distributions, r"[t = k]", None, name="one_hot", shapes="class indices (...) give (..., K)")
indices_of = primitive(as_indices, r"t", None, name="class_indices", shapes="class indices (...) give (N,)")
factors_of = primitive(as_factors, r"w_t", None, name="class_factors", shapes="class indices (...) give (N,)")
probabilities = primitive(as_probabilities, r"t", lambda g, y, t: g, name="probabilities", shapes="any",
    example="tg.probabilities(np.array([0., 1.]))")  # fmt: skip


@composition()
def composed_softmax_cross_entropy(z: Array, targets: Array, shift: bool = False) -> Array:
    """Cross-entropy of softmax(z), mean over the rows, out of exp, sum, divide, log, multiply and negative,
    as it is taught.

    C = -(1/N) sum t ln(exp(z) / sum exp(z)). Logits (K,) or (N, K); targets are class indices or of the
    logits' shape, and are not asked to sum to 1. With shift=True the row's largest logit is subtracted first;
    without, exp overflows at logits above 709 (88 in float32) and C is NaN.

    >>> composed_softmax_cross_entropy(np.array([[2.0, 1.0, 0.1]]), np.array([0]))
    np.float64(0.41703001627783...)
    """
    z = z if isinstance(z, Differentiable) else floating(z, "composed_softmax_cross_entropy")
    k = z.shape[-1]
    if np.shape(targets) != z.shape:
        targets = one_hot(targets, shape=z.shape, dtype=z.dtype)
    if shift:
        z = z - np.max(z, -1, keepdims=True)
    e = np.exp(z)
    a = e / np.sum(e, -1, keepdims=True)
    return -np.sum(targets * np.log(a)) / divisor(np.empty(z.size // k), None, "mean")


def binary_cross_entropy(z: Array, t: Array) -> Array:
    """-t ln sigmoid(z) - (1 - t) ln sigmoid(-z), neither of which overflows."""
    return t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z)


# fmt: off
primitive(binary_cross_entropy, r"-t \ln \sigma(z) - (1 - t) \ln \sigma(-z)",
    lambda g, y, z, t: g * ((1 - t) * PRIMITIVES["sigmoid"](z) - t * PRIMITIVES["sigmoid"](-z)),  # a - t
    lambda g, y, z, t: -g * z,
    shapes="any that broadcast together", name="SigmoidBinaryCrossEntropy",
    example="tg.SigmoidBinaryCrossEntropy(np.array([2., -1.]), np.array([1., 0.])) -> array([0.12692801, 0.31326169])")
# fmt: on


@composition()
def sigmoid_binary_cross_entropy(z: Array, targets: Array, reduction: str = "mean") -> Array:
    """Cross-entropy of sigmoid(z) with targets from 0 to 1, entry by entry: "mean" of them, "sum" or "none".

    Raises DataError for a target outside of 0 to 1, ShapeError where the shapes differ.

    >>> sigmoid_binary_cross_entropy(np.array([2.0, -1.0]), np.array([1.0, 0.0]))
    np.float64(0.22009484928059...)
    """
    name = "sigmoid_binary_cross_entropy"
    z = z if isinstance(z, Differentiable) else floating(z, name)
    if np.shape(targets) != z.shape:
        raise ShapeError(f"{name}: targets of shape {np.shape(targets)} do not fit logits of shape {z.shape}")
    t: Array = targets if isinstance(targets, Differentiable) else np.asarray(targets, z.dtype)
    loss = PRIMITIVES["SigmoidBinaryCrossEntropy"](z, probabilities(t))
    return loss if reduction == "none" else loss.sum() / divisor(loss.reshape(-1), None, reduction, name)


@composition()
def nll_loss(
    log_a: Array, targets: Array, reduction: str = "mean", weight: Any = None,
    ignore_index: int | None = None, axis: int = -1,
) -> Array:  # fmt: skip
    """-log a of the target classes, given the logarithms of probabilities, as log_softmax gives them.

    Class indices as targets; reduction, weight and ignore_index as for softmax_cross_entropy, and its errors.

    >>> nll_loss(np.log([[0.5, 0.25, 0.25]]), np.array([0]))
    np.float64(0.6931471805599453)
    """
    log_a = log_a if isinstance(log_a, Differentiable) else floating(log_a, "nll_loss")
    if np.ndim(targets) == log_a.ndim:
        raise ShapeError(f"nll_loss: class indices have one axis less than log_a of shape {log_a.shape}")
    rows = to_rows(log_a, axis, "nll_loss")
    about = {"shape": log_a.shape, "axis": axis, "ignore_index": ignore_index}
    t, c = indices_of(targets, **about), None
    if weight is not None or ignore_index is not None:
        c = factors_of(targets, **about, weight=weight, dtype=log_a.dtype)
    picked = rows[np.arange(len(t)), t]
    loss = -picked if c is None else -np.where(c == 0, 0, picked) * c
    n = divisor(t, None, reduction, "nll_loss")
    n = n if c is None or reduction != "mean" else c.sum()
    return reduced(loss, log_a, n, reduction, axis)
