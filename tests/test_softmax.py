"""Softmax and cross-entropy: both routes agree, with each other and with what neither of them is computed by.

What they are held against: central differences, SciPy, a loop written from the definition, mpmath with 50
digits, and the closed forms a - y and diag(a) - a a^T. PyTorch's word is in peers/test_softmax_torch.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import tinygrad_sm as tg
from tinygrad_sm.errors import DataError, DtypeError, ShapeError, TinygradError

FLOATS = [np.float32, np.float64]
SHAPES = [(2,), (3,), (11,), (1, 3), (4, 2), (32, 11), (7, 50)]
KINDS = ["indices", "one-hot", "soft"]
INF = np.inf


def logits(shape: tuple[int, ...], dtype: Any = np.float64, scale: float = 2.0, seed: int = 0) -> Any:
    return np.random.default_rng((seed, *shape)).normal(0, scale, shape).astype(dtype)


def targets(kind: str, shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 1) -> Any:
    """Targets for logits of a shape whose last axis is that of the classes."""
    rng = np.random.default_rng((seed, *shape))
    if kind == "soft":
        y = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)
        return y / y.sum(-1, keepdims=True)
    t = rng.integers(shape[-1], size=shape[:-1])
    return t if kind == "indices" else np.eye(shape[-1], dtype=dtype)[t]


def distribution(t: Any, shape: tuple[int, ...]) -> Any:
    """Targets of any kind as rows of probabilities in float64."""
    return np.eye(shape[-1])[t] if np.ndim(t) < len(shape) else np.asarray(t, np.float64)


def leaf(array: Any) -> tg.Tensor:
    return tg.Tensor(array, requires_grad=True)


@contextmanager
def refused(error: type[Exception], *words: str) -> Iterator[None]:
    """What is raised inside, and what it says, whatever the wording."""
    with pytest.raises(error) as raised:
        yield
    for word in words:
        assert word in str(raised.value)


def gradient(f: Callable[[tg.Tensor], tg.Tensor], z: Any, create_graph: bool = False) -> Any:
    z = leaf(z)
    f(z).backward(create_graph=create_graph)
    return z.grad.numpy()


def second(f: Callable[[tg.Tensor], tg.Tensor], z: Any) -> Any:
    """All second derivatives, of shape z.shape + z.shape, by differentiating each entry of the gradient."""
    rows = []
    for i in np.ndindex(z.shape):
        x = leaf(z)
        f(x).backward(create_graph=True)
        entry = x.grad[i]
        x.zero_grad()
        entry.backward()
        rows.append(np.zeros(z.shape) if x.grad is None else x.grad.numpy())
    return np.reshape(rows, z.shape + z.shape)


def central(f: Callable[[Any], Any], x: Any, h: float = 1e-5) -> Any:
    """Central differences of f, of the shape f(x).shape + x.shape."""
    columns = []
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        columns.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * h))
    return np.reshape(np.stack(columns, -1), np.shape(columns[0]) + x.shape)


def assert_rounding(got: Any, expected: Any, dtype: Any, times: float = 8) -> None:
    """Equal up to `times` eps of the dtype, relative to max(1, |value|)."""
    bound = times * np.finfo(dtype).eps * np.maximum(1, np.abs(expected))
    worst = np.max(np.abs(np.asarray(got, np.float64) - np.asarray(expected, np.float64)) / bound, initial=0)
    assert worst <= 1, f"{worst * times:.1f} eps apart"


# ---- the two routes ----


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("shift", [False, True], ids=["plain", "shifted"])
def test_the_two_routes_agree(shape: tuple[int, ...], kind: str, dtype: Any, shift: bool) -> None:
    t = targets(kind, shape, dtype)
    fused, composed = leaf(logits(shape, dtype)), leaf(logits(shape, dtype))
    one, two = tg.softmax_cross_entropy(fused, t), tg.composed_softmax_cross_entropy(composed, t, shift=shift)
    one.backward()
    two.backward()
    assert one.dtype == two.dtype == fused.grad.dtype == composed.grad.dtype == dtype
    assert_rounding(one.data, two.data, dtype)
    assert_rounding(fused.grad.data, composed.grad.data, dtype)
    a = special.softmax(logits(shape, dtype).astype(np.float64), axis=-1)
    rows = a.size // shape[-1]
    assert_rounding(fused.grad.data, (a - distribution(t, shape)) / rows, dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3,), (4, 3)], ids=str)
def test_both_agree_with_central_differences(shape: tuple[int, ...], kind: str) -> None:
    z, t = logits(shape), targets(kind, shape)

    def loss(z: Any) -> Any:
        log_a = special.log_softmax(z, axis=-1)
        return -(distribution(t, shape) * log_a).sum() / (z.size // shape[-1])

    expected = central(loss, z)
    for f in (tg.softmax_cross_entropy, tg.composed_softmax_cross_entropy):
        np.testing.assert_allclose(f(z, t), loss(z), rtol=1e-14)
        np.testing.assert_allclose(gradient(lambda z, f=f: f(z, t), z), expected, rtol=1e-6, atol=1e-9)


ROUTES = {
    "fused": tg.softmax_cross_entropy,
    "composed": tg.composed_softmax_cross_entropy,
    "shifted": lambda z, t: tg.composed_softmax_cross_entropy(z, t, shift=True),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_of_one_sample(route: str, kind: str) -> None:
    z, t = logits((4,)), targets(kind, (4,))
    a = special.softmax(z)
    hessian = second(lambda z: ROUTES[route](z, t), z)
    np.testing.assert_allclose(hessian, np.diag(a) - np.outer(a, a), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(hessian.sum(0), 0, atol=1e-14)


@pytest.mark.parametrize("route", ROUTES)
def test_second_derivatives_of_a_batch_lie_in_blocks(route: str) -> None:
    z, t = logits((2, 3)), targets("indices", (2, 3))
    expected = np.zeros((2, 3, 2, 3))
    for n, a in enumerate(special.softmax(z, axis=1)):
        expected[n, :, n] = (np.diag(a) - np.outer(a, a)) / 2
    np.testing.assert_allclose(second(lambda z: ROUTES[route](z, t), z), expected, rtol=1e-12, atol=1e-14)


def test_third_derivatives_agree() -> None:
    z, v = logits((3,)), np.array([0.3, -1.0, 0.5])

    def curvature(f: Any) -> Any:
        """The gradient of v^T H v, by three passes."""
        x = leaf(z)
        f(x).backward(create_graph=True)
        for _ in range(2):
            along = (x.grad * v).sum()
            x.zero_grad()
            along.backward(create_graph=True)
        return x.grad.numpy()

    def expected(z: Any) -> Any:
        a = special.softmax(z)
        return v @ (np.diag(a) - np.outer(a, a)) @ v

    for f in (tg.softmax_cross_entropy, tg.composed_softmax_cross_entropy):
        np.testing.assert_allclose(curvature(lambda z, f=f: f(z, 1)), central(expected, z), rtol=1e-7)


def test_the_fused_op_is_one_node_and_the_composed_route_the_ops_that_are_taught() -> None:
    z = leaf(logits((2, 3)))
    node = tg.softmax_cross_entropy(z, [0, 1]).node
    assert node.primitive.name == "SoftmaxCrossEntropy"
    assert [x for _, x in node.edges] == [z]
    seen, stack = set(), [tg.composed_softmax_cross_entropy(z, np.array([0, 1]))]
    while stack:
        node = stack.pop().node
        seen.add(node.primitive.name)
        stack += [x for _, x in node.edges if x.node]
    assert seen == {"exp", "sum", "divide", "log", "multiply", "negative"}


@pytest.mark.parametrize("dtype", FLOATS)
def test_where_the_composed_form_overflows_the_fused_one_is_right(dtype: Any) -> None:
    z, t = np.array([[1000.0, 0.0, -1000.0], [0.0, 1000.0, 1.0]], dtype), np.array([1, 1])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        x = leaf(z)
        loss = tg.composed_softmax_cross_entropy(x, t)
        loss.backward()
    assert np.isnan(loss.item())
    assert np.isnan(x.grad.data).any()
    x = leaf(z)
    loss = tg.softmax_cross_entropy(x, t)
    loss.backward()
    assert loss.item() == 500
    np.testing.assert_array_equal(x.grad.data, np.array([[1, -1, 0], [0, 0, 0]], dtype) / 2)


@pytest.mark.parametrize("dtype", FLOATS)
def test_shifting_is_not_enough_for_the_composed_form(dtype: Any) -> None:
    """One-hot times log(0) is NaN, although exp does not overflow."""
    z, t = np.array([[1000.0, 0.0]], dtype), np.array([[1.0, 0.0]], dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan(tg.composed_softmax_cross_entropy(z, t, shift=True))
    assert tg.softmax_cross_entropy(z, t) == 0


def test_where_the_targets_do_not_sum_to_1_the_composed_form_has_the_long_gradient() -> None:
    z, y = logits((5, 3)), np.abs(logits((5, 3), seed=2))
    a = special.softmax(z, axis=1)
    expected = (a * y.sum(1, keepdims=True) - y) / 5
    got = gradient(lambda z: tg.composed_softmax_cross_entropy(z, y), z)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert np.abs(expected - (a - y) / 5).max() > 0.1


def test_the_composed_form_checks_class_indices_too() -> None:
    for f in (tg.composed_softmax_cross_entropy, tg.softmax_cross_entropy):
        with pytest.raises(DataError, match="row 1 is 2"):
            f(np.zeros((2, 2)), np.array([0, 2]))


# ---- every option ----


def by_hand(
    z: Any, t: Any, reduction: str = "mean", label_smoothing: float = 0.0, weight: Any = None,
    ignore_index: int | None = None, axis: int = -1,
) -> Any:  # fmt: skip
    """The loss as the specification tells it, in a loop over the rows, in float64."""
    k = z.shape[axis]
    weight = np.ones(k) if weight is None else np.asarray(weight)
    by_class = np.ndim(t) < z.ndim
    rows = np.moveaxis(np.asarray(z, np.float64), axis, -1)
    losses, shares = np.zeros(rows.shape[:-1]), np.zeros(rows.shape[:-1])
    for i in np.ndindex(rows.shape[:-1]):
        if by_class:
            if ignore_index is not None and t[i] == ignore_index:
                continue
            y, shares[i] = np.eye(k)[t[i]], weight[t[i]]
        else:
            y, shares[i] = np.moveaxis(t, axis, -1)[i], 1
        y = (1 - label_smoothing) * y + label_smoothing / k
        log_a = special.log_softmax(rows[i])
        losses[i] = -sum(weight[j] * y[j] * log_a[j] for j in range(k) if y[j] * weight[j])
    return {"mean": losses.sum() / shares.sum(), "sum": losses.sum(), "none": losses}[reduction]


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "smoothed": {"label_smoothing": 0.1},
    "smoothed wholly": {"label_smoothing": 1.0},
    "weighted": {"weight": np.array([0.5, 2.0, 0.0, 1.0])},
    "weighted list": {"weight": [0.5, 2.0, 0.25, 1.0], "reduction": "sum"},
    "weighted and smoothed": {"weight": np.array([0.5, 2.0, 0.25, 1.0]), "label_smoothing": 0.2},
    "ignoring": {"ignore_index": 2},
    "ignoring what is no class": {"ignore_index": -100},
    "all at once": {"ignore_index": 2, "weight": np.array([0.5, 2.0, 0.25, 1.0]), "label_smoothing": 0.3},
    "all, summed": {"ignore_index": 1, "weight": np.array([0.5, 2.0, 0.25, 1.0]), "reduction": "sum"},
    "all, none": {"ignore_index": 1, "weight": np.array([0.5, 2.0, 0.25, 1.0]), "reduction": "none",
                  "label_smoothing": 0.3},
}  # fmt: skip
CALLS = [
    pytest.param(kind, axis, options, id=f"{kind}, axis {axis}, {name}")
    for kind in ("indices", "soft")
    for axis, names in ((-1, OPTIONS), (0, ("plain", "weighted and smoothed")), (1, ("none", "all at once")))
    for name in names
    for options in [OPTIONS[name]]
    if kind == "indices" or "ignore_index" not in options
]


def example(kind: str, axis: int) -> tuple[Any, Any]:
    """Logits with four classes on an axis, of three axes unless it is the last, and targets."""
    shape = (6, 4) if axis == -1 else (3, 2, 4)
    z, t = logits(shape), targets(kind, shape)
    if kind == "indices":
        t.flat[:4] = range(4)
        return np.moveaxis(z, -1, axis), t
    return np.moveaxis(z, -1, axis), np.moveaxis(t, -1, axis)


@pytest.fixture
def specified(kind: str, axis: int, options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The losses by hand, what comes in, and the gradient by differences, once for all threads."""
    z, t = example(kind, axis)
    expected = by_hand(z, t, axis=axis, **options)
    incoming = np.random.default_rng(3).normal(size=np.shape(expected))
    numeric = central(lambda z: np.sum(incoming * by_hand(z, t, axis=axis, **options)), z)
    return expected, incoming, numeric


