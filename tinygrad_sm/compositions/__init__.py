"""NumPy's functions that are made of others, a page for each page of rules. Importing this package fills the table."""

import numpy as np

from ..primitive import DISPATCH
from . import elementwise, linalg, queries, reductions, selections, shapes

__all__ = ["elementwise", "linalg", "queries", "reductions", "selections", "shapes"]

for name in ("cross", "matmul", "matrix_transpose", "outer", "tensordot", "vecdot"):  # the same under np.linalg
    DISPATCH[getattr(np.linalg, name)] = DISPATCH[getattr(np, name)]
