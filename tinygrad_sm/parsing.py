"""Syntax trees, in one thread at a time.

Python before 3.11.8 and 3.12.2 mixes up the depths of two trees that are made at once, which it does when the
garbage collector lets another thread run: whoever makes one, or calls what does, holds this lock.
"""

from __future__ import annotations

import ast
from threading import RLock

__all__ = ["parsed", "parsed_module", "parsing"]

parsing = RLock()


def parsed(text: str) -> ast.expr:
    """An expression as a tree."""
    with parsing:
        return ast.parse(text, mode="eval").body


def parsed_module(text: str) -> ast.Module:
    """A module's text as a tree."""
    with parsing:
        return ast.parse(text)
