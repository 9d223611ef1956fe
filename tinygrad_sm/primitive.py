"""What a primitive is: a NumPy function, its formula, and one vector-Jacobian product (a rule) per input.

    primitive(np.exp, r"e^{x}", lambda g, y, x: g * y)

A rule is called as ``rule(g, y, *inputs, **attributes)`` and returns the input's share of dL/dinput. It is
plain NumPy: on ndarrays it runs at NumPy's speed; on Tensors it is itself recorded, and can be differentiated
again. Its signature declares the primitive's: after g and y come the inputs (arrays, positional), then the
attributes (keywords with a default); the rule of a variadic primitive, ``lambda g, y, i, *arrays: ...``,
serves every input i. A rule that is None says that there is no derivative. Undoing a broadcast is not a
rule's business: `sum_to` does it, once, for all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from types import MethodType
from typing import Any

import numpy as np
from numpy import ndarray

from .errors import BoundsError, DtypeError, LinAlgError, ShapeError, UnsupportedError

__all__ = ["DISPATCH", "FUNCTIONS", "PRIMITIVES", "Differentiable", "Primitive", "fused",
           "primitive", "sum_to"]  # fmt: skip

Rule = Callable[..., Any]
Array = Any  # an ndarray, or a Tensor where a rule is recorded: rules are written once for both
Axis = int | tuple[int, ...] | None

PRIMITIVES: dict[str, Primitive] = {}  # every op by the name that graphs show
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # every function that follows from the tables, by its name
DISPATCH: dict[Any, Callable[..., Any]] = {}  # a NumPy function -> what answers for it on Tensors


class Differentiable:
    """What a primitive looks for among its inputs: an object that records the primitives applied to it."""

    __slots__ = ()

    def _apply(self, primitive: Primitive, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        raise NotImplementedError


class Documentation:
    """The docstring of a class for the class; for each of its objects, what the reference says of it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, instance: Any, owner: type) -> str:
        return self.text if instance is None else str(instance)


