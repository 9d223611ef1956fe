"""Threads that build and differentiate graphs at the same time get what they would get alone."""

from __future__ import annotations

import ast
import gc
import importlib
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import train
from tinygrad_sm.backprop import mode
from tinygrad_sm.errors import GradientError
from tinygrad_sm.parsing import parsed

ROUNDS = 1000

pytestmark = pytest.mark.thread_unsafe  # they start threads of their own, and set how often Python switches


@pytest.fixture(autouse=True)
def switching_all_the_time() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*works: Callable[[], None]) -> None:
    """Run each in a thread, all from the same moment; what one raises is raised."""
    start, failed = threading.Barrier(len(works)), []

    def run(work: Callable[[], None]) -> None:
        start.wait(30)
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failed:
        raise failed[0]


def step(seed: int, leaf: tg.Tensor | None = None) -> list[Any]:
    """Loss and gradients of a small model, and a second derivative, all a function of the seed."""
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(4, 3)), rng.integers(0, 2, 4)
    w = tg.Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    with tg.scope(f"seed {seed}"):
        z = np.tanh(x @ w if leaf is None else x @ w + leaf)
        loss = tg.softmax_cross_entropy(z, labels)
    assert z.node is not None
    assert z.node.scope == (f"seed {seed}",)
    loss.backward(inputs=[w])
    second = tg.hvp(lambda v: (np.sin(v) * v).sum(), (x,), (x,))
    return [loss.item(), w.grad.numpy(), second]


