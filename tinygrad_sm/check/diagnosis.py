"""diagnose: what a look at all values and gradients of one graph says about why a model does not learn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import numpy as np

from ..backprop import walk, within
from ..tensor import Tensor
from ..transforms import tree_map
from .gradients import continuous, order

__all__ = ["Diagnosis", "Finding", "diagnose"]

SATURATED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}  # and the values between which they are caught
TOO_CLOSE = 0.01  # of the way from one to the other: the slope is 4 % of the steepest, or less
RELUS = ("relu", "maximum")
RATIO = 1e-4  # of the smallest gradient to the largest: beyond it one learning rate cannot serve both


class Finding(NamedTuple):
    """One thing that looks wrong: its kind in a word or two, and what it is, what follows and what helps."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class Diagnosis:
    """What diagnose found; print it, or go through its findings."""

    summary: str
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        found = self.findings or ["nothing looks wrong"]
        return "\n".join([self.summary, *(f"- {finding}" for finding in found)])


class _Graph(NamedTuple):
    """A graph with every gradient."""

    loss: Tensor
    made: list[Tensor]  # in forward order
    leaves: list[Tensor]
    gradients: dict[Tensor, Any]
    parameters: list[Tensor]  # of the model, whether the loss depends on them or not


def diagnose(loss: Any, *inputs: Any, parameters: Iterable[Tensor] = ()) -> Diagnosis:
    """Look through one graph for what mostly keeps a model from learning.

    loss        a Tensor with its graph, or a function, which is called with the inputs
    parameters  those that are to be trained, such as model.parameters(): those that get no gradient are named

    It looks for numbers that are not finite, units of relu that are 0 for the whole batch, saturated sigmoid
    and tanh, gradients that vanish, explode or never arrive, probabilities where logits belong, and float64
    in a float32 model. It makes a backward pass of its own and leaves every .grad as it is. One batch is a
    sample, so a finding is a reason to look, not a proof.

    Raises GradientError if the loss is no scalar or has no graph.

    >>> x = Tensor([[20.0, -30.0]], requires_grad=True, name="x")
    >>> print(diagnose(np.tanh(x).sum()))
    2 ops, 1 leaf, loss 0
    - saturated: 2 of 2 entries of tanh are within 1% of its limits, where its slope is nearly 0; ...
    """
    if not isinstance(loss, Tensor):
        with within(recording=True):
            loss = loss(*tree_map(_variable, list(inputs)))
    graph = _read(loss, list(parameters))
    counts = f"{_count(len(graph.made), 'op')}, {_count(len(graph.leaves), 'leaf', 'leaves')}"
    looks = (_not_finite, _softmaxed, _dead, _saturated, _uneven, _exploding, _left_out, _wide)
    findings = tuple(Finding(*found) for look in looks for found in look(graph))
    return Diagnosis(f"{counts}, loss {loss.item():.6g}", findings)


def _variable(x: Any) -> Any:
    return Tensor(x, requires_grad=True) if continuous(x) and not getattr(x, "requires_grad", False) else x


def _read(loss: Tensor, parameters: list[Tensor]) -> _Graph:
    seed = loss._seed(None, False)
    made = order(loss)[::-1]
    every = {x._number for t in made for x in (t, *(x for _, x in t.node.edges))}  # type: ignore[union-attr]
    with np.errstate(all="ignore"):
        gradients = walk(loss, seed, keep=every) if made else {loss: seed}
    leaves = [t for t in gradients if t.node is None]
    return _Graph(loss, made, leaves, gradients, parameters or leaves)


# ---- what it looks for ----

Found = Iterable[tuple[str, str]]


def _not_finite(graph: _Graph) -> Found:
    """Only the first: the others follow from it."""
    for t in (*graph.leaves, *graph.made):
        if not np.isfinite(t.data).all():
            yield "not finite", f"{_name(t)} holds {_share(~np.isfinite(t.data))} inf or nan; {SEE}"
            return
    for t in (*reversed(graph.made), *graph.leaves):
        if t in graph.gradients and not np.isfinite(graph.gradients[t]).all():
            yield "not finite", f"the gradient of {_name(t)} holds inf or nan, but its value does not; {SEE}"
            return


SEE = "run the step within tg.detect_anomaly() to see its line and the cure"


def _softmaxed(graph: _Graph) -> Found:
    """Logits that are probabilities already."""
    for t in graph.made:
        name = t.node.primitive.name if t.node else ""
        if name not in ("SoftmaxCrossEntropy", "softmax", "log_softmax") or t.node is None:
            continue
        z, axis = np.asarray(t.node.inputs[0].data), t.node.attrs.get("axis", -1)
        if z.shape[axis] > 1 and (z >= 0).all() and np.allclose(z.sum(axis), 1, atol=1e-3):
            yield "softmax twice", (
                f"what {_name(t)} takes for logits are probabilities already (each row sums to 1); it "
                f"applies "
                f"softmax itself, so the gradients become small and the loss cannot reach 0: take the "
                f"softmax out"
            )


