"""What a compiled function reads besides its arguments: a change takes effect, or is refused by name."""

from __future__ import annotations

import contextvars
import copy
import ctypes
import gc
import logging
import math
import operator
import random
import re
import sys
import threading
import weakref
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import nn, optim
from tinygrad_sm.errors import TraceError
from tinygrad_sm.program.code import in_library

GAIN: Any = 2.0  # a global that methods read
FLOATS = np.array([1.0, 2.0])


def takes_effect(f: Callable[..., Any], change: Callable[[], Any], versions: int = 2) -> None:
    """The compiled function gives what f gives, before the change and after it."""
    fast = tg.compile(f)
    for _ in range(4):
        assert np.array_equal(fast(FLOATS), f(FLOATS))
    before = f(FLOATS)
    change()
    assert not np.array_equal(before, f(FLOATS)), "the change must change something"
    for _ in range(4):
        assert np.array_equal(fast(FLOATS), f(FLOATS))
    assert fast.versions == versions


def refused(f: Callable[..., Any], words: str) -> None:
    fast = tg.compile(f)

    def calls() -> None:
        for _ in range(3):
            fast(FLOATS)

    with pytest.raises(TraceError, match=words):
        calls()


# ---- objects that are not looked into ----

PAIRS: dict[str, tuple[Any, Any, Callable[[Any], Any]]] = {
    "builtin": (max, min, lambda f: f(1.0, 2.0)),
    "math": (math.sin, math.cos, lambda f: f(1.0)),
    "decimal": (Decimal(1), Decimal(2), float),
    "decimal digits": (Decimal(1), Decimal("1.0"), lambda d: len(str(d))),
    "fraction": (Fraction(1, 2), Fraction(1, 3), float),
    "date": (date(2020, 1, 1), date(2020, 1, 2), lambda d: d.day),
    "time": (timedelta(1), timedelta(2), lambda d: d.days),
    "path": (Path("a"), Path("ab"), lambda p: len(str(p))),
    "pattern": (re.compile("a"), re.compile("ab"), lambda p: len(p.pattern)),
    "item": (operator.itemgetter(0), operator.itemgetter(1), lambda get: get([1.0, 2.0])),
    "attribute": (operator.attrgetter("real"), operator.attrgetter("imag"), lambda get: get(1 + 2j)),
    "method": (operator.methodcaller("lower"), operator.methodcaller("strip"), lambda f: len(f(" A"))),
    "bound": ([1.0].__getitem__, [2.0].__getitem__, lambda get: get(0)),
    "wrapper": ((1.0).__add__, (2.0).__add__, lambda add: add(1.0)),
    "memory": (memoryview(b"\1"), memoryview(b"\2"), lambda m: m[0]),
    "proxy": (MappingProxyType({"a": 1.0}), MappingProxyType({"a": 2.0}), lambda d: d["a"]),
    "exception": (ValueError(1), ValueError(2), lambda e: e.args[0]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_another_object_of_the_same_type(name: str) -> None:
    thing, other, use = PAIRS[name]

    def change() -> None:
        nonlocal thing
        thing = other

    takes_effect(lambda x: x * use(thing), change)


def test_values_made_anew_are_the_same() -> None:
    scale = Decimal(2)
    fast = tg.compile(lambda x: x * float(scale))
    for _ in range(8):
        scale = Decimal(2)
        fast(FLOATS)
    assert fast.versions == 1


# ---- what is in them ----


class Box:
    """An object that can be referred to weakly."""

    value = 2.0


class Slotted:
    __slots__ = ("__hidden", "single", "value")

    def hide(self, value: Any) -> None:
        self.__hidden = value

    def shown(self) -> Any:
        return self.__hidden


def test_what_objects_hold() -> None:
    box, table, octets = Box(), {"a": 2.0}, bytearray([2])
    reference, proxy, memory = weakref.ref(box), MappingProxyType(table), memoryview(octets)
    row = np.array([(2.0, 1)], [("a", float), ("b", int)])[0]
    objects = np.array([SimpleNamespace(value=2.0), [3.0]], dtype=object)
    part = np.array(1)
    takes_effect(lambda x: x * reference().value, lambda: setattr(box, "value", 3.0))  # type: ignore[union-attr]
    takes_effect(lambda x: x * proxy["a"], lambda: table.update(a=3.0))
    takes_effect(lambda x: x * memory[0], lambda: operator.setitem(octets, 0, 3))
    takes_effect(lambda x: x * row["a"], lambda: operator.setitem(row, "a", 3.0))
    takes_effect(lambda x: x * objects[0].value, lambda: setattr(objects[0], "value", 3.0))
    takes_effect(lambda x: x * objects[1][0], lambda: operator.setitem(objects[1], 0, 4.0))
    cut = slice(0, part)
    takes_effect(lambda x: x[cut] * 2, lambda: part.fill(2))


class Number(float):
    bonus = 1.0

    def __repr__(self) -> str:
        return "a number"


class Name(str):
    bonus = 1.0


class Table(dict[str, Any]):
    bonus = 1.0

    def gain(self) -> Any:
        return GAIN


class Sizes(tuple[float, ...]):
    bonus = 1.0


class Pair(NamedTuple):
    a: float
    bonus = 1.0


class Array(np.ndarray[Any, Any]):
    bonus = 1.0


SUBCLASSES: dict[str, Callable[[], Any]] = {
    "float": lambda: Number(2.0), "str": lambda: Name("a"), "dict": lambda: Table(a=1.0),
    "tuple": lambda: Sizes((1.0,)), "array": lambda: np.ones(2).view(Array),
}  # fmt: skip


@pytest.mark.parametrize("name", SUBCLASSES)
def test_attributes_of_values_and_of_their_classes(name: str) -> None:
    thing = SUBCLASSES[name]()
    kind: Any = type("Derived", (type(thing),), {"__module__": __name__})
    thing = kind(thing) if name != "array" else thing.view(kind)
    takes_effect(lambda x: x * thing.bonus, lambda: setattr(kind, "bonus", 2.0))
    thing.own = 1.0
    takes_effect(lambda x: x * thing.own, lambda: setattr(thing, "own", 2.0))


def test_named_tuples_numbers_and_methods_of_dictionaries(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, number, table = Pair(2.0), Number(2.0), Table()

    def change() -> None:
        nonlocal number
        number = Number(3.0)

    takes_effect(lambda x: x * pair.bonus, lambda: monkeypatch.setattr(Pair, "bonus", 3.0))
    takes_effect(lambda x: x * number, change)
    takes_effect(lambda x: x * table.gain(), lambda: monkeypatch.setitem(globals(), "GAIN", 3.0))


def test_slots() -> None:
    thing = Slotted()
    thing.hide(1.0)
    takes_effect(lambda x: x * getattr(thing, "value", 1.0), lambda: setattr(thing, "value", 2.0))
    takes_effect(lambda x: x * thing.shown(), lambda: thing.hide(3.0))
    takes_effect(lambda x: x * getattr(thing, "value", 1.0), lambda: delattr(thing, "value"))


def test_a_class_of_a_class() -> None:
    class Meta(type):
        scale = 2.0

    class Settings(metaclass=Meta):
        pass

    takes_effect(lambda x: x * Settings.scale, lambda: setattr(Meta, "scale", 3.0))


def test_classes_that_count_something_of_their_own() -> None:
    class Ledger:
        changes = [0]  # noqa: RUF012

    ledger: Any = Ledger()
    ledger.scale = 2.0
    takes_effect(lambda x: x * ledger.scale, lambda: setattr(ledger, "scale", 3.0))


# ---- what cannot be watched ----


class Local(threading.local):
    scale = 2.0


def test_what_cannot_be_watched_is_refused() -> None:
    context = contextvars.ContextVar("context", default=2.0)
    number, local, holder = ctypes.c_double(2.0), Local(), SimpleNamespace(context=context)
    system, digits = random.SystemRandom(), Context(prec=3)
    refused(lambda x: x * context.get(), "reads context, a ContextVar, whose changes cannot be watched")
    refused(lambda x: x * holder.context.get(), "reads holder.context, a ContextVar")
    refused(lambda x: x * number.value, "reads number, a c_double")
    refused(lambda x: x * local.scale, "reads local, a Local")
    refused(lambda x: x * (1 if system.random() < 2 else 0), "reads system, a SystemRandom")
    refused(lambda x: x * float(digits.divide(Decimal(1), 3)), "reads digits, a Context")
    tg.trace(lambda x: x * context.get(), FLOATS)  # which is of now


def test_what_is_no_part_of_the_computation_is_let_be(tmp_path: Path) -> None:
    logger, lock, log = logging.getLogger("a test"), threading.RLock(), (tmp_path / "log").open("w")

    def f(x: Any) -> Any:
        with lock:
            logger.debug("a call")
            log.write("a call")
            return x * 2

    with log:
        fast = tg.compile(f)
        for _ in range(4):
            assert np.array_equal(fast(FLOATS), FLOATS * 2)
        assert fast.versions == 1


def above(draw: float) -> float:
    """The same whatever is drawn: two recordings are alike."""
    return 2.0 if draw < 9 else 1.0


DRAWS: dict[str, Callable[[Any], Any]] = {
    "np.random": lambda x: x * above(np.random.rand()),  # noqa: NPY002
    "random": lambda x: x * above(random.random()),
    "gauss": lambda x: x * above(random.gauss(0, 1)),
    "shuffle": lambda x: x * above(len(random.sample([1, 2], 2))),
}


@pytest.mark.thread_unsafe
@pytest.mark.parametrize("name", DRAWS)
def test_draws_from_shared_generators_are_refused(name: str) -> None:
    refused(DRAWS[name], r"draws random numbers from (np\.)?random")


def test_draws_from_other_generators_are_refused() -> None:
    state, plain, bits = np.random.RandomState(0), random.Random(0), np.random.PCG64(0)
    rand, choice = state.rand, plain.choice
    mine = random.Random(1).random
    refused(lambda x: x * above(state.rand()), "draws random numbers from a generator")
    refused(lambda x: x * above(rand()), "draws random numbers from a generator")
    refused(lambda x: x * above(plain.random()), "draws random numbers from a generator")
    refused(lambda x: x * above(choice([1.0])), "draws random numbers from a generator")
    refused(lambda x: x * above(mine()), "draws random numbers from a generator")
    refused(lambda x: x * above(bits.random_raw() * 0.0), "draws random numbers from a generator")
    before = state.get_state()[1].copy()  # type: ignore[index]
    tg.trace(lambda x: x * state.rand(), FLOATS)
    assert np.array_equal(before, state.get_state()[1])  # type: ignore[index]


def test_generators_that_nothing_is_drawn_from() -> None:
    state, plain = np.random.RandomState(0), random.Random(0)
    kinds = np.random.Generator, np.random.default_rng, random.Random
    fast = tg.compile(lambda x: x * len([state, plain, *kinds, np.random, random]))
    for _ in range(4):
        assert np.array_equal(fast(FLOATS), FLOATS * 7)
    assert fast.versions == 1


@pytest.mark.thread_unsafe
def test_random_layers_are_recorded_as_ever() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5, rng=0))

    def f(x: Any) -> Any:
        assert tg.random.generator()
        return model(x)

    fast = tg.compile(f)
    found = {np.asarray(fast(np.ones(50))).tobytes() for _ in range(6)}
    assert len(found) == 6
    assert fast.versions == 1


# ---- names ----


def module(monkeypatch: pytest.MonkeyPatch, **members: Any) -> Any:
    made = ModuleType("some_settings")
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, "some_settings", made)
    return made


