"""Standardisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .arguments import finite, to_array

__all__ = ["Standardizer"]


class Standardizer:
    """Shift and scale each column to mean 0 and standard deviation 1: z = (x - mean) / scale.

    Fit it on the training part only, then transform every part with it. `mean` and `scale` are float64 of the
    shape of one row (None before `fit`); give them back to the constructor to restore it. The arithmetic is
    float64, results have the dtype of the input (float32 for integers). A constant column has scale 1, so
    that it becomes 0.

    >>> train, new = np.array([[0.0, 7.0], [4.0, 7.0]]), np.array([[3.0, 8.0]])
    >>> standardizer = Standardizer().fit(train)
    >>> standardizer.mean, standardizer.scale
    (array([2., 7.]), array([2., 1.]))
    >>> standardizer.transform(new)
    array([[0.5, 1. ]])
    """

    def __init__(self, mean: ArrayLike | None = None, scale: ArrayLike | None = None) -> None:
        self.mean: NDArray[np.float64] | None = None
        self.scale: NDArray[np.float64] | None = None
        if mean is not None and scale is not None:
            self.mean = _reals("mean", mean).astype(np.float64)
            self.scale = _reals("scale", scale).astype(np.float64)
            finite("mean", self.mean)
            finite("scale", self.scale)
            if self.mean.shape != self.scale.shape or not np.all(self.scale > 0):
                raise DataError(
                    f"mean {self.mean.shape} and scale {self.scale.shape} need one shape, and scales above 0"
                )
        elif mean is not None or scale is not None:
            raise DataError("mean and scale belong together: give both, or neither and call fit")

    def fit(self, x: ArrayLike) -> Standardizer:
        """Take mean and scale, sqrt(mean((x - mean)^2)), of each column of x (N, ...); returns itself.

        Raises DataError where x has no rows, or NaN or infinite values (the first is named).
        """
        rows = _reals("x", x)
        if rows.ndim == 0 or not rows.size:
            raise DataError(f"fit needs at least one row of data, but x has shape {rows.shape}")
        finite("x", rows)
        wide = rows.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # a span beyond float64 is reported below
            low, span = wide.min(axis=0), np.ptp(wide, axis=0)
            unit = np.where(span > 0, span, 1)  # shares of the span do not vanish when they are squared
            shares = (wide - low) / unit
            deviation = unit * shares.std(axis=0)
            mean, scale = low + unit * shares.mean(axis=0), np.where(deviation == 0, 1, deviation)
        finite("the scale of x", scale)
        self.mean, self.scale = mean, scale
        return self

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """(x - mean) / scale for any number of rows. Raises DataError before `fit` or for another shape."""
        rows, mean, scale = self._fitted(x)
        return ((rows - mean) / scale).astype(_kept(rows))

    def inverse_transform(self, z: ArrayLike) -> NDArray[Any]:
        """z * scale + mean, which undoes `transform`; the same errors."""
        rows, mean, scale = self._fitted(z)
        return (rows * scale + mean).astype(_kept(rows))

    def _fitted(self, x: ArrayLike) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
        if self.mean is None or self.scale is None:
            raise DataError(
                "this Standardizer has no mean and scale yet: call fit with the training part first"
            )
        rows = _reals("x", x)
        row = self.mean.shape
        if rows.shape[max(rows.ndim - len(row), 0) :] != row:
            raise DataError(
                f"x has shape {rows.shape}, but the Standardizer was fitted on rows of shape {row}"
            )
        return rows, self.mean, self.scale


def _reals(name: str, x: ArrayLike) -> NDArray[Any]:
    array = to_array(name, x)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name} must be real numbers, but it is {array.dtype}")
    return array


def _kept(rows: NDArray[Any]) -> np.dtype[Any]:
    return rows.dtype if rows.dtype.kind == "f" else np.dtype(np.float32)
