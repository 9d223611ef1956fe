"""Recording what a function does, op by op: forward, backward and updates alike.

While a Recorder watches, every op on Tensors becomes a record. A backward pass runs on Tensors, so that its
rules are recorded too, with the numbers of the rules on arrays; the rule of a fused op stays one op. What an
optimiser changes in place is recorded as new values of the same arrays.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from ..backprop import Node, Step, current_mode, now, within
from ..errors import TraceError
from ..primitive import Primitive, Rule
from ..tensor import Tensor
from ..transforms import Argument
from .equations import Equation, Variable, substitute
from .traced import Box, Numbers, Traced, TracedArray, check_leaf, settings

__all__ = ["Record", "Recorder", "Slot", "rule_of", "slots_in"]

PACKAGE = str(Path(__file__).parents[1])
BY_VALUE = {"argwhere", "bincount", "flatnonzero"}  # the shape of their result is not known beforehand
BY_AXIS = {"all", "any", "argmax", "argmin", "argsort", "count_nonzero"}  # their second input is an axis
VALUES = {  # the attributes that decide no shape, so that they may be computed
    "getitem": {"key"}, "scatter_add": {"key"}, "nan_to_num": {"nan", "posinf", "neginf"},
    "pad": {"constant_values"}, "round": {"decimals"}, "pinv": {"rcond"},
    "SoftmaxCrossEntropy": {"label_smoothing", "weight"},
}  # fmt: skip


@dataclass(eq=False, slots=True)
class Slot:
    """A value that is read or made: what becomes a Variable.

    kind    "input" (of the function), "parameter", "constant", "number" (of an optimiser), "intermediate" or
            "gradient"
    thing   the Tensor or array that it is, or the number
    source  of a number, where it comes from: a Numbers, and the place among them
    """

    value: Any
    kind: str
    thing: Any
    source: tuple[Numbers, int] | None = None


@dataclass(eq=False, slots=True)
class Record:
    """One op: what will be an Equation; attributes hold Slots where they were traced arrays.

    shares  the place of the input whose memory the output is in, or None
    """

    primitive: Primitive
    inputs: tuple[Slot, ...]
    attrs: dict[str, Any]
    output: Slot
    scope: tuple[str, ...]
    shares: int | None

    def equation(self, variable: Callable[[Slot], Variable]) -> Equation:
        """The same of Variables."""
        attrs = {
            key: substitute(value, lambda part: variable(part) if isinstance(part, Slot) else part)
            for key, value in self.attrs.items()
        }
        read = tuple(map(variable, self.inputs))
        return Equation(self.primitive, read, attrs, variable(self.output), self.scope, shares=self.shares)


class Recorder:
    """What happened while it watched.

    records    the ops, in the order in which they ran
    slots      what stands for a Tensor or an array, by id; after an update, its latest value
    updates    for each array that was updated its first and its latest slot
    gradients  for each Tensor that a backward pass reached, dL/dTensor
    labels     for the arrays of an optimiser's state the parameter and the name in the state
    frames     the calls of the user's functions that it happened in: their variables are names
    """

    tracing = True

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.slots: dict[int, Slot] = {}
        self.updates: dict[int, tuple[Slot, Slot]] = {}
        self.gradients: dict[int, tuple[Any, Any]] = {}
        self.numbers: dict[Any, tuple[Numbers, list[Any]]] = {}
        self.labels: dict[int, tuple[Tensor, str]] = {}
        self.frames: dict[FrameType, None] = {}
        self.traced: list[Tensor] = []  # those to be Tensors again
        self.drawn: list[Any] = []  # the random generators of recorded draws
        self.held: list[Any] = []  # what the ids are of must not go
        self.began = now()
        self.steps: Counter[int] = Counter()  # by the ids of the arrays that count steps
        self.viewed: dict[int, Any] = {}  # by the ids of slots: the array that they are views of
        self.outdated: set[int] = set()  # the ids of those whose array was updated

    # ---- what the engine tells ----

    def made(self, tensor: Any, primitive: Primitive, inputs: Sequence[Any], attrs: Any) -> None:
        """Note one op."""
        current = current_mode()
        refs = tuple(map(self.slot, inputs))
        if not self.outdated.isdisjoint(map(id, refs)):
            raise TraceError(
                f"{primitive.name} reads a view of a parameter (v = W[:1]) that was taken before the "
                f"optimiser changed the parameter: take it again after the step, or read it before"
            )
        if attrs:
            attrs = {key: substitute(value, self._traced_array) for key, value in attrs.items()}
        masks = [x for x in slots_in(attrs) if x.value.dtype == bool]
        if not isinstance(tensor, Tensor) or primitive.name in BY_VALUE or masks:
            raise TraceError(
                f"{primitive.name} gives what depends on the values of {inputs[0]!r:.80}, while a program is "
                f"recorded that shall hold for others: compute it outside and pass it in as an argument, or "
                f"use np.where"
            )
        check_values(primitive, refs, attrs)
        if primitive.name == "random":
            self.drawn.append(attrs["rng"])
        kind = "gradient" if "backward" in current.scope[:1] else "intermediate"
        output = Slot(tensor._data, kind, tensor)
        arrays = [x._data if isinstance(x, Tensor) else np.asarray(x) for x in inputs]
        shares = next((i for i, x in enumerate(arrays) if np.may_share_memory(x, tensor._data)), None)
        if shares is not None:
            self.viewed[id(output)] = self.viewed.get(id(refs[shares]), arrays[shares])
        self.records.append(Record(primitive, refs, attrs, output, current.scope, shares))
        self._know(tensor, output)
        if all(isinstance(x, TracedArray) or not isinstance(x, Tensor) for x in inputs):
            tensor.__class__ = TracedArray
        self._look_around()

    def out(self, y: Any, arguments: Sequence[Any]) -> Any:
        """What a transform gives its caller: out of the graph, and an array if its arguments were."""
        y = y.detach() if isinstance(y, Tensor) else Tensor(np.asarray(y))
        if all(isinstance(x, TracedArray) or not isinstance(x, Tensor) for x in arguments):
            self.hold(y)
            y.__class__ = TracedArray
        return y

    def passed(self, step: Step) -> None:
        """Note what the gradient of a tensor is so far."""
        node = step.tensor.node
        if current_mode().recording and node is not None and node.primitive.definition:
            for key, value in node.attrs.items():  # whose definition computes with it as it is
                if slots_in({key: substitute(value, self._traced_array)}):
                    raise TraceError(
                        f"{node.primitive.__name__}: a second derivative is recorded for a {key} that stays "
                        f"what it is; close over it instead of computing it or passing it in"
                    )
        self.gradients[id(step.input)] = step.input, step.accumulated
        self.held.append(step.input)

    def edges(self, node: Node) -> Sequence[tuple[Rule, Tensor]]:
        """The rules of a node as they are recorded."""
        return [(partial(self._rule, node, rule), x) for rule, x in node.edges]

    def stepped(self, optimizer: Any, group: Any, p: Tensor, state: Any, arrays: Any) -> None:
        """Record what an optimiser is about to do to a parameter and its state."""
        count = state.get("step")
        ahead = self.steps[id(count)]
        key = id(optimizer), id(group), p.dtype.char, ahead, None if count is None else count.item()
        if key not in self.numbers:
            source = Numbers(optimizer, group, p.dtype, ahead, settings(group))
            copies = [np.array(a) for a in arrays]
            self.numbers[key] = source, copies
            for i, number in enumerate(copies):
                self._know(number, Slot(number, "number", number, (source, i)))
        source, copies = self.numbers[key]
        source.check_settings()
        with within(recording=False, scope=("update",)):
            if count is not None:  # it is no part of the program: it tells what its numbers are
                source.counts.append(count)
                self.steps[id(count)] += 1
                state = {name: array for name, array in state.items() if array is not count}
            self.labels |= {id(array): (p, name) for name, array in state.items()}
            boxes = {name: self._box(array) for name, array in state.items()}
            box, g, memory = self._box(p._data), Box(p.grad, p.dtype), Box(None, p.dtype)
            decay, *numbers = map(self._box, copies)
            optimizer.change(box, g, memory, boxes, group, decay, tuple(numbers))
        for name, array in {**state, "": p._data}.items():
            self.update(array, (boxes[name] if name else box).tensor)

    def update(self, array: Any, tensor: Tensor) -> None:
        """Note that an array is given the value of a tensor, in place."""
        first = self.updates[id(array)][0] if id(array) in self.updates else self.slot(array)
        latest = self.slot(tensor)
        self.updates[id(array)] = first, latest
        self.slots[id(array)] = latest
        self.outdated |= {key for key, viewed in self.viewed.items() if viewed is array}

    # ---- what stands for what ----

    def slot(self, x: Any) -> Slot:
        """What stands for a Tensor, an array or a number that is read."""
        if not isinstance(x, Tensor | np.ndarray):
            return Slot(np.asarray(x), "constant", x)
        found = self.slots.get(id(x))
        if found is None and isinstance(x, Tensor):
            found = self.slots.get(id(x._data))
        if found is None:
            check_leaf(x, self.began)
            kind = "parameter" if isinstance(x, Tensor) and x.requires_grad else "constant"
            found = Slot(x._data if isinstance(x, Tensor) else x, kind, x)
            self._know(x, found)
        return found

    def _know(self, x: Any, slot: Slot) -> None:
        self.held.append(x)
        if isinstance(x, Tensor):
            self.hold(x)
            if x.node is not None or slot.kind in ("intermediate", "gradient", "input"):
                self.slots[id(x)] = slot
            x = x._data
            self.held.append(x)
        self.slots[id(x)] = slot

    def hold(self, tensor: Tensor) -> None:
        """Let nobody read this Tensor's value until release()."""
        if type(tensor) in (Tensor, Argument):
            tensor.__class__ = Traced
            self.traced.append(tensor)

    def release(self) -> None:
        """Make every Tensor one like others again."""
        for tensor in self.traced:
            tensor.__class__ = Tensor

    def _traced_array(self, value: Any) -> Any:
        found = self.slots.get(id(value)) if isinstance(value, np.ndarray) else None
        return value if found is None or found.kind == "constant" else found

    def _box(self, array: Any) -> Box:
        return Box(Tensor(array), array.dtype)

    def _look_around(self) -> None:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
            frame = frame.f_back
        if frame is not None:
            self.frames[frame] = None

    # ---- rules ----

    def _rule(self, node: Node, rule: Rule, g: Any, y: Any, *inputs: Any, **attrs: Any) -> Any:
        """What a rule gives on arrays, recorded as the ops that it consists of on Tensors."""
        value = rule(g._data, y._data, *node.values, **attrs)
        if node.primitive.definition:
            rule = rule_of(node.primitive, node.primitive.rules.index(rule))
        part = rule(g, y, *inputs, **attrs)
        if not isinstance(part, Tensor):
            part = Tensor(np.asarray(part))
        slot = self.slots.get(id(part))
        if slot is not None and slot.thing is part and slot.value is not value:
            part._data = slot.value = value = np.asarray(value)
            self._know(part, slot)
        return part


