"""What a function can reach besides its arguments, so that a change of it is noticed.

Looked at are the variables that it closes over, the globals that it names, its defaults, the object that it
is a method of, and what all these hold in turn: functions, lists, dictionaries, objects, Tensors, arrays,
optimisers. Modules and functions of libraries are taken to stay what they are; of objects that are not looked
into it is noted which they are.
"""

from __future__ import annotations

import array
import builtins
import functools
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import TraceError
from ..random import generator
from ..tensor import Tensor
from .code import contents, in_library, names_in, of_library
from .kinds import PLAIN, Draws, globals_in, plain, same, shared_draws, texts_in, unwatchable
from .noting import STATE, Notes, Place

__all__ = ["PLAIN", "STATE", "Environment"]

READ_SETTINGS = {  # names by which a function can come to an optimiser's settings
    "param_groups", "defaults", "get_last_lr", "state_dict", "numbers", "getattr", "vars", "__dict__",
}  # fmt: skip
READ_BY_TEXT = {  # names by which a function can come to what it names in a text
    "getattr", "hasattr", "vars", "__dict__", "__getattribute__", "globals", "attrgetter", "import_module",
    "__import__", "modules",
}  # fmt: skip


class Environment(Notes):
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
    draws        the states of the generators that all share, if the function may draw from them
    unwatched    what cannot be watched, by name
    """

    def __init__(self, function: Any, *arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments  # the objects that it is called with
        self.tensors: list[Tensor] = []
        self.arrays: list[Any] = []
        self.generators: list[Any] = [generator()]
        self.unwatched: list[str] = []
        self._seen: dict[int, int] = {}
        self._held: list[Any] = []
        self.modules: dict[str, Any] = {}  # those that are no library's
        self._names: dict[str, None] = {}  # that the functions use
        self._members: set[tuple[str, str]] = set()
        waiting = [("the function", function), *(("an argument", x) for x in arguments)]
        while waiting:
            for name, x in waiting:  # which grows on the way
                waiting += self._visit(name, x)
            waiting = list(self._members_of_modules())
        for module in self.modules.values():
            absent = frozenset(name for name in self._names if name not in vars(module))
            self.places.append(Place("", None, "{0}.keys().isdisjoint({1})", (vars(module), absent)))
        self.draws = shared_draws() if "random" in self._names else {}
        self.gradients = [t._grad is not None for t in self.tensors]

    def tests(self, name: Callable[[Any], str]) -> list[str]:
        """Python expressions that are true as long as the same is in all places; name(thing) names one.

        A number that is made anew is another thing: where they are not true, the fingerprint has the last
        word.
        """
        return list(dict.fromkeys(p.test.format(*map(name, p.things)) for p in self.places if p.test))

    def changed(self, later: Environment) -> list[str]:
        """What is no longer as it was, by name; TraceError where that is not known."""
        if self.unwatched:
            raise TraceError(
                f"compile: the function reads {self.unwatched[0]}, whose changes cannot be watched; read it "
                f"outside, and pass the value in as an argument"
            )
        if drawn := [name for name, state in self.draws.items() if later.draws.get(name, state) != state]:
            raise TraceError(
                f"compile: the function draws random numbers from {drawn[0]}, which cannot be recorded, and "
                f"two calls did not compute the same; pass them in as an argument, or use nn.Dropout"
            )
        new, old = ({p.name: p.what for p in env.places if p.name} for env in (later, self))
        names = dict.fromkeys((*old, *new))
        return [n for n in names if n not in old or n not in new or not same(old[n], new[n])]

    @property
    def reads_settings(self) -> bool:
        """Can the functions read the settings of an optimiser by themselves?"""
        return not READ_SETTINGS.isdisjoint(self._names)

    def _visit(self, name: str, x: Any) -> Iterator[tuple[str, Any]]:
        """Note what x is, and give what it holds."""
        if isinstance(x, PLAIN) and of_library(x) and not isinstance(x, np.void | slice):
            self._note(name, type(x), plain(x))
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
            if x.dtype.hasobject:
                yield from ((f"{name}[{i}]", part) for i, part in enumerate(x.ravel().tolist()))
            yield from self._beside(name, x)
        elif isinstance(x, np.void):
            self._note(name, x.dtype, x.tobytes())
            self._watch(name, x.tobytes(), "{0}.tobytes() == {1}", x)
            yield name, x.item()
        elif isinstance(x, slice):
            yield from ((f"{name}.{part}", getattr(x, part)) for part in ("start", "stop", "step"))
        elif isinstance(x, PLAIN):
            self._note(name, type(x), plain(x))
            yield from self._beside(name, x)
        elif unwatchable(x):
            self._note(name, id(x))
            self.unwatched.append(f"{name}, a {type(x).__name__}")
        elif isinstance(x, np.random.Generator):
            self.generators += [x] * (x is not self.generators[0])
            self._note(name, id(x))
        elif isinstance(x, Draws.kinds):
            self.generators.append(Draws(x))
            self._note(name, id(x))
        elif isinstance(x, types.ModuleType):
            self._note(name, id(x))
            if not in_library(x.__name__):
                self.modules[x.__name__] = x  # what is used of it is looked up by name
            elif x.__name__ in ("random", "numpy.random"):
                self._names["random"] = None
        elif isinstance(x, types.BuiltinFunctionType | types.MethodWrapperType):
            self._note(name, x)
            yield f"{name}.__self__", x.__self__
        elif isinstance(x, attrgetter):
            self._note(name, id(x))
            self._names |= dict.fromkeys(part for path in x.__reduce__()[1] for part in path.split("."))
        elif isinstance(x, weakref.ref):
            self._note(name, id(x))
            yield f"{name}()", x()
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
        elif isinstance(x, dict | types.MappingProxyType):
            yield from self._items(name, x)
            yield from self._beside(name, x)
        elif isinstance(x, list | tuple | set | frozenset | deque):
            self._note(name, type(x), len(x))
            if not isinstance(x, tuple):
                self._entries(name, x, "{0}", x)
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(x))
            yield from self._beside(name, x)
        elif isinstance(x, bytearray | array.array | memoryview):
            self._note(name, type(x), bytes(x))
            self._watch(name, bytes(x), "bytes({0}) == {1}", x)
        elif isinstance(x, type):
            self._note(name, id(x))
            if not in_library(x.__module__):
                self._by_name(vars(x), dict(vars(x)))
                yield from self._items(name, vars(x), watch=False)
                yield from ((f"{name}.{base.__name__}", base) for base in x.__bases__)
                if isinstance(type(x).__module__, str):  # those of extensions have none
                    yield f"type({name})", type(x)
        elif hasattr(x, "param_groups") and hasattr(x, "numbers"):
            yield from self._optimizer(name, x)
        else:
            yield from self._object(name, x)

    def _function(self, name: str, f: Any) -> Iterator[tuple[str, Any]]:
        self._note(name, id(f.__code__))
        for variable, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            self._watch(variable, contents(cell), "{0}.cell_contents is {1}", cell)
            yield variable, contents(cell)
        yield f"the defaults of {name}", (f.__defaults__, f.__kwdefaults__)
        if in_library(f.__globals__.get("__name__")):  # wraps() copies __module__
            return
        yield from self._beside(name, f)
        test = "{0}.__code__ is {1} and {0}.__defaults__ is {2} and {0}.__kwdefaults__ is {3}"
        parts = f.__code__, f.__defaults__, f.__kwdefaults__
        self.places.append(Place(f"the code of {name}", parts, test, (f, *parts)))
        named = names_in(f.__code__)
        texts = () if READ_BY_TEXT.isdisjoint(named) else texts_in(f.__code__.co_consts)
        self._names |= dict.fromkeys((*named, *texts))
        for variable in dict.fromkeys((*globals_in(f.__code__), *texts)):
            if variable in f.__globals__:
                value = f.__globals__[variable]
                self._watch(f"the global {variable}", value, f"{{0}}[{variable!r}] is {{1}}", f.__globals__)
                yield f"the global {variable}", value
                continue
            self.places.append(Place("", None, f"{variable!r} not in {{0}}", (f.__globals__,)))
            if hasattr(builtins, variable):  # until a global hides it
                self._note("builtin", variable)
            elif variable in sys.modules:  # imported within the function
                yield f"the module {variable}", sys.modules[variable]

    def _members_of_modules(self) -> Iterator[tuple[str, Any]]:
        """What the functions may use of the modules that are reached, found by name."""
        for module in list(self.modules.values()):
            for part in [part for part in (*self._names, "__getattr__") if part in vars(module)]:
                place = module.__name__, part
                if place not in self._members:
                    self._members.add(place)
                    inner = vars(module)[part]
                    name = f"{module.__name__}.{part}"
                    self._watch(name, inner, f"{{0}}[{part!r}] is {{1}}", vars(module))
                    yield name, inner
