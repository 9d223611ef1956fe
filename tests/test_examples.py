"""The examples run, at a small size, and stay short enough to be read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thread_unsafe(reason="the examples are processes of their own")

ROOT = Path(__file__).parents[1]
EXAMPLES = {
    "colours": ["confusion_matrix.png", "decision_map.png", "learning_curve.png"],
    "digits": ["confusion_matrix.png", "mistakes.png"],
    "digits_conv": ["confusion_matrix.png", "windows.png"],
    "spirals": ["linear.png", "mlp.png"],
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_draws(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    if name.startswith("digits"):
        pytest.importorskip("sklearn")
    command = [sys.executable, "-W", "error", ROOT / "examples" / f"{name}.py", "--epochs", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    folder = tmp_path / "runs" / f"example_{name}"
    assert sorted(path.name for path in folder.iterdir()) == EXAMPLES[name]
    if name == "digits":
        assert all(f"a_{k} = " in done.stdout for k in range(10))


def test_examples_are_short_and_all_run_here() -> None:
    paths = {path.stem: path for path in (ROOT / "examples").glob("*.py")}
    named = {name: path for name, path in paths.items() if name in EXAMPLES}
    assert named.keys() == EXAMPLES.keys()
    for path in named.values():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) < 80
        assert max(map(len, lines)) <= 110
