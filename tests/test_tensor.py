"""Tensors as arrays: what they hold and own, how Python and NumPy may use them, what is refused."""

from __future__ import annotations

import contextvars
import copy
import gc
import operator
import pickle
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_sm as tg
from tinygrad_sm.errors import (
    BoundsError,
    DtypeError,
    GradientError,
    ShapeError,
    TinygradError,
    UnsupportedError,
)


def leaf(data: Any, name: str | None = None, dtype: Any = None) -> tg.Tensor:
    return tg.Tensor(data, requires_grad=True, name=name, dtype=dtype)


@contextmanager
def refused(error: type[Exception], *words: str) -> Iterator[None]:
    """What is raised inside, and what it says, whatever the wording."""
    with pytest.raises(error) as raised:
        yield
    assert isinstance(raised.value, TinygradError)
    for word in words:
        assert word in str(raised.value)


# ---- what a tensor holds ----


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.0, "f8"), (1, "i8"), (True, "?"), ([1, 2.5], "f8"), ([[True], [False]], "?"), ((1, 2), "i8"),
        (range(3), "i8"),
        (np.float32(2), "f4"), (np.arange(3, dtype=np.int8), "i1"), (np.ones((2, 0), np.float16), "f2"),
        ([], "f8"),
        (np.zeros((1, 1, 1)), "f8"), (np.longdouble(1), "longdouble"),
    ],
)  # fmt: skip
def test_data_is_what_numpy_makes_of_it(data: Any, dtype: str) -> None:
    t, array = tg.Tensor(data), np.asarray(data)
    np.testing.assert_array_equal(t.data, array)
    assert type(t.data) is np.ndarray
    assert t.dtype == np.dtype(dtype)
    assert (t.shape, t.ndim, t.size) == (array.shape, array.ndim, array.size)
    assert (t.requires_grad, t.grad, t.node, t.name) == (False, None, None, None)
    assert leaf(data).dtype == (array.dtype if array.dtype.kind == "f" else np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, "float32"])
def test_the_dtype_asked_for(dtype: Any) -> None:
    for requires_grad in (False, True):
        assert tg.Tensor([1, 2], requires_grad, dtype=dtype).dtype == np.dtype(dtype)
        assert tg.Tensor(np.ones(2), requires_grad, dtype=dtype).dtype == np.dtype(dtype)
    assert tg.Tensor([1.0, 2.0], dtype=int).dtype == np.int64
    assert leaf([1.0, 2.0], dtype=int).dtype == np.float64


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (1j, DtypeError), ([1.0, 2j], DtypeError), (np.ones(2, np.complex64), DtypeError),
        ("1.0", DtypeError),
        (["a", "b"], DtypeError), (None, DtypeError), ([None, 1.0], DtypeError), ({}, DtypeError),
        (object(), DtypeError),
        (b"ab", DtypeError), (np.array(["2020-01-01"], "M8[D]"), DtypeError), (10**30, DtypeError),
        ([[1, 2], [3]], ShapeError), ([[1], 2], ShapeError),
    ],
)  # fmt: skip
@pytest.mark.parametrize("requires_grad", [False, True])
def test_only_real_numbers_are_data(data: Any, error: type[Exception], requires_grad: bool) -> None:
    with refused(error, "Tensor", "numbers"):
        tg.Tensor(data, requires_grad)


def test_a_dtype_that_is_not_real_is_refused() -> None:
    for dtype in (complex, object, "U3"):
        with refused(DtypeError, "Tensor", "real numbers"):
            tg.Tensor([1.0], dtype=dtype)


