"""check_grads: the derivatives of a function against differences of its values, and the op to blame."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import isfinite, log2
from typing import Any, NamedTuple

import numpy as np

from ..backprop import Node, Step, no_grad, walk, within
from ..errors import GradientCheckError, TinygradError, UnsupportedError
from ..reference import rule_source
from ..tensor import Tensor
from ..transforms import tree_leaves, tree_map, vjp
from .differences import Verdict, judge

__all__ = ["GradientCheck", "check_grads"]

ENTRIES = 100  # of an input with more, this many are drawn and compared
Flat = Callable[..., list[Any]]  # a function of arrays to a list of arrays


@dataclass(frozen=True)
class GradientCheck:
    """What check_grads found right.

    order    up to which order; less than asked for where the gradient itself has an infinite slope
    entries  how many derivatives were compared
    skipped  how many were not, because an input has many entries
    error    the largest relative error
    kinks    the places that have no derivative, where the one given is as good as any
    """

    order: int
    entries: int
    skipped: int
    error: float
    kinks: tuple[str, ...]

    def __str__(self) -> str:
        what = "gradient is" if self.order == 1 else f"derivatives of orders 1 to {self.order} are"
        lines = [f"the {what} right: {self.entries} compared, largest relative error {self.error:.1e}"]
        if self.skipped:
            lines.append(f"{self.skipped} more of large inputs were not compared ({ENTRIES} drawn of each)")
        if self.kinks:
            lines.append(f"no derivative, so none was compared, at the kinks {', '.join(self.kinks[:5])}")
            lines[-1] += f" and {len(self.kinks) - 5} more" if len(self.kinks) > 5 else ""
        return "\n".join(lines)


class Mistake(NamedTuple):
    """A derivative that is wrong."""

    order: int
    place: int  # of the input
    at: tuple[int, ...]  # of its entry
    got: float
    expected: float
    wrong: int  # how many entries of this input are
    compared: int  # of how many


class Comparison(NamedTuple):
    """What came out of comparing all orders; of a mistake, up to it."""

    mistake: Mistake | None
    order: int
    verdicts: list[Verdict]
    skipped: int
    kinks: list[tuple[int, tuple[int, ...]]]


def check_grads(f: Callable[..., Any], *inputs: Any, order: int = 2) -> GradientCheck:
    r"""Compare the derivatives of f with central differences of its values, (L(x + h) - L(x - h)) / 2h.

    inputs  what f is called with: numbers, arrays, Tensors, and tuples, lists and dicts of them. Integers,
            bools, text and None are held constant
    order   up to which order: the second is the derivative of the gradient, and compared with differences of
            the gradient

    L is the sum of f's results times fixed weights. Lower precision than float64 is compared with differences
    in float64. Where f has no derivative (relu at 0), one between the slopes from both sides is no mistake.

    Raises GradientCheckError, which names the input, the index, what came out and what was expected, and the
    first op on the way back whose rule is wrong; UnsupportedError where there is nothing to compare.

    >>> print(check_grads(np.tanh, np.array([0.5, -1.0]), order=1))
    the gradient is right: 2 compared, largest relative error ...
    """
    if order < 1:
        raise UnsupportedError(f"check_grads: order must be 1 or more, not {order}")
    given = tree_leaves(list(inputs))
    places = [i for i, x in enumerate(given) if continuous(x)]
    if not places:
        raise UnsupportedError(
            "check_grads: there is nothing to differentiate by: integers, bools and text are held constant; "
            "give at least one float, such as 3.0 or np.array([1.0, 2.0])"
        )
    names = [name for name, x in zip(_names(f, inputs), given, strict=True) if continuous(x)]

    def flat(*xs: Any) -> list[Any]:
        now = dict(zip(places, xs, strict=True))
        rest = iter([now.get(i, x) for i, x in enumerate(given)])
        return [y for y in tree_leaves(f(*tree_map(lambda _: next(rest), list(inputs)))) if continuous(y)]

    xs = [_array(given[i]) for i in places]
    found = compare(flat, xs, order, ENTRIES)
    if found.mistake:
        name = names[found.mistake.place]
        raise GradientCheckError(_described(found.mistake, name) + _blamed(flat, xs, order))
    kinks = dict.fromkeys(names[place] + (f" {list(at)}" if at else "") for place, at in found.kinks)
    compared = len(found.verdicts) - len(found.kinks)
    error = max((v.error for v in found.verdicts), default=0.0)
    return GradientCheck(found.order, compared, found.skipped, error, tuple(kinks))


def continuous(x: Any) -> bool:
    """Is it a real number or an array of them?"""
    return isinstance(x, float) or getattr(getattr(x, "dtype", None), "kind", "") == "f"


# ---- derivatives against differences ----


def compare(f: Flat, xs: list[Any], highest: int, most: int) -> Comparison:
    """Compare the derivatives of f at xs, order by order, until one is wrong: `most` entries of an input."""
    rng = np.random.default_rng(0)
    verdicts: list[Verdict] = []
    kinks: list[tuple[int, tuple[int, ...]]] = []
    skipped = 0
    for level in range(1, highest + 1):
        value = Weighted(f, xs, rng)
        for place, (x, gradient) in enumerate(zip(xs, value.gradients, strict=True)):
            chosen = sorted(rng.choice(x.size, min(most, x.size), replace=False))
            skipped += x.size - len(chosen)
            wrong = []
            for k in chosen:
                got, at = float(gradient.flat[k]), tuple(int(i) for i in np.unravel_index(k, x.shape))
                verdict = value.judge(place, at, got)
                verdicts.append(verdict)
                if verdict.kind == "kink":
                    kinks.append((place, at))
                elif verdict.kind == "wrong":
                    wrong.append(Mistake(level, place, at, got, verdict.expected, 0, len(chosen)))
            if wrong:
                return Comparison(wrong[0]._replace(wrong=len(wrong)), level, verdicts, skipped, kinks)
        if not all(np.isfinite(g).all() for g in value.gradients):
            break  # an infinite slope has no derivative to compare
        f = value.gradient
    return Comparison(None, level, verdicts, skipped, kinks)


class Weighted:
    """L, the sum of f's results times weights: its gradient, and its value as one entry changes.

    gradients   dL/dx for each of the inputs
    magnitudes  of each, the largest part that went into it, before they cancelled: it may be off by a few eps
                of that
    size        the largest sum of |dL/dv v| of all values v on the way: L may be off by a few eps of it
    """

    def __init__(self, f: Flat, xs: list[Any], rng: np.random.Generator) -> None:
        self.f, self.given = f, [x.dtype for x in xs]
        self.xs = [np.array(x, np.float64) for x in xs]
        values = self._values()
        _checked(values, self._values())
        self.eps = max(float(np.finfo(y.dtype).eps) for y in values)
        self.weights = [rng.choice(np.arange(-15, 16, 2), y.shape) / 8 for y in values]  # exact in any dtype
        with np.errstate(all="ignore"):
            self.gradients = [np.asarray(g.numpy(), np.float64) for g in self.gradient(*map(Tensor, xs))]
        self._measure(xs, sum(float(np.abs(u * y).sum()) for u, y in zip(self.weights, values, strict=True)))

    def gradient(self, *xs: Any) -> list[Any]:
        """dL/dxs, which can be differentiated again."""
        return list(vjp(self.f, *xs)[1](self.weights))

    def _values(self) -> list[Any]:
        with no_grad(), np.errstate(all="ignore"):
            return [_array(y) for y in self.f(*map(Tensor, self.xs))]

    def _measure(self, xs: list[Any], size: float) -> None:
        total, variables = recorded(self.f, xs, self.weights)
        steps: list[Step] = []
        with np.errstate(all="ignore"):
            if total.node is not None:
                walk(total, np.ones_like(total.data), since=variables[0]._number, steps=steps)
            products = [float(np.abs(step.contribution * step.input.data).sum()) for step in steps]
        self.size = max(filter(isfinite, [size, *products]))
        parts: dict[Tensor, float] = {}
        for step in steps:
            incoming, contribution = _largest(step.incoming), _largest(step.contribution)
            lost = max(parts.get(step.tensor, 0.0) / incoming, 1.0) if incoming else 1.0  # by cancellation
            parts[step.input] = max(parts.get(step.input, 0.0), contribution * lost)
        self.magnitudes = [parts.get(v, 0.0) for v in variables]

    def judge(self, place: int, index: tuple[int, ...], got: float) -> Verdict:
        """Compare the derivative by one entry with differences."""
        x, eps = self.xs[place], float(np.finfo(self.given[place]).eps)
        at = float(x[index])
        usual = float(np.abs(x).mean()) or 1.0
        scale = 2.0 ** round(log2(max(abs(at), usual)))

        def along(t: float) -> float:
            x[index] = at + t
            values = self._values()
            x[index] = at
            return sum(float((u * y).sum()) for u, y in zip(self.weights, values, strict=True))

        noise, floor = self.eps * self.size, 64 * eps * self.magnitudes[place]
        return judge(along, got, scale * 2.0**-13, noise, eps**0.375, floor)


def recorded(f: Flat, xs: Sequence[Any], weights: Iterable[Any]) -> tuple[Tensor, list[Tensor]]:
    """The sum of f's results times weights with its graph, and the variables that it is a function of."""
    variables = [Tensor(x, requires_grad=True) for x in xs]
    with within(recording=True), np.errstate(all="ignore"):
        results = [(y, u) for y, u in zip(f(*variables), weights, strict=False) if isinstance(y, Tensor)]
        sums = [(y * np.asarray(u, y.dtype)).sum() for y, u in results if y.requires_grad]
        return (sum(sums[1:], sums[0]) if sums else Tensor(0.0)), variables


