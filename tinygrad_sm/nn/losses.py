"""How far outputs are from their targets, as one number to be made small."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import ops
from ..errors import DataError, ShapeError
from ..primitive import PRIMITIVES
from ..tensor import Tensor
from .module import Module

__all__ = ["CrossEntropyLoss"]


def made_by(x: Any, name: str) -> bool:
    """Whether x comes right out of that primitive."""
    return isinstance(x, Tensor) and x.node is not None and x.node.primitive is PRIMITIVES[name]


class CrossEntropyLoss(Module):
    """-(1/N) Σ t ln softmax(z): the softmax is part of the loss, and the gradient of the logits z is (a - t)/N.

    The logits are (K,), (N, K) or (N, K, ...), the targets class indices without the axis of the K classes, or distributions of the
    logits' shape.

    weight           a factor for each class
    ignore_index     a class index that marks rows to leave out
    reduction        "mean" (over the rows, weighted), "sum" or "none"
    label_smoothing  the part of each target that is spread evenly over all classes

    Warns where its input already is a softmax. Raises DataError for labels out of range, targets that are no distributions, a mean
    over nothing; ShapeError; DtypeError.
    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".

    >>> CrossEntropyLoss()(np.array([[2.0, 1.0, 0.1]]), np.array([0]))
    np.float64(0.4170300162778335)
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        self.weight, self.ignore_index = None if weight is None else np.array(weight), ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    def forward(self, z: Any, targets: Any) -> Any:
        if made_by(z, "softmax"):
            k = z.shape[1 if z.ndim > 1 else 0]
            warnings.warn(
                f"CrossEntropyLoss takes logits and applies softmax itself, but its input already is a softmax. Twice is a mistake: "
                f"probabilities lie between 0 and 1, so the second softmax cannot get above e/(e + {k - 1}), the loss stays above "
                f"ln(1 + {k - 1}/e) = {np.log1p((k - 1) / np.e):.3f}, and gradients vanish where a sample is badly wrong. Leave the "
                f"Softmax layer out of the model, and use tg.softmax for probabilities",
                stacklevel=3,
            )
        t = targets if isinstance(targets, Tensor) else np.asarray(targets)
        classes = np.ndim(z) != t.ndim
        ignored = classes and np.count_nonzero((t if type(t) is np.ndarray else t.data) == self.ignore_index)
        return ops.softmax_cross_entropy(
            z, t, reduction=self.reduction, label_smoothing=self.label_smoothing, weight=self.weight,
            ignore_index=self.ignore_index if ignored else None, axis=1 if np.ndim(z) > 1 else 0,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"
