"""Arrays as rows of numbers, each on its colour, and large ones as what is in them with a small picture.

Colours run from orange (above 0) over white to purple (below), which are told apart with a red-green
deficiency; the numbers are always printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from ..program import Array
from .layers import Point
from .numbers import UNKNOWN, number, rows, statistics
from .text import columns

__all__ = ["ROW", "SMALL", "Block", "blocks", "shade", "table", "text"]

SMALL, ROW = 5.7, 15.0  # a column of small text, a row of numbers


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


def blocks(arrays: list[tuple[str, Array | None]], pictures: bool) -> list[Block]:
    """Arrays with labels whose numbers stand in common columns; large ones with small pictures, if wanted."""
    printed = [(label, *entries(array), thumbnail(array) if pictures else None) for label, array in arrays]
    texts = [text for _, table, _, _ in printed for row in table for text in row]
    wide = max(map(columns, texts)) * SMALL + 6
    labels = max(columns(label) for label, _ in arrays)
    return [Block(*parts, labels and labels * SMALL + 5, wide) for parts in printed]


def entries(array: Array | None) -> tuple[list[list[str]], Array | None]:
    """An array's entries if it is small, else what is in it."""
    if array is None:
        return [[UNKNOWN]], None
    small = [[number(array[()])]] if array.ndim == 0 else rows(array)
    if small is not None and array.dtype.kind in "fiub":
        return small, np.atleast_2d(array).astype(float)
    return [[f"{name} {value}"] for name, value in statistics(array)], None


def table(block: Block, x: float, y: float) -> Iterator[str]:
    """A block with its upper left corner at a place."""
    if block.label:
        yield text(block.label, x, y + 11, "dim")
    start, fills = x + block.indent, shades(block.shades)
    for i, row in enumerate(block.table):
        for k, entry in enumerate(row):
            corner = (start + k * block.wide, y + i * ROW)
            yield from cell(entry, corner, block.wide, None if fills is None else fills[i][k])
    if block.thumb is not None:
        yield from pixels(block.thumb, start + block.wide + 4, y + 2, block.size[1] - 7)


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
    flat[~np.isfinite(flat)] = 0.0
    flat /= np.abs(flat).max() or 1.0
    for axis, most in enumerate((6, 12)):
        n = flat.shape[axis]
        bounds = np.linspace(0, n, min(most, n) + 1).astype(int)
        sizes = np.diff(bounds).reshape((-1, 1) if axis == 0 else (1, -1))
        flat = np.add.reduceat(flat, bounds[:-1], axis) / sizes
    return flat / (np.abs(flat).max() or 1.0)


def pixels(thumb: Array, x: float, y: float, height: float) -> Iterator[str]:
    """A small picture, on whole units and with sharp edges, so that no seams are seen."""
    across = [round(x + 52 * j / thumb.shape[1]) for j in range(thumb.shape[1] + 1)]
    down = [round(y + height * i / thumb.shape[0]) for i in range(thumb.shape[0] + 1)]
    yield '<g class="pixels">'
    for (i, j), mean in np.ndenumerate(thumb):
        size = f'width="{across[j + 1] - across[j]}" height="{down[i + 1] - down[i]}"'
        yield f'<rect x="{across[j]}" y="{down[i]}" {size} fill="{shade(float(mean))[0]}"/>'
    yield "</g>"
