"""Where training starts from: parameters filled with random numbers of the right spread, or with constants.

Each function replaces the tensor's data, keeps its shape and dtype, and returns it. Of a weight of shape
(out, in, ...), fan_in = in x ... is how many inputs an output sums up, fan_out = out x ... how many outputs
an input goes to. `rng` is a NumPy generator or a seed; left out, the package's generator is drawn from.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from ..errors import DataError, DtypeError, ShapeError
from ..random import generator
from ..tensor import Tensor

__all__ = ["calculate_gain", "constant_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
           "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_"]  # fmt: skip

Rng = np.random.Generator | int | None


def _filled(tensor: Tensor, values: Any) -> Tensor:
    if tensor.dtype.kind != "f":
        raise DtypeError(f"{tensor.label} holds {tensor.dtype}: only floats can be initialised for training")
    tensor.data = np.asarray(values, tensor.dtype)
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, rng: Rng = None) -> Tensor:
    """Uniformly distributed numbers from a to b.

    >>> import tinygrad_sm as tg
    >>> uniform_(tg.Tensor([0.0, 0.0]), -1.0, 1.0, rng=0)
    Tensor([ 0.27392337, -0.46042657])
    """
    return _filled(tensor, generator(rng).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Tensor:
    """Normally distributed numbers."""
    return _filled(tensor, generator(rng).normal(mean, std, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    return _filled(tensor, np.full(tensor.shape, val))


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def _fans(tensor: Tensor) -> dict[str, int]:
    if tensor.ndim < 2:
        raise ShapeError(
            f"{tensor.label} of shape {tensor.shape} has no fan-in and fan-out: that takes a weight (out, "
            f"in, ...); use uniform_, normal_ or zeros_"
        )
    window = prod(tensor.shape[2:])
    return {"fan_in": tensor.shape[1] * window, "fan_out": tensor.shape[0] * window}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights must be larger so that signals keep their spread through a nonlinearity.

    param is leaky_relu's negative slope (0.01 if left out). Raises DataError for a nonlinearity that is not
    known.

    >>> calculate_gain("relu")
    1.4142135623730951
    """
    slope = 0.01 if param is None else param
    gains = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2), "selu": 0.75,
             "leaky_relu": sqrt(2 / (1 + slope**2))}  # fmt: skip
    if nonlinearity not in gains:
        raise DataError(f"no gain is known for {nonlinearity!r}; the nonlinearities are {', '.join(gains)}")
    return gains[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Uniform within ± gain √(6 / (fan_in + fan_out)): signals keep their spread forward and backward.

    Raises ShapeError for fewer than two axes.
    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks".
    """
    bound = gain * sqrt(6 / sum(_fans(tensor).values()))
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Normal with standard deviation gain √(2 / (fan_in + fan_out)); else as `xavier_uniform_`."""
    return normal_(tensor, 0.0, gain * sqrt(2 / sum(_fans(tensor).values())), rng)


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = _fans(tensor)
    if mode not in fans:
        raise DataError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}")
    return calculate_gain(nonlinearity, a) / sqrt(max(fans[mode], 1))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Tensor:
    """Uniform within ± gain √(3 / fan): signals keep their spread through rectifiers.

    a             the negative slope of leaky_relu
    mode          "fan_in" keeps the spread of the signals forward, "fan_out" that of the gradients backward
    nonlinearity  what follows, for the gain

    Raises ShapeError for fewer than two axes, DataError for another mode or nonlinearity.
    Source: He et al. (2015), "Delving deep into rectifiers".
    """
    bound = sqrt(3) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Tensor:
    """Normal with standard deviation gain / √fan; else as `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity), rng)
