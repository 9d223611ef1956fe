"""Functions without a derivative: their answer is an integer, a truth value, a shape, or an array of constants."""

from typing import Any

import numpy as np

from ..primitive import primitive

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
