"""Higher derivatives against JAX: the same 200 random functions, written once and run on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_sm import transforms

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")

pytestmark = pytest.mark.thread_unsafe  # JAX's float64 is switched on for one thread

QUICKLY = {  # to compile takes longer than to run once
    "xla_backend_optimization_level": 0,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
}
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
SHAPE = (2, 3)
UNARY: list[Callable[[Any, Any], Any]] = [
    lambda xp, x: xp.tanh(x),
    lambda xp, x: xp.sin(x),
    lambda xp, x: xp.cos(x),
    lambda xp, x: xp.arctan(x),
    lambda xp, x: xp.exp(-x * x),
    lambda xp, x: xp.log(1 + x * x),
    lambda xp, x: xp.sqrt(1 + x * x),
    lambda xp, x: xp.log1p(xp.exp(xp.tanh(x))),
    lambda xp, x: xp.sinh(xp.sin(x)),
    lambda xp, x: xp.arcsinh(x),
    lambda xp, x: xp.expm1(xp.cos(x)),
    lambda xp, x: (1 + xp.square(x)) ** 1.5 / 4,
    lambda xp, x: x - xp.mean(x, axis=1, keepdims=True),
    lambda xp, x: x / (1 + xp.sum(xp.abs(x), axis=0)),
    lambda xp, x: xp.cumsum(x, axis=1) / 3,
    lambda xp, x: xp.reshape(xp.transpose(x), SHAPE),
    lambda xp, x: xp.flip(x, 0) * x[:1],
    lambda xp, x: xp.concatenate((x[:, 1:], x[:, :1] ** 2), axis=1),
    lambda xp, x: xp.exp(x - xp.max(x)) / xp.sum(xp.exp(x - xp.max(x))),
    lambda xp, x: xp.prod(x, axis=0) * 0.3 + x,
    lambda xp, x: xp.where(x > 0.1, x * x, xp.sin(x)),
    lambda xp, x: xp.maximum(x, -0.2) + xp.minimum(x, 0.3),
    lambda xp, x: x @ (xp.transpose(x) @ x) / 4,
    lambda xp, x: xp.einsum("ij,kj->ki", x, xp.tanh(x)) @ x / 3,
    lambda xp, x: xp.std(x, axis=1, keepdims=True) + x,
]
BINARY: list[Callable[[Any, Any, Any], Any]] = [
    lambda xp, a, b: a + b,
    lambda xp, a, b: a - 0.5 * b,
    lambda xp, a, b: a * b,
    lambda xp, a, b: a / (1 + b * b),
    lambda xp, a, b: xp.arctan2(a, 1 + b * b),
    lambda xp, a, b: xp.hypot(a, b + 2),
    lambda xp, a, b: xp.logaddexp(a, b),
    lambda xp, a, b: (1 + a * a) ** xp.tanh(b),
    lambda xp, a, b: a @ xp.transpose(b) @ a / 3,
]


def program(seed: int) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """A random scalar function of two arrays, for the array library that it is given."""
    rng = np.random.default_rng(seed)
    steps = []
    for n in range(2, 2 + int(rng.integers(3, 7))):  # each reads some of the values so far
        kind = BINARY if rng.random() < 0.5 else UNARY
        steps.append((kind[rng.integers(len(kind))], [int(i) for i in rng.integers(max(0, n - 3), n, 2)]))
    weights = rng.normal(size=SHAPE)

    def bound(xp: Any) -> Callable[[Any, Any], Any]:
        def f(x: Any, y: Any) -> Any:
            values = [x, y]
            for op, (i, j) in steps:
                values.append(op(xp, values[i], values[j]) if op in BINARY else op(xp, values[i]))
            return xp.sum(weights * values[-1]) + xp.sum(xp.tanh(values[2]))

        return f

    return bound


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("seed", range(200))
def test_derivatives_of_random_functions(seed: int) -> None:
    rng = np.random.default_rng([seed, 1])
    x, y, u, v = rng.normal(size=(4, *SHAPE)) * 0.8
    ours, theirs = program(seed)(np), program(seed)(jnp)

    def steepness(x: Any, y: Any) -> Any:
        gx, gy = slope(x, y)
        return (gx * u).sum() + (gy * gy * v).sum()

    slope = transforms.grad(ours, (0, 1))
    found = {
        "value_and_grad": transforms.value_and_grad(ours, (0, 1))(x, y),
        "grad of grad": transforms.grad(steepness, (0, 1))(x, y),
        "jvp": transforms.jvp(ours, (x, y), (u, v)),
        "hessian": transforms.hessian(ours, (0, 1))(x, y),
        "hvp of grad": transforms.jvp(slope, (x, y), (u, v))[1],
        "hvp": transforms.hvp(ours, (x, y), (u, v)),
    }

    def derivatives() -> Any:
        return jax.value_and_grad(theirs, (0, 1))(x, y), jax.hessian(theirs, (0, 1))(x, y)

    (value, (gx, gy)), H = jax.tree_util.tree_map(
        np.asarray, jax.jit(derivatives, compiler_options=QUICKLY)()
    )
    along = [np.tensordot(row[0], u, 2) + np.tensordot(row[1], v, 2) for row in H]
    expected = {  # JAX's derivatives, and their products
        "value_and_grad": (value, (gx, gy)),
        "grad of grad": [np.tensordot(u, H[0][k], 2) + np.tensordot(2 * gy * v, H[1][k], 2) for k in (0, 1)],
        "jvp": (value, np.sum(gx * u) + np.sum(gy * v)),
        "hessian": H,
        "hvp of grad": along,
        "hvp": along,
    }
    assert found.keys() == expected.keys()
    for name, tree in found.items():
        leaves = [jax.tree_util.tree_leaves(both) for both in (tree, expected[name])]
        for one, other in zip(*leaves, strict=True):
            assert isinstance(one, (np.ndarray, np.generic))
            np.testing.assert_allclose(one, other, **CLOSE, err_msg=name)


@pytest.mark.parametrize("seed", range(20))
def test_jacobians_and_pullbacks(seed: int) -> None:
    rng = np.random.default_rng([seed, 2])
    x, y, u = rng.normal(size=(3, *SHAPE))
    op = UNARY[seed]

    def everything(lib: Any, xp: Any) -> Any:
        def f(p: Any) -> Any:
            return {"op": op(xp, p[0]), "both": (xp.tanh(p[1]["y"]) * p[0],)}

        p = (x, {"y": y})
        pulled = lib.vjp(f, p)[1]({"op": u, "both": (x,)})
        return lib.jacobian(f)(p), pulled, lib.jvp(f, (p,), ((u, {"y": x}),))

    found = jax.tree_util.tree_leaves(everything(transforms, np))
    expected = jax.jit(lambda: everything(jax, jnp), compiler_options=QUICKLY)()
    expected = jax.tree_util.tree_leaves(expected)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)
