"""Every claim that the package's mathematics rests on, computed. The tests bear the claims' numbers.

The notation, of one sample: logits z, probabilities a = softmax(z), target y, all of K classes; x the output
of the layer before, W (D, K) with the column w_k of class k, b; z = x W + b; N samples in a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_sm as tg

pytestmark = pytest.mark.parallel_threads_limit(2)  # they are long

EPS = np.finfo(float).eps
Z = hnp.arrays(float, st.integers(2, 8), elements=st.floats(-30, 30))


def leaf(array: Any) -> tg.Tensor:
    return tg.Tensor(array, requires_grad=True)


def gradient(f: Callable[[tg.Tensor], tg.Tensor], x: Any) -> Any:
    t = leaf(x)
    f(t).backward()
    return t.grad.numpy()


def softmax(z: Any) -> Any:
    """As M1 has it, out of exp, sum and divide; for arrays and Tensors."""
    e = np.exp(z)
    return e / np.sum(e, axis=-1, keepdims=True)


def jacobian(z: Any, f: Callable[[Any], Any] = softmax) -> Any:
    """Row j: the gradient of a_j, found by the package."""
    return np.stack([gradient(lambda z, j=j: f(z)[j], z) for j in range(len(z))])


def cross_entropy(a: Any, y: Any) -> Any:
    """M5, averaged over the rows if there are any."""
    return -np.sum(y * np.log(a)) / (1 if np.ndim(a) == 1 else np.shape(a)[0])


def distribution(k: int, rng: np.random.Generator) -> Any:
    return rng.dirichlet(np.ones(k))


# ---- softmax ----


@given(Z)
def test_M01_softmax_is_a_distribution(z: Any) -> None:
    for a in (softmax(z), tg.softmax(z)):
        assert ((a > 0) & (a <= 1)).all()
        assert abs(a.sum() - 1) <= len(z) * EPS
        assert (np.diff(a[np.argsort(z)]) >= 0).all()  # the larger logit has the larger probability
    np.testing.assert_allclose(tg.softmax(z), [np.exp(x) / np.exp(z).sum() for x in z], rtol=1e-13)


@given(Z)
def test_M02_the_diagonal_of_the_jacobian(z: Any) -> None:
    a = softmax(z)
    others = np.array([np.delete(a, j).sum() for j in range(len(z))])  # 1 - a, without the rounding
    for f in (softmax, tg.softmax):
        np.testing.assert_allclose(np.diag(jacobian(z, f)), a * others, rtol=1e-9, atol=4 * EPS)


@given(Z)
def test_M03_off_the_diagonal_and_all_of_it(z: Any) -> None:
    a, k = softmax(z), len(z)
    for f in (softmax, tg.softmax):
        J = jacobian(z, f)
        off = ~np.eye(k, dtype=bool)
        np.testing.assert_allclose(J[off], -np.outer(a, a)[off], rtol=1e-9, atol=4 * EPS)
        np.testing.assert_allclose(J, np.diag(a) - np.outer(a, a), atol=4 * EPS)
        np.testing.assert_allclose(J, J.T, atol=4 * EPS)
        np.testing.assert_allclose(J.sum(1), 0, atol=k * EPS)


def test_M03_the_rank_of_the_jacobian_is_one_less_than_the_classes() -> None:
    rng = np.random.default_rng(0)
    for k in range(2, 9):
        assert np.linalg.matrix_rank(jacobian(rng.normal(size=k)), tol=16 * EPS) == k - 1


def test_M04_the_chain_rule_to_the_weights_of_a_class() -> None:
    rng = np.random.default_rng(0)
    d, k = 4, 3
    x, W, b = rng.normal(size=d), rng.normal(size=(d, k)), rng.normal(size=k)
    a = softmax(x @ W + b)
    for j in range(k):
        dz = gradient(lambda W, j=j: (x @ W + b)[j], W)
        da = gradient(lambda W, j=j: softmax(x @ W + b)[j], W)
        for i in range(k):
            np.testing.assert_allclose(dz[:, i], x * (i == j))
            np.testing.assert_allclose(da[:, i], a[j] * ((i == j) - a[i]) * x, rtol=1e-12)
    # the bias counted in: x' = (x, 1), w'_k = (w_k, b_k)
    x1, W1 = np.append(x, 1), np.vstack([W, b])
    np.testing.assert_allclose(softmax(x1 @ W1), a, rtol=1e-15)
    for j in range(k):
        da = gradient(lambda W1, j=j: softmax(x1 @ W1)[j], W1)
        np.testing.assert_allclose(da, np.outer(x1, a[j] * (np.eye(k)[j] - a)), rtol=1e-12)


# ---- cross-entropy ----


@pytest.mark.parametrize("k", [2, 3, 10, 50])
def test_M05_the_cross_entropy_is_not_negative(k: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        z, y = rng.normal(0, 3, k), distribution(k, rng)
        c = cross_entropy(softmax(z), y)
        assert c >= 0
        np.testing.assert_allclose(c, sum(-y[j] * np.log(softmax(z)[j]) for j in range(k)), rtol=1e-13)
        np.testing.assert_allclose(tg.softmax_cross_entropy(z, y / y.sum()), c, rtol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 5, 20, 50])
def test_M06_its_minimum_over_the_simplex_is_at_the_target(k: int) -> None:
    rng = np.random.default_rng(0)
    for concentration in (0.3, 1, 10):
        for _ in range(100):
            y, a = (rng.dirichlet(np.full(k, concentration)) + 1e-12 for _ in "ya")
            y, a = y / y.sum(), a / a.sum()
            entropy = -np.sum(y * np.log(y))
            excess = np.sum(y * np.log(y / a))
            np.testing.assert_allclose(cross_entropy(a, y) - entropy, excess, atol=1e-12 * k)
            assert excess > 0
            np.testing.assert_allclose(cross_entropy(y, y), entropy)
            step = 1e-3 * (a - y)  # any way from y leads up
            assert cross_entropy(y + step, y) > entropy
    one_hot = np.eye(k)[0]
    a = np.where(one_hot == 1, 1 - 1e-9, 1e-9 / (k - 1))
    assert 0 <= cross_entropy(a, one_hot) < 2e-9  # H = 0
    # a descent by the package's gradient of the logits ends there
    y, z = distribution(k, rng), np.zeros(k)
    for _ in range(2000):
        z = z - 2 * gradient(lambda z, y=y: tg.softmax_cross_entropy(z, y / y.sum()), z)
    np.testing.assert_allclose(tg.softmax(z), y, atol=0.02)


LINE = """
0.10 0.60 0.30 1.52
0.20 0.53 0.27 1.23
0.30 0.47 0.23 1.10
0.40 0.40 0.20 1.03
0.50 0.33 0.17 1.01
0.60 0.27 0.13 1.03
0.70 0.20 0.10 1.10
0.80 0.13 0.07 1.23
0.90 0.07 0.03 1.52
"""


def test_M07_the_table_of_a_line_through_the_simplex() -> None:
    y = np.array([1 / 2, 1 / 3, 1 / 6])
    rows = []
    for a1 in np.arange(1, 10) / 10:
        a = np.array([a1, 2 / 3 * (1 - a1), 1 / 3 * (1 - a1)])
        assert abs(a.sum() - 1) < 2 * EPS
        rows.append(" ".join(f"{x:.2f}" for x in (*a, cross_entropy(a, y))))
    assert "\n".join(rows) == LINE.strip()


def test_M07_the_slope_along_the_line() -> None:
    y = np.array([1 / 2, 1 / 3, 1 / 6])

    def along(a1: Any) -> Any:
        return cross_entropy(np.stack([a1, 2 / 3 * (1 - a1), 1 / 3 * (1 - a1)]), y)

    for a1 in np.linspace(0.02, 0.98, 49):
        slope = gradient(along, a1)
        np.testing.assert_allclose(slope, (a1 - 0.5) / ((1 - a1) * a1), rtol=1e-12, atol=1e-14)
        assert np.sign(round(float(slope), 12)) == np.sign(round(a1 - 0.5, 12))
    assert abs(gradient(along, 0.5)) < 4 * EPS


def test_M08_the_derivative_by_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    for k in (2, 3, 10):
        a, y = distribution(k, rng), distribution(k, rng)
        np.testing.assert_allclose(gradient(lambda a, y=y: cross_entropy(a, y), a), -y / a, rtol=1e-14)


# ---- the gradient of the logits ----


@given(Z, st.data())
def test_M09_the_gradient_of_the_logits_is_a_minus_y(z: Any, data: Any) -> None:
    k = len(z)
    y = data.draw(hnp.arrays(float, k, elements=st.floats(0.01, 1)))
    y = y / y.sum()
    a = tg.softmax(z)
    by_sum = [sum(-y[j] / a[j] * a[j] * ((i == j) - a[i]) for j in range(k)) for i in range(k)]
    split = [-y[i] * (1 - a[i]) + sum(y[j] * a[i] for j in range(k) if j != i) for i in range(k)]
    for found in (
        by_sum,
        split,
        gradient(lambda z: cross_entropy(softmax(z), y), z),
        gradient(lambda z: tg.softmax_cross_entropy(z, y), z),
    ):
        np.testing.assert_allclose(found, a - y, atol=16 * EPS)


def test_M09_where_the_targets_do_not_sum_to_1_the_long_form_is_right_and_the_short_one_wrong() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=4), np.array([0.5, 0.25, 1.0, 0.75])
    a, h = softmax(z), 1e-5
    up, down = ([cross_entropy(softmax(z + s * h * e), y) for e in np.eye(4)] for s in (1, -1))
    numeric = np.subtract(up, down) / (2 * h)
    np.testing.assert_allclose(a * y.sum() - y, numeric, atol=1e-9)
    np.testing.assert_allclose(gradient(lambda z: cross_entropy(softmax(z), y), z), numeric, atol=1e-9)
    assert np.abs(a - y - numeric).max() > 0.1
    with pytest.raises(tg.errors.DataError, match="not a distribution"):
        tg.softmax_cross_entropy(z, y)


@given(Z)
def test_M09_prime_by_the_other_road_through_the_logarithm(z: Any) -> None:
    k = len(z)
    a, y = tg.softmax(z), np.arange(1.0, k + 1) / np.arange(1.0, k + 1).sum()
    for f in (lambda z: np.log(softmax(z)), tg.log_softmax):
        rows = jacobian(z, f)
        np.testing.assert_allclose(rows, np.eye(k) - a, atol=1e-9)  # of ln a_j by z_i, for small a_j too
        np.testing.assert_allclose(-y @ rows, a - y, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 32])
def test_M10_the_mean_over_a_data_set_carries_one_over_n(n: int) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(n, 5)), rng.dirichlet(np.ones(5), n)
    expected = (tg.softmax(z) - y) / n
    for f in (tg.softmax_cross_entropy, lambda z, y: cross_entropy(softmax(z), y)):
        np.testing.assert_allclose(gradient(lambda z, f=f: f(z, y), z), expected, rtol=1e-12, atol=1e-16)
    rows = [tg.softmax_cross_entropy(z[i], y[i]) for i in range(n)]
    np.testing.assert_allclose(tg.softmax_cross_entropy(z, y), np.mean(rows), rtol=1e-13)
    total = gradient(lambda z: tg.softmax_cross_entropy(z, y, reduction="sum"), z)
    np.testing.assert_allclose(total, n * expected, rtol=1e-12)


def test_M11_the_gradients_of_the_layer() -> None:
    rng = np.random.default_rng(0)
    n, d, k = 6, 4, 3
    X, W, b = rng.normal(size=(n, d)), rng.normal(size=(d, k)), rng.normal(size=k)
    Y = np.eye(k)[[0, 1, 2, 2, 1, 0]]
    for loss in (tg.softmax_cross_entropy, lambda z, y: cross_entropy(softmax(z), y)):
        # one sample
        x, y = X[0], Y[0]
        w, c = leaf(W), leaf(b)
        loss(x @ w + c, y).backward()
        a = softmax(x @ W + b)
        np.testing.assert_allclose(c.grad.data, a - y, rtol=1e-12)
        for j in range(d):
            for i in range(k):
                np.testing.assert_allclose(w.grad.data[j, i], x[j] * (a[i] - y[i]), rtol=1e-12)
        # a batch
        w, c = leaf(W), leaf(b)
        loss(X @ w + c, Y).backward()
        G = (softmax(X @ W + b) - Y) / n
        np.testing.assert_allclose(w.grad.data, X.T @ G, rtol=1e-12)
        np.testing.assert_allclose(c.grad.data, G.sum(0), rtol=1e-12)


# ---- what follows ----


def steps_until_right(loss: Callable[[tg.Tensor], tg.Tensor], wrong: Callable[[Any], Any], limit: int) -> int:
    """Steps of gradient descent at rate 1 from a saturated wrong start until the output is 0.1 off."""
    z = leaf(-8.0)
    for step in range(limit):
        if wrong(z.data) < 0.1:
            return step
        z.zero_grad()
        loss(z).backward()
        z.data = z.data - z.grad.data
    return limit


def test_M12_no_slowdown_where_the_output_is_saturated_and_wrong() -> None:
    """z = -8 with target 1: the probability is 0.0003 and should be 1."""

    def quadratic(z: tg.Tensor) -> tg.Tensor:
        return (tg.sigmoid(z) - 1.0) ** 2 / 2

    def softmax_loss(z: tg.Tensor) -> tg.Tensor:
        return tg.softmax_cross_entropy(np.stack([z, z * 0.0]), 0)

    a = 1 / (1 + np.exp(8.0))
    np.testing.assert_allclose(gradient(quadratic, -8.0), (a - 1) * a * (1 - a), rtol=1e-9)
    np.testing.assert_allclose(gradient(softmax_loss, -8.0), a - 1, rtol=1e-9)
    assert abs(gradient(quadratic, -8.0)) < 4e-4
    assert abs(gradient(softmax_loss, -8.0)) > 0.999

    def wrong(z: Any) -> Any:
        return 1 - 1 / (1 + np.exp(-z))

    fast = steps_until_right(softmax_loss, wrong, 100)
    slow = steps_until_right(quadratic, wrong, 2000)
    assert fast < 25
    assert slow > 1000


@given(Z, st.floats(-1e3, 1e3))
def test_M13_softmax_does_not_change_with_a_shift(z: Any, c: float) -> None:
    np.testing.assert_allclose(tg.softmax(z + c), tg.softmax(z), rtol=1e-11)
    np.testing.assert_allclose(softmax(z - z.max()), softmax(z), rtol=1e-13)
    np.testing.assert_allclose(tg.log_softmax(z), z - tg.logsumexp(z), atol=1e-13)
    np.testing.assert_allclose(tg.logsumexp(z + c), tg.logsumexp(z) + c, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_M13_large_logits_are_finite_and_right(dtype: Any) -> None:
    z = leaf(np.array([[1e4, -1e4, 0], [-1e4, 0, 1e4], [1e4, 1e4, -1e4]], dtype))
    loss = tg.softmax_cross_entropy(z, [0, 0, 1], reduction="none")
    loss.sum().backward()
    np.testing.assert_allclose(loss.data, [0, 2e4, np.log(2)], rtol=1e-6)
    np.testing.assert_array_equal(z.grad.data, [[0, 0, 0], [-1, 0, 1], [0.5, -0.5, 0]])
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(softmax(z.data)).any()  # without the shift


@given(Z)
def test_M14_differences_of_logits_are_log_odds(z: Any) -> None:
    a = tg.softmax(z)
    assert (a > 0).all()
    for i in range(len(z)):
        np.testing.assert_allclose(np.log(a[i] / a), z[i] - z, atol=1e-12)
    np.testing.assert_allclose(tg.softmax(z[:2])[0], tg.sigmoid(z[0] - z[1]), rtol=1e-13)


def softplus(z: Any) -> Any:
    return np.log(1 + np.exp(z))


def test_M14_only_the_exponential_gives_a_minus_y() -> None:
    """With a_j = f(z_j) / sum f the gradient is f'/f (a - y), which is a - y for f = exp alone."""
    z, y = np.array([0.5, -1.0, 2.0]), np.array([0.25, 0.25, 0.5])
    for f, ratio in ((np.exp, np.ones(3)), (softplus, 1 / (1 + np.exp(-z)) / softplus(z))):
        a = f(z) / f(z).sum()
        found = gradient(lambda z, f=f: cross_entropy(f(z) / np.sum(f(z)), y), z)
        np.testing.assert_allclose(found, ratio * (a - y), rtol=1e-12)
        assert np.allclose(found, a - y) == (f is np.exp)
        assert np.allclose(np.log(a[0] / a), z[0] - z) == (f is np.exp)  # nor are the logits log-odds
