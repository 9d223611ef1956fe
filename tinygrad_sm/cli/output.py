"""What the commands print and write."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import data, nn, plots
from ..errors import DataError, MissingError
from ..program import graph
from ..show.numbers import clip, plain
from ..tensor import Tensor
from ..train import Classifier, Evaluation

__all__ = ["draw_graph", "draw_network", "flush", "pictures", "report", "say"]

MOST_UNITS = 40  # of a layer in the diagram of the network


def say(text: str) -> None:
    """Print a line at once."""
    if sys.stdout is not None:
        with suppress(BrokenPipeError):
            sys.stdout.write(f"{text}\n")
        flush()


def flush() -> None:
    """A reader of the output who has gone away (`| head`) does not end the job: the rest is thrown away."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())


def report(result: Evaluation, classes: Sequence[str]) -> None:
    """Print accuracy, log-loss and confusion matrix."""
    counts = result.confusion
    names = [clip(plain(name), 12) for name in classes]
    widths = [max(len(name), len(str(counts[:, k].max()))) for k, name in enumerate(names)]
    first = max(len("label"), *map(len, names))
    guess = math.log(len(names))
    say(f"accuracy {result.accuracy:.3f}, log-loss {result.log_loss:.3f} (a uniform guess: {guess:.3f})")
    say("confusion matrix: labels by rows, predictions by columns")
    say(" ".join([" " * first, *(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))]))
    for name, row in zip(names, counts, strict=True):
        cells = (f"{count or '.':>{width}}" for count, width in zip(row, widths, strict=True))
        say(" ".join([f"{name:<{first}}", *cells]))


def pictures(
    model: Classifier, kind: str, table: data.Dataset, rows: NDArray[np.intp], result: Evaluation, out: Path
) -> None:
    """Draw all that can be drawn of this model; say what was written, and what was left out and why."""
    x, t = table.inputs[rows], table.labels[rows]
    title = f"Held-out rows, accuracy {result.accuracy:.3f}"
    wanted: dict[str, Callable[[Path], None]] = {
        "learning_curve.png": lambda path: plots.learning_curve(
            model.history, path, uniform=math.log(len(table.classes))
        ),
        "confusion_matrix.png": lambda path: plots.confusion_matrix(
            result.confusion, table.classes, path, title=title
        ),
    }
    if kind == "colours":
        wanted["decision_map.png"] = lambda path: plots.decision_map(model.predict_proba, table.classes, path)
    elif table.inputs.shape[1] == 2:
        wanted["decision_regions.png"] = lambda path: plots.decision_regions(
            model.predict_proba, x, t, table.classes, path, features=table.features, title=title
        )
    missing, left_out = "", []
    for name, draw in wanted.items():
        try:
            draw(out / name)
        except MissingError as error:
            missing = str(error)
            left_out.append(name)
    written = ["model.npz", *(name for name in wanted if name not in left_out)]
    say(f"written to {plain(str(out))}: {', '.join(written)}")
    if left_out:
        say(f"left out: {', '.join(left_out)}; {missing}")


def draw_graph(model: Classifier, inputs: NDArray[Any], labels: NDArray[Any], out: Path) -> None:
    """Draw the graph of one small batch with values and gradients."""
    if model.standardizer is None:
        raise DataError("the model is not trained")
    x = Tensor(model.standardizer.transform(inputs), name="x")
    model.network.zero_grad()
    loss = nn.CrossEntropyLoss()(model.network(x), Tensor(labels, name="labels"))
    loss.backward()
    path = graph(loss, names={"loss": loss}).save(out / "graph.svg")
    say(f"written to {plain(str(out))}: {path.name}")


def draw_network(model: Classifier, table: data.Dataset, out: Path) -> None:
    """Draw the network of a classifier of colours: inputs and classes are painted, a class as its mean."""
    paint = dict(zip(model.features, ("#ff0000", "#00ff00", "#0000ff"), strict=False))
    for k, name in enumerate(table.classes):
        if (own := table.inputs[table.labels == k]).size:
            paint[name] = "#" + bytes(np.clip(255 * own.mean(0), 0, 255).astype(np.uint8)).hex()
    chosen = "orange" if "orange" in model.classes else None
    diagram = model.network.diagram(
        chosen, inputs=model.features, classes=model.classes, paint=paint, most=MOST_UNITS
    )
    say(f"written to {plain(str(out))}: {diagram.save(out / 'network.svg').name}")
