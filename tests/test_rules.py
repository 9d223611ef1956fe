"""Every primitive and every composition, in one table: values, gradients, second derivatives, dtypes, memory.

A row is a call as a user writes it, in letters that stand for arrays. It is computed by NumPy on arrays, and
by the package on arrays, on Tensors, on float32 and on arrays with gaps in memory, and differentiated by each
of its letters against central differences, twice. A row `call == reference` has its values from the
reference; a row about no function of NumPy's must have one.
"""

from __future__ import annotations

import doctest
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tinygrad_sm as tg
from tinygrad_sm.backprop import walk
from tinygrad_sm.errors import BoundsError, DataError, DtypeError, MissingError, ShapeError, UnsupportedError
from tinygrad_sm.primitive import FUNCTIONS, PRIMITIVES, Primitive

rng = np.random.default_rng(1)


def spaced(low: float, high: float, n: int) -> np.ndarray:
    """Numbers well apart, in no order: no two equal, none near another letter's, no kink near."""
    return rng.permutation(np.linspace(low, high, n)) + rng.uniform(-0.02, 0.02, n)


LETTERS = {
    "x": spaced(-1.3, 1.7, 6).reshape(2, 3),
    "y": spaced(-1.9, 0.8, 6).reshape(2, 3),
    "p": spaced(0.2, 0.9, 6).reshape(2, 3),
    "q": spaced(1.2, 2.4, 6).reshape(2, 3),
    "t": spaced(-1.1, 1.4, 24).reshape(2, 3, 4),
    "u": spaced(-0.9, 1.2, 12).reshape(4, 3),
    "v": spaced(-0.7, 0.9, 3),
    "w": spaced(0.4, 1.5, 3),
    "k": spaced(-1.4, 1.1, 4),
    "m": np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.2], [0.5, -0.3, 1.1]]),
    "n": spaced(-1.2, 1.6, 18).reshape(2, 3, 3) + 2 * np.eye(3),
    "h": np.array([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.1]]),  # symmetric, positive definite
    "z": np.array([[1.5, 0.0, -0.7], [0.0, 2.0, 0.0]]),  # with zeros
    "s": np.array(0.6),
    "e": np.empty((0, 3)),
    "i": np.array([[0, 2, 1], [2, 2, 0]]),
    "b": np.array([[True, False, True], [False, True, True]]),
}
AXES = ["", "axis=0", "axis=-1", "axis=(0, 2)", "axis=(1,)", "axis=()", "axis=1, keepdims=True",
        "keepdims=True"]  # fmt: skip


def with_axes(*calls: str) -> list[str]:
    return [re.sub(r", \)", ")", f"{call}(t, {axis})") for call in calls for axis in AXES]


