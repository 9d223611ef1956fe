"""tg.compile: the same bits as the function itself, and whatever changes takes effect or raises."""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import gc
import itertools
import sys
import threading
import warnings
import weakref
from collections import OrderedDict, defaultdict, deque
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import nn, optim
from tinygrad_sm.errors import BoundsError, DataError, TraceError
from tinygrad_sm.primitive import FUNCTIONS, PRIMITIVES, Primitive

SCALE: Any = 2.0  # a global that a step reads
OFFSETS = np.array([1.0, 2.0])


def arrays_of(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [a for part in tree for a in arrays_of(part)]
    return [] if tree is None else [tree.data if isinstance(tree, tg.Tensor) else np.asarray(tree)]


def assert_same(one: Any, other: Any) -> None:
    """The same arrays, to the last bit."""
    left, right = arrays_of(one), arrays_of(other)
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert a.tobytes() == b.tobytes()


class Training:
    """A model with an optimiser and a step, all from one seed: two of them do the same."""

    def __init__(
        self, optimizer: Any = None, net: Any = None, loss: Any = None, dtype: Any = np.float32
    ) -> None:
        rng = np.random.default_rng(0)
        self.net = (
            net()
            if net
            else nn.Sequential(nn.Linear(3, 8, dtype=dtype), nn.ReLU(), nn.Linear(8, 4, dtype=dtype))
        )
        for p in self.net.parameters():
            p.data = rng.normal(0, 0.5, p.shape)
        self.opt = (optimizer or (lambda p: optim.SGD(p, lr=0.1)))(self.net.parameters())
        self.loss = loss or tg.softmax_cross_entropy

    def step(self, x: Any, t: Any) -> Any:
        self.opt.zero_grad()
        loss = self.loss(self.net(x), t)
        loss.backward()
        self.opt.step()
        return loss

    def everything(self) -> list[Any]:
        state = [self.opt.state[p] for p in self.net.parameters() if p in self.opt.state]
        return [self.net.state_dict(), state, [p.grad for p in self.net.parameters()]]


class Twins:
    """The same training as it is and compiled."""

    def __init__(self, **about: Any) -> None:
        self.eager, self.compiled = Training(**about), Training(**about)
        self.step = tg.compile(self.compiled.step)

    def both(self, change: Any) -> None:
        for training in (self.eager, self.compiled):
            change(training)

    def run(self, batches: Any) -> None:
        for x, t in batches:
            assert_same(self.eager.step(x, t), self.step(x, t))
            assert_same(self.eager.everything(), self.compiled.everything())


def batches(count: int = 6, n: int = 5, seed: int = 0, dtype: Any = np.float32) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n, 3)).astype(dtype), rng.integers(4, size=n)) for _ in range(count)]


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "maximize": lambda p: optim.SGD(p, lr=0.01, maximize=True, weight_decay=0.1),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_has_the_same_bits(name: str) -> None:
    twins = Twins(optimizer=OPTIMIZERS[name])
    twins.run(batches(8))
    assert twins.step.versions == 1
    assert twins.step.source


NETS = {
    "dropout": lambda: nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 4)),
    "own generator": lambda: nn.Sequential(
        nn.Linear(3, 8), nn.Dropout(0.5, rng=3), nn.GELU("tanh"), nn.Linear(8, 4)
    ),
    "batch norm": lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Sigmoid(), nn.Linear(8, 4)),
    "mean of all": lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8, momentum=None), nn.Linear(8, 4)),
    "layer norm": lambda: nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 4)),
    "no bias": lambda: nn.Sequential(nn.Linear(3, 8, bias=False), nn.LeakyReLU(), nn.Linear(8, 4)),
    "float64": lambda: nn.Sequential(nn.Linear(3, 8, dtype=float), nn.ReLU(), nn.Linear(8, 4, dtype=float)),
}


@pytest.mark.thread_unsafe  # it looks at the package's generator
@pytest.mark.parametrize("name", NETS)
def test_layers_have_the_same_bits(name: str) -> None:
    twins = Twins(net=NETS[name])
    tg.manual_seed(1)
    state = tg.random.generator().bit_generator.state
    for x, t in batches(8):
        tg.random.generator().bit_generator.state = state
        one = twins.eager.step(x, t)
        after = tg.random.generator().bit_generator.state
        tg.random.generator().bit_generator.state = state
        assert_same(one, twins.step(x, t))
        assert tg.random.generator().bit_generator.state == after
        state = after
        assert_same(twins.eager.everything(), twins.compiled.everything())
    assert twins.step.versions == 1


LOSSES = {
    "smoothed": lambda z, t: tg.softmax_cross_entropy(z, t, label_smoothing=0.1),
    "weighted": lambda z, t: tg.softmax_cross_entropy(z, t, weight=np.arange(1.0, 5.0)),
    "ignored": lambda z, t: tg.softmax_cross_entropy(z, t, ignore_index=0, reduction="sum"),
    "module": nn.CrossEntropyLoss(),
    "composed": lambda z, t: tg.composed_softmax_cross_entropy(z, t, shift=True),
    "nll": lambda z, t: tg.nll_loss(tg.log_softmax(z), t),
    "nll weighted": lambda z, t: tg.nll_loss(
        tg.log_softmax(z), t, weight=[1.0, 2.0, 3.0, 4.0], ignore_index=3
    ),
    "logsumexp": lambda z, t: (tg.logsumexp(z, axis=1) - z[np.arange(5), t]).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_the_same_bits(name: str) -> None:
    twins = Twins(loss=LOSSES[name])
    twins.run(batches(6))
    assert twins.step.versions == 1


def test_soft_targets_and_mean_square() -> None:
    rng = np.random.default_rng(0)
    soft = [(x, tg.softmax(rng.normal(size=(5, 4))).astype(np.float32)) for x, _ in batches()]
    for loss in (
        tg.softmax_cross_entropy,
        nn.MSELoss(),
        nn.BCEWithLogitsLoss(),
        tg.sigmoid_binary_cross_entropy,
    ):
        twins = Twins(loss=loss)
        twins.run(soft)
        assert twins.step.versions == 1


def test_embeddings_and_their_checks() -> None:
    def net() -> Any:
        return nn.Sequential(nn.Embedding(7, 6), nn.Flatten(), nn.Linear(12, 4))

    rng = np.random.default_rng(0)
    twins = Twins(net=net)
    twins.run([(rng.integers(7, size=(5, 2)), rng.integers(4, size=5)) for _ in range(6)])
    assert twins.step.versions == 1
    with pytest.raises(BoundsError, match="index 7 is outside of 0 to 6"):
        twins.step(np.full((5, 2), 7), np.zeros(5, int))


def test_a_conv_net() -> None:
    def net() -> Any:
        return nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1),
            nn.BatchNorm2d(2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8, 4),
        )

    rng = np.random.default_rng(0)
    twins = Twins(net=net)
    twins.run([(rng.normal(size=(3, 1, 4, 4)).astype(np.float32), rng.integers(4, size=3)) for _ in range(6)])
    assert twins.step.versions == 1


