"""detect_anomaly: the first value that is not finite, or was written to under the graph, and its line."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import sep
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from ..backprop import Node, Step, within
from ..errors import GradientError
from ..reference import rule_source
from ..tensor import Tensor

__all__ = ["detect_anomaly"]

LIBRARIES = (f"{Path(__file__).parents[1]}{sep}", f"{Path(np.__file__).parent}{sep}")  # not the user's lines
CURES = {
    "exp": "exp overflows above 709 (88 in float32): subtract the largest entry first, or use tg.softmax, "
    "tg.logsumexp or tg.softmax_cross_entropy",
    "log": "log wants numbers above 0: use tg.log_softmax or tg.softmax_cross_entropy for probabilities, "
    "or keep the input above 0 with np.maximum(x, 1e-12)",
    "divide": "there is a 0 below the line: put np.where(b == 0, 1, b) there, or add a small number",
    "sqrt": "sqrt wants numbers from 0 on, and its slope is infinite at 0: take np.sqrt(x + 1e-12)",
    "power": "a negative base has no real power, and at 0 a power below 1 has an infinite slope: keep the "
    "base above 0",
    "arcsin": "the slope is infinite at -1 and 1, and beyond there is no value: take "
    "np.clip(x, -1 + 1e-7, 1 - 1e-7)",
}
CURES["log2"] = CURES["log10"] = CURES["log"]
CURES["arccos"] = CURES["arctanh"] = CURES["arcsin"]
CURES["exp2"] = CURES["sinh"] = CURES["cosh"] = CURES["expm1"] = CURES["exp"]
USUAL = "numbers grow without end: a smaller learning rate, standardised inputs, clipped gradients"
UNSEEN = (
    "0 times an infinite slope has no value: where np.where leaves an entry out, put a safe number there "
    "before the op, too"
)
GIVEN = "look where that comes from: your data, or an op that needed no gradient and so was not watched"
FIRST = "the first value that is not finite"
WRITTEN = (
    "The rule would read the new numbers. Make a new array instead of writing into the old one (x = x + 1, "
    "not x += 1 on an ndarray), or write after backward()"
)


class Made(NamedTuple):
    """Where a tensor was made, and what its arrays were then."""

    line: str
    sums: tuple[int, ...]


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within it, the first value that is not finite raises an error that tells where it was born, and why.

    Watched are the tensors that are recorded and every step of a backward pass. An infinity that an input
    already held is passed on (masks are made so); a NaN is not. An array that was written to between forward
    and backward is found too. It holds for the current thread only, costs nothing outside, and NumPy's
    warnings rest within, because the error says more.

    Raises GradientError.

    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     y = np.log(x)
    Traceback (most recent call last):
        ...
    tinygrad_sm.errors.GradientError: detect_anomaly: log made -inf at [0], the first value that is not finite
    ...
    """
    with np.errstate(all="ignore"), within(watcher=_Watcher()):
        yield


class _Watcher:
    """What happened to every tensor since detect_anomaly() began, by its number."""

    tracing = False

    def __init__(self) -> None:
        self.known: dict[int, Made] = {}

    def made(self, tensor: Any, *_: Any) -> None:
        """Look at a new tensor, and remember where it was made and of what."""
        if not isinstance(tensor, Tensor) or (node := tensor.node) is None:
            return
        y = tensor.data
        line = _line()
        self.known[tensor._number] = Made(line, _sums(tensor, node))
        if np.isfinite(y).all():
            return
        passed_on = y.ndim > 0 and not np.isnan(y).any() and any(np.isinf(x).any() for x in _read(node))
        if not passed_on:
            new = all(np.isfinite(x).all() for x in _read(node))
            what = f"made {_first(y)}, {FIRST}" if new else f"passed on {_first(y)}, which it was given"
            raise GradientError(
                f"detect_anomaly: {node.primitive.name} {what}\n{line}\n{_inputs(node)}\n"
                f"The usual cure: {_cure(tensor, node)}"
            )

    def edges(self, node: Node) -> Any:
        return node.edges

    def out(self, y: Any, _: Any) -> Any:
        return y

    def update(self, *_: Any) -> None:
        pass

    def stepped(self, *_: Any) -> None:
        pass

    def passed(self, step: Step) -> None:
        """Look at what a rule sent back, and whether the arrays that it read are what they were."""
        node = step.tensor.node
        assert node is not None
        name, made = node.primitive.name, self.known.get(step.tensor._number)
        line = made.line if made else "  it was made before detect_anomaly() began: its line is not known"
        if made and made.sums != (now := _sums(step.tensor, node)):
            changed = next(i for i, (a, b) in enumerate(zip(made.sums, now, strict=True)) if a != b)
            names = [*_names(node), "its output"]
            raise GradientError(
                f"detect_anomaly: {names[changed]}, which {name}'s rule reads, was written to between "
                f"forward "
                f"and backward\n{line}\n{WRITTEN}"
            )
        g, part, total = map(_plain, (step.incoming, step.contribution, step.accumulated))
        if np.isfinite(part).all() and np.isfinite(total).all():
            return
        if not np.isfinite(g).all():
            raise GradientError(
                f"detect_anomaly: the gradient that came into {name} already was {_first(g)}: backward() was "
                f"given it, or a hook returned it\n{line}"
            )
        place = next(i for i, x in enumerate(node.inputs) if x is step.input)
        said, rule, cure = f"{name}'s rule for its input {_names(node)[place]}", "", _cure(step.input, node)
        if np.isfinite(part).all():
            said, bad = f"what comes back to {_names(node)[place]}, an input of {name}, adds up to", total
        else:
            source = rule_source(node.primitive.rules[0 if node.primitive.variadic else place])
            said, bad, rule = f"{said} made", part, f"\n  the rule: {source}" if "\n" not in source else ""
            if g.shape == part.shape and (g[np.isnan(part)] == 0).any():
                cure = UNSEEN
        raise GradientError(
            f"detect_anomaly: on the way back, {said} {_first(bad)}, {FIRST}\n{line}\n{_inputs(node)}{rule}\n"
            f"The usual cure: {cure}"
        )


