"""Small random functions, written once: the same values and gradients here, in JAX and in PyTorch.

A function is a random straight-line program over three variables of shapes that broadcast: each line takes
one or two of the lines before it, so that diamonds, unused lines and repeated inputs come by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

SHAPES = [(3, 4), (4,), (3, 1)]
LINES = 12

# smooth, and none of them leaves the numbers that the others take; xp is NumPy, jax.numpy or torch
ONE: list[Callable[[Any, Any], Any]] = [
    lambda xp, x: xp.tanh(x),
    lambda xp, x: xp.exp(-x * x),
    lambda xp, x: xp.log(1.5 + xp.tanh(x)),
    lambda xp, x: xp.sqrt(1.0 + x * x),
    lambda xp, x: 1.0 / (2.0 + xp.tanh(x)),
    lambda xp, x: (x * x + 0.5) ** 1.5 / (1.0 + x * x),
    lambda xp, x: -x,
    lambda xp, x: x.reshape(-1).reshape(x.shape),
    lambda xp, x: xp.abs(x),
    lambda xp, x: x - x.mean(),
    lambda xp, x: x * x.sum() / 10.0,
    lambda xp, x: xp.where(x > 0, x, 0.1 * x),
]
TWO: list[Callable[[Any, Any, Any], Any]] = [
    lambda xp, a, b: a + b,
    lambda xp, a, b: a - 0.5 * b,
    lambda xp, a, b: a * xp.tanh(b),
    lambda xp, a, b: a / (1.0 + b * b),
    lambda xp, a, b: xp.maximum(a, b),
    lambda xp, a, b: xp.minimum(a, 0.3 + b),
    lambda xp, a, b: (1.1 + xp.tanh(a)) ** xp.tanh(b),
]


def run(seed: int, xp: Any, inputs: list[Any]) -> Any:
    rng, lines = np.random.default_rng(seed), list(inputs)
    for _ in range(LINES):
        i, j, kind, op = rng.integers(len(lines)), rng.integers(len(lines)), rng.random(), rng.random()
        if kind < 0.5:
            lines.append(ONE[int(op * len(ONE))](xp, lines[i]))
        else:
            lines.append(TWO[int(op * len(TWO))](xp, lines[i], lines[j]))
    total = lines[-1].sum()
    for line in lines[-4:-1]:
        total = total + (line * line).mean()
    return total + 0.001 * sum((x * x).sum() for x in inputs)  # every input has a gradient


def arrays(seed: int, dtype: Any) -> list[Any]:
    rng = np.random.default_rng(1000 + seed)
    return [rng.normal(size=shape).astype(dtype) for shape in SHAPES]


def ours(seed: int, dtype: Any) -> tuple[float, list[Any]]:
    inputs = [tg.Tensor(array, requires_grad=True) for array in arrays(seed, dtype)]
    value = run(seed, np, inputs)
    value.backward()
    assert value.dtype == dtype
    assert all(x.grad.dtype == dtype and x.grad.shape == x.shape for x in inputs)
    return value.item(), [x.grad.data for x in inputs]


@pytest.mark.parametrize("seed", range(60))
def test_random_functions_against_pytorch(seed: int) -> None:
    inputs = [torch.tensor(array, requires_grad=True) for array in arrays(seed, np.float64)]
    expected = run(seed, torch, inputs)
    expected.backward()
    value, gradients = ours(seed, np.float64)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    for gradient, x in zip(gradients, inputs, strict=True):
        np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.fixture
def by_jax(seed: int) -> tuple[Any, Any]:
    """Value and gradients, once for all threads, and compiled as a whole: op by op takes longer.

    JAX computes in float32 unless its switch is set before it is imported, so both do here.
    """
    f = jax.value_and_grad(lambda inputs: run(seed, jax.numpy, inputs))
    compiled = jax.jit(f, compiler_options={"xla_backend_optimization_level": 0})
    found: tuple[Any, Any] = compiled([jax.numpy.asarray(array) for array in arrays(seed, np.float32)])
    return found


@pytest.mark.parametrize("seed", range(15))
def test_random_functions_against_jax(seed: int, by_jax: tuple[Any, Any]) -> None:
    expected, theirs = by_jax
    value, gradients = ours(seed, np.float32)
    np.testing.assert_allclose(value, float(expected), rtol=1e-4, atol=1e-4)
    for gradient, other in zip(gradients, theirs, strict=True):
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(gradient, np.asarray(other), atol=2e-4 * scale)


@pytest.mark.parametrize("seed", range(12))
def test_hessians_against_pytorch(seed: int) -> None:
    """Of the second input, of which every first derivative is differentiated again."""
    fixed = arrays(seed, np.float64)
    one, x, two = map(torch.tensor, fixed)
    expected = torch.autograd.functional.hessian(lambda x: run(seed, torch, [one, x, two]), x)
    inputs = [tg.Tensor(fixed[0]), tg.Tensor(fixed[1], requires_grad=True), tg.Tensor(fixed[2])]
    run(seed, np, inputs).backward(create_graph=True)
    x, rows = inputs[1], []
    first = x.grad
    for i in range(4):
        x.zero_grad()
        first[i].backward()
        rows.append(x.grad.numpy())
    np.testing.assert_allclose(rows, expected.numpy(), rtol=1e-8, atol=1e-10)
