"""The proof, by symbols, that the composed cross-entropy has the gradient a - y.

It goes through the package's own rules: a loss is recorded on numbers, its equations are read off, and their
functions and rules run again on NumPy arrays of SymPy symbols. SymPy differentiates nothing here. With
u_i = exp(z_i) everything is a rational function of u and y, for which `cancel` decides whether it is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy

import tinygrad_sm as tg

CLASSES = [2, 3, 4]
Rules = dict[str, tuple[Any, ...]]


pytestmark = pytest.mark.parallel_threads_limit(2)  # the algebra is long


@pytest.fixture(autouse=True)
def numpy_finds_exp_and_log_of_symbols() -> Iterator[None]:
    """np.exp of an array of objects calls .exp() on each, which SymPy's expressions do not have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sympy.Expr, "exp", lambda x: sympy.exp(x), raising=False)
        patch.setattr(sympy.Expr, "log", lambda x: sympy.log(x), raising=False)
        yield


def array(x: Any) -> Any:
    return np.asarray(x, object)


def symbols(name: str, shape: tuple[int, ...]) -> Any:
    names = ["".join(map(str, i)) for i in np.ndindex(shape)]
    return array([sympy.Symbol(f"{name}{i}", real=True) for i in names]).reshape(shape)


def forward(program: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The value of every variable of a recorded program, with symbols for those given by name."""
    values = {}
    for variable in program.variables.values():
        if variable.kind in ("parameter", "constant"):
            values[variable.name] = array(given.get(variable.name, exact(variable.value)))
    for equation in program:
        inputs = [values[x.name] for x in equation.inputs]
        values[equation.output.name] = array(equation.primitive.function(*inputs, **equation.attrs))
    return values


def exact(numbers: Any) -> Any:
    """The numbers that a loss brings with it, such as the 1 of a batch, as SymPy's."""
    return np.vectorize(sympy.nsimplify, otypes=[object])(numbers)


def backward(program: Any, values: dict[str, Any], of: str, wrong: Rules | None = None) -> dict[str, Any]:
    """The gradient of one scalar entry, or of a variable of shape (), with respect to every variable."""
    name, _, entry = of.partition("[")
    seed = np.zeros(values[name].shape, object)
    seed[int(entry[:-1]) if entry else ()] = sympy.Integer(1)
    gradients = {name: seed}
    for equation in reversed(list(program)):
        if equation.output.name not in gradients:
            continue
        g, y = gradients[equation.output.name], values[equation.output.name]
        inputs = [values[x.name] for x in equation.inputs]
        rules = (wrong or {}).get(equation.primitive.name) or equation.primitive.rules_for(inputs)
        for rule, x in zip(rules, equation.inputs, strict=True):
            if rule is not None:
                part = unbroadcast(array(rule(g, y, *inputs, **equation.attrs)), x.shape)
                gradients[x.name] = gradients[x.name] + part if x.name in gradients else part
    return gradients


def unbroadcast(part: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes along which `shape` was stretched to the shape of part."""
    full = (1,) * (part.ndim - len(shape)) + shape
    axes = tuple(i for i, n in enumerate(full) if n != part.shape[i])
    return array(np.sum(part, axis=axes, keepdims=True)).reshape(shape)


def assert_proven(got: Any, expected: Any) -> None:
    """Equal as rational functions of u = exp(z) and y."""
    got, expected = np.broadcast_arrays(array(got), array(expected))
    for one, other in zip(got.ravel(), expected.ravel(), strict=True):
        assert vanishes(one - other), f"{one} is not {other}"


def vanishes(difference: Any) -> bool:
    difference = sympy.expand(difference, power_exp=True)
    for e in difference.atoms(sympy.exp):
        difference = difference.subs(e, sympy.Symbol(f"u_{e.args[0]}", positive=True))
    return bool(sympy.cancel(sympy.together(difference)) == 0)


def softmax(z: Any) -> Any:
    """By its definition."""
    e = array([sympy.exp(x) for x in z.ravel()]).reshape(z.shape)
    return e / e.sum(-1, keepdims=True)


def through_the_probabilities(z: Any, y: Any) -> Any:
    """M9: C by a, so that the backward pass goes through dC/da and the Jacobian of softmax."""
    return tg.composed_softmax_cross_entropy(z, y)


def through_the_logarithm(z: Any, y: Any) -> Any:
    """M9': ln a_j = z_j - ln sum exp z."""
    return -np.sum(y * (z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True)))) / (z.size // z.shape[-1])


ROADS = [through_the_probabilities, through_the_logarithm]
Road = Callable[[Any, Any], Any]


def record(road: Road, shape: tuple[int, ...]) -> tuple[Any, Any, Any, dict[str, Any]]:
    """A program, and its values with z and y as symbols."""
    z = tg.Tensor(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), requires_grad=True, name="z")
    y = tg.Tensor(np.full(shape, 1 / shape[-1]), requires_grad=True, name="y")
    loss = road(z, y)
    loss.name = "C"
    program = tg.graph(loss)
    z, y = symbols("z", shape), symbols("y", shape)
    return program, z, y, forward(program, {"z": z, "y": y})


