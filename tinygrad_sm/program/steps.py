"""The backward pass one edge at a time: what each op sends back to each input, and how it adds up."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnsupportedError
from ..parsing import parsed
from ..primitive import Primitive
from ..reference import rule_source
from ..tensor import Tensor
from .equations import Array, Equation, Program, Variable, short
from .live import backward_pass, computed, read

__all__ = ["BackwardStep", "backward_steps", "read_steps"]


@dataclass(frozen=True, eq=False, slots=True)
class BackwardStep:
    """One edge of the backward pass.

    of            the name of what is differentiated (L)
    node          the equation that sends the gradient back
    place         to which of its inputs
    incoming      g = dL/doutput
    contribution  what the rule makes of it: this edge's part of dL/dinput
    accumulated   the sum of all parts that the input has got so far
    part, parts   which of how many parts this is
    """

    of: str
    node: Equation
    place: int
    incoming: Array = field(repr=False)
    contribution: Array = field(repr=False)
    accumulated: Array = field(repr=False)
    part: int
    parts: int

    @property
    def input(self) -> Variable:
        """What the gradient is sent to."""
        return self.node.inputs[self.place]

    @property
    def missing(self) -> int:
        """How many contributions to the input are still to come."""
        return self.parts - self.part

    @property
    def final(self) -> bool:
        """Whether `accumulated` is dL/dinput."""
        return not self.missing

    @property
    def rule(self) -> str:
        """The rule as its table has it: g = dL/dy, y the output, the inputs by their letters."""
        return written(self.node.primitive, self.place)

    @property
    def formula(self) -> str:
        """The rule with the names of this graph in place of the letters."""
        return renamed(self.rule, self.node, self.place)

    def __str__(self) -> str:
        from ..show.text import printed, step_line

        return printed(step_line(self))


def backward_steps(
    loss: Tensor, gradient: Any = None, names: Mapping[str, Any] | None = None
) -> list[BackwardStep]:
    """The steps of loss.backward(gradient), in its order and with its numbers; no .grad is changed.

    names   what to call tensors and arrays without a name of their own; by default what the
            caller's variables are called

    Raises what backward() raises.

    >>> z = Tensor([2.0, 1.0], requires_grad=True, name="z")
    >>> loss = (z * z).sum()
    >>> for step in backward_steps(loss):
    ...     print(step)
    loss -> v1  g = dloss/dloss = 1    spread(g, v1, None, False) = [1 1]
    v1 -> z     g = dloss/dv1 = [1 1]  g * z = [2 1], 1 of 2
    v1 -> z     g = dloss/dv1 = [1 1]  g * z = [2 1], 2 of 2: dloss/dz = [4 2]
    """
    return read_steps(loss, gradient, names)[1]


def read_steps(
    loss: Tensor, gradient: Any = None, names: Mapping[str, Any] | None = None
) -> tuple[Program, list[BackwardStep], dict[Any, Variable]]:
    """The graph behind a loss with all gradients, the steps to them, and the variables by tensors' ids."""
    if not isinstance(loss, Tensor):
        kind = type(loss).__name__
        raise UnsupportedError(f"a backward pass starts from a Tensor, not from {kind}; pass the loss itself")
    steps, places, found = backward_pass(loss, gradient)
    program, variables = read(computed((loss,)), (loss,), found, names)
    equations = {equation.name: equation for equation in program}
    parts = Counter(id(step.input) for step in steps)
    seen: Counter[int] = Counter()
    result = []
    for step, place in zip(steps, places, strict=True):
        seen[id(step.input)] += 1
        arrays = (step.incoming, step.contribution, step.accumulated)
        counts = seen[id(step.input)], parts[id(step.input)]
        node = equations[variables[id(step.tensor)].name]
        result.append(BackwardStep(program.outputs[0].name, node, place, *arrays, *counts))
    return program, result, variables


def written(primitive: Primitive, place: int) -> str:
    """The rule for an input as it is written, on one line; the name of a longer function."""
    rule = primitive.rules[0 if primitive.variadic else place]
    name = getattr(rule, "__name__", type(rule).__name__)
    try:
        source = rule_source(rule)
    except (OSError, AttributeError, ValueError):  # written where Python keeps no source, or not in Python
        source = ""
    if not source or "\n" in source or name != "<lambda>":
        letters = ["g", "y", *["saved"] * primitive.saves, *primitive.inputs]
        return f"{name if name != '<lambda>' else 'rule'}({', '.join(letters)})"
    return source


def renamed(source: str, equation: Equation, place: int) -> str:
    """A rule with the names of an equation's variables and the values of its attributes for its letters."""
    primitive = equation.primitive
    texts = {key: short(value) for key, value in (primitive.attributes | equation.attrs).items()}
    texts["y"] = equation.name
    if primitive.variadic:
        texts |= {primitive.inputs[0]: f"({', '.join(map(str, equation.inputs))})", "i": str(place)}
    else:
        texts |= dict(zip(primitive.inputs, map(str, equation.inputs), strict=False))
    try:
        tree = parsed(source)
    except SyntaxError:
        return source
    return ast.unparse(Renaming(texts).visit(tree))


class Renaming(ast.NodeTransformer):
    """Puts texts in place of letters: a number with the brackets that it needs, all else as a name."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        text = self.texts.get(node.id, node.id)
        try:
            return parsed(repr(float(text)) and text)
        except (ValueError, SyntaxError):
            return ast.Name(text, node.ctx)
