"""compile: a function that runs as straight-line NumPy from its third call on, and never silently wrong.

A call that meets something new (another shape, another mode, a parameter more) is recorded while it runs as
ever; the next one like it is recorded again. Both recordings must be the same program, and what was emitted
must give the same bits on copies; from then on the emitted program runs, as long as all that the function can
reach besides its arguments is what it was.
"""

from __future__ import annotations

import functools
import threading
import types
import warnings
from collections.abc import Callable
from copy import deepcopy
from itertools import zip_longest
from typing import Any

import numpy as np

from ..backprop import current_mode
from ..errors import TraceError
from ..tensor import Tensor
from ..transforms import tree_map
from .environment import PLAIN, STATE, Environment
from .equations import Program
from .optimising import same_bits
from .tracing import Recording, filled_in
from .version import CHANGED, Version

__all__ = ["Compiled", "compile"]

MANY = 32  # programs of one function: something changes all the time


def compile(f: Callable[..., Any]) -> Compiled:
    """A function that does what f does, as straight-line NumPy without a graph.

    f  a function of arrays, such as tg.value_and_grad(loss), or a whole training step:

        @tg.compile
        def step(x, t):
            loss = tg.softmax_cross_entropy(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

    The first two calls with arguments of certain shapes, dtypes and strides run as ever and are recorded;
    later ones run the program that was recorded, `.source`, with the same results to the last bit. Arguments
    that are no arrays are fixed: another value is another program. Numbers of the optimiser (learning rate,
    momentum), labels, random masks and the data of parameters are looked at in each call; whatever else the
    function reads is watched, and where it has changed the function is recorded anew. What is returned is new
    in each call, and has no graph; gradients stay in .grad as ever, which costs a little: end the step with
    zero_grad() if nobody looks at them. Where a gradient is asked through the function
    (tg.grad(tg.compile(f))), f itself runs.

    Raises TraceError, which says what to do, where f reads a value that it computes (`if t > 0`, t.item())
    or lets one decide a shape (x[:n]), makes leaves or optimisers of its own, changes anything but
    parameters, gradients and optimisers, or computes with what changes and is not seen.

    >>> import tinygrad_sm as tg
    >>> square = compile(tg.value_and_grad(lambda x: (x * x).sum()))
    >>> for x in np.eye(3):
    ...     value, slope = square(x)
    >>> value, slope
    (np.float64(1.0), array([0., 0., 2.]))
    """
    return Compiled(f)