class Primitive:
    __doc__ = Documentation("""An op with its derivative: arrays in, arrays out; Tensors in, a Tensor out.

    name        what graphs and messages call it
    function    what computes it on whatever NumPy takes
    run         what computes it on ndarrays, inside of Tensors, if that is another function: a quicker one
    formula     its output in LaTeX, in the letters of the rules
    rules       one vector-Jacobian product per input, or None where there is no derivative
    inputs      the names of the array inputs; of a variadic primitive, the one name of all
    attributes  the keywords that it takes, with their defaults
    shapes      what shapes it takes and gives
    fits        whether its rules give each input's own shape, so that the backward pass does not look
    saves       how many arguments its rules take between y and the inputs: 1 if it is a fused op, which has a
                kernel and a definition, too, that `fused` tells of; elsewhere these are None
    """)

    def __init__(
        self, name: str, function: Callable[..., Any], formula: str, rules: tuple[Rule | None, ...],
        shapes: str = "", example: str = "", doc: str = "", fits: bool = False, run: Rule | None = None,
        definition: Rule | None = None,
    ) -> None:  # fmt: skip
        self.name = self.__name__ = name
        self.function, self.run, self.formula, self.rules = function, run or function, formula, rules
        self.shapes, self.example, self.doc, self.fits = shapes, example, doc, fits
        self.kernel, self.definition, self.saves = definition and run, definition, int(definition is not None)
        self.differentiable = any(rules)
        self.variadic = False
        self.inputs: tuple[str, ...] = ()
        self.attributes: dict[str, Any] = {}
        for rule in filter(None, rules[::-1]):  # the first one that is a rule has the last word
            code, defaults = rule.__code__, rule.__defaults__ or ()
            self.variadic = bool(code.co_flags & inspect.CO_VARARGS)
            names = code.co_varnames[2 + self.saves + self.variadic : code.co_argcount]
            self.inputs = names[: len(names) - len(defaults)]
            self.attributes = dict(zip(names[len(self.inputs) :], defaults, strict=True))
            if self.variadic:
                end = code.co_argcount + code.co_kwonlyargcount
                self.inputs, self.attributes = (code.co_varnames[end],), rule.__kwdefaults__ or {}
        if self.differentiable and not self.variadic and len(rules) != len(self.inputs):
            raise UnsupportedError(f"primitive {name}: {len(rules)} rules, but it has inputs {self.inputs}")
        self._arity = len(self.inputs) if self.differentiable and not self.variadic else -1

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.VAR_POSITIONAL if self.variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
        rest = inspect.Parameter.KEYWORD_ONLY if self.variadic else kind
        inputs = [inspect.Parameter(name, kind) for name in self.inputs]
        attributes = [inspect.Parameter(name, rest, default=value) for name, value in self.attributes.items()]
        return inspect.Signature(inputs + attributes)

    def __call__(self, *inputs: Any, **attrs: Any) -> Any:
        if len(inputs) != self._arity or (attrs and not attrs.keys() <= self.attributes.keys()):
            inputs, attrs = self._bind(inputs, attrs)
        for x in inputs:
            if isinstance(x, Differentiable):
                return x._apply(self, inputs, attrs)
        return self.function(*inputs, **attrs)

    def rules_for(self, count: int) -> Sequence[Rule | None]:
        """One rule for each of so many inputs, called alike for every kind of primitive."""
        if self.variadic:
            rule: Any = self.rules[0]
            return [lambda g, y, *x, i=i, **attrs: rule(g, y, i, *x, **attrs) for i in range(count)]
        return self.rules if self.differentiable else [None] * count

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call, written in any way that NumPy allows, into array inputs and keyword attributes."""
        tensors = any(isinstance(x, Differentiable) for x in (*args, *kwargs.values()))
        if not self.differentiable or not tensors:  # no derivative to keep: whatever NumPy takes
            return args, {key: constant(x) for key, x in kwargs.items()}
        if not self.variadic:
            given = bind(self.name, self.function, self.__signature__, args, kwargs)
            args, kwargs = tuple(given.pop(name) for name in list(given)[: self._arity]), given
        check_keywords(self.name, kwargs, self.attributes)
        return args, kwargs

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A primitive that stands in a class is a method of it, as a function would be."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<primitive {self.name}{self.__signature__}>"

    def __str__(self) -> str:
        from .reference import describe

        return describe(self)


def primitive(
    function: Callable[..., Any], formula: str, *rules: Rule | None, name: str = "",
    numpy: tuple[Any, ...] = (), **about: Any,
) -> Primitive:  # fmt: skip
    """Define an op: a function on ndarrays, its formula in LaTeX, and one rule per input.

    name    what graphs and messages call it, by default the function's name
    numpy   NumPy functions that it answers for on Tensors, besides `function` itself
    about   shapes=, example= ("call -> result", or the call alone) and doc= for its documentation; fits=True
            if no input can be broadcast, and what the rules give need not be looked at

    >>> import tinygrad_sm as tg
    >>> cube = tg.primitive(lambda x: x**3, r"x^3", lambda g, y, x: g * 3 * x**2, name="cube")
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    Tensor(12.)
    """
    if not rules:
        raise UnsupportedError(f"primitive {name or function}: it has no rule; give one per input, or None")
    op = Primitive(name or function.__name__, function, formula, rules, **about)
    DISPATCH.update(dict.fromkeys((function, *numpy), op))
    PRIMITIVES[op.name] = FUNCTIONS[op.name] = op
    return op


def fused(
    name: str, formula: str, *, kernel: Callable[..., Any], definition: Callable[..., Any],
    rules: tuple[Rule | None, ...], public: str = "", **about: Any,
) -> Primitive:  # fmt: skip
    """Define a fused op, for what is faster or more exact in one piece than out of primitives.

    name        what graphs and messages call it
    kernel      on ndarrays: ``kernel(*inputs, **attributes)`` returns a pair: its output, what it saved
    definition  the same out of primitives: what runs on Tensors, for derivatives of derivatives, as there
                what was saved would pass for a constant
    rules       may read what was saved: ``rule(g, y, saved, *inputs, **attributes)``
    public      the name of the function, by default the same
    about       shapes=, example=, doc= and fits= as for a primitive
    """

    def value(*inputs: Any, **attrs: Any) -> Any:
        return kernel(*(array_of(x, op.__name__) for x in inputs), **attrs)[0]

    op = Primitive(name, value, formula, rules, run=kernel, definition=definition, **about)
    PRIMITIVES[name] = FUNCTIONS[public or name] = op
    op.__name__ = public or name
    return op


def bind(name: str, function: Any, own: inspect.Signature, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call, made in any way that NumPy allows, by name; without those at their default."""
    signature = own
    if getattr(function, "__module__", "").startswith("numpy") and not isinstance(function, np.ufunc):
        with suppress(ValueError):  # older NumPy does not know the signatures of functions written in C
            signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise UnsupportedError(f"{name}: {error}; it is called as {name}{own}") from None
    given |= given.pop("kwargs", {})
    defaults = signature.parameters
    return {key: v for key, v in given.items() if key not in defaults or v is not defaults[key].default}


