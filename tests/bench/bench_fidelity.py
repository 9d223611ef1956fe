"""How exact softmax with cross-entropy is: `python tests/bench/bench_fidelity.py [--tiny]` prints a table.

The truth is computed with 400 digits, the logits and targets taken as they are stored. In the table stands
the worst error of the rows' losses and of the gradient's entries, over batches with 2 to 1000 classes. For
class indices and one-hot rows it is relative to the true value, wherever that is a normal number of the
dtype; for soft targets it is absolute, over max(1, the row's largest |z|), because differences of what is
nearly equal are in the question itself. Peers are measured where installed, as a user calls them.

The letters: z logits (N, K) with standard deviation sigma; t targets; a softmax.
"""

from __future__ import annotations

import argparse
import importlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpf

import tinygrad_sm as tg

DIGITS = 400
SIGMAS = (0.1, 1, 10, 30, 100, 1e4)
BATCHES = {2: 200, 3: 200, 11: 100, 100: 20, 1000: 4}  # the number of classes: that of rows
TINY = {2: 8, 3: 8, 11: 4, 100: 1}
KINDS = ("index, right", "index, wrong", "index, random", "one-hot", "soft")
BOUNDS = {np.dtype("f4"): (5e-6, 1e-5), np.dtype("f8"): (2e-13, 2e-13)}  # relative: of a loss, of an entry
SOFT_BOUND = 8  # eps, of both
PROJECT = "tinygrad_sm"
FOOT = """
1e+00: what is given is 0, or nothing of it is right. -: not offered. *: behind the best by more than one eps,
in {behind} of {all} numbers of tinygrad_sm (one eps of ln K where the loss of soft targets is concerned).
What is left is the rounding of z - max z, which every form has: by half a unit in its last place, up to 4e-6
in float32 (5.7e-14 in float64) where exp is about to underflow, and exp makes a relative error of it."""


# ---- the truth ----


class Truth(NamedTuple):
    """Numbers with twice the digits of float64: the nearest float64, and what it lacks."""

    high: Any
    low: Any

    @classmethod
    def of(cls, numbers: Any) -> Truth:
        exact = np.array(numbers, object)
        high = exact.astype(np.float64)
        return cls(high, (exact - high).astype(np.float64))

    def error(self, found: Any) -> Any:
        return np.abs((np.asarray(found, np.float64) - self.high) - self.low)


class Exact:
    """The softmax of each row of z, and what follows from it, to 400 digits."""

    def __init__(self, z: Any) -> None:
        self.rows = []
        with mp.workdps(DIGITS):
            for row in np.asarray(z, np.float64).tolist():
                d = [mpf(x) - max(row) for x in row]
                e = [mpmath.exp(x) for x in d]
                total = mpmath.fsum(e)
                self.rows.append((d, e, total, [x / total for x in e]))

    def by_index(self, t: Any) -> tuple[Truth, Truth]:
        """ln(1 + the others / e_t), and a with the target's entry minus the others: no digit is cancelled."""
        losses, gradients = [], []
        with mp.workdps(DIGITS):
            for (_, e, total, a), i in zip(self.rows, t, strict=True):
                others = mpmath.fsum(e[:i] + e[i + 1 :])
                losses.append(mpmath.log1p(others / e[i]))
                gradients.append([*a[:i], -others / total, *a[i + 1 :]])
            return Truth.of(losses), Truth.of(gradients)

    def by_distribution(self, t: Any) -> tuple[Truth, Truth]:
        """-sum t ln a, and its gradient a sum t - t, for the targets as they are stored."""
        losses, gradients = [], []
        with mp.workdps(DIGITS):
            for (d, _, total, a), y in zip(self.rows, np.asarray(t, np.float64).tolist(), strict=True):
                log_total, c = mpmath.log(total), mpmath.fsum(y)
                losses.append(mpmath.fsum(p * (log_total - x) for p, x in zip(y, d, strict=True) if p))
                gradients.append([q * c - p for p, q in zip(y, a, strict=True)])
            return Truth.of(losses), Truth.of(gradients)


