"""check_grads: right derivatives pass, wrong ones are found and the op is blamed, kinks are told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm.check import check_file, check_grads
from tinygrad_sm.check.differences import judge
from tinygrad_sm.cli import main
from tinygrad_sm.errors import DataError, GradientCheckError, GradientError, ShapeError, UnsupportedError
from tinygrad_sm.primitive import FUNCTIONS, PRIMITIVES, Primitive

V = np.array([0.5, -2.0, 1.0])
M = np.array([[0.3, -1.2, 0.7], [1.5, 0.1, -0.4]])
FLOATS = [np.float16, np.float32, np.float64]


def op(function: Callable[..., Any], *rules: Any, name: str) -> Primitive:
    """A primitive that is in no table, so that no other test meets it."""
    return Primitive(name, function, "", rules)


cube_as_square = op(lambda x: x**3, lambda g, y, x: g * 2 * x**2, name="cube_as_square")
cube_cut = op(lambda x: x**3, lambda g, y, x: g * 3 * np.square(getattr(x, "data", x)), name="cube_cut")
product = op(lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * b, name="product")
relu_7 = op(lambda x: np.maximum(x, 0), lambda g, y, x: g * np.where(x == 0, 7.0, x > 0), name="relu_7")
only_right_at_one = op(lambda x: x**2, lambda g, y, x: 2 * g, name="only_right_at_one")


# ---- right ones ----


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "f",
    [
        np.tanh,
        lambda x: np.exp(x) * x,
        lambda x: (x @ x.T).sum(0),
        lambda x: tg.softmax(x) * 3,
        lambda x: tg.softmax_cross_entropy(x, [2, 0]),
        lambda x: tg.composed_softmax_cross_entropy(x, [2, 0]),
        lambda x: (x - x.mean()).sum(),  # 0, but for rounding
        lambda x: np.log(np.exp(x).sum(1)),
        lambda x: ((x - x.mean()) / (x.std() + 1)).sum(),
        lambda x: tg.softmax(20 * x).sum(),
        lambda x: 3.0,
    ],
)
def test_right_derivatives_pass(f: Any, dtype: Any) -> None:
    found = check_grads(f, M.astype(dtype))
    assert (found.order, found.entries, found.skipped, found.kinks) == (2, 12, 0, ())
    assert found.error <= np.finfo(dtype).eps ** 0.375


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e3, 1e9])
def test_results_of_any_size(scale: float, dtype: Any) -> None:
    assert check_grads(lambda x: scale * x**2, M.astype(dtype)).kinks == ()
    assert "is cube_as_square" in wrong(lambda x: scale * cube_as_square(x), M.astype(dtype))


@pytest.mark.parametrize("x", [1e-8, 1e-3, 1.0, 1e3, 1e8])
@pytest.mark.parametrize("f", [np.log, np.sqrt, np.reciprocal, lambda x: x * x, lambda x: (x - 1e8) ** 2])
def test_steps_fit_the_size_of_the_input(f: Any, x: float) -> None:
    check_grads(f, np.array([x, 2.0]))
    check_grads(f, x)


def test_higher_orders() -> None:
    assert check_grads(lambda x: np.exp(x) * x, V, order=4).entries == 12
    assert check_grads(np.tanh, V, order=1).entries == 3


def test_containers_tensors_and_what_is_constant() -> None:
    p = {"w": [tg.Tensor(M, requires_grad=True)], "none": None, "name": "text"}

    def f(p: Any, n: int, labels: Any, scale: float) -> Any:
        assert type(n) is int
        loss = tg.softmax_cross_entropy(p["w"][0], labels)
        return {"a": p["w"][0] ** n, "b": (scale * loss, 5, "text")}

    assert check_grads(f, p, 3, np.array([0, 1]), 0.5).entries == 14
    assert p["w"][0].grad is None  # type: ignore[index]


def test_large_inputs_are_sampled_and_it_says_so() -> None:
    found = check_grads(lambda a: (a * a).sum(), np.ones((40, 30)), order=1)
    assert (found.entries, found.skipped) == (100, 1100)
    assert "1100 more of large inputs were not compared (100 drawn of each)" in str(found)


def test_the_report_is_read() -> None:
    assert str(check_grads(np.tanh, 1.0, order=1)).startswith("the gradient is right: 1 compared, largest")
    report = str(check_grads(tg.relu, np.zeros(7)))
    assert report.startswith("the derivatives of orders 1 to 2 are right: 0 compared")
    assert "no derivative, so none was compared, at the kinks input 0 (x) [0], " in report
    assert report.endswith("input 0 (x) [4] and 2 more")


# ---- wrong ones ----


def wrong(f: Any, *inputs: Any, **how: Any) -> str:
    with pytest.raises(GradientCheckError) as raised:
        check_grads(f, *inputs, **how)
    return str(raised.value)


def test_the_error_names_input_index_and_numbers() -> None:
    def f(a: Any, b: Any) -> Any:
        return {"y": (a * a + cube_as_square(b["w"][1])).sum()}

    says = wrong(f, V, {"w": (V, np.array([2.0, 0, 3]))})
    got, expected = (float(says.split(word)[1].split()[0].strip(",")) for word in ("got ", "expected "))
    assert "the gradient by input 1 (b)['w'][1] is wrong at [0]" in says
    assert got / expected == pytest.approx(2 / 3)  # 2 x^2 for 3 x^2
    assert "2 of the 3 entries compared are wrong" in says  # at 0 both are 0


def test_it_is_a_gradient_error_and_an_assertion() -> None:
    assert issubclass(GradientCheckError, GradientError)
    assert issubclass(GradientCheckError, AssertionError)


def test_the_first_op_on_the_way_back_is_blamed() -> None:
    def f(x: Any) -> Any:
        with tg.scope("early"):
            y = product(np.sin(x), x + 2)  # wrong too, but further back
        with tg.scope("late"):
            y = cube_as_square(np.exp(y / 10))
        return np.tanh(y / 10).sum()

    says = wrong(f, V)
    assert "whose rule is wrong is cube_as_square in scope late, by its input x:\n    g * 2 * x**2\n" in says
    assert "product" not in says


def test_the_wrong_one_of_two_rules_is_shown() -> None:
    says = wrong(lambda x, y: product(np.tanh(x), y), V, 3 * V)
    assert "by input 1 (y)" in says
    assert "is product, by its input b:\n    g * b\nasked by itself at b = 1.5, it gave " in says


def test_a_rule_that_is_right_at_one_point_only() -> None:
    assert check_grads(only_right_at_one, 1.0, order=1).entries == 1
    assert "is only_right_at_one" in wrong(only_right_at_one, np.array([1.0, 1.5]), order=1)


def test_an_op_that_cannot_be_asked_by_itself_is_passed_over() -> None:
    """Targets that are moved no longer add up to 1, where the softmax before them keeps them so."""

    def f(x: Any) -> Any:
        y = cube_as_square(x)
        return tg.softmax_cross_entropy(y, tg.softmax(y))

    assert "is cube_as_square" in wrong(f, M)


@pytest.mark.parametrize("dtype", FLOATS)
def test_mistakes_are_found_in_every_dtype(dtype: Any) -> None:
    assert "is cube_as_square" in wrong(cube_as_square, np.array([0.5, 2], dtype), order=1)


def test_small_mistakes_are_found() -> None:
    off = op(np.sin, lambda g, y, x: g * np.cos(x) * (1 + 1e-5), name="off")
    assert "is off" in wrong(off, V, order=1)
    check_grads(op(np.sin, lambda g, y, x: g * np.cos(x) * (1 + 1e-8), name="hardly_off"), V, order=1)


def test_a_rule_that_cannot_be_differentiated() -> None:
    assert check_grads(cube_cut, V, order=1).entries == 3
    says = wrong(lambda x: np.exp(cube_cut(x) / 8), V)
    assert "the derivative of order 2 by input 0 (x) is wrong" in says
    assert "is cube_cut, by its input x" in says
    assert "The rule gives the right numbers, but not on Tensors" in says


@pytest.mark.parametrize(
    "kernel",
    [
        lambda x: (x**2, 2 * x),
        lambda x: [x**2, 2 * x],
        lambda x: np.stack((x**2, 2 * x)),
    ],
)
def test_a_kernel_gives_its_output_and_what_it_saved_in_any_sequence(kernel: Any) -> None:
    rules = (lambda g, y, saved, x: g * saved,)
    square = tg.primitive.__globals__["Primitive"](
        "square", lambda x: x**2, "", rules, run=kernel, definition=lambda x: x * x
    )
    assert check_grads(square, V, order=2).entries > 3


def test_a_fused_op_whose_definition_is_another_function() -> None:
    rules = (lambda g, y, saved, x: g * 2 * x,)
    fused = tg.primitive.__globals__["Primitive"](
        "two_minds", lambda x: x**2, "", rules, run=lambda x: (x**2, None), definition=lambda x: x**3
    )
    assert check_grads(fused, V, order=1).entries == 3
    assert "is two_minds" in wrong(fused, V)


@pytest.mark.parametrize("cut", [lambda x: x.detach(), lambda x: x.numpy(), lambda x: tg.stop_gradient(x)])
def test_a_gradient_that_is_cut_off_between_ops(cut: Any) -> None:
    says = wrong(lambda x: x * cut(x), V)
    assert "Each op's rule is right by itself, so the gradient is cut off or changed between ops" in says
    assert "expected" in wrong(lambda x: float(x) ** 2, 2.0)


def test_infinite_and_missing_derivatives_of_smooth_functions_are_wrong() -> None:
    for bad in np.nan, np.inf, -np.inf:
        rule = op(np.sin, lambda g, y, x, bad=bad: np.where(x > 0, g * np.cos(x), bad * g), name="sometimes")
        rule._keywords, rule._arity = {}.keys(), 1
        says = wrong(lambda x, rule=rule: rule(x), V, order=1)
        assert "is wrong at [1]: got" in says


# ---- kinks ----


@pytest.mark.parametrize(
    ("f", "x", "kinks"),
    [
        (tg.relu, [0.0, 1.0, -1.0], [[0]]),
        (tg.relu, [1e-9, -1e-9], []),
        (np.abs, [0.0, 2.0], [[0]]),
        (lambda x: np.clip(x, -1, 1), [-1.0, 0.0, 1.0], [[0], [2]]),
        (np.floor, [0.5, 1.0], [[1]]),
        (np.max, [1.0, 1.0, 0.0], [[0], [1]]),
        (np.sort, [1.0, 1.0, 0.0], [[0], [1]]),
        (lambda x: np.where(x > 0, x, 3 * x), [0.0, 1.0], [[0]]),
        (np.sqrt, [0.0, 1.0], [[0]]),
        (np.cbrt, [0.0, 1.0], [[0]]),
        (np.arcsin, [1.0, 0.5], [[0]]),
        (np.linalg.norm, [0.0, 0.0], [[0], [1]]),
        (lambda x: x * x * x, [0.0], []),
    ],
)
def test_kinks_are_not_mistakes(f: Any, x: Any, kinks: Any) -> None:
    with np.errstate(all="ignore"):
        found = check_grads(f, np.array(x))
    assert sorted(kink.split(") ")[1] for kink in found.kinks) == [str(kink) for kink in kinks]


def test_what_no_convention_gives_at_a_kink_is_a_mistake() -> None:
    says = wrong(relu_7, np.array([1.0, 0.0]))
    assert "is wrong at [1]" in says
    assert "is relu_7" in says


@pytest.mark.parametrize(
    ("L", "got", "kind"),
    [
        (lambda t: 3 * t + t**2, 3.0, "right"),
        (lambda t: 3 * t + t**2, 3.1, "wrong"),
        (lambda t: 3 * t + t**2, np.nan, "wrong"),
        (lambda t: abs(t), 0.5, "kink"),
        (lambda t: abs(t), 1.5, "wrong"),
        (lambda t: float(t > 0), 0.0, "kink"),
        (lambda t: abs(t) ** 0.5, np.nan, "wrong"),
        (lambda t: -(abs(t) ** 0.5), np.nan, "wrong"),
        (lambda t: abs(t), np.inf, "wrong"),
        (lambda t: t ** (1 / 3) if t > 0 else -((-t) ** (1 / 3)), np.inf, "kink"),
        (lambda t: t ** (1 / 3) if t > 0 else -((-t) ** (1 / 3)), -np.inf, "wrong"),
        (lambda t: t if t >= 0 else np.nan, 1.0, "kink"),
        (lambda t: t if t >= 0 else np.nan, 2.0, "wrong"),
        (lambda t: np.sin(1e4 * t), 1e4, "right"),
    ],
)
def test_verdicts(L: Any, got: float, kind: str) -> None:
    assert judge(L, got, 2.0**-13, 1e-16, 1e-6, 1e-12).kind == kind


# ---- what cannot be checked ----


def test_what_cannot_be_checked() -> None:
    with pytest.raises(UnsupportedError, match="nothing to differentiate by: integers, bools and text are"):
        check_grads(lambda x: x, 2, True, "text", None)
    with pytest.raises(UnsupportedError, match="order must be 1 or more, not 0"):
        check_grads(np.tanh, 1.0, order=0)
    with pytest.raises(UnsupportedError, match="returned nothing that has a derivative"):
        check_grads(lambda x: "text", 1.0)
    rng = np.random.default_rng(0)
    with pytest.raises(UnsupportedError, match=r"two results for the same inputs; set the random.*dropout"):
        check_grads(lambda x: x * rng.random(), 1.0)
    assert "not finite at these inputs" in wrong(np.log, -1.0)
    with pytest.raises(ShapeError):
        check_grads(lambda x: x @ x, M)


def test_nothing_is_left_behind() -> None:
    w = tg.Tensor(V, requires_grad=True)
    with tg.no_grad():
        check_grads(lambda x: (x * w).sum(), 2 * V)
    assert w.grad is None
    x = np.array(V)
    check_grads(np.tanh, x)
    np.testing.assert_array_equal(x, V)


# ---- from the command line ----

FILE = '''
import numpy as np
import tinygrad_sm as tg
from tinygrad_sm.primitive import Primitive
from beside import LABELS

wrong = Primitive("wrong", lambda x: x**3, "", (lambda g, y, x: g * 2 * x**2,))

def right(x=np.array([1.0, 2.0]), w=0.5, power=3, *, shift=1.0):
    return (np.tanh(x) * w) ** power + shift

def bad(x=np.array([1.0, 2.0])):
    return wrong(x).sum()

def loss(z, labels):
    return tg.softmax_cross_entropy(z, labels)

def product(a, b):
    return a @ b

def total(*arrays):
    return sum(arrays)

def crashing(x=1.0):
    raise ValueError("it\\nbreaks")

example_inputs = {"loss": (np.zeros((2, 3)), LABELS), "total": (1.0, 2.0), "right": {"w": 2.0}}
'''


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("LABELS = [0, 1]\n")

    def write(text: str = FILE) -> Path:
        (tmp_path / "model.py").write_text(text)
        return tmp_path / "model.py"

    yield write
    import sys

    sys.modules.pop("beside", None)


@pytest.mark.thread_unsafe
def test_a_function_of_a_file(file: Any) -> None:
    file()
    assert check_file("model.py:right", seed=1).entries == 2 * 3  # x and w
    assert check_file("model.py:loss").entries == 2 * 6
    assert check_file("model.py:total").entries == 2 * 2
    assert check_file("model.py:product", order=1, shapes={"a": (2, 3), "b": (3,)}).entries == 9
    assert check_file("model.py:right", shapes={"w": ()}).entries == 6
    with pytest.raises(GradientCheckError, match=r"by input 0 \(x\) is wrong"):
        check_file("model.py:bad")


@pytest.mark.thread_unsafe
@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("model.py", "'model.py' is not of the form FILE.py:function"),
        ("model.txt:f", "not of the form FILE.py:function"),
        ("other.py:f", "there is no file 'other.py'"),
        ("model.py:nothing", "has no function 'nothing'; it has right, bad, loss, product, total, crashing"),
        ("model.py:product", r"product needs an example of 'a'.*default.*example_inputs.*--shape a=3,4"),
        ("model.py:crashing", "model.py, line 25: crashing raised ValueError: it$"),
    ],
)
def test_mistakes_in_what_is_asked_for(file: Any, target: str, says: str) -> None:
    file()
    with pytest.raises(DataError, match=says):
        check_file(target)


@pytest.mark.thread_unsafe
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = = 1", r"model.py, line 1: running the file raised SyntaxError"),
        ("import nothing_like_it", r"model.py, line 1: running the file raised ModuleNotFoundError"),
        ("raise SystemExit(0)", r"model.py, line 1: running the file raised SystemExit"),
        ("f = 3", "has no function 'f'; it has none"),
        ("example_inputs = 3\ndef f(x): return x", "example_inputs must be a tuple or a dict, not int"),
        ("example_inputs = {'y': 3.0}\ndef f(x): return x", r"f\(x\) has no parameter for the example 'y'"),
        ("example_inputs = (1.0, 2.0)\ndef f(x): return x", r"f\(x\) has no parameter for the example 2.0"),
    ],
)
def test_mistakes_in_the_file(file: Any, text: str, says: str) -> None:
    file(text)
    with pytest.raises(DataError, match=says):
        check_file("model.py:f")


@pytest.mark.thread_unsafe
def test_the_command_prints_the_verdict(file: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file()
    assert main(["check", "model.py:product", "--shape", "a=2,3", "--shape", "b=3", "--order", "1"]) == 0
    assert capsys.readouterr().out.startswith("the gradient is right: 9 compared")
    assert main(["check", "model.py:bad"]) == 1
    said = capsys.readouterr()
    assert "whose rule is wrong is wrong, by its input x:\n    g * 2 * x**2\n" in said.out
    assert said.err == ""
    assert main(["check", "model.py:nothing"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("tinygrad_sm: check: model.py has no function 'nothing'")
    for arguments in (["--shape", "a"], ["--shape", "a=x"], ["--order", "0"], []):
        with pytest.raises(SystemExit) as end:
            main(["check", *(arguments and ["model.py:bad"]), *arguments])
        assert end.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_no_test_here_leaves_an_op_in_the_tables() -> None:
    assert not {"cube_as_square", "wrong", "two_minds"} & (PRIMITIVES.keys() | FUNCTIONS.keys())
