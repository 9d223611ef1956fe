"""The page that a program is written on: its lines, its names, and what an op reads as an expression."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .borrowing import Library, numpy_path
from .equations import Equation, Program, Variable
from .expressions import Expr, call, elementwise, key_of
from .literals import Names, Unwritable, uniform, wrapped, written
from .tidying import Tidied, immutable_number

__all__ = ["Page"]

LONGEST = 72  # letters of what is written into another expression
ONE_LINE = 40  # letters of a constant that is
HINTS = {"exp": "e", "one_hot": "y"}  # what to call a result without a name


class Page:
    """What has been written so far.

    called   the names of variables that have one
    ready    what is written into the expression that reads it
    texts    other texts than a name that stand for a variable
    things   arguments besides variables: generators and large arrays
    current  the equation that is written
    """

    current: Equation

    def __init__(self, program: Program) -> None:
        self.tidied = Tidied(program)
        self.program, self.equations = program, self.tidied.equations
        self.names = Names("program")
        self.library = Library(self.names)
        self.called: dict[str, str] = {}
        self.ready: dict[str, Expr] = {}
        self.texts: dict[str, Expr] = {}
        self.things: list[tuple[str, Any]] = []
        self.lines: list[str] = []
        self.phase = ""

    def line(self, text: str, about: str = "") -> None:
        """Write a line, under a comment if it is in another pass than the one before."""
        scope = self.current.scope[:1]
        phase = scope[0] if scope in (("backward",), ("update",)) else "forward"
        if phase != self.phase and (phase != "forward" or any(e.scope[:1] != scope for e in self.equations)):
            self.lines += [*([""] if self.lines else []), f"    # {phase}"]
        self.phase = phase
        new = wrapped(text, "    ")
        if about and len(new[-1]) + len(about) + 4 <= 100:
            new[-1] += f"  # {about}"
        self.lines += new

    def own(self, e: Equation) -> str:
        """The name of a result; softmax's quotient is a."""
        if e.name not in self.called:
            hint = HINTS.get(key_of(e), "")
            first, last = (self.tidied.made.get(x.name) for x in (e.inputs[0], e.inputs[-1]))
            if first is not None and key_of(first) == "exp":
                sums = last is not None and key_of(last) == "sum" and last.inputs[0] is e.inputs[0]
                hint = "s" if key_of(e) == "sum" else "a" if key_of(e) == "divide" and sums else hint
            self.called[e.name] = self.names.new(*filter(None, (hint, e.name)))
        return self.called[e.name]

    # ---- what is read ----

    def operands(self, e: Equation) -> list[Expr]:
        """The inputs as expressions, none too long to be read in one line."""
        waiting = [x.name for x in e.inputs if x.name in self.ready]
        while sum(len(self.ready[name].text) for name in waiting) > LONGEST:
            longest = max(waiting, key=lambda name: len(self.ready[name].text))
            waiting.remove(longest)
            self.spill(longest)
        return [self.operand(e, i) for i in range(len(e.inputs))]

    def spill(self, name: str) -> None:
        e, now = self.tidied.made[name], self.current
        self.current = e
        self.line(f"{self.own(e)} = {self.strong(self.ready.pop(name), e.output).text}")
        self.current = now

    def operand(self, e: Equation, i: int) -> Expr:
        x = e.inputs[i]
        if x.name in self.ready:
            found = self.ready.pop(x.name)
        elif x.literal is not None:
            return self.number(x.number)
        elif x.name in self.tidied.numbers and (not x.value.ndim or (elementwise(e) and self.implied(e, i))):
            found = Expr(*self.tidied.numbers[x.name], True)
        elif x.name in self.called:
            return Expr(self.called[x.name])
        elif x.name in self.texts:
            return self.texts[x.name]
        elif elementwise(e) and uniform(x.value) and self.implied(e, i):
            value = x.value.ravel()[0].item()
            whole = x.dtype.kind == "f" and np.isfinite(value) and value == int(value) and abs(value) < 1e6
            found = self.number(int(value) if whole and (value or not np.signbit(value)) else value)
        else:
            return self.constant(x)
        return found if not found.weak or (elementwise(e) and self.implied(e, i)) else self.strong(found, x)

    def implied(self, e: Equation, i: int) -> bool:
        """Do the other inputs alone give the result its shape and dtype?"""
        x, others = e.inputs[i], [v for j, v in enumerate(e.inputs) if j != i and not self.is_number(v)]
        if not others or key_of(e) == "power":
            return False
        kinds = [v.dtype for v in others]
        shape = np.broadcast_shapes(*(v.shape for v in others))
        return np.result_type(*kinds, x.dtype) == np.result_type(*kinds) and shape == e.output.shape

    def is_number(self, v: Variable) -> bool:
        return v.literal is not None or immutable_number(v) is not None

    def strong(self, x: Expr, v: Variable) -> Expr:
        """A Python number as one of NumPy's, where its dtype matters."""
        return Expr(f"np.{v.dtype.name}({x.text})") if x.weak and v.literal is None else x

    def array(self, e: Equation, i: int) -> Expr:
        """An input as an array, for functions that take nothing else."""
        x, found = e.inputs[i], self.operand(e, i)
        return found if x.literal is None and found.text.isidentifier() else call("np.asarray", [found])

    def name(self, e: Equation, i: int) -> Expr:
        """An input by a name, because it is read more than once."""
        x = e.inputs[i]
        if x.name in self.ready:
            self.spill(x.name)
        found = self.operand(e, i)
        if not found.text.isidentifier() and x.literal is None and x.value.ndim:
            self.called[x.name] = self.names.new(x.name)
            self.line(f"{self.called[x.name]} = {found.text}")
            found = Expr(self.called[x.name])
        return found

    def number(self, value: Any) -> Expr:
        text = written(value)
        return Expr(
            text, 7 if text.startswith("-") else 9, not isinstance(value, np.generic) and value is not None
        )

    def constant(self, x: Variable) -> Expr:
        """An array that is written out; a long one or one that is read often in its own line."""
        try:
            text = written(x.value)
        except Unwritable:
            return Expr(self.thing(x.value, x.name))
        if len(text) <= ONE_LINE and self.tidied.uses.get(x.name, 1) <= 1:
            return Expr(text)
        self.called[x.name] = self.names.new(x.name)
        self.line(f"{self.called[x.name]} = {text}")
        return Expr(self.called[x.name])

    def literal(self, value: Any, key: str = "value") -> str:
        """An attribute as code; what cannot be written becomes an argument."""
        if isinstance(value, Variable):
            return self.called[value.name] if value.name in self.called else self.constant(value).text
        if type(value) in (tuple, list):
            inner = ", ".join(self.literal(part, key) for part in value)
            return f"[{inner}]" if type(value) is list else f"({inner}{',' * (len(value) == 1)})"
        if type(value) is slice:
            return f"slice({', '.join(self.literal(part) for part in (value.start, value.stop, value.step))})"
        path = numpy_path(value)
        if path is not None:
            return path
        try:
            return written(value)
        except Unwritable:
            pass
        if isinstance(value, np.ndarray | np.random.Generator | np.generic):
            return self.thing(value, key)
        if callable(value):
            return self.library.borrow(value, key, self.current.primitive.name)
        op = self.current.primitive.name
        raise UnsupportedError(
            f"{op}: {key}= holds a {type(value).__name__}, which cannot be written as code; "
            f"use source(style='fast')"
        )

    def thing(self, value: Any, stem: str) -> str:
        """The name of an argument for something that is not written out."""
        for name, known in self.things:
            if known is value:
                return name
        self.things.append((self.names.new(stem), value))
        return self.things[-1][0]
