"""The functions and methods that follow from the tables; `ops.pyi`, written from them, tells editors.

A row of a table is a function here, under every name that NumPy has for it, and a method of Tensor if it
takes one array, its first array is x, or NumPy's arrays have it.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import compositions, losses, rules, softmax  # noqa: F401 (they fill the tables)
from .errors import UnsupportedError
from .primitive import DISPATCH, FUNCTIONS, PRIMITIVES, Primitive


class Methods:
    """The functions of one array, as methods."""

    __slots__ = ()

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """The entries where the condition holds, along an axis."""
        return FUNCTIONS["compress"](condition, self, axis)


def rule(name: str) -> Any:
    """The op of a name: print it for its formula, its rules as they are written, its shapes and an example.

    Raises UnsupportedError for a name that is none, with those that are near.

    >>> print(rule("multiply"))  # doctest: +ELLIPSIS
    multiply(a, b): a \\, b
    <BLANKLINE>
    dL/da = g * b
    dL/db = g * a
    ...
    """
    found = PRIMITIVES.get(name) or FUNCTIONS.get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, [*PRIMITIVES, *FUNCTIONS]) or ["exp"]
        raise UnsupportedError(
            f"rule: there is no op {name!r}; near it: {', '.join(near)}; all are in docs/ops.md"
        )
    return found


def _in_place(name: str, instead: str) -> Any:
    def method(*_: Any, **__: Any) -> Any:
        raise UnsupportedError(f"t.{name}() would change a tensor in place; use {instead}, which makes one")

    method.__name__, method.__doc__ = name, f"Not for tensors, which never change in place: use {instead}."
    return method


for _name, _instead in {
    "fill": "np.full_like(t, value)", "partition": "np.partition(t, kth)", "put": "np.where(mask, values, t)",
    "resize": "np.reshape(t, shape)", "sort": "np.sort(t)"}.items():  # fmt: skip
    setattr(Methods, _name, _in_place(_name, _instead))
linalg = SimpleNamespace()
for _home, _numpy in (FUNCTIONS, np), (vars(linalg), np.linalg):
    for _name, _function in list(vars(_numpy).items()):
        if callable(_function) and _function in DISPATCH:
            _home.setdefault(_name, DISPATCH[_function])
FUNCTIONS["flatten"] = FUNCTIONS["ravel"]
for _name, _function in FUNCTIONS.items():
    if isinstance(_function, Primitive):
        _method = _function.inputs[:1] == ("x",) or (len(_function.rules) == 1 and not _function.variadic)
    else:
        _method = inspect.unwrap(_function).__code__.co_varnames[:1] == ("x",)
    if (_method or callable(getattr(np.ndarray, _name, 0))) and _name not in vars(Methods):
        setattr(Methods, _name, _function)

globals().update(FUNCTIONS)
__all__ = ["linalg", "rule", *sorted(FUNCTIONS.keys() - {"trace"})]  # tg.trace records a program
