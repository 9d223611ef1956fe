"""Drawing with Graphviz: what `dot` itself makes of the graphs, and what it says where it is missing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import MissingError
from tinygrad_sm.program import Program, graph
from tinygrad_sm.show import draw

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz: apt-get install graphviz")

HOSTILE = [
    '"', '\\', "\\N", "\\n", "a\nb", "<b>bold</b>", "<", ">", "&amp;", "]]>", "<!--", "-->",
    "</script><img src=x onerror=alert(1)>", "$\\frac{1}{0}$", "日本語 é", "\x00\x07", "\ud800", "{a|b}",
    "%s", "\\G", "\\E\\T\\H\\L", "\\\\N", "javascript:x", '"];evil [label="',
    "v0", "cluster_0", "digraph", "x" * 300, " ", "\u202e",
]  # fmt: skip


def as_json(program: Program) -> dict[str, list[dict[str, object]]]:
    """What `dot` reads in the program's DOT."""
    result = subprocess.run(["dot", "-Tjson"], input=program.dot().encode(), capture_output=True, check=True)
    assert not result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def texts(program: Program) -> str:
    """All text in the picture that `dot` makes."""
    root = ET.fromstring(draw(program).pipe("svg"))
    return "\n".join("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text"))


def composed() -> tg.Tensor:
    z = tg.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    return tg.composed_softmax_cross_entropy(z, np.array([0]))  # type: ignore[no-any-return]


def network() -> tg.Tensor:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(8, 3))
    with tg.scope("net"):
        for i in range(2):
            with tg.scope(f"{i}: Linear"):
                h = h @ tg.Tensor(rng.normal(size=(3, 3)), requires_grad=True, name=f"net.{i}.weight")
            with tg.scope("relu"):
                h = tg.relu(h)
    return tg.softmax_cross_entropy(h, np.zeros(8, int))  # type: ignore[no-any-return]


def diamond() -> tg.Tensor:
    x = tg.Tensor(3.0, requires_grad=True)
    return x * x + x * 2 + 2  # type: ignore[no-any-return]


def not_finite() -> tg.Tensor:
    x = tg.Tensor([np.nan, np.inf, -np.inf], requires_grad=True)
    return tg.sum(x * 2)  # type: ignore[no-any-return]


def leaf() -> tg.Tensor:
    return tg.Tensor(np.zeros((0, 2)), requires_grad=True)


@needs_dot
@pytest.mark.parametrize("make", [composed, network, diamond, not_finite, leaf])
@pytest.mark.parametrize("gradients", [False, True])
def test_dot_reads_the_nodes_and_edges_of_the_program(make, gradients) -> None:  # type: ignore[no-untyped-def]
    program = graph(make(), gradients=gradients and make is not leaf, names={})
    read = as_json(program)
    objects = {thing["_gvid"]: thing for thing in read.get("objects", [])}
    nodes = {i: x["name"] for i, x in objects.items() if "nodes" not in x and "subgraphs" not in x}
    place = {name: f"v{i}" for i, name in enumerate(program.variables)}
    ops = [f"op{i}" for i in range(len(program))]
    assert sorted(map(str, nodes.values())) == sorted([*place.values(), *ops])
    for thing in objects.values():  # each label is the node's own
        if str(thing["name"]).startswith("op"):
            assert program[int(str(thing["name"])[2:])].primitive.name in str(thing["label"])
    expected = [(place[x.name], f"op{i}") for i, equation in enumerate(program) for x in equation.inputs]
    expected += [(f"op{i}", place[equation.name]) for i, equation in enumerate(program)]
    edges = [(nodes[edge["tail"]], nodes[edge["head"]]) for edge in read.get("edges", [])]
    assert sorted(edges) == sorted(expected)


@needs_dot
def test_scopes_are_nested_clusters() -> None:
    read = as_json(graph(network(), names={}))
    objects = {thing["_gvid"]: thing for thing in read["objects"]}
    clusters = {str(x["label"]): x for x in objects.values() if str(x["name"]).startswith("cluster")}
    assert clusters.keys() == {"net", "0: Linear", "1: Linear", "relu"}
    inner = {objects[i]["label"] for i in clusters["net"]["subgraphs"]}  # type: ignore[attr-defined]
    assert inner == {"0: Linear", "1: Linear", "relu"}
    inside = {objects[i]["name"] for i in clusters["0: Linear"]["nodes"]}  # type: ignore[attr-defined]
    assert inside == {"v0", "v1", "op0", "v2"}  # the data, the weight, the product


