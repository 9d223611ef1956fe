"""Learning rates that change with time: call `scheduler.step()` after each epoch, or after each batch.

Each schedule is a formula for the learning rate at time t, the number of its steps so far, from the one that
the group began with; nothing is accumulated, so that a schedule can be taken up again anywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import cos, pi
from operator import index
from typing import Any

from ..errors import CheckpointError, DataError, TinygradError
from .optimizer import Optimizer, finite

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "LinearLR", "OneCycleLR", "SequentialLR", "StepLR"]


class LRScheduler:
    """Sets the learning rate of every group at each step; derive a schedule from it and define `rate`.

    optimizer   whose groups' "lr" it sets; the one that a group began with is kept in it as "initial_lr"
    last_epoch  the time t of the last step; -1 starts anew
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DataError(
                f"{type(self).__name__}: the first argument is an optimiser, not {type(optimizer).__name__}"
            )
        self.optimizer, self.last_epoch = optimizer, last_epoch
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.step()

    def rate(self, t: int, initial: float, i: int) -> float:
        """The learning rate at time t of group i, which began with `initial`."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next time."""
        self.last_epoch += 1
        self.set(self.last_epoch)

    def set(self, t: int) -> None:
        """Give every group its learning rate at time t."""
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.rate(t, group.setdefault("initial_lr", group["lr"]), i)

    def get_last_lr(self) -> list[float]:
        """The learning rates of the groups."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The time, and what the groups began with."""
        initial = [group["initial_lr"] for group in self.optimizer.param_groups]
        return {"last_epoch": self.last_epoch, "base_lrs": initial}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up a schedule where it was; the learning rates are set too.

        Raises CheckpointError, and changes nothing, where the state is of another number of groups, or of a
        time that the schedule has no rate for.
        """
        name, groups = type(self).__name__, self.optimizer.param_groups
        try:
            initial, t = list(state_dict["base_lrs"]), index(state_dict["last_epoch"])
            if len(initial) != len(groups):
                raise CheckpointError(
                    f"{name}: the state is of {len(initial)} groups, the optimiser has {len(groups)}"
                )
            if t < 0 or not all(finite(lr) and lr >= 0 for lr in initial):
                raise CheckpointError(
                    f"{name}: last_epoch {t} and base_lrs {initial} must be at least 0 and finite"
                )
            for i, lr in enumerate(initial):
                self.rate(t, float(lr), i)
        except TinygradError as error:
            raise CheckpointError(str(error)) from error
        except (LookupError, ArithmeticError, TypeError, ValueError) as error:
            raise CheckpointError(f"{name}: this is no state of a schedule: {error!r}") from error
        self.last_epoch = t
        for group, lr in zip(groups, initial, strict=True):
            group["initial_lr"] = float(lr)
        self.set(t)

    def above(self, least: int, **values: int) -> None:
        """Raise a DataError unless all values are whole numbers of at least `least`."""
        for name, value in values.items():
            if int(value) != value or value < least:
                raise DataError(
                    f"{type(self).__name__}: {name} must be a whole number of at least {least}, not {value}"
                )


class LambdaLR(LRScheduler):
    """lr = initial · lr_lambda(t), with one function for all groups or a list of one for each.

    Raises DataError for another number of functions.

    >>> optimizer = _example()
    >>> LambdaLR(optimizer, lambda t: 0.5**t).step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        n = len(optimizer.param_groups)
        self.lr_lambdas: list[Callable[[int], float]] = (
            [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        )
        if len(self.lr_lambdas) != n:
            raise DataError(
                f"LambdaLR: {len(self.lr_lambdas)} functions for {n} groups; give one, or one for each"
            )
        super().__init__(optimizer, last_epoch)

    def rate(self, t: int, initial: float, i: int) -> float:
        return initial * self.lr_lambdas[i](t)


class StepLR(LRScheduler):
    """lr = initial · gamma^⌊t / step_size⌋.

    Raises DataError for a step_size below 1.

    >>> optimizer = _example()
    >>> StepLR(optimizer, step_size=1).step()
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.above(1, step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, t: int, initial: float, i: int) -> float:  # noqa: ARG002
        return float(initial * self.gamma ** (t // self.step_size))


class LinearLR(LRScheduler):
    """A warm-up: lr = initial · factor, evenly from start_factor to end_factor in total_iters steps.

    Raises DataError for a start_factor not above 0 and up to 1, an end_factor outside of 0 to 1, total_iters
    below 1.

    >>> optimizer = _example()
    >>> LinearLR(optimizer, start_factor=0.5, total_iters=2).step()
    >>> optimizer.param_groups[0]["lr"]
    0.75
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0,
        total_iters: int = 5, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise DataError(
                f"LinearLR: the factors are from 0 to 1, and the first not 0: {start_factor}, {end_factor}"
            )
        self.above(1, total_iters=total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, t: int, initial: float, i: int) -> float:  # noqa: ARG002
        part = min(t, self.total_iters) / self.total_iters
        return initial * (self.start_factor + (self.end_factor - self.start_factor) * part)


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial - eta_min) (1 + cos(π t / T_max)) / 2: from initial to eta_min, at t = T_max.

    Raises DataError for a T_max below 1.
    Source: Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".

    >>> optimizer = _example()
    >>> CosineAnnealingLR(optimizer, T_max=2).step()
    >>> round(optimizer.param_groups[0]["lr"], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.above(1, T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, t: int, initial: float, i: int) -> float:  # noqa: ARG002
        return self.eta_min + (initial - self.eta_min) * (1 + cos(pi * t / self.T_max)) / 2


class SequentialLR(LRScheduler):
    """One schedule after another: schedules[k] from milestones[k - 1] on, with its own time from 0.

    Raises DataError unless there is one milestone fewer than schedules, in rising order.

    >>> optimizer = _example()
    >>> warm, cool = LinearLR(optimizer, 0.5, total_iters=2), CosineAnnealingLR(optimizer, T_max=10)
    >>> SequentialLR(optimizer, [warm, cool], milestones=[2]).step()
    >>> optimizer.param_groups[0]["lr"]
    0.75
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        if len(self.schedulers) != len(self.milestones) + 1 or self.milestones != sorted(
            set(self.milestones)
        ):
            raise DataError(
                f"SequentialLR: {len(self.schedulers)} schedules need {len(self.schedulers) - 1} milestones "
                f"in rising order, not {self.milestones}"
            )
        super().__init__(optimizer, last_epoch)

    def rate(self, t: int, initial: float, i: int) -> float:
        k = bisect_right(self.milestones, t)
        return self.schedulers[k].rate(t - (self.milestones[k - 1] if k else 0), initial, i)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to max_lr / div_factor / final_div_factor.

    max_lr            a number, or one for each group
    total_steps       how long it takes, or else epochs and steps_per_epoch, whose product it is
    pct_start         the part of the steps that go up
    anneal_strategy   "cos" or "linear"
    cycle_momentum    whether the momentum (or β₁) goes the other way, max_momentum → base_momentum →
                      max_momentum
    three_phase       up, down again in as many steps, then to the last rate

    Raises DataError for settings out of range, and for a step after the last.
    Source: Smith and Topin (2018), "Super-convergence".

    >>> optimizer = _example()
    >>> OneCycleLR(optimizer, max_lr=1.0, total_steps=10, cycle_momentum=False).get_last_lr()
    [0.04]
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: float = 0.85,
        max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
        three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        groups = optimizer.param_groups
        total = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
        self.above(1, total_steps=total)
        tops = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr] * len(groups)
        if len(tops) != len(groups):
            raise DataError(
                f"OneCycleLR: {len(tops)} values of max_lr for {len(groups)} groups; give one, or one for "
                f"each"
            )
        if not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise DataError(
                f"OneCycleLR: pct_start is from 0 to 1 and anneal_strategy 'cos' or 'linear', not "
                f"{pct_start} and {anneal_strategy!r}"
            )
        if cycle_momentum and not all("betas" in group or group.get("momentum") for group in groups):
            raise DataError("OneCycleLR: the optimiser has no momentum to cycle; use cycle_momentum=False")
        self.total_steps, self.max_lrs, self.anneal_strategy, self.cycle_momentum = (
            total,
            tops,
            anneal_strategy,
            cycle_momentum,
        )
        up, last = pct_start * total - 1, total - 1.0
        low, final = 1 / div_factor, 1 / div_factor / final_div_factor
        if three_phase:
            self.ends, self.factors = [up, 2 * up, last], [low, 1.0, low, final]
            self.momenta = [max_momentum, base_momentum, max_momentum, max_momentum]
        else:
            self.ends, self.factors, self.momenta = (
                [up, last],
                [low, 1.0, final],
                [max_momentum, base_momentum, max_momentum],
            )
        if last_epoch == -1:
            for group, top in zip(groups, tops, strict=True):
                group["initial_lr"] = top * low
        super().__init__(optimizer, last_epoch)

    def between(self, t: int, values: Sequence[float]) -> float:
        """Where time t lies on the way through these values, the k-th of which is reached at the k-th end."""
        t = min(t, self.total_steps - 1)  # after the last batch nothing changes any more
        k = next(k for k, end in enumerate(self.ends) if t <= end)
        start = self.ends[k - 1] if k else 0.0
        part = (t - start) / (self.ends[k] - start) if self.ends[k] > start else 1.0
        if self.anneal_strategy == "cos":
            part = (1 - cos(pi * part)) / 2
        return values[k] + (values[k + 1] - values[k]) * part

    def rate(self, t: int, initial: float, i: int) -> float:  # noqa: ARG002
        if t > self.total_steps:
            raise DataError(
                f"OneCycleLR: step {t} is after the last of {self.total_steps}; give it more total_steps"
            )
        return self.max_lrs[i] * self.between(t, self.factors)

    def set(self, t: int) -> None:
        super().set(t)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            momentum = self.between(t, self.momenta)
            group.update(
                {"betas": (momentum, group["betas"][1])} if "betas" in group else {"momentum": momentum}
            )


def _example() -> Optimizer:
    """An optimiser with a learning rate of 1, for the examples above."""
    from ..tensor import Tensor
    from .sgd import SGD

    return SGD([Tensor(0.0, requires_grad=True)], lr=1.0)
