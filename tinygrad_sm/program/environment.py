"""What a function can reach besides its arguments, so that a change of it is noticed.

Looked at are the variables that it closes over, the globals that it names, its defaults, the object that it
is a method of, and what all these hold in turn: functions, lists, dictionaries, objects, Tensors, arrays,
optimisers. Modules and functions of libraries are taken to stay what they are.
"""

from __future__ import annotations

import array
import builtins
import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..random import generator
from ..tensor import Tensor
from .code import contents, in_library, names_in, of_library

__all__ = ["Environment"]

PLAIN = (
    bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range, np.generic, np.dtype,
)  # fmt: skip
READ_SETTINGS = {  # names by which a function can come to an optimiser's settings
    "param_groups", "defaults", "get_last_lr", "state_dict", "numbers", "getattr", "vars", "__dict__",
}  # fmt: skip
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


class Environment:
    """The environment of a function as it is now.

    fingerprint  equal as long as everything is as it was, but for the contents of arrays, the data of Tensors
                 that require grad, and the numbers in the settings of optimisers
    tensors      the Tensors that it can reach, leaves all
    arrays       the arrays, those of optimisers' states included
    gradients    which of the Tensors have a gradient
    buffers      the ids of those arrays that belong to layers of the package, which reads them by ops alone
    modules      the modules that are no library's
    optimizers   the optimisers
    generators   the random generators, the package's own among them
    """

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.arguments = arguments  # the objects that it is called with
        self.tensors: list[Tensor] = []
        self.arrays: list[Any] = []
        self.optimizers: list[Any] = []
        self.generators: list[np.random.Generator] = [generator()]
        self.fingerprint: list[Any] = []
        self.places: list[Place] = []
        self._seen: dict[int, int] = {}
        self._held: list[Any] = []
        self.buffers: set[int] = set()
        self.modules: dict[str, Any] = {}  # those that are no library's
        self._names: dict[str, None] = {}  # that the functions use
        self._members: set[tuple[str, str]] = set()
        waiting = [("the function", function), *(("an argument", x) for x in arguments)]
        while waiting:
            for name, x in waiting:  # which grows on the way
                waiting += self._visit(name, x)
            waiting = list(self._members_of_modules())
        self.gradients = [t._grad is not None for t in self.tensors]

    def tests(self, name: Callable[[Any], str]) -> list[str]:
        """Python expressions that are true as long as the same is in all places; name(thing) names one.

        A number that is made anew is another thing: where they are not true, the fingerprint has the last
        word.
        """
        return list(dict.fromkeys(p.test.format(*map(name, p.things)) for p in self.places if p.test))

    def changed(self, later: Environment) -> list[str]:
        """What is no longer as it was, by name."""
        new, old = ({p.name: p.what for p in env.places if p.name} for env in (later, self))
        names = dict.fromkeys((*old, *new))
        return [n for n in names if n not in old or n not in new or not _same(old[n], new[n])]

    @property
    def reads_settings(self) -> bool:
        """Can the functions read the settings of an optimiser by themselves?"""
        return not READ_SETTINGS.isdisjoint(self._names)

    def _note(self, *parts: Any) -> None:
        self.fingerprint.append(parts)

    def _visit(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        """Note what x is, and give what it holds."""
        if isinstance(x, PLAIN):
            self._note(name, type(x), repr(x) if isinstance(x, float | complex | np.generic) else x)
            return
        if id(x) in self._seen:
            self._note(name, self._seen[id(x)])
            return
        self._seen[id(x)] = len(self._seen)
        self._held.append(x)
        if isinstance(x, Tensor):
            self.tensors.append(x)
            self._note(
                name, id(x), x.requires_grad, x.shape, x.dtype, None if x.requires_grad else id(x._data)
            )
            self._watch(f"{name}.requires_grad", x._requires_grad, "", x)  # which changes its number, too
            self._watch(f"the hooks of {name}", x._hooks, "{0}._hooks is {1}", x)
            yield f"the hooks of {name}", x._hooks
            there = "is" if x._grad is None else "is not"
            self.places.append(Place("", None, f"{{0}}._grad {there} None", (x,)))
            if not x.requires_grad:
                self._watch(f"the data of {name}", x._data, "{0}._data is {1}", x)
        elif isinstance(x, np.ndarray):
            self.arrays.append(x)
            self._note(name, id(x), x.shape, x.strides, x.dtype)
            layout = x.shape, x.strides, x.dtype
            if not name.startswith(STATE):  # whose shapes load_state_dict looks at
                test = "({0}.shape, {0}.strides, {0}.dtype) == {1}"
                self.places.append(Place("", None, test, (x, layout)))
            yield from self._attributes(name, x)
        elif isinstance(x, np.random.Generator):
            self.generators += [x] * (x is not self.generators[0])
            self._note(name, id(x))
        elif isinstance(x, types.ModuleType):
            self._note(name, id(x))
            if not in_library(x.__name__):
                self.modules[x.__name__] = x  # what is used of it is looked up by name
        elif isinstance(x, types.MethodType):
            yield from ((f"{name}.__self__", x.__self__), (name, x.__func__))
        elif isinstance(x, property):
            yield from ((f"{name}.fget", x.fget), (f"{name}.fset", x.fset), (f"{name}.fdel", x.fdel))
        elif hasattr(x, "__wrapped__") and not isinstance(x, types.FunctionType) and of_library(x):
            yield f"{name}.__wrapped__", x.__wrapped__  # a compiled function, or a cached one
        elif isinstance(x, functools.partial):
            yield from ((f"{name}.func", x.func), (f"{name}.args", x.args), (f"{name}.keywords", x.keywords))
        elif isinstance(x, types.FunctionType):
            yield from self._function(name, x)
        elif isinstance(x, dict):
            yield from self._items(name, x)
            yield from self._attributes(name, x)
        elif isinstance(x, list | tuple | set | frozenset | deque):
            self._note(name, type(x), len(x))
            if not isinstance(x, tuple):
                self._entries(name, x, "{0}", x)
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(x))
            yield from self._attributes(name, x)
        elif isinstance(x, bytearray | array.array):
            self._note(name, type(x), bytes(x))
            self._watch(name, bytes(x), "bytes({0}) == {1}", x)
        elif isinstance(x, type):
            self._note(name, id(x))
            if not in_library(x.__module__):
                yield from self._items(name, vars(x))
                yield from ((f"{name}.{base.__name__}", base) for base in x.__bases__)
        elif hasattr(x, "param_groups") and hasattr(x, "numbers"):
            yield from self._optimizer(name, x)
        else:
            yield from self._object(name, x)

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
        now = dict(items)
        keys = [key if isinstance(key, str) else id(key) for key in now]
        self._note(name, "items", tuple(keys))
        if not watch:
            test = ""
        elif not now:
            test = "not {0}"
        else:  # what is equal may be of another type, which computes something else
            test = f"len({{0}}) == {len(now)} and all(map(is_, {{0}}, {{2}}))"
            test += " and all(map(is_, {0}.values(), {3}))"
        things = items, now, list(now), list(now.values())
        self.places.append(Place(f"what {name} holds", now, test, things))
        for i, (key, value) in enumerate(now.items()):
            yield (f"{name}.{key}" if isinstance(key, str) else f"{name}[{i}]"), value

    def _function(self, name: str, f: Any) -> Iterator[tuple[str, Any]]:
        self._note(name, id(f.__code__))
        for variable, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            self._watch(variable, contents(cell), "{0}.cell_contents is {1}", cell)
            yield variable, contents(cell)
        yield f"the defaults of {name}", (f.__defaults__, f.__kwdefaults__)
        if in_library(f.__globals__.get("__name__")):  # wraps() copies __module__
            return
        yield from self._attributes(name, f)
        test = "{0}.__code__ is {1} and {0}.__defaults__ is {2} and {0}.__kwdefaults__ is {3}"
        parts = f.__code__, f.__defaults__, f.__kwdefaults__
        self.places.append(Place(f"the code of {name}", parts, test, (f, *parts)))
        named = names_in(f.__code__)
        self._names |= dict.fromkeys(named)
        for variable in named:
            if variable in f.__globals__:
                value = f.__globals__[variable]
                self._watch(f"the global {variable}", value, f"{{0}}[{variable!r}] is {{1}}", f.__globals__)
                yield f"the global {variable}", value
            elif hasattr(builtins, variable):  # until a global hides it
                self._note("builtin", variable)
                self.places.append(Place("", None, f"{variable!r} not in {{0}}", (f.__globals__,)))
            elif variable in sys.modules:  # imported within the function
                yield f"the module {variable}", sys.modules[variable]

    def _members_of_modules(self) -> Iterator[tuple[str, Any]]:
        """What the functions may use of the modules that are reached, found by name."""
        for module in list(self.modules.values()):
            for part in [part for part in self._names if part in vars(module)]:
                place = module.__name__, part
                if place not in self._members:
                    self._members.add(place)
                    inner = vars(module)[part]
                    name = f"{module.__name__}.{part}"
                    self._watch(name, inner, f"{{0}}[{part!r}] is {{1}}", vars(module))
                    yield name, inner

    def _attributes(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        """What a function, a container or an array has as attributes, in addition."""
        if isinstance(getattr(x, "__dict__", None), dict):
            yield from self._items(name, vars(x))

    def _optimizer(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        """Its parameters and state, and of its settings whether they are 0: the values are read each time."""
        self.optimizers.append(x)
        self._note(name, type(x))
        if not of_library(x):
            yield f"type({name})", type(x)
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
        if of_library(x):
            self.buffers |= {id(a) for a in getattr(x, "__dict__", {}).values() if isinstance(a, np.ndarray)}
        else:
            yield f"type({name})", type(x)
        self._note(name, type(x))
        if isinstance(getattr(x, "__dict__", None), dict):
            if counter := getattr(type(x), "changes", None):  # a class that counts all changes of its objects
                self.places.append(Place("", None, f"{{0}}[0] == {counter[0]}", (counter,)))
            members = (
                {key: value for key, value in vars(x).items() if key != "_kinds"} if counter else vars(x)
            )
            yield from self._items(name, members, watch=counter is None)
        for cls in type(x).__mro__:
            for slot in [
                s for s in cls.__dict__.get("__slots__", ()) if s not in ("__dict__", "__weakref__")
            ]:
                if not in_library(cls.__module__) and hasattr(x, slot):
                    value = getattr(x, slot)
                    self._watch(f"{name}.{slot}", value, f"{{0}}.{slot} is {{1}}", x)
                    yield f"{name}.{slot}", value


def _same(a: Any, b: Any) -> bool:
    """Are two containers' copies the same, entry by entry? Numbers of another type are not."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(k in b and _same_entry(v, b[k]) for k, v in a.items())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same_entry, a, b))
    return _same_entry(a, b)


def _same_entry(a: Any, b: Any) -> bool:
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, (*PLAIN, set, frozenset)) and repr(a) == repr(b)
