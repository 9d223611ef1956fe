"""Calls made in other ways, integers among floats, and what NumPy refuses: as NumPy has it."""

from __future__ import annotations

import math
import operator
import re
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import (
    BoundsError,
    DataError,
    DtypeError,
    GradientError,
    LinAlgError,
    ShapeError,
    TinygradError,
    UnsupportedError,
)

V = np.array([3.0, 1.0, 2.0])
M = np.arange(12.0).reshape(3, 4)


def leaf(data: Any, dtype: Any = np.float64) -> tg.Tensor:
    return tg.Tensor(np.array(data, dtype), requires_grad=True)


def slope(f: Any, at: float, h: float = 1e-6) -> Any:
    return (f(at + h) - f(at - h)) / (2 * h)


# ---- a Tensor that is given by its keyword ----

KEYWORDS = [
    "np.argmax(a=t)", "np.allclose(V, b=t)", "np.zeros_like(a=t)", "np.any(a=t)", "np.isclose(V, b=t)",
    "np.isin(V, test_elements=t)", "np.argsort(a=t)", "np.searchsorted(V, v=t)", "np.digitize(V, bins=u)",
    "np.array_equal(V, a2=t)", "np.bincount([0, 1, 1], weights=t)", "np.any(V, where=u > 1)", "np.sum(a=t)",
]  # fmt: skip


@pytest.mark.parametrize("call", KEYWORDS)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_tensor_by_its_keyword(call: str, requires_grad: bool) -> None:
    t, u = tg.Tensor(V, requires_grad=requires_grad), tg.Tensor([1.0, 2.0, 2.5])
    found = eval(call, {"np": np, "V": V, "t": t, "u": u})
    expected = eval(call, {"np": np, "V": V, "t": V, "u": u.numpy()})
    assert np.array_equal(found.data if isinstance(found, tg.Tensor) else found, expected)


# ---- integers beside floats ----


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_gradients_beside_integers_that_would_run_over(dtype: Any) -> None:
    most = int(min(np.iinfo(dtype).max, 50_000))
    n = np.array([most], dtype)
    cases = {
        "arctan2": (lambda a: np.arctan2(a, n), lambda a: np.arctan2(a, float(most)), 1.0),
        "of arctan2": (lambda a: np.arctan2(n, a), lambda a: np.arctan2(float(most), a), 1.0),
        "hypot": (lambda a: np.hypot(a, n), lambda a: np.hypot(a, float(most)), float(most)),
        "power": (lambda a: n**a, lambda a: float(most) ** a, 1.5),
        "logaddexp": (lambda a: np.logaddexp(n, a), lambda a: np.logaddexp(float(most), a), float(most)),
    }
    for name, (ours, plain, at) in cases.items():
        a = leaf([at])
        ours(a).sum().backward()
        np.testing.assert_allclose(a.grad.data, [slope(plain, at, 1e-4)], rtol=1e-5, err_msg=name)


def test_a_negative_integer_exponent() -> None:
    a = leaf([1.01])
    (a ** np.array([-128], np.int8)).sum().backward()
    np.testing.assert_allclose(a.grad.data, -128 * 1.01**-129.0, rtol=1e-12)


@pytest.mark.parametrize("x", [
    np.full((4, 4), 200, np.uint8), np.array([78], np.int8), np.array([50_000, 50_000], np.int32),
], ids=["uint8", "int8", "int32"])  # fmt: skip
@pytest.mark.parametrize("order", [None, 0, 1, 2, -1, np.inf])
def test_norms_of_integers(x: Any, order: Any) -> None:
    if x.ndim == 2 and order == 0:
        pytest.skip("no norm of matrices")
    found, expected = np.linalg.norm(tg.Tensor(x), order), np.linalg.norm(x, order)
    assert found.dtype == expected.dtype == np.float64
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)


@pytest.mark.parametrize("order", [0.5, 0.9, -0.5, -2])
@pytest.mark.parametrize("x", [[0.0, 4.0, -1.0], [0.0, 0.0], [2.0, -0.0], []], ids=str)
def test_norms_of_an_order_below_1_where_entries_are_0(x: Any, order: float) -> None:
    with np.errstate(divide="ignore"):
        found, expected = np.linalg.norm(leaf(x), order), np.linalg.norm(np.array(x), order)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)


