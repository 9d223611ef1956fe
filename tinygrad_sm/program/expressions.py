"""How each op is written as an expression: with operators, methods and indexing where a person would.

An expression has a rank, which says how strongly its outermost operator binds, and so where brackets are
needed.
"""

# ruff: noqa: ARG001, ARG005

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from .equations import Equation

__all__ = ["FORMS", "Expr", "Writer", "call", "elementwise", "key_of"]

COMPARED, OR, XOR, AND, SHIFTED, SUM, PRODUCT, SIGNED, POWER, ATOM = range(10)


class Expr(NamedTuple):
    """A text, how strongly it binds, and whether it is a Python number, which takes on others' dtype."""

    text: str
    rank: int = ATOM
    weak: bool = False

    def within(self, rank: int) -> str:
        """The text as an operand of an operator of that rank."""
        return self.text if self.rank >= rank else f"({self.text})"

    @property
    def atom(self) -> str:
        return self.within(ATOM)


class Writer(Protocol):
    """What the forms ask of who writes the program."""

    def literal(self, value: Any, key: str = "value") -> str: ...


Form = Callable[[Writer, Equation, list[Expr]], Expr]


def key_of(equation: Equation) -> str:
    """What an op is known by here: a NumPy function's own name, or the package's; "" for the user's."""
    op, function = equation.primitive, equation.primitive.function
    name = getattr(function, "__name__", "")
    if any(getattr(home, name, None) is function for home in (np, np.linalg)):
        return str(name)
    own = str(getattr(function, "__module__", "")).split(".")[0] == __name__.split(".")[0]
    return op.name if own else ""


def elementwise(equation: Equation) -> bool:
    """Is it a ufunc, whose inputs broadcast?"""
    function = equation.primitive.function
    power = key_of(equation) == "power"
    return power or (isinstance(function, np.ufunc) and function.signature is None)


def infix(sign: str, rank: int) -> Form:
    return lambda w, e, x: Expr(f"{x[0].within(rank)} {sign} {x[1].within(rank + 1)}", rank)


def compared(sign: str) -> Form:
    rank = COMPARED + 1
    return lambda w, e, x: Expr(f"{x[0].within(rank)} {sign} {x[1].within(rank)}", COMPARED)


def reduced(name: str) -> Form:
    return lambda w, e, x: method(x[0], name, *along(w, e))


def call(function: str, x: list[Expr], *attrs: str) -> Expr:
    return Expr(f"{function}({', '.join([*(part.text for part in x), *attrs])})")


def gathered(x: list[Expr]) -> Expr:
    """A tuple."""
    return call("", x, *[""] * (len(x) == 1))


def keywords(w: Writer, e: Equation) -> list[str]:
    attrs = {key: w.literal(value, key) for key, value in e.attrs.items() if not is_key(value)}
    return [*(f"key=np.s_[{subscript(w, v)}]" for v in e.attrs.values() if is_key(v)),
            *(f"{key}={text}" for key, text in attrs.items())]  # fmt: skip


def is_key(value: Any) -> bool:
    """Is it an index that is written with colons?"""
    parts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(part, slice) for part in parts)


def along(w: Writer, e: Equation) -> list[str]:
    """The keywords of a reduction, without those that say nothing."""
    attrs = {k: v for k, v in e.attrs.items() if not (v is None or v is False)}
    axis = attrs.get("axis")
    attrs |= {"axis": axis[0]} if type(axis) is tuple and len(axis) == 1 else {}
    return [f"{key}={w.literal(value, key)}" for key, value in attrs.items()]


def method(x: Expr, name: str, *attrs: str) -> Expr:
    """x.sum(axis=0), but np.sum(a * b, axis=0)."""
    return call(f"{x.text}.{name}", [], *attrs) if x.rank == ATOM else call(f"np.{name}", [x], *attrs)


def times(w: Writer, e: Equation, x: list[Expr]) -> Expr:
    """A product, with a number in front."""
    a, b = x
    if e.inputs[0] is e.inputs[1] and e.output.dtype.kind == "f" and not a.weak:
        return Expr(f"{a.within(POWER + 1)} ** 2", POWER)
    if number_first(b, e, 1) and not number_first(a, e, 0):
        a, b = b, a
    return Expr(f"{a.within(PRODUCT)} * {b.within(PRODUCT + 1)}", PRODUCT)


def number_first(x: Expr, e: Equation, place: int) -> bool:
    return x.weak or e.inputs[place].kind == "number"


def raised(w: Writer, e: Equation, x: list[Expr]) -> Expr:
    return Expr(f"{x[0].within(POWER + 1)} ** {x[1].within(SIGNED)}", POWER)


def of_floats(name: str, form: Form) -> Form:
    """The form for floating-point numbers; for others, NumPy's function."""
    return lambda w, e, x: form(w, e, x) if e.inputs[0].dtype.kind == "f" else call(f"np.{name}", x)


def summed(w: Writer, e: Equation, x: list[Expr]) -> Expr:
    """sum_to: the sum over the axes that were stretched."""
    given, shape = e.inputs[0].shape, e.output.shape
    lead = len(given) - len(shape)
    axes = tuple(i for i, n in enumerate(given) if i < lead or n != shape[i - lead])
    if not shape:
        return method(x[0], "sum")
    axis = f"axis={axes[0] if len(axes) == 1 else axes}"
    if not lead:
        return method(x[0], "sum", axis, "keepdims=True")
    total = method(x[0], "sum", axis)
    return total if len(axes) == lead else Expr(f"{total.text}.reshape({shape})")