def one_in_all(y: Any) -> Any:
    """The distributions: the last entry of each row is what the others leave of 1."""
    rest = y[..., :-1].sum(-1, keepdims=True)
    return np.concatenate([y[..., :-1], 1 - rest], axis=-1)


def where_one_in_all(expressions: Any, y: Any) -> Any:
    values = dict(zip(y.ravel(), one_in_all(y).ravel(), strict=True))
    return array([array(e).item().subs(values) for e in expressions.ravel()]).reshape(expressions.shape)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("k", CLASSES)
def test_the_loss_is_the_cross_entropy(road: Road, k: int) -> None:
    _, z, y, values = record(road, (k,))
    a = softmax(z)
    expected = -sum(y[j] * sympy.log(a[j]) for j in range(k))
    difference = sympy.expand_log(values["C"].item() - expected, force=True)
    assert sympy.simplify(difference) == 0


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("k", CLASSES)
def test_the_gradient_is_a_minus_y_where_the_targets_sum_to_1(road: Road, k: int) -> None:
    program, z, y, values = record(road, (k,))
    gradient = backward(program, values, "C")["z"]
    assert_proven(where_one_in_all(gradient, y), softmax(z) - one_in_all(y))


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("k", CLASSES)
def test_the_gradient_is_a_sum_y_minus_y_for_any_targets(road: Road, k: int) -> None:
    program, z, y, values = record(road, (k,))
    gradient = backward(program, values, "C")["z"]
    assert_proven(gradient, softmax(z) * y.sum() - y)
    assert not vanishes((gradient - (softmax(z) - y))[0])  # the short form is another function


@pytest.mark.parametrize("road", ROADS)
def test_the_mean_of_a_batch_carries_one_over_n(road: Road) -> None:
    program, z, y, values = record(road, (2, 3))
    gradient = backward(program, values, "C")["z"]
    assert_proven(where_one_in_all(gradient, y), (softmax(z) - one_in_all(y)) / 2)


@pytest.mark.parametrize("k", CLASSES)
def test_on_the_way_stand_the_derivatives_of_the_loss_by_a_and_of_a_by_z(k: int) -> None:
    program, z, y, values = record(through_the_probabilities, (k,))
    a = next(e.output.name for e in program if e.primitive.name == "divide")
    assert_proven(values[a], softmax(z))
    assert_proven(backward(program, values, "C")[a], -y / softmax(z))
    for j in range(k):
        row = backward(program, values, f"{a}[{j}]")["z"]
        assert_proven(row, softmax(z)[j] * (np.eye(k, dtype=int)[j] - softmax(z)))


@pytest.mark.parametrize(("road", "k"), [(ROADS[0], 2), (ROADS[1], 2), (ROADS[1], 3)])
def test_the_recorded_backward_pass_is_the_same_function_and_has_the_hessian(road: Road, k: int) -> None:
    """With create_graph=True the gradient has equations of its own: they run on the symbols as they stand."""
    z = tg.Tensor(np.linspace(-1, 1, k), requires_grad=True, name="z")
    y = tg.Tensor(np.full(k, 1 / k), requires_grad=True, name="y")  # so that it is no mere number
    road(z, y).backward(create_graph=True)
    z.grad.name = "dz"
    program = tg.graph(z.grad)
    z, y = symbols("z", (k,)), symbols("y", (k,))
    values, a = forward(program, {"z": z, "y": y}), softmax(z)
    assert_proven(values["dz"], a * y.sum() - y)
    for i in range(k):
        row = backward(program, values, f"dz[{i}]")["z"]
        assert_proven(row, y.sum() * a[i] * (np.eye(k, dtype=int)[i] - a))


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("exp", (lambda g, y, x: g,)),
        ("log", (lambda g, y, x: g * x,)),
        ("divide", (lambda g, y, a, b: g / b, lambda g, y, a, b: g * y / b)),  # a sign
        ("divide", (lambda g, y, a, b: g / b, lambda g, y, a, b: g * 0)),  # as if softmax were elementwise
    ],
)
def test_a_wrong_rule_is_no_proof(name: str, rules: tuple[Any, ...]) -> None:
    program, z, y, values = record(through_the_probabilities, (3,))
    gradient = backward(program, values, "C", {name: rules})["z"]
    with pytest.raises(AssertionError):
        assert_proven(where_one_in_all(gradient, y), softmax(z) - one_in_all(y))