ROWS = """
np.add(x, y)  x + y  x + v  v + x  x + s  x + 2.0  2.0 + x  np.add(s, s)  e + v  x - y  v - x  2.0 - x
np.subtract(x, s)  x * y  x * v  s * x  np.multiply(x, 0.5)  e * s  np.divide(x, q)  x / w  w / q  1.0 / q
q / 2.0  np.true_divide(s, q)  np.power(p, y)  p ** y  q ** v  x ** 2  x ** 3.0  q ** -1.5  0.5 ** x  z ** 2
z ** 1  z ** 0  p ** s  np.float_power(q, y)  np.negative(x)  -x  np.positive(x)  np.square(x)
np.reciprocal(q)  np.sqrt(p)  np.sqrt(s)  np.cbrt(q)  np.exp(x)  np.exp2(x)  np.expm1(x)  np.log(p)
np.log2(p)  np.log10(p)  np.log1p(p)  np.exp(e)  np.logaddexp(x, y)  np.logaddexp(x, s)  np.logaddexp2(x, v)
np.sin(x)  np.cos(x)  np.tan(p)  np.arcsin(p)  np.arccos(p)  np.arctan(x)  np.arctan2(x, y)
np.arctan2(v, q)  np.sinh(x)  np.cosh(x)  np.tanh(x)  np.arcsinh(x)  np.arccosh(q)  np.arctanh(p)
np.hypot(x, y)  np.hypot(x, w)  np.deg2rad(x)  np.radians(x)  np.rad2deg(x)  np.degrees(x)  np.sinc(x)
np.sinc(z)  np.sinc(3 * x)  np.absolute(x)  abs(x)  np.fabs(x)  np.maximum(x, y)  np.minimum(x, v)
np.fmax(x, s)  np.fmin(y, x)  np.maximum(x, 0.1)  np.clip(x, -0.5, 0.6)  np.clip(x, None, 0.5)
x.clip(min=0.1)  np.clip(x, v - 0.5, w)  x.clip(-0.5, 0.6)  np.where(b, x, y)  np.where(b, v, s)
np.where(x > 0, x, 0.0)  np.where(b, 1.0, x)  np.remainder(x, q)  x % 0.7  np.mod(q, w)  np.fmod(x, q)
np.nan_to_num(x)  np.nan_to_num(x, nan=1.0)  np.sign(x)  np.floor(x)  np.ceil(x)  np.trunc(x)  np.rint(x)
np.fix(x)  np.round(x, 1)  np.around(x, decimals=1)  x.round(1)  np.floor_divide(x, q)  np.heaviside(x, s)
np.divmod(x, q)  np.modf(x)  tg.sigmoid(x) == 1/(1+np.exp(-x))  tg.relu(x) == np.maximum(x,0)
tg.erf(x) == scipy.special.erf(x)  tg.softmax(x) == scipy.special.softmax(x,-1)
tg.log_softmax(x,axis=0) == scipy.special.log_softmax(x,0)

np.cumsum(t)  np.cumsum(t, axis=1)  t.cumsum(-1)  np.cumprod(t)  np.cumprod(z, axis=-1)  np.cumprod(z)
np.cumprod(t, axis=1)  np.prod(z)  np.prod(z, axis=0)  np.prod(z, axis=1, keepdims=True)  np.prod(e, axis=0)
np.prod(s)  np.sum(e)  np.sum(s)  np.sum(e, axis=1)  np.max(s)  np.var(x, ddof=1)  np.std(x, axis=1, ddof=1)
np.std(x, correction=1)  x.std()  x.var(0)  np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True))
tg.sum_to(x,shape=(3,)) == np.sum(x,0)  tg.sum_to(x,shape=(2,1)) == np.sum(x,1,keepdims=True)
tg.sum_to(t,shape=(3,1)) == np.sum(t,(0,2))[:,None]  tg.sum_to(x,shape=()) == np.sum(x)
np.average(x)  np.average(x, axis=1, weights=w)  np.average(x, weights=p)
np.average(x, axis=0, weights=p, returned=True)  np.average(t, axis=(2, 1), weights=u)
np.average(x, axis=1, keepdims=True)  np.ptp(x)  np.ptp(t, axis=1)  np.quantile(x, 0.3)  np.quantile(x, s / 2)
np.quantile(t, [0.1, 0.7], axis=(0, 2))  np.percentile(x, 40, axis=1, keepdims=True)  np.median(u)
np.median(t, axis=(0, 1))  np.diff(x)  np.diff(t, 2, axis=1)  np.diff(x, prepend=0.0)
np.diff(u, axis=0, append=x)  tg.euclid(x) == np.sqrt(np.sum(x*x))
tg.euclid(t,axis=(0,2)) == np.sqrt(np.sum(t*t,(0,2)))

np.reshape(x, (3, 2))  np.reshape(x, -1)  x.reshape(3, 2)  x.reshape((6, 1))
np.reshape(x, (3, 2), order="F")  np.ravel(x)  x.ravel("F")  x.flatten()  np.transpose(t)
np.transpose(t, (1, 0, 2))  np.transpose(t, (-1, 0, 1))  t.transpose(2, 0, 1)  x.T  np.swapaxes(t, 0, -1)
t.swapaxes(1, 2)  np.moveaxis(t, 0, -1)  np.moveaxis(t, (0, 1), (-1, 0))  np.matrix_transpose(t)
np.expand_dims(x, 1)  np.expand_dims(x, (0, -1))  np.squeeze(x[:1])  np.squeeze(x[:1], axis=0)
x[:1].squeeze()  np.atleast_1d(s)  np.atleast_2d(v)  np.atleast_3d(x)  np.atleast_3d(v)  np.atleast_1d(s, x)
np.broadcast_to(v, (4, 3))  np.broadcast_to(s, (2,))  np.broadcast_arrays(x, v, s)  np.flip(x)
np.flip(t, axis=(0, 2))  np.fliplr(x)  np.flipud(x)  np.roll(x, 2)  np.roll(t, (1, -1), axis=(0, 2))
np.roll(x, 1, axis=0)  np.rot90(x)  np.rot90(t, 3, axes=(1, 2))  np.tile(x, 2)  np.tile(v, (2, 3))
np.tile(t, (2, 1))  np.tile(s, 3)  np.repeat(x, 2)  np.repeat(x, [1, 0, 2], axis=1)  x.repeat(2, axis=0)
np.copy(x)  x.copy()  np.concatenate((x, y, u))  np.concatenate((x, y), axis=-1)
np.concatenate([x, v, s.reshape(1)], axis=None) == np.concatenate([x.ravel(),v,[s]])  np.append(x, v)
np.append(x, y, axis=1)  np.stack((x, y))  np.stack([x, y, x], axis=-1)  np.vstack((v, x))
np.hstack((x, y))  np.hstack((v, w))  np.dstack((x, y))  np.dstack((v, w))  np.column_stack((v, u[:3], w))
tg.array([[s,1.0],[2.0,s]]) == np.array([[s,1.],[2.,s]])  np.split(x, 3, axis=1)  np.split(u, [1, 3])
np.array_split(k, 3)  np.array_split(t, [1], axis=-1)  np.hsplit(x, 3)  np.hsplit(k, 2)  np.vsplit(u, 2)
np.dsplit(t, [1, 3])  np.split(k, [-1])  np.split(k, [3, 1])  np.pad(x, 1)
np.pad(x, ((0, 1), (2, 0)), constant_values=0.5)  np.pad(v, (2, 1), mode="edge")
np.pad(x, ((1, 0), (1, 2)), "reflect")  np.pad(x, (1, 2), mode="wrap")  np.pad(x, 2, mode="symmetric")
np.pad(v, (1, 2), constant_values=(3.0, 4.0))  x.astype(np.float64)  tg.astype(x,dtype=np.float64) == x

x[0]  x[:, 1]  x[::-1, ::2]  x[..., None]  x[None, 0, ..., np.newaxis]  x[[0, 0, 1]]  x[[0, 0], [1, 1]]
x[b]  t[:, [0, 2, 2], 1]  t[0, :, [1, 1]]  x[i[0] % 2, 1]  x[np.array([True, False])]  t[..., -1]
t[-1, 1:, ::-2]  s[()]  x[1, 2]  x[np.array(1)]  x[True]  tg.getitem(x,key=0) == x[0]
tg.scatter_add(v,key=[1,1,0],shape=(3,)) == np.array([v[2],v[0]+v[1],0])  np.take(x, [0, 5, 5])
np.take(x, [2, 0, 2], axis=1)  np.take(v, 1)  np.take(x, [[0, 1]], axis=0)  np.take(v, [7, -4], mode="wrap")
np.take(v, [7, -4], mode="clip")  x.take([1, 1], axis=0)  np.take_along_axis(x, i, axis=1)
np.take_along_axis(x, i[:, :1], axis=1)  np.take_along_axis(v, np.array([2, 2]), axis=None)  np.sort(x)
np.sort(x, axis=0)  np.sort(t, axis=None)  np.partition(v, 1)  np.select([x > 0.5, b], [x, y], 0.25)
np.choose(i, [x, y, s])  np.choose(i, [x, y], mode="wrap")  np.choose(i - 1, [x, y], mode="clip")
np.choose(b[0], t[:, 0, :3])  np.diag(v)  np.diag(v, 1)  np.diag(m)  np.diag(m, -1)
np.diag(u, 1)
np.diagonal(t)  np.diagonal(t, -1, 1, 2)  m.diagonal()  np.diagflat(x)  np.trace(m)  np.trace(t, 1, 0, 2)
n.trace(axis1=1, axis2=2)  np.tril(m)  np.tril(t, -1)  np.triu(u, 1)  np.triu(m)
np.compress([True, False, True], x, axis=1)  x.compress([False, True])  np.extract(x > 0, x)
np.full_like(x, s)

x @ u.T  np.matmul(x, m)  x @ v  k @ u  v @ w  t @ k  n @ v  n @ m  m @ n  n @ n  t @ u  v @ n
np.matmul(n, n[:1])  np.matmul(e, m)  np.dot(x, v)  np.dot(m, m)  np.dot(v, w)  np.dot(s, x)  x.dot(s)
np.dot(t, t.swapaxes(1, 2))  np.dot(t, k)  m.dot(v)  np.inner(x, u)  np.inner(v, w)  np.inner(s, x)
np.outer(v, x)  np.vdot(x, y)  np.vecdot(x, v)  np.tensordot(x, u, axes=([1], [1]))
np.tensordot(t, t, axes=3)  np.tensordot(t, x, axes=((0, 1), (0, 1)))  np.tensordot(v, k, 0)
np.tensordot(t, u, axes=(-1, 0))  np.kron(x, v)  np.kron(v, w)  np.kron(x, m)  np.cross(v, w)
np.cross(x, v)  np.cross(u, w)  np.cross(t, v, axisa=1, axisc=0)  np.cross(x.T, x.T, axis=0)
np.einsum("ij,kj->ik", x, u)  np.einsum("ij,kj", x, u)  np.einsum("ii", m)  np.einsum("ii->i", m)
np.einsum("ij->ji", x)  np.einsum("ij->", x)  np.einsum("ij->j", x)  np.einsum("i,j", v, w)
np.einsum("...ij,...j", n, v)  np.einsum("...ij,jk->...ik", t, u)  np.einsum("i...->...", t)
np.einsum("ij,ij,j->i", x, x, v)  np.einsum("iij->j", m[:, :, None] * v)  np.einsum(x, [0, 1], u, [2, 1])
np.einsum(x, [0, 1], v, [1], [0])  np.einsum(t, [0, Ellipsis], [Ellipsis, 0])
np.einsum("ij,jk,kl->il", x, m, u.T, optimize=True)  np.einsum("b i j , b j k -> b i k", n, n)
np.einsum(",i", s, v)  np.einsum("...,...", x, v)  np.einsum("ij,ij->ij", x, v[None])
np.einsum("ij,k->i", x, v)  np.einsum("aa,aa->a", m, m)  np.linalg.inv(m)  np.linalg.inv(n)
np.linalg.pinv(x)  np.linalg.pinv(u)  np.linalg.pinv(t)  np.linalg.pinv(m)  np.linalg.solve(m, v)
np.linalg.solve(m, x.T)  np.linalg.solve(n, m)  np.linalg.solve(m, n)  np.linalg.solve(n, v)
np.linalg.det(m)  np.linalg.det(n)  np.linalg.slogdet(m)  np.linalg.slogdet(n)  np.linalg.slogdet(-m)
np.linalg.cholesky(h)  np.linalg.cholesky(h + np.zeros((2, 1, 1)))  np.linalg.cholesky(h, upper=True)
np.linalg.eigvalsh(h)  np.linalg.eigvalsh(h, "U")  np.linalg.eigh(h)
np.linalg.eigh(n @ n.transpose(0, 2, 1), UPLO="U")  np.linalg.svd(m)  np.linalg.svd(x, full_matrices=False)
np.linalg.svd(u, full_matrices=False)  np.linalg.svd(t, full_matrices=False)
np.linalg.svd(x, compute_uv=False)  np.linalg.svdvals(u)
np.nansum(x, axis=0)  np.nanmean(x)  np.nanmean(x, axis=1, keepdims=True)  np.rollaxis(t, 2)
np.rollaxis(t, 0, 3)  np.rollaxis(t, -2, -1)  np.rollaxis(t, 1, 2)  np.conjugate(x)  np.real(x)
np.linalg.outer(v, w)  np.linalg.vecdot(x, v)
np.linalg.matrix_power(m, 0)
np.linalg.matrix_power(m, 3)  np.linalg.matrix_power(n, -2)  np.linalg.matrix_power(m, 1)
np.linalg.multi_dot([x, m, u.T])  np.linalg.norm(x)  np.linalg.norm(t)  np.linalg.norm(x, axis=1)
np.linalg.norm(t, axis=(0, 2), keepdims=True)  np.linalg.norm(x, "fro")  np.linalg.norm(v, 2)
np.linalg.norm(x, 1)  np.linalg.norm(x, -1)  np.linalg.norm(x, np.inf)
np.linalg.norm(x, -np.inf, keepdims=True)  np.linalg.norm(m, 2)  np.linalg.norm(t, -2, axis=(0, 1))
np.linalg.norm(x, "nuc")  np.linalg.norm(v, 1)  np.linalg.norm(v, np.inf)
np.linalg.norm(x, -np.inf, axis=0)  np.linalg.norm(v, 3)  np.linalg.norm(x, 1.5, axis=1, keepdims=True)
np.linalg.norm(v, -2.0)  np.linalg.norm(v, 0)  np.linalg.norm(v, 0.5)  np.linalg.norm(x, -0.5, axis=0)

np.linspace(s, 2.0, 5)  np.linspace(x, y, 4, axis=1)  np.linspace(v, x, 3, endpoint=False)
np.linspace(s, 1.5, 4, retstep=True)  np.linspace(x, 1, 1)  np.linspace(v, w, 0)  np.linspace(2, s, 3, False)
np.meshgrid(v, k)  np.meshgrid(v, k, indexing="ij")  np.meshgrid(v, k, w, sparse=True)  np.meshgrid(x)
np.meshgrid(v, s, k)  np.gradient(v)  np.gradient(t)  np.gradient(x, 0.5, axis=1)
np.gradient(u, s, v, edge_order=2)  np.gradient(t, k, axis=(-1,))  np.gradient(u, 2.0, axis=(1, 0))
np.nanmax(x, axis=1)  np.nanmin(t, axis=(0, 2), keepdims=True)  np.nanmax(np.where(b, x, np.nan), axis=0)
np.nanmin(np.where(b, x, np.nan))  np.nanvar(np.where(b, x, np.nan), axis=1)  np.nanvar(x, ddof=1)
np.nanstd(np.where(b, x, np.nan), axis=1, ddof=1, keepdims=True)  np.nanstd(t, axis=(0, 2))  np.nanstd(x)
np.nanvar(np.where(b, x, np.nan), mean=np.nanmean(x, keepdims=True), correction=1)  np.copysign(x, y)
np.copysign(x, -2.0)  np.copysign(v, x)  np.block([[x, x], [y, y]])  np.block([x, y])  np.block([v, s])
np.block([[x], [v]])  np.block([[[x]], [[y]]])  np.block(x)

np.max(e, axis=1)  np.mean(e, axis=1)  np.var(e, axis=1)  np.prod(e, axis=1)  np.cumsum(e, axis=0)
np.cumprod(e, axis=1)  np.cumsum(e)  np.sort(e)  np.diff(e)  np.concatenate((e, x))  np.stack((e, e))
np.vstack((e, x))  np.repeat(e, 2, axis=0)  np.tile(e, (2, 2))  np.pad(e, 1)  np.where(e > 0, e, 0.0)
np.maximum(e, v)  e.T  e[:, 1]  e[[]]  e[e > 0]  x[[]]  x[:0]  x[x > 9]
np.take(x, i[:0, 0], axis=1)  np.linalg.norm(e, axis=1)  np.einsum("ij,kj->ik", e, u)  np.dot(e, v)
np.outer(v, e)  np.kron(e, v)  np.tensordot(e, u, axes=(1, 1))  np.linalg.inv(n[:0])  np.linalg.det(n[:0])
np.median(e, axis=1)  np.split(e, 3, axis=1)  np.clip(e, 0, 1)  np.broadcast_to(e, (2, 0, 3))
np.reshape(e, (3, 0))  np.flip(e)  np.roll(e, 1)  np.linalg.svd(n[:0])  np.linalg.solve(n[:0], v)
np.ptp(e, axis=1)  np.trace(e)  np.diag(e)  s + s  s * v  np.exp(s)  np.power(s, s)
np.reshape(s, (1, 1))  np.transpose(s)  np.clip(s, 0, 1)  np.where(s > 0, s, 1.0)  np.squeeze(s)
np.ravel(s)  np.repeat(s, 3)  np.cumsum(s)  np.cumprod(s)  np.stack((s, s))  np.hstack((s, s))
np.vstack((s, s))  np.dstack((s, s))  np.expand_dims(s, 0)  np.expand_dims(s, (0, 1))  np.flip(s)
np.roll(s, 1)  np.median(s)  np.std(s)  np.mean(s)  np.max(s, axis=None, keepdims=True)  np.dot(s, s)
np.inner(s, s)  np.einsum("->", s)  np.outer(s, v)  np.kron(s, v)  np.vdot(s, s)  np.take(s, 0)  s[None]
s[...]  np.broadcast_arrays(s, v)  np.sinc(s)  np.maximum(s, s)  np.hypot(s, s)  np.tensordot(s, v, 0)
"""