def function(text: str, **space: Any) -> Any:
    """A function of a module of its own."""
    exec(text, space)
    return space["f"], space


def test_globals_that_come_to_be_later() -> None:
    f, space = function("def f(x):\n try: return x * K\n except NameError: return x")
    takes_effect(f, lambda: space.update(K=3.0))
    f, space = function("def f(x): return x * (globals()['k'] if 'k' in globals() else 1)")
    takes_effect(f, lambda: space.update(k=3.0))
    f, space = function("def f(x): return x * globals()['k']", k=2.0)
    takes_effect(f, lambda: space.update(k=3.0))


def test_members_of_modules_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = module(monkeypatch, k=2.0)
    takes_effect(lambda x: x * getattr(settings, "k"), lambda: setattr(settings, "k", 3.0))  # noqa: B009
    takes_effect(lambda x: x * vars(settings)["k"], lambda: setattr(settings, "k", 4.0))
    takes_effect(lambda x: x * settings.__dict__["k"], lambda: setattr(settings, "k", 5.0))
    takes_effect(lambda x: x * hasattr(settings, "late"), lambda: setattr(settings, "late", 3.0))
    takes_effect(lambda x: x * sys.modules["some_settings"].k, lambda: setattr(settings, "k", 6.0))
    get = operator.attrgetter("inner.k")
    settings.inner = SimpleNamespace(k=2.0)
    takes_effect(lambda x: x * get(settings), lambda: setattr(settings.inner, "k", 3.0))
    both = lambda x: x * sum(getattr(settings, name) for name in ("k", "late"))
    takes_effect(both, lambda: setattr(settings, "k", 9.0))


