"""Labelled data for a classifier, and its labels as one-hot rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import DataError
from .arguments import class_indices, finite, quoted, to_array, whole_number

__all__ = ["Dataset", "one_hot"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled rows: inputs, class indices, and what they are called. Checked when it is made.

    Attributes:
        inputs    (N, D), or (N, ...) for pictures; floats, all finite
        labels    (N,) int64; labels[i] is the index in `classes` of row i's class
        classes   the names of the classes, each once
        features  the D names of the columns of `inputs`, or () where they have none
        names     the N names of the rows, or () where they have none

    Raises DataError where these do not fit together.

    >>> data = Dataset(np.eye(2, dtype=np.float32), np.array([1, 0]), ("off", "on"))
    >>> data
    Dataset(2 rows of shape (2,), float32; classes: off, on)
    >>> data.classes[data.labels[0]]
    'on'
    """

    inputs: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    features: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        inputs = to_array("inputs", self.inputs)
        for field in ("classes", "features", "names"):
            object.__setattr__(
                self, field, tuple(getattr(self, field))
            )  # the only way to set a field while frozen
        if inputs.dtype.kind != "f" or inputs.ndim < 2:
            raise DataError(
                f"inputs must be floats of shape (N, D), but they are {inputs.dtype} of shape {inputs.shape}"
            )
        finite("inputs", inputs)
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise DataError(
                f"classes must be at least one name, each once, but they are {quoted(self.classes)}"
            )
        labels = class_indices(self.labels, len(self.classes))
        if labels.shape != inputs.shape[:1]:
            raise DataError(
                f"labels must have shape ({len(inputs)},), one for each input, but it is {labels.shape}"
            )
        if self.features and (inputs.ndim != 2 or len(self.features) != inputs.shape[1]):
            raise DataError(
                f"{len(self.features)} names of features do not fit inputs of shape {inputs.shape}"
            )
        if self.names and len(self.names) != len(inputs):
            raise DataError(f"{len(self.names)} names of rows do not fit inputs of shape {inputs.shape}")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        rows = f"{len(self)} rows of shape {self.inputs.shape[1:]}, {self.inputs.dtype}"
        return f"Dataset({rows}; classes: {', '.join(self.classes)})"


def one_hot(labels: ArrayLike, n_classes: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Rows that are 1 at their label and 0 elsewhere: y[i, k] = 1 if k = labels[i] else 0.

    Integer `labels` of any shape (...) give an array of shape (..., n_classes).
    Raises DataError for labels that are no integers or not from 0 to `n_classes` - 1.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    count = whole_number("n_classes", n_classes, 1)
    hot = class_indices(labels, count)[..., np.newaxis] == np.arange(count)
    return np.asarray(hot, dtype=dtype)
