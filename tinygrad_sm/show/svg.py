"""A Program as a picture in SVG: a card for each variable, a frame for each scope, arrows as the values go.

It needs no other program. Colours run from orange (above 0) over white to purple (below), which are told
apart with a red-green deficiency; the numbers are always printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np

from ..program import Array, Program
from .groups import Card, Group, Nesting, lay_out, nest
from .layers import Point
from .numbers import UNKNOWN, clip, number, plain, rows, statistics
from .story import infix
from .text import columns

__all__ = ["svg"]

MOST_CARDS = 400  # above, scopes start closed
MOST_PARTS = 6  # of a gradient that are listed
BIG, SMALL = 7.3, 5.7  # a column of text, in the two sizes of type
PAD, ROW = 8.0, 15.0
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
.g .output { fill: #fdeadb; stroke: #b34700; stroke-width: 3; }
.g .reference { stroke-dasharray: 1 3; }
.g .closed { stroke-width: 2; stroke-dasharray: 8 3 2 3; }
.g .edge { fill: none; stroke: #6b6b6b; }
.g .tip { fill: #6b6b6b; } .g .on { fill: #111; } .g .deep { fill: #fff; }
@media (prefers-color-scheme: dark) {
.g { fill: #e6e6e6; } .g .page { fill: #16181d; } .g .dim { fill: #b0b0b0; } .g .card { fill: #22252c; }
.g .parameter { fill: #12324a; stroke: #56b4e9; } .g .constant { fill: #2b2b2b; stroke: #9a9a9a; }
.g .output { fill: #46260f; stroke: #e69f00; }
.g .edge { stroke: #a8a8a8; } .g .tip { fill: #a8a8a8; }
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
    for card in nesting.cards:
        card.size = turned(size_of(card), down)
    for group in nesting.groups[1:]:
        group.size = turned((columns(title(group.path)) * SMALL + 24, 0.0), down)
    pads = (turned(FRAME[0], down), turned(FRAME[1], down))
    width, height = turned(lay_out(nesting, pads), down)
    parts = [piece for group in nesting.groups[1:] for piece in frame(group, down)]
    parts += [arrow(line, tip, down) for line, tip in lines(nesting)]
    parts += [piece for card in nesting.cards for piece in picture(card, down)]
    w, h = width + 2 * MARGIN, height + 2 * MARGIN
    name = escape(plain(f"graph {program.title}"))
    box = f'viewBox="{-MARGIN:g} {-MARGIN:g} {w:.1f} {h:.1f}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="g" role="img" width="{w:.0f}" height="{h:.0f}"',
        f"{box}>",
        f"<title>{name}</title><style>{STYLE}</style>",
        f'<rect class="page" x="{-MARGIN:g}" y="{-MARGIN:g}" width="{w:.1f}" height="{h:.1f}"/>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def opened(program: Program, depth: int | None) -> Nesting:
    """The nesting with as many levels of scopes open as are asked for, or as leave few enough cards."""
    nesting = nest(program, depth)
    deepest = max((len(equation.scope) for equation in program), default=0)
    if depth is None and len(nesting.cards) > MOST_CARDS:
        for level in reversed(range(deepest)):
            nesting = nest(program, level)
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


@dataclass(frozen=True)
class Block:
    """The value or the gradient of a variable: what is printed, and what colours it."""

    label: str
    table: list[list[str]]
    shades: Array | None  # the entries, if all are printed
    thumb: Array | None  # a small picture of a large array
    indent: float
    wide: float  # of a cell

    @property
    def size(self) -> Point:
        width = self.indent + self.wide * len(self.table[0]) + (0 if self.thumb is None else 60)
        return width, ROW * len(self.table) + 3


def blocks(card: Card) -> list[Block]:
    """Value and gradient, their entries below one another; the parts of a gradient that is a small sum."""
    v = card.variable
    if v.literal is not None or card.stands_in:
        return []
    arrays: list[tuple[str, Array | None]] = [("", v.value)]
    if v.kind != "constant":
        if 1 < len(card.parts) <= MOST_PARTS and (v.value.ndim == 0 or rows(v.value, 12)):
            arrays += [(f"← {clip(plain(name), 12)}", part) for name, part in card.parts]
        arrays.append(("grad", v.gradient))
    printed = [(label, *entries(array), thumbnail(array)) for label, array in arrays]
    texts = [text for _, table, _, _ in printed for row in table for text in row]
    wide = max(map(columns, texts)) * SMALL + 6
    labels = max(columns(label) for label, _ in arrays)
    return [Block(*block, labels and labels * SMALL + 5, wide) for block in printed]


def entries(array: Array | None) -> tuple[list[list[str]], Array | None]:
    """An array's entries if it is small, else what is in it."""
    if array is None:
        return [[UNKNOWN]], None
    small = [[number(array[()])]] if array.ndim == 0 else rows(array)
    if small is not None and array.dtype.kind in "fiub":
        return small, np.atleast_2d(array).astype(float)
    return [[f"{name} {value}"] for name, value in statistics(array)], None


