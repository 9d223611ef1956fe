"""A program as straight-line NumPy: no op that need not run, results in buffers that are used again.

The text defines `make`, which takes the arrays that stay where they are (parameters, constants), makes the
buffers and the views of them, and returns `run`, which takes the arguments and returns the results.

    storage of a result      when
    a view                   it shares its input's memory
    an array of its own      it is returned, or its function takes no `out`
    the array to be updated  it is the new value of it, and nobody reads the old one any more
    an input's               each entry depends on that entry alone, and nobody reads the input any more
    a part of `memory`       else; the parts of what nobody reads any more are used again
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..primitive import Fused, filled
from .equations import Equation, Program, Variable
from .memory import ALIGNMENT, Memory
from .optimising import alike

__all__ = ["Emitted", "emit", "identifiers"]

LARGE = 1 << 16  # bytes: results of their own of this size are let go as soon as they can be
REDUCTIONS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply}
VIEWS = {
    "transpose": lambda x, axes=None: f"{x}.T" if axes is None else f"{x}.transpose({axes})",
    "reshape": lambda x, shape=(): f"{x}.reshape({shape})",
    "swapaxes": lambda x, axis1=0, axis2=1: f"{x}.swapaxes({axis1}, {axis2})",
    "squeeze": lambda x, axis=None: f"{x}.squeeze({axis})",
}


@dataclass
class Emitted:
    """The text, and what it has to be given.

    source     the module's text
    stays      the variables whose arrays `make` takes, in order
    arguments  the variables that `run` takes
    things     what the text names that cannot be written down: constants, functions that are not NumPy's
    nbytes     the size of `memory`
    """

    source: str
    stays: list[Variable]
    arguments: list[Variable]
    things: dict[str, Any] = field(default_factory=dict)
    nbytes: int = 0


def emit(program: Program, comes: Iterable[str] = ()) -> Emitted:
    """The program as text. `comes` names inputs that are given at each call, besides the arguments."""
    return Emitter(program, set(comes)).emitted()


class Emitter:
    """One program on its way to text."""

    def __init__(self, program: Program, comes: set[str]) -> None:
        self.program = program
        self.names = identifiers(program)
        called = {v.name for v in program.arguments} | comes
        self.arguments = [
            *program.arguments, *(v for v in program.inputs if v.name in called and v not in program.arguments),
        ]  # fmt: skip
        self.called = {v.name for v in self.arguments}
        self.stays = [v for v in program.inputs if v.name not in self.called and v.literal is None]
        self.imports: dict[str, None] = {}
        self.things: dict[str, Any] = {}
        self.setup: list[str] = []
        self.lines: list[str] = []
        self.memory = Memory()
        self.assigned: dict[str, list[str]] = {}  # for an array of its own, the names that hold it
        self.where: dict[str, Any] = {
            v.name: v.name for v in self.stays
        }  # a place in memory, a state, or None
        self.static = {v.name for v in self.stays}  # what is the same object in every call
        self.root = {v.name: v.name for v in program.inputs}
        self.saved = self._rules_that_read()
        self._look_ahead()

    # ---- what is known before ----

    def _look_ahead(self) -> None:
        """Roots of views, last uses, what is returned, and where updates shall go."""
        program = self.program
        self.last: dict[str, int] = {}
        uses: dict[str, list[int]] = {}
        for i, equation in enumerate(program):
            reads = [x for x in equation.reads if x.literal is None]
            shared = [x for x in reads if self._is_view(equation, x)]
            self.root[equation.name] = self.root[shared[0].name] if shared else equation.name
            for x in reads:
                self.last[self.root[x.name]] = i
                uses.setdefault(self.root[x.name], []).append(i)
            self.last.setdefault(self.root[equation.name], i)
        self.returned = {self.root[v.name] for v in program.outputs}
        end = len(program)
        for v in program.outputs:
            self.last[self.root[v.name]] = end
        self.target = {latest.name: first.name for first, latest in program.updates}
        self.pending = {first.name for first, _ in program.updates}
        places = {equation.name: i for i, equation in enumerate(program)}
        for first, latest in program.updates:  # of p *= a; p -= b the first can be done in place, too
            name: str | None = latest.name
            while name in places:
                name = self._step_before(program[places[name]], first, uses, places)
                if name is not None:
                    self.target[name] = first.name
        for _, latest in program.updates:
            self.last[self.root[latest.name]] = end

    def _step_before(
        self, equation: Equation, state: Variable, uses: dict[str, list[int]], places: dict[str, int]
    ) -> str | None:
        """An input that was computed of the state for this equation alone, entry by entry."""
        for x in equation.inputs:
            if x.name in places and len(uses[self.root[x.name]]) == 1 and x.name not in self.target:
                before = self.program[places[x.name]]
                if elementwise(before) and state in before.inputs and alike(x, state):
                    return x.name
        return None

    @staticmethod
    def _is_view(equation: Equation, x: Variable) -> bool:
        """Does a result share its input's memory?"""
        if elementwise(equation) or equation.primitive.name in REDUCTIONS or not equation.value.nbytes:
            return False
        arrays = [v.value for v in (x, equation.output)]
        live = [v.source.value if v.source else v.value for v in (x, equation.output)]
        return any(np.may_share_memory(*pair) for pair in (arrays, live))

    def _rules_that_read(self) -> set[str]:
        """The results of fused ops of which a rule wants to know what was saved."""
        return {e.inputs[1].name for e in self.program if hasattr(e.primitive, "fused")}

    # ---- the text ----

    def emitted(self) -> Emitted:
        program = self.program
        for i, equation in enumerate(program):
            self._equation(i, equation)
            self._let_go(i, equation)
        for first, latest in program.updates:
            if self.where.get(latest.name) != first.name:
                self.lines.append(f"{self.np('copyto')}({self.text(first)}, {self.text(latest)})")
        results = self._results()
        outer = [self.names[v.name] for v in self.stays] + list(self.things)
        head = ["import numpy as np"]
        if self.imports:
            head.append(f"from numpy import {', '.join(sorted(self.imports))}")
        body = [f"def make({', '.join(outer)}):"]
        if self.memory.size:
            body.append(f"    memory = np.empty({self.memory.size + ALIGNMENT}, np.uint8)")
            body.append(f"    memory = memory[-memory.ctypes.data % {ALIGNMENT}:]")
        body += [f"    {line}" for line in self.setup]
        inner = [self.names[v.name] for v in self.arguments]
        body += ["", f"    def run({', '.join(inner)}):", *(f"        {line}" for line in self.lines)]
        body += [f"        return {results}", "", "    return run"]
        source = "\n".join([*head, "", "", *body, ""])
        return Emitted(source, self.stays, self.arguments, self.things, self.memory.size)

    def _results(self) -> str:
        taken: set[str] = set()
        texts = []
        for v in self.program.outputs:
            root = self.root[v.name]
            own = root in self.where and self.where[root] is None and root not in taken
            taken.add(root)
            texts.append(self.text(v) if own else f"{self.np('array')}({self.text(v)})")
        return ", ".join(texts) + "," * (len(texts) == 1) if texts else "()"

    def np(self, name: str) -> str:
        """The name of a NumPy function in the text."""
        if name in ("abs", "max", "min", "round", "sum", "pow", "all", "any", "bool", "float", "int"):
            return f"np.{name}"
        self.imports[name] = None
        return name

    def text(self, x: Variable, like: Any = None) -> str:
        """A variable in the text; a number as an array without axes of the dtype that it takes on, if given."""
        if x.literal is None:
            return self.names[x.name]
        number = x.number
        if like is not None and type(number) in (int, float):
            return self.thing(f"c_{re.sub('[^0-9]', '_', x.literal)}", filled(number, like))
        return self.literal(number)

    def literal(self, value: Any) -> str:
        """A value that stands in the code, as code if it can be written so that nothing is lost."""
        if isinstance(value, Variable):
            return self.text(value)
        if value is None or type(value) in (bool, int, str) or (type(value) is float and np.isfinite(value)):
            return repr(value)
        if type(value) in (tuple, list):
            inner = ", ".join(map(self.literal, value))
            if type(value) is list:
                return f"[{inner}]"
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if type(value) is slice:
            return f"slice({', '.join(self.literal(part) for part in (value.start, value.stop, value.step))})"
        if value is Ellipsis:
            return "..."
        return self.thing("thing", value)

    def thing(self, stem: str, value: Any) -> str:
        """The name of something that `make` is given."""
        for name, known in self.things.items():
            if known is value:
                return name
        n = 1
        while (name := f"{stem}_{n}" if n > 1 else stem) in self.things or name in self.names.values():
            n += 1
        self.things[name] = value
        return name

    def call(self, name: str, equation: Equation, *more: str) -> str:
        """A call with an equation's inputs and attributes."""
        parts = [self.text(x) for x in equation.inputs]
        parts += [f"{key}={self.literal(value)}" for key, value in equation.attrs.items()]
        return f"{name}({', '.join([*parts, *more])})"

    def _equation(self, i: int, equation: Equation) -> None:
        op, y = equation.primitive, self.names[equation.name]
        if isinstance(op, Fused):
            kernel = self.thing(f"{op.__name__}_kernel", op.kernel)
            saved = f"{y}_saved" if equation.name in self.saved else "_"
            self._own(equation, f"{y}, {saved} = {self.call(kernel, equation)}")
        elif hasattr(op, "fused"):
            inner, place = op.fused
            rule = self.thing(f"{inner.__name__}_rule" + f"_{place}" * (place > 0), inner.rules[place])
            g, forward, *inputs = map(self.text, equation.inputs)
            attrs = [f"{key}={self.literal(value)}" for key, value in equation.attrs.items()]
            parts = [g, forward, f"{forward}_saved", *inputs, *attrs]
            self._own(equation, f"{y} = {rule}({', '.join(parts)})")
        elif self.root[equation.name] != equation.name:
            self._view(equation)
        else:
            self._compute(i, equation)

    def _own(self, equation: Equation, line: str) -> None:
        """A result in an array of its own."""
        self.lines.append(line)
        self.where[equation.name] = None
        self.assigned[equation.name] = [self.names[equation.name]]

    def _view(self, equation: Equation) -> None:
        op, y = equation.primitive, self.names[equation.name]
        first = equation.inputs[0]
        if op.name in VIEWS:
            attrs = {key: self.literal(value) for key, value in equation.attrs.items()}
            text = VIEWS[op.name](self.text(first), **attrs)
        elif op.name == "getitem":
            text = f"{self.text(first)}[{self.literal(equation.attrs['key'])}]"
        else:
            text = self.call(self._function(equation), equation)
        fixed = all(x.literal is not None or x.name in self.static for x in equation.reads)
        (self.setup if fixed else self.lines).append(f"{y} = {text}")
        if fixed:
            self.static.add(equation.name)
        elif (root := self.root[equation.name]) in self.assigned:
            self.assigned[root].append(y)

    def _compute(self, i: int, equation: Equation) -> None:
        """A result by a NumPy function, with `out` where it takes one."""
        op, y = equation.primitive, self.names[equation.name]
        a = [x for x in equation.inputs if x.literal is None]
        call, takes_out = None, True
        if elementwise(equation):
            like = next((x.dtype for x in a if x.dtype.kind == "f"), None) if len(a) == 1 else None
            parts = [self.text(x, like) for x in equation.inputs]
            call = f"{self.np(op.function.__name__)}({', '.join(parts)}", ")"
        elif op.name in REDUCTIONS and not equation.attrs.keys() - {"axis", "keepdims"}:
            axis = self.literal(equation.attrs.get("axis"))
            keep = ", keepdims=True" if equation.attrs.get("keepdims") else ""
            call = (
                f"{self.np(REDUCTIONS[op.name].__name__)}.reduce({self.text(a[0])}, {axis}, None",
                f"{keep})",
            )
        elif op.name == "matmul" and a[0].value.ndim == a[1].value.ndim == 2:
            call, takes_out = (
                (f"{self.text(a[0])}.dot({self.text(a[1])}", ")"),
                equation.value.flags.c_contiguous,
            )
        elif op.name == "sum_to" and len(equation.output.shape) == 1 and a[0].value.ndim == 2:
            ones = self.thing("ones", filled(1, a[0].dtype, a[0].shape[0]))
            call = f"{ones}.dot({self.text(a[0])}", ")"
        out = self._place(i, equation) if call is not None and takes_out else None
        if call is None:
            self._own(equation, f"{y} = {self._plain(equation)}")
        elif out is None:
            self._own(equation, f"{y} = {call[0]}{call[1]}")
        else:
            self.lines.append(f"{call[0]}, {out}{call[1]}")

    def _plain(self, equation: Equation) -> str:
        """A function called as the table has it."""
        op, texts = equation.primitive, list(map(self.text, equation.inputs))
        if op.name == "power":
            return f"{texts[0]} ** {texts[1]}"
        if op.name == "where":
            return f"{self.np('where')}({', '.join(texts)})"
        if op.name == "getitem":
            return f"{texts[0]}[{self.literal(equation.attrs['key'])}]"
        if op.name == "astype":
            return f"{texts[0]}.astype({self.literal(equation.attrs['dtype'])})"
        return self.call(self._function(equation), equation)

    def _function(self, equation: Equation) -> str:
        op = equation.primitive
        name = getattr(op.function, "__name__", "")
        if getattr(np, name, None) is op.function:
            return self.np(name)
        return self.thing(re.sub(r"\W", "_", op.name), op.function)

    # ---- where results go ----

    def _place(self, i: int, equation: Equation) -> str | None:
        """What to give as `out`: None for an array of its own."""
        v, name = equation.output, self.names[equation.name]
        state = self.target.get(v.name)
        if state is not None and v.name not in self.returned and self._is_free(state, i, equation):
            self.where[v.name] = state
            self._alias(v, self.names[state], state)
            return name
        if v.name in self.returned or not v.value.nbytes:
            return None
        if elementwise(equation):
            for x in equation.inputs:
                if self._can_take_over(x, v, i, equation):
                    self.where[v.name] = self.where[x.name]
                    self.where[x.name] = None
                    self._alias(v, self.names[x.name], x.name)
                    return name
        place = self.memory.take(v.value.nbytes)
        self.where[v.name] = place
        start, dtype = place[0], v.dtype.str
        layout = "" if v.value.flags.c_contiguous else f", {v.value.strides}"
        self.setup.append(f"{name} = np.ndarray({v.shape}, {dtype!r}, memory, {start}{layout})")
        self.static.add(v.name)
        return name

    def _alias(self, v: Variable, other: str, of: str) -> None:
        """Let a variable be the array that another is."""
        fixed = of in self.static
        (self.setup if fixed else self.lines).append(f"{self.names[v.name]} = {other}")
        if fixed:
            self.static.add(v.name)
        else:
            self.assigned[v.name] = [*self.assigned.pop(of, ()), self.names[v.name]]

    def _is_free(self, state: str, i: int, equation: Equation) -> bool:
        """May the new value of a state be written now? Its old one is read by nobody later, nor by another
        part of the same op."""
        v, first = equation.output, self.program.variables[state]
        holders = [
            n for n, place in self.where.items() if place == state and self.last.get(self.root[n], -1) >= i
        ]
        if v.shape != first.shape or v.dtype != first.dtype or v.value.strides != first.value.strides:
            return False
        for holder in holders:
            direct = [x for x in equation.reads if x.name == holder]
            views = [x for x in equation.reads if self.root.get(x.name) == holder and x.name != holder]
            if self.last[holder] > i or views or (direct and not elementwise(equation)):
                return False
        return True

    def _can_take_over(self, x: Variable, v: Variable, i: int, equation: Equation) -> bool:
        place = self.where.get(x.name, ())
        ours = isinstance(place, tuple) and place or (place is None and x.name not in self.returned)
        return bool(
            x.literal is None and ours and self.root[x.name] == x.name and self.last[x.name] == i
            and x.shape == v.shape and x.dtype == v.dtype and x.value.strides == v.value.strides
            and x.value.flags.writeable
            and not any(self.root.get(o.name) == x.name and o.name != x.name for o in equation.reads)
        )  # fmt: skip

    def _let_go(self, i: int, equation: Equation) -> None:
        """Free the memory of what is read for the last time."""
        for name in {self.root[x.name] for x in equation.reads if x.literal is None} | {
            self.root[equation.name]
        }:
            if self.last[name] == i and name in self.where:
                place = self.where[name]
                if isinstance(place, tuple):
                    self.memory.free(place)
                    self.where[name] = None
                elif name in self.assigned and self.program.variables[name].value.nbytes >= LARGE:
                    self.lines.append(f"del {', '.join(self.assigned.pop(name, ()))}")


def elementwise(equation: Equation) -> bool:
    """Does each entry of the result depend on the same entries of the inputs alone?"""
    function = equation.primitive.function
    return isinstance(function, np.ufunc) and function.signature is None


def identifiers(program: Program) -> dict[str, str]:
    """A Python name for each variable, as near to its own as can be."""
    taken = {
        "make",
        "run",
        "memory",
        "np",
        "ones",
        "_",
        *dir(np),
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(__builtins__),
    }
    names: dict[str, str] = {}
    for name, v in program.variables.items():
        if v.literal is not None:
            continue
        stem = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "v"
        stem = f"layer_{stem}" if stem[0].isdigit() else stem
        unique, n = stem, 1
        while unique in taken:
            n += 1
            unique = f"{stem}_{n}"
        taken.add(unique)
        names[name] = unique
    return names