def check_values(primitive: Primitive, inputs: Sequence[Slot], attrs: Mapping[str, Any]) -> None:
    """Refuse what is traced where its value would decide a shape or an axis: in a program these are fixed."""
    values = VALUES.get(getattr(primitive, "fused", (primitive,))[0].name, ())
    found = [key for key in attrs if slots_in({key: bounds(attrs[key]) if key in values else attrs[key]})]
    if primitive.name in BY_AXIS and any(slot.kind != "constant" for slot in inputs[1:]):
        found.append("axis")
    if found:
        raise TraceError(
            f"{primitive.name}: {found[0]} is computed or an array among the arguments, while a program is "
            f"recorded, in which shapes, axes and the bounds of slices are fixed: pass it in as a Python "
            f"number, n.item(), each value of which has a program of its own, or close over one; a part of a "
            f"fixed length can be taken as x[n + np.arange(3)]"
        )


def bounds(key: Any) -> list[Any]:
    """The bounds of the slices in an index."""
    parts = key if isinstance(key, tuple) else (key,)
    return [(part.start, part.stop, part.step) for part in parts if isinstance(part, slice)]


def slots_in(attrs: Mapping[str, Any]) -> list[Slot]:
    """The slots among attributes."""
    found: list[Slot] = []
    for value in attrs.values():
        substitute(value, lambda part: found.append(part) if isinstance(part, Slot) else None)
    return found


@lru_cache(maxsize=64)
def rule_of(op: Primitive, place: int) -> Primitive:
    """The rule of a fused op as an op of its own: of g, y and the inputs."""
    rule = op.rules[place]
    assert rule is not None

    def function(g: Any, y: Any, *inputs: Any, **attrs: Any) -> Any:
        return rule(g, y, op.run(*inputs, **attrs)[1], *inputs, **attrs)

    name = f"{op.name}_rule" + (f"_{place}" if place else "")
    made = Primitive(name, function, rf"\partial {op.inputs[place]}", (), doc=f"The rule of {op.name}.")
    made.fused = op, place  # type: ignore[attr-defined]
    return made