class Case(NamedTuple):
    """Logits, targets, and the truth about both."""

    kind: str
    z: Any
    t: Any
    loss: Truth
    gradient: Truth

    def errors(self, losses: Any, gradients: Any) -> tuple[float, float]:
        """The worst error of a loss and of an entry of the gradient, in the measure of the kind."""
        if self.kind == "soft":
            size = np.maximum(1, np.abs(self.z).max(1))
            return (
                float((self.loss.error(losses) / size).max()),
                float((self.gradient.error(gradients) / size[:, None]).max()),
            )
        return relative(losses, self.loss, self.z.dtype), relative(gradients, self.gradient, self.z.dtype)


def relative(found: Any, truth: Truth, dtype: Any) -> float:
    """The worst relative error where the truth is a normal number of the dtype."""
    normal = np.abs(truth.high) >= np.finfo(dtype).tiny
    return float((truth.error(found)[normal] / np.abs(truth.high[normal])).max(initial=0))


def cases(sigma: float, dtype: Any, batches: dict[int, int]) -> Iterator[Case]:
    """Batches of logits with targets of every kind."""
    for k, n in batches.items():
        rng = np.random.default_rng((k, n, SIGMAS.index(sigma)))
        z = rng.normal(0, sigma, (n, k)).astype(dtype)
        exact, one_hot = Exact(z), np.eye(k, dtype=dtype)
        for name, t in (("right", z.argmax(1)), ("wrong", z.argmin(1)), ("random", rng.integers(k, size=n))):
            truth = exact.by_index(t)
            yield Case(f"index, {name}", z, t, *truth)
            yield Case("one-hot", z, one_hot[t], *truth)
        t = rng.dirichlet(np.ones(k), n).astype(dtype)
        yield Case("soft", z, t, *exact.by_distribution(t))


# ---- who is measured: each gives the loss of every row, and the gradient of their sum ----

Measured = Callable[[Any, Any], tuple[Any, Any]]


def fused(z: Any, t: Any) -> tuple[Any, Any]:
    x = tg.Tensor(z, requires_grad=True)
    losses = tg.softmax_cross_entropy(x, t, reduction="none")
    losses.sum().backward()
    return losses.data, x.grad.data  # type: ignore[union-attr]


def pytorch() -> Measured:
    torch = importlib.import_module("torch")

    def measured(z: Any, t: Any) -> tuple[Any, Any]:
        x = torch.tensor(z, requires_grad=True)
        losses = torch.nn.functional.cross_entropy(x, torch.tensor(t), reduction="none")
        losses.sum().backward()
        return losses.detach().numpy(), x.grad.numpy()

    return measured


def jax() -> Measured:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)

    def losses(z: Any, t: Any) -> Any:
        log_a = jax.nn.log_softmax(z)
        return -log_a[np.arange(len(z)), t] if t.ndim == 1 else -(t * log_a).sum(1)

    gradient = jax.jit(jax.grad(lambda z, t: losses(z, t).sum()))
    values = jax.jit(losses)
    return lambda z, t: (values(z, t), gradient(z, t))


def scipy() -> Measured:
    special = importlib.import_module("scipy.special")

    def measured(z: Any, t: Any) -> tuple[Any, Any]:
        y = t if t.ndim == 2 else np.eye(z.shape[1], dtype=z.dtype)[t]
        return -(y * special.log_softmax(z, 1)).sum(1), special.softmax(z, 1) - y

    return measured


def mygrad() -> Measured:
    mg = importlib.import_module("mygrad")
    cross_entropy = importlib.import_module("mygrad.nnet.losses").softmax_crossentropy

    def measured(z: Any, t: Any) -> tuple[Any, Any]:
        losses, gradients = [], []
        for row, i in zip(z, t, strict=True):  # it knows the mean alone
            x = mg.tensor(row[None])
            loss = cross_entropy(x, np.array([i]))
            loss.backward()
            losses.append(loss.data)
            gradients.append(x.grad[0])
        return np.array(losses), np.array(gradients)

    return measured


PEERS: dict[str, tuple[str, Callable[[], Measured]]] = {
    "PyTorch": ("torch", pytorch),
    "JAX": ("jax", jax),
    "SciPy": ("scipy", scipy),
    "MyGrad": ("mygrad", mygrad),
}


