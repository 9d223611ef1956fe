"""A program as a person would have written it: one NumPy function that stands alone, with its helpers.

`program` takes the arguments, then the parameters, constants and numbers that are read, then random
generators and large arrays. It changes none of them, and returns a dict by name: what the program returns, and
under the name of each input that is updated its new value. Where a program neither returns a gradient nor
updates with one, those that its backward passes lead to are returned too. What the framework checks of its
inputs is not checked again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..primitive import Fused
from ..softmax import softmax_cross_entropy
from . import crossentropy
from .borrowing import Library, numpy_path
from .equations import Equation, Program, Variable
from .expressions import FORMS, Expr, call, elementwise, key_of, keywords
from .literals import Names, Unwritable, comment, number, uniform, wrapped, written
from .tidying import Tidied, immutable_number, nameless

__all__ = ["Readable", "readable", "rewritten"]

LONGEST = 72  # letters of what is written into another expression
ONE_LINE = 40  # letters of a constant that is
HINTS = {"exp": "e", "one_hot": "y"}  # what to call a result without a name


@dataclass
class Readable:
    """The text, and what its function takes.

    source     the module's text
    arguments  by name what the function takes, as it was when the program was recorded
    results    what it returns, by name and as it was then: outputs, new values, gradients
    """

    source: str
    arguments: dict[str, Any]
    results: list[tuple[str, Variable]]


def readable(program: Program) -> str:
    """The source of a program, to be read and run.

    >>> import tinygrad_sm as tg
    >>> print(readable(tg.trace(lambda x, y: np.exp(-x) * y, 1.0, np.ones(3))))  # doctest: +SKIP
    """
    return rewritten(program).source


def rewritten(program: Program) -> Readable:
    """The source of a program, with what its function takes and returns."""
    return _Writer(program).written()


class _Writer:
    """One program on its way to text."""

    def __init__(self, program: Program) -> None:
        self.tidied = tidied = Tidied(program)
        self.program, self.equations = program, tidied.equations
        self.names = Names("program")
        self.called: dict[str, str] = {}
        self.library = Library(self.names)
        self.ready: dict[str, Expr] = {}  # what is written into the expression that reads it
        self.texts: dict[str, Expr] = {}  # other texts than a name: of constants
        self.lines: list[str] = []
        self.phase = ""
        self.things: list[tuple[str, Any]] = []  # generators and large arrays
        self.fused: dict[str, Any] = {}
        self.asked: dict[str, set[int]] = {}  # of fused results, the rules that are applied
        for e in self.equations:
            if hasattr(e.primitive, "fused"):
                self.asked.setdefault(e.inputs[1].name, set()).add(e.primitive.fused[1])
        self.takes = self._inputs()
        order = [*self.takes, *program.variables.values()]
        for v in [*(v for v in order if not nameless(v)), *self.takes]:
            if v.name not in self.called and v.literal is None:
                self.called[v.name] = self.names.new(v.name)
        for name, given in tidied.named.items():
            self.called[name] = self.called[given]
        self._rebind()

    def written(self) -> Readable:
        """The whole module."""
        for equation in self.equations:
            self._equation(equation)
        results = self._results()
        takes = {self.called[v.name]: v.value for v in self.takes} | dict(self.things)
        texts = [f'"{key}": {text}' for key, text in dict(results).items()]
        body = [*self.lines, *wrapped(f"return {{{', '.join(texts)}}}", "    ")]
        helpers = [line for text in self.library.texts for line in ("", "", *text.splitlines())]
        head = wrapped(f"def program({', '.join(takes)}):", "")
        lines = [
            *self._about([key for key, _ in results]),
            "import numpy as np",
            *helpers,
            "",
            "",
            *head,
            *body,
        ]
        made = [*self.tidied.outputs, *(v for _, v in self.tidied.updates), *self.tidied.slopes]
        pairs = list(zip((key for key, _ in results), made, strict=True))
        return Readable("\n".join(lines) + "\n", takes, pairs)

    def _about(self, keys: list[str]) -> list[str]:
        n = len(self.program.outputs)
        made = {
            "results": keys[:n],
            "new values": keys[n : n + len(self.program.updates)],
            "gradients": keys[n + len(self.program.updates) :],
        }
        rows = [f"    {what:10}  {', '.join(dict.fromkeys(some))}" for what, some in made.items() if some]
        return ['"""A recorded program as plain NumPy.', "", "program(...) changes none of its arguments and returns by name:",
                "", *rows, '"""', ""]  # fmt: skip

    # ---- names ----

    def _inputs(self) -> list[Variable]:
        """What the function takes: arguments, parameters, constants, numbers."""
        updated = {first.name for first, _ in self.program.updates}
        read = (
            {x.name for e in self.equations for x in e.reads} | {v.name for v in self.tidied.wanted} | updated
        )
        rest = [v for v in self.program.inputs if v not in self.program.arguments and v.name in read]
        rest = [v for v in rest if v.literal is None and (v.name in updated or not self._printed(v))]
        order = ["input", "parameter", "constant", "number"]
        rest.sort(key=lambda v: order.index(v.kind) if v.kind in order else 2)
        return [*self.program.arguments, *rest]

    def _printed(self, v: Variable) -> bool:
        """Is it a constant that can be written into the text?"""
        if v.kind != "constant" or not nameless(v):
            return False
        try:
            written(v.value)
        except Unwritable:
            return False
        return True

    def _rebind(self) -> None:
        """Give new values the names of what they take the place of, where nobody reads that any more."""
        made = {e.name: i for i, e in enumerate(self.equations)}
        finals = [latest.name for _, latest in self.tidied.updates]
        for first, latest in self.tidied.updates:
            at = made.get(latest.name, -1)
            late = any(
                x.name == first.name and (i > at or self.tidied.reached(e) > at)
                for i, e in enumerate(self.equations) for x in e.reads
            )  # fmt: skip
            if at >= 0 and not late and finals.count(latest.name) == 1 and first not in self.tidied.results:
                self.called[latest.name] = self.called[first.name]

    # ---- equations ----

    def _equation(self, e: Equation) -> None:
        op = e.primitive
        self.current = e
        if op is softmax_cross_entropy:
            z, t, places = self._name(e, 0), self._name(e, 1), self.asked.get(e.name, set())
            self.fused[e.name] = state = crossentropy.CrossEntropy(self, e, z, t, places)
            found = state.loss()
        elif hasattr(op, "fused") and op.fused[0] is softmax_cross_entropy:
            g = e.inputs[0]
            one = immutable_number(g) == 1
            found = self.fused[e.inputs[1].name].gradient(None if one else self._name(e, 0), op.fused[1])
        elif isinstance(op, Fused):
            self._kernel(e)
            return
        elif hasattr(op, "fused"):
            inner, place = op.fused
            rule = self.library.borrow(inner.rules[place], f"{inner.__name__}_rule_{place}", inner.name)
            x = [self._array(e, i) for i in range(len(e.inputs))]
            found = call(rule, [*x[:2], Expr(self.fused[e.inputs[1].name]), *x[2:]], *keywords(self, e))
        else:
            found = self._expression(e)
        self._put(e, found)

    def _expression(self, e: Equation) -> Expr:
        key, x = key_of(e), self._operands(e)
        if key in FORMS and (not elementwise(e) or not all(part.weak for part in x)):
            return FORMS[key](self, e, x)
        if key in crossentropy.HELPERS:
            return call(self.library.add(key, crossentropy.HELPERS[key]), x, *keywords(self, e))
        path, op = numpy_path(e.primitive.function), e.primitive
        if path is None:
            about = comment(f"{op.name}: {op.formula}")
            path = self.library.borrow(op.function, op.__name__, op.name, about)
            x = [self._strong(part, v) for part, v in zip(x, e.inputs, strict=True)]
        return call(path, x, *keywords(self, e))

    def _kernel(self, e: Equation) -> None:
        """A fused op: its kernel gives the output and what it saved."""
        op: Any = e.primitive
        kernel = self.library.borrow(op.kernel, op.__name__, op.name, comment(f"{op.name}: {op.formula}"))
        text = call(kernel, [self._array(e, i) for i in range(len(e.inputs))], *keywords(self, e)).text
        if e.name not in self.asked:
            self._put(e, Expr(f"{text}[0]"))
            return
        name = self._own(e)
        self.fused[e.name] = saved = self.names.new(f"{name}_saved")
        self.line(f"{name}, {saved} = {text}")

    def _put(self, e: Equation, found: Expr) -> None:
        """A line of its own for a result, or a place in the expression that reads it."""
        if self.tidied.inline(e) and len(found.text) <= LONGEST:
            self.ready[e.name] = found
        elif self.tidied.nameless(e.output) and re.fullmatch(r"\w+\.T", found.text):
            self.texts[e.name] = found
        else:
            self.line(f"{self._own(e)} = {self._strong(found, e.output).text}")

    def _own(self, e: Equation) -> str:
        """The name of a result; softmax's quotient is a."""
        if e.name not in self.called:
            hint = HINTS.get(key_of(e), "")
            first, last = (self.tidied.made.get(x.name) for x in (e.inputs[0], e.inputs[-1]))
            if first is not None and key_of(first) == "exp":
                sums = last is not None and key_of(last) == "sum" and last.inputs[0] is e.inputs[0]
                hint = "s" if key_of(e) == "sum" else "a" if key_of(e) == "divide" and sums else hint
            self.called[e.name] = self.names.new(*filter(None, (hint, e.name)))
        return self.called[e.name]

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

    # ---- what is read ----

    def _operands(self, e: Equation) -> list[Expr]:
        """The inputs as expressions, none too long to be read in one line."""
        waiting = [x.name for x in e.inputs if x.name in self.ready]
        while sum(len(self.ready[name].text) for name in waiting) > LONGEST:
            longest = max(waiting, key=lambda name: len(self.ready[name].text))
            waiting.remove(longest)
            self._spill(longest)
        return [self._operand(e, i) for i in range(len(e.inputs))]

    def _spill(self, name: str) -> None:
        e, now = self.tidied.made[name], self.current
        self.current = e
        self.line(f"{self._own(e)} = {self._strong(self.ready.pop(name), e.output).text}")
        self.current = now

    def _operand(self, e: Equation, i: int) -> Expr:
        x = e.inputs[i]
        if x.name in self.ready:
            found = self.ready.pop(x.name)
        elif x.literal is not None:
            return self._number(x.number)
        elif x.name in self.tidied.numbers and (not x.value.ndim or (elementwise(e) and self._implied(e, i))):
            found = Expr(*self.tidied.numbers[x.name], True)
        elif x.name in self.called:
            return Expr(self.called[x.name])
        elif x.name in self.texts:
            return self.texts[x.name]
        elif elementwise(e) and uniform(x.value) and self._implied(e, i):
            value = x.value.ravel()[0].item()
            whole = x.dtype.kind == "f" and np.isfinite(value) and value == int(value) and abs(value) < 1e6
            found = self._number(int(value) if whole and (value or not np.signbit(value)) else value)
        else:
            return self._constant(x)
        return found if not found.weak or (elementwise(e) and self._implied(e, i)) else self._strong(found, x)

    def _implied(self, e: Equation, i: int) -> bool:
        """Do the other inputs alone give the result its shape and dtype?"""
        x, others = e.inputs[i], [v for j, v in enumerate(e.inputs) if j != i and not self._is_number(v)]
        if not others or key_of(e) == "power":
            return False
        kinds = [v.dtype for v in others]
        shape = np.broadcast_shapes(*(v.shape for v in others))
        return np.result_type(*kinds, x.dtype) == np.result_type(*kinds) and shape == e.output.shape

    def _is_number(self, v: Variable) -> bool:
        return v.literal is not None or immutable_number(v) is not None

    def _strong(self, x: Expr, v: Variable) -> Expr:
        """A Python number as one of NumPy's, where its dtype matters."""
        return Expr(f"np.{v.dtype.name}({x.text})") if x.weak and v.literal is None else x

    def _array(self, e: Equation, i: int) -> Expr:
        """An input as an array, for functions that take nothing else."""
        x, found = e.inputs[i], self._operand(e, i)
        return found if x.literal is None and found.text.isidentifier() else call("np.asarray", [found])

    def _name(self, e: Equation, i: int) -> Expr:
        """An input by a name, because it is read more than once."""
        x = e.inputs[i]
        if x.name in self.ready:
            self._spill(x.name)
        found = self._operand(e, i)
        if not found.text.isidentifier() and x.literal is None and x.value.ndim:
            self.called[x.name] = self.names.new(x.name)
            self.line(f"{self.called[x.name]} = {found.text}")
            found = Expr(self.called[x.name])
        return found

    def _number(self, value: Any) -> Expr:
        text = written(value)
        return Expr(
            text, 7 if text.startswith("-") else 9, not isinstance(value, np.generic) and value is not None
        )

    def _constant(self, x: Variable) -> Expr:
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
            return self.called[value.name] if value.name in self.called else self._constant(value).text
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
        raise UnsupportedError(
            f"{self.current.primitive.name}: {key}= holds a {type(value).__name__}, which cannot be written as "
            f"code; use source(style='fast')"
        )

    def thing(self, value: Any, stem: str) -> str:
        """The name of an argument for something that is not written out."""
        for name, known in self.things:
            if known is value:
                return name
        self.things.append((self.names.new(stem), value))
        return self.things[-1][0]

    def _results(self) -> list[tuple[str, str]]:
        """What is returned, each with its key: outputs, new values, gradients."""
        found: list[tuple[str, str]] = []
        keys: set[str] = set()
        for v, latest in zip(self.program.outputs, self.tidied.outputs, strict=True):
            keys.add(key := self.called.get(v.name) or self.names.new(v.name))
            self.called.setdefault(v.name, key)
            found.append((key, self._result(latest)))
        for (first, given), (_, latest) in zip(self.program.updates, self.tidied.updates, strict=True):
            key = self.called[first.name]
            keys.add(
                key := self.names.new(given.name) if key in keys and first in self.tidied.results else key
            )
            found.append((key, self._result(latest)))
        for v, slope in zip(self.tidied.gradients, self.tidied.slopes, strict=True):
            found.append((self.called.get(v.name) or self.names.new(v.name), self._result(slope)))
        return found

    def _result(self, v: Variable) -> str:
        if v.name in self.called:
            return self.called[v.name]
        if v.name in self.tidied.numbers and not v.value.ndim:
            return self._strong(Expr(*self.tidied.numbers[v.name], True), v).text
        return number(v.number) if v.literal is not None else self._constant(v).text
