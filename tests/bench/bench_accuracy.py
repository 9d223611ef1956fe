"""How good the classifiers are, held out, beside scikit-learn's on the same folds, in one run.

    python tests/bench/bench_accuracy.py [--tiny]

Colours: 5 x 5 repeated stratified cross-validation, one hidden layer of 32. Digits: 5 folds. Spirals: trained
on one set, measured on another. Settings are the defaults of the command line, chosen inside training
parts; scikit-learn's MLPClassifier runs until it has converged (1,000 epochs at most). --tiny: two folds, two
epochs, to see that it runs.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_sm import data, nn, train
from tinygrad_sm.errors import MissingError
from tinygrad_sm.train import Classifier, Evaluation, mlp

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--tiny", action="store_true")
parser.add_argument("--hidden", type=int, default=32, help="units of the hidden layer for the colours")
TINY = parser.parse_args().tiny
HIDDEN = parser.parse_args().hidden
Fitted = Callable[[Any], Callable[[Any], Any]]


def ours(table: data.Dataset, sizes: list[int], epochs: int, alike: bool = False, **settings: Any) -> Fitted:
    """Our network, as the command line trains it."""
    rng = np.random.default_rng(0)

    def network() -> nn.Sequential:
        return mlp(sizes, rng=rng)

    return trained(table, table.inputs, network, epochs, rng, alike, **settings)


def convolutional(table: data.Dataset, epochs: int) -> Fitted:
    """The network of examples/digits_conv.py."""
    rng = np.random.default_rng(0)

    def network() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, rng=rng), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, rng=rng), nn.BatchNorm2d(32), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5, rng=rng), nn.Linear(512, 10, rng=rng),
        )  # fmt: skip

    pictures = table.inputs.reshape(-1, 1, 8, 8)
    return trained(table, pictures, network, epochs, rng, True, batch_size=64, lr=0.01, weight_decay=0.1)


def trained(
    table: data.Dataset, inputs: Any, network: Any, epochs: int, rng: Any, alike: bool, **settings: Any
) -> Fitted:
    def fitted(rows: Any) -> Callable[[Any], Any]:
        x = inputs[rows]
        scale = (
            data.Standardizer(np.full(x.shape[1:], x.mean()), np.full(x.shape[1:], x.std()))
            if alike
            else None
        )
        model = Classifier(network(), table.classes, standardizer=scale)
        model.fit(x, table.labels[rows], epochs=2 if TINY else epochs, rng=rng, progress=False, **settings)
        return lambda test: model.predict_proba(inputs[test])

    return fitted


def theirs(table: data.Dataset, make: Callable[[], Any]) -> Fitted:
    """A classifier of scikit-learn on standardised inputs."""

    def fitted(rows: Any) -> Callable[[Any], Any]:
        scale = data.Standardizer().fit(table.inputs[rows])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged
            model = make().fit(scale.transform(table.inputs[rows]), table.labels[rows])

        def proba(test: Any) -> Any:
            a = np.zeros((len(test), len(table.classes)))
            a[:, model.classes_] = model.predict_proba(scale.transform(table.inputs[test]))
            return a

        return proba

    return fitted


def compare(table: data.Dataset, models: dict[str, Fitted], repeats: int) -> dict[str, list[Evaluation]]:
    """Cross-validate all of them on the same folds, and print a table."""
    results = {}
    print(f"{'':24} {'accuracy':>15} {'log-loss':>15} {'seconds':>8}")
    for name, fitted in models.items():
        began = time.perf_counter()
        k, times = (2, 1) if TINY else (5, repeats)
        results[name] = train.cross_validate(fitted, table.labels, k=k, repeats=times, rng=0)
        cells = []
        for what in ("accuracy", "log_loss"):
            values = np.array([getattr(result, what) for result in results[name]])
            cells.append(f"{values.mean():.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}")
        print(f"{name:24} {cells[0]:>15} {cells[1]:>15} {time.perf_counter() - began:8.1f}", flush=True)
    return results


def peers(table: data.Dataset, hidden: int, c: float) -> dict[str, Fitted]:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        print("scikit-learn is not installed: nothing to compare with (pip install 'tinygrad_sm[examples]')")
        return {}
    epochs = 2 if TINY else 1000
    return {
        "LogisticRegression": theirs(table, lambda: LogisticRegression(C=c, max_iter=epochs)),
        f"MLPClassifier ({hidden})": theirs(
            table, lambda: MLPClassifier((hidden,), max_iter=epochs, random_state=0)
        ),
    }


def main() -> None:
    colours = data.colours()
    print(f"colours, 5 x 5 stratified folds, a hidden layer of {HIDDEN}")
    compare(
        colours,
        {f"tinygrad_sm ({HIDDEN})": ours(colours, [3, HIDDEN, 11], 200), **peers(colours, HIDDEN, 100)},
        5,
    )
    try:
        digits = data.digits()
    except MissingError as error:
        print(f"\n{error}")
    else:
        print("\ndigits, 5 stratified folds")
        models = {
            "tinygrad_sm (256)": ours(digits, [64, 256, 10], 60, alike=True, lr=0.003, weight_decay=0.5),
            "tinygrad_sm (conv)": convolutional(digits, 20),
        }
        compare(digits, {**models, **peers(digits, 256, 1)}, 1)
    training, new = data.spirals(600, rng=0), data.spirals(600, rng=1)
    model = Classifier(mlp([2, 32, 32, 3], rng=0), training.classes)
    model.fit(training.inputs, training.labels, epochs=2 if TINY else 100, rng=0, progress=False)
    print(f"\nspirals, three arms: accuracy {model.score(new.inputs, new.labels):.4f} on 600 new points")


if __name__ == "__main__":
    main()
