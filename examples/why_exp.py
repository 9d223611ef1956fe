"""Why softmax takes the exponential: beside it f = softplus, which is positive and grows, too.

With a_j = f(z_j) / sum f(z_k), for any positive f, the cross-entropy C = -sum y_j ln a_j has the gradient

    dC/dz_i = f'(z_i) / f(z_i) (a_i - y_i)

which is a - y for f = exp alone. And only then are differences of logits log-odds: ln(a_i / a_j) = z_i - z_j.

Run it: python examples/why_exp.py. It draws runs/why_exp/why_exp.png if Matplotlib is installed.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_sm as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--points", type=int, default=161, help="of each curve")
parser.add_argument("--out", type=Path, default=Path("runs/why_exp"))
options = parser.parse_args()


def softplus(z):
    return np.logaddexp(0.0, z)


def shares(f, z):
    return f(z) / np.sum(f(z))


def cost(f, z, y):
    return -np.sum(y * np.log(shares(f, z)))


z, y = np.array([4.0, 1.0, -2.0]), np.array([0.0, 1.0, 0.0])
print(f"z = {z}, y = {y}")
for f in (np.exp, softplus):
    a = shares(f, z)
    gradient = tg.grad(lambda z, f=f: cost(f, z, y))(z)  # by the rules of f, sum, divide and log
    ratio = tg.grad(lambda z, f=f: np.sum(f(z)))(z) / f(z)
    odds = np.log(a[:, None] / a)
    print(f"\nf = {f.__name__}")
    print(f"  a                        {a.round(6)}")
    print(f"  a - y                    {(a - y).round(6)}")
    print(f"  dC/dz                    {gradient.round(6)}")
    print(f"  f'/f                     {ratio.round(6)}")
    print(f"  dC/dz - (a - y)          by up to {np.abs(gradient - (a - y)).max():.1e}")
    print(f"  dC/dz - f'/f (a - y)     by up to {np.abs(gradient - ratio * (a - y)).max():.1e}")
    print(f"  ln(a_i/a_j) - (z_i-z_j)  by up to {np.abs(odds - (z[:, None] - z)).max():.1e}")

pair = np.array([1.5, -0.5])
print(f"\nK = 2, z = {pair}: a_1 = {tg.softmax(pair)[0]:.6f}, sigmoid(z_1 - z_2) = {tg.sigmoid(2.0):.6f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: pip install 'tinygrad_sm[plots]'")
else:
    figure = Figure(figsize=(10, 4), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2)
    x = np.linspace(-10, 10, options.points)
    for f in (np.exp, softplus):
        a = np.array([shares(f, np.array([v, 0.0])) for v in x])
        left.plot(x, np.log(a[:, 0] / a[:, 1]), linewidth=2, label=f"f = {f.__name__}")
        slope = [tg.grad(lambda z, f=f: cost(f, z, np.array([0.0, 1.0])))(np.array([v, 0.0]))[0] for v in x]
        right.plot(x, slope, linewidth=2, label=f"f = {f.__name__}")
    left.set(title="Log-odds of two classes, logits (z, 0)", xlabel="z", ylabel="ln(a_1 / a_2)")
    right.set(title="What the wrong class is told", xlabel="z, its logit", ylabel="dC/dz, class 2 is right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "why_exp.png")
    print(f"the picture is in {options.out}")
