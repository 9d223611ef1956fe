"""The readable source of a program says what it should, runs by itself, and gives the program's numbers."""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from test_rules import TABLE, as_tensors, evaluated, letters_of, weighed, weights_of

import tinygrad_sm as tg
from tinygrad_sm import nn, optim
from tinygrad_sm.errors import TraceError, UnsupportedError
from tinygrad_sm.parsing import parsed_module
from tinygrad_sm.primitive import DISPATCH, FUNCTIONS, PRIMITIVES
from tinygrad_sm.program.readable import Readable, rewritten


def run(program: Any) -> tuple[Readable, dict[str, Any]]:
    """What the source returns by itself, in an empty namespace; it changes none of its arguments."""
    found = rewritten(program)
    imports = [n for n in ast.walk(parsed_module(found.source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(n) for n in imports] == ["import numpy as np"]
    space: dict[str, Any] = {}
    exec(compile(found.source, "<readable>", "exec"), space)
    given = {name: copy.deepcopy(value) for name, value in found.arguments.items()}
    with np.errstate(all="ignore"):
        result = space["program"](**given)
    for name, value in found.arguments.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(given[name], value)
    return found, result


def check(program: Any, times: float = 8) -> str:
    """The source, which gives what was recorded, up to some eps."""
    found, result = run(program)
    for key, v in found.results:
        got, want = np.asarray(result[key]), np.asarray(v.value)
        assert (got.shape, got.dtype) == (want.shape, want.dtype), f"{key}\n{found.source}"
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want)
            continue
        finite = np.isfinite(want)
        np.testing.assert_array_equal(got[~finite], want[~finite])
        bound = times * np.finfo(want.dtype).eps * np.maximum(1, np.abs(want[finite]))
        worst = np.max(np.abs(got[finite] - want[finite]) / bound, initial=0)
        assert worst <= 1, f"{key}: {worst * times:.0f} eps apart\n{found.source}"
    return found.source


rng = np.random.default_rng(0)
X, LABELS = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])


def linear(dtype: Any = np.float64) -> tuple[tg.Tensor, tg.Tensor]:
    W = tg.Tensor(rng.normal(size=(3, 4)).astype(dtype), requires_grad=True, name="W")
    return W, tg.Tensor(np.zeros(4, dtype), requires_grad=True, name="b")


def has(source: str, *lines: str) -> None:
    there = [line.strip().split("  #")[0] for line in source.splitlines()]
    for line in lines:
        assert line in there, source


def test_the_linear_classifier_is_the_derivation() -> None:
    W, b = linear()

    def loss_of(x: Any, t: Any) -> Any:
        z = x @ W + b
        loss = tg.softmax_cross_entropy(z, t)
        loss.backward()
        return loss

    source = check(tg.trace(loss_of, X, LABELS))
    has(source, "z = x @ W + b", "N, K = z.shape", "y = np.eye(K)[t]", "a = e / e.sum(axis=1, keepdims=True)",
        "e = np.exp(z - z.max(axis=1, keepdims=True))", "loss = -np.sum(y * log_a) / N",
        "dz = (a - y) / N", "dW = x.T @ dz", "db = dz.sum(axis=0)", "# forward", "# backward")  # fmt: skip


@pytest.mark.parallel_threads_limit(4)  # they are many
@pytest.mark.parametrize("row", TABLE)
def test_row(row: str) -> None:
    call = row.partition(" == ")[0]
    letters = letters_of(call)
    tensors = as_tensors(letters)
    with np.errstate(all="ignore"):
        weights = weights_of(evaluated(call, letters))

    def f() -> Any:
        loss = weighed(evaluated(call, tensors), weights)
        if loss.requires_grad:
            loss.backward()
        return loss

    try:
        program = tg.trace(f)
    except TraceError:
        pytest.skip("not to be recorded")
    if "erf" in call:
        with pytest.raises(UnsupportedError, match="erf needs SciPy"):
            program.source()
        return
    check(program)