def calls(text: str) -> list[str]:
    """The calls of a block, which stand two blanks apart."""
    return [call for line in text.splitlines() for call in re.split(r" {2,}", line.strip()) if call]


TABLE = calls(ROWS) + with_axes(
    "np.sum", "np.mean", "np.prod", "np.max", "np.amax", "np.min", "np.amin", "np.var", "np.std", "np.median",
    "np.ptp",
)  # fmt: skip


def evaluated(call: str, letters: dict[str, Any], namespace: Any = np) -> list[Any]:
    """The outputs of a call, with NumPy's functions taken from elsewhere if asked for."""
    scope = {"np": namespace, "tg": tg, "scipy": scipy, **letters}
    y = eval(call, scope)
    return list(y) if isinstance(y, (tuple, list)) else [y]


class AsPackage:
    """np.f is tg.f, where the package has it."""

    linalg = tg.linalg

    def __getattr__(self, name: str) -> Any:
        return getattr(tg, name, None) or getattr(np, name)


def letters_of(call: str) -> dict[str, Any]:
    return {name: LETTERS[name].copy() for name in re.findall(r"\b[a-z]\b(?!=)", call) if name in LETTERS}


def weighed(outputs: list[Any], weights: list[np.ndarray]) -> Any:
    """A scalar of all the outputs, with a second derivative even where they are linear."""
    parts = [((y + 1) * y * w).sum() for y, w in zip(outputs, weights, strict=True)]
    return sum(parts[1:], start=parts[0])


