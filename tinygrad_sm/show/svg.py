"""A Program as a picture in SVG: a card for each variable, a frame for each scope, arrows as the values go.

On each arrow stands what comes back on it: this edge's part of the gradient of what it starts from. Nothing
else need be installed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from html import escape
from itertools import pairwise
from math import ceil

from ..program import Array, Program
from .cells import SMALL, Block, blocks, table, text
from .groups import TITLE, Card, Edge, Group, Key, Nesting, lay_out, nest
from .layers import Point
from .numbers import clip, plain, summary
from .story import infix
from .text import columns

__all__ = ["svg"]

MOST_CARDS = 400  # above, scopes start closed
BIG = 7.3  # a column of the large type
PAD = 8.0
BEFORE, AFTER, BETWEEN = (
    9.0,
    13.0,
    5.0,
)  # what is seen of an arrow at both ends of its numbers; the gap to the next
TIP = 8.0  # what an arrow's tip takes of a card's side
FRAME = ((12.0, 28.0), (12.0, 12.0))
MARGIN = 12.0
STYLE = """
.g { font-family: "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace; font-size: 9px; }
.g { fill: #222; } .g .page { fill: #fff; }
.g .name { font-size: 11.5px; font-weight: bold; } .g .dim { fill: #5a5a5a; }
.g .card { fill: #fff; stroke: #8a8a8a; }
.g .scope { fill: #8a8a8a; fill-opacity: .06; stroke: #9a9a9a; }
.g .parameter { fill: #e3f0fa; stroke: #0072b2; stroke-width: 2; }
.g .constant { fill: #f2f2f2; stroke: #767676; stroke-dasharray: 4 3; }
.g .gradient { fill: #f8f4fb; stroke: #7a2e8e; }
.g .output { fill: #fdeadb; stroke: #b34700; stroke-width: 3; }
.g .reference { stroke-dasharray: 1 3; }
.g .closed { stroke-width: 2; stroke-dasharray: 8 3 2 3; }
.g .edge { fill: none; stroke: #6b6b6b; }
.g .chip { fill: #fbf9fe; stroke: #8d6bb8; }
.g .tip { fill: #6b6b6b; } .g .on { fill: #111; } .g .deep { fill: #fff; }
.g .pixels { shape-rendering: crispEdges; }
.g .ghost .card { fill: none; stroke: #b5b5b5; stroke-dasharray: 2 4; stroke-width: 1; }
.g .ghost text { fill: #767676; } .g .ghost .edge { stroke: #d0d0d0; } .g .caption { fill: none; }
@media (prefers-color-scheme: dark) {
.g { fill: #e6e6e6; } .g .page { fill: #16181d; } .g .dim { fill: #b0b0b0; } .g .card { fill: #22252c; }
.g .parameter { fill: #12324a; stroke: #56b4e9; } .g .constant { fill: #2b2b2b; stroke: #9a9a9a; }
.g .gradient { fill: #2a2333; stroke: #b48ad6; } .g .output { fill: #46260f; stroke: #e69f00; }
.g .chip { fill: #2a2333; stroke: #a387cc; } .g .edge { stroke: #a8a8a8; }
.g .ghost .card { stroke: #5a5a5a; } .g .ghost text { fill: #9a9a9a; } .g .ghost .edge { stroke: #3c3f46; }
.g .tip { fill: #a8a8a8; }
}"""


def svg(program: Program, depth: int | None = None, down: bool = False) -> str:
    """The program as SVG.

    depth   how many levels of scopes are open; by default all, or as many as leave at most 400 cards
    down    whether it goes from top to bottom instead of from left to right

    >>> from tinygrad_sm import Tensor
    >>> from tinygrad_sm.program import graph
    >>> x = Tensor(3.0, requires_grad=True)
    >>> svg(graph(x * x)).count('class="edge"')
    2
    """
    nesting = opened(program, depth)
    sized(nesting, down)
    width, height = placed(nesting, down)
    frames = [piece for group in nesting.groups[1:] for piece in frame(group, down)]
    arrows = [arrow(line, tip, down) for _, line, tip in lines(nesting)]
    cards = [piece for card in nesting.cards for piece in picture(card, down)]
    chips = [piece for edge in nesting.edges for piece in chip(edge, names(program), down)]
    return page(f"graph {program.title}", (width, height), [*frames, *arrows, *cards, *chips])


def placed(nesting: Nesting, down: bool) -> Point:
    """Lay out what has its size; the size of it all."""
    for group in nesting.groups[1:]:
        wide = columns(title(group.path)) * SMALL
        group.title = wide if down else 0.0
        group.size = turned((wide + 2 * TITLE, 0.0), down)
    pads = (turned(FRAME[0], down), turned(FRAME[1], down))
    return turned(lay_out(nesting, pads), down)


def page(title: str, size: Point, parts: Iterable[str], style: str = "") -> str:
    """A picture of its own with what is in it, and with rules of style besides the common ones."""
    w, h = (ceil(x + 2 * MARGIN) for x in size)
    box = f'viewBox="{-MARGIN:g} {-MARGIN:g} {w} {h}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="g" role="img" width="{w}" height="{h}"',
        f"{box}>",
        f"<title>{escape(plain(title))}</title><style>{STYLE}{style}</style>",
        f'<rect class="page" x="{-MARGIN:g}" y="{-MARGIN:g}" width="{w}" height="{h}"/>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def names(program: Program) -> str:
    """What the program computes."""
    return plain(", ".join(v.name for v in program.outputs))


def opened(program: Program, depth: int | None, kept: Container[tuple[str, ...]] = ()) -> Nesting:
    """The nesting with as many levels of scopes open as are asked for, or as leave few enough cards."""
    nesting = nest(program, depth, kept)
    deepest = max((len(equation.scope) for equation in program), default=0)
    if depth is None and len(nesting.cards) > MOST_CARDS:
        for level in reversed(range(deepest)):
            nesting = nest(program, level, kept)
            if len(nesting.cards) <= MOST_CARDS:
                break
    return nesting


def turned(point: Point, down: bool) -> Point:
    return (point[1], point[0]) if down else point


def title(path: tuple[str, ...]) -> str:
    return clip(plain(path[-1]), 40)


# ---- cards ----


def heads(card: Card) -> list[tuple[str, str]]:
    """The lines of text above a card's numbers: name and shape, then what it is."""
    v = card.variable
    if v.literal is not None:
        return [(v.literal, "")]
    if card.stands_in:
        return [(clip(plain(v.name), 32), "")]
    name = (clip(plain(v.name), 32), str(v.shape).replace(" ", ""))
    if card.closed is not None:
        counts = {"op": card.equations, "parameter": card.parameters}
        parts = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items() if n]
        return [(title(card.closed), name[1]), (f"{', '.join(parts)} → {name[0]}", "")]
    return [name, (clip(infix(card.equation), 36) if card.equation else v.kind, "")]


def in_full(card: Card) -> str:
    """What a card's lines are cut from, for whoever points at it."""
    about = str(card.equation or card.variable) if card.closed is None else "/".join(card.closed)
    return clip(plain(about), 1000)


def blocks_of(card: Card, pictures: bool) -> list[Block]:
    """Value and gradient, their entries below one another."""
    v = card.variable
    if v.literal is not None or card.stands_in:
        return []
    arrays: list[tuple[str, Array | None]] = [("", v.value)]
    return blocks(arrays if v.kind in ("constant", "gradient") else [*arrays, ("grad", v.gradient)], pictures)


def size_of(card: Card) -> Point:
    """How large a card must be for its text."""
    top = heads(card)
    width = columns(top[0][0]) * BIG + (columns(top[0][1]) * SMALL + 10 if top[0][1] else 0)
    width = max([width, *(columns(text) * SMALL for text, _ in top[1:])])
    height = 18.0 + 13.0 * (len(top) - 1)
    for part in card.blocks:
        width, height = max(width, part.size[0]), height + part.size[1]
    return width + 2 * PAD, height + PAD


def sized(nesting: Nesting, down: bool) -> bool:
    """Give each card the size of its text, with room before it for what comes back on the edges to it.

    Returns whether large arrays have small pictures.
    """
    arriving: dict[int, list[Edge]] = {}
    pictures = len(nesting.cards) <= MOST_CARDS
    for edge in nesting.edges:
        arriving.setdefault(id(edge.to), []).append(edge)
    for card in nesting.cards:
        fit(card, arriving.get(id(card), []), pictures, down)
    return pictures


def fit(card: Card, edges: list[Edge], pictures: bool, down: bool) -> None:
    """Give a card its size, and the edges that arrive at it their places."""
    card.blocks = blocks_of(card, pictures)
    for edge in edges:
        if edge.part is not None:
            [edge.block] = blocks([("↑" if down else "←", edge.part)], pictures)
    along, across = turned(size_of(card), down)
    sizes = [turned(chip_size(edge), down) for edge in edges]
    longest = max((length for length, _ in sizes), default=0.0)
    card.strip = longest and BEFORE + longest + AFTER
    slots = [max(wide + BETWEEN, TIP) for _, wide in sizes]
    across = max(across, sum(slots))
    at, spare = 0.0, (across - sum(slots)) / max(1, len(slots))
    for edge, slot in zip(edges, slots, strict=True):
        edge.at = at + (slot + spare) / 2
        at += slot + spare
    card.size = card.strip + along, across


def picture(card: Card, down: bool) -> Iterator[str]:
    """A card at its place."""
    v, (left, top), (along, across) = card.variable, card.corner, card.size
    (x, y), (w, h) = turned((left + card.strip, top), down), turned((along - card.strip, across), down)
    kind = "reference" if card.stands_in else v.kind if card.closed is None else "closed"
    shown = heads(card)
    cut = any(words.endswith("…") for words, _ in shown)
    yield f"<g><title>{escape(in_full(card))}</title>" if cut else "<g>"
    yield f'<rect class="card {kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4"/>'
    at = y + 15
    for i, (first, last) in enumerate(shown):
        yield text(first, x + PAD, at, "name" if i == 0 else "dim")
        if last:
            yield text(last, x + w - PAD, at, "dim", "end")
        at += 13
    at -= 9
    for part in card.blocks:
        yield from table(part, x + PAD, at)
        at += part.size[1]
    yield "</g>"


# ---- frames, arrows and what comes back on them ----


def frame(group: Group, down: bool) -> Iterator[str]:
    (x, y), (w, h) = turned(group.corner, down), turned(group.size, down)
    yield f'<g><rect class="scope" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="8"/>'
    yield text(title(group.path), x + group.title_at, y + 16, "dim") + "</g>"


def lines(nesting: Nesting) -> Iterator[tuple[Key, list[Point], bool]]:
    """All lines with what goes along them, and whether each ends at a card."""
    for group in nesting.groups:
        for (key, net), paths in zip(group.nets.items(), group.placed.lines, strict=True):
            for i, path in enumerate(paths):
                end = group.items[net.sinks[i][0]] if i < len(net.sinks) else None
                if isinstance(end, Card):
                    x, y = path[-1]
                    yield key, [*path[:-1], (x + end.strip, y)], True
                else:
                    yield key, path, False


def arrow(line: list[Point], tip: bool, down: bool) -> str:
    """A line that leaves and arrives straight, and its tip."""
    d = "M{:.1f} {:.1f}".format(*turned(line[0], down))
    for (x0, y0), (x1, y1) in pairwise(line):
        if abs(y1 - y0) < 0.1:
            d += "L{:.1f} {:.1f}".format(*turned((x1, y1), down))
        else:
            middle = (x0 + x1) / 2
            bend = [*turned((middle, y0), down), *turned((middle, y1), down), *turned((x1, y1), down)]
            d += "C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}".format(*bend)
    path = f'<path class="{"edge" if tip else "edge part"}" d="{d}"/>'
    if not tip:
        return path
    x, y = line[-1]
    corners = (turned(point, down) for point in ((x, y), (x - 7, y - 3), (x - 7, y + 3)))
    return path + f'<path class="tip" d="M{" L".join(f"{a:.1f} {b:.1f}" for a, b in corners)}Z"/>'


def chip_size(edge: Edge) -> Point:
    """How large what comes back on an edge is printed."""
    if edge.block is None:
        return 0.0, 0.0
    width, height = edge.block.size
    return width + 6, height + 3


def chip(edge: Edge, of: str, down: bool) -> Iterator[str]:
    """What comes back on an edge, on its arrow."""
    if edge.block is None:
        return
    (left, top), to, x = edge.to.corner, plain(edge.to.variable.name), plain(edge.key[0])
    along, across = turned(chip_size(edge), down)
    (cx, cy), (w, h) = (
        turned((left + edge.to.strip - AFTER - along, top + edge.at - across / 2), down),
        turned((along, across), down),
    )
    about = escape(f"{to} sends back to {x}, its part of d({of})/d({x}): {summary(edge.part, 24)}")
    yield f'<g><title>{about}</title><rect class="chip" x="{cx:.1f}" y="{cy:.1f}" width="{w:.1f}"'
    yield f'height="{h:.1f}" rx="3"/>'
    yield from table(edge.block, cx + 3, cy + 3)
    yield "</g>"