TARGETS = {
    "indices": lambda z, rng: rng.integers(z.shape[1], size=(z.shape[0], *z.shape[2:])),
    "soft": lambda z, rng: np.moveaxis(rng.dirichlet(np.ones(z.shape[1]), (z.shape[0], *z.shape[2:])), -1, 1),
}
LOSSES: list[tuple[str, dict[str, Any]]] = [
    (kind, about)
    for kind in TARGETS
    for about in (
        {}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1},
        {"weight": [0.5, 1.0, 2.0, 0.0]}, {"weight": np.array([0.5, 1.0, 2.0, 3.0]), "reduction": "sum"},
        {"weight": [0.5, 1.0, 2.0, 1.5], "label_smoothing": 0.2},
        {"ignore_index": -1}, {"ignore_index": -1, "weight": [0.5, 1.0, 2.0, 1.5], "label_smoothing": 0.2},
        {"ignore_index": 2, "reduction": "none"},
    )
    if kind == "indices" or "ignore_index" not in about
]  # fmt: skip


@pytest.mark.parametrize(("factor", "dtype"), [(1.0, np.float64), (1.0, np.float32), (-2.5, np.float32)])
@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 2), (2, 4, 3, 2)], ids=str)
@pytest.mark.parametrize(("kind", "about"), LOSSES, ids=str)
def test_fused_losses(kind: str, about: dict[str, Any], shape: Any, dtype: Any, factor: float) -> None:
    rng = np.random.default_rng(len(shape))
    start = rng.normal(0, 3, shape).astype(dtype)
    t = TARGETS[kind](start, rng)
    t = t.astype(dtype) if kind == "soft" else t
    if about.get("ignore_index") == -1:
        t.ravel()[::3] = -1
    z = tg.Tensor(start, requires_grad=True)
    w = rng.normal(size=start.shape[:1] + start.shape[2:]).astype(dtype)

    def loss_of(t: Any) -> Any:
        loss = tg.softmax_cross_entropy(z, t, axis=1, **about)
        total = loss * factor if loss.ndim == 0 else (loss * w).sum()
        total.backward()
        return loss

    source = check(tg.trace(loss_of, t))
    if not about and len(shape) == 2 and factor == 1:
        assert "dz = (a - y) / N" in source or "dz = (a - t) / N" in source


@pytest.mark.parametrize("about", [{}, {"label_smoothing": 0.1}, {"weight": [0.5, 1.0, 2.0]}], ids=str)
@pytest.mark.parametrize("axis", [-1, 0])
def test_gradients_of_target_distributions(about: dict[str, Any], axis: int) -> None:
    a = tg.Tensor(rng.normal(size=(3, 3)), requires_grad=True)
    z = tg.Tensor(rng.normal(size=(3, 3)), requires_grad=True)

    def loss_of() -> Any:
        loss = tg.softmax_cross_entropy(z, tg.softmax(a, axis=axis), axis=axis, **about)
        loss.backward()
        return loss

    check(tg.trace(loss_of))


@pytest.mark.parametrize("shape", [(4,), (1, 4)])
def test_one_row(shape: Any) -> None:
    z = tg.Tensor(rng.normal(size=shape), requires_grad=True)
    t = np.full(shape[:-1], 2)

    def loss_of(t: Any) -> Any:
        loss = tg.softmax_cross_entropy(z, t)
        loss.backward()
        return loss

    check(tg.trace(loss_of, t))


