"""The project's own pictures: what is in them, as an XML parser counts it, and where things are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.program import Program, graph
from tinygrad_sm.show.layers import Net, arrange

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    '"', "'", "<b>", "</text>", "</script><img src=x onerror=alert(1)>", "]]>", "&amp;", "<!--",
    "javascript:x", "a\nb", "\x00\x1b", "\ud800", "\\N", "日本語", "\u202e", "x" * 300, "{a|b}",
]  # fmt: skip


def softmax() -> Program:
    z = tg.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    y = np.array([[1.0, 0.0, 0.0]])
    with tg.scope("softmax"):
        e = tg.exp(z)
        a = e / tg.sum(e, axis=-1, keepdims=True)
    loss = -tg.sum(y * tg.log(a))
    loss.backward()
    return graph(loss)


def network(layers: int = 3) -> Program:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(32, 8))
    with tg.scope("net"):
        for i in range(layers):
            with tg.scope(f"{i}: Linear"):
                w = tg.Tensor(rng.normal(size=(8, 8)), requires_grad=True, name=f"net.{i}.weight")
                h = h @ w + tg.Tensor(np.zeros(8), requires_grad=True, name=f"net.{i}.bias")
            with tg.scope("relu"):
                h = tg.relu(h)
    return graph(tg.softmax_cross_entropy(h, rng.integers(0, 8, 32)), gradients=True)


def diamonds() -> Program:
    x = tg.Tensor(3.0, requires_grad=True, name="x")
    first, t = x * x, x
    for i in range(5):
        with tg.scope(f"part {i % 2}"), tg.scope("inner"):
            t = t * first + x
    return graph(t + t * 2, gradients=True)


def odd() -> Program:
    x = tg.Tensor([np.nan, np.inf, -np.inf, 0.0], requires_grad=True)
    empty = tg.Tensor(np.zeros((0, 2)), requires_grad=True)
    return graph((tg.sum(x * np.float32(2)), empty * 1), gradients=False)


def leaf() -> Program:
    return graph(tg.Tensor(1.0, requires_grad=True, name="alone"))


GRAPHS = [softmax, network, diamonds, odd, leaf]


def rectangles(root: ET.Element, style: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of the rectangles of a class."""
    found = [e for e in root.iter(f"{SVG}rect") if style in e.get("class", "").split()]
    corners = ([float(e.get(key, "nan")) for key in ("x", "y", "width", "height")] for e in found)
    return [(x, y, x + w, y + h) for x, y, w, h in corners]


def edges(root: ET.Element) -> list[list[tuple[float, float]]]:
    """The points of each line, those that bend it included."""
    paths = [e.get("d", "") for e in root.iter(f"{SVG}path") if "edge" in e.get("class", "").split()]
    numbers = ([float(x) for x in re.findall(r"-?\d+\.?\d*", d)] for d in paths)
    return [list(zip(n[::2], n[1::2], strict=True)) for n in numbers]


@pytest.mark.parametrize("make", GRAPHS)
@pytest.mark.parametrize("down", [False, True])
def test_cards_lie_apart_and_within_the_picture(make, down: bool) -> None:  # type: ignore[no-untyped-def]
    program = make()
    root = ET.fromstring(program.svg(down=down))
    cards, chips = rectangles(root, "card"), rectangles(root, "chip")
    assert len(cards) == len(program.variables)
    assert len(chips) == sum(part is not None for equation in program for part in equation.contributions)
    x, y, w, h = map(float, root.get("viewBox", "").split())
    assert [f"{w:g}", f"{h:g}"] == [root.get("width"), root.get("height")]  # so that a unit is a pixel
    scopes = rectangles(root, "scope")
    for left, top, right, bottom in [*cards, *chips, *scopes]:
        assert x <= left < right <= x + w
        assert y <= top < bottom <= y + h
    for a, b in combinations([*cards, *chips], 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for s in scopes:  # a frame holds a card or leaves it out, but never cuts it
        for c in [*cards, *chips]:
            inside = s[0] < c[0] and c[2] < s[2] and s[1] < c[1] and c[3] < s[3]
            outside = c[2] <= s[0] or s[2] <= c[0] or c[3] <= s[1] or s[3] <= c[1]
            assert inside or outside


@pytest.mark.parametrize("make", GRAPHS)
def test_one_arrow_for_each_input_and_none_through_a_card(make) -> None:  # type: ignore[no-untyped-def]
    program = make()
    for down in (False, True):
        root = ET.fromstring(program.svg(down=down))
        tips = [e for e in root.iter(f"{SVG}path") if e.get("class") == "tip"]
        assert len(tips) == sum(len(equation.inputs) for equation in program)
        cards = rectangles(root, "card")
        for points in edges(root):
            for px, py in points:
                for left, top, right, bottom in cards:
                    assert not (left + 0.2 < px < right - 0.2 and top + 0.2 < py < bottom - 0.2)
        starts = {points[0] for points in edges(root)} | {points[-1] for points in edges(root)}
        borders = [*cards, *rectangles(root, "scope")]
        for px, py in starts:  # each line begins and ends at a border
            assert any(
                min(abs(px - a[0]), abs(px - a[2]), abs(py - a[1]), abs(py - a[3])) < 0.2
                and a[0] - 0.2 <= px <= a[2] + 0.2
                and a[1] - 0.2 <= py <= a[3] + 0.2
                for a in borders
            )


def test_names_values_and_gradients_are_printed() -> None:
    program = softmax()
    root = ET.fromstring(program.svg())
    shown = ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]
    z, y = np.array([2.0, 1.0, 0.1]), np.array([1, 0, 0])
    a = np.exp(z) / np.exp(z).sum()
    for x in (*z, *a, *(a - y), -np.log(a[0])):
        assert f"{x:.4g}" in shown
    assert {"z", "e", "a", "loss", "softmax", "exp(z)", "(1,3)", "parameter", "constant"} <= set(shown)
    assert "—" not in shown
    before = ET.fromstring(graph(tg.Tensor(1.0, requires_grad=True) * 2).svg())
    assert "—" in ["".join(e.itertext()) for e in before.iter(f"{SVG}text")]
    strange = ["".join(e.itertext()) for e in ET.fromstring(odd().svg()).iter(f"{SVG}text")]
    assert {"nan", "inf", "-inf"} <= set(strange)


