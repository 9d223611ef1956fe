"""The package's random generator: whatever is random draws from it, or from the generator or seed given as
rng=."""

from __future__ import annotations

from functools import cache
from threading import Lock

import numpy as np

__all__ = ["generator", "manual_seed"]


_asking = Lock()


@cache
def _made() -> np.random.Generator:
    return np.random.default_rng()  # made when asked for: NumPy loads its random part only then


def _package() -> np.random.Generator:
    with _asking:  # threads that ask first at the same time get the same one
        return _made()


def manual_seed(seed: int) -> None:
    """Start the package's random generator anew from a seed, so that what follows can be repeated.

    >>> manual_seed(0)
    >>> generator().integers(100)
    np.int64(85)
    """
    bits = _package().bit_generator
    with bits.lock:  # not in the middle of another thread's draw
        bits.state = np.random.default_rng(seed).bit_generator.state


def generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """The generator that rng= stands for: itself, a new one from a seed, or the package's for None."""
    return _package() if rng is None else np.random.default_rng(rng)
