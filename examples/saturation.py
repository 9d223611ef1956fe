"""Two units start saturated and wrong: quadratic cost makes one crawl, cross-entropy lets the other go.

Both have one weight and one bias, z = w x + b, and say a = sigmoid(z) = 0.99995 where 0 is right. The second
is a softmax over the logits (z, 0), whose first probability is sigmoid(z) too. What differs is dC/dz:

    sigmoid, C = (a - y)^2 / 2      dC/dz = (a - y) a (1 - a)    vanishes where a is saturated
    softmax, C = -ln a_right        dC/dz = a - y                does not

Run it: python examples/saturation.py. It draws runs/saturation/saturation.png if Matplotlib is installed.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_sm as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=30_000, help="at most")
parser.add_argument("--out", type=Path, default=Path("runs/saturation"))
options = parser.parse_args()

X, RATE = 1.0, 0.5


def quadratic(z):
    return (tg.sigmoid(z) - 0.0) ** 2 / 2


def cross_entropy(z):
    return tg.softmax_cross_entropy(np.stack([z, 0.0]), 1)


def train(cost):
    """a and dC/dz at each step, until a < 0.1."""
    w, b = tg.Tensor(5.0, requires_grad=True), tg.Tensor(5.0, requires_grad=True)
    a, gradients = [], []
    while len(a) <= options.steps and (not a or a[-1] >= 0.1):
        z = w * X + b
        w.zero_grad()
        b.zero_grad()
        cost(z).backward()
        a.append(tg.sigmoid(z.item()))
        gradients.append(b.grad.item())  # dz/db = 1
        for p in (w, b):
            p.data = p.data - RATE * p.grad.data
    return np.array(a), np.array(gradients)


runs = {"sigmoid, quadratic cost": train(quadratic), "softmax, cross-entropy": train(cross_entropy)}
print(f"start: a = {runs['softmax, cross-entropy'][0][0]:.6f}, and 0 is right; learning rate {RATE}")
print("step".rjust(6), *(f"{name:>26}" for name in runs))
for step in (0, 1, 2, 5, 10, 20, 100, 1000, 10_000, 20_000):
    cells = [f"a = {a[step]:.5f}, dC/dz {g[step]:.0e}" if step < len(a) else "done" for a, g in runs.values()]
    print(f"{step:6}", *(f"{cell:>26}" for cell in cells))
for name, (a, _) in runs.items():
    below = np.flatnonzero(a < 0.5)
    print(f"{name}: a < 0.5 after {below[0]} steps" if below.size else f"{name}: a is still {a[-1]:.5f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: pip install 'tinygrad_sm[plots]'")
else:
    figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=120)
    for i, axes in enumerate(figure.subplots(1, 2)):
        what = ("a, which should be 0", "dC/dz")[i]
        for name, values in runs.items():
            axes.plot(np.arange(1, len(values[i]) + 1), values[i], label=name, linewidth=2)
        axes.set(xlabel="step", ylabel=what, xscale="log", yscale="log" if i else "linear")
        axes.grid(alpha=0.3)
    axes.legend(loc="center left")
    figure.suptitle("From the same saturated start: one crawls, one does not")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "saturation.png")
    print(f"the picture is in {options.out}")
