"""What can be asked for on the command line."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ..show.numbers import plain
from .jobs import run_check, run_evaluation, run_prediction, run_training

__all__ = ["parser"]

EPILOG = """exit codes: 0 done; 1 the machine failed, as by a full disk, or check found a wrong gradient;
2 a mistake in what was asked for or given, which one line on stderr explains; 130 ended by Ctrl-C (what
was learnt until then is written)"""


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
    text = "compare the gradients of a function in a Python file, which is run, with differences"
    check = command("check", run_check, text)
    check.add_argument("target", metavar="FILE.py:FUNCTION", help="the function, such as model.py:loss")
    check.add_argument(
        "--shape", type=shape, action="append", default=[], metavar="NAME=N,N",
        help="give this parameter random numbers of this shape; NAME= is a single number (default: the "
        "parameter's default value, or what the file's example_inputs says)",
    )  # fmt: skip
    check.add_argument("--order", type=whole(1), default=2, metavar="N", help="up to which (default: 2)")
    check.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of the numbers (default: 0)")
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


def shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Reads NAME=N,N: a parameter and the lengths of its axes."""
    name, sign, lengths = text.partition("=")
    if not (name.isidentifier() and sign):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=N,N, such as x=3,4")
    return name, sizes(lengths) if lengths else ()


def number(text: str) -> float:
    """Reads a number of at least 0."""
    value = (
        float(text) if re.fullmatch(r"[0-9.]+([eE][+-]?[0-9]+)?", text) and text.count(".") < 2 else math.nan
    )
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value
