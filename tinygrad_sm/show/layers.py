"""A small layered layout: boxes in columns from left to right, few crossings, long edges straight.

After Sugiyama, Tagawa, Toda (1981), "Methods for visual understanding of hierarchical system structures":
columns by longest paths, the order within each by barycentres, then the positions nearest to the neighbours
that keep the order. For a picture that goes down, whoever asks swaps x and y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Net", "Placed", "arrange"]

COLUMN_GAP, BOX_GAP, LANE = 44.0, 18.0, 10.0
SWEEPS = 8
STIFFNESS = 8.0  # of the lanes of long lines, against 1 of a box

Point = tuple[float, float]


@dataclass(slots=True)
class Net:
    """One value on its way, from a box (None: the left border) to boxes and, if `out`, to the right border.

    leaves, sinks   how far below the box's upper edge its line leaves; the same of each box that it goes to
    """

    source: int | None
    leaves: float = 0.0
    sinks: list[tuple[int, float]] = field(default_factory=list)
    out: bool = False


@dataclass(slots=True)
class Placed:
    """The upper left corner of each box; of each net the lines to its sinks and to the border; the size."""

    corners: list[Point]
    lines: list[list[list[Point]]]
    size: Point


@dataclass(slots=True, eq=False)
class Vertex:
    """A box, a line's lane through a column, or its end at the border."""

    column: int
    width: float
    height: float
    is_box: bool = False
    x: float = 0.0  # the left edge
    y: float = 0.0  # the middle
    rank: float = 0.0  # the place within the column
    lane: Point = (0.0, 0.0)  # where its column begins and ends
    left: list[tuple[Vertex, float]] = field(default_factory=list)  # neighbours, and how far from theirs y
    right: list[tuple[Vertex, float]] = field(default_factory=list)  # should be

    @property
    def weight(self) -> float:
        return 1.0 if self.is_box else STIFFNESS


def arrange(sizes: Sequence[Point], nets: Sequence[Net]) -> Placed:
    """Place boxes of some sizes, in an order in which every net runs forward."""
    column = columns_of(len(sizes), nets)
    last = max(column, default=0) + 1  # column 0 and the last are the borders
    boxes = [Vertex(column[i], *size, is_box=True) for i, size in enumerate(sizes)]
    grid: list[list[Vertex]] = [[] for _ in range(last + 1)]
    for box in boxes:
        grid[box.column].append(box)
    paths = [trace(net, boxes, grid) for net in nets]
    order(grid)
    place(grid)
    right = set_x(grid)
    top = min((v.y - v.height / 2 for column in grid for v in column), default=0.0)
    bottom = max((v.y + v.height / 2 for column in grid for v in column), default=0.0)
    lines = []
    for net, net_paths in zip(nets, paths, strict=True):
        arrivals = [offset for _, offset in net.sinks] + [0.0] * net.out
        lines.append([line(net, path, at, top) for path, at in zip(net_paths, arrivals, strict=True)])
    corners = [(box.x, box.y - box.height / 2 - top) for box in boxes]
    return Placed(corners, lines, (right, bottom - top))


def columns_of(n: int, nets: Sequence[Net]) -> list[int]:
    """The column of each box, from 1: after all that it reads; what reads nothing: before its reader."""
    readers: list[list[int]] = [[] for _ in range(n)]
    fed = [False] * n
    for net in nets:
        for sink, _ in net.sinks:
            fed[sink] = True
            if net.source is not None:
                readers[net.source].append(sink)
    column = [1] * n
    for i in range(n):
        for sink in readers[i]:
            column[sink] = max(column[sink], column[i] + 1)
    for i in range(n):
        if not fed[i] and readers[i]:
            column[i] = min(column[sink] for sink in readers[i]) - 1
    return column


def trace(net: Net, boxes: list[Vertex], grid: list[list[Vertex]]) -> list[list[Vertex]]:
    """The vertices that each line of a net goes through; lines of one net share their lanes."""
    trunk = [boxes[net.source]] if net.source is not None else [added(0, grid)]
    down = net.leaves - trunk[0].height / 2 if net.source is not None else 0.0
    paths = []
    targets: list[tuple[Vertex | None, float]] = [(None, 0.0)] if net.out else []
    inside = ((boxes[sink], offset - boxes[sink].height / 2) for sink, offset in net.sinks)
    for target, at in [*inside, *targets]:
        end = len(grid) - 1 if target is None else target.column
        steps = end - trunk[0].column
        while len(trunk) < steps:
            trunk.append(added(trunk[-1].column + 1, grid))
            join(trunk[-2], down if len(trunk) == 2 else 0.0, trunk[-1], 0.0)
        target = target or added(end, grid)
        join(trunk[steps - 1], down if steps == 1 else 0.0, target, at)
        paths.append([*trunk[:steps], target])
    return paths


