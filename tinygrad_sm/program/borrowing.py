"""The source of Python functions, and of all that they use, as text that needs NumPy alone.

What a function finds outside of itself is looked up: numbers and small arrays are written as they are, other
functions are borrowed in their turn, errors of this package become the built-in ones that they are.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..errors import TinygradError, UnsupportedError
from ..parsing import parsed, parsed_module
from ..primitive import Primitive
from ..reference import rule_source
from .literals import Names, Unwritable, written

__all__ = ["Library", "numpy_path"]

HOMES = {
    "np": np, "np.linalg": np.linalg, "np.fft": np.fft, "np.random": np.random,
    "np.lib.array_utils": np.lib.array_utils, "np.lib.stride_tricks": np.lib.stride_tricks,
}  # fmt: skip
PLAIN = (
    bool,
    int,
    float,
    str,
    bytes,
    type(None),
    type(Ellipsis),
    tuple,
    list,
    np.generic,
    np.dtype,
    np.ndarray,
)
MATH = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2", "acosh": "arccosh",
        "asinh": "arcsinh", "atanh": "arctanh", "pow": "power"}  # fmt: skip


def numpy_path(value: Any) -> str | None:
    """Where a function, type or module of NumPy's is found from np: np.linalg.inv."""
    name = getattr(value, "__name__", "")
    for home, module in HOMES.items():
        if value is module:
            return home
        if isinstance(name, str) and name.isidentifier() and getattr(module, name, None) is value:
            return f"{home}.{name}"
    return None


class Library:
    """The functions that a text borrows, with a name for each.

    texts  their definitions
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.texts: list[str] = []
        self._known: dict[Any, str] = {}

    def add(self, name: str, text: str) -> str:
        """The name of a definition that is given as text, once; it says {name} where its own name stands."""
        if text not in self._known:
            self._known[text] = self.names.new(name)
            self.texts.append(text.replace("{name}", self._known[text]))
        return self._known[text]

    def borrow(self, function: Any, stem: str, what: str, formula: str = "") -> str:
        """The name under which a function of Python's is in the text; `what` needs it."""
        original = function.__wrapped__ if hasattr(function, "cache_info") else function
        if not isinstance(original, FunctionType) or hasattr(original, "__wrapped__"):
            raise UnsupportedError(
                f"{what}: {function!r:.60} is no plain Python function, so its source cannot be shown; "
                f"define {what} by a function, or use source(style='fast')"
            )
        if original in self._known:
            return self._known[original]
        self._known[original] = name = self.names.new(stem)
        tree = tree_of(original, what)
        tree.name, tree.decorator_list = name, []
        bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n is not tree}
        tree = _Rewriter(self, original, bound, what).visit(tree)
        text = ast.unparse(ast.fix_missing_locations(tree))
        self.texts.append((f"# {formula}\n" if formula else "") + text)
        return name

    def value(self, value: Any, stem: str, what: str) -> str:
        """What stands in the text for a value that a function finds outside of itself."""
        path = numpy_path(value)
        if path is not None:
            return path
        if isinstance(value, Primitive) and not value.definition:
            return self.value(value.function, stem, what)
        if isinstance(value, type):
            plain = value.__mro__[1:] if issubclass(value, TinygradError) else value.__mro__
            found = next(c.__name__ for c in plain if getattr(builtins, c.__name__, None) is c)
            if found == value.__name__ or issubclass(value, TinygradError):
                return "ValueError" if found == "Exception" else found
        if isinstance(value, BuiltinFunctionType) and value.__module__ == "math":
            return self._of_math(value, what)
        name = str(getattr(value, "__name__", ""))
        if name and getattr(builtins, name, None) is value:
            return name
        if isinstance(value, PLAIN):
            try:
                return written(value)
            except Unwritable:
                pass
        if callable(value) and not isinstance(value, type | Primitive):
            return self.borrow(value, stem, what)
        raise UnsupportedError(
            f"{what}: its source uses {stem!r:.40}, which is no plain function, number or small array; "
            f"use source(style='fast')"
        )

    def _of_math(self, function: Any, what: str) -> str:
        name = function.__name__
        if name == "prod":
            return self.add(name, "def {name}(numbers):\n    return np.prod([*numbers, 1]).item()")
        if not hasattr(np, MATH.get(name, name)):
            raise UnsupportedError(f"{what}: its source uses math.{name}, which NumPy does not have")
        return self.add(name, f"def {{name}}(*x):\n    return np.{MATH.get(name, name)}(*x).item()")


