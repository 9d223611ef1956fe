"""Two graphs side by side: what is shared, what is left out, where it all stands."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import UnsupportedError
from tinygrad_sm.show import Comparison

SVG = "{http://www.w3.org/2000/svg}"


def both_roads(name: str | None = None) -> Comparison:
    x, y = np.array([[0.9, 0.1]]), np.array([[1.0, 0.0, 0.0]])
    W = tg.Tensor([[2.0, 1.0, -0.5], [1.0, 0.5, 3.0]], requires_grad=True, name=name)
    with tg.scope(name or "layer"):
        z = x @ W
    composed = tg.composed_softmax_cross_entropy(z, y)
    fused = tg.softmax_cross_entropy(z, y)
    return tg.compare(composed, fused)


def drawings(source: str) -> tuple[ET.Element, ET.Element]:
    return tuple(g for g in ET.fromstring(source) if g.tag == f"{SVG}g")  # type: ignore[return-value]


def places(element: ET.Element) -> dict[str, tuple[str, str, str, str]]:
    """Where the cards stand, by the first word in each."""
    found = {}
    for g in element.iter(f"{SVG}g"):
        rect = g.find(f"{SVG}rect")
        if rect is not None and "card" in rect.get("class", "").split():
            x, y, w, h = (rect.get(key, "") for key in ("x", "y", "width", "height"))
            found["".join(g.find(f"{SVG}text").itertext())] = x, y, w, h  # type: ignore[union-attr]
    return found


def test_what_both_share_is_known_and_the_gradients_agree() -> None:
    comparison = both_roads()
    first, second = comparison.first, comparison.second
    assert [comparison.shared[name].name for name in ("x", "W", "y", "z")] == ["x", "W", "y", "z"]
    assert comparison.shared["fused"] is first["composed"]
    assert len(second) == 2
    np.testing.assert_allclose(first["z"].gradient, second["z"].gradient, rtol=0, atol=4e-16)
    assert re.fullmatch(
        r"<Comparison composed: \d+ ops; fused: 2 ops; dcomposed/dz (is the same|differs by at most .*)>",
        repr(comparison),
    )


@pytest.mark.parametrize("down", [False, True])
def test_shared_cards_are_aligned_and_the_others_grey(down: bool) -> None:
    comparison = both_roads()
    above, below = drawings(comparison.svg(down))
    first, second = places(above), places(below)
    assert first.keys() >= {"x", "W", "y", "z", "composed"}
    for name in ("x", "W", "y", "z"):
        assert first[name] == second[name]
    assert first["composed"] == second["fused"]
    [ghost] = [g for g in below.iter(f"{SVG}g") if g.get("class") == "ghost"]
    grey = places(ghost)
    assert grey.keys() == first.keys() - {"x", "W", "y", "z", "composed"}
    assert all(grey[name] == first[name] for name in grey)
    tips = [len([e for e in part.iter(f"{SVG}path") if e.get("class") == "tip"]) for part in (above, below)]
    assert tips == [sum(len(e.inputs) for e in p) for p in (comparison.first, comparison.second)]
    chips = [len([e for e in part.iter(f"{SVG}rect") if e.get("class") == "chip"]) for part in (above, below)]
    parts = [
        [c for e in p for c in e.contributions if c is not None]
        for p in (comparison.first, comparison.second)
    ]
    assert chips == [len(part) for part in parts]


def test_what_only_the_second_has_is_drawn_there() -> None:
    z = tg.Tensor([2.0, 1.0], requires_grad=True, name="z")
    short = tg.sum(z * 2)
    c = np.array([3.0, 4.0])
    long = tg.sum(tg.exp(tg.log(z * 2) + c))
    comparison = tg.compare(short, long)
    above, below = drawings(comparison.svg())
    assert len(places(below)) == len(comparison.second.variables)
    assert len(places(above)) == len(comparison.first.variables)
    assert "differs" in repr(comparison)
    assert "exp(v3)" in "".join(below.itertext())


def test_equal_numbers_of_other_tensors_are_not_the_same() -> None:
    a, b = (tg.Tensor([1.0], requires_grad=True, name=name) for name in "ab")
    assert list(tg.compare(tg.sum(a), tg.sum(b), names={}).shared) == ["out"]
    assert list(tg.compare(tg.sum(a), tg.sum(a), names={}).shared) == ["a", "out"]


@pytest.mark.parallel_threads_limit(2)  # it is long
@pytest.mark.parametrize(
    "scopes", [("", "", ""), ("A", "", "B"), ("", "A", "A"), ("A", "A", "B"), ("A", "B", "A")]
)
def test_it_is_drawn_whatever_the_scopes_and_whoever_goes_further(scopes: tuple[str, str, str]) -> None:
    W = tg.Tensor([[1.0, 2.0], [0.5, 1.0]], requires_grad=True)
    with tg.scope(scopes[0]):
        z = tg.tanh(np.ones((3, 2)) @ W)
    with tg.scope(scopes[1]):
        one = tg.composed_softmax_cross_entropy(z, np.eye(2)[[0, 1, 1]])
    with tg.scope(scopes[2]):
        two = tg.softmax_cross_entropy(z * 1.0 + np.zeros(2), [0, 1, 1])
    for pair in ((one, two), (two, one), (one, one), (one, one + 1), (one + 1, one)):
        comparison = tg.compare(*pair, names={"W": W, "z": z})
        for down in (False, True):
            above, below = drawings(comparison.svg(down))
            tips = [
                [e for e in part.iter(f"{SVG}path") if e.get("class") == "tip"] for part in (above, below)
            ]
            edges = [sum(len(e.inputs) for e in p) for p in (comparison.first, comparison.second)]
            assert [len(part) for part in tips] == edges


def deep(layers: int, own: bool = False) -> Comparison:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(5, 4))
    with tg.scope("net"):
        for i in range(layers):
            with tg.scope(f"{i}: Linear"):
                w = tg.Tensor(rng.normal(size=(4, 4)) / 2, requires_grad=True, name=f"{i}.weight")
                h = h @ w + tg.Tensor(np.zeros(4), requires_grad=True, name=f"{i}.bias")
    labels = [0, 1, 2, 3, 0]
    composed, fused = tg.composed_softmax_cross_entropy(h, labels), tg.softmax_cross_entropy(h, labels)
    return tg.compare(composed, fused + tg.sum(w) if own else fused)


@pytest.mark.parametrize("down", [False, True])
def test_scopes_that_both_share_whole_can_be_closed(down: bool) -> None:
    comparison = deep(3)
    above, below = drawings(comparison.svg(down, depth=1))
    first, second = places(above), places(below)
    layers = {"0: Linear", "1: Linear", "2: Linear"}
    assert first.keys() >= layers
    assert all(second[name] == first[name] for name in layers)
    assert not {"0.weight", "v1", "2.bias"} & {*first, *second}
    text = "".join(below.itertext())
    assert "2 ops, 2 parameters → " in text
    assert "SoftmaxCrossEntropy" in text
    assert "net" in places(drawings(comparison.svg(down, depth=0))[1])
    assert comparison.svg(down, depth=2) == comparison.svg(down)


def test_what_differs_stays_open() -> None:
    above, below = drawings(deep(3, own=True).svg(depth=0))  # the last layer's weight is read outside of it
    for part in (above, below):
        assert {"2.weight", "1: Linear"} <= places(part).keys()
    x = tg.Tensor([2.0], requires_grad=True, name="x")
    results = []
    for op in (tg.exp, tg.tanh):
        with tg.scope("same"):
            y = tg.sin(x) * 2
        with tg.scope("other"):
            results.append(tg.sum(op(y)))
    above, below = drawings(tg.compare(*results, names={}).svg(depth=0))
    assert "exp(v2)" in "".join(above.itertext())
    assert "tanh(v2)" in "".join(below.itertext())
    assert "same" in places(below)


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_large_comparison_starts_closed() -> None:
    above, below = drawings(deep(150).svg())
    for part in (above, below):
        assert len(places(part)) < 400


def test_what_is_computed_twice_has_two_places() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    once, twice = x * x, (x * x) + (x * x)
    for first, second in ((once + once, twice), (twice, twice * 1.0), (twice, once + once)):
        comparison = tg.compare(tg.sum(tg.exp(first)), tg.sum(tg.exp(second)))
        counterparts = [v.name for v in comparison.shared.values()]
        assert len(counterparts) == len({*counterparts})
        below = drawings(comparison.svg())[1]
        cards = [
            (e.get("x"), e.get("y"))
            for e in below.iter(f"{SVG}rect")
            if "card" in e.get("class", "").split()
        ]
        assert len(cards) == len({*cards})


def test_programs_are_compared_too() -> None:
    z = tg.Tensor([[2.0, 1.0]], requires_grad=True, name="z")
    one = tg.graph(tg.sum(z), gradients=False)
    assert "dout" not in repr(tg.compare(one, tg.graph(tg.sum(z * 1), gradients=True)))
    with pytest.raises(UnsupportedError, match="one computed output"):
        tg.compare(one, tg.graph((tg.sum(z), z * 2)))
    with pytest.raises(UnsupportedError, match="one computed output"):
        tg.compare(one, tg.graph(z))


def test_a_comparison_is_saved_and_shows_itself(tmp_path: Path) -> None:
    comparison = both_roads()
    assert comparison.save(tmp_path / "both.svg").read_text(encoding="utf-8") == comparison.svg()
    with pytest.raises(UnsupportedError, match=r"both\.doc"):
        comparison.save(tmp_path / "both.doc")
    bundle = comparison._repr_mimebundle_()
    assert bundle["image/svg+xml"] == comparison.svg()
    assert bundle["text/plain"].startswith("composed: ")


def test_hostile_names_stay_text() -> None:
    name = "</script><img src=x onerror=alert(1)>]]>\"'"
    root = ET.fromstring(both_roads(name).svg())
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg",
        "title",
        "style",
        "g",
        "rect",
        "text",
        "path",
    }
    assert not [key for e in root.iter() for key in e.attrib if key.startswith("on") or "href" in key]