def test_names() -> None:
    x = leaf([1.0], name="x")
    assert x.name == "x"
    x.name = "input"
    assert repr(x) == "Tensor([1.], requires_grad=True, name='input')"
    y = x * 2
    y.name = "twice"
    assert (x.name, y.name) == ("input", "twice")


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (tg.Tensor(1.5), "Tensor(1.5)"),
        (tg.Tensor([1, 2]), "Tensor([1, 2])"),
        (tg.Tensor([True]), "Tensor([ True])"),
        (tg.Tensor(np.float32([1, 2])), "Tensor([1., 2.], dtype=float32)"),
        (leaf(2.0), "Tensor(2., requires_grad=True)"),
        (tg.Tensor([[1.0, 2.0], [3.0, 4.0]]), "Tensor([[1., 2.],\n        [3., 4.]])"),
    ],
)
def test_repr(t: tg.Tensor, text: str) -> None:
    assert repr(t) == str(t) == text


def test_the_repr_of_many_entries_is_short() -> None:
    assert len(repr(leaf(np.zeros((1000, 1000))))) < 1000


# ---- who owns the data ----


def test_a_tensor_that_requires_grad_owns_its_data() -> None:
    array = np.array([1.0, 2.0])
    x, constant = leaf(array), tg.Tensor(array)
    assert not np.shares_memory(x.data, array)
    assert np.shares_memory(constant.data, array)
    array[0] = 9
    assert (x.data[0], constant.data[0]) == (1, 9)
    x.data[1] = 7
    assert array[1] == 2
    constant.requires_grad = True
    assert not np.shares_memory(constant.data, array)
    other = np.array([5.0, 6.0])
    x.data = other
    assert not np.shares_memory(x.data, other)
    again = tg.Tensor(other)
    again.data = array
    assert np.shares_memory(again.data, array)


def test_a_leaf_from_a_readonly_array_can_be_written() -> None:
    array = np.broadcast_to(1.0, (3,))
    x = leaf(array)
    x.data[0] = 2
    assert x.data.tolist() == [2, 1, 1]


def test_numpy_copies_and_detach_shares() -> None:
    x = leaf([1.0, 2.0])
    array = x.numpy()
    assert type(array) is np.ndarray
    assert not np.shares_memory(array, x.data)
    d = x.detach()
    assert (d.requires_grad, d.node, d.grad) == (False, None, None)
    assert np.shares_memory(d.data, x.data)
    y = (x * 2).detach()
    assert not (y * 3).requires_grad
    d[0] = 5.0  # makes d's data a copy
    assert x.data[0] == 1


def test_item_and_tolist() -> None:
    assert type(leaf(1.5).item()) is float
    assert type(tg.Tensor([[3]]).item()) is int
    assert leaf([[1.0, 2.0]]).tolist() == [[1, 2]]
    with pytest.raises(ValueError):
        leaf([1.0, 2.0]).item()


def test_data_can_be_set_on_leaves_only() -> None:
    x = leaf([1.0, 2.0], name="x", dtype=np.float32)
    x.data = [3, 4]
    assert x.data.tolist() == [3, 4]
    assert x.dtype == np.float32
    with refused(ShapeError, "'x'", "(3,)"):
        x.data = np.zeros(3)
    with refused(DtypeError, "complex"):
        x.data = [1j, 2]
    y = x * 2
    with refused(GradientError, "multiply", ".detach()"):
        y.data = [0.0, 0.0]
    with pytest.raises(AttributeError):
        x.shape = (2, 1)


