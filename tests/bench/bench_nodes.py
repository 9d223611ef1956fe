"""What a node, an import and a graph cost: `python tests/bench/bench_nodes.py [--tiny]`.

The time per node of chains from 10^2 to 10^6 nodes, as a ratio to the shortest, which stays flat but for the
processor's caches; the time of `import tinygrad_sm` as a ratio to that of `import numpy`, in new processes
that take turns; the peak of memory during a training step, as a ratio to what its arrays hold.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402

import tinygrad_sm as tg  # noqa: E402


def chain(n: int) -> tuple[float, float, float]:
    """Microseconds per node of forward, backward and release of n nodes in a row."""
    x = tg.Tensor(1.0, requires_grad=True)
    times = [perf_counter()]
    y = x
    for _ in range(n):
        y = y + 1.0
    times.append(perf_counter())
    y.backward()
    times.append(perf_counter())
    del y
    times.append(perf_counter())
    forward, backward, release = np.diff(times) / n * 1e6
    return float(forward), float(backward), float(release)


def nodes(lengths: list[int], total: int) -> None:
    """Each length as often as `total` nodes allow, in turns, the collector of cycles off: there are none."""
    gc.disable()
    chain(1000)
    found: dict[int, list[tuple[float, float, float]]] = {n: [] for n in lengths}
    for _ in range(3):
        for n in lengths:
            found[n] += [chain(n) for _ in range(max(1, total // n // 3))]
    gc.enable()
    first = np.median(found[lengths[0]], axis=0)
    print("nodes          forward  backward   release   as ratios to the shortest chain")
    for n in lengths:
        here = np.median(found[n], axis=0)
        print(f"{n:<12}", *(f"{ratio:10.2f}" for ratio in here / first), sep="")
    print("µs, shortest".ljust(12), *(f"{micros:10.2f}" for micros in first), sep="")


def imports(rounds: int) -> None:
    def seconds(module: str, environment: dict[str, str]) -> float:
        began = perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=environment)
        return perf_counter() - began

    with TemporaryDirectory() as folder:  # compiled once, as pip does it
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        modules = "sys", "numpy", "tinygrad_sm"
        turns = [[seconds(module, environment) for module in modules] for _ in range(rounds + 1)][1:]
    empty, numpy, ours = (median(times) for times in zip(*turns, strict=True))
    ratio = median((ours - empty) / (numpy - empty) for empty, numpy, ours in turns)
    print(f"\nimport tinygrad_sm / import numpy: {ratio:.2f}, Python's own start taken off both")
    print(f"ms: python {empty * 1e3:.0f}, with numpy {numpy * 1e3:.0f}, with tinygrad_sm {ours * 1e3:.0f}")


def memory(rows: int, width: int) -> None:
    """The peak of a step of width-width-width, and what its arrays need at the least."""
    rng = np.random.default_rng(0)
    start = rng.normal(0, width**-0.5, (2, width, width)).astype("f4")
    weights = [tg.Tensor(W, requires_grad=True) for W in start]
    x, t = rng.normal(size=(rows, width)).astype("f4"), rng.integers(width, size=rows)

    def peak(f: Callable[[], None]) -> int:
        f()
        tracemalloc.start()
        f()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    def step() -> None:
        for W in weights:
            W.zero_grad()
        tg.softmax_cross_entropy(tg.relu(x @ weights[0]) @ weights[1], t).backward()

    batch, weight = rows * width * 4, width * width * 4
    # forward keeps h, relu(h), z and e; then come the gradients of z and relu(h), and those of the weights
    needed = 6 * batch + 2 * weight
    print(f"\npeak memory of a step: {peak(step) / needed:.2f} of six batches and the gradients")
    logits = tg.Tensor(x, requires_grad=True)

    def loss() -> None:
        logits.zero_grad()
        tg.softmax_cross_entropy(logits, t).backward()

    print(f"peak memory of the loss of logits, with the gradient: {peak(loss) / batch:.2f} times theirs")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a node, an import and a graph cost.")
    parser.add_argument("--tiny", action="store_true", help="short chains, few rounds: does it run?")
    tiny = parser.parse_args().tiny
    nodes([10**2, 10**3] if tiny else [10**2, 10**3, 10**4, 10**5, 10**6], 3000 if tiny else 10**6)
    imports(1 if tiny else 15)
    memory(*((32, 16) if tiny else (1024, 512)))


if __name__ == "__main__":
    main()
