"""What every optimiser has: groups of parameters with settings, a state for each parameter, a step over all.

What an optimiser adds is `numbers`, which are worked out in Python anew at each step (the learning rate, what
depends on the step count), and `update`, which changes the arrays in place by ufuncs alone, so that it can be
recorded. The letters:
p the parameter, g its gradient, d memory of their shape to work in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from ..backprop import current_mode, now
from ..errors import CheckpointError, DataError, GradientError, TinygradError, UnsupportedError
from ..primitive import filled
from ..tensor import Tensor

__all__ = ["Array", "Arrays", "Group", "Optimizer", "State"]

Array = NDArray[Any]
State = dict[str, Array]
Group = dict[str, Any]
Arrays = tuple[Array, ...]

AT_LEAST_0 = {
    "lr", "initial_lr", "eps", "weight_decay", "momentum", "alpha", "lr_decay", "initial_accumulator_value",
}  # fmt: skip
FLAGS = {"amsgrad", "centered", "maximize", "nesterov"}


@lru_cache(maxsize=64)
def as_arrays(dtype: np.dtype[Any], numbers: tuple[float, ...]) -> Arrays:
    """The numbers of a step as 0-d arrays: those of the step before, as long as nothing changed."""
    return tuple(filled(number, dtype) for number in numbers)


def finite(value: Any) -> bool:
    """Whether a setting is a finite number."""
    return isinstance(value, int | float | np.integer | np.floating) and isfinite(value)


def count(array: Array) -> bool:
    """Whether it may be a count of steps: a finite whole number of at least 0."""
    return array.shape == () and float(array).is_integer() and float(array) >= 0


class Optimizer:
    """Changes parameters, in place, by their gradients; derive SGD, Adam and their like from it.

    params    Tensors that require grad, or a dictionary for each group: {"params": [...], "lr": 0.1, ...}
    defaults  the settings of groups that do not say otherwise

    param_groups  the groups: their settings may be changed between steps
    state         for each parameter what the optimiser remembers of it

    Raises DataError for settings out of range, no parameters, or one that is given twice; GradientError for a
    Tensor that does not require grad.
    """

    decays_gradient = True  # is weight decay a part of the gradient?
    number_names: tuple[str, ...] = ("lr",)  # what `numbers` gives
    later_names: tuple[str, ...] = ()  # arrays that a state may hold besides those that it begins with
    __slots__ = ("__dict__", "__weakref__", "_memory")  # it is no part of the state

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, State] = {}
        self._memory: dict[Tensor, Array] = {}
        if isinstance(params, Tensor):
            raise UnsupportedError(
                f"{type(self).__name__}: params are Tensors in a list, not one Tensor; write [t]"
            )
        groups = list(params)
        if not groups:
            raise DataError(
                f"{type(self).__name__}: there are no parameters; a model's are model.parameters()"
            )
        for group in groups if isinstance(groups[0], Mapping) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with their own settings: {"params": [...], "lr": 0.1, ...}."""
        name, group = type(self).__name__, {**self.defaults, **param_group}
        params = group.get("params", ())
        group["params"] = params = [params] if isinstance(params, Tensor) else list(params)
        if not params:
            raise DataError(
                f"{name}: a group has no parameters: {{'params': layer.parameters(), 'lr': 0.1}} is one"
            )
        if unknown := group.keys() - {"params", "initial_lr", *self.defaults}:
            raise DataError(
                f"{name}: {', '.join(sorted(unknown))} is no setting of it; it has {', '.join(self.defaults)}"
            )
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        for p in params:
            self._check_parameter(p)
            if id(p) in taken:
                raise DataError(
                    f"{name}: {p.label} is given twice; each parameter belongs to one group, once"
                )
            taken.add(id(p))
        self.check(group)
        self.param_groups.append(group)

    def _check_parameter(self, p: Any) -> None:
        name = type(self).__name__
        if not isinstance(p, Tensor):
            raise UnsupportedError(
                f"{name}: a parameter is a Tensor that requires grad, not {type(p).__name__}"
            )
        if p.node is not None:
            raise GradientError(f"{name}: {p.label} was computed; give the leaves that it was computed from")
        if not p.requires_grad:
            raise GradientError(
                f"{name}: {p.label} does not require grad; set p.requires_grad = True, or leave frozen "
                f"parameters out: [p for p in model.parameters() if p.requires_grad]"
            )

    def check(self, group: Group) -> None:
        """Raise DataError where a setting is out of range."""
        name = type(self).__name__
        for key in sorted(AT_LEAST_0 & group.keys()):
            if not (finite(group[key]) and group[key] >= 0):
                raise DataError(f"{name}: {key} must be at least 0 and finite, not {group[key]}")
        for key in sorted(FLAGS & group.keys()):
            if not isinstance(group[key], int | np.bool_):
                raise DataError(f"{name}: {key} must be True or False, not {group[key]!r}")
        betas = group.get("betas", (0.0, 0.0))
        if not isinstance(betas, tuple | list) or len(betas) != 2 or not all(
            finite(beta) and 0 <= beta < 1 for beta in betas
        ):  # fmt: skip
            raise DataError(f"{name}: betas must be two numbers from 0 to below 1, not {betas}")

    # ---- the step ----

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; if not set_to_none, those that there are become 0."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None  # at every step: a call would cost more
                else:
                    p.zero_grad(set_to_none=False)

    def step(self) -> None:
        """Change every parameter that has a gradient; graphs that read one cannot be walked back then."""
        memory, states, update = self._memory, self.state, self.update
        watcher = current_mode().watcher
        tracer = watcher if watcher is not None and watcher.tracing else None
        for group in self.param_groups:
            plain = not (group["weight_decay"] or group["maximize"])
            last = dtype = None  # the numbers of one step are those of most parameters
            for p in group["params"]:
                g, data, t = p._grad, p._data, 0
                if g is None:
                    continue
                if type(g) is not ndarray:
                    g = g._data
                try:
                    state, d = states[p], memory[p]
                except KeyError:  # a state that was put there by hand stays
                    state = states[p] = states.get(p) or self.begin(data, group)
                    d = memory[p] = np.empty_like(data)
                if state and (count := state.get("step")) is not None:
                    t = count.item() + 1
                if t != last or data.dtype is not dtype:
                    last, dtype = t, data.dtype
                    numbers = as_arrays(dtype, tuple(self.numbers(t, group)))
                if tracer is not None:
                    arrays = filled(group["weight_decay"], dtype), *numbers
                    tracer.stepped(self, group, p, state, arrays)
                if t:
                    state["step"][()] = t
                if plain:  # which is what change() does then, without its questions
                    update(data, g, d, state, group, numbers)
                else:
                    decay = filled(group["weight_decay"], dtype)
                    self.change(data, g, d, state, group, decay, numbers)
                p._number = now()  # a graph that read the old data refuses to be walked back

    def change(
        self, p: Array, g: Array, d: Array, state: State, group: Group, decay: Array, numbers: Arrays
    ) -> None:  # fmt: skip
        """Change p and the state in place, as g, or -g, and the penalty weight_decay/2 |p|² say."""
        if group["maximize"]:
            g = -g
        if group["weight_decay"] and self.decays_gradient:
            g = g + decay * p
        self.update(p, g, d, state, group, numbers)

    def begin(self, p: Array, group: Group) -> State:  # noqa: ARG002 (others look at them)
        """What is remembered of a parameter before its first step; "step" counts its steps."""
        return {}

    def numbers(self, t: float, group: Group) -> tuple[float, ...]:  # noqa: ARG002
        """The numbers of step t, which may be others in the next; t is 0 where the steps are not counted.

        `update` gets them as 0-d arrays of the parameter's dtype, which NumPy takes twice as fast as floats.
        """
        return (group["lr"],)

    def update(self, p: Array, g: Array, d: Array, state: State, group: Group, numbers: Arrays) -> None:
        """Change p and the state in place, by ufuncs alone; g, which has the weight decay in it, stays.

        It looks at no setting of the group but to tell whether it is 0: their values are among the numbers.
        """
        raise NotImplementedError

    # ---- its state ----

    def state_dict(self) -> dict[str, Any]:
        """Copies of the state, by the parameters' numbers, and of the settings: PyTorch's layout.

        {"state": {0: {"step": array, ...}, ...}, "param_groups": [{"lr": 0.1, ..., "params": [0, ...]}, ...]}
        """
        place = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        state = {
            place[p]: {key: array.copy() for key, array in state.items()} for p, state in self.state.items()
        }
        groups = [{**group, "params": [place[p] for p in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state (copied) and settings.

        Raises CheckpointError, and changes nothing, unless the groups are of the same sizes and with settings
        in range, and the arrays those that each parameter needs, of its shape.
        """
        name = type(self).__name__
        try:
            groups, states = self._fitting(state_dict["param_groups"], state_dict["state"])
        except TinygradError as error:
            raise CheckpointError(str(error)) from error
        except (LookupError, ArithmeticError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{name}: this is no state of an optimiser: {error!r}") from error
        for group, given in zip(self.param_groups, groups, strict=True):
            group.update(given)
        self.state, self._memory = states, {p: np.empty_like(p.data) for p in states}

    def _fitting(
        self, given: list[Group], state: Mapping[int, State]
    ) -> tuple[list[Group], dict[Tensor, State]]:
        """The groups with the settings given and the parameters' states, if they fit this optimiser."""
        name, own = type(self).__name__, self.param_groups
        sizes = [[len(group["params"]) for group in groups] for groups in (given, own)]
        if sizes[0] != sizes[1]:
            raise CheckpointError(
                f"{name}: the state has groups of {sizes[0]} parameters, this optimiser of {sizes[1]}"
            )
        places = [place for group in given for place in group["params"]]
        if len(set(places)) < len(places):
            raise CheckpointError(f"{name}: the groups of the state name a parameter twice: {places}")
        if left := state.keys() - set(places):
            raise CheckpointError(f"{name}: the state is of parameters of no group: {[*left]}")
        groups: list[Group] = []
        states: dict[Tensor, State] = {}
        for group, other in zip(own, given, strict=True):
            known = group.keys() | {"initial_lr"}
            merged = group | {key: other[key] for key in other if key in known and key != "params"}
            self.check(merged)
            groups.append(merged)
            for p, i in zip(group["params"], other["params"], strict=True):
                if i in state:
                    states[p] = self._loaded(p, merged, state[i])
        return groups, states

    def _loaded(self, p: Tensor, group: Group, state: Mapping[str, Any]) -> State:
        """A copy of a parameter's state, if it holds what `begin` would make, in the same shapes."""
        name, begun = type(self).__name__, self.begin(p.data, group)
        arrays = {key: np.asarray(value) for key, value in state.items() if value is not None}
        for names, what in (
            (begun.keys() - arrays.keys(), "missing"),
            (arrays.keys() - begun.keys() - set(self.later_names), "unknown"),
        ):
            if names:
                raise CheckpointError(
                    f"{name}: of the state of {p.label} {', '.join(sorted(names))} is {what}"
                )
        begun = {key: begun.get(key, p.data) for key in arrays}
        for key, array in arrays.items():
            if array.dtype.kind not in "fiub":
                raise CheckpointError(f"{name}: {key} holds {array.dtype}, not real numbers")
            if key == "step" and not count(array):
                raise CheckpointError(f"{name}: step must be a whole number of at least 0, not {array}")
            if array.shape != begun[key].shape:
                raise CheckpointError(
                    f"{name}: {key} has shape {array.shape}, but of {p.label} it has {begun[key].shape}"
                )
        return {key: np.array(array, begun[key].dtype) for key, array in arrays.items()}

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = [f"{key}={value}" for key, value in group.items() if key != "params"]
            lines.append(f"{type(self).__name__}({len(group['params'])} parameters, {', '.join(settings)})")
        return "\n".join(lines)