def test_requires_grad_can_be_set_on_leaves_only() -> None:
    x = tg.Tensor([1, 2])
    x.requires_grad = True
    assert x.dtype == np.float64
    y = x * 2
    with refused(GradientError, "multiply", ".detach()"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_grad_can_be_set_in_shape_and_dtype_of_its_leaf() -> None:
    x = leaf([1.0, 2.0], dtype=np.float32)
    for value in ([3, 4], np.array([3.0, 4.0]), tg.Tensor([3.0, 4.0])):
        x.grad = value
        assert isinstance(x.grad, tg.Tensor)
        assert x.grad.dtype == np.float32
        assert x.grad.tolist() == [3, 4]
    x.sum().backward()
    assert x.grad.tolist() == [4, 5]
    with refused(ShapeError, "(2,)", "(3,)"):
        x.grad = np.zeros(3)
    x.grad = None
    assert x.grad is None


def test_a_tensor_of_a_tensor() -> None:
    t = tg.Tensor([1.0, 2.0])
    assert np.shares_memory(tg.Tensor(t).data, t.data)
    assert tg.Tensor([t, t]).shape == (2, 2)
    x = leaf([1.0, 2.0])
    with refused(UnsupportedError, "gradient", ".detach()"):
        tg.Tensor(x)
    with refused(UnsupportedError, "tg.stack"):
        tg.Tensor([x, x])


# ---- copies ----


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_copies_of_leaves_are_leaves_of_their_own(clone: Callable[[Any], Any]) -> None:
    x = leaf([1.0, 2.0], name="x")
    (x * 3).sum().backward()
    c = clone(x)
    assert (c.name, c.requires_grad, c.node) == ("x", True, None)
    assert c.data.tolist() == [1, 2]
    assert c.grad.tolist() == [3, 3]
    assert not np.shares_memory(c.data, x.data)
    assert not np.shares_memory(c.grad.data, x.grad.data)
    x.zero_grad()
    c.zero_grad()
    (2 * x + 3 * c).sum().backward()
    assert (x.grad.tolist(), c.grad.tolist()) == ([2, 2], [3, 3])


def test_a_deep_copy_keeps_who_is_who() -> None:
    x = leaf(1.0)
    pair = copy.deepcopy({"one": x, "two": x, "three": tg.Tensor(1.0)})
    assert pair["one"] is not x
    assert pair["one"] is pair["two"]


def test_what_was_computed_is_copied_as_an_op_and_not_by_copy() -> None:
    y = leaf([1.0]) * 2
    for clone in (copy.copy, copy.deepcopy):
        with refused(GradientError, "multiply", ".detach()"):
            clone(y)


def test_tensors_are_not_pickled() -> None:
    with refused(UnsupportedError, "tg.save"):
        pickle.dumps(leaf(1.0))


# ---- Python's protocols ----


def test_numbers() -> None:
    assert (float(leaf(1.5)), int(leaf(2.7)), bool(leaf(0.0)), bool(leaf(2.0))) == (1.5, 2, False, True)
    assert [10, 20, 30][tg.Tensor(1)] == 20
    assert operator.index(tg.Tensor(3)) == 3
    with pytest.raises(TypeError):
        operator.index(leaf(1.0))
    with pytest.raises(ValueError):
        bool(leaf([1.0, 2.0]))
    for f in (float, int):
        with pytest.raises(TypeError):
            f(leaf([1.0, 2.0]))


def test_len_and_iteration() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    first, second = x
    assert (first.tolist(), second.tolist()) == ([1, 2], [3, 4])
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]
    for f in (len, iter, list):
        with pytest.raises(TypeError):
            f(leaf(1.0))


def test_hashes_go_by_identity_and_equality_by_entry() -> None:
    x, y = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1
    assert (x == y).tolist() == [True, True]
    assert (x != [1.0, 3.0]).tolist() == [False, True]
    assert x.__eq__("text") is NotImplemented
    assert (x == None) is False  # noqa: E711


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons(name: str) -> None:
    compare, x = getattr(operator, name), leaf([1.0, 2.0, 3.0])
    for other in (2.0, 2, np.float32(2), [3.0, 2.0, 1.0], np.array([3.0, 2.0, 1.0])):
        right, left = compare(x.data, np.array(other)), compare(np.array(other), x.data)
        tensor = tg.Tensor(other)
        for got, expected in (
            (compare(x, other), right), (compare(x, tensor), right), (compare(x.data, tensor), right),
            (compare(other, x), left), (compare(tensor, x), left),
        ):  # fmt: skip
            assert isinstance(got, tg.Tensor)
            assert got.dtype == np.bool_
            assert not got.requires_grad
            np.testing.assert_array_equal(got.data, expected)


