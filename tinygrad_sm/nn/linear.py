"""Layers that take each row by itself: Linear, Embedding, Flatten, Dropout.

The letters of the row: x input (..., in), W weight (out, in), b bias (out,); y output (..., out); g = dL/dy.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import BoundsError, DataError, DtypeError, ShapeError
from ..primitive import primitive, real_array
from ..random import generator
from ..tensor import Tensor
from . import init
from .init import Rng
from .module import Module

__all__ = ["Dropout", "Embedding", "Flatten", "Linear", "array", "cast", "positive", "real"]


def affine(x: Any, W: Any, b: Any) -> Any:
    """x W^T + b."""
    y = x.dot(W.T)
    y += b
    return y


def by_rows(g: Any, x: Any) -> Any:
    """g^T x, with all axes but the last in one."""
    if x.ndim != 2:
        g, x = np.reshape(g, (-1, g.shape[-1])), np.reshape(x, (-1, x.shape[-1]))
    return g.T.dot(x)


def checked(indices: Any, rows: int) -> Any:
    """Indices of rows of an embedding's weight, if they are."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"Embedding: indices must be integers, not {indices.dtype}; use x.astype(int)")
    bad = (indices < 0) | (indices >= rows)
    if bad.any():
        raise BoundsError(
            f"Embedding: index {indices[bad][0]} is outside of 0 to {rows - 1}, the rows of the weight"
        )
    return indices


# fmt: off
# ruff: noqa: ARG005
# function                formula             rules
linear = primitive(affine, r"x W^{T} + b",    lambda g, y, x, W, b: g.dot(W),
                                              lambda g, y, x, W, b: by_rows(g, x),
                                              lambda g, y, x, W, b: g,
    name="linear",
    shapes="x (..., in), W (out, in), b (out,) give (..., out)",
    example="tg.rule('linear')(np.array([1., 2.]), np.eye(2), np.array([1., 1.])) -> array([2., 3.])")
places = primitive(checked, "i", None, name="checked_indices", shapes="any")
uniform = primitive(lambda x, rng: rng.random(np.shape(x)), r"u \sim U(0, 1)", None, name="random",
    shapes="x's")
# fmt: on


def array(x: Any) -> Any:
    """x as a Tensor or an array, of real numbers."""
    return x if isinstance(x, Tensor) else real_array(x, "a layer")


def real(x: Any) -> Any:
    """x as a Tensor or an array of floating-point numbers; integers become float64."""
    x = array(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def cast(x: Any, dtype: np.dtype[Any]) -> Any:
    """x in the model's dtype, so that float64 inputs do not make a float32 model compute in float64."""
    x = array(x)
    if x.dtype is dtype or x.dtype == dtype:
        return x
    return x.astype(dtype) if type(x) is np.ndarray or not x.requires_grad else x.astype(dtype=dtype)


def positive(layer: str, **sizes: int) -> None:
    """Raise a DataError unless all sizes are whole numbers above 0."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise DataError(f"{layer}: {name} must be a whole number above 0, not {size!r}")


class Linear(Module):
    """y = x Wᵀ + b, the affine layer: x (..., in_features), W (out_features, in_features), b (out_features,).

    bias   whether there is a b
    dtype  of the parameters; the input is brought to it
    rng    generator or seed for the parameters, which start uniform within ± 1/√in_features

    Raises ShapeError where the input's last axis is not in_features.

    >>> from tinygrad_sm import nn
    >>> layer = nn.Linear(3, 2, rng=0)
    >>> layer(np.ones((4, 3))).shape
    (4, 2)
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: Rng = None,
    ) -> None:
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        rng = generator(rng)
        self.weight = Tensor(np.empty((out_features, in_features), dtype), requires_grad=True)
        init.kaiming_uniform_(self.weight, a=sqrt(5), rng=rng)
        self.bias = None
        if bias:
            bound = 1 / sqrt(in_features)
            self.bias = init.uniform_(
                Tensor(np.empty(out_features, dtype), requires_grad=True), -bound, bound, rng
            )

    def forward(self, x: Any) -> Any:
        W, b = self.weight, self.bias
        x = cast(x, W._data.dtype)
        if not (shape := x.shape) or shape[-1] != self.in_features:
            raise ShapeError(
                f"Linear: an input of shape {x.shape} does not fit the weight {W.shape}: its last axis must "
                f"have {self.in_features} entries"
            )
        return x @ W.T if b is None else linear(x, W, b)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Flatten(Module):
    """All axes from start_dim to end_dim in one, in the order of their entries.

    >>> from tinygrad_sm import nn
    >>> nn.Flatten()(np.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        x = array(x)
        ndim = x.ndim
        if not (-ndim <= self.start_dim < ndim and -ndim <= self.end_dim < ndim):
            raise ShapeError(
                f"Flatten: axes {self.start_dim} to {self.end_dim} do not exist in shape {np.shape(x)}"
            )
        start, stop = self.start_dim % ndim, self.end_dim % ndim + 1
        if start >= stop:
            raise ShapeError(f"Flatten: start_dim {self.start_dim} lies behind end_dim {self.end_dim}")
        shape = np.shape(x)
        return np.reshape(x, (*shape[:start], prod(shape[start:stop]), *shape[stop:]))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Embedding(Module):
    """Row i of the weight for each index i: indices (...) give (..., embedding_dim).

    The weight (num_embeddings, embedding_dim) starts normally distributed. Raises DtypeError for indices that
    are no integers, BoundsError for an index below 0 or not below num_embeddings.

    >>> from tinygrad_sm import nn
    >>> nn.Embedding(10, 3)(np.array([[1, 2], [2, 9]])).shape
    (2, 2, 3)
    """

    weight: Tensor

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, dtype: DTypeLike = np.float32, rng: Rng = None
    ) -> None:
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = Tensor(np.empty((num_embeddings, embedding_dim), dtype), requires_grad=True)
        init.normal_(self.weight, rng=rng)

    def forward(self, indices: Any) -> Any:
        return self.weight[places(indices, rows=self.num_embeddings)]

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Dropout(Module):
    """In training, 0 in place of each entry with probability p and x / (1 - p) elsewhere; in evaluation, x.

    Raises DataError unless 0 <= p <= 1.
    Source: Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".

    >>> from tinygrad_sm import nn
    >>> nn.Dropout(0.5, rng=0)(np.ones(4))
    array([2., 0., 0., 0.])
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        if not 0 <= p <= 1:
            raise DataError(f"Dropout: p is a probability, from 0 to 1, not {p}")
        self.p, self.rng = p, None if rng is None else generator(rng)

    def forward(self, x: Any) -> Any:
        x = real(x)
        if not self.training or not self.p:
            return x
        kept = uniform(x, rng=generator(self.rng)) >= self.p
        return x * (kept / np.asarray(1 - self.p or 1)).astype(x.dtype)

    def extra_repr(self) -> str:
        return f"p={self.p}"
