"""Running a function once under a Recorder, and the Program that was recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from ..backprop import current_mode, now, within
from ..errors import TraceError
from ..tensor import Tensor
from ..transforms import tree_leaves, tree_map
from .code import names_in
from .environment import PLAIN, Environment
from .equations import Program, Variable
from .kinds import settled
from .live import literal_of, naming
from .optimising import same_bits
from .recording import Recorder, Slot, slots_in
from .traced import Traced, TracedArray

__all__ = ["ARRAY", "TENSOR", "Recording", "filled_in", "trace"]


def trace(f: Callable[..., Any], *inputs: Any, **options: Any) -> Program:
    """Record a function into a Program: its forward pass, backward passes and updates of parameters alike.

    f        a function of arrays, of Tensors or of nested lists, tuples and dicts of them: a model, a loss,
             tg.value_and_grad(loss), or a whole training step
    inputs   examples of its arguments; what is no array (a number, a string, a keyword) is fixed

    Parameters, gradients, optimisers and random generators are afterwards what they were before. The trace of
    an array is NumPy's: the sum of its diagonal.

    Raises TraceError where the function reads a value that is computed in it.

    >>> import tinygrad_sm as tg
    >>> W = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> print(*trace(lambda x: np.exp(x @ W).sum(), np.ones((5, 2))), sep="\\n")
    v1 = matmul(x, W)
    v2 = exp(v1)
    out = sum(v2)
    """
    if not callable(f):
        return np.trace(f, *inputs, **options)
    leaves = tree_leaves((inputs, options))
    environment = Environment(f, *(x for x in leaves if not isinstance(x, (np.ndarray, Tensor))))
    recording = Recording(f, inputs, options, environment)
    recording.undo()
    if recording.error is not None:
        raise recording.error
    return recording.program()


TENSOR, ARRAY = object(), object()  # where a result has a Tensor or an array that was computed


class Fixed:
    """Where a result has an array that the function made anew of nothing that it was given."""

    def __init__(self, array: Any) -> None:
        self.array = array.copy()


def filled_in(layout: Any, results: Iterable[Any]) -> Any:
    """A result with these arrays in the place of what was computed."""
    rest = iter(results)

    def leaf(x: Any) -> Any:
        if x is TENSOR:
            return Tensor(next(rest))
        if isinstance(x, Fixed):
            return x.array.copy()
        return np.asarray(next(rest))[()] if x is ARRAY else x

    return tree_map(leaf, layout)


class Recording:
    """One run of a function under a Recorder; its effects are real, until they are undone.

    result  what it returned: Tensors that were computed in it, or anything else
    error   what it raised
    """

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any, environment: Environment) -> None:
        self.f, self.environment = f, environment
        self.began, self.recorded = now(), current_mode().recording
        self.recorder = recorder = Recorder()
        self.data = [(t, t._data) for t in environment.tensors]
        self.before = {id(a): (a, a.copy()) for a in self.arrays()}
        self.grads = [(p, p.grad) for p in environment.tensors]
        self.states = [
            (opt, {p: dict(state) for p, state in opt.state.items()}) for opt in environment.optimizers
        ]
        self.draws = [(g, g.bit_generator.state) for g in environment.generators]
        self.inputs: list[Slot] = []
        self.error: Exception | None = None
        self.result: Any = None
        for p in environment.tensors:
            recorder.hold(p)
        args, kwargs = tree_map(self._input, args), tree_map(self._input, kwargs)
        self.names = self._argument_names(args, kwargs)
        given = args, kwargs
        before = parts_of(given)
        try:
            with within(watcher=recorder):
                self.result = f(*args, **kwargs)
            if [(id(x), key) for x, key in parts_of(given)] != [(id(x), key) for x, key in before]:
                raise TraceError(
                    "the function changes a list or dictionary that it was given, which a recorded program "
                    "would not do; return what is to be kept, and change it outside"
                )
            check_result(self.result, environment)
        except Exception as error:
            self.error = error
        finally:
            self.as_arrays = {id(x) for x in tree_leaves(self.result) if isinstance(x, TracedArray)}
            recorder.release()

    def arrays(self) -> list[Any]:
        """The arrays that the function may change."""
        env = self.environment
        grads = [t.grad._data for t in env.tensors if t.grad is not None]
        return [*env.arrays, *(t._data for t in env.tensors), *grads]

    def _input(self, x: Any) -> Any:
        """An argument as the function gets it."""
        if not isinstance(x, np.ndarray) and (not isinstance(x, Tensor) or x.requires_grad):
            return x
        t = Tensor((x._data if isinstance(x, Tensor) else x)[...])  # a view: the array itself may be a global
        t.name = x.name if isinstance(x, Tensor) else None
        slot = Slot(t._data, "input", t)
        self.recorder._know(t, slot)
        if not isinstance(x, Tensor):
            t.__class__ = TracedArray
        self.inputs.append(slot)
        return t

    def _argument_names(self, args: Any, kwargs: Any) -> dict[str, Any]:
        """What the function calls its arguments."""
        try:
            parameters = list(inspect.signature(self.f).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        named = {**dict(zip(names, args, strict=False)), **kwargs}
        return {name: x for name, x in named.items() if isinstance(x, Traced)}

    def undo(self) -> None:
        """Make all that the run changed what it was before."""
        for array, copy in self.before.values():
            if not same_bits(array, copy):
                array[...] = copy
        for t, data in self.data:
            t._data = data
        for p, grad in self.grads:
            p._grad = grad
        for optimizer, state in self.states:
            optimizer.state.clear()
            optimizer.state.update(state)
        for generator, before in self._drawn():
            generator.bit_generator.state = before

    @contextmanager
    def draws_again(self) -> Iterator[None]:
        """Within it the generators give what they gave to the function."""
        drawn = self._drawn()
        after = [g.bit_generator.state for g, _ in drawn]
        for generator, state in drawn:
            generator.bit_generator.state = state
        try:
            yield
        finally:
            for (generator, _), state in zip(drawn, after, strict=True):
                generator.bit_generator.state = state

    def _drawn(self) -> list[tuple[Any, Any]]:
        """The generators that the function drew from, and their states before."""
        recorded = {id(generator) for generator in self.recorder.drawn}
        return [(g, state) for i, (g, state) in enumerate(self.draws) if i or id(g) in recorded]

    # ---- what was recorded ----

    def draws_are_recorded(self) -> bool:
        """Did random numbers come from recorded draws alone?"""
        recorded = {id(generator) for generator in self.recorder.drawn}
        own = self.draws[1:]  # the first is the package's, from which other threads may draw as well
        return all(id(g) in recorded or settled(g.bit_generator.state) == settled(state) for g, state in own)

    def computed(self) -> list[Tensor]:
        """The Tensors that were computed and returned."""
        return [x for x in tree_leaves(self.result) if self._is_computed(x)]

    def _is_computed(self, x: Any) -> bool:
        return isinstance(x, Tensor) and all(x is not t for t in self.environment.tensors)

    def fixed_results(self) -> list[Any]:
        """What else was returned."""
        return [x for x in tree_leaves(self.result) if not self._is_computed(x)]

    def values(self) -> list[Any]:
        """The arrays that were computed and returned, as new ones."""
        return [np.array(x._data) for x in self.computed()]

    def layout(self) -> Any:
        """The result with TENSOR or ARRAY in the place of what was computed."""
        reached = {id(a) for a in self.environment.arrays}

        def leaf(x: Any) -> Any:
            if isinstance(x, np.ndarray) and id(x) not in reached:
                return Fixed(x)
            if not self._is_computed(x):
                return x
            return ARRAY if id(x) in self.as_arrays else TENSOR

        return tree_map(leaf, self.result)

    def kept_gradients(self) -> list[tuple[Tensor, Tensor | None]]:
        """The Tensors whose .grad is another than before, and what it is."""
        return [(p, p.grad) for p, grad in self.grads if p.grad is not grad]

    def program(self) -> Program:
        """The records as equations, with names."""
        recorder = self.recorder
        leaves = self.computed()
        if not leaves and not recorder.updates:
            raise TraceError(
                f"trace: the function returned {self.result!r:.80}, nothing that was computed of its "
                f"arguments, and updated nothing; return the arrays or Tensors that are wanted"
            )
        gradients = [grad for _, grad in self.kept_gradients() if grad is not None]
        outputs = [recorder.slot(x) for x in [*leaves, *gradients]]
        updates = list(recorder.updates.values())
        slots: dict[int, Slot] = {id(slot): slot for slot in self.inputs}
        for record in recorder.records:
            read = [*record.inputs, *slots_in(record.attrs), record.output]
            slots |= {id(slot): slot for slot in read}
        slots |= {id(slot): slot for pair in updates for slot in pair} | {id(s): s for s in outputs}
        made = {id(record.output) for record in recorder.records}
        tops = {id(slot) for slot in outputs[: len(leaves)]} & made
        kinds = {key: "output" if key in tops else slot.kind for key, slot in slots.items()}
        unique = naming({key: slot.thing for key, slot in slots.items()}, kinds, self._called(slots))
        variables = {
            key: Variable(unique[key], kinds[key], self._value(slot), None, (), literal_of(slot.thing), slot)
            for key, slot in slots.items()
        }

        def variable(slot: Slot) -> Variable:
            return variables[id(slot)]

        equations = [record.equation(variable) for record in recorder.records]
        return Program(
            equations, map(variable, outputs), map(variable, self.inputs),
            [(variable(first), variable(latest)) for first, latest in updates],
        )  # fmt: skip

    def _value(self, slot: Slot) -> Any:
        """The value that a slot had; an array that was updated since is another by now."""
        array, copy = self.before.get(id(slot.value), (None, None))
        return slot.value if array is None else copy

    def _called(self, slots: Mapping[int, Slot]) -> dict[int, str]:
        """What to call the slots: as the function's own variables are called, and dx the gradient of x."""
        recorder = self.recorder
        called: dict[int, str] = {}
        things: list[tuple[str, Any]] = list(self.names.items())
        for frame in recorder.frames:
            named = {
                name: frame.f_globals[name] for name in names_in(frame.f_code) if name in frame.f_globals
            }
            things += [*frame.f_locals.items(), *named.items()]
        for name, x in things:
            if isinstance(x, Tensor | np.ndarray) and not name.startswith("_"):
                slot = first_slot(recorder, x)
                if slot is not None and id(slot) in slots:
                    called.setdefault(id(slot), name)
        names = {
            key: str(getattr(slot.thing, "name", None) or called.get(key, "")) for key, slot in slots.items()
        }
        for x, total in recorder.gradients.values():
            of, gradient = first_slot(recorder, x), first_slot(recorder, total)
            if of is not None and gradient is not None and names.get(id(of)):
                called.setdefault(id(gradient), f"d{names[id(of)]}")
        for key, (p, label) in recorder.labels.items():
            first = recorder.updates[key][0]
            if known := names.get(id(recorder.updates[id(p._data)][0])):
                called.setdefault(id(first), f"{label}_{known}")
                names[id(first)] = called[id(first)]
        for first, latest in recorder.updates.values():
            if known := names.get(id(first)):
                called.setdefault(id(latest), f"{known}_new")
        for source, copies in recorder.numbers.values():
            labels = "weight_decay", *source.optimizer.number_names
            for label, number in zip(labels, copies, strict=False):
                called.setdefault(id(recorder.slots[id(number)]), label)
        return called


