"""Two graphs that compute the same, side by side: what they share is aligned, what one leaves out is grey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..program import Equation, Program, Variable, graph
from ..tensor import Tensor
from .cells import SMALL, text
from .groups import Card, Edge, connect
from .numbers import clip, plain
from .saving import Picture
from .svg import (
    PAD,
    arrow,
    chip,
    fit,
    frame,
    heads,
    lines,
    names,
    opened,
    page,
    picture,
    placed,
    sized,
    turned,
)
from .text import columns, printed

__all__ = ["Comparison", "compare"]

CAPTION, GAP = 24.0, 20.0
SECOND = -1  # in the key of an edge of the second program


class Comparison(Picture):
    """Two programs and what they share.

    first, second   the programs
    shared          for the name of a variable of the second that the first has too: that variable
    """

    def __init__(self, first: Program, second: Program) -> None:
        self.first, self.second = first, second
        self.shared = dict(pairs(first, second))

    def __repr__(self) -> str:
        return f"<Comparison {'; '.join(self.findings())}>"

    def __str__(self) -> str:
        return "\n".join(map(printed, self.findings()))

    def findings(self) -> list[str]:
        """How many ops both take, and by how much the gradients differ where the shared part ends."""
        own = {equation.name for equation in self.second if self.is_new(equation)}
        ends = {x.name for equation in self.second if equation.name in own for x in equation.inputs}
        found = [f"{names(p)}: {len(p)} op{'s' * (len(p) != 1)}" for p in (self.first, self.second)]
        of = f"d{clip(names(self.first), 20)}"
        for name, v in self.shared.items():
            mine, other = v.gradient, self.second[name].gradient
            if name in ends and mine is not None and other is not None:
                most = float(np.max(np.abs(mine - other), initial=0.0))
                about = f"differs by at most {most:.2g}" if most else "is the same"
                found.append(f"{of}/d{clip(plain(v.name), 20)} {about}")
        return found

    def is_new(self, equation: Equation) -> bool:
        """Whether an equation of the second is not one of the first: all that it shares may be its output."""
        return equation.name not in self.shared or equation.output in self.second.outputs

    def svg(self, down: bool = False, depth: int | None = None) -> str:
        """Both in one picture, the first above the second (`down`: beside it, both from top to bottom).

        depth   how many levels of the scopes that both share whole are open; others always are. By
                default all, or as many as leave at most 400 cards
        """
        nesting = opened(self.first, depth, self.differing())
        twins, edges = self.laid_into(nesting.home)
        own = list(nesting.edges)
        pictures = sized(nesting, down)
        arriving: dict[int, list[Edge]] = {}
        for edge in edges:
            arriving.setdefault(id(edge.to), []).append(edge)
        for base, twin in twins:
            fit(twin, arriving.get(id(base), []), pictures, down)
            base.strip = max(base.strip, twin.strip)
            body = max(card.size[0] - card.strip for card in (base, twin))
            base.size = base.strip + body, max(base.size[1], twin.size[1])
        nesting.edges += edges
        width, height = placed(nesting, down)
        for base, twin in twins:
            twin.corner, twin.strip, twin.size = base.corner, base.strip, base.size
            for edge in arriving.get(id(base), []):
                edge.to = twin
        kept = {id(nesting.home[v.name]) for v in self.shared.values()}
        frames = [piece for group in nesting.groups[1:] for piece in frame(group, down)]
        ways = {True: list[str](), False: list[str]()}
        for key, line, tip in lines(nesting):
            ways[key[1] == SECOND].append(arrow(line, tip, down))
        first = [*frames, *ways[False], *(piece for card in nesting.cards for piece in picture(card, down))]
        first += [piece for edge in own for piece in chip(edge, names(self.first), down)]
        left_out = [card for card in nesting.cards if id(card) not in kept]
        ghosts = [*frames, *faint(ways[False]), *(piece for card in left_out for piece in ghost(card, down))]
        second = ['<g class="ghost">', *ghosts, "</g>", *ways[True]]
        second += [piece for _, card in twins for piece in picture(card, down)]
        second += [piece for edge in edges for piece in chip(edge, names(self.second), down)]
        one, two, *facts = self.findings()
        return stacked((width, height), [one, ", ".join([two, *facts])], [first, second], down)

    def differing(self) -> set[tuple[str, ...]]:
        """The scopes that stay open: of what one has alone or elsewhere, of parameters that are read anew."""
        new = [equation for equation in self.second if self.is_new(equation)]
        both = [(e.output, self.shared[e.name]) for e in self.second if not self.is_new(e)]
        known = {u.name for _, u in both}
        scopes = {e.scope for e in new} | {e.scope for e in self.first if e.name not in known}
        scopes |= {v.scope for pair in both for v in pair if pair[0].scope != pair[1].scope}
        read = {self.shared[x.name] for e in new for x in e.inputs if x.name in self.shared}
        scopes |= {v.scope for v in read if v.kind == "parameter"}
        return {scope[:n] for scope in scopes for n in range(1, len(scope) + 1)}

    def laid_into(self, home: Mapping[str, Card]) -> tuple[list[tuple[Card, Card]], list[Edge]]:
        """The second's cards, each after the one at whose place it stands (itself if it is new); edges."""
        end = home[self.first.outputs[0].name]
        made = {equation.name: equation for equation in self.second}
        twins, at = list[tuple[Card, Card]](), dict[str, Card]()
        for v in self.second.variables.values():
            u = self.shared.get(v.name)
            twin = Card(v, made.get(v.name), parent=end.parent)
            at[v.name] = base = twin if u is None else home[u.name]
            if base is twin:
                assert end.parent is not None
                end.parent.items.insert(end.parent.items.index(end), twin)
            twin.closed, twin.equations, twin.parameters = base.closed, base.equations, base.parameters
            if base.closed is None or base.variable is u:
                twins.append((base, twin))
        edges, _ = connect(self.second, at, far=False)
        for edge in edges:
            edge.key = edge.key[0], SECOND
        return twins, edges


