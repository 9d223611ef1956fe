"""The functions and methods that follow from the tables of primitives; `ops.pyi`, written from them, tells
editors.

A row in a table is a function here under every name that NumPy has for it, and, if it takes one array, a
method of Tensor.
"""

import numpy as np

from . import rules, softmax  # noqa: F401 (to fill the tables)
from .primitive import DISPATCH, FUNCTIONS, Primitive


class Methods:
    """The functions of one array, as methods."""

    __slots__ = ()


for _name, _function in vars(np).items():
    if callable(_function) and _function in DISPATCH:
        FUNCTIONS.setdefault(_name, DISPATCH[_function])
for _name, _function in FUNCTIONS.items():
    if isinstance(_function, Primitive) and _function.inputs == ("x",):
        setattr(Methods, _name, _function)

globals().update(FUNCTIONS)
__all__ = ["Methods", *sorted(FUNCTIONS)]
