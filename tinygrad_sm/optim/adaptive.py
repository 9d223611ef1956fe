"""Steps in units of the gradient's own size. The letters: p the parameter, g its gradient, d memory to work in, m and v the
running means of g and g².
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .optimizer import Optimizer, State

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """p ← p - lr (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps), with m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², at step t.

    weight_decay  g + weight_decay p in place of g
    amsgrad       the largest v so far in place of v in the step
    maximize      -g in place of g

    Raises DataError for settings out of range or parameters that are none; GradientError for one that does not require grad.
    Source: Kingma and Ba (2015), "Adam: a method for stochastic optimization"; amsgrad: Reddi et al. (2018).

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> optimizer = Adam([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.9
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
                                  "maximize": maximize})  # fmt: skip

    def begin(self, p: NDArray[Any], group: dict[str, Any]) -> State:
        names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] if group["amsgrad"] else ["exp_avg", "exp_avg_sq"]
        return {"step": np.zeros(()), **{name: np.zeros_like(p) for name in names}}

    def numbers(self, state: State, group: dict[str, Any]) -> tuple[float, ...]:
        """The step's length and its eps, both with what corrects v: lr c / (1 - β₁ᵗ) and eps c, where c = √(1 - β₂ᵗ)."""
        state["step"] += 1
        t, (beta1, beta2) = state["step"].item(), group["betas"]
        c = (1 - beta2**t) ** 0.5
        return group["lr"] * c / (1 - beta1**t), group["eps"] * c

    def update(
        self, p: NDArray[Any], g: NDArray[Any], d: NDArray[Any], state: State, group: dict[str, Any], *numbers: float
    ) -> None:
        length, eps = numbers
        beta1, beta2 = group["betas"]
        g = self.decayed(p, g, group)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=d)
        v *= beta2
        np.multiply(g, g, out=d)
        d *= 1 - beta2
        v += d
        if group["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        np.sqrt(v, out=d)
        d += eps
        np.divide(m, d, out=d)
        d *= length
        p -= d