def _checked(values: list[Any], again: list[Any]) -> None:
    """Raise unless a function gave something that can be compared: finite floats, and the same ones again."""
    if not values:
        raise UnsupportedError("check_grads: the function returned nothing that has a derivative, no float")
    if not all(map(np.array_equal, values, again)) and all(np.isfinite(y).all() for y in again):
        raise UnsupportedError(
            "check_grads: the function gave two results for the same inputs; set the random seed inside of "
            "it, or switch dropout off (model.eval())"
        )
    if not all(np.isfinite(y).all() for y in values):
        raise GradientCheckError(
            "check_grads: the function's result is not finite at these inputs, so there is nothing to "
            "compare; within tg.detect_anomaly() an error says where that begins"
        )


# ---- what the error says ----


def _described(m: Mistake, name: str) -> str:
    what = "gradient" if m.order == 1 else f"derivative of order {m.order}"
    at = f" at {list(m.at)}" if m.at else ""
    some = f" ({m.wrong} of the {m.compared} entries compared are wrong)" if m.compared > 1 else ""
    numbers = f"got {m.got:.9g}, expected {m.expected:.9g}"
    return f"check_grads: the {what} by {name} is wrong{at}: {numbers}{some}"


def order(root: Tensor, since: int = 0) -> list[Tensor]:
    """Every computed tensor under root (and root), each after all that used it: the order of a backward pass.

    Tensors with a number below `since` are left out.
    """
    found = {} if root.node is None else {root._number: root}
    reached = list(found.values())
    for t in reached:  # which grows on the way
        for _, x in t.node.edges:  # type: ignore[union-attr]
            if x.node is not None and x._number not in found and x._number >= since:
                found[x._number] = x
                reached.append(x)
    return [found[number] for number in sorted(found, reverse=True)]


