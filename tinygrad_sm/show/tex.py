"""Names, numbers, equations and rules in LaTeX, in the commands that KaTeX and MathJax know too."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from ..parsing import parsed
from ..program import BackwardStep, Equation, Variable
from .numbers import number as plain_number
from .numbers import plain

__all__ = ["digits", "equation", "name", "number", "rule", "text", "words"]

# fmt: off
TEXT = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "→": r"$\to$", "←": r"$\leftarrow$",
        "≠": r"$\ne$", "…": r"\dots{}", "—": "---", **{c: "\\" + c for c in "{}$%#&_"}}
# fmt: on
GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "sigma", "phi", "omega"}
TOKEN = re.compile(r"\\(?:text|mathrm)\{[^{}]*\}|\\[A-Za-z]+|\\.|[A-Za-z]")


def text(sentence: str) -> str:
    """Any text within a formula, upright, as itself.

    >>> print(text("a_b"), text("50%"))
    \\text{a\\_b} \\text{50\\%}
    """
    return rf"\text{{{words(sentence)}}}"


def name(words: str) -> str:
    """A variable's name: one letter in italics, a digit as an index, all else upright.

    >>> print(name("z"), name("W1"), name("sigma"), name("net.0.weight"))
    z W_{1} \\sigma \\text{net.0.weight}
    """
    if words in GREEK:
        return "\\" + words
    if match := re.fullmatch(r"([A-Za-z])_?(\d*)", words):
        return match[1] + (f"_{{{match[2]}}}" if match[2] else "")
    return text(words)


def number(x: Any) -> str:
    """A number, with a power of ten where it has an exponent.

    >>> print(number(1e-16), number(float("nan")))
    1 \\cdot 10^{-16} \\text{nan}
    """
    return digits(plain_number(x))


def words(sentence: str) -> str:
    """A sentence between formulas."""
    return "".join(TEXT.get(c, c) for c in plain(sentence))


def digits(shown: str) -> str:
    """A number that is written out already."""
    mantissa, _, exponent = shown.partition("e")
    if not any(c.isdigit() for c in shown):
        return rf"\text{{{shown}}}" if shown != "." else r"\cdot"
    return mantissa + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")


def variable(v: Variable) -> str:
    if v.literal is None:
        return name(v.name)
    return number(v.number) if v.value.dtype.kind in "fiub" else text(v.literal)


def equation(equation: Equation) -> str:
    """The right-hand side: the primitive's formula with the names of the equation for its letters."""
    primitive = equation.primitive
    if primitive.variadic:
        return f"{text(primitive.name)}({', '.join(map(variable, equation.inputs))})"
    names = {letter: variable(x) for letter, x in zip(primitive.inputs, equation.inputs, strict=False)}
    letters = {key: value for key, value in names.items() if len(key) == 1}
    letters |= {key[0]: value for key, value in names.items() if key[0] not in letters}
    formula = TOKEN.sub(lambda match: letters.get(match[0], match[0]), primitive.formula)
    named = letters.keys() & set(TOKEN.findall(primitive.formula))
    return formula if named else f"{formula}({', '.join(names.values())})"


def rule(step: BackwardStep) -> str:
    """A rule in the names of its graph: what comes in is g."""
    letters: dict[str, str] = {"y": name(step.node.name)}
    if not step.node.primitive.variadic:
        pairs = zip(step.node.primitive.inputs, step.node.inputs, strict=False)
        letters |= {letter: variable(x) for letter, x in pairs}
    try:
        return expression(parsed(step.rule), letters)[0]
    except (SyntaxError, KeyError, RecursionError):
        return text(step.formula)


def expression(node: ast.expr, letters: Mapping[str, str]) -> tuple[str, int]:
    """An expression in LaTeX, and how strongly it binds: 1 sums, 2 products, 3 powers, 4 all else."""
    if isinstance(node, ast.Name):
        return letters.get(node.id, name(node.id)), 2 if letters.get(node.id, "").startswith("-") else 4
    if isinstance(node, ast.Constant):
        return number(node.value) if isinstance(node.value, int | float) else text(repr(node.value)), 4
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return "-" + bracketed(node.operand, letters, 2), 1
    if isinstance(node, ast.BinOp):
        a, b = node.left, node.right
        match node.op:
            case ast.Div():
                return rf"\frac{{{expression(a, letters)[0]}}}{{{expression(b, letters)[0]}}}", 3
            case ast.Pow():
                return rf"{{{bracketed(a, letters, 4)}}}^{{{expression(b, letters)[0]}}}", 3
            case ast.Add():
                return f"{bracketed(a, letters, 1)} + {bracketed(b, letters, 1)}", 1
            case ast.Sub():
                return f"{bracketed(a, letters, 1)} - {bracketed(b, letters, 2)}", 1
            case ast.Mult() | ast.MatMult():
                left = 1 if isinstance(a, ast.UnaryOp) else 2
                return rf"{bracketed(a, letters, left)} \, {bracketed(b, letters, 2)}", 2
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return f"{{{bracketed(node.value, letters, 4)}}}^{{T}}", 3
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        function = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        arrays = [a for a in node.args if not isinstance(a, ast.Name) or a.id == "g" or a.id in letters]
        return f"{text(function)}({', '.join(expression(a, letters)[0] for a in arrays)})", 4
    raise KeyError(type(node).__name__)


def bracketed(node: ast.expr, letters: Mapping[str, str], binds: int) -> str:
    written, strength = expression(node, letters)
    return written if strength >= binds else rf"\left({written}\right)"
