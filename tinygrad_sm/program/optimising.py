"""A program with less to do: the same results, to the last bit.

Ops that are NumPy functions made of others are taken apart; what is computed twice is computed once; what
does nothing (x * 1, a copy that nobody writes to) and what nobody asks for is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..backprop import within
from ..errors import TinygradError
from ..tensor import Tensor
from .equations import Equation, Program, Variable, substitute
from .recording import Record, Recorder, Slot

__all__ = ["DRAWS", "optimised", "same_bits"]

DRAWS = {"random"}  # ops that give something else each time
WHOLE = {
    "astype",
    "broadcast_to",
    "copy",
    "expand_dims",
    "getitem",
    "matmul",
    "max",
    "mean",
    "min",
    "power",
    "prod",
    "random",
    "reshape",
    "scatter_add",
    "squeeze",
    "stop_gradient",
    "sum",
    "sum_to",
    "swapaxes",
    "transpose",
    "where",
}  # fmt: skip  (what is not taken apart)
NOTHING = {"copy", "stop_gradient"}
NOTHING_IF_ALIKE = {"astype", "broadcast_to", "reshape", "sum_to", "squeeze"}  # where shape and dtype stay
NEUTRAL = {"multiply": (1, 1), "divide": (None, 1), "subtract": (None, 0), "power": (None, 1)}


def optimised(program: Program) -> Program:
    """The program with less to do."""
    equations = [part for equation in program for part in taken_apart(equation)]
    updated = {first.name for first, _ in program.updates}
    roots = {name: name for name in program.variables}  # of a view, what it is a view of
    known: dict[str, Variable] = {}  # what stands for a variable instead of it
    seen: dict[Any, Variable] = {}
    kept = []
    for equation in equations:
        inputs = tuple(known.get(x.name, x) for x in equation.inputs)
        attrs = {
            key: substitute(value, lambda x: known.get(x.name, x) if isinstance(x, Variable) else x)
            for key, value in equation.attrs.items()
        }
        equation = replace(equation, inputs=inputs, attrs=attrs)
        same = simpler(equation)
        if equation.shares is not None:
            roots[equation.name] = roots.get(inputs[equation.shares].name, "")
        elif same is not None and roots.get(same.name) in updated:
            same = None  # a copy of what is updated later on
        if same is None and equation.primitive.name not in DRAWS:
            key = equation.primitive, tuple(map(identity, inputs)), frozen(attrs)
            same = seen.setdefault(key, equation.output)
            same = None if same is equation.output else same
        if same is None:
            kept.append(equation)
        else:
            known[equation.name] = same
    outputs = [known.get(v.name, v) for v in program.outputs]
    updates = [(first, known.get(latest.name, latest)) for first, latest in program.updates]
    return Program(alive(kept, [*outputs, *(v for _, v in updates)]), outputs, program.arguments, updates)


def alive(equations: list[Equation], wanted: Iterable[Variable]) -> list[Equation]:
    """The equations that something wanted depends on, and the draws, which move their generator on."""
    needed = {v.name for v in wanted}
    kept = []
    for equation in reversed(equations):
        if equation.name in needed or equation.primitive.name in DRAWS:
            kept.append(equation)
            needed |= {x.name for x in equation.reads}
    return kept[::-1]


def simpler(equation: Equation) -> Variable | None:
    """What an equation's result is without computing it: an input, or a constant."""
    op, inputs, output = equation.primitive, equation.inputs, equation.output
    if op.name in DRAWS or not inputs:
        return None
    if all(map(immutable, equation.reads)):
        value = np.asarray(output.value).view()
        value.flags.writeable = False
        return Variable(output.name, "constant", value, source=Slot(value, "constant", value))
    first = inputs[0]
    if op.name in NOTHING or (op.name in NOTHING_IF_ALIKE and alike(first, output)):
        return first
    if op.name in NEUTRAL:
        for place, neutral in enumerate(NEUTRAL[op.name]):
            x, other = inputs[place], inputs[1 - place]
            if neutral is None or not immutable(x) or not alike(other, output):
                continue
            if (x.value == neutral).all() and not np.signbit(x.value).any():  # x - (-0.0) makes 0.0 of -0.0
                return other
    return None