def _blamed(f: Flat, xs: Sequence[Any], highest: int) -> str:
    """The first op on the way back whose own rule is wrong, in words."""
    total, variables = recorded(f, xs, repeat(1.0))
    for t in order(total, since=variables[0]._number):
        if t.node is not None and (blame := _wrong_rule(t.node, highest)):
            return blame
    return (
        "\nEach op's rule is right by itself, so the gradient is cut off or changed between ops: look for "
        "detach(), stop_gradient, numpy(), .data, float(), no_grad or a hook"
    )


def _wrong_rule(node: Node, highest: int) -> str:
    """What is wrong with the rules of a node at the values that it met; nothing if they are right."""
    op, inputs = node.primitive, list(node.inputs)
    at = [i for i, x in enumerate(inputs) if any(x is source for _, source in node.edges)]
    values = [x.data if isinstance(x, Tensor) else x for x in inputs]

    def alone(*xs: Any) -> list[Any]:
        now = dict(zip(at, xs, strict=True))
        return [op(*[now.get(i, x) for i, x in enumerate(values)], **node.attrs)]

    try:
        m = compare(alone, [values[i] for i in at], highest, 20).mistake
    except TinygradError:
        return ""  # it cannot be asked by itself, such as a loss by its targets
    if m is None:
        return ""
    i = at[m.place]
    name = op.inputs[0 if op.variadic else i]
    source = rule_source(op.rules[0 if op.variadic else i]).replace("\n", "\n    ")
    told = (
        "\nThe rule gives the right numbers, but not on Tensors, where it is differentiated itself: it must "
        "be made of NumPy functions of its arguments"
    )
    where = f" in scope {'/'.join(node.scope)}" if node.scope else ""
    return (
        f"\nThe first op on the way back whose rule is wrong is {op.name}{where}, by its input {name}:\n"
        f"    {source}\n"
        f"asked by itself at {name} = {np.asarray(values[i])[m.at]:.6g}, it gave {m.got:.9g}, "
        f"expected {m.expected:.9g}{told if m.order > 1 else ''}"
    )


def _names(f: Callable[..., Any], inputs: Sequence[Any]) -> Iterator[str]:
    """What messages call each leaf of the inputs."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # NumPy's functions have none
        parameters = []
    for i, x in enumerate(inputs):
        named = i < len(parameters) and parameters[i].kind is not inspect.Parameter.VAR_POSITIONAL
        yield from _paths(x, f"input {i}" + (f" ({parameters[i].name})" if named else ""))


def _paths(tree: Any, path: str) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _paths(value, f"{path}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for i, value in enumerate(tree):
            yield from _paths(value, f"{path}[{i}]")
    elif tree is not None:
        yield path


def _largest(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0, where=np.isfinite(x)))


def _array(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else np.array(x)
