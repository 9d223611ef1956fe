"""Products of matrices. The letters: a, b factors; y output; g = dL/dy."""

import numpy as np

from ..primitive import primitive


def transposed(a):
    """The last two axes swapped."""
    return a.T if a.ndim == 2 else np.transpose(a, (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2))


def matrices(g, a, b):
    """g, a, b as matmul sees them: a vector on the left is one row, one on the right is one column."""
    if a.ndim == 1:
        a, g = np.expand_dims(a, 0), np.expand_dims(g, -2 if b.ndim > 1 else -1)
    if b.ndim == 1:
        b, g = np.expand_dims(b, 1), np.expand_dims(g, -1)
    return g, a, b


def left(g, a, b):
    """g b^T, in the shape of a before its broadcast."""
    if a.ndim == b.ndim == 2:
        return g @ b.T
    g, _, columns = matrices(g, a, b)
    da = g @ transposed(columns)
    return da if a.ndim > 1 else np.squeeze(da, -2)


def right(g, a, b):
    """a^T g, in the shape of b before its broadcast."""
    if a.ndim == b.ndim == 2:
        return a.T @ g
    g, rows, _ = matrices(g, a, b)
    db = transposed(rows) @ g
    return db if b.ndim > 1 else np.squeeze(db, -1)


# fmt: off
# function            formula   rules
primitive(np.matmul,  r"a b",   lambda g, y, a, b: left(g, a, b),       # g b^T
                                lambda g, y, a, b: right(g, a, b),      # a^T g
    shapes="(..., n, k) @ (..., k, m) gives (..., n, m); a vector (k,) on either side is a row or a column",
    example="tg.matmul([[1., 2.]], [[3.], [4.]]) -> array([[11.]])")
# fmt: on