def constant(x: Any) -> Any:
    """A Tensor's array, without its gradient."""
    return np.asarray(PRIMITIVES["stop_gradient"](x)) if isinstance(x, Differentiable) else x


def check_keywords(name: str, given: Iterable[str], offered: Collection[str]) -> None:
    """Refuse a keyword that NumPy has and this package does not."""
    for key in set(given) - set(offered):
        raise UnsupportedError(
            f"{name}: {key}= is not differentiable here, it takes {', '.join(offered) or 'no keywords'}; "
            f"leave {key}= out, or call NumPy on t.numpy() where no gradient is needed"
        )


def misfit(error: Exception, primitive: Primitive, values: Any) -> Exception:
    """What NumPy raised, told with the op, what it was given and what it takes."""
    arrays = [x if hasattr(x, "dtype") else np.asarray(x) for x in values]
    if isinstance(error, TypeError):
        return DtypeError(f"{primitive.name}: not for {' and '.join(str(a.dtype) for a in arrays)} ({error})")
    if isinstance(error, np.linalg.LinAlgError) and "dimension" not in str(error):
        return LinAlgError(f"{primitive.name}: {error}")
    given, takes = " and ".join(str(a.shape) for a in arrays), primitive.shapes or "what NumPy takes"
    text = f"{primitive.name}: not for shape {given}; it takes {takes} ({error})"
    return ShapeError(text) if isinstance(error, ValueError) else BoundsError(text)


def array_of(data: Any, name: str) -> Any:
    """Data as an array, or the error that says who was given lists of several lengths."""
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ShapeError(f"{name}: the data is not an array of numbers: {error}") from None


def real_array(data: Any, name: str, dtype: Any = None) -> ndarray[Any, np.dtype[Any]]:
    """Data as an array of real numbers, or the error that says who was given what."""
    array: ndarray[Any, np.dtype[Any]] = array_of(data, name)
    for kind in (array.dtype, np.dtype(dtype or array.dtype)):
        if kind.kind not in "fiub":
            raise DtypeError(f"{name}: dtype {kind} is not one of real numbers (float, int or bool)")
    return array if dtype is None else array.astype(dtype, copy=False)


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Undo a broadcast: the sum of g over the axes along which `shape` was stretched to g's shape.

    Raises a ValueError where `shape` does not broadcast to g's.

    >>> import numpy as np
    >>> sum_to(np.ones((4, 3)), (1, 3))
    array([[4., 4., 4.]])
    """
    if type(g) is ndarray and len(shape) == 1 and g.shape[1:] == shape:
        return filled(1, g.dtype, len(g)).dot(g)  # over the rows of a batch
    full = (1,) * (g.ndim - len(shape)) + shape
    if len(full) != g.ndim or any(n not in (1, m) for n, m in zip(full, g.shape, strict=True)):
        raise ValueError(f"{shape} does not broadcast to {g.shape}")
    return np.reshape(g.sum(tuple(i for i, n in enumerate(full) if n != g.shape[i])), shape)


@lru_cache(maxsize=256)
def filled(value: float, dtype: Any, shape: Any = ()) -> Any:
    """An array of one value, made once and read-only. NumPy takes one without axes in half the time of a
    Python number, and the product with a vector of ones is the quickest sum over an axis."""
    array = np.full(shape, value, dtype)
    array.flags.writeable = False
    return array
