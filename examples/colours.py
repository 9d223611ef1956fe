"""Which of eleven names has a colour? A small network on 824 colours that people named.

Run it: python examples/colours.py. It writes three pictures to runs/example_colours/.
"""

import argparse
from pathlib import Path

import numpy as np

from tinygrad_sm import data, plots
from tinygrad_sm.train import Classifier, mlp

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--out", type=Path, default=Path("runs/example_colours"))
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

# Data: red, green, blue from 0 to 1, and the index of each colour's name. A fifth of the rows is held out.
table = data.colours()
rng = np.random.default_rng(0)
x, x_test, t, t_test, _, rows = data.train_test_split(
    table.inputs, table.labels, np.arange(len(table)), stratify=table.labels, rng=rng
)

# Model: 3 numbers in, 32 hidden units, 11 logits out. The classifier standardises its inputs by itself.
model = Classifier(mlp([3, 32, 11], "relu", rng=rng), table.classes, table.features)
model.fit(x, t, epochs=options.epochs, validation=(x_test, t_test), best=False, rng=rng)

result = model.evaluate(x_test, t_test)
print(f"held out: accuracy {result.accuracy:.3f}, log-loss {result.log_loss:.3f}")

# What is it unsure about? The log-loss of a row is -ln a_t, where a_t is the probability of its name.
a = model.predict_proba(x_test)
for i in np.argsort(a[np.arange(len(a)), t_test])[:5]:
    says = table.classes[a[i].argmax()]
    wanted = table.classes[t_test[i]]
    print(f"people said {table.names[rows[i]]!r}, which counts as {wanted} (a = {a[i, t_test[i]]:.4f});"
          f" the network says {says} ({a[i].max():.2f})")  # fmt: skip

plots.learning_curve(model.history, options.out / "learning_curve.png", uniform=np.log(11))
plots.confusion_matrix(result.confusion, table.classes, options.out / "confusion_matrix.png")
plots.decision_map(model.predict_proba, table.classes, options.out / "decision_map.png")
print(f"pictures are in {options.out}")
