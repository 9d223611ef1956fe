"""Every benchmark runs, at its smallest size, so that none can rot; what it measures does not matter here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thread_unsafe(reason="the benchmarks are processes of their own")

ROOT = Path(__file__).parents[1]
BENCHMARKS = sorted(ROOT.glob("tests/bench/bench_*.py"))


def test_there_are_benchmarks() -> None:
    assert {"bench_step.py", "bench_nodes.py"} <= {script.name for script in BENCHMARKS}


@pytest.mark.parametrize("script", BENCHMARKS, ids=lambda script: script.stem)
def test_benchmark_runs(script: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, script, "--tiny"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 2