@pytest.mark.parametrize("call", [
    "np.nanmax(x)", "np.nanmin(x, 1)", "np.nanvar(x, 0)", "np.nanstd(x)", "np.copysign(x, -1)",
    "np.copysign(-1, x)", "np.gradient(x)", "np.linspace(x, 9, 4)", "np.linspace(0, x, 4)",
    "np.block([x, x])", "np.meshgrid(x, x)",
])  # fmt: skip
def test_functions_of_integers_have_the_dtype_of_numpys(call: str) -> None:
    x = np.array([[3, 1, 2], [7, 8, 4]])
    expected, found = (eval(call, {"np": np, "x": kind(x)}) for kind in (np.asarray, tg.Tensor))
    for y, a in zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]:
        assert a.dtype == y.dtype
        np.testing.assert_allclose(a.data, y, rtol=1e-12)


@pytest.mark.parametrize("function", [np.nanmax, np.nanmin, np.nanvar, np.nanstd])
def test_where_all_is_nan_so_is_what_is_made_of_it(function: Any) -> None:
    x = leaf([[np.nan, np.nan], [1.0, np.nan], [2.0, 5.0]])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y, expected = function(x, axis=1), function(x.numpy(), axis=1)
    np.testing.assert_allclose(y.data, expected)
    y[2].backward()
    assert np.isfinite(x.grad.data[2]).all()


def test_copysign_sees_the_sign_of_zero_and_mixes_dtypes_as_numpy() -> None:
    y = np.copysign(leaf([1.0, 0.0, np.inf]), [-0.0, -1.0, -np.inf])
    assert np.signbit(y.data).all()
    assert np.copysign(leaf(V, np.float32), V).dtype == np.float64
    assert np.copysign(leaf(V, np.float32), -1.0).dtype == np.float32
    assert np.copysign(V, leaf(V)).requires_grad is False  # by the sign there is no derivative


def test_averages_of_integers() -> None:
    x, weights = np.array([1, 2, 4], np.int8), np.array([100, 100, 100], np.int8)
    np.testing.assert_allclose(np.average(tg.Tensor(x), weights=weights).data, 7 / 3)


@pytest.mark.parametrize("function", [np.tril, np.triu])
@pytest.mark.parametrize("x", [np.ones((2, 3), bool), np.arange(6).reshape(2, 3), V], ids=str)
def test_triangles_keep_the_dtype_and_take_vectors(function: Any, x: Any) -> None:
    for k in -1, 0, 1:
        found, expected = function(tg.Tensor(x), k), function(x, k)
        assert found.dtype == expected.dtype
        assert np.array_equal(found.data, expected)


def test_quantiles_keep_float32() -> None:
    for q in 0, 0.5, 1:
        assert np.quantile(leaf(V, np.float32), q).dtype == np.float32


# ---- gradients at the edges ----


def test_quantiles_have_a_gradient_by_q_and_are_checked_in_programs_too() -> None:
    q = leaf(0.3)
    np.quantile(np.array([1.0, 2.0, 4.0]), q).backward()
    assert q.grad.item() == 2  # (2 - 1) (3 - 1)
    with pytest.raises(DataError, match="from 0 to 1"):
        np.quantile(V, leaf(1.1))
    compiled = tg.compile(np.quantile)
    for q in 0.3, 0.6, 0.9, 0.5:
        np.testing.assert_allclose(compiled(V, np.array(q)), np.quantile(V, q))
    with pytest.raises(DataError, match="from 0 to 1"):
        compiled(V, np.array(1.5))