def transposed(w: Writer, e: Equation, x: list[Expr]) -> Expr:
    axes = e.attrs.get("axes")
    return Expr(f"{x[0].atom}.T" if axes is None else f"{x[0].atom}.transpose({w.literal(axes)})")


def subscript(w: Writer, key: Any) -> str:
    """What stands in the brackets."""
    if not isinstance(key, tuple):
        return bounds(w, key)
    return f"{', '.join(bounds(w, part) for part in key)}{',' * (len(key) == 1)}" if key else "()"


def bounds(w: Writer, key: Any) -> str:
    if not isinstance(key, slice):
        return w.literal(key, "key")
    start, stop, step = (
        "" if part is None else w.literal(part, "key") for part in (key.start, key.stop, key.step)
    )
    return f"{start}:{stop}" + f":{step}" * bool(step)


def one_hot(w: Writer, e: Equation, x: list[Expr]) -> Expr:
    """Rows of the unit matrix."""
    dtype = "" if e.output.dtype == np.float64 else f", dtype={w.literal(e.output.dtype)}"
    return Expr(f"np.eye({e.output.shape[-1]}{dtype})[{x[0].text}]")


def kept(w: Writer, e: Equation, x: list[Expr]) -> str:
    """Class indices, with 0 for those to be left out."""
    ignored = e.attrs.get("ignore_index")
    return x[0].text if ignored is None else f"np.where({x[0].text} == {w.literal(ignored)}, 0, {x[0].text})"


def class_factors(w: Writer, e: Equation, x: list[Expr]) -> Expr:
    """The weight of each target's class, and 0 for those to be left out."""
    ignored, weight, dtype = e.attrs.get("ignore_index"), e.attrs.get("weight"), w.literal(e.output.dtype)
    rows = f"({x[0].text} != {w.literal(ignored)})" if ignored is not None else f"np.ones_like({x[0].text})"
    if weight is None:
        return Expr(f"{rows}.ravel().astype({dtype})")
    picked = f"np.asarray({w.literal(weight, 'weight')}, {dtype})[{kept(w, e, x)}]"
    whole = picked if ignored is None else f"np.where({rows}, {picked}, 0).astype({dtype})"
    return Expr(f"{whole}.ravel()")


FORMS: dict[str, Form] = {
    **{name: infix(sign, rank) for name, sign, rank in (
        ("add", "+", SUM), ("subtract", "-", SUM), ("divide", "/", PRODUCT), ("matmul", "@", PRODUCT),
        ("floor_divide", "//", PRODUCT), ("remainder", "%", PRODUCT), ("bitwise_and", "&", AND),
        ("bitwise_or", "|", OR), ("bitwise_xor", "^", XOR), ("left_shift", "<<", SHIFTED),
        ("right_shift", ">>", SHIFTED))},
    **{name: compared(sign) for name, sign in {
        "greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==",
       "not_equal": "!="}.items()},
    **{name: reduced(name) for name in (
        "sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin", "cumsum", "cumprod")},
    "multiply": times,
    "negative": lambda w, e, x: Expr(f"-{x[0].within(SIGNED)}", SIGNED),
    "invert": lambda w, e, x: Expr(f"~{x[0].within(SIGNED)}", SIGNED),
    "power": raised,
    "square": of_floats("square", lambda w, e, x: Expr(f"{x[0].within(POWER + 1)} ** 2", POWER)),
    "reciprocal": of_floats(
        "reciprocal", lambda w, e, x: Expr(f"1 / {x[0].within(PRODUCT + 1)}", PRODUCT)),
    "absolute": lambda w, e, x: call("np.abs", x),
    "relu": lambda w, e, x: call("np.maximum", x, "0"),
    "linear": lambda w, e, x: Expr(
        f"{x[0].within(PRODUCT)} @ {x[1].atom}.T + {x[2].within(SUM + 1)}", SUM),
    "sum_to": summed,
    "transpose": transposed,
    "swapaxes": lambda w, e, x: Expr(
        f"{x[0].atom}.swapaxes({e.attrs.get('axis1', 0)}, {e.attrs.get('axis2', 1)})"),
    "reshape": lambda w, e, x: Expr(f"{x[0].atom}.reshape({w.literal(e.attrs['shape'])})"),
    "squeeze": lambda w, e, x: method(x[0], "squeeze", *keywords(w, e)),
    "broadcast_to": lambda w, e, x: call("np.broadcast_to", x, w.literal(e.output.shape)),
    "getitem": lambda w, e, x: Expr(f"{x[0].atom}[{subscript(w, e.attrs.get('key', ()))}]"),
    "astype": lambda w, e, x: Expr(f"{x[0].atom}.astype({w.literal(e.output.dtype)})"),
    "concatenate": lambda w, e, x: call("np.concatenate", [gathered(x)], *keywords(w, e)),
    "stack": lambda w, e, x: call("np.stack", [gathered(x)], *keywords(w, e)),
    "pad": lambda w, e, x: call("np.pad", x, *keywords(w, e)),
    "einsum": lambda w, e, x: call("np.einsum", [Expr(w.literal(e.attrs["subscripts"])), *x], *(
        [f"optimize={w.literal(e.attrs['optimize'])}"] if e.attrs.get("optimize") else [])),
    "random": lambda w, e, x: Expr(f"{w.literal(e.attrs['rng'], 'rng')}.random({x[0].atom}.shape)"),
    "one_hot": one_hot,
    "class_indices": lambda w, e, x: Expr(f"{Expr(kept(w, e, x)).atom}.ravel()"),
    "class_factors": class_factors,
}  # fmt: skip