@pytest.mark.parametrize("start", [
    [[1000.0, -1000.0, 3.0], [-700.0, 5.0, 900.0]],
    [[-np.inf, 1.0, 2.0], [3.0, -np.inf, 1.0]],
    [[np.inf, 1.0, 2.0], [3.0, 4.0, np.nan]],
], ids=["large", "masked", "infinite"])  # fmt: skip
def test_logits_at_the_limits(start: Any) -> None:
    z = tg.Tensor(start, requires_grad=True)

    def loss_of(t: Any) -> Any:
        loss = tg.softmax_cross_entropy(z, t, reduction="none")
        loss.sum().backward()
        return loss, tg.softmax(z), tg.logsumexp(z, axis=1)

    with np.errstate(all="ignore"):
        check(tg.trace(loss_of, np.array([1, 2])))


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_composed_road_goes_by_way_of_y_over_a(dtype: Any, shift: bool) -> None:
    W, b = linear(dtype)

    def loss_of(x: Any, t: Any) -> Any:
        z = x @ W + b
        loss = tg.composed_softmax_cross_entropy(z, t, shift=shift)
        loss.backward()
        return loss

    source = check(tg.trace(loss_of, X.astype(dtype), LABELS))
    assert "-1 / 5 * y / a" in source
    assert "dz = (a - y)" not in source


def test_users_names_come_first() -> None:
    W, b = linear()

    def loss_of(e: Any, y: Any) -> Any:
        N = e @ W
        K = N + b
        a = tg.softmax_cross_entropy(K, y)
        a.backward()
        return a

    source = check(tg.trace(loss_of, X, LABELS))
    has(source, "K = N + b" if "N = e @ W" in source else "K = e @ W + b")
    assert "def program(e, y, W, b):" in source


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}
NETS = {
    "relu": lambda: nn.Sequential(nn.Linear(3, 8, rng=0), nn.ReLU(), nn.Linear(8, 4, rng=1)),
    "sigmoid": lambda: nn.Sequential(nn.Linear(3, 8, rng=0), nn.Sigmoid(), nn.Linear(8, 4, rng=1)),
    "dropout": lambda: nn.Sequential(
        nn.Linear(3, 8, rng=0), nn.Dropout(0.5, rng=3), nn.GELU("tanh"), nn.Linear(8, 4, rng=1)
    ),
    "batch norm": lambda: nn.Sequential(
        nn.Linear(3, 8, rng=0, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 4, rng=1)
    ),
    "layer norm": lambda: nn.Sequential(
        nn.Linear(3, 8, rng=0), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 4, rng=1)
    ),
    "float64": lambda: nn.Sequential(
        nn.Linear(3, 8, rng=0, dtype=float), nn.LeakyReLU(), nn.Linear(8, 4, rng=1, dtype=float)
    ),
}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_steps(optimizer: str, net: str) -> None:
    model = NETS[net]()
    opt = OPTIMIZERS[optimizer](model.parameters())

    def step(x: Any, t: Any) -> Any:
        opt.zero_grad()
        loss = tg.softmax_cross_entropy(model(x), t)
        loss.backward()
        opt.step()
        return loss

    step(X.astype(np.float32), LABELS)
    found = rewritten(program := tg.trace(step, X.astype(np.float32), LABELS))
    check(program, 64 if optimizer == "rmsprop" else 8)  # centered: a difference of near equals
    assert "# update" in found.source
    if optimizer == "sgd":
        assert "lr" in found.arguments
        assert "layer_0_weight = layer_0_weight - lr * d0_weight" in found.source


def test_a_convolution() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3, rng=1)
    )

    def loss_of(x: Any, t: Any) -> Any:
        loss = tg.softmax_cross_entropy(net(x), t)
        loss.backward()
        return loss

    x = rng.normal(size=(2, 1, 4, 4)).astype(np.float32)
    check(tg.trace(loss_of, x, np.array([0, 2])), 64)


