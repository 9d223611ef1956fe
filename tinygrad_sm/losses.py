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
from .targets import distributions, divisor, factors, read_targets, reduced, to_rows


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
    z = z if isinstance(z, Differentiable) else floating(z)
    name = "sigmoid_binary_cross_entropy"
    if np.shape(targets) != z.shape:
        raise ShapeError(f"{name}: targets of shape {np.shape(targets)} do not fit logits of shape {z.shape}")
    t: Array = targets if isinstance(targets, Differentiable) else np.asarray(targets, z.dtype)
    if not ((t >= 0).all() and (t <= 1).all()):
        raise DataError(f"{name}: targets are probabilities, from 0 to 1, one for each logit")
    loss = PRIMITIVES["SigmoidBinaryCrossEntropy"](z, t)
    return loss if reduction == "none" else loss.sum() / divisor(loss.reshape(-1), None, reduction)


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
    log_a = log_a if isinstance(log_a, Differentiable) else floating(log_a)
    targets = np.asarray(targets)
    if targets.ndim == log_a.ndim:
        raise ShapeError(f"nll_loss: class indices have one axis less than log_a of shape {log_a.shape}")
    t, kept = read_targets(log_a, targets, 0, weight, ignore_index, axis)
    c = factors(t, kept, weight, log_a.dtype)
    picked = to_rows(log_a, axis)[np.arange(len(t)), t]
    loss = -picked if c is None else -np.where(c == 0, 0, picked) * c
    return reduced(loss, log_a, divisor(t, c, reduction), reduction, axis)
