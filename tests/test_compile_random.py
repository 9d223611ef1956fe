"""Random programs: the function, the compiled one and the source that was emitted agree to the last bit.

They have views, broadcasting, values that are used again or not at all, and updates in place; each runs
several times with fresh inputs. What they return is never overwritten later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import optim
from tinygrad_sm.program.fast import emit
from tinygrad_sm.program.optimising import optimised, same_bits

pytestmark = pytest.mark.parallel_threads_limit(4)  # they are long

UNARY: list[Callable[[Any], Any]] = [
    np.exp, np.tanh, tg.relu, tg.sigmoid, np.abs, np.negative, np.square, np.sin, np.floor, np.copy, np.cbrt,
    lambda x: x * 1.0, lambda x: x**2, lambda x: x - 0.0, lambda x: 2 * x, lambda x: 1 / (x * x + 1),
    lambda x: x**1,
    lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.clip(x, -1, 1), lambda x: x + 0, lambda x: x / 1,
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.hypot, lambda a, b: a / (b * b + 1),
    lambda a, b: np.where(a > b, a, b),
]  # fmt: skip
REDUCTIONS = [np.sum, np.mean, np.max, np.min]
VIEWS: list[tuple[int, Callable[[Any], Any]]] = [  # the number of axes that it takes at least
    (0, lambda x: x.T), (0, lambda x: x.reshape(-1)),
    (1, lambda x: x[::-1][..., :-1] if x.shape[-1] > 1 else x),
    (0, lambda x: np.expand_dims(x, 0)), (1, lambda x: x[[0, -1, 0]]), (1, lambda x: np.concatenate((x, x))),
    (2, lambda x: x @ x.T if x.ndim == 2 else x), (1, lambda x: tg.softmax(x)),
    (1, lambda x: np.cumsum(x, axis=0)),
    (1, lambda x: x[np.array([0]), ...]), (0, lambda x: np.stack((x, x), axis=-1)),
]  # fmt: skip

Instruction = tuple[Callable[..., Any], tuple[int, ...]]


def random_program(rng: np.random.Generator, inputs: list[Any]) -> list[Instruction]:
    """Functions with the numbers of the values that they are applied to."""
    values, code = list(inputs), list[Instruction]()
    while len(code) < 16:
        i, j = (int(n) for n in rng.integers(len(values), size=2))
        x, kind = values[i], rng.integers(4)
        if kind == 0:
            f, places = UNARY[rng.integers(len(UNARY))], (i,)
        elif kind == 1:
            f, places = BINARY[rng.integers(len(BINARY))], (i, j)
        elif kind == 2 and x.ndim:
            axis = None if rng.integers(3) == 0 else int(rng.integers(x.ndim))
            f, places = reduction(REDUCTIONS[rng.integers(4)], axis, bool(rng.integers(2))), (i,)
        else:
            least, f = VIEWS[rng.integers(len(VIEWS))]
            places = (i,)
            if x.ndim < least:
                continue
        try:
            y = np.asarray(f(*(values[place] for place in places)))
        except ValueError:  # shapes that do not broadcast
            continue
        if y.size < 300:
            code.append((f, places))
            values.append(y)
    return code


def reduction(f: Any, axis: int | None, keepdims: bool) -> Callable[[Any], Any]:
    return lambda x: f(x, axis=axis, keepdims=keepdims)


def run(code: list[Instruction], inputs: list[Any]) -> list[Any]:
    values = list(inputs)
    for f, places in code:
        values.append(f(*(values[place] for place in places)))
    return values


OPTIMIZERS: list[Callable[[Any], Any]] = [
    lambda p: optim.SGD(p, lr=0.01), lambda p: optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1),
    lambda p: optim.AdamW(p), lambda p: optim.Adam(p, amsgrad=True),
    lambda p: optim.RMSprop(p, centered=True),
]  # fmt: skip


def arrays(results: Any, parameters: list[Any]) -> list[Any]:
    found = [results[0], *results[1], *parameters, *(p.grad for p in parameters if p.grad is not None)]
    return [x.data if isinstance(x, tg.Tensor) else np.asarray(x) for x in found]


@pytest.mark.parametrize("seed", range(40))
def test_a_random_training_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dtype = [np.float32, np.float64][seed % 2]
    shapes = [
        [(3, 4), (4,), (3, 1)],
        [(4, 3), (3, 5), (1, 5)],
        [(2, 3, 2), (3, 2), ()],
        [(5,), (5, 5), (1,)],
    ][seed % 4]

    def inputs() -> list[Any]:
        return [rng.normal(size=shape).astype(dtype) for shape in shapes]

    start = [rng.normal(size=(3, 4)).astype(dtype), rng.normal(size=5).astype(dtype)]
    code = random_program(rng, [*inputs(), *start])
    returned = [int(i) for i in rng.integers(len(shapes) + 2, len(shapes) + 2 + len(code), size=3)]
    optimizer = OPTIMIZERS[rng.integers(len(OPTIMIZERS))]

    def training() -> tuple[Callable[..., Any], list[Any]]:
        p = [tg.Tensor(array, requires_grad=True) for array in start]
        opt = optimizer(p)

        def step(*xs: Any) -> Any:
            values = run(code, [*xs, *p])
            loss = sum((x * x).mean() for x in values[-3:]) + (p[0] * p[0]).sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss, [values[i] for i in returned]

        return step, p

    (step, p), (same, q) = training(), training()
    compiled = tg.compile(same)
    kept = []
    with np.errstate(all="ignore"):
        for _ in range(6):
            xs = inputs()
            one, other = arrays(step(*xs), p), arrays(results := compiled(*xs), q)
            assert len(one) == len(other)
            assert all(map(same_bits, one, other))
            own = arrays(results, [])
            kept += [
                (array, array.copy()) for array in own if not any(np.shares_memory(array, t.data) for t in q)
            ]
    assert compiled.versions == 1
    assert all(same_bits(array, copy) for array, copy in kept)


@pytest.mark.parametrize("seed", range(40))
def test_the_emitted_source_of_a_random_function(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    shapes = [(3, 4), (4,), (3, 1)]

    def inputs() -> list[Any]:
        return [rng.normal(size=shape).astype([np.float32, np.float64][seed % 2]) for shape in shapes]

    code = random_program(rng, inputs())

    def f(*xs: Any) -> Any:
        return sum((x * x).mean() for x in run(code, list(xs))[-4:])

    both = tg.value_and_grad(f, (0, 1, 2))
    with np.errstate(all="ignore"):
        emitted = emit(optimised(tg.trace(both, *inputs())))
        space: dict[str, Any] = {}
        exec(emitted.source, space)
        go = space["make"](*(v.value for v in emitted.stays), *emitted.things.values())
        for _ in range(3):
            xs = inputs()
            value, slopes = both(*xs)
            assert all(map(same_bits, go(*xs), (value, *slopes)))


@pytest.mark.parametrize("seed", range(20))
def test_the_emitted_source_of_a_live_graph(seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    inputs = [rng.normal(size=shape) for shape in [(3, 4), (4,), (3, 1)]]
    code = random_program(rng, inputs)
    with np.errstate(all="ignore"):
        leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
        loss = sum((x * x).mean() for x in run(code, leaves)[-4:])
        program = tg.graph(loss)
        emitted = emit(optimised(program))
        assert program.source("fast") == emitted.source
        space: dict[str, Any] = {}
        exec(emitted.source, space)
        found = space["make"](*(v.value for v in emitted.stays), *emitted.things.values())()
    assert same_bits(found[0], loss.data)


@pytest.mark.parametrize("f", [
    lambda x: x - -0.0, lambda x: x - 0.0, lambda x: x + -0.0, lambda x: x + 0.0,
    lambda x: x * -0.0, lambda x: x * 0.0,
    lambda x: -0.0 - x, lambda x: x * -0.0 + x * 0.0,
])  # fmt: skip
def test_zeros_keep_their_signs(f: Callable[[Any], Any]) -> None:
    compiled = tg.compile(f)
    for x in np.ones(2), np.ones(2), np.array([0.0, -0.0]), np.array([-0.0, 1.0]):
        assert same_bits(compiled(x), f(x))