@pytest.mark.parametrize("n", [1000, 2**15, 65_504, 65_505, 70_000, 2**20])
def test_the_mean_of_more_than_float16_can_count(n: int) -> None:
    for scale in 1, 1024:
        x = leaf(np.ones(n), np.float16)
        (np.mean(x) * scale).backward()
        assert x.grad.dtype == np.float16
        np.testing.assert_allclose(x.grad.data[:3].astype(float), scale / n, rtol=2**-10, atol=2**-25)
    x = leaf(np.ones((3, n)), np.float16)
    y = np.mean(x, 1)
    y.backward(np.array([512.0, 1024.0, 2048.0], np.float16), create_graph=True)
    found = x.grad.data[:, 0].astype(float)
    np.testing.assert_allclose(found, np.array([512, 1024, 2048]) / n, rtol=2**-9, atol=2**-25)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_a_mean_of_many_is_to_the_last_bit_g_over_n(dtype: Any) -> None:
    g = np.random.default_rng(0).normal(size=50).astype(dtype)
    for n in 70_001, 2**17 - 1:
        x = leaf(np.ones((n, 50)), dtype)
        np.mean(x, 0).backward(g)
        assert np.array_equal(x.grad.data[-1], g / n)


def test_choose_is_checked_in_programs_too() -> None:
    choices = np.stack([V, -V])
    compiled = tg.compile(lambda places: np.choose(places, list(choices)))
    for places in [0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 1]:
        assert np.array_equal(compiled(np.array(places)), np.choose(places, choices))
    with pytest.raises(DataError, match="choose: 2 at"):
        compiled(np.array([0, 2, 1]))


def test_bincount_has_a_gradient_by_its_weights() -> None:
    places = np.array([0, 2, 2, 0])
    w, u = leaf([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 10.0, 100.0, 0.0])
    y = np.bincount(places, w, minlength=4)
    assert np.array_equal(y.data, np.bincount(places, w.numpy(), minlength=4))
    (y * u).sum().backward()
    assert w.grad.tolist() == u[places].tolist()
    assert np.bincount(tg.Tensor(places)).tolist() == [2, 0, 2]
    with pytest.raises(ShapeError, match=r"\(3,\) weights for \(4,\)"):
        np.bincount(places, leaf(V))
    with pytest.raises(UnsupportedError, match=r"np\.bincount"):
        np.histogram(V, weights=leaf(V))
    assert np.array_equal(np.histogram(tg.Tensor(V), weights=tg.Tensor(V))[0], np.histogram(V, weights=V)[0])


def test_clip_where_the_lower_bound_is_above_the_upper_one() -> None:
    x, lo, hi = leaf([0.0, 2.0, 5.0]), leaf([3.0, 3.0, 3.0]), leaf([1.0, 1.0, 1.0])
    np.clip(x, lo, hi).sum().backward()
    assert [t.grad.tolist() for t in (x, lo, hi)] == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]
    hi.zero_grad()
    np.clip(x, None, hi).sum().backward()
    assert hi.grad.tolist() == [0, 1, 1]


@pytest.mark.parametrize("size", [1.0, 1e6, 1e8])
def test_logaddexp_shares_the_gradient_also_of_large_numbers(size: float) -> None:
    a, b = leaf([size], np.float32), leaf([size], np.float32)
    for function in np.logaddexp, np.logaddexp2:
        a.zero_grad(), b.zero_grad()
        function(a, b).sum().backward()
        assert (a.grad.item(), b.grad.item()) == (0.5, 0.5)
    a = leaf([np.inf])
    np.logaddexp(a, 0.0).sum().backward()
    assert a.grad.item() == 1
    second = tg.grad(tg.grad(lambda x: np.logaddexp(x, 1.0)))(1.0)
    np.testing.assert_allclose(second, 0.25)


@pytest.mark.parametrize("function", [np.sum, np.max, np.min, np.nansum])
@pytest.mark.parametrize("axis", [0, -1, None])
def test_the_axis_of_a_number(function: Any, axis: Any) -> None:
    x = leaf(2.0)
    function(x, axis=axis).backward()
    assert (x.grad.item(), x.grad.shape) == (1, ())


def test_modf_of_infinities() -> None:
    x = np.array([np.inf, -np.inf, 2.5, -0.25])
    for found, expected in zip(np.modf(tg.Tensor(x)), np.modf(x), strict=True):
        assert np.array_equal(found.data, expected)


