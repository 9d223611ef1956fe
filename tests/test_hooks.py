"""Hooks in every kind of pass, and what Python asks of a tensor: float, bool, len, in, copy and such."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import GradientError, UnsupportedError


def leaf(data: Any, name: str | None = None, dtype: Any = None) -> tg.Tensor:
    return tg.Tensor(data, requires_grad=True, name=name, dtype=dtype)


# ---- hooks ----


def test_hooks_run_in_the_order_they_were_registered() -> None:
    x = leaf(2.0)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    (x * 3).backward()
    assert x.grad.item() == 40


def test_hooks_run_from_the_loss_to_the_leaves() -> None:
    x, ran = leaf(2.0), []
    y = x * 3
    z = y * y
    for name, t in (("x", x), ("z", z), ("y", y)):
        t.register_hook(lambda g, name=name: ran.append((name, g.item())))
    z.backward()
    assert ran == [("z", 1.0), ("y", 12.0), ("x", 36.0)]


def test_what_a_hook_returns_is_what_is_retained_and_passed_on() -> None:
    x = leaf([1.0, 2.0])
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert (y.grad.tolist(), x.grad.tolist()) == ([10, 10], [20, 20])


@pytest.mark.parametrize("answer", [np.ones(2), np.array([1, 1]), tg.Tensor([1.0, 1.0])])
def test_a_hook_may_answer_with_any_array_of_the_shape(answer: Any) -> None:
    x = leaf([1.0, 2.0], dtype=np.float32)
    y = x * 2
    y.register_hook(lambda g: answer)
    (y * y).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert x.grad.dtype == np.float32


def test_the_gradient_that_a_hook_changed_can_be_differentiated() -> None:
    x = leaf(3.0)
    x.register_hook(lambda g: g * g)
    (x**2).backward(create_graph=True)  # g = 2x, so g g = 4 x^2
    g = x.grad
    x.zero_grad()
    x._hooks = None
    g.backward()
    assert (g.item(), x.grad.item()) == (36, 24)


def test_a_hook_that_raises_leaves_every_gradient_as_it_was() -> None:
    x, w = leaf(2.0), leaf(3.0)
    (x * w).backward()
    y = x * 2

    def hook(g: Any) -> None:
        raise KeyError("mine")

    y.register_hook(hook)
    with pytest.raises(KeyError, match="mine"):
        (y * w).backward()
    assert (x.grad.item(), w.grad.item()) == (3, 2)


def test_a_hook_may_remove_itself() -> None:
    x, ran = leaf(2.0), []

    def once(g: Any) -> Any:
        ran.append(g.item())
        handle.remove()
        return g * 10

    handle = x.register_hook(once)
    (x * 3).backward()
    (x * 3).backward()
    assert (ran, x.grad.item()) == ([3], 33)


def test_hooks_see_every_pass_that_meets_their_tensor_and_no_other() -> None:
    x, ran = leaf(2.0), []
    y = x * 3
    y.register_hook(lambda g: ran.append("y"))
    (x * 2).backward()
    assert ran == []
    (y * 2).backward()
    (y + 1).backward()
    assert ran == ["y", "y"]
    tg.grad(lambda v: v * y)(2.0)  # a transform: y is a constant to it
    assert ran == ["y", "y"]


def test_copies_have_no_hooks() -> None:
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: g * 10)
    for clone in (copy.copy(x), copy.deepcopy(x)):
        (clone * 2).sum().backward()
        assert clone.grad.tolist() == [2, 2]
    assert x.grad is None


def test_the_loss_itself_may_be_hooked_and_retained() -> None:
    x = leaf(2.0)
    loss = x * 3
    loss.retain_grad()
    loss.register_hook(lambda g: g * 2)
    loss.backward()
    assert (loss.grad.item(), x.grad.item()) == (2, 6)


# ---- chosen inputs ----


def test_backward_to_chosen_inputs_touches_no_other_leaf() -> None:
    x, w = leaf(2.0), leaf(5.0)
    w.grad = 7.0
    y = x * w
    y.retain_grad()
    loss = y * y
    loss.backward(inputs=[x])
    assert (x.grad.item(), w.grad.item(), y.grad) == (100, 7, None)
    loss.backward(inputs=[x, x, loss])
    assert (x.grad.item(), loss.grad.item()) == (200, 1)
    loss.backward(inputs=[])
    assert (x.grad.item(), w.grad.item()) == (200, 7)


def test_an_input_that_is_a_constant_is_refused() -> None:
    x, c = leaf(2.0), tg.Tensor(3.0, name="c")
    with pytest.raises(GradientError, match=r"was not computed from the tensor 'c', one of the inputs given"):
        (x * c).backward(inputs=[c])
    assert x.grad is None


# ---- Python's questions ----


def test_numbers_of_a_tensor_with_one_entry() -> None:
    for x in (leaf(1.0), tg.Tensor(1.0), leaf(1.0) * 1):
        assert (float(x), int(x), bool(x), complex(x)) == (1.0, 1, True, 1 + 0j)
        assert type(float(x)) is float
        assert math.exp(x) == math.e
        assert math.isclose(x, 1)
    assert [10, 20][tg.Tensor(1)] == 20
    assert not tg.Tensor(0.0)


@pytest.mark.parametrize("ask", [float, int, math.exp, lambda t: range(t)])
def test_several_entries_are_no_number(ask: Any) -> None:
    with pytest.raises(TypeError, match="convert"):
        ask(leaf([1.0, 2.0]))


def test_several_entries_are_neither_true_nor_false() -> None:
    with pytest.raises(ValueError, match=r"ambiguous. Use a.any\(\) or a.all\(\)"):
        bool(leaf([1.0, 2.0]) > 1)
    assert (leaf([1.0, 2.0]) > 0).all()


def test_a_number_has_no_length_and_no_entries() -> None:
    for ask in (len, list, tuple):
        with pytest.raises(TypeError, match="unsized"):
            ask(leaf(1.0))


def test_entries_that_are_iterated_over_stay_in_the_graph() -> None:
    x = leaf([1.0, 2.0, 3.0])
    a, b, c = x
    (a * b + sum(x) * c).backward()
    assert x.grad.tolist() == [5, 4, 9]
    assert len(x) == 3
    assert 2.0 in x
    assert 4.0 not in x


def test_comparisons_are_constants_and_go_by_entry() -> None:
    x, y = leaf([1.0, 5.0]), leaf([2.0, 4.0])
    for found, expected in ((x < y, [True, False]), (x == y, [False, False]), (x >= 5, [False, True])):
        assert found.tolist() == expected
        assert not found.requires_grad
    assert len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"


def test_a_copy_is_a_leaf_of_its_own() -> None:
    x = leaf([1.0, 2.0], "x")
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    y.data[0] = 9
    y.grad.data[0] = 9
    assert (x.tolist(), x.grad.tolist(), y.name) == ([1, 2], [3, 3], "x")
    (x * 1 + y * 2).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([4, 4], [11, 5])
    with pytest.raises(GradientError, match=r"cannot be copied without its graph.*or \.detach"):
        copy.deepcopy(x * 2)


def test_assigning_to_entries() -> None:
    x = leaf([1.0, 2.0], "x")
    with pytest.raises(GradientError, match=r"would change the tensor .x. under its graph.*np\.where"):
        x[0] = 5.0
    constant = tg.Tensor([1.0, 2.0])
    constant[0] = 5.0
    assert constant.tolist() == [5, 2]
    with pytest.raises(UnsupportedError, match="would lose its gradient"):
        constant[1] = leaf(3.0)


def test_a_hook_may_return_a_plain_array_while_the_pass_is_recorded() -> None:
    x = tg.Tensor(2.0, requires_grad=True)
    y = x * x
    y.register_hook(lambda _: np.array(3.0))
    y.backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.item() == 12.0


def test_one_input_may_be_given_without_a_list() -> None:
    x, w = tg.Tensor(2.0, requires_grad=True), tg.Tensor(3.0, requires_grad=True)
    (x * w).backward(inputs=x)
    assert x.grad is not None
    assert x.grad.item() == 3.0
    assert w.grad is None
