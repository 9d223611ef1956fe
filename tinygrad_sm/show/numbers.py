"""Arrays in few words: small ones in full, large ones by what is in them. NaN and infinity show."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

__all__ = ["UNKNOWN", "clip", "number", "plain", "rows", "statistics", "summary"]

Array = np.ndarray[Any, np.dtype[Any]]
UNKNOWN = "—"  # not computed: never 0


def number(x: Any) -> str:
    """A number with four significant digits.

    >>> number(0.65900114), number(-0.0), number(12345678.0), number(3)
    ('0.659', '0', '1.235e+07', '3')
    """
    if isinstance(x, float | np.floating):
        return f"{float(x) + 0.0:.4g}"
    return str(x.item() if isinstance(x, np.generic) else x)


def rows(array: Array, most: int = 24, wide: int = 6) -> list[list[str]] | None:
    """The entries of a small array row by row, as text; None if it is too large, or has more than two axes.

    >>> rows(np.eye(2))
    [['1', '0'], ['0', '1']]
    """
    if array.ndim > 2 or not 0 < array.size <= most or array.shape[-1:] > (wide,):
        return None
    return [[number(x) for x in row] for row in np.atleast_2d(array)]


def statistics(array: Array) -> list[tuple[str, str]]:
    """What is in a large array: its smallest, mean and largest finite entry, and how many are not finite.

    >>> statistics(np.array([1.0, 2.0, 6.0, np.nan]))
    [('min', '1'), ('mean', '3'), ('max', '6'), ('nan', '1')]
    """
    if array.dtype.kind not in "fiub":
        return [("dtype", str(array.dtype))]
    if not array.size:
        return [("entries", "none")]
    finite = array[np.isfinite(array)].astype(np.float64)
    found = []
    if finite.size:
        scale = np.abs(finite).max() or 1.0
        mean = (finite / scale).mean() * scale  # a sum of the largest numbers would overflow
        found = [("min", number(finite.min())), ("mean", number(mean)), ("max", number(finite.max()))]
    others = {"nan": np.isnan(array), "inf": array == np.inf, "-inf": array == -np.inf}
    return found + [(name, str(where.sum())) for name, where in others.items() if where.any()]


def summary(array: Array | None, most: int = 6) -> str:
    """An array on one line, in full up to `most` entries.

    >>> summary(np.array([[1.0, 0.5]])), summary(None), summary(np.arange(100.0))
    ('[[1 0.5]]', '—', 'min 0, mean 49.5, max 99')
    """
    if array is None:
        return UNKNOWN
    if array.dtype.kind in "fiub" and (array.ndim == 0 or 0 < array.size <= most):
        return nested(array)
    return ", ".join(f"{name} {value}" for name, value in statistics(array))


def nested(array: Array) -> str:
    """All entries in brackets, as NumPy nests them."""
    texts = [number(x) for x in array.ravel()]
    for n in reversed(array.shape):
        texts = [f"[{' '.join(texts[i : i + n])}]" for i in range(0, len(texts), n)]
    return texts[0]


def clip(text: str, most: int = 40) -> str:
    """A text cut to a length, which shows that it was."""
    return text if len(text) <= most else text[: most - 1] + "…"


def plain(text: str) -> str:
    """A text whose line breaks and control characters are spelled out, so that it stays one line.

    >>> print(plain("a" + chr(10) + "b"), plain(chr(0)))
    a\\nb \\x00
    """
    return "".join(chain.from_iterable(c if c.isprintable() else ascii(c)[1:-1] for c in text))
