"""Products of matrices, and linear algebra. The letters: x, a, b inputs; y output; g = dL/dy; ^T swaps the last two.

cholesky and eigh read one triangle of x, so the gradient is in that triangle alone. Singular vectors and eigenvectors
have a derivative where no two of the singular values or eigenvalues are equal.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from ..primitive import PRIMITIVES, Array, Primitive, primitive
from .selections import scatter_add


def T(a: Array) -> Array:
    """The last two axes exchanged."""
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def product(a: Array, b: Array) -> Array:
    """NumPy's matmul. Two matrices go to dot, which gives the same and begins in half the time."""
    return a.dot(b) if type(a) is type(b) is ndarray and a.ndim == b.ndim == 2 else np.matmul(a, b)


def matrices(g: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """g, a, b as matmul sees them: a vector on the left is one row, one on the right is one column."""
    if a.ndim == 1:
        a, g = np.expand_dims(a, 0), np.expand_dims(g, -2 if b.ndim > 1 else -1)
    if b.ndim == 1:
        b, g = np.expand_dims(b, 1), np.expand_dims(g, -1)
    return g, a, b


def left(g: Array, a: Array, b: Array) -> Array:
    """g b^T."""
    if a.ndim == b.ndim == 2:
        return g.dot(b.T)
    g, rows, columns = matrices(g, a, b)
    return as_given(g @ T(columns), rows, a)


def right(g: Array, a: Array, b: Array) -> Array:
    """a^T g."""
    if a.ndim == b.ndim == 2:
        return a.T.dot(g) if type(a) is type(g) else np.dot(a.T, g)  # a may be an array where g is a Tensor
    g, rows, columns = matrices(g, a, b)
    return as_given(T(rows) @ g, columns, b)


def as_given(d: Array, matrix: Array, x: Array) -> Array:
    """d, summed over what the matrix was repeated for, in the shape of x, which it was made of."""
    return d if d.shape == x.shape else np.reshape(PRIMITIVES["sum_to"](d, shape=matrix.shape), x.shape)


def uncontract(g: Array, x: Any, i: int, subscripts: str, optimize: Any) -> Array:
    """The einsum of g with the other inputs. A letter of x_i alone is spread, one that x_i repeats is a diagonal; where
    an axis of length 1 was stretched, by x_i or to it, the same is done to the gradient."""
    terms, output = subscripts.split("->")
    others = terms.split(",")
    mine = others.pop(i)
    letters, size = "".join(dict.fromkeys(mine)), dict(zip(mine, np.shape(x[i]), strict=True))
    parts, others = [g, *x[:i], *x[i + 1 :]], [output, *others]
    pairs = (pair for term, part in zip(others, parts, strict=True) for pair in zip(term, np.shape(part), strict=True))
    found = dict(sorted(pairs))  # the largest of each
    if alone := "".join(c for c in letters if found.get(c, -1) < size[c]):
        parts, others = [*parts, np.ones([size[c] for c in alone], g.dtype)], [*others, alone]
    d = contraction(*parts, subscripts=f"{','.join(others)}->{letters}", optimize=optimize)
    if (shape := tuple(size[c] for c in letters)) != d.shape:
        d = PRIMITIVES["sum_to"](d, shape=shape)
    grid = dict(zip(letters, np.ix_(*map(np.arange, shape)), strict=True))
    return d if letters == mine else scatter_add(d, key=tuple(grid[c] for c in mine), shape=np.shape(x[i]))


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


# function                         formula                    rules
primitive(lambda a, b, **options: np.matmul(a, b, **options) if options else product(a, b), r"a b",
                                                              lambda g, y, a, b: left(g, a, b),
                                                              lambda g, y, a, b: right(g, a, b),
    name="matmul", run=product, numpy=(np.matmul,), fits=True, example="tg.matmul([[1., 2.]], [[3.], [4.]])",
    shapes="(..., n, k) @ (..., k, m) gives (..., n, m); a vector (k,) on either side is a row or a column")
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