@pytest.mark.parametrize(("kind", "axis", "options"), CALLS)
def test_every_option_is_as_specified(
    kind: str, axis: int, options: dict[str, Any], specified: tuple[Any, Any, Any]
) -> None:
    z, t = example(kind, axis)
    expected, incoming, numeric = specified
    np.testing.assert_allclose(tg.softmax_cross_entropy(z, t, axis=axis, **options), expected, rtol=1e-13)
    x = leaf(z)
    loss = tg.softmax_cross_entropy(x, t, axis=axis, **options)
    assert loss.shape == np.shape(expected)
    loss.backward(incoming)
    np.testing.assert_allclose(x.grad.data, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize(("kind", "axis", "options"), CALLS)
def test_the_fused_op_is_its_definition(kind: str, axis: int, options: dict[str, Any]) -> None:
    """Value; gradient, by the kernel's rule and the definition's; Hessian, by differences."""
    z, t = example(kind, axis)
    op = tg.softmax_cross_entropy
    value = op.definition(z, t, axis=axis, **options)
    np.testing.assert_allclose(op.kernel(z, t, axis=axis, **options)[0], value, rtol=1e-13)
    incoming = np.random.default_rng(3).normal(size=np.shape(value))

    def loss(z: Any) -> Any:
        return (op(z, t, axis=axis, **options) * incoming).sum()

    defined = gradient(loss, z, create_graph=True)
    np.testing.assert_allclose(gradient(loss, z), defined, rtol=1e-11, atol=1e-15)
    if z.size <= 12 or options in ({}, OPTIONS["all at once"]):
        numeric = central(lambda z: gradient(loss, z), z)
        np.testing.assert_allclose(second(loss, z), numeric, rtol=1e-6, atol=1e-9)


def test_the_gradient_of_the_targets_is_minus_log_a() -> None:
    z, y, w = logits((4, 3)), targets("soft", (4, 3)), np.array([1.0, 0.5, 2.0])
    for smoothing in (0, 0.25):
        t = leaf(y)
        tg.softmax_cross_entropy(z, t, weight=w, label_smoothing=smoothing).backward()
        expected = -w * special.log_softmax(z, axis=1) * (1 - smoothing) / 4
        np.testing.assert_allclose(t.grad.data, expected, rtol=1e-13)
        again = leaf(y)
        tg.softmax_cross_entropy(z, again, weight=w, label_smoothing=smoothing).backward(create_graph=True)
        np.testing.assert_allclose(again.grad.data, expected, rtol=1e-13)


def test_mixed_second_derivatives_of_logits_and_targets() -> None:
    """d/dz_i of dC/dt_j = -ln a_j is a_i - [i = j], and so is d/dt_j of dC/dz_i up to the sum over t."""
    z, t, v = leaf(logits((3,))), leaf(targets("soft", (3,))), np.array([0.3, -1.0, 0.5])
    a = special.softmax(z.numpy())
    tg.softmax_cross_entropy(z, t).backward(create_graph=True)
    along = (t.grad * v).sum()
    z.zero_grad()
    along.backward()
    np.testing.assert_allclose(z.grad.data, a * v.sum() - v, rtol=1e-13)


# ---- masks, infinities, hard cases ----


def exact(z: Any, t: Any) -> tuple[list[Any], list[list[Any]]]:
    """Loss and gradient of each row with 50 digits, nothing subtracted that is nearly equal."""
    with mpmath.workdps(50):
        losses, gradients = [], []
        for row, target in zip(z, t, strict=True):
            row = [mpmath.mpf(float(x)) for x in row]
            e = [mpmath.exp(x - max(row)) for x in row]
            total = mpmath.fsum(e)
            others = mpmath.fsum(e[:target] + e[target + 1 :])
            losses.append(mpmath.log1p(others / e[target]))
            gradients.append([-others / total if j == target else x / total for j, x in enumerate(e)])
    return losses, gradients


def worst_relative_error(got: Any, expected: Any, dtype: Any) -> float:
    """Over the entries above the subnormal range."""
    tiny, worst = np.finfo(dtype).tiny, 0.0
    for x, y in zip(np.ravel(got), np.ravel(np.array(expected, object)), strict=True):
        if abs(y) > tiny:
            worst = max(worst, float(abs(mpmath.mpf(float(x)) - y) / abs(y)))
    return worst


HARD: dict[str, Any] = {
    "sure and right": ([[20, 0, 0], [40, 1, 0], [85, 0, 0], [5, 4, -90]], [0, 0, 0, 0]),
    "sure and wrong": ([[20, 0, 0], [1e4, -1e4, 0], [-1e4, 1e4, 1e4], [700, -700, 0]], [1, 1, 0, 1]),
    "right, far from 0": ([[1e4, 9990, 0], [-1e4, -9990, -9980], [1e6, 1e6 - 16, 0]], [0, 2, 0]),
    "ties": ([[0, 0, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4 - 10], [7, 7, -60]], [0, 1, 2, 1]),
    "a runner-up": ([[10, 10 - 2**-10, -50], [1, 0.5, -30], [30, 29, 28]], [1, 2, 0]),
}


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("one_hot", [False, True], ids=["indices", "one-hot"])
def test_against_50_digits(name: str, dtype: Any, one_hot: bool) -> None:
    z, t = np.array(HARD[name][0], dtype), np.array(HARD[name][1])
    losses, gradients = exact(z, t)
    x = leaf(z)
    loss = tg.softmax_cross_entropy(x, np.eye(z.shape[1], dtype=dtype)[t] if one_hot else t, reduction="none")
    loss.sum().backward()
    assert worst_relative_error(loss.data, losses, dtype) < (5e-6 if dtype == np.float32 else 2e-13)
    assert worst_relative_error(x.grad.data, gradients, dtype) < (1e-5 if dtype == np.float32 else 2e-13)


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scale", [0.1, 1, 10, 100, 1e4])
def test_random_logits_against_50_digits(scale: float, dtype: Any) -> None:
    z = logits((6, 40), dtype, scale)
    t = np.concatenate([z.argmax(1)[:2], z.argmin(1)[2:4], [0, 39]])
    losses, gradients = exact(z, t)
    x = leaf(z)
    loss = tg.softmax_cross_entropy(x, t, reduction="none")
    loss.sum().backward()
    assert worst_relative_error(loss.data, losses, dtype) < (5e-6 if dtype == np.float32 else 2e-13)
    assert worst_relative_error(x.grad.data, gradients, dtype) < (1e-5 if dtype == np.float32 else 2e-13)


def test_a_sure_sample_keeps_its_loss_and_gradient() -> None:
    """ln(1 + 2 e^-20) = 4.1223e-9, where 1 - a_0 rounds to 0 in float32."""
    z = leaf(np.array([[20.0, 0.0, 0.0]], np.float32))
    loss = tg.softmax_cross_entropy(z, [0])
    loss.backward()
    assert f"{loss.item():.4e}" == "4.1223e-09"
    assert f"{z.grad.data[0, 0]:.4e}" == "-4.1223e-09"
    assert np.exp(np.float32(20)) / (np.exp(np.float32(20)) + np.float32(2)) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_logits_of_ten_thousand(kind: str, dtype: Any) -> None:
    z = np.array([[1e4, -1e4, 0], [-1e4, -1e4, 1e4], [1e4, 1e4, 1e4]], dtype)
    x = leaf(z)
    t = targets(kind, (3, 3), dtype)
    loss = tg.softmax_cross_entropy(x, t)
    loss.backward()
    y = distribution(t, (3, 3))
    assert_rounding(loss.data, -(y * special.log_softmax(z.astype(np.float64), axis=1)).sum() / 3, dtype)
    assert_rounding(x.grad.data, (special.softmax(z.astype(np.float64), axis=1) - y) / 3, dtype)
    assert_rounding(x.grad.data.sum(1), np.zeros(3), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_masked_class_is_as_if_it_were_not_there(dtype: Any) -> None:
    z = np.array([[-INF, 1.0, 2.0, -INF], [0.5, -INF, 1.0, -INF]], dtype)
    kept = z[z > -INF].reshape(2, 2)
    soft = np.array([[0, 0.25, 0.75, 0], [0.5, 0, 0.5, 0]], dtype)
    for t, t_kept in (([1, 2], [0, 1]), (soft, soft[z > -INF].reshape(2, 2))):
        x, y = leaf(z), leaf(kept)
        one, two = tg.softmax_cross_entropy(x, t), tg.softmax_cross_entropy(y, t_kept)
        one.backward()
        two.backward()
        assert one.item() == two.item()
        np.testing.assert_array_equal(x.grad.data[z > -INF], y.grad.data.ravel())
        assert not x.grad.data[z == -INF].any()
        again = leaf(z)
        tg.softmax_cross_entropy(again, t).backward(create_graph=True)
        assert_rounding(again.grad.data, x.grad.data, dtype)
        entry = again.grad[0, 1]
        again.zero_grad()
        entry.backward()
        assert np.isfinite(again.grad.data).all()


def test_a_masked_target_has_an_infinite_loss() -> None:
    z = leaf([[-INF, 1.0, 2.0]])
    loss = tg.softmax_cross_entropy(z, [0])
    loss.backward()
    assert loss.item() == INF
    np.testing.assert_allclose(z.grad.data, [[-1, *special.softmax([1.0, 2.0])]], rtol=1e-15)


def test_what_is_left_out_may_be_masked() -> None:
    """0 times an infinite loss is 0 here: the row does not count."""
    z = np.array([[-INF, 1.0, 2.0], [0.0, 1.0, 2.0]])
    for t, options in (([-1, 1], {"ignore_index": -1}), ([0, 1], {"weight": [0.0, 1.0, 1.0]})):
        x = leaf(z)
        loss = tg.softmax_cross_entropy(x, t, **options)
        loss.backward()
        np.testing.assert_allclose(loss.item(), by_hand(z[1:], np.array([1])), rtol=1e-14)
        np.testing.assert_allclose(x.grad.data[1], special.softmax(z[1]) - [0, 1, 0], rtol=1e-14)
        assert not x.grad.data[0].any()


def test_an_infinite_logit_takes_all_the_probability() -> None:
    z = np.array([[INF, 0.0, 1.0], [INF, INF, 0.0], [INF, 0.0, -INF]], np.float32)
    np.testing.assert_array_equal(tg.softmax(z), [[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0]])
    x = leaf(z)
    loss = tg.softmax_cross_entropy(x, [0, 1, 1], reduction="none")
    loss.sum().backward()
    np.testing.assert_allclose(loss.data, [0, np.log(2), INF], rtol=1e-6)
    np.testing.assert_array_equal(x.grad.data, [[0, 0, 0], [0.5, -0.5, 0], [1, -1, 0]])


def test_nan_stays_in_its_row() -> None:
    z = leaf([[np.nan, 0.0], [0.0, 0.0]])
    loss = tg.softmax_cross_entropy(z, [1, 0], reduction="none")
    loss.sum().backward()
    assert np.isnan(loss.data[0])
    assert np.isnan(z.grad.data[0]).all()
    np.testing.assert_allclose(loss.data[1], np.log(2))
    np.testing.assert_array_equal(z.grad.data[1], [-0.5, 0.5])


def test_float16_stays_and_is_right_to_its_digits() -> None:
    z, t = logits((16, 5), np.float16), targets("indices", (16, 5))
    x = leaf(z)
    loss = tg.softmax_cross_entropy(x, t)
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float16
    wide = z.astype(np.float64)
    assert_rounding(loss.data, by_hand(wide, t), np.float16, 16)
    assert_rounding(x.grad.data, (special.softmax(wide, axis=1) - np.eye(5)[t]) / 16, np.float16, 2)


@pytest.mark.parametrize("dtype", [np.float16, *FLOATS])
def test_large_logits_are_no_reason_to_warn(dtype: Any) -> None:
    """The square of the largest logit overflows, the loss does not."""
    large = np.finfo(dtype).max / 4
    z = leaf(np.array([[large, large, 0], [300, 299, 0]], dtype))
    loss = tg.softmax_cross_entropy(z, [0, 0], reduction="none")
    loss.sum().backward()
    assert_rounding(loss.data, [np.log(2), np.log1p(np.exp(-1))], dtype)
    one = special.expit(-1.0)
    assert_rounding(z.grad.data, [[-0.5, 0.5, 0], [-one, one, 0]], dtype)
    assert_rounding(tg.softmax(z).data, [[0.5, 0.5, 0], [1 - one, one, 0]], dtype)


# ---- layouts and dtypes ----


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "Fortran": np.asfortranarray,
    "every other row": lambda z: np.repeat(z, 2, 0)[::2],
    "every other column": lambda z: np.repeat(z, 2, 1)[:, ::2],
    "backward": lambda z: z[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda z: z.T.copy().T,
    "read-only": lambda z: np.frombuffer(z.tobytes(), z.dtype).reshape(z.shape),
    "big-endian": lambda z: z.astype(z.dtype.newbyteorder()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_layout_in_memory_does_not_matter(layout: str, kind: str) -> None:
    z, t = logits((6, 4)), targets(kind, (6, 4))
    other = LAYOUTS[layout](z)
    np.testing.assert_array_equal(other, z)
    for y in (t, np.asfortranarray(t), np.repeat(t, 2, 0)[::2]):
        assert_rounding(tg.softmax_cross_entropy(other, y), by_hand(z, t), np.float64)
        view = tg.Tensor(np.array(z), requires_grad=True)
        view.data = other
        tg.softmax_cross_entropy(view * 1.0, y).backward()
        expected = (special.softmax(z, axis=1) - distribution(t, (6, 4))) / 6
        assert_rounding(view.grad.data, expected, np.float64)
    np.testing.assert_allclose(tg.softmax(other), special.softmax(z, axis=1), rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_is_given_is_written_to(kind: str) -> None:
    z, t = logits((6, 4)), targets(kind, (6, 4))
    before = z.copy(), t.copy()
    x = tg.Tensor(z) * tg.Tensor(1.0, requires_grad=True)
    loss = tg.softmax_cross_entropy(x, t)
    loss.backward()
    loss.backward()
    tg.softmax(z), tg.log_softmax(z), tg.softmax_cross_entropy(z, t)
    np.testing.assert_array_equal(z, before[0])
    np.testing.assert_array_equal(t, before[1])


def test_backward_twice_adds_up() -> None:
    z = leaf(logits((3, 4)))
    loss = tg.softmax_cross_entropy(z, [0, 1, 2])
    loss.backward()
    once = z.grad.numpy()
    loss.backward()
    np.testing.assert_array_equal(z.grad.data, 2 * once)


SIGNED, UNSIGNED = [np.int8, np.int16, np.int32, np.int64], [np.uint8, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("dtype", SIGNED + UNSIGNED)
@pytest.mark.parametrize("ignore_index", [None, 1, -100, 255])
def test_labels_of_every_integer_dtype(dtype: Any, ignore_index: int | None) -> None:
    z, t = logits((5, 3)), np.array([2, 0, 1, 2, 0], dtype)
    x = leaf(z)
    tg.softmax_cross_entropy(x, t, ignore_index=ignore_index).backward()
    y = leaf(z)
    loss = tg.softmax_cross_entropy(y, t.astype(int).tolist(), ignore_index=ignore_index)
    loss.backward()
    np.testing.assert_array_equal(x.grad.data, y.grad.data)
    np.testing.assert_allclose(loss.item(), by_hand(z, t, ignore_index=ignore_index), rtol=1e-14)
    many = leaf(logits((3, 200)))  # more classes than int8 has numbers for
    tg.softmax_cross_entropy(many, t[:3]).backward()
    np.testing.assert_array_equal((many.grad.data < 0).argmax(1), [2, 0, 1])


@pytest.mark.parametrize("dtype", SIGNED)
def test_negative_labels_are_errors_in_every_dtype(dtype: Any) -> None:
    with pytest.raises(DataError, match="target of row 1 is -1, but the 3 classes are 0 to 2"):
        tg.softmax_cross_entropy(np.zeros((2, 3)), np.array([0, -1], dtype))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.uint8, np.float32, np.float64, np.float16])
def test_one_hot_targets_of_every_dtype(dtype: Any) -> None:
    x = leaf(logits((4, 3), np.float32))
    loss = tg.softmax_cross_entropy(x, np.eye(3, dtype=dtype)[[0, 2, 1, 1]])
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float32
    np.testing.assert_allclose(loss.item(), by_hand(x.data, np.array([0, 2, 1, 1])), rtol=1e-6)


def test_integer_logits_count_as_floats() -> None:
    z, t = [[2, 1, 0], [0, 1, 3]], [0, 1]
    np.testing.assert_allclose(tg.softmax(z), special.softmax(z, axis=1), rtol=1e-15)
    weight = [0.5, 0.25, 1.0]
    for options in ({}, {"reduction": "sum"}, {"weight": weight}, {"label_smoothing": 0.1, "weight": weight}):
        expected = by_hand(np.array(z), np.array(t), **options)
        np.testing.assert_allclose(tg.softmax_cross_entropy(z, t, **options), expected, rtol=1e-14)


def test_tensors_are_targets_too() -> None:
    z = logits((2, 3))
    for t in (np.array([0, 2]), targets("soft", (2, 3))):
        expected = gradient(lambda z, t=t: tg.softmax_cross_entropy(z, t), z)
        for create_graph in (False, True):
            got = gradient(lambda z, t=t: tg.softmax_cross_entropy(z, tg.Tensor(t)), z, create_graph)
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-16)


def test_empty_batches() -> None:
    for t in (np.zeros(0, int), np.zeros((0, 3))):
        z = leaf(np.zeros((0, 3)))
        each = tg.softmax_cross_entropy(z, t, reduction="none")
        total = tg.softmax_cross_entropy(z, t, reduction="sum")
        assert each.shape == (0,)
        assert total.item() == 0
        total.backward()
        assert z.grad.shape == (0, 3)
        with refused(DataError, "mean over", "no rows"):
            tg.softmax_cross_entropy(z, t)
    assert tg.softmax(np.zeros((0, 3))).shape == (0, 3)


def test_one_class_is_always_right() -> None:
    z = leaf([[1.0], [-7.0]])
    loss = tg.softmax_cross_entropy(z, [0, 0])
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(z.grad.data, [[0], [0]])


# ---- what is refused ----

Z = np.zeros((3, 4))
SOFT = np.full((3, 4), 0.25)


def with_row(row: list[float], at: int = 1) -> Any:
    t = SOFT.copy()
    t[at] = row
    return t


ROWS = [0, 1, 2]
# logits, targets, options, and the words that the error must say
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], type[Exception], list[str]]] = {
    "large label": (Z, [0, 4, 1], {}, DataError, ["row 1 is 4", "classes are 0 to 3", "ignore_index=4"]),
    "negative label": (Z, [0, 1, -1], {}, DataError, ["row 2 is -1", "0 to 3", "ignore_index=-1"]),
    "first bad label": (Z, [0, -3, 9], {}, DataError, ["row 1 is -3"]),
    "label not ignored": (Z, [0, -1, -2], {"ignore_index": -2}, DataError, ["row 1 is -1"]),
    "uint64 label": (Z, np.array([0, 2**63, 1], np.uint64), {}, DataError, ["row 1 is 9223372036854775808"]),
    "float labels": (Z, [0.0, 1.0, 2.0], {}, DtypeError, ["must be integers", "float64", "astype(int)"]),
    "bool labels": (Z, [True, False, True], {}, DtypeError, ["must be integers", "bool"]),
    "sum below 1": (Z, with_row([0.2, 0.2, 0.2, 0.2]), {}, DataError, ["row 1", "sum is 0.8", "divide"]),
    "sum above 1": (Z, with_row([1, 1, 0, 0], 2), {}, DataError, ["row 2", "sum is 2"]),
    "negative probability": (Z, with_row([1.2, -0.2, 0, 0]), {}, DataError, ["row 1", "smallest", "-0.2"]),
    "NaN probability": (Z, with_row([np.nan, 1, 0, 0]), {}, DataError, ["row 1", "not a distribution"]),
    "infinite probability": (Z, with_row([INF, 1, 0, 0]), {}, DataError, ["row 1", "not a distribution"]),
    "integer rows": (Z, np.ones((3, 4), int), {}, DataError, ["row 0", "sum is 4"]),
    "too few labels": (Z, [0, 1], {}, ShapeError, ["(2,)", "(3, 4)", "axis -1"]),
    "column of labels": (Z, [[0], [1], [2]], {}, ShapeError, ["(3, 1)", "(3, 4)"]),
    "transposed": (Z, SOFT.T, {}, ShapeError, ["(4, 3)", "(3, 4)"]),
    "axis": (Z, ROWS, {"axis": 2}, ShapeError, ["axis 2", "(3, 4)"]),
    "scalar logits": (1.0, 0, {}, ShapeError, ["axis -1", "()"]),
    "no classes": (np.zeros((2, 0)), np.zeros((2, 0)), {}, ShapeError, ["(2, 0)", "no class"]),
    "reduction": (Z, ROWS, {"reduction": "average"}, DataError, ["mean", "sum", "none", "'average'"]),
    "smoothing above 1": (Z, ROWS, {"label_smoothing": 1.5}, DataError, ["label_smoothing", "0 to 1", "1.5"]),
    "smoothing below 0": (Z, ROWS, {"label_smoothing": -0.1}, DataError, ["label_smoothing", "-0.1"]),
    "smoothing NaN": (Z, ROWS, {"label_smoothing": np.nan}, DataError, ["label_smoothing", "nan"]),
    "three weights": (Z, ROWS, {"weight": [1, 2, 3]}, DataError, ["weight", "4", "one per class"]),
    "negative weight": (Z, ROWS, {"weight": [1, 2, -3, 1]}, DataError, ["weight", ">= 0", "-3"]),
    "NaN weight": (Z, ROWS, {"weight": [1, 2, np.nan, 1]}, DataError, ["weight", "nan"]),
    "infinite weight": (Z, ROWS, {"weight": [1, 2, INF, 1]}, DataError, ["weight", "inf"]),
    "all weights 0": (Z, [0, 0, 0], {"weight": [0, 1, 1, 1]}, DataError, ["weight 0"]),
    "all ignored": (Z, [7, 7, 7], {"ignore_index": 7}, DataError, ["every row is left out", "ignore_index"]),
    "ignored distributions": (Z, SOFT, {"ignore_index": 1}, DataError, ["ignore_index", "class indices"]),
    "half an ignore_index": (Z, ROWS, {"ignore_index": 0.5}, TinygradError, ["ignore_index", "0.5"]),
    "all masked": (with_row([-INF] * 4), ROWS, {}, DataError, ["every logit of row 1 is -inf"]),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("recorded", [False, True], ids=["arrays", "tensors"])
def test_what_is_refused_says_row_and_remedy(name: str, recorded: bool) -> None:
    z, t, options, error, words = REFUSED[name]
    with refused(error, "softmax", *words):
        tg.softmax_cross_entropy(leaf(z) if recorded else z, t, **options)


NO_NUMBERS = {
    "complex": (np.array([[1j, 2.0]]), DtypeError, ["complex128"]),
    "text": ([["a", "b"]], DtypeError, ["<U1"]),
    "dates": (np.array([["2020-01-01", "2020-01-02"]], "M8[D]"), DtypeError, ["datetime64"]),
    "objects": (np.array([[1, 2]], object), DtypeError, ["object"]),
    "ragged": ([[1.0, 2.0], [3.0]], ShapeError, ["not an array of numbers"]),
}
OF_LOGITS = {
    "softmax": tg.softmax,
    "log_softmax": tg.log_softmax,
    "logsumexp": tg.logsumexp,
    "softmax_cross_entropy": lambda z: tg.softmax_cross_entropy(z, [0]),
    "composed_softmax_cross_entropy": lambda z: tg.composed_softmax_cross_entropy(z, [0]),
    "sigmoid_binary_cross_entropy": lambda z: tg.sigmoid_binary_cross_entropy(z, [[0.0, 1.0]]),
    "nll_loss": lambda z: tg.nll_loss(z, [0]),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("name", OF_LOGITS)
def test_logits_are_real_numbers(name: str, kind: str) -> None:
    data, error, words = NO_NUMBERS[kind]
    with refused(error, f"{name}:", *words):
        OF_LOGITS[name](data)


@pytest.mark.parametrize("dtype", [np.float16, *FLOATS])
@pytest.mark.parametrize("k", [2, 11, 1000])
def test_rows_that_sum_to_1_as_well_as_their_dtype_allows_are_distributions(k: int, dtype: Any) -> None:
    exact = np.random.default_rng(k).dirichlet(np.ones(k), 20)
    tg.softmax_cross_entropy(np.zeros((20, k)), exact.astype(dtype))
    bad = exact.astype(dtype)
    bad[3] *= dtype(0.9)
    with pytest.raises(DataError, match="row 3"):
        tg.softmax_cross_entropy(np.zeros((20, k)), bad)


# ---- softmax and log_softmax by themselves ----

OF_ONE = {"softmax": (tg.softmax, special.softmax), "log_softmax": (tg.log_softmax, special.log_softmax)}


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize(
    ("shape", "axis"), [((4,), -1), ((4,), 0), ((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), -3)]
)
def test_softmax_and_its_logarithm(name: str, shape: tuple[int, ...], axis: int) -> None:
    ours, scipys = OF_ONE[name]
    z, incoming = logits(shape), logits(shape, seed=5)
    np.testing.assert_allclose(ours(z, axis=axis), scipys(z, axis=axis), rtol=1e-13)

    def weighted(z: Any) -> Any:
        return (incoming * scipys(z, axis=axis)).sum()

    def ours_weighted(z: Any) -> Any:
        return (ours(z, axis=axis) * incoming).sum()

    np.testing.assert_allclose(gradient(ours_weighted, z), central(weighted, z), rtol=1e-6, atol=1e-9)
    if z.size <= 12:
        numeric = central(lambda z: gradient(ours_weighted, z), z)
        np.testing.assert_allclose(second(ours_weighted, z), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, *FLOATS])
def test_softmax_is_a_distribution_wherever_the_logits_are(dtype: Any) -> None:
    for scale in (0.1, 1, 10, 100):
        z = logits((50, 30), dtype, scale)
        a = tg.softmax(z)
        assert a.dtype == dtype
        assert ((a >= 0) & (a <= 1)).all()
        np.testing.assert_allclose(a.sum(1, dtype=np.float64), 1, atol=8 * np.finfo(dtype).eps)
        log_a = tg.log_softmax(z)
        assert (log_a <= 0).all()
        assert np.isfinite(log_a).all()


def test_log_softmax_where_softmax_underflows() -> None:
    assert tg.softmax([1000.0, 0.0])[1] == 0
    assert tg.log_softmax([1000.0, 0.0])[1] == -1000


@pytest.mark.parametrize("name", OF_ONE)
def test_softmax_refuses_what_has_no_classes(name: str) -> None:
    f = OF_ONE[name][0]
    with refused(ShapeError, "axis 3", "(2, 3)"):
        f(np.zeros((2, 3)), axis=3)
    with refused(ShapeError, "(2, 0)", "no class"):
        f(np.zeros((2, 0)))
    with pytest.raises(DataError, match="every logit of row 1 is -inf"):
        f(np.array([[0.0, 0.0], [-INF, -INF]]))


# ---- the functions beside it ----


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 1), (0, 1, 2)])
def test_logsumexp(axis: Any, keepdims: bool) -> None:
    z = logits((2, 3, 2))
    value = tg.logsumexp(z, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(value, special.logsumexp(z, axis=axis, keepdims=keepdims), rtol=1e-13)
    incoming = np.random.default_rng(0).normal(size=np.shape(value))

    def weighted(z: Any) -> Any:
        return (tg.logsumexp(z, axis=axis, keepdims=keepdims) * incoming).sum()

    def expected(z: Any) -> Any:
        return (special.logsumexp(z, axis=axis, keepdims=keepdims) * incoming).sum()

    np.testing.assert_allclose(gradient(weighted, z), central(expected, z), rtol=1e-7, atol=1e-9)
    numeric = central(lambda z: gradient(weighted, z), z)
    np.testing.assert_allclose(second(weighted, z), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, *FLOATS])
