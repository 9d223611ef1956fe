"""Handwritten digits again, by a small convolutional network, which sees where the ink is beside other ink.

Run it: python examples/digits_conv.py. It writes pictures to runs/example_digits_conv/ (extra `examples`).
"""

import argparse
from pathlib import Path

import numpy as np

from tinygrad_sm import data, nn, plots
from tinygrad_sm.train import Classifier

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--out", type=Path, default=Path("runs/example_digits_conv"))
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

table = data.digits()
rng = np.random.default_rng(0)
pictures = table.inputs.reshape(-1, 1, 8, 8)  # (N, channels, height, width)
x, x_test, t, t_test = data.train_test_split(pictures, table.labels, stratify=table.labels, rng=rng)
alike = data.Standardizer(np.full((1, 8, 8), x.mean()), np.full((1, 8, 8), x.std()))

network = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, rng=rng),  # (N, 16, 8, 8)
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, rng=rng),  # (N, 32, 8, 8)
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),  # (N, 32, 4, 4)
    nn.Flatten(),  # (N, 512)
    nn.Dropout(0.5, rng=rng),
    nn.Linear(512, 10, rng=rng),
)
model = Classifier(network, table.classes, standardizer=alike)
model.fit(x, t, epochs=options.epochs, batch_size=64, lr=0.01, weight_decay=0.1, rng=rng)
result = model.evaluate(x_test, t_test)
print(f"held out: accuracy {result.accuracy:.3f}, log-loss {result.log_loss:.3f}")

# What the first layer looks for: its sixteen windows of 3 by 3 weights.
windows = network[0].weight.data[:, 0]
plots.sample_pictures(
    (windows - windows.min()) / np.ptp(windows),
    [f"window {k}" for k in range(len(windows))],
    options.out / "windows.png",
    title="The first layer's windows (dark: ink wanted here)",
    columns=8,
)
plots.confusion_matrix(
    result.confusion, table.classes, options.out / "confusion_matrix.png",
    title=f"Held-out rows, accuracy {result.accuracy:.3f}",
)  # fmt: skip
print(f"pictures are in {options.out}")
