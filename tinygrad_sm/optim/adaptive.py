"""Steps in units of the gradient's own size.

The letters: p the parameter, g its gradient, d memory to work in, m and v the running means of g and g².
"""

# ruff: noqa: ARG002 (every optimiser's update takes the same)

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from .optimizer import Array, Arrays, Group, Optimizer, State

__all__ = ["Adagrad", "Adam", "AdamW", "RMSprop"]


class Adam(Optimizer):
    """p ← p - lr (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps) at step t.

    m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g² before it.

    weight_decay  g + weight_decay p in place of g
    amsgrad       the largest v so far in place of v in the step
    maximize      -g in place of g

    Raises DataError for settings out of range or no parameters; GradientError for one that does not require
    grad.
    Source: Kingma and Ba (2015), "Adam: a method for stochastic optimization"; amsgrad: Reddi et al. (2018).

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> optimizer = Adam([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.9
    """

    number_names: tuple[str, ...] = ("beta1", "rest1", "beta2", "rest2", "length", "eps")
    later_names = ("max_exp_avg_sq",)

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "amsgrad": amsgrad, "maximize": maximize})  # fmt: skip

    def begin(self, p: Array, group: Group) -> State:
        names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] if group["amsgrad"] else ["exp_avg", "exp_avg_sq"]
        return {"step": np.zeros(()), **{name: np.zeros_like(p) for name in names}}

    def numbers(self, t: float, group: Group) -> tuple[float, ...]:
        """β₁, 1 - β₁, β₂, 1 - β₂, and with c = √(1 - β₂ᵗ), which corrects v: lr c / (1 - β₁ᵗ) and eps c."""
        beta1, beta2 = group["betas"]
        c = (1 - beta2**t) ** 0.5
        return beta1, 1 - beta1, beta2, 1 - beta2, group["lr"] * c / (1 - beta1**t), group["eps"] * c

    def update(self, p: Array, g: Array, d: Array, state: State, group: Group, numbers: Arrays) -> None:
        beta1, rest1, beta2, rest2, length, eps = numbers
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += np.multiply(g, rest1, out=d)
        v *= beta2
        np.multiply(g, g, out=d)
        d *= rest2
        v += d
        if group["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        np.sqrt(v, out=d)
        d += eps
        np.divide(m, d, out=d)
        d *= length
        p -= d


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient: p ← (1 - lr weight_decay) p, then Adam's step.

    Source: Loshchilov and Hutter (2019), "Decoupled weight decay regularization".

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> optimizer = AdamW([x], lr=0.1, weight_decay=0.5)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.75
    """

    decays_gradient = False
    number_names = (*Adam.number_names, "left")

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def numbers(self, t: float, group: Group) -> tuple[float, ...]:
        """Adam's, and what is left of p."""
        return *super().numbers(t, group), 1 - group["lr"] * group["weight_decay"]

    def update(self, p: Array, g: Array, d: Array, state: State, group: Group, numbers: Arrays) -> None:
        *adams, left = numbers
        p *= left
        super().update(p, g, d, state, group, tuple(adams))


class RMSprop(Optimizer):
    """p ← p - lr g / (√v + eps), with v ← alpha v + (1 - alpha) g².

    centered      v - m² in place of v in the step, with m ← alpha m + (1 - alpha) g: the variance
    momentum      b ← momentum b + g / (√v + eps) and p ← p - lr b
    weight_decay  g + weight_decay p in place of g
    maximize      -g in place of g

    Raises DataError for settings out of range or no parameters; GradientError for one that does not require
    grad.
    Source: Hinton (2012), lecture 6e; centred: Graves (2013), "Generating sequences with recurrent neural
    networks".

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> optimizer = RMSprop([x], lr=0.1, alpha=0.75)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.8
    """

    number_names = ("lr", "momentum", "alpha", "rest", "eps")
    later_names = ("momentum_buffer", "grad_avg")

    def __init__(
        self, params: Any, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
                                  "momentum": momentum, "centered": centered,
                                  "maximize": maximize})  # fmt: skip

    def check(self, group: Group) -> None:
        super().check(group)
        if group["alpha"] > 1:
            raise DataError(f"RMSprop: alpha must be from 0 to 1, not {group['alpha']}")

    def begin(self, p: Array, group: Group) -> State:
        names = (
            ["square_avg"] + ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * group["centered"]
        )
        return {"step": np.zeros(()), **{name: np.zeros_like(p) for name in names}}

    def numbers(self, t: float, group: Group) -> tuple[float, ...]:
        return group["lr"], group["momentum"], group["alpha"], 1 - group["alpha"], group["eps"]

    def update(self, p: Array, g: Array, d: Array, state: State, group: Group, numbers: Arrays) -> None:
        lr, momentum, alpha, rest, eps = numbers
        v = state["square_avg"]
        v *= alpha
        np.multiply(g, g, out=d)
        d *= rest
        v += d
        if group["centered"]:
            m = state["grad_avg"]
            m *= alpha
            m += np.multiply(g, rest, out=d)
            np.multiply(m, m, out=d)
            v = np.maximum(np.subtract(v, d, out=d), 0, out=d)  # it is not below 0, but rounding may be
        np.sqrt(v, out=d)
        d += eps
        np.divide(g, d, out=d)
        if group["momentum"]:
            b = state["momentum_buffer"]
            b *= momentum
            b += d
            np.multiply(b, lr, out=d)
        else:
            d *= lr
        p -= d


class Adagrad(Optimizer):
    """p ← p - lr / (1 + (t - 1) lr_decay) · g / (√v + eps) at step t, with v ← v + g² before it.

    v begins as initial_accumulator_value.

    weight_decay  g + weight_decay p in place of g
    maximize      -g in place of g

    Raises DataError for settings out of range or no parameters; GradientError for one that does not require
    grad.
    Source: Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning".

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> optimizer = Adagrad([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.9
    """

    number_names = ("lr", "eps")

    def __init__(
        self, params: Any, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value,
                                  "maximize": maximize})  # fmt: skip

    def begin(self, p: Array, group: Group) -> State:
        return {"step": np.zeros(()), "sum": np.full_like(p, group["initial_accumulator_value"])}

    def numbers(self, t: float, group: Group) -> tuple[float, ...]:
        """The learning rate of step t."""
        return group["lr"] / (1 + (t - 1) * group["lr_decay"]), group["eps"]

    def update(self, p: Array, g: Array, d: Array, state: State, group: Group, numbers: Arrays) -> None:
        lr, eps = numbers
        v = state["sum"]
        v += np.multiply(g, g, out=d)
        np.sqrt(v, out=d)
        d += eps
        np.divide(g, d, out=d)
        d *= lr
        p -= d