def test_other_losses() -> None:
    for loss in (
        lambda z, t: tg.sigmoid_binary_cross_entropy(z, (t[:, None] == np.arange(4)).astype(float)),
        lambda z, t: tg.nll_loss(tg.log_softmax(z), t, weight=[1.0, 2.0, 0.5, 1.0], ignore_index=2),
        lambda z, t: tg.nll_loss(tg.log_softmax(z), t),
        lambda z, t: tg.nll_loss(tg.log_softmax(z), t, ignore_index=2),
        lambda z, t: tg.nll_loss(tg.log_softmax(z), t, weight=[1.0, 2.0, 0.5, 1.0]),
        lambda z, t: nn.MSELoss()(z, np.ones((5, 4))),
    ):
        W, b = linear()

        def loss_of(x: Any, t: Any, loss: Any = loss, W: Any = W, b: Any = b) -> Any:
            found = loss(x @ W + b, t)
            found.backward()
            return found

        check(tg.trace(loss_of, X, LABELS))


# ---- programs at random ----

ANY = [
    "x + y",
    "x - y",
    "x * y",
    "x / (y * y + 1)",
    "-x",
    "x ** 2",
    "1 / (x * x + 1)",
    "np.exp(-x * x)",
    "np.tanh(x)",
    "tg.relu(x)",
    "tg.sigmoid(x)",
    "np.maximum(x, y)",
    "np.where(x > y, x, z)",
    "np.sin(x)",
    "x - (y - z)",
    "x / ((y * y + 1) / (z * z + 2))",
    "(x * x + 0.2) ** -0.5",
    "2.0 ** np.tanh(x)",
    "abs(x)",
    "x.copy()",
    "x * 1",
    "np.sum(x)",
    "np.ravel(x)",
    "np.expand_dims(x, 0)",
    "np.broadcast_to(x, (2, *x.shape))",
    "x.mean()",
    "-(x - y)",
    "np.float32(2) * x",
    "x + x",
    "np.clip(x, -0.7, 0.9)",
    "x + np.array([0.25])",
    "(x < y) * z",
    "np.stack((x, x), -1)",
    "x.reshape(-1)",
    "np.sqrt(x * x + np.float64(0.3))",
    "3 - x",
    "0.0 * x",
    "(-x) ** 2",
]
VECTORS = [
    "x.sum(axis=k)",
    "x.sum(axis=k, keepdims=True)",
    "x.mean(axis=k)",
    "np.max(x, axis=k)",
    "np.cumsum(x, axis=k)",
    "x[0]",
    "x[..., ::2]",
    "x[..., None]",
    "x[[0, 0]]",
    "np.flip(x, (k,))",
    "np.concatenate((x, np.sin(x)), k)",
    "tg.softmax(x, axis=k)",
    "np.take(x, [0, -1, 0], axis=k)",
    "x[np.argsort(x, axis=0).ravel()[:1]]",
    "x.T",
    "np.sort(x, axis=k)",
    "np.var(x, axis=k)",
    "np.prod(x, axis=k)",
    "x[-1:]",
    "x[1:, ...]",
]
MATRICES = ["np.swapaxes(x, -1, -2) @ x", "x @ np.swapaxes(x, -1, -2)", "np.tril(x)", "x.T.T",
            "np.matmul(x, x[..., 0, :, None] * 1)",
            "np.einsum('...ij,...kj->...ik', x, x)", "np.trace(x, 0, -2, -1)"]  # fmt: skip


