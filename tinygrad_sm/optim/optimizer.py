"""What every optimiser has: groups of parameters with their settings, a state for each parameter, and the step over all.

What an optimiser adds is `numbers`, which are worked out in Python anew at each step (the learning rate, what depends on the
step count), and `update`, which changes the arrays in place by NumPy calls alone. The letters: p the parameter, g its
gradient, d memory of their shape to work in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, DataError, GradientError, ShapeError, UnsupportedError
from ..tensor import Tensor

__all__ = ["Optimizer"]

State = dict[str, NDArray[Any]]


class Optimizer:
    """Changes parameters, in place, by their gradients; derive SGD, Adam and their like from it.

    params    Tensors that require grad, or dictionaries, one for each group: {"params": [...], "lr": 0.1, ...}
    defaults  the settings of groups that do not say otherwise

    param_groups  the groups: their settings may be changed between steps
    state         for each parameter what the optimiser remembers of it

    Raises DataError for settings out of range, no parameters, or one that is given twice; GradientError for a Tensor that does not
    require grad.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, State] = {}
        self._buffers: dict[Tensor, NDArray[Any]] = {}
        if isinstance(params, Tensor):
            raise UnsupportedError(f"{type(self).__name__}: params is a list of Tensors, not one Tensor; write [t]")
        groups = list(params)
        if not groups:
            raise DataError(f"{type(self).__name__}: there are no parameters; a model's are model.parameters()")
        for group in groups if isinstance(groups[0], Mapping) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with their own settings: {"params": [...], "lr": 0.1, ...}."""
        group: dict[str, Any] = {**self.defaults, **param_group}
        name = type(self).__name__
        params = group["params"] = [group["params"]] if isinstance(group.get("params"), Tensor) else list(group.get("params", ()))
        if not params:
            raise DataError(f"{name}: a group has no parameters; it is a dictionary such as {{'params': layer.parameters(), 'lr': 0.1}}")
        if unknown := group.keys() - {"params", "initial_lr", *self.defaults}:
            raise DataError(f"{name}: {', '.join(sorted(unknown))} is no setting of it; the settings are {', '.join(self.defaults)}")
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise UnsupportedError(f"{name}: a parameter is a Tensor, not {type(p).__name__}")
            if p.node is not None:
                raise GradientError(f"{name}: {p.label} was computed, it is not a leaf; give the parameters that it was computed from")
            if not p.requires_grad:
                raise GradientError(
                    f"{name}: {p.label} does not require grad; set p.requires_grad = True, or leave frozen parameters out: "
                    f"[p for p in model.parameters() if p.requires_grad]"
                )
            if id(p) in known:
                raise DataError(f"{name}: {p.label} is given twice; each parameter belongs to one group, once")
            known.add(id(p))
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: dict[str, Any]) -> None:
        """Raise DataError where a setting is out of range."""
        for key, value in group.items():
            if key in ("lr", "eps", "weight_decay", "momentum", "lr_decay", "initial_accumulator_value", "alpha") and not value >= 0:
                raise DataError(f"{type(self).__name__}: {key} must be at least 0, not {value}")
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise DataError(f"{type(self).__name__}: betas must be from 0 to below 1, not {group['betas']}")

    # ---- the step ----

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    state = self.state.get(p)
                    if state is None:
                        state = self.state[p] = self.begin(p.data, group)
                        self._buffers[p] = np.empty_like(p.data)
                    self.update(p.data, g.data, self._buffers[p], state, group, *self.numbers(state, group))
                    p._changed()

    def begin(self, p: NDArray[Any], group: dict[str, Any]) -> State:
        """What is remembered of a parameter before its first step."""
        return {}

    def numbers(self, state: State, group: dict[str, Any]) -> tuple[float, ...]:
        """The numbers of this step, which may be others in the next; counts the step where that matters."""
        return (group["lr"],)

    def update(
        self, p: NDArray[Any], g: NDArray[Any], d: NDArray[Any], state: State, group: dict[str, Any], *numbers: float
    ) -> None:
        """Change p and the state in place; g stays as it is."""
        raise NotImplementedError

    def decayed(self, p: NDArray[Any], g: NDArray[Any], group: dict[str, Any]) -> NDArray[Any]:
        """The gradient of what is made small: -g to maximise, and with the penalty weight_decay/2 |p|²."""
        if group["maximize"]:
            g = -g
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        return g

    # ---- its state ----

    def state_dict(self) -> dict[str, Any]:
        """Copies of the state (by the parameters' numbers, in the order of the groups) and of the settings: PyTorch's layout."""
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {
                numbers[id(p)]: {key: array.copy() for key, array in state.items()} for p, state in self.state.items()
            },
            "param_groups": [
                {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state and settings, copied; the groups must be of the same sizes, the arrays of the parameters' shapes.

        Raises CheckpointError where they are not, and changes nothing then.
        """
        name = type(self).__name__
        groups, state = state_dict["param_groups"], state_dict["state"]
        sizes, own = [len(group["params"]) for group in groups], [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise CheckpointError(f"{name}: the state has groups of {sizes} parameters, this optimiser groups of {own}")
        params = [p for group in self.param_groups for p in group["params"]]
        numbers = [i for group in groups for i in group["params"]]
        loaded: dict[Tensor, State] = {}
        for i, p in zip(numbers, params, strict=True):
            if i in state:
                loaded[p] = self._restored(p, state[i])
        for group, other in zip(self.param_groups, groups, strict=True):
            group.update({key: value for key, value in other.items() if key != "params"})
        self.state, self._buffers = loaded, {p: np.empty_like(p.data) for p in loaded}

    def _restored(self, p: Tensor, state: Mapping[str, Any]) -> State:
        restored = {}
        for key, value in state.items():
            array = np.asarray(value)
            if array.ndim and array.shape != p.shape:
                raise CheckpointError(f"{type(self).__name__}: {key} has shape {array.shape}, but {p.label} has {p.shape}")
            restored[key] = np.array(array, p.dtype if array.ndim else np.float64)
        return restored

    def __repr__(self) -> str:
        settings = [", ".join(f"{k}={v}" for k, v in g.items() if k != "params") for g in self.param_groups]
        return "\n".join(f"{type(self).__name__}({len(g['params'])} parameters, {s})"
                         for g, s in zip(self.param_groups, settings, strict=True))  # fmt: skip
