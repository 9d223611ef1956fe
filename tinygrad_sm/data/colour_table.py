"""Named colours with a basic colour term each: the table that ships with the package, or one like it."""

from __future__ import annotations

import importlib.resources
import os
import re

import numpy as np

from ..errors import DataError
from .arguments import quoted
from .dataset import Dataset
from .tables import Table, parse_table, read_table

__all__ = ["COLOUR_CLASSES", "colours", "parse_colour"]

COLOUR_CLASSES = (
    "black",
    "grey",
    "white",
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
)
COLUMNS = ("name", "hex", "r", "g", "b", "label")
HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")


def parse_colour(text: str) -> tuple[int, int, int]:
    """The red, green and blue of a hexadecimal colour, each from 0 to 255.

    Accepted are `#rrggbb`, `rrggbb`, `#rgb` and `rgb` in the ASCII digits 0-9, a-f, A-F; a short form doubles
    each digit. Raises DataError for anything else: spaces, names of colours, digits of other scripts.

    >>> parse_colour("#ff8800")
    (255, 136, 0)
    >>> parse_colour("F80")
    (255, 136, 0)
    """
    match = HEX.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise DataError(
            f"{quoted(text)} is not a colour: write #rrggbb or #rgb with the digits 0-9 and a-f, like #ff8800"
        )
    digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def colours(path: str | os.PathLike[str] | None = None) -> Dataset:
    """The 824 colours of the XKCD colour survey whose names say a basic colour term, or a table of your own.

    inputs   (824, 3) float32: red, green, blue from 0 to 1
    labels   (824,) int64, indices in `classes`
    classes  black, grey, white, red, orange, yellow, green, blue, purple, pink, brown, in a table that lacks
             some too
    names    what people called the colours

    path     a CSV file to read in the place of the table that ships with the package. Its columns are name,
             hex, r, g, b, label; r, g, b are whole numbers from 0 to 255 and agree with hex

    Raises DataError that names line, row and column of whatever is wrong in the file.
    Source: the survey's list, CC0 (https://xkcd.com/color/rgb/); `colours.md` beside it says how it was
    labelled.

    >>> data = colours()
    >>> data.inputs.shape, data.names[0], data.classes[data.labels[0]]
    ((824, 3), 'cloudy blue', 'blue')
    """
    if path is None:
        table = parse_table(
            importlib.resources.files(__package__).joinpath("colours.csv").read_bytes(), "colours.csv"
        )
    else:
        table = read_table(path)
    if table.header != COLUMNS:
        columns = quoted(",".join(table.header))
        raise DataError(f"{table.source}: the columns must be {','.join(COLUMNS)}, but are {columns}")
    colour_rows = [_colour(table, row, cells) for row, cells in enumerate(table.rows)]
    return Dataset(
        inputs=np.array(colour_rows, dtype=np.float32) / np.float32(255),
        labels=np.array([COLOUR_CLASSES.index(cells[5]) for cells in table.rows], dtype=np.int64),
        classes=COLOUR_CLASSES,
        features=("red", "green", "blue"),
        names=tuple(cells[0] for cells in table.rows),
    )


def _colour(table: Table, row: int, cells: list[str]) -> tuple[int, int, int]:
    """The checked red, green and blue of one row."""
    for column, cell in zip(COLUMNS[2:5], cells[2:5], strict=True):
        if not re.fullmatch("[0-9]{1,3}", cell) or int(cell) > 255:
            raise table.error(row, column, f"{quoted(cell)} is not a whole number from 0 to 255")
    try:
        colour = parse_colour(cells[1])
    except DataError as error:
        raise table.error(row, "hex", str(error)) from error
    for column, cell, value in zip(COLUMNS[2:5], cells[2:5], colour, strict=True):
        if int(cell) != value:
            raise table.error(
                row, column, f"{cell} disagrees with the hex value {cells[1]}, which says {value}"
            )
    if cells[5] not in COLOUR_CLASSES:
        raise table.error(row, "label", f"{quoted(cells[5])} is none of {', '.join(COLOUR_CLASSES)}")
    return colour
