"""Programs: a graph as a flat list of equations, each an op that makes one variable of others.

    e = exp(z)
    s = sum(e, axis=-1)
    a = divide(e, s)

A Program holds arrays and names and points to no Tensor: it keeps no graph alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..primitive import Primitive

__all__ = ["Array", "Equation", "Program", "Variable", "substitute"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class Variable:
    """What an equation reads or makes.

    name       unique within its program
    kind       "parameter" (a leaf that requires grad), "constant", "intermediate", "gradient" (of a backward
               pass that is shown) or "output"
    value      its array
    gradient   dL/dvariable, or None where it is not known
    scope      the names of the scopes that it belongs to; of a leaf, those that all who read it share
    literal    of a number that stands in the code: its repr
    source     of a traced program's: where the value comes from (see `recording.Slot`)
    """

    name: str
    kind: str
    value: Array = field(repr=False)
    gradient: Array | None = field(default=None, repr=False)
    scope: tuple[str, ...] = ()
    literal: str | None = None
    source: Any = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def number(self) -> Any:
        """The value as an op is given it: an array, or the number that stands in the code."""
        if self.literal is None:
            return self.value
        return self.value[()] if self.literal.startswith("np.") else self.value.item()  # NumPy's or Python's

    def __str__(self) -> str:
        return self.name if self.literal is None else self.literal

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}: {self.dtype} {self.shape}>"


@dataclass(frozen=True, eq=False, slots=True)
class Equation:
    """One op: output = primitive(*inputs, **attrs), computed within a scope.

    shares          the place of the input whose memory the output is in, None if it has its own
    contributions   for each input the part of its gradient that comes back from here, None where there is
                    none; empty where it is not known
    """

    primitive: Primitive
    inputs: tuple[Variable, ...]
    attrs: dict[str, Any]
    output: Variable
    scope: tuple[str, ...] = ()
    contributions: tuple[Array | None, ...] = field(default=(), repr=False)
    shares: int | None = None

    @property
    def name(self) -> str:
        return self.output.name

    @property
    def reads(self) -> list[Variable]:
        """All variables that it reads: its inputs, and those in its attributes, such as a traced index."""
        found = list(self.inputs)
        for value in self.attrs.values():
            substitute(value, lambda part: found.append(part) if isinstance(part, Variable) else None)
        return found

    @property
    def value(self) -> Array:
        return self.output.value

    @property
    def gradient(self) -> Array | None:
        return self.output.gradient

    @property
    def keywords(self) -> list[str]:
        """The attributes, as they would be written in a call."""
        return [f"{key}={short(value)}" for key, value in self.attrs.items()]

    @property
    def call(self) -> str:
        """The right-hand side, as it would be called: sum(e, axis=-1)."""
        return f"{self.primitive.name}({', '.join([*map(str, self.inputs), *self.keywords])})"

    def __str__(self) -> str:
        return f"{self.name} = {self.call}"

    def __repr__(self) -> str:
        return f"<{self}: {self.output.dtype} {self.output.shape}>"


class Program:
    """A flat list of equations in forward order.

    equations   the equations: iterate over the program, or index it by a number
    outputs     the variables that it computes; the gradients are those of their sum
    variables   all of them by name, in the order of their first use; `program["W"]` is one
    inputs      those that no equation makes: arguments, parameters and constants
    arguments   of a traced function: its arguments
    updates     of a traced function: pairs of an input and what takes its place, in the same array, at the
                end
    """

    __slots__ = ("__weakref__", "arguments", "equations", "inputs", "outputs", "updates", "variables")

    def __init__(
        self,
        equations: Iterable[Equation],
        outputs: Iterable[Variable],
        arguments: Iterable[Variable] = (),
        updates: Iterable[tuple[Variable, Variable]] = (),
    ) -> None:
        self.equations, self.outputs = tuple(equations), tuple(outputs)
        self.arguments, self.updates = tuple(arguments), tuple(updates)
        found: dict[str, Variable] = {v.name: v for v in self.arguments}
        for equation in self.equations:
            for variable in (*equation.reads, equation.output):
                found.setdefault(variable.name, variable)
        rest = [*self.outputs, *(v for pair in self.updates for v in pair)]
        self.variables = found | {v.name: v for v in rest if v.name not in found}
        made = {equation.name for equation in self.equations}
        self.inputs = tuple(v for v in self.variables.values() if v.name not in made)

    def __len__(self) -> int:
        return len(self.equations)

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.equations)

    def __getitem__(self, key: int | slice | str) -> Any:
        return self.variables[key] if isinstance(key, str) else self.equations[key]

    def __eq__(self, other: object) -> bool:
        """The same ops on variables of the same names, dtypes and shapes, with the same constants?"""
        if not isinstance(other, Program):
            return NotImplemented
        return self._text() == other._text() and self._constants() == other._constants()

    def __hash__(self) -> int:
        return hash(self._text())

    def _text(self) -> Any:
        ends = [v.name for v in (*self.arguments, *self.outputs, *(v for pair in self.updates for v in pair))]
        return tuple((repr(equation), equation.scope) for equation in self), tuple(ends)

    def _constants(self) -> list[Any]:
        """All numbers and arrays that are part of the program itself."""
        found: list[Any] = []
        for equation in self:
            for value in equation.attrs.values():
                substitute(value, lambda part: found.append(part) if isinstance(part, np.ndarray) else None)
        found += [v.value for v in self.inputs if v.kind == "constant"]
        return [(a.shape, a.dtype.str, a.tobytes()) for a in found]

    def __repr__(self) -> str:
        return f"<Program {self.title}>"

    def __str__(self) -> str:
        from ..show.text import printed

        return printed(self)

    def replay(self, changes: Mapping[str, Array]) -> dict[str, Array]:
        """Every value by name, computed anew from the inputs after some variables were given other values.

        >>> from tinygrad_sm import Tensor
        >>> from tinygrad_sm.program import graph
        >>> x = Tensor(3.0, requires_grad=True, name="x")
        >>> program = graph(x * x)
        >>> program.replay({"x": 5.0})[program.outputs[0].name]
        np.float64(25.0)
        """
        values: dict[str, Any] = {name: v.value for name, v in self.variables.items()} | dict(changes)
        changed = set(changes)
        for equation in self:
            if equation.name not in changes and any(x.name in changed for x in equation.reads):
                inputs = (x.number if x.literal is not None else values[x.name] for x in equation.inputs)
                attrs = {
                    key: substitute(value, lambda x: values[x.name] if isinstance(x, Variable) else x)
                    for key, value in equation.attrs.items()
                }
                values[equation.name] = equation.primitive.function(*inputs, **attrs)
                changed.add(equation.name)
        return values

    @property
    def title(self) -> str:
        """What it computes, and out of how many things."""
        kinds = [v.kind for v in self.inputs if v.literal is None]
        counts = [("equation", len(self)), *((kind, kinds.count(kind)) for kind in ("parameter", "constant"))]
        parts = [f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts if n or what == "equation"]
        return f"of {', '.join(v.name for v in self.outputs)}: {', '.join(parts)}"

    # ---- what show/ makes of it ----

    def text(self) -> str:
        """A table: each variable with its op, shape, dtype, value and gradient ("—" if unknown)."""
        from ..show.text import text

        return text(self)

    def latex(self) -> str:
        """The equations as formulas with their values, in LaTeX (with amsmath)."""
        from ..show.explain import formulas

        return formulas(self)

    def source(self, style: str = "readable") -> str:
        """The program as Python: to be read and run by itself ("readable"), or as it is compiled ("fast")."""
        from .fast import emit
        from .optimising import optimised
        from .readable import readable

        if style == "readable":
            return readable(self)
        if style != "fast":
            raise UnsupportedError(f"a program has no source of style {style!r}; use 'readable' or 'fast'")
        return emit(optimised(self), [v for v in self.inputs if v.kind == "number"]).source

    def svg(self, depth: int | None = None, down: bool = False) -> str:
        """A picture in SVG, for which nothing need be installed.

        depth   how many levels of scopes are open; by default all, or as many as leave at most 400 cards
        down    whether it goes from top to bottom instead of from left to right
        """
        from ..show.svg import svg

        return svg(self, depth, down)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows."""
        return {"image/svg+xml": self.svg(), "text/plain": self.text()}

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        from ..show.dot import dot

        return dot(self)

    def save(self, path: str | Path) -> Path:
        """Write the graph to a file: .txt, .dot, .svg, .tex, .png or .pdf. Returns the path.

        Raises UnsupportedError for another kind of file, MissingError where .png or .pdf need CairoSVG and it
        is missing.
        """
        from ..show import saving

        path = Path(path)
        writers: dict[str, Callable[[], str]] = {
            ".txt": lambda: self.text() + "\n",
            ".dot": self.dot,
            ".tex": self.latex,
        }
        suffix = path.suffix.lower()
        if suffix in (".svg", ".png", ".pdf"):
            return saving.save(self.svg(), path)
        if suffix not in writers:
            kinds = ", ".join([*writers, ".svg", ".png", ".pdf"])
            raise UnsupportedError(f"a graph is not saved as {path.name!r}; use one of {kinds}")
        path.write_text(writers[suffix](), encoding="utf-8")
        return path


def substitute(value: Any, f: Callable[[Any], Any]) -> Any:
    """An attribute with f(part) in place of each of its parts."""
    if type(value) in (tuple, list):
        return type(value)(substitute(part, f) for part in value)
    if type(value) is slice:
        return slice(*(substitute(part, f) for part in (value.start, value.stop, value.step)))
    return f(value)


def short(value: Any) -> str:
    """An attribute as it is written, an array by its shape."""
    if isinstance(value, Variable):
        return str(value)
    if isinstance(value, np.ndarray):
        return repr(value.item()) if value.ndim == 0 else f"<{value.dtype} {value.shape}>"
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, slice):
        parts = ["" if part is None else str(part) for part in (value.start, value.stop, value.step)]
        return ":".join(parts if parts[2] else parts[:2])
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.dtype | type):
        return np.dtype(value).name
    text = "..." if value is Ellipsis else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