def _dead(graph: _Graph) -> Found:
    for t in graph.made:
        node = t.node
        if node is None or node.primitive.name not in RELUS or t.ndim < 2 or t.size == t.shape[-1]:
            continue
        if node.primitive.name == "maximum" and not any(np.all(_data(x) == 0) for x in node.inputs):
            continue
        dead = (t.data <= 0).all(tuple(range(t.ndim - 1)))
        if dead.any():
            yield "dead relu", (
                f"{_share(dead)} units of {_name(t)} are 0 for all {t.size // t.shape[-1]} rows, so no "
                f"gradient "
                f"passes them; a smaller learning rate, He initialisation or leaky_relu keep units alive"
            )


def _saturated(graph: _Graph) -> Found:
    for t in graph.made:
        if t.node is None or t.node.primitive.name not in SATURATED:
            continue
        low, high = SATURATED[t.node.primitive.name]
        margin = TOO_CLOSE * (high - low)
        caught = (t.data < low + margin) | (t.data > high - margin)
        if caught.mean() > 0.5:
            yield "saturated", (
                f"{_share(caught)} entries of {_name(t)} are within 1% of its limits, where its slope is "
                f"nearly 0; "
                f"smaller initial weights, standardised inputs or a smaller learning rate help"
            )


def _uneven(graph: _Graph) -> Found:
    """Gradients that vanish on their way to the first layers, or grow."""
    sizes = {t: _rms(graph.gradients[t]) for t in graph.leaves}
    sizes = {t: size for t, size in sizes.items() if 0 < size < inf}
    if len(sizes) < 2:
        return
    small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[small] < RATIO * sizes[large]:
        yield "vanishing gradient", (
            f"the gradient of {_name(small)} is {sizes[small]:.1e} (root mean square), that of "
            f"{_name(large)} "
            f"{sizes[large]:.1e}: one learning rate does not fit both; relu, normalisation, residual "
            f"connections or "
            f"inputs of one scale even them out"
        )


def _exploding(graph: _Graph) -> Found:
    weight = sum(float(np.square(t.data, dtype=np.float64).sum()) for t in graph.leaves) ** 0.5
    slope = sum(float(np.square(graph.gradients[t], dtype=np.float64).sum()) for t in graph.leaves) ** 0.5
    if weight and 100 * weight < slope < inf:
        yield "exploding gradient", (
            f"the whole gradient is {slope / weight:.0f} times as long as all that it belongs to: a step of "
            f"0.01 times it "
            f"would overwrite everything; standardise the inputs, use smaller initial weights, or "
            f"optim.clip_grad_norm_"
        )


def _left_out(graph: _Graph) -> Found:
    for i, p in enumerate(graph.parameters):
        name = f"parameter {i} ({_name(p)})"
        if not p.requires_grad:
            yield "no gradient", f"{name} is frozen: it does not require grad"
        elif p not in graph.gradients:
            yield "no gradient", (
                f"the loss does not depend on {name}: it is not used, or detach(), .data, no_grad or an "
                f"integer "
                f"lies between"
            )
        elif not np.any(graph.gradients[p]):
            yield "no gradient", f"the gradient of {name} is 0 everywhere: it will not change"


def _wide(graph: _Graph) -> Found:
    if not any(p.dtype == np.float32 for p in graph.parameters):
        return
    for t in graph.made:
        if t.dtype == np.float64 and t.node is not None:
            source = next((x for x in t.node.inputs if getattr(x, "dtype", None) == np.float64), None)
            what = "" if source is None else f" from an input of shape {np.shape(source)}"
            yield "float64", (
                f"{_name(t)} brings float64{what} into a float32 model, and all that follows is computed in "
                f"it, "
                f"at half the speed; use .astype(np.float32)"
            )
            return


# ---- words ----


def _name(t: Tensor) -> str:
    if t.node is None:
        return f"{t.name!r}" if t.name else f"the leaf of shape {t.shape}"
    scope = f" in {'/'.join(t.node.scope)}" if t.node.scope else ""
    return f"{t.node.primitive.name}{scope}"


def _share(which: Any) -> str:
    return f"{np.count_nonzero(which)} of {which.size}"


def _count(n: int, what: str, many: str = "") -> str:
    return f"{n} {what if n == 1 else many or what + 's'}"


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _rms(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if x.size else 0.0