def test_what_comes_back_stands_on_every_edge() -> None:
    root = ET.fromstring(softmax().svg())
    z, y = np.array([2.0, 1.0, 0.1]), np.array([1, 0, 0])
    e = np.exp(z)
    a = e / e.sum()
    expected = {  # by who sends it to whom
        ("e", "z"): a - y,
        ("v1", "e"): [(y * e / a / e.sum() ** 2).sum()] * 3,
        ("a", "e"): -y / a / e.sum(),
        ("a", "v1"): [(y * e / a / e.sum() ** 2).sum()],
        ("v2", "a"): -y / a,
        ("v3", "v2"): -y,
        ("v4", "v3"): [-1, -1, -1],
        ("loss", "v4"): [-1],
    }
    found = {}
    for g in root.iter(f"{SVG}g"):
        if (title := g.findtext(f"{SVG}title")) is not None:
            to, x = re.findall(r"(\w+) sends back to (\w+), its part of d\(loss\)", title)[0]
            found[to, x] = ["".join(t.itertext()) for t in g.iter(f"{SVG}text")]
    assert {edge: ["←", *(f"{v + 0.0:.4g}" for v in row)] for edge, row in expected.items()} == found
    assert "sends back" not in graph(tg.Tensor(1.0, requires_grad=True) * 2).svg()
    assert "↑" in softmax().svg(down=True)


def test_a_closed_scope_sends_back_the_sum_of_its_parts() -> None:
    x = tg.Tensor(3.0, requires_grad=True, name="x")
    with tg.scope("polynomial"):
        y = x * x + x * 5
    loss = y + x
    loss.backward()
    titles = re.findall("<g><title>(.*?)</title>", graph(loss).svg(depth=0))
    assert "y sends back to x, its part of d(loss)/d(x): 11" in titles
    assert len(titles) == 3


def test_large_arrays_come_back_as_what_is_in_them() -> None:
    w = tg.Tensor(np.zeros((30, 40)), requires_grad=True, name="w")
    tg.sum(loss := tg.sum(w * np.arange(40.0))).backward()
    source = graph(loss, gradients=True).svg()
    assert "v1 sends back to w, its part of d(loss)/d(w): min 0, mean 19.5, max 39" in source
    pictures = [g for g in ET.fromstring(source).iter(f"{SVG}g") if g.get("class") == "pixels"]
    assert {len(g) for g in pictures} == {12, 72}  # 6 by 12, or one row; with no seams between them
    assert "crispEdges" in source


