"""What there is to tell about a graph: its forward and backward pass line by line, and checks of the result.

A Story has no form yet; `pages` writes it as text, Markdown or LaTeX.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..program import Array, BackwardStep, Equation, Program, Variable
from . import tex
from .numbers import number, plain, statistics

__all__ = ["Line", "Section", "Story", "backward", "check", "differences", "forward", "infix"]

OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@", "power": "**"}
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}
ENTRIES_OF_A_CHECK = 64
STEP = 1e-5  # of central differences, in units of the entry


@dataclass(frozen=True)
class Line:
    """A label, a formula (as text and in LaTeX), the array that it gives, and a note."""

    label: str
    text: str = ""
    latex: str = ""
    value: Any = None
    note: str = ""
    shape: str = ""
    signed: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    about: str
    lines: list[Line]


@dataclass(frozen=True)
class Story:
    title: str
    sections: list[Section] = field(default_factory=list)


def ordinal(n: int) -> str:
    return ORDINALS.get(n, f"{n}th")


def infix(equation: Equation) -> str:
    """An equation's right-hand side, as it is written in a formula where it has operators.

    >>> import tinygrad_sm as tg
    >>> from tinygrad_sm.program import graph
    >>> x = tg.Tensor(3.0, requires_grad=True, name="x")
    >>> infix(graph(x * 2.0)[0])
    'x * 2.0'
    """
    name, inputs = equation.primitive.name, [str(x) for x in equation.inputs]
    if name in OPERATORS and len(inputs) == 2:
        return plain(f" {OPERATORS[name]} ".join(inputs))
    return plain(f"-{inputs[0]}" if name == "negative" else equation.call)


def forward(program: Program, shown: set[str | None], start: str | None, notes: dict[str, str]) -> Section:
    """The values: what is given, then each equation in order."""
    given = [v for v in program.inputs if v.name in shown and v.literal is None and v.name != start]
    lines = [line_of(v, v.kind, r"\text{" + v.kind + "}", notes) for v in given]
    shown = {start, *shown}
    equations = (equation for equation in program if equation.name in shown)
    lines += [line_of(e.output, infix(e), tex.equation(e), notes) for e in equations]
    if start is not None and program[start] in program.inputs:
        lines.insert(0, line_of(program[start], program[start].kind, r"\text{parameter}", notes))
    return Section("FORWARD", "each line computes one variable", lines)


def line_of(v: Variable, text: str, latex: str, notes: dict[str, str]) -> Line:
    return Line(plain(v.name), text, latex, v.value, notes.get(v.name, ""), str(v.shape).replace(" ", ""))


class Reader(Protocol):
    """Who knows more about a step than its rule: what it reads as, and what it shows."""

    def reading(self, step: BackwardStep) -> tuple[str, str]: ...

    def mark(self, step: BackwardStep) -> str: ...


def backward(steps: list[BackwardStep], reader: Reader | None) -> Section:
    """What each edge sends back, and how it adds up where a variable is used more than once."""
    lines = []
    if steps:
        first = steps[0]
        lines = [Line(f"d{first.of}/d{first.of}", "seed", r"\text{seed}", first.incoming, signed=True)]
    for step in steps:
        skipped = [x.name for x in step.node.inputs if x.kind == "constant" and x.literal is None]
        note = [f"{ordinal(step.part)} of {step.parts} into {step.input.name}"] if step.parts > 1 else []
        note += [f"{', '.join(skipped)}: constant, skipped"] if skipped else []
        text, latex = reader.reading(step) if reader else ("", "")
        mark = reader.mark(step) if reader else ""
        total = step.final and step.parts > 1
        note += [mark] if mark and not total else []
        label = plain(f"{step.node.name} → {step.input.name}")
        rule = plain(text or step.formula), latex or tex.rule(step)
        lines.append(Line(label, *rule, step.contribution, plain("; ".join(note)), signed=True))
        if total:
            name = step.input.name
            text = f"{name} is used {'twice' if step.parts == 2 else f'{step.parts} times'}: the sum"
            label = plain(f"d{step.of}/d{name}")
            lines.append(Line(label, plain(text), r"\text{the sum}", step.accumulated, mark, signed=True))
    about = "one line per edge: g comes in from the left, the rule makes of it what goes to the right"
    return Section("BACKWARD", about, lines)


def differences(program: Program, name: str) -> tuple[Array, Array, float]:
    """Central differences of the first output by some entries of a variable, their places, and h.

    The program is run again in float64, so that its own dtype does not blur what is compared.
    """
    floats = (v for v in program.inputs if v.dtype.kind == "f" and v.literal is None)
    wide = {v.name: v.value.astype(np.float64) for v in (*floats, program[name])}
    size = program[name].value.size
    places = np.unique(np.linspace(0, max(size - 1, 0), min(size, ENTRIES_OF_A_CHECK)).astype(int))
    found = []
    for i in places:
        ends = []
        for sign in (1, -1):
            x = wide[name].copy()
            x.flat[i] += sign * STEP * max(1.0, abs(x.flat[i]))
            ends.append((x.flat[i], np.sum(program.replay(wide | {name: x})[program.outputs[0].name])))
        found.append((ends[0][1] - ends[1][1]) / (ends[0][0] - ends[1][0]))
    return np.array(found), places, STEP


def check(label: str, found: Array, expected: Array, allowed: float, note: str = "") -> Line:
    """How far two results are apart, and whether that is as near as they should be."""
    apart = float(np.max(np.abs(np.asarray(found, np.float64) - expected), initial=0.0))
    size = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    verdict = "ok" if apart <= allowed * size else "DIFFERS"
    if not np.isfinite(expected).all():
        verdict = "nothing to compare with: not finite"
    latex = r"\max |\text{difference}| = " + tex.number(apart)
    return Line(label, f"max |diff| {apart:.1e}", latex, note=" ".join(filter(None, (verdict, note))))


def table(array: Any, signed: bool = False) -> list[list[str]] | None:
    """The rows of a small array as text, all with as many decimals; None for a large one."""
    array = np.ma.asarray(array)
    if array.ndim > 2 or array.size > 48 or array.shape[-1:] > (8,) or not array.size:
        return None
    return [[decimal(x, signed) for x in row] for row in np.ma.atleast_2d(array)]


def decimal(x: Any, signed: bool) -> str:
    """A number with four decimals, or as many digits as it needs if it is very small or large."""
    if x is np.ma.masked:
        return "."
    if not isinstance(x, np.floating) or not np.isfinite(x) or x == 0:
        return number(x)
    small = 1e-3 <= abs(x) < 1e5
    return f"{x:{'+' if signed else ''}{'.4f' if small else '.3e'}}"


def summed_up(array: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in statistics(np.asarray(array)))
