"""A program as a person would have written it: one NumPy function that stands alone, with its helpers.

`program` takes the arguments, then the parameters, constants and numbers that are read, then random
generators and large arrays. It changes none of them, and returns a dict by name: what the program returns,
and under the name of each input that is updated its new value. Where a program neither returns a gradient nor
updates with one, those that its backward passes lead to are returned too. What the framework checks of its
inputs is not checked again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..softmax import softmax_cross_entropy
from . import crossentropy
from .borrowing import numpy_path
from .equations import Equation, Program, Variable
from .expressions import FORMS, Expr, call, elementwise, key_of, keywords
from .literals import Unwritable, comment, number, wrapped, written
from .page import LONGEST, Page
from .tidying import immutable_number, nameless

__all__ = ["Readable", "readable", "rewritten"]


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

    >>> import numpy as np
    >>> import tinygrad_sm as tg
    >>> print(readable(tg.trace(lambda x, y: np.exp(-x) * y, np.ones(3), np.ones(3))))
    \"\"\"A recorded program as plain NumPy.
    <BLANKLINE>
    program(...) changes none of its arguments and returns by name:
    <BLANKLINE>
        results     out
    \"\"\"
    <BLANKLINE>
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def program(x, y):
        out = np.exp(-x) * y
        return {"out": out}
    <BLANKLINE>
    """
    return rewritten(program).source


def rewritten(program: Program) -> Readable:
    """The source of a program, with what its function takes and returns."""
    return _Writer(program).written()


class _Writer(Page):
    """One program on its way to text."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
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
        for name, given in self.tidied.named.items():
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
        title = "program(...) changes none of its arguments and returns by name:"
        return ['"""A recorded program as plain NumPy.', "", title, "", *rows, '"""', ""]

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
        reached = self.tidied.reached()
        finals = [latest.name for _, latest in self.tidied.updates]
        for first, latest in self.tidied.updates:
            at = made.get(latest.name, -1)
            late = any(
                x.name == first.name and (i > at or reached[e.name] > at)
                for i, e in enumerate(self.equations) for x in e.reads
            )  # fmt: skip
            if at >= 0 and not late and finals.count(latest.name) == 1 and first not in self.tidied.results:
                self.called[latest.name] = self.called[first.name]

    # ---- equations ----

    def _equation(self, e: Equation) -> None:
        op = e.primitive
        self.current = e
        if op is softmax_cross_entropy:
            z, t, places = self.name(e, 0), self.name(e, 1), self.asked.get(e.name, set())
            self.fused[e.name] = state = crossentropy.CrossEntropy(self, e, z, t, places)
            found = state.loss()
        elif hasattr(op, "fused") and op.fused[0] is softmax_cross_entropy:
            g = e.inputs[0]
            one = immutable_number(g) == 1
            found = self.fused[e.inputs[1].name].gradient(None if one else self.name(e, 0), op.fused[1])
        elif op.definition:
            self._kernel(e)
            return
        elif hasattr(op, "fused"):
            inner, place = op.fused
            rule = self.library.borrow(inner.rules[place], f"{inner.__name__}_rule_{place}", inner.name)
            x = [self.array(e, i) for i in range(len(e.inputs))]
            found = call(rule, [*x[:2], Expr(self.fused[e.inputs[1].name]), *x[2:]], *keywords(self, e))
        else:
            found = self._expression(e)
        self._put(e, found)

    def _expression(self, e: Equation) -> Expr:
        key, x = key_of(e), self.operands(e)
        if key in FORMS and (not elementwise(e) or not all(part.weak for part in x)):
            return FORMS[key](self, e, x)
        if key in crossentropy.HELPERS:
            return call(self.library.add(key, crossentropy.HELPERS[key]), x, *keywords(self, e))
        path, op = numpy_path(e.primitive.function), e.primitive
        if path is None:
            about = comment(f"{op.name}: {op.formula}")
            path = self.library.borrow(op.function, op.__name__, op.name, about)
            x = [self.strong(part, v) for part, v in zip(x, e.inputs, strict=True)]
        return call(path, x, *keywords(self, e))

    def _kernel(self, e: Equation) -> None:
        """A fused op: its kernel gives the output and what it saved."""
        op: Any = e.primitive
        kernel = self.library.borrow(op.kernel, op.__name__, op.name, comment(f"{op.name}: {op.formula}"))
        text = call(kernel, [self.array(e, i) for i in range(len(e.inputs))], *keywords(self, e)).text
        if e.name not in self.asked:
            self._put(e, Expr(f"{text}[0]"))
            return
        name = self.own(e)
        self.fused[e.name] = saved = self.names.new(f"{name}_saved")
        self.line(f"{name}, {saved} = {text}")

    def _put(self, e: Equation, found: Expr) -> None:
        """A line of its own for a result, or a place in the expression that reads it."""
        if self.tidied.inline(e) and len(found.text) <= LONGEST:
            self.ready[e.name] = found
        elif self.tidied.nameless(e.output) and re.fullmatch(r"\w+\.T", found.text):
            self.texts[e.name] = found
        else:
            self.line(f"{self.own(e)} = {self.strong(found, e.output).text}")

    # ---- what is returned ----

    def _results(self) -> list[tuple[str, str]]:
        """What is returned, each with its key: outputs, new values, gradients."""
        found: list[tuple[str, str]] = []
        keys: set[str] = set()
        for v, latest in zip(self.program.outputs, self.tidied.outputs, strict=True):
            keys.add(key := self.called.get(v.name) or self.names.new(v.name))
            found.append((key, self._result(latest)))  # before it is called by its key: it may be a constant
            self.called.setdefault(v.name, key)
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
            return self.strong(Expr(*self.tidied.numbers[v.name], True), v).text
        return number(v.number) if v.literal is not None else self.constant(v).text
