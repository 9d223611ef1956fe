"""What is noted of the things that a function can reach: what they are, and what they hold in which place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .code import of_library
from .kinds import bystander, counter, known_by_value, seen_whole, slots, unwatchable

__all__ = ["STATE", "Notes", "Place"]

STATE = "an optimiser's state"
FEW = 4  # so many entries are looked at one by one, which is quicker


class Place(NamedTuple):
    """Where the environment holds something.

    name   what messages call it
    what   what is there: itself, or of a container a copy
    test   Python code that is true as long as the same is there; {0}, {1} ... are the things
    """

    name: str
    what: Any
    test: str
    things: tuple[Any, ...]


def one_by_one(place: str, keys: Iterable[Any], first: int) -> str:
    """Python code: the entries of these keys are the things from number `first` on."""
    return "".join(f" and {place}[{key}] is {{{i}}}" for i, key in enumerate(keys, first))


class Notes:
    """What is noted, and how containers, objects and optimisers are: each gives what it holds."""

    def __init__(self) -> None:
        self.fingerprint: list[Any] = []
        self.places: list[Place] = []
        self.optimizers: list[Any] = []
        self.buffers: set[int] = set()

    def _note(self, *parts: Any) -> None:
        self.fingerprint.append(parts)

    def _watch(self, name: str, what: Any, test: str, *where: Any) -> None:
        """Note a place: what is there is the last of the things that the test is about."""
        self.places.append(Place(name, what, test, (*where, what)))

    def _entries(self, name: str, x: Any, where: str, owner: Any) -> None:
        """Note what a list or its like holds, which is found there, {0} being its owner."""
        if type(x) is list and len(x) <= FEW:
            test, things = one_by_one(where, range(len(x)), 1), (owner, *x)
        else:
            test, things = f" and all(map(is_, {where}, {{1}}))", (owner, list(x))
        self.places.append(Place(name, list(x), f"len({where}) == {len(x)}{test}", things))

    def _items(self, name: str, items: Any, watch: bool = True) -> Iterator[tuple[str, Any]]:
        """What a dictionary holds."""
        now = dict(items)
        keys = [key if isinstance(key, str) else id(key) for key in now]
        self._note(name, "items", tuple(keys))
        things: tuple[Any, ...] = (items, now, list(now), list(now.values()))
        if not watch:
            test = ""
        elif not now:
            test = "not {0}"
        elif len(now) <= FEW and all(type(key) is str for key in now):
            names = (f"{{{i}}}" for i in range(4, 4 + len(now)))
            test = "[*{0}] == {2}" + one_by_one("{0}", names, 4 + len(now))
            things = (*things, *now, *now.values())
        else:  # what is equal may be of another type, which computes something else
            test = f"len({{0}}) == {len(now)} and all(map(is_, {{0}}, {{2}}))"
            test += " and all(map(is_, {0}.values(), {3}))"
        self.places.append(Place(f"what {name} holds", now, test, things))
        for i, (key, value) in enumerate(now.items()):
            yield (f"{name}.{key}" if isinstance(key, str) else f"{name}[{i}]"), value

    def _by_name(self, items: Any, members: dict[str, Any]) -> None:
        """Note what a class or an object has under these names, in whatever order."""
        keys = (repr(key).replace("{", "{{").replace("}", "}}") for key in members)
        test = f"len({{0}}) == {len(items)}{one_by_one('{0}', keys, 1)}"
        self.places.append(Place("", None, test, (items, *members.values())))

    def _beside(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        """What a function, a container or a value has in addition: attributes, slots, a class."""
        if isinstance(getattr(x, "__dict__", None), dict):
            yield from self._items(name, vars(x))
        yield from self._class_and_slots(name, x)

    def _class_and_slots(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        if not of_library(x):
            yield f"type({name})", type(x)
        for slot in slots(x):
            if hasattr(x, slot):
                value = getattr(x, slot)
                self._watch(f"{name}.{slot}", value, f"{{0}}.{slot} is {{1}}", x)
                yield f"{name}.{slot}", value
            else:
                self._note(name, slot)
                self.places.append(Place("", None, f"not hasattr({{0}}, {slot!r})", (x,)))

    def _optimizer(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        """Its parameters and state, and of its settings whether they are 0: the values are read each time."""
        self.optimizers.append(x)
        self._note(name, type(x))
        if not of_library(x):
            yield f"type({name})", type(x)
        self.places.append(Place("", None, f"len({{0}}) == {len(vars(x))}", (vars(x),)))
        for key, value in vars(x).items():
            if key not in ("param_groups", "state", "defaults"):
                self._note(name, key)
                self._watch(f"{name}.{key}", value, "{0}.get({1}) is {2}", vars(x), key)
                yield f"{name}.{key}", value
        self._entries(f"{name}.param_groups", x.param_groups, "{0}.param_groups", x)
        for i, group in enumerate(x.param_groups):
            self._note(id(group), [(key, value if isinstance(value, bool) else bool(value))
                                   for key, value in group.items() if key != "params"])  # fmt: skip
            yield from ((f"parameter {n} of group {i} of {name}", p) for n, p in enumerate(group["params"]))
        self._watch(f"{name}.state", x.state, "{0}.state is {1}", x)
        n = len(x.state)
        if few := type(x.state) is dict and 0 < n <= FEW:  # their order does not matter
            test = one_by_one("{0}", (f"{{{i}}}" for i in range(1, n + 1)), n + 1)
            things = x.state, *x.state, *x.state.values()
            self.places.append(Place("", None, f"len({{0}}) == {n}{test}", things))
        yield from self._items(STATE, x.state, watch=not few)
        for i, (p, state) in enumerate(x.state.items()):
            yield f"a parameter of {name}.state", p
            yield f"{STATE}[{i}]", state

    def _object(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        if known_by_value(x):
            self._note(name, type(x), repr(x))
            return
        self._note(name, type(x), None if seen_whole(x) else id(x))
        if bystander(x):
            return
        if of_library(x):
            self.buffers |= {id(a) for a in getattr(x, "__dict__", {}).values() if isinstance(a, np.ndarray)}
        yield from self._class_and_slots(name, x)
        if isinstance(getattr(x, "__dict__", None), dict):
            changes = counter(x)
            items = self._items(name, vars(x)) if changes is None else self._counted(name, x, changes)
            opaque = of_library(x) and not seen_whole(x)
            yield from (pair for pair in items if not (opaque and unwatchable(pair[1])))

    def _counted(self, name: str, x: Any, changes: list[int]) -> Iterator[tuple[str, Any]]:
        """What an object holds whose class counts what is set, and not what is written past it."""
        self.places.append(Place("", None, f"{{0}}[0] == {changes[0]}", (changes,)))
        members = {key: value for key, value in vars(x).items() if key not in ("_kinds", "_label")}
        self._by_name(vars(x), members)
        yield from self._items(name, members, watch=False)
