"""Products of matrices, and linear algebra. The letters: x, a, b inputs; y output; g = dL/dy; ^T swaps the last two.

cholesky and eigh read one triangle of x, so the gradient is in that triangle alone. Singular vectors and eigenvectors
have a derivative where no two of the singular values or eigenvalues are equal.
"""

from functools import reduce
from math import inf, prod
from string import ascii_letters
from typing import Any

import numpy as np

from ..errors import ShapeError, UnsupportedError
from ..primitive import DISPATCH, Array, Axis, Primitive, composed, composition, primitive
from .reductions import length
from .selections import scatter_add
from .shapes import axes_of


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
        return g.dot(b.T)
    g, _, columns = matrices(g, a, b)
    da = g @ T(columns)
    return da if a.ndim > 1 else np.squeeze(da, -2)


def right(g: Array, a: Array, b: Array) -> Array:
    """a^T g, in the shape of b before its broadcast."""
    if a.ndim == b.ndim == 2:
        return a.T.dot(g)
    g, rows, _ = matrices(g, a, b)
    db = T(rows) @ g
    return db if b.ndim > 1 else np.squeeze(db, -1)


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


def eye(x: Array) -> Array:
    """The unit matrix of the size and dtype of x."""
    return np.eye(x.shape[-1], dtype=x.dtype)


def folded(x: Array, UPLO: str = "L") -> Array:
    """The gradient of a symmetric matrix as that of its lower (or upper) triangle, which is all that is read."""
    return (np.tril if UPLO in "Ll" else np.triu)(x + T(x)) - x * eye(x)


def minors(x: Array) -> Array:
    """The derivatives of det x, also where it is 0."""
    u, s, v = np.linalg.svd(x)
    others = np.prod(np.where(np.eye(x.shape[-1], dtype=bool), 1, s[..., None, :]), -1)
    return (np.linalg.det(u) * np.linalg.det(v))[..., None, None] * scaled(u, others) @ v


def through_pinv(g: Array, y: Array, x: Array) -> Array:
    """What an inverse gives, and what x leaves out of each of the two spaces."""
    return -T(y) @ g @ T(y) + (T(g) - x @ (y @ T(g))) @ y @ T(y) + T(y) @ y @ (T(g) - (T(g) @ y) @ x)


def through_cholesky(g: Array, y: Array) -> Array:
    """y^-T p y^-1, where p is the lower triangle of y^T g with its diagonal halved."""
    inverse = np.linalg.inv(y)
    return folded(T(inverse) @ (np.tril(T(y) @ g) * (1 - eye(y) / 2)) @ inverse)


def scaled(v: Array, s: Array) -> Array:
    """Each column of v times its s."""
    return v * s[..., None, :]


def thin(x: Array) -> Any:
    """u, s and v^T of x = u s v^T."""
    return np.linalg.svd(x, full_matrices=False)


def gaps(v: Array) -> Array:
    """1 / (v_j - v_i), and 0 on the diagonal."""
    d = v[..., None, :] - v[..., :, None]
    return (1 - eye(d)) / (d + eye(d))


def through_singular(g: Array, u: Array, s: Array, v: Array) -> Array:
    """From g = dL/du, u of x = u s v^T; with u and v exchanged, from dL/dv and for x^T."""
    turn = T(u) @ g
    return (scaled(u @ (gaps(s * s) * (turn - T(turn))), s) + scaled(g - u @ turn, 1 / s)) @ T(v)


# fmt: off
# function                         formula                    rules
primitive(np.matmul,               r"a b",                    lambda g, y, a, b: left(g, a, b),       # g b^T
                                                              lambda g, y, a, b: right(g, a, b),      # a^T g
    shapes="(..., n, k) @ (..., k, m) gives (..., n, m); a vector (k,) on either side is a row or a column",
    example="tg.matmul([[1., 2.]], [[3.], [4.]])")
contraction = primitive(lambda *x, subscripts, optimize=False: np.einsum(subscripts, *x, optimize=optimize),
                                   r"\sum x_1 x_2 \dots",     lambda g, y, i, *x, subscripts="", optimize=False:
        uncontract(g, x, i, subscripts, optimize), name="einsum", shapes="as the subscripts say")
solution = primitive(np.linalg.solve, r"a^{-1} b",            lambda g, y, a, b: -np.linalg.solve(T(a), g) @ T(y),
                                                              lambda g, y, a, b: np.linalg.solve(T(a), g),
    shapes="a (..., n, n); b (..., n, m), or one vector (n,)")
square = "square matrices (..., n, n)"
primitive(np.linalg.inv,           r"x^{-1}",                 lambda g, y, x: -T(y) @ g @ T(y),
    shapes=square, example="tg.inv([[2., 0.], [0., 4.]])")
primitive(lambda x, rcond=None: np.linalg.pinv(x, rcond), r"x^{+}", lambda g, y, x, rcond=None: through_pinv(g, y, x),
    name="pinv", numpy=(np.linalg.pinv,), shapes="(..., n, m) gives (..., m, n)", example="tg.pinv([[2.], [0.]])")
primitive(np.linalg.det,           r"|x|",                    lambda g, y, x: g[..., None, None] * cofactors(x),
    shapes=square + " give (...)", example="tg.det([[1., 2.], [2., 4.]])")
