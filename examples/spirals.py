"""Three arms that wind around one another: what hidden layers are for.

Run it: python examples/spirals.py. It writes two pictures to runs/example_spirals/.
"""

import argparse
from pathlib import Path

import numpy as np

from tinygrad_sm import data, plots
from tinygrad_sm.train import Classifier, mlp

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=100)
parser.add_argument("--out", type=Path, default=Path("runs/example_spirals"))
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

training, test = data.spirals(600, rng=0), data.spirals(600, rng=1)

for name, sizes in {"no hidden layer": [2, 3], "two hidden layers of 32": [2, 32, 32, 3]}.items():
    model = Classifier(mlp(sizes, "relu", rng=0), training.classes, training.features)
    model.fit(training.inputs, training.labels, epochs=options.epochs, rng=0, progress=False)
    result = model.evaluate(test.inputs, test.labels)
    print(f"{name}: accuracy {result.accuracy:.3f}, log-loss {result.log_loss:.3f} on 600 new points")
    plots.decision_regions(
        model.predict_proba, test.inputs, test.labels, test.classes, features=test.features,
        title=f"{name[0].upper()}{name[1:]}: accuracy {result.accuracy:.3f}",
        path=options.out / ("linear.png" if len(sizes) == 2 else "mlp.png"),
    )  # fmt: skip

# Without a hidden layer each class has a half plane: the logits are linear in x and y.
W, b = (p.data for p in Classifier(mlp([2, 3], rng=0), "012").network.parameters())
x = np.float32([0.3, -0.2])
print(f"logits at (0.3, -0.2) before any training: {x @ W.T + b}")
print(f"pictures are in {options.out}")