OPERATORS = ["add", "sub", "mul", "truediv", "pow"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "other",
    [2, 2.0, True, np.float64(2), np.int64(2), np.array([2.0, 3]), [2.0, 3], (2.0, 3), np.array([[2], [1]])],
    ids=repr,
)
def test_operators_on_either_side(name: str, other: Any) -> None:
    f, x = getattr(operator, name), leaf([1.5, 2.5])
    for a, b in ((x, other), (other, x), (x, tg.Tensor(other)), (tg.Tensor(other), x)):
        arrays = [np.asarray(v.data if isinstance(v, tg.Tensor) else v) for v in (a, b)]
        y = f(a, b)
        assert isinstance(y, tg.Tensor)
        np.testing.assert_allclose(y.data, f(*arrays), rtol=1e-15)
        x.zero_grad()
        y.sum().backward()
        h = 1e-6
        up, down = ([v + s * h if v is x.data else v for v in arrays] for s in (1, -1))
        numeric = (f(*up) - f(*down)) / (2 * h)
        np.testing.assert_allclose(x.grad.data, numeric.sum(0) if numeric.ndim > 1 else numeric, rtol=1e-7)


def test_the_matrix_product_on_either_side() -> None:
    a, x = np.array([[1.0, 2.0], [3.0, 4.0]]), leaf([[1.0, 0.5], [0.0, 2.0]])
    for left, right in ((a, x), (x, a), (a.tolist(), x), (x, a.tolist()), (x, x)):
        arrays = [v.data if isinstance(v, tg.Tensor) else np.array(v) for v in (left, right)]
        assert (left @ right).requires_grad
        np.testing.assert_array_equal((left @ right).data, arrays[0] @ arrays[1])


def test_augmented_assignment_rebinds_and_never_mutates() -> None:
    for name in ("iadd", "isub", "imul", "itruediv", "ipow", "imatmul"):
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        before, data = x.numpy(), x.data
        y = getattr(operator, name)(x, 2.0 * np.ones((2, 2)))
        assert y is not x
        assert x.data is data
        np.testing.assert_array_equal(x.data, before)
        y.sum().backward()
        assert x.grad is not None


def test_operands_of_a_foreign_kind() -> None:
    x = leaf(1.0)
    for f in (operator.add, operator.mul, operator.pow, operator.matmul):
        for other in ("a", None, {}, object()):
            with pytest.raises(TypeError):
                f(x, other)
            with pytest.raises(TypeError):
                f(other, x)

    class Foreign:
        def __radd__(self, other: Any) -> str:
            return "mine"

        __array_ufunc__ = None

    assert x + Foreign() == "mine"


@pytest.mark.parametrize("other", [1j, np.complex64(1j), np.array(1j), np.array([1j, 2])])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_complex_operands_are_refused(other: Any, requires_grad: bool) -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad)
    for f in (lambda: x * other, lambda: other * x, lambda: np.multiply(x, other), lambda: np.add(other, x)):
        with pytest.raises(TypeError):
            f()


def test_writing_into_a_tensor_of_a_graph_is_refused_with_the_remedy() -> None:
    x = leaf([1.0, 2.0], name="x")
    for t in (x, x * 2):
        with refused(GradientError, "np.where", "t.data" if t is x else "multiply"):
            t[0] = 5.0
    assert x.data.tolist() == [1, 2]
    array = np.array([1.0, 2.0])
    constant = tg.Tensor(array)
    y = x * constant
    constant[1] = 10.0
    assert constant.tolist() == [1, 10]
    assert array.tolist() == [1, 2]  # the caller's array stays
    y.sum().backward()
    assert x.grad.tolist() == [1, 2]  # and so does the graph


# ---- indexing ----


