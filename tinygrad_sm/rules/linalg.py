"""Products of matrices, and linear algebra. The letters: x, a, b inputs; y output; g = dL/dy; ^T exchanges the last two axes.

cholesky and eigh read one triangle of x, so the gradient is in that triangle alone. Singular vectors and eigenvectors have
a derivative where no two of the singular values or eigenvalues are equal.
"""

from functools import reduce
from functools import reduce
from math import inf, prod
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..errors import ShapeError, UnsupportedError
from ..primitive import Array, Axis, composed, composition, primitive
from .reductions import axes_of, length
from .selections import scatter_add


def T(a: Array) -> Array:
    """The last two axes exchanged."""
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def matrices(g: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """g, a, b as matmul sees them: a vector on the left is one row, one on the right is one column."""
    if a.ndim == 1:
        a, g = np.expand_dims(a, 0), np.expand_dims(g, -2 if b.ndim > 1 else -1)
    if b.ndim == 1:
        b, g = np.expand_dims(b, 1), np.expand_dims(g, -1)
    return g, a, b


def left(g: Array, a: Array, b: Array) -> Array:
    """g b^T, in the shape of a before its broadcast."""
    if a.ndim == b.ndim == 2:
        return g @ b.T
    g, _, columns = matrices(g, a, b)
    da = g @ T(columns)
    return da if a.ndim > 1 else np.squeeze(da, -2)


def right(g: Array, a: Array, b: Array) -> Array:
    """a^T g, in the shape of b before its broadcast."""
    if a.ndim == b.ndim == 2:
        return a.T @ g
    g, rows, _ = matrices(g, a, b)
    db = T(rows) @ g
    return db if b.ndim > 1 else np.squeeze(db, -1)


def contract(*x: Array, subscripts: str = "", optimize: Any = False) -> Array:
    """The einsum of explicit subscripts, a letter for each axis."""
    return np.einsum(subscripts, *x, optimize=optimize)


def uncontract(g: Array, x: Any, i: int, subscripts: str, optimize: Any) -> Array:
    """The einsum of g with the other inputs. A letter of x_i alone is spread, one that x_i repeats is a diagonal."""
    terms, output = subscripts.split("->")
    others = terms.split(",")
    mine = others.pop(i)
    letters, size = "".join(dict.fromkeys(mine)), dict(zip(mine, np.shape(x[i]), strict=True))
    parts, others = [g, *x[:i], *x[i + 1 :]], [output, *others]
    if alone := "".join(c for c in letters if c not in "".join(others)):
        parts, others = [*parts, np.ones([size[c] for c in alone], g.dtype)], [*others, alone]
    d = contraction(*parts, subscripts=f"{','.join(others)}->{letters}", optimize=optimize)
    if letters == mine:
        return d
    grid = np.ix_(*[np.arange(size[c]) for c in letters])
    return scatter_add(d, key=tuple(grid[letters.index(c)] for c in mine), shape=np.shape(x[i]))


def pinv(x: Array, rcond: Any = None) -> Array:
    """The pseudoinverse."""
    return np.linalg.pinv(x, rcond)


def eye(x: Array) -> Array:
    """The unit matrix of the size and dtype of x."""
    return np.eye(x.shape[-1], dtype=x.dtype)


def folded(x: Array, UPLO: str = "L") -> Array:
    """The gradient of a symmetric matrix as that of its lower (or upper) triangle, which is all that is read."""
    return (np.tril if UPLO in "Ll" else np.triu)(x + T(x)) - x * eye(x)


def cofactors(x: Array) -> Array:
    """The derivatives of det x, also where it is 0."""
    u, s, v = np.linalg.svd(x)
    others = np.prod(np.where(np.eye(x.shape[-1], dtype=bool), 1, s[..., None, :]), -1)
    return (np.linalg.det(u) * np.linalg.det(v))[..., None, None] * (u * others[..., None, :]) @ v


def logabsdet(x: Array) -> Array:
    """The logarithm of |det x|."""
    return np.linalg.slogdet(x)[1]


def left_vectors(x: Array) -> Array:
    """u of x = u s v^T."""
    return np.linalg.svd(x, full_matrices=False)[0]


def right_vectors(x: Array) -> Array:
    """v^T of x = u s v^T."""
    return np.linalg.svd(x, full_matrices=False)[2]


def eigenvalues(x: Array, UPLO: Any) -> Array:
    """Those of a symmetric matrix, the smallest first."""
    return np.linalg.eigh(x, UPLO)[0]


def eigenvectors(x: Array, UPLO: Any) -> Array:
    """Those of a symmetric matrix, as columns."""
    return np.linalg.eigh(x, UPLO)[1]


def through_pinv(g: Array, y: Array, x: Array) -> Array:
    """What an inverse gives, and what x leaves out of each of the two spaces."""
    return -T(y) @ g @ T(y) + (T(g) - x @ (y @ T(g))) @ y @ T(y) + T(y) @ y @ (T(g) - (T(g) @ y) @ x)


def cofactors(x: Array) -> Array:
    """The derivatives of det x, also where it is 0."""
    u, s, v = np.linalg.svd(x)
    others = np.prod(np.where(np.eye(x.shape[-1], dtype=bool), 1, s[..., None, :]), -1)
    return (np.linalg.det(u) * np.linalg.det(v))[..., None, None] * (u * others[..., None, :]) @ v


def logabsdet(x: Array) -> Array:
    """The logarithm of |det x|."""
    return np.linalg.slogdet(x)[1]


def left_vectors(x: Array) -> Array:
    """u of x = u s v^T."""
    return np.linalg.svd(x, full_matrices=False)[0]


def right_vectors(x: Array) -> Array:
    """v^T of x = u s v^T."""
    return np.linalg.svd(x, full_matrices=False)[2]


def eigenvalues(x: Array, UPLO: Any) -> Array:
    """Those of a symmetric matrix, the smallest first."""
    return np.linalg.eigh(x, UPLO)[0]


def eigenvectors(x: Array, UPLO: Any) -> Array:
    """Those of a symmetric matrix, as columns."""
    return np.linalg.eigh(x, UPLO)[1]


def through_pinv(g: Array, y: Array, x: Array) -> Array:
    """What an inverse gives, and what x leaves out of each of the two spaces."""
    return -T(y) @ g @ T(y) + (T(g) - x @ (y @ T(g))) @ y @ T(y) + T(y) @ y @ (T(g) - (T(g) @ y) @ x)


def through_cholesky(g: Array, y: Array) -> Array:
    """y^-T p y^-1, where p is the lower triangle of y^T g with its diagonal halved."""
    inverse = np.linalg.inv(y)
    return folded(T(inverse) @ (np.tril(T(y) @ g) * (1 - eye(y) / 2)) @ inverse)


def through_eigenvalues(g: Array, v: Array, UPLO: str) -> Array:
    """v g v^T, with the eigenvectors v."""
    return folded((v * g[..., None, :]) @ T(v), UPLO)


def gaps(v: Array) -> Array:
    """1 / (v_j - v_i), and 0 on the diagonal."""
    d = v[..., None, :] - v[..., :, None]
    return (1 - eye(d)) / (d + eye(d))


def through_singular(g: Array, u: Array, s: Array, v: Array) -> Array:
    """From g = dL/du, u of x = u s v^T; with u and v exchanged, from dL/dv and for x^T."""
    turn = T(u) @ g
    return (u @ (gaps(s * s) * (turn - T(turn))) * s[..., None, :] + (g - u @ turn) / s[..., None, :]) @ T(v)


# fmt: off
# function                        formula             rules
primitive(np.matmul,              r"a b",             lambda g, y, a, b: left(g, a, b),       # g b^T
                                                      lambda g, y, a, b: right(g, a, b),      # a^T g
    shapes="(..., n, k) @ (..., k, m) gives (..., n, m); a vector (k,) on either side is a row or a column",
    example="tg.matmul([[1., 2.]], [[3.], [4.]])")
contraction = primitive(contract, r"\sum x_1 x_2 \dots", lambda g, y, i, *x, subscripts="", optimize=False:
                                                          uncontract(g, x, i, subscripts, optimize),
    name="einsum", shapes="as the subscripts say")
square = "square matrices (..., n, n)"
primitive(np.linalg.inv,          r"x^{-1}",          lambda g, y, x: -T(y) @ g @ T(y),
    shapes=square, example="tg.inv([[2., 0.], [0., 4.]])")
primitive(pinv,                   r"x^{+}",           lambda g, y, x, rcond=None: through_pinv(g, y, x),
    numpy=(np.linalg.pinv,), shapes="matrices (..., n, m) give (..., m, n)", example="tg.pinv([[2.], [0.]])")
solution = primitive(np.linalg.solve, r"a^{-1} b",    lambda g, y, a, b: -np.linalg.solve(T(a), g) @ T(y),
                                                      lambda g, y, a, b: np.linalg.solve(T(a), g),
    shapes="a (..., n, n); b (..., n, m), or one vector (n,)")
primitive(np.linalg.det,          r"|x|",             lambda g, y, x: g[..., None, None] * cofactors(x),
    shapes=square + " give (...)", example="tg.det([[1., 2.], [2., 4.]])")
cofactors = primitive(cofactors,  r"|x| \, x^{-T}",   lambda g, y, x: (np.sum(g * y, (-2, -1), keepdims=True) * y - y @ T(g) @ y)
                                                          / np.linalg.det(x)[..., None, None], shapes=square)
logabsdet = primitive(logabsdet,  r"\ln |\det x|",    lambda g, y, x: g[..., None, None] * T(np.linalg.inv(x)), shapes=square + " give (...)")
cholesky_lower = primitive(np.linalg.cholesky, r"y : y y^{T} = x", lambda g, y, x: through_cholesky(g, y), shapes=square)
eigenvalues = primitive(eigenvalues, r"\lambda",      lambda g, y, x, UPLO="L": through_eigenvalues(g, eigenvectors(x, UPLO=UPLO), UPLO),
    shapes=square + " give (..., n)")
eigenvectors = primitive(eigenvectors, r"v : x v = v \lambda", lambda g, y, x, UPLO="L": folded(y @ (gaps(eigenvalues(x, UPLO=UPLO)) * (T(y) @ g)) @ T(y), UPLO),
    shapes=square)
singular_values = primitive(np.linalg.svdvals, r"s : x = u s v^{T}", lambda g, y, x: (left_vectors(x) * g[..., None, :]) @ right_vectors(x),
    shapes="matrices (..., n, m) give (..., min(n, m))")
left_vectors = primitive(left_vectors, r"u : x = u s v^{T}", lambda g, y, x:
                                                          through_singular(g, y, singular_values(x), T(right_vectors(x))),
    shapes="matrices (..., n, m) give (..., n, min(n, m))")
right_vectors = primitive(right_vectors, r"v^{T} : x = u s v^{T}", lambda g, y, x:
                                                          T(through_singular(T(g), T(y), singular_values(x), left_vectors(x))),
    shapes="matrices (..., n, m) give (..., min(n, m), m)")

composed(np.inner,   "The sum of products over the last axis of both.", lambda a, b: np.tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else a * b)
composed(np.outer,   "Each entry of a times each of b.",                lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, -1))
composed(np.vdot,    "The sum of products of all entries.",             lambda a, b: np.reshape(a, -1) @ np.reshape(b, -1))
composed(np.vecdot,  "The sum of products over the last axis.",         lambda a, b: np.sum(np.multiply(a, b), -1))
composed(np.linalg.slogdet, "The sign of det x, and the logarithm of |det x|.", lambda x: SLOGDET(np.sign(np.linalg.det(x)), logabsdet(x)))
composed(np.linalg.eigvalsh, "The eigenvalues of a symmetric matrix.",  lambda x, UPLO="L": eigenvalues(x, UPLO=UPLO))
composed(np.linalg.eigh, "The eigenvalues and eigenvectors of a symmetric matrix, of which one triangle is read.", lambda x, UPLO="L":
    EIGH(eigenvalues(x, UPLO=UPLO), eigenvectors(x, UPLO=UPLO)))
