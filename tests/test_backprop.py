"""The walk back: every edge once, nothing lost, shared or kept, and an error where it cannot be right."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.check.gradients import order
from tinygrad_sm.errors import GradientError, ShapeError, TinygradError


def leaf(data: Any, name: str | None = None, dtype: Any = None) -> tg.Tensor:
    return tg.Tensor(data, requires_grad=True, name=name, dtype=dtype)


def grads(loss: tg.Tensor, *leaves: tg.Tensor, **how: Any) -> list[Any]:
    loss.backward(**how)
    return [x.grad.numpy() for x in leaves]


@contextmanager
def refused(error: type[Exception], *words: str) -> Iterator[None]:
    """What is raised inside, and what it says, whatever the wording."""
    with pytest.raises(error) as raised:
        yield
    for word in words:
        assert word in str(raised.value)


@pytest.fixture
def no_gc() -> Iterator[None]:
    """Nothing is freed but by its last reference."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def broken() -> Iterator[Callable[..., Any]]:
    """The identity as an op whose rule does what a test wants."""
    before = tg.primitive.__globals__["PRIMITIVES"].copy(), tg.primitive.__globals__["FUNCTIONS"].copy()

    def make(rule: Callable[..., Any], name: str = "broken") -> Any:
        return tg.primitive(lambda x: x * 1, "x", lambda g, y, x: rule(g), name=name)

    yield make
    for table, kept in zip(("PRIMITIVES", "FUNCTIONS"), before, strict=True):
        tg.primitive.__globals__[table].clear()
        tg.primitive.__globals__[table].update(kept)


# ---- shapes of graphs ----


def test_a_diamond() -> None:
    x = leaf(3.0)
    a, b = x * 2, x * x
    (dx,) = grads(a * b, x)  # 2 x^3
    assert dx == 54


