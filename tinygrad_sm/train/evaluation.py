"""How good a model is on data that it was not trained on.

The letters: N rows, K classes, z logits (N, K), t labels (N,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..backprop import no_grad
from ..data import stratified_folds
from ..errors import DataError
from ..nn import Module
from ..primitive import PRIMITIVES
from ..random import generator
from ..tensor import Tensor

__all__ = ["Evaluation", "cross_validate", "evaluate", "logits", "measure"]

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    accuracy   the share of the rows whose most probable class is their label
    log_loss   -(1/N) Σ ln a_t, in nats: how probable the labels were (ln K is a uniform guess)
    confusion  (K, K) counts: row t, column p holds how often t was taken for p
    """

    accuracy: float
    log_loss: float
    confusion: NDArray[np.int64]


def logits(model: Module, inputs: ArrayLike) -> NDArray[Any]:
    """What the model gives in evaluation mode, a thousand rows at a time, out of the graph."""
    rows = np.asarray(inputs)
    training = model.training
    model.eval()
    try:
        with no_grad():
            parts = [
                model(rows[start : start + ROWS_AT_ONCE])
                for start in range(0, max(len(rows), 1), ROWS_AT_ONCE)
            ]
    finally:
        model.train(training)
    return np.concatenate([part.data if isinstance(part, Tensor) else part for part in parts])


def log_probabilities(z: NDArray[Any]) -> NDArray[np.float64]:
    """ln softmax(z) of logits (N, K), in float64."""
    return np.asarray(PRIMITIVES["log_softmax"](z.astype(np.float64)))


def measure(log_a: NDArray[Any], labels: ArrayLike) -> Evaluation:
    """The evaluation of log-probabilities (N, K) against labels (N,)."""
    t = np.asarray(labels)
    n, k = log_a.shape
    if t.dtype.kind not in "iu" or t.shape != (n,) or not n:
        raise DataError(
            f"evaluate: {n} rows need labels of shape ({n},), integers; they are {t.dtype} {t.shape}"
        )
    bad = np.flatnonzero((t < 0) | (t >= k))
    if len(bad):
        raise DataError(f"evaluate: labels[{bad[0]}] is {t[bad[0]]}, but the model has {k} classes")
    predicted = log_a.argmax(axis=1)
    confusion = np.zeros((k, k), np.int64)
    np.add.at(confusion, (t, predicted), 1)
    return Evaluation(
        accuracy=float((predicted == t).mean()),
        log_loss=float(-log_a[np.arange(n), t].mean()),
        confusion=confusion,
    )


def evaluate(model: Module, inputs: ArrayLike, labels: ArrayLike) -> Evaluation:
    """Accuracy, log-loss and confusion matrix of a model that gives logits.

    inputs (N, ...), labels (N,) class indices. The model is in evaluation mode meanwhile.
    Raises DataError for labels that do not fit, or no rows.

    >>> from tinygrad_sm import nn
    >>> z = np.array([[2.0, 1.0], [1.0, 3.0], [2.0, 0.0]])
    >>> result = evaluate(nn.Sequential(), z, np.array([0, 1, 1]))
    >>> round(result.accuracy, 3), round(result.log_loss, 3)
    (0.667, 0.856)
    >>> result.confusion
    array([[1, 0],
           [1, 1]])
    """
    z = logits(model, inputs)
    if z.ndim != 2:
        raise DataError(f"evaluate: the model gives shape {z.shape}; it must give logits (N, K)")
    return measure(log_probabilities(z), labels)


def cross_validate(
    fitted: Callable[[NDArray[np.intp]], Callable[[NDArray[np.intp]], NDArray[Any]]],
    labels: ArrayLike,
    *,
    k: int = 5,
    repeats: int = 1,
    rng: np.random.Generator | int | None = None,
    each: Callable[[Evaluation], Any] | None = None,
) -> list[Evaluation]:
    """Stratified k-fold cross-validation: an evaluation of each test part, by a model that never saw it.

    fitted   takes the row numbers to train on, gives what takes row numbers and gives probabilities (N, K)
    labels   (N,) class indices
    k        the number of folds, repeated `repeats` times with other folds
    each     called with each evaluation as it comes

    Raises DataError for labels that do not fit.

    >>> def guess(train):
    ...     return lambda test: np.full((len(test), 2), 0.5)
    >>> [round(part.log_loss, 3) for part in cross_validate(guess, [0, 0, 1, 1], k=2, rng=0)]
    [0.693, 0.693]
    """
    t = np.asarray(labels)
    source = generator(rng)
    results = []
    for _ in range(repeats):
        for train, test in stratified_folds(t, k, source):
            a = np.asarray(fitted(train)(test), np.float64)
            results.append(measure(np.log(np.maximum(a, np.finfo(np.float64).tiny)), t[test]))
            if each:
                each(results[-1])
    return results
