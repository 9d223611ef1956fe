"""The command line: train a classifier, see how good it is, use it.

Whatever a user can get wrong ends in one line on stderr and exit code 2. Names from files are data: they are
printed with control characters spelled out.
"""

from __future__ import annotations

import argparse
import errno
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from . import data, nn, plots, train
from .errors import DataError, MissingError, TinygradError
from .program import graph
from .show.numbers import clip, plain
from .tensor import Tensor
from .train import Classifier, Evaluation

__all__ = ["main"]

# chosen by cross-validation inside training parts
DEFAULTS: dict[str, dict[str, Any]] = {
    "colours": {"hidden": (32,), "epochs": 200, "lr": 0.01, "weight_decay": 0.01},
    "digits": {"hidden": (256,), "epochs": 60, "lr": 0.003, "weight_decay": 0.5},
    "spirals": {"hidden": (32, 32), "epochs": 100, "lr": 0.01, "weight_decay": 0.01},
    "table": {"hidden": (32,), "epochs": 200, "lr": 0.01, "weight_decay": 0.01},
}
BATCH_IN_GRAPH = 4  # rows: so few that the numbers can be read
EPILOG = """exit codes: 0 done; 1 the machine failed, as by a full disk; 2 a mistake in what was asked for
or given, which one line on stderr explains; 130 ended by Ctrl-C (what was learnt until then is written)"""
SYSTEM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not have every letter of a name
    try:
        options = parser().parse_args(arguments)
        code: int = options.run(options)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (TinygradError, OSError, MemoryError) as error:
        number = getattr(error, "errno", None) or getattr(error.__cause__, "errno", None)
        code = 1 if number in SYSTEM or isinstance(error, MemoryError) else 2
        if isinstance(error, OSError):
            return _fail(f"{error.strerror}: {error.filename!r}" if error.filename else str(error), code)
        return _fail(str(error) or "out of memory", code)
    return code


def _fail(problem: str, code: int) -> int:
    print(f"tinygrad_sm: {plain(problem)}", file=sys.stderr)
    return code


def say(text: str) -> None:
    """Print text. A reader who has gone away (`| head`) does not end the job: what follows is thrown away."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())


# ---- what can be asked for ----


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {plain(message)}; {self.prog} --help explains\n")


def parser() -> Parser:
    """All commands and their options."""
    top = Parser(
        prog="tinygrad_sm",
        description="Train small softmax classifiers by hand-made backpropagation, and use them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int], text: str) -> Parser:
        made: Parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    text = "train on the colours that ship with the package: which of eleven names has a colour?"
    colours = command("colours", run_training, text)
    colours.set_defaults(data="colours", label=None)
    text = "train on colours, digits, spirals or a CSV file"
    other = command("train", run_training, text)
    evaluate = command("evaluate", run_evaluation, "measure a trained model on labelled data")
    for made in (other, evaluate):
        made.add_argument("data", metavar="DATA", help="colours, digits, spirals, or the path of a CSV file")
        made.add_argument(
            "--label", metavar="COLUMN", help="the CSV file's column of labels (default: label)"
        )
    for made in (colours, other):
        _add_training_options(made)
    predict = command("predict", run_prediction, "print the probabilities of all classes, largest first")
    predict.add_argument(
        "inputs", nargs="+", metavar="INPUT",
        help="a colour such as '#ff8800'; for models of other data the numbers of one row, such as 5.1,3.5 "
        "(after -- where the first is negative)",
    )  # fmt: skip
    for made in (predict, evaluate):
        made.add_argument(
            "--model", type=Path, default=Path("runs/colours/model.npz"), metavar="FILE",
            help="the model (default: %(default)s)",
        )  # fmt: skip
    evaluate.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of the spirals (default: 0)")
    return top


def _add_training_options(command: Parser) -> None:
    def add(name: str, kind: Callable[[str], Any], text: str, default: Any = None, **more: Any) -> None:
        command.add_argument(name, type=kind, default=default, help=text, **more)

    add(
        "--hidden",
        sizes,
        "units of the hidden layers, such as 32,16 (default: what suits the data)",
        metavar="N,N",
    )
    add("--activation", str, "between the layers (default: relu)", "relu", choices=("relu", "tanh"))
    add("--epochs", whole(1), "passes over the training part (default: what suits the data)", metavar="N")
    add("--batch-size", whole(1), "rows in a mini-batch (default: 32)", 32, metavar="N")
    add("--lr", number, "learning rate at the start (default: what suits the data)", metavar="X")
    add("--weight-decay", number, "of AdamW (default: what suits the data)", metavar="X")
    add("--seed", whole(0), "of all that is random: split, weights, order (default: 0)", 0, metavar="N")
    add("--out", Path, "where to write model and pictures (default: runs/DATA)", metavar="DIR")
    add("--checkpoint", Path, "keep the state of the training here after every epoch", metavar="DIR")
    command.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    command.add_argument("--cv", action="store_true", help="only print 5-fold cross-validated results")


def whole(least: int) -> Callable[[str], int]:
    """Reads whole numbers, at least so large, of the digits 0-9."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return read


def sizes(text: str) -> tuple[int, ...]:
    """Reads whole numbers with commas between them."""
    return tuple(whole(1)(part) for part in text.split(","))


def number(text: str) -> float:
    """Reads a number of at least 0."""
    value = (
        float(text) if re.fullmatch(r"[0-9.]+([eE][+-]?[0-9]+)?", text) and text.count(".") < 2 else math.nan
    )
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


# ---- the commands ----


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
        """A classifier of rows like these; pixels are standardised all alike, so that rare ink stays small."""
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
    result = model.evaluate(x_test, t_test)
    report(result, table.classes)
    pictures(model, kind, table, rows, result, out)
    draw_graph(model, x[:BATCH_IN_GRAPH], t[:BATCH_IN_GRAPH], out)
    if kind == "colours":
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
        return lambda test: model.predict_proba(table.inputs[test])

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
    report(model.evaluate(table.inputs, labels), model.classes)
    return 0


def trained(path: Path) -> Classifier:
    if not path.exists():
        raise DataError(f"there is no model {str(path)!r}; train one: python -m tinygrad_sm colours")
    return Classifier.load(path)


def run_prediction(options: Any) -> int:
    model = trained(options.model)
    colours = model.features == ("red", "green", "blue")
    rows = [np.array(data.parse_colour(text)) / 255 if colours else numbers(text) for text in options.inputs]
    if len({len(row) for row in rows}) > 1:
        raise DataError("the rows to predict have different numbers of entries")
    for text, a in zip(options.inputs, model.predict_proba(np.array(rows)), strict=True):
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


# ---- what is shown and written ----


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
    """Write the graph of one small batch with values and gradients: drawn, or without `dot` as source."""
    if model.standardizer is None:
        raise DataError("the model is not trained")
    x = Tensor(model.standardizer.transform(inputs), name="x")
    model.network.zero_grad()
    loss = nn.CrossEntropyLoss()(model.network(x), Tensor(labels, name="labels"))
    loss.backward()
    program = graph(loss, names={"loss": loss})
    try:
        say(f"written to {plain(str(out))}: {program.save(out / 'graph.svg').name}")
    except MissingError as error:
        name = program.save(out / "graph.dot").name
        say(f"written to {plain(str(out))}: {name} in the place of graph.svg; {error}")
