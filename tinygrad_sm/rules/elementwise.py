"""Elementwise ops. The letters: x, a, b inputs; c a condition; lo, hi bounds; y output; g = dL/dy.

Where an op has a kink: |x|, sign, floor and their like have derivative 0 at it; equal entries of maximum and minimum
share the gradient; clip passes it on the bounds too, and gives it to hi where lo is above; hypot and arctan2 have
derivative 0 at (0, 0), and a^b by b at a = 0.
"""

from math import log, pi, sqrt
from typing import Any

import numpy as np

from ..errors import MissingError
from ..primitive import Array, Primitive, Rule, filled, primitive


def elementwise(function: Any, formula: str, *rules: Rule | None, **about: Any) -> Primitive:
    """An op on each entry by itself, of arrays that broadcast."""
    arrays = ", ".join(("np.array([0.25, 0.5])", "0.5", "1.")[: len(rules)])
    about.setdefault("example", f"tg.{about.get('name', function.__name__)}({arrays})")
    about.setdefault("shapes", "any that broadcast: axes equal or 1, from the last")
    return primitive(function, formula, *rules, fits=len(rules) == 1, **about)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) without overflow: e is never above 1."""
    # fabs takes integers and truth values as floats, but is slower
    e = np.exp(-(np.abs if np.asarray(x).dtype.kind == "f" else np.fabs)(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


def relu(x: Array) -> Array:
    """max(x, 0). With as many zeros, which are kept for the next time, NumPy is quicker than with one."""
    return np.maximum(x, filled(0, x.dtype, x.shape if x.size <= 2**14 else ()))


def erf(x: Array) -> Array:
    """SciPy's, which is exact to rounding."""
    try:
        from scipy.special import erf as exact  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise MissingError("erf needs SciPy: run `pip install scipy`") from None
    return exact(x).astype(np.float16) if np.asarray(x).dtype == np.float16 else exact(x)


def radius(a: Array, b: Array) -> Array:
    """The length of (a, b), but 1 at (0, 0)."""
    return np.hypot(a, b + (a == 0) * (b == 0))


def above(x: Array, lo: Array) -> Array:
    """Whether x is lo or above; None is no bound."""
    return True if x is None or lo is None else x >= lo


def dsinc(x: Array) -> Array:
    """sinc'(x) = (cos(pi x) - sinc x) / x, but near 0, where that cancels, its power series."""
    near: Array = np.abs(x) < 0.5
    series: Array = 1
    z, away = np.where(near, pi * x, 0), np.where(near, 1, x)
    for k in range(12, 0, -1):
        series = 1 - z * z / (2 * k * (2 * k + 3)) * series
    return np.where(near, -pi / 3 * z * series, (np.cos(pi * away) - np.sinc(away)) / away)


# function                    formula                      rules
elementwise(np.add,           r"a + b",                    lambda g, y, a, b: g,
                                                           lambda g, y, a, b: g)
elementwise(np.subtract,      r"a - b",                    lambda g, y, a, b: g,
                                                           lambda g, y, a, b: -g)
elementwise(np.multiply,      r"a \, b",                   lambda g, y, a, b: g * b,
                                                           lambda g, y, a, b: g * a)
elementwise(np.divide,        r"\frac{a}{b}",              lambda g, y, a, b: g / b,
                                                           lambda g, y, a, b: -g * y / b)             # -a/b^2 = -y/b
elementwise(np.remainder,     r"a - b \lfloor a/b \rfloor",lambda g, y, a, b: g,
                                                           lambda g, y, a, b: -g * np.floor_divide(a, b))
elementwise(np.fmod,          r"a - b \, \mathrm{trunc}(a/b)", lambda g, y, a, b: g,
                                                           lambda g, y, a, b: -g * np.trunc(a / b))
for name, raised in {"power": lambda a, b: a**b, "float_power": np.float_power}.items():     # ** knows squares
    elementwise(raised,       r"a^{b}",                    lambda g, y, a, b: g * b * a ** (b - 1.0 + (b == 0)),
                                                           lambda g, y, a, b:
        g * y * np.log(1.0 * a + (a == 0)).astype(g.dtype),
                name=name, numpy=(getattr(np, name),))
elementwise(np.negative,      r"-x",                       lambda g, y, x: -g)
elementwise(np.square,        r"x^2",                      lambda g, y, x: 2 * g * x)
elementwise(np.reciprocal,    r"\frac{1}{x}",              lambda g, y, x: -g * y * y)
elementwise(np.sqrt,          r"\sqrt{x}",                 lambda g, y, x: g / (2 * y))
elementwise(np.cbrt,          r"\sqrt[3]{x}",              lambda g, y, x: g / (3 * y * y))
elementwise(np.exp,           r"e^{x}",                    lambda g, y, x: g * y)                  # its own derivative
elementwise(np.exp2,          r"2^{x}",                    lambda g, y, x: g * y * log(2))
elementwise(np.expm1,         r"e^{x} - 1",                lambda g, y, x: g * (y + 1))
elementwise(np.log,           r"\ln x",                    lambda g, y, x: g / x)
elementwise(np.log2,          r"\log_2 x",                 lambda g, y, x: g / (x * log(2)))
elementwise(np.log10,         r"\log_{10} x",              lambda g, y, x: g / (x * log(10)))
elementwise(np.log1p,         r"\ln(1 + x)",               lambda g, y, x: g / (1 + x))
logistic: Primitive = elementwise(sigmoid, r"\frac{1}{1 + e^{-x}}", lambda g, y, x: g * y * (1 - y))
elementwise(np.logaddexp,     r"\ln(e^{a} + e^{b})",       lambda g, y, a, b: g * logistic(1.0 * a - b),
                                                           lambda g, y, a, b: g * logistic(1.0 * b - a))