def installed() -> dict[str, Measured]:
    found = {}
    for name, (module, make) in PEERS.items():
        try:
            importlib.import_module(module)
        except ImportError:
            print(f"{name} is not installed: pip install {module}")
        else:
            found[name] = make()
    return found


# ---- the table ----

Errors = dict[str, tuple[float, float]]  # of each who is measured: of the loss, of the gradient


def measure(sigma: float, dtype: Any, batches: dict[int, int], who: dict[str, Measured]) -> dict[str, Errors]:
    """The worst errors of each, for each kind of targets."""
    worst: dict[str, Errors] = {kind: {} for kind in KINDS}
    for case in cases(sigma, dtype, batches):
        for name, measured in who.items():
            if name == "MyGrad" and case.t.ndim == 2:
                continue  # it takes class indices only
            errors = case.errors(*measured(case.z, case.t))
            before = worst[case.kind].get(name, (0.0, 0.0))
            worst[case.kind][name] = max(before[0], errors[0]), max(before[1], errors[1])
    return worst


def bounds(kind: str, dtype: Any) -> tuple[float, float]:
    """What the errors of a loss and of an entry of the gradient may be at most."""
    soft = SOFT_BOUND * float(np.finfo(dtype).eps)
    return (soft, soft) if kind == "soft" else BOUNDS[np.dtype(dtype)]


def slack(kind: str, dtype: Any, k: int) -> tuple[float, float]:
    """How far behind the best counts as equal: one eps, which for the loss of soft targets is one of ln K."""
    eps = float(np.finfo(dtype).eps)
    return (eps * max(1.0, math.log(k)) if kind == "soft" else eps), eps


def line(errors: Errors, who: Iterable[str], near: tuple[float, float]) -> tuple[str, int]:
    """The errors of each beside one another, and how many of the project's two are behind the best."""
    cells = [f"{errors[x][0]:9.0e}{errors[x][1]:8.0e}" if x in errors else "-".rjust(17) for x in who]
    best = [min(each[i] for each in errors.values()) for i in (0, 1)]
    behind = sum(errors[PROJECT][i] > best[i] + near[i] for i in (0, 1))
    return "".join(cells) + " *" * bool(behind), behind


def sure(who: dict[str, Measured]) -> None:
    """The case that tells most: z = [20, 0, 0], class 0."""
    z = np.array([[20, 0, 0]], np.float32)
    _, gradient = Exact(z).by_index([0])
    print(f"\nThe target's entry of the gradient at z = [20, 0, 0] is {gradient.high[0, 0]:.6e}:")
    print(*(f"{name} {np.asarray(f(z, np.array([0]))[1])[0, 0]:.6e}" for name, f in who.items()), sep=", ")


def main() -> None:
    parser = argparse.ArgumentParser(description="How exact the loss and its gradient are, beside the peers.")
    parser.add_argument("--tiny", action="store_true", help="few rows, few classes: does it run?")
    batches = TINY if parser.parse_args().tiny else BATCHES
    who: dict[str, Measured] = {PROJECT: fused, **installed()}
    print(f"{'dtype':9}{'targets':14}{'sigma':>7}  ", *(f"{name:>17}" for name in who), sep="")
    print(" " * 32, *(f"{'loss':>9}{'grad':>8}" for _ in who), sep="")
    behind, out = 0, []
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        for sigma in SIGMAS:
            for kind, errors in measure(sigma, dtype, batches, who).items():
                text, more = line(errors, who, slack(kind, dtype, max(batches)))
                name = f"{dtype.name:9}{kind:14}{sigma:7g}"
                print(f"{name}  {text}", flush=True)
                behind += more
                if not all(e <= bound for e, bound in zip(errors[PROJECT], bounds(kind, dtype), strict=True)):
                    out.append(name)
    sure(who)
    print(FOOT.format(behind=behind, all=4 * len(SIGMAS) * len(KINDS)))
    if out:
        raise SystemExit("out of bounds: " + "; ".join(out))


if __name__ == "__main__":
    main()
