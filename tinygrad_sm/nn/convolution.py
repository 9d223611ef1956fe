"""Layers that look at images through a window: Conv2d, MaxPool2d, AvgPool2d.

The letters of the rows: x images (N, C, H, W), k kernels (O, C, h, w); y output; g = dL/dy; `at` says where
windows lie, as (size, stride, padding, dilation), a pair each: a window of `size` (h, w) moves over x by
`stride`, its entries `dilation` apart, after `padding` rows and columns of `fill` were put on every side.

`windows` lays what they see side by side: (h, w, N, C, H', W'). `fold` adds each entry back to
where it came from. Each is the other's transpose, and so the other's rule; a convolution is one product of
matrices, of the kernels and the windows as columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DataError, ShapeError
from ..primitive import Primitive, primitive
from ..random import generator
from ..tensor import Tensor
from . import init
from .init import Rng
from .linear import array, cast, positive
from .module import Module

__all__ = ["AvgPool2d", "Conv2d", "MaxPool2d"]

Pair = tuple[int, int]
At = tuple[Pair, Pair, Pair, Pair]


def windows(x: Any, at: At, fill: float = 0.0) -> Any:
    """What each entry of the window sees: (h, w, N, C, H', W')."""
    (n, c, *_), (whole, inner) = x.shape, padded(x.shape, at[2])
    y = np.empty((c, *at[0], n, *places(x, at)), x.dtype)  # in this order a convolution takes it as it is
    if whole != x.shape:
        inside, x = x, np.full(whole, fill, x.dtype)
        x[inner] = inside
    for (i, j), entries in sights(at, y.shape[4:]):
        y[:, i, j] = x[entries].swapaxes(0, 1)
    return y.transpose(1, 2, 3, 0, 4, 5)


def folded(x: Any, at: At, shape: tuple[int, ...]) -> Any:
    """Images of that shape, with every window's entries added where they were seen."""
    whole, inner = padded(shape, at[2])
    y = np.zeros(whole, x.dtype)
    for ij, entries in sights(at, x.shape[4:]):
        y[entries] += x[ij]
    return y[inner]


def sights(at: At, places: tuple[int, ...]) -> Iterator[tuple[Any, Any]]:
    """For each entry of the window what it sees of padded images, over all places."""
    size, stride, _, dilation = at
    for ij in np.ndindex(size):
        ends = zip(ij, dilation, stride, places, strict=True)
        yield ij, (..., *(slice(k * d, k * d + step * (n - 1) + 1, step) for k, d, step, n in ends))


def padded(shape: tuple[int, ...], padding: Pair) -> tuple[tuple[int, ...], Any]:
    """The shape with its padding, and where in it the images lie."""
    whole = (*shape[:2], shape[2] + 2 * padding[0], shape[3] + 2 * padding[1])
    return whole, (..., *(slice(p, p + n) for p, n in zip(padding, shape[2:], strict=True)))


def flat(a: Any) -> Any:
    """The first axis, and all others in one."""
    return np.reshape(a, (np.shape(a)[0], -1))


def channels(g: Any) -> Any:
    """g with the channel first: (O, N H' W')."""
    return flat(np.transpose(g, (1, 0, 2, 3)))


def columns(x: Any, at: At) -> Any:
    """Each window as a column: (C h w, N H' W')."""
    seen = np.transpose(see(x, at=at), (3, 0, 1, 2, 4, 5))
    return np.reshape(seen, (prod(seen.shape[:3]), -1))


def kernels(columns: Any, x: Any, k: Any, at: At) -> Any:
    """What of x was seen by each window, from such columns: (h, w, N, C, H', W')."""
    (n, c), (h, w) = np.shape(x)[:2], np.shape(k)[2:]
    return np.transpose(np.reshape(columns, (c, h, w, n, *places(x, at))), (1, 2, 3, 0, 4, 5))


def places(x: Any, at: At) -> tuple[int, ...]:
    """How many windows there are: (H', W')."""
    return tuple((n + 2 * p - d * (s - 1) - 1) // step + 1
                 for n, s, step, p, d in zip(np.shape(x)[2:], *at, strict=True))  # fmt: skip


def convolved(x: Any, k: Any, at: At) -> Any:
    """The sum over each window of its entries times the kernel's."""
    return (flat(k) @ columns(x, at)).reshape(len(k), len(x), *places(x, at)).transpose(1, 0, 2, 3)


# fmt: off
# ruff: noqa: ARG005
# function                 formula, rules
see: Primitive = primitive(windows,  r"\mathrm{windows}(x)",
    lambda g, y, x, at=(), fill=0.0: fold(g, at=at, shape=np.shape(x)),
    name="windows",        shapes="x (N, C, H, W), y (h, w, N, C, H', W')")
fold: Primitive = primitive(folded,  r"\mathrm{windows}^{T}(x)",
    lambda g, y, x, at=(), shape=(): see(g, at=at),
    name="fold",           shapes="x (h, w, N, C, H', W'), y (N, C, H, W), which is `shape`")
conv2d: Primitive = primitive(convolved, r"k * x",
    lambda g, y, x, k, at=(): fold(kernels(flat(k).T @ channels(g), x, k, at), at=at, shape=np.shape(x)),
    lambda g, y, x, k, at=(): np.reshape(channels(g) @ columns(x, at).T, np.shape(k)),
    name="conv2d",         shapes="x (N, C, H, W), k (O, C, h, w), y (N, O, H', W')")
