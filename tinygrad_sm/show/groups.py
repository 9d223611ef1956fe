"""How a program is nested: its variables as cards, in groups by their scopes, with what runs between them.

A group is a run of equations within one scope. A scope that is entered again later makes another group, so
that no group must wait for what waits for it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..program import Array, Equation, Program, Variable
from .cells import Block
from .layers import Net, Placed, Point, arrange

__all__ = ["TITLE", "Card", "Edge", "Group", "Key", "Nesting", "connect", "lay_out", "nest"]

TITLE, CLEAR = 12.0, 5.0  # from a frame to its title, from a title to a line beside it
LARGE, FAR = 400, 60  # equations; over how many of them lines are drawn in a graph of more than so many
Key = tuple[str, int]  # which variable; 0, or the number of the card that stands in for its own


@dataclass(eq=False, slots=True)
class Card:
    """A variable with the equation that makes it, or a closed group with all that it stands for."""

    variable: Variable
    equation: Equation | None = None
    closed: tuple[str, ...] | None = None  # the scope, if this is a closed group
    equations: int = 0
    parameters: int = 0
    stands_in: bool = False  # for a card far away, beside its reader: only its name is shown
    blocks: list[Block] = field(default_factory=list)  # what is printed of its value and gradient
    strip: float = 0.0  # the room before it, for what comes back on the edges to it; in its size
    parent: Group | None = None
    size: Point = (0.0, 0.0)
    corner: Point = (0.0, 0.0)
    place: int = 0  # among the items of its group


@dataclass(eq=False, slots=True)
class Group:
    """Cards and groups within one scope."""

    path: tuple[str, ...]
    parent: Group | None = None
    items: list[Card | Group] = field(default_factory=list)
    title: float = 0.0  # how wide its title is, where lines come in beside it
    title_at: float = TITLE  # where it begins
    size: Point = (0.0, 0.0)
    corner: Point = (0.0, 0.0)
    nets: dict[Key, Net] = field(default_factory=dict)
    enters: dict[Key, float] = field(default_factory=dict)  # how far below the top a variable comes in
    exits: dict[Key, float] = field(default_factory=dict)
    placed: Placed = field(default_factory=lambda: Placed([], [], (0.0, 0.0)))
    place: int = 0


@dataclass(eq=False, slots=True)
class Edge:
    """A variable on its way to a card that reads it, and this edge's part of the variable's gradient."""

    source: Card
    to: Card
    key: Key
    part: Array | None = None
    block: Block | None = None  # what is printed of it
    at: float = 0.0  # how far below the reader's upper edge it arrives


@dataclass(slots=True)
class Nesting:
    root: Group
    groups: list[Group]  # the outer ones first
    cards: list[Card]
    home: dict[str, Card]  # by the variable's name
    edges: list[Edge]


def nest(program: Program, depth: int | None, kept: Container[tuple[str, ...]] = ()) -> Nesting:
    """The cards and groups of a program; scopes deeper than `depth` are closed, but for those to be kept."""
    root = Group(())
    groups, cards, home = [root], [], {}
    at, card = root, None
    for equation in program:
        path, full = equation.scope, equation.scope
        if depth is not None:
            path = next((full[:n] for n in range(depth, len(full)) if full[: n + 1] not in kept), full)
        closed = path != full
        while at.path != path[: len(at.path)]:
            at = at.parent or root
        while at.path != path:
            at = Group(path[: len(at.path) + 1], at)
            at.parent.items.append(at)  # type: ignore[union-attr]
            groups.append(at)
        scope = equation.scope[: len(path) + 1] if closed else None
        if not (closed and card is not None and card.parent is at and card.closed == scope):
            card = Card(equation.output, equation, scope, parent=at)
            at.items.append(card)
            cards.append(card)
        card.equations += 1
        if closed:
            card.variable = equation.output
        home[equation.name] = card
    leaves = add_leaves(program, root, home)
    edges, references = connect(program, home)
    for group in groups:
        group.items[:0] = [card for card in references if card.parent is group] if references else []
    return Nesting(root, groups, [*leaves, *cards, *references], home, edges)


def connect(
    program: Program, home: Mapping[str, Card], far: bool = True
) -> tuple[list[Edge], list[Card]]:
    """An edge for each input; one from `far` away in a large graph starts at a card that names its source."""
    edges: list[Edge] = []
    references: list[Card] = []
    to_closed: dict[tuple[str, int], Edge] = {}
    made: dict[str, int] = {}
    for i, equation in enumerate(program):
        to = home[equation.name]
        parts = equation.contributions or (None,) * len(equation.inputs)
        for x, part in zip(equation.inputs, parts, strict=True):
            source, key = home[x.name], (x.name, 0)
            if source is to:
                continue
            if known := to_closed.get((x.name, id(to))):
                if part is not None:
                    known.part = part if known.part is None else known.part + part
                continue
            if far and len(program) > LARGE and i - made.setdefault(x.name, i) > FAR:
                source = Card(x, parent=to.parent, stands_in=True)
                references.append(source)
                key = x.name, len(references)
            edges.append(Edge(source, to, key, part))
            if to.closed:
                to_closed[x.name, id(to)] = edges[-1]
        made[equation.name] = i
    for v in program.inputs:
        end = program.outputs[0].name
        if v.kind == "gradient" and home[v.name] is not home[end]:  # it starts where the forward pass ends
            edges.append(Edge(home[end], home[v.name], (end, 0)))
    return edges, references


def add_leaves(program: Program, root: Group, home: dict[str, Card]) -> list[Card]:
    """A card for each input, first in the innermost group that holds its readers; none if it is closed."""
    readers: dict[str, list[Card]] = {v.name: [] for v in program.inputs}
    for equation in program:
        for x in equation.inputs:
            if x.name in readers:
                readers[x.name].append(home[equation.name])
    leaves = []
    for v in program.inputs:
        group = root
        first = next(iter(readers[v.name]), None)
        if first and first.closed and v.kind == "parameter" and {*readers[v.name]} == {first}:
            home[v.name] = first  # it is inside
            first.parameters += 1
            continue
        for level in zip(*(chain(card)[:-1] for card in readers[v.name]), strict=False):
            if any(other is not level[0] for other in level):
                break
            assert isinstance(level[0], Group)
            group = level[0]
        card = Card(v, parent=group)
        home[v.name] = card
        leaves.append(card)
        at = 0
        if v.kind == "gradient":  # it comes after the forward pass
            inside = chain(first)[len(chain(group))] if first else None
            at = group.items.index(inside) if inside else len(group.items)
        group.items.insert(at, card)
    return leaves


def chain(item: Card | Group) -> list[Card | Group]:
    """An item with the groups around it, the outermost first."""
    found: list[Card | Group] = [item]
    while item.parent is not None:
        item = item.parent
        found.append(item)
    return found[::-1]


def lay_out(nesting: Nesting, pads: tuple[Point, Point]) -> Point:
    """Place all cards, which have their sizes, as edges have their ends, and groups, which have their least.

    Returns the size of it all.

    pads   what a group has around its content: left and top, right and bottom
    """
    weave(nesting)
    for group in reversed(nesting.groups):
        fill(group, pads if group.parent else ((0.0, 0.0), (0.0, 0.0)))
    for group in nesting.groups:
        (x, y), (left, top) = group.corner, pads[0] if group.parent else (0.0, 0.0)
        for item, (dx, dy) in zip(group.items, group.placed.corners, strict=True):
            item.corner = (x + left + dx, y + top + dy)
        for line in (line for lines in group.placed.lines for line in lines):
            line[:] = [(x + left + dx, y + top + dy) for dx, dy in line]
    return nesting.root.size


def weave(nesting: Nesting) -> None:
    """Lead each edge through the groups between its ends: out of its source's, into its reader's."""
    for group in nesting.groups:
        for i, item in enumerate(group.items):
            item.place = i
    for edge in nesting.edges:
        name, outs, ins = edge.key, chain(edge.source), chain(edge.to)
        n = next(i for i, (a, b) in enumerate(zip(outs, ins, strict=False)) if a is not b)
        for around, item in pairwise(outs[n:]):
            net_of(around, name, item).out = True
        for level, (around, item) in enumerate(pairwise(ins[n - 1 :])):
            net = net_of(around, name, None if level else outs[n])
            if isinstance(item, Card) or all(sink != item.place for sink, _ in net.sinks):
                net.sinks.append((item.place, edge.at))


def net_of(group: Card | Group, name: Key, source: Card | Group | None) -> Net:
    """The way of a variable through a group."""
    assert isinstance(group, Group)
    if name not in group.nets:
        group.nets[name] = Net(source.place, source.size[1] / 2) if source is not None else Net(None)
    return group.nets[name]


def fill(group: Group, pads: tuple[Point, Point]) -> None:
    """Place what is in a group, whose inner groups are placed; its size and its ports follow."""
    (left, top), (right, bottom) = pads
    items = group.items
    for name, net in group.nets.items():
        if net.source is not None and isinstance(source := items[net.source], Group):
            net.leaves = source.exits[name]
        for i, (sink, _) in enumerate(net.sinks):
            if isinstance(inner := items[sink], Group):
                net.sinks[i] = sink, inner.enters[name]
    group.placed = placed = arrange([item.size for item in items], list(group.nets.values()))
    width = max(group.size[0], placed.size[0] + left + right)
    height = max(group.size[1], placed.size[1] + top + bottom)
    group.size = width, height
    for (name, net), lines in zip(group.nets.items(), placed.lines, strict=True):
        if net.source is None:
            group.enters[name] = top + lines[0][0][1]
            for line in lines:
                line.insert(0, (-left, line[0][1]))
        if net.out:
            group.exits[name] = top + lines[-1][-1][1]
            lines[-1].append((width - left, lines[-1][-1][1]))
    if group.title:
        group.title_at = beside(group.enters.values(), group.title)
        group.size = width, max(height, group.title_at + group.title + TITLE)


def beside(lines: Iterable[float], wide: float) -> float:
    """Where a title begins that no line runs through: at the first gap that is wide enough."""
    at = TITLE
    for line in sorted(lines):
        if line - CLEAR >= at + wide:
            break
        at = max(at, line + CLEAR)
    return at
