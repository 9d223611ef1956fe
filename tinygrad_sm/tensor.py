"""Tensors: arrays that remember how they were made, and find the derivatives of what was made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import asarray, generic, ndarray  # where np.asarray would be looked up anew in each call

from .arraylike import ArrayLike, NDArray, plain
from .backprop import Hook, Node, current_mode, hooked, now, tracing, walk, within
from .errors import DtypeError, GradientError, ShapeError, TinygradError, UnsupportedError
from .primitive import Primitive, filled, misfit, real_array

__all__ = ["Tensor"]

_PLAIN = (ndarray, generic, float, int, type(None))  # Python numbers have a weak dtype, and keep it
_new = object.__new__


class Tensor(ArrayLike):
    """An array that can remember how it was made.

    Tensor(data, requires_grad=False, name=None, dtype=None)

    data            an array, a number or nested lists of real numbers: copied if requires_grad, else shared
    requires_grad   whether backward() shall put dL/dtensor into .grad; integers become float64 then
    name            what graphs call it

    Raises DtypeError for complex, text or object data, ShapeError for ragged lists.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_hooks", "_made", "_number", "_requires_grad", "name")
    _data: NDArray
    _grad: Tensor | NDArray | None  # an array until somebody asks for it
    _hooks: dict[int, Callable[[Tensor], Any]] | None  # also empty: then the gradient is only retained
    _number: int  # when it was made, or, of a leaf, when its data was last set
    _made: Any  # the fields of its Node; None for a leaf or a constant
    _requires_grad: bool
    name: str | None

    def __init__(
        self, data: Any, requires_grad: bool = False, name: str | None = None, dtype: Any = None
    ) -> None:
        self._data, self._requires_grad, self._number = _array(data, dtype), False, now()
        self._grad, self._hooks, self._made, self.name = None, None, None, name
        self.requires_grad = requires_grad

    # ---- what it holds ----

    @property
    def data(self) -> NDArray:
        """The array itself, not a copy. It can be set on leaves; one that requires grad takes a copy."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if self._made is not None:
            raise GradientError(
                f"{self.label} follows from its inputs, so its data cannot be set; use .detach()"
            )
        array = _array(value)
        if self._requires_grad:
            if array.shape != self.shape:
                raise ShapeError(f"{self.label}: the new data has shape {array.shape}; make a new Tensor")
            array = np.array(array, self.dtype, order="C")
        self._data = array
        self._changed()

    @property
    def node(self) -> Node | None:
        """How it was made; None for a leaf or a constant."""
        if type(made := self._made) is tuple:
            node = Node._make(made)
            self._made = node if self._made is made else self._made  # another thread may set the seed
            return node
        return made  # type: ignore[no-any-return]

    def _changed(self) -> None:
        """Note that the data was set or updated: a graph that read the old data refuses to be walked back."""
        self._number = now()

    @property
    def requires_grad(self) -> bool:
        """Whether backward() finds dL/dtensor. Leaves can be set; one that requires grad owns its data."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if bool(value) == self._requires_grad:
            return
        if self._made is not None:
            raise GradientError(f"{self.label} requires grad because its inputs do; use .detach()")
        if value:
            dtype = self._data.dtype if self._data.dtype.kind == "f" else np.float64
            self._data = np.array(self._data, dtype, order="C")  # in the order of the gradients to come
        self._requires_grad = bool(value)
        self._changed()

    @property
    def grad(self) -> Tensor | None:
        """dL/dtensor, of its shape and dtype; None until there is one."""
        if type(g := self._grad) is ndarray:
            wrapped = _constant(g)
            if self._grad is g:  # and no other thread has set it meanwhile
                self._grad = wrapped
            return wrapped
        return g  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape:
                raise ShapeError(f"{self.label}: its gradient must have its shape, not {value.shape}")
            value = value if value.dtype == self.dtype else value.astype(self.dtype)
        self._grad = value

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient; if not set_to_none, and there is one, it becomes 0."""
        self._grad = None if set_to_none or self._grad is None else np.zeros_like(self._data)

    def numpy(self) -> NDArray:
        """A copy of the data as an ndarray, out of the graph."""
        return self._data.copy()

    def detach(self) -> Tensor:
        """A constant with the same data (shared), out of the graph."""
        return _constant(self._data)

    @property
    def label(self) -> str:
        """What messages call this tensor."""
        made = f"the tensor made by {self.node.primitive.name}" if self.node else "the tensor"
        return f"{made} {self.name!r}" if self.name else f"{made} of shape {self.shape}"

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=100)
        dtype = "" if self.dtype in (np.float64, np.int64, np.bool_) else f", dtype={self.dtype}"
        grad = ", requires_grad=True" if self._requires_grad else ""
        return f"Tensor({text}{dtype}{grad}{f', name={self.name!r}' if self.name else ''})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows: the graph behind it, and its numbers."""
        from .show.notebook import of_tensor

        return of_tensor(self)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Tensor:
        if self._made is not None:
            raise GradientError(f"{self.label} cannot be copied without its graph; use .copy() or .detach()")
        t: Tensor = _new(type(self))
        t._data, t._requires_grad, t._number = self._data.copy(), self._requires_grad, now()
        t._made = t._hooks = None
        t.name, t._grad = self.name, None if self.grad is None else self.grad._data.copy()
        return t

    __copy__ = __deepcopy__

    def __reduce__(self) -> Any:
        raise UnsupportedError("tensors are not pickled: loading must run no code; use tg.save and tg.load")

    # ---- the backward pass ----

    def backward(
        self, gradient: Any = None, create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:  # fmt: skip
        """Add dL/dleaf to the .grad of every leaf that this tensor (L) was computed from.

        gradient      dL/dself, of this tensor's shape; 1 if it is left out, which a single entry allows
        create_graph  record the pass itself, so that the gradients can be differentiated
        inputs        the tensors, leaves or computed, whose .grad it shall add to, and no other

        Raises GradientError where there is nothing to differentiate or data has changed since, ShapeError for
        a gradient of another shape. Whatever is raised on the way, every .grad stays as it was.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> y = x**3
        >>> y.backward()
        >>> y.backward()  # gradients add up
        >>> x.grad
        Tensor(54.)
        """
        on_tensors = create_graph or tracing()
        seed = self._seed(gradient, on_tensors)
        inputs = [inputs] if inputs is not None and isinstance(inputs, Tensor) else inputs
        keep = None if inputs is None else {x._number for x in inputs}
        if self._made is None:
            totals = {self: hooked(self, seed.copy(), create_graph)}
        elif on_tensors:
            with within(recording=create_graph, scope=("backward",)):
                totals = walk(self, seed, True, keep)
        else:
            totals = walk(self, seed, False, keep)
        if inputs is not None:
            if lost := [x.label for x in inputs if x not in totals]:
                raise GradientError(
                    f"backward: {self.label} was not computed from {lost[0]}, one of the inputs given"
                )
            totals = {x: totals[x] for x in inputs}
        for x, g in totals.items():
            if x._grad is not None or g.dtype is not x._data.dtype or type(g) is not ndarray:
                totals[x] = x._with(g)
        for x, g in totals.items():
            x._grad = g
        if self._made is not None:
            self._made = self._made[:-1] + (seed,)  # noqa: RUF005 (it costs)

    def retain_grad(self) -> None:
        """Let backward() put dL/dtensor into .grad also if this tensor was computed."""
        if not self._requires_grad:
            raise GradientError(f"retain_grad: {self.label} does not require grad: it will get none")
        self._hooks = self._hooks or {}

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Hook:
        """Call hook(dL/dtensor) in every backward pass; what it returns, unless None, takes its place.

        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> x.sum().backward()
        >>> handle.remove()
        >>> x.grad
        Tensor([10., 10.])
        """
        if not self._requires_grad:
            raise GradientError(f"register_hook: {self.label} does not require grad: it will get none")
        return Hook(self, hook)

    def _with(self, total: Any) -> Any:
        """What a pass found, in this tensor's dtype, added to the gradient that it has."""
        if total.dtype is not self._data.dtype and total.dtype != self.dtype:
            total = total.astype(self.dtype)
        if self._grad is not None:
            total = total + (self.grad if isinstance(total, Tensor) else self.grad._data)  # type: ignore
        return total if isinstance(total, (Tensor, ndarray)) else np.array(total)

    def _seed(self, gradient: Any, create_graph: bool) -> Any:
        """dL/dself for the start of a pass: ones, or the gradient given, checked."""
        if not self._requires_grad:
            raise GradientError(
                f"backward: {self.label} does not require grad: it is a constant, or it was computed from "
                f"constants or under no_grad; make a leaf with Tensor(..., requires_grad=True)"
            )
        if gradient is not None:
            seed = gradient if create_graph and isinstance(gradient, Tensor) else _array(gradient, self.dtype)
            if seed.shape != self.shape:
                raise ShapeError(
                    f"backward: the gradient has shape {seed.shape}, not {self.shape}, the shape of "
                    f"{self.label}"
                )
        elif self._data.size != 1:
            raise GradientError(
                f"backward: {self.label} has {self.size} entries, not one; reduce it first (.sum(), "
                f".mean()), or give backward(gradient) of shape {self.shape}"
            )
        else:
            seed = filled(1, self._data.dtype, self._data.shape)
        return seed if not create_graph or isinstance(seed, Tensor) else _constant(seed)

    # ---- how primitives run on tensors ----

    def _apply(self, primitive: Primitive, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Run a primitive on inputs, some of them Tensors, and record it if a gradient may be asked for."""
        rules = primitive.rules if primitive._arity > 0 else primitive.rules_for(len(inputs))
        if inputs[0] is self and (len(inputs) == 1 or (len(inputs) == 2 and isinstance(inputs[1], _PLAIN))):
            values: Any = (self._data,) + inputs[1:]  # noqa: RUF005 (it costs)
            edges: Any = ((rules[0], self),) if self._requires_grad and rules[0] else ()
        else:
            values, edges = [], []
            for rule, x in zip(rules, inputs):  # noqa: B905 (it costs)
                if isinstance(x, Tensor):
                    values.append(x._data)
                    if x._requires_grad and rule is not None:
                        edges.append((rule, x))
                elif isinstance(x, _PLAIN):
                    values.append(x)
                else:
                    xs = (x if isinstance(x, (Tensor, *_PLAIN)) else asarray(plain(x)) for x in inputs)
                    return self._apply(primitive, tuple(xs), attrs)
            values = tuple(values)
        attrs = {name: plain(value, ArrayLike.__array__) for name, value in attrs.items()} if attrs else attrs
        try:
            y = primitive.run(*values, **attrs) if attrs else primitive.run(*values)
        except TinygradError:
            raise
        except (ValueError, IndexError, TypeError) as error:
            raise misfit(error, primitive, values) from error
        if primitive.saves:
            y, saved = y
            values = (saved,) + values  # noqa: RUF005
        elif not primitive.differentiable:
            y = _wrapped(y)
            if (watcher := current_mode().watcher) is not None:
                watcher.made(y, primitive, inputs, attrs)
            return y
        y = y if type(y) is ndarray else asarray(y)
        # what requires grad is floating-point, and its own dtype needs no look
        if not (y.dtype is self._data.dtype and self._requires_grad) and (kind := y.dtype.kind) != "f":
            edges = []  # integers have no derivative
            if kind not in "iub":
                raise DtypeError(f"{primitive.name}: the result has dtype {y.dtype}, not real numbers")
        return self._result(y, primitive, inputs, values, edges, attrs)

    def _result(
        self, y: Any, primitive: Primitive, inputs: Any, values: Any, edges: Any, attrs: dict[str, Any]
    ) -> Tensor:  # fmt: skip
        """An op's output as a Tensor, with the Node that made it if a gradient may be asked for."""
        t: Tensor = _new(Tensor)
        t._data, t._number = y, now()
        t._grad = t._hooks = t.name = None
        current = current_mode()
        if edges and current.recording:
            t._made, t._requires_grad = (primitive, inputs, values, edges, attrs, current.scope, None), True
        else:
            t._made, t._requires_grad = None, False
        if current.watcher is not None:
            current.watcher.made(t, primitive, inputs, attrs)
        return t


def _array(data: Any, dtype: Any = None) -> NDArray:
    """Data as an array of real numbers."""
    if isinstance(data, Tensor) and data._requires_grad:
        raise UnsupportedError(f"a new Tensor of {data.label} would lose its gradient; use it, or .detach()")
    if isinstance(data, Tensor) and dtype is not None and data.dtype != dtype:
        data = data.astype(dtype=dtype)  # an op, which is recorded where a program is
    return real_array(data._data if isinstance(data, Tensor) else plain(data), "Tensor", dtype)


def _constant(array: NDArray) -> Tensor:
    t: Tensor = _new(Tensor)
    t._data, t._requires_grad, t._number = array, False, now()
    t._grad = t._hooks = t._made = t.name = None
    return t


def _wrapped(result: Any) -> Any:
    """Numeric arrays as constants, also within a tuple; whatever else NumPy gives as it is."""
    if isinstance(result, (ndarray, generic)) and result.dtype.kind in "fiub":
        return _constant(asarray(result))
    return tuple(map(_wrapped, result)) if type(result) is tuple else result


Tensor._wrapped = staticmethod(_wrapped)  # type: ignore