def alike(x: Variable, y: Variable) -> bool:
    """Have two the same shape, dtype and order in memory?"""
    return x.shape == y.shape and x.dtype == y.dtype and x.value.strides == y.value.strides


def immutable(x: Variable) -> bool:
    """Is it a number in the code, or an array that cannot be written to?"""
    return x.literal is not None or (x.kind == "constant" and owner_is_read_only(x.value))


def owner_is_read_only(array: Any) -> bool:
    while isinstance(array, np.ndarray) and not array.flags.writeable:
        if array.base is None:
            return True
        array = array.base
    return False


def identity(x: Variable) -> Any:
    """What tells an input from others: its name, or of a number its type and value."""
    return x.name if x.literal is None else (type(x.number), x.literal)


def frozen(value: Any) -> Any:
    """An attribute as a key."""
    if isinstance(value, Variable):
        return "variable", value.name
    if isinstance(value, dict):
        return tuple((key, frozen(part)) for key, part in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(map(frozen, value))
    if isinstance(value, slice):
        return "slice", frozen((value.start, value.stop, value.step))
    if isinstance(value, bool | int | float | str | bytes | np.generic | np.dtype | type | None):
        return type(value), repr(value)
    return "thing", id(value)


# ---- taking apart ----


def taken_apart(equation: Equation) -> list[Equation]:
    """The ops that an op's function consists of, if they give the same bits; else the op itself."""
    op = equation.primitive
    if isinstance(op.function, np.ufunc) or op.name in WHOLE or op.definition or hasattr(op, "fused"):
        return [equation]
    recorder = Recorder()
    tensors: list[Any] = []
    named: dict[int, Variable] = {}
    for x in equation.inputs:
        if x.literal is not None:
            tensors.append(x.number)
            continue
        t = Tensor(np.asarray(x.value)[...])
        slot = Slot(t._data, "input", t)
        recorder._know(t, slot)
        named[id(slot)] = x
        tensors.append(t)
    if not named or any(isinstance(x, Variable) for x in equation.reads[len(equation.inputs) :]):
        return [equation]
    try:
        with within(watcher=recorder, recording=False), np.errstate(all="ignore"):
            result = op.run(*tensors, **equation.attrs)
    except (TinygradError, TypeError, ValueError, AttributeError, IndexError):
        return [equation]
    finally:
        recorder.release()
    records = recorder.records
    whole = records and isinstance(result, Tensor) and recorder.slots.get(id(result)) is records[-1].output
    if not whole or not same_bits(result._data, equation.value) or any(r.primitive is op for r in records):
        return [equation]
    return [part for record in renamed(records, named, equation) for part in taken_apart(record)]


def renamed(records: list[Record], named: dict[int, Variable], equation: Equation) -> list[Equation]:
    """Records as equations in the place of one."""

    def variable(slot: Slot) -> Variable:
        if id(slot) not in named:
            literal = None if isinstance(slot.thing, Tensor | np.ndarray) else repr(slot.thing)
            kind = slot.kind if literal is None else "constant"
            name = f"{equation.name}.{len(named)}"
            named[id(slot)] = Variable(name, kind, slot.value, literal=literal, source=slot)
        return named[id(slot)]

    named[id(records[-1].output)] = equation.output
    return [replace(r.equation(variable), scope=equation.scope) for r in records]


def same_bits(a: Any, b: Any) -> bool:
    """Are two arrays the same to the last bit? -0.0 is not 0.0; of NaN there is one."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind != "f" or not np.array_equal(nan := np.isnan(a), np.isnan(b)):
        return False
    return bool(np.where(nan, 0, a).tobytes() == np.where(nan, 0, b).tobytes())
