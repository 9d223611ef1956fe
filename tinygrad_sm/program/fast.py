"""A program as straight-line NumPy: no op that need not run, results in memory that is used again.

The text defines `make`, which takes the arrays that stay where they are (parameters, constants), makes the
memory and the views of it, and returns `run`, which takes the arguments and returns the results.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..primitive import filled
from .equations import Equation, Program, Variable
from .layout import ALIGNMENT, REDUCTIONS, Layout, adds_rows, elementwise
from .literals import Names

__all__ = ["Emitted", "emit"]


LARGE = 1 << 16  # bytes: arrays of their own of this size are let go as soon as they can be
BY_KEYWORD = {"maximum", "minimum"}  # their third positional argument is deprecated
VIEWS: dict[str, Callable[..., str]] = {
    "transpose": lambda x, axes="None": f"{x}.T" if axes == "None" else f"{x}.transpose({axes})",
    "reshape": lambda x, shape="()": f"{x}.reshape({shape})",
    "swapaxes": lambda x, axis1="0", axis2="1": f"{x}.swapaxes({axis1}, {axis2})",
    "squeeze": lambda x, axis="None": f"{x}.squeeze({axis})",
    "getitem": lambda x, key="()": f"{x}[{key}]",
}


@dataclass
class Emitted:
    """The text, and what it has to be given.

    source     the module's text
    stays      the variables whose arrays `make` takes, in order
    things     what `make` takes besides, by name: constants, and functions that are not NumPy's
    arguments  the variables that `run` takes
    """

    source: str
    stays: list[Variable]
    things: dict[str, Any]
    arguments: list[Variable]


def emit(program: Program, comes: Iterable[Variable] = ()) -> Emitted:
    """The program as text. `comes` are inputs that are given at each call, after the arguments."""
    return _Emitter(program, [*program.arguments, *comes]).emitted()


class _Emitter:
    """One program on its way to text."""

    def __init__(self, program: Program, arguments: list[Variable]) -> None:
        self.program, self.arguments = program, arguments
        self.layout = Layout(program)
        self.pool = Names("make", "run", "block", *{*dir(np)} - {"ones"})
        self.names = {v.name: self.pool.new(v.name) for v in program.variables.values() if v.literal is None}
        read = (e.inputs[1].name for e in program if hasattr(e.primitive, "fused"))
        self.saved = {name: self.pool.new(f"{self.names[name]}_saved") for name in dict.fromkeys(read)}
        self.stays = [v for v in program.inputs if v not in arguments and v.literal is None]
        self.fixed = {v.name for v in self.stays}  # what is the same object in every call
        self.imports: set[str] = set()
        self.things: dict[str, Any] = {}
        self.named: dict[int, str] = {}  # the names of things by their ids
        self.setup: list[str] = []
        self.lines: list[str] = []
        self.held: dict[str, list[str]] = {}  # by root: the names that hold a large array of its own

    def emitted(self) -> Emitted:
        for i, equation in enumerate(self.program):
            self._equation(equation)
            self._let_go(i, equation)
        results = self._results()
        for first, latest in self.program.updates:
            place = self.layout.places.get(latest.name)
            if place is None or (place.kind, place.of) != ("state", first.name):
                self.lines.append(f"{self._numpy('copyto')}({self.text(first)}, {self.text(latest)})")
        outer = [*(self.names[v.name] for v in self.stays), *self.things]
        inner = [self.names[v.name] for v in self.arguments]
        size = self.layout.size
        block = [
            f"block = np.empty({size + ALIGNMENT}, np.uint8)",
            f"block = block[-block.ctypes.data % {ALIGNMENT}:]",
        ] if size else []  # fmt: skip
        text = [
            "import numpy as np",
            *([f"from numpy import {', '.join(sorted(self.imports))}"] if self.imports else []),
            "", "",
            f"def make({', '.join(outer)}):",
            *(f"    {line}" for line in [*block, *self.setup]),
            "",
            f"    def run({', '.join(inner)}):",
            *(f"        {line}" for line in [*self.lines, f"return {results}"]),
            "",
            "    return run",
            "",
        ]  # fmt: skip
        return Emitted("\n".join(text), self.stays, self.things, self.arguments)

    # ---- equations ----

    def _equation(self, equation: Equation) -> None:
        op, y = equation.primitive, self.names[equation.name]
        kind, of, start = self.layout.places[equation.name]
        if kind == "view":
            self._define(equation, self._view(equation), self.layout.roots[equation.name], equation.reads)
        elif op.definition:
            kernel = self.thing(f"{op.__name__}_kernel", op.kernel)
            saved = self.saved.get(equation.name, "_")
            self.lines.append(f"{y}, {saved} = {self._call(kernel, equation)}")
        elif hasattr(op, "fused"):
            inner, place = op.fused
            rule = self.thing(f"{inner.__name__}_rule" + f"_{place}" * (place > 0), inner.rules[place])
            g, forward, *inputs = map(self.text, equation.inputs)
            saved = self.saved[equation.inputs[1].name]
            parts = [g, forward, saved, *inputs, *self._keywords(equation)]
            self.lines.append(f"{y} = {rule}({', '.join(parts)})")
            self.held[equation.name] = [y]
        elif kind == "own":
            self.lines.append(f"{y} = {''.join(self._compute(equation))}")
            self.held[equation.name] = [y]
        else:
            before, after = self._compute(equation)
            before += ", out=" if op.name in BY_KEYWORD else ", "
            if kind == "block":
                self._define(equation, self._in_block(equation.output, start), "")
                self.lines.append(f"{before}{y}{after}")
            elif of in self.fixed:
                self._define(equation, self.names[of], of)
                self.lines.append(f"{before}{y}{after}")
            else:
                self.lines.append(f"{y} = {before}{self.names[of]}{after}")
                self.held[equation.name] = [*self.held.pop(of, ()), y]

    def _define(self, equation: Equation, text: str, root: str, reads: Sequence[Variable] = ()) -> None:
        """A name for an array that is there: once, if it is the same in each call."""
        name = self.names[equation.name]
        if all(x.literal is not None or x.name in self.fixed for x in reads):
            self.setup.append(f"{name} = {text}")
            self.fixed.add(equation.name)
        else:
            self.lines.append(f"{name} = {text}")
            self.held.setdefault(root, []).append(name)

    def _in_block(self, v: Variable, start: int) -> str:
        strides = "" if v.value.flags.c_contiguous else f", {v.value.strides}"
        return f"np.ndarray({v.shape}, {v.dtype.str!r}, block, {start}{strides})"

    def _view(self, equation: Equation) -> str:
        op = equation.primitive
        if op.name in VIEWS and len(equation.inputs) == 1:
            attrs = {key: self.literal(value) for key, value in equation.attrs.items()}
            return VIEWS[op.name](self.text(equation.inputs[0]), **attrs)
        return self._call(self._function(equation), equation)

    def _compute(self, equation: Equation) -> tuple[str, str]:
        """The call, up to where `out` may stand, and the rest."""
        op, attrs = equation.primitive, equation.attrs
        arrays = [x for x in equation.inputs if x.literal is None]
        if elementwise(equation):
            floats = len(arrays) == 1 and arrays[0].dtype.kind == "f"
            parts = [self.text(x, arrays[0].dtype if floats else None) for x in equation.inputs]
            return f"{self._numpy(op.function.__name__)}({', '.join(parts)}", ")"
        if op.name in REDUCTIONS and not attrs.keys() - {"axis", "keepdims"}:
            axis = self.literal(attrs.get("axis"))
            keep = f", {self.literal(attrs['keepdims'])}" if "keepdims" in attrs else ""
            reduce = f"{self._numpy(REDUCTIONS[op.name].__name__)}.reduce"
            out = "" if self.layout.places[equation.name].kind != "own" else ", None" * bool(keep)
            return f"{reduce}({self.text(arrays[0])}, {axis}, None{out}", f"{keep})"
        if op.name == "matmul" and all(x.value.ndim == 2 for x in arrays):
            return f"{self.text(arrays[0])}.dot({self.text(arrays[1])}", ")"
        if adds_rows(equation):
            ones = self.thing("ones", filled(1, arrays[0].dtype, arrays[0].shape[0]))
            return f"{ones}.dot({self.text(arrays[0])}", ")"
        texts = list(map(self.text, equation.inputs))
        if op.name == "power":
            return f"({texts[0]}) ** {texts[1]}", ""
        if op.name == "getitem":
            return f"{texts[0]}[{self.literal(attrs['key'])}]", ""
        return self._call(self._function(equation), equation), ""

    def _function(self, equation: Equation) -> str:
        op = equation.primitive
        name = getattr(op.function, "__name__", "")
        if getattr(np, name, None) is op.function:
            return self._numpy(name)
        return self.thing(re.sub(r"\W", "_", op.name), op.run)

    def _call(self, name: str, equation: Equation) -> str:
        return f"{name}({', '.join([*map(self.text, equation.inputs), *self._keywords(equation)])})"

    def _keywords(self, equation: Equation) -> list[str]:
        return [f"{key}={self.literal(value)}" for key, value in equation.attrs.items()]

    def _let_go(self, i: int, equation: Equation) -> None:
        """Delete the names of a large array that has been read for the last time."""
        for root in sorted(
            {self.layout.roots[x.name] for x in [*equation.reads, equation.output] if x.literal is None}
        ):
            last = self.layout.last.get(root) == i and root in self.held
            if last and self.program.variables[root].value.nbytes >= LARGE:
                self.lines.append(f"del {', '.join(self.held.pop(root))}")

    def _results(self) -> str:
        taken: set[str] = set()
        texts = []
        for v in self.program.outputs:
            root = self.layout.roots[v.name]
            place = self.layout.places.get(root)
            own = place is not None and place.kind == "own" and root not in taken
            taken.add(root)
            texts.append(self.text(v) if own else f"{self._numpy('array')}({self.text(v)})")
        return f"({', '.join(texts)},)" if texts else "()"

    # ---- names ----

    def _numpy(self, name: str) -> str:
        """The name of a NumPy function in the text."""
        if hasattr(builtins, name):
            return f"np.{name}"
        self.imports.add(name)
        return name

    def text(self, x: Variable, dtype: Any = None) -> str:
        """A variable in the text; a Python number as an array of the dtype that it takes on, if given."""
        if x.literal is None:
            return self.names[x.name]
        number = x.number
        if dtype is not None and type(number) in (int, float):
            array = filled(number, dtype) if number else np.full((), number, dtype)  # 0.0 is not -0.0
            return self.thing("c_" + re.sub(r"\W", "_", x.literal), array)
        return self.literal(number)

    def literal(self, value: Any) -> str:
        """A value as code, if it can be written so that nothing is lost; else the name of a thing."""
        if isinstance(value, Variable):
            return self.text(value)
        if value is None or type(value) in (bool, int, str) or (type(value) is float and np.isfinite(value)):
            return repr(value)
        if type(value) in (tuple, list):
            inner = ", ".join(map(self.literal, value))
            return f"[{inner}]" if type(value) is list else f"({inner}{',' * (len(value) == 1)})"
        if type(value) is slice:
            return f"slice({', '.join(map(self.literal, (value.start, value.stop, value.step)))})"
        return "..." if value is Ellipsis else self.thing("thing", value)

    def thing(self, stem: str, value: Any) -> str:
        """The name of something that `make` is given."""
        if id(value) not in self.named:
            self.named[id(value)] = name = self.pool.new(stem)
            self.things[name] = value
        return self.named[id(value)]
