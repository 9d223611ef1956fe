"""Tensors: arrays that remember how they were made, and behave towards Python and NumPy as arrays do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import ops
from .backprop import Node, mode, now, walk, within
from .errors import BoundsError, DtypeError, GradientError, ShapeError, TinygradError, UnsupportedError
from .primitive import DISPATCH, PRIMITIVES, Differentiable, Fused, Primitive, ones

__all__ = ["Tensor"]

NDArray = np.ndarray[Any, np.dtype[Any]]
_PLAIN = (np.ndarray, np.generic, float, int, type(None))  # what NumPy takes as it is; numbers keep their weak dtype
_new = object.__new__


class Tensor(ops.Methods, Differentiable):
    """An array that can remember how it was made.

    Tensor(data, requires_grad=False, name=None, dtype=None)

    data            an array, a number or nested lists of numbers: real; copied in if requires_grad, else shared
    requires_grad   whether backward() shall put dL/dtensor into .grad; integers become float64 then
    name            what graphs call it

    Raises DtypeError for complex, text or object data.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_number", "_requires_grad", "name", "node")
    _data: NDArray
    _grad: Tensor | None
    _number: int  # when it was made, or, of a leaf, when its data was last set
    _requires_grad: bool
    name: str | None
    node: Node | None

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None, dtype: Any = None) -> None:
        self._data, self._requires_grad, self._grad, self.node, self._number = _array(data, dtype), False, None, None, now()
        self.name = name
        self.requires_grad = requires_grad

    # ---- what it holds ----

    @property
    def data(self) -> NDArray:
        """The array itself, not a copy. Setting it is allowed on leaves; a leaf that requires grad takes a copy."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if self.node is not None:
            raise GradientError(f"{self.label} was computed: its data follows from its inputs; use .detach() for a copy")
        array = _array(value)
        if self._requires_grad:
            if array.shape != self.shape:
                raise ShapeError(f"{self.label} has shape {self.shape}, the new data {array.shape}; make a new Tensor")
            array = np.array(array, self.dtype)
        self._data = array
        self._changed()

    def _changed(self) -> None:
        """Note that the data was replaced or updated: a graph that read the old data must not be walked back."""
        self._number = now()

    @property
    def requires_grad(self) -> bool:
        """Whether backward() finds dL/dtensor. It can be set on leaves; a leaf that requires grad owns its data."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if bool(value) == self._requires_grad:
            return
        if self.node is not None:
            raise GradientError(f"{self.label} was computed, so it requires grad as its inputs do; use .detach()")
        if value:
            self._data = np.array(self._data, None if self._data.dtype.kind == "f" else np.float64)
        self._requires_grad = bool(value)
        self._changed()

    @property
    def grad(self) -> Tensor | None:
        """dL/dtensor, of its shape and dtype; None until there is one."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            value = value if value.dtype == self.dtype else value.astype(self.dtype)
            if value.shape != self.shape:
                raise ShapeError(f"the gradient of {self.label} must have its shape {self.shape}, not {value.shape}")
        self._grad = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    @property
    def T(self) -> Tensor:
        return PRIMITIVES["transpose"](self)  # type: ignore[no-any-return]

    def numpy(self) -> NDArray:
        """A copy of the data as an ndarray, out of the graph."""
        return self._data.copy()

    def item(self) -> float:
        """The one entry as a Python number."""
        return self._data.item()  # type: ignore[no-any-return]

    def detach(self) -> Tensor:
        """A constant with the same data (shared), out of the graph."""
        return _constant(self._data)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._grad = None

    @property
    def label(self) -> str:
        """How messages speak of this tensor."""
        made = f"tensor made by {self.node.primitive.name}" if self.node else "tensor"
        return f"{made} {self.name!r}" if self.name else f"{made} of shape {self.shape}"

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=100)
        dtype = "" if self.dtype in (np.float64, np.int64, np.bool_) else f", dtype={self.dtype}"
        grad = ", requires_grad=True" if self._requires_grad else ""
        return f"Tensor({text}{dtype}{grad}{f', name={self.name!r}' if self.name else ''})"

    def reshape(self, *shape: Any) -> Tensor:
        """The same entries in another shape, given as numbers or as a tuple; -1 stands for what is left."""
        return PRIMITIVES["reshape"](self, shape=shape[0] if len(shape) == 1 else shape)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, given as numbers or as a tuple; reversed if none is given."""
        return PRIMITIVES["transpose"](self, axes=(axes[0] if len(axes) == 1 else axes) or None)  # type: ignore[no-any-return]

    # ---- Python's and NumPy's protocols ----

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise GradientError(f"{self.label} was computed, and a copy of it would lose its graph; use .detach() or .copy()")
        t: Tensor = _new(type(self))
        t._data, t._requires_grad, t._number, t.node, t.name = self._data.copy(), self._requires_grad, now(), None, self.name
        t._grad = self._grad and self._grad.detach().copy()
        return t

    def __reduce__(self) -> Any:
        raise UnsupportedError("tensors are not pickled: nothing that is loaded may run code; use tg.save and tg.load")

    __hash__ = object.__hash__

    def __neg__(self) -> Tensor:
        return _apply(PRIMITIVES["negative"], (self,), {})

    def __abs__(self) -> Tensor:
        return _apply(PRIMITIVES["absolute"], (self,), {})

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        return bool(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self._data)))

    def __getitem__(self, key: Any) -> Tensor:
        return _apply(PRIMITIVES["getitem"], (self,), {"key": _plain(key)})

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._requires_grad:
            raise GradientError(
                f"t[...] = v would change {self.label} under its graph; build a new tensor with "
                f"np.where(mask, v, t), or, for a leaf, set t.data"
            )
        data = self._data.copy()  # a graph that used the old entries keeps them
        data[_plain(key)] = _plain(value)
        self.data = data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if self._requires_grad:
            raise UnsupportedError(
                f"NumPy wants a plain array of {self.label}, which requires grad, and would lose its gradient; use "
                f".numpy() or .detach() where none is needed, and tg.stack to join tensors"
            )
        return np.array(self._data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and ufunc in DISPATCH:
            return DISPATCH[ufunc](*inputs)
        name = "".join([ufunc.__name__, f".{method}" * (method != "__call__"), *(f" with {key}=" for key in kwargs)])
        return _without_gradient(name, getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in DISPATCH:
            return DISPATCH[function](*args, **kwargs)
        return _without_gradient(function.__name__, function, args, kwargs)

    # ---- the backward pass ----

    def backward(self, gradient: Any = None, create_graph: bool = False) -> None:
        """Add dL/dleaf to the .grad of every leaf that this tensor (L) was computed from.

        gradient      dL/dself, of this tensor's shape; may be left out for a scalar, and is 1 then
        create_graph  record the pass itself, so that the gradients can be differentiated

        Raises GradientError where there is nothing to differentiate or data changed since, ShapeError for a gradient of
        another shape. If anything is raised on the way, every .grad stays as it was.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> y = x**3
        >>> y.backward()
        >>> y.backward()  # gradients add up
        >>> x.grad
        Tensor(54.)
        """
        seed = self._seed(gradient, create_graph)
        if self.node is None:
            totals = {self: seed if create_graph else seed.copy()}
        elif create_graph:
            with within(recording=True):
                totals = walk(self, seed, True)
        else:
            totals = walk(self, seed)
        found = [
            (leaf, _constant(total))
            if type(total) is np.ndarray and leaf._grad is None and total.dtype is leaf._data.dtype
            else (leaf, leaf._added(total))
            for leaf, total in totals.items()
        ]
        for leaf, grad in found:
            leaf._grad = grad

    def _added(self, total: Any) -> Tensor:
        """What a pass found, in this leaf's dtype, added to the gradient that it has."""
        if total.dtype != self.dtype:
            total = total.astype(self.dtype)
        if self._grad is not None:
            total = total + (self._grad if isinstance(total, Tensor) else self._grad._data)
        return total if isinstance(total, Tensor) else _constant(np.asarray(total))

    def _seed(self, gradient: Any, create_graph: bool) -> Any:
        if not self._requires_grad:
            raise GradientError(
                f"backward: {self.label} does not require grad: none of its inputs does, or it was computed under "
                f"no_grad or detached; make a leaf with Tensor(..., requires_grad=True)"
            )
        if gradient is None:
            if self.size != 1:
                raise GradientError(
                    f"backward: {self.label} has shape {self.shape}, not one entry; reduce it (.sum(), .mean()) or give "
                    f"backward(gradient) of its shape"
                )
            seed = ones(self.shape, self.dtype)
        else:
            seed = gradient if create_graph and isinstance(gradient, Tensor) else _array(gradient, self.dtype)
            if seed.shape != self.shape:
                raise ShapeError(f"backward: the gradient has shape {seed.shape}, but {self.label} has shape {self.shape}")
        return seed if not create_graph or isinstance(seed, Tensor) else _constant(seed)


def _array(data: Any, dtype: Any = None) -> NDArray:
    """Data as an array of real numbers."""
    if isinstance(data, Tensor) and data._requires_grad:
        raise UnsupportedError(f"{data.label} requires grad: a new Tensor of it would lose that; use it, or .detach()")
    try:
        array = np.asarray(_plain(data))
    except ValueError as error:
        raise ShapeError(f"Tensor: the data is not an array of numbers: {error}") from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"Tensor: data of dtype {array.dtype}; it must be real numbers (float, int or bool)")
    return array if dtype is None else array.astype(dtype, copy=False)


def _plain(value: Any) -> Any:
    """Constant Tensors taken out of a value, an index or a list; one that requires grad is an error."""
    if isinstance(value, Tensor):
        return value.__array__()
    if isinstance(value, (tuple, list)):
        return type(value)([_plain(v) for v in value])
    return value


def _constant(array: NDArray) -> Tensor:
    t: Tensor = _new(Tensor)
    t._data, t._requires_grad, t._number = array, False, now()
    t._grad = t.name = t.node = None
    return t


def _apply(primitive: Primitive, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> Tensor:
    """Run a primitive on inputs of which some are Tensors, and record it if a gradient may be asked for."""
    values: list[Any] = []
    edges = []
    as_given = True
    for rule, x in zip(primitive.rules_for(inputs), inputs, strict=False):
        if isinstance(x, Tensor):
            values.append(x._data)
            if x._requires_grad and rule is not None:
                edges.append((rule, x))
        elif isinstance(x, _PLAIN):
            values.append(x)
        else:
            values.append(np.asarray(_plain(x)))
            as_given = False
    if not as_given:
        inputs = tuple(x if isinstance(x, Tensor) else value for x, value in zip(inputs, values, strict=True))
    if attrs:
        attrs = {name: _plain(value) for name, value in attrs.items()}
    try:
        if isinstance(primitive, Fused):
            y, saved = primitive.kernel(*values, **attrs)
            values.insert(0, saved)
        else:
            y = primitive.function(*values, **attrs)
    except TinygradError:
        raise
    except (ValueError, IndexError, TypeError) as error:
        raise _misfit(error, primitive, values) from error
    return _result(y, primitive, inputs, values, edges, attrs)


def _result(y: Any, primitive: Primitive, inputs: Any, values: Any, edges: Any, attrs: dict[str, Any]) -> Tensor:
    """An op's output as a Tensor, with the Node that made it if a gradient may be asked for."""
    t: Tensor = _new(Tensor)
    t._data = y = y if type(y) is np.ndarray else np.asarray(y)
    t._number = now()
    t._grad = t.name = None
    if (kind := y.dtype.kind) != "f":
        edges = None  # integers have no derivative
        if kind not in "iub":
            raise DtypeError(f"{primitive.name}: the result has dtype {y.dtype}; only real numbers have derivatives here")
    if edges and (current := mode.get()).recording:
        node: Node = _new(Node)
        node.primitive, node.inputs, node.values, node.edges = primitive, inputs, values, edges
        node.attrs, node.scope = attrs, current.scope
        t.node, t._requires_grad = node, True
    else:
        t.node, t._requires_grad = None, False
    return t


def _misfit(error: Exception, primitive: Primitive, arrays: list[Any]) -> Exception:
    """What NumPy raised, told with the op, the shapes and what the op needs."""
    what = [np.asarray(x) for x in arrays]
    if isinstance(error, TypeError):
        return DtypeError(f"{primitive.name}: cannot be computed of {' and '.join(str(x.dtype) for x in what)} ({error})")
    kind = ShapeError if isinstance(error, ValueError) else BoundsError
    shapes = " and ".join(str(x.shape) for x in what)
    return kind(f"{primitive.name}: cannot be computed of shape {shapes}; it takes: {primitive.shapes or 'see NumPy'} ({error})")


def _without_gradient(name: str, function: Any, args: Any, kwargs: Any) -> Any:
    """What has no rule runs on plain arrays, as long as no gradient would be lost."""
    try:
        args, kwargs = _plain(args), {key: _plain(value) for key, value in kwargs.items()}
    except UnsupportedError:
        raise UnsupportedError(
            f"{name} has no derivative here, and one of its inputs requires grad; use one of the functions in docs/ops.md "
            f"(a new array instead of an update in place), or t.detach() where no gradient is needed"
        ) from None
    result = function(*args, **kwargs)
    mine = kwargs.get("out") is None and isinstance(result, np.ndarray) and result.dtype.kind in "fiub"
    return _constant(result) if mine else result


def _operator(primitive: Primitive) -> Any:
    """The operator of a primitive of two inputs, which runs it straight away."""
    function = primitive.function
    left, right = primitive.rules
    nothing: dict[str, Any] = {}

    def operator(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor):
            return _apply(primitive, (self, other), nothing) if isinstance(other, _OPERANDS) else NotImplemented
        a, b = self._data, other._data
        try:
            y = function(a, b)
        except ValueError as error:
            raise _misfit(error, primitive, [a, b]) from error
        if self._requires_grad:
            edges: Any = ((left, self), (right, other)) if other._requires_grad else ((left, self),)
        else:
            edges = ((right, other),) if other._requires_grad else ()
        return _result(y, primitive, (self, other), (a, b), edges, nothing)

    return operator


def _reflected(primitive: Primitive) -> Any:
    """The operator that answers when the left operand is not a Tensor."""

    def operator(self: Tensor, other: Any) -> Any:
        return _apply(primitive, (other, self), {}) if isinstance(other, _OPERANDS) else NotImplemented

    return operator


_OPERANDS = (np.ndarray, np.generic, float, int, list, tuple)
for _name, _function in {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power",
                         "matmul": "matmul"}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _operator(PRIMITIVES[_function]))
    setattr(Tensor, f"__r{_name}__", _reflected(PRIMITIVES[_function]))
for _name, _function in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
                         "ne": "not_equal"}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _operator(PRIMITIVES[_function]))
Tensor._apply = staticmethod(_apply)  # type: ignore[method-assign,assignment]
