"""Cross-entropy is smallest where a = y: along a line through the distributions of three classes.

y = (1/2, 1/3, 1/6), and a_2 : a_3 = y_2 : y_3 on the whole line, so that a_1 alone is free:

    dC/da_1 = (a_1 - y_1) / ((1 - a_1) a_1)     zero at a_1 = y_1, negative before, positive after

Run it: python examples/cross_entropy_line.py. It draws runs/cross_entropy_line/cross_entropy_line.png if
Matplotlib is installed.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_sm as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--points", type=int, default=197, help="of the curve")
parser.add_argument("--out", type=Path, default=Path("runs/cross_entropy_line"))
options = parser.parse_args()

Y = np.array([1 / 2, 1 / 3, 1 / 6])


def on_the_line(a_1):
    return np.stack([a_1, 2 / 3 * (1 - a_1), 1 / 3 * (1 - a_1)])


def cost(a_1):
    return -np.sum(Y * np.log(on_the_line(a_1)))


slope = tg.grad(cost)
print(" a_1   a_2   a_3     C   dC/da_1")
for a_1 in np.arange(1, 10) / 10:
    a = on_the_line(a_1)
    print(f"{a[0]:4.2f}  {a[1]:4.2f}  {a[2]:4.2f}  {cost(a_1):4.2f}  {round(slope(a_1), 3) + 0:8.3f}")
entropy = -np.sum(Y * np.log(Y))
print(f"smallest at a = y: C = H(y) = {entropy:.6f}; elsewhere C - H(y) = sum y ln(y / a) > 0")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: pip install 'tinygrad_sm[plots]'")
else:
    figure = Figure(figsize=(9, 4), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2)
    x = np.linspace(0.01, 0.99, options.points)
    left.plot(x, [cost(v) for v in x], linewidth=2)
    left.plot(Y[0], entropy, "o", color="black")
    left.annotate(f"a = y: C = {entropy:.2f}", (Y[0], entropy), (Y[0], 1.15), ha="center")
    left.set(xlabel="a_1", ylabel="C", ylim=(0.9, 2.6), title="Cross-entropy along the line")
    right.plot(x, [slope(v) for v in x], linewidth=2)
    right.axhline(0, color="black", linewidth=0.8)
    right.axvline(Y[0], color="black", linewidth=0.8, linestyle="--")
    right.set(xlabel="a_1", ylabel="dC/da_1", ylim=(-8, 8), title="Its derivative, zero at a_1 = y_1")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "cross_entropy_line.png")
    print(f"the picture is in {options.out}")
