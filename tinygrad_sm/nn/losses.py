"""How far outputs are from their targets, as one number to be made small."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import ops
from ..backprop import tracing
from ..errors import DataError, DtypeError, ShapeError
from ..primitive import PRIMITIVES, primitive
from ..tensor import Tensor
from .linear import cast
from .module import Module

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss", "NLLLoss"]


def softplus(x: Any) -> Any:
    """ln(1 + eˣ), without overflow."""
    return np.logaddexp(0, x)


def checked(t: Any) -> Any:
    """Probabilities of yes, if they are."""
    if not ((t >= 0) & (t <= 1)).all():
        raise DataError(
            "BCEWithLogitsLoss: a target is outside of 0 to 1; targets are probabilities of yes, or 0 and 1"
        )
    return t


# fmt: off
# ruff: noqa: ARG005
# function                  formula             rule
soft = primitive(softplus, r"\ln(1 + e^{x})",  lambda g, y, x: g * ops.sigmoid(x),
    name="softplus",       shapes="any")
truths = primitive(checked, "t",               lambda g, y, t: g, name="truths", shapes="any")
# fmt: on


class Loss(Module):
    """What the losses share: the reduction, and how outputs and targets are brought together."""

    def __init__(self, reduction: str) -> None:
        if reduction not in ("mean", "sum", "none"):
            raise DataError(
                f"{type(self).__name__}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}"
            )
        self.reduction = reduction

    def reduced(self, losses: Any, n: Any) -> Any:
        """The losses themselves, their sum, or their sum over n."""
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return np.sum(losses)
        if not n:
            raise DataError(f"{type(self).__name__}: a mean over nothing: there are no targets that count")
        return np.sum(losses) / n

    def alike(self, x: Any, targets: Any) -> tuple[Any, Any]:
        """Outputs and targets of one shape, which is not stretched, and of the outputs' dtype."""
        x = (
            x
            if isinstance(x, Tensor)
            else np.asarray(x, None if np.asarray(x).dtype.kind == "f" else np.float64)
        )
        t = cast(targets, x.dtype)
        if t.shape != x.shape:
            raise ShapeError(
                f"{type(self).__name__}: targets of shape {t.shape} do not fit outputs of shape {x.shape}; "
                f"they must be equal, so reshape one of them"
            )
        return x, t

    def warned(self, x: Any, name: str, advice: str) -> None:
        """Warn if x comes right out of that primitive."""
        if isinstance(x, Tensor) and x._made is not None and x._made[0] is PRIMITIVES[name]:
            warnings.warn(f"{type(self).__name__}: the input already is a {name}. {advice}", stacklevel=4)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class CrossEntropyLoss(Loss):
    """-(1/N) Σ t ln softmax(z), whose gradient by the logits z is (a - t)/N: the softmax is part of the loss.

    The logits are (K,), (N, K) or (N, K, ...), the targets class indices without the axis of the K classes,
    or distributions of the logits' shape.

    weight           a factor for each class
    ignore_index     a class index that marks rows to leave out
    reduction        "mean" (over the rows, weighted), "sum" or "none"
    label_smoothing  the part of each target that is spread evenly over all classes

    Warns where its input already is a softmax. Raises DataError for labels out of range, targets that are no
    distributions, a mean over nothing; ShapeError; DtypeError.
    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".

    >>> loss = CrossEntropyLoss()(np.array([[2.0, 1.0, 0.1]]), np.array([0]))
    >>> print(f"{loss:.12f}")
    0.417030016278
    """

    weight: NDArray[Any] | None

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.register_buffer("weight", weight)

    def forward(self, z: Any, targets: Any) -> Any:
        self.warned(
            z,
            "softmax",
            "CrossEntropyLoss takes logits and applies softmax itself; twice is a mistake: a second softmax "
            "of K numbers between 0 and 1 is at most e/(e + K - 1), so the loss stays above ln(1 + (K - "
            "1)/e) however good the model, and gradients vanish where it is badly wrong. Leave the Softmax "
            "layer out; tg.softmax(model(x)) gives probabilities",
        )
        z = z if isinstance(z, Tensor) else np.asarray(z)
        t, ndim = targets._data if isinstance(targets, Tensor) else np.asarray(targets), z.ndim
        options: dict[str, Any] = {} if ndim == 2 else {"axis": 1 if ndim > 1 else 0}
        if self.reduction != "mean":
            options["reduction"] = self.reduction
        if self.label_smoothing:
            options["label_smoothing"] = self.label_smoothing
        if self.weight is not None:
            options["weight"] = self.weight
        if t.ndim < ndim and (tracing() or contains(t, self.ignore_index)):
            options["ignore_index"] = self.ignore_index
        return ops.softmax_cross_entropy(z, targets, **options)