composed(np.linalg.cholesky, "The lower triangle y of y y^T = x, or with upper=True the upper one of y^T y = x.", lambda x, *, upper=False:
    T(cholesky_lower(T(x))) if upper else cholesky_lower(x))
composed(np.linalg.multi_dot, "The product of several matrices.",       lambda arrays: reduce(np.matmul, arrays))
# fmt: on
SLOGDET, EIGH, SVD = (type(f(np.eye(1))) for f in (np.linalg.slogdet, np.linalg.eigh, np.linalg.svd))


@composition(np.dot)
def dot(a: Array, b: Array) -> Array:
    """The matrix product; for more than two axes, over the last of a and the last but one of b; for scalars, a times b."""
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


@composition(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """The sum of products over some axes of a and as many of b, or over the last of a and the first of b."""
    mine, other = (range(-axes, 0), range(axes)) if np.ndim(axes) == 0 else axes
    mine, other = normalize_axis_tuple(mine, np.ndim(a)), normalize_axis_tuple(other, np.ndim(b))
    rest_a, rest_b = ([i for i in range(np.ndim(x)) if i not in axes] for x, axes in ((a, mine), (b, other)))
    rows, columns = [np.shape(a)[i] for i in rest_a], [np.shape(b)[i] for i in rest_b]
    if (over := [np.shape(a)[i] for i in mine]) != [np.shape(b)[i] for i in other]:
        raise ShapeError(f"tensordot: axes {mine} of {np.shape(a)} and {other} of {np.shape(b)} are not of equal lengths")
    left = np.reshape(np.transpose(a, (*rest_a, *mine)), (prod(rows), prod(over)))
    return np.reshape(left @ np.reshape(np.transpose(b, (*other, *rest_b)), (prod(over), prod(columns))), (*rows, *columns))


@composition(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Array:
    """Einstein's sum, in every form that NumPy takes: "ij,jk->ik", "ij,jk", "...i,i", or arrays and lists of axes in turn."""
    if not isinstance(operands[0], str):
        terms = ["".join("..." if c is Ellipsis else ascii_letters[c] for c in axes) for axes in operands[1::2]]
        if len(operands) % 2:
            terms.append("->" + "".join("..." if c is Ellipsis else ascii_letters[c] for c in operands[-1]))
        operands = (",".join(terms).replace(",->", "->"), *operands[: len(operands) // 2 * 2 : 2])
    subscripts, *x = operands
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    extra = [np.ndim(a) - len(term.replace("...", "")) for a, term in zip(x, inputs.split(","), strict=True)]
    dots = "".join(c for c in ascii_letters if c not in subscripts)[: max([0, *extra])]
    if not arrow:
        output = "..." + "".join(sorted(c for c in set(inputs) - set(".,") if inputs.count(c) == 1))
    if dots and "..." not in output:
        raise ShapeError(f"einsum: the axes of ... in {subscripts!r} must be in the output")
    terms = [term.replace("...", dots[len(dots) - n :]) for n, term in zip(extra, inputs.split(","), strict=True)]
    return contraction(*x, subscripts=f"{','.join(terms)}->{output.replace('...', dots)}", optimize=optimize)


@composition(np.kron)
def kron(a: Array, b: Array) -> Array:
    """Each entry of a times the whole of b, in a's places."""
    ndim = max(np.ndim(a), np.ndim(b))
    pairs = [[n for n in (1,) * (ndim - np.ndim(x)) + np.shape(x)] for x in (a, b)]
    spaced = (np.reshape(a, [n for m in pairs[0] for n in (m, 1)]), np.reshape(b, [n for m in pairs[1] for n in (1, m)]))
    return np.reshape(spaced[0] * spaced[1], [n * m for n, m in zip(*pairs, strict=True)])


@composition(np.cross)
def cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """The vector at right angles to a and b, of three entries each."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not a.shape[-1] == b.shape[-1] == 3:
        raise ShapeError(f"cross: vectors of {a.shape[-1]} and {b.shape[-1]} entries; they must have 3")
    y = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return np.moveaxis(y, -1, axisc)


@composition(np.linalg.solve)
def solve(a: Array, b: Array) -> Array:
    """x of a x = b."""
    return np.squeeze(solution(a, np.expand_dims(b, -1)), -1) if np.ndim(b) == 1 else solution(a, b)


@composition(np.linalg.svd)
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and v^T of x = u s v^T, or s alone."""
    if not compute_uv:
        return singular_values(x)
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise UnsupportedError(f"svd: of shape {x.shape} it is differentiable only with full_matrices=False")
    return SVD(left_vectors(x), singular_values(x), right_vectors(x))


@composition(np.linalg.matrix_power)
def matrix_power(x: Array, n: int) -> Array:
    """x @ x @ ... @ x, by repeated squares; of the inverse if n is negative."""
    y, x, n = np.zeros_like(x) + np.eye(x.shape[-1], dtype=x.dtype), np.linalg.inv(x) if n < 0 else x, abs(n)
    while n:
        y, x, n = y @ x if n % 2 else y, x @ x if n > 1 else x, n // 2
    return y


@composition(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """The length of vectors, or the size of matrices: the root of the sum of squares, or another by `ord`."""
    axes = axes_of(x, axis)
    if ord is None and (axis is None or len(axes) <= 2):
        return length(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2 or ord not in MATRIX_NORMS:
        raise ShapeError(f"norm: ord={ord!r} over axes {axes} of shape {np.shape(x)}; matrices have {', '.join(map(str, MATRIX_NORMS))}")
    y = MATRIX_NORMS[ord](np.moveaxis(x, axes, (-2, -1)))
    return np.expand_dims(y, axes) if keepdims else y


MATRIX_NORMS: dict[Any, Any] = {
    "fro": lambda x: length(x, axis=(-2, -1)), "nuc": lambda x: np.sum(singular_values(x), -1),
    1: lambda x: np.max(np.sum(np.abs(x), -2), -1), -1: lambda x: np.min(np.sum(np.abs(x), -2), -1),
    2: lambda x: np.max(singular_values(x), -1), -2: lambda x: np.min(singular_values(x), -1),
    inf: lambda x: np.max(np.sum(np.abs(x), -1), -1), -inf: lambda x: np.min(np.sum(np.abs(x), -1), -1),
}  # fmt: skip


def vector_norm(x: Array, ord: Any, axis: int, keepdims: bool) -> Array:
    """(sum |x|^ord)^(1/ord) and its limits; the derivative at 0 is 0."""
    if ord == 2:
        return length(x, axis=axis, keepdims=keepdims)
    if ord in (inf, -inf):
        return (np.max if ord == inf else np.min)(np.abs(x), axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.not_equal(x, 0).astype(x.dtype), axis, keepdims=keepdims)
    total = np.sum(np.abs(x) ** ord, axis, keepdims=keepdims)
    return np.where(total == 0, 0, (total + (total == 0)) ** (1 / ord))