@pytest.mark.parametrize(
    "key",
    [
        0, -1, np.int64(1), slice(None), slice(2, 0, -1), ..., None, (0, 1), (slice(None), 1), (..., 0),
        (None, 1, None),
        [0, 0, 2], np.array([2, 0]), np.array([[0, 1], [1, 1]]), ([0, 0, 1], [1, 1, 2]),
        (slice(1, 3), [0, 0]),
        np.array([True, False, True]), np.arange(12).reshape(3, 4) % 3 == 0, (), True, (np.array([0, 1]), 1),
        tg.Tensor([2, 0]), tg.Tensor(1), tg.Tensor([True, True, False]), slice(tg.Tensor(0), tg.Tensor(2)),
    ],
    ids=repr,
)  # fmt: skip
def test_every_kind_of_index(key: Any) -> None:
    def plain(key: Any) -> Any:
        if isinstance(key, tg.Tensor):
            return key.data
        if isinstance(key, slice):
            return slice(*(k and int(k) for k in (key.start, key.stop, key.step)))
        return key

    data = np.arange(12.0).reshape(3, 4)
    x = leaf(data)
    y = x[key]
    np.testing.assert_array_equal(y.data, data[plain(key)])
    g = np.random.default_rng(0).normal(size=y.shape)
    y.backward(g)
    expected = np.zeros((3, 4))
    np.add.at(expected, plain(key), g)
    np.testing.assert_allclose(x.grad.data, expected)
    assert not np.shares_memory(x.grad.data, g)


BAD_INDICES = [3, (0, 9), [0, 7], "a", 1.5, (0, 0, 0), np.ones(5, bool), leaf(1.0)]


@pytest.mark.parametrize("key", BAD_INDICES, ids=repr)
def test_a_bad_index_names_the_shape(key: Any) -> None:
    x = leaf(np.zeros((3, 4)))
    if isinstance(key, tg.Tensor):
        with refused(UnsupportedError, "requires grad"):
            x[key]
    else:
        with refused(BoundsError, "getitem", "(3, 4)"):
            x[key]


# ---- NumPy's protocols ----

X = np.array([[1.0, 2.0, 0.5], [3.0, 0.25, 4.0]])
NUMPY: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "abs": np.abs, "negative": np.negative,
    "add": lambda x: np.add(x, 1.0), "subtract": lambda x: np.subtract(1.0, x),
    "multiply": lambda x: np.multiply(x, x),
    "divide": lambda x: np.divide(x, X), "true_divide": lambda x: np.true_divide(X, x),
    "power": lambda x: np.power(x, 2),
    "maximum": lambda x: np.maximum(x, 1.0), "minimum": lambda x: np.minimum(1.0, x),
    "where": lambda x: np.where(X > 1, x, 0.0), "sum": np.sum, "sum axis": lambda x: np.sum(x, axis=0),
    "sum positional": lambda x: np.sum(x, 1), "sum axes": lambda x: np.sum(x, axis=(0, -1)),
    "sum keepdims": lambda x: np.sum(x, axis=1, keepdims=True),
    "mean": lambda x: np.mean(x, 0, keepdims=True),
    "max": lambda x: np.max(x, axis=1), "min": lambda x: np.min(x, 0), "matmul": lambda x: np.matmul(x, X.T),
    "reshape": lambda x: np.reshape(x, (3, 2)), "reshape -1": lambda x: np.reshape(x, -1),
    "reshape to a scalar": lambda x: np.reshape(np.sum(x, keepdims=True), ()),
    "transpose": np.transpose, "transpose axes": lambda x: np.transpose(x, (1, 0)),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "expand_dims": lambda x: np.expand_dims(x, 1), "squeeze": lambda x: np.squeeze(np.expand_dims(x, 0)),
    "squeeze axis": lambda x: np.squeeze(np.expand_dims(x, 0), axis=0),
    "broadcast_to": lambda x: np.broadcast_to(x, (4, 2, 3)),
    "concatenate": lambda x: np.concatenate([x, X, x], axis=0),
    "concatenate flat": lambda x: np.concatenate((x, X), axis=None),
    "stack": lambda x: np.stack([X, x], axis=1),
    "ndarray on the left": lambda x: X * x + X - x / X, "matrix on the left": lambda x: X.T @ x,
    "scalar on the left": lambda x: np.float64(2) * x,
}  # fmt: skip


