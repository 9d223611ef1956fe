"""What softmax with cross-entropy costs: `python tests/bench/bench_softmax.py [--tiny]` prints ratios.

Forward and backward, float32, mean over class indices, one thread. NumPy by hand is 1.00: every buffer reused
but the gradient that it gives, which is fresh, as everybody's; the same arithmetic, as exact; labels checked,
infinite logits found. All take turns in every round, in an order that changes, over batches that take turns
too; in the table stands the median over the rounds of the ratio to NumPy by hand in the same round. All must
find the same loss and gradient. Below stands the most memory that was held at one moment, besides the inputs,
in arrays of the logits' size. PyTorch is measured where installed; its memory is not Python's to measure.

The letters: z logits (N, K); t targets; e = exp(z - max z); s its sum without the largest.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tracemalloc
from collections.abc import Callable
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402

import tinygrad_sm as tg  # noqa: E402

BATCHES = 4  # that take turns
BY_HAND = "NumPy by hand"

Step = Callable[[Any, Any], tuple[Any, Any]]  # logits, targets -> loss, gradient
Made = tuple[Step, Callable[[Any], Any]]  # and what makes an input of a batch's array


class Size(NamedTuple):
    n: int
    k: int
    calls: int  # in each round
    rounds: int

    def __str__(self) -> str:
        return f"({self.n}, {self.k})"

    def batches(self) -> list[tuple[Any, Any]]:
        rng = np.random.default_rng(0)
        return [
            (rng.normal(0, 3, (self.n, self.k)).astype(np.float32), rng.integers(self.k, size=self.n))
            for _ in range(BATCHES)
        ]


SIZES = [Size(32, 11, 100, 60), Size(256, 10, 60, 60), Size(1024, 100, 8, 40), Size(4096, 1000, 1, 16)]
TINY = [Size(32, 11, 3, 3), Size(16, 300, 3, 3)]


def by_hand(size: Size) -> Made:
    n, k, f4 = size.n, size.k, np.dtype(np.float32)
    start, zeros, ones_n = np.arange(0, n * k, k), np.zeros(n, f4), np.ones(n, f4)
    minus_ones = np.full(k, -1, f4)
    small, one, per_row = np.full(n, 1e-4, f4), np.array(1, f4), np.array(1 / n, f4)
    largest, place, label = (np.empty(n, dtype) for dtype in (np.intp, np.intp, np.uint64))
    minus_others, total, loss = (np.empty(n, f4) for _ in range(3))
    total_column = total[:, None]

    def step(z: Any, t: Any) -> tuple[Any, Any]:
        if z.shape != (n, k) or z.dtype != f4 or t.shape != (n,) or t.dtype.kind not in "iu":
            raise ValueError("logits (N, K) in float32 and N class indices are wanted")
        label[:] = t  # a negative one becomes huge
        if label.item(label.argmax()) >= k:
            raise ValueError("a label is out of range")
        np.add(start, t, place)
        z.argmax(1, largest)
        np.add(largest, start, largest)
        m = z.ravel()[largest]
        if not isfinite(m.dot(small)):
            raise ValueError("a logit is infinite")
        e = z - m[:, None]  # the one fresh array, which becomes the gradient
        flat = e.ravel()
        d_t = flat[place]
        np.exp(e, e)
        e_t = flat[place]
        flat[place] = zeros
        if k < 256:
            e.dot(minus_ones, minus_others)
        else:
            np.add.reduce(e, 1, None, minus_others)
            np.negative(minus_others, minus_others)
        flat[place] = minus_others  # what the target's entry of the gradient comes to, as the others to e
        np.subtract(e_t, minus_others, total)
        np.subtract(e_t, one, loss)
        np.subtract(loss, minus_others, loss)
        np.log1p(loss, loss)
        np.subtract(loss, d_t, loss)
        mean = ones_n.dot(loss) * per_row
        np.divide(per_row, total, total)
        np.multiply(e, total_column, e)
        return mean, e

    return step, lambda z: z


def kernel_and_rule(size: Size) -> Made:
    """The op itself, as a compiled program calls it: without Tensors, a graph and the walk back."""
    op, g = tg.softmax_cross_entropy, np.ones((), np.float32)
    kernel, rule = op.kernel, op.rules[0]

    def step(z: Any, t: Any) -> tuple[Any, Any]:
        loss, saved = kernel(z, t)
        return loss, rule(g, loss, saved, z, t)

    return step, lambda z: z


def tensors(loss_of: Callable[[Any, Any], Any]) -> Callable[[Size], Made]:
    def step(z: Any, t: Any) -> tuple[Any, Any]:
        loss = loss_of(z, t)
        loss.backward()
        gradient = z.grad.data
        z.zero_grad()
        return loss.data, gradient

    return lambda size: (step, lambda z: tg.Tensor(z, requires_grad=True))


def pytorch(size: Size) -> Made:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def step(z: Any, t: Any) -> tuple[Any, Any]:
        loss = torch.nn.functional.cross_entropy(z, torch.from_numpy(t))
        loss.backward()
        gradient = z.grad
        z.grad = None
        return loss.detach(), gradient

    return step, lambda z: torch.tensor(z, requires_grad=True)


MAKERS: dict[str, Callable[[Size], Made]] = {
    BY_HAND: by_hand,
    "tinygrad_sm, fused": tensors(tg.softmax_cross_entropy),
    "its kernel and rule alone": kernel_and_rule,
    "tinygrad_sm, composed": tensors(tg.composed_softmax_cross_entropy),
    "PyTorch": pytorch,
}


def installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def compare(results: dict[str, tuple[Any, Any]]) -> None:
    """Stop unless all have found the same loss and gradient."""
    loss, gradient = results[BY_HAND]
    for name, (other, found) in results.items():
        same = np.isclose(float(other), loss, 1e-5) and np.allclose(np.asarray(found), gradient, 1e-3, 1e-7)
        if not same:
            raise SystemExit(f"{name} has another loss or gradient than {BY_HAND}")


def measure(size: Size, makers: dict[str, Callable[[Size], Made]]) -> tuple[dict[str, float], float]:
    """The ratio of each to NumPy by hand, and the microseconds of that."""
    batches = size.batches()
    made = {}
    for name, make in makers.items():
        step, convert = make(size)
        made[name] = step, [(convert(z), t) for z, t in batches]
    compare({name: step(*inputs[0]) for name, (step, inputs) in made.items()})
    times: dict[str, list[float]] = {name: [] for name in made}
    rng = np.random.default_rng(1)
    for _ in range(size.rounds + 1):
        for name in rng.permutation(list(made)):
            step, inputs = made[name]
            began = perf_counter()
            for i in range(size.calls):
                step(*inputs[i % BATCHES])
            times[name].append(perf_counter() - began)
    rounds = {name: np.array(all_[1:]) for name, all_ in times.items()}  # the first one warms up
    ratios = {name: float(np.median(rounds[name] / rounds[BY_HAND])) for name in rounds}
    return ratios, float(np.median(rounds[BY_HAND])) / size.calls * 1e6


def memory(size: Size, make: Callable[[Size], Made]) -> float:
    """The most that was held at one moment besides the inputs, in arrays of the logits' size."""
    z, t = size.batches()[0]
    step, convert = make(size)
    x = convert(z)
    step(x, t)
    tracemalloc.start()
    try:
        step(x, t)
        return tracemalloc.get_traced_memory()[1] / z.nbytes
    finally:
        tracemalloc.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="What softmax with cross-entropy costs, as ratios.")
    parser.add_argument("--tiny", action="store_true", help="small batches, few calls: does it run?")
    sizes = TINY if parser.parse_args().tiny else SIZES
    makers = {name: make for name, make in MAKERS.items() if name != "PyTorch" or installed("torch")}
    columns = [measure(size, makers) for size in sizes]
    print("logits (N, K)".ljust(28), *(str(size).rjust(14) for size in sizes), sep="")
    for name in makers:
        print(name.ljust(28), *(f"{ratios[name]:14.2f}" for ratios, _ in columns), sep="")
    print(f"{BY_HAND}, µs".ljust(28), *(f"{micros:14.1f}" for _, micros in columns), sep="")
    for name in ("tinygrad_sm, fused", "tinygrad_sm, composed"):
        print(f"{name}: arrays".ljust(28), *(f"{memory(size, MAKERS[name]):14.2f}" for size in sizes), sep="")
    if "PyTorch" not in makers:
        print("PyTorch is not installed: pip install torch")


if __name__ == "__main__":
    main()