def added(column: int, grid: list[list[Vertex]]) -> Vertex:
    grid[column].append(Vertex(column, 0.0, LANE))
    return grid[column][-1]


def join(a: Vertex, below_a: float, b: Vertex, below_b: float) -> None:
    a.right.append((b, below_b - below_a))
    b.left.append((a, below_a - below_b))


def order(grid: list[list[Vertex]]) -> None:
    """Order each column by the mean place of its neighbours, there and back, so that fewer lines cross."""
    number(grid)
    for sweep in range(SWEEPS):
        back = sweep % 2
        for column in reversed(grid) if back else grid:
            for v in column:
                near = v.right if back else v.left
                if near:
                    v.rank = sum(u.rank + shift * 1e-3 for u, shift in near) / len(near)
            column.sort(key=lambda v: v.rank)
            number([column])


def number(grid: list[list[Vertex]]) -> None:
    for column in grid:
        middle = (len(column) - 1) / 2
        for i, v in enumerate(column):
            v.rank = i - middle


def place(grid: list[list[Vertex]]) -> None:
    """Move each column, in its order, as near to where its neighbours want it as the gaps allow."""
    for column in grid:
        settle(column, [0.0] * len(column))
    for sweep in range(SWEEPS):
        back, both = sweep % 2, sweep >= SWEEPS - 2
        for column in reversed(grid) if back else grid:
            wanted = []
            for v in column:
                near = [*v.left, *v.right] if both else v.right if back else v.left
                total = sum(u.weight for u, _ in near)
                wanted.append(sum(u.weight * (u.y + shift) for u, shift in near) / total if total else v.y)
            settle(column, wanted)


def settle(column: list[Vertex], wanted: list[float]) -> None:
    """The places nearest to those wanted, by weighted least squares, in the given order and with gaps.

    With the gaps taken off, that is an isotonic regression: neighbours out of order are pooled.
    """
    offset, offsets = 0.0, []
    for i, v in enumerate(column):
        if i:
            gap = BOX_GAP if v.is_box and column[i - 1].is_box else BOX_GAP / 2
            offset += (v.height + column[i - 1].height) / 2 + gap
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for v, want, off in zip(column, wanted, offsets, strict=True):
        mean, weight, length = want - off, v.weight * max(1, len(v.left) + len(v.right)), 1
        while pools and pools[-1][0] >= mean:
            m, w, n = pools.pop()
            mean, weight, length = (mean * weight + m * w) / (weight + w), weight + w, length + n
        pools.append((mean, weight, length))
    means = (mean for mean, _, length in pools for _ in range(length))
    for v, mean, off in zip(column, means, offsets, strict=True):
        v.y = mean + off


def set_x(grid: list[list[Vertex]]) -> float:
    """Give each vertex its x: boxes in the middle of their column, those that read nothing at its end."""
    x = COLUMN_GAP / 2 if grid[0] else 0.0
    for column in grid[1:-1]:
        width = max((v.width for v in column), default=0.0)
        for v in column:
            v.lane = x, x + width
            v.x = x + (width - v.width) / (2 if v.left else 1)
        x += width + COLUMN_GAP
    end = x - COLUMN_GAP + (COLUMN_GAP / 2 if grid[-1] else 0.0)
    for v in grid[-1]:
        v.lane, v.x = (end, end), end
    return end


def line(net: Net, path: list[Vertex], arrival: float, top: float) -> list[Point]:
    """The points of a line: out of the source, straight through each lane, into the end."""
    first, last = path[0], path[-1]
    start = first.y if net.source is None else first.y - first.height / 2 + net.leaves
    points = [(first.x + first.width, start - top), (first.lane[1], start - top)]
    for v in path[1:-1]:
        points += [(v.lane[0], v.y - top), (v.lane[1], v.y - top)]
    end = last.y - last.height / 2 + arrival if last.is_box else last.y
    return [*points, (last.lane[0], end - top), (last.x, end - top)]
