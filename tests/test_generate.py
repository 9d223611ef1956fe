"""What is written from the tables is fresh, and complete."""

from __future__ import annotations

import ast
from collections.abc import Callable

import generate
import pytest

import tinygrad_sm as tg


@pytest.mark.parametrize(("path", "write"), generate.WRITTEN.items(), ids=generate.WRITTEN)
def test_what_is_written_is_fresh(path: str, write: Callable[[], str]) -> None:
    written = (generate.ROOT / path).read_text(encoding="utf-8")
    assert written == write(), f"{path} is not what the tables say: run python tests/generate.py"


@pytest.mark.thread_unsafe(reason="ast.parse is not thread-safe before Python 3.11.8")
def test_the_stub_has_every_function_and_every_method() -> None:
    body = ast.parse(generate.stub()).body
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    (methods,) = (node for node in body if isinstance(node, ast.ClassDef))
    assert functions == {*tg.ops.__all__} - {"Methods", "linalg"}
    named = {node.name for node in methods.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in vars(tg.ops.Methods) if not name.startswith("_")} <= named | {*dir(tg.Tensor)}
    assert {"exp", "sum", "mean", "take", "std", "clip"} <= named
