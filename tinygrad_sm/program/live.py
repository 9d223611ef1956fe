"""Reading a live graph, the one behind a tensor, into a Program."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from ..backprop import Step, walk, within
from ..errors import GradientError, UnsupportedError
from ..tensor import Tensor
from .equations import Array, Equation, Program, Variable
from .recording import Recorder, Slot, slots_in

__all__ = ["graph"]

PREFIXES = {
    "input": "x", "parameter": "p", "constant": "c", "number": "n", "intermediate": "v", "gradient": "g",
    "output": "out",
}  # fmt: skip
PACKAGE = str(Path(__file__).parents[1])


def graph(
    outputs: Tensor | Sequence[Tensor],
    gradients: bool | None = None,
    names: Mapping[str, Any] | None = None,
    backward: bool = False,
) -> Program:
    """The graph behind one tensor, or several, as a Program with values and gradients.

    gradients   None shows what is known: each leaf's .grad as it stands and, once backward() has
                started from an output, what its latest pass from there found on the way. True
                computes all of them now, and changes no .grad; False none.
    names       what to call tensors and arrays without a name of their own; by default what the
                caller's variables are called. Whatever has no name gets a letter and a number.
    backward    whether the equations of the backward pass follow, in a scope of that name; what they
                find for z is called dz, and for parameters it is one of the outputs

    Raises UnsupportedError for what is no Tensor, or for the backward pass of several outputs; where
    gradients are to be computed, GradientError where an output has none.

    >>> z = Tensor([2.0, 1.0], requires_grad=True, name="z")
    >>> loss = (z * z).sum()
    >>> for equation in graph(loss):
    ...     print(equation)
    v1 = multiply(z, z)
    loss = sum(v1)
    """
    roots = tuple(outputs) if isinstance(outputs, Sequence) else (outputs,)
    if not roots:
        raise UnsupportedError("a graph is read off one Tensor or several, not off none; pass the loss")
    for root in roots:
        if not isinstance(root, Tensor):
            kind = type(root).__name__
            raise UnsupportedError(f"a graph is read off Tensors, not off {kind}; pass the loss itself")
    if backward:
        if len(roots) != 1:
            raise UnsupportedError(
                f"the backward pass of one output is shown, not of {len(roots)}; add them up"
            )
        return both_passes(roots[0], names)
    tensors = computed(roots)
    leaves = [x for t in tensors for _, x in t.node.edges if x.node is None]
    found = Found()
    if gradients:
        found = backward_passes(roots)
    elif gradients is None:
        with suppress(GradientError):  # data has changed since
            found = backward_passes(root for root in roots if root.node and root.node.seed is not None)
        ends = {id(x): x.grad for x in (*leaves, *roots) if x.node is None}
        found.totals = {key: total for key, total in found.totals.items() if key not in ends}
        found.totals |= {key: grad.data for key, grad in ends.items() if grad is not None}
    return read(tensors, roots, found, names)[0]


@dataclass(slots=True)
class Found:
    """What backward passes found: dL/dtensor by the tensor's id, and each edge's part of it, by the id of the
    tensor that sent it and the place of the input that got it."""

    totals: dict[int, Array] = field(default_factory=dict)
    parts: dict[tuple[int, int], Array] = field(default_factory=dict)


def computed(roots: Iterable[Tensor]) -> list[Any]:
    """Every computed tensor that the roots were computed from, the oldest first."""
    found: dict[int, Tensor] = {}
    stack = [root for root in roots if root.node is not None]
    while stack:
        t = stack.pop()
        if id(t) not in found:
            found[id(t)] = t
            assert t.node is not None
            stack += [x for x in t.node.inputs if isinstance(x, Tensor) and x.node is not None]
    return sorted(found.values(), key=attrgetter("_number"))


def backward_passes(roots: Iterable[Tensor]) -> Found:
    """What the passes from all roots find, added up; each starts as its root's latest, if there was one."""
    found = Found()
    for root in roots:
        one = backward_pass(root, root.node and root.node.seed)[2]
        for key, total in one.totals.items():
            found.totals[key] = found.totals[key] + total if key in found.totals else total
        for edge, part in one.parts.items():
            found.parts[edge] = found.parts[edge] + part if edge in found.parts else part
    return found