elementwise(np.logaddexp2,    r"\log_2(2^{a} + 2^{b})",    lambda g, y, a, b: g * logistic(log(2) * a - log(2) * b),
                                                           lambda g, y, a, b: g * logistic(log(2) * b - log(2) * a))
elementwise(np.sin,           r"\sin x",                   lambda g, y, x: g * np.cos(x))
elementwise(np.cos,           r"\cos x",                   lambda g, y, x: -g * np.sin(x))
elementwise(np.tan,           r"\tan x",                   lambda g, y, x: g * (1 + y * y))
elementwise(np.arcsin,        r"\arcsin x",                lambda g, y, x: g / np.sqrt((1 - x) * (1 + x)))
elementwise(np.arccos,        r"\arccos x",                lambda g, y, x: -g / np.sqrt((1 - x) * (1 + x)))
elementwise(np.arctan,        r"\arctan x",                lambda g, y, x: g / (1 + x * x))
elementwise(np.arctan2,       r"\mathrm{arctan2}(a, b)",   lambda g, y, a, b: g * b / radius(a, b) ** 2,
                                                           lambda g, y, a, b: -g * a / radius(a, b) ** 2)
elementwise(np.sinh,          r"\sinh x",                  lambda g, y, x: g * np.cosh(x))
elementwise(np.cosh,          r"\cosh x",                  lambda g, y, x: g * np.sinh(x))
elementwise(np.tanh,          r"\tanh x",                  lambda g, y, x: g * (1 - y * y))
elementwise(np.arcsinh,       r"\mathrm{arsinh}\, x",      lambda g, y, x: g / np.sqrt(x * x + 1))
elementwise(np.arccosh,       r"\mathrm{arcosh}\, x",      lambda g, y, x: g / np.sqrt((x - 1) * (x + 1)),
    example="tg.arccosh(2.)")
elementwise(np.arctanh,       r"\mathrm{artanh}\, x",      lambda g, y, x: g / ((1 - x) * (1 + x)))
elementwise(np.hypot,         r"\sqrt{a^2 + b^2}",         lambda g, y, a, b: g * a / (y + (y == 0)),
                                                           lambda g, y, a, b: g * b / (y + (y == 0)))
elementwise(np.sinc,          r"\frac{\sin \pi x}{\pi x}", lambda g, y, x: g * dsinc(x))
elementwise(erf,              r"\mathrm{erf}\, x",         lambda g, y, x: g * (2 / sqrt(pi)) * np.exp(-x * x))
elementwise(lambda x: relu(np.asarray(x)), r"\max(x, 0)", lambda g, y, x: g * (x > 0), name="relu", run=relu)
elementwise(np.deg2rad,       r"\frac{\pi}{180} x",        lambda g, y, x: g * (pi / 180), numpy=(np.radians,))
elementwise(np.rad2deg,       r"\frac{180}{\pi} x",        lambda g, y, x: g * (180 / pi), numpy=(np.degrees,))
elementwise(np.absolute,      r"|x|",                      lambda g, y, x: g * np.sign(x))
elementwise(np.fabs,          r"|x|",                      lambda g, y, x: g * np.sign(x))
for extreme, formula in {np.maximum: r"\max(a, b)", np.minimum: r"\min(a, b)",
                         np.fmax: r"\max(a, b)", np.fmin: r"\min(a, b)"}.items():  # fmax, fmin: numbers first
    elementwise(extreme,      formula,                     lambda g, y, a, b: g * (a == y) - g * (a == b) / 2,
                                                           lambda g, y, a, b: g * (b == y) - g * (a == b) / 2)
clamp = elementwise(np.clip,  r"\min(\max(x, l), h)",      lambda g, y, x, lo, hi: g * above(x, lo) * above(hi, x),
                                                           lambda g, y, x, lo, hi: g * (x < lo) * above(hi, lo),
                                                           lambda g, y, x, lo, hi: g * ((x > hi) >= above(hi, lo)))
choose = elementwise(np.where, r"a \text{ if } c \text{ else } b", None,
                                                           lambda g, y, c, a, b: np.where(c, g, 0),
                                                           lambda g, y, c, a, b: np.where(c, 0, g))
primitive(np.nan_to_num,      r"x \text{ if finite}",      lambda g, y, x, nan=0.0, posinf=None, neginf=None:
                                                                 g * np.isfinite(x),
    shapes="any", example="tg.nan_to_num([1., np.nan])")
primitive(np.round,           r"\mathrm{round}(x)",        lambda g, y, x, decimals=0: np.zeros_like(g),
    numpy=(np.around,), shapes="any", example="tg.round([1.26, 2.5], 1)")
# constant almost everywhere: the derivative is 0
for step, formula in {np.floor: r"\lfloor x \rfloor", np.ceil: r"\lceil x \rceil", np.trunc: r"\mathrm{trunc}\, x",
    np.fix: r"\mathrm{trunc}\, x", np.rint: r"\mathrm{round}(x)", np.sign: r"\mathrm{sign}\, x"}.items():
    elementwise(step,         formula,                     lambda g, y, x: np.zeros_like(g))
elementwise(np.floor_divide,  r"\lfloor a / b \rfloor",    lambda g, y, a, b: np.zeros_like(g),
                                                           lambda g, y, a, b: np.zeros_like(g))
elementwise(np.heaviside,     r"0, b, 1 \text{ for } a < 0, a = 0, a > 0", lambda g, y, a, b: np.zeros_like(g),
                                                           lambda g, y, a, b: g * (a == 0))
