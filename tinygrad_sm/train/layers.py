"""Layers as data: what a model's file says of each of them, and what they make of a row's shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..errors import CheckpointError

__all__ = ["described", "rebuilt", "shape_behind"]

Shape = tuple[int, ...]
# what a file may name: a layer's class, and the settings that make it anew
WINDOW = ("kernel_size", "stride", "padding", "dilation")
LAYERS: dict[str, tuple[str, ...]] = {
    "Conv2d": ("in_channels", "out_channels", *WINDOW),
    "MaxPool2d": WINDOW,
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "BatchNorm1d": ("num_features", "eps", "momentum"),
    "BatchNorm2d": ("num_features", "eps", "momentum"),
    "Linear": ("in_features", "out_features"),
    "Dropout": ("p",),
    "LeakyReLU": ("negative_slope",),
    "GELU": ("approximate",),
    "Flatten": ("start_dim", "end_dim"),
    "ReLU": (),
    "SiLU": (),
    "Sigmoid": (),
    "Tanh": (),
}
# what the shape of its weight begins with; the size of a window follows
WEIGHTS: dict[str, tuple[str, ...]] = {
    "Linear": ("out_features", "in_features"),
    "Conv2d": ("out_channels", "in_channels"),
    "BatchNorm1d": ("num_features",),
    "BatchNorm2d": ("num_features",),
}
WIDEST = 64  # what a file may ask of a window
NUMBERS = {"eps", "momentum", "p", "negative_slope", "start_dim", "end_dim"}
LARGEST = 1e300  # of these numbers


def described(layer: nn.Module) -> dict[str, Any]:
    """A layer as data: its class's name and its settings."""
    name = type(layer).__name__
    if type(layer) is not getattr(nn, name, None) or name not in LAYERS:
        raise CheckpointError(f"a model's file cannot hold a layer {name}; it can hold {', '.join(LAYERS)}")
    description = {"layer": name}
    for setting in LAYERS[name]:
        value = getattr(layer, setting)
        description[setting] = value.item() if isinstance(value, np.generic) else value
    state = layer.state_dict()
    again = rebuilt(0, description, {f"0.{key}": array for key, array in state.items()})
    if repr(again) != repr(layer) or again.state_dict().keys() != state.keys():
        raise CheckpointError(f"a model's file cannot hold {layer!r}; it can hold {again!r}")
    return description


def rebuilt(i: int, description: dict[str, Any], state: dict[str, NDArray[Any]]) -> nn.Module:
    """The layer again; a CheckpointError where it is unknown, or of another size than its weight."""
    settings = dict(description)
    name = settings.pop("layer")
    if name not in LAYERS or settings.keys() != set(LAYERS[name]):
        raise CheckpointError(f"layer {i} is unknown")
    for setting in settings.keys() & NUMBERS:
        value = settings[setting]
        missing = setting == "momentum" and value is None
        if not missing and not (type(value) in (int, float) and abs(value) <= LARGEST):
            raise CheckpointError(f"layer {i} has {setting} {value!r}, which is no finite number")
    options: dict[str, Any] = {}
    for window in settings.keys() & set(WINDOW):
        settings[window] = tuple(settings[window])
        if not all(type(n) is int and n <= WIDEST for n in settings[window]):
            raise CheckpointError(f"layer {i} has no {window}, or one wider than {WIDEST}")
    if name in WEIGHTS:
        weight = state.get(f"{i}.weight", np.empty(()))
        if weight.shape != (*(settings[size] for size in WEIGHTS[name]), *settings.get("kernel_size", ())):
            raise CheckpointError(f"layer {i} has another size than its weight, {weight.shape}")
        options = {"dtype": weight.dtype} if name.startswith("Batch") else {"dtype": weight.dtype, "rng": 0}
    make: Callable[..., nn.Module] = getattr(nn, name)
    return make(**settings, **options)


def shape_behind(layers: nn.Sequential, row: Shape) -> Shape:
    """The shape that a row has behind the layers, worked out without computing anything of that size.

    Raises CheckpointError where a layer does not take rows of the shape that it gets.
    """
    for i, layer in enumerate(layers):
        fits, following = _behind(layer, row)
        if not fits:
            raise CheckpointError(f"layer {i}, {layer!r}, does not take rows of shape {row}")
        row = following
    return row


def _behind(layer: nn.Module, row: Shape) -> tuple[bool, Shape]:
    """Whether a layer takes rows of this shape, and the shape behind it."""
    if isinstance(layer, nn.Linear):
        return row[-1:] == (layer.in_features,), (*row[:-1], layer.out_features)
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        return len(row) + 1 in layer.takes and row[0] == layer.num_features, row
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        sides = [
            (n + 2 * p - d * (s - 1) - 1) // step + 1
            for n, s, step, p, d in zip(row[1:], *layer.at, strict=False)
        ]
        inside = outside = row[0] if row else 0
        if isinstance(layer, nn.Conv2d):
            inside, outside = layer.in_channels, layer.out_channels
        return len(row) == 3 and row[0] == inside and min(sides) >= 1, (outside, *sides)
    if isinstance(layer, nn.Flatten):
        axes = range(len(row) + 1)  # with that of the rows, which stay apart
        if not all(-len(axes) <= dim < len(axes) for dim in (layer.start_dim, layer.end_dim)):
            return False, row
        start, stop = axes[layer.start_dim], axes[layer.end_dim] + 1
        if start == 0:
            return stop == 1, row
        return start < stop, (*row[: start - 1], math.prod(row[start - 1 : stop - 1]), *row[stop - 1 :])
    return True, row
