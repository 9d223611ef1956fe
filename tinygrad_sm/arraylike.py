"""How a Tensor behaves as an array: towards Python's operators and towards NumPy (NEP 13 and 18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np
from numpy import asarray, ndarray

from . import ops
from .errors import GradientError, UnsupportedError
from .primitive import DISPATCH, FUNCTIONS, PRIMITIVES, Differentiable, Primitive, misfit

__all__ = ["ArrayLike", "NDArray"]

NDArray = np.ndarray[Any, np.dtype[Any]]


class ArrayLike(ops.Methods, Differentiable):
    """What a Tensor has in common with an ndarray."""

    __slots__ = ()
    _data: NDArray
    _requires_grad: bool
    data: Any
    label: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        return self._data.dtype

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return PRIMITIVES["transpose"](self)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return FUNCTIONS["matrix_transpose"](self)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """The same entries in another shape, given as numbers or as a tuple; -1 stands for what is left."""
        return FUNCTIONS["reshape"](self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, given as numbers or as a tuple; in reverse order if none is given."""
        return PRIMITIVES["transpose"](self, axes=(axes[0] if len(axes) == 1 else axes) or None)

    def item(self, *index: Any) -> Any:
        """The one entry, or the one at an index, as a Python number."""
        return self._data.item(*index)

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        return bool(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self._data)))

    __hash__ = object.__hash__

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __format__(self, form: str) -> str:
        return format(self._data.item(), form) if form and self._data.size == 1 else format(str(self), form)

    def __round__(self, decimals: int = 0) -> Any:
        return np.round(self, decimals)

    def __contains__(self, value: Any) -> bool:
        return bool((self._data == plain(value)).any())

    def __getitem__(self, key: Any) -> Any:
        return PRIMITIVES["getitem"](self, key=key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._requires_grad:
            raise GradientError(
                f"t[...] = v would change {self.label} under its graph; make a new tensor with "
                f"np.where(mask, v, t), or, for a leaf, set t.data"
            )
        data = self._data.copy()  # a graph that used the old entries keeps them
        data[plain(key)] = plain(value)
        self.data = data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if self._requires_grad:
            raise UnsupportedError(
                f"NumPy asks for a plain array of {self.label}, which requires grad and would lose its "
                f"gradient: use .numpy() or .detach() where none is needed, and tg.stack to join tensors"
            )
        return np.array(self._data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and ufunc in DISPATCH:
            return DISPATCH[ufunc](*inputs)
        name = ufunc.__name__ + f".{method}" * (method != "__call__")
        name += "".join(f" with {key}=" for key in kwargs)
        return self._without_gradient(name, getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in DISPATCH:
            return DISPATCH[function](*args, **kwargs)
        return self._without_gradient(function.__name__, function, args, kwargs)

    def _without_gradient(self, name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run what has no rule on plain arrays, as long as no gradient would be lost."""
        try:
            args, kwargs = plain(args), {key: plain(value) for key, value in kwargs.items()}
        except UnsupportedError:
            raise UnsupportedError(
                f"{name} has no derivative here, and one of its inputs requires grad; use a function of "
                f"docs/ops.md (they give new arrays and write into none), or t.detach() where no gradient is "
                f"needed"
            ) from None
        result = function(*args, **kwargs)
        return result if kwargs.get("out") is not None else self._wrapped(result)

    def _wrapped(self, result: Any) -> Any:
        """Numeric arrays as constants; whatever else NumPy gives as it is."""
        raise NotImplementedError


def plain(value: Any, array: Callable[[Any], NDArray] = methodcaller("__array__")) -> Any:
    """A value, an index or a list with its constant Tensors as arrays; one that requires grad is an error."""
    if isinstance(value, ArrayLike):
        return array(value)
    if type(value) in (tuple, list):
        return type(value)(plain(part, array) for part in value)
    if type(value) is slice:
        return slice(*(plain(part, array) for part in (value.start, value.stop, value.step)))
    return value


def _operator(primitive: Primitive) -> Any:
    """The operator of a primitive of two inputs: between Tensors it runs the primitive straight away."""
    run, (left, right), no_attrs = primitive.run, primitive.rules, {}  # type: ignore[var-annotated]

    def operator(self: Any, other: Any) -> Any:
        if not isinstance(other, ArrayLike):
            known = isinstance(other, OPERANDS)
            return self._apply(primitive, (self, other), no_attrs) if known else NotImplemented
        a, b = self._data, other._data
        try:
            y = run(a, b)
            y = y if type(y) is ndarray else asarray(y)
        except ValueError as error:
            raise misfit(error, primitive, (a, b)) from error
        if self._requires_grad and left:
            edges: Any = ((left, self), (right, other)) if other._requires_grad else ((left, self),)
        else:
            edges = ((right, other),) if other._requires_grad and right else ()
        return self._result(y, primitive, (self, other), (a, b), edges, no_attrs)

    return operator


def _reflected(primitive: Primitive) -> Any:
    """The operator for a left operand that is no Tensor."""

    def operator(self: Any, other: Any) -> Any:
        return self._apply(primitive, (other, self), {}) if isinstance(other, OPERANDS) else NotImplemented

    return operator


OPERANDS = (np.ndarray, np.generic, float, int, list, tuple)
ARITHMETIC = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
    "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}  # fmt: skip
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
for _name, _ufunc in (ARITHMETIC | COMPARISONS).items():
    setattr(ArrayLike, f"__{_name}__", _operator(DISPATCH[_ufunc]))  # type: ignore[arg-type]
for _name, _ufunc in ARITHMETIC.items():
    setattr(ArrayLike, f"__r{_name}__", _reflected(DISPATCH[_ufunc]))  # type: ignore[arg-type]
for _name, _ufunc in UNARY.items():
    setattr(ArrayLike, f"__{_name}__", DISPATCH[_ufunc])
for _name, _doc in {"itemsize": "The bytes of one entry.", "nbytes": "The bytes of all entries."}.items():
    setattr(ArrayLike, _name, property(attrgetter(f"_data.{_name}"), doc=_doc))
