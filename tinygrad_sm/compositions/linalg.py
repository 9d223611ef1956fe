"""Linear algebra made of others. norm has derivative 0 where it is 0, and by an entry that is 0."""

from functools import reduce
from math import inf, prod
from operator import index
from string import ascii_letters
from typing import Any

import numpy as np

from ..composition import composed, composition
from ..errors import ShapeError, UnsupportedError
from ..primitive import Array, Axis
from ..rules.linalg import (
    T,
    contraction,
    eigenvalues,
    eigenvectors,
    left_vectors,
    logabsdet,
    lower,
    right_vectors,
    singular_values,
    solution,
)
from ..rules.reductions import length
from ..rules.shapes import axes_of
from .reductions import real
from .shapes import axis_of

# fmt: off
MATRIX_NORMS: dict[Any, Any] = {
    "fro": lambda x: length(x, axis=(-2, -1)), "nuc": lambda x: np.sum(singular_values(x), -1),
    1: lambda x: np.max(np.sum(np.abs(x), -2), -1), -1: lambda x: np.min(np.sum(np.abs(x), -2), -1),
    2: lambda x: np.max(singular_values(x), -1), -2: lambda x: np.min(singular_values(x), -1),
    inf: lambda x: np.max(np.sum(np.abs(x), -1), -1), -inf: lambda x: np.min(np.sum(np.abs(x), -1), -1),
}  # fmt: skip
composed(np.inner, "The sum of products over the last axis of both.", lambda a, b:
    np.tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else a * b)
composed(np.outer, "Each entry of a times each of b.", lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, -1))
composed(np.vdot, "The sum of products of all entries.", lambda a, b: np.reshape(a, -1) @ np.reshape(b, -1))
composed(np.vecdot, "The sum of products over the last axis.", lambda a, b: np.sum(np.multiply(*alike(a, b)), -1))
composed(np.linalg.multi_dot, "The product of several matrices.", lambda arrays: reduce(np.matmul, arrays))
composed(np.linalg.slogdet, "The sign of det x, and the logarithm of |det x|.", lambda x:
    named(np.linalg.slogdet, np.sign(np.linalg.det(x)), logabsdet(x)))
composed(np.linalg.eigvalsh, "The eigenvalues of a symmetric matrix.", lambda x, UPLO="L": eigenvalues(x, UPLO=UPLO))
composed(np.linalg.eigh, "The eigenvalues and eigenvectors of a symmetric matrix.", lambda x, UPLO="L":
    named(np.linalg.eigh, eigenvalues(x, UPLO=UPLO), eigenvectors(x, UPLO=UPLO)))
composed(np.linalg.cholesky, "The lower triangle y of y y^T = x, or the upper of y^T y.", lambda x, *, upper=False:
    T(lower(T(x))) if upper else lower(x))
composed(np.linalg.solve, "x of a x = b.", lambda a, b:
    np.squeeze(solution(a, np.expand_dims(b, -1)), -1) if np.ndim(b) == 1 else solution(a, b))


def named(function: Any, *parts: Array) -> Any:
    """Several results as NumPy gives them: as a named tuple."""
    return type(function(np.eye(1)))(*parts)


@composition(np.dot)
def dot(a: Array, b: Array) -> Array:
    """The matrix product: over the last axis of a and the last but one of b; with a scalar, a times b."""
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


