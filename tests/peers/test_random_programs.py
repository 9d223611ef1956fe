"""Random programs of many ops, once in NumPy's words and once in PyTorch's: values and gradients agree.

An op is an expression in n (NumPy, the package, or PyTorch), in x, y, z (what was computed before) and in an
axis k; where PyTorch calls it something else, its expression stands after a bar. Arguments are kept where the
op is smooth and mild.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

ANY = """
x + y  x - y  x * y  x / (y * y + 1)  n.negative(x)  n.square(x)  n.reciprocal(x * x + 1)  n.exp(-x * x)
n.exp2(n.tanh(x))  n.expm1(n.tanh(x))  n.log(x * x + 0.5)  n.log2(x * x + 0.5)  n.log10(x * x + 0.5)
n.log1p(x * x)  n.sqrt(x * x + 0.3)  n.sin(x)  n.cos(x)  n.tan(n.tanh(x))  n.arcsin(n.tanh(x) * 0.9)
n.arccos(n.sin(x) * 0.9)  n.arctan(x)  n.arctan2(x, y * y + 0.3)  n.sinh(n.tanh(x))  n.cosh(n.tanh(x))
n.tanh(x)  n.arcsinh(x)  n.arccosh(x * x + 1.2)  n.arctanh(n.tanh(x) * 0.8)  n.logaddexp(x, y)
n.logaddexp2(x, y)  n.hypot(x, y * y + 0.2)  n.abs(x)  n.maximum(x, y)  n.minimum(x, y)  n.fmax(x, y)
n.fmin(x, y)  n.clip(x, -0.7, 0.9)  n.where(x > y, x, z)  n.sinc(x)  n.deg2rad(x)  n.floor(x) + x
n.round(x) * x  n.sign(x) * x  n.ceil(x) - x  n.trunc(x) + y  n.pow(x * x + 0.4, n.tanh(y))  x ** 2  x ** 3
(x * x + 0.2) ** -0.5  2.0 ** n.tanh(x)  n.remainder(x, y * y + 1.1)
n.cbrt(x * x + 0.3) | (x * x + 0.3) ** (1 / 3)  n.nan_to_num(x)  n.fmod(x, y * y + 1.3)
tg.sigmoid(x) | n.sigmoid(x)  tg.relu(x) | n.relu(x)  tg.erf(x) | n.erf(x)  n.broadcast_to(x, (2, *x.shape))
n.stack((x, x * x))  n.stack((x, x), -1)  n.expand_dims(x, 0) | n.unsqueeze(x, 0)  n.ravel(x)
n.reshape(x, (1, -1))  n.flip(x, axis=()) | x  n.outer(x, y) | n.outer(n.ravel(x), n.ravel(y))
n.linalg.norm(x)  n.sum(x)  n.mean(x)  n.kron(x, y) | n.kron(x.contiguous(), y.contiguous())  n.atleast_2d(x)
"""
VECTORS = """
n.sum(x, axis=k)  n.sum(x, axis=k, keepdims=True)  n.mean(x, axis=k)  n.max(x, axis=k) | n.amax(x, k)
n.amin(x, k)  n.prod(x, axis=k)  n.var(x, axis=k) | n.var(x, k, correction=0)
n.var(x, axis=k, ddof=-1) | n.var(x, k, correction=-1)
n.std(n.concatenate((x, 1 - x), k), k) | n.std(n.concatenate((x, 1 - x), k), k, correction=0)
n.ptp(x, axis=k) | n.amax(x, k) - n.amin(x, k)  n.median(n.sin(x), axis=k) | n.quantile(n.sin(x), 0.5, k)
n.quantile(x, 0.3, axis=k)  n.cumsum(x, axis=k)  n.cumprod(x, axis=k)
n.diff(n.concatenate((x, x * x), k), axis=k)  n.sort(x, axis=k) | n.sort(x, k)[0]  n.flip(x, (k,))
n.roll(x, 2, k)  n.roll(x, 1)  n.concatenate((x, n.sin(x)), k)
n.repeat(x, 2, axis=k) | n.repeat_interleave(x, 2, k)  n.tile(x, (2,))  n.tile(x, (2, 1))
n.take(x, [0, -1, 0], axis=k) | n.index_select(x, k, n.tensor([0, x.shape[k] - 1, 0]))  x[..., 0]
x[..., ::2]  x[0]  x[..., None]  x[[0, 0]]
n.take_along_axis(x, n.argsort(x, axis=k), k) | n.take_along_dim(x, n.argsort(x, dim=k), k)
n.linalg.norm(x, axis=k) | n.linalg.norm(x, dim=k)  n.linalg.norm(x, 1, axis=k) | n.linalg.norm(x, 1, dim=k)
n.linalg.norm(x, 3, axis=k) | n.linalg.norm(x, 3, dim=k)  n.vecdot(x, x) | n.linalg.vecdot(x, x)
tg.softmax(x, axis=k) | n.softmax(x, k)  tg.log_softmax(x, axis=k) | n.log_softmax(x, k)
n.split(x, [1], k)[0] | n.split(x, [1, x.shape[k] - 1], k)[0]
n.pad(x, 1) | n.nn.functional.pad(x, (1, 1) * x.ndim)  n.average(x, axis=k)| n.mean(x, k)  x[x > -9.0]
n.inner(x, x)  n.dot(x, x[..., 0]) if x.ndim == 0 else x
n.array_split(x, 2, axis=k)[0] | n.tensor_split(x, 2, dim=k)[0]  n.swapaxes(x, 0, -1)  n.moveaxis(x, 0, -1)
n.select([x > 0], [x], 0.5) | n.where(x > 0, x, 0.5)
"""
MATRICES = """
n.transpose(x) | x.permute(*range(x.ndim)[::-1])  n.swapaxes(x, -1, -2)  x @ n.swapaxes(x, -1, -2)
n.matmul(x, x[..., 0, :, None])  n.tril(x)  n.triu(x)  n.diagonal(x)
n.trace(x, 0, -2, -1) | n.sum(n.diagonal(x, 0, -2, -1), -1)  n.rot90(x)
n.einsum("...ij,...kj->...ik", x, x)  n.einsum("...ij->...", x)  n.einsum("...ij->...j", x)
n.linalg.inv(x @ n.swapaxes(x, -1, -2) + c(x))  n.linalg.det(x @ n.swapaxes(x, -1, -2) + c(x))  n.fliplr(x)
n.flipud(x)  n.linalg.slogdet(x @ n.swapaxes(x, -1, -2) + c(x))[1]
n.linalg.solve(x @ n.swapaxes(x, -1, -2) + c(x), x)
n.linalg.norm(x, axis=(-2, -1)) | n.linalg.norm(x, dim=(-2, -1))
n.linalg.cholesky(x @ n.swapaxes(x, -1, -2) + c(x))  n.linalg.eigvalsh(x @ n.swapaxes(x, -1, -2) + d(x))
n.linalg.matrix_power(x @ n.swapaxes(x, -1, -2), 2)
n.tensordot(x, x, 1) if x.shape[0] == x.shape[-1] else x  n.sum(x, axis=(-2, -1))
n.sum(x, axis=(0, 1), keepdims=True)  n.squeeze(x[..., :1], -1)
n.linalg.svd(x @ n.swapaxes(x, -1, -2) + d(x))[1]  n.linalg.pinv(x @ n.swapaxes(x, -1, -2) + c(x))
n.vstack((x, x)) | n.cat((x, x), 0)  n.hstack((x, x))
n.linalg.norm(x, 1, axis=(-2, -1)) | n.linalg.matrix_norm(x, 1)
n.linalg.norm(x, np.inf, axis=(0, 1)) | n.linalg.matrix_norm(x, np.inf, (0, 1))
"""


def table(text: str) -> list[tuple[str, str]]:
    """Each op as the package computes it, and PyTorch."""
    ops = [op for line in text.strip().splitlines() for op in line.split("  ")]
    return [(ours.strip(), (theirs or ours).strip()) for ours, _, theirs in (op.partition("|") for op in ops)]


KINDS = [table(ANY), table(VECTORS), table(MATRICES)]
SHAPES = [(), (3,), (2, 3), (2, 1), (1, 3), (4,), (2, 2, 3), (3, 3)]


def spread_matrix(n: Any, x: Any, gap: float) -> Any:
    """A diagonal matrix that keeps eigenvalues apart from 0 (and, with a gap, from each other)."""
    diagonal = np.diag(2 + gap * np.arange(x.shape[-2]))
    return torch.tensor(diagonal) if n is torch else diagonal


class Program:
    """Ops chosen at random, run side by side on tensors of the package (ours) and of PyTorch (theirs)."""

    def __init__(self, seed: int, length: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.n = (np, tg)[seed % 2]
        self.text: list[str] = []
        arrays = [self.rng.uniform(-1.2, 1.2, SHAPES[self.rng.integers(len(SHAPES))]) for _ in range(3)]
        kinds = tg.Tensor, torch.tensor
        self.leaves = [tuple(kind(a, requires_grad=True) for kind in kinds) for a in arrays]
        self.pool = list(self.leaves)
        while len(self.text) < length:
            self.step()

    def step(self) -> None:
        """One more op; a result of many entries is dropped, one of large entries made smaller."""
        x = self.pick()
        kind = self.rng.integers(min(x[0].ndim, 2) + 1)
        op = KINDS[kind][self.rng.integers(len(KINDS[kind]))]
        y = self.pick(x[0].shape)
        operands = x, y, self.pick(np.broadcast_shapes(x[0].shape, y[0].shape))
        k = int(self.rng.integers(x[0].ndim)) if kind else 0
        a, b = (self.run(op[i], [o[i] for o in operands], k, (self.n, torch)[i]) for i in (0, 1))
        if 0 < a.size <= 64 and a.ndim <= 3:
            if float(abs(a.numpy()).max()) > 2:
                a, b = tg.tanh(a / 3), torch.tanh(b / 3)
            self.pool.append((a, b))
            self.text.append(f"{op[0]}  # {x[0].shape}, k={k} -> {a.shape}")

    @staticmethod
    def run(op: str, operands: list[Any], k: int, n: Any) -> Any:
        letters = dict(zip("xyz", operands, strict=True))
        matrices = {"c": lambda x: spread_matrix(n, x, 0), "d": lambda x: spread_matrix(n, x, 40)}
        return eval(op, {"np": np, "tg": tg, "n": n, "k": k, **letters, **matrices})

    def pick(self, shape: tuple[int, ...] | None = None) -> tuple[Any, Any]:
        """One of the values so far, late ones more often; one that broadcasts with a shape, if given."""
        fits = [p for p in self.pool if shape is None or self.broadcast(p[0].shape, shape)]
        return fits[max(self.rng.integers(len(fits)), self.rng.integers(len(fits)))]

    @staticmethod
    def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1], strict=False))

    def loss(self) -> tuple[Any, Any]:
        """A scalar in which everything that was computed has its part."""
        weights = [self.rng.uniform(0.5, 1.5, a.shape) for a, _ in self.pool]
        ours = [tg.sum(a * w) for (a, _), w in zip(self.pool, weights, strict=True)]
        theirs = [torch.sum(b * torch.tensor(w)) for (_, b), w in zip(self.pool, weights, strict=True)]
        return sum(ours), sum(theirs)


def same(ours: Any, theirs: Any, program: Program, tolerance: float) -> None:
    assert (ours is None) == (theirs is None), program.text
    if ours is None:
        return
    a, b = ours.numpy(), theirs.detach().numpy()
    assert a.shape == b.shape, program.text
    assert a.dtype == b.dtype == np.float64, program.text
    assert np.isfinite(a).all(), program.text
    scale = max(1.0, np.abs(b).max(initial=0))
    assert np.abs(a - b).max(initial=0) <= tolerance * scale, "\n".join(program.text)


@pytest.fixture
def seeds(first: int, count: int) -> Iterator[int]:
    """The seeds of a block, one after the other; threads share them, and each is taken by one."""
    return iter(range(first, first + count))


@pytest.mark.parametrize(("first", "count"), [(25 * block, 25) for block in range(20)])
def test_values_and_gradients(seeds: Iterator[int]) -> None:
    for seed in seeds:
        program = Program(seed, 22)
        for a, b in program.pool:
            same(a, b, program, 1e-10)
        ours, theirs = program.loss()
        ours.backward()
        theirs.backward()
        for a, b in program.leaves:
            same(a.grad, b.grad, program, 1e-10)


@pytest.mark.parametrize(("first", "count"), [(1000 + 10 * block, 10) for block in range(10)])
def test_gradients_of_gradients(seeds: Iterator[int]) -> None:
    for seed in seeds:
        program = Program(seed, 20)
        ours, theirs = program.loss()
        ours.backward(create_graph=True)
        slopes = torch.autograd.grad(theirs, [b for _, b in program.leaves], create_graph=True)
        again = sum(tg.sum(a.grad * a.grad) for a, _ in program.leaves), sum((s * s).sum() for s in slopes)
        for (a, _), s in zip(program.leaves, slopes, strict=True):
            same(a.grad.detach(), s, program, 1e-10)
            a.zero_grad()
        again[0].backward()
        again[1].backward()
        for a, b in program.leaves:
            same(a.grad, b.grad, program, 1e-9)
