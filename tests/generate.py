"""Writes what follows from the tables of rules: the stub that editors and mypy read, and the list of all ops.

    python tests/generate.py

writes tinygrad_sm/ops.pyi and docs/ops.md; test_generate.py finds them fresh.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_sm as tg
from tinygrad_sm import ops
from tinygrad_sm.primitive import FUNCTIONS, PRIMITIVES, Primitive
from tinygrad_sm.reference import rule_source

ROOT = Path(__file__).parents[1]
PAGES = {
    "elementwise": "Elementwise", "reductions": "Reductions and running sums",
    "shapes": "Moving, joining, cutting", "selections": "Choosing entries",
    "linalg": "Products and linear algebra", "queries": "Without a derivative",
    "softmax": "Softmax and cross-entropy",
}  # fmt: skip

# ---- the stub ----

HEAD = '''"""What the tables of rules give to editors and type checkers; written by tests/generate.py."""

# ruff: noqa

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, overload

from numpy.typing import NDArray

from .tensor import Tensor

Axis = int | tuple[int, ...] | None
Plain = NDArray[Any] | float | Sequence[Any]  # no Tensor

linalg: SimpleNamespace

def rule(name: str) -> Any:
    """The op of a name: print it for its formula, its rules, its shapes and an example."""
'''
TYPES = {
    "axis": "Axis", "shape": "int | Sequence[int]", "reps": "int | Sequence[int]",
    "kth": "int | Sequence[int]", "arrays": "Sequence[Any]",
}  # fmt: skip
SEVERAL = {
    "array_split", "atleast_1d", "atleast_2d", "atleast_3d", "average", "broadcast_arrays", "divmod",
    "dsplit", "eigh", "gradient", "hsplit", "linspace", "meshgrid", "modf", "ndim", "nonzero", "shape",
    "size", "slogdet", "split", "svd", "vsplit", "where",
}  # fmt: skip


def parameters(function: Any) -> tuple[list[str], list[inspect.Parameter]]:
    """The array inputs and the other parameters."""
    if isinstance(function, Primitive) and not function.differentiable:
        ufunc = function.function
        names = {1: ["x"], 2: ["a", "b"]}[ufunc.nin] if isinstance(ufunc, np.ufunc) else ["x"]
        rest = "" if isinstance(ufunc, np.ufunc) else "*args, **kwargs"
        return names, list(inspect.signature(eval(f"lambda {rest}: 0")).parameters.values())
    found = list(inspect.signature(function).parameters.values())
    if isinstance(function, Primitive):
        return list(function.inputs), found[len(function.inputs) :]
    count = 2 if [p.name for p in found[:2]] == ["a", "b"] else 1
    if found and found[0].kind is found[0].POSITIONAL_OR_KEYWORD and found[0].name != "arrays":
        return [p.name for p in found[:count]], found[count:]
    return [], found


def typed(p: inspect.Parameter) -> str:
    kind = TYPES.get(p.name) or {bool: "bool", int: "int", float: "float", str: "str"}.get(
        type(p.default), "Any"
    )
    star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")  # type: ignore[call-overload]
    return f"{star}{p.name}: {kind if not star else 'Any'}" + ("" if p.default is p.empty else " = ...")


ARITHMETIC = [
    "add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor",
    "lshift", "rshift",
]  # fmt: skip
OPERATORS = "".join(
    f"    def __{name}__(self, other: Any, /) -> {'Any' if 'divmod' in name else 'Tensor'}: ...\n"
    for name in [*ARITHMETIC, *(f"r{name}" for name in ARITHMETIC), "lt", "le", "gt", "ge"]
)
OPERATORS += "".join(
    f"    def __{name}__(self) -> Tensor: ...\n" for name in ["neg", "pos", "abs", "invert"]
)
SIZES = "".join(f"    @property\n    def {name}(self) -> int: ...\n" for name in ["itemsize", "nbytes"])


def rest_of(others: list[inspect.Parameter]) -> list[str]:
    """The parameters that are no arrays, with the star before those that are keywords only."""
    out: list[str] = []
    for p in others:
        if p.kind is p.KEYWORD_ONLY and "*" not in out and not any(text.startswith("*") for text in out):
            out.append("*")
        out.append(typed(p))
    return out


def summary(function: Any) -> str:
    """One line: what it does, or its formula."""
    text = (
        function.doc or function.formula
        if isinstance(function, Primitive)
        else inspect.getdoc(function) or ""
    )
    line = text.strip().splitlines()[0]
    return f'"""{line}{" " if line.endswith(chr(34)) else ""}"""'.replace("\\", "\\\\")


def definition(name: str, params: list[str], returns: str, text: str = "...", indent: str = "") -> str:
    body = text if text == "..." else f"\n{indent}    {text}"
    return f"{indent}def {name}({', '.join(params)}) -> {returns}:{' ' if body == '...' else ''}{body}\n"


def function_stub(name: str, function: Any) -> str:
    arrays, others = parameters(function)
    rest, text = rest_of(others), summary(function)
    one = "Any" if name in SEVERAL else "Tensor"
    if not arrays or (isinstance(function, Primitive) and function.variadic):
        return definition(name, (["*" + a + ": Any" for a in arrays] if arrays else []) + rest, "Any", text)
    out = ""
    for i in range(len(arrays)):
        params = [
            f"{a}: {'Plain' if j < i else 'Tensor' if j == i else 'Tensor | Plain | None'}"
            for j, a in enumerate(arrays)
        ]
        out += "@overload\n" + definition(name, params + rest, one)
    plain = [f"{a}: Plain | None" if len(arrays) > 2 else f"{a}: Plain" for a in arrays]
    return (
        out
        + "@overload\n"
        + definition(name, plain + rest, "Any" if others or name in SEVERAL else "NDArray[Any]", text)
    )


def method_stub(name: str, function: Any) -> str:
    if name in ("compress", "tolist") or getattr(function, "__name__", "") in (
        "fill",
        "partition",
        "put",
        "resize",
        "sort",
    ):
        params = [typed(p) for p in inspect.signature(function).parameters.values()]
        params = ["self", *[p for p in params if not p.startswith("self")]]
        return definition(name, params, "Any", summary(function), "    ")
    arrays, others = parameters(function)
    params = ["self", *[f"{a}: Any" for a in arrays[1:]], *rest_of(others)]
    return definition(name, params, "Any" if name in SEVERAL else "Tensor", summary(function), "    ")


def stub() -> str:
    own = {name for kind in tg.Tensor.__mro__ if kind is not ops.Methods for name in vars(kind)}
    methods = {
        name: f for name, f in vars(ops.Methods).items() if not name.startswith("_") and name not in own
    }
    functions = {name: FUNCTIONS[name] for name in ops.__all__ if name in FUNCTIONS}
    text = (
        HEAD
        + "\nclass Methods:\n"
        + '    """The functions of one array, as methods."""\n\n    __slots__ = ()\n'
    )
    text += "".join(method_stub(name, f) for name, f in sorted(methods.items())) + OPERATORS + SIZES + "\n"
    text += "".join(function_stub(name, f) for name, f in sorted(functions.items()))
    return text + f"\n__all__ = {ops.__all__!r}\n"


# ---- the list of ops ----

INTRODUCTION = """\
# Every op