def backward_pass(root: Tensor, gradient: Any = None) -> tuple[list[Step], list[int], Found]:
    """The steps of root.backward(gradient), no .grad changed; to which input each goes; what they find."""
    steps: list[Step] = []
    seed = root._seed(gradient, False)
    if root.node is not None:
        walk(root, seed, steps=steps)
    found = Found({id(root): seed})
    places = []
    sender, free = None, list[tuple[int, Any]]()  # the inputs of the sender that no step has gone to yet
    for step in steps:
        if step.tensor is not sender:
            sender, node = step.tensor, step.tensor.node
            assert node is not None
            op = node.primitive
            free = [(i, x) for i, x in enumerate(node.inputs) if op.variadic or op.rules[i] is not None]
        at = next(n for n, (_, x) in enumerate(free) if x is step.input)
        places.append(free.pop(at)[0])
        x, total = step.input, np.asarray(step.accumulated)
        found.totals[id(x)] = total if total.dtype == x.dtype else total.astype(x.dtype)
        found.parts[id(step.tensor), places[-1]] = np.asarray(step.contribution)
    return steps, places, found


def both_passes(root: Tensor, names: Mapping[str, Any] | None) -> Program:
    """The equations behind a tensor, then those of its backward pass, which is recorded to be read."""
    seed = Tensor(root._seed(root.node and root.node.seed, False))
    steps: list[Step] = []
    recorder = Recorder()
    try:
        with within(watcher=recorder, recording=False, scope=("backward",)):
            if root.node is not None:
                walk(root, seed, True, steps=steps)
    finally:
        recorder.release()
    totals: dict[int, Any] = {id(root): seed} | {id(step.input): step.accumulated for step in steps}
    found = Found({key: total.data for key, total in totals.items()})
    forward, variables = read(computed((root,)), (root,), found, names)
    known = {id(recorder.slot(x)): variables[id(x)] for x in (root, *(step.input for step in steps))}
    slots: dict[int, Slot] = {id(slot): slot for slot in (recorder.slot(total) for total in totals.values())}
    for record in recorder.records:
        for slot in (*record.inputs, *slots_in(record.attrs), record.output):
            if id(slot.thing) in variables:
                known[id(slot)] = variables[id(slot.thing)]
            elif id(slot) not in known:
                slots[id(slot)] = slot
    called: dict[int, str] = {}
    for key, total in totals.items():  # what passes on what it gets has its gradient from there
        called.setdefault(id(recorder.slot(total)), f"d{variables[key].name}")
    kinds = {
        key: "constant" if slot.kind == "constant" and key not in called else "gradient"
        for key, slot in slots.items()
    }
    unique = naming({key: slot.thing for key, slot in slots.items()}, kinds, called, forward.variables)
    made = {
        key: Variable(unique[key], kinds[key], slot.value, None, ("backward",), literal_of(slot.thing))
        for key, slot in slots.items()
    }  # fmt: skip
    every = made | known
    passed = [record.equation(lambda slot: every[id(slot)]) for record in recorder.records]
    reached = {id(x): x for x in (root, *(step.input for step in steps))}
    leaves = [x for x in reached.values() if x.node is None]
    gradients = [made[id(recorder.slot(totals[id(x)]))] for x in leaves]
    return Program([*forward, *passed], [*forward.outputs, *gradients])


