"""How one thing that a function reads is told from another, and which cannot be watched."""

from __future__ import annotations

import dis
import random
import threading
import types
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import date, time, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import numpy as np

from .code import in_library, of_library

__all__ = [
    "PLAIN", "Draws", "bystander", "counter", "globals_in", "known_by_value", "plain", "same", "seen_whole",
    "settled", "shared_draws", "slots", "texts_in", "unwatchable",
]  # fmt: skip

PLAIN = (
    bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range, np.generic, np.dtype,
)  # fmt: skip
VALUES = (date, time, timedelta, Decimal, Fraction, PurePath)  # whose text says all
BYSTANDERS = {"logging", "_io", "tqdm"}  # modules of objects that tell others what happens


def plain(x: Any) -> Any:
    """What tells a plain value from another: equal numbers may be of another sign, or print the same."""
    if of_library(x):
        return repr(x) if isinstance(x, float | complex | np.generic) else x
    if isinstance(x, np.generic):
        return x.dtype, x.tobytes()
    return next((kind.__repr__(x) for kind in (int, float, complex, str, bytes) if isinstance(x, kind)), x)


def known_by_value(x: Any) -> bool:
    """Is an object of a library the same as any other of its type that prints like it?"""
    return isinstance(x, VALUES) and of_library(x)


def seen_whole(x: Any) -> bool:
    """Is all of an object in its attributes? What a library's class keeps elsewhere is not seen."""
    return all(c in (object, types.SimpleNamespace) or not in_library(c.__module__) for c in type(x).__mro__)


def bystander(x: Any) -> bool:
    """Is an object such as a logger, a file or a progress bar, whose state is not computed with?"""
    return any(c.__module__.partition(".")[0] in BYSTANDERS for c in type(x).__mro__)


def unwatchable(x: Any) -> bool:
    """Has an object a state that can change and cannot be looked at, or not in all threads?"""
    names = {f"{c.__module__}.{c.__name__}" for c in type(x).__mro__}
    foreign = "mmap.mmap" in names or ("_ctypes._CData" in names and not callable(x))
    return foreign or isinstance(x, ContextVar | Context | threading.local | random.SystemRandom)


def slots(x: Any) -> Iterator[str]:
    """The names of an object's slots, those of libraries' classes left out."""
    for cls in type(x).__mro__:
        if not in_library(cls.__module__):
            yield from (key for key, d in vars(cls).items() if isinstance(d, types.MemberDescriptorType))


def counter(x: Any) -> Any:
    """Where a class of this package counts the changes of its objects, or None."""
    own = (c for c in type(x).__mro__ if c.__module__.partition(".")[0] == __name__.partition(".")[0])
    return next((vars(c)["changes"] for c in own if "changes" in vars(c)), None)


# ---- names ----


@lru_cache(maxsize=1024)
def globals_in(code: types.CodeType) -> tuple[str, ...]:
    """The names of globals and imported modules in a function, and in those that are defined in it."""
    steps = dis.get_instructions(code)
    names = dict.fromkeys(s.argval for s in steps if "GLOBAL" in s.opname or s.opname.endswith("_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= dict.fromkeys(globals_in(constant))
    return tuple(names)


@lru_cache(maxsize=1024)
def texts_in(constants: Any) -> tuple[str, ...]:
    """The texts among a code's constants that can be names."""
    texts: dict[str, None] = {}
    for constant in constants:
        if isinstance(constant, str) and constant.isidentifier():
            texts[constant] = None
        elif isinstance(constant, tuple | frozenset):
            texts |= dict.fromkeys(texts_in(constant))
        elif isinstance(constant, types.CodeType):
            texts |= dict.fromkeys(texts_in(constant.co_consts))
    return tuple(texts)


# ---- random generators ----


class Draws:
    """A random generator of another kind, with its state where NumPy's Generators have theirs."""

    kinds = random.Random, np.random.RandomState, np.random.BitGenerator

    def __init__(self, source: Any) -> None:
        self.source, self.bit_generator = source, self

    @property
    def state(self) -> Any:
        x = self.source
        if isinstance(x, random.Random):
            return x.getstate()
        return x.state if isinstance(x, np.random.BitGenerator) else x.get_state(legacy=False)

    @state.setter
    def state(self, state: Any) -> None:
        x = self.source
        if isinstance(x, random.Random):
            x.setstate(state)
        elif isinstance(x, np.random.BitGenerator):
            x.state = state
        else:
            x.set_state(state)


def shared_draws() -> dict[str, Any]:
    """The states of the generators that np.random and random draw from."""
    numpys = np.random.get_state(legacy=False)  # noqa: NPY002
    return {"random": random.getstate(), "np.random": settled(numpys)}


def settled(state: Any) -> Any:
    """A generator's state in a form that can be compared: some hold arrays."""
    if isinstance(state, dict):
        return {key: settled(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


# ---- copies of containers ----


def same(a: Any, b: Any) -> bool:
    """Are two containers' copies the same, entry by entry? Numbers of another type are not."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(k in b and same_entry(v, b[k]) for k, v in a.items())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_entry, a, b))
    return same_entry(a, b)


def same_entry(a: Any, b: Any) -> bool:
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, (*PLAIN, set, frozenset)) and repr(a) == repr(b)
