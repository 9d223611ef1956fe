"""What this package asks of its arguments, said once: random generators, counts, arrays, labels."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import DataError
from ..random import generator as package_generator

__all__ = [
    "class_indices",
    "finite",
    "float_dtype",
    "generator",
    "quoted",
    "row_arrays",
    "to_array",
    "whole_number",
]


def generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """The generator that `rng` stands for: itself, one seeded with an int, or for None the package's."""
    if isinstance(rng, np.random.Generator):
        return rng
    return package_generator(None if rng is None else whole_number("rng", rng, 0))


def whole_number(name: str, value: Any, minimum: int) -> int:
    """`value` as an int of at least `minimum`; otherwise a DataError that calls it `name`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise DataError(f"{name} must be a whole number, but it is {quoted(value)}") from None
    if number < minimum:
        raise DataError(f"{name} must be at least {minimum}, but it is {number}")
    return number


def quoted(value: object) -> str:
    """How a message shows what it was given: its repr, cut short where it is long."""
    if isinstance(value, str | bytes) and len(value) > 60:
        return repr(value[:60]) + "..."
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


def to_array(name: str, values: ArrayLike) -> NDArray[Any]:
    """`values` as an array; a DataError where NumPy cannot make one (rows of different lengths)."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} is not an array: {error}") from error


def float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as NumPy's object; a DataError where it holds no floats."""
    if np.dtype(dtype).kind != "f":
        raise DataError(f"dtype must be a float type such as np.float32, but it is {np.dtype(dtype)}")
    return np.dtype(dtype)


def row_arrays(*arrays: ArrayLike) -> tuple[tuple[NDArray[Any], ...], int]:
    """The arguments as arrays, and the number of rows that they share; a DataError where they do not."""
    checked = tuple(to_array(f"arrays[{i}]", array) for i, array in enumerate(arrays))
    if not checked:
        raise DataError("no arrays were given: pass at least one, such as the inputs")
    for i, array in enumerate(checked):
        if array.ndim == 0:
            raise DataError(
                f"arrays[{i}] is a single {array.dtype} value without rows: pass an array of at least 1 axis"
            )
        if len(array) != len(checked[0]):
            raise DataError(
                f"arrays of unequal length: arrays[0] has {len(checked[0])} rows (shape {checked[0].shape}), "
                f"arrays[{i}] has {len(array)} (shape {array.shape})"
            )
    if not len(checked[0]):
        raise DataError(f"the arrays have no rows: arrays[0] has shape {checked[0].shape}")
    return checked, len(checked[0])


def finite(name: str, values: NDArray[Any]) -> None:
    """A DataError that names the first entry which is NaN or infinite, if there is one."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        raise DataError(
            f"{name}[{', '.join(map(str, at))}] is {values[at]}: remove the row or fill the value in"
        )


def class_indices(labels: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """`labels` as int64, all from 0 to `n_classes` - 1; a DataError names the first that is not."""
    array = to_array("labels", labels)
    if array.dtype.kind not in "iu":
        raise DataError(f"labels must be integers (class indices), but they are {array.dtype}")
    bad = np.argwhere((array < 0) | (array >= n_classes))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        where = f"labels[{', '.join(map(str, at))}]" if at else "the label"
        raise DataError(
            f"{where} is {array[at]}, but with {n_classes} classes a label is from 0 to {n_classes - 1}"
        )
    return array.astype(np.int64)
