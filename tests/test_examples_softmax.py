"""The examples about softmax and cross-entropy: they run as scripts, and what they print is right.

The numbers are found here once more, by closed forms and by plain loops, without the framework.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from math import exp, log, log1p
from pathlib import Path

import pytest

pytestmark = pytest.mark.thread_unsafe(reason="the examples are processes of their own")

ROOT = Path(__file__).parents[1]
SMALL = {
    "saturation": ["--steps", "300"],
    "why_exp": ["--points", "5"],
    "cross_entropy_line": ["--points", "9"],
    "published_mistakes": [],
}
Ran = Callable[[str], tuple[str, Path]]
WITHOUT_MATPLOTLIB = "import sys, runpy; sys.modules['matplotlib'] = None; runpy.run_path(sys.argv.pop(1))"


def run(name: str, folder: Path, *command: str) -> str:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-W", "error", *command, ROOT / "examples" / f"{name}.py", *SMALL[name]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(line: str) -> list[float]:
    return [float(x) for x in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]\d+)?", line)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What an example printed, and the folder that it ran in; each runs once."""

    @cache
    def once(name: str) -> tuple[str, Path]:
        folder = tmp_path_factory.mktemp(name)
        return run(name, folder), folder

    return once


@pytest.mark.parametrize("name", SMALL)
def test_an_example_draws_its_picture(name: str, ran: Ran) -> None:
    pytest.importorskip("matplotlib")
    picture = ran(name)[1] / "runs" / name / f"{name}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", SMALL)
def test_an_example_is_short_and_does_without_matplotlib(name: str, tmp_path: Path) -> None:
    lines = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 80
    assert "no picture" in run(name, tmp_path, "-c", WITHOUT_MATPLOTLIB)
    assert not list(tmp_path.iterdir())


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


def test_the_saturated_unit_crawls_and_softmax_does_not(ran: Ran) -> None:
    """w and b each move by RATE dC/dz, so z by twice that, which is dC/dz."""
    steps = {"quadratic": 0, "entropy": 0}
    a = {"quadratic": [sigmoid(10.0)], "entropy": [sigmoid(10.0)]}
    for kind, all_ in a.items():
        z = 10.0
        while sigmoid(z) >= 0.5:
            s = sigmoid(z)
            z -= s * s * (1 - s) if kind == "quadratic" else s
            all_.append(sigmoid(z))
            steps[kind] += 1
    assert steps["entropy"] == 11
    assert steps["quadratic"] > 20_000
    text, _ = ran("saturation")
    assert f"softmax, cross-entropy: a < 0.5 after {steps['entropy']} steps" in text
    assert f"sigmoid, quadratic cost: a is still {a['quadratic'][300]:.5f}" in text
    rows = {int(line.split()[0]): line for line in text.splitlines() if re.match(r" *\d+ +a = ", line)}
    for step in (0, 1, 2, 5, 10):
        _, first, slope, second, other = numbers(rows[step].replace("dC/dz", ""))
        one, two = a["quadratic"][step], a["entropy"][step]
        assert (first, second) == (round(one, 5), round(two, 5))
        assert (slope, other) == (float(f"{one * one * (1 - one):.0e}"), float(f"{two:.0e}"))


