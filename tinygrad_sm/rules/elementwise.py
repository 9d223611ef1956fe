"""Elementwise ops. The letters: x, a, b inputs; c a condition; y output; g = dL/dy."""

from functools import partial

import numpy as np

from ..primitive import primitive

elementwise = partial(primitive, shapes="any that broadcast together: axes equal or 1, counted from the last")


def power(a, b):
    """The operator, because it knows squares and square roots."""
    return a**b


def sigmoid(x):
    """1 / (1 + e^-x) without overflow: e is never above 1."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def relu(x):
    """The positive part; its derivative at 0 is 0."""
    return np.maximum(x, 0)


# fmt: off
# function                formula                        rules
elementwise(np.add,       r"a + b",                      lambda g, y, a, b: g,
                                                         lambda g, y, a, b: g,
            example="tg.add([1., 2.], 3.) -> array([4., 5.])")
elementwise(np.subtract,  r"a - b",                      lambda g, y, a, b: g,
                                                         lambda g, y, a, b: -g,
            example="tg.subtract([1., 2.], 3.) -> array([-2., -1.])")
elementwise(np.multiply,  r"a \, b",                     lambda g, y, a, b: g * b,
                                                         lambda g, y, a, b: g * a,
            example="tg.multiply([1., 2.], 3.) -> array([3., 6.])")
elementwise(np.divide,    r"\frac{a}{b}",                lambda g, y, a, b: g / b,
                                                         lambda g, y, a, b: -g * y / b,             # -a/b^2 = -y/b
            example="tg.divide([1., 2.], 4.) -> array([0.25, 0.5 ])")
elementwise(np.negative,  r"-x",                         lambda g, y, x: -g,
            example="tg.negative([1., -2.]) -> array([-1.,  2.])")
elementwise(power,        r"a^{b}",                      lambda g, y, a, b: g * b * a ** (b - 1 + (b == 0)),  # 0 for b = 0
                                                         lambda g, y, a, b: g * y * np.log(a + (a == 0)),     # 0 at a = 0
            numpy=(np.power,), example="tg.power(np.array([1., 2.]), 3.) -> array([1., 8.])")
elementwise(np.exp,       r"e^{x}",                      lambda g, y, x: g * y,                     # its own derivative
            example="tg.exp([0., 1.]) -> array([1.        , 2.71828183])")
elementwise(np.log,       r"\ln x",                      lambda g, y, x: g / x,
            example="tg.log([1., 2.]) -> array([0.        , 0.69314718])")
elementwise(np.sqrt,      r"\sqrt{x}",                   lambda g, y, x: g / (2 * y),
            example="tg.sqrt([4., 2.]) -> array([2.        , 1.41421356])")
elementwise(np.tanh,      r"\tanh x",                    lambda g, y, x: g * (1 - y * y),
            example="tg.tanh([0., 1.]) -> array([0.        , 0.76159416])")
elementwise(sigmoid,      r"\frac{1}{1 + e^{-x}}",       lambda g, y, x: g * y * (1 - y),
            example="tg.sigmoid(np.array([0., 1.])) -> array([0.5       , 0.73105858])")
elementwise(relu,         r"\max(x, 0)",                 lambda g, y, x: g * (x > 0),
            example="tg.relu([-1., 2.]) -> array([0., 2.])")
elementwise(np.absolute,  r"|x|",                        lambda g, y, x: g * np.sign(x),
            example="tg.absolute([-1., 2.]) -> array([1., 2.])")
elementwise(np.maximum,   r"\max(a, b)",                 lambda g, y, a, b: g * (a > b) + g * (a == b) / 2,   # ties share
                                                         lambda g, y, a, b: g * (b > a) + g * (a == b) / 2,
            example="tg.maximum([1., 5.], 3.) -> array([3., 5.])")
elementwise(np.minimum,   r"\min(a, b)",                 lambda g, y, a, b: g * (a < b) + g * (a == b) / 2,
                                                         lambda g, y, a, b: g * (b < a) + g * (a == b) / 2,
            example="tg.minimum([1., 5.], 3.) -> array([1., 3.])")
elementwise(np.where,     r"a \text{ if } c \text{ else } b", None,
                                                         lambda g, y, c, a, b: np.where(c, g, 0),
                                                         lambda g, y, c, a, b: np.where(c, 0, g),
            example="tg.where([True, False], 1., 2.) -> array([1., 2.])")

# no derivative: what they give is constant almost everywhere
for function, formula in {np.greater: "a > b", np.greater_equal: r"a \ge b", np.less: "a < b", np.less_equal: r"a \le b",
                          np.equal: "a = b", np.not_equal: r"a \ne b", np.sign: r"\mathrm{sign}\, x",
                          np.isnan: r"x \text{ is NaN}", np.isfinite: r"|x| < \infty",
                          np.logical_not: r"\lnot x", np.logical_and: r"a \land b", np.logical_or: r"a \lor b"}.items():
    elementwise(function, formula, *[None] * function.nin)
# fmt: on