class Composer:
    """A function of ops chosen at random: some values are read twice, some never."""

    def __init__(self, seed: int, dtype: Any) -> None:
        self.rng, self.dtype = np.random.default_rng(seed), dtype
        shapes = [(), (3,), (2, 3), (2, 1), (2, 2, 3), (3, 3)]
        picked = [shapes[self.rng.integers(len(shapes))] for _ in range(3)]
        self.leaves = [self.rng.uniform(-1.2, 1.2, shape).astype(dtype) for shape in picked]
        self.steps: list[tuple[str, list[int], int]] = []
        values: list[Any] = list(self.leaves)
        while len(self.steps) < 14:
            x = values[i := int(self.rng.integers(len(values)))]
            kind = int(self.rng.integers(min(x.ndim, 2) + 1))
            op = str(self.rng.choice((ANY, VECTORS, MATRICES)[kind]))
            fits = [j for j, v in enumerate(values) if v.shape in (x.shape, ())]
            y, z = (int(self.rng.choice(fits)) for _ in range(2))
            step = op, [i, y, z], int(self.rng.integers(x.ndim)) if kind else 0
            try:
                made = np.asarray(self.value(step, values))
            except ValueError:  # not for these shapes
                continue
            if 0 < made.size <= 48 and made.ndim <= 3 and np.abs(made).max() < 9:
                self.steps.append(step)
                values.append(made)

    @staticmethod
    def value(step: Any, values: list[Any]) -> Any:
        op, (i, j, k), axis = step
        return eval(op, {"np": np, "tg": tg, "k": axis, "x": values[i], "y": values[j], "z": values[k]})

    def __call__(self, *leaves: Any) -> Any:
        values = list(leaves)
        for step in self.steps:
            values.append(self.value(step, values))
        return values[-4:]


@pytest.mark.parametrize("seed", range(50))
def test_random_programs(seed: int) -> None:
    f = Composer(seed, np.float32 if seed % 3 == 0 else np.float64)
    leaves = [tg.Tensor(a, requires_grad=True) for a in f.leaves]

    def both() -> Any:
        outputs = f(*leaves)
        loss = sum([y.sum() for y in outputs[1:]], outputs[0].sum())
        if loss.requires_grad:
            loss.backward()
        return loss, outputs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        check(tg.trace(both))
        check(tg.trace(lambda *arrays: f(*map(tg.Tensor, arrays)), *f.leaves))


# ---- names, constants, and what cannot be written ----

HOSTILE = ['x"; import os', "__import__", "lambda", "größe", "a\nimport os", "np", "program", "1.weight", "#",
           '"""',
           "", "print", "x y", "x_y", "ɑ" * 3, "sigmoid", "match"]  # fmt: skip


def test_hostile_names_are_only_names() -> None:
    leaves = [tg.Tensor([1.0, 2.0], requires_grad=True, name=name) for name in HOSTILE]

    def f() -> Any:
        total = sum([tg.sigmoid(x * i) for i, x in enumerate(leaves)], leaves[0])
        with tg.scope('s"\nimport os\n'):
            total = total * 2
        total.sum().backward()
        return total

    source = check(tg.trace(f))
    assert "import os" not in source
    assert source.isascii()
    names = [n.arg for n in ast.walk(parsed_module(source)) if isinstance(n, ast.arg)]
    assert len(set(names) & {"import", "lambda", "__import__", "np", "program"}) == 0


@pytest.fixture
def own_tables() -> Iterator[None]:
    """Whatever a test defines is gone after it."""
    tables = PRIMITIVES, FUNCTIONS, DISPATCH
    before = [dict(table) for table in tables]  # type: ignore[call-overload]
    yield
    for table, was in zip(tables, before, strict=True):
        table.clear()  # type: ignore[attr-defined]
        table.update(was)  # type: ignore[attr-defined]


@pytest.mark.thread_unsafe  # all threads share the tables
@pytest.mark.usefixtures("own_tables")
def test_hostile_formulas_stay_in_their_comment() -> None:
    op = tg.primitive(cubed, "x^3\nimport os\r\x0cimport sys", lambda g, y, x: 3 * g * x**2, name="cu\nbe(")
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    source = check(tg.trace(lambda: op(x)))
    assert "\nimport os" not in source


OFFSET, FACTORS = 0.1, np.array([1.0, np.inf])


def cubed(x: np.ndarray, *, by: float = OFFSET) -> np.ndarray:
    """A user's function that uses others."""
    shift: float = shifted(x.size)
    return np.power(x, 3) + shift + (lambda v: v * by)(FACTORS[:1])


def shifted(n: int) -> float:
    return n * OFFSET