def differences(
    f: Callable[[dict[str, Any]], float], letters: dict[str, np.ndarray], step: float = 1e-5
) -> dict[str, Any]:
    """df/dletter by central differences of fourth order."""
    found = {}
    for name, array in letters.items():
        if array.dtype.kind != "f":
            continue
        slope = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            old = array[place]
            for shift, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                array[place] = old + shift * step
                slope[place] += factor * f(letters)
            array[place] = old
        found[name] = slope / (12 * step)
    return found


def along(
    f: Callable[[dict[str, Any]], dict[str, Any]],
    letters: dict[str, np.ndarray],
    turns: dict[str, np.ndarray],
    step: float = 1e-4,
) -> dict[str, Any]:
    """How f(letters) changes as the letters move along turns, by central differences of fourth order."""
    found = {name: np.zeros_like(turn) for name, turn in turns.items()}
    for shift, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
        moved = {k: a + shift * step * turns[k] if k in turns else a for k, a in letters.items()}
        for name, y in f(moved).items():
            found[name] += factor * y
    return {name: change / (12 * step) for name, change in found.items()}


def as_tensors(letters: dict[str, np.ndarray]) -> dict[str, Any]:
    return {k: tg.Tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for k, a in letters.items()}


def gradients(
    call: str, letters: dict[str, np.ndarray], weights: list[np.ndarray], create_graph: bool = False
) -> dict[str, Any]:
    tensors = as_tensors(letters)
    loss = weighed(evaluated(call, tensors), weights)
    if loss.requires_grad:
        loss.backward(create_graph=create_graph)
    return tensors