@pytest.mark.parametrize("name", NUMPY)
def test_numpys_functions_work_on_tensors_and_are_differentiated(name: str) -> None:
    f, x = NUMPY[name], leaf(X)
    expected, y = f(X), f(x)
    assert isinstance(y, tg.Tensor)
    assert y.requires_grad
    np.testing.assert_allclose(y.data, expected, rtol=1e-15)
    g, numeric, h = np.random.default_rng(0).normal(size=np.shape(expected)), np.zeros(X.shape), 1e-6
    y.backward(g)
    for i in np.ndindex(X.shape):
        step = np.zeros(X.shape)
        step[i] = h
        numeric[i] = np.sum(g * (f(X + step) - f(X - step))) / (2 * h)
    np.testing.assert_allclose(x.grad.data, numeric, rtol=1e-7, atol=1e-8)


def test_shapes_are_answered_without_a_graph() -> None:
    x = leaf(X)
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 3), 2, 6, 3)


def test_queries_without_derivative() -> None:
    for x in (leaf(X), tg.Tensor(X)):
        assert np.argmax(x, 1).tolist() == np.argmax(x, axis=1).tolist() == [1, 2]
        assert np.argmin(x, axis=0).tolist() == [0, 1, 0]
        assert np.any(x > 3, 1).tolist() == np.any(x > 3, axis=1).tolist() == [False, True]
        assert np.all(x > 0.3, 0).tolist() == [True, False, True]
        assert np.isnan(x).tolist() == [[False] * 3] * 2


def test_what_has_no_rule_runs_on_constants_and_is_refused_where_a_gradient_would_be_lost() -> None:
    t, x = tg.Tensor(X), leaf(X)
    np.testing.assert_array_equal(np.spacing(t).data, np.spacing(X))
    for got, expected in zip(np.frexp(t), np.frexp(X), strict=True):
        assert isinstance(got, tg.Tensor)
        np.testing.assert_array_equal(got.data, expected)
    for f, name in (
        (np.spacing, "spacing"),
        (np.frexp, "frexp"),
        (lambda x: np.add.at(X.copy(), 0, x), "add.at"),
        (lambda x: np.add(x, 1, where=X > 1), "add"),
        (lambda x: np.add(x, 1, out=X.copy()), "add"),
    ):
        with refused(UnsupportedError, name, "t.detach()"):
            f(x)


def test_keywords_that_have_no_rule_are_named() -> None:
    x = leaf(X)
    for f, keyword in (
        (lambda: np.sum(x, dtype=np.float32), "dtype="),
        (lambda: np.sum(x, out=np.zeros(())), "out="),
        (lambda: np.mean(x, where=X > 1), "where="),
        (lambda: x.sum(bogus=1), "bogus"),
    ):
        with refused(UnsupportedError, keyword):
            f()


def test_asarray_of_what_requires_grad_is_refused() -> None:
    x = leaf([1.0, 2.0], name="x")
    for f in (np.asarray, np.array, np.float64, lambda x: np.array([x, x]), lambda x: np.asarray(x * 2)):
        with refused(UnsupportedError, "requires grad", ".numpy()", ".detach()"):
            f(x)
    t = tg.Tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(t), t.data)
    assert not np.shares_memory(np.array(t), t.data)
    assert np.asarray(t, np.float32).dtype == np.float32
    assert np.array([t, t]).shape == (2, 2)


def test_ndarrays_do_not_take_in_tensors_that_require_grad() -> None:
    x, array = leaf([1.0, 2.0]), np.ones(2)
    with pytest.raises(UnsupportedError):
        array += x
    with pytest.raises(UnsupportedError):
        np.add(array, 1, out=(x,))
    with pytest.raises((TypeError, ValueError)):
        array[:] = x
    assert array.tolist() == [1, 1]
    kept = array
    array += tg.Tensor([1.0, 2.0])
    assert array is kept
    assert array.tolist() == [2, 3]


