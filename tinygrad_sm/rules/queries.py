"""Functions without a derivative: their answer is an integer, a truth value, a shape, or an array of constants."""

from typing import Any

import numpy as np

from ..primitive import Array, Differentiable, composed, composition, primitive
from .shapes import stop_gradient

QUERIES: dict[Any, str] = {
    np.greater: "a > b", np.greater_equal: r"a \ge b", np.less: "a < b", np.less_equal: r"a \le b",
    np.equal: "a = b", np.not_equal: r"a \ne b", np.isclose: r"a \approx b", np.isin: r"a \in b",
    np.isnan: r"x \text{ is NaN}", np.isinf: r"|x| = \infty", np.isfinite: r"|x| < \infty", np.signbit: "x < 0",
    np.isposinf: r"x = \infty", np.isneginf: r"x = -\infty", np.logical_not: r"\lnot x",
    np.logical_and: r"a \land b", np.logical_or: r"a \lor b", np.logical_xor: r"a \oplus b", np.invert: r"\lnot x",
    np.bitwise_and: r"a \land b", np.bitwise_or: r"a \lor b", np.bitwise_xor: r"a \oplus b",
    np.left_shift: r"a \cdot 2^b", np.right_shift: r"\lfloor a / 2^b \rfloor",
    np.gcd: r"\gcd(a, b)", np.lcm: r"\mathrm{lcm}(a, b)",
    np.zeros_like: "0", np.ones_like: "1", np.empty_like: r"\text{anything}",
    np.any: r"\exists x", np.all: r"\forall x", np.count_nonzero: r"|\{x \ne 0\}|", np.bincount: r"|\{i : x_i = n\}|",
    np.argmax: r"\mathrm{argmax}\, x", np.argmin: r"\mathrm{argmin}\, x", np.argsort: r"\mathrm{argsort}\, x",
    np.argpartition: r"\mathrm{argpartition}\, x",
    np.argwhere: r"\{i : x_i \ne 0\}", np.flatnonzero: r"\{i : x_i \ne 0\}",
    np.searchsorted: r"\min\{i : a_i \ge b\}", np.digitize: r"\min\{i : b_i > a\}",
    np.linalg.matrix_rank: r"\mathrm{rank}\, x",
}  # fmt: skip
for function, formula in QUERIES.items():
    primitive(function, formula, *[None] * getattr(function, "nin", 1))

composed(np.nonzero, "The places of what is not 0, an array for each axis.", lambda x: tuple(np.argwhere(x).T))


def plain(value: Any) -> Any:
    """A Tensor's array, also in lists."""
    if isinstance(value, tuple | list):
        return type(value)([plain(v) for v in value])
    return np.asarray(stop_gradient(value)) if isinstance(value, Differentiable) else value


def answer(function: Any) -> None:
    """Let NumPy answer in its own words: with a Python number, a text, several arrays."""
    doc = f"NumPy's {function.__name__}, of plain arrays."
    composed(function, doc, lambda *arrays, **how: function(*plain(arrays), **how))


for function in (np.allclose, np.array_equal, np.array_equiv, np.unique, np.lexsort, np.histogram, np.result_type,
                 np.can_cast, np.isscalar, np.iscomplexobj, np.isrealobj, np.shares_memory, np.may_share_memory,
                 np.array_str, np.array_repr, np.array2string, np.ix_):  # fmt: skip
    answer(function)


@composition(np.full_like)
def full_like(x: Array, fill_value: Array) -> Array:
    """An array as x, with fill_value everywhere."""
    return np.broadcast_to(fill_value, np.shape(x)).astype(x.dtype)