def test_logsumexp_at_its_limits(dtype: Any) -> None:
    rows = np.array([[1000, 1000], [-1000, -1000], [-INF, 1], [INF, 1], [-INF, -INF], [INF, INF]], dtype)
    expected = [1000 + np.log(2), -1000 + np.log(2), 1, INF, -INF, INF]
    value = tg.logsumexp(rows, axis=1)
    assert value.dtype == dtype
    np.testing.assert_allclose(value, expected, rtol=np.finfo(dtype).eps)
    near_zero = np.array([np.log(0.75), np.log(0.25)]).astype(dtype)
    exact = float(mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(float(x))) for x in near_zero)))
    assert abs(float(tg.logsumexp(near_zero)) - exact) <= 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("name", [k for k, options in OPTIONS.items() if "label_smoothing" not in options])
def test_nll_loss_of_log_softmax_is_the_cross_entropy(name: str) -> None:
    z, t = example("indices", -1)
    x, options = leaf(z), OPTIONS[name]
    loss = tg.nll_loss(tg.log_softmax(x), t, **options)
    np.testing.assert_allclose(loss.data, by_hand(z, t, **options), rtol=1e-13)
    incoming = np.random.default_rng(3).normal(size=loss.shape)
    loss.backward(incoming)
    y = leaf(z)
    tg.softmax_cross_entropy(y, t, **options).backward(incoming)
    np.testing.assert_allclose(x.grad.data, y.grad.data, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("targets", "options", "kind", "words"), [
    ([0, 3], {}, DataError, "row 1 is 3"),
    (np.full((2, 3), 1 / 3), {}, ShapeError, "(2, 3)"),
    ([0, 1, 2], {}, ShapeError, "(3,)"),
    ([0.0, 1.0], {}, DtypeError, "float64"),
    ([0, 1], {"weight": [1.0, 2.0]}, DataError, "3 finite numbers"),
    ([0, 1], {"weight": [0.0, 0.0, 1.0]}, DataError, "weight 0"),
    ([0, 1], {"ignore_index": 0.5}, DataError, "ignore_index"),
    ([1, 1], {"ignore_index": 1}, DataError, "every row is left out"),
    ([0, 1], {"reduction": "most"}, DataError, "'most'"),
    ([0, 1], {"reduction": "most", "weight": [1.0, 1.0, 1.0]}, DataError, "'most'"),
    ([0, 1], {"axis": 7}, ShapeError, "no axis 7"),
    ([0, 1], {"axis": 1.5}, ShapeError, "no axis 1.5"),
    ([0, 1], {"axis": 1.0}, ShapeError, "no axis 1.0"),
    ([0, 1], {"axis": -1.0, "weight": [1.0, 1.0, 1.0]}, ShapeError, "no axis -1.0"),
    ([0, 1], {"axis": (0, 1)}, ShapeError, "no axis (0, 1)"),
])  # fmt: skip
def test_nll_loss_refuses_what_the_cross_entropy_refuses(
    targets: Any, options: Any, kind: Any, words: str
) -> None:
    for make in np.asarray, tg.Tensor:
        with refused(kind, "nll_loss: ", words):
            tg.nll_loss(make(np.zeros((2, 3))), make(targets), **options)
    if "axis" not in options and np.ndim(targets) == 1:
        with refused(kind, "softmax_cross_entropy: ", words):
            tg.softmax_cross_entropy(np.zeros((2, 3)), targets, **options)


