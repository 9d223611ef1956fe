"""The worked derivation of a gradient, with the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import GradientError, UnsupportedError
from ..program import BackwardStep, Program
from ..program.steps import read_steps
from ..tensor import Tensor
from . import pages
from .lemmas import CrossEntropy, recognise
from .numbers import plain, summary
from .story import Line, Section, Story, backward, check, differences, forward

__all__ = ["Explanation", "explain"]

FORMS = {"text": pages.text, "markdown": pages.markdown, "latex": pages.latex}


class Explanation(str):
    """A text that shows itself as it reads."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def explain(
    loss: Tensor,
    wrt: Tensor | None = None,
    format: str = "text",
    *,
    names: Mapping[str, Any] | None = None,
    **options: Any,
) -> Explanation:
    """How dloss/dwrt comes about: the forward pass, the backward pass edge by edge, and checks.

    wrt      with respect to what; by default every parameter, and then there is no check
    format   "text", or a fragment of "markdown" or "latex" (with amsmath)
    names    what to call tensors without a name of their own; by default as the caller's variables do
    options  of text: width=, color=, ascii=, by default what the terminal has

    Where the loss is the cross-entropy of softmax(wrt), the four lemmas say why its gradient is a - y.
    Raises GradientError if the loss does not depend on wrt, and what backward() raises.

    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> explain(x * x, wrt=x, width=72, color=False)
    explain(out, wrt=x)   out = 9
    <BLANKLINE>
    FORWARD  each line computes one variable
      x    parameter  ()  3.0000
      out  x * x      ()  9.0000
    <BLANKLINE>
    BACKWARD
      one line per edge: g comes in from the left, the rule makes of it what goes to the right
      dout/dout  seed                         +1.0000
      out → x    g * x                        +3.0000   1st of 2 into x
      out → x    g * x                        +3.0000   2nd of 2 into x
      dout/dx    x is used twice: the sum     +6.0000
    <BLANKLINE>
    CHECKS
      central differences  max |diff| 0.0e+00   ok (h = 1e-05)
    """
    if format not in FORMS:
        raise UnsupportedError(f"explain has no format {format!r}; choose one of {', '.join(FORMS)}")
    program, steps, variables = read_steps(loss, names=names)
    start = None
    if wrt is not None:
        if not isinstance(wrt, Tensor):
            raise UnsupportedError(f"explain: wrt is one of the graph's Tensors, not {type(wrt).__name__}")
        if id(wrt) not in variables or not wrt.requires_grad:
            raise GradientError(f"explain: {loss.label} does not depend on {wrt.label}")
        start = variables[id(wrt)].name
    return Explanation(FORMS[format](story(program, steps, start), **options))


def formulas(program: Program) -> str:
    """The equations of a program as formulas with their values, in LaTeX."""
    return pages.latex(Story(plain(program.title), [forward(program, {*program.variables}, None, {})]))


def story(program: Program, steps: list[BackwardStep], start: str | None) -> Story:
    """What there is to tell about dloss/dstart."""
    loss = program.outputs[0]
    follow = set(program.variables) if start is None else {start}
    shown: set[str | None] = {*follow}
    for equation in program:
        if equation.name not in follow and any(x.name in follow for x in equation.inputs):
            follow.add(equation.name)
            shown |= {equation.name, *(x.name for x in equation.inputs)}
    edges = [step for step in steps if step.input.name in follow and step.node.name in follow - {start}]
    lemmas = None if start is None else recognise(program, start)
    title = f"explain({loss.name}{f', wrt={start}' if start else ''})   {loss.name} = {summary(loss.value)}"
    sections = [
        forward(program, shown, start, lemmas.notes() if lemmas else {}),
        backward(edges, lemmas),
    ]
    if lemmas:
        n, k = lemmas.a.shape
        title += f"   {n} row{'s' if n > 1 else ''}, {k} classes"
        if n == 1 and np.max(lemmas.y) == 1 == np.sum(lemmas.y):
            title += f", true class {np.argmax(lemmas.y)}"
        sections.append(lemmas.lemmas())
    if start is not None:
        sections.append(Section("CHECKS", "", checks(program, edges, start, lemmas)))
    return Story(plain(title), sections)


def checks(
    program: Program, edges: list[BackwardStep], start: str, lemmas: CrossEntropy | None
) -> list[Line]:
    """What the backward pass found against other ways to the same gradient."""
    v = program[start]
    found = program[start].gradient if not edges else edges[-1].accumulated
    eps = float(np.finfo(v.dtype).eps)
    lines = lemmas.checks(found, eps) if lemmas else []
    expected, places, h = differences(program, start)
    some = f", {len(places)} of {v.value.size} entries" if len(places) < v.value.size else ""
    note = f"(h = {h:g}{some})"
    allowed = max(1e-6, 1e4 * eps)
    lines.append(check("central differences", found.reshape(-1)[places], expected, allowed, note))
    if lemmas:
        lines.append(lemmas.cost(len({step.node.name for step in edges})))
    return lines