def test_members_that_a_module_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = module(monkeypatch, k=2.0)
    exec("def __getattr__(name): return k", vars(settings))
    in_library.cache_clear()  # as if it were the first one: it is not asked where its file is
    takes_effect(lambda x: x * settings.anything, lambda: setattr(settings, "k", 3.0))


def test_a_name_that_happens_to_be_that_of_an_attribute() -> None:
    f, space = function("def f(x): return x.sum() * 2", sum=1)
    fast = tg.compile(f)
    for value in range(6):
        space["sum"] = value
        assert fast(FLOATS) == 6
    assert fast.versions == 1


# ---- modules and optimisers, past their attributes ----


class Scaling(nn.Module):
    def __init__(self) -> None:
        self.k = 2.0

    def forward(self, x: Any) -> Any:
        return x * self.k * getattr(self, "late", 1.0)


WRITES: dict[str, Callable[[Any], Any]] = {
    "update": lambda m: vars(m).update(k=3.0),
    "item": lambda m: operator.setitem(m.__dict__, "k", 3.0),
    "another type": lambda m: object.__setattr__(m, "k", 3.0),
    "new": lambda m: vars(m).update(late=3.0),
    "method": lambda m: vars(m).update(forward=lambda x: x * 7),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_into_a_module_by_hand(name: str) -> None:
    model = Scaling()
    takes_effect(lambda x: model(x), lambda: WRITES[name](model))


def test_what_is_written_into_a_layer_by_hand() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.5), nn.LeakyReLU(0.25))
    layer, kind = model[0], next(k for k, v in vars(model[0]).items() if v == 0.5)
    fast, x = tg.compile(lambda x: model(x)), np.array([-1.0])
    for value in (0.5, 0.75):
        vars(layer)[kind] = value
        for _ in range(3):
            assert np.array_equal(fast(x), model(x))
    assert fast.versions == 2


