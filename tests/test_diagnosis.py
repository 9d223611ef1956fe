"""diagnose: each ailment is found where it is, and not where it is not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import nn
from tinygrad_sm.errors import GradientError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4))
LABELS = RNG.integers(0, 3, 32)


def leaf(data: Any, name: str | None = None) -> tg.Tensor:
    return tg.Tensor(data, requires_grad=True, name=name)


def kinds(found: tg.check.Diagnosis) -> list[str]:
    return [finding.kind for finding in found.findings]


def text(found: tg.check.Diagnosis, kind: str) -> str:
    (only,) = (finding.text for finding in found.findings if finding.kind == kind)
    return only


def layers(*sizes: int, scale: float = 0.5) -> list[tg.Tensor]:
    rng = np.random.default_rng(1)
    return [leaf(rng.normal(size=shape) * scale, f"W{i}") for i, shape in enumerate(pairwise(sizes))]


def test_a_healthy_model() -> None:
    model = nn.Sequential(nn.Linear(4, 16, rng=0), nn.ReLU(), nn.Linear(16, 3, rng=1))
    loss = tg.softmax_cross_entropy(model(X.astype(np.float32)), LABELS)
    found = tg.diagnose(loss, parameters=model.parameters())
    assert found.findings == ()
    assert str(found) == f"{found.summary}\n- nothing looks wrong"
    assert found.summary.startswith("4 ops, 4 leaves, loss ")
    assert all(p.grad is None for p in model.parameters())


def test_a_function_is_called_with_its_inputs() -> None:
    assert tg.diagnose(lambda p, n: (p["w"] ** n).sum(), {"w": X}, 2).summary.startswith("2 ops, 1 leaf")
    with tg.no_grad():
        assert tg.diagnose(lambda x: x * x, 3.0).summary == "1 op, 1 leaf, loss 9"


def test_dead_relus() -> None:
    (w,) = layers(4, 6)
    bias = leaf(np.array([0, -100.0, 0, 0, -100, 0]), "b")
    for relu in (tg.relu, lambda x: np.maximum(x, 0), lambda x: np.maximum(0.0, x)):
        found = tg.diagnose(relu(X @ w + bias).sum())
        assert "2 of 6 units of " in text(found, "dead relu")
        assert "are 0 for all 32 rows" in text(found, "dead relu")
    with tg.scope("hidden"):
        h = tg.relu(X @ w + bias)
    assert "of relu in hidden are 0" in text(tg.diagnose(h.sum()), "dead relu")
    assert kinds(tg.diagnose(tg.relu(X[:1] @ w + bias).sum())) == []  # one row proves nothing
    assert kinds(tg.diagnose(np.maximum(X @ w, -50.0 + 0 * X @ w).sum())) == []  # no relu


def test_saturation() -> None:
    (w,) = layers(4, 3)
    assert "of 96 entries of tanh are within 1%" in text(tg.diagnose(np.tanh(X @ w * 100).sum()), "saturated")
    assert "entries of sigmoid" in text(tg.diagnose(tg.sigmoid(X @ w * 100).sum()), "saturated")
    assert kinds(tg.diagnose(np.tanh(leaf([0.0, 1.0, 9.0])).sum())) == []  # one of three
    assert kinds(tg.diagnose(np.tanh(leaf([-9.0, 1.0, 9.0])).sum())) == ["saturated"]


def test_vanishing_gradients() -> None:
    h: Any = X
    for w in layers(4, *[8] * 9):
        h = tg.sigmoid(h @ w)
    says = text(tg.diagnose(h.sum()), "vanishing gradient")
    assert says.startswith("the gradient of 'W0' is ")
    assert ", that of 'W8' " in says
    assert "one learning rate does not fit both" in says


def test_exploding_gradients() -> None:
    h: Any = X * 100
    for w in layers(4, 8, 8, 8, scale=3):
        h = h @ w
    says = text(tg.diagnose((h * h).mean()), "exploding gradient")
    assert "times as long as all that it belongs to" in says


def test_softmax_before_softmax_cross_entropy() -> None:
    (w,) = layers(4, 3)
    z = X @ w
    for a in (tg.softmax(z), np.exp(z) / np.exp(z).sum(1, keepdims=True)):
        says = text(tg.diagnose(tg.softmax_cross_entropy(a, LABELS)), "softmax twice")
        assert "SoftmaxCrossEntropy takes for logits are probabilities already" in says
        assert kinds(tg.diagnose(tg.log_softmax(a)[0, 0])) == ["softmax twice"]
    assert kinds(tg.diagnose(tg.softmax_cross_entropy(z, LABELS))) == []
    assert kinds(tg.diagnose(tg.log_softmax(tg.softmax(z, axis=0), axis=1)[0, 0])) == []
    assert kinds(tg.diagnose(tg.log_softmax(tg.softmax(z, axis=0), axis=0)[0, 0])) == ["softmax twice"]
    assert kinds(tg.diagnose(tg.log_softmax(leaf([[2.0, -1.0, 0.0]]))[0, 0])) == []  # by chance


def test_parameters_without_gradient() -> None:
    used, unused, zero = leaf(2.0, "used"), leaf(np.ones(3), "unused"), leaf(1.0)
    frozen = tg.Tensor(1.0, name="ice")
    found = tg.diagnose(used * frozen + zero * 0.0, parameters=[used, unused, zero, frozen])
    texts = [finding.text for finding in found.findings]
    assert kinds(found) == ["no gradient"] * 3
    assert texts[0].startswith("the loss does not depend on parameter 1 ('unused')")
    assert texts[1].startswith("the gradient of parameter 2 (the leaf of shape ()) is 0 everywhere")
    assert texts[2] == "parameter 3 ('ice') is frozen: it does not require grad"


def test_float64_in_a_float32_model() -> None:
    w = leaf(np.ones((4, 3), np.float32))
    says = text(tg.diagnose((X @ w).sum()), "float64")
    assert says.startswith("matmul brings float64 from an input of shape (32, 4) into a float32 model")
    assert kinds(tg.diagnose((X.astype(np.float32) @ w * 2.0).sum())) == []
    assert kinds(tg.diagnose((X @ leaf(np.ones((4, 3)))).sum())) == []


def test_values_that_are_not_finite() -> None:
    with np.errstate(all="ignore"):
        says = text(tg.diagnose(np.log(leaf([0.0, 1.0])).sum()), "not finite")
        assert says.startswith("log holds 1 of 2 inf or nan; run the step within tg.detect_anomaly()")
        assert text(tg.diagnose(leaf([np.nan], "x").sum()), "not finite").startswith("'x' holds 1 of 1")
        says = text(tg.diagnose(np.sqrt(leaf([0.0, 1.0], "x")).sum()), "not finite")
        assert says.startswith("the gradient of 'x' holds inf or nan, but its value does not")


def test_what_is_no_loss() -> None:
    with pytest.raises(GradientError, match="3 entries, not one; reduce it first"):
        tg.diagnose(leaf(np.ones(3)) * 2)
    with pytest.raises(GradientError, match="does not require grad"):
        tg.diagnose(tg.Tensor(1.0))
    assert tg.diagnose(leaf(1.0)).summary == "0 ops, 1 leaf, loss 1"


def test_gradients_are_left_as_they_are() -> None:
    x = leaf(3.0)
    (x * x).backward()
    y = x * x
    tg.diagnose(y)
    assert x.grad.item() == 6
    y.backward()
    assert x.grad.item() == 12