EINSUMS = [
    ("i,i", (3,), (1,)), ("i,i", (1,), (3,)), ("ii,ii->i", (2, 2), (1, 1)), ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,ij->", (1, 3), (2, 1)), ("ijk,ik->ij", (2, 3, 1), (1, 4)), ("...j,j->...", (2, 3, 4), (1,)),
    ("ij,ik->j", (1, 3), (4, 2)), ("ii->i", (3, 3)), ("ij->", (2, 3)), ("i,i,i->", (3,), (1,), (3,)),
]  # fmt: skip


@pytest.mark.parallel_threads_limit(2)  # it is long
@pytest.mark.parametrize(("subscripts", "shapes"), [(s, shapes) for s, *shapes in EINSUMS], ids=str)
def test_einsum_stretches_axes_of_length_1(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    y = np.einsum(subscripts, *map(leaf, arrays))
    np.testing.assert_allclose(y.data, np.einsum(subscripts, *arrays))
    for optimize in False, True:
        tg.check_grads(lambda *x, how=optimize: np.einsum(subscripts, *x, optimize=how), *arrays)


def test_reshape_counts_along_the_first_axis_too() -> None:
    x = np.arange(6.0)
    assert leaf(x).reshape(2, 3, order="F").data.tolist() == x.reshape(2, 3, order="F").tolist()
    assert leaf(x).reshape((3, -1)).shape == (3, 2)


# ---- what small dtypes, infinities and NaN do ----


def test_gradient_along_coordinates_in_small_integers_does_not_run_over() -> None:
    x, at = [1.0, 4.0, 9.0], np.array([9, 5, 0], np.uint8)
    np.testing.assert_allclose(np.gradient(leaf(x), at).data, np.gradient(x, at), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("spacing", [
    0.5, np.float64(0.5), np.float32(0.5), np.array([0.0, 1.0, 3.0]), np.array([0, 1, 3], np.int8),
    np.array([0.0, 1.0, 3.0], np.float16), [0, 1, 3],
], ids=str)  # fmt: skip
@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient_has_the_dtype_of_what_it_is_of(dtype: Any, spacing: Any, edge_order: int) -> None:
    x = np.array([1.0, 4.0, 9.0], dtype)
    t = leaf(x, dtype)
    found, expected = (np.gradient(a, spacing, edge_order=edge_order) for a in (t, x))
    assert found.dtype == expected.dtype == dtype
    least = np.float16 if getattr(spacing, "dtype", None) == np.float16 else dtype
    np.testing.assert_allclose(found.data, expected, rtol=4 * np.finfo(least).eps)
    found.sum().backward()
    assert t.grad.dtype == dtype


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd, np.nanmean])
def test_spread_of_more_than_float16_can_count(function: Any) -> None:
    x = np.tile([0.1, -0.1], 35_000).astype(np.float16)
    if function is np.nanmean:
        x[::2] = 0  # what NumPy adds up must stay below 65504
    t = leaf(x, np.float16)
    y, expected = function(t), function(x)
    assert y.dtype == expected.dtype == np.float16
    np.testing.assert_allclose(float(y), expected, rtol=2**-9)
    (y * 1024).backward()
    exact = tg.grad(lambda x: 1024 * function(x))(x.astype(float))
    np.testing.assert_allclose(t.grad.data[:4].astype(float), exact[:4], rtol=2**-8)
    compiled = tg.compile(function)
    for scale in 1, 2:
        assert compiled(x * np.float16(scale)) == function(leaf(x * np.float16(scale), np.float16)).data


def test_an_average_without_weights_counts_in_float16_too() -> None:
    x = leaf(np.tile([0.5, 0.0], 35_000), np.float16)
    assert float(np.average(x)) == 0.25


@pytest.mark.parametrize("kwargs", [{}, {"sparse": True}, {"indexing": "ij"}], ids=str)
def test_meshgrid_of_a_tensor_and_an_array_gives_tensors(kwargs: Any) -> None:
    t, plain = leaf(V), np.array([1, 2])
    found, expected = np.meshgrid(t, plain, **kwargs), np.meshgrid(V, plain, **kwargs)
    assert all(isinstance(a, tg.Tensor) for a in found)
    assert [a.requires_grad for a in found] == [True, False]
    for a, y in zip(found, expected, strict=True):
        assert (a.dtype, a.data.flags.writeable) == (y.dtype, True)
        assert np.array_equal(a.data, y)
    found[1].data[0, 0] = 7
    assert plain.tolist() == [1, 2]
    for y in tg.meshgrid(V, plain, **kwargs):
        assert isinstance(y, np.ndarray)
        assert y.flags.writeable
    compiled = tg.compile(lambda x: np.meshgrid(x, plain, **kwargs))
    for x in V, V + 1:
        for y, a in zip(compiled(x), np.meshgrid(x, plain, **kwargs), strict=True):
            assert np.array_equal(y, a)