# fmt: on


def pair(layer: str, name: str, value: int | Pair, least: int = 1) -> Pair:
    """One whole number for both axes, or one for each."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in both):
        raise DataError(f"{layer}: {name} must be a whole number of at least {least}, or two, not {value!r}")
    return int(both[0]), int(both[1])


class Window(Module):
    """What the layers of this page share: where their windows lie, and what inputs they take."""

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> None:
        name = type(self).__name__
        self.kernel_size, self.stride = pair(name, "kernel_size", kernel_size), pair(name, "stride", stride)
        self.padding, self.dilation = pair(name, "padding", padding, 0), pair(name, "dilation", dilation)
        self.at = (self.kernel_size, self.stride, self.padding, self.dilation)

    def checked(self, x: Any) -> Any:
        """x, if it holds images that at least one window fits into; ShapeError if not."""
        x = array(x)
        if x.ndim != 4:
            raise ShapeError(
                f"{type(self).__name__}: images have the shape (N, C, H, W), not {x.shape}; one image is "
                f"x[None]"
            )
        if min(places(x, self.at)) < 1:
            raise ShapeError(
                f"{type(self).__name__}: no window of {self.kernel_size} with dilation {self.dilation} fits "
                f"into {x.shape[2:]} with padding {self.padding}; use a smaller kernel or more padding"
            )
        return x

    def extra_repr(self) -> str:
        plain = {"padding": (0, 0), "dilation": (1, 1)}
        settings = {name: vars(self)[name] for name in ("kernel_size", "stride", "padding", "dilation")}
        return ", ".join(f"{name}={value}" for name, value in settings.items() if plain.get(name) != value)


class Conv2d(Window):
    """y[n, o, i, j] = b[o] + Σ w[o, c, p, q] x[n, c, stride i + dilation p, stride j + dilation q].

    Images (N, in_channels, H, W) give (N, out_channels, H', W'), H' = ⌊(H + 2 padding - dilation (h - 1) -
    1)/stride⌋ + 1. The weight (out_channels, in_channels, h, w) and the bias start uniform within ±
    1/√(in_channels h w).

    Raises ShapeError for inputs that are no such images, or smaller than a window.
    Source: LeCun et al. (1989), "Backpropagation applied to handwritten zip code recognition".

    >>> from tinygrad_sm import nn
    >>> nn.Conv2d(1, 8, 3, padding=1)(np.zeros((5, 1, 8, 8))).shape
    (5, 8, 8, 8)
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair, stride: int | Pair = 1,
        padding: int | Pair = 0, dilation: int | Pair = 1, bias: bool = True, *,
        dtype: DTypeLike = np.float32, rng: Rng = None,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, dilation)
        positive("Conv2d", in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        rng = generator(rng)
        self.weight = Tensor(
            np.empty((out_channels, in_channels, *self.kernel_size), dtype), requires_grad=True
        )
        init.kaiming_uniform_(self.weight, a=sqrt(5), rng=rng)
        self.bias = None
        if bias:
            bound = 1 / sqrt(in_channels * prod(self.kernel_size))
            self.bias = init.uniform_(
                Tensor(np.empty(out_channels, dtype), requires_grad=True), -bound, bound, rng
            )

    def forward(self, x: Any) -> Any:
        x = cast(self.checked(x), self.weight.dtype)
        if x.shape[1] != self.in_channels:
            raise ShapeError(
                f"Conv2d: images of shape {x.shape} have {x.shape[1]} channels on axis 1, the weight "
                f"{self.weight.shape} takes {self.in_channels}"
            )
        y = conv2d(x, self.weight, at=self.at)
        return y if self.bias is None else y + self.bias.reshape((-1, 1, 1))

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, {super().extra_repr()}, bias={self.bias is not None}"
        )


class MaxPool2d(Window):
    """The largest entry of each window, to which the gradient goes, in equal parts where there are several.

    stride  kernel_size, if left out: windows side by side

    Raises DataError for padding of more than half a window, ShapeError for inputs that are no images (N, C,
    H, W).

    >>> from tinygrad_sm import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
        dilation: int | Pair = 1,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, kernel_size if stride is None else stride, padding, dilation)
        halved(self)

    def forward(self, x: Any) -> Any:
        x = self.checked(x)
        return np.max(see(x, at=self.at, fill=least(x.dtype) if any(self.padding) else 0.0), axis=(0, 1))


class AvgPool2d(Window):
    """The mean of each window, in which padding counts as 0.

    stride  kernel_size, if left out: windows side by side

    Raises DataError for padding of more than half a window, ShapeError for inputs that are no images (N, C,
    H, W).

    >>> from tinygrad_sm import nn
    >>> nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, kernel_size if stride is None else stride, padding, 1)
        halved(self)

    def forward(self, x: Any) -> Any:
        return np.mean(see(self.checked(x), at=self.at), axis=(0, 1))


def least(dtype: np.dtype[Any]) -> float:
    """The smallest number of a dtype."""
    if dtype.kind == "f":
        return -np.inf
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else 0


def halved(layer: Window) -> None:
    """Raise a DataError if a window could lie in the padding alone."""
    if any(2 * p > size for p, size in zip(layer.padding, layer.kernel_size, strict=True)):
        raise DataError(
            f"{type(layer).__name__}: padding {layer.padding} is more than half of the window "
            f"{layer.kernel_size}: a window could see nothing else"
        )
