"""Pictures of handwritten digits, from scikit-learn."""

from __future__ import annotations

import numpy as np

from ..errors import MissingError
from .dataset import Dataset

__all__ = ["digits"]


def digits() -> Dataset:
    """1797 pictures of handwritten digits, 8 by 8 pixels each, from scikit-learn (extra `examples`).

    inputs   (1797, 64) float32, ink from 0 to 1; `inputs.reshape(-1, 1, 8, 8)` gives pictures with one
             channel
    labels   (1797,) int64, the digit
    classes  "0" to "9"

    Raises MissingError where scikit-learn is not installed.
    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    1998 (https://doi.org/10.24432/C50P49), its test part.

    >>> data = digits()  # doctest: +SKIP
    >>> data  # doctest: +SKIP
    Dataset(1797 rows of shape (64,), float32; classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    """
    try:
        from sklearn.datasets import load_digits  # type: ignore[import,unused-ignore]
    except ImportError as error:
        raise MissingError(
            f"the digits need scikit-learn, which is missing ({error}): pip install 'tinygrad_sm[examples]'"
        ) from error
    bunch = load_digits()
    return Dataset(
        inputs=(bunch.data / 16).astype(np.float32),  # ink is counted from 0 to 16
        labels=bunch.target,
        classes=tuple(str(digit) for digit in range(10)),
        features=tuple(f"row {row}, column {column}" for row in range(8) for column in range(8)),
    )