@pytest.mark.parametrize(("function", "far"), [(np.nanmax, -np.inf), (np.nanmin, np.inf)])
def test_only_numbers_share_the_gradient_of_an_extreme(function: Any, far: float) -> None:
    for data, expected in (
        ([far, np.nan], [1, 0]), ([far, np.nan, far], [0.5, 0, 0.5]), ([1.0, np.nan, 1.0], [0.5, 0, 0.5]),
    ):  # fmt: skip
        x = leaf(data)
        function(x).backward()
        assert x.grad.tolist() == expected


def test_an_extreme_has_a_gradient_in_axes_and_in_programs() -> None:
    x = np.array([[1.0, np.nan, 5.0], [2.0, 8.0, 8.0]])
    for axis, keepdims in (0, False), (1, True), ((0, 1), False), (None, True):
        def f(x: Any, axis: Any = axis, keepdims: bool = keepdims) -> Any:
            return np.square(np.nanmax(x, axis, keepdims=keepdims)).sum()

        full = np.nan_to_num(x, nan=-9.0)
        np.testing.assert_allclose(tg.grad(f)(x), tg.grad(f)(full))
        np.testing.assert_allclose(tg.compile(tg.grad(f))(x), tg.grad(f)(full))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.float16, np.bool_])
@pytest.mark.parametrize("sign", [
    -1.0, -1, np.float32(-1), np.array([-1, 1], np.int8), np.array([-1.0, 1.0]),
], ids=str)  # fmt: skip
def test_copysign_of_any_dtype(dtype: Any, sign: Any) -> None:
    x = np.array([np.iinfo(dtype).min if np.issubdtype(dtype, np.signedinteger) else 1, 0], dtype)
    for found, expected in (
        (np.copysign(tg.Tensor(x), sign), np.copysign(x, sign)),
        (np.copysign(sign, tg.Tensor(x)), np.copysign(sign, x)),
    ):
        assert found.dtype == expected.dtype
        assert found.data.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.float16, np.float32, np.bool_])
