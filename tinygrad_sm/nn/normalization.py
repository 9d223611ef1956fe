"""Layers that bring what passes through them to mean 0 and variance 1: BatchNorm1d, BatchNorm2d, LayerNorm.

The letters of the row: x input; y output; g = dL/dy; means are taken over `axis`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..backprop import current_mode
from ..errors import DataError, ShapeError
from ..primitive import primitive
from ..tensor import Tensor
from .linear import cast, positive
from .module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


def mean(x: Any, axis: Any) -> Any:
    """The mean, with the axes kept."""
    return np.mean(x, axis=axis, keepdims=True)


def deviation(x: Any, axis: Any, eps: float) -> Any:
    """The standard deviation of all that there is (not of a sample), with eps for its safety."""
    d = x - mean(x, axis)
    return np.sqrt(mean(d * d, axis) + eps)


def standardized(x: Any, axis: Any, eps: float) -> Any:
    """x less its mean, in units of its deviation."""
    d = x - mean(x, axis)
    return d / np.sqrt(mean(d * d, axis) + eps)


def write(array: NDArray[Any], value: Tensor) -> None:
    """Give an array that is part of a state new entries, in place, and tell a program that is recorded."""
    if (watcher := current_mode().watcher) is not None and watcher.tracing:
        watcher.update(array, value)
    array[...] = value._data


# fmt: off
# function                formula                         rule
standardize = primitive(standardized, r"\frac{x - \bar x}{\sqrt{\overline{(x - \bar x)^2} + \epsilon}}",
    lambda g, y, x, axis=None, eps=0.0: (g - mean(g, axis) - y * mean(g * y, axis)) / deviation(x, axis, eps),
    name="standardize",   shapes="any; y has mean 0 and variance 1 over `axis`")
# fmt: on


class BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d are; they differ in the shapes that they take."""

    weight: Tensor | None
    bias: Tensor | None
    running_mean: NDArray[Any]
    running_var: NDArray[Any]
    num_batches_tracked: NDArray[Any]
    takes: dict[int, str] = {}  # noqa: RUF012 (the shapes, by their number of axes)

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, *, dtype: DTypeLike = np.float32,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        positive(name, num_features=num_features)
        if not eps >= 0:
            raise DataError(f"{name}: eps must be at least 0, not {eps}")
        if momentum is not None and not 0 <= momentum <= 1:
            raise DataError(
                f"{name}: momentum must be from 0 to 1, or None for the mean of all batches, not {momentum}"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats, self.dtype = affine, track_running_stats, np.dtype(dtype)
        self.weight = Tensor(np.ones(num_features, dtype), requires_grad=True) if affine else None
        self.bias = Tensor(np.zeros(num_features, dtype), requires_grad=True) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", np.zeros(num_features, dtype))
            self.register_buffer("running_var", np.ones(num_features, dtype))
            self.register_buffer("num_batches_tracked", np.array(0))

    def forward(self, x: Any) -> Any:
        x = cast(x, self.dtype)
        if x.ndim not in self.takes or x.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: the input has shape {x.shape}, it must be "
                f"{' or '.join(self.takes.values())} with C = {self.num_features}"
            )
        axis, column = (0, *range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
        if self.training or not self.track_running_stats:
            if not x.size and self.training:
                raise DataError(
                    f"{type(self).__name__}: a batch of shape {x.shape} has no entries, so no mean; leave it "
                    f"out, or call eval()"
                )
            if x.size == self.num_features and self.training:
                raise ShapeError(
                    f"{type(self).__name__}: one value per channel has no variance (input {x.shape}); train "
                    f"with larger batches, or call eval()"
                )
            if self.track_running_stats:
                self.track(x if isinstance(x, Tensor) else Tensor(x), axis)
            y = standardize(x, axis=axis, eps=self.eps)
        else:
            kind = Tensor if isinstance(x, Tensor) else np.asarray
            y = x - kind(self.running_mean).reshape(column)
            y = y / np.sqrt(kind(self.running_var) + self.eps).reshape(column)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.reshape(column) + self.bias.reshape(column)
        return y

    def track(self, x: Tensor, axis: tuple[int, ...]) -> None:
        """Let the running statistics follow those of a batch."""
        x = x.detach()
        write(self.num_batches_tracked, Tensor(self.num_batches_tracked) + 1)
        share = 1 / Tensor(self.num_batches_tracked) if self.momentum is None else self.momentum
        for running, now in ((self.running_mean, x.mean(axis)), (self.running_var, x.var(axis, ddof=1))):
            write(running, Tensor(running) * (1 - share) + now * share)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"


class BatchNorm1d(BatchNorm):
    """(x - mean)/√(variance + eps) · weight + bias, each channel by itself: x (N, C) or (N, C, L).

    In training with the batch's own mean and variance, which the running ones follow: r ← (1 - momentum) r +
    momentum · batch (with the variance of a sample, ddof=1; momentum=None gives the mean of all batches). In
    evaluation with the running ones.

    Raises ShapeError for other shapes, and in training for one value per channel; DataError in training for
    an empty batch.
    Source: Ioffe and Szegedy (2015), "Batch normalization".

    >>> from tinygrad_sm import nn
    >>> nn.BatchNorm1d(1, affine=False, dtype=float)(np.array([[1.0], [3.0]])).round(4)
    array([[-1.],
           [ 1.]])
    """

    takes = {2: "(N, C)", 3: "(N, C, L)"}  # noqa: RUF012


class BatchNorm2d(BatchNorm):
    """(x - mean)/√(variance + eps) · weight + bias of each channel: x (N, C, H, W); else as `BatchNorm1d`.

    >>> from tinygrad_sm import nn
    >>> nn.BatchNorm2d(3)(np.random.default_rng(0).random((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    takes = {4: "(N, C, H, W)"}  # noqa: RUF012


class LayerNorm(Module):
    """(x - mean)/√(variance + eps) · weight + bias of each sample: x (..., *normalized_shape).

    Raises ShapeError where the last axes are not normalized_shape.
    Source: Ba, Kiros and Hinton (2016), "Layer normalization".

    >>> from tinygrad_sm import nn
    >>> nn.LayerNorm(2, elementwise_affine=False, dtype=float)(np.array([[1.0, 3.0]])).round(4)
    array([[-1.,  1.]])
    """

    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, *, dtype: DTypeLike = np.float32,
    ) -> None:  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not shape or not eps >= 0:
            raise DataError(f"LayerNorm: needs at least one axis and eps >= 0, not {shape} and {eps}")
        self.normalized_shape, self.eps, self.dtype = shape, eps, np.dtype(dtype)
        self.weight = Tensor(np.ones(shape, dtype), requires_grad=True) if elementwise_affine else None
        self.bias = (
            Tensor(np.zeros(shape, dtype), requires_grad=True) if elementwise_affine and bias else None
        )

    def forward(self, x: Any) -> Any:
        x = cast(x, self.dtype)
        n = len(self.normalized_shape)
        if x.shape[-n:] != self.normalized_shape:
            raise ShapeError(
                f"LayerNorm: the input has shape {x.shape}, it must end in {self.normalized_shape}"
            )
        y = standardize(x, axis=tuple(range(-n, 0)), eps=self.eps)
        if self.weight is not None:
            y = y * self.weight
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"