# ---- what changes after the first calls ----

CHANGES = {
    "learning rate": lambda s: s.opt.param_groups[0].update(lr=0.03),
    "learning rate 0": lambda s: s.opt.param_groups[0].update(lr=0.0),
    "momentum": lambda s: s.opt.param_groups[0].update(momentum=0.5),
    "no momentum": lambda s: s.opt.param_groups[0].update(momentum=0.0),
    "weight decay": lambda s: s.opt.param_groups[0].update(weight_decay=0.2),
    "another group": lambda s: s.opt.param_groups.__setitem__(0, {**s.opt.param_groups[0], "lr": 0.01}),
    "eval": lambda s: s.net.eval(),
    "parameter set": lambda s: setattr(s.net[0].weight, "data", s.net[0].weight.data * 0.5),
    "state loaded": lambda s: s.net.load_state_dict({k: v + 1 for k, v in s.net.state_dict().items()}),
    "optimiser loaded": lambda s: s.opt.load_state_dict(s.opt.state_dict()),
    "state of one parameter": lambda s: s.opt.state.update(
        {s.net[0].bias: {k: 0 * v for k, v in s.opt.state.get(s.net[0].bias, {}).items()}}
    ),
    "states cleared": lambda s: s.opt.state.clear(),
    "frozen": lambda s: s.net[0].requires_grad_(False),
    "one frozen": lambda s: setattr(s.net[0].bias, "requires_grad", False),
    "gradients dropped": lambda s: s.opt.zero_grad(),
    "eager step between": lambda s: Training.step(s, *batches(1, seed=9)[0]),
    "written in place": lambda s: s.net[0].weight.data.__imul__(2),
    "another layer": lambda s: setattr(s.net, "1", nn.Tanh()),
    "another loss": lambda s: setattr(s, "loss", LOSSES["smoothed"]),
    "dropout": lambda s: setattr(s.net[3] if len(s.net) > 3 else s.net[1], "p", 0.0),
    "hook": lambda s: s.net[0].weight.register_hook(lambda g: g * 0.5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_takes_effect(name: str) -> None:
    twins = Twins(optimizer=lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1))
    twins.run(batches(5))
    twins.both(CHANGES[name])
    twins.run(batches(5, seed=1))


STATE_CHANGES = {
    "one counts other steps": lambda state: state["step"].fill(30),
    "one begins anew": lambda state: state["step"].fill(0),
    "another count": lambda state: state.update(step=np.array(30.0, np.float32)),
    "another array": lambda state: state.update(exp_avg_sq=state["exp_avg_sq"] * 4),
    "written in place": lambda state: state["exp_avg"].fill(0.5),
}


@pytest.mark.parametrize("name", STATE_CHANGES)
@pytest.mark.parametrize("count", [1, 2])
def test_what_changes_in_the_state_of_a_parameter_takes_effect(name: str, count: int) -> None:
    twins = Twins(optimizer=lambda p: optim.Adam([*p][-count:], lr=0.1))
    twins.run(batches(5))
    twins.both(lambda s: STATE_CHANGES[name](s.opt.state[[*s.net.parameters()][-1]]))
    twins.run(batches(5, seed=1))


class ByPlace(optim.Optimizer):
    """It reads its state by the places of what it holds, not by name."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1, "weight_decay": 0.0, "maximize": False})

    def begin(self, p: Any, group: Any) -> Any:
        return {"fast": np.zeros_like(p), "slow": np.zeros_like(p)}

    def update(self, p: Any, g: Any, d: Any, state: Any, group: Any, numbers: Any) -> None:
        fast, slow = state.values()
        fast *= 0.5
        fast += g
        slow *= 0.9
        slow += fast
        p -= np.multiply(slow, numbers[0], out=d)


def test_the_order_of_a_state_takes_effect() -> None:
    twins = Twins(optimizer=ByPlace)
    twins.run(batches(4))
    for training in (twins.eager, twins.compiled):
        for state in training.opt.state.values():
            turned = dict(reversed(state.items()))
            state.clear()
            state.update(turned)
    twins.run(batches(4, seed=1))


class Key(enum.StrEnum):
    STEP, EXP_AVG, EXP_AVG_SQ = "step", "exp_avg", "exp_avg_sq"


@pytest.mark.parametrize("key", [Key, np.str_])
def test_names_in_a_state_that_are_texts_of_other_types(key: Any) -> None:
    twins = Twins(optimizer=lambda p: optim.Adam(p, lr=0.1))
    for training in (twins.eager, twins.compiled):
        Training.step(training, *batches(1)[0])
        loaded = training.opt.state_dict()
        states = loaded["state"].items()
        loaded["state"] = {i: {key(name): array for name, array in state.items()} for i, state in states}
        training.opt.load_state_dict(loaded)
    twins.run(batches(8))
    assert twins.step.versions == 1


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "adamw", "rmsprop", "adagrad"])
@pytest.mark.parametrize("setting", ["lr", "weight_decay"])
def test_a_setting_of_lower_precision_takes_effect(name: str, setting: str) -> None:
    twins = Twins(optimizer=OPTIMIZERS[name], dtype=np.float64)
    twins.both(lambda s: s.opt.param_groups[0].update({setting: 0.1}))
    twins.run(batches(5))
    twins.both(lambda s: s.opt.param_groups[0].update({setting: np.float16(0.1)}))
    twins.run(batches(5, seed=1))


def test_settings_that_cannot_be_taken_leave_nothing_behind() -> None:
    twins = Twins(optimizer=lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1))
    for lr, decay in ((0.1, 0.1), (0.1, 0.1), (0.2, 0.15), (0.1, 0.1)):
        twins.both(lambda s, lr=lr, decay=decay: s.opt.param_groups[0].update(lr=lr, weight_decay=decay))
        twins.run(batches(2))
    for wrong in (10**400, "a tenth"):
        twins.compiled.opt.param_groups[0].update(lr=wrong, weight_decay=0.9)
        before = copy.deepcopy(twins.compiled.net.state_dict())
        with pytest.raises((OverflowError, ValueError)):
            twins.step(*batches(1)[0])
        assert_same(before, twins.compiled.net.state_dict())
        twins.both(lambda s: s.opt.param_groups[0].update(lr=0.1, weight_decay=0.1))
        twins.both(lambda s: s.opt.zero_grad())
        twins.run(batches(3, seed=2))


def test_a_schedule_takes_effect_without_a_new_recording_each_time() -> None:
    twins = Twins(optimizer=lambda p: optim.Adam(p, lr=0.1))
    schedules = [optim.lr_scheduler.StepLR(s.opt, 1, gamma=0.9) for s in (twins.eager, twins.compiled)]
    twins.run(batches(4))
    calls = []
    for x, t in batches(12, seed=1):
        for schedule in schedules:
            schedule.step()
        twins.run([(x, t)])
        calls.append(twins.step.versions)
    assert calls[-1] == 1


FACTORS: dict[str, Any] = {"itself": lambda lr: lr, "a threshold": lambda lr: 1.0 if lr > 0.05 else 10.0}


@pytest.mark.parametrize("name", FACTORS)
def test_a_learning_rate_that_the_step_itself_reads(name: str) -> None:
    def training() -> Any:
        w = tg.Tensor(np.ones(3), requires_grad=True)
        opt, factor = optim.SGD([w], lr=0.1), FACTORS[name]

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (w * x * factor(opt.param_groups[0]["lr"])).sum()
            loss.backward()
            opt.step()
            return loss

        return step, opt, w

    (eager, one, w), (step, other, v) = training(), training()
    step = tg.compile(step)
    for lr in [0.1] * 4 + [0.09] * 4 + [0.05] * 4 + [0.01] * 4 + [0.1] * 2:
        one.param_groups[0]["lr"] = other.param_groups[0]["lr"] = lr
        assert_same(eager(np.arange(3.0)), step(np.arange(3.0)))
        assert_same(w, v)


def test_a_parameter_added() -> None:
    twins = Twins()
    twins.run(batches(4))

    def add(s: Training) -> None:
        s.net.append(nn.Linear(4, 4, rng=5))
        s.opt.add_param_group({"params": list(s.net[3].parameters()), "lr": 0.5})

    twins.both(add)
    twins.run(batches(5, seed=1))


def test_train_and_eval_in_turn_record_each_once() -> None:
    twins = Twins(net=NETS["batch norm"])
    for _ in range(3):
        twins.run(batches(3))
        twins.both(lambda s: s.net.eval())
        twins.run(batches(3))
        twins.both(lambda s: s.net.train())
    assert twins.step.versions == 2


def test_shapes_dtypes_and_layouts() -> None:
    twins = Twins()
    for n in (5, 5, 5, 2, 5, 2, 2, 2, 5):  # a smaller last batch
        twins.run(batches(1, n=n, seed=n))
    assert twins.step.versions == 2
    x, t = batches(1)[0]
    for other in (
        np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1], x.astype(np.float64),
        np.round(x).astype(int),
    ):  # fmt: skip
        twins.run([(other, t)] * 3)
    twins.run([(x, t.astype(np.int32))] * 3)
    twins.run([(x, t.astype(np.uint8))] * 3)


def test_bad_labels_are_the_same_error_later_on() -> None:
    twins = Twins()
    twins.run(batches(5))
    before = twins.compiled.net.state_dict()
    x, _ = batches(1)[0]
    with pytest.raises(DataError, match="the target of row 2 is 4, but the 4 classes are 0 to 3"):
        twins.step(x, np.array([0, 1, 4, 0, 0]))
    assert_same(before, twins.compiled.net.state_dict())
    twins.run(batches(3))


@pytest.mark.thread_unsafe  # they are changed
def test_globals_closures_and_arguments_of_other_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    scale, offsets, config = (
        3.0,
        np.array([1.0, 2.0]),
        SimpleNamespace(power=2, extra=[1.0, 2.0], table={"a": 1.0}),
    )

    def f(x: Any, shift: float = 0.0) -> Any:
        y = x**config.power * scale * SCALE + offsets + OFFSETS + shift
        return (y * config.extra[0] * config.table["a"]).sum()

    fast, x = tg.compile(f), np.array([1.0, 2.0])

    def check(*args: Any, **kwargs: Any) -> None:
        for _ in range(3):
            assert_same(f(x, *args, **kwargs), fast(x, *args, **kwargs))

    check()
    scale = 4.0
    check()
    scale = 4  # an int
    check()
    offsets[0] = 7.0
    check()
    offsets = np.array([5.0, 5.0])
    check()
    config.power = 3
    check()
    config.extra[0] = 9.0
    check()
    config.table["a"] = 8.0
    check()
    monkeypatch.setitem(globals(), "SCALE", -1.0)
    check()
    OFFSETS[1] += 1
    check()
    check(1.5)
    check(shift=2.5)


def test_arrays_computed_of_closed_over_ones_by_plain_numpy() -> None:
    scale = np.array([1.0, 2.0])

    def f(x: Any) -> Any:
        return x * (scale * 2)

    fast, x = tg.compile(f), np.array([1.0, 2.0])
    for i in range(8):
        scale[0] = i // 4
        assert_same(f(x), fast(x))


def test_no_grad_around_the_call() -> None:
    twins = Twins(loss=lambda z, t: (z * z).mean())

    def f(x: Any) -> Any:
        return twins.compiled.net(x)

    fast, (x, _) = tg.compile(f), batches(1)[0]
    for _ in range(4):
        assert_same(f(x), fast(x))
        with tg.no_grad():
            assert_same(f(x), fast(x))
            assert not fast(x).requires_grad


# ---- what cannot be compiled, and says so ----


def refused(f: Any, *args: Any, words: str, times: int = 4) -> None:
    fast = tg.compile(f)

    def calls() -> None:
        for _ in range(times):
            fast(*args)

    with pytest.raises(TraceError, match=words):
        calls()


def test_reading_a_value_is_refused_with_the_fix() -> None:
    x = np.array([1.0, 2.0])
    refused(lambda x: x * 2 if x.sum() > 0 else x, x, words=r"bool\(\) reads .* np.where")
    refused(lambda x: x * x.sum().item(), x, words=r"item\(\) reads")
    refused(lambda x: x * float(x[0]), x, words=r"float\(\) reads")
    refused(lambda x: x * int(x[0]), x, words=r"int\(\) reads")
    refused(lambda x: x * x.numpy().sum(), x, words=r"numpy\(\) reads")
    refused(lambda x: x * len(x.tolist()), x, words=r"tolist\(\) reads")
    refused(lambda x: x * (1.0 in x), x, words=r"contains\(\) reads")
    refused(lambda x: x * np.asarray(x), x, words="array")
    refused(lambda x: x * np.histogram(x)[0].sum(), x, words="array")
    refused(lambda x: x[x > 1], x, words="np.where")
    refused(lambda x: f"{x.sum():.3f}" and x * 2, x, words="format")
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    refused(lambda x: x * w.data, x, words="data")


def test_side_effects_are_refused() -> None:
    x, seen, counter = np.array([1.0, 2.0]), [], SimpleNamespace(n=0)
    w = tg.Tensor([1.0, 2.0], requires_grad=True)

    def appends(x: Any) -> Any:
        seen.append(1)
        return x * 2

    def counts(x: Any) -> Any:
        counter.n += 1
        return x * counter.n

    def writes(x: Any) -> Any:
        loss = (w * x).sum()
        loss.backward()
        w._data[...] -= 0.1
        w.grad = None
        return loss

    def sets(x: Any) -> Any:
        y = (w * x).sum()
        w.data = np.zeros(2)
        return y

    refused(appends, x, words="changes seen")
    refused(counts, x, words="changes .*counter")
    refused(writes, x, words="writes into an array")
    refused(sets, x, words="setting .data")
    assert_same(w, np.array([1.0, 2.0]))  # all is as it was


def test_what_changes_from_call_to_call_and_is_not_seen_is_refused() -> None:
    x, rng, times = np.array([1.0, 2.0]), np.random.default_rng(0), iter(range(99))
    refused(lambda x: x * np.random.rand(), x, words="did not compute the same")  # noqa: NPY002
    refused(lambda x: x + rng.normal(size=2), x, words="draws random numbers")
    refused(lambda x: x * next(times), x, words="did not compute the same")


def test_tensors_in_a_dictionary_are_watched() -> None:
    table = {"w": tg.Tensor([1.0, 2.0], requires_grad=True)}
    fast = tg.compile(lambda x: x * table["w"])
    for _ in range(4):
        assert_same(fast(np.ones(2)), table["w"])
    table["w"] = tg.Tensor([3.0, 4.0], requires_grad=True)
    assert_same(fast(np.ones(2)), table["w"])


def test_tensors_that_cannot_be_watched_are_refused() -> None:
    hidden = itertools.repeat(tg.Tensor([1.0, 2.0], requires_grad=True))
    refused(lambda x: x * next(hidden), np.ones(2), words="in a way that is not watched")


def test_data_that_is_set_past_the_setter_is_refused_and_undone() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    data = w.data

    def f(x: Any) -> Any:
        y = x * w
        w._data = np.zeros(2)
        return y

    refused(f, np.ones(2), words="sets the .data of a Tensor")
    assert w.data is data
    assert_same(w, np.array([1.0, 2.0]))


def test_an_op_that_gives_other_numbers_each_time_is_refused() -> None:
    numbers = itertools.count()
    op = Primitive("counting", lambda x: x + next(numbers), "x + n", (lambda g, y, x: g,))
    refused(lambda x: op(x) * 2, np.ones(2), words="gives other bits for .* than the function itself")


def test_optimisers_that_update_by_more_than_ufuncs_are_refused() -> None:
    class Summing(optim.Optimizer):
        def update(self, p: Any, g: Any, d: Any, state: Any, group: Any, numbers: Any) -> None:
            np.multiply(np.add.reduce(g), numbers[0], out=d)
            np.subtract(p, d, out=p)

    settings = {"lr": 0.1, "weight_decay": 0.0, "maximize": False}
    twins = Twins(optimizer=lambda p: Summing(p, settings))
    with pytest.raises(TraceError, match=r"plain ufuncs, not of add\.reduce"):
        twins.step(*batches(1)[0])


def test_no_function_is_refused() -> None:
    with pytest.raises(TraceError, match="takes a function, not int"):
        tg.compile(3)


# ---- as functions of arrays ----


def test_transforms_of_functions() -> None:
    def f(x: Any, y: Any) -> Any:
        return (np.tanh(x @ y) ** 2).sum()

    rng = np.random.default_rng(0)
    for made in (
        tg.value_and_grad(f), tg.grad(f, (0, 1)), tg.hessian(f),
        tg.jacobian(lambda x, y: np.exp(x) @ y, (0, 1)),
        lambda x, y: tg.hvp(f, (x, y), (x, y)), lambda x, y: tg.jvp(f, (x, y), (x, y)),
        lambda x, y: tg.vjp(lambda a: a * y[:, 0], x)[1](x), tg.grad(lambda x, y: tg.grad(f)(x, y).sum()),
    ):  # fmt: skip
        fast = tg.compile(made)
        for _ in range(4):
            x, y = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
            one, other = made(x, y), fast(x, y)
            assert_same(one, other)
            assert type(one) is type(other)
        assert fast.versions == 1


def test_trees_of_arrays_in_and_out() -> None:
    def loss(params: Any, x: Any) -> Any:
        return {
            "loss": (x @ params["W"] + params["b"][0]).sum(),
            "same": params["b"],
            "name": "a name",
            "n": 3,
        }

    fast = tg.compile(loss)
    rng = np.random.default_rng(0)
    for _ in range(4):
        params = {"W": rng.normal(size=(3, 2)), "b": [rng.normal(size=2)]}
        x = rng.normal(size=(4, 3))
        one, other = loss(params, x), fast(params, x)
        assert one.keys() == other.keys()
        assert (other["name"], other["n"]) == ("a name", 3)
        assert_same([one["loss"], one["same"]], [other["loss"], other["same"]])
    grads = tg.compile(tg.grad(lambda p, x: loss(p, x)["loss"]))
    for _ in range(4):
        assert_same(tg.grad(lambda p, x: loss(p, x)["loss"])(params, x), grads(params, x))


def test_results_are_never_overwritten() -> None:
    fast = tg.compile(lambda x: (x * 2, np.exp(x * 2), (x * 2).T, x))
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(6):
        x = rng.normal(size=(3, 4))
        results = fast(x)
        kept.append((results, [np.array(r) for r in results]))
    for results, copies in kept:
        assert_same(list(results), copies)
    results[0][...] = 0  # what is returned is the caller's
    assert_same(fast(x)[0], x * 2)


def test_gradients_are_kept_as_ever_and_add_up() -> None:
    def training() -> Any:
        w = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)

        def step(x: Any) -> Any:
            loss = (w * w * x).sum()
            loss.backward()
            return loss

        return w, step

    (w, eager), (v, step) = training(), training()
    step = tg.compile(step)
    kept = []
    for i in range(6):
        x = np.arange(3.0) + i
        assert_same(eager(x), step(x))
        assert_same(w.grad, v.grad)
        kept.append((v.grad, v.grad.numpy()))
        if i == 3:
            w.grad = v.grad = None
    for grad, before in kept:
        assert_same(grad, before)


def test_an_old_graph_is_stale_after_a_compiled_step() -> None:
    twins = Twins()
    twins.run(batches(4))
    x, t = batches(1)[0]
    loss = tg.softmax_cross_entropy(twins.compiled.net(x), t)
    twins.step(x, t)
    with pytest.raises(tg.errors.GradientError, match="set or updated after"):
        loss.backward()


def test_gradients_through_a_compiled_function_run_the_function() -> None:
    square = tg.compile(lambda x: (x * x).sum())
    for _ in range(4):
        assert_same(tg.grad(square)(np.array([1.0, 2.0])), np.array([2.0, 4.0]))
        square(np.array([1.0, 2.0]))
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    square(x).backward()
    assert_same(x.grad, np.array([2.0, 4.0]))
    with tg.detect_anomaly(), pytest.raises(tg.errors.GradientError):
        tg.compile(lambda x: np.log(x * w))(np.zeros(1)) if (
            w := tg.Tensor([1.0], requires_grad=True)
        ) else None


def test_methods_are_compiled_for_each_object() -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @tg.compile
        def double(self, x: Any) -> Any:
            """Twice."""
            return x * self.scale

    one, other = Model(1.0), Model(2.0)
    for _ in range(4):
        assert_same(one.double(np.ones(2)), np.ones(2))
        assert_same(other.double(np.ones(2)), 2 * np.ones(2))
    one.scale = 5.0
    assert_same(one.double(np.ones(2)), 5 * np.ones(2))
    assert Model.double.__doc__ == "Twice."


@pytest.mark.thread_unsafe
def test_threads_share_a_compiled_function() -> None:
    f = tg.value_and_grad(lambda x: (np.tanh(x) ** 2).sum())
    fast, errors = tg.compile(f), []
    for _ in range(3):
        fast(np.ones(50))

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(100):
            x = rng.normal(size=50)
            try:
                assert_same(f(x), fast(x))
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.thread_unsafe
def test_recording_all_the_time_is_warned_of() -> None:
    fast = tg.compile(lambda x, n: x * n)

    def calls() -> None:
        for n in range(33):
            for _ in range(3):
                fast(np.ones(2), n)

    with pytest.warns(UserWarning, match="recorded 32 times"):
        calls()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast(np.ones(2), 3)


def test_clipping_in_the_step() -> None:
    def training() -> Any:
        w = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        opt = optim.SGD([w], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            (w * w * x).sum().backward()
            norm = optim.clip_grad_norm_([w], 5.0)
            optim.clip_grad_value_([w], 3.0)
            opt.step()
            return norm

        return w, step

    (w, eager), (v, step) = training(), training()
    step = tg.compile(step)
    for i in range(6):
        x = np.arange(3.0) * i
        assert float(eager(x)) == float(step(x))
        assert_same(w, v)
        assert_same(w.grad, v.grad)


# ---- what is recorded ----


def test_a_trace_changes_nothing_and_is_shown_like_any_program() -> None:
    training = Training(optimizer=OPTIMIZERS["adam"], net=NETS["batch norm"])
    x, t = batches(1)[0]
    before = [a.copy() for a in arrays_of(training.everything())]
    program = tg.trace(training.step, x, t)
    assert_same(training.everything(), before)
    assert not training.opt.state
    assert [v.name for v in program.arguments] == ["x", "t"]
    assert {e.scope[0] for e in program if e.scope} >= {"backward", "update"}
    assert "float32 (5, 3)" in repr(program["x"])
    for text in (program.text(), program.svg(), program.dot(), program.latex()):
        assert "weight" in text
    assert program == tg.trace(training.step, x, t)
    assert hash(program) == hash(tg.trace(training.step, x, t))
    assert program != tg.trace(training.step, x[:3], t[:3])
    assert program != 3


def test_the_equations_of_a_trace_give_its_numbers() -> None:
    def f(x: Any, i: Any) -> Any:
        return tg.value_and_grad(lambda x: (np.exp(x[i]) * x).sum())(x)

    x, i = np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1])
    program = tg.trace(f, x, i)
    value, slope = f(2 * x, i[::-1])
    values = program.replay({"x": 2 * x, "i": i[::-1]})
    assert_same([value, slope], [values[v.name] for v in program.outputs])


def test_traces_that_cannot_be() -> None:
    with pytest.raises(TraceError, match="nothing that was computed"):
        tg.trace(lambda x: 3, np.ones(2))
    with pytest.raises(ZeroDivisionError):
        tg.trace(lambda x: x / (1 // 0), np.ones(2))
    assert tg.trace(np.eye(3)) == 3.0  # NumPy's
    assert tg.trace(tg.Tensor(np.eye(3))).item() == 3.0


# ---- what can be reached, and may change ----


def same_before_and_after(f: Any, change: Any, x: Any = None) -> None:
    fast, x = tg.compile(f), np.array([1.0, 2.0]) if x is None else x
    for _ in range(4):
        assert_same(f(x), fast(x))
    change()
    for _ in range(4):
        assert_same(f(x), fast(x))


@pytest.mark.parametrize("use", [
    lambda x, s: x * 2 if s[0] > 0 else -x,
    lambda x, s: x * float(s[0]),
    lambda x, s: x * np.broadcast_to(s * 2, x.shape),
    lambda x, s: (x * 2, s * 2),
    lambda x, s: (x * 2, float(s[0])),
])  # fmt: skip
def test_a_closed_over_array_that_python_reads(use: Any) -> None:
    s = np.array([2.0])
    same_before_and_after(lambda x: use(x, s), lambda: s.fill(-5.0))


def test_classes_and_containers_of_other_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        scale = 2.0

        @property
        def power(self) -> Any:
            return SCALE

        def __call__(self, x: Any) -> Any:
            return (x * self.scale) ** self.power

    class Derived(Base):
        pass

    queue, octets, table = deque([2.0]), bytearray([2]), {"a": [2.0], "b": (2.0,)}
    same_before_and_after(Derived(), lambda: setattr(Base, "scale", 5.0))
    same_before_and_after(Derived(), lambda: monkeypatch.setitem(globals(), "SCALE", 3.0))
    same_before_and_after(Derived(), lambda: setattr(Base, "power", property(lambda _: 1.0)))
    same_before_and_after(lambda x: x * queue[0], lambda: queue.__setitem__(0, 5.0))
    same_before_and_after(lambda x: x * octets[0], lambda: octets.__setitem__(0, 5))
    integers = np.array([1, 2])
    same_before_and_after(lambda x: x * table["a"][0], lambda: table.update(a=[2]), integers)
    same_before_and_after(lambda x: x * table["b"][0], lambda: table.update(b=(2,)), integers)


def test_what_belongs_to_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any, shift: Any = 1.0) -> Any:
        return x * f.scale + shift + abs(-2)  # type: ignore[attr-defined]

    f.scale = 2.0  # type: ignore[attr-defined]
    same_before_and_after(f, lambda: setattr(f, "scale", 3.0))
    same_before_and_after(f, lambda: setattr(f, "__defaults__", (4.0,)))

    def g(x: Any) -> Any:
        return x * abs(-2)

    same_before_and_after(g, lambda: monkeypatch.setitem(globals(), "abs", lambda _: 9.0))
    same_before_and_after(g, lambda: setattr(g, "__code__", (lambda x: x - 1).__code__))


class Scaled:
    """A decorator with a state."""

    def __init__(self, f: Any, scale: float) -> None:
        functools.update_wrapper(self, f)
        self.f, self.scale = f, scale

    def __call__(self, x: Any) -> Any:
        return self.f(x) * self.scale


def test_a_decorator_with_a_state() -> None:
    g = Scaled(lambda x: x * x, 2.0)
    same_before_and_after(lambda x: g(x), lambda: setattr(g, "scale", 3.0))


def test_modules_in_packages_and_imported_within(monkeypatch: pytest.MonkeyPatch) -> None:
    package, inner = ModuleType("some_package"), ModuleType("some_package_config")
    package.config, inner.scale = inner, 2.0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_package", package)
    monkeypatch.setitem(sys.modules, "some_package_config", inner)
    holder = SimpleNamespace(config=inner)

    def imports(x: Any) -> Any:
        import some_package_config  # type: ignore[import-not-found]

        return x * some_package_config.scale

    for i, f in enumerate((imports, lambda x: x * package.config.scale, lambda x: x * holder.config.scale)):
        same_before_and_after(f, lambda i=i: setattr(inner, "scale", 3.0 + i))


def test_objects_among_the_arguments_are_watched() -> None:
    config, fast = SimpleNamespace(scale=2.0), tg.compile(lambda x, c: x * c.scale)
    for scale in (2.0, 2.0, 2.0, 5.0, 5.0, 5.0):
        config.scale = scale
        assert_same(fast(np.ones(2), config), np.full(2, scale))
    model, x = nn.Linear(3, 2), np.ones((4, 3), np.float32)
    fast = tg.compile(lambda m, x: m(x))
    for _ in range(4):
        assert_same(fast(model, x), model(x))


def test_what_a_custom_optimiser_reads() -> None:
    class Mine(optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": 0.1, "weight_decay": 0.0, "maximize": False})
            self.factor = 1.0

        def update(self, p: Any, g: Any, d: Any, state: Any, group: Any, numbers: Any) -> None:
            p -= numbers[0] * g * self.factor

    twins = Twins(optimizer=Mine)
    twins.run(batches(5))
    twins.both(lambda s: setattr(s.opt, "factor", 3.0))
    twins.run(batches(5))


def test_what_is_done_to_arguments_is_refused() -> None:
    def adds(x: Any) -> Any:
        x += 1
        return x * 2

    x = np.array([1.0, 2.0])
    refused(adds, x, words="write x = x ")
    refused(lambda x, log: (log.append(1), x)[1], x, [], words="changes a list")
    refused(lambda x, log: (log.update(y=x), x)[1], x, {}, words="changes a list")


def test_arrays_with_arithmetic_of_their_own_run_as_ever() -> None:
    fast = tg.compile(lambda x: (x * x).sum())
    for _ in range(4):
        assert fast(np.ones(3)) == 3
        assert fast(np.ma.array(np.ones(3), mask=[0, 1, 0])) == 2


def test_a_result_that_was_not_computed_is_new_each_time() -> None:
    fast = tg.compile(lambda x: (x * 2, np.zeros(2)))
    for _ in range(5):
        _, zeros = fast(np.ones(2))
        assert not zeros.any()
        zeros += 1


@pytest.mark.thread_unsafe
def test_methods_of_objects_that_are_equal_or_have_slots() -> None:
    class Equal:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        def __eq__(self, other: object) -> bool:
            return True

        @tg.compile
        def f(self, x: Any) -> Any:
            return x * self.scale

    class Slots:
        __slots__ = ("scale",)
        f = Equal.__dict__["f"]

    x, slots = np.ones(2), Slots()
    slots.scale = 4.0
    for _ in range(4):
        assert [Equal(2.0).f(x)[0], Equal(3.0).f(x)[0], slots.f(x)[0]] == [2, 3, 4]
    one = Equal(2.0)
    one.f(x)
    other = copy.copy(one)
    other.scale = 7.0
    assert other.f(x)[0] == 7
    seen = weakref.ref(one)
    del one
    gc.collect()
    assert seen() is None


def test_a_compiled_function_can_be_copied() -> None:
    model = nn.Linear(3, 2)
    model.fast = tg.compile(lambda x: x * 2)
    assert_same(copy.deepcopy(model).fast(np.ones(2)), np.full(2, 2.0))


@pytest.mark.thread_unsafe
def test_many_values_are_not_all_kept() -> None:
    fast = tg.compile(lambda x, scale: x * scale)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(100):
            fast(np.ones(2), float(i))
    assert ["pass what changes as arrays" in str(w.message) for w in caught] == [True]
    assert sum(map(len, fast._waiting.values())) <= 32


@pytest.mark.thread_unsafe  # all threads share the tables
@pytest.mark.parametrize("name", ["np", "run", "class", "1abc", "add", "x²", "block", "y_saved"])
def test_names_of_primitives_in_the_text(name: str) -> None:
    tables = PRIMITIVES, FUNCTIONS
    before = [dict(table) for table in tables]
    op = tg.primitive(lambda x: np.asarray(x) * 2.0, "2x", lambda g, *_: g * 2, name=name)
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)
    f = tg.value_and_grad(lambda x: (op(x) + np.add(x, 1) * np.exp(x)).sum())
    same_before_and_after(f, lambda: None)


def test_names_that_end_like_what_a_fused_op_saves() -> None:
    def f(z: Any, t: Any) -> Any:
        loss_saved = np.exp(z)
        loss = tg.softmax_cross_entropy(z, t)
        return loss + (loss_saved * loss_saved).sum()

    g, (z, t) = tg.value_and_grad(f), (np.ones((2, 3)), np.array([0, 1]))
    fast = tg.compile(g)
    for _ in range(4):
        assert_same(g(z, t), fast(z, t))


def test_two_parameters_with_one_gradient() -> None:
    a, b = (tg.Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    opt = optim.SGD([a, b], lr=0.1)

    def adds(x: Any) -> Any:
        loss = (a * x + b).sum()
        loss.backward()
        opt.step()
        return loss

    a.grad = b.grad = tg.Tensor(np.ones(2))
    opt.step()
    refused(adds, np.ones(2), words="one array as their gradients", times=1)


def test_tuples_with_names_and_slices_among_the_arguments() -> None:
    class Pair(NamedTuple):
        a: Any

    fast = tg.compile(lambda p: p.a * 3 if hasattr(p, "a") else p[0] * 2)
    for _ in range(4):
        assert_same(fast((np.ones(2),)), np.full(2, 2.0))
        assert_same(fast(Pair(np.ones(2))), np.full(2, 3.0))
    part = tg.compile(lambda x, where: x[where] * 2)
    for i in (0, 0, 0, 1, 1, 1):
        assert_same(part(np.arange(3.0), slice(i, None)), np.arange(3.0)[i:] * 2)
    assert part.versions == 2


def test_a_function_that_is_called_like_one_of_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    @functools.wraps(np.sum)
    def f(x: Any) -> Any:
        return x * SCALE

    space: dict[str, Any] = {"SCALE": 2.0}
    exec("def g(x): return x * SCALE", space)
    same_before_and_after(f, lambda: monkeypatch.setitem(globals(), "SCALE", 7.0))
    same_before_and_after(space["g"], lambda: space.update(SCALE=7.0))


def test_an_argument_in_the_memory_of_a_parameter_later_on() -> None:
    def training() -> Any:
        w = tg.Tensor(np.ones(3), requires_grad=True)
        opt = optim.SGD([w], lr=0.1)

        def step(x: Any) -> Any:
            a = x * 2
            opt.zero_grad()
            (w * w).sum().backward()
            opt.step()
            return a + x * 2

        return step, w

    (eager, _w), (step, v) = training(), training()
    step = tg.compile(step)
    for _ in range(4):
        assert_same(eager(np.arange(3.0)), step(np.arange(3.0)))
    with pytest.raises(TraceError):  # what it gives depends on where its argument lies
        step(v.data)


# ---- leaves, steps, axes and results of a recorded function ----


def one_leaf(x: Any) -> Any:
    t = tg.Tensor(x, requires_grad=True)
    (t * t).sum().backward()
    return t.grad


def asked_later(x: Any) -> Any:
    t = tg.Tensor(x)
    t.requires_grad = True
    (t * t).sum().backward()
    return t.grad


def filled_later(x: Any) -> Any:
    t = tg.Tensor(np.zeros(1), requires_grad=True)
    t.data = x
    (t * t).sum().backward()
    return t.grad


def a_layer(x: Any) -> Any:
    return nn.Linear(1, 2, dtype=np.float64)(x)


def a_random_leaf(x: Any) -> Any:
    return (tg.Tensor(np.random.rand(3), requires_grad=True) * x).sum()  # noqa: NPY002


@pytest.mark.parametrize("f", [one_leaf, asked_later, filled_later, a_layer, a_random_leaf])
def test_leaves_that_are_made_inside_are_refused(f: Any) -> None:
    refused(f, np.ones(1), words=r"make it outside, or differentiate with tg\.grad", times=1)
    with pytest.raises(TraceError, match="make it outside"):
        tg.trace(f, np.ones(1))


def test_leaves_that_transforms_make_of_what_is_no_argument() -> None:
    def f(x: Any) -> Any:
        slope = tg.grad(lambda a: a**3)(2.0)
        _, slopes = tg.jvp(lambda a: a * x, (np.ones(2),), (np.ones(2),))
        return x * slope + slopes + tg.vjp(lambda a: a, 2.0)[1](np.ones(()))[0]

    fast = tg.compile(f)
    for i in range(4):
        assert_same(f(np.full(2, float(i))), fast(np.full(2, float(i))))


def test_a_constant_that_is_set_to_an_argument_follows_it() -> None:
    def f(x: Any) -> Any:
        t = tg.Tensor(np.zeros(1))
        t.data = x
        return t * 2

    fast = tg.compile(f)
    for i in (1, 1, 1, 5):
        assert_same(fast(np.full(1, float(i))), np.full(1, 2.0 * i))


def test_copies_of_arguments_are_refused() -> None:
    refused(lambda x: copy.copy(x) * 2, np.ones(2), words=r"copy\(\) reads")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_several_steps_in_one_call(name: str) -> None:
    def training() -> Any:
        w = [tg.Tensor(np.ones(3), requires_grad=True) for _ in range(2)]
        opt = OPTIMIZERS[name](w)

        def step(x: Any) -> Any:
            for i in range(3):
                opt.zero_grad()
                loss = ((w[0] * x) ** 2).sum() if i == 1 else ((w[0] * x - w[1]) ** 2).sum()
                loss.backward()
                opt.step()
            return loss

        return step, w, opt

    (eager, v, one), (step, w, other) = training(), training()
    step = tg.compile(step)
    for _ in range(7):
        assert_same(eager(np.arange(3.0)), step(np.arange(3.0)))
        assert_same([v, [one.state[p] for p in v if p in one.state]], [
            w, [other.state[p] for p in w if p in other.state],
        ])  # fmt: skip
    assert step.versions == 1


@pytest.mark.parametrize("rates", [(0.1, 0.01), (0.01, 0.01)])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_settings_that_a_step_sets_around_the_optimiser_are_refused(name: str, rates: Any) -> None:
    w = tg.Tensor(np.ones(3), requires_grad=True)
    opt = OPTIMIZERS[name]([w])

    def step(x: Any) -> Any:
        for rate in rates:
            opt.param_groups[0]["lr"] = rate
            opt.zero_grad()
            ((w * x) ** 2).sum().backward()
            opt.step()
        opt.param_groups[0]["lr"] = 0.1
        return w.sum()

    refused(step, np.arange(3.0), words="settings of an optimiser .* between the calls")


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_optimisers_that_are_made_inside_are_refused(name: str) -> None:
    w = tg.Tensor(np.ones(3), requires_grad=True)

    def step(x: Any) -> Any:
        opt = OPTIMIZERS[name]([w])
        for _ in range(2):
            opt.zero_grad()
            ((w * x) ** 2).sum().backward()
            opt.step()
        return w.sum()

    refused(step, np.arange(3.0), words="an optimiser .* that is made inside")


def test_running_statistics_that_are_made_inside_are_refused() -> None:
    def f(x: Any) -> Any:
        norm = nn.BatchNorm1d(3, affine=False, dtype=np.float64)
        norm(x)
        return norm.eval()(x)

    refused(f, np.arange(6.0).reshape(2, 3), words="or a layer that is made inside")


TABLE = np.arange(12.0).reshape(3, 4)
WEIGHT = tg.Tensor(TABLE, requires_grad=True)
SHAPES: dict[str, Any] = {
    "slice": lambda x, n: (x[:n] * 2).sum(),
    "length": lambda x, n: x[:n].sum() / len(x[:n]),
    "slice of a parameter": lambda x, n: WEIGHT[:n] * 1,
    "roll": lambda x, n: np.roll(x, n),
    "gradient of roll": lambda x, n: tg.grad(lambda x: (np.roll(x, n) * TABLE).sum())(x),
    "transpose": lambda x, n: np.transpose(x, (n, 1 - n)),
    "rot90": lambda x, n: np.rot90(x, n),
    "swapaxes": lambda x, n: WEIGHT.swapaxes(0, n),
    "reshape": lambda x, n: WEIGHT.reshape((n, -1)),
    "flip": lambda x, n: np.flip(WEIGHT, n) * 1,
    "broadcast_to": lambda x, n: np.broadcast_to(WEIGHT[0], (n, 4)) * 1,
    "pad": lambda x, n: np.pad(x, n),
    "concatenate": lambda x, n: np.concatenate([x, x], axis=n),
    "softmax": lambda x, n: tg.softmax(x, axis=n),
    "sum": lambda x, n: x.sum(n),
    "argmax": lambda x, n: np.argmax(x, n),
    "cumsum": lambda x, n: np.cumsum(x, n),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_axes_that_an_argument_decides_are_refused(name: str) -> None:
    f = SHAPES[name]
    refused(f, TABLE, np.array(1), words="pass it in as a Python number", times=1)
    fast = tg.compile(f)
    for n in (1, 1, 1, 0, 0, 0) if "reshape" not in name else (1, 1, 1, 2, 2, 2):
        with np.errstate(invalid="ignore"):
            assert_same(f(TABLE, n), fast(TABLE, n))
    assert fast.versions == 2


def test_what_an_argument_may_decide() -> None:
    def f(x: Any, n: Any) -> Any:
        parts = x[n] * 2, x[n, 1:] * 3, WEIGHT[n] * 1, WEIGHT[n, 1:] * 1, x[n + np.arange(2)]
        slope = tg.grad(lambda x: (x[n] ** 2).sum() + (x[:, n] ** 3).sum())(x)
        return *parts, slope, np.pad(x, 1, constant_values=n), np.nan_to_num(x * np.inf, nan=n)

    fast = tg.compile(f)
    for n in (1, 1, 1, 0, 1):
        with np.errstate(invalid="ignore"):
            assert_same(f(TABLE, np.array(n)), fast(TABLE, np.array(n)))
    assert fast.versions == 1


def test_class_weights_among_the_arguments() -> None:
    def loss(z: Any, w: Any) -> Any:
        return tg.softmax_cross_entropy(z, np.array([0, 1, 2]), weight=w)

    fast = tg.compile(tg.grad(loss))
    for i in range(4):
        w = np.arange(1.0, 5.0) ** i
        assert_same(tg.grad(loss)(TABLE, w), fast(TABLE, w))
    refused(tg.hessian(loss), TABLE, w, words="second derivative .* weight", times=1)


def test_the_text_of_a_computed_tensor_is_refused() -> None:
    x = np.ones(2)
    refused(lambda x: (x * 2, str(x)), x, words=r"str\(\) reads", times=1)
    refused(lambda x: (x * 2, f"{x}"), x, words=r"format\(\) reads", times=1)
    refused(lambda x: (x * 2, f"{[x]}"), x, words="text of a tensor", times=1)


class Held(NamedTuple):
    loss: Any


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Result:
    loss: Any


@pytest.mark.parametrize("kind", [
    Result, lambda y: SimpleNamespace(loss=y), lambda y: deque([y]), lambda y: iter([y]), lambda y: lambda: y,
    lambda y: OrderedDict(y=y), lambda y: [defaultdict(list, y=y)], lambda y: {y},
    lambda y: {"y": y}.values(), lambda y: tg.vjp(np.exp, y), lambda y: functools.partial(np.add, y),
])  # fmt: skip
def test_results_of_other_kinds_are_refused(kind: Any) -> None:
    refused(lambda x: kind(x * 2), np.ones(2), words="return arrays in tuples, lists or dicts", times=1)


def test_results_that_are_no_arrays() -> None:
    model, cells = nn.Linear(3, 2), deque([1.0])

    def f(x: Any) -> Any:
        return Held(x * 2), [None, "text", 3, 2.5, np.float32, Color.RED], {"model": model, "cells": cells}

    fast = tg.compile(f)
    for i in range(4):
        assert type(fast(np.full(2, i))[0]) is Held
        assert_same(fast(np.full(2, i))[0], [np.full(2, 2 * i)])
        assert fast(np.full(2, i))[1:] == f(np.full(2, i))[1:]


def test_dictionaries_of_other_kinds_among_the_arguments() -> None:
    fast = tg.compile(lambda d: d["x"] * (2 if isinstance(d, OrderedDict) else 3))
    for _ in range(4):
        assert_same(fast(OrderedDict(x=np.ones(2))), np.full(2, 2.0))
        assert_same(fast({"x": np.ones(2)}), np.full(2, 3.0))


def test_a_view_of_a_parameter_that_is_read_after_the_step() -> None:
    def training(again: bool, read: Any) -> Any:
        w = tg.Tensor(np.ones((3, 2)), requires_grad=True)
        opt = optim.SGD([w], lr=0.1)

        def step(x: Any) -> Any:
            v = w[:1].T
            opt.zero_grad()
            (w * x).sum().backward()
            opt.step()
            return read(w[:1].T if again else v)

        return step

    refused(training(False, lambda v: v * 2), np.ones(2), words="take it again after the step", times=1)
    for again, read in ((True, lambda v: v * 2), (True, lambda v: v), (False, lambda v: v)):
        eager, step = training(again, read), tg.compile(training(again, read))
        for _ in range(4):
            assert_same(eager(np.ones(2)), step(np.ones(2)))


def test_a_tensor_of_an_argument_in_another_dtype_follows_it() -> None:
    compiled = tg.compile(lambda n: tg.Tensor(n, dtype=np.float32) * 2)
    for i in range(4):
        found = compiled(np.full(2, float(i)))
        assert (found.dtype, found.tolist()) == (np.float32, [2 * i, 2 * i])