def test_what_is_cut_to_fit_a_card_is_told_to_whoever_points_at_it() -> None:
    x = tg.Tensor(np.ones((2, 3, 4)), requires_grad=True, name="x" * 50)
    with tg.scope("s" * 60):
        loss = tg.sum(x, axis=(0, 1, 2), keepdims=True)
    call = f"loss = sum({'x' * 50}, axis=(0, 1, 2), keepdims=True)"
    for depth, expected in ((None, {"x" * 50, call}), (0, {"s" * 60})):
        root = ET.fromstring(graph(loss).svg(depth))
        assert {g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")} - {None} == expected
    assert "<g><title>" not in graph(tg.sum(tg.Tensor(1.0, requires_grad=True, name="x"))).svg()


def test_scopes_can_be_closed() -> None:
    program = network()
    root = ET.fromstring(program.svg(depth=1))
    closed = rectangles(root, "closed")
    assert len(closed) == 6
    assert len(rectangles(root, "scope")) == 1
    shown = ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]
    assert "0: Linear" in shown
    assert any(text.startswith("2 ops, 2 parameters → ") for text in shown)
    assert len(rectangles(ET.fromstring(program.svg(depth=0)), "closed")) == 1
    assert not rectangles(ET.fromstring(program.svg(depth=2)), "closed")


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_large_graph_starts_closed_and_without_scopes_is_drawn_whole() -> None:
    assert len(rectangles(ET.fromstring(network(150).svg()), "card")) < 400
    rng = np.random.default_rng(0)
    tensors = [tg.Tensor(1.0, requires_grad=True)]
    for i in range(1000):
        tensors.append(tg.tanh(tensors[rng.integers(max(0, i - 30), i + 1)] - tensors[-1]))
    program = graph(tg.sum(tg.stack(tensors[-5:])), names={})
    root = ET.fromstring(program.svg())
    assert len(rectangles(root, "card")) - len(rectangles(root, "reference")) == len(program.variables)
    tips = [e for e in root.iter(f"{SVG}path") if e.get("class") == "tip"]
    assert len(tips) == sum(len(equation.inputs) for equation in program)


def test_in_a_large_graph_what_comes_from_far_away_is_named() -> None:
    x = t = tg.Tensor(1.0, requires_grad=True, name="x")
    for i in range(401):
        t = tg.tanh(t) if i % 100 else t + x
    root = ET.fromstring(graph(t, names={}).svg())
    assert len(rectangles(root, "reference")) == 4
    assert ["".join(e.itertext()) for e in root.iter(f"{SVG}text")].count("x") == 5


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    x = tg.Tensor([1.0], requires_grad=True, name=name)
    with tg.scope(name):
        loss = tg.sum(x * 2)
    source = graph(loss, names={}).svg()
    root = ET.fromstring(source)
    tags = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert tags <= {"svg", "title", "style", "g", "rect", "text", "path"}
    attributes = {key for e in root.iter() for key in e.attrib}
    assert not [key for key in attributes if key.startswith("on") or "href" in key]
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    shown = ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]
    assert (plain if len(plain) <= 32 else plain[:31] + "…") in shown


def test_notebooks_show_the_picture() -> None:
    bundle = softmax()._repr_mimebundle_()
    assert ET.fromstring(bundle["image/svg+xml"]).tag == f"{SVG}svg"
    assert bundle["text/plain"].startswith("Program of loss")


def test_few_lines_cross_and_long_lines_are_straight() -> None:
    """Two chains and one line past them: nothing crosses, and the line has one height all the way."""
    sizes = [(10.0, 10.0)] * 8
    nets = [Net(0, 5, [(2, 5.0)]), Net(2, 5, [(4, 5.0)]), Net(4, 5, [(6, 5.0)]), Net(1, 5, [(3, 5.0)])]
    nets += [Net(3, 5, [(5, 5.0)]), Net(5, 5, [(7, 5.0)]), Net(6, 5, [(7, 9.0)]), Net(0, 2, [(6, 1.0)])]
    placed = arrange(sizes, nets)
    past = placed.lines[-1][0]
    heights = [y for _, y in past[2:-2]]
    assert max(heights) - min(heights) < 1
    above = {i: placed.corners[i][1] for i in range(6)}
    assert all((above[2 * i] < above[2 * i + 1]) == (above[0] < above[1]) for i in range(3))
    rights = [x for x, _ in placed.corners]
    assert rights[0] < rights[2] < rights[4] < rights[6] < rights[7]


def test_the_backward_pass_is_drawn() -> None:
    z = tg.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    program = graph(tg.sum(tg.exp(z)), backward=True)
    root = ET.fromstring(program.svg())
    shown = ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]
    assert {"backward", "dz"} <= set(shown)
    assert len(rectangles(root, "gradient")) == sum(v.kind == "gradient" for v in program.variables.values())
    assert "—" not in shown


@pytest.mark.parametrize("depth", [None, 0, 1])
def test_the_backward_pass_of_a_network_is_drawn_after_the_forward_pass(depth: int | None) -> None:
    net = tg.nn.Sequential(tg.nn.Linear(3, 4, rng=0), tg.nn.ReLU(), tg.nn.Linear(4, 3, rng=1))
    loss = tg.nn.CrossEntropyLoss()(net(np.ones((2, 3), np.float32)), np.array([0, 1]))
    program = graph(loss, backward=True)
    for down in (False, True):
        root = ET.fromstring(program.svg(depth, down))
        cards = [g for g in root.iter(f"{SVG}g") if rectangles(g, "card")]
        place = {"".join(g.findtext(f"{SVG}text") or ""): rectangles(g, "card")[0] for g in cards}
        assert len(cards) == len(rectangles(root, "card"))
        if depth is None:
            assert place["loss"][2 + down] < place["dloss"][down] < place["d0.weight"][down]
    x = tg.Tensor(3.0, requires_grad=True)
    assert len(rectangles(ET.fromstring(graph(x, backward=True).svg()), "card")) == 2