def test_why_the_exponential(ran: Ran) -> None:
    text, _ = ran("why_exp")
    z, y = [4.0, 1.0, -2.0], [0.0, 1.0, 0.0]
    forms = {
        "exp": (exp, exp),
        "softplus": (lambda v: log1p(exp(v)), sigmoid),
    }
    for name, (f, derivative) in forms.items():
        part = text.split(f"f = {name}\n")[1].split("\n\n")[0].splitlines()
        found = [numbers(re.sub(r"^.{27}", "", line)) for line in part]
        total = sum(map(f, z))
        a = [f(v) / total for v in z]
        ratio = [derivative(v) / f(v) for v in z]
        gradient = [r * (p - q) for r, p, q in zip(ratio, a, y, strict=True)]
        assert found[0] == pytest.approx(a, abs=1e-6)
        assert found[1] == pytest.approx([p - q for p, q in zip(a, y, strict=True)], abs=1e-6)
        assert found[2] == pytest.approx(gradient, abs=1e-6)
        assert found[3] == pytest.approx(ratio, abs=1e-6)
        [apart], [formula], [odds] = found[4:7]
        assert formula < 1e-15
        worst = max(abs(log(a[i] / a[j]) - (z[i] - z[j])) for i in range(3) for j in range(3))
        if name == "exp":
            assert max(apart, odds) < 1e-14
        else:
            expected = max(abs(g - (p - q)) for g, p, q in zip(gradient, a, y, strict=True))
            assert apart == pytest.approx(expected, rel=0.05)
            assert odds == pytest.approx(worst, rel=0.05)
    assert f"a_1 = {sigmoid(2):.6f}, sigmoid(z_1 - z_2) = {sigmoid(2):.6f}" in text


def test_the_table_of_cross_entropies_along_a_line(ran: Ran) -> None:
    text, _ = ran("cross_entropy_line")
    rows = [numbers(line) for line in text.splitlines() if re.match(r"0\.\d\d ", line)]
    a_1, a_2, a_3, cost, slope = zip(*rows, strict=True)
    assert a_1 == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert a_2 == (0.60, 0.53, 0.47, 0.40, 0.33, 0.27, 0.20, 0.13, 0.07)
    assert a_3 == (0.30, 0.27, 0.23, 0.20, 0.17, 0.13, 0.10, 0.07, 0.03)
    assert cost == (1.52, 1.23, 1.10, 1.03, 1.01, 1.03, 1.10, 1.23, 1.52)
    assert slope == pytest.approx([(a - 0.5) / ((1 - a) * a) for a in a_1], abs=5e-4)


def test_where_the_published_mistakes_part_from_what_is_right(ran: Ran) -> None:
    text, _ = ran("published_mistakes")
    parts = re.findall(r"^(E\d)  .*\n    they part in (\d) of (\d) entries, (.*)$", text, flags=re.M)
    e = [exp(v) for v in (2.0, 1.0, 0.1)]
    a = [v / sum(e) for v in e]
    other = [exp(v) for v in (0.0, -1.0, 1.5)]
    b = [v / sum(other) for v in other]
    rows = [a[0], a[1] - 1, a[2]], [b[0], b[1], b[2] - 1]
    largest = max(abs(v) for row in rows for v in row)
    sums = [(v + w) / 2 for v, w in zip(*rows, strict=True)]
    expected = [
        ("E1", 3, 3, max(2 * p * (1 - p) for p in a)),
        ("E2", 3, 3, sum(e) - min(e)),
        ("E2", 3, 3, max(p * (1 - p) for p in a)),
        ("E3", 6, 9, a[0] * a[1]),
        ("E4", 2, 3, max(abs(a[1] - a[0]), abs(a[1] - a[2]))),
        ("E5", 6, 6, largest / 2),
        ("E5", 6, 6, largest / 3),
        ("E6", 3, 3, None),
        ("E6", 3, 3, None),
        ("E7", 6, 6, max(abs(v / 2 - s) for row in rows for v, s in zip(row, sums, strict=True))),
        ("E8", 3, 3, max(map(abs, rows[0]))),
    ]
    assert len(parts) == len(expected)
    for (name, apart, of, by), (number, some, all_, most) in zip(parts, expected, strict=True):
        assert (name, int(apart), int(of)) == (number, some, all_)
        if most is None:
            assert by == "one is NaN"
        else:
            assert numbers(by)[0] == pytest.approx(most, rel=1e-3)
    off_diagonal = "(0, 1) (0, 2) (1, 0) (1, 2) (2, 0) (2, 1)"
    assert off_diagonal in next(by for name, _, _, by in parts if name == "E3")