@pytest.mark.parametrize("function", [tg.softmax, tg.log_softmax])
def test_an_axis_is_a_whole_number(function: Any) -> None:
    for z in np.zeros((2, 3)), leaf(np.zeros((2, 3))):
        for axis in 1.0, -1.0, 1.5:
            with refused(ShapeError, "softmax: ", f"no axis {axis}"):
                function(z, axis=axis)


@pytest.mark.parametrize("options", [{}, {"weight": [1.0, 2.0, 3.0]}, {"ignore_index": 1}], ids=str)
def test_sums_over_no_rows_are_0(options: Any) -> None:
    t = np.zeros(0, int)
    for loss in tg.nll_loss, tg.softmax_cross_entropy:
        z = leaf(np.zeros((0, 3)))
        y = loss(z, t, reduction="sum", **options)
        y.backward()
        assert (y.item(), z.grad.shape) == (0, (0, 3))
        assert loss(np.zeros((0, 3)), t, reduction="none", **options).shape == (0,)
        with refused(DataError, f"{loss.__name__}: a mean over no rows"):
            loss(np.zeros((0, 3)), t, **options)


def test_means_over_nothing_name_their_loss() -> None:
    with refused(DataError, "nll_loss: a mean over no rows"):
        tg.nll_loss(np.zeros((0, 3)), np.zeros(0, int))
    with refused(DataError, "sigmoid_binary_cross_entropy: a mean over no rows"):
        tg.sigmoid_binary_cross_entropy(np.zeros(0), np.zeros(0))
    with refused(DataError, "sigmoid_binary_cross_entropy: reduction must be"):
        tg.sigmoid_binary_cross_entropy(np.zeros(2), np.zeros(2), "most")
    with refused(DataError, "one_hot: the target of row 1 is 3"):
        tg.composed_softmax_cross_entropy(np.zeros((2, 3)), [0, 3])


