"""Syntax trees, in one thread at a time.

Python before 3.11.8 and 3.12.2 mixes up the depths of two trees that are made at once, which it does when the
garbage collector lets another thread run: whoever makes one does so here. If somebody else's code made
another meanwhile, it is made once more.
"""

from __future__ import annotations

import ast
from threading import RLock
from typing import Any

__all__ = ["parsed", "parsed_module"]

_one_at_a_time = RLock()
_TRIES = 10


def _tree(text: str, mode: str) -> Any:
    with _one_at_a_time:
        for _ in range(_TRIES - 1):
            try:
                return ast.parse(text, mode=mode)
            except SystemError:  # the depths were mixed up
                continue
        return ast.parse(text, mode=mode)


def parsed(text: str) -> ast.expr:
    """An expression as a tree."""
    tree: ast.Expression = _tree(text, "eval")
    return tree.body


def parsed_module(text: str) -> ast.Module:
    """A module's text as a tree."""
    tree: ast.Module = _tree(text, "exec")
    return tree
