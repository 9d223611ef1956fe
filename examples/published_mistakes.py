"""Eight mistakes in the derivative of softmax and cross-entropy, each beside what is right.

The letters: z logits (N, K), a = softmax(z), y targets, x inputs, S = sum exp(z), C the mean cross-entropy.
What is right comes from the framework's own backward pass; what is wrong is written out.

Run it: python examples/published_mistakes.py. With Matplotlib it draws runs/published_mistakes/*.png.
"""

import argparse
from pathlib import Path
from textwrap import fill

import numpy as np

import tinygrad_sm as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path("runs/published_mistakes"))
options = parser.parse_args()
x, z, y = 2.0, np.array([2.0, 1.0, 0.1]), np.array([0.0, 1.0, 0.0])
Z, T = np.array([z, [0.0, -1.0, 1.5]]), np.array([1, 2])
a, e, S = tg.softmax(z), np.exp(z), np.exp(z).sum()
A, Y = tg.softmax(Z), np.eye(3)[T]
jacobian, found = tg.jacobian(tg.softmax)(z), []


def show(number, title, wrong, right):
    wrong, right = np.broadcast_arrays(wrong, right)
    part = ~np.isclose(wrong, right, rtol=1e-9, atol=1e-12)
    by = f"by up to {np.abs(wrong - right).max():.4g}" if np.isfinite(wrong).all() else "one is NaN"
    where = "" if part.all() else ": " + " ".join(str(tuple(map(int, i))) for i in np.argwhere(part))
    print(f"{number}  {title}\n    they part in {part.sum()} of {part.size} entries, {by}{where}")
    for word, array in (("wrong", wrong), ("right", right)):
        print(f"    {word}  {np.array2string(array, precision=4, suppress_small=True, prefix=' ' * 11)}")
    found.append((f"{number}  {title}", wrong.ravel(), right.ravel()))


right = np.diag(tg.jacobian(lambda w: tg.softmax(w * x))(z / x))  # one weight for each class: z = w x
wrong = (e * x * S - e * x * S) / S**2  # every term of the sum is taken for the numerator's
show("E1", "one symbol w for the numerator's class and the sum's index: da_j/dw_j", wrong, right)
show("E2", "the sum's derivative taken for the sum: dS/dz_k", S, tg.grad(lambda z: np.sum(np.exp(z)))(z))
show("E2", "and so da_k/dz_k comes out as a_k - a_k", a - e * S / S**2, np.diag(jacobian))
show("E3", "softmax treated like a sigmoid, entry by entry: da_j/dz_i", np.diag(a * (1 - a)), jacobian)
right = tg.grad(lambda z: tg.composed_softmax_cross_entropy(z, y))(z)
show("E4", "a_j where a_i belongs in the sum over j: dC/dz", -y * (1 - a) + (y @ a - y * a), right)
right = tg.grad(lambda z: tg.softmax_cross_entropy(z, T))(Z)
show("E5", "1/N forgotten: dC/dz of a mean over N = 2", A - Y, right)
show("E5", "the mean taken over the classes too", (A - Y) / Y.size, right)
large, last = np.array([1000.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
right = tg.grad(lambda z: tg.softmax_cross_entropy(z, last))(large)
with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
    for shift, title in enumerate(["exp(1000) overflows: dC/dz", "the maximum subtracted: still ln 0"]):
        wrong = tg.grad(lambda z, s=shift: tg.composed_softmax_cross_entropy(z, last, shift=s))(large)
        show("E6", title, wrong, right)
right = tg.grad(lambda b: tg.softmax_cross_entropy(Z + b, T))(np.zeros(3))
show("E7", "the bias's gradient not summed over the batch: dC/db in each row", (A - Y) / 2, right)
leaf = tg.Tensor(z, requires_grad=True)
for _ in range(2):  # without leaf.zero_grad() in between
    tg.softmax_cross_entropy(leaf, 1).backward()
show("E8", "the last step's gradient not cleared: dC/dz", leaf.grad.numpy(), a - y)

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: pip install 'tinygrad_sm[plots]'")
else:
    figure = Figure(figsize=(12, 8.5), layout="constrained", dpi=110)
    for axes, (title, *both) in zip(figure.subplots(3, 4).flat, found, strict=False):
        for i, values in enumerate(both):
            axes.bar(np.arange(len(values)) + 0.4 * i, values, 0.4, color=("tab:orange", "tab:blue")[i])
        axes.axhline(0, color="black", linewidth=0.8)
        nan = ", wrong: NaN" if np.isnan(both[0]).any() else ""
        axes.set_title(fill(title + nan, 34), fontsize=10)
        axes.set_xticks([])
    figure.axes[-1].set_axis_off()
    figure.axes[-1].legend(figure.axes[0].containers, ["wrong", "right"], loc="center", fontsize=14)
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "published_mistakes.png")
    print(f"the picture is in {options.out}")