def grad(t: tg.Tensor) -> np.ndarray:
    return np.zeros(t.shape, t.dtype) if t.grad is None else t.grad.numpy()


def close(found: Any, expected: Any, rtol: float = 1e-6, what: str = "") -> None:
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale, err_msg=what)


def weights_of(outputs: list[Any]) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    return [random.uniform(0.5, 1.5, np.shape(y)) for y in outputs]


@pytest.fixture
def by_numpy(row: str) -> tuple[list[Any], dict[str, Any]]:
    """The outputs of a row, and the slopes of its letters by differences, once for all threads."""
    call, _, reference = row.partition(" == ")
    letters = letters_of(call)
    expected = evaluated(reference or call, letters)
    weights = weights_of(expected)
    return expected, differences(lambda a: weighed(evaluated(reference or call, a), weights), letters)


@pytest.mark.parallel_threads_limit(4)  # they are many
@pytest.mark.parametrize("row", TABLE)
def test_row(row: str, by_numpy: tuple[list[Any], dict[str, Any]]) -> None:
    call = row.partition(" == ")[0]
    letters = letters_of(call)
    expected, slopes = by_numpy
    weights = weights_of(expected)
    tensors = as_tensors(letters)

    # values, on arrays and on Tensors
    for outputs in evaluated(call, letters, AsPackage()), evaluated(call, tensors):
        for found, y in zip(outputs, expected, strict=True):
            assert found.dtype == y.dtype
            assert found.shape == y.shape
            found = found.numpy() if isinstance(found, tg.Tensor) else found
            np.testing.assert_allclose(found, y, rtol=1e-12, atol=1e-13)
    assert all(isinstance(y, tg.Tensor) for y in outputs)

    # gradients against NumPy's own function
    tensors = gradients(call, letters, weights)
    for name, slope in slopes.items():
        assert grad(tensors[name]).dtype == slope.dtype
        close(grad(tensors[name]), slope, what=f"dL/d{name}")

    # the same from arrays with gaps in memory
    gaps = {name: np.repeat(a, 2)[::2].reshape(a.shape, order="F") for name, a in letters.items()}
    for name, a in gaps.items():
        a[...] = letters[name]
    apart = {name: tg.Tensor(a) if a.dtype.kind == "f" else a for name, a in gaps.items()}
    for found, y in zip(evaluated(call, apart), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), y, rtol=1e-12, atol=1e-13)

    # one input alone; a method of an array that is no Tensor is NumPy's, which refuses Tensors
    for name in slopes if ".dot(" not in call and "full_like" not in call else ():
        alone = {**letters, name: tg.Tensor(letters[name], requires_grad=True)}
        if isinstance(loss := weighed(evaluated(call, alone), weights), tg.Tensor) and loss.requires_grad:
            loss.backward()
        close(grad(alone[name]), slopes[name], what=f"dL/d{name} alone")

    # second derivatives against differences of the first: the Hessian, which is symmetric, times a direction
    def slopes_at(moved: dict[str, Any]) -> dict[str, Any]:
        tensors = gradients(call, moved, weights)
        return {name: grad(tensors[name]) for name in turns}

    turns = dict(zip(slopes, weights_of(list(slopes.values())), strict=True))
    tensors = gradients(call, letters, weights, create_graph=True)
    found = [(tensors[name].grad, turn) for name, turn in turns.items()]
    total = sum([(g * turn).sum() for g, turn in found if g is not None], start=tg.Tensor(0.0))
    for name in slopes:
        tensors[name].zero_grad()
    if total.requires_grad:
        total.backward()
    for name, slope in along(slopes_at, letters, turns).items():
        close(grad(tensors[name]), slope, what=f"d2L/d{name}", rtol=3e-6)


@pytest.mark.parallel_threads_limit(4)  # they are many
@pytest.mark.parametrize("row", TABLE)
def test_row_keeps_float32_and_its_memory(row: str) -> None:
    call, _, reference = row.partition(" == ")
    letters = {k: a.astype(np.float32) if a.dtype.kind == "f" else a for k, a in letters_of(call).items()}
    tensors = as_tensors(letters)
    outputs = evaluated(call, tensors)
    if not reference:
        assert [y.dtype for y in outputs] == [y.dtype for y in evaluated(call, letters)]
    for y in outputs:
        if not y.requires_grad or y.dtype != np.float32:
            continue
        steps: list[Any] = []
        found = walk(y, np.ones(y.shape, np.float32), steps=steps)
        slopes = walk(y, tg.Tensor(np.ones(y.shape, np.float32)), create_graph=True)
        again = sum((g * g).sum() for g in slopes.values())
        if again.requires_grad:
            walk(again, np.ones((), np.float32), steps=steps)
        for step in steps:
            assert step.contribution.dtype == np.float32, step.tensor.node
            assert step.contribution.shape == step.input.shape, step.tensor.node
        for leaf, g in found.items():
            assert g.shape == leaf.shape
            assert not np.shares_memory(g, leaf.data)
        for step in steps:
            for value in step.tensor.node.values:
                if isinstance(value, np.ndarray):
                    assert not np.shares_memory(step.contribution, value), step.tensor.node


