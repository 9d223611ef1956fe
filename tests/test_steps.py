"""The backward pass step by step: the engine's own numbers, edge by edge."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import GradientError, UnsupportedError
from tinygrad_sm.program import BackwardStep, backward_steps, graph


def composed() -> tuple[tg.Tensor, list[tg.Tensor]]:
    z = tg.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    e = tg.exp(z)
    s = tg.sum(e, axis=-1, keepdims=True)
    a = e / s
    loss = -tg.sum(np.array([[1.0, 0.0, 0.0]]) * tg.log(a))
    e.name, s.name, a.name, loss.name = "e", "s", "a", "C"
    return loss, [z]


def network() -> tuple[tg.Tensor, list[tg.Tensor]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3))
    w = [tg.Tensor(rng.normal(size=(3, 3)), requires_grad=True, dtype=np.float32) for _ in range(2)]
    b = tg.Tensor(rng.normal(size=3), requires_grad=True)
    return tg.softmax_cross_entropy(tg.tanh(x @ w[0] + b) @ w[1] + b, np.zeros(5, int)), [*w, b]


def diamond() -> tuple[tg.Tensor, list[tg.Tensor]]:
    x = tg.Tensor(3.0, requires_grad=True)
    y = x * x
    return y * y + y * x, [x]


def joined() -> tuple[tg.Tensor, list[tg.Tensor]]:
    x, y = (tg.Tensor(np.arange(3.0) + i, requires_grad=True) for i in range(2))
    return tg.sum(tg.stack([x, y, x]) ** 2), [x, y]


def deep() -> tuple[tg.Tensor, list[tg.Tensor]]:
    x = tg.Tensor(1.0, requires_grad=True)
    t = x
    for _ in range(2_000):
        t = t * 1.0
    return t, [x]


GRAPHS = [composed, network, diamond, joined, deep]


@pytest.mark.parametrize("make", GRAPHS)
def test_the_last_step_into_a_leaf_is_what_backward_finds(
    make: Callable[[], tuple[tg.Tensor, list[tg.Tensor]]],
) -> None:
    loss, leaves = make()
    for i, leaf in enumerate(leaves):
        leaf.name = f"leaf{i}"
    steps = backward_steps(loss)
    assert all(leaf.grad is None for leaf in leaves)
    loss.backward()
    final = {step.input.name: step for step in steps if step.final}
    for i, leaf in enumerate(leaves):
        assert leaf.grad is not None
        found = final[f"leaf{i}"].accumulated
        assert np.array_equal(found.astype(leaf.dtype), leaf.grad.data)
        assert np.array_equal(final[f"leaf{i}"].input.gradient, leaf.grad.data)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", GRAPHS)
def test_contributions_add_up_and_are_counted(
    make: Callable[[], tuple[tg.Tensor, list[tg.Tensor]]],
) -> None:
    steps = backward_steps(make()[0])
    totals: dict[str, np.ndarray] = {}
    open_edges: dict[str, int] = {}
    for step in steps:
        name = step.input.name
        assert step.contribution.shape == step.input.shape
        assert step.incoming.shape == step.node.output.shape
        if step.node.name in totals:  # a gradient is used only once all of it is there
            assert open_edges[step.node.name] == 0
            assert np.array_equal(step.incoming, totals[step.node.name])
        totals[name] = totals[name] + step.contribution if name in totals else step.contribution
        assert np.array_equal(step.accumulated, totals[name])
        open_edges[name] = step.missing
        assert step.final == (step.missing == 0)
    assert not any(open_edges.values())


def test_one_step_per_edge() -> None:
    loss, _ = composed()
    program = graph(loss)
    edges = [(equation.name, x.name) for equation in program for x in equation.inputs if x.kind != "constant"]
    steps = backward_steps(loss)
    assert sorted((step.node.name, step.input.name) for step in steps) == sorted(edges)
    assert [(step.node.name, step.input.name, step.missing) for step in steps][-4:] == [
        ("a", "e", 1),
        ("a", "s", 0),
        ("s", "e", 0),
        ("e", "z", 0),
    ]


def test_numbers_against_the_mathematics() -> None:
    z, y = np.array([[2.0, 1.0, 0.1]]), np.array([[1.0, 0.0, 0.0]])
    e = np.exp(z)
    s = e.sum()
    a = e / s
    steps = {(step.node.name, step.input.name): step for step in backward_steps(composed()[0])}
    np.testing.assert_allclose(steps["a", "e"].incoming, -y / a, rtol=1e-14)
    np.testing.assert_allclose(steps["a", "e"].contribution, -y / a / s, rtol=1e-14)
    np.testing.assert_allclose(steps["a", "s"].contribution, [[(y / a * e / s**2).sum()]], rtol=1e-14)
    np.testing.assert_allclose(steps["s", "e"].contribution, np.full((1, 3), 1 / s), rtol=1e-14)
    np.testing.assert_allclose(steps["e", "z"].accumulated, a - y, rtol=1e-14)


def test_rules_are_shown_as_written_and_with_the_names_of_the_graph() -> None:
    steps = {(step.node.name, step.input.name): step for step in backward_steps(composed()[0])}
    assert (steps["a", "e"].rule, steps["a", "e"].formula) == ("g / b", "g / s")
    assert (steps["a", "s"].rule, steps["a", "s"].formula) == ("-g * y / b", "-g * a / s")
    assert (steps["e", "z"].rule, steps["e", "z"].formula) == ("g * y", "g * e")
    x = tg.Tensor(2.0, requires_grad=True, name="x")
    slope = "g * -3.0 * x ** (-3.0 - 1.0 + (-3.0 == 0))"
    assert [step.formula for step in backward_steps(x**-3.0)] == [slope]


def test_rules_that_have_no_source_are_named() -> None:
    def twice(g, y, x):  # type: ignore[no-untyped-def]
        return 2 * g

    x = tg.Tensor(2.0, requires_grad=True, name="x")
    double = tg.primitive(lambda x: 2 * x, "2x", twice, name="double_for_a_test")
    assert backward_steps(double(x))[0].rule == "twice(g, y, x)"
    hidden = eval("lambda g, y, x: 2 * g")
    unseen = tg.primitive(lambda x: 2 * x, "2x", hidden, name="unseen_for_a_test")
    assert backward_steps(unseen(x))[0].formula.startswith("rule(g, ")


def test_the_same_input_twice_is_two_steps() -> None:
    x = tg.Tensor(3.0, requires_grad=True, name="x")
    y = tg.Tensor(5.0, name="y")
    steps = backward_steps(tg.where(np.array(True), x * x, y))
    assert [(step.place, step.part, step.parts, step.missing) for step in steps] == [
        (1, 1, 1, 0),
        (0, 1, 2, 1),
        (1, 2, 2, 0),
    ]
    assert steps[-1].accumulated == 6


def test_a_gradient_may_be_given_where_backward_needs_one() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    assert np.array_equal(backward_steps(y, [1.0, 10.0])[-1].accumulated, [2, 40])
    with pytest.raises(GradientError):
        backward_steps(y)
    with pytest.raises(GradientError):
        backward_steps(tg.Tensor(1.0))
    assert backward_steps(tg.Tensor(1.0, requires_grad=True)) == []


def test_steps_read_well() -> None:
    lines = [str(step) for step in backward_steps(composed()[0])]
    assert lines[-4:] == [
        "a -> e  g = dC/da = [[-1.517 0 0]]  g / s = [[-0.1353 0 0]], 1 of 2",
        "a -> s  g = dC/da = [[-1.517 0 0]]  -g * a / s = [[0.08919]]",
        (
            "s -> e  g = dC/ds = [[0.08919]]  spread(g, e, -1, True) = [[0.08919 0.08919 0.08919]], 2 of 2: "
            "dC/de = [[-0.04615 0.08919 0.08919]]"
        ),
        "e -> z  g = dC/de = [[-0.04615 0.08919 0.08919]]  g * e = [[-0.341 0.2424 0.09857]]",
    ]


def test_what_is_no_tensor_has_no_steps() -> None:
    with pytest.raises(UnsupportedError, match="not from float; pass the loss itself"):
        backward_steps(3.0)  # type: ignore[arg-type]


def test_hostile_names_stay_on_their_line() -> None:
    x = tg.Tensor(1.0, requires_grad=True, name="a\nb\x1b[31m")
    assert all(str(step).isprintable() for step in backward_steps(x * x))


def test_the_chain_rule_in_exact_numbers() -> None:
    """dL/dx of L = (x^2)^2 + x^2 x at 3, by fractions: 4 x^3 + 3 x^2."""
    x = Fraction(3)
    steps: list[BackwardStep] = backward_steps(diamond()[0])
    assert steps[-1].accumulated == float(4 * x**3 + 3 * x**2)