def test_diamonds_in_a_row_are_walked_once_each() -> None:
    """2^60 paths, 120 edges."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    assert grads(y, x) == [2.0**60]
    assert len(order(y)) == 60


def test_edges_that_skip_ahead_wait_for_the_others() -> None:
    x = leaf(0.5)
    a = x * x
    b = a * 3
    c = b * a
    d = c + a + x
    assert grads(d * b, x) == [pytest.approx(54 * 0.5**5 + 12 * 0.5**3 + 9 * 0.5**2)]  # 9x^6 + 3x^4 + 3x^3


def test_a_tensor_used_a_thousand_times() -> None:
    x = leaf([1.0, 2.0])
    total = x * 0.0
    for i in range(1000):
        total = total + x * float(i)
    assert grads(total.sum(), x)[0].tolist() == [499500, 499500]


def test_the_same_tensor_on_both_sides() -> None:
    x, m = leaf(3.0), leaf([[1.0, 2.0], [3.0, 4.0]])
    assert grads(x * x, x) == [6]
    x.zero_grad()
    assert grads(x - x, x) == [0]
    x.zero_grad()
    assert grads(x / x, x) == [0]
    ones, a = np.ones((2, 2)), m.numpy()
    np.testing.assert_array_equal(grads((m @ m).sum(), m)[0], ones @ a.T + a.T @ ones)


def test_order_puts_every_tensor_after_all_that_used_it() -> None:
    x, y = leaf(1.0), leaf(2.0)
    a = x * y
    b = np.exp(a)
    c = a + b
    loss = c * b + x
    found = order(loss)
    place = {id(t): i for i, t in enumerate(found)}
    assert len(found) == len(place) == 5
    for t in found:
        for _, source in t.node.edges:
            if source.node:
                assert place[id(t)] < place[id(source)]
    numbers = [t._number for t in found]
    assert all(one > two for one, two in pairwise(numbers))


def test_only_what_the_loss_was_computed_from_gets_a_gradient() -> None:
    x, y = leaf(1.0), leaf(2.0)
    unused = x * y
    (x * 3).backward()
    assert x.grad.item() == 3
    assert y.grad is None
    assert unused.grad is None


def test_no_rule_is_asked_for_an_input_that_needs_no_gradient(broken: Callable[..., Any]) -> None:
    asked = []
    counted = broken(lambda g: asked.append(1) or g)
    (counted(tg.Tensor(1.0)) * leaf(2.0)).backward()
    assert asked == []
    counted(leaf(1.0)).backward()
    assert asked == [1]


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_chain_of_a_million_ops(no_gc: None) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(10**6):
        y = y + 1.0
    y.backward()
    assert y.item() == 10**6 + 1
    assert x.grad.item() == 1
    first = weakref.ref(order(y)[-1])
    assert first() is not None
    del y
    assert first() is None


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_long_chain_with_its_own_graph() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (y * y).backward(create_graph=True)
    once, x.grad = x.grad, None
    once.backward()
    assert (once.item(), x.grad.item()) == (2, 2)


# ---- accumulation ----


def test_backward_twice_adds_up_and_starts_afresh_inside() -> None:
    x = leaf(3.0)
    y = x**3
    assert grads(y, x) == [27]
    assert grads(y, x) == [54]
    a = x * x
    x.zero_grad()
    assert grads(a * a, x) == [108]  # 4 x^3
    assert grads(a * a, x) == [216]


def test_gradients_of_two_losses_add_up() -> None:
    x = leaf([1.0, 2.0])
    (x * 2).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [4, 6])
    x.zero_grad()
    assert x.grad is None


def test_there_is_no_gradient_until_there_is_one() -> None:
    x = leaf(1.0)
    y = x * 2
    assert x.grad is None
    y.backward()
    assert y.grad is None  # only leaves keep theirs
    assert x.grad.item() == 2


def test_a_leaf_is_its_own_loss() -> None:
    x = leaf(5.0)
    assert grads(x, x) == [1]
    y = leaf([1.0, 2.0])
    assert grads(y, y, gradient=[3.0, 4.0])[0].tolist() == [3, 4]


def test_the_incoming_gradient() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    v = np.array([[1.0, 0.0], [0.5, -1.0]])
    for given in (v, v.tolist(), tg.Tensor(v), np.float32(v)):
        x.zero_grad()
        np.testing.assert_array_equal(grads(x * x, x, gradient=given)[0], 2 * x.data * v)
    assert leaf([[2.0]]).sum(axis=1).shape == (1,)
    one = leaf([[2.0]])
    assert grads(one * 3, one)[0].tolist() == [[3]]  # one entry is scalar enough


# ---- dtypes ----


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_the_dtype_is_kept(dtype: Any) -> None:
    x = leaf(np.array([[1.0, 2.0], [3.0, 4.0]], dtype))
    functions = [
        lambda x: x * 2.0, lambda x: 2 * x,
        lambda x: x + 1, lambda x: 1.0 - x, lambda x: x / 3, lambda x: 3 / x,
        lambda x: x**2, lambda x: x**0.5, lambda x: x * True, lambda x: -x, lambda x: abs(x), np.exp, np.log,
        np.tanh, tg.relu, tg.sigmoid, lambda x: np.maximum(x, 0), lambda x: np.where(x.data > 2, x, 0.0),
        lambda x: x.sum(axis=0), lambda x: x.mean(), lambda x: x.max(axis=1), lambda x: x @ x,
        lambda x: x.T, lambda x: x[0], lambda x: x[[0, 0, 1]], lambda x: np.concatenate([x, x]), tg.softmax,
        lambda x: tg.softmax_cross_entropy(x, [0, 1]),
        lambda x: tg.composed_softmax_cross_entropy(x, np.array([0, 1])),
    ]  # fmt: skip
    for f in functions:
        y = f(x)
        assert y.dtype == dtype
        for create_graph in (False, True):
            x.zero_grad()
            y.sum().backward(create_graph=create_graph)
            assert x.grad.dtype == dtype
            assert x.grad.shape == x.shape


def test_mixed_dtypes_promote_and_each_leaf_gets_its_own() -> None:
    a, b = leaf(np.float32([1, 2])), leaf(np.float64([3, 4]))
    y = a * b
    assert y.dtype == np.float64
    y.sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
    for other in (np.float64(2), np.array(2.0), np.array([1, 2]), tg.Tensor(2.0)):
        y = a * other
        assert y.dtype == np.float64
        a.zero_grad()
        y.sum().backward()
        assert a.grad.dtype == np.float32
    (a + np.float32(1)).sum().backward()
    a.astype(np.float64).sum().backward()
    assert a.grad.dtype == np.float32


def test_integers_are_promoted_where_they_require_grad_and_carry_none_elsewhere() -> None:
    x = leaf([1, 2, 3])
    assert x.dtype == np.float64
    assert grads((x * x).sum(), x)[0].tolist() == [2, 4, 6]
    for data in ([1, 2], [True, False]):
        y = tg.Tensor(data)
        assert not (y + y).requires_grad
        with pytest.raises(GradientError, match="does not require grad"):
            (y * 1).sum().backward()
    for result in (x > 1, x == x, np.isnan(x), np.argmax(x)):
        assert not result.requires_grad


# ---- memory ----


def graph_of(*tensors: tg.Tensor) -> list[weakref.ref[Any]]:
    return [weakref.ref(o) for t in tensors for o in (t, t.data)]


def test_a_dropped_loss_frees_its_graph_at_once(no_gc: None) -> None:
    x = leaf(np.ones((4, 3)))
    for backward in (lambda y: None, lambda y: y.backward(), lambda y: tuple(y.backward() for _ in range(2))):
        a = np.exp(x)
        b = a * a
        loss = tg.softmax_cross_entropy(b, [0, 1, 2, 0])
        seen = graph_of(a, b, loss)
        assert all(ref() is not None for ref in seen)
        backward(loss)
        del a, b
        assert all(ref() is not None for ref in seen)  # the loss holds its graph
        del loss
        assert not any(ref() for ref in seen)


@pytest.mark.parametrize(
    "call",
    [
        lambda y: np.moveaxis(y, 9, 0), lambda y: np.take(y, [0], axis=9), lambda y: np.median(y, axis=4),
        lambda y: y.reshape(7), lambda y: np.var(y, axis=7), lambda y: np.dot(y, np.ones(4)),
        lambda y: np.exp(y, where=True), lambda y: y @ np.ones(5), lambda y: tg.nll_loss(y, [0, 1, 9]),
    ],
)  # fmt: skip
def test_a_call_that_is_refused_keeps_nothing_alive(no_gc: None, call: Callable[[Any], Any]) -> None:
    y = np.exp(leaf(np.ones((3, 3))))
    seen = weakref.ref(y)
    with suppress(TinygradError):
        call(y)
        pytest.fail("it was not refused")
    del y
    assert seen() is None


def test_a_failed_backward_pass_leaves_nothing_behind_but_its_traceback(no_gc: None) -> None:
    x = leaf(1.0)
    a = x * 2
    y = a * a
    x.data = 3.0
    seen = graph_of(a, y)
    try:
        y.backward()
    except GradientError:
        pass
    else:
        pytest.fail("a changed leaf was not noticed")
    del a, y
    assert not any(ref() for ref in seen)


def test_the_graph_of_a_gradient_leads_back_to_its_leaf_until_zero_grad(no_gc: None) -> None:
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True)
    seen = graph_of(y, x.grad)
    del y
    x.zero_grad()
    assert not any(ref() for ref in seen)
    ref = weakref.ref(x)
    del x
    assert ref() is None


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, b, c: a + b, lambda a, b, c: a + b + a, lambda a, b, c: a - (-b),
        lambda a, b, c: a.reshape((2, 3)).reshape((3, 2)) + b,
        lambda a, b, c: a.T.T + b, lambda a, b, c: np.squeeze(np.expand_dims(a, 0), 0) + b,
        lambda a, b, c: np.concatenate([a, b])[:3] + np.concatenate([a, b])[3:],
        lambda a, b, c: np.stack([a, b])[0] + b, lambda a, b, c: np.broadcast_to(a, (3, 2)) + b,
        lambda a, b, c: a * c + b * c, lambda a, b, c: a.astype(np.float64) + b,
        lambda a, b, c: np.maximum(a, b), lambda a, b, c: a @ np.eye(2) + b,
    ],
)  # fmt: skip
def test_gradients_share_no_memory(f: Callable[..., tg.Tensor], create_graph: bool) -> None:
    a, b = leaf(np.arange(6.0).reshape(3, 2)), leaf(np.ones((3, 2)))
    c, g = np.full((3, 2), 2.0), np.full((3, 2), 0.5)
    f(a, b, c).backward(tg.Tensor(g) if create_graph else g, create_graph=create_graph)
    arrays = [a.grad.data, b.grad.data, a.data, b.data, c, g]
    for i in range(2):
        for j in range(i + 1, len(arrays)):
            assert not np.shares_memory(arrays[i], arrays[j]), (i, j)
        assert arrays[i].flags.writeable


def test_a_sum_gives_a_gradient_of_its_own() -> None:
    x = leaf(np.ones((2, 3)))
    for loss in (x.sum(), x.mean(), x.sum(axis=0).sum(), np.broadcast_to(x, (2, 2, 3)).sum()):
        x.zero_grad()
        loss.backward()
        assert x.grad.data.flags.writeable
        assert x.grad.data.strides == (24, 8)


# ---- what goes wrong ----


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_that_raises_leaves_every_gradient_as_it_was(
    error: type[BaseException], create_graph: bool, broken: Callable[..., Any]
) -> None:
    def fail(g: Any) -> Any:
        raise error

    x, y, z = leaf(1.0), leaf(2.0), leaf(3.0)
    (x * 5 + y).backward()
    before = x.grad, y.grad
    loss = z * broken(fail)(x * y) + z + y + x  # y, z and x have their share before the rule raises
    with pytest.raises(error):
        loss.backward(create_graph=create_graph)
    assert (x.grad, y.grad) == before
    assert (x.grad.item(), y.grad.item(), z.grad) == (5, 1, None)


def test_a_conversion_that_fails_at_the_end_leaves_every_gradient_as_it_was() -> None:
    x, y = leaf(1.0), leaf(2.0, dtype=np.float16)
    for loss in (x * 1e300 * y, y * (x * 1e300)):  # dL/dy is beyond float16
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            loss.backward()
        assert x.grad is None
        assert y.grad is None


def test_recording_is_as_before_after_an_error(broken: Callable[..., Any]) -> None:
    def fail(g: Any) -> Any:
        raise ValueError

    x = leaf(1.0)
    y = broken(fail)(x)
    with tg.no_grad():
        with pytest.raises(ValueError):
            y.backward(create_graph=True)
        assert not (x * 1).requires_grad
    assert (x * 1).requires_grad
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        1 / 0  # noqa: B018
    assert (x * 1).requires_grad


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("change", ["set", "note", "requires_grad"])
def test_a_leaf_that_changed_under_the_graph_is_noticed(change: str, create_graph: bool) -> None:
    w, x = leaf([1.0, 2.0], name="w"), leaf(3.0)
    loss = (np.exp(w) * x).sum()
    if change == "set":
        w.data = [5.0, 6.0]
    elif change == "note":
        w.data[...] = 7
        w._changed()
    else:
        w.requires_grad = False
        w.requires_grad = True
    with refused(GradientError, "'w'", "set or updated after exp read it", "compute the loss anew"):
        loss.backward(create_graph=create_graph)
    assert w.grad is None
    assert x.grad is None
    (np.exp(w) * x).sum().backward()  # anew
    assert w.grad is not None


def test_a_leaf_that_changed_before_it_was_read_is_fine() -> None:
    w = leaf(1.0)
    w.data = 2.0
    y = w * w
    assert grads(y, w) == [4]
    w.data = 3.0
    assert grads(w * w, w) == [10]


def test_a_leaf_that_changed_is_noticed_when_gradients_are_differentiated() -> None:
    w = leaf(2.0)
    (w**3).backward(create_graph=True)
    g = w.grad
    w.data = 5.0
    with pytest.raises(GradientError, match="set or updated"):
        g.backward()


def test_a_constant_that_changed_does_not_change_the_graph() -> None:
    for create_graph in (False, True):
        x, c = leaf(2.0), tg.Tensor(3.0)
        y = c * x
        c.data = 100.0
        try:
            y.backward(create_graph=create_graph)
        except GradientError:
            continue  # noticed, which is as good
        assert x.grad.item() == 3


def test_what_has_no_single_entry_needs_a_gradient() -> None:
    y = leaf([1.0, 2.0]) * 2
    with refused(GradientError, "backward", "multiply", "shape (2,)", ".sum()", "backward(gradient)"):
        y.backward()
    empty = leaf(np.zeros((0, 3))) * 2
    with refused(GradientError, "shape (0, 3)"):
        empty.backward()


@pytest.mark.parametrize("gradient", [1.0, np.ones(3), np.ones((2, 1)), np.ones((1, 2)), []])
def test_a_gradient_of_another_shape_is_refused(gradient: Any) -> None:
    x = leaf([1.0, 2.0])
    y = x * 2
    with refused(ShapeError, "backward", "multiply", "gradient", "(2,)", str(np.shape(gradient))):
        y.backward(gradient)
    assert x.grad is None


@pytest.mark.parametrize("gradient", [1j, "a", {}, [[1], [2, 3]]])
def test_a_gradient_that_is_no_number_is_refused(gradient: Any) -> None:
    x = leaf(1.0)
    with pytest.raises(TinygradError):
        (x * 2).backward(gradient)
    assert x.grad is None


def test_what_was_not_recorded_says_so() -> None:
    x = leaf(1.0)
    with tg.no_grad():
        y = x * 2
    for t in (tg.Tensor(1.0), x.detach() * 2, y, (x > 0) * 1.0):
        with refused(GradientError, "does not require grad", "no_grad", "requires_grad=True"):
            t.backward()
    assert x.grad is None


def test_a_rule_that_gives_the_wrong_shape_is_named(broken: Callable[..., Any]) -> None:
    x = leaf(np.ones((2, 3)))
    with refused(GradientError, "rule of narrow", "(2, 2)", "(2, 3)"):
        broken(lambda g: g[:, :2], "narrow")(x).sum().backward()
    with refused(GradientError, "rule of flat", "()", "(2, 3)"):
        broken(lambda g: g.sum(), "flat")(x).sum().backward()
    for nothing in (None, 2.0, "a"):
        with refused(GradientError, "rule of nothing"):
            broken(lambda g, nothing=nothing: nothing, "nothing")(x).sum().backward()
    assert x.grad is None


# ---- broadcasting ----


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ((), (3,)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3), (2, 3)), ((2, 1), (1, 3)), ((1,), (2, 2)),
        ((1, 1), (4, 3, 2)), ((3, 1), (4, 3, 2)), ((), ()), ((1,), ()), ((0,), (1,)), ((2, 0), (1, 1)),
        ((3, 1), (0,)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("create_graph", [False, True])
def test_broadcasting_is_undone(one: tuple[int, ...], two: tuple[int, ...], create_graph: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = leaf(rng.normal(size=one)), leaf(rng.normal(size=two))
    y = a * b
    g = rng.normal(size=y.shape)
    y.backward(tg.Tensor(g) if create_graph else g, create_graph=create_graph)
    for x, other in ((a, b), (b, a)):
        product = g * other.data
        full = np.broadcast_to(np.zeros(x.shape), y.shape)
        expected = np.zeros(x.shape)
        for i in np.ndindex(full.shape):  # each entry of y belongs to one entry of x
            at = tuple(j if n > 1 else 0 for j, n in zip(i[len(i) - x.ndim :], x.shape, strict=True))
            expected[at] += product[i]
        assert x.grad.shape == x.shape
        np.testing.assert_allclose(x.grad.data, expected, rtol=1e-13, atol=1e-15)


# ---- derivatives of derivatives ----


def test_tanh_to_the_fourth_derivative() -> None:
    x = leaf(0.3)
    t = np.tanh(0.3)
    y = np.tanh(x)
    for expected in (
        1 - t**2,
        -2 * t * (1 - t**2),
        (1 - t**2) * (6 * t**2 - 2),
        8 * t * (1 - t**2) * (2 - 3 * t**2),
    ):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (lambda x: x**3, [12.0, 12.0, 6.0, 0.0]),
        (np.exp, [np.exp(2)] * 4),
        (np.log, [0.5, -0.25, 0.25, -0.375]),
        (lambda x: 1 / x, [-0.25, 0.25, -0.375, 0.75]),
        (lambda x: x * np.exp(x), [(2 + n) * np.exp(2) for n in (1, 2, 3, 4)]),
        (np.sqrt, [2**-0.5 / 2, -(2**-1.5) / 4, 3 * 2**-2.5 / 8, -15 * 2**-3.5 / 16]),
    ],
)
def test_higher_derivatives(f: Callable[[Any], Any], derivatives: list[float]) -> None:
    x = leaf(2.0)
    y = f(x)
    for expected in derivatives:
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == pytest.approx(expected, rel=1e-12)


def test_a_gradient_can_be_part_of_a_loss() -> None:
    """A gradient penalty: d/dw of (d/dx w x^2)^2 = (2 w x)^2 is 8 w x^2."""
    w, x = leaf(3.0), leaf(5.0)
    (w * x * x).backward(create_graph=True)
    penalty = x.grad**2
    w.zero_grad()
    x.zero_grad()
    penalty.backward()
    assert w.grad.item() == 8 * 3 * 25
    assert x.grad.item() == 8 * 9 * 5


def test_hessians_of_many_variables_are_symmetric() -> None:
    x = leaf([0.5, -1.0, 2.0])
    y = np.exp(x[0] * x[1]) * x[2] + (x * x).sum() ** 2
    y.backward(create_graph=True)
    g, rows = x.grad, []
    for i in range(3):
        x.zero_grad()
        g[i].backward()
        rows.append(x.grad.numpy())
    a, b, c = x.numpy()
    e, s = np.exp(a * b), (x.data**2).sum()
    expected = np.array([[b * b * e * c, (1 + a * b) * e * c, b * e], [0, a * a * e * c, a * e], [0, 0, 0]])
    expected = expected + np.triu(expected, 1).T + 4 * s * np.eye(3) + 8 * np.outer(x.data, x.data)
    np.testing.assert_allclose(rows, expected, rtol=1e-12)


def test_create_graph_records_under_no_grad_too() -> None:
    x = leaf(2.0)
    y = x**3
    with tg.no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad
    g = x.grad
    x.zero_grad()
    g.backward()
    assert x.grad.item() == 12


def test_without_create_graph_gradients_are_constants() -> None:
    x = leaf(2.0)
    (x**3).backward()
    assert not x.grad.requires_grad
    assert x.grad.node is None


def test_the_incoming_gradient_can_be_differentiated() -> None:
    """The Jacobian times v, as the derivative of v^T J by v."""
    x, v = leaf([1.0, 2.0]), leaf([1.0, 1.0])
    (x * x * x[0]).backward(v, create_graph=True)
    g, u = x.grad, np.array([0.5, -1.0])
    x.zero_grad()
    (g * u).sum().backward()
    jacobian = np.array([[3.0, 0.0], [4.0, 4.0]])  # of (x0^3, x1^2 x0)
    np.testing.assert_allclose(v.grad.data, jacobian @ u)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x ** [2.0, 3.0], lambda x: x @ [[2.0], [3.0]], lambda x: [1.0, 2.0] / x,
        lambda x: np.maximum([1.5, 1.5], x), lambda x: np.where([True, False], x, [1.0, 2.0]),
    ],
)  # fmt: skip
def test_lists_are_arrays_in_every_derivative(f: Callable[[Any], Any]) -> None:
    one, two = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    f(one).sum().backward()
    f(two).sum().backward(create_graph=True)
    np.testing.assert_array_equal(one.grad.data, two.grad.data)


# ---- watching and changing gradients ----


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_see_the_whole_gradient_and_may_replace_it(create_graph: bool) -> None:
    x = leaf([1.0, 2.0])
    y = x * 3
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (y * y + y).sum().backward(create_graph=create_graph)  # dL/dy = 2y + 1
    assert seen == [[7, 13]]  # once, after both edges
    assert x.grad.tolist() == [7 * 30 + 1, 13 * 30 + 1]


def test_a_hook_can_be_removed() -> None:
    x = leaf(2.0)
    handle = x.register_hook(lambda g: g * 100)
    other = x.register_hook(lambda g: -g)
    assert grads(x * 3, x) == [-300]
    handle.remove()
    handle.remove()
    x.zero_grad()
    assert grads(x * 3, x) == [-3]
    other.remove()
    x.zero_grad()
    assert grads(x * 3, x) == [3]
    x.zero_grad()
    x.register_hook(lambda g: g * 5)
    assert grads(x, x) == [5]  # a leaf that is its own loss


@pytest.mark.parametrize("answer", [np.ones(3), 1.0, "a"])
def test_a_hook_that_returns_no_gradient_of_that_shape_is_refused(answer: Any) -> None:
    x = leaf([1.0, 2.0], name="x")
    x.register_hook(lambda g: answer)
    with refused(GradientError, "hook", "'x'", "(2,)"):
        (x * 2).sum().backward()
    assert x.grad is None


def test_computed_tensors_keep_their_gradient_where_it_is_asked_for() -> None:
    x = leaf([1.0, 2.0])
    y = x * 3
    z = y.reshape((2, 1))
    loss = (z * z).sum()
    for t in (y, z, loss):
        t.retain_grad()
    loss.backward()
    assert (y.grad.tolist(), z.grad.tolist(), loss.grad.tolist()) == ([6, 12], [[6], [12]], 1)
    loss.backward()
    assert (x.grad.tolist(), y.grad.tolist(), loss.grad.tolist()) == ([36, 72], [12, 24], 2)
    tensors = [x, y, z, loss]
    for i, one in enumerate(tensors):
        assert one.grad.data.flags.writeable
        for other in tensors[:i]:
            assert not np.shares_memory(one.grad.data, other.grad.data)


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_of_chosen_inputs(create_graph: bool) -> None:
    x, w = leaf(2.0), leaf(5.0)
    y = x * w
    loss = y * y + x
    loss.backward(inputs=[y, x], create_graph=create_graph)
    assert (y.grad.item(), x.grad.item(), w.grad) == (20, 101, None)
    other = leaf(1.0, name="other")
    before = x.grad
    with refused(GradientError, "'other'", "not computed from"):
        loss.backward(inputs=[x, other])
    assert x.grad is before


def test_watching_needs_a_gradient_to_watch() -> None:
    for t in (tg.Tensor(1.0), leaf(1.0).detach() * 2):
        with refused(GradientError, "does not require grad"):
            t.retain_grad()
        with refused(GradientError, "does not require grad"):
            t.register_hook(lambda g: g)


def test_a_gradient_that_was_read_stays_what_it_was() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    first = x.grad
    assert first is x.grad
    (x * x).sum().backward()
    assert first is not None
    assert first.data.tolist() == [2, 4]
    assert x.grad is not None
    assert x.grad.data.tolist() == [4, 8]


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_may_return_lists_and_numbers(broken: Callable[..., Any], create_graph: bool) -> None:
    x, s = leaf([1.0, 1.0]), leaf(1.0)
    broken(lambda g: [[1.0, 2.0], [3.0, 4.0]])(x).sum().backward(create_graph=create_graph)
    broken(lambda g: 3)(s).backward(create_graph=create_graph)
    assert x.grad.data.tolist() == [4, 6]
    assert s.grad.item() == 3


@pytest.mark.parametrize(("shape", "total"), [((2,), 8), ((3, 2), 24)])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_may_return_an_array_that_is_no_tensor(
    broken: Callable[..., Any], create_graph: bool, shape: tuple[int, ...], total: float
) -> None:
    x = leaf([1.0, 1.0])
    twos = broken(lambda g: np.full(shape, 2.0))
    twos(x).sum().backward(create_graph=create_graph)
    twos(x * 3).sum().backward(create_graph=create_graph)
    assert x.grad.data.tolist() == [total, total]


@pytest.mark.parametrize("wrong", ["text", None, [1.0, 2.0, 3.0]])
def test_a_rule_that_returns_no_gradient_is_named(broken: Callable[..., Any], wrong: Any) -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(GradientError, match="a rule of broken gave shape"):
        broken(lambda g: wrong)(x).sum().backward()
    assert x.grad is None


def test_what_a_hook_returned_for_two_leaves_is_copied() -> None:
    x, y, shared = leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.array([1.0, 1.0])
    for t in x, y:
        t.register_hook(lambda g: shared)
    (x * y).sum().backward()
    shared += 1
    assert x.grad.data.tolist() == y.grad.data.tolist() == [1, 1]
    assert not np.shares_memory(x.grad.data, y.grad.data)


@pytest.mark.parametrize("seed", range(10))
def test_many_tensors_that_wait(seed: int) -> None:
    """Graphs in which several tensors wait at once, against a step in the complex plane, which is exact."""
    rng = np.random.default_rng(seed)
    steps = [(rng.integers(3), *rng.integers(max(0, n - 40), n, 2)) for n in range(6, 200)]

    def f(x: Any, look: Any = lambda found: None) -> Any:
        found = [x[i] for i in range(6)]
        for kind, i, j in steps:
            a, b = found[i], found[j]
            found.append((a + 0.5 * b, a * b / 2, np.sin(a) + b / 3)[kind])
            look(found[-1])
        return sum(found[-20:])

    def reached(t: Any) -> set[Any]:
        """What t was computed from, of that which was looked at."""
        seen, waiting = set(), [t]
        while waiting:
            if (x := waiting.pop()) not in seen:
                seen.add(x)
                waiting += [y for y in x.node.inputs if isinstance(y, tg.Tensor) and y.node]
        return {x for x in seen if x._hooks}

    x = rng.normal(size=6)
    exact = [f(x + 1e-30j * np.eye(6)[i]).imag / 1e-30 for i in range(6)]
    t = leaf(x)
    f(t).backward()
    np.testing.assert_allclose(t.grad.data, exact, rtol=1e-12, atol=1e-12)
    for create_graph in (False, True):
        calls: list[int] = []
        hooked = f(leaf(x), lambda found, calls=calls: found.register_hook(lambda _: calls.append(1)))
        hooked.backward(create_graph=create_graph)
        assert len(calls) == len(reached(hooked))  # each once, when all that used it had gone before


@pytest.mark.usefixtures("broken")  # which puts the tables back
@pytest.mark.parametrize("second", [None, "text", [1.0, 2.0]], ids=str)
def test_a_fused_op_takes_what_its_kernel_takes(second: Any) -> None:
    """Also what is no number, on arrays as on tensors; a kernel gives a pair."""

    def rule(g: Any, y: Any, saved: Any, x: Any, how: Any) -> Any:
        return g * saved

    about: dict[str, Any] = {"definition": lambda x, how: x * 2, "rules": (rule, None)}
    double = tg.fused("double", "2x", kernel=lambda x, how: [x * 2, 2.0], **about)
    x = leaf([1.0, 2.0])
    double(x, second).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert double(np.array([1.0, 2.0]), second).tolist() == [2.0, 4.0]
    triple = tg.fused("triple", "3x", kernel=lambda x, how: (x * 3, 3.0, how), **about)
    with pytest.raises(ValueError, match="unpack"):
        triple(x, second)
