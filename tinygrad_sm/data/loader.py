"""Mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import DataError
from .arguments import float_dtype, generator, row_arrays, whole_number

__all__ = ["Batches", "batches"]


class Batches:
    """Mini-batches over arrays of equal length: an iterable of tuples, which hold some rows of each array.

    Each pass (epoch) has every row once, in a new random order that `rng` determines. What a batch holds are
    copies, so changing them leaves the data as they are. `len()` is the number of batches in a pass.

    arrays      inputs (N, ...), labels (N,), ...: at least one, all with the same N > 0
    batch_size  rows in a batch; the last has what is left
    shuffle     False keeps the rows in their order
    rng         a NumPy Generator (shared, not copied) or an int seed; None is the package's
    drop_last   leave out a last batch that is smaller than the others
    dtype       of the float arrays in a batch (float32, as `nn` has its parameters), None to keep theirs;
                arrays of integers are kept

    Raises DataError for arrays of unequal length, without rows, and for settings that would give no batch.

    >>> rows, labels = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> for x, y in Batches(rows, labels, batch_size=2, rng=0):
    ...     print(x.tolist(), y)
    [[4.0, 5.0], [8.0, 9.0]] [2 4]
    [[6.0, 7.0], [0.0, 1.0]] [3 0]
    [[2.0, 3.0]] [1]
    """

    def __init__(
        self,
        *arrays: ArrayLike,
        batch_size: int = 32,
        shuffle: bool = True,
        rng: np.random.Generator | int | None = None,
        drop_last: bool = False,
        dtype: DTypeLike | None = np.float32,
    ) -> None:
        checked, self.rows = row_arrays(*arrays)
        if dtype is not None:
            floats = float_dtype(dtype)
            checked = tuple(a.astype(floats, copy=False) if a.dtype.kind == "f" else a for a in checked)
        self.arrays = checked
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.rng = generator(rng)
        self.drop_last = drop_last
        if not len(self):
            raise DataError(
                f"drop_last with batch_size {self.batch_size} leaves no batch of {self.rows} rows"
            )

    def __len__(self) -> int:
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        order = self.rng.permutation(self.rows) if self.shuffle else np.arange(self.rows)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield tuple(array.take(chosen, axis=0) for array in self.arrays)

    def state_dict(self) -> dict[str, Any]:
        """The state of the random generator between two passes: ints and texts that JSON can hold.

        >>> epochs = Batches([1, 2, 3, 4], batch_size=4, rng=0)
        >>> state = epochs.state_dict()
        >>> first, second = list(epochs), list(epochs)
        >>> epochs.load_state_dict(state)
        >>> np.array_equal(list(epochs), first)
        True
        """
        return dict(self.rng.bit_generator.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the random generator to a state from `state_dict`; DataError and no change where it is none."""
        before = self.rng.bit_generator.state
        try:
            self.rng.bit_generator.state = state
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            self.rng.bit_generator.state = before
            raise DataError(
                f"not a state of a {before['bit_generator']} random generator: {error!r}"
            ) from error


batches = Batches  # as a function's name: `for x, y in batches(inputs, labels)`
