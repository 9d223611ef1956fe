"""Softmax with cross-entropy, explained: why its gradient is a - y, in four lemmas with the numbers in them.

The letters: z logits, a = softmax(z), y targets, C the loss; K classes, N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..primitive import PRIMITIVES
from ..program import Array, BackwardStep, Program, backward_steps
from ..tensor import Tensor
from . import tex
from .story import Line, Section, check

__all__ = ["CrossEntropy", "recognise"]

WIDEST = 8  # classes of which the whole Jacobian is shown


@dataclass(frozen=True)
class CrossEntropy:
    """A program that computes C = -(1/n) sum y ln softmax(z)."""

    program: Program
    z: str
    y: Array  # (N, K)
    a: Array  # (N, K)
    n: float
    fused: bool

    @property
    def gradient(self) -> Array:
        """dC/dz by the long form of Lemma 4, which holds whatever the targets sum to."""
        gradient: Array = (self.a * self.y.sum(1, keepdims=True) - self.y) / self.n
        return gradient

    def notes(self) -> dict[str, str]:
        """What the variables are that equal the probabilities."""
        shape = self.program[self.z].shape
        alike = (v for v in self.program.variables.values() if v.shape == shape)
        return {v.name: "softmax; rows sum to 1" for v in alike if near(v.value, self.a)}

    def mark(self, step: BackwardStep) -> str:
        """Which lemma a step shows."""
        if not step.final or step.input.shape != self.program[self.z].shape:
            return ""
        if step.input.name == self.z:
            return "← Lemma 4"
        with np.errstate(divide="ignore", invalid="ignore"):
            lemma1 = -self.y / self.a / self.n
        is_a = near(step.input.value, self.a)
        return "← Lemma 1" if is_a and near(step.accumulated, lemma1) else ""

    def reading(self, step: BackwardStep) -> tuple[str, str]:
        """What a step's rule says, as text and in LaTeX; nothing where the rule says it itself."""
        if step.node.primitive.name != "SoftmaxCrossEntropy" or step.input.name != self.z:
            return "", ""
        if self.n == 1:
            return "g * (a - y)", r"g \, (a - y)"
        return f"g * (a - y) / {self.n:g}", rf"g \, \frac{{a - y}}{{{self.n:g}}}"

    def lemmas(self) -> Section:
        """The four lemmas for the first row."""
        a, y = self.a[0], self.y[0]
        k, off = len(a), len(a) * (len(a) - 1)
        jacobian = np.diag(a) - np.outer(a, a)
        apart = np.eye(k, dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            lemma1 = np.where(y == 0, 0, -y / a)
        lines = [
            Line(
                "Lemma 1",
                "dC/da_j = -y_j/a_j",
                r"\frac{\partial C}{\partial a_j} = -\frac{y_j}{a_j}",
                lemma1,
                signed=True,
            ),
            Line(
                "Lemma 2",
                "da_j/dz_j = a_j(1 - a_j)",
                r"\frac{\partial a_j}{\partial z_j} = a_j (1 - a_j)",
                np.ma.masked_where(~apart, jacobian) if k <= WIDEST else np.diag(jacobian),
                signed=True,
            ),
            Line(
                "Lemma 3",
                "da_j/dz_i = -a_i a_j  (i ≠ j)",
                r"\frac{\partial a_j}{\partial z_i} = -a_i a_j \quad (i \ne j)",
                np.ma.masked_where(apart, jacobian) if k <= WIDEST else jacobian[~apart],
                f"{off} of {k * k} entries are off the diagonal",
                signed=True,
            ),
            Line(
                "",
                "Lemma 2 alone would give",
                r"-\frac{y_j}{a_j} \, a_j (1 - a_j)",
                -y * (1 - a),
                "wrong: softmax is not elementwise",
                signed=True,
            ),
            Line(
                "Lemma 4",
                "dC/dz_i = Σ_j (-y_j/a_j) a_j(δ_ij - a_i)",
                r"\frac{\partial C}{\partial z_i} = \sum_j -\frac{y_j}{a_j} \, a_j (\delta_{ij} - a_i)",
            ),
            Line("", "= a_i Σ_j y_j - y_i", r"= a_i \sum_j y_j - y_i", a * y.sum() - y, signed=True),
        ]
        if abs(y.sum() - 1) < 1e-6:
            sums = f"because the y_j sum to 1; the sum is {float((a - y).sum()):.1e}"
            lines.append(Line("", "= a_i - y_i", "= a_i - y_i", a - y, sums, signed=True))
        else:
            note = f"wrong here: the y_j sum to {y.sum():.4g}, not 1"
            lines.append(Line("", "a_i - y_i", "a_i - y_i", a - y, note, signed=True))
        about = "for the first row" if len(self.a) > 1 else "for the one row"
        if self.n != 1:
            about += f", before the division by {self.n:g}"
        return Section("WHY a - y", about, lines)

    def checks(self, found: Array, eps: float) -> list[Line]:
        """This gradient and the fused op's against a - y."""
        expected = self.gradient
        lines = [check("this graph vs a - y", found.reshape(expected.shape), expected, 64 * eps)]
        if not self.fused and np.all(np.abs(self.y.sum(1) - 1) < 1e-6):
            z = Tensor(self.program[self.z].value.reshape(self.a.shape), requires_grad=True)
            loss = PRIMITIVES["SoftmaxCrossEntropy"](z, self.y.astype(z.dtype), reduction="sum")
            fused = backward_steps(loss, names={})[-1].accumulated / self.n
            lines.append(check("fused op vs a - y", fused, expected, 64 * eps))
        return lines

    def cost(self, ops: int) -> Line:
        """How many ops the loss takes, and what they keep for the way back."""
        words = "1 op, keeps a and y" if self.fused else f"{ops} ops, keeps what each computed"
        note = "" if self.fused else "the fused op: 1 op, keeps a and y"
        return Line("cost", words, tex.text(words), note=note)


def recognise(program: Program, z: str) -> CrossEntropy | None:
    """The cross-entropy that a program computes of the logits z, if that is what its numbers say."""
    logits, output = program[z].value, program.outputs[0]
    if logits.ndim not in (1, 2) or not logits.size or output.value.size != 1 or logits.dtype.kind != "f":
        return None
    names = {equation.primitive.name for equation in program}
    if not names & {"exp", "softmax", "log_softmax", "logsumexp", "SoftmaxCrossEntropy"}:
        return None
    rows = np.atleast_2d(logits).astype(np.float64)
    e = np.exp(rows - rows.max(1, keepdims=True))
    a = e / e.sum(1, keepdims=True)
    log_a = rows - rows.max(1, keepdims=True) - np.log(e.sum(1, keepdims=True))
    for v in program.inputs:
        y = targets(v.value, rows.shape)
        if y is None:
            continue
        total = -np.sum(np.where(y == 0, 0, y * log_a))
        for n in (float(len(rows)), 1.0):
            if np.allclose(output.value, total / n, rtol=1e-4 if logits.dtype.itemsize < 8 else 1e-9):
                return CrossEntropy(program, z, y, a, n, "SoftmaxCrossEntropy" in names)
    return None


def targets(array: Array, shape: tuple[int, ...]) -> Array | None:
    """An array as targets of logits, if it can be that: weights of the classes, or class indices."""
    if array.size == shape[0] * shape[1] and array.dtype.kind in "fiub" and np.all(array >= 0):
        return array.reshape(shape).astype(np.float64)
    if array.shape == shape[:1] and array.dtype.kind in "iu" and np.all((array >= 0) & (array < shape[1])):
        return np.eye(shape[1])[array]
    return None


def near(x: Array, y: Array) -> bool:
    close = 1e-5 if x.dtype.itemsize < 8 else 1e-9
    return x.size == y.size and np.allclose(x.reshape(y.shape), y, rtol=close)
