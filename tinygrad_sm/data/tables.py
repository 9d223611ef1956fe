"""Tables in CSV files, read strictly: whatever is not plainly right is a DataError that says where."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import DataError
from .arguments import float_dtype, quoted
from .dataset import Dataset

__all__ = ["Table", "parse_table", "read_csv", "read_table"]

# what float() takes, but finite, of ASCII and without underscores; linear in the length of the text
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Table:
    """A header and rows of as many cells, all still text; `lines[i]` is where rows[i] begins in the file."""

    source: str
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def error(self, row: int, column: str, problem: str) -> DataError:
        """The error of one cell: it says where it is, as an editor and as a person who counts rows would."""
        where = f"{self.source}, line {self.lines[row]} (data row {row + 1}), column {quoted(column)}"
        return DataError(f"{where}: {problem}")


def read_table(path: str | os.PathLike[str]) -> Table:
    """The table in the file at `path`; DataError where it cannot be read or is no table."""
    source = repr(os.fspath(path))
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with NUL or a lone surrogate in it
        raise DataError(f"cannot read {source}: {getattr(error, 'strerror', None) or error}") from error
    return parse_table(content, source)


def parse_table(content: bytes, source: str) -> Table:
    """The table that the bytes of a CSV file hold (UTF-8, commas, header); errors call it `source`."""
    reader = csv.reader(io.StringIO(_text(content, source), newline=""), strict=True, skipinitialspace=True)
    records, lines, line = [], [], 1
    try:
        for cells in reader:
            if cells not in ([], [""]):
                records.append([cell.strip() for cell in cells])
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f'{source}, line {line}: not CSV: {error}; look for a quote (") that is not closed'
        ) from error
    if not records:
        raise DataError(f"{source} is empty: expected a header line with the names of the columns, then rows")
    if len(records) == 1:
        raise DataError(f"{source} has a header, line {lines[0]}, but no rows")
    table = Table(source, tuple(records[0]), records[1:], lines[1:])
    _check_header(table.header, f"{source}, line {lines[0]}")
    for row, cells in enumerate(table.rows):
        _check_row(table, row, cells)
    return table


def _text(content: bytes, source: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{source}, line {line}: not UTF-8 ({error.reason}); save the file as CSV UTF-8"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{source}, line {line}: a NUL character; is this a text file? Save it as CSV UTF-8")
    return text


def _check_header(header: Sequence[str], where: str) -> None:
    seen: dict[str, int] = {}
    for i, name in enumerate(header, 1):
        if not name:
            raise DataError(f"{where}: column {i} of the header has no name")
        if name in seen:
            raise DataError(
                f"{where}: columns {seen[name]} and {i} are both called {quoted(name)}; rename one"
            )
        seen[name] = i


def _check_row(table: Table, row: int, cells: list[str]) -> None:
    count = f"the row has {len(cells)} cells, the header {len(table.header)}"
    if len(cells) < len(table.header):
        raise table.error(row, table.header[len(cells)], f"no cell: {count}")
    if len(cells) > len(table.header):
        extra = cells[len(table.header)]
        raise table.error(
            row, table.header[-1], f"one more cell, {quoted(extra)}, comes after the last column: {count}"
        )
    if "" in cells:
        raise table.error(
            row, table.header[cells.index("")], "the value is missing; fill it in or remove the row"
        )


def read_csv(path: str | os.PathLike[str], label: str = "label", dtype: DTypeLike = np.float32) -> Dataset:
    """Labelled data from a CSV file: one column of labels, all other columns numbers.

    The file is UTF-8 text with commas and a header; cells may be quoted ("), spaces around them and blank
    lines do not count. The classes are the distinct labels in order: by value where all are numbers, else as
    text. Cells are data: nothing in them is evaluated.

    path    the file
    label   the name of the column that holds the labels
    dtype   of the inputs, (N, D) for N rows and D columns besides the labels; numbers are rounded to it

    Raises DataError that names line, row and column: rows of different lengths, missing values, what is no
    decimal number (as nan, inf, 1_000 and digits other than 0-9), numbers too large for the dtype; no such
    label column, columns without a name or with the same name, a single class, no rows; a file that is
    absent, empty or not UTF-8.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "fruit.csv")
    ...     size = path.write_text("weight,length,kind\\n120,5.5,apple\\n180,19,banana\\n")
    ...     fruit = read_csv(path, label="kind")
    >>> fruit.inputs
    array([[120. ,   5.5],
           [180. ,  19. ]], dtype=float32)
    >>> fruit.labels, fruit.classes, fruit.features
    (array([0, 1]), ('apple', 'banana'), ('weight', 'length'))
    """
    floats = float_dtype(dtype)
    table = read_table(path)
    if label not in table.header:
        names = ", ".join(quoted(name) for name in table.header[:20])
        raise DataError(
            f"{table.source} has no column {quoted(label)} for the labels; its columns are {names}"
        )
    if len(table.header) == 1:
        raise DataError(
            f"{table.source} has only the column of labels, {quoted(label)}, and no numbers to learn from"
        )
    at = table.header.index(label)
    classes = _classes(table, label, [cells[at] for cells in table.rows])
    return Dataset(
        inputs=_numbers(table, [i for i in range(len(table.header)) if i != at], floats),
        labels=np.array([classes[cells[at]] for cells in table.rows], dtype=np.int64),
        classes=tuple(classes),
        features=table.header[:at] + table.header[at + 1 :],
    )


def _classes(table: Table, column: str, labels: list[str]) -> dict[str, int]:
    """Each distinct label with its index in their order."""
    names = sorted(set(labels))
    if len(names) == 1:
        raise DataError(
            f"{table.source}, column {quoted(column)}: every row has the same label, {quoted(names[0])}; "
            "a classifier needs at least two classes"
        )
    if all(NUMBER.fullmatch(name) for name in names):
        names.sort(key=float)
        for one, other in itertools.pairwise(names):
            if float(one) == float(other):
                problem = (
                    f"{quoted(other)} and {quoted(one)} are the same number; write each label in one way"
                )
                raise table.error(labels.index(other), column, problem)
    return {name: i for i, name in enumerate(names)}


def _numbers(table: Table, columns: list[int], dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
    """The cells of these columns as numbers, (rows, columns)."""
    wide = np.empty((len(table.rows), len(columns)))
    for row, cells in enumerate(table.rows):
        for i in columns:
            if not NUMBER.fullmatch(cells[i]):
                problem = (
                    f"{quoted(cells[i])} is not a number; write it with the digits 0-9, such as -1.5 or 2e-3"
                )
                raise table.error(row, table.header[i], problem)
        wide[row] = [float(cells[i]) for i in columns]
    with np.errstate(over="ignore"):  # reported below, with its place
        numbers = wide.astype(dtype)
    for row, j in np.argwhere(~np.isfinite(numbers)):
        i = columns[j]
        raise table.error(
            row, table.header[i], f"{quoted(table.rows[row][i])} is too large for {dtype}; rescale the column"
        )
    return numbers
