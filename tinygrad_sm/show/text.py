"""A Program as a table of text."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from unicodedata import combining, east_asian_width

from ..program import BackwardStep, Program, Variable
from .numbers import clip, plain, summary

__all__ = ["aligned", "encodable", "printed", "spelled", "text"]

ASCII = str.maketrans({"→": "->", "←": "<-", "Σ": "sum", "δ": "delta", "≠": "!=", "…": "...", "—": "--"})


def encodable(words: str) -> bool:
    """Whether the output's encoding has all signs of a text."""
    try:
        words.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def spelled(words: str) -> str:
    """A text in ASCII.

    >>> print(spelled("é → …"))
    \\xe9 -> ...
    """
    return words.translate(ASCII).encode("ascii", "backslashreplace").decode()


def printed(shown: Program | str) -> str:
    """The table of a program, or a line, in ASCII where the output's encoding lacks some of its signs."""
    words = shown if isinstance(shown, str) else text(shown)
    if encodable(words):
        return words
    return spelled(shown) if isinstance(shown, str) else text(shown, ascii=True)


def text(program: Program, ascii: bool = False) -> str:
    """A line for each variable, inputs first: name, op, shape, dtype, value, gradient, and scope if any.

    >>> import numpy as np
    >>> from tinygrad_sm import Tensor
    >>> from tinygrad_sm.program import graph
    >>> z = Tensor([2.0, 1.0], requires_grad=True, name="z")
    >>> loss = np.sum(z * z)
    >>> loss.backward()
    >>> print(text(graph(loss)))
    Program of loss: 2 equations, 1 parameter
    <BLANKLINE>
    name  op              shape  dtype    value  gradient
    z     parameter       (2,)   float64  [2 1]  [4 2]
    v1    multiply(z, z)  (2,)   float64  [4 1]  [1 1]
    loss  sum(v1)         ()     float64  5      1
    """
    table = [row(v, v.kind) for v in program.inputs if v.literal is None]
    table += [row(equation.output, equation.call) for equation in program]
    head = ["name", "op", "shape", "dtype", "value", "gradient", "scope"]
    if not any(line[-1] for line in table):
        head, table = head[:-1], [line[:-1] for line in table]
    title = f"Program {plain(program.title)}"
    if ascii:
        title, table = spelled(title), [[*map(spelled, line)] for line in table]
    return "\n".join([title, "", *aligned([head, *table])])


def step_line(step: BackwardStep) -> str:
    """One edge of the backward pass: what comes in, the rule, what that makes, and what it adds up to."""
    node, x, of = (plain(name) for name in (step.node.name, step.input.name, step.of))
    texts = (
        f"{node} -> {x}",
        f"g = d{of}/d{node} = {summary(step.incoming)}",
        f"{clip(plain(step.formula), 60)} = {summary(step.contribution)}",
    )
    count = f", {step.part} of {step.parts}" if step.parts > 1 else ""
    total = f": d{of}/d{x} = {summary(step.accumulated)}" if step.parts > 1 and step.final else ""
    return "  ".join(texts) + count + total


def row(v: Variable, op: str) -> list[str]:
    scope = "/".join(v.scope)
    texts = (clip(plain(v.name), 32), clip(plain(op), 60), str(v.shape), str(v.dtype))
    return [*texts, summary(v.value), summary(v.gradient), clip(plain(scope), 40)]


def aligned(table: Iterable[Sequence[str]], gap: str = "  ") -> list[str]:
    """The rows of a table as lines, each column as wide as its widest cell."""
    table = list(table)
    widths = [max(map(columns, column)) for column in zip(*table, strict=True)]
    lines = (gap.join(pad(cell, width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return [line.rstrip() for line in lines]


def pad(cell: str, width: int) -> str:
    return cell + " " * (width - columns(cell))


def columns(text: str) -> int:
    """How many columns of a terminal a text takes; colours take none."""
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