def test_sigmoid_of_any_dtype(dtype: Any) -> None:
    least = np.iinfo(dtype).min if np.issubdtype(dtype, np.signedinteger) else 0
    x = np.array([least, 1, 0], dtype)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        expected = (1 / (1 + np.exp(-wide))).astype(np.exp(x).dtype)
    for found in (tg.sigmoid(x), tg.sigmoid(tg.Tensor(x)).data):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=2 * np.finfo(found.dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_erf_keeps_the_dtype(dtype: Any) -> None:
    pytest.importorskip("scipy")
    x = tg.Tensor(np.array([-1.0, 0.5], dtype), requires_grad=True)
    y = tg.erf(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    exact = [math.erf(value) for value in x.data.tolist()]
    np.testing.assert_allclose(y.data, exact, rtol=2 * np.finfo(dtype).eps)


def test_erf_of_complex_numbers_is_left_to_scipy() -> None:
    x = np.array([1 + 1j, 2.0])
    assert np.array_equal(tg.erf(x), pytest.importorskip("scipy.special").erf(x))


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (0, 2)])
def test_what_arrays_say_of_themselves(shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    t = tg.Tensor(x, requires_grad=True)
    assert (t.nbytes, t.itemsize, len(t)) == (x.nbytes, x.itemsize, len(x))
    (t.mT * x.mT).sum().backward()
    assert np.array_equal(t.mT.data, x.mT)
    assert np.array_equal(t.grad.data, x)


def test_signs_of_one_tensor() -> None:
    x = leaf([1.5, -2.0, 0.0])
    (np.array([1.0, 10.0, 100.0]) * (-x + 2 * +x + 3 * abs(x))).sum().backward()
    assert x.grad.tolist() == [4.0, -20.0, 100.0]
    assert (~tg.Tensor([True, False])).tolist() == [False, True]
    assert (~tg.Tensor([5, -1])).tolist() == [-6, 0]
    with pytest.raises(DtypeError, match="invert"):
        operator.invert(x)
    with pytest.raises(DtypeError, match="negative"):
        operator.neg(tg.Tensor([True]))


SPANS = [
    (-np.inf, 1.0), (1.0, np.inf), (0.0, np.nan), (0.1, 0.7), (-3.0, 1e-3), (0.0, 5e-324), (2.0, 2.0),
    (-1e300, 1e300),
]  # fmt: skip


@pytest.mark.parametrize(("start", "stop"), SPANS, ids=str)
@pytest.mark.parametrize("num", [0, 1, 2, 3, 11])
@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace_has_the_bits_of_numpys(start: float, stop: float, num: int, endpoint: bool) -> None:
    with np.errstate(all="ignore"):
        for dtype in np.float64, np.float32, np.float16:
            a, b = np.array(start, dtype), np.array([stop, 0.3], dtype)
            expected, step = np.linspace(a, b, num, endpoint, True)
            for x, y in (tg.Tensor(a), b), (a, tg.Tensor(b)), (leaf(a, dtype), leaf(b, dtype)):
                found, gap = np.linspace(x, y, num, endpoint, True)
                assert found.dtype == expected.dtype
                assert np.array_equal(found.data, expected, equal_nan=True)
                assert np.array_equal(getattr(gap, "data", gap), step, equal_nan=True)
                assert np.shape(gap) == np.shape(step)


def test_linspace_takes_a_whole_number_of_numbers() -> None:
    with pytest.raises(TypeError):
        np.linspace(0.0, leaf(1.0), 2.5)


@pytest.mark.parametrize("order", [None, 0, 1, 2, 3, 0.5, -1, -0.5, np.inf, -np.inf])
@pytest.mark.parametrize("x", [[np.nan, 0.0, 1.0], [np.nan, 2.0], [np.inf, 0.0], [0.0, 3.0]], ids=str)
def test_norms_where_there_is_a_nan(x: Any, order: Any) -> None:
    with np.errstate(all="ignore"):
        found, expected = np.linalg.norm(leaf(x), order), np.linalg.norm(np.array(x), order)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd])
def test_ddof_and_correction_are_one_number(function: Any) -> None:
    for x in V, leaf(V):
        with pytest.raises(ValueError, match="ddof"):
            function(x, ddof=1, correction=1)
    assert float(function(leaf(V), correction=1)) == function(V, correction=1)


# ---- what NumPy refuses ----