@pytest.mark.thread_unsafe
@pytest.mark.usefixtures("own_tables")
def test_users_primitives() -> None:
    power = 4
    ops = [
        tg.primitive(lambda x: x**power + cubed(x), "x^4", lambda g, y, x: g * x, name="fourth"),
        tg.primitive(np.exp, "e^x", lambda g, y, x: g * y, name="relu"),
        tg.primitive(cubed, "x^3", lambda g, y, x: 3 * g * x**2, name="sum"),
    ]
    for op in ops:
        x = tg.Tensor([1.0, 2.0], requires_grad=True)

        def f(op: Any = op, x: Any = x) -> Any:
            y = op(x)
            y.sum().backward()
            return y

        check(tg.trace(f))


@pytest.mark.thread_unsafe
@pytest.mark.usefixtures("own_tables")
def test_users_fused_ops() -> None:
    def kernel(x: Any, p: int = 2) -> Any:
        e = np.exp(x)
        return e**p, e

    op = tg.fused("ExpPower", "e^{px}", kernel=kernel, definition=lambda x, p=2: np.exp(x * p),
                  rules=(lambda g, y, saved, x, p=2: g * p * saved**p,))  # fmt: skip
    x = tg.Tensor([1.0, 2.0], requires_grad=True)

    def f() -> Any:
        y = op(x, p=3)
        y.sum().backward()
        return y, op(x)

    assert "_saved = exp" in check(tg.trace(f)).lower().replace("power", "")


@pytest.mark.thread_unsafe
@pytest.mark.usefixtures("own_tables")
def test_what_has_no_source_is_named() -> None:
    space: dict[str, Any] = {"np": np}
    exec("def f(x): return np.exp(x)", space)
    x = tg.Tensor([1.0], requires_grad=True)
    for function in (space["f"], eval("lambda x: x", {}), staticmethod(np.exp).__func__.__call__, Callable()):
        op = tg.primitive(function, "e^x", lambda g, y, x: g * y, name="hidden")
        with pytest.raises(UnsupportedError, match="hidden"):
            tg.trace(lambda op=op: op(x)).source()


class Callable:
    __name__ = "callable"

    def __call__(self, x: Any) -> Any:
        return np.exp(x)


def test_styles() -> None:
    program = tg.trace(lambda x: np.exp(x) * 2, X)
    assert "def make" in program.source("fast")
    assert program.source() == program.source("readable") == program.source(style="readable")
    with pytest.raises(UnsupportedError, match="'readable' or 'fast'"):
        program.source("slow")


def test_constants_are_exact_or_arguments() -> None:
    small = [np.array([0.1, -0.0, np.inf, np.nan], np.float32), np.array([1e-310, 0.1 + 0.2]),
             np.float32(0.1), np.array([True, False]), np.array([2**62 + 1]), np.array(0.1, np.float16),
             np.zeros((2, 2), np.float32),
             np.full(100, 0.1), np.array([-0.0, 0.0]), np.empty((0, 3), np.float32)]  # fmt: skip
    for a in small:
        found = rewritten(
            tg.trace(
                lambda x, a=a: (x * np.copy(a).sum(), x + tg.Tensor(np.copy(a))), np.array(2, np.float32)
            )
        )
        assert list(found.arguments) == ["x"]
        check(
            tg.trace(
                lambda x, a=a: (x * np.copy(a).sum(), x + tg.Tensor(np.copy(a))), np.array(2, np.float32)
            )
        )
    large, key = rng.normal(size=100), rng.integers(3, size=70)
    program = tg.trace(lambda x: (x[key] * 2, (x.sum() + tg.Tensor(large.copy()))), X)
    found = rewritten(program)
    assert len(found.arguments) == 3
    check(program)