ROWS = np.zeros((2, 3))
MISFITS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "add": (lambda: leaf(ROWS) + np.zeros(4), ShapeError, ["add", "(2, 3)", "(4,)", "broadcast"]),
    "two tensors": (lambda: leaf(ROWS) * leaf(ROWS.T), ShapeError, ["multiply", "(2, 3)", "(3, 2)"]),
    "maximum": (lambda: np.maximum(leaf(np.zeros(2)), np.zeros(3)), ShapeError, ["maximum", "(2,)", "(3,)"]),
    "matmul": (lambda: leaf(ROWS) @ np.zeros((4, 5)), ShapeError, ["matmul", "(2, 3)", "(4, 5)", "k"]),
    "matmul 0-d": (lambda: leaf(ROWS) @ leaf(1.0), ShapeError, ["matmul", "(2, 3)", "()"]),
    "reshape": (lambda: leaf(ROWS).reshape(4), ShapeError, ["reshape", "(2, 3)", "(4,)"]),
    "axis": (lambda: leaf(ROWS).sum(axis=2), ShapeError, ["sum", "(2, 3)", "axis 2"]),
    "squeeze": (lambda: np.squeeze(leaf(ROWS), 0), ShapeError, ["squeeze", "(2, 3)"]),
    "broadcast_to": (lambda: np.broadcast_to(leaf(ROWS), (3, 3)), ShapeError, ["broadcast_to", "(2, 3)"]),
    "concatenate": (lambda: np.concatenate([leaf(ROWS), ROWS.T]), ShapeError, ["concatenate", "(3, 2)"]),
    "stack": (lambda: np.stack([leaf(ROWS), ROWS.T]), ShapeError, ["stack", "(2, 3)", "(3, 2)"]),
    "text": (lambda: np.add(leaf(1.0), "a"), DtypeError, ["add"]),
    "objects": (lambda: leaf(1.0) * np.array([None]), DtypeError, ["multiply", "object"]),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_names_the_op_the_shapes_and_what_it_needs(name: str) -> None:
    f, error, words = MISFITS[name]
    with refused(error, *words):
        f()


# ---- recording, scopes, threads ----


def test_no_grad_as_a_context_and_as_a_decorator() -> None:
    x = leaf(2.0)
    with tg.no_grad():
        y = x * x
        with tg.no_grad():
            pass
        assert not (x * x).requires_grad
    assert (y.requires_grad, y.node) == (False, None)
    assert (x * x).requires_grad

    @tg.no_grad()
    def f(x: tg.Tensor) -> tg.Tensor:
        """Twice."""
        return x * 2

    for _ in range(2):
        assert not f(x).requires_grad
    assert f.__doc__ == "Twice."
    assert (x * x).requires_grad


def in_a_thread(f: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join()
    return found[0]


def test_no_grad_and_scope_hold_for_their_thread_only() -> None:
    x = leaf(2.0)
    with tg.no_grad(), tg.scope("here"):
        assert in_a_thread(lambda: (x * x).requires_grad)
        assert in_a_thread(lambda: (x * x).node.scope) == ()
        inside = contextvars.copy_context()
    assert not inside.run(lambda: (x * x).requires_grad)
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tg.no_grad():
            ready.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(10)
    recorded = (x * x).requires_grad
    done.set()
    thread.join()
    assert recorded


def test_graphs_made_in_threads_do_not_mix() -> None:
    def work(seed: int) -> float:
        x = leaf(float(seed))
        y = x
        for _ in range(300):
            y = y + x
        y.backward()
        return float(x.grad.item())

    found: list[float] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda i=i: found.append(work(i))) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert found == [301.0] * 8


