"""Names that mean something to SVG, DOT, LaTeX, Markdown or a terminal: in every form they stay text."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.show import Comparison

pytestmark = pytest.mark.parallel_threads_limit(2)  # the names are many

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [
    "</script><img src=x onerror=alert(1)>", "</text></svg>", "<!--", "]]>", "<![CDATA[", "&lt;", "&#0;",
    "\"'", "javascript:alert(1)", '"];evil [label="', "{a|<b>}", "\\N\\G\\l", "\\\\", "}{",
    "\\end{aligned}\\input{x}", "$x$%&#_^~", "`a`|[b](javascript:c)", "%s{0}", " ",
    "a\r\nb\tc", "\x00\x07\x1b[31m", "\x7f\x9b", "\u200f\u202e\u2066abc", "\ud800", "\ufffe",
    "שלום", "日本語", "e\u0301\u0327", "x" * 5000,
]  # fmt: skip
TAGS = {"svg", "title", "style", "g", "rect", "text", "path", "circle"}
COMMANDS = {
    r"\text", r"\mathrm", r"\cdot", r"\frac", r"\sum", r"\begin", r"\end", r"\quad", r"\qquad", r"\partial",
    r"\textbackslash", r"\textasciitilde", r"\textasciicircum", r"\textless", r"\textgreater", r"\textbar",
    r"\max", r"\dots", r"\to",
    r"\leftarrow", r"\ne", r"\[", r"\]", r"\\", r"\,", *(rf"\{c}" for c in "{}$%#&_"),
}  # fmt: skip


def loss_of(name: str) -> tg.Tensor:
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name=name)
    with tg.scope(name), tg.scope(name):
        y = tg.exp(x) * tg.Tensor([3.0, 4.0], requires_grad=True, name=f"{name} ")
    return tg.sum(y * x)


def comparison_of(name: str) -> Comparison:
    x = tg.Tensor([[1.0, 2.0]], requires_grad=True, name=name)
    with tg.scope(name):
        z = x * 2.0
    with tg.scope(f"{name} "):
        return tg.compare(tg.composed_softmax_cross_entropy(z, [0]), tg.softmax_cross_entropy(z, [0]))


def shown(name: str) -> str:
    """How a name begins where it is shown: on its line, its control characters spelled out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)[:15]


@pytest.mark.parametrize("name", NAMES)
def test_in_pictures(name: str) -> None:
    loss, both = loss_of(name), comparison_of(name)
    layer = tg.nn.Linear(1, 2, rng=0)
    pictures = {
        "graph": tg.graph(loss, gradients=True).svg(),
        "down": tg.graph(loss, gradients=True).svg(down=True),
        "closed": tg.graph(loss, gradients=True).svg(depth=0),
        "backward": tg.graph(loss, backward=True).svg(),
        "comparison": both.svg(),
        "closed comparison": both.svg(depth=0, down=True),
        "diagram": layer.diagram(name, inputs=[name], classes=["a", name], paint={name: "#ff0000"}).svg(),
    }
    for form, picture in pictures.items():
        picture.encode("utf-8")
        root = ET.fromstring(picture)
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= TAGS, form
        keys = {key for e in root.iter() for key in e.attrib}
        assert not [key for key in keys if key.startswith("on") or "href" in key], form
        texts = ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]
        assert any(text.startswith(shown(name)) for text in texts), form
        assert len(picture) < 150_000, form


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz: apt-get install graphviz")
@pytest.mark.parametrize("name", NAMES)
def test_in_the_language_of_graphviz(name: str) -> None:
    for program in (tg.graph(loss_of(name), backward=True), comparison_of(name).second):
        dot = program.dot().encode()
        result = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True, check=True)
        assert not result.stderr
        lines = [line.split(" ", 1)[0] for line in result.stdout.decode().splitlines()]
        assert lines.count("node") == len(program.variables) + len(program)
        assert lines.count("edge") == sum(len(e.inputs) + 1 for e in program)


@pytest.mark.parametrize("name", NAMES)
def test_in_latex(name: str) -> None:
    loss = loss_of(name)
    [x] = [v for v in tg.graph(loss).inputs if v.name == name]
    assert x.kind == "parameter"
    pages = tg.explain(loss, format="latex"), tg.graph(loss).latex(), tg.graph(loss, backward=True).latex()
    for page in pages:
        assert set(re.findall(r"\\[A-Za-z]+|\\.", page)) <= COMMANDS
        assert {*re.findall(r"\\(?:begin|end)\{(\w+)\}", page)} == {"aligned", "pmatrix"}
        bare = re.sub(r"\\.", "", page)
        assert not {"%", "#", "~"} & {*bare}
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert all(line.isprintable() for line in page.split("\n"))


@pytest.mark.parametrize("name", NAMES)
def test_on_lines(name: str) -> None:
    loss, both = loss_of(name), comparison_of(name)
    whole, plain = tg.graph(loss, backward=True), tg.graph(loss_of("x"), backward=True)
    texts = [str(whole), str(both), tg.explain(loss), *map(str, tg.backward_steps(loss))]
    for text in texts:
        assert all(line.isprintable() for line in text.split("\n"))
    assert len(str(whole).split("\n")) == len(str(plain).split("\n"))
    assert all("\n" not in str(step) for step in tg.backward_steps(loss))
    assert len(str(both).split("\n")) == 3
    assert np.array_equal(tg.graph(loss)[name].value, [1.0, 2.0])
