"""What the commands do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import data, train
from ..check import check_file
from ..errors import DataError, GradientCheckError
from ..show.numbers import clip, plain
from ..train import Classifier, Evaluation
from ..train.evaluation import log_probabilities, measure
from .output import draw_graph, draw_network, pictures, report, say

__all__ = ["run_check", "run_evaluation", "run_prediction", "run_training"]

# those of colours and digits were chosen by cross-validation inside training parts
DEFAULTS: dict[str, dict[str, Any]] = {
    "colours": {"hidden": (32,), "epochs": 200, "lr": 0.01, "weight_decay": 0.01},
    "digits": {"hidden": (256,), "epochs": 60, "lr": 0.003, "weight_decay": 0.5},
    "spirals": {"hidden": (32, 32), "epochs": 100, "lr": 0.01, "weight_decay": 0.01},
    "table": {"hidden": (32,), "epochs": 200, "lr": 0.01, "weight_decay": 0.01},
}
BATCH_IN_GRAPH = 4  # rows: so few that the numbers can be read


def read_data(name: str, label: str | None, seed: int) -> tuple[str, data.Dataset]:
    """The kind of data, and the data."""
    if name in DEFAULTS and label is not None:
        raise DataError(f"--label is for CSV files; the {name} have their labels")
    if name == "colours":
        return name, data.colours()
    if name == "digits":
        return name, data.digits()
    if name == "spirals":
        return name, data.spirals(600, rng=seed)
    if not name.lower().endswith(".csv"):
        raise DataError(f"{name!r} is not colours, digits or spirals, nor the path of a .csv file")
    return "table", data.read_csv(name, label=label or "label")


def run_training(options: Any) -> int:
    kind, table = read_data(options.data, options.label, options.seed)
    chosen = {name: getattr(options, name) for name in DEFAULTS[kind]}
    settings = DEFAULTS[kind] | {name: value for name, value in chosen.items() if value is not None}
    settings["batch_size"] = options.batch_size
    widths = (table.inputs.shape[1], *settings.pop("hidden"), len(table.classes))

    def untrained(x: NDArray[Any], rng: np.random.Generator) -> Classifier:
        """A classifier of rows like these; pixels are standardised alike, so that rare ink stays small."""
        network = train.mlp(widths, options.activation, rng=rng)
        ones = np.ones(x.shape[1])
        alike = data.Standardizer(ones * x.mean(), ones * x.std()) if kind == "digits" else None
        return Classifier(network, table.classes, table.features, alike)

    rng = np.random.default_rng(options.seed)
    if options.cv:
        return cross_validated(table, untrained, settings, rng)
    if options.resume and options.checkpoint is None:
        raise DataError("--resume needs --checkpoint DIR, the folder to go on from")
    name = options.data if kind != "table" else Path(options.data).stem
    out = Path("runs", name) if options.out is None else options.out
    out.mkdir(parents=True, exist_ok=True)
    parts = data.train_test_split(
        table.inputs, table.labels, np.arange(len(table)), stratify=table.labels, rng=rng
    )
    x, x_test, t, t_test, _, rows = parts
    say(f"{len(table)} rows, {len(table.classes)} classes: {len(x)} rows to train on, {len(x_test)} held out")
    model = untrained(x, rng)
    model.fit(
        x, t, validation=(x_test, t_test), best=False, rng=rng,
        checkpoint=options.checkpoint, resume=options.resume, **settings,
    )  # fmt: skip
    model.save(out / "model.npz")
    interrupted = model.history.stopped == "interrupted"
    if interrupted:
        say(
            f"\nStopped in epoch {model.history.epochs + 1} of {settings['epochs']}; what was learnt is kept."
        )
    result = measure(log_a(model, x_test), t_test)
    report(result, table.classes)
    pictures(model, kind, table, rows, result, out)
    draw_graph(model, x[:BATCH_IN_GRAPH], t[:BATCH_IN_GRAPH], out)
    if kind == "colours":
        draw_network(model, table, out)
        say(f"try: python -m tinygrad_sm predict '#ff8800' --model {plain(str(out / 'model.npz'))}")
    return 130 if interrupted else 0


def cross_validated(
    table: data.Dataset,
    untrained: Callable[[NDArray[Any], np.random.Generator], Classifier],
    settings: dict[str, Any],
    rng: np.random.Generator,
) -> int:
    def fitted(rows: NDArray[np.intp]) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
        x, t = table.inputs[rows], table.labels[rows]
        model = untrained(x, rng).fit(x, t, rng=rng, progress=False, **settings)
        return lambda test: np.exp(log_a(model, table.inputs[test]))

    def each(result: Evaluation) -> None:
        say(f"fold: accuracy {result.accuracy:.3f}, log-loss {result.log_loss:.3f}")

    results = train.cross_validate(fitted, table.labels, rng=rng, each=each)
    for name in ("accuracy", "log_loss"):
        values = np.array([getattr(result, name) for result in results])
        error = values.std(ddof=1) / math.sqrt(len(values))
        say(
            f"{name.replace('_', '-')} {values.mean():.3f} ± {error:.3f} "
            f"(mean of {len(values)} folds ± standard error)"
        )
    return 0


def run_evaluation(options: Any) -> int:
    _, table = read_data(options.data, options.label, options.seed)
    model = trained(options.model)
    if model.features and table.features and model.features != table.features:
        raise DataError(
            f"the model takes the columns {', '.join(model.features)}; "
            f"the data have {', '.join(table.features)}"
        )
    unknown = set(table.classes) - set(model.classes)
    if unknown:
        raise DataError(
            f"the data have the label {min(unknown)!r}; the model knows {', '.join(model.classes)}"
        )
    labels = np.array([model.classes.index(name) for name in table.classes])[table.labels]
    say(f"{len(table)} rows; any that the model was trained on count too")
    report(measure(log_a(model, table.inputs), labels), model.classes)
    return 0


def trained(path: Path) -> Classifier:
    if not path.exists():
        raise DataError(f"there is no model {str(path)!r}; train one: python -m tinygrad_sm colours")
    return Classifier.load(path)


def log_a(model: Classifier, inputs: NDArray[Any]) -> NDArray[np.float64]:
    """The logarithms of the model's probabilities (N, K); DataError where a logit is not finite."""
    z = model.logits(inputs)
    finite = np.isfinite(z).all(axis=1)
    if not finite.all():
        raise DataError(
            f"the model's result is not finite for row {finite.argmin() + 1}: either the row's numbers are "
            f"too large for it, or it was trained with too high a learning rate"
        )
    return log_probabilities(z)