def test_parts_that_are_put_into_a_model_by_hand() -> None:
    model, other = (nn.Sequential(nn.Linear(2, 2, rng=seed), nn.ReLU()) for seed in range(2))

    def f(x: Any) -> Any:
        return model(x)

    model.requires_grad_(False)
    other.requires_grad_(False)
    takes_effect(f, lambda: vars(model).update({"1": nn.Tanh()}))
    takes_effect(f, lambda: vars(model[0]).update(weight=other[0].weight))

    def swap() -> None:
        first = model[0]
        delattr(model, "0")
        setattr(model, "0", first)  # which comes last now

    takes_effect(f, swap)


def test_a_step_that_is_set_on_an_optimiser() -> None:
    def training() -> Any:
        w = tg.Tensor([1.0, 2.0], requires_grad=True)
        opt = optim.SGD([w], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (w * w * x).sum()
            loss.backward()
            opt.step()
            return loss

        return w, opt, step

    (w, one, eager), (v, other, step) = training(), training()
    fast = tg.compile(step)
    for change in (False, True):
        if change:
            one.step = other.step = lambda: None
        for _ in range(3):
            assert np.array_equal(eager(FLOATS), fast(FLOATS))
            assert np.array_equal(w.data, v.data)


# ---- copies ----


def test_a_model_is_copied_after_a_recording() -> None:
    model, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), np.ones((4, 2), np.float32)
    fast = tg.compile(lambda x: model(x))
    tg.trace(lambda x: model(x), x)
    for _ in range(4):
        other = copy.deepcopy(model)
        assert np.array_equal(other(x).data, model(x).data)
        fast(x)
    assert "_inside" not in vars(other)
    assert copy.copy(model)[0] is model[0]


@pytest.mark.thread_unsafe
def test_a_recording_is_not_kept_by_the_model() -> None:
    model, holder = nn.Linear(2, 3), np.ones((8, 2), np.float32)
    seen, x = weakref.ref(holder), holder[::2]  # which holds it
    del holder
    tg.trace(lambda x: nn.Tanh()(model(x)), x)
    del x
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64])
def test_generators_whose_states_hold_arrays(kind: Any) -> None:
    for source in np.random.Generator(kind(0)), kind(0):
        draw = source.random if isinstance(source, np.random.Generator) else source.random_raw
        compiled = tg.compile(lambda x, draw=draw: x * float(draw() % 7))
        with pytest.raises(TraceError, match="random"):
            [compiled(np.ones(2)) for _ in range(3)]
        unused = tg.compile(lambda x, source=source: (source is not None) * x * 2)
        for _ in range(4):
            assert unused(np.ones(2)).tolist() == [2, 2]