# ---- what the error says ----


def _line() -> str:
    """The line of the user's code that is running: file, number and text."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(LIBRARIES):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    return f"  {file}:{number}: {linecache.getline(file, number, frame.f_globals).strip()}"


def _read(node: Node) -> list[Any]:
    """The arrays that a node was given."""
    given = node.values[node.primitive.saves :]
    return [np.empty(0) if x is None else np.asarray(x) for x in given]


def _names(node: Node) -> list[str]:
    """What messages call the inputs of a node."""
    op = node.primitive
    names = [f"{op.inputs[0]}[{i}]" for i in range(len(node.inputs))] if op.variadic else list(op.inputs)
    given = [getattr(x, "name", None) for x in node.inputs]
    return [f"{name} ({own!r})" if own else name for name, own in zip(names, given, strict=True)]


def _inputs(node: Node) -> str:
    """The inputs of a node with their ranges, and what already was not finite in them."""
    lines = []
    for name, x in zip(_names(node), _read(node), strict=True):
        if not x.size:
            continue
        finite = x[np.isfinite(x)] if x.dtype.kind == "f" else x.ravel()
        span = f"from {finite.min():.6g} to {finite.max():.6g}" if finite.size else "without a finite entry"
        already = f"; it already held {_first(x)}" if finite.size < x.size else ""
        lines.append(f"  {name}: {x.dtype} {x.shape} {span}{already}")
    return "\n".join(lines)


def _first(y: Any) -> str:
    """The first entry that is not finite, and where."""
    at = np.argwhere(~np.isfinite(y))[0]
    return f"{y[tuple(at)]}" + (f" at {[int(i) for i in at]}" if len(at) else "")


def _cure(source: Tensor, node: Node) -> str:
    """What mostly helps."""
    name = node.primitive.name
    if not all(np.isfinite(x).all() for x in _read(node)):
        return GIVEN
    if name.startswith("log"):
        below = source if source.node is not node else next(x for x in node.inputs if isinstance(x, Tensor))
        if (logit := _underflowed(below)) is not None:
            return (
                f"{name} meets a 0, because exp underflowed at logit {logit:.6g}: use "
                f"tg.softmax_cross_entropy (or tg.log_softmax)"
            )
    return CURES.get(name, USUAL)


def _underflowed(t: Tensor) -> float | None:
    """The logit, on the way to a tensor, at which exp gave 0."""
    while t.node is not None and t.node.edges:
        if t.node.primitive.name in ("exp", "softmax", "sigmoid"):
            logits = np.broadcast_to(_read(t.node)[0], t.shape)[t.data == 0]
            return float(logits.min()) if logits.size else None
        t = t.node.edges[0][1]
    return None


def _sums(tensor: Tensor, node: Node) -> tuple[int, ...]:
    """A checksum of each array that a node's rules read."""
    return tuple(crc32(np.ascontiguousarray(x).data) for x in (*_read(node), tensor.data))


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else np.asarray(x)