def names_called(rows: list[str]) -> set[str]:
    return {name for row in rows for name in re.findall(r"\b(?:np|tg)(?:\.linalg)?\.(\w+)\(", row)}


QUERIES = calls("""
x > y  x >= 0  x < v  s <= x  x == x  x != y  np.greater(x, y)  np.greater_equal(x, v)  np.less(x, y)
np.less_equal(y, x)  np.equal(x, x)  np.not_equal(x, s)  np.isclose(x, y)  np.isnan(x)  np.isinf(x)
np.isfinite(x)  np.signbit(x)  np.isposinf(x)  np.isneginf(x)  np.logical_not(b)  np.logical_and(b, x)
np.logical_or(b, z)  np.logical_xor(b, z)  np.invert(b)  np.bitwise_and(b, b)  np.bitwise_or(i, i)
np.bitwise_xor(i, 1)  np.left_shift(i, 2)  np.right_shift(i, 1)  np.gcd(i, 4)  np.lcm(i, 4)
np.isin(i, [0, 1])  np.zeros_like(x)  np.ones_like(x)  np.shape(np.empty_like(x))
np.zeros_like(x, dtype=np.float32)  np.full_like(x, 2.5)  np.full_like(i, 2)  np.argmax(x)
np.argmax(x, axis=0)  x.argmax(1)  x.argmin()  np.argmin(x, axis=1, keepdims=True)  np.any(b, axis=0)
np.all(b)  b.any()  x.all(axis=1)  np.count_nonzero(z)  np.count_nonzero(z, axis=0)  np.argsort(x)
x.argsort(axis=0)  np.argsort(x, axis=None, kind="stable")  np.argpartition(v, 1)  np.argwhere(z)
np.flatnonzero(z)  np.nonzero(z)  z.nonzero()  np.where(z)  np.searchsorted(np.sort(v), [0.0, 0.5])
np.digitize(x, np.sort(v))  np.bincount(i.ravel())  np.lexsort((v, w))  np.linalg.matrix_rank(m)
np.allclose(x, x)  np.array_equal(x, y)  np.array_equiv(x, x)  np.unique(i)
np.unique(x, return_counts=True)  np.histogram(x, 3)  np.result_type(x, np.float32)
np.can_cast(i, np.float64)  np.isscalar(x)  np.iscomplexobj(x)  np.isrealobj(x)  np.shares_memory(x, y)
np.may_share_memory(x, y)  np.array_str(v)  np.array_repr(v)  np.array2string(v)  np.ix_(b[0], b[1])
np.shape(x)  np.ndim(x)  np.size(x)  np.size(x, 1)  x.tolist()  x.sum().item()  len(x)
""")


@pytest.mark.parametrize("call", QUERIES)
@pytest.mark.parametrize("requires_grad", [True, False])
def test_query(call: str, requires_grad: bool) -> None:
    """What has no derivative is NumPy's answer, also about tensors that require grad, and requires none."""
    letters = letters_of(call)
    tensors = as_tensors(letters) if requires_grad else {k: tg.Tensor(a) for k, a in letters.items()}
    expected, found = evaluated(call, letters), evaluated(call, tensors)
    for namespace_answer in evaluated(call, letters, AsPackage()), found:
        for a, y in zip(namespace_answer, expected, strict=True):
            assert type(a) is type(y) or isinstance(a, (tg.Tensor, np.ndarray))
            assert not getattr(a, "requires_grad", False)
            np.testing.assert_array_equal(np.asarray(a), y)


