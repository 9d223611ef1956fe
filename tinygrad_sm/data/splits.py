"""Parts of the data: for training and testing, and for cross-validation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .arguments import generator, quoted, row_arrays, to_array, whole_number

__all__ = ["stratified_folds", "train_test_split"]


def train_test_split(
    *arrays: ArrayLike,
    test_size: float = 0.2,
    stratify: ArrayLike | None = None,
    rng: np.random.Generator | int | None = None,
) -> tuple[NDArray[Any], ...]:
    """Two random parts of each array: a_train, a_test, b_train, b_test, ...; every row is in one of them.

    arrays     (N, ...), all with the same N
    test_size  the share of the rows to test on, above 0 and below 1 (rounded up to whole rows);
               or an int, their number
    stratify   labels (N,): each class then has its share of the test rows, to within one row
    rng        a NumPy Generator or an int seed; None is the package's

    Raises DataError where lengths differ or a part would have no rows.

    >>> x_train, x_test, y_train, y_test = train_test_split(np.eye(5), np.arange(5), rng=0)
    >>> y_train, y_test
    (array([4, 3, 0, 1]), array([2]))
    """
    checked, rows = row_arrays(*arrays)
    n_test = _test_rows(test_size, rows)
    order = generator(rng).permutation(rows)
    classes = np.zeros(rows, np.intp) if stratify is None else _class_codes(stratify, rows)
    in_test = np.zeros(rows, bool)
    for code, count in enumerate(_shares(np.bincount(classes), n_test)):
        in_test[order[classes[order] == code][:count]] = True
    train, test = order[~in_test[order]], order[in_test[order]]
    return tuple(array.take(part, axis=0) for array in checked for part in (train, test))


def _test_rows(test_size: float, rows: int) -> int:
    """How many of the rows are for testing."""
    if isinstance(test_size, int | np.integer):
        count = int(test_size)
    elif isinstance(test_size, float | np.floating) and 0 < test_size < 1:
        count = math.ceil(test_size * rows)
    else:
        raise DataError(
            f"test_size must be a share between 0 and 1 or a number of rows, but it is {quoted(test_size)}"
        )
    if not 0 < count < rows:
        raise DataError(
            f"test_size {test_size} of {rows} rows leaves {rows - count} to train and {count} to test on"
        )
    return count


def _shares(counts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """Whole numbers that sum to `total`, like `counts`: rounded down, the largest remainders up."""
    whole, remainder = np.divmod(counts * total, counts.sum())
    whole[np.argsort(-remainder, kind="stable")[: total - whole.sum()]] += 1
    return whole


def stratified_folds(
    labels: ArrayLike, k: int = 5, rng: np.random.Generator | int | None = None
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """k pairs (train, test) of row indices for cross-validation; every row is in exactly one test part.

    The rows of a class are dealt out to the folds in random order, like cards, and the next class goes on
    where the last one ended: folds differ by at most one row in each class and in all. A class of fewer than
    k rows is in as many test parts as it has rows.

    labels  (N,) integers or texts
    k       the number of folds, from 2 to N
    rng     a NumPy Generator or an int seed; None is the package's

    Raises DataError for labels of another shape or kind, and for k below 2 or above N.

    >>> for train, test in stratified_folds([0, 0, 0, 1, 1, 1], k=3, rng=0):
    ...     print(train, test)
    [0 1 4 5] [2 3]
    [1 2 3 4] [0 5]
    [0 2 3 5] [1 4]
    """
    classes = _class_codes(labels, np.size(to_array("labels", labels)))
    if whole_number("k", k, 2) > len(classes):
        raise DataError(f"k is {k}, but there are only {len(classes)} rows; every fold needs one")
    order = generator(rng).permutation(len(classes))
    fold = np.empty(len(classes), np.intp)
    fold[order[np.argsort(classes[order], kind="stable")]] = np.arange(len(classes)) % k
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k)]


def _class_codes(labels: ArrayLike, rows: int) -> NDArray[np.intp]:
    """For each of the rows the index of its label among the distinct labels."""
    array = to_array("labels", labels)
    if array.shape != (rows,):
        raise DataError(f"labels must have shape ({rows},), one for each row, but it is {array.shape}")
    if array.dtype.kind not in "biuU":
        raise DataError(f"labels must be integers or texts, but they are {array.dtype}; try astype(str)")
    return np.unique(array, return_inverse=True)[1]