@needs_dot
def test_values_and_gradients_are_in_the_picture() -> None:
    loss = composed()
    assert "—" in texts(graph(loss))
    loss.backward()
    shown = texts(graph(loss)).split("\n")
    z, y = np.array([2.0, 1.0, 0.1]), np.array([1, 0, 0])
    a = np.exp(z) / np.exp(z).sum()
    for x in (*z, *a, *(a - y), -np.log(a[0])):
        assert f"{x:.4g}" in shown
    assert "—" not in shown
    assert {"exp", "sum", "divide", "log", "multiply", "negative"} <= set(shown)


@needs_dot
def test_large_arrays_are_summarised_and_odd_numbers_shown() -> None:
    shown = texts(graph(network(), names={})).split("\n")
    assert {"min", "mean", "max", "SoftmaxCrossEntropy"} <= set(shown)
    assert {"nan", "inf", "-inf"} <= set(texts(graph(not_finite())).split("\n"))


@pytest.mark.parallel_threads_limit(2)  # they are many
@needs_dot
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    x = tg.Tensor([1.0], requires_grad=True, name=name)
    with tg.scope(name):
        loss = tg.sum(x * 2)
    program = graph(loss, names={})
    read = as_json(program)
    assert len(read["objects"]) == len(program.variables) + len(program) + 1
    root = ET.fromstring(draw(program).pipe("svg"))
    shown = ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
    expected = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    expected = expected if len(expected) <= 40 else expected[:39] + "…"
    assert [text.replace("\xa0", " ") for text in shown].count(expected) >= 2
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "text", "polygon", "ellipse", "path", "a", "polyline"}


def test_kinds_are_told_apart_by_colour_and_by_frame() -> None:
    x = tg.Tensor([1.0], requires_grad=True, name="x")
    program = graph(tg.sum(tg.exp(x * np.array([2.0]))))
    frames = set(re.findall(r'</table>> (color=.*)\];', program.dot()))
    assert len(frames) == 4
    assert len({re.sub(r"#\w+", "", frame) for frame in frames}) == 4  # also in black and white


def test_draw_gives_a_digraph() -> None:
    import graphviz

    x = tg.Tensor([1.0], requires_grad=True, name="x")
    y = x * x
    picture = draw(y)
    assert isinstance(picture, graphviz.Digraph)
    assert ">y</b>" in picture.source.replace("<b>", ">")  # the caller's own name
    assert draw(graph(y)).source == picture.source


def test_saving_a_picture(tmp_path: Path) -> None:
    path = graph(composed()).save(tmp_path / "graph.svg")
    assert ET.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")


def test_without_dot_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(composed())
    monkeypatch.setenv("PATH", str(tmp_path))
    for attempt in (
        lambda: picture.pipe("svg"),
        lambda: picture.render(outfile=tmp_path / "graph.png"),
        picture._repr_mimebundle_,
    ):
        with pytest.raises(MissingError, match=r"apt-get install graphviz.*brew.*conda"):
            attempt()
    assert graph(composed()).save(tmp_path / "graph.svg").exists()  # which needs no dot


@pytest.mark.thread_unsafe(reason="it starts a process")
def test_where_the_package_is_missing_the_error_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['graphviz'] = None\n"
        "import tinygrad_sm as tg\n"
        "from tinygrad_sm.show import draw\n"
        "from tinygrad_sm.program import graph\n"
        "x = tg.Tensor(3.0, requires_grad=True)\n"
        "graph(x * x).dot()\n"
        "try: draw(x * x)\n"
        "except tg.errors.MissingError as error: print(error)\n"
    )
    root = Path(__file__).parents[1]
    said = subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True)
    assert "pip install graphviz" in said


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_deep_scopes_and_long_chains_are_drawn_without_recursion() -> None:
    t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(5_000):
        t = t * 1.0
    assert graph(t, names={}).dot().count("->") == 15_000
    scopes = tuple(str(i) for i in range(3_000))
    t = tg.Tensor(1.0, requires_grad=True) * 2
    t._made = t.node._replace(scope=scopes)
    assert graph(t, names={}).dot().count("subgraph") == 3_000