def compare(
    composed: Tensor | Program, fused: Tensor | Program, names: Mapping[str, Any] | None = None
) -> Comparison:
    """Two graphs of one result each, with all gradients, to be seen side by side.

    names   what to call tensors without a name of their own; by default as the caller's variables do

    They share inputs that are the same tensor or array (or have one name and equal values), and what the same
    ops make of those. Raises UnsupportedError for graphs of several outputs.

    >>> z = Tensor([[2.0, 1.0]], requires_grad=True, name="z")
    >>> rows, all_at_once = (z * 2).sum(axis=1).sum(), (z * 2).sum()
    >>> compare(rows, all_at_once)
    <Comparison rows: 3 ops; all_at_once: 2 ops; drows/dv1 is the same>
    """
    pair = [x if isinstance(x, Program) else graph(x, True, names) for x in (composed, fused)]
    for program in pair:
        if len(program.outputs) != 1 or not len(program):
            raise UnsupportedError(f"graphs with one computed output are compared, not one {program.title}")
    return Comparison(*pair)


def pairs(first: Program, second: Program) -> Iterator[tuple[str, Variable]]:
    """The variables of the second program by name, each with its counterpart in the first."""
    found: dict[str, Variable] = {}
    for v in second.inputs:
        for u in first.inputs:
            alike = u.name == v.name and u.kind == v.kind and np.array_equal(u.value, v.value)
            free = u.literal is None and v.literal is None and u not in found.values()
            if free and (u.value is v.value or alike):
                found[v.name] = u
                break
    known: dict[Any, list[Equation]] = {}
    for equation in first:
        known.setdefault(signature(equation, {x.name: x for x in equation.inputs}), []).append(equation)
    for equation in second:
        counterparts = known.get(signature(equation, found), [])
        same = counterparts[0] if counterparts else None
        ends = same is not None and same.output in first.outputs  # that stays free for the end of the second
        if same and not ends and np.array_equal(same.value, equation.value, equal_nan=True):
            found[equation.name] = counterparts.pop(0).output
            literals = zip(equation.inputs, same.inputs, strict=True)
            found |= {x.name: u for x, u in literals if x.literal is not None}
    found[second.outputs[0].name] = first.outputs[0]
    yield from found.items()


def signature(equation: Equation, counterparts: Mapping[str, Variable]) -> tuple[Any, ...]:
    """What an equation does to what, in the names of the first program."""
    inputs = tuple(
        (x.literal,) if x.literal is not None else counterparts[x.name].name if x.name in counterparts else x
        for x in equation.inputs
    )
    return equation.primitive.name, inputs, tuple(equation.keywords)


def ghost(card: Card, down: bool) -> Iterator[str]:
    """A card of which only the name is left."""
    (left, top), (along, across) = card.corner, card.size
    (x, y), (w, h) = turned((left + card.strip, top), down), turned((along - card.strip, across), down)
    yield f'<g><rect class="card" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4"/>'
    for i, (words, _) in enumerate(heads(card)):
        yield text(words, x + PAD, y + 15 + 13 * i, "dim" if i else "name")
    yield "</g>"


def faint(arrows: list[str]) -> list[str]:
    return [way[: way.index('<path class="tip"')] if "tip" in way else way for way in arrows]


def stacked(size: tuple[float, float], captions: list[str], parts: list[list[str]], down: bool) -> str:
    """Pictures of one size one after another, each under its caption."""
    width = max(size[0], *(columns(words) * SMALL for words in captions))
    step = turned((0.0, size[1] + CAPTION + GAP), False) if not down else (width + 2 * GAP, 0.0)
    pieces = []
    for i, (words, inner) in enumerate(zip(captions, parts, strict=True)):
        x, y = step[0] * i, step[1] * i
        pieces.append(f'<g transform="translate({x:.0f} {y:.0f})">')
        pieces.append(
            f'<g><rect class="caption" width="{width:.1f}" height="18"/>{text(words, 0, 13, "name")}</g>'
        )
        pieces += [f'<g transform="translate(0 {CAPTION})">', *inner, "</g></g>"]
    last = len(parts) - 1
    whole = width + step[0] * last, size[1] + CAPTION + step[1] * last
    return page("; ".join(captions), whole, pieces)
