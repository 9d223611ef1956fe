"""How exact the fused softmax with cross-entropy is: within the bounds of bench_fidelity.py of 400 digits.

For class indices and one-hot rows the bounds are relative, for each loss and each entry of the gradient; for
soft targets absolute. The letters: z logits, t targets.
"""

from __future__ import annotations

import decimal
import gc
import threading
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
from bench.bench_fidelity import KINDS, SIGMAS, Exact, bounds, cases, fused, relative
from scipy import special

import tinygrad_sm as tg

FLOATS = [np.float32, np.float64]
BATCHES = {2: 30, 3: 30, 11: 10, 100: 2, 1000: 1}
INF = np.inf
LOCK = threading.Lock()


@cache
def worked_out(sigma: float, dtype: Any) -> list[Any]:
    return list(cases(sigma, dtype, BATCHES))


def known_cases(sigma: float, dtype: Any) -> list[Any]:
    """The cases with their 400 digits, which take long: worked out by the first thread that asks."""
    with LOCK:
        return worked_out(sigma, dtype)


@pytest.mark.parallel_threads_limit(2)  # it is long
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_every_loss_and_every_entry_of_the_gradient_is_right(sigma: float, dtype: Any) -> None:
    seen = set()
    for case in known_cases(sigma, dtype):
        seen.add(case.kind)
        losses, gradient = fused(case.z, case.t)
        assert losses.dtype == gradient.dtype == dtype
        assert np.isfinite(losses).all()
        assert np.isfinite(gradient).all()
        found, allowed = case.errors(losses, gradient), bounds(case.kind, dtype)
        assert found[0] <= allowed[0], f"{case.kind}, K = {case.z.shape[1]}: loss"
        assert found[1] <= allowed[1], f"{case.kind}, K = {case.z.shape[1]}: gradient"
        tiny = 2 * np.finfo(dtype).tiny  # and what is too small for a bound stays small
        assert (np.abs(gradient[np.abs(case.gradient.high) < tiny / 2]) < tiny).all()
    assert seen == set(KINDS)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_mean_is_as_exact(dtype: Any) -> None:
    for case in cases(10, dtype, {3: 20, 11: 10}):
        if case.kind == "soft":
            continue
        z = tg.Tensor(case.z, requires_grad=True)
        tg.softmax_cross_entropy(z, case.t).backward()
        scaled = z.grad.data.astype(np.longdouble) * len(case.z)
        normal = np.abs(case.gradient.high) >= 100 * np.finfo(dtype).tiny
        error = np.abs(scaled - case.gradient.high)[normal] / np.abs(case.gradient.high[normal])
        assert error.max() <= bounds(case.kind, dtype)[1]


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_common_form_is_not_within_the_bounds(dtype: Any) -> None:
    """softmax(z) - y, as it is written everywhere, loses the target's entry: the bounds tell them apart."""
    for case in cases(10, dtype, {3: 20}):
        if case.kind == "index, right":
            common = special.softmax(case.z, 1) - np.eye(3, dtype=dtype)[case.t]
            assert relative(common, case.gradient, dtype) > 1000 * bounds(case.kind, dtype)[1]


def test_a_sample_that_is_all_but_certain_still_has_a_gradient() -> None:
    """By hand, with 60 digits: a_1 = a_2 = 1 / (e^20 + 2) at z = [20, 0, 0]."""
    with decimal.localcontext(prec=60):
        a = 1 / (decimal.Decimal(20).exp() + 2)
        expected = np.array([[-2 * a, a, a]]).astype(np.float64)
        loss = float(-(1 - 2 * a).ln())
    assert f"{expected[0, 0]:.3g}" == "-4.12e-09"
    truth = Exact([[20, 0, 0]]).by_index([0])
    np.testing.assert_allclose(truth[0].high, loss, rtol=1e-15)
    np.testing.assert_allclose(truth[1].high, expected, rtol=1e-15)
    for dtype in FLOATS:
        z = np.array([[20, 0, 0]], dtype)
        for t in (np.array([0]), np.array([[1, 0, 0]], dtype)):
            losses, gradient = fused(z, t)
            np.testing.assert_allclose(losses, loss, rtol=2 * np.finfo(dtype).eps)
            np.testing.assert_allclose(gradient, expected, rtol=2 * np.finfo(dtype).eps)


def test_the_truth_is_the_sum_of_its_parts() -> None:
    """Against 60 digits of another library, and against the sum of a gradient, which is 0."""
    z = np.random.default_rng(0).normal(0, 3, (5, 4))
    t = np.array([0, 1, 2, 3, 0])
    y = np.random.default_rng(1).dirichlet(np.ones(4), 5)
    exact = Exact(z)
    (losses, gradient), (soft_losses, soft_gradient) = exact.by_index(t), exact.by_distribution(y)
    with decimal.localcontext(prec=60):
        for i, row in enumerate(z):
            e = [decimal.Decimal(float(x)).exp() for x in row]
            log_a = [(x / sum(e)).ln() for x in e]
            assert losses.high[i] == float(-log_a[t[i]])
            expected = -sum(decimal.Decimal(float(p)) * q for p, q in zip(y[i], log_a, strict=True))
            assert soft_losses.high[i] == float(expected)
            a = [x / sum(e) - (j == t[i]) for j, x in enumerate(e)]
            np.testing.assert_array_equal(gradient.high[i], np.array(a, np.float64))
    np.testing.assert_allclose(gradient.high.sum(1), 0, atol=1e-15)
    np.testing.assert_allclose(soft_gradient.high.sum(1), 0, atol=1e-15)