def same(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_threads_with_graphs_of_their_own() -> None:
    expected = [step(0), step(1)]

    def work(seed: int) -> None:
        for _ in range(ROUNDS):
            same(step(seed), expected[seed])

    together(lambda: work(0), lambda: work(1))


def test_a_leaf_that_graphs_of_several_threads_share() -> None:
    shared = tg.Tensor([0.5, -0.5], requires_grad=True)
    expected = [step(seed, shared) for seed in range(4)]

    def work(seed: int) -> None:
        for _ in range(ROUNDS // 5):
            same(step(seed, shared), expected[seed])

    together(*(lambda seed=seed: work(seed) for seed in range(4)))
    assert shared.grad is None


def test_transforms_in_threads_do_not_nest_into_each_other() -> None:
    """A plain gradient is an array although another thread is inside of a transform all the time."""
    done = threading.Event()

    def nested() -> None:
        def f(x: Any) -> Any:
            while not done.wait(1e-4):
                pass
            return x * x

        assert tg.grad(f)(3.0) == 6

    def plain() -> None:
        try:
            for _ in range(ROUNDS // 5):
                assert isinstance(tg.grad(lambda x: (x**3).sum())(np.ones(2)), np.ndarray)
                assert not tg.grad(lambda x: x**2)(tg.Tensor(2.0)).requires_grad
        finally:
            done.set()

    together(nested, plain)


@contextmanager
def held(context: Any) -> Iterator[None]:
    """Another thread is inside of a context for as long as this one is inside of `held`."""
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with context:
            inside.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(30)
    try:
        yield
    finally:
        done.set()
        thread.join(30)


@pytest.mark.parametrize("context", [tg.no_grad, lambda: tg.scope("other"), tg.detect_anomaly])
def test_what_holds_in_one_thread_does_not_reach_another(context: Callable[[], Any]) -> None:
    x = tg.Tensor([0.0, 1.0], requires_grad=True)
    with held(context()), np.errstate(all="ignore"):
        y = np.log(x)  # -inf, which only detect_anomaly minds
        assert y.requires_grad
        assert y.node.scope == ()
        assert mode.get().watcher is None
        y.sum().backward()
        assert x.grad.tolist() == [np.inf, 1]
    with held(np.errstate()), context():  # and the other way round
        found: list[Any] = []
        together(lambda: found.append(mode.get()))
    assert (found[0].recording, found[0].scope, found[0].watcher) == (True, (), None)


def test_anomalies_are_found_in_the_thread_that_watches() -> None:
    found: list[str] = []

    def watching() -> None:
        x = tg.Tensor([0.0], requires_grad=True)
        for _ in range(50):
            with pytest.raises(GradientError, match="log made -inf"), tg.detect_anomaly():
                np.log(x)
        found.append("watching")

    def working() -> None:
        x = tg.Tensor([0.0], requires_grad=True)
        with np.errstate(all="ignore"):
            for _ in range(200):
                assert np.log(x).item() == -np.inf
        found.append("working")

    together(watching, working)
    assert sorted(found) == ["watching", "working"]


def test_the_first_to_ask_get_the_same_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that one thread sets would be lost if another thread made the generator a second time."""
    random = importlib.import_module("tinygrad_sm.random")
    random._made.cache_clear()
    default_rng, found = np.random.default_rng, []

    def slow(*seed: Any) -> np.random.Generator:
        time.sleep(0.05)
        return default_rng(*seed)

    monkeypatch.setattr(np.random, "default_rng", slow)
    together(*8 * [lambda: found.append(random.generator())])
    assert len(set(map(id, found))) == 1


def test_a_seed_waits_for_the_draws_of_other_threads() -> None:
    bits = importlib.import_module("tinygrad_sm.random").generator().bit_generator
    seeding = threading.Thread(target=tg.manual_seed, args=(0,))
    with bits.lock:  # as a draw holds it
        before = bits.state
        seeding.start()
        seeding.join(0.1)
        assert seeding.is_alive()
        assert bits.state == before
    seeding.join(30)
    assert bits.state == np.random.default_rng(0).bit_generator.state


def test_pictures_are_drawn_in_threads_and_the_filters_of_warnings_stay(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history, before = train.History([2.0, 1.0, 0.5], [0.3, 0.5, 0.9]), list(warnings.filters)
    history.plot(tmp_path / "alone.png")

    names = [f"{i}.png" for i in range(4)]
    together(*(lambda name=name: history.plot(tmp_path / name) for name in names))
    for name in names:
        assert (tmp_path / name).read_bytes() == (tmp_path / "alone.png").read_bytes()
    assert warnings.filters == before


def test_rules_and_files_are_parsed_in_threads_whatever_the_garbage_collector_runs(tmp_path: Path) -> None:
    """Where it lets another thread run while a tree is made, Python's parser may confuse the two trees."""
    tg.save(tmp_path / "state.npz", {"weight": np.arange(3.0)})

    def collected(*_: Any) -> None:
        sum(range(200))

    def rules() -> None:
        kept = [parsed("(g * (y - np.sum(y, axis=-1)) / (2 * y))") for _ in range(300)]
        assert len(set(map(ast.dump, kept))) == 1

    def files() -> None:
        for _ in range(50):
            assert tg.load(tmp_path / "state.npz")["weight"].tolist() == [0, 1, 2]

    before = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(20)
    try:
        together(*4 * [rules, files])
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*before)


def test_one_loss_can_be_walked_back_in_two_threads() -> None:
    z, t = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 2, 1, 0])
    op, one = tg.softmax_cross_entropy, np.ones(())
    loss, saved = op.kernel(z, t)
    expected = op.rules[0](one, loss, saved, z, t).tolist()
    found: list[Any] = []
    for _ in range(ROUNDS):
        loss, saved = op.kernel(z, t)

        def back(saved: Any = saved, loss: Any = loss) -> None:
            found.append(op.rules[0](one, loss, saved, z, t).tolist())

        found.clear()
        together(back, back)
        assert found == [expected, expected]


def test_a_reader_of_a_gradient_does_not_put_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    x = tg.Tensor([1.0, 1.0], requires_grad=True)
    (x * 2).sum().backward()
    module = importlib.import_module("tinygrad_sm.tensor")
    wrap = module._constant

    def slow(array: Any) -> tg.Tensor:  # another thread goes on to the next step meanwhile
        monkeypatch.setattr(module, "_constant", wrap)
        x.zero_grad()
        (x * 7).sum().backward()
        wrapped: tg.Tensor = wrap(array)
        return wrapped

    monkeypatch.setattr(module, "_constant", slow)
    assert x.grad is not None
    assert x.grad.data.tolist() == [7, 7]


def test_a_tree_that_was_mixed_up_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [SystemError("AST constructor recursion depth mismatch"), ast.parse("x + 1", mode="eval")]

    def parse(*_: Any, **__: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with monkeypatch.context() as patched:  # pytest makes trees, too
        patched.setattr(ast, "parse", parse)
        tree = parsed("x + 1")
    assert ast.unparse(tree) == "x + 1"
    assert not answers


def test_reading_a_checkpoint_makes_no_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tg.save(tmp_path / "state.npz", {"w": np.arange(6.0).reshape(2, 3), "n": np.array(3)})
    with monkeypatch.context() as patched:
        patched.setattr(ast, "parse", None)
        state = tg.load(tmp_path / "state.npz")
    assert state["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert state["n"] == 3
