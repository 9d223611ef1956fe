"""Functions of each entry, and softmax, as modules. They take integers as real numbers; ReLU keeps them."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from .. import ops
from ..errors import DataError
from .linear import array, real
from .module import Module

__all__ = ["GELU", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """max(x, 0), with derivative 0 at 0.

    >>> ReLU()([-1.0, 2.0])
    array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        return ops.relu(array(x))


class LeakyReLU(Module):
    """x where x > 0, negative_slope x elsewhere, with that derivative at 0.

    >>> LeakyReLU(0.1)(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        x = real(x)
        return np.where(x > 0, x, self.negative_slope * x)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class GELU(Module):
    """x Φ(x), where Φ is the distribution function of the standard normal distribution.

    approximate  "none": Φ(x) = (1 + erf(x/√2)) / 2, which needs SciPy; "tanh": (1 + tanh(√(2/π) (x + 0.044715
                 x³))) / 2

    Raises DataError for another approximation. Source: Hendrycks and Gimpel (2016), "Gaussian error linear
    units".

    >>> GELU(approximate="tanh")(np.array([-1.0, 2.0]))
    array([-0.15880801,  1.95459769])
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise DataError(f"GELU: approximate must be 'none' or 'tanh', not {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        x = real(x)
        if self.approximate == "tanh":
            return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * (x * x * x))))
        return 0.5 * x * (1 + ops.erf(x * sqrt(0.5)))

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x).

    >>> SiLU()(np.array([-1.0, 2.0]))
    array([-0.26894142,  1.76159416])
    """

    def forward(self, x: Any) -> Any:
        x = real(x)
        return x * ops.sigmoid(x)


class Tanh(Module):
    """tanh x.

    >>> Tanh()(np.array([0.0, 1.0]))
    array([0.        , 0.76159416])
    """

    def forward(self, x: Any) -> Any:
        return ops.tanh(real(x))


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ).

    >>> Sigmoid()(np.array([0.0, 1.0]))
    array([0.5       , 0.73105858])
    """

    def forward(self, x: Any) -> Any:
        return ops.sigmoid(real(x))


class Softmax(Module):
    """eˣ / Σ eˣ along an axis: probabilities. To look at: CrossEntropyLoss trains with the logits.

    >>> Softmax(dim=-1)(np.array([2.0, 1.0, 0.1])).round(3)
    array([0.659, 0.242, 0.099])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return ops.softmax(real(x), axis=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