Written from the tables in `tinygrad_sm/rules/` and `tinygrad_sm/softmax.py` by `python tests/generate.py`.

An op is `np.f`, `tg.f` and, if it takes one array, `t.f()`. The letters: x, a, b inputs; y the output;
g = dL/dy the incoming gradient; a rule gives what flows back to an input, before a broadcast is undone. A
line without rules says what a function is made of. `print(tg.rule("exp"))` shows an op with an example. A
keyword that is not listed (`out=`, `dtype=`, `where=` …) is refused with an error; a NumPy function that is
not listed works on tensors that do not require grad, and is an error on those that do.

Where a derivative does not exist: |x|, sign, floor and their like have 0 at the kink; equal entries of max,
min, maximum and minimum share the gradient; clip passes it on the bounds too; norm, std and hypot have 0 at
0, and so has a^b by b at a = 0. cholesky and eigh read one triangle of their matrix, and the gradient is in
that triangle.
"""


def page_of(function: Any) -> str:
    rules = [rule for rule in getattr(function, "rules", [function]) if rule]
    if rules:
        return rules[0].__module__.rpartition(".")[2]  # type: ignore[no-any-return]
    home = getattr(function.function, "__module__", None) or "numpy"
    return "queries" if home.startswith("numpy") else home.rpartition(".")[2]


def rules_of(op: Primitive) -> list[str]:
    """What flows back to each input."""
    inputs = op.inputs * len(op.rules) if op.variadic else op.inputs
    lines = []
    for name, rule in zip(inputs, op.rules, strict=False):
        source = rule_source(rule).replace("( ", "(")
        lines.append(f"  - dL/d{name} = `{source if chr(10) not in source else rule.__name__}`")
    return lines


def entry(names: list[str], function: Any) -> str:
    """A function under all its names: its formula and rules, or what it is made of."""
    title = ", ".join(f"`{name}`" for name in names)
    if isinstance(function, Primitive):
        signature = inspect.signature(function) if function.differentiable else ""
        return "\n".join([f"- {title} {signature}: $`{function.formula}`$", *rules_of(function)])
    signature, (text, *_) = inspect.signature(function), (inspect.getdoc(function) or "").splitlines()
    source = rule_source(inspect.unwrap(function))
    line = f"- {title} {plain(signature)}: {text}"
    if not source.startswith(("def", "@")):
        line += f" `{source}`"
    under = PRIMITIVES.get(function.__name__)  # a primitive in the dress of NumPy's signature
    return "\n".join([line, *rules_of(under)] if under else [line])


def plain(signature: inspect.Signature) -> str:
    """A signature without types."""
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(bare))


def ops_page() -> str:
    named: dict[int, tuple[list[str], Any]] = {}
    for name in sorted({*PRIMITIVES, *ops.__all__, "trace"} & {*PRIMITIVES, *FUNCTIONS}):
        function = FUNCTIONS.get(name) or PRIMITIVES[name]
        named.setdefault(id(function), ([], function))[0].append(name)
    text = INTRODUCTION
    for page, title in PAGES.items():
        entries = [
            entry(sorted(names, key=lambda name: name != f.__name__), f)
            for names, f in named.values()
            if page_of(f) == page
        ]
        text += f"\n## {title}\n\n" + "\n".join(entries) + "\n"
    return text


WRITTEN: dict[str, Callable[[], str]] = {"tinygrad_sm/ops.pyi": stub, "docs/ops.md": ops_page}

if __name__ == "__main__":
    for path, write in WRITTEN.items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(write(), encoding="utf-8")
