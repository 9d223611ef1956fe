"""The pictures as a real browser sets them: no two labels overlap, nothing is cut off or lies outside.

Skipped where there is no Chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.program import Program, graph

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

MEASURE = """
const found = []
for (const svg of document.querySelectorAll('svg')) {
  const texts = [...svg.querySelectorAll('text')]
  const boxes = texts.map(t => t.getBoundingClientRect()), problems = []
  const cut = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 &&
                        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3
  boxes.forEach((box, i) => {
    const around = texts[i].closest('g').querySelector('rect').getBoundingClientRect()
    if (box.left < around.left - 0.5 || box.right > around.right + 0.5 || box.top < around.top - 0.5 ||
        box.bottom > around.bottom + 0.5) problems.push('outside: ' + texts[i].textContent)
    for (let j = i + 1; j < boxes.length; j++)
      if (cut(box, boxes[j])) problems.push(texts[i].textContent + ' on ' + texts[j].textContent)
  })
  found.push({texts: texts.length, problems})
}
document.body.innerHTML = ''
document.body.textContent = JSON.stringify(found)
"""


def leaf(value: object, name: str | None = None) -> tg.Tensor:
    return tg.Tensor(value, requires_grad=True, name=name)


def one_op() -> Program:
    x = leaf(3.0)
    return graph(x * x)


def composed() -> Program:
    z = leaf([[2.0, 1.0, 0.1]], "z")
    with tg.scope("softmax and cross-entropy, composed"):
        return graph(tg.composed_softmax_cross_entropy(z, np.array([0])), gradients=True)


def fused() -> Program:
    z = leaf([[2.0, 1.0, 0.1]], "z")
    return graph(tg.softmax_cross_entropy(z, np.array([0])), gradients=True)


def network() -> Program:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(32, 3)).astype(np.float32)
    with tg.scope("net"):
        for i in range(3):
            with tg.scope(f"{i}: Linear"):
                h = h @ leaf(rng.normal(size=(3, 3)), f"net.{i}.weight") + leaf(np.zeros(3), f"net.{i}.bias")
            with tg.scope("relu"):
                h = tg.relu(h)
    return graph(tg.softmax_cross_entropy(h, rng.integers(0, 3, 32)), gradients=True)


def odd_numbers() -> Program:
    return graph(leaf([np.nan, np.inf, -np.inf, -1.234e-300, 1.234e300]) * -1.5e-7)


def wide_letters() -> Program:
    return graph(leaf([1.0], "WWWWWWWWWWWWWWWWWWWW") * leaf([2.0], "日本語日本語") + leaf(1.0, "ǅÆŒ—…→"))


def hostile() -> Program:
    x = leaf(1.0, "</script><img src=x onerror=alert(1)>")
    with tg.scope("]]><!--"), tg.scope('"javascript:x"'):
        return graph(x * leaf(2.0, "&lt;") + leaf(3.0, "x" * 300))


def many_inputs() -> Program:
    return graph(tg.stack([leaf(float(i), f"input {i}") for i in range(12)]))


def used_often() -> Program:
    x = t = leaf(2.0, "x")
    for i in range(6):
        with tg.scope(f"step {i}"):
            t = t * x
    return graph(t + x, gradients=True)


def matrices() -> Program:
    rng = np.random.default_rng(0)
    return graph(leaf(rng.normal(size=(4, 6))) @ leaf(rng.normal(size=(6, 4)) * 1e5), gradients=False)


def several_outputs() -> Program:
    x = leaf([1.0, 2.0], "x")
    return graph((tg.sum(x), tg.max(x * 2), tg.exp(x)))


def deep() -> Program:
    t = leaf(1.0)
    for _ in range(40):
        t = tg.tanh(t)
    return graph(t, gradients=True)


GRAPHS: list[Callable[[], Program]] = [
    one_op, composed, fused, network, odd_numbers, wide_letters, hostile, many_inputs, used_often, matrices,
    several_outputs, deep,
]  # fmt: skip


@pytest.mark.parametrize("down", [False, True])
def test_no_label_overlaps_or_is_cut_off(tmp_path: Path, down: bool) -> None:
    pictures = [make().svg(down=down) for make in GRAPHS] + [network().svg(depth=1, down=down)]
    page = tmp_path / "page.html"
    script = f"<script>{MEASURE}</script>"
    page.write_text(f"<meta charset=utf-8><body>{'<hr>'.join(pictures)}{script}", encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [str(CHROMIUM), *flags, "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    match = re.search(r"<body[^>]*>(\[.*\])</body>", dom, re.DOTALL)
    assert match, dom[:500]
    measured = json.loads(unescape(match[1]))
    assert len(measured) == len(pictures)
    assert all(picture["texts"] for picture in measured)
    assert [picture["problems"] for picture in measured] == [[]] * len(pictures)