def callers_variables() -> dict[str, Any]:
    """The local variables of whoever called into the package, but for those that start with an underscore."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    variables = frame.f_locals
    found = {n: x for n, x in variables.items() if isinstance(x, Tensor | np.ndarray) and n[0] != "_"}
    if isinstance(variables, dict) and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        variables.clear()  # the copy of a function's locals (before Python 3.13) would keep its tensors alive
    return found


def read(
    tensors: list[Any],
    roots: Sequence[Tensor],
    found: Found,
    names: Mapping[str, Any] | None,
) -> tuple[Program, dict[Any, Variable]]:
    """The equations of tensors in forward order, with the gradients found; variables by tensors' ids."""
    things: dict[int, Any] = {}  # all that becomes a variable, by the id of what its identity is
    scopes: dict[int, tuple[str, ...]] = {}
    for t in tensors:
        for i, x in enumerate(t.node.inputs):
            key = key_of(t, i, x)
            things.setdefault(key, x)
            if not (isinstance(x, Tensor) and x.node):
                scopes[key] = common(scopes.get(key, t.node.scope), t.node.scope)
        things[id(t)], scopes[id(t)] = t, t.node.scope
    things |= {id(root): root for root in roots}
    tops = set(map(id, roots))
    kinds = {k: kind_of(x, k in tops) for k, x in things.items()}
    called = {id(x): name for name, x in (callers_variables() if names is None else names).items()}
    unique = naming(things, kinds, called)
    variables = {}
    for key, x in things.items():
        about = found.totals.get(key), scopes.get(key, ()), literal_of(x)
        variables[key] = Variable(unique[key], kinds[key], array_of(x), *about)
    equations = []
    for t in tensors:
        node = t.node
        inputs = tuple(variables[key_of(t, i, x)] for i, x in enumerate(node.inputs))
        parts = tuple(found.parts.get((id(t), i)) for i in range(len(inputs))) if found.parts else ()
        shared = [i for i, x in enumerate(node.inputs) if np.may_share_memory(array_of(x), t.data)]
        y, attrs = variables[id(t)], dict(node.attrs)
        place = shared[0] if shared else None
        equations.append(Equation(node.primitive, inputs, attrs, y, node.scope, parts, place))
    return Program(equations, [variables[id(root)] for root in roots]), variables


def key_of(t: Tensor, i: int, x: Any) -> Any:
    """What tells an input from others: a tensor or array is one wherever it stands, a number is not."""
    return id(x) if isinstance(x, Tensor | np.ndarray) else (id(t), i)


def kind_of(x: Any, top: bool) -> str:
    if isinstance(x, Tensor) and x.node is not None:
        return "output" if top else "intermediate"
    return "parameter" if isinstance(x, Tensor) and x.requires_grad else "constant"


def array_of(x: Any) -> Array:
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def literal_of(x: Any) -> str | None:
    return repr(x) if isinstance(x, int | float | np.generic | None) else None


def common(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes that two have in common, from the outermost on."""
    n = next((i for i, (p, q) in enumerate(zip(a, b, strict=False)) if p != q), min(len(a), len(b)))
    return a[:n]


def naming(
    things: Mapping[Any, Any], kinds: Mapping[Any, str], called: Mapping[int, str], taken: Iterable[str] = ()
) -> dict[Any, str]:
    """A name for each that no other has: its own, else the caller's, else a letter with a number."""
    names: dict[Any, str] = {}
    taken = set(taken)
    counts: dict[str, int] = {}

    def unique(stem: str, separator: str) -> str:
        name = stem if separator else ""
        while not name or name in taken:
            counts[stem] = counts.get(stem, 1 if separator else 0) + 1
            name = f"{stem}{separator}{counts[stem]}"
        taken.add(name)
        return name

    own = {key: str(x.name) for key, x in things.items() if isinstance(x, Tensor) and x.name}
    for given in (own, called):
        for key in things:
            if key in given and key not in names:
                names[key] = unique(given[key], "_")
    nameless = [key for key in things if key not in names]
    outputs = [key for key in nameless if kinds[key] == "output"]
    for key in nameless:
        names[key] = unique(PREFIXES[kinds[key]], "_" if outputs == [key] else "")
    return names
