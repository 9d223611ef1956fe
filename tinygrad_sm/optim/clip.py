"""Gradients kept small, between backward() and step()."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

import numpy as np

from ..backprop import tracing
from ..errors import DataError, GradientError
from ..tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def graded(parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The parameters that have a gradient, each with it."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [(p, p.grad.detach()) for p in given if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Any:
    """Scale all gradients alike, so that their norm as one vector is at most max_norm; give the old norm.

    norm_type           the p of the p-norm (Σ |g|ᵖ)^(1/p); inf is the largest |g|
    error_if_nonfinite  raise GradientError where the norm is NaN or infinite

    Raises DataError for a max_norm below 0 or a norm_type that is not above 0.
    Source: Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks".

    >>> x = Tensor([0.0, 0.0], requires_grad=True)
    >>> x.grad = Tensor([3.0, 4.0])
    >>> clip_grad_norm_([x], 1.0)
    5.0
    >>> x.grad.data.round(4)
    array([0.6, 0.8])
    """
    if not max_norm >= 0 or not norm_type > 0:
        raise DataError(
            f"clip_grad_norm_: max_norm {max_norm} must be at least 0 and norm_type {norm_type} above 0"
        )
    found = graded(parameters)
    norms = [np.linalg.norm(g.ravel(), norm_type) if g.size else Tensor(0.0) for _, g in found]
    total = np.linalg.norm(np.stack(norms), norm_type) if found else Tensor(0.0)
    if error_if_nonfinite and not isfinite(total):
        worst = [p.label for (p, _), norm in zip(found, norms, strict=True) if not isfinite(norm)]
        raise GradientError(
            f"clip_grad_norm_: the norm is {float(total)}: look at the gradient of "
            f"{', '.join(worst) or 'all'}"
        )
    factor = np.minimum(max_norm / (total + 1e-6), 1)  # NaN if the norm is, which must not be hidden
    if tracing() or not factor >= 1:
        for p, g in found:
            p.grad = g * factor.astype(g.dtype)
    return total if tracing() else float(total)  # a program that is recorded has no number yet


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every entry of the gradients to between -clip_value and clip_value.

    Raises DataError for a clip_value below 0.

    >>> x = Tensor([0.0, 0.0], requires_grad=True)
    >>> x.grad = Tensor([3.0, -0.5])
    >>> clip_grad_value_([x], 1.0)
    >>> x.grad
    Tensor([ 1. , -0.5])
    """
    if not clip_value >= 0:
        raise DataError(f"clip_grad_value_: clip_value must be at least 0, not {clip_value}")
    for p, g in graded(parameters):
        p.grad = np.clip(g, -clip_value, clip_value)