cofactors: Primitive = primitive(minors,      r"|x| \, x^{-T}",          lambda g, y, x:
        (np.sum(g * y, (-2, -1), keepdims=True) * y - y @ T(g) @ y) / np.linalg.det(x)[..., None, None],
    name="cofactors", shapes=square)
logabsdet = primitive(lambda x: np.linalg.slogdet(x)[1], r"\ln |\det x|", lambda g, y, x:
        g[..., None, None] * T(np.linalg.inv(x)), name="logabsdet", shapes=square + " give (...)")
lower = primitive(np.linalg.cholesky, r"y : y y^{T} = x",     lambda g, y, x: through_cholesky(g, y), shapes=square)
eigenvalues = primitive(lambda x, UPLO="L": np.linalg.eigh(x, UPLO)[0], r"\lambda", lambda g, y, x, UPLO="L":
        folded(scaled(eigenvectors(x, UPLO=UPLO), g) @ T(eigenvectors(x, UPLO=UPLO)), UPLO),
    name="eigenvalues", shapes=square + " give (..., n)")
eigenvectors: Primitive = primitive(lambda x, UPLO="L": np.linalg.eigh(x, UPLO)[1], r"v : x v = v \lambda",
                                                              lambda g, y, x, UPLO="L":
        folded(y @ (gaps(eigenvalues(x, UPLO=UPLO)) * (T(y) @ g)) @ T(y), UPLO),
    name="eigenvectors", shapes=square)
singular_values = primitive(np.linalg.svdvals, r"s : x = u s v^{T}", lambda g, y, x:
        scaled(left_vectors(x), g) @ right_vectors(x),
    shapes="(..., n, m) gives (..., min(n, m))")
left_vectors: Primitive = primitive(lambda x: thin(x)[0], r"u : x = u s v^{T}", lambda g, y, x:
        through_singular(g, y, singular_values(x), T(right_vectors(x))),
    name="left_vectors", shapes="(..., n, m) gives (..., n, min(n, m))")
right_vectors: Primitive = primitive(lambda x: thin(x)[2], r"v^{T} : x = u s v^{T}", lambda g, y, x:
        T(through_singular(T(g), T(y), singular_values(x), left_vectors(x))),
    name="right_vectors", shapes="(..., n, m) gives (..., min(n, m), m)")

composed(np.inner, "The sum of products over the last axis of both.", lambda a, b:
    np.tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else a * b)
composed(np.outer, "Each entry of a times each of b.", lambda a, b: np.reshape(a, (-1, 1)) * np.reshape(b, -1))
composed(np.vdot, "The sum of products of all entries.", lambda a, b: np.reshape(a, -1) @ np.reshape(b, -1))
composed(np.vecdot, "The sum of products over the last axis.", lambda a, b: np.sum(np.multiply(a, b), -1))
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
# fmt: on


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
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not a.shape[-1] == b.shape[-1] == 3:
        raise ShapeError(f"cross: vectors of {a.shape[-1]} and {b.shape[-1]} entries; they must have 3")
    y = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return np.moveaxis(y, -1, axisc)


@composition(np.linalg.svd)
def svd(x: Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and v^T of x = u s v^T, or s alone."""
    if not compute_uv:
        return singular_values(x)
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise UnsupportedError(f"svd: of shape {x.shape}, which is not square, call it with full_matrices=False")
    return named(np.linalg.svd, left_vectors(x), singular_values(x), right_vectors(x))


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
    if ord is None or (ord, len(axes)) in ((2, 1), ("fro", 2)):
        return length(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return vector_norm(np.abs(x), ord, axes[0], keepdims)
    if len(axes) != 2 or ord not in MATRIX_NORMS:
        raise ShapeError(f"norm: of order {ord!r} over {len(axes)} axes; of matrices there are {[*MATRIX_NORMS]}")
    y = MATRIX_NORMS[ord](np.moveaxis(x, axes, (-2, -1)))
    return np.expand_dims(y, axes) if keepdims else y


MATRIX_NORMS: dict[Any, Any] = {
    "fro": lambda x: length(x, axis=(-2, -1)), "nuc": lambda x: np.sum(singular_values(x), -1),
    1: lambda x: np.max(np.sum(np.abs(x), -2), -1), -1: lambda x: np.min(np.sum(np.abs(x), -2), -1),
    2: lambda x: np.max(singular_values(x), -1), -2: lambda x: np.min(singular_values(x), -1),
    inf: lambda x: np.max(np.sum(np.abs(x), -1), -1), -inf: lambda x: np.min(np.sum(np.abs(x), -1), -1),
}  # fmt: skip


def vector_norm(size: Array, ord: Any, axis: int, keepdims: bool) -> Array:
    """(sum |x|^ord)^(1/ord) and its limits; the derivative at 0 is 0."""
    if ord in (inf, -inf):
        return (np.max if ord == inf else np.min)(size, axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((size > 0).astype(size.dtype), axis, keepdims=keepdims)
    total = np.sum(size**ord, axis, keepdims=keepdims)
    return np.where(total == 0, 0, (total + (total == 0)) ** (1 / ord))


for name in ("cross", "matmul", "matrix_transpose", "outer", "tensordot", "vecdot"):  # the same under np.linalg
    DISPATCH[getattr(np.linalg, name)] = DISPATCH[getattr(np, name)]