def contains(t: NDArray[Any], index: int) -> bool:
    """May the index be among the targets? The usual one is below 0, and the least target is found quickly."""
    return bool(t.dtype.kind not in "iu" or (t.size and t.item(t.argmin()) <= index))


class NLLLoss(Loss):
    """-(1/N) Σ x[n, t[n]], of log-probabilities x (N, K) or (N, K, ...) and class indices t.

    weight        a factor for each class, by whose sum the mean is divided
    ignore_index  a class index that marks samples to leave out
    reduction     "mean", "sum" or "none"

    Warns where its input is a softmax without its logarithm. Raises DataError for labels out of range or a
    mean over nothing; ShapeError; DtypeError.

    >>> NLLLoss()(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])).round(4)
    np.float64(0.4904)
    """

    weight: NDArray[Any] | None

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.ignore_index = ignore_index
        self.register_buffer("weight", weight)

    def forward(self, x: Any, targets: Any) -> Any:
        self.warned(
            x,
            "softmax",
            "NLLLoss takes logarithms of probabilities: use tg.log_softmax(z), or CrossEntropyLoss(z, t)",
        )
        x = x if isinstance(x, Tensor) else np.asarray(x)
        t = targets.data if isinstance(targets, Tensor) else np.asarray(targets)
        axis = 1 if x.ndim > 1 else 0
        if not x.ndim or t.shape != x.shape[:axis] + x.shape[axis + 1 :]:
            raise ShapeError(
                f"NLLLoss: class indices of shape {t.shape} do not fit log-probabilities of shape {x.shape}"
            )
        if t.dtype.kind not in "iu":
            raise DtypeError(f"NLLLoss: class indices must be integers, not {t.dtype}")
        k, kept = x.shape[axis], t != self.ignore_index
        bad = kept & ((t < 0) | (t >= k))
        if bad.any():
            raise DataError(
                f"NLLLoss: the target of row {bad.argmax()} is {t[bad][0]}, the {k} classes are 0 to {k - 1}"
            )
        if self.weight is not None and self.weight.shape != (k,):
            raise DataError(
                f"NLLLoss: weight must be {k} numbers, one per class, not of shape {self.weight.shape}"
            )
        t = np.where(kept, t, 0)
        c = np.where(kept, 1 if self.weight is None else self.weight[t], 0).astype(x.dtype)
        picked = np.moveaxis(x, axis, -1)[(*np.indices(t.shape, sparse=True), t)]
        return self.reduced(c * np.where(kept, -picked, 0), c.sum())


class MSELoss(Loss):
    """The mean of (x - t)² over all entries.

    Raises ShapeError where outputs and targets are not of one shape, which would silently be stretched.

    >>> MSELoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    np.float64(2.0)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, x: Any, targets: Any) -> Any:
        x, t = self.alike(x, targets)
        d = x - t
        return self.reduced(d * d, d.size)


class BCEWithLogitsLoss(Loss):
    """The mean of -(t ln a + (1 - t) ln(1 - a)), a = sigmoid(x): cross-entropy of yes-or-no questions.

    It is computed as t softplus(-x) + (1 - t) softplus(x), in which nothing overflows or cancels.

    weight      a factor for each entry, of a shape that broadcasts
    pos_weight  a factor for the first term: how much more a missed yes counts than a missed no
    reduction   "mean", "sum" or "none"

    Warns where its input already is a sigmoid. Raises DataError for targets outside of 0 to 1; ShapeError.

    >>> BCEWithLogitsLoss()(np.array([0.0, 2.0]), np.array([1, 1])).round(4)
    np.float64(0.41)
    """

    weight: NDArray[Any] | None
    pos_weight: NDArray[Any] | None

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, x: Any, targets: Any) -> Any:
        self.warned(
            x, "sigmoid", "BCEWithLogitsLoss applies sigmoid itself: leave the Sigmoid layer out of the model"
        )
        x, t = self.alike(x, targets)
        t = truths(t)
        yes = t if self.pos_weight is None else t * self.pos_weight.astype(x.dtype)
        losses = yes * soft(-x) + (1 - t) * soft(x)
        if self.weight is not None:
            losses = losses * self.weight.astype(x.dtype)
        return self.reduced(losses, losses.size)
