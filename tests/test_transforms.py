"""Functions of functions against derivatives worked out by hand: values, structures, nesting, refusals."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.errors import DtypeError, GradientError, ShapeError, UnsupportedError
from tinygrad_sm.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

A = np.array([1.0, 2.0])
B = np.array([3.0, -1.0])
M = np.array([[2.0, 1.0, 0.0], [-1.0, 0.5, 3.0]])
V = np.array([0.5, -2.0, 1.0])
Pair = namedtuple("Pair", "first second")


def same(found: Any, expected: Any) -> None:
    """Equal trees: structure, types, dtypes and values to rounding."""
    assert type(found) is type(expected) or isinstance(expected, float)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif expected is None or isinstance(expected, str):
        assert found == expected
    elif isinstance(expected, tg.Tensor):
        same(found.numpy(), expected.numpy())
    else:
        assert np.shape(found) == np.shape(expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


# ---- what each of them gives ----


def test_grad_by_one_argument_or_by_several() -> None:
    def f(a: Any, b: Any) -> Any:
        return (a * b * b).sum()

    same(grad(f)(A, B), B * B)
    same(grad(f, 1)(A, B), 2 * A * B)
    same(grad(f, -1)(A, B), 2 * A * B)
    same(grad(f, (1, 0))(A, B), (2 * A * B, B * B))
    same(grad(f, [0])(A, B), (B * B,))
    same(grad(f, np.int64(1))(A, B), 2 * A * B)


def test_the_other_arguments_are_as_they_were_given() -> None:
    seen = []

    def f(a: Any, b: Any, *, power: int) -> Any:
        seen.extend([type(a), type(b)])
        return (a**power * b).sum()

    same(grad(f)(A, B, power=3), 3 * A**2 * B)
    assert issubclass(seen[0], tg.Tensor)
    assert seen[1] is np.ndarray


def test_value_and_grad_and_what_goes_along() -> None:
    same(value_and_grad(lambda x: (x**3).sum())(A), (np.float64(9), 3 * A**2))

    def f(x: Any) -> Any:
        return (x**2).sum(), {"twice": 2 * x, "note": "as it is", "none": None}

    aux = {"twice": 2 * A, "note": "as it is", "none": None}
    same(value_and_grad(f, has_aux=True)(A), ((np.float64(5), aux), 2 * A))
    same(grad(f, has_aux=True)(A), (2 * A, aux))
    same(jacobian(lambda x: (x**2, 2 * x), has_aux=True)(A), (np.diag(2 * A), 2 * A))
    y, pull, more = vjp(f, A, has_aux=True)
    same((y, pull(2.0), more), (np.float64(5), (4 * A,), aux))


def test_vjp_gives_the_value_and_a_function_of_the_cotangent() -> None:
    y, pull = vjp(lambda m, v: np.tanh(m @ v), M, V)
    slope = 1 - np.tanh(M @ V) ** 2
    same(y, np.tanh(M @ V))
    same(pull(B), (np.outer(B * slope, V), (B * slope) @ M))
    same(pull(A)[1], (A * slope) @ M)  # once more, with another one


def test_vjp_without_arguments() -> None:
    y, pull = vjp(lambda: tg.Tensor(2.0))
    assert (y.item(), pull(1.0)) == (2.0, ())


def test_jvp_pushes_tangents_forward() -> None:
    y, t = jvp(lambda m, v: np.tanh(m @ v), (M, V), (2 * M, V))
    same((y, t), (np.tanh(M @ V), (1 - np.tanh(M @ V) ** 2) * (3 * M @ V)))


def test_jacobian_of_softmax() -> None:
    a = np.exp(V) / np.exp(V).sum()
    same(jacobian(tg.softmax)(V), np.diag(a) - np.outer(a, a))


def test_jacobian_has_the_axes_of_the_result_first() -> None:
    same(jacobian(lambda m: m @ V)(M), np.einsum("ij,k->ijk", np.eye(2), V))
    same(jacobian(lambda m, v: m @ v, (0, 1))(M, V), (np.einsum("ij,k->ijk", np.eye(2), V), M))
    same(jacobian(lambda x: x * 3.0)(2.0), np.asarray(3.0))
    same(jacobian(lambda x: x.sum())(M), np.ones((2, 3)))


def test_jacobian_where_there_is_nothing() -> None:
    assert jacobian(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)
    assert jacobian(lambda x: np.zeros((2, 0)))(V).shape == (2, 0, 3)


def test_hessian_of_a_quadratic_form() -> None:
    q = M.T @ M + np.arange(9.0).reshape(3, 3)
    same(hessian(lambda v: v @ q @ v)(V), q + q.T)
    f = hessian(lambda a, b: (a * b * b).sum(), (0, 1))
    same(f(A, B), ((np.zeros((2, 2)), np.diag(2 * B)), (np.diag(2 * B), np.diag(2 * A))))


def test_hvp_is_the_hessian_times_a_vector() -> None:
    def f(x: Any) -> Any:
        return np.sin(x[0] * x[1]) + x[2] ** 4

    same(hvp(f, (V,), (2 * V,)), hessian(f)(V) @ (2 * V))
    same(hvp(lambda a, b: (a * b * b).sum(), (A, B), (B, A)), (2 * B * A, 2 * B * B + 2 * A * A))


# ---- containers ----


def test_containers_go_in_and_come_out() -> None:
    p = {"w": A, "deep": [3.0, (B, Pair(A, 2))]}

    def f(p: Any) -> Any:
        three, (b, pair) = p["deep"]
        return (p["w"] * b).sum() * three + (pair.first**2).sum() * pair.second

    expected = {"w": 3 * B, "deep": [np.float64(1.0), (3 * A, Pair(4 * A, np.float64(5.0)))]}
    same(grad(f)(p), expected)
    value, same_again = value_and_grad(f)(p)
    same((value, same_again), (np.float64(13.0), expected))


def test_containers_of_results() -> None:
    found = jacobian(lambda x: {"a": 2 * x, "b": (x[0], 3.0)})(A)
    same(found, {"a": 2 * np.eye(2), "b": (np.array([1.0, 0]), np.zeros(2))})
    y, pull = vjp(lambda x, c: (c * x, {"k": x.sum(), "none": None}), A, 2.0)
    same(y, (2 * A, {"k": np.float64(3), "none": None}))
    same(pull((B, {"k": 10.0, "none": None})), (2 * B + 10, np.float64(1.0)))
    y, t = jvp(lambda x, c: (c * x, {"k": x.sum()}), (A, 2.0), (B, 1.0))
    same(t, (2 * B + A, {"k": np.float64(2.0)}))


def test_second_derivatives_by_containers() -> None:
    p = {"w": A, "b": 3.0}

    def f(p: Any) -> Any:
        return (p["w"] ** 2).sum() * p["b"]

    w, b = np.asarray(2 * A), np.asarray(0.0)
    same(hessian(f)(p), {"w": {"w": 6 * np.eye(2), "b": w}, "b": {"w": w, "b": b}})
    same(hvp(f, (p,), ({"w": B, "b": 2.0},)), {"w": 6 * B + 4 * A, "b": np.float64(2 * A @ B)})


# ---- kinds of numbers ----


@pytest.mark.parametrize("x", [3, 3.0, np.float64(3), np.int64(3), np.asarray(3.0), np.asarray(3)])
def test_numbers_go_in_and_numbers_come_out(x: Any) -> None:
    y, g = value_and_grad(lambda x: x**3)(x)
    assert (float(y), float(g)) == (27.0, 27.0)
    assert not isinstance(g, tg.Tensor)
    assert g.dtype == np.float64
    assert isinstance(g, np.ndarray) == isinstance(x, np.ndarray)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept(dtype: Any) -> None:
    x = np.array([1.0, 2.0], dtype)

    def f(x: Any) -> Any:
        return (2.0 * x**3).sum()

    y, g = value_and_grad(f)(x)
    value, t = jvp(f, (x,), (x,))
    second = hvp(f, (x,), (x,)), hessian(f)(x), jacobian(lambda x: x * x)(x)
    for found in y, g, value, t, *second, grad(f)(x[0]):
        assert found.dtype == dtype
        assert not isinstance(found, tg.Tensor)
    assert vjp(f, x)[1](np.float64(1))[0].dtype == dtype


def test_gradients_have_the_dtype_of_their_argument_where_dtypes_are_mixed() -> None:
    x = A.astype(np.float32)
    same(grad(lambda x: (x * B).sum())(x), B.astype(np.float32))
    found = grad(lambda x, b: (x * b).sum(), (0, 1))(x, B)
    assert [g.dtype for g in found] == [np.float32, np.float64]


def test_tensors_in_tensors_out() -> None:
    x = tg.Tensor(A)
    y, g = value_and_grad(lambda x: (x**2).sum())(x)
    same((y, g), (tg.Tensor(5.0), tg.Tensor(2 * A)))
    same(jacobian(lambda x: x**2)(x), tg.Tensor(np.diag(2 * A)))
    same(hvp(lambda x: (x**3).sum(), (x,), (x,)), tg.Tensor(6 * A * A))
    assert (y.requires_grad, g.requires_grad) == (False, False)


def test_what_comes_out_for_a_tensor_that_requires_grad_can_be_differentiated() -> None:
    x = tg.Tensor(A, requires_grad=True)
    g = grad(lambda x: (x**3).sum())(x)
    assert x.grad is None
    g.sum().backward()
    same(x.grad, tg.Tensor(6 * A))


def test_the_arguments_are_not_touched() -> None:
    x = tg.Tensor(A, requires_grad=True)
    a, before = A.copy(), x.numpy()
    grad(lambda x, a: (x * a).sum(), (0, 1))(x, a)
    assert (x.grad, x.requires_grad) == (None, True)
    np.testing.assert_array_equal(x.numpy(), before)
    g = grad(lambda a: (a * 1.0).sum())(a)
    g += 1
    np.testing.assert_array_equal(a, A)


# ---- nesting ----


def test_four_derivatives_of_tanh() -> None:
    x = np.linspace(-2, 2, 9)
    t, s = np.tanh(x), 1 - np.tanh(x) ** 2
    expected = [t, s, -2 * t * s, 4 * t * t * s - 2 * s * s, 16 * t * s * s - 8 * t**3 * s]
    f: Any = np.tanh
    for n, value in enumerate(expected):
        found = [float(f(tg.Tensor(entry))) if n == 0 else f(entry) for entry in x]
        np.testing.assert_allclose(found, value, rtol=0, atol=1e-9)
        f = grad(f)


def test_seven_derivatives_of_a_power() -> None:
    f: Any = lambda x: x**7
    for _ in range(7):
        f = grad(f)
    assert f(1.5) == 5040
    assert grad(f)(1.5) == 0


def test_the_inner_and_the_outer_variable_are_not_confused() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(5.0) == 10
    assert grad(lambda x: grad(lambda y: x * x * y * y)(3.0))(2.0) == 24
    assert grad(lambda x: x * jvp(lambda y: x * y, (2.0,), (1.0,))[1])(5.0) == 10
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 1


def test_transforms_of_transforms() -> None:
    def f(x: Any) -> Any:
        return (x**3).sum()

    same(jacobian(grad(f))(A), np.diag(6 * A))
    same(grad(lambda x: jvp(f, (x,), (B,))[1])(A), 6 * A * B)
    same(jvp(grad(f), (A,), (B,)), (3 * A**2, 6 * A * B))
    same(grad(lambda x: hvp(f, (x,), (B,)).sum())(A), 6 * B)
    same(grad(lambda x: hessian(f)(x).sum())(A), np.full(2, 6.0))
    same(jacobian(jacobian(lambda x: x**2))(A)[1, 1], np.array([0.0, 2]))
    same(jvp(lambda x: vjp(f, x)[1](2.0)[0], (A,), (B,))[1], 12 * A * B)
    same(grad(lambda x: value_and_grad(f)(x)[0])(A), 3 * A**2)


def test_a_pullback_can_itself_be_differentiated() -> None:
    _, pull = vjp(lambda x: x**3, A)
    same(jacobian(lambda u: pull(u)[0])(B), np.diag(3 * A**2))
    same(pull(B), (3 * A**2 * B,))


def test_the_hessian_of_the_fused_loss() -> None:
    z, t = np.array([[1.0, 2.0, 0.5]]), np.array([2])
    a = np.exp(z[0]) / np.exp(z[0]).sum()
    found = hessian(lambda z: tg.softmax_cross_entropy(z, t))(z)
    np.testing.assert_allclose(found[0, :, 0, :], np.diag(a) - np.outer(a, a), atol=1e-15)


# ---- what is constant ----


def test_functions_that_do_not_depend_on_their_argument() -> None:
    three = tg.Tensor(3.0)
    for constant in (lambda x: 3.0, lambda x: np.float64(3), lambda x: three, lambda x: x.detach().sum()):
        same(grad(constant)(A), np.zeros(2))
        same(jacobian(constant)(A), np.zeros(2))
        same(hessian(constant)(A), np.zeros((2, 2)))
        same(hvp(constant, (A,), (B,)), np.zeros(2))
        same(jvp(constant, (A,), (B,))[1], np.float64(0))
        same(vjp(constant, A)[1](1.0), (np.zeros(2),))
    same(grad(lambda x, y: y)(np.float32(2), 3.0), np.float32(0))
    same(grad(lambda x: x[0] * 2)((1.0, A)), (np.float64(2), np.zeros(2)))


def test_the_argument_is_told_from_what_the_function_closes_over() -> None:
    w = tg.Tensor(B, requires_grad=True)
    asked: list[int] = []
    w.register_hook(lambda g: asked.append(1))
    h = np.exp(w)  # has a graph of its own
    same(grad(lambda x: (x * w * h).sum())(A), B * np.exp(B))
    same(grad(lambda x: (x * w).sum() ** 2)(A), 2 * (A @ B) * B)
    x = tg.Tensor(A, requires_grad=True)
    same(grad(lambda v: (v * x).sum())(x), tg.Tensor(A))  # the same Tensor, as argument and as constant
    assert (w.grad, x.grad, asked) == (None, None, [])


def test_the_function_may_return_its_argument() -> None:
    assert grad(lambda x: x)(2.0) == 1
    same(jacobian(lambda x: x)(A), np.eye(2))
    same(jacobian(lambda x: (x, x))(A), (np.eye(2), np.eye(2)))
    pull = vjp(lambda x: [x, 2 * x, x], A)[1]
    same(pull([A, B, A])[0], 2 * A + 2 * B)


def test_under_no_grad() -> None:
    with tg.no_grad():
        same(grad(lambda x: (x**3).sum())(A), 3 * A**2)
        same(hessian(lambda x: (x**3).sum())(A), np.diag(6 * A))
        same(jvp(lambda x: x**3, (A,), (B,))[1], 3 * A**2 * B)
        _, pull = vjp(lambda x: x**3, A)
        same(pull(B), (3 * A**2 * B,))
    same(grad(lambda x: (x * cut(x)).sum())(A), A)


def cut(x: Any) -> Any:
    with tg.no_grad():
        return x * 1.0


# ---- what is refused ----


@pytest.mark.parametrize("transform", [grad, value_and_grad, hessian])
def test_a_result_that_is_no_scalar(transform: Any) -> None:
    says = r"array of shape \(2,\), not a scalar; reduce it \(\.sum\(\), .*jacobian, or vjp with a cotangent"
    with pytest.raises(GradientError, match=says):
        transform(lambda x: x * 2)(A)
    with pytest.raises(GradientError, match=r"\(array of shape \(\), array of shape \(\)\), not a scalar"):
        transform(lambda x: (x[0], x[1]))(A)
    with pytest.raises(GradientError, match="the function returned None, not a scalar"):
        transform(lambda x: None)(A)
    with pytest.raises(GradientError, match="the function returned 'text', not a scalar"):
        transform(lambda x: "text")(A)


def test_argnums_that_are_not_there() -> None:
    for argnums in 2, -3, (0, 2):
        with pytest.raises(UnsupportedError, match=r"argnums=.*called with 2 positional arguments"):
            grad(lambda a, b: a, argnums)(1.0, 2.0)


def test_has_aux_wants_a_pair() -> None:
    with pytest.raises(UnsupportedError, match=r"has_aux=True: .* must return a pair \(result, aux\)"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_cotangents_and_tangents_of_another_shape() -> None:
    _, pull = vjp(lambda x: {"y": x * 2}, A)
    for wrong in ({"y": V}, {"z": A}, A, [A]):
        says = r"vjp: the cotangent is .*, but the function's result is {'y': array of shape \(2,\)}"
        with pytest.raises(ShapeError, match=says):
            pull(wrong)
    for transform in jvp, hvp:
        says = r"tangent is \[array of shape \(3,\)\], but the primal is \[array of shape \(2,\)\]"
        with pytest.raises(ShapeError, match=says):
            transform(lambda x: (x * x).sum(), (A,), (V,))
        with pytest.raises(ShapeError, match="they must be alike"):
            transform(lambda x: (x * x).sum(), (A,), (A, A))
        with pytest.raises(UnsupportedError, match=r"primals and tangents are tuples, .*\(x,\), \(v,\)"):
            transform(lambda x: (x * x).sum(), A, A)


@pytest.mark.parametrize("x", [1j, "text", np.array([None])])
def test_arguments_that_are_no_real_numbers(x: Any) -> None:
    with pytest.raises(DtypeError, match="real numbers"):
        grad(lambda x: x)(x)


def test_what_the_function_raises_comes_through_and_leaves_nothing_behind() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        grad(broken)(1.0)
    g = grad(lambda x: x * x)(tg.Tensor(1.0))
    assert not g.requires_grad  # as it would be within another transform


def test_second_derivatives_through_a_product_with_a_constant_matrix() -> None:
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    for f in (lambda W: np.tanh(X @ W).sum(), lambda W: np.tanh(W.T @ X.T).sum()):
        tg.check_grads(f, W, order=2)
        found = tg.hessian(f)(W).reshape(6, 6)
        step = 1e-5 * np.eye(6).reshape(6, 3, 2)
        slopes = [(tg.grad(f)(W + h) - tg.grad(f)(W - h)).ravel() / 2e-5 for h in step]
        np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-8)
