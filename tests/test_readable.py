"""The readable source of a program: it says what it should, runs by itself, and gives the program's numbers."""

from __future__ import annotations

import ast
import copy
import warnings
from typing import Any

import numpy as np
import pytest
from test_rules import TABLE, as_tensors, evaluated, letters_of, weighed, weights_of

import tinygrad_sm as tg
from tinygrad_sm import nn, optim
from tinygrad_sm.errors import MissingError, TraceError, UnsupportedError
from tinygrad_sm.program.readable import Readable, rewritten


def run(program: Any) -> tuple[Readable, dict[str, Any]]:
    """What the source returns by itself, in an empty namespace; it changes none of its arguments."""
    found = rewritten(program)
    imports = [n for n in ast.walk(ast.parse(found.source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(n) for n in imports] == ["import numpy as np"]
    space: dict[str, Any] = {}
    exec(compile(found.source, "<readable>", "exec"), space)
    given = {name: copy.deepcopy(value) for name, value in found.arguments.items()}
    with np.errstate(all="ignore"):
        result = space["program"](**given)
    for name, value in found.arguments.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(given[name], value)
    return found, result


def check(program: Any, times: float = 8) -> str:
    """The source, which gives what was recorded, up to some eps."""
    found, result = run(program)
    for key, v in found.results:
        got, want = np.asarray(result[key]), np.asarray(v.value)
        assert (got.shape, got.dtype) == (want.shape, want.dtype), f"{key}\n{found.source}"
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want)
            continue
        finite = np.isfinite(want)
        np.testing.assert_array_equal(got[~finite], want[~finite])
        bound = times * np.finfo(want.dtype).eps * np.maximum(1, np.abs(want[finite]))
        worst = np.max(np.abs(got[finite] - want[finite]) / bound, initial=0)
        assert worst <= 1, f"{key}: {worst * times:.0f} eps apart\n{found.source}"
    return found.source


rng = np.random.default_rng(0)
X, LABELS = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])


def linear(dtype: Any = np.float64) -> tuple[tg.Tensor, tg.Tensor]:
    W = tg.Tensor(rng.normal(size=(3, 4)).astype(dtype), requires_grad=True, name="W")
    return W, tg.Tensor(np.zeros(4, dtype), requires_grad=True, name="b")


def has(source: str, *lines: str) -> None:
    there = [line.strip().split("  #")[0] for line in source.splitlines()]
    for line in lines:
        assert line in there, source


def test_the_linear_classifier_is_the_derivation() -> None:
    W, b = linear()

    def loss_of(x: Any, t: Any) -> Any:
        z = x @ W + b
        loss = tg.softmax_cross_entropy(z, t)
        loss.backward()
        return loss

    source = check(tg.trace(loss_of, X, LABELS))
    has(source, "z = x @ W + b", "N, K = z.shape", "y = np.eye(K)[t]", "a = e / e.sum(axis=1, keepdims=True)",
        "e = np.exp(z - z.max(axis=1, keepdims=True))", "loss = -np.sum(y * log_a) / N",
        "dz = (a - y) / N", "dW = x.T @ dz", "db = dz.sum(axis=0)", "# forward", "# backward")  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_row(row: str) -> None:
    call = row.partition(" == ")[0]
    letters = letters_of(call)
    tensors = as_tensors(letters)
    with np.errstate(all="ignore"):
        weights = weights_of(evaluated(call, letters))

    def f() -> Any:
        loss = weighed(evaluated(call, tensors), weights)
        if loss.requires_grad:
            loss.backward()
        return loss

    try:
        program = tg.trace(f)
    except TraceError:
        pytest.skip("not to be recorded")
    if "erf" in call:
        with pytest.raises(UnsupportedError, match="erf needs SciPy"):
            program.source()
        return
    check(program)
