"""Handwritten digits, and what the ten numbers that come out of a softmax mean.

Run it: python examples/digits.py. It writes two pictures to runs/example_digits/ (extra `examples`).
"""

import argparse
from pathlib import Path

import numpy as np

from tinygrad_sm import data, plots
from tinygrad_sm.train import Classifier, mlp

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=60)
parser.add_argument("--out", type=Path, default=Path("runs/example_digits"))
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

# 1797 pictures of 8 by 8 pixels, ink from 0 to 1. A pixel at the edge is nearly always white, so pixels are
# standardised all alike: a rare dot of ink must not count a hundredfold.
table = data.digits()
rng = np.random.default_rng(0)
x, x_test, t, t_test = data.train_test_split(table.inputs, table.labels, stratify=table.labels, rng=rng)
alike = data.Standardizer(np.full(64, x.mean()), np.full(64, x.std()))

model = Classifier(mlp([64, 256, 10], rng=rng), table.classes, table.features, alike)
model.fit(x, t, epochs=options.epochs, lr=0.003, weight_decay=0.5, rng=rng)
result = model.evaluate(x_test, t_test)
print(f"held out: accuracy {result.accuracy:.3f}, log-loss {result.log_loss:.3f}")

# One picture of a 4, and its probabilities a_0 ... a_9 = softmax(z)_0 ... softmax(z)_9.
i = int(np.flatnonzero(t_test == 4)[0])
for row in x_test[i].reshape(8, 8):
    print("".join(" .:-=+*#%@"[int(9.99 * ink)] * 2 for ink in row))
a = model.predict_proba(x_test[i : i + 1])[0]
for k in range(10):
    print(f"a_{k} = {a[k]:.6f} {'#' * round(40 * a[k])}")
print(f"""They sum to {a.sum():.6f}. a_4 = {a[4]:.6f} is the probability that the network gives to the picture
being a 4. The loss of this picture is -ln a_4 = {-np.log(a[4]):.6f}: 0 where a_4 is 1, and without bound as
a_4 goes to 0. Its derivative by the logit z_4 is a_4 - 1 = {a[4] - 1:.6f}, by each other z_k it is a_k - 0:
training raises the logit of the label and lowers the others, most of all those that were sure and wrong.""")

# What went wrong, the surest mistake first.
proba = model.predict_proba(x_test)
wrong = np.flatnonzero(proba.argmax(axis=1) != t_test)
wrong = wrong[np.argsort(proba[wrong, t_test[wrong]])][:12]
plots.sample_pictures(
    x_test[wrong].reshape(-1, 8, 8),
    [f"{t_test[j]} taken for {proba[j].argmax()}\na_{t_test[j]} = {proba[j, t_test[j]]:.3f}" for j in wrong],
    options.out / "mistakes.png",
    title=f"The surest mistakes, accuracy {result.accuracy:.3f}",
)
plots.confusion_matrix(result.confusion, table.classes, options.out / "confusion_matrix.png")
print(f"pictures are in {options.out}")