def test_scopes_nest() -> None:
    x = leaf(2.0)
    with tg.scope("net"):
        a = x * 1
        with tg.scope("layer"):
            b = a * 1
    c = b * 1
    assert [t.node.scope for t in (a, b, c)] == [("net",), ("net", "layer"), ()]

    @tg.scope("f")
    def f(x: tg.Tensor) -> tg.Tensor:
        return x * 1

    with tg.scope("outer"):
        assert f(x).node.scope == ("outer", "f")
    assert f(x).node.scope == ("f",)
    with pytest.raises(ZeroDivisionError), tg.scope("broken"):
        1 / 0  # noqa: B018
    assert (x * 1).node.scope == ()


def test_a_node_tells_how_its_tensor_was_made() -> None:
    x, c = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = x * c
    assert isinstance(y.node, tg.Node)
    assert y.node.primitive.name == "multiply"
    assert y.node.inputs[0] is x
    assert y.node.inputs[1] is c
    assert y.sum(axis=0).node.attrs == {"axis": 0}
    assert repr(y.node) == "<Node multiply>"
    assert x.node is None


def test_tensors_can_be_held_weakly_and_they_and_nodes_carry_nothing_else() -> None:
    gc.disable()
    try:
        x = leaf(1.0)
        y = x * 2
        assert y.node is y.node
        assert y.node != (x * 2).node
        assert len({y.node, y.node, (x * 2).node}) == 2
        ref = weakref.ref(y)
        assert ref() is y
        del y
        assert ref() is None
    finally:
        gc.enable()
    for thing in (x, (x * 2).node):
        assert not hasattr(thing, "__dict__")
    with pytest.raises(AttributeError):
        x.gradient = 1  # a slip of the pen is noticed


def test_nothing_is_recorded_that_needs_no_gradient() -> None:
    t = tg.Tensor([1.0, 2.0])
    y = np.exp(t) * 2 + t @ t
    assert (y.node, y.requires_grad) == (None, False)


# ---- any shapes ----


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4, min_side=0), st.data())
def test_any_two_shapes_broadcast_as_in_numpy(shapes: Any, data: Any) -> None:
    numbers = st.floats(-3, 3, width=16)
    a, b = (data.draw(hnp.arrays(np.float64, shape, elements=numbers)) for shape in shapes.input_shapes)
    x, y = leaf(a), leaf(b)
    z = x * y + x
    assert z.shape == shapes.result_shape
    np.testing.assert_array_equal(z.data, a * b + a)
    z.sum().backward()
    full = np.broadcast_arrays(a, b)
    for t, grad in ((x, full[1] + 1), (y, full[0])):
        shape = (1,) * (grad.ndim - t.ndim) + t.shape
        axes = tuple(i for i, n in enumerate(shape) if n != grad.shape[i])
        np.testing.assert_allclose(t.grad.data, grad.sum(axes, keepdims=True).reshape(t.shape), atol=1e-12)


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-3, 3)), st.data())
def test_any_axes_reduce_as_in_numpy(a: Any, data: Any) -> None:
    axis = data.draw(st.none() | hnp.valid_tuple_axes(a.ndim) | st.integers(-a.ndim, a.ndim - 1))
    keepdims = data.draw(st.booleans())
    x = leaf(a)
    for name in ("sum", "mean", "max"):
        y = getattr(x, name)(axis=axis, keepdims=keepdims)
        expected = getattr(np, name)(a, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(y.data, expected, rtol=1e-12)
        x.zero_grad()
        y.sum().backward()
        shares = {"sum": a.size, "mean": expected.size, "max": expected.size}
        np.testing.assert_allclose(x.grad.data.sum(), shares[name], rtol=1e-12)


def test_a_tensor_of_one_entry_is_formatted_as_a_number() -> None:
    loss = tg.Tensor(1.23456, requires_grad=True)
    assert f"{loss:.3f}" == "1.235"
    assert f"{tg.Tensor([1.5]):.1f}" == "1.5"
    assert f"{loss}" == str(loss)
    with pytest.raises(ValueError, match="format"):
        f"{tg.Tensor([1.0, 2.0]):.3f}"
