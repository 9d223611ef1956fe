"""softmax_cross_entropy beside PyTorch's cross_entropy: every option of both, value and gradient."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.parallel_threads_limit(2)  # they are many

WEIGHT = np.array([0.5, 2.0, 0.25, 1.0, 1.5])
OPTIONS = [
    pytest.param(reduction, smoothing, weight, ignored, id=f"{reduction}, {smoothing}, {weight}, {ignored}")
    for reduction, smoothing, weight, ignored in product(
        ("mean", "sum", "none"), (0.0, 0.1, 1.0), ("", "weighted"), (None, 2, -100)
    )
]
SHAPES = [(5,), (1, 5), (7, 5), (3, 5, 2), (2, 5, 3, 2)]  # PyTorch's classes are on axis 1, or 0 of one row


def example(shape: tuple[int, ...], dtype: Any, scale: float = 3.0) -> tuple[Any, Any, Any, int]:
    """Logits, class indices, distributions, and the axis of the classes."""
    rng = np.random.default_rng(shape)
    axis = 0 if len(shape) == 1 else 1
    z = rng.normal(0, scale, shape).astype(dtype)
    t = np.asarray(rng.integers(5, size=shape[:axis] + shape[axis + 1 :]))
    t.flat[0] = 3  # one row at least counts, whatever is ignored: none is an error here, and NaN there
    y = np.moveaxis(rng.dirichlet(np.ones(5), t.shape), -1, axis).astype(dtype)
    return z, t, (y / y.sum(axis, keepdims=True)).astype(dtype), axis


def both(z: Any, t: Any, axis: int, **options: Any) -> tuple[Any, ...]:
    """Value and gradient here, value and gradient there."""
    x, p = tg.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    ours = tg.softmax_cross_entropy(x, t, axis=axis, **options)
    weight, ignored = options.pop("weight", None), options.pop("ignore_index", None)
    theirs = F.cross_entropy(
        p,
        torch.tensor(t),
        weight=None if weight is None else torch.tensor(weight.astype(z.dtype)),
        ignore_index=-100 if ignored is None else ignored,
        **options,
    )
    incoming = np.random.default_rng(1).normal(size=ours.shape).astype(z.dtype)
    ours.backward(incoming)
    theirs.backward(torch.tensor(incoming))
    return ours.data, x.grad.data, theirs.detach().numpy(), p.grad.numpy()


@pytest.mark.parametrize(("reduction", "smoothing", "weight", "ignored"), OPTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_class_indices(
    shape: tuple[int, ...], reduction: str, smoothing: float, weight: str, ignored: int | None
) -> None:
    z, t, _, axis = example(shape, np.float64)
    options = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": ignored}
    if weight:
        options["weight"] = WEIGHT
    value, gradient, value_there, gradient_there = both(z, t, axis, **options)
    np.testing.assert_allclose(value, value_there, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(gradient, gradient_there, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("weight", ["", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_distributions(shape: tuple[int, ...], reduction: str, smoothing: float, weight: str) -> None:
    z, _, y, axis = example(shape, np.float64)
    options: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
    if weight:
        options["weight"] = WEIGHT
    value, gradient, value_there, gradient_there = both(z, y, axis, **options)
    np.testing.assert_allclose(value, value_there, rtol=1e-12)
    np.testing.assert_allclose(gradient, gradient_there, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.1, 1, 10, 100])
def test_both_dtypes_over_scales(scale: float, dtype: Any) -> None:
    z, t, y, axis = example((40, 5), dtype, scale)
    for target in (t, y):
        value, gradient, value_there, gradient_there = both(z, target, axis)
        assert value.dtype == gradient.dtype == dtype
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(value, value_there, rtol=8 * eps, atol=8 * eps)
        np.testing.assert_allclose(gradient, gradient_there, rtol=0, atol=8 * eps)


def test_masked_logits() -> None:
    z, t = np.array([[-np.inf, 1.0, 2.0, 0.5], [0.5, -np.inf, 1.0, -np.inf]]), np.array([1, 2])
    value, gradient, value_there, gradient_there = both(z, t, 1)
    np.testing.assert_allclose(value, value_there, rtol=1e-14)
    np.testing.assert_allclose(gradient, gradient_there, atol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_the_functions_beside_it(name: str, axis: int) -> None:
    z = np.random.default_rng(0).normal(0, 5, (3, 4, 5))
    x, p = tg.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    ours, theirs = getattr(tg, name)(x, axis=axis), getattr(torch, name)(p, dim=axis)
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-13, atol=1e-15)
    incoming = np.random.default_rng(1).normal(size=ours.shape)
    ours.backward(incoming)
    theirs.backward(torch.tensor(incoming))
    np.testing.assert_allclose(x.grad.data, p.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_second_derivatives() -> None:
    z = np.random.default_rng(0).normal(size=(2, 3))
    options = {"label_smoothing": 0.1}
    x = tg.Tensor(z, requires_grad=True)
    tg.softmax_cross_entropy(x, [0, 2], weight=WEIGHT[:3], **options).backward(create_graph=True)
    first = x.grad
    rows = []
    for i in np.ndindex(2, 3):
        x.zero_grad()
        first[i].backward()
        rows.append(x.grad.numpy())
    there = torch.autograd.functional.hessian(
        lambda p: F.cross_entropy(p, torch.tensor([0, 2]), weight=torch.tensor(WEIGHT[:3]), **options),
        torch.tensor(z),
    )
    np.testing.assert_allclose(np.reshape(rows, (2, 3, 2, 3)), there.numpy(), rtol=1e-11, atol=1e-15)


def test_binary_cross_entropy_and_nll() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.normal(0, 20, (6, 3)), rng.uniform(size=(6, 3))
    x, p = tg.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    ours = tg.sigmoid_binary_cross_entropy(x, t)
    theirs = F.binary_cross_entropy_with_logits(p, torch.tensor(t))
    ours.backward()
    theirs.backward()
    np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-13)
    np.testing.assert_allclose(x.grad.data, p.grad.numpy(), rtol=1e-12, atol=1e-16)
    labels, w = rng.integers(3, size=6), WEIGHT[:3]
    every = {"weight": w, "ignore_index": 0, "reduction": "sum"}
    for options in ({}, {"weight": w}, {"ignore_index": 1}, every):
        x, p = tg.Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
        ours = tg.nll_loss(tg.log_softmax(x), labels, **options)
        there = options | ({"weight": torch.tensor(w)} if "weight" in options else {})
        theirs = F.nll_loss(F.log_softmax(p, 1), torch.tensor(labels), **there)
        ours.backward()
        theirs.backward()
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-13)
        np.testing.assert_allclose(x.grad.data, p.grad.numpy(), rtol=1e-11, atol=1e-16)