class Compiled:
    """A compiled function: call it as the function itself.

    versions  how many programs there are
    source    the text of the one that ran last, or None
    program   its equations
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        if not callable(f):
            raise TraceError(f"compile takes a function, not {type(f).__name__}")
        functools.update_wrapper(self, f)
        self.f = f
        self._call, self._count = f, -1  # that of the latest program of arrays alone, and how many it takes
        self._all: dict[Any, list[Version]] = {}  # by the layout of the arguments
        self._waiting: dict[Any, list[Version]] = {}  # what was recorded once
        self._of_objects: dict[int, dict[str, Compiled]] = {}  # those that have no __dict__ to keep it in
        self._last: Version | None = None
        self._lock = threading.RLock()
        self._warned = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == self._count and not kwargs:
            result = self._call(*args)
            if result is not CHANGED:
                return result
        current = current_mode()
        if current.watcher is not None:  # something else records, or looks at every op
            return self.f(*args, **kwargs)
        arrays, layout, objects = flattened(args, kwargs)
        if arrays is None:
            return self.f(*args, **kwargs)
        with self._lock:
            return self._look_again((layout, current.recording), arrays, objects, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        kept = getattr(instance, "__dict__", None)
        if not isinstance(kept, dict):
            kept = self._of_objects.setdefault(id(instance), {})  # which holds it: the id stays its own
        name = f"_compiled_{self._name}_{id(self)}"
        found: Any = kept.get(name)
        if found is None or found.f.__self__ is not instance:  # that of the object that this is a copy of
            found = kept[name] = Compiled(types.MethodType(self.f, instance))
        return found

    def __copy__(self) -> Compiled:
        return Compiled(self.f)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return Compiled(deepcopy(self.f, memo))

    @property
    def source(self) -> str | None:
        return None if self._last is None else self._last.source

    @property
    def program(self) -> Program | None:
        return None if self._last is None else self._last.program

    @property
    def versions(self) -> int:
        return sum(map(len, self._all.values()))

    # ---- what is seldom ----

    def _look_again(self, key: Any, arrays: Any, objects: Any, args: Any, kwargs: Any) -> Any:
        """Find a version for what is there now, or record one."""
        versions = self._all.get(key, ())
        for version in versions:
            if (result := version.call(*arrays)) is not CHANGED:
                self._run_next(version, args, kwargs)
                return result
        environment = Environment(self.f, *objects)
        for version in versions:
            held = version.fits(environment) and version.renew(environment)
            if held and (result := version.call(*arrays)) is not CHANGED:
                self._run_next(version, args, kwargs)
                return result
        return self._record(key, environment, args, kwargs)

    def _run_next(self, version: Version, args: Any, kwargs: Any) -> None:
        """Let a version be the first to be tried."""
        self._last = version
        if not kwargs and all(type(x) is np.ndarray for x in args):
            self._call, self._count = version.call, len(args)

    def _record(self, key: Any, environment: Environment, args: Any, kwargs: Any) -> Any:
        """Run the function as ever, and record what it does."""
        recording = Recording(self.f, args, kwargs, environment)
        if isinstance(recording.error, TraceError):
            recording.undo()
        if recording.error is not None:
            raise recording.error
        try:
            if self._lasts(recording):
                self._take(key, Version(recording))
        except TraceError:
            recording.undo()
            raise
        return filled_in(recording.layout(), recording.values())

    def _take(self, key: Any, version: Version) -> None:
        """Keep what was recorded: to run, or to be compared with the next recording."""
        for known in self._all.get(key, ()):
            reads = version.environment.reads_settings
            if not reads and known.fits(version.environment) and known.signature == version.signature:
                known.settings_are_read = True  # it is the same with other settings
                known.renew(version.environment)
                return
        waiting = self._waiting.setdefault(key, [])
        for before in waiting:
            if before.fits(version.environment):
                waiting.remove(before)
                self._check_same(before.signature, version.signature)
                self._keep(key, version)
                return
        waiting.append(version)
        if sum(map(len, self._waiting.values())) > MANY:  # no two calls are alike
            self._warn()
            del self._waiting[next(iter(self._waiting))][0]
            self._waiting = {key: versions for key, versions in self._waiting.items() if versions}

    def _keep(self, key: Any, version: Version) -> None:
        versions = self._all.setdefault(key, [])
        versions[:] = [v for v in versions if not v.fits(version.environment)]
        versions.insert(0, version)
        if self.versions == MANY:
            self._warn()

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"compile: {self._name} was recorded {MANY} times, because the shapes of its arguments, its "
                f"fixed arguments or what it closes over change all the time; pass what changes as arrays",
                stacklevel=7,
            )

    @property
    def _name(self) -> str:
        return str(getattr(self.f, "__name__", "the function"))

    def _lasts(self, recording: Recording) -> bool:
        """Was everything that changed recorded? False where an optimiser's state came to be."""
        before, after = recording.environment, Environment(self.f, *recording.environment.arguments)
        recorder = recording.recorder
        known = recorder.updates.keys() | {
            id(c) for source, _ in recorder.numbers.values() for c in source.counts
        }
        for array, copy in recording.before.values():
            if id(array) not in known and not same_bits(array, copy):
                raise TraceError(
                    f"compile: {self._name} writes into an array {array.shape} in a way that cannot be "
                    f"recorded (p.data -= ..., x[...] = ...); let an optimiser do it, or return the new array"
                )
        if any(t._data is not data for t, data in recording.data):
            raise TraceError(f"compile: {self._name} sets the .data of a Tensor; let an optimiser do it")
        if not recording.draws_are_recorded():
            raise TraceError(
                f"compile: {self._name} draws random numbers from a generator in a way that cannot be "
                f"recorded, and would get the same ones in each call; pass them in as an argument, or use "
                f"nn.Dropout"
            )
        if before.modules.keys() != after.modules.keys():
            return False  # it imported one: what it uses of it is watched from now on
        changed = before.changed(after)
        if lost := [place for place in changed if not place.startswith(f"what {STATE}")]:
            raise TraceError(
                f"compile: {self._name} changes {lost[0]}, which a compiled call would not do; return what "
                f"is to be kept, and change it outside"
            )
        return not changed and before.fingerprint == after.fingerprint

    def _check_same(self, before: Any, later: Any) -> None:
        for one, other in zip_longest(before, later, fillvalue=("the number of ops", None)):
            if one != other:
                raise TraceError(
                    f"compile: two calls of {self._name} did not compute the same: {other[0]} is another. It "
                    f"uses something that changes from call to call and cannot be watched (np.random, the "
                    f"time, a counter, .data); pass it in as an argument"
                )


def flattened(args: Any, kwargs: Any) -> Any:
    """The arrays among the arguments, a key of all, and the objects in it; None where f itself has to run: a
    gradient is asked for, or an argument is an array or a dictionary of another kind."""
    arrays: list[Any] = []
    objects: list[Any] = []

    def leaf(x: Any) -> Any:
        if isinstance(x, Tensor):
            if x.requires_grad:
                raise _Unfit
            arrays.append(x._data)
            return "tensor", x.shape, x._data.strides, x.dtype
        if isinstance(x, np.ndarray):
            if type(x) is not np.ndarray or x.dtype.kind not in "fiub":
                raise _Unfit
            arrays.append(x)
            return x.shape, x.strides, x.dtype
        parts = (x.start, x.stop, x.step) if isinstance(x, slice) else (x,)
        if all(isinstance(part, PLAIN) for part in parts):
            return type(x), repr(x)
        objects.append(x)
        return _Same(x)

    try:
        if not all(map(of_plain_dicts, (args, kwargs))):
            raise _Unfit
        return arrays, tuple(hashable(tree_map(leaf, part)) for part in (args, kwargs)), objects
    except _Unfit:
        return None, None, None


def of_plain_dicts(tree: Any) -> bool:
    """Is no dictionary in a tree of a class of its own, such as OrderedDict?"""
    if isinstance(tree, dict):
        return type(tree) is dict and all(map(of_plain_dicts, tree.values()))
    return not isinstance(tree, list | tuple) or all(map(of_plain_dicts, tree))


class _Unfit(Exception):
    """Arguments with which f itself has to run."""


class _Same:
    """An object in a key: equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing


def hashable(tree: Any) -> Any:
    """A tree as something that can be a key."""
    if isinstance(tree, dict):
        return "dict", tuple((key, hashable(value)) for key, value in tree.items())
    if isinstance(tree, list):
        return "list", tuple(map(hashable, tree))
    return (type(tree), *map(hashable, tree)) if isinstance(tree, tuple) else tree
