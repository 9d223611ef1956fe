"""What stands for Tensors, arrays and the numbers of optimisers while a program is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backprop import tracing
from ..errors import TraceError
from ..primitive import DISPATCH, PRIMITIVES
from ..tensor import Tensor

__all__ = ["Box", "Numbers", "Traced", "TracedArray", "check_leaf", "settings"]


class Traced(Tensor):
    """A Tensor while a program is recorded that computes it: its value is not for Python to read."""

    __slots__ = ()

    def _refuse(self, what: str) -> None:
        if tracing():
            raise TraceError(
                f"{what} reads the value of {self.label} while a program is recorded, and the program would "
                f"keep the value of this one call: use np.where in place of `if`, return what is to be read "
                f"and read it outside, or pass it in as an argument"
            )

    def __repr__(self) -> str:
        return f"Traced({self.dtype}, {self.shape})" if tracing() else super().__repr__()

    def detach(self) -> Tensor:
        return PRIMITIVES["stop_gradient"](self) if tracing() else super().detach()

    @property
    def data(self) -> Any:
        self._refuse(".data")
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._refuse("setting .data")
        Tensor.data.fset(self, value)  # type: ignore[attr-defined]


class TracedArray(Traced):
    """One that stands for an array: a result that the caller gets as an array."""

    __slots__ = ()

    def _in_place(self, operator: str) -> Any:
        """What `x += other` gives, which writes into an array that others may see: but not into a number."""
        if tracing() and (self.shape or self._data.base is not None):
            raise TraceError(
                f"x {operator}= ... writes into an array while a program is recorded; write "
                f"x = x {operator} ..."
            )
        return NotImplemented


def _reader(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._refuse(f"{name.strip('_')}()")
        return getattr(Tensor, name)(self, *args, **kwargs)

    return method


for _name in (
    "__array__", "__bool__", "__contains__", "__copy__", "__deepcopy__", "__float__", "__format__",
    "__index__", "__int__", "__setitem__", "__str__", "item", "numpy", "tolist",
):  # fmt: skip
    setattr(Traced, _name, _reader(_name))


for _name, _operator in {
    "iadd": "+", "isub": "-", "imul": "*", "itruediv": "/", "ifloordiv": "//", "imod": "%", "ipow": "**",
    "imatmul": "@", "iand": "&", "ior": "|", "ixor": "^", "ilshift": "<<", "irshift": ">>",
}.items():  # fmt: skip
    setattr(TracedArray, f"__{_name}__", lambda x, _, o=_operator: x._in_place(o))


def check_leaf(x: Any, began: int) -> None:
    """Refuse a leaf that the function made while it was recorded.

    It would stay what it is, also where it was made of an argument or drawn. Those of transforms are of a
    class of their own: they are made of nothing that is computed.
    """
    if type(x) is Tensor and x.requires_grad and x._number > began:
        raise TraceError(
            f"{x.label}, which requires grad, is made while a program is recorded, and would stay what it "
            f"is: make it outside, or differentiate with tg.grad(...), which takes arguments as they are"
        )


@dataclass(eq=False)
class Numbers:
    """The numbers of one optimiser's step for parameters whose steps have been counted alike."""

    optimizer: Any
    group: dict[str, Any]
    dtype: Any
    ahead: int = 0  # how many steps of the same parameters come before it in a call
    settings: Any = None  # those of the group at the step
    counts: list[Any] = field(default_factory=list)  # the arrays that count the steps

    def current(self) -> tuple[float, ...]:
        """The numbers of the next step."""
        t = self.counts[0].item() + self.ahead + 1 if self.counts else 0
        return self.group["weight_decay"], *self.optimizer.numbers(t, self.group)

    def check_settings(self) -> None:
        """Refuse settings that are others than at the step."""
        if self.settings != settings(self.group):
            raise TraceError(
                "the function changes the settings of an optimiser (a learning rate) around its steps, which "
                "a recorded program would not do: change them outside, between the calls"
            )

    def advance(self) -> None:
        """Count the step."""
        t = self.counts[0].item() + 1
        for count in self.counts:
            count[()] = t


def settings(group: dict[str, Any]) -> dict[str, Any]:
    """The settings of an optimiser's group as they are now."""
    return {key: value for key, value in group.items() if key != "params"}


class Box:
    """An array for NumPy code that updates it in place: it holds the Tensor of its latest value."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tensor: Any, dtype: Any) -> None:
        self.tensor, self.dtype = tensor, dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            raise TraceError(f"an update is recorded of plain ufuncs, not of {ufunc.__name__}.{method}")
        result = DISPATCH[ufunc](*map(_unboxed, inputs))
        if out is None:
            return Box(result, result.dtype)
        out[0].assign(result)
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = DISPATCH[function](*map(_unboxed, args), **kwargs)
        return Box(result, result.dtype)

    def assign(self, value: Any) -> None:
        """Take a new value, in the dtype of the array."""
        self.tensor = value if value.dtype == self.dtype else value.astype(dtype=self.dtype)


def _unboxed(x: Any) -> Any:
    return x.tensor if isinstance(x, Box) else x


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
}.items():  # fmt: skip
    setattr(Box, f"__{_name}__", lambda a, b, f=_ufunc: f(a, b))
    setattr(Box, f"__r{_name}__", lambda a, b, f=_ufunc: f(b, a))
    setattr(Box, f"__i{_name}__", lambda a, b, f=_ufunc: f(a, b, out=(a,)))
setattr(Box, "__neg__", lambda a: np.negative(a))  # noqa: B010
