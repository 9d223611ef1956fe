"""The worked derivation: its numbers against NumPy's, its forms against those who read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import GradientError, UnsupportedError
from tinygrad_sm.program import graph
from tinygrad_sm.show import explain

Z, Y = np.array([[2.0, 1.0, 0.1]]), np.array([[1.0, 0.0, 0.0]])
A = np.exp(Z) / np.exp(Z).sum()

HOSTILE = [
    "<img src=x onerror=alert(1)>", "</script>", "]]>", '"', "$\\frac{1}{0}$", "\\input{/etc/passwd}", "%",
    "javascript:x", "&", "#",
    "a_b^c", "~", "`code`", "**bold**", "[link](javascript:alert(1))", "a|b", "{", "}", "\\", "日本",
    "https://example.org", "a@b.c", "\x1b[31m", "x\ny",
]  # fmt: skip


def composed(targets: np.ndarray = Y) -> tuple[tg.Tensor, tg.Tensor]:
    z = tg.Tensor(Z, requires_grad=True, name="z")
    e = tg.exp(z)
    s = tg.sum(e, axis=-1, keepdims=True)
    a = e / s
    l = tg.log(a)
    t = targets * l
    loss = -tg.sum(t)
    for name, tensor in {"e": e, "s": s, "a": a, "l": l, "t": t, "C": loss}.items():
        tensor.name = name
    return loss, z


def network() -> tuple[tg.Tensor, tg.Tensor]:
    rng = np.random.default_rng(0)
    w = tg.Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="W")
    return tg.sum(tg.tanh(rng.normal(size=(4, 3)) @ w) ** 2), w


def shown(x: np.ndarray, signed: bool = True) -> str:
    """A row as it is printed."""
    return " ".join("0" if v == 0 else f"{v:+.4f}" if signed else f"{v:.4f}" for v in x)


def squeezed(text: str) -> str:
    return re.sub(r" +", " ", text)


def test_the_derivation_has_its_numbers() -> None:
    loss, z = composed()
    text = squeezed(explain(loss, wrt=z))
    assert "explain(C, wrt=z) C = 0.417 1 row, 3 classes, true class 0" in text
    assert f"z parameter (1,3) [{shown(Z[0], False)}]" in text
    assert f"a e / s (1,3) [{shown(A[0], False)}] softmax; rows sum to 1" in text
    assert f"l → a g / a [{shown((-Y / A)[0])}] ← Lemma 1" in text
    assert f"a → e g / s [{shown((-Y / A / np.exp(Z).sum())[0])}] 1st of 2 into e" in text
    assert f"dC/de e is used twice: the sum [{shown(((A - Y) / np.exp(Z))[0])}]" in text
    assert f"e → z g * e [{shown((A - Y)[0])}] ← Lemma 4" in text
    assert f"= a_i - y_i [{shown((A - Y)[0])}]" in text
    assert "constant, skipped" in text
    assert f"Lemma 2 alone would give [{shown((-Y * (1 - A))[0])}]" in text
    for i in range(3):
        for j in range(3):
            assert f"{A[0, i] * ((i == j) - A[0, j]):+.4f}" in text
    assert text.count(" ok") == 3
    assert "DIFFERS" not in text
    assert "cost 7 ops, keeps what each computed" in text


def test_the_fused_op_is_explained_with_the_same_lemmas() -> None:
    z = tg.Tensor(np.vstack([Z, -Z]), requires_grad=True, name="z", dtype=np.float32)
    text = squeezed(explain(tg.softmax_cross_entropy(z, np.array([0, 1])), wrt=z))
    assert "g * (a - y) / 2" in text
    assert "2 rows, 3 classes" in text
    assert "before the division by 2" in text
    assert f"= a_i - y_i [{shown((A - Y)[0])}]" in text
    assert "DIFFERS" not in text


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_other_spellings_are_recognised_by_their_numbers(reduction: str) -> None:
    rng = np.random.default_rng(1)
    y = np.eye(3)[[0, 2, 2, 1]]
    z = tg.Tensor(rng.normal(size=(4, 3)), requires_grad=True, name="z")
    per_row = -tg.sum(y * tg.log_softmax(z), axis=1)
    loss = tg.sum(per_row) / 4 if reduction == "mean" else tg.sum(per_row)
    assert "Lemma 4" in explain(loss, wrt=z)
    assert "DIFFERS" not in explain(loss, wrt=z)


def test_where_targets_do_not_sum_to_one_a_minus_y_is_called_wrong() -> None:
    y = np.array([[0.5, 0.3, 0.0]])
    loss, z = composed(y)
    text = squeezed(explain(loss, wrt=z))
    assert "wrong here: the y_j sum to 0.8, not 1" in text
    assert f"= a_i Σ_j y_j - y_i [{shown((A * 0.8 - y)[0])}]" in text
    assert "DIFFERS" not in text


def test_other_graphs_are_explained_by_their_rules() -> None:
    loss, w = network()
    text = explain(loss, wrt=w)
    assert "Lemma" not in text
    assert "tanh(v1)" in text
    assert "central differences" in text
    assert "DIFFERS" not in text
    everything = explain(loss)
    assert "CHECKS" not in everything
    assert everything.index("W ") < everything.index("tanh")


def test_only_the_way_from_wrt_is_told() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    w = tg.Tensor([3.0, 4.0], requires_grad=True, name="w")
    z = tg.exp(w) * x
    loss = tg.sum(z * z)
    text = explain(loss, wrt=z)
    assert "exp(w)" not in text
    assert "→ w" not in text
    assert "z → " not in text
    assert re.search(r"z +v1 \* x", text)


def test_large_arrays_and_large_inputs_are_summarised() -> None:
    w = tg.Tensor(np.linspace(-1, 1, 600).reshape(20, 30), requires_grad=True, name="w")
    text = explain(tg.sum(w * w), wrt=w)
    assert "min -1, mean" in text
    assert "64 of 600 entries" in text
    assert "DIFFERS" not in text


def test_a_wrong_rule_is_found_out() -> None:
    wrong = tg.primitive(lambda x: x**3, r"x^3", lambda g, y, x: g * 2 * x, name="wrong_cube")
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert "DIFFERS" in explain(tg.sum(wrong(x)), wrt=x)


def test_nan_and_infinity_are_shown() -> None:
    z = tg.Tensor([[1000.0, 0.0]], requires_grad=True, name="z")
    with np.errstate(all="ignore"):
        loss = tg.composed_softmax_cross_entropy(z, np.array([0]))
        text = explain(loss, wrt=z)
    assert "inf" in text
    assert "nan" in text
    x = tg.Tensor([np.nan, np.inf, 1.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):  # whose differences tell nothing of a gradient that is right
        text = explain(tg.sum(x * 2), wrt=x)
    assert "DIFFERS" not in text
    assert "nothing to compare with: not finite" in text


def test_what_cannot_be_explained() -> None:
    loss, z = composed()
    other = tg.Tensor(1.0, requires_grad=True)
    with pytest.raises(GradientError, match="does not depend on"):
        explain(loss, wrt=other)
    for wrong in (np.ones(2), "z"):
        with pytest.raises(UnsupportedError, match=type(wrong).__name__):
            explain(loss, wrt=wrong)  # type: ignore[arg-type]
        with pytest.raises(UnsupportedError, match=type(wrong).__name__):
            explain(wrong)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="text, markdown, latex"):
        explain(loss, wrt=z, format="html")
    with pytest.raises(GradientError):
        explain(tg.exp(z), wrt=z)


@pytest.mark.parametrize("width", [54, 60, 80, 100, 140])
def test_lines_fit_the_width(width: int) -> None:
    for loss, z in (composed(), network()):
        for line in explain(loss, wrt=z, width=width).splitlines():
            assert len(line) <= width


def test_colour_and_ascii() -> None:
    loss, z = composed()
    plain = explain(loss, wrt=z)  # the test's output is no terminal
    assert "\x1b" not in plain
    coloured = explain(loss, wrt=z, color=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    ascii = explain(loss, wrt=z, ascii=True)
    assert ascii.isascii()
    assert "e -> z" in ascii
    rules = [line for line in ascii.splitlines() if re.search(r" seed | g / s | g \* e ", line)]
    assert len({re.search(r"seed|g [/*] [se]", line).start() for line in rules}) == 1  # type: ignore[union-attr]
    assert repr(plain) == str(plain)


@pytest.fixture
def markdown_it() -> Any:
    return pytest.importorskip("markdown_it")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_in_markdown(name: str, markdown_it: Any) -> None:
    x = tg.Tensor([1.0], requires_grad=True, name=name)
    page = explain(tg.sum(x * x), wrt=x, format="markdown")
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(page)
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    tables = [token for token in tokens if token.type == "tr_open"]
    assert len(tables) == 3 + 3 + 1 + 4 + 1  # no name starts or ends a row
    for i, token in enumerate(tokens):
        if token.type == "tr_open":
            cells = [t for t in tokens[i : i + 13] if t.type == "inline"][:4]
            assert len(cells) == 4
            labels = [child for cell in (cells[0], cells[3]) for child in cell.children]
            assert {child.type for child in labels} <= {"text", "text_special"}
    assert plain in ["".join(c.content for c in t.children) for t in tokens if t.type == "inline"]
    assert not [t for t in tokens if t.type.startswith("html")]


KATEX = """
const katex = require('katex'), formulas = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const options = {throwOnError: true, strict: 'ignore', output: 'mathml'}
const out = formulas.map(f => katex.renderToString(f, options))
console.log(JSON.stringify(out))
"""


def katex(formulas: list[str]) -> list[str]:
    """The formulas as KaTeX writes them in MathML; it raises for what it does not understand."""
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", "require('katex')"], capture_output=True).returncode:
        pytest.skip("needs KaTeX: npm install katex, and NODE_PATH set to its node_modules")
    result = subprocess.run([node, "-e", KATEX], input=json.dumps(formulas).encode(), capture_output=True)
    assert not result.returncode, result.stderr.decode()
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_latex_compiles() -> None:
    z = tg.Tensor(np.vstack([Z, -Z]), requires_grad=True)
    fused = tg.softmax_cross_entropy(z, np.array([0, 1]))
    pieces = [z[:, 1:] ** 2, tg.reshape(z, (3, 2)) @ np.ones((2, 2))]
    indexed = tg.sum(tg.concatenate(pieces, axis=0) / -2.0)
    formulas = []
    for loss, x in (composed(), network(), (fused, z), (indexed, z)):
        page = explain(loss, wrt=x, format="latex")
        formulas += re.findall(r"\\\[\n(.*?)\n\\\]", page, re.DOTALL)
        formulas += re.findall(r"\\\[\n(.*?)\n\\\]", graph(loss).latex(), re.DOTALL)
        formulas += re.findall(r"\$(.+?)\$", re.sub(r"\\\$", "", explain(loss, wrt=x, format="markdown")))
    assert len(formulas) > 60
    katex(formulas)


def test_hostile_names_stay_text_in_latex() -> None:
    pages = []
    for name in HOSTILE:
        x = tg.Tensor([1.0], requires_grad=True, name=name)
        page = explain(tg.sum(x * x), wrt=x, format="latex")
        pages.append(re.findall(r"\\\[\n(.*?)\n\\\]", page, re.DOTALL))
        assert len(pages[-1]) == 3
    written = katex([formula for page in pages for formula in page])
    for i, name in enumerate(HOSTILE):
        mathml = "".join(written[3 * i : 3 * i + 3])
        text = "".join(re.findall(r">([^<>]*)<", mathml))
        for entity, sign in {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&amp;": "&"}.items():
            text = text.replace(entity, sign)
        plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
        assert plain.replace("-", "−") in text.replace("\xa0", " ").replace("-", "−")
        assert "<a " not in mathml
        assert "<img" not in mathml


def test_latex_has_the_mathematics() -> None:
    loss, z = composed()
    page = explain(loss, wrt=z, format="latex")
    lemma2 = r"\frac{\partial a_j}{\partial z_j} = a_j (1 - a_j)"
    for part in (r"\frac{e}{s}", r"\ln a", r"\frac{-g \, a}{s}", lemma2):
        assert part in page
    assert r"\begin{pmatrix} -0.3410 & 0.2424 & 0.0986 \end{pmatrix}" in page