@composition(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """The sum of products over some axes of a and as many of b, or over the last of a and the first of b."""
    over_a, over_b = (range(-axes, 0), range(axes)) if np.ndim(axes) == 0 else axes
    over_a, over_b = axes_of(a, over_a), axes_of(b, over_b)
    rest_a, rest_b = (tuple(i for i in range(np.ndim(x)) if i not in over) for x, over in ((a, over_a), (b, over_b)))
    a, b = np.transpose(a, rest_a + over_a), np.transpose(b, over_b + rest_b)
    rows, middle, columns = np.shape(a)[: len(rest_a)], np.shape(a)[len(rest_a) :], np.shape(b)[len(over_b) :]
    if middle != np.shape(b)[: len(over_b)]:
        raise ShapeError(f"tensordot: the axes summed over have lengths {middle} in a, not those of b: {b.shape}")
    y = np.reshape(a, (prod(rows), prod(middle))) @ np.reshape(b, (prod(middle), prod(columns)))
    return np.reshape(y, rows + columns)


@composition(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Array:
    """Einstein's sum in each of NumPy's forms: "ij,jk->ik", "ij,jk", "...i,i", or arrays and lists of axes in turn."""
    if not isinstance(operands[0], str):
        terms = ["".join("..." if c is Ellipsis else ascii_letters[c] for c in axes) for axes in operands[1::2]]
        if len(operands) % 2:
            terms[-1] += "->" + "".join("..." if c is Ellipsis else ascii_letters[c] for c in operands[-1])
        operands = (",".join(terms), *operands[: len(operands) // 2 * 2 : 2])
    subscripts, *x = operands
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    extra = [np.ndim(a) - len(term.replace("...", "")) for a, term in zip(x, terms, strict=True)]
    dots = "".join(c for c in ascii_letters if c not in subscripts)[: max(extra)]
    if not arrow:
        output = "..." + "".join(sorted(c for c in {*inputs} - {*".,"} if inputs.count(c) == 1))
    if dots and "..." not in output:
        raise ShapeError(f"einsum: the axes of ... in {subscripts!r} must be in the output")
    terms = [term.replace("...", dots[len(dots) - n :]) for n, term in zip(extra, terms, strict=True)]
    return contraction(*x, subscripts=f"{','.join(terms)}->{output.replace('...', dots)}", optimize=optimize)


@composition(np.kron)
def kron(a: Array, b: Array) -> Array:
    """Each entry of a times the whole of b, in a's places."""
    ndim = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (a, b))
    y = np.expand_dims(a, tuple(range(1, 2 * ndim, 2))) * np.expand_dims(b, tuple(range(0, 2 * ndim, 2)))
    return np.reshape(y, np.multiply(a.shape, b.shape))


@composition(np.cross)
def cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """The vector at right angles to a and b, of three entries each."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = np.moveaxis(a, axis_of(a, axisa), -1), np.moveaxis(b, axis_of(b, axisb), -1)
    if not a.shape[-1] == b.shape[-1] == 3:
        raise ShapeError(f"cross: vectors of {a.shape[-1]} and {b.shape[-1]} entries; they must have 3")
    y = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return np.moveaxis(y, -1, axis_of(y, axisc))


@composition(np.linalg.svd)
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and v^T of x = u s v^T, or s alone."""
    if not compute_uv:
        return singular_values(x)
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise UnsupportedError(f"svd: of shape {x.shape}, which is not square, call it with full_matrices=False")
    return named(np.linalg.svd, left_vectors(x), singular_values(x), right_vectors(x))


def alike(a: Array, b: Array) -> tuple[Array, Array]:
    """a and b, if their vectors are of one length."""
    if np.shape(a)[-1:] != np.shape(b)[-1:]:
        raise ShapeError(f"vecdot: the last axes of {np.shape(a)} and {np.shape(b)} must be of one length")
    return a, b


@composition(np.linalg.matrix_power)
def matrix_power(x: Array, n: int) -> Array:
    """x @ x @ ... @ x, by repeated squares; of the inverse if n is negative."""
    if np.ndim(x) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: not for shape {np.shape(x)}; it takes square matrices")
    y, n = np.zeros_like(x) + np.eye(x.shape[-1], dtype=x.dtype), index(n)
    x, n = np.linalg.inv(x) if n < 0 else x, abs(n)
    while n:
        y, x, n = y @ x if n % 2 else y, x @ x if n > 1 else x, n // 2
    return y


@composition(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """The length of vectors, or the size of matrices: the root of the sum of squares, or another by `ord`."""
    x, axes = real(x), axes_of(x, axis)
    if ord is None or (ord, len(axes)) in ((2, 1), ("fro", 2)):
        return length(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1 and not isinstance(ord, str):
        return vector_norm(np.abs(x), ord, axes[0], keepdims)
    if len(axes) != 2 or ord not in MATRIX_NORMS:
        raise ShapeError(f"norm: of order {ord!r} over {len(axes)} axes; of matrices there are {[*MATRIX_NORMS]}")
    y = MATRIX_NORMS[ord](np.moveaxis(x, axes, (-2, -1)))
    return np.expand_dims(y, axes) if keepdims else y


def vector_norm(size: Array, ord: Any, axis: int, keepdims: bool) -> Array:
    """(sum |x|^ord)^(1/ord) and its limits; the derivative at 0 is 0, also of an entry that is 0."""
    if ord in (inf, -inf):
        return (np.max if ord == inf else np.min)(size, axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((size != 0).astype(size.dtype), axis, keepdims=keepdims)
    zero = size == 0
    powers = size**ord if ord >= 1 else np.where(zero, 0, (size + zero) ** ord)
    total = np.sum(powers, axis, keepdims=keepdims)
    zero = total == 0 if ord > 0 else np.logical_and(np.any(zero, axis, keepdims=keepdims), total == total)
    return np.where(zero, 0, (total + zero) ** (1 / ord))
