"""The fused softmax cross-entropy as it is derived: a = softmax(z), and a - y on the way back.

The letters: z logits, with K classes on one axis and N rows; y target distributions; a probabilities; c what
the weights of a row add up to, where it is not 1; n what the sum of the losses is divided by.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from .equations import Equation
from .expressions import PRODUCT, SIGNED, SUM, Expr
from .literals import Names

__all__ = ["HELPERS", "CrossEntropy"]

HELPERS = {
    "softmax": '''def {name}(z, axis=-1):
    """e^z / sum e^z; where z is infinite, its limit."""
    m = z.max(axis=axis, keepdims=True)
    e = np.exp(np.where(z == m, 0, z - m))
    return e / e.sum(axis=axis, keepdims=True)''',
    "log_softmax": '''def {name}(z, axis=-1):
    """ln softmax(z), also where softmax(z) is too small to be told from 0."""
    m = z.max(axis=axis, keepdims=True)
    d = np.where(z == m, 0, z - m)
    return d - np.log(np.exp(d).sum(axis=axis, keepdims=True))''',
    "logsumexp": '''def {name}(z, axis=None, keepdims=False):
    """ln sum e^z, without overflow."""
    m = z.max(axis=axis, keepdims=True)
    d = np.where(z == m, 0, z - m)
    y = m + np.log(np.exp(d).sum(axis=axis, keepdims=True))
    return y if keepdims else np.squeeze(y, axis)''',
}


class Page(Protocol):
    """What is asked of who writes the program."""

    names: Names

    def literal(self, value: Any, key: str = "value") -> str: ...
    def line(self, text: str, about: str = "") -> None: ...


class CrossEntropy:
    """One cross-entropy: its way forward is written when it is made.

    places  the inputs whose gradients are asked for
    """

    def __init__(self, page: Page, e: Equation, z: Expr, t: Expr, places: set[int]) -> None:
        attrs, value, targets = e.attrs, e.inputs[0].value, e.inputs[1].value
        self.page, self.z, self.t, self.y, self.new = page, z.text, t.text, t, page.names.new
        self.ndim, self.axis = value.ndim, attrs.get("axis", -1) % value.ndim
        self.reduction, self.smoothing = attrs.get("reduction", "mean"), attrs.get("label_smoothing", 0.0)
        self.soft, self.ignored = targets.shape == value.shape, attrs.get("ignore_index")
        self.finite = bool(np.isfinite(value).all())
        self.along = f"axis={self.axis}, keepdims=True"
        float64 = value.dtype == np.float64 or value.dtype.kind != "f"
        self.dtype = "" if float64 else f", dtype={self.z}.dtype"
        self.a = self.c = self.w = self.kept = ""
        if attrs.get("weight") is not None:
            self.w = self.new("w", "weight")
            weight = page.literal(attrs["weight"], "weight")
            page.line(f"{self.w} = np.array({weight}{self.dtype})", "class weights")
        self._sizes()
        if not self.soft:
            self._one_hot(targets.ndim == 1)
        elif targets.dtype != value.dtype:
            self._change(f"{self.t}.astype({self.z}.dtype)")
        self._weigh()
        if (self.w or self.kept) and 0 in places:
            self.c = self.new("c", "total")
            page.line(f"{self.c} = {self.y.atom}.sum({self.along})", "what the weights of a row add up to")
        self._softmax(0 in places)

    def _sizes(self) -> None:
        """N and K, as far as they are needed."""
        mean = self.reduction == "mean"
        rows = mean and self.ndim > 1 and (self.soft or (self.ignored is None and not self.w))
        classes = not self.soft or bool(self.smoothing) or (rows and self.ndim > 2)
        self.n = N = self.new("N", "n", "rows") if rows else ""
        self.K = K = self.new("K", "k", "classes") if classes else ""
        if N and K and self.ndim == 2:
            self.page.line(f"{N}, {K} = {self.z}.shape" if self.axis else f"{K}, {N} = {self.z}.shape")
        elif K:
            self.page.line(f"{K} = {self.z}.shape[{self.axis}]", "classes")
            if N:
                self.page.line(f"{N} = {self.z}.size // {K}", "rows")
        elif N:
            self.page.line(f"{N} = {self.z}.shape[{1 - self.axis}]", "rows")

    def _one_hot(self, flat: bool) -> None:
        """Class indices as rows of the unit matrix; what the sum of the losses is divided by, if not by N."""
        index = self.t
        if self.ignored is not None:
            self.kept, index = self.new("kept"), self.new("t_kept")
            unlike = f"{self.t} != {self.page.literal(self.ignored)}"
            self.page.line(f"{self.kept} = ({unlike}).astype({self.z}.dtype)", "0 for what is left out")
            self.page.line(f"{index} = np.where({unlike}, {self.t}, 0)")
        y = self.new("y", "y_hot", "one_hot")
        about = f"row i has its 1 at class {index}[i]" if flat else "a 1 at each class"
        self.page.line(f"{y} = np.eye({self.K}{self.dtype})[{index}]", about)
        self.y = Expr(y)
        if self.reduction == "mean" and (self.w or self.kept):
            self.n = self.new("n", "total_weight")
            factors = " * ".join(filter(None, (self.w and f"{self.w}[{index}]", self.kept)))
            self.page.line(f"{self.n} = np.sum({factors})")

    def _weigh(self) -> None:
        """Labels smoothed, classes weighted, rows left out."""
        inner = self.axis < self.ndim - 1
        if self.smoothing:
            part = repr(self.smoothing)
            self._change(f"(1 - {part}) * {self.y.atom} + {part} / {self.K}", "label smoothing")
        if self.w:
            self._change(f"{self.y.atom} * {self._weight() if self.soft else self.w}")
        if self.kept:
            self._change(f"{self.y.atom} * {self.kept}[..., None]")
        if not self.soft and inner:
            self._change(f"np.moveaxis({self.y.text}, -1, {self.axis})", "the classes on their axis")

    def _weight(self) -> str:
        """The class weights along the axis of the classes."""
        after = self.ndim - 1 - self.axis
        return f"{self.w}.reshape({(-1, *[1] * after)})" if after else self.w

    def _change(self, text: str, about: str = "") -> None:
        """Other target weights under the same name; those that were given keep theirs."""
        name = self.new("y", "weights") if self.y.text == self.t else self.y.text
        self.page.line(f"{name} = {text}", about)
        self.y = Expr(name)

    def _softmax(self, backward: bool) -> None:
        line, z = self.page.line, self.z
        d = f"{z} - {z}.max({self.along})"
        if not self.finite:
            m, d = self.new("m", "z_max"), self.new("d", "z_shifted")
            line(f"{m} = {z}.max({self.along})")
            line(f"{d} = np.where({z} == {m}, 0, {z} - {m})", "also where they are infinite")
        e = self.new("e", "exp_z")
        line(f"{e} = np.exp({d})")
        if backward:
            self.a = self.new("a", "p", "softmax")
            line(f"{self.a} = {e} / {e}.sum({self.along})", f"{self.a} = softmax({z})")
        self.log_a = self.new("log_a")
        line(f"{self.log_a} = {d} - np.log({e}.sum({self.along}))", "its logarithm")

    def loss(self) -> Expr:
        """-sum y ln a / n"""
        over = f", axis={self.axis}" if self.reduction == "none" else ""
        where = "" if self.finite else f", where={self.y.atom} != 0"
        loss = Expr(f"-np.sum({self.y.within(PRODUCT)} * {self.log_a}{over}{where})", SIGNED)
        return Expr(f"{loss.text} / {self.n}", PRODUCT) if self.n else loss

    def gradient(self, g: Expr | None, place: int) -> Expr:
        """The gradient of the logits (place 0) or of the targets (1); g is None where it is 1."""
        if place == 0:
            total = f"{self.c} * {self.a}" if self.c else self.a
            found = Expr(f"{total} - {self.y.within(PRODUCT)}", SUM)
        else:
            factors = [f"(1 - {self.smoothing!r})" * bool(self.smoothing), self.w and self._weight()]
            found = Expr(" * ".join([f"-{self.log_a}", *filter(None, factors)]), PRODUCT)
        if g is not None:
            text = g.within(PRODUCT)
            if self.reduction == "none" and self.ndim > 1:
                text = f"np.expand_dims({g.text}, {self.axis})"
                text = f"{g.atom}[:, None]" if (self.axis, self.ndim) == (1, 2) else text
            found = Expr(f"{text} * {found.within(PRODUCT + 1)}", PRODUCT)
        return Expr(f"{found.within(PRODUCT)} / {self.n}", PRODUCT) if self.n else found