@pytest.mark.parametrize("dtype", FLOATS)
def test_binary_cross_entropy_against_50_digits(dtype: Any) -> None:
    z = np.array([-1e4, -90, -20, -1, 0, 0.5, 20, 90, 1e4] * 3, dtype)
    t = np.repeat([0, 1, 0.25], 9).astype(dtype)
    x = leaf(z)
    loss = tg.sigmoid_binary_cross_entropy(x, t, reduction="none")
    loss.sum().backward()
    with mpmath.workdps(50):
        for value, slope, zi, ti in zip(loss.data, x.grad.data, z, t, strict=True):
            zi, ti = mpmath.mpf(float(zi)), mpmath.mpf(float(ti))
            exact = ti * mpmath.log1p(mpmath.exp(-zi)) + (1 - ti) * mpmath.log1p(mpmath.exp(zi))
            sigma = 1 / (1 + mpmath.exp(-zi))
            exact_slope = (1 - ti) * sigma - ti / (1 + mpmath.exp(zi))
            for got, expected in ((value, exact), (slope, exact_slope)):
                if abs(expected) > np.finfo(dtype).tiny:
                    assert abs((float(got) - expected) / expected) < 16 * np.finfo(dtype).eps
    assert loss.dtype == x.grad.dtype == dtype


