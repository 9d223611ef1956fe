"""What a function's code names, and whose code it is."""

from __future__ import annotations

import functools
import os
import sys
import types
from typing import Any

__all__ = ["contents", "in_library", "names_in", "of_library"]

LIBRARIES = sys.stdlib_module_names | {"numpy", "tinygrad_sm"}
ABSENT = object()


def contents(cell: types.CellType) -> Any:
    """What a closure's variable holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


@functools.lru_cache(maxsize=1024)
def names_in(code: types.CodeType) -> tuple[str, ...]:
    """The names of globals and attributes in a function, and in those that are defined in it."""
    names = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= dict.fromkeys(names_in(constant))
    return tuple(names)


@functools.lru_cache(maxsize=1024)
def in_library(module: str | None) -> bool:
    """Is a module one of NumPy, the standard library, this package or another that was installed?"""
    root = (module or "").partition(".")[0]
    if root in ("__main__", "__mp_main__"):  # whoever started it
        return False
    if root in LIBRARIES:
        return True
    file = str(getattr(sys.modules.get(root), "__dict__", {}).get("__file__"))  # a module may compute members
    return f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file


def of_library(x: Any) -> bool:
    """Is an object of a library's class?"""
    return in_library(type(x).__module__)