def check_result(result: Any, environment: Environment) -> None:
    """Refuse a result in which it cannot be seen what is computed and what stays."""
    reached = {id(x) for x in (*environment.tensors, *environment.arrays)}
    known = {id(thing) for place in environment.places for thing in place.things}

    def hides(x: Any) -> bool:
        inside = Environment(None, x)
        return not reached.issuperset(map(id, (*inside.tensors, *inside.arrays))) or (
            isinstance(x, Iterable | FunctionType) and id(x) not in known
        )

    others = [x for x, _ in parts_of(result) if isinstance(x, dict) and type(x) is not dict]
    for x in tree_leaves(result):
        if isinstance(x, str) and "Traced(" in x:
            raise TraceError(f"the function returns {x!r:.80}, the text of a tensor that has no value as yet")
        if not isinstance(x, (Tensor, np.ndarray, type, *PLAIN)) and hides(x):
            others.append(x)
    if others:
        raise TraceError(
            f"the function returns an object ({type(others[0]).__name__}), which a recorded program would "
            f"not make anew: return arrays in tuples, lists or dicts"
        )


def parts_of(tree: Any, key: Any = None) -> list[tuple[Any, Any]]:
    """What is in a tree of lists, tuples and dictionaries: each part, and its key in the one around it."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(tree, dict):
        inner = [part for k, x in tree.items() for part in parts_of(x, k)]
    elif isinstance(tree, list | tuple):
        inner = [part for i, x in enumerate(tree) for part in parts_of(x, i)]
    return [(tree, key), *inner]


def first_slot(recorder: Recorder, x: Any) -> Slot | None:
    """What stands for a Tensor or array, before any update of it."""
    array = x._data if isinstance(x, Tensor) else x
    if id(array) in recorder.updates:
        return recorder.updates[id(array)][0]
    return recorder.slots.get(id(x)) or recorder.slots.get(id(array))