def size_of(card: Card) -> Point:
    """How large a card must be for its text."""
    top = heads(card)
    width = columns(top[0][0]) * BIG + (columns(top[0][1]) * SMALL + 10 if top[0][1] else 0)
    width = max([width, *(columns(text) * SMALL for text, _ in top[1:])])
    height = 18.0 + 13.0 * (len(top) - 1)
    for block in blocks(card):
        width, height = max(width, block.size[0]), height + block.size[1]
    return width + 2 * PAD, height + PAD


def picture(card: Card, down: bool) -> Iterator[str]:
    """A card at its place."""
    v, (x, y), (w, h) = card.variable, turned(card.corner, down), turned(card.size, down)
    kind = "reference" if card.stands_in else v.kind if card.closed is None else "closed"
    yield f'<g><rect class="card {kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4"/>'
    at = y + 15
    for i, (left, right) in enumerate(heads(card)):
        yield text(left, x + PAD, at, "name" if i == 0 else "dim")
        if right:
            yield text(right, x + w - PAD, at, "dim", "end")
        at += 13
    at -= 9
    for block in blocks(card):
        if block.label:
            yield text(block.label, x + PAD, at + 11, "dim")
        start, fills = x + PAD + block.indent, shades(block.shades)
        for i, row in enumerate(block.table):
            for k, entry in enumerate(row):
                corner = (start + k * block.wide, at + i * ROW)
                yield from cell(entry, corner, block.wide, None if fills is None else fills[i][k])
        if block.thumb is not None:
            yield from pixels(block.thumb, start + block.wide + 4, at + 2, block.size[1] - 7)
        at += block.size[1]
    yield "</g>"


def text(words: str, x: float, y: float, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def cell(entry: str, corner: Point, wide: float, shade: tuple[str, bool] | None) -> Iterator[str]:
    """One number on its colour."""
    x, y = corner
    if shade is None:
        yield text(entry, x, y + 11, "plain")
        return
    box = f'x="{x:.1f}" y="{y:.1f}" width="{wide - 1:.1f}" height="{ROW - 1}"'
    yield f'<rect {box} fill="{shade[0]}"/>'
    yield text(entry, x + wide - 4, y + 11, "deep" if shade[1] else "on", "end")


def shades(values: Array | None) -> list[list[tuple[str, bool]]] | None:
    """For each entry its colour, and whether text on it must be light."""
    if values is None:
        return None
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max(initial=0.0)) or 1.0
    return [[shade(float(x) / most if np.isfinite(x) else float(x)) for x in row] for row in values]


def shade(t: float) -> tuple[str, bool]:
    if t != t:
        return "#c9c9c9", False
    t = max(-1.0, min(1.0, t))
    end = (230, 97, 1) if t > 0 else (94, 60, 153)
    return "#" + "".join(f"{round(255 + (c - 255) * abs(t)):02x}" for c in end), t < -0.75


def thumbnail(array: Array | None) -> Array | None:
    """A large array as at most 6 by 12 means of its parts."""
    if array is None or array.dtype.kind not in "fiub" or not array.size or rows(array) or not array.ndim:
        return None
    flat = array.reshape(-1, array.shape[-1]).astype(float)
    flat = np.where(np.isfinite(flat), flat, 0.0)
    flat /= np.abs(flat).max() or 1.0
    for axis, most in enumerate((6, 12)):
        parts = np.array_split(flat, min(most, flat.shape[axis]), axis)
        flat = np.stack([part.mean(axis) for part in parts], axis)
    return flat


def pixels(thumb: Array, x: float, y: float, height: float) -> Iterator[str]:
    w, h = 52.0 / thumb.shape[1], height / thumb.shape[0]
    for (i, j), mean in np.ndenumerate(thumb):
        color, _ = shade(float(mean))
        corner = f'x="{x + j * w:.1f}" y="{y + i * h:.1f}"'
        yield f'<rect {corner} width="{w:.2f}" height="{h:.2f}" fill="{color}"/>'


# ---- frames and arrows ----


def frame(group: Group, down: bool) -> Iterator[str]:
    (x, y), (w, h) = turned(group.corner, down), turned(group.size, down)
    yield f'<g><rect class="scope" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="8"/>'
    yield text(title(group.path), x + 12, y + 16, "dim") + "</g>"


def lines(nesting: Nesting) -> Iterator[tuple[list[Point], bool]]:
    """All lines, and whether each ends at a card."""
    for group in nesting.groups:
        for net, paths in zip(group.nets.values(), group.placed.lines, strict=True):
            for i, path in enumerate(paths):
                yield path, i < len(net.sinks) and isinstance(group.items[net.sinks[i][0]], Card)


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
