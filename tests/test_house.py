"""Holds the package to its plan: who imports whom, what an import loads, what is public, how long files are.

A layer is a module of the package or one of its subpackages.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import sys
import threading
import tokenize
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

PACKAGE = "tinygrad_sm"
ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))

# layer: the layers that it builds on; it may import those, and what lies under them
BUILDS_ON = {
    "errors": set(),
    "random": set(),
    "parsing": set(),
    "primitive": {"errors"},
    "reference": {"primitive", "parsing"},
    "rules": {"primitive"},
    "composition": {"primitive"},
    "compositions": {"composition", "rules"},
    "targets": {"primitive"},
    "softmax": {"targets", "rules", "composition"},
    "losses": {"softmax"},
    "ops": {"compositions", "losses"},
    "backprop": {"primitive", "errors"},
    "arraylike": {"ops"},
    "tensor": {"arraylike", "backprop"},
    "transforms": {"tensor"},
    "check": {"transforms", "reference"},
    "program": {"transforms", "reference", "random"},
    "show": {"program"},
    "nn": {"tensor", "softmax", "random"},
    "optim": {"tensor"},
    "data": {"errors", "random"},
    "checkpoint": {"errors"},
    "plots": {"show"},
    "train": {"nn", "optim", "data", "program", "checkpoint", "plots"},
    "__init__": {"check", "show", "train"},
    "cli": {"__init__"},
    "__main__": {"cli"},
}
# layer: what it may import inside a function besides, at the moment when somebody asks for a picture
FINDS_WHEN_ASKED = {
    "primitive": {"reference"},
    "program": {"show"},
    "tensor": {"program", "show"},
    "nn": {"show"},
}

ENGINE = {"errors", "primitive", "rules", "softmax", "tensor"}
AROUND_IT = {"arraylike", "backprop", "composition", "ops", "targets"}
TABLES = {"rules", "compositions", "softmax", "losses"}
CODE_LINES_OF_A_FILE, CODE_LINES_OF_THE_ENGINE, CODE_LINES_AROUND_IT = 250, 1000, 510
WIDTH, WIDTH_OF_RULES = 110, 120


class Import(NamedTuple):
    module: str  # dotted and absolute; of the package's modules, the longest name that is a module
    line: int
    lazy: bool  # inside a function


def dotted(file: Path) -> str:
    """The module's name: tinygrad_sm/rules/__init__.py is tinygrad_sm.rules."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(file): file for file in FILES}


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def under(name: str) -> set[str]:
    """The layers that a layer may import: those it builds on, and theirs."""
    below: set[str] = BUILDS_ON.get(name, set())
    return below.union(*map(under, below))


def statements(tree: ast.AST, lazy: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """The import statements that run, each with whether it stands inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, lazy
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue  # for readers and type checkers, never run
        else:
            yield from statements(node, lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imports(module: str, file: Path) -> Iterator[Import]:
    """What a module imports."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node, lazy in statements(ast.parse(file.read_text(encoding="utf-8"), file)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, lazy) for alias in node.names)
            continue
        assert isinstance(node, ast.ImportFrom)
        source = node.module or ""
        if node.level:
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*parents, source]).rstrip(".")
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            yield Import(inner if inner in MODULES else source, node.lineno, lazy)


IMPORTS = [(module, found) for module, file in MODULES.items() for found in imports(module, file)]
INSIDE = [(module, found) for module, found in IMPORTS if found.module.split(".")[0] == PACKAGE]


def test_every_module_has_its_layer() -> None:
    assert {layer(module) for module in MODULES} <= BUILDS_ON.keys()


def test_imports_follow_the_layers() -> None:
    wrong = []
    for module, found in INSIDE:
        here, there = layer(module), layer(found.module)
        allowed = {here} | under(here) | (FINDS_WHEN_ASKED.get(here, set()) if found.lazy else set())
        if there not in allowed:
            wrong.append(f"{MODULES[module]}:{found.line}: {here} imports {there}")
    assert not wrong, "\n".join(wrong)


def test_modules_have_no_import_circles() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for module, found in INSIDE:
        if not found.lazy and found.module != module:
            graph[module].add(found.module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_modules_are_imported_by_statements() -> None:
    """import_module hides imports from this file: only who finds a renderer or a public name may use it."""
    hidden = {
        layer(module)
        for module, file in MODULES.items()
        if {"import_module", "__import__"} & set(re.findall(r"\w+", file.read_text(encoding="utf-8")))
    }
    assert hidden <= FINDS_WHEN_ASKED.keys() | {"__init__"}


def test_only_numpy_and_the_standard_library_load_at_import() -> None:
    allowed = {PACKAGE, "numpy", *sys.stdlib_module_names}
    heavy = [
        f"{MODULES[module]}:{found.line}: {found.module}"
        for module, found in IMPORTS
        if not found.lazy and found.module.split(".")[0] not in allowed
    ]
    assert not heavy, "\n".join(heavy)


@pytest.mark.thread_unsafe(reason="it starts a process")
def test_importing_the_package_leaves_the_heavy_ones_out() -> None:
    command = [sys.executable, "-c", f"import sys, {PACKAGE}; print(*sys.modules)"]
    loaded = set(subprocess.check_output(command, cwd=ROOT, text=True).split())
    assert {PACKAGE, "numpy"} <= loaded
    assert not {"graphviz", "tqdm", "matplotlib", "scipy"} & loaded


def test_public_names_are_sorted_complete_and_there() -> None:
    package = importlib.import_module(PACKAGE)
    names = list(package.__all__)
    assert names == sorted(set(names))
    for name in names:
        getattr(package, name)
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and name != "annotations" and not isinstance(value, ModuleType)
    }
    assert public <= set(names)


LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE,
    tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """How many lines hold code: not blank, not only a comment, not part of a docstring."""
    tree = ast.parse(source)
    expressions = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    texts = [node for node in expressions if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    docstrings = {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {line for t in tokens if t.type not in LAYOUT for line in range(t.start[0], t.end[0] + 1)}
    return len(code - docstrings)


LENGTH = {module: code_lines(file.read_text(encoding="utf-8")) for module, file in MODULES.items()}


@pytest.mark.thread_unsafe(reason="ast.parse is not thread-safe before Python 3.11.8")
def test_code_lines_are_counted() -> None:
    source = '''
"""Two
lines."""

x = 1  # and a comment
# a comment
y = """a
b"""

def f():
    "A docstring."
    return (1,

            2)
'''
    assert code_lines(source) == 6


def test_files_fit_on_a_few_screens() -> None:
    assert not {module: length for module, length in LENGTH.items() if length > CODE_LINES_OF_A_FILE}


def test_the_engine_stays_small() -> None:
    for layers, most in (ENGINE, CODE_LINES_OF_THE_ENGINE), (AROUND_IT, CODE_LINES_AROUND_IT):
        lengths = {module: length for module, length in LENGTH.items() if layer(module) in layers}
        assert sum(lengths.values()) <= most, lengths


def test_lines_fit_the_page() -> None:
    wide = []
    for module, file in MODULES.items():
        width = WIDTH_OF_RULES if layer(module) in TABLES else WIDTH
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if len(line) > width:
                wide.append(f"{file}:{number}: {len(line)} characters, {width} fit")
    assert not wide, "\n".join(wide)


def test_tests_run_in_threads_where_those_are_asked_for(request: pytest.FixtureRequest) -> None:
    asked = str(request.config.getoption("parallel_threads", "1")) != "1"
    assert (threading.current_thread() is not threading.main_thread()) == asked