def test_binary_cross_entropy_is_cross_entropy_of_two_classes() -> None:
    z, t = logits((6,)), np.array([0, 1, 1, 0, 1, 0])
    two = np.stack([np.zeros(6), z], axis=1)
    for reduction in ("mean", "sum", "none"):
        np.testing.assert_allclose(
            tg.sigmoid_binary_cross_entropy(z, t, reduction=reduction),
            tg.softmax_cross_entropy(two, t, reduction=reduction),
            rtol=1e-13,
        )

    def loss(z: Any) -> Any:
        return tg.sigmoid_binary_cross_entropy(z, t)

    np.testing.assert_allclose(gradient(loss, z), (special.expit(z) - t) / 6, rtol=1e-13)
    np.testing.assert_allclose(np.diag(second(loss, z)), special.expit(z) * special.expit(-z) / 6, rtol=1e-12)
    with refused(DataError, "0 to 1"):
        tg.sigmoid_binary_cross_entropy(z, t * 2)
    with refused(ShapeError, "(6,)", "(5,)"):
        tg.sigmoid_binary_cross_entropy(z, t[:5])


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (7, 70), (1001, 3)])
def test_what_is_looked_up_by_shape_changes_no_bit(shape: tuple[int, int], dtype: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, shape).astype(dtype)
    t = rng.integers(shape[1], size=shape[0]).astype(kind)
    for logits, targets in (z, t), (np.asfortranarray(z), t), (z[::-1], t[::-1]):
        op, g = tg.softmax_cross_entropy, np.ones((), dtype)
        results = []
        for options in {}, {"ignore_index": -100}, {"axis": 1}:  # the last two go the long way
            loss, saved = op.kernel(logits, targets, **options)
            slope = op.rules[0](g, loss, saved, logits, targets)
            results.append([np.asarray(loss).tobytes(), slope.tobytes()])
        assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("bad", [-1, 3])
def test_bad_labels_are_refused_however_often_the_shape_was_seen(bad: int) -> None:
    z = np.zeros((4, 3), np.float32)
    tg.softmax_cross_entropy(z, np.array([0, 1, 2, 0]))
    with pytest.raises(DataError, match=f"the target of row 2 is {bad}, but the 3 classes are 0 to 2"):
        tg.softmax_cross_entropy(z, np.array([0, 1, bad, 0]))


def test_a_second_pass_reads_the_labels_of_the_first() -> None:
    z, t = tg.Tensor([[1.0, 2.0, 3.0]], requires_grad=True), np.array([0])
    loss = tg.softmax_cross_entropy(z, t)
    loss.backward()
    assert z.grad is not None
    first = z.grad.data.copy()
    z.zero_grad()
    t[0] = 2  # an array of the caller's, who may use it for the next batch
    loss.backward()
    assert z.grad is not None
    assert z.grad.data.tolist() == first.tolist()


def test_more_rows_than_float16_can_count() -> None:
    z = np.zeros((70_000, 2), np.float16)
    with np.errstate(all="raise"):
        assert (tg.softmax(z) == 0.5).all()