def run_prediction(options: Any) -> int:
    model = trained(options.model)
    colours = model.features == ("red", "green", "blue")
    rows = [np.array(data.parse_colour(text)) / 255 if colours else numbers(text) for text in options.inputs]
    if len({len(row) for row in rows}) > 1:
        raise DataError("the rows to predict have different numbers of entries")
    probabilities = np.exp(log_a(model, np.array(rows)))
    for text, a in zip(options.inputs, probabilities, strict=True):
        if len(rows) > 1:
            say(f"{plain(text)}:")
        for k in np.argsort(-a, kind="stable"):
            say(f"{clip(plain(model.classes[k]), 30):<10} {a[k]:.4f}")
    return 0


def numbers(text: str) -> NDArray[np.float64]:
    parts = text.split(",")
    if not all(
        re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", part) for part in parts
    ):
        raise DataError(f"{text!r} is not a row of numbers such as 5.1,3.5")
    row = np.array([float(part) for part in parts])
    if not np.isfinite(row).all():
        raise DataError(f"{text!r} holds a number that is too large")
    return row


def run_check(options: Any) -> int:
    """The verdict on a function's gradients; 1 if they are wrong."""
    try:
        say(str(check_file(options.target, options.order, dict(options.shape), options.seed)))
    except GradientCheckError as wrong:
        say(str(wrong))
        return 1
    return 0