# ---- the largest logits, and infinite ones ----


@pytest.mark.parametrize("dtype", FLOATS)
def test_logits_of_ten_thousand(dtype: Any) -> None:
    z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [1e4, 1e4 - 1, -1e4]], dtype)
    exact = Exact(z)
    for t in ([0, 1, 2], [1, 0, 1], [2, 2, 0]):
        losses, gradient = fused(z, np.array(t))
        truth = exact.by_index(t)
        assert relative(losses, truth[0], dtype) <= 2 * np.finfo(dtype).eps
        assert relative(gradient, truth[1], dtype) <= 2 * np.finfo(dtype).eps
        assert np.abs(gradient.sum(1)).max() <= np.finfo(dtype).eps


@pytest.mark.parallel_threads_limit(2)  # it is long
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", [3, 11, 300])
def test_masked_classes_are_as_if_they_were_not_there(k: int, dtype: Any) -> None:
    rng = np.random.default_rng(k)
    z = rng.normal(0, 10, (6, k)).astype(dtype)
    mask = rng.random((6, k)) < 0.4
    mask[:, 0] = False
    t = np.array([rng.choice(np.flatnonzero(~row)) for row in mask])
    y = rng.dirichlet(np.ones(k), 6)
    y[mask] = 0
    y = (y / y.sum(1, keepdims=True)).astype(dtype)
    whole = np.where(mask, dtype(-INF), z)
    losses, gradient = fused(whole, t)
    soft_losses, soft_gradient = fused(whole, y)
    assert not gradient[mask].any()
    assert not soft_gradient[mask].any()
    eps = np.finfo(dtype).eps
    for i, row in enumerate(mask):
        exact, place = Exact(z[i : i + 1, ~row]), np.flatnonzero(~row)
        truth = exact.by_index([int(np.flatnonzero(place == t[i])[0])])
        assert relative(losses[i : i + 1], truth[0], dtype) <= bounds("one-hot", dtype)[0]
        assert relative(gradient[i : i + 1, ~row], truth[1], dtype) <= bounds("one-hot", dtype)[1]
        truth = exact.by_distribution(y[i : i + 1, ~row])
        size = max(1, np.abs(z[i, ~row]).max())
        assert truth[0].error(soft_losses[i : i + 1]).max() <= 8 * eps * size
        assert truth[1].error(soft_gradient[i : i + 1, ~row]).max() <= 8 * eps * size


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinite_logits_share_all_the_probability(dtype: Any) -> None:
    z = np.array([[INF, 0, -INF], [INF, INF, 5], [-INF, -INF, 2], [INF, -INF, 1]], dtype)
    losses, gradient = fused(z, np.array([0, 1, 2, 2]))
    np.testing.assert_array_equal(losses, np.array([0, np.log1p(dtype(1)), 0, INF], dtype))
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [0.5, -0.5, 0], [0, 0, 0], [1, 0, -1]])


# ---- what it takes ----


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", [3, 300])
def test_a_second_backward_pass_gives_the_same_to_the_last_bit(k: int, dtype: Any) -> None:
    """The first one gives the memory of the exponentials away, so the second computes them anew."""
    rng = np.random.default_rng(k)
    z = rng.normal(0, 3, (k, 5)).astype(dtype).T
    z[0, 1], z[1, 2] = -INF, INF
    t = rng.integers(k, size=5)
    for options in ({}, {"weight": np.linspace(0.5, 2, k)}, {"ignore_index": int(t[2])}):
        leaf = tg.Tensor(z, requires_grad=True)
        losses = tg.softmax_cross_entropy(leaf, t, reduction="none", **options)
        before = losses.data.copy()
        found = []
        for _ in range(3):
            leaf.zero_grad()
            losses.backward(np.arange(1, 6, dtype=dtype))
            found.append(leaf.grad.data)
        assert np.isfinite(found[0]).all()
        for again in found[1:]:
            assert not np.shares_memory(again, found[0])
            np.testing.assert_array_equal(again, found[0])
        np.testing.assert_array_equal(losses.data, before)
        np.testing.assert_array_equal(leaf.data, z)


@pytest.mark.thread_unsafe(reason="tracemalloc sees all threads")
@pytest.mark.parametrize("shape", [(4096, 10), (1024, 60), (1024, 100), (4096, 1000)], ids=str)
def test_forward_and_backward_hold_two_arrays_of_the_logits_size_at_most(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    z = tg.Tensor(rng.normal(0, 2, shape).astype(np.float32), requires_grad=True)
    t = rng.integers(shape[1], size=shape[0])
    tg.softmax_cross_entropy(z, t).backward()
    z.zero_grad()
    gc.collect()
    tracemalloc.start()
    try:
        tg.softmax_cross_entropy(z, t).backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert z.grad is not None
    assert peak <= 2 * z.data.nbytes
