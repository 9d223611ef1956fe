"""Functions without a derivative that are made of others, or that NumPy answers in its own words."""

from typing import Any

import numpy as np

from ..composition import composed, composition
from ..errors import UnsupportedError
from ..primitive import Array, Differentiable, constant

# fmt: off
composed(np.nonzero, "The places of what is not 0, an array for each axis.", lambda x: tuple(np.argwhere(x).T))


@composition(np.full_like)
def full_like(x: Array, fill_value: Array) -> Array:
    """An array as x, with fill_value everywhere."""
    return np.broadcast_to(fill_value, np.shape(x)).astype(x.dtype)


def plain(value: Any) -> Any:
    """A Tensor's array, also in lists."""
    if isinstance(value, tuple | list):
        return type(value)([plain(v) for v in value])
    return constant(value)


def answer(function: Any) -> None:
    """Let NumPy answer in its own words: with a Python number, a text, several arrays."""
    doc = f"NumPy's {function.__name__}, of plain arrays."
    composed(function, doc, lambda *arrays, **how: function(*plain(arrays), **{k: plain(v) for k, v in how.items()}))


for function in (np.allclose, np.array_equal, np.array_equiv, np.unique, np.lexsort, np.result_type,
                 np.can_cast, np.isscalar, np.iscomplexobj, np.isrealobj, np.shares_memory, np.may_share_memory,
                 np.array_str, np.array_repr, np.array2string, np.ix_):  # fmt: skip
    answer(function)


@composition(np.histogram)
def histogram(a: Array, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """How many entries lie in each of some bins, and the bins' edges."""
    if isinstance(weights, Differentiable) and weights.requires_grad:  # type: ignore[attr-defined]
        raise UnsupportedError(
            "histogram has no derivative by its weights; np.bincount(places, weights) has one, where "
            "places = np.digitize(a, edges) - 1"
        )
    return np.histogram(plain(a), plain(bins), range, density, plain(weights))
