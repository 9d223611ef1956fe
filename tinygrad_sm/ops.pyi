"""What the tables of rules give to editors and type checkers; written by tests/generate.py."""

# ruff: noqa

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, overload

from numpy.typing import NDArray

from .tensor import Tensor

Axis = int | tuple[int, ...] | None
Plain = NDArray[Any] | float | Sequence[Any]  # no Tensor

linalg: SimpleNamespace

def rule(name: str) -> Any:
    """The op of a name: print it for its formula, its rules, its shapes and an example."""

class Methods:
    """The functions of one array, as methods."""

    __slots__ = ()
    def abs(self) -> Tensor:
        """|x|"""
    def absolute(self) -> Tensor:
        """|x|"""
    def acos(self) -> Tensor:
        """\\arccos x"""
    def acosh(self) -> Tensor:
        """\\mathrm{arcosh}\\, x"""
    def all(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\forall x"""
    def amax(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\max x"""
    def amin(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\min x"""
    def any(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\exists x"""
    def append(self, values: Any, axis: Axis = ...) -> Tensor:
        """Values after those of x, all flat if axis is None."""
    def arccos(self) -> Tensor:
        """\\arccos x"""
    def arccosh(self) -> Tensor:
        """\\mathrm{arcosh}\\, x"""
    def arcsin(self) -> Tensor:
        """\\arcsin x"""
    def arcsinh(self) -> Tensor:
        """\\mathrm{arsinh}\\, x"""
    def arctan(self) -> Tensor:
        """\\arctan x"""
    def arctanh(self) -> Tensor:
        """\\mathrm{artanh}\\, x"""
    def argmax(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\mathrm{argmax}\\, x"""
    def argmin(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\mathrm{argmin}\\, x"""
    def argpartition(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\mathrm{argpartition}\\, x"""
    def argsort(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\mathrm{argsort}\\, x"""
    def argwhere(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\{i : x_i \\ne 0\\}"""
    def around(self, decimals: int = ...) -> Tensor:
        """\\mathrm{round}(x)"""
    def array_split(self, indices_or_sections: Any, axis: Axis = ...) -> Any:
        """Cut into so many parts, of which the first may be longer by one, or before the indices given."""
    def asin(self) -> Tensor:
        """\\arcsin x"""
    def asinh(self) -> Tensor:
        """\\mathrm{arsinh}\\, x"""
    def astype(self, dtype: Any = ...) -> Tensor:
        """x"""
    def atan(self) -> Tensor:
        """\\arctan x"""
    def atanh(self) -> Tensor:
        """\\mathrm{artanh}\\, x"""
    def atleast_1d(self, *x: Any) -> Any:
        """A scalar as a vector."""
    def atleast_2d(self, *x: Any) -> Any:
        """A vector as a row."""
    def atleast_3d(self, *x: Any) -> Any:
        """A vector as (1, n, 1), a matrix as (n, m, 1)."""
    def average(self, axis: Axis = ..., weights: Any = ..., returned: bool = ..., *, keepdims: bool = ...) -> Any:
        """The mean, or the sum of weights times x over the sum of weights, which is returned too if asked for."""
    def bincount(self, weights: Any = ..., minlength: int = ...) -> Tensor:
        """How often each number occurs in x, or the sum of the weights that stand there."""
    def bitwise_invert(self) -> Tensor:
        """\\lnot x"""
    def bitwise_not(self) -> Tensor:
        """\\lnot x"""
    def broadcast_arrays(self, *x: Any) -> Any:
        """Arrays stretched to one shape."""
    def broadcast_to(self, shape: int | Sequence[int] = ...) -> Tensor:
        """\\mathrm{broadcast}(x)"""
    def cbrt(self) -> Tensor:
        """\\sqrt[3]{x}"""
    def ceil(self) -> Tensor:
        """\\lceil x \\rceil"""
    def checked_choice(self, *args: Any, **kwargs: Any) -> Tensor:
        """i"""
    def cholesky(self, *, upper: bool = ...) -> Tensor:
        """The lower triangle y of y y^T = x, or the upper of y^T y."""
    def choose(self, choices: Any, *, mode: str = ...) -> Tensor:
        """For each entry the choice with the number that stands in a; where there is none, by mode: raise, wrap or clip."""
    def class_factors(self, *args: Any, **kwargs: Any) -> Tensor:
        """w_t"""
    def class_indices(self, *args: Any, **kwargs: Any) -> Tensor:
        """t"""
    def clip(self, a_min: Any = ..., a_max: Any = ..., *, min: Any = ..., max: Any = ...) -> Tensor:
        """x, but a_min where it is below and a_max where it is above; min and max are other names of the bounds."""
    def cofactors(self) -> Tensor:
        """|x| \\, x^{-T}"""
    def compress(self, condition: Any, axis: Axis = ...) -> Any:
        """The entries where the condition holds, along an axis."""
    def conj(self) -> Tensor:
        """x"""
    def conjugate(self) -> Tensor:
        """x"""
    def copy(self) -> Tensor:
        """x"""
    def cos(self) -> Tensor:
        """\\cos x"""
    def cosh(self) -> Tensor:
        """\\cosh x"""
    def count_nonzero(self, *args: Any, **kwargs: Any) -> Tensor:
        """|\\{x \\ne 0\\}|"""
    def cumprod(self, axis: Axis = ...) -> Tensor:
        """y_i = \\prod_{j \\le i} x_j"""
    def cumsum(self, axis: Axis = ...) -> Tensor:
        """y_i = \\sum_{j \\le i} x_j"""
    def deg2rad(self) -> Tensor:
        """\\frac{\\pi}{180} x"""
    def degrees(self) -> Tensor:
        """\\frac{180}{\\pi} x"""
    def det(self) -> Tensor:
        """|x|"""
    def diag(self, k: int = ...) -> Tensor:
        """The matrix with x on diagonal k, or the diagonal k of the matrix x."""
    def diagflat(self, k: int = ...) -> Tensor:
        """The entries on a diagonal, else 0."""
    def diagonal(self, offset: int = ..., axis1: int = ..., axis2: int = ...) -> Tensor:
        """Entries (i, i + offset) of two axes, as the last axis."""
    def diff(self, n: int = ..., axis: Axis = ..., prepend: Any = ..., append: Any = ...) -> Tensor:
        """Each entry less the one before it, n times over; with values put before and after, if given."""
    def digitize(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\min\\{i : b_i > a\\}"""
    def dot(self, b: Any) -> Tensor:
        """The matrix product: over the last axis of a and the last but one of b; with a scalar, a times b."""
    def dsplit(self, indices_or_sections: Any) -> Any:
        """Cut along the third axis."""
    def eigenvalues(self, UPLO: str = ...) -> Tensor:
        """\\lambda"""
    def eigenvectors(self, UPLO: str = ...) -> Tensor:
        """v : x v = v \\lambda"""
    def eigh(self, UPLO: str = ...) -> Any:
        """The eigenvalues and eigenvectors of a symmetric matrix."""
    def eigvalsh(self, UPLO: str = ...) -> Tensor:
        """The eigenvalues of a symmetric matrix."""
    def empty_like(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\text{anything}"""
    def erf(self) -> Tensor:
        """\\mathrm{erf}\\, x"""
    def euclid(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\sqrt{\\sum x^2}"""
    def exp(self) -> Tensor:
        """e^{x}"""
    def exp2(self) -> Tensor:
        """2^{x}"""
    def expand_dims(self, axis: Axis = ...) -> Tensor:
        """\\mathrm{expand}(x)"""
    def expm1(self) -> Tensor:
        """e^{x} - 1"""
    def fabs(self) -> Tensor:
        """|x|"""
    def fill(self, *_: Any, **__: Any) -> Any:
        """Not for tensors, which never change in place: use np.full_like(t, value)."""
    def fix(self) -> Tensor:
        """\\mathrm{trunc}\\, x"""
    def flatnonzero(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\{i : x_i \\ne 0\\}"""
    def flatten(self, order: str = ...) -> Tensor:
        """All entries in one row."""
    def flip(self, axis: Axis = ...) -> Tensor:
        """\\mathrm{flip}(x)"""
    def fliplr(self) -> Tensor:
        """Each row backwards."""
    def flipud(self) -> Tensor:
        """The rows in the opposite order."""
    def floor(self) -> Tensor:
        """\\lfloor x \\rfloor"""
    def fraction(self) -> Tensor:
        """q"""
    def full_like(self, fill_value: Any) -> Tensor:
        """An array as x, with fill_value everywhere."""
    def getitem(self, key: Any = ...) -> Tensor:
        """x_{k}"""
    def hsplit(self, indices_or_sections: Any) -> Any:
        """Cut along the second axis, or the only one."""
    def inv(self) -> Tensor:
        """x^{-1}"""
    def invert(self) -> Tensor:
        """\\lnot x"""
    def isclose(self, *args: Any, **kwargs: Any) -> Tensor:
        """a \\approx b"""
    def isfinite(self) -> Tensor:
        """|x| < \\infty"""
    def isin(self, *args: Any, **kwargs: Any) -> Tensor:
        """a \\in b"""
    def isinf(self) -> Tensor:
        """|x| = \\infty"""
    def isnan(self) -> Tensor:
        """x \\text{ is NaN}"""
    def isneginf(self, *args: Any, **kwargs: Any) -> Tensor:
        """x = -\\infty"""
    def isposinf(self, *args: Any, **kwargs: Any) -> Tensor:
        """x = \\infty"""
    def left_vectors(self) -> Tensor:
        """u : x = u s v^{T}"""
    def log(self) -> Tensor:
        """\\ln x"""
    def log10(self) -> Tensor:
        """\\log_{10} x"""
    def log1p(self) -> Tensor:
        """\\ln(1 + x)"""
    def log2(self) -> Tensor:
        """\\log_2 x"""
    def log_softmax(self, axis: Axis = ...) -> Tensor:
        """\\ln \\mathrm{softmax}(z)"""
    def logabsdet(self) -> Tensor:
        """\\ln |\\det x|"""
    def logical_not(self) -> Tensor:
        """\\lnot x"""
    def logsumexp(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\ln \\sum e^{z}"""
    def matrix_power(self, n: Any) -> Tensor:
        """x @ x @ ... @ x, by repeated squares; of the inverse if n is negative."""
    def matrix_rank(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\mathrm{rank}\\, x"""
    def matrix_transpose(self) -> Tensor:
        """The last two axes exchanged."""
    def max(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\max x"""
    def mean(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\frac{1}{n} \\sum x"""
    def median(self, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor:
        """The entry in the middle of the sorted ones, or the mean of the two there."""
    def min(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\min x"""
    def modf(self) -> Any:
        """The part of x behind the point, and the part before it."""
    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """The axes of x in another order: `source` at `destination`, the rest as they stand."""
    def nan_to_num(self, nan: float = ..., posinf: Any = ..., neginf: Any = ...) -> Tensor:
        """x \\text{ if finite}"""
    def nanmax(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\max x"""
    def nanmean(self, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor:
        """The mean of what is not NaN."""
    def nanmin(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\min x"""
    def nanstd(self, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor:
        """The root of nanvar."""
    def nansum(self, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor:
        """The sum of what is not NaN."""
    def nanvar(self, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor:
        """The var of what is not NaN."""
    def negative(self) -> Tensor:
        """-x"""
    def nonzero(self) -> Any:
        """The places of what is not 0, an array for each axis."""
    def norm(self, ord: Any = ..., axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """The length of vectors, or the size of matrices: the root of the sum of squares, or another by `ord`."""
    def one_hot(self, *args: Any, **kwargs: Any) -> Tensor:
        """[t = k]"""
    def ones_like(self, *args: Any, **kwargs: Any) -> Tensor:
        """1"""
    def pad(self, pad_width: Any, mode: str = ..., constant_values: int = ...) -> Tensor:
        """Entries added at the ends of the axes: constants, or copies of x (modes edge, reflect, symmetric, wrap)."""
    def partition(self, *_: Any, **__: Any) -> Any:
        """Not for tensors, which never change in place: use np.partition(t, kth)."""
    def percentile(self, q: Any, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor:
        """What q percent of the entries are below; linear between two."""
    def permute_dims(self, axes: Any = ...) -> Tensor:
        """x^{T}"""
    def pinv(self, rcond: Any = ...) -> Tensor:
        """x^{+}"""
    def positive(self) -> Tensor:
        """x"""
    def probabilities(self) -> Tensor:
        """t"""
    def prod(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\prod x"""
    def ptp(self, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor:
        """The largest entry less the smallest."""
    def put(self, *_: Any, **__: Any) -> Any:
        """Not for tensors, which never change in place: use np.where(mask, values, t)."""
    def quantile(self, q: Any, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor:
        """What a part q (from 0 to 1) of the entries is below; linear between two; NaN where there is a NaN."""
    def rad2deg(self) -> Tensor:
        """\\frac{180}{\\pi} x"""
    def radians(self) -> Tensor:
        """\\frac{\\pi}{180} x"""
    def ravel(self, order: str = ...) -> Tensor:
        """All entries in one row."""
    def real(self) -> Tensor:
        """x"""
    def reciprocal(self) -> Tensor:
        """\\frac{1}{x}"""
    def relu(self) -> Tensor:
        """\\max(x, 0)"""
    def repeat(self, repeats: Any, axis: Axis = ...) -> Tensor:
        """Each entry so many times."""
    def resize(self, *_: Any, **__: Any) -> Any:
        """Not for tensors, which never change in place: use np.reshape(t, shape)."""
    def right_vectors(self) -> Tensor:
        """v^{T} : x = u s v^{T}"""
    def rint(self) -> Tensor:
        """\\mathrm{round}(x)"""
    def roll(self, shift: int = ..., axis: Axis = ...) -> Tensor:
        """\\mathrm{roll}(x)"""
    def rollaxis(self, axis: Axis, start: int = ...) -> Tensor:
        """One axis moved to stand before another."""
    def rot90(self, k: int = ..., axes: Any = ...) -> Tensor:
        """\\mathrm{rot90}(x)"""
    def round(self, decimals: int = ...) -> Tensor:
        """\\mathrm{round}(x)"""
    def scatter_add(self, key: Any = ..., shape: int | Sequence[int] = ...) -> Tensor:
        """0, \\; y_{k} \\mathrel{+}= x"""
    def searchsorted(self, *args: Any, **kwargs: Any) -> Tensor:
        """\\min\\{i : a_i \\ge b\\}"""
    def sigmoid(self) -> Tensor:
        """\\frac{1}{1 + e^{-x}}"""
    def sign(self) -> Tensor:
        """\\mathrm{sign}\\, x"""
    def signbit(self) -> Tensor:
        """x < 0"""
    def sin(self) -> Tensor:
        """\\sin x"""
    def sinc(self) -> Tensor:
        """\\frac{\\sin \\pi x}{\\pi x}"""
    def sinh(self) -> Tensor:
        """\\sinh x"""
    def slogdet(self) -> Any:
        """The sign of det x, and the logarithm of |det x|."""
    def softmax(self, axis: Axis = ...) -> Tensor:
        """\\frac{e^{z_j}}{\\sum_k e^{z_k}}"""
    def sort(self, *_: Any, **__: Any) -> Any:
        """Not for tensors, which never change in place: use np.sort(t)."""
    def split(self, indices_or_sections: Any, axis: Axis = ...) -> Any:
        """Cut into equal parts, or before the indices given."""
    def sqrt(self) -> Tensor:
        """\\sqrt{x}"""
    def square(self) -> Tensor:
        """x^2"""
    def squeeze(self, axis: Axis = ...) -> Tensor:
        """\\mathrm{squeeze}(x)"""
    def std(self, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor:
        """The root of var."""
    def stop_gradient(self, *args: Any, **kwargs: Any) -> Tensor:
        """x"""
    def sum(self, axis: Axis = ..., keepdims: bool = ...) -> Tensor:
        """\\sum x"""
    def sum_to(self, shape: int | Sequence[int] = ...) -> Tensor:
        """\\sum x"""
    def svd(self, full_matrices: bool = ..., compute_uv: bool = ...) -> Any:
        """u, s and v^T of x = u s v^T, or s alone."""
    def svdvals(self) -> Tensor:
        """s : x = u s v^{T}"""
    def swapaxes(self, axis1: int = ..., axis2: int = ...) -> Tensor:
        """x^{T}"""
    def take(self, indices: Any, axis: Axis = ..., mode: str = ...) -> Tensor:
        """The entries at some places along an axis, or of x as if flat."""
    def take_along_axis(self, indices: Any, axis: Axis = ...) -> Tensor:
        """For each line along the axis, the entries at its own places."""
    def tan(self) -> Tensor:
        """\\tan x"""
    def tanh(self) -> Tensor:
        """\\tanh x"""
    def tile(self, reps: int | Sequence[int]) -> Tensor:
        """x again and again, so many times along each axis."""
    def trace(self, offset: int = ..., axis1: int = ..., axis2: int = ...) -> Tensor:
        """The sum of a diagonal."""
    def tril(self, k: int = ...) -> Tensor:
        """The entries on the diagonal k and below, else 0."""
    def triu(self, k: int = ...) -> Tensor:
        """The entries on the diagonal k and above, else 0."""
    def trunc(self) -> Tensor:
        """\\mathrm{trunc}\\, x"""
    def var(self, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor:
        """The sum of squared distances from the mean over n - ddof (or n - correction)."""
    def vsplit(self, indices_or_sections: Any) -> Any:
        """Cut along the first axis."""
    def zeros_like(self, *args: Any, **kwargs: Any) -> Tensor:
        """0"""
    def __add__(self, other: Any, /) -> Tensor: ...
    def __sub__(self, other: Any, /) -> Tensor: ...
    def __mul__(self, other: Any, /) -> Tensor: ...
    def __truediv__(self, other: Any, /) -> Tensor: ...
    def __floordiv__(self, other: Any, /) -> Tensor: ...
    def __mod__(self, other: Any, /) -> Tensor: ...
    def __divmod__(self, other: Any, /) -> Any: ...
    def __pow__(self, other: Any, /) -> Tensor: ...
    def __matmul__(self, other: Any, /) -> Tensor: ...
    def __and__(self, other: Any, /) -> Tensor: ...
    def __or__(self, other: Any, /) -> Tensor: ...
    def __xor__(self, other: Any, /) -> Tensor: ...
    def __lshift__(self, other: Any, /) -> Tensor: ...
    def __rshift__(self, other: Any, /) -> Tensor: ...
    def __radd__(self, other: Any, /) -> Tensor: ...
    def __rsub__(self, other: Any, /) -> Tensor: ...
    def __rmul__(self, other: Any, /) -> Tensor: ...
    def __rtruediv__(self, other: Any, /) -> Tensor: ...
    def __rfloordiv__(self, other: Any, /) -> Tensor: ...
    def __rmod__(self, other: Any, /) -> Tensor: ...
    def __rdivmod__(self, other: Any, /) -> Any: ...
    def __rpow__(self, other: Any, /) -> Tensor: ...
    def __rmatmul__(self, other: Any, /) -> Tensor: ...
    def __rand__(self, other: Any, /) -> Tensor: ...
    def __ror__(self, other: Any, /) -> Tensor: ...
    def __rxor__(self, other: Any, /) -> Tensor: ...
    def __rlshift__(self, other: Any, /) -> Tensor: ...
    def __rrshift__(self, other: Any, /) -> Tensor: ...
    def __lt__(self, other: Any, /) -> Tensor: ...
    def __le__(self, other: Any, /) -> Tensor: ...
    def __gt__(self, other: Any, /) -> Tensor: ...
    def __ge__(self, other: Any, /) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def nbytes(self) -> int: ...

@overload
def SigmoidBinaryCrossEntropy(z: Tensor, t: Tensor | Plain | None) -> Tensor: ...
@overload
def SigmoidBinaryCrossEntropy(z: Plain, t: Tensor) -> Tensor: ...
@overload
def SigmoidBinaryCrossEntropy(z: Plain, t: Plain) -> NDArray[Any]:
    """-t \\ln \\sigma(z) - (1 - t) \\ln \\sigma(-z)"""
@overload
def abs(x: Tensor) -> Tensor: ...
@overload
def abs(x: Plain) -> NDArray[Any]:
    """|x|"""
@overload
def absolute(x: Tensor) -> Tensor: ...
@overload
def absolute(x: Plain) -> NDArray[Any]:
    """|x|"""
@overload
def acos(x: Tensor) -> Tensor: ...
@overload
def acos(x: Plain) -> NDArray[Any]:
    """\\arccos x"""
@overload
def acosh(x: Tensor) -> Tensor: ...
@overload
def acosh(x: Plain) -> NDArray[Any]:
    """\\mathrm{arcosh}\\, x"""
@overload
def add(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def add(a: Plain, b: Tensor) -> Tensor: ...
@overload
def add(a: Plain, b: Plain) -> NDArray[Any]:
    """a + b"""
@overload
def all(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def all(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\forall x"""
def allclose(*arrays: Any, **how: Any) -> Any:
    """NumPy's allclose, of plain arrays."""
@overload
def amax(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def amax(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\max x"""
@overload
def amin(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def amin(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\min x"""
@overload
def any(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def any(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\exists x"""
@overload
def append(x: Tensor, values: Any, axis: Axis = ...) -> Tensor: ...
@overload
def append(x: Plain, values: Any, axis: Axis = ...) -> Any:
    """Values after those of x, all flat if axis is None."""
@overload
def arccos(x: Tensor) -> Tensor: ...
@overload
def arccos(x: Plain) -> NDArray[Any]:
    """\\arccos x"""
@overload
def arccosh(x: Tensor) -> Tensor: ...
@overload
def arccosh(x: Plain) -> NDArray[Any]:
    """\\mathrm{arcosh}\\, x"""
@overload
def arcsin(x: Tensor) -> Tensor: ...
@overload
def arcsin(x: Plain) -> NDArray[Any]:
    """\\arcsin x"""
@overload
def arcsinh(x: Tensor) -> Tensor: ...
@overload
def arcsinh(x: Plain) -> NDArray[Any]:
    """\\mathrm{arsinh}\\, x"""
@overload
def arctan(x: Tensor) -> Tensor: ...
@overload
def arctan(x: Plain) -> NDArray[Any]:
    """\\arctan x"""
@overload
def arctan2(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def arctan2(a: Plain, b: Tensor) -> Tensor: ...
@overload
def arctan2(a: Plain, b: Plain) -> NDArray[Any]:
    """\\mathrm{arctan2}(a, b)"""
@overload
def arctanh(x: Tensor) -> Tensor: ...
@overload
def arctanh(x: Plain) -> NDArray[Any]:
    """\\mathrm{artanh}\\, x"""
@overload
def argmax(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def argmax(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\mathrm{argmax}\\, x"""
@overload
def argmin(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def argmin(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\mathrm{argmin}\\, x"""
@overload
def argpartition(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def argpartition(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\mathrm{argpartition}\\, x"""
@overload
def argsort(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def argsort(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\mathrm{argsort}\\, x"""
@overload
def argwhere(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def argwhere(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\{i : x_i \\ne 0\\}"""
@overload
def around(x: Tensor, decimals: int = ...) -> Tensor: ...
@overload
def around(x: Plain, decimals: int = ...) -> Any:
    """\\mathrm{round}(x)"""
@overload
def array(nested: Tensor) -> Tensor: ...
@overload
def array(nested: Plain) -> NDArray[Any]:
    """Nested lists of tensors and numbers as one array: np.array, which cannot do that, for tensors."""
def array2string(*arrays: Any, **how: Any) -> Any:
    """NumPy's array2string, of plain arrays."""
def array_equal(*arrays: Any, **how: Any) -> Any:
    """NumPy's array_equal, of plain arrays."""
def array_equiv(*arrays: Any, **how: Any) -> Any:
    """NumPy's array_equiv, of plain arrays."""
def array_repr(*arrays: Any, **how: Any) -> Any:
    """NumPy's array_repr, of plain arrays."""
@overload
def array_split(x: Tensor, indices_or_sections: Any, axis: Axis = ...) -> Any: ...
@overload
def array_split(x: Plain, indices_or_sections: Any, axis: Axis = ...) -> Any:
    """Cut into so many parts, of which the first may be longer by one, or before the indices given."""
def array_str(*arrays: Any, **how: Any) -> Any:
    """NumPy's array_str, of plain arrays."""
@overload
def asin(x: Tensor) -> Tensor: ...
@overload
def asin(x: Plain) -> NDArray[Any]:
    """\\arcsin x"""
@overload
def asinh(x: Tensor) -> Tensor: ...
@overload
def asinh(x: Plain) -> NDArray[Any]:
    """\\mathrm{arsinh}\\, x"""
@overload
def astype(x: Tensor, dtype: Any = ...) -> Tensor: ...
@overload
def astype(x: Plain, dtype: Any = ...) -> Any:
    """x"""
@overload
def atan(x: Tensor) -> Tensor: ...
@overload
def atan(x: Plain) -> NDArray[Any]:
    """\\arctan x"""
@overload
def atan2(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def atan2(a: Plain, b: Tensor) -> Tensor: ...
@overload
def atan2(a: Plain, b: Plain) -> NDArray[Any]:
    """\\mathrm{arctan2}(a, b)"""
@overload
def atanh(x: Tensor) -> Tensor: ...
@overload
def atanh(x: Plain) -> NDArray[Any]:
    """\\mathrm{artanh}\\, x"""
def atleast_1d(*x: Any) -> Any:
    """A scalar as a vector."""
def atleast_2d(*x: Any) -> Any:
    """A vector as a row."""
def atleast_3d(*x: Any) -> Any:
    """A vector as (1, n, 1), a matrix as (n, m, 1)."""
@overload
def average(x: Tensor, axis: Axis = ..., weights: Any = ..., returned: bool = ..., *, keepdims: bool = ...) -> Any: ...
@overload
def average(x: Plain, axis: Axis = ..., weights: Any = ..., returned: bool = ..., *, keepdims: bool = ...) -> Any:
    """The mean, or the sum of weights times x over the sum of weights, which is returned too if asked for."""
@overload
def bincount(x: Tensor, weights: Any = ..., minlength: int = ...) -> Tensor: ...
@overload
def bincount(x: Plain, weights: Any = ..., minlength: int = ...) -> Any:
    """How often each number occurs in x, or the sum of the weights that stand there."""
@overload
def bitwise_and(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def bitwise_and(a: Plain, b: Tensor) -> Tensor: ...
@overload
def bitwise_and(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\land b"""
@overload
def bitwise_invert(x: Tensor) -> Tensor: ...
@overload
def bitwise_invert(x: Plain) -> NDArray[Any]:
    """\\lnot x"""
@overload
def bitwise_left_shift(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def bitwise_left_shift(a: Plain, b: Tensor) -> Tensor: ...
@overload
def bitwise_left_shift(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\cdot 2^b"""
@overload
def bitwise_not(x: Tensor) -> Tensor: ...
@overload
def bitwise_not(x: Plain) -> NDArray[Any]:
    """\\lnot x"""
@overload
def bitwise_or(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def bitwise_or(a: Plain, b: Tensor) -> Tensor: ...
@overload
def bitwise_or(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\lor b"""
@overload
def bitwise_right_shift(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def bitwise_right_shift(a: Plain, b: Tensor) -> Tensor: ...
@overload
def bitwise_right_shift(a: Plain, b: Plain) -> NDArray[Any]:
    """\\lfloor a / 2^b \\rfloor"""
@overload
def bitwise_xor(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def bitwise_xor(a: Plain, b: Tensor) -> Tensor: ...
@overload
def bitwise_xor(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\oplus b"""
def block(arrays: Sequence[Any]) -> Any:
    """Nested lists of blocks as one array: the inmost joined along the last axis, those around along the one before."""
def broadcast_arrays(*x: Any) -> Any:
    """Arrays stretched to one shape."""
@overload
def broadcast_to(x: Tensor, shape: int | Sequence[int] = ...) -> Tensor: ...
@overload
def broadcast_to(x: Plain, shape: int | Sequence[int] = ...) -> Any:
    """\\mathrm{broadcast}(x)"""
def can_cast(*arrays: Any, **how: Any) -> Any:
    """NumPy's can_cast, of plain arrays."""
@overload
def cbrt(x: Tensor) -> Tensor: ...
@overload
def cbrt(x: Plain) -> NDArray[Any]:
    """\\sqrt[3]{x}"""
@overload
def ceil(x: Tensor) -> Tensor: ...
@overload
def ceil(x: Plain) -> NDArray[Any]:
    """\\lceil x \\rceil"""
@overload
def checked_choice(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def checked_choice(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """i"""
@overload
def cholesky(x: Tensor, *, upper: bool = ...) -> Tensor: ...
@overload
def cholesky(x: Plain, *, upper: bool = ...) -> Any:
    """The lower triangle y of y y^T = x, or the upper of y^T y."""
@overload
def choose(a: Tensor, choices: Any, *, mode: str = ...) -> Tensor: ...
@overload
def choose(a: Plain, choices: Any, *, mode: str = ...) -> Any:
    """For each entry the choice with the number that stands in a; where there is none, by mode: raise, wrap or clip."""
@overload
def class_factors(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def class_factors(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """w_t"""
@overload
def class_indices(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def class_indices(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """t"""
@overload
def clip(x: Tensor, a_min: Any = ..., a_max: Any = ..., *, min: Any = ..., max: Any = ...) -> Tensor: ...
@overload
def clip(x: Plain, a_min: Any = ..., a_max: Any = ..., *, min: Any = ..., max: Any = ...) -> Any:
    """x, but a_min where it is below and a_max where it is above; min and max are other names of the bounds."""
@overload
def cofactors(x: Tensor) -> Tensor: ...
@overload
def cofactors(x: Plain) -> NDArray[Any]:
    """|x| \\, x^{-T}"""
def column_stack(arrays: Sequence[Any]) -> Any:
    """Vectors as columns, matrices as they are, side by side."""
@overload
def composed_softmax_cross_entropy(z: Tensor, targets: Any, shift: bool = ...) -> Tensor: ...
@overload
def composed_softmax_cross_entropy(z: Plain, targets: Any, shift: bool = ...) -> Any:
    """Cross-entropy of softmax(z), mean over the rows, out of exp, sum, divide, log, multiply and negative,"""
@overload
def compress(condition: Tensor, a: Any, axis: Axis = ...) -> Tensor: ...
@overload
def compress(condition: Plain, a: Any, axis: Axis = ...) -> Any:
    """Where the condition holds along an axis."""
def concat(arrays: Sequence[Any], axis: Axis = ...) -> Any:
    """Arrays one after another along an axis that they have (flattened first if axis is None)."""
def concatenate(arrays: Sequence[Any], axis: Axis = ...) -> Any:
    """Arrays one after another along an axis that they have (flattened first if axis is None)."""
@overload
def conj(x: Tensor) -> Tensor: ...
@overload
def conj(x: Plain) -> NDArray[Any]:
    """x"""
@overload
def conjugate(x: Tensor) -> Tensor: ...
@overload
def conjugate(x: Plain) -> NDArray[Any]:
    """x"""
@overload
def copy(x: Tensor) -> Tensor: ...
@overload
def copy(x: Plain) -> NDArray[Any]:
    """x"""
@overload
def copysign(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def copysign(a: Plain, b: Tensor) -> Tensor: ...
@overload
def copysign(a: Plain, b: Plain) -> NDArray[Any]:
    """|a| with the sign of b, which has no derivative by b; by a it is 0 where a is 0."""
@overload
def cos(x: Tensor) -> Tensor: ...
@overload
def cos(x: Plain) -> NDArray[Any]:
    """\\cos x"""
@overload
def cosh(x: Tensor) -> Tensor: ...
@overload
def cosh(x: Plain) -> NDArray[Any]:
    """\\cosh x"""
@overload
def count_nonzero(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def count_nonzero(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """|\\{x \\ne 0\\}|"""
@overload
def cross(a: Tensor, b: Tensor | Plain | None, axisa: int = ..., axisb: int = ..., axisc: int = ..., axis: Axis = ...) -> Tensor: ...
@overload
def cross(a: Plain, b: Tensor, axisa: int = ..., axisb: int = ..., axisc: int = ..., axis: Axis = ...) -> Tensor: ...
@overload
def cross(a: Plain, b: Plain, axisa: int = ..., axisb: int = ..., axisc: int = ..., axis: Axis = ...) -> Any:
    """The vector at right angles to a and b, of three entries each."""
@overload
def cumprod(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def cumprod(x: Plain, axis: Axis = ...) -> Any:
    """y_i = \\prod_{j \\le i} x_j"""
@overload
def cumsum(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def cumsum(x: Plain, axis: Axis = ...) -> Any:
    """y_i = \\sum_{j \\le i} x_j"""
@overload
def deg2rad(x: Tensor) -> Tensor: ...
@overload
def deg2rad(x: Plain) -> NDArray[Any]:
    """\\frac{\\pi}{180} x"""
@overload
def degrees(x: Tensor) -> Tensor: ...
@overload
def degrees(x: Plain) -> NDArray[Any]:
    """\\frac{180}{\\pi} x"""
@overload
def det(x: Tensor) -> Tensor: ...
@overload
def det(x: Plain) -> NDArray[Any]:
    """|x|"""
@overload
def diag(x: Tensor, k: int = ...) -> Tensor: ...
@overload
def diag(x: Plain, k: int = ...) -> Any:
    """The matrix with x on diagonal k, or the diagonal k of the matrix x."""
@overload
def diagflat(x: Tensor, k: int = ...) -> Tensor: ...
@overload
def diagflat(x: Plain, k: int = ...) -> Any:
    """The entries on a diagonal, else 0."""
@overload
def diagonal(x: Tensor, offset: int = ..., axis1: int = ..., axis2: int = ...) -> Tensor: ...
@overload
def diagonal(x: Plain, offset: int = ..., axis1: int = ..., axis2: int = ...) -> Any:
    """Entries (i, i + offset) of two axes, as the last axis."""
@overload
def diff(x: Tensor, n: int = ..., axis: Axis = ..., prepend: Any = ..., append: Any = ...) -> Tensor: ...
@overload
def diff(x: Plain, n: int = ..., axis: Axis = ..., prepend: Any = ..., append: Any = ...) -> Any:
    """Each entry less the one before it, n times over; with values put before and after, if given."""
@overload
def digitize(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def digitize(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\min\\{i : b_i > a\\}"""
@overload
def divide(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def divide(a: Plain, b: Tensor) -> Tensor: ...
@overload
def divide(a: Plain, b: Plain) -> NDArray[Any]:
    """\\frac{a}{b}"""
@overload
def divmod(a: Tensor, b: Tensor | Plain | None) -> Any: ...
@overload
def divmod(a: Plain, b: Tensor) -> Any: ...
@overload
def divmod(a: Plain, b: Plain) -> Any:
    """The floor of a / b, and what remains."""
@overload
def dot(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def dot(a: Plain, b: Tensor) -> Tensor: ...
@overload
def dot(a: Plain, b: Plain) -> NDArray[Any]:
    """The matrix product: over the last axis of a and the last but one of b; with a scalar, a times b."""
@overload
def dsplit(x: Tensor, indices_or_sections: Any) -> Any: ...
@overload
def dsplit(x: Plain, indices_or_sections: Any) -> Any:
    """Cut along the third axis."""
def dstack(arrays: Sequence[Any]) -> Any:
    """Arrays one behind another, along the third axis."""
@overload
def eigenvalues(x: Tensor, UPLO: str = ...) -> Tensor: ...
@overload
def eigenvalues(x: Plain, UPLO: str = ...) -> Any:
    """\\lambda"""
@overload
def eigenvectors(x: Tensor, UPLO: str = ...) -> Tensor: ...
@overload
def eigenvectors(x: Plain, UPLO: str = ...) -> Any:
    """v : x v = v \\lambda"""
@overload
def eigh(x: Tensor, UPLO: str = ...) -> Any: ...
@overload
def eigh(x: Plain, UPLO: str = ...) -> Any:
    """The eigenvalues and eigenvectors of a symmetric matrix."""
@overload
def eigvalsh(x: Tensor, UPLO: str = ...) -> Tensor: ...
@overload
def eigvalsh(x: Plain, UPLO: str = ...) -> Any:
    """The eigenvalues of a symmetric matrix."""
def einsum(*operands: Any, optimize: bool = ...) -> Any:
    """Einstein's sum in each of NumPy's forms: "ij,jk->ik", "ij,jk", "...i,i", or arrays and lists of axes in turn."""
@overload
def empty_like(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def empty_like(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\text{anything}"""
@overload
def equal(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def equal(a: Plain, b: Tensor) -> Tensor: ...
@overload
def equal(a: Plain, b: Plain) -> NDArray[Any]:
    """a = b"""
@overload
def erf(x: Tensor) -> Tensor: ...
@overload
def erf(x: Plain) -> NDArray[Any]:
    """\\mathrm{erf}\\, x"""
@overload
def euclid(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def euclid(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\sqrt{\\sum x^2}"""
@overload
def exp(x: Tensor) -> Tensor: ...
@overload
def exp(x: Plain) -> NDArray[Any]:
    """e^{x}"""
@overload
def exp2(x: Tensor) -> Tensor: ...
@overload
def exp2(x: Plain) -> NDArray[Any]:
    """2^{x}"""
@overload
def expand_dims(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def expand_dims(x: Plain, axis: Axis = ...) -> Any:
    """\\mathrm{expand}(x)"""
@overload
def expm1(x: Tensor) -> Tensor: ...
@overload
def expm1(x: Plain) -> NDArray[Any]:
    """e^{x} - 1"""
@overload
def extract(condition: Tensor, arr: Any) -> Tensor: ...
@overload
def extract(condition: Plain, arr: Any) -> Any:
    """Where the condition holds, flat."""
@overload
def fabs(x: Tensor) -> Tensor: ...
@overload
def fabs(x: Plain) -> NDArray[Any]:
    """|x|"""
@overload
def fix(x: Tensor) -> Tensor: ...
@overload
def fix(x: Plain) -> NDArray[Any]:
    """\\mathrm{trunc}\\, x"""
@overload
def flatnonzero(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def flatnonzero(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\{i : x_i \\ne 0\\}"""
@overload
def flatten(x: Tensor, order: str = ...) -> Tensor: ...
@overload
def flatten(x: Plain, order: str = ...) -> Any:
    """All entries in one row."""
@overload
def flip(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def flip(x: Plain, axis: Axis = ...) -> Any:
    """\\mathrm{flip}(x)"""
@overload
def fliplr(x: Tensor) -> Tensor: ...
@overload
def fliplr(x: Plain) -> NDArray[Any]:
    """Each row backwards."""
@overload
def flipud(x: Tensor) -> Tensor: ...
@overload
def flipud(x: Plain) -> NDArray[Any]:
    """The rows in the opposite order."""
@overload
def float_power(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def float_power(a: Plain, b: Tensor) -> Tensor: ...
@overload
def float_power(a: Plain, b: Plain) -> NDArray[Any]:
    """a^{b}"""
@overload
def floor(x: Tensor) -> Tensor: ...
@overload
def floor(x: Plain) -> NDArray[Any]:
    """\\lfloor x \\rfloor"""
@overload
def floor_divide(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def floor_divide(a: Plain, b: Tensor) -> Tensor: ...
@overload
def floor_divide(a: Plain, b: Plain) -> NDArray[Any]:
    """\\lfloor a / b \\rfloor"""
@overload
def fmax(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def fmax(a: Plain, b: Tensor) -> Tensor: ...
@overload
def fmax(a: Plain, b: Plain) -> NDArray[Any]:
    """\\max(a, b)"""
@overload
def fmin(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def fmin(a: Plain, b: Tensor) -> Tensor: ...
@overload
def fmin(a: Plain, b: Plain) -> NDArray[Any]:
    """\\min(a, b)"""
@overload
def fmod(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def fmod(a: Plain, b: Tensor) -> Tensor: ...
@overload
def fmod(a: Plain, b: Plain) -> NDArray[Any]:
    """a - b \\, \\mathrm{trunc}(a/b)"""
@overload
def fraction(q: Tensor) -> Tensor: ...
@overload
def fraction(q: Plain) -> NDArray[Any]:
    """q"""
@overload
def full_like(x: Tensor, fill_value: Any) -> Tensor: ...
@overload
def full_like(x: Plain, fill_value: Any) -> Any:
    """An array as x, with fill_value everywhere."""
@overload
def gcd(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def gcd(a: Plain, b: Tensor) -> Tensor: ...
@overload
def gcd(a: Plain, b: Plain) -> NDArray[Any]:
    """\\gcd(a, b)"""
@overload
def getitem(x: Tensor, key: Any = ...) -> Tensor: ...
@overload
def getitem(x: Plain, key: Any = ...) -> Any:
    """x_{k}"""
@overload
def gradient(f: Tensor, *spacings: Any, axis: Axis = ..., edge_order: int = ...) -> Any: ...
@overload
def gradient(f: Plain, *spacings: Any, axis: Axis = ..., edge_order: int = ...) -> Any:
    """The slopes of what f samples, along each axis: central inside, one-sided at the ends."""
@overload
def greater(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def greater(a: Plain, b: Tensor) -> Tensor: ...
@overload
def greater(a: Plain, b: Plain) -> NDArray[Any]:
    """a > b"""
@overload
def greater_equal(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def greater_equal(a: Plain, b: Tensor) -> Tensor: ...
@overload
def greater_equal(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\ge b"""
@overload
def heaviside(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def heaviside(a: Plain, b: Tensor) -> Tensor: ...
@overload
def heaviside(a: Plain, b: Plain) -> NDArray[Any]:
    """0, b, 1 \\text{ for } a < 0, a = 0, a > 0"""
@overload
def histogram(a: Tensor, bins: int = ..., range: Any = ..., density: Any = ..., weights: Any = ...) -> Tensor: ...
@overload
def histogram(a: Plain, bins: int = ..., range: Any = ..., density: Any = ..., weights: Any = ...) -> Any:
    """How many entries lie in each of some bins, and the bins' edges."""
@overload
def hsplit(x: Tensor, indices_or_sections: Any) -> Any: ...
@overload
def hsplit(x: Plain, indices_or_sections: Any) -> Any:
    """Cut along the second axis, or the only one."""
def hstack(arrays: Sequence[Any]) -> Any:
    """Arrays one after another along their second axis, or their only one."""
@overload
def hypot(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def hypot(a: Plain, b: Tensor) -> Tensor: ...
@overload
def hypot(a: Plain, b: Plain) -> NDArray[Any]:
    """\\sqrt{a^2 + b^2}"""
@overload
def inner(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def inner(a: Plain, b: Tensor) -> Tensor: ...
@overload
def inner(a: Plain, b: Plain) -> NDArray[Any]:
    """The sum of products over the last axis of both."""
@overload
def inv(x: Tensor) -> Tensor: ...
@overload
def inv(x: Plain) -> NDArray[Any]:
    """x^{-1}"""
@overload
def invert(x: Tensor) -> Tensor: ...
@overload
def invert(x: Plain) -> NDArray[Any]:
    """\\lnot x"""
@overload
def isclose(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def isclose(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """a \\approx b"""
def iscomplexobj(*arrays: Any, **how: Any) -> Any:
    """NumPy's iscomplexobj, of plain arrays."""
@overload
def isfinite(x: Tensor) -> Tensor: ...
@overload
def isfinite(x: Plain) -> NDArray[Any]:
    """|x| < \\infty"""
@overload
def isin(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def isin(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """a \\in b"""
@overload
def isinf(x: Tensor) -> Tensor: ...
@overload
def isinf(x: Plain) -> NDArray[Any]:
    """|x| = \\infty"""
@overload
def isnan(x: Tensor) -> Tensor: ...
@overload
def isnan(x: Plain) -> NDArray[Any]:
    """x \\text{ is NaN}"""
@overload
def isneginf(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def isneginf(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """x = -\\infty"""
@overload
def isposinf(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def isposinf(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """x = \\infty"""
def isrealobj(*arrays: Any, **how: Any) -> Any:
    """NumPy's isrealobj, of plain arrays."""
def isscalar(*arrays: Any, **how: Any) -> Any:
    """NumPy's isscalar, of plain arrays."""
def ix_(*arrays: Any, **how: Any) -> Any:
    """NumPy's ix_, of plain arrays."""
@overload
def kron(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def kron(a: Plain, b: Tensor) -> Tensor: ...
@overload
def kron(a: Plain, b: Plain) -> NDArray[Any]:
    """Each entry of a times the whole of b, in a's places."""
@overload
def lcm(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def lcm(a: Plain, b: Tensor) -> Tensor: ...
@overload
def lcm(a: Plain, b: Plain) -> NDArray[Any]:
    """\\mathrm{lcm}(a, b)"""
@overload
def left_shift(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def left_shift(a: Plain, b: Tensor) -> Tensor: ...
@overload
def left_shift(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\cdot 2^b"""
@overload
def left_vectors(x: Tensor) -> Tensor: ...
@overload
def left_vectors(x: Plain) -> NDArray[Any]:
    """u : x = u s v^{T}"""
@overload
def less(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def less(a: Plain, b: Tensor) -> Tensor: ...
@overload
def less(a: Plain, b: Plain) -> NDArray[Any]:
    """a < b"""
@overload
def less_equal(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def less_equal(a: Plain, b: Tensor) -> Tensor: ...
@overload
def less_equal(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\le b"""
def lexsort(*arrays: Any, **how: Any) -> Any:
    """NumPy's lexsort, of plain arrays."""
@overload
def linspace(start: Tensor, stop: Any, num: int = ..., endpoint: bool = ..., retstep: bool = ..., *, axis: Axis = ...) -> Any: ...
@overload
def linspace(start: Plain, stop: Any, num: int = ..., endpoint: bool = ..., retstep: bool = ..., *, axis: Axis = ...) -> Any:
    """So many numbers from start to stop, equally far apart, on a new axis; with retstep, how far, too."""
@overload
def log(x: Tensor) -> Tensor: ...
@overload
def log(x: Plain) -> NDArray[Any]:
    """\\ln x"""
@overload
def log10(x: Tensor) -> Tensor: ...
@overload
def log10(x: Plain) -> NDArray[Any]:
    """\\log_{10} x"""
@overload
def log1p(x: Tensor) -> Tensor: ...
@overload
def log1p(x: Plain) -> NDArray[Any]:
    """\\ln(1 + x)"""
@overload
def log2(x: Tensor) -> Tensor: ...
@overload
def log2(x: Plain) -> NDArray[Any]:
    """\\log_2 x"""
@overload
def log_softmax(z: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def log_softmax(z: Plain, axis: Axis = ...) -> Any:
    """\\ln \\mathrm{softmax}(z)"""
@overload
def logabsdet(x: Tensor) -> Tensor: ...
@overload
def logabsdet(x: Plain) -> NDArray[Any]:
    """\\ln |\\det x|"""
@overload
def logaddexp(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def logaddexp(a: Plain, b: Tensor) -> Tensor: ...
@overload
def logaddexp(a: Plain, b: Plain) -> NDArray[Any]:
    """\\ln(e^{a} + e^{b})"""
@overload
def logaddexp2(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def logaddexp2(a: Plain, b: Tensor) -> Tensor: ...
@overload
def logaddexp2(a: Plain, b: Plain) -> NDArray[Any]:
    """\\log_2(2^{a} + 2^{b})"""
@overload
def logical_and(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def logical_and(a: Plain, b: Tensor) -> Tensor: ...
@overload
def logical_and(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\land b"""
@overload
def logical_not(x: Tensor) -> Tensor: ...
@overload
def logical_not(x: Plain) -> NDArray[Any]:
    """\\lnot x"""
@overload
def logical_or(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def logical_or(a: Plain, b: Tensor) -> Tensor: ...
@overload
def logical_or(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\lor b"""
@overload
def logical_xor(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def logical_xor(a: Plain, b: Tensor) -> Tensor: ...
@overload
def logical_xor(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\oplus b"""
@overload
def logsumexp(z: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def logsumexp(z: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\ln \\sum e^{z}"""
@overload
def matmul(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def matmul(a: Plain, b: Tensor) -> Tensor: ...
@overload
def matmul(a: Plain, b: Plain) -> NDArray[Any]:
    """a b"""
@overload
def matrix_power(x: Tensor, n: Any) -> Tensor: ...
@overload
def matrix_power(x: Plain, n: Any) -> Any:
    """x @ x @ ... @ x, by repeated squares; of the inverse if n is negative."""
@overload
def matrix_rank(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def matrix_rank(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\mathrm{rank}\\, x"""
@overload
def matrix_transpose(x: Tensor) -> Tensor: ...
@overload
def matrix_transpose(x: Plain) -> NDArray[Any]:
    """The last two axes exchanged."""
@overload
def max(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def max(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\max x"""
@overload
def maximum(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def maximum(a: Plain, b: Tensor) -> Tensor: ...
@overload
def maximum(a: Plain, b: Plain) -> NDArray[Any]:
    """\\max(a, b)"""
def may_share_memory(*arrays: Any, **how: Any) -> Any:
    """NumPy's may_share_memory, of plain arrays."""
@overload
def mean(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def mean(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\frac{1}{n} \\sum x"""
@overload
def median(x: Tensor, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor: ...
@overload
def median(x: Plain, axis: Axis = ..., *, keepdims: bool = ...) -> Any:
    """The entry in the middle of the sorted ones, or the mean of the two there."""
def meshgrid(*x: Any, sparse: bool = ..., indexing: str = ...) -> Any:
    """Coordinates as grids, one for each: along its own axis they run, along the others they repeat (unless sparse)."""
@overload
def min(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def min(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\min x"""
@overload
def minimum(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def minimum(a: Plain, b: Tensor) -> Tensor: ...
@overload
def minimum(a: Plain, b: Plain) -> NDArray[Any]:
    """\\min(a, b)"""
@overload
def mod(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def mod(a: Plain, b: Tensor) -> Tensor: ...
@overload
def mod(a: Plain, b: Plain) -> NDArray[Any]:
    """a - b \\lfloor a/b \\rfloor"""
@overload
def modf(x: Tensor) -> Any: ...
@overload
def modf(x: Plain) -> Any:
    """The part of x behind the point, and the part before it."""
@overload
def moveaxis(x: Tensor, source: Any, destination: Any) -> Tensor: ...
@overload
def moveaxis(x: Plain, source: Any, destination: Any) -> Any:
    """The axes of x in another order: `source` at `destination`, the rest as they stand."""
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of several matrices."""
@overload
def multiply(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def multiply(a: Plain, b: Tensor) -> Tensor: ...
@overload
def multiply(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\, b"""
@overload
def nan_to_num(x: Tensor, nan: float = ..., posinf: Any = ..., neginf: Any = ...) -> Tensor: ...
@overload
def nan_to_num(x: Plain, nan: float = ..., posinf: Any = ..., neginf: Any = ...) -> Any:
    """x \\text{ if finite}"""
@overload
def nanmax(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def nanmax(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\max x"""
@overload
def nanmean(x: Tensor, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor: ...
@overload
def nanmean(x: Plain, axis: Axis = ..., *, keepdims: bool = ...) -> Any:
    """The mean of what is not NaN."""
@overload
def nanmin(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def nanmin(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\min x"""
@overload
def nanstd(x: Tensor, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor: ...
@overload
def nanstd(x: Plain, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Any:
    """The root of nanvar."""
@overload
def nansum(x: Tensor, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor: ...
@overload
def nansum(x: Plain, axis: Axis = ..., *, keepdims: bool = ...) -> Any:
    """The sum of what is not NaN."""
@overload
def nanvar(x: Tensor, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor: ...
@overload
def nanvar(x: Plain, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Any:
    """The var of what is not NaN."""
@overload
def ndim(a: Tensor) -> Any: ...
@overload
def ndim(a: Plain) -> Any:
    """The number of axes."""
@overload
def negative(x: Tensor) -> Tensor: ...
@overload
def negative(x: Plain) -> NDArray[Any]:
    """-x"""
@overload
def nll_loss(log_a: Tensor, targets: Any, reduction: str = ..., weight: Any = ..., ignore_index: Any = ..., axis: Axis = ...) -> Tensor: ...
@overload
def nll_loss(log_a: Plain, targets: Any, reduction: str = ..., weight: Any = ..., ignore_index: Any = ..., axis: Axis = ...) -> Any:
    """-log a of the target classes, given the logarithms of probabilities, as log_softmax gives them."""
@overload
def nonzero(x: Tensor) -> Any: ...
@overload
def nonzero(x: Plain) -> Any:
    """The places of what is not 0, an array for each axis."""
@overload
def norm(x: Tensor, ord: Any = ..., axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def norm(x: Plain, ord: Any = ..., axis: Axis = ..., keepdims: bool = ...) -> Any:
    """The length of vectors, or the size of matrices: the root of the sum of squares, or another by `ord`."""
@overload
def not_equal(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def not_equal(a: Plain, b: Tensor) -> Tensor: ...
@overload
def not_equal(a: Plain, b: Plain) -> NDArray[Any]:
    """a \\ne b"""
@overload
def one_hot(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def one_hot(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """[t = k]"""
@overload
def ones_like(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def ones_like(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """1"""
@overload
def outer(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def outer(a: Plain, b: Tensor) -> Tensor: ...
@overload
def outer(a: Plain, b: Plain) -> NDArray[Any]:
    """Each entry of a times each of b."""
@overload
def pad(x: Tensor, pad_width: Any, mode: str = ..., constant_values: int = ...) -> Tensor: ...
@overload
def pad(x: Plain, pad_width: Any, mode: str = ..., constant_values: int = ...) -> Any:
    """Entries added at the ends of the axes: constants, or copies of x (modes edge, reflect, symmetric, wrap)."""
@overload
def partition(x: Tensor, kth: int | Sequence[int], axis: Axis = ...) -> Tensor: ...
@overload
def partition(x: Plain, kth: int | Sequence[int], axis: Axis = ...) -> Any:
    """As sorted at kth; what is smaller before it, what is larger after it."""
@overload
def percentile(x: Tensor, q: Any, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor: ...
@overload
def percentile(x: Plain, q: Any, axis: Axis = ..., *, keepdims: bool = ...) -> Any:
    """What q percent of the entries are below; linear between two."""
@overload
def permute_dims(x: Tensor, axes: Any = ...) -> Tensor: ...
@overload
def permute_dims(x: Plain, axes: Any = ...) -> Any:
    """x^{T}"""
@overload
def pinv(x: Tensor, rcond: Any = ...) -> Tensor: ...
@overload
def pinv(x: Plain, rcond: Any = ...) -> Any:
    """x^{+}"""
@overload
def positive(x: Tensor) -> Tensor: ...
@overload
def positive(x: Plain) -> NDArray[Any]:
    """x"""
@overload
def pow(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def pow(a: Plain, b: Tensor) -> Tensor: ...
@overload
def pow(a: Plain, b: Plain) -> NDArray[Any]:
    """a^{b}"""
@overload
def power(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def power(a: Plain, b: Tensor) -> Tensor: ...
@overload
def power(a: Plain, b: Plain) -> NDArray[Any]:
    """a^{b}"""
@overload
def probabilities(t: Tensor) -> Tensor: ...
@overload
def probabilities(t: Plain) -> NDArray[Any]:
    """t"""
@overload
def prod(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def prod(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\prod x"""
@overload
def ptp(x: Tensor, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor: ...
@overload
def ptp(x: Plain, axis: Axis = ..., *, keepdims: bool = ...) -> Any:
    """The largest entry less the smallest."""
@overload
def quantile(x: Tensor, q: Any, axis: Axis = ..., *, keepdims: bool = ...) -> Tensor: ...
@overload
def quantile(x: Plain, q: Any, axis: Axis = ..., *, keepdims: bool = ...) -> Any:
    """What a part q (from 0 to 1) of the entries is below; linear between two; NaN where there is a NaN."""
@overload
def rad2deg(x: Tensor) -> Tensor: ...
@overload
def rad2deg(x: Plain) -> NDArray[Any]:
    """\\frac{180}{\\pi} x"""
@overload
def radians(x: Tensor) -> Tensor: ...
@overload
def radians(x: Plain) -> NDArray[Any]:
    """\\frac{\\pi}{180} x"""
@overload
def ravel(x: Tensor, order: str = ...) -> Tensor: ...
@overload
def ravel(x: Plain, order: str = ...) -> Any:
    """All entries in one row."""
@overload
def real(x: Tensor) -> Tensor: ...
@overload
def real(x: Plain) -> NDArray[Any]:
    """x"""
@overload
def reciprocal(x: Tensor) -> Tensor: ...
@overload
def reciprocal(x: Plain) -> NDArray[Any]:
    """\\frac{1}{x}"""
@overload
def relu(x: Tensor) -> Tensor: ...
@overload
def relu(x: Plain) -> NDArray[Any]:
    """\\max(x, 0)"""
@overload
def remainder(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def remainder(a: Plain, b: Tensor) -> Tensor: ...
@overload
def remainder(a: Plain, b: Plain) -> NDArray[Any]:
    """a - b \\lfloor a/b \\rfloor"""
@overload
def repeat(x: Tensor, repeats: Any, axis: Axis = ...) -> Tensor: ...
@overload
def repeat(x: Plain, repeats: Any, axis: Axis = ...) -> Any:
    """Each entry so many times."""
@overload
def reshape(x: Tensor, shape: int | Sequence[int], order: str = ...) -> Tensor: ...
@overload
def reshape(x: Plain, shape: int | Sequence[int], order: str = ...) -> Any:
    """The same entries in another shape; with order "F" they are counted along the first axis first."""
def result_type(*arrays: Any, **how: Any) -> Any:
    """NumPy's result_type, of plain arrays."""
@overload
def right_shift(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def right_shift(a: Plain, b: Tensor) -> Tensor: ...
@overload
def right_shift(a: Plain, b: Plain) -> NDArray[Any]:
    """\\lfloor a / 2^b \\rfloor"""
@overload
def right_vectors(x: Tensor) -> Tensor: ...
@overload
def right_vectors(x: Plain) -> NDArray[Any]:
    """v^{T} : x = u s v^{T}"""
@overload
def rint(x: Tensor) -> Tensor: ...
@overload
def rint(x: Plain) -> NDArray[Any]:
    """\\mathrm{round}(x)"""
@overload
def roll(x: Tensor, shift: int = ..., axis: Axis = ...) -> Tensor: ...
@overload
def roll(x: Plain, shift: int = ..., axis: Axis = ...) -> Any:
    """\\mathrm{roll}(x)"""
@overload
def rollaxis(x: Tensor, axis: Axis, start: int = ...) -> Tensor: ...
@overload
def rollaxis(x: Plain, axis: Axis, start: int = ...) -> Any:
    """One axis moved to stand before another."""
@overload
def rot90(x: Tensor, k: int = ..., axes: Any = ...) -> Tensor: ...
@overload
def rot90(x: Plain, k: int = ..., axes: Any = ...) -> Any:
    """\\mathrm{rot90}(x)"""
@overload
def round(x: Tensor, decimals: int = ...) -> Tensor: ...
@overload
def round(x: Plain, decimals: int = ...) -> Any:
    """\\mathrm{round}(x)"""
@overload
def scatter_add(x: Tensor, key: Any = ..., shape: int | Sequence[int] = ...) -> Tensor: ...
@overload
def scatter_add(x: Plain, key: Any = ..., shape: int | Sequence[int] = ...) -> Any:
    """0, \\; y_{k} \\mathrel{+}= x"""
@overload
def searchsorted(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def searchsorted(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """\\min\\{i : a_i \\ge b\\}"""
@overload
def select(condlist: Tensor, choicelist: Any, default: int = ...) -> Tensor: ...
@overload
def select(condlist: Plain, choicelist: Any, default: int = ...) -> Any:
    """For each entry the first choice whose condition holds, else the default."""
@overload
def shape(a: Tensor) -> Any: ...
@overload
def shape(a: Plain) -> Any:
    """The shape of an array."""
def shares_memory(*arrays: Any, **how: Any) -> Any:
    """NumPy's shares_memory, of plain arrays."""
@overload
def sigmoid(x: Tensor) -> Tensor: ...
@overload
def sigmoid(x: Plain) -> NDArray[Any]:
    """\\frac{1}{1 + e^{-x}}"""
@overload
def sigmoid_binary_cross_entropy(z: Tensor, targets: Any, reduction: str = ...) -> Tensor: ...
@overload
def sigmoid_binary_cross_entropy(z: Plain, targets: Any, reduction: str = ...) -> Any:
    """Cross-entropy of sigmoid(z) with targets from 0 to 1, entry by entry: "mean" of them, "sum" or "none"."""
@overload
def sign(x: Tensor) -> Tensor: ...
@overload
def sign(x: Plain) -> NDArray[Any]:
    """\\mathrm{sign}\\, x"""
@overload
def signbit(x: Tensor) -> Tensor: ...
@overload
def signbit(x: Plain) -> NDArray[Any]:
    """x < 0"""
@overload
def sin(x: Tensor) -> Tensor: ...
@overload
def sin(x: Plain) -> NDArray[Any]:
    """\\sin x"""
@overload
def sinc(x: Tensor) -> Tensor: ...
@overload
def sinc(x: Plain) -> NDArray[Any]:
    """\\frac{\\sin \\pi x}{\\pi x}"""
@overload
def sinh(x: Tensor) -> Tensor: ...
@overload
def sinh(x: Plain) -> NDArray[Any]:
    """\\sinh x"""
@overload
def size(a: Tensor, axis: Axis = ...) -> Any: ...
@overload
def size(a: Plain, axis: Axis = ...) -> Any:
    """The number of entries, or the length along an axis."""
@overload
def slogdet(x: Tensor) -> Any: ...
@overload
def slogdet(x: Plain) -> Any:
    """The sign of det x, and the logarithm of |det x|."""
@overload
def softmax(z: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def softmax(z: Plain, axis: Axis = ...) -> Any:
    """\\frac{e^{z_j}}{\\sum_k e^{z_k}}"""
@overload
def softmax_cross_entropy(z: Tensor, targets: Tensor | Plain | None, reduction: str = ..., label_smoothing: float = ..., weight: Any = ..., ignore_index: Any = ..., axis: Axis = ...) -> Tensor: ...
@overload
def softmax_cross_entropy(z: Plain, targets: Tensor, reduction: str = ..., label_smoothing: float = ..., weight: Any = ..., ignore_index: Any = ..., axis: Axis = ...) -> Tensor: ...
@overload
def softmax_cross_entropy(z: Plain, targets: Plain, reduction: str = ..., label_smoothing: float = ..., weight: Any = ..., ignore_index: Any = ..., axis: Axis = ...) -> Any:
    """Cross-entropy of softmax(z) with targets, in one op whose backward pass is a - t."""
@overload
def solve(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def solve(a: Plain, b: Tensor) -> Tensor: ...
@overload
def solve(a: Plain, b: Plain) -> NDArray[Any]:
    """x of a x = b."""
@overload
def sort(x: Tensor, axis: Axis = ..., *, kind: Any = ..., stable: Any = ...) -> Tensor: ...
@overload
def sort(x: Plain, axis: Axis = ..., *, kind: Any = ..., stable: Any = ...) -> Any:
    """The entries in order of size."""
@overload
def split(x: Tensor, indices_or_sections: Any, axis: Axis = ...) -> Any: ...
@overload
def split(x: Plain, indices_or_sections: Any, axis: Axis = ...) -> Any:
    """Cut into equal parts, or before the indices given."""
@overload
def sqrt(x: Tensor) -> Tensor: ...
@overload
def sqrt(x: Plain) -> NDArray[Any]:
    """\\sqrt{x}"""
@overload
def square(x: Tensor) -> Tensor: ...
@overload
def square(x: Plain) -> NDArray[Any]:
    """x^2"""
@overload
def squeeze(x: Tensor, axis: Axis = ...) -> Tensor: ...
@overload
def squeeze(x: Plain, axis: Axis = ...) -> Any:
    """\\mathrm{squeeze}(x)"""
def stack(arrays: Sequence[Any], axis: Axis = ...) -> Any:
    """Arrays of one shape side by side along a new axis."""
@overload
def std(x: Tensor, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor: ...
@overload
def std(x: Plain, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Any:
    """The root of var."""
@overload
def stop_gradient(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def stop_gradient(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """x"""
@overload
def subtract(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def subtract(a: Plain, b: Tensor) -> Tensor: ...
@overload
def subtract(a: Plain, b: Plain) -> NDArray[Any]:
    """a - b"""
@overload
def sum(x: Tensor, axis: Axis = ..., keepdims: bool = ...) -> Tensor: ...
@overload
def sum(x: Plain, axis: Axis = ..., keepdims: bool = ...) -> Any:
    """\\sum x"""
@overload
def sum_to(x: Tensor, shape: int | Sequence[int] = ...) -> Tensor: ...
@overload
def sum_to(x: Plain, shape: int | Sequence[int] = ...) -> Any:
    """\\sum x"""
@overload
def svd(x: Tensor, full_matrices: bool = ..., compute_uv: bool = ...) -> Any: ...
@overload
def svd(x: Plain, full_matrices: bool = ..., compute_uv: bool = ...) -> Any:
    """u, s and v^T of x = u s v^T, or s alone."""
@overload
def svdvals(x: Tensor) -> Tensor: ...
@overload
def svdvals(x: Plain) -> NDArray[Any]:
    """s : x = u s v^{T}"""
@overload
def swapaxes(x: Tensor, axis1: int = ..., axis2: int = ...) -> Tensor: ...
@overload
def swapaxes(x: Plain, axis1: int = ..., axis2: int = ...) -> Any:
    """x^{T}"""
@overload
def take(x: Tensor, indices: Any, axis: Axis = ..., mode: str = ...) -> Tensor: ...
@overload
def take(x: Plain, indices: Any, axis: Axis = ..., mode: str = ...) -> Any:
    """The entries at some places along an axis, or of x as if flat."""
@overload
def take_along_axis(x: Tensor, indices: Any, axis: Axis = ...) -> Tensor: ...
@overload
def take_along_axis(x: Plain, indices: Any, axis: Axis = ...) -> Any:
    """For each line along the axis, the entries at its own places."""
@overload
def tan(x: Tensor) -> Tensor: ...
@overload
def tan(x: Plain) -> NDArray[Any]:
    """\\tan x"""
@overload
def tanh(x: Tensor) -> Tensor: ...
@overload
def tanh(x: Plain) -> NDArray[Any]:
    """\\tanh x"""
@overload
def tensordot(a: Tensor, b: Tensor | Plain | None, axes: int = ...) -> Tensor: ...
@overload
def tensordot(a: Plain, b: Tensor, axes: int = ...) -> Tensor: ...
@overload
def tensordot(a: Plain, b: Plain, axes: int = ...) -> Any:
    """The sum of products over some axes of a and as many of b, or over the last of a and the first of b."""
@overload
def tile(x: Tensor, reps: int | Sequence[int]) -> Tensor: ...
@overload
def tile(x: Plain, reps: int | Sequence[int]) -> Any:
    """x again and again, so many times along each axis."""
@overload
def transpose(x: Tensor, axes: Any = ...) -> Tensor: ...
@overload
def transpose(x: Plain, axes: Any = ...) -> Any:
    """x^{T}"""
@overload
def tril(x: Tensor, k: int = ...) -> Tensor: ...
@overload
def tril(x: Plain, k: int = ...) -> Any:
    """The entries on the diagonal k and below, else 0."""
@overload
def triu(x: Tensor, k: int = ...) -> Tensor: ...
@overload
def triu(x: Plain, k: int = ...) -> Any:
    """The entries on the diagonal k and above, else 0."""
@overload
def true_divide(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def true_divide(a: Plain, b: Tensor) -> Tensor: ...
@overload
def true_divide(a: Plain, b: Plain) -> NDArray[Any]:
    """\\frac{a}{b}"""
@overload
def trunc(x: Tensor) -> Tensor: ...
@overload
def trunc(x: Plain) -> NDArray[Any]:
    """\\mathrm{trunc}\\, x"""
def unique(*arrays: Any, **how: Any) -> Any:
    """NumPy's unique, of plain arrays."""
@overload
def var(x: Tensor, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Tensor: ...
@overload
def var(x: Plain, axis: Axis = ..., *, ddof: int = ..., keepdims: bool = ..., mean: Any = ..., correction: Any = ...) -> Any:
    """The sum of squared distances from the mean over n - ddof (or n - correction)."""
@overload
def vdot(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def vdot(a: Plain, b: Tensor) -> Tensor: ...
@overload
def vdot(a: Plain, b: Plain) -> NDArray[Any]:
    """The sum of products of all entries."""
@overload
def vecdot(a: Tensor, b: Tensor | Plain | None) -> Tensor: ...
@overload
def vecdot(a: Plain, b: Tensor) -> Tensor: ...
@overload
def vecdot(a: Plain, b: Plain) -> NDArray[Any]:
    """The sum of products over the last axis."""
@overload
def vsplit(x: Tensor, indices_or_sections: Any) -> Any: ...
@overload
def vsplit(x: Plain, indices_or_sections: Any) -> Any:
    """Cut along the first axis."""
def vstack(arrays: Sequence[Any]) -> Any:
    """Arrays one below another."""
@overload
def where(condition: Tensor, *branches: Any) -> Any: ...
@overload
def where(condition: Plain, *branches: Any) -> Any:
    """Entries of the first branch where the condition holds, else of the second; without branches, where it holds."""
@overload
def zeros_like(x: Tensor, *args: Any, **kwargs: Any) -> Tensor: ...
@overload
def zeros_like(x: Plain, *args: Any, **kwargs: Any) -> Any:
    """0"""

__all__ = ['linalg', 'rule', 'SigmoidBinaryCrossEntropy', 'abs', 'absolute', 'acos', 'acosh', 'add', 'all', 'allclose', 'amax', 'amin', 'any', 'append', 'arccos', 'arccosh', 'arcsin', 'arcsinh', 'arctan', 'arctan2', 'arctanh', 'argmax', 'argmin', 'argpartition', 'argsort', 'argwhere', 'around', 'array', 'array2string', 'array_equal', 'array_equiv', 'array_repr', 'array_split', 'array_str', 'asin', 'asinh', 'astype', 'atan', 'atan2', 'atanh', 'atleast_1d', 'atleast_2d', 'atleast_3d', 'average', 'bincount', 'bitwise_and', 'bitwise_invert', 'bitwise_left_shift', 'bitwise_not', 'bitwise_or', 'bitwise_right_shift', 'bitwise_xor', 'block', 'broadcast_arrays', 'broadcast_to', 'can_cast', 'cbrt', 'ceil', 'checked_choice', 'cholesky', 'choose', 'class_factors', 'class_indices', 'clip', 'cofactors', 'column_stack', 'composed_softmax_cross_entropy', 'compress', 'concat', 'concatenate', 'conj', 'conjugate', 'copy', 'copysign', 'cos', 'cosh', 'count_nonzero', 'cross', 'cumprod', 'cumsum', 'deg2rad', 'degrees', 'det', 'diag', 'diagflat', 'diagonal', 'diff', 'digitize', 'divide', 'divmod', 'dot', 'dsplit', 'dstack', 'eigenvalues', 'eigenvectors', 'eigh', 'eigvalsh', 'einsum', 'empty_like', 'equal', 'erf', 'euclid', 'exp', 'exp2', 'expand_dims', 'expm1', 'extract', 'fabs', 'fix', 'flatnonzero', 'flatten', 'flip', 'fliplr', 'flipud', 'float_power', 'floor', 'floor_divide', 'fmax', 'fmin', 'fmod', 'fraction', 'full_like', 'gcd', 'getitem', 'gradient', 'greater', 'greater_equal', 'heaviside', 'histogram', 'hsplit', 'hstack', 'hypot', 'inner', 'inv', 'invert', 'isclose', 'iscomplexobj', 'isfinite', 'isin', 'isinf', 'isnan', 'isneginf', 'isposinf', 'isrealobj', 'isscalar', 'ix_', 'kron', 'lcm', 'left_shift', 'left_vectors', 'less', 'less_equal', 'lexsort', 'linspace', 'log', 'log10', 'log1p', 'log2', 'log_softmax', 'logabsdet', 'logaddexp', 'logaddexp2', 'logical_and', 'logical_not', 'logical_or', 'logical_xor', 'logsumexp', 'matmul', 'matrix_power', 'matrix_rank', 'matrix_transpose', 'max', 'maximum', 'may_share_memory', 'mean', 'median', 'meshgrid', 'min', 'minimum', 'mod', 'modf', 'moveaxis', 'multi_dot', 'multiply', 'nan_to_num', 'nanmax', 'nanmean', 'nanmin', 'nanstd', 'nansum', 'nanvar', 'ndim', 'negative', 'nll_loss', 'nonzero', 'norm', 'not_equal', 'one_hot', 'ones_like', 'outer', 'pad', 'partition', 'percentile', 'permute_dims', 'pinv', 'positive', 'pow', 'power', 'probabilities', 'prod', 'ptp', 'quantile', 'rad2deg', 'radians', 'ravel', 'real', 'reciprocal', 'relu', 'remainder', 'repeat', 'reshape', 'result_type', 'right_shift', 'right_vectors', 'rint', 'roll', 'rollaxis', 'rot90', 'round', 'scatter_add', 'searchsorted', 'select', 'shape', 'shares_memory', 'sigmoid', 'sigmoid_binary_cross_entropy', 'sign', 'signbit', 'sin', 'sinc', 'sinh', 'size', 'slogdet', 'softmax', 'softmax_cross_entropy', 'solve', 'sort', 'split', 'sqrt', 'square', 'squeeze', 'stack', 'std', 'stop_gradient', 'subtract', 'sum', 'sum_to', 'svd', 'svdvals', 'swapaxes', 'take', 'take_along_axis', 'tan', 'tanh', 'tensordot', 'tile', 'transpose', 'tril', 'triu', 'true_divide', 'trunc', 'unique', 'var', 'vdot', 'vecdot', 'vsplit', 'vstack', 'where', 'zeros_like']
