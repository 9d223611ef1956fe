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
from tinygrad_sm.show import Comparison

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.thread_unsafe(reason="the browser is a process of its own"),
]

MEASURE = """
const found = []
for (const svg of document.querySelectorAll('svg')) {
  const texts = [...svg.querySelectorAll('text')].filter(t => t.getBoundingClientRect().width)
  const boxes = texts.map(t => t.getBoundingClientRect()), problems = [], whole = svg.getBoundingClientRect()
  const cut = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 &&
                        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3
  const outside = (a, b) => a.left < b.left - 0.5 || a.right > b.right + 0.5 ||
                            a.top < b.top - 0.5 || a.bottom > b.bottom + 0.5
  boxes.forEach((box, i) => {
    const around = texts[i].closest('g')?.querySelector(':scope > rect')
    if (around && outside(box, around.getBoundingClientRect()))
      problems.push('cut off: ' + texts[i].textContent)
    for (let j = i + 1; j < boxes.length; j++)
      if (cut(box, boxes[j])) problems.push(texts[i].textContent + ' on ' + texts[j].textContent)
  })
  for (const title of svg.querySelectorAll('rect.scope + text')) {
    const box = title.getBoundingClientRect()
    for (const way of svg.querySelectorAll('path.edge')) {
      const move = way.getScreenCTM(), long = way.getTotalLength()
      for (let at = 0; at <= long; at += 2) {
        const p = way.getPointAtLength(at).matrixTransform(move)
        if (p.x > box.left && p.x < box.right && p.y > box.top && p.y < box.bottom) {
          problems.push('a line through ' + title.textContent)
          break
        }
      }
    }
  }
  for (const e of svg.querySelectorAll('text, rect, path, circle'))
    if (e.getClientRects().length && outside(e.getBoundingClientRect(), whole))
      problems.push('outside: ' + e.outerHTML.slice(0, 90))
  const tags = [...new Set([...svg.querySelectorAll('*')].map(e => e.tagName))].sort()
  const style = getComputedStyle(svg.querySelector('.page')).fill
  found.push({texts: texts.length, problems, tags, style})
}
const others = document.querySelectorAll('body *:not(svg):not(svg *):not(hr):not(script)').length
document.body.innerHTML = ''
document.body.textContent = JSON.stringify({found, others, scripts: document.scripts.length})
"""
TAGS = {"style", "title", "g", "rect", "text", "path", "circle"}
PAGE = {False: "rgb(255, 255, 255)", True: "rgb(22, 24, 29)"}  # light, dark


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


def convolutions() -> Program:
    net = tg.nn.Sequential(
        tg.nn.Conv2d(1, 4, 3, rng=0), tg.nn.ReLU(), tg.nn.MaxPool2d(2),
        tg.nn.Conv2d(4, 8, 3, rng=1), tg.nn.ReLU(), tg.nn.MaxPool2d(2),
        tg.nn.Flatten(), tg.nn.Linear(200, 10, rng=2),
    )  # fmt: skip
    images = np.random.default_rng(0).normal(size=(4, 1, 28, 28)).astype(np.float32)
    return graph(tg.softmax_cross_entropy(net(images), np.arange(4)), gradients=True)


def backward() -> Program:
    z = leaf([[2.0, 1.0, 0.1]], "z")
    return graph(-tg.sum(np.eye(3)[:1] * tg.log(tg.softmax(z))), backward=True)


def several_outputs() -> Program:
    x = leaf([1.0, 2.0], "x")
    return graph((tg.sum(x), tg.max(x * 2), tg.exp(x)))


def deep() -> Program:
    t = leaf(1.0)
    for _ in range(40):
        t = tg.tanh(t)
    return graph(t, gradients=True)


GRAPHS: list[Callable[[], Program]] = [
    one_op, composed, fused, network, convolutions, backward, odd_numbers, wide_letters, hostile, many_inputs,
    used_often, matrices, several_outputs, deep,
]  # fmt: skip


def comparison() -> Comparison:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3)), np.eye(3)[:2]
    W, b = leaf(rng.normal(size=(3, 3)), "W"), leaf(np.zeros(3), "</b><img src=x>")
    z = x @ W + b
    return tg.compare(tg.composed_softmax_cross_entropy(z, y), tg.softmax_cross_entropy(z, y))


def convolved() -> Comparison:
    layers = tg.nn.Conv2d(1, 2, 3, rng=0), tg.nn.ReLU(), tg.nn.Flatten(), tg.nn.Linear(8, 3, rng=1)
    net = tg.nn.Sequential(*layers)
    z = net(np.random.default_rng(0).normal(size=(2, 1, 4, 4)))
    return tg.compare(tg.composed_softmax_cross_entropy(z, [0, 1]), tg.softmax_cross_entropy(z, [0, 1]))


def diagrams() -> list[str]:
    classes = ["black", "]]>", "</script><img src=x onerror=alert(1)>", "orange"]
    small = tg.nn.Sequential(tg.nn.Linear(3, 6, rng=0), tg.nn.Tanh(), tg.nn.Linear(6, 4, rng=1))
    wide = tg.nn.Sequential(tg.nn.Linear(784, 300, rng=0), tg.nn.ReLU(), tg.nn.Linear(300, 10, rng=1))
    options = {"inputs": "rgb", "classes": classes, "paint": {"r": "#ff0000", "orange": "#ff8800"}}
    return [
        small.diagram("orange", **options).svg(),
        wide.diagram().svg(),
        tg.nn.Linear(2, 1).diagram().svg(),
    ]


def pictures(down: bool) -> dict[str, str]:
    """All that is looked at, by what it is called."""
    found = {make.__name__: make().svg(down=down) for make in GRAPHS}
    found["closed network"] = network().svg(depth=1, down=down)
    found["closed convolutions"] = convolutions().svg(depth=1, down=down)
    found["comparison"] = comparison().svg(down)
    found["closed comparison"] = convolved().svg(down, depth=1)
    return found | {f"diagram {i}": svg for i, svg in enumerate(diagrams())}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("down", [False, True])
def test_no_label_overlaps_and_nothing_is_cut_off_or_outside(tmp_path: Path, down: bool, dark: bool) -> None:
    svgs = pictures(down)
    page = tmp_path / "page.html"
    script = f"<script>{MEASURE}</script>"
    page.write_text(f"<meta charset=utf-8><body>{'<hr>'.join(svgs.values())}{script}", encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    flags += ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [str(CHROMIUM), *flags, "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    match = re.search(r"<body[^>]*>(\{.*\})</body>", dom, re.DOTALL)
    assert match, dom[:500]
    measured = json.loads(unescape(match[1]))
    assert len(measured["found"]) == len(svgs)
    assert measured["others"] == measured["scripts"] == 0  # what is hostile made no element of its own
    for name, picture in zip(svgs, measured["found"], strict=True):
        assert picture["texts"], name
        assert set(picture["tags"]) <= TAGS, name
        assert picture["style"] == PAGE[dark], name
        assert picture["problems"] == [], name
