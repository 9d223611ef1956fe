"""Gradient descent. The letters: p parameter, g its gradient, d memory to work in, b momentum buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import multiply, subtract  # NumPy's names are looked up anew in each call

from ..errors import DataError
from .optimizer import Array, Arrays, Group, Optimizer, State, finite

__all__ = ["SGD"]


class SGD(Optimizer):
    """p ← p - lr g, or with momentum b ← momentum b + (1 - dampening) g (at first b = g) and p ← p - lr b.

    nesterov      p ← p - lr (g + momentum b)
    weight_decay  g + weight_decay p in place of g
    maximize      -g in place of g

    Raises DataError for settings out of range or no parameters; GradientError for one that does not require
    grad.
    Source: Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> optimizer = SGD([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> x.item()
    2.4
    """

    number_names = ("lr", "momentum", "rest")
    later_names = ("momentum_buffer",)

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening,
                                  "weight_decay": weight_decay, "nesterov": nesterov,
                                  "maximize": maximize})  # fmt: skip

    def check(self, group: Group) -> None:
        super().check(group)
        if not finite(group["dampening"]):
            raise DataError(f"SGD: dampening must be a finite number, not {group['dampening']!r}")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"]):
            raise DataError("SGD: Nesterov's momentum needs a momentum above 0 and no dampening")

    def numbers(self, t: float, group: Group) -> tuple[float, ...]:  # noqa: ARG002
        return group["lr"], group["momentum"], 1 - group["dampening"]

    def update(self, p: Array, g: Array, d: Array, state: State, group: Group, numbers: Arrays) -> None:
        lr, momentum, rest = numbers
        if group["momentum"]:
            b = state.get("momentum_buffer")
            if b is None:
                b = state["momentum_buffer"] = np.copy(g)
            else:
                b *= momentum
                b += multiply(g, rest, out=d)
            g = g + momentum * b if group["nesterov"] else b
        multiply(g, lr, d)
        subtract(p, d, p)