# where there is no derivative, or none by the formula: call of x, x, and what flows back to x from a sum of y
KINKS = [
    ("np.absolute(x)", [-1.0, 0.0, 2.0], [-1.0, 0.0, 1.0]),
    ("np.fabs(x)", [-1.0, 0.0, 2.0], [-1.0, 0.0, 1.0]),
    ("tg.relu(x)", [-1.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
    ("np.sign(x)", [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
    ("np.floor(x) + np.ceil(x) + np.round(x)", [-1.0, 0.5], [0.0, 0.0]),
    ("np.maximum(x, 1.0)", [0.0, 1.0, 2.0], [0.0, 0.5, 1.0]),
    ("np.minimum(1.0, x)", [0.0, 1.0, 2.0], [1.0, 0.5, 0.0]),
    ("np.fmax(x, [np.nan, 1.0])", [3.0, 1.0], [1.0, 0.5]),
    ("np.maximum(x, x)", [3.0], [1.0]),
    ("np.arctan2(x, [0.0, 2.0])", [0.0, 0.0], [0.0, 0.5]),
    ("np.arctan2([0.0, 2.0], x)", [0.0, 0.0], [0.0, -0.5]),
    ("np.max(x)", [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
    ("np.min(x, axis=0)", [3.0, 1.0, 1.0], [0.0, 0.5, 0.5]),
    ("np.clip(x, 0.0, 1.0)", [-1.0, 0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
    ("np.linalg.norm(x)", [0.0, 0.0], [0.0, 0.0]),
    ("np.linalg.norm(x, 3)", [0.0, 0.0], [0.0, 0.0]),
    ("np.linalg.norm(x, 0.5)", [0.0, 4.0, -1.0], [0.0, 1.5, -3.0]),
    ("np.linalg.norm(x, 0.5)", [0.0, 0.0], [0.0, 0.0]),
    ("np.linalg.norm(x, -2)", [0.0, 4.0, -1.0], [0.0, 0.0, 0.0]),
    ("np.linalg.norm(x, -0.5)", [0.0, 0.0], [0.0, 0.0]),
    ("np.linalg.norm(np.reshape(x, (2, 2)), -1.0, axis=1)", [0.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.25, 0.25]),
    ("np.std(x)", [2.0, 2.0], [0.0, 0.0]),
    ("np.hypot(x, 0.0)", [0.0, 2.0], [0.0, 1.0]),
    ("np.prod(x)", [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    ("np.prod(x)", [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
    ("np.cumprod(x)", [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
    ("x ** 0", [0.0, 2.0], [0.0, 0.0]),
    ("x ** 1", [0.0, 2.0], [1.0, 1.0]),
    ("x ** 2", [0.0, 2.0], [0.0, 4.0]),
    ("0.0 ** x", [1.0, 2.0], [0.0, 0.0]),
    ("np.sinc(x)", [0.0, 1.0], [0.0, -1.0]),
    ("np.linalg.det(np.reshape(x, (2, 2)))", [1.0, 2.0, 2.0, 4.0], [4.0, -2.0, -2.0, 1.0]),
    ("np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)", [0.0, 4.0], [0.0, 0.25]),
    ("np.nan_to_num(x)", [np.nan, np.inf, 1.0], [0.0, 0.0, 1.0]),
    ("x[[0, 0, 1]]", [1.0, 1.0], [2.0, 1.0]),
    ("np.nansum(x)", [np.nan, 2.0], [0.0, 1.0]),
    ("np.nanmean(x)", [np.nan, 2.0, 3.0], [0.0, 0.5, 0.5]),
    ("np.nanmax(x)", [np.nan, 3.0, 3.0], [0.0, 0.5, 0.5]),
    ("np.nanmin(x)", [3.0, np.nan, 1.0], [0.0, 0.0, 1.0]),
    ("np.nanstd(x)", [2.0, np.nan, 2.0], [0.0, 0.0, 0.0]),
    ("np.copysign(x, [-1.0, 1.0, -1.0, 1.0])", [0.0, -0.0, 2.0, 3.0], [0.0, 0.0, -1.0, 1.0]),
    ("np.heaviside([0.0, 1.0], x)", [3.0, 3.0], [1.0, 0.0]),
    ("np.repeat(x, [2, 0])", [1.0, 1.0], [2.0, 0.0]),
]


@pytest.mark.parametrize(("call", "at", "slope"), KINKS, ids=[f"{call} at {at}" for call, at, _ in KINKS])
def test_kink(call: str, at: list[float], slope: list[float]) -> None:
    for dtype in np.float64, np.float32:
        x = tg.Tensor(at, requires_grad=True, dtype=dtype)
        y = eval(call, {"np": np, "tg": tg, "x": x})
        y.sum().backward()
        assert x.grad is not None
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad.numpy(), slope, atol=1e-6)
        x.zero_grad()
        y.sum().backward(create_graph=True)
        np.testing.assert_allclose(x.grad.numpy(), slope, atol=1e-6)


@pytest.mark.parametrize(("call", "second"), [
    ("np.prod(x)", [[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [5.0, 0.0, 0.0]]),
    ("np.sinc(x).sum()", np.diag([-np.pi**2 / 3, -0.4052847, -np.pi**2 / 3])),
    ("(x ** 2).sum()", 2 * np.eye(3)),
    ("(x ** 3).sum()", np.diag([0.0, 30.0, 0.0])),
])  # fmt: skip
def test_second_derivatives_at_zero(call: str, second: Any) -> None:
    at = np.array([0.0, 5.0, 0.0]) if "sinc" not in call else np.array([0.0, 1.5, 0.0])
    for i in range(3):
        x = tg.Tensor(at, requires_grad=True)
        eval(call, {"np": np, "x": x}).backward(create_graph=True)
        slope, _ = x.grad, x.zero_grad()
        assert slope is not None
        if slope[i].requires_grad:
            slope[i].backward()
        if "sinc" in call and i == 1:
            continue  # away from 0 it is compared with differences above
        np.testing.assert_allclose(grad(x), second[i], atol=1e-12)


REFUSED = [
    ("np.sum(x, dtype=np.float32)", UnsupportedError, "dtype= .* axis, keepdims"),
    ("np.sum(x, where=[[True]])", UnsupportedError, "where="),
    ("np.max(x, initial=0.0)", UnsupportedError, "initial="),
    ("np.mean(x, out=np.empty(()))", UnsupportedError, "out="),
    ("np.std(x, where=[[True]])", UnsupportedError, "std: where="),
    ("np.std(x, 0, np.float32)", UnsupportedError, "std: dtype="),
    ("np.add(x, x, out=np.empty((2, 3)))", UnsupportedError, "add"),
    ("np.exp(x, where=[[True]])", UnsupportedError, "exp"),
    ("np.concatenate([x, x], dtype=np.float32)", UnsupportedError, "concatenate: .*dtype"),
    ("np.reshape(x, 6, order='A')", UnsupportedError, "order"),
    ("np.pad(x, 1, mode='mean')", UnsupportedError, "mode='mean'"),
    ("np.pad(x, 1, mode='linear_ramp', end_values=3)", UnsupportedError, "end_values="),
    ("np.linalg.svd(x)", UnsupportedError, "full_matrices=False"),
    ("np.linalg.qr(x)", UnsupportedError, "qr"),
    ("np.fft.fft(x)", UnsupportedError, "fft"),
    ("np.add.reduce(x)", UnsupportedError, "add.reduce"),
    ("np.multiply.outer(x, x)", UnsupportedError, "multiply.outer"),
    ("np.asarray(x)", UnsupportedError, "detach"),
    ("np.array([x, x])", UnsupportedError, "stack"),
    ("x.sort()", UnsupportedError, r"np.sort\(t\)"),
    ("x.partition(1)", UnsupportedError, "np.partition"),
    ("x.fill(0.0)", UnsupportedError, "np.full_like"),
    ("x.put(0, 1.0)", UnsupportedError, "np.where"),
    ("x.resize(6)", UnsupportedError, "np.reshape"),
    ("np.cross(x[:, :2], x[:, :2])", ShapeError, "3"),
    ("np.linalg.norm(x, 5, axis=(0, 1))", ShapeError, "norm"),
    ("np.einsum('...i->i', x)", ShapeError, "output"),
    ("np.tensordot(x, x, 1)", ShapeError, "tensordot"),
    ("np.split(x, 2, axis=1)", ShapeError, "3 entries"),
    ("np.reshape(x, (4, 2))", ShapeError, "reshape"),
    ("x[7]", BoundsError, "7"),
    ("np.linspace(x, 1.0, -1)", ShapeError, "linspace: num"),
    ("np.linspace(x, 1.0, dtype=int)", UnsupportedError, "linspace: dtype="),
    ("np.meshgrid(x, x, indexing='yx')", DataError, "indexing"),
    ("np.gradient(x, 1.0, 2.0, 3.0)", UnsupportedError, "gradient: 3 spacings"),
    ("np.gradient(x, [1.0, 2.0], axis=1)", ShapeError, "gradient: .* 3 coordinates"),
    ("np.gradient(x, edge_order=3)", DataError, "edge_order"),
    ("np.gradient(x, axis=0, edge_order=2)", ShapeError, "gradient: .* 2 entries; .* needs 3"),
    ("np.gradient(x, axis=7)", ShapeError, "gradient: .*axis 7"),
    ("np.nanmax(x, axis=7)", ShapeError, "nanmax: .*axis 7"),
    ("np.nanmax(x[:0])", ShapeError, "nanmax|max"),
    ("np.block([[x], x])", ShapeError, "block: .*depth"),
    ("np.block([x, []])", ShapeError, "block: .*empty"),
    ("np.block([x, (x, x)])", UnsupportedError, "block: .*lists"),
    ("np.choose([0, 2, 1], [x, x])", DataError, "choose: 2 at \\(1,\\) .* 2 choices, 0 to 1; .*wrap"),
    ("np.choose([[0, -1]], [x[:1, :2]])", DataError, "-1 at \\(0, 1\\)"),
    ("np.choose(x > 9, [], mode='wrap')", DataError, "no choices"),
    ("np.choose([0, 1, 0], [x, x], mode='other')", DataError, "mode .* 'other'"),
    ("np.choose([0.0, 1.0, 0.0], [x, x])", DtypeError, "choose: .*float64"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=[call for call, *_ in REFUSED])
def test_refused(call: str, kind: type[Exception], words: str) -> None:
    """What would lose a gradient, or cannot be, is an error that says what to do."""
    with pytest.raises(kind, match=words):
        eval(call, {"np": np, "x": tg.Tensor(LETTERS["x"], requires_grad=True)})


def test_erf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(MissingError, match="pip install scipy"):
        tg.erf(np.ones(2))


def test_keywords_at_their_defaults_are_taken() -> None:
    x = tg.Tensor(LETTERS["x"], requires_grad=True)
    assert np.std(x, 0, None, None, 1).shape == (3,)
    assert np.sum(x, None, None, None, True).shape == (1, 1)
    assert np.sum(x, axis=0, dtype=None, out=None).shape == (3,)


def test_lists_of_tensors_are_joined_by_array() -> None:
    s = tg.Tensor(2.0, requires_grad=True)
    y = tg.array([[s, 1.0], [s * s, 0.0]])
    y.sum().backward()
    assert y.shape == (2, 2)
    assert s.grad is not None
    assert s.grad.item() == 5.0


def test_every_op_has_a_row() -> None:
    """A primitive or composition without a row fails; a name that only is another's alias needs none."""
    called = names_called([*TABLE, *QUERIES])
    reached = {id(FUNCTIONS[name]) for name in called & FUNCTIONS.keys()}
    reached |= {id(PRIMITIVES[name]) for name in OWN_TESTS}
    for call in TABLE:
        stack = evaluated(call.partition(" == ")[0], as_tensors(letters_of(call)))
        while stack:
            t = stack.pop()
            if t.node is not None:
                reached.add(id(t.node.primitive))
                stack += [x for _, x in t.node.edges]
    public = {name: FUNCTIONS[name] for name in tg.ops.__all__ if name in FUNCTIONS}
    assert not [name for name, f in {**public, **PRIMITIVES}.items() if of_rules(f) and id(f) not in reached]


EXAMPLES = [op for op in PRIMITIVES.values() if op.example]


@pytest.mark.thread_unsafe  # doctest swaps sys.stdout
@pytest.mark.parametrize("op", EXAMPLES, ids=lambda op: op.name)
def test_example(op: Primitive) -> None:
    test = doctest.DocTestParser().get_doctest(str(op), {"np": np, "tg": tg}, op.name, None, 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


def of_rules(function: Any) -> bool:
    """Whether it stands on a page of rules: not on that of softmax, nor in nn, nor in a test."""
    rules = [function]
    if isinstance(function, Primitive):
        rules = [rule for rule in function.rules if rule]
        if not rules and getattr(function.function, "__module__", "numpy").startswith("tinygrad_sm.nn"):
            return False
    pages = "tinygrad_sm.rules", "tinygrad_sm.compositions"
    return all(f.__module__.startswith(pages) for f in rules)


OWN_TESTS = {  # of the last six, those of the functions that are made of them
    "cofactors", "stop_gradient", "one_hot", "class_indices", "class_factors", "probabilities", "bincount",
    "checked_choice",
}  # fmt: skip
