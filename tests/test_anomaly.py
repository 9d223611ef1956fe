"""detect_anomaly: every birth of what is not finite is told with its op, its line and its cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.backprop import mode
from tinygrad_sm.errors import GradientError

FILE = __file__


def leaf(data: Any, name: str | None = None, dtype: Any = None) -> tg.Tensor:
    return tg.Tensor(data, requires_grad=True, name=name, dtype=dtype)


def told(step: Callable[[], Any]) -> str:
    """What detect_anomaly says of a step."""
    with pytest.raises(GradientError) as raised, tg.detect_anomaly():
        step()
    return str(raised.value)


# ---- forward ----


def test_a_logarithm_of_an_underflow() -> None:
    z = leaf([[0.0, -1000.0, 1.0]])

    def step() -> Any:
        a = np.exp(z) / np.exp(z).sum()
        return np.log(a)  # here

    says = told(step)
    assert says.startswith("detect_anomaly: log made -inf at [0, 1], the first value that is not finite\n")
    assert f"{FILE}:" in says
    assert ": return np.log(a)  # here\n" in says
    assert "\n  x: float64 (1, 3) from 0 to 0.731059\n" in says
    assert "log meets a 0, because exp underflowed at logit -1000: use tg.softmax_cross_entropy" in says


def test_the_line_is_that_of_the_code_that_ran() -> None:
    x = leaf([0.0])
    first = told(lambda: np.log(x)).split("\n")[1]
    number = test_the_line_is_that_of_the_code_that_ran.__code__.co_firstlineno + 2
    assert first == f"  {FILE}:{number}: first = told(lambda: np.log(x)).split(\"\\n\")[1]"
    inside = told(lambda: tg.composed_softmax_cross_entropy(leaf([[1e3, 0.0]]), [0]))
    assert f"{FILE}:{number + 3}: inside =" in inside  # and not a line of the package


@pytest.mark.parametrize(
    ("f", "x", "says"),
    [
        (np.exp, [1000.0], "exp made inf at [0]|  x: float64 (1,) from 1000 to 1000|subtract the largest"),
        (np.log, [2.0, -1.0], "log made nan at [1]|from -1 to 2|log wants numbers above 0"),
        (np.log2, [0.0], "log2 made -inf|log wants numbers above 0"),
        (np.sqrt, [-1.0], "sqrt made nan|sqrt wants numbers from 0 on"),
        (lambda x: 1 / x, [0.0], "divide made inf|there is a 0 below the line"),
        (lambda x: x**0.5, [-1.0], "power made nan|a negative base has no real power"),
        (np.arccos, [2.0], "arccos made nan|np.clip(x, -1 + 1e-7, 1 - 1e-7)"),
        (lambda x: x * 1e300, [1e300], "multiply made inf|numbers grow without end"),
        (lambda x: np.concatenate((x, np.exp(x)))[1:], [800.0], "exp made inf"),
    ],
)
def test_births(f: Any, x: Any, says: str) -> None:
    error = told(lambda: f(leaf(x)))
    for part in says.split("|"):
        assert part in error


def test_an_input_that_already_was_not_finite_is_named() -> None:
    says = told(lambda: leaf([1.0, np.nan], "data") * 2)
    assert "multiply passed on nan at [1], which it was given" in says
    assert "a ('data'): float64 (2,) from 1 to 1; it already held nan at [1]" in says
    assert "look where that comes from: your data" in says
    assert "passed on inf, which it was given" in told(lambda: (leaf([1.0, np.inf]) * 2).sum())
    says = told(lambda: leaf([np.inf]) + -np.inf)
    assert "b: float64 () without a finite entry; it already held -inf" in says


def test_the_inputs_of_a_fused_op_are_named() -> None:
    says = told(lambda: tg.softmax_cross_entropy(leaf([[1.0, np.nan]]), np.array([1])))
    assert "SoftmaxCrossEntropy passed on nan, which it was given" in says
    assert "\n  z: float64 (1, 2) from 1 to 1; it already held nan at [0, 1]\n" in says


def test_masks_are_no_anomaly() -> None:
    z = leaf([[1.0, 2.0, 3.0], [0.0, 1.0, 5.0]])
    keep = np.array([[True, False, True], [True, True, True]])
    expected = np.exp([0.0, -np.inf, 2.0]) / np.exp([0.0, -np.inf, 2.0]).sum() - [1, 0, 0]
    for create_graph in False, True:
        z.zero_grad()
        with tg.detect_anomaly():
            loss = tg.softmax_cross_entropy(np.where(keep, z, -np.inf), [0, 2], reduction="sum")
            loss.backward(create_graph=create_graph)
        np.testing.assert_allclose(z.grad.numpy()[0], expected)


# ---- backward ----


def test_a_rule_that_divides_by_zero() -> None:
    x = leaf([0.0, 4.0], "x")

    def step() -> None:
        y = np.sqrt(x)  # here
        y.sum().backward()

    says = told(step)
    assert "on the way back, sqrt's rule for its input x ('x') made inf at [0], the first value" in says
    assert ": y = np.sqrt(x)  # here\n" in says  # not the line of backward()
    assert "\n  the rule: g / (2 * y)\n" in says
    assert "take np.sqrt(x + 1e-12)" in says
    assert x.grad is None


def test_a_logarithm_whose_slope_is_infinite() -> None:
    z = leaf([-1000.0])

    def step() -> None:
        a = np.exp(z)
        np.log(np.maximum(a, 0)).backward()

    assert "log meets a 0, because exp underflowed at logit -1000: use" in told(step)


def test_where_does_not_save_a_slope() -> None:
    x = leaf([0.0, 4.0])
    says = told(lambda: np.where(x.data > 0, x**0.5, 0.0).sum().backward())
    assert "power's rule for its input a made nan at [0]" in says
    assert "where np.where leaves an entry out, put a safe number there before the op" in says


def test_gradients_that_add_up_to_infinity() -> None:
    x = leaf([1e-300], "x")
    says = told(lambda: (x * 1e308 + x * 1.5e308).sum().backward())
    assert "what comes back to a ('x'), an input of multiply, adds up to inf at [0]" in says


def test_a_gradient_that_came_in_so() -> None:
    x = leaf([1.0])
    y = np.exp(x)
    says = told(lambda: y.backward([np.inf]))
    assert "the gradient that came into exp already was inf at [0]: backward() was given it, or" in says
    assert "it was made before detect_anomaly() began: its line is not known" in says


def test_the_pass_of_a_second_derivative_is_watched() -> None:
    says = told(lambda: tg.grad(tg.grad(lambda x: x**1.5))(0.0))
    assert "power" in says


# ---- writing under the graph ----


@pytest.mark.parametrize("what", ["b", "a ('x')", "its output"])
def test_an_array_written_to_between_forward_and_backward(what: str) -> None:
    x, c = leaf([1.0, 2.0], "x"), np.array([3.0, 4.0])

    def step() -> None:
        y = x / c  # here
        {"b": c, "a ('x')": x.data, "its output": y.data}[what][1] = 7
        y.sum().backward()

    says = told(step)
    assert f"detect_anomaly: {what}, which divide's rule reads, was written to between forward and" in says
    assert ": y = x / c  # here\n" in says
    assert "Make a new array instead" in says
    assert x.grad is None


def test_writing_after_the_pass_is_fine() -> None:
    x, c = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    with tg.detect_anomaly():
        for _ in range(2):
            (x * c).sum().backward()
            c += 1
            x.data -= 0.1
    assert x.grad.numpy().tolist() == [7, 9]


def test_every_kind_of_input_is_watched() -> None:
    """None, integers, bools, lists, empty and transposed arrays, views, fused and variadic ops."""
    x = leaf(np.ones((3, 2)), dtype=np.float32)
    with tg.detect_anomaly():
        y = np.clip(x, None, 2) + np.stack([x[:, 0], x.T[1]], 1) * [1, 2] + (x > 0) + np.ones((2, 3)).T
        loss = tg.softmax_cross_entropy(y, np.array([0, 1, 1])) + x[:0].sum()
        loss.backward()
        tg.grad(lambda x: tg.softmax_cross_entropy(x, [0, 1, 1]))(x)
    assert np.isfinite(x.grad.numpy()).all()


# ---- on and off ----


def test_off_by_default_and_off_again() -> None:
    assert mode.get().watcher is None
    with tg.detect_anomaly():
        assert mode.get().watcher is not None
    assert mode.get().watcher is None
    with np.errstate(all="ignore"):
        np.log(leaf([0.0])).backward()
    with pytest.raises(GradientError), tg.detect_anomaly():
        np.log(leaf([0.0]))
    assert mode.get().watcher is None


def test_it_decorates_functions() -> None:
    @tg.detect_anomaly()
    def step(x: Any) -> Any:
        return np.log(leaf([x]))

    for _ in range(2):
        assert step(1.0).item() == 0
        with pytest.raises(GradientError, match=r": return np\.log\(leaf\(\[x\]\)\)"):
            step(0.0)


def test_the_numbers_are_the_same_under_watch() -> None:
    z = leaf(np.random.default_rng(0).normal(size=(4, 3)))

    def step() -> Any:
        z.zero_grad()
        tg.softmax_cross_entropy(np.tanh(z) @ np.eye(3), [0, 1, 2, 0]).backward()
        return z.grad.numpy()

    plain = step()
    with tg.detect_anomaly():
        np.testing.assert_array_equal(step(), plain)