def test_what_is_returned() -> None:
    W, b = linear()

    def inputs_and_twice(x: Any) -> Any:
        y = x @ W
        return y, y, x, np.copy(x), x.T, b, tg.Tensor(2.0) * 3.0

    source = check(tg.trace(inputs_and_twice, tg.Tensor(X)))
    assert "return" in source
    opt = optim.SGD([W, b], lr=0.5)

    def step(x: Any) -> Any:
        """The old W is read after the update, and returned."""
        old = W.data_copy() if hasattr(W, "data_copy") else W * 1.0
        opt.zero_grad()
        loss = ((x @ W + b) ** 2).mean()
        loss.backward()
        opt.step()
        return loss, old, (x @ W).sum()

    check(tg.trace(step, X))

    def two_steps(x: Any) -> Any:
        for _ in range(2):
            opt.zero_grad()
            ((x @ W + b) ** 2).mean().backward()
            opt.step()

    check(tg.trace(two_steps, X))


def test_traced_indices_and_transforms() -> None:
    W = tg.Tensor(rng.normal(size=(6, 3)), requires_grad=True)

    def embed(i: Any, x: Any) -> Any:
        loss = (W[i] * x).sum() + x[0, i[0]] * 2
        loss.backward()
        return loss

    check(tg.trace(embed, np.array([0, 2, 2, 1, 0]), X))

    def loss_of(W: Any, b: Any) -> Any:
        return tg.softmax_cross_entropy(tg.Tensor(X) @ W + b, LABELS)

    check(tg.trace(tg.value_and_grad(loss_of), *(t.data for t in linear())))
    check(tg.trace(tg.hessian(lambda v: np.sum(np.exp(v) * v)), np.array([0.3, -0.2])))


def test_a_live_graph_has_a_source() -> None:
    from tinygrad_sm.program import graph

    W, b = linear()
    check(graph(tg.softmax_cross_entropy(tg.Tensor(X) @ W + b, LABELS)))


def test_lines_fit_the_page() -> None:
    x = tg.Tensor(rng.normal(size=(4, 4)), requires_grad=True, name="a_name_that_is_rather_long_for_a_name")

    def f() -> Any:
        y = x
        for _ in range(12):
            y = np.tanh(y * x + 1) - y / 2
        return y + tg.Tensor(rng.normal(size=(4, 4)))

    assert max(map(len, check(tg.trace(f)).splitlines())) <= 110


def test_a_view_of_what_is_updated_is_the_old_one() -> None:
    """W.T stands in two expressions, one of them behind the update."""
    W = tg.Tensor(rng.normal(size=(3, 3)), requires_grad=True, name="W")
    opt = optim.SGD([W], lr=0.5)

    def step(x: Any) -> Any:
        turned = W.T * 1.0
        opt.zero_grad()
        loss = (x @ W.T).sum()
        loss.backward()
        opt.step()
        return loss, np.exp(turned + x.sum()) - turned, W * 2

    check(tg.trace(step, X))


@pytest.mark.parallel_threads_limit(2)  # it is long
def test_a_long_chain() -> None:
    def f(x: Any) -> Any:
        for _ in range(3000):
            x = x * 0.999 + 0.001
        return x

    check(tg.trace(f, X))


def test_the_gradients_of_all_parameters_are_returned_whatever_their_names_and_dtypes() -> None:
    named = tg.Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True, name="a")
    nameless = [tg.Tensor([3.0, 4.0], requires_grad=True)]
    x = np.array([0.5, -1.0])

    def f(x: Any) -> Any:
        loss = ((named * x + nameless[0]) ** 2).sum()
        loss.backward()
        return loss

    program = tg.trace(f, x)
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    read = {"a": named, "p1": nameless[0]}
    found = scope["program"](x, *[read[v.name].data for v in program.inputs if v.kind == "parameter"])
    f(x)
    loss, *gradients = found.values()
    assert loss == f(x).item()
    half = sorted(t.grad.data.tolist() for t in (named, nameless[0]))  # of two passes
    assert sorted((2 * g).tolist() for g in gradients) == half
    assert sorted(str(g.dtype) for g in gradients) == ["float32", "float64"]
