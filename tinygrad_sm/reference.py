"""What the tables say to a reader: an op's formula, its rules as they are written, its shapes, an example."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from .parsing import parsed
from .primitive import FUNCTIONS, Primitive

__all__ = ["describe", "rule_source"]


def describe(op: Primitive) -> str:
    """All that the table says of an op, as text; the example's result is computed if it is not given."""
    lines = [op.doc, ""] if op.doc else []
    lines += [f"{op.name}{op.__signature__}: {op.formula}", ""]
    names = op.inputs * len(op.rules) if op.variadic else op.inputs
    lines += [f"dL/d{name} = {rule_source(rule)}" for name, rule in zip(names, op.rules, strict=False)]
    if op.shapes:
        lines.append(f"shapes: {op.shapes}")
    if op.example:
        call, _, result = op.example.partition(" -> ")
        lines += ["", f">>> {call}", result or repr(_computed(parsed(call)))]
    return "\n".join(lines)


def _computed(node: ast.expr) -> Any:
    """The value of an example: calls of the tables' functions and NumPy's, numbers, lists, and no more."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=home), attr=name)):
            function = FUNCTIONS[name] if home == "tg" else getattr(np, name)
            keywords = {str(k.arg): _computed(k.value) for k in node.keywords}
            return function(*map(_computed, node.args), **keywords)
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return getattr(np, name)
        case ast.Name(id="float"):
            return float
        case ast.List():
            return [_computed(item) for item in node.elts]
    return ast.literal_eval(node)


def rule_source(rule: Callable[..., Any] | None) -> str:
    """A rule as it is written: the body of a lambda, or the text of a function.

    >>> rule_source(lambda g, y, x: g * y)
    'g * y'
    """
    if rule is None:
        return "none"
    code = rule.__code__
    if code.co_name != "<lambda>":
        return textwrap.dedent(inspect.getsource(rule)).strip()
    spans = [(p[0] or 0, p[2] or 0, p[1] or 0, p[3]) for p in code.co_positions() if p[3]]
    first, start = min((line, start) for line, start, _, _ in spans)
    last, end = max((stop, end) for _, _, stop, end in spans)
    lines = [linecache.getline(code.co_filename, n).rstrip("\n") for n in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return " ".join(line.strip() for line in lines)
