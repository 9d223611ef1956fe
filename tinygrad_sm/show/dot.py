"""A Program in the language of Graphviz: boxes are variables, ellipses ops, arrows the forward pass.

Names, scopes and values are data: every label is HTML-like text in which all that means something is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from typing import Any

from ..errors import MissingError
from ..program import Array, Equation, Program, Variable, graph
from ..tensor import Tensor
from .numbers import UNKNOWN, clip, number, plain, rows, statistics

__all__ = ["dot", "draw"]

# colours that are told apart with a red-green deficiency, and by their frames in print
FRAMES = {
    "input": 'color="#00735c" fillcolor="#e2f4ee" style="filled"',
    "number": 'color="#767676" fillcolor="#f2f2f2" style="filled"',
    "parameter": 'color="#0072b2" fillcolor="#e3f0fa" style="filled" penwidth=2',
    "constant": 'color="#767676" fillcolor="#f2f2f2" style="filled,dashed"',
    "intermediate": 'color="#8a8a8a" fillcolor="#ffffff" style="filled,rounded"',
    "gradient": 'color="#7a2e8e" fillcolor="#f6effa" style="filled,rounded"',
    "output": 'color="#b34700" fillcolor="#fdeadb" style="filled" peripheries=2',
}
OP = 'shape=ellipse color="#5c5c5c" fillcolor="#fff3bf" style="filled" margin="0.08,0.03" height=0.3'
GREY, GRADIENT = "#595959", "#7a2e8e"
CLUSTER = f'color="#9a9a9a" fontcolor="{GREY}" style="rounded"'
HEAD = (
    "rankdir=LR ranksep=0.35 nodesep=0.25 bgcolor=white",
    'graph [fontname="Helvetica,Arial,sans-serif" fontsize=11]',
    'node [shape=box fontname="Helvetica,Arial,sans-serif" fontsize=11 margin="0.1,0.06"]',
    'edge [color="#5c5c5c" arrowsize=0.7]',
)
MISSING_PROGRAM = (
    "drawing with Graphviz needs its program `dot`, which was not found; install it (Debian, Ubuntu: apt-get "
    "install graphviz; macOS: brew install graphviz; conda: conda install graphviz), or draw without it: "
    'tg.graph(loss).save("graph.svg")'
)
MISSING_PACKAGE = "tg.draw needs the Python package graphviz, which is not installed: pip install graphviz"


def dot(program: Program) -> str:
    """The program as a graph in DOT, for Graphviz and its layouts.

    Nodes are v0, v1 ... (variables in order of first use) and op0, op1 ... (equations), scopes clusters.

    >>> from tinygrad_sm import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> [line.strip() for line in dot(graph(x * x)).splitlines() if "->" in line]
    ['v0 -> op0;', 'v0 -> op0;', 'op0 -> v1;']
    """
    return "\n".join(["digraph {", *(f"  {line}" for line in body(program)), "}", ""])


def draw(loss: Tensor | Sequence[Tensor] | Program, names: Mapping[str, Any] | None = None) -> Any:
    """The graph behind a tensor as a graphviz.Digraph, with values and the gradients that are known.

    names   what to call tensors without a name of their own; by default as the caller's variables do

    Raises MissingError where the package graphviz, or, when it is rendered, the program `dot` is missing.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> draw(x * x).source.splitlines()[0]
    'digraph {'
    """
    picture = digraph()()
    program = loss if isinstance(loss, Program) else graph(loss, names=names)
    picture.body.extend(f"\t{line}\n" for line in body(program))
    return picture


@cache
def digraph() -> Any:
    """graphviz.Digraph, with an error that holds the remedy where `dot` is missing."""
    try:
        import graphviz
    except ImportError:
        raise MissingError(MISSING_PACKAGE) from None

    class Digraph(graphviz.Digraph):  # type: ignore[misc,unused-ignore]
        """A graphviz.Digraph whose missing `dot` is a MissingError."""

        def pipe(self, *args: Any, **options: Any) -> Any:
            try:
                return super().pipe(*args, **options)
            except graphviz.ExecutableNotFound:
                raise MissingError(MISSING_PROGRAM) from None

        def render(self, *args: Any, **options: Any) -> Any:
            try:
                return super().render(*args, **options)
            except graphviz.ExecutableNotFound:
                raise MissingError(MISSING_PROGRAM) from None

    return Digraph


# ---- the lines of the graph ----


def body(program: Program) -> Iterator[str]:
    """What stands between the braces of the graph."""
    yield from HEAD
    place = {name: f"v{i}" for i, name in enumerate(program.variables)}
    nodes: dict[tuple[str, ...], list[str]] = {}  # by scope
    for v in program.variables.values():
        nodes.setdefault(v.scope, []).append(f"{place[v.name]} [label=<{card(v)}> {FRAMES[v.kind]}];")
    for i, equation in enumerate(program):
        nodes.setdefault(equation.scope, []).append(f"op{i} [label=<{op_label(equation)}> {OP}];")
    yield from clusters(nodes)
    for i, equation in enumerate(program):
        yield from (f"{place[x.name]} -> op{i};" for x in equation.reads)
        yield f"op{i} -> {place[equation.name]};"


def clusters(nodes: Mapping[tuple[str, ...], Sequence[str]]) -> Iterator[str]:
    """The nodes of each scope in a frame with its name, the frames nested as the scopes are."""
    paths = {path[:n] for path in nodes for n in range(len(path) + 1)}
    first = {path: i for i, path in reversed(list(enumerate(nodes)))}
    inner: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for path in sorted(paths - {()}, key=lambda path: (first.get(path, 0), path)):
        inner.setdefault(path[:-1], []).append(path)
    number_of = {path: i for i, path in enumerate(sorted(paths))}
    stack: list[tuple[str, ...] | None] = [()]
    depth = 0
    while stack:
        top = stack.pop()
        if top is None:
            depth -= 1
            yield "  " * depth + "}"
            continue
        if top:
            yield "  " * depth + f"subgraph cluster_{number_of[top]} {{"
            depth += 1
            yield "  " * depth + f"label=<{words(top[-1])}> {CLUSTER}"
            stack.append(None)
        yield from ("  " * depth + line for line in nodes.get(top, ()))
        stack.extend(reversed(inner.get(top, [])))


def words(text: str, most: int = 40) -> str:
    """A text as a label shows it and nothing else."""
    return escape(clip(plain(text), most)).replace("\\", r"\\")  # Graphviz puts names in for \N, \G ...


def op_label(equation: Equation) -> str:
    """The op's name, and its attributes below."""
    attrs = words(", ".join(equation.keywords), 48)
    small = f'<br/><font point-size="9" color="{GREY}">{attrs}</font>' if attrs else ""
    return f"{words(equation.primitive.name)}{small}"


def card(v: Variable) -> str:
    """A variable: name and shape, value and gradient."""
    if v.literal is not None:
        return words(v.literal)
    lines = list(entries(v.value))
    wide = max(map(len, lines)) + 1
    shape = f'<font color="{GREY}" point-size="9">{v.shape} {v.dtype}</font>'
    lines = [f'<td colspan="{wide}"><b>{words(v.name)}</b> {shape}</td>', *map(cells, lines)]
    if v.kind not in ("constant", "gradient"):
        gradient = [[UNKNOWN]] if v.gradient is None else entries(v.gradient)
        lines += [cells(line, "" if i else "grad", GRADIENT) for i, line in enumerate(gradient)]
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{table}</table>'


def entries(array: Array) -> Sequence[Sequence[str]]:
    """The entries of a small array row by row, what is in a large one."""
    return [[number(array[()])]] if array.ndim == 0 else rows(array) or statistics(array)


def cells(line: Iterable[str], title: str = "", color: str = "#000000") -> str:
    """One row of an array, after a cell for its title."""
    texts = [f'<td align="right"><font color="{color}">{escape(text)}</font></td>' for text in line]
    first = f'<font color="{color}">{title}</font>' if title else ""
    return f'<td align="left">{first}</td>{"".join(texts)}'