class _Rewriter(ast.NodeTransformer):
    """A function as it stands in the text: without annotations, with what it finds outside written in."""

    def __init__(self, library: Library, function: Any, bound: set[str], what: str) -> None:
        self.library, self.bound, self.what = library, bound, what
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self.space: dict[str, Any] = function.__globals__ | {name: cell.cell_contents for name, cell in cells}

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.bound:
            return node
        return self._outside(node, self.space.get(node.id, getattr(builtins, node.id, None)), node.id)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """np.exp as it is; tg.relu and math.pi looked up."""
        value = self._module(node.value)
        if value is None or not hasattr(value, node.attr):
            return self.generic_visit(node)
        return self._outside(node, getattr(value, node.attr), node.attr)

    def _module(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name) and node.id not in self.bound:
            found = self.space.get(node.id)
        elif isinstance(node, ast.Attribute):
            found = getattr(self._module(node.value), node.attr, None)
        else:
            found = None
        return found if isinstance(found, ModuleType) else None

    def _outside(self, node: ast.expr, value: Any, stem: str) -> Any:
        if isinstance(value, ModuleType) and numpy_path(value) is None:
            return node  # what is taken of it is looked up
        return parsed(self.library.value(value, stem, self.what))

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], self.visit(node.value), lineno=node.lineno)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> Any:
        if all(alias.name == "numpy" and alias.asname == "np" for alias in node.names):
            return ast.Pass()
        return self._refuse(node.names[0].name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        return self._refuse(node.module or "its own package")

    def _refuse(self, module: str) -> Any:
        library = {"scipy": "SciPy"}.get(module.split(".")[0], module)
        raise UnsupportedError(
            f"{self.what} needs {library}, and the readable source imports nothing but NumPy; "
            f"use source(style='fast')"
        )


def tree_of(function: Callable[..., Any], what: str) -> ast.FunctionDef:
    """A function's definition; that of a lambda as a function with one line."""
    code = function.__code__
    try:
        if code.co_name != "<lambda>":
            tree = parsed_module(textwrap.dedent(inspect.getsource(function))).body[0]
            if isinstance(tree, ast.FunctionDef) and tree.name == code.co_name:
                return tree
            raise SyntaxError("not where it should be")
        body = rule_source(function)
        if not body:
            raise SyntaxError("its file cannot be read")
        plain = [p.replace(annotation=p.empty) for p in inspect.signature(function).parameters.values()]
        defaults = [
            p if p.default is p.empty else p.replace(default=_Text(written(p.default))) for p in plain
        ]
        text = f"def f{inspect.Signature(defaults)}:\n    return ({body})"
        line = f"lambda {str(inspect.Signature(defaults))[1:-1]}: ({body})"
        outer = f"def outer({', '.join(code.co_freevars)}):\n return {line}"
        inner = compile(outer, "<outer>", "exec").co_consts[0].co_consts
        if not any(isinstance(c, CodeType) and fingerprint(c) == fingerprint(code) for c in inner):
            raise SyntaxError("it is not what its line says")
        tree = parsed_module(text).body[0]
        assert isinstance(tree, ast.FunctionDef)
        return tree
    except (OSError, TypeError, SyntaxError, ValueError, IndexError) as error:
        raise UnsupportedError(
            f"{what}: the source of its function is not to be found ({error}); define it in a file, or use "
            f"source(style='fast')"
        ) from None


def fingerprint(code: CodeType) -> Any:
    """What code names, wherever it stands; how it loads them depends on what its module imports."""
    consts = [fingerprint(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_names, code.co_varnames, code.co_freevars, [c for c in consts if c != "None"]


class _Text:
    """A default as it is written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text
