"""Networks as units in columns: which units, edges and numbers there are, and what is refused."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import nn
from tinygrad_sm.errors import UnsupportedError

SVG = "{http://www.w3.org/2000/svg}"
CLASSES = ["red", "orange", "yellow"]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5, rng=0), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3, rng=1))


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [e for e in root.iter() if name in e.get("class", "").split()]


def shown(element: ET.Element) -> list[str]:
    return ["".join(e.itertext()) for e in element.iter(f"{SVG}text")]


def test_every_unit_and_every_weight_is_drawn() -> None:
    net = network()
    root = ET.fromstring(net.diagram(inputs="rgb", classes=CLASSES).svg())
    assert len(of_class(root, "unit")) == 3 + 1 + 5 + 1 + 3
    assert len(of_class(root, "bias")) == 2
    wires = of_class(root, "wire")
    assert len(wires) == sum(p.size for p in net.parameters())
    assert {"r", "g", "b", *CLASSES, "hidden, ReLU, Dropout"} <= set(shown(root))
    assert not of_class(root, "chosen")


def test_color_and_width_of_an_edge_say_its_weight() -> None:
    net = nn.Sequential(nn.Linear(2, 1, bias=False))
    net[0].weight.data = np.array([[2.0, -1.0]])
    first, second = of_class(ET.fromstring(net.diagram().svg()), "wire")
    assert (first.get("class"), second.get("class")) == ("wire above", "wire below")
    assert float(first.get("stroke-width", "")) > float(second.get("stroke-width", ""))
    net[0].weight.data = np.array([[np.nan, 0.0]])
    assert len(of_class(ET.fromstring(net.diagram().svg()), "neither")) == 2


@pytest.mark.parametrize("highlight", ["orange", 1])
def test_one_class_stands_out_with_its_own_weights(highlight: Any) -> None:
    net = network()
    root = ET.fromstring(net.diagram(highlight, classes=CLASSES).svg())
    [chosen] = of_class(root, "chosen")
    [numbers] = of_class(chosen, "numbers")
    expected = [*net[3].weight.data[1], net[3].bias.data[1]]
    assert shown(numbers) == [f"{w:.4g}" for w in expected]
    assert "orange" in shown(chosen)
    assert len(of_class(root, "into")) == 3
    for k, name in enumerate(CLASSES):  # each class holds its own, for whoever points at it
        [group] = [g for g in of_class(root, "into") if name in shown(g)]
        assert f"{net[3].weight.data[k, 0]:.4g}" in shown(of_class(group, "numbers")[0])


def test_inputs_and_classes_are_painted_in_their_colors() -> None:
    paint = {"r": "#ff0000", "orange": "#ff8800"}
    root = ET.fromstring(network().diagram(inputs="rgb", classes=CLASSES, paint=paint).svg())
    painted = {e.findtext(f"{SVG}title"): e.get("style") for e in of_class(root, "unit") if e.get("style")}
    assert painted == {"r": "fill:#ff0000", "orange": "fill:#ff8800"}


def test_wide_layers_are_abbreviated_and_keep_the_chosen_class() -> None:
    net = nn.Sequential(nn.Linear(784, 300, rng=0), nn.Tanh(), nn.Linear(300, 100, rng=1))
    root = ET.fromstring(net.diagram("y50", most=8).svg())
    assert shown(root).count("…") == 3
    assert len(of_class(root, "unit")) == (7 + 1) + (7 + 1) + (7 + 1)
    assert "y50" in shown(of_class(root, "chosen")[0])
    assert len(net.diagram().svg()) < 500_000


class Scaled(nn.Module):
    """An affine layer whose outputs are scaled by a parameter that is no layer's."""

    def __init__(self) -> None:
        self.layer = nn.Linear(3, 2)
        self.scale = tg.Tensor(np.ones(2), requires_grad=True)


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (network(), {"highlight": "pink"}, "'pink' is no class; there are y1, y2, y3"),
        (network(), {"highlight": 3}, "3 is no class"),
        (network(), {"highlight": 1.5}, "1.5 is no class"),
        (network(), {"classes": ["a"]}, "1 names were given as classes; the network has 3"),
        (network(), {"paint": {"y1": "red;}"}}, "written #rrggbb"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), {}, "this has Conv2d"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3)), {}, "2 inputs do not fit 3 outputs"),
        (nn.ReLU(), {}, "has none"),
        (Scaled(), {}, "this has more, scale; look at its graph"),
    ],
)
def test_what_does_not_fit_is_refused(net: nn.Module, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        net.diagram(**options)


def test_hostile_names_stay_text() -> None:
    names = ["</script><img src=x onerror=alert(1)>", "]]>", '"'], ["<b>", "javascript:x", "a\n&amp;"]
    root = ET.fromstring(network().diagram(0, inputs=names[0], classes=names[1]).svg())
    tags = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert tags <= {"svg", "title", "style", "g", "rect", "text", "path", "circle"}
    assert not [key for e in root.iter() for key in e.attrib if key.startswith("on") or "href" in key]


def test_a_diagram_is_saved_and_shows_itself(tmp_path: Path) -> None:
    diagram = network().diagram()
    assert diagram.save(tmp_path / "net.svg").read_text(encoding="utf-8") == diagram.svg()
    assert diagram._repr_mimebundle_()["text/plain"] == "network 3-5-3, 38 weights and biases"
    assert tg.nn.Linear(3, 2).diagram().svg().count('class="wire ') == 8
