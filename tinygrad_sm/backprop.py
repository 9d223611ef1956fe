"""The graph behind a tensor, and the one walk back through it.

A Tensor points to the Node that made it, a Node to its inputs, and nothing points forward: there are no
cycles, and a loss that is dropped frees its graph at once. Every tensor has a number that grows with time, so
that the numbers are a topological order of every graph: the backward pass goes from the youngest to the
oldest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush, heappushpop
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from .errors import GradientError
from .primitive import PRIMITIVES, Differentiable, Primitive, Rule, sum_to

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["Node", "no_grad", "scope"]


class Watcher(Protocol):
    """Who is told of every tensor that an op makes and of every edge of a backward pass.

    One that traces is given every backward pass on Tensors, and says which rules it goes by.
    """

    tracing: bool

    def made(self, tensor: Any, primitive: Primitive, inputs: Sequence[Any], attrs: Any) -> None: ...
    def passed(self, step: Step) -> None: ...
    def edges(self, node: Node) -> Sequence[tuple[Rule, Tensor]]: ...
    def update(self, array: Any, tensor: Tensor) -> None: ...
    def out(self, y: Any, arguments: Sequence[Any]) -> Any: ...
    def stepped(self, optimizer: Any, group: Any, p: Tensor, state: Any, arrays: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Mode:
    """What holds for the current thread or context: is the graph recorded, under which names, who watches."""

    recording: bool = True
    scope: tuple[str, ...] = ()
    watcher: Watcher | None = None


mode: ContextVar[Mode] = ContextVar("tinygrad_sm", default=Mode())  # noqa: B039 (it is frozen)
current_mode, set_mode, reset_mode = mode.get, mode.set, mode.reset
now = itertools.count(1).__next__


def tracing() -> bool:
    """Is what happens recorded as a program?"""
    return (watcher := current_mode().watcher) is not None and watcher.tracing


@contextmanager
def within(**changes: Any) -> Iterator[None]:
    token = set_mode(replace(current_mode(), **changes))
    try:
        yield
    finally:
        reset_mode(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Within it (or in a function that it decorates) nothing is recorded; it holds for the current thread
    only.

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    with within(recording=False):
        yield


@contextmanager
def scope(name: str) -> Iterator[None]:
    """What is computed within it stands under this name in graphs; scopes nest.

    >>> import tinygrad_sm as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> with tg.scope("square"):
    ...     y = x * x
    >>> y.node.scope
    ('square',)
    """
    with within(scope=(*current_mode().scope, str(name))):
        yield


class Node(NamedTuple):
    """How a tensor was made, as it is when asked for: before, the tensor holds a bare tuple.

    primitive  which op
    inputs     what it was applied to: Tensors, or plain arrays and numbers
    values     their arrays at that moment (for a fused op after what it saved): what its rules read
    edges      for each input that requires grad: its rule and the Tensor
    attrs      with which attributes
    scope      the names of the scopes around it
    seed       dL/dtensor that backward() started from here, None before
    """

    primitive: Primitive
    inputs: Sequence[Any]
    values: tuple[Any, ...]
    edges: Sequence[tuple[Rule, Tensor]]
    attrs: dict[str, Any]
    scope: tuple[str, ...]
    seed: Any = None
    __eq__, __ne__, __hash__ = object.__eq__, object.__ne__, object.__hash__  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<Node {self.primitive.name}>"


class Step(NamedTuple):
    """One edge of the backward pass: what `tensor` sends back to `input`, one of its inputs."""

    tensor: Tensor
    input: Tensor
    incoming: Any  # dL/dtensor
    contribution: Any  # what the rule makes of it
    accumulated: Any  # the sum of what `input` has got so far


def walk(
    root: Tensor, seed: Any, create_graph: bool = False, keep: Collection[int] | None = None, since: int = 0,
    steps: list[Step] | None = None,
) -> dict[Tensor, Any]:  # fmt: skip
    """The backward pass: given dL/droot, dL/dleaf of every leaf under root, which was computed.

    It runs on ndarrays, or on Tensors, and so is recorded, if create_graph. If `keep` is given, the result is
    for the tensors with these numbers, leaves or computed, and no other; tensors with a number below `since`
    are left out. Every edge is noted in `steps`, if given.
    """
    totals = {root: seed}
    heap: list[tuple[int, Tensor]] = []  # what waits; in a chain, nothing does
    asked: dict[Tensor, Any] = {}  # what is known of computed tensors, if somebody wants it
    watcher = current_mode().watcher
    notes = (() if steps is None else (steps.append,)) + (() if watcher is None else (watcher.passed,))
    unbroadcast = PRIMITIVES["sum_to"] if create_graph else sum_to
    t: Tensor | None = root
    while t is not None:
        g, number = totals.pop(t), t._number
        primitive, inputs, values, edges, attrs, _, _ = t._made
        if t._hooks is not None:
            g = hooked(t, g, create_graph)
            if keep is None:
                asked[t] = g if create_graph else np.array(g)  # others may hold it, too
        arguments = (g, t._data) + values  # noqa: RUF005 (it costs)
        if create_graph:
            edges, arguments = recorded_edges(t), (g, t, *inputs)
        if keep is not None or since:
            if keep is not None and number in keep:
                asked[t] = g if create_graph else np.array(g)
            edges = [(rule, x) for rule, x in edges if wanted(x, keep, since)]
        fits, following = primitive.fits, None
        for rule, x in edges:
            if x._number >= number:
                raise stale(x, primitive)
            part = rule(*arguments, **attrs) if attrs else rule(*arguments)
            try:
                if not fits and (part._data if create_graph else part).shape != x._data.shape:
                    part = unbroadcast(part, shape=x._data.shape)  # x was broadcast
            except (AttributeError, ValueError, TypeError):
                part = as_array(part, x, primitive, create_graph)
            if x in totals:
                totals[x] = totals[x] + part
            elif x._made is not None:
                totals[x] = part
                if following is not None:
                    heappush(heap, (-following._number, following))
                following = x
            elif part is g or (part._data if create_graph else part).base is not None:
                totals[x] = PRIMITIVES["copy"](part)  # a leaf's gradient shares no memory
            else:
                totals[x] = part
            if notes:
                for note in notes:
                    note(Step(t, x, g, part, totals[x]))
        t = following
        if heap:  # the youngest is next: all that used it have gone before
            t = heappop(heap)[1] if t is None else heappushpop(heap, (-t._number, t))[1]
    for x in totals:  # the leaves, which are all that is left
        if x._hooks is not None:
            totals[x] = hooked(x, totals[x], create_graph)
    return asked | totals if asked else totals


def wanted(x: Tensor, keep: Collection[int] | None, since: int) -> bool:
    """Does a pass that is for some tensors only go to x?"""
    return x._number >= since and (keep is None or x._made is not None or x._number in keep)


class Hook:
    """The handle of a hook; remove() takes it off its tensor."""

    def __init__(self, tensor: Tensor, hook: Callable[[Tensor], Any]) -> None:
        self.tensor, self.key = tensor, now()
        tensor._hooks = {**(tensor._hooks or {}), self.key: hook}

    def remove(self) -> None:
        """Take the hook off; once more does nothing."""
        (self.tensor._hooks or {}).pop(self.key, None)


def hooked(x: Tensor, g: Any, create_graph: bool) -> Any:
    """dL/dx as the hooks of x leave it: each sees it as a Tensor and may return another."""
    for hook in list((x._hooks or {}).values()):
        answer = hook(g if create_graph else type(x)(np.array(g)))  # others may hold the same array
        if answer is not None:
            if getattr(answer, "shape", None) != x.shape:
                raise GradientError(
                    f"backward: a hook on {x.label} returned {answer!r:.80}; it must return None or a "
                    f"gradient of shape {x.shape}"
                )
            g = type(x)(answer) if create_graph and not isinstance(answer, Differentiable) else answer
            g = g if create_graph else np.array(g)  # others may hold that, too
    return g


def recorded_edges(t: Tensor) -> Iterable[tuple[Rule, Tensor]]:
    """The edges behind a tensor for a pass on Tensors, where a fused op is its definition."""
    node: Node = t.node  # type: ignore[assignment]
    for x in node.inputs:
        if isinstance(x, Differentiable) and x._number > t._number:  # type: ignore[attr-defined]
            raise stale(x, node.primitive)
    if tracing() and not current_mode().recording:
        return current_mode().watcher.edges(node)  # type: ignore[union-attr]
    rules, definition = node.primitive.rules, node.primitive.definition
    if definition is None:
        return node.edges
    return [(partial(through, definition, rules.index(rule)), x) for rule, x in node.edges]


def through(definition: Rule, i: int, g: Tensor, y: Tensor, *inputs: Any, **attrs: Any) -> Any:
    """The rule of a fused op's input i on Tensors: the backward pass through its definition."""
    x = PRIMITIVES["copy"](inputs[i])
    y = definition(*inputs[:i], x, *inputs[i + 1 :], **attrs)
    return walk(y, g, True, keep=(x._number,), since=x._number)[x]


def as_array(part: Any, x: Tensor, primitive: Primitive, create_graph: bool) -> Any:
    """What a rule gave, as an array, or a Tensor if create_graph; or the error that says what is wrong."""
    array: Any = part if isinstance(part, Differentiable) else np.asarray(part)
    with suppress(ValueError, TypeError):
        if not isinstance(part, Differentiable) and array.dtype.kind in "fiub":
            return (type(x) if create_graph else np.asarray)(sum_to(array, x._data.shape))
    raise GradientError(
        f"backward: a rule of {primitive.name} gave shape {array.shape}, dtype {array.dtype}, for an "
        f"input of shape {x.shape}; a rule returns that shape, or one to which it was broadcast"
    ) from None


def stale(x: Any, primitive: Primitive) -> GradientError:
    """The error of a backward pass that would read data newer than the graph."""
    return GradientError(
        f"backward: the data of {x.label} was set or updated after {primitive.name} read it; call "
        f"backward() before the update, or compute the loss anew"
    )
