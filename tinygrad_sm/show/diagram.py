"""A network of affine layers as people know it: units in columns, an edge for each weight, biases as units.

Edges are orange (above 0) or purple (below), the wider the larger the weight is within its layer. Whoever
points at a unit of the last column sees the weights into it alone, with their numbers; no script is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Protocol

import numpy as np

from ..errors import UnsupportedError
from ..program import Array
from .cells import SMALL, text
from .numbers import clip, number, plain
from .saving import Picture
from .svg import page
from .text import columns

__all__ = ["Diagram"]

ACROSS, DOWN, RADIUS, TOP = 230.0, 27.0, 9.0, 34.0
ORDER = "a diagram is of Linear layers one after another"
LOOK = "look at its graph: tg.graph(net(x)).svg()"
HEX = re.compile("#[0-9a-fA-F]{6}")
STYLE = """
.g .wire { fill: none; pointer-events: none; } .g .unit { fill: #fff; stroke: #5a5a5a; stroke-width: 1.5; }
.g .above { stroke: #e66101; } .g .below { stroke: #5e3c99; } .g .neither { stroke: #9a9a9a; }
.g .bias { stroke-dasharray: 3 2; } .g .into .numbers { display: none; }
.g .into:hover .numbers, .g .chosen .numbers { display: inline; }
.g .behind { fill: #fff; fill-opacity: .85; }
.g .into.chosen .name { text-decoration: underline; }
.g .picked .into:not(.chosen) .wire { opacity: .1; }
.g .last:hover .into:not(:hover) .wire { opacity: .1; }
.g .last:hover .into:not(:hover) .numbers { display: none; }
.g .last:hover .into:hover .wire { opacity: 1; }
@media (prefers-color-scheme: dark) {
.g .unit { fill: #22252c; stroke: #c0c0c0; } .g .behind { fill: #16181d; } .g .below { stroke: #a98bdb; }
.g .above { stroke: #ff9a42; }
}"""


class Net(Protocol):
    """What a diagram asks of a network."""

    def modules(self) -> Iterator[Any]: ...
    def named_parameters(self) -> Iterator[tuple[str, Any]]: ...


class Diagram(Picture):
    """The picture of a network, made by its `diagram` method.

    net         modules that are affine layers (weight (out, in), bias or None) and such without parameters
    highlight   the class whose weights stand out, by name or number
    inputs      the inputs' names
    classes     the outputs' names
    paint       colours of units, "#rrggbb", by their names
    most        how many units of a column are drawn

    Raises UnsupportedError for other layers, or a highlight, names or colours that do not fit.
    """

    def __init__(
        self,
        net: Net,
        highlight: str | int | None = None,
        *,
        inputs: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        paint: Mapping[str, str] | None = None,
        most: int = 16,
    ) -> None:
        self.layers, self.between = affine_layers(net)
        sizes = [self.layers[0][0].shape[1], *(weight.shape[0] for weight, _ in self.layers)]
        self.names = [[f"h{i + 1}" for i in range(size)] for size in sizes]
        self.names[0] = named("inputs", inputs, sizes[0], "x")
        self.names[-1] = named("classes", classes, sizes[-1], "y")
        self.paint = dict(paint or {})
        for name, color in self.paint.items():
            if not isinstance(color, str) or not HEX.fullmatch(color):
                raise UnsupportedError(f"diagram: the colour of {name!r} is written #rrggbb, not {color!r}")
        self.chosen = self.class_of(highlight)
        self.shown = [
            shown(size, most, self.chosen if i == len(sizes) - 1 else None) for i, size in enumerate(sizes)
        ]

    def class_of(self, highlight: str | int | None) -> int | None:
        """The number of the class that is to stand out."""
        if highlight is None:
            return None
        known = self.names[-1]
        if isinstance(highlight, str) and highlight in known:
            return known.index(highlight)
        if isinstance(highlight, int | np.integer) and 0 <= highlight < len(known):
            return int(highlight)
        raise UnsupportedError(f"diagram: {highlight!r} is no class; there are {clip(', '.join(known), 200)}")

    def __str__(self) -> str:
        sizes = [len(names) for names in self.names]
        count = sum(weight.size + (0 if bias is None else bias.size) for weight, bias in self.layers)
        return f"network {'-'.join(map(str, sizes))}, {count:,} weights and biases"

    def svg(self) -> str:
        """The picture in SVG."""
        tall = max(self.rows(i) for i in range(len(self.names)))
        left = max(columns(label(name)) for name in self.names[0]) * SMALL + 2 * RADIUS
        right = max(columns(label(name)) for name in self.names[-1]) * 7.3 + 2 * RADIUS
        size = left + ACROSS * len(self.layers) + right + 12, TOP + tall * DOWN + 30
        places = [self.column(i, left + ACROSS * i, TOP + tall * DOWN / 2) for i in range(len(self.names))]
        heads = ["inputs", *(f"hidden{self.between[i]}" for i in range(len(self.layers) - 1)), "logits"]
        parts = [text(heads[0], 0, 12, "dim")]
        for i, head in enumerate(heads[1:-1], 1):
            parts.append(text(clip(head, 34), left + ACROSS * i, 12, "dim", "middle"))
        parts.append(text(heads[-1], left + ACROSS * len(self.layers) - RADIUS, 12, "dim"))
        for i in range(len(self.layers) - 1):
            parts += [wire for j in self.shown[i + 1] for wire in self.wires(i, j, places)]
        for i in range(len(self.layers)):
            parts += self.units(i, places[i])
        parts += self.last(places)
        parts.append(text(self.caption(), 0, size[1] - 6, "dim"))
        size = max(size[0], columns(self.caption()) * SMALL), size[1]
        return page(str(self), size, parts, STYLE)

    def caption(self) -> str:
        if self.chosen is None:
            return "orange: weight above 0, purple: below; point at a class to see its weights"
        name = label(self.names[-1][self.chosen])
        return (
            f"w of {name}: z of {name} = its weights times what comes in, + the weight of the unit that is 1"
        )

    def rows(self, i: int) -> int:
        """How many places a column has: its units, the dots, the bias."""
        bias = i < len(self.layers) and self.layers[i][1] is not None
        return len(self.shown[i]) + (len(self.shown[i]) < len(self.names[i])) + bias

    def column(self, i: int, x: float, middle: float) -> dict[int, tuple[float, float]]:
        """Where the units of a column stand, by their numbers; its dots at -2, its bias at -1."""
        keys = list(self.shown[i])
        gap = next((n for n, k in enumerate(keys) if k != n), len(keys))
        if len(keys) < len(self.names[i]):
            keys.insert(gap, -2)
        if i < len(self.layers) and self.layers[i][1] is not None:
            keys.append(-1)
        top = middle - (len(keys) - 1) * DOWN / 2
        return {key: (x, top + n * DOWN) for n, key in enumerate(keys)}

    def weights(self, i: int, j: int) -> list[tuple[int, float]]:
        """The weights of a layer into unit j that are drawn, by the units that they come from."""
        weight, bias = self.layers[i]
        found = [(k, float(weight[j, k])) for k in self.shown[i]]
        return [*found, *([] if bias is None else [(-1, float(bias[j]))])]

    def wires(self, i: int, j: int, places: list[dict[int, tuple[float, float]]]) -> Iterator[str]:
        weight, bias = self.layers[i]
        every = np.concatenate([weight.ravel(), np.zeros(1) if bias is None else bias.ravel()])
        most = float(np.abs(every[np.isfinite(every)]).max(initial=0.0)) or 1.0
        for k, w in self.weights(i, j):
            (x0, y0), (x1, y1) = places[i][k], places[i + 1][j]
            part = min(1.0, abs(w) / most) if np.isfinite(w) else 1.0
            sign = "above" if w > 0 else "below" if w < 0 else "neither"
            start, end = f"{x0 + RADIUS:.0f} {y0:.1f}", f"{x1 - RADIUS:.0f} {y1:.1f}"
            bend = f"M{start}C{x0 + 80:.0f} {y0:.1f} {x1 - 80:.0f} {y1:.1f} {end}"
            look = f'stroke-width="{0.3 + 3.2 * part:.2f}" stroke-opacity="{0.25 + 0.7 * part:.2f}"'
            yield f'<path class="wire {sign}" d="{bend}" {look}/>'

    def units(self, i: int, places: dict[int, tuple[float, float]]) -> Iterator[str]:
        """The units of a column, the bias and the dots among them."""
        for key, (x, y) in places.items():
            if key == -2:
                yield text("…", x, y + 4, "name", "middle")
            elif key == -1:
                yield f'<circle class="unit bias" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
                yield text("1", x, y + 4, "name", "middle")
            else:
                yield self.unit(i, key, x, y)
                if i == 0:
                    yield text(label(self.names[0][key]), x - RADIUS - 5, y + 3.5, "name", "end")

    def unit(self, i: int, key: int, x: float, y: float) -> str:
        color = self.paint.get(self.names[i][key]) if i in (0, len(self.names) - 1) else None
        fill = f' style="fill:{color}"' if color else ""
        name = f"<title>{escape(plain(self.names[i][key]))}</title>"
        return f'<circle class="unit" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"{fill}>{name}</circle>'

    def last(self, places: list[dict[int, tuple[float, float]]]) -> Iterator[str]:
        """The last column, each unit with the weights into it."""
        i = len(self.layers) - 1
        yield f'<g class="last{"" if self.chosen is None else " picked"}">'
        order = sorted(self.shown[-1], key=lambda j: j == self.chosen)
        for j in order:
            yield f'<g class="into{" chosen" if j == self.chosen else ""}">'
            yield from self.wires(i, j, places)
            x, y = places[-1][j]
            yield self.unit(i + 1, j, x, y)
            yield text(label(self.names[-1][j]), x + RADIUS + 5, y + 4, "name")
            yield '<g class="numbers">'
            for k, w in self.weights(i, j):
                a, b = places[i][k]
                words = number(w)
                wide = columns(words) * SMALL + 4
                box = f'x="{a + RADIUS + 3:.1f}" y="{b - 7:.1f}" width="{wide:.1f}" height="14"'
                yield f'<g><rect class="behind" {box}/>{text(words, a + RADIUS + 5, b + 3.5, "plain")}</g>'
            yield "</g></g>"
        if -2 in places[-1]:
            x, y = places[-1][-2]
            yield text("…", x, y + 4, "name", "middle")
        yield "</g>"


def label(name: str) -> str:
    return clip(plain(name), 20)


def named(what: str, names: Sequence[str] | None, size: int, letter: str) -> list[str]:
    """The names of a column's units."""
    if names is None:
        return [f"{letter}{i + 1}" for i in range(size)]
    if len(names) != size:
        raise UnsupportedError(f"diagram: {len(names)} names were given as {what}; the network has {size}")
    return [str(name) for name in names]


def shown(size: int, most: int, chosen: int | None) -> list[int]:
    """Which units of a column are drawn: the first and the last if it is wide, and the one that is chosen."""
    if size <= most:
        return list(range(size))
    first = max(1, (most - 1) // 2)
    units = {*range(first), *range(size - max(1, most - 1 - first), size)}
    return sorted(units if chosen is None else {*units, chosen})


def affine_layers(net: Net) -> tuple[list[tuple[Array, Array | None]], list[str]]:
    """Weight and bias of each affine layer, and what is between them."""
    layers: list[tuple[Array, Array | None]] = []
    between: list[str] = []
    for module in net.modules():
        name = type(module).__name__
        if list(module.children()):
            continue
        if not list(module.parameters()):
            if between:
                between[-1] += f", {name}"
            continue
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if not hasattr(module, "out_features") or weight is None or weight.ndim != 2:
            raise UnsupportedError(f"{ORDER}, and this has {name}; {LOOK}")
        if layers and layers[-1][0].shape[0] != weight.shape[1]:
            sizes = f"{weight.shape[1]} inputs do not fit {layers[-1][0].shape[0]} outputs"
            raise UnsupportedError(f"{ORDER}: {sizes}")
        layers.append((weight.data, None if bias is None else bias.data))
        between.append("")
    if not layers:
        raise UnsupportedError("a diagram is of Linear layers, and this network has none")
    drawn = {id(array) for layer in layers for array in layer}
    others = [clip(name) for name, p in net.named_parameters() if id(p.data) not in drawn]
    if others:
        raise UnsupportedError(f"{ORDER}, and this has more, {', '.join(others)}; {LOOK}")
    return layers, between