REFUSED: list[tuple[str, type[Exception], str]] = [
    ("np.quantile(t, -0.1)", DataError, "from 0 to 1"),
    ("np.quantile(t, np.nan)", DataError, "from 0 to 1"),
    ("np.percentile(t, -5)", DataError, "from 0 to 100"),
    ("np.percentile(t, [50, 101])", DataError, "from 0 to 100"),
    ("np.vecdot(m, np.ones(1))", ShapeError, "of one length"),
    ("np.average(m, axis=0, weights=np.ones(1))", ShapeError, r"weights of shape \(1,\)"),
    ("np.vsplit(t, 3)", ShapeError, "2 at least"),
    ("np.dsplit(m, 2)", ShapeError, "3 at least"),
    ("np.hsplit(t[0], 1)", ShapeError, "1 at least"),
    ("np.linalg.matrix_power(t, 1)", ShapeError, "square"),
    ("np.linalg.matrix_power(m, 2)", ShapeError, "square"),
    ("np.triu(t[0])", ShapeError, "reshape"),
    ("np.diff(t, -1)", DataError, "n must be"),
    ("np.split(t, 0)", ShapeError, "1 at least"),
    ("np.array_split(t, 0)", ShapeError, "1 at least"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=[call for call, *_ in REFUSED])
def test_refused(call: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        eval(call, {"np": np, "t": leaf(V), "m": leaf(M)})
    with pytest.raises((ValueError, IndexError, TypeError, ArithmeticError, np.linalg.LinAlgError)):
        eval(call, {"np": np, "t": V, "m": M})


@pytest.mark.parametrize("start", range(-3, 4))
@pytest.mark.parametrize("axis", range(-3, 3))
def test_rollaxis(axis: int, start: int) -> None:
    x = np.ones((2, 3, 4))
    assert np.rollaxis(tg.Tensor(x), axis, start).shape == np.rollaxis(x, axis, start).shape


@pytest.mark.parametrize("call", [
    "np.linalg.cholesky(s - 2)", "np.linalg.inv(s * 0)", "np.linalg.solve(s * 0, s)",
    "np.linalg.svd(s * np.nan)", "np.linalg.matrix_power(s * 0, -1)",
])  # fmt: skip
def test_matrices_without_what_is_asked_for(call: str) -> None:
    with np.errstate(all="ignore"):
        for s in np.eye(2), leaf(np.eye(2)):
            with pytest.raises(np.linalg.LinAlgError):
                eval(call, {"np": np, "s": s})
        with pytest.raises(LinAlgError, match=r"(?i)positive definite|singular|converge"):
            eval(call, {"np": np, "s": leaf(np.eye(2))})
    with pytest.raises(ShapeError, match="square"):
        np.linalg.inv(leaf(M))


# ---- primitives and transforms that are told wrongly ----


def test_a_primitive_has_one_rule_for_each_input() -> None:
    with pytest.raises(UnsupportedError, match="no rule"):
        tg.primitive(lambda x: x, "x", name="forgotten")
    with pytest.raises(UnsupportedError, match=r"1 rules, but it has inputs \('a', 'b'\)"):
        tg.primitive(lambda a, b: a * b, "a b", lambda g, y, a, b: g * b, name="half")


def test_a_rule_that_says_that_its_results_fit_is_not_looked_at() -> None:
    def made(fits: bool) -> Any:
        return tg.primitive(lambda x: x * 1, "x", lambda g, y, x: g.sum(), name=f"fits {fits}", fits=fits)

    with pytest.raises(GradientError, match="rule of fits False"):
        made(False)(leaf(V)).sum().backward()
    x = leaf(V)
    made(True)(x).sum().backward()
    assert x.grad.shape == ()  # as the rule gave it, against its word


def test_grad_wants_a_real_number() -> None:
    for f in (lambda x: np.all(x > 0), lambda x: np.argmax(x), lambda x: np.sum(x > 0), lambda x: 3):
        with pytest.raises(GradientError, match="no derivative"):
            tg.grad(f)(V)
    assert tg.grad(lambda x: 3.0)(V).tolist() == [0, 0, 0]


def test_argnums_are_numbers_and_name_each_argument_once() -> None:
    for argnums in (0, 0), (0, -2):
        with pytest.raises(UnsupportedError, match="twice"):
            tg.grad(lambda a, b: a * b, argnums)(1.0, 2.0)
    with pytest.raises(UnsupportedError, match="'x'"):
        tg.grad(lambda a: a, "x")(1.0)


def test_a_gradient_by_many_numbers_takes_time_in_proportion() -> None:
    calls = 0

    class Counted(list[float]):
        def __iter__(self) -> Any:
            nonlocal calls
            calls += 1
            return super().__iter__()

    tg.grad(lambda x: sum(x))(Counted([1.0] * 50))
    assert calls < 20


def test_a_constant_result_stands_in_the_readable_source() -> None:
    program = tg.trace(tg.grad(lambda x, unused: (x * x).sum(), (0, 1)), V, V)
    names: dict[str, Any] = {}
    exec(program.source(), names)
    found = list(names["program"](V, V).values())
    assert [array.tolist() for array in found] == [(2 * V).tolist(), [0, 0, 0]]


# ---- what is wrong with a call ----

AXES = """
np.sum(x, axis=@)  np.mean(x, axis=@)  np.prod(x, axis=@)  np.max(x, axis=@)  np.min(x, axis=@)
np.var(x, axis=@)  np.std(x, axis=@)  np.median(x, axis=@)  np.ptp(x, axis=@)  np.nansum(x, axis=@)
np.nanmean(x, axis=@)  np.quantile(x, 0.5, axis=@)  np.percentile(x, 50, axis=@)  np.average(x, axis=@)
np.average(x, axis=@, weights=V)  np.cumsum(x, axis=@)  np.cumprod(x, axis=@)  np.diff(x, axis=@)
np.diff(x, axis=@, prepend=0.0)  np.sort(x, axis=@)  np.partition(x, 1, axis=@)  np.argsort(x, axis=@)
np.argmax(x, axis=@)  np.flip(x, axis=@)  np.roll(x, 1, axis=(2, @))  np.rot90(x, axes=(0, @))
np.expand_dims(x, axis=@)  np.squeeze(x, axis=@)  np.swapaxes(x, 0, @)  np.moveaxis(x, @, 0)
np.moveaxis(x, 0, @)  np.rollaxis(x, @)  np.transpose(x, (0, @))  np.append(x, x, axis=@)
np.concatenate((x, x), axis=@)  np.stack((x, x), axis=@)  np.split(x, 1, axis=@)
np.array_split(x, 2, axis=@)  np.repeat(x, 2, axis=@)  np.take(x, [0], axis=@)
np.take_along_axis(x, np.array([[0]]), axis=@)  np.compress([True], x, axis=@)  np.trace(x, axis2=@)
np.diagonal(x, axis1=@)  np.size(x, @)  np.tensordot(x, x, axes=(@, 0))  np.cross(x, x, axisa=@)
np.cross(x, x, axisc=@)  np.linalg.norm(x, axis=@)  np.linalg.norm(x, 3, axis=@)
np.linalg.norm(x, axis=(0, @))
"""
CALLS = [call for line in AXES.splitlines() for call in line.split("  ") if call]


@pytest.mark.parametrize("axis", ["7", "-7", "1.5", "(0, 0)", "(0, 7)", "'a'"])
@pytest.mark.parametrize("call", CALLS)
def test_axes_that_are_none(call: str, axis: str) -> None:
    """An error of the package, of NumPy's kind, that names the op, and for numbers the shape."""
    scope = {"np": np, "V": V, "x": leaf(np.ones((2, 3)))}
    call = call.replace("@", axis)
    with pytest.raises(TinygradError, match=r"^\w+: ") as raised:
        eval(call, scope)
    if "norm" not in call or axis != "1.5":  # where NumPy takes the whole part of it
        with pytest.raises((ValueError, IndexError, TypeError)) as numpys:
            eval(call, {**scope, "x": np.ones((2, 3))})
        kind = TypeError if isinstance(numpys.value, TypeError) else (ShapeError, BoundsError)
        assert isinstance(raised.value, kind)
    if axis in ("7", "-7"):
        name = call.partition("(")[0].rpartition(".")[2]
        assert isinstance(raised.value, ShapeError)
        assert re.match(rf"{name}: .*\(2, 3\).*(axis -?\d is out of bounds|out of range)", str(raised.value))


@pytest.mark.parametrize(("call", "kind", "words"), [
    ("np.moveaxis(M, (0, 1), 0)", ShapeError, "moveaxis: .* 2 .* 1; "),
    ("np.linalg.norm(M[0], 'fro')", ShapeError, "norm: .*'fro'"),
    ("np.linalg.matrix_power(M[:, :3], 1.5)", DtypeError, "matrix_power: .*'float'"),
    ("np.percentile(M, 'a')", DtypeError, "percentile: "),
    ("np.var(M, ddof='a')", DtypeError, "var: "),
    ("np.einsum('ij,jk', M)", ShapeError, r"einsum: .*\(3, 4\)"),
    ("np.full_like(M, [1.0, 2.0])", ShapeError, "broadcast"),
])  # fmt: skip
def test_other_calls_that_cannot_be(call: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        eval(call, {"np": np, "M": leaf(M)})


def test_a_program_names_what_is_wrong_in_a_composition() -> None:
    with pytest.raises(ShapeError, match=r"median: .*\(3, 4\).*axis 7 is out of bounds"):
        tg.trace(lambda x: np.median(x, axis=7), leaf(M))
