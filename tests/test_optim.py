"""Optimisers, schedules and clipping: what they promise beside PyTorch's numbers."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import optim
from tinygrad_sm.errors import CheckpointError, DataError, GradientError, UnsupportedError

OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD with momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "SGD by Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.5, lr_decay=0.01),
}
every = pytest.mark.parametrize("name", OPTIMISERS)


def leaf(*shape, dtype=np.float64, seed=0):
    return tg.Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, dtype=dtype)


def give_gradients(params, seed=1):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = tg.Tensor(rng.normal(size=p.shape).astype(p.dtype))


# ---- the step ----


@every
def test_a_bowls_bottom_is_found(name):
    x = leaf(4)
    optimizer = OPTIMISERS[name]([x])
    start = (x.data**2).sum()
    for _ in range(100):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
    assert (x.data**2).sum() < 1e-2 * start


def test_gradients_are_forgotten_or_become_0():
    x, other = leaf(4), leaf(2)
    optimizer = OPTIMISERS["SGD"]([x, other])
    (x * x).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.dtype == x.dtype
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros(4))
    assert other.grad is None
    (x * x).sum().backward()  # which adds to it
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.data)
    optimizer.zero_grad()
    assert x.grad is None


@every
def test_going_up_is_going_down_the_other_way(name):
    made = OPTIMISERS[name]([leaf(2)])
    kind, settings = type(made), {k: v for k, v in made.param_groups[0].items() if k != "params"}
    settings["weight_decay"] = 0.0  # which does not change sides
    a, b = leaf(5), leaf(5)
    down, up = kind([a], **settings), kind([b], **{**settings, "maximize": True})
    for step in range(5):
        give_gradients([a], step)
        b.grad = -a.grad.data
        down.step()
        up.step()
    np.testing.assert_array_equal(a.data, b.data)


@every
def test_updates_are_in_place_and_keep_the_dtype(name):
    params = [leaf(3, 2, dtype=np.float32), leaf(dtype=np.float32), leaf(0, 3, dtype=np.float32)]
    arrays = [p.data for p in params]
    before = [p.numpy() for p in params]
    optimizer = OPTIMISERS[name](params)
    for step in range(3):
        give_gradients(params, step)
        gradients = [p.grad.numpy() for p in params]
        optimizer.step()
        for p, g in zip(params, gradients, strict=True):
            np.testing.assert_array_equal(p.grad.data, g)  # read, not worked in
    assert all(p.data is array for p, array in zip(params, arrays, strict=True))
    assert all(p.dtype == np.float32 for p in params)
    assert all((p.data != b).all() for p, b in zip(params, before, strict=True))
    for state in optimizer.state.values():
        assert all(
            array.dtype == (np.float64 if key == "step" else np.float32) for key, array in state.items()
        )


@every
def test_float32_follows_float64(name):
    a, b = leaf(5), leaf(5, dtype=np.float32)
    first, second = OPTIMISERS[name]([a]), OPTIMISERS[name]([b])
    for step in range(20):
        give_gradients([a], step)
        b.grad = a.grad.data.astype(np.float32)
        first.step()
        second.step()
    np.testing.assert_allclose(b.data, a.data, rtol=1e-4, atol=1e-4)


@every
def test_parameters_of_several_dtypes_and_groups_do_not_mix(name):
    """What a parameter becomes does not depend on who stands beside it."""
    together = [leaf(3), leaf(2, dtype=np.float32), leaf(2, 2)]
    alone = [leaf(3), leaf(2, dtype=np.float32), leaf(2, 2)]
    optimizer = OPTIMISERS[name]([{"params": together[:2]}, {"params": together[2], "lr": 0.02}])
    others = [OPTIMISERS[name]([p]) for p in alone]
    others[2].param_groups[0]["lr"] = 0.02
    for step in range(6):
        give_gradients(together, step)
        give_gradients(alone, step)
        if step == 2:  # one that gets no gradient falls behind in its step count
            together[0].grad = alone[0].grad = None
        optimizer.step()
        for other in others:
            other.step()
    for p, q in zip(together, alone, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


@every
def test_a_parameter_without_gradient_stays(name):
    a, b = leaf(3), leaf(3)
    before = b.numpy()
    optimizer = OPTIMISERS[name]([a, b])
    give_gradients([a])
    optimizer.step()
    np.testing.assert_array_equal(b.data, before)
    assert b not in optimizer.state
    give_gradients([b])
    optimizer.step()
    assert (b.data != before).all()


@every
def test_an_older_graph_refuses_to_be_walked_back(name):
    x = leaf(3)
    optimizer = OPTIMISERS[name]([x])
    loss = (x * x).sum()
    loss.backward()
    optimizer.step()
    with pytest.raises(GradientError, match="was set or updated"):
        loss.backward()
    (x * x).sum().backward()


def test_the_callers_array_is_never_written_to():
    array = np.ones(3)
    x = tg.Tensor(array, requires_grad=True)
    give_gradients([x])
    optim.SGD([x], lr=1.0).step()
    assert (array == 1).all()


def test_a_learning_rate_may_be_numpys():
    for lr in (np.float32(0.1), np.float64(0.1), np.int64(1)):
        stepped("SGD", lr=lr).load_state_dict(stepped("SGD", lr=lr).state_dict())


def test_the_learning_rate_is_read_at_each_step():
    x = tg.Tensor(0.0, requires_grad=True)
    x.grad = 1.0
    optimizer = optim.SGD([x], lr=1.0)
    for lr in (1.0, 0.5, 0.25):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    assert x.item() == -1.75


@pytest.mark.thread_unsafe(reason="the garbage collector is the process's")
def test_the_optimiser_dies_with_its_last_name():
    gc.disable()
    try:
        x = leaf(2)
        optimizer = optim.Adam([x])
        give_gradients([x])
        optimizer.step()
        gone = weakref.ref(optimizer)
        del optimizer
        assert gone() is None
    finally:
        gc.enable()


# ---- groups and settings ----


def test_groups_have_their_own_settings():
    a, b = leaf(2), leaf(2)
    optimizer = optim.SGD([a], lr=0.1)
    optimizer.add_param_group({"params": b, "lr": 0.5, "momentum": 0.9})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    assert [group["momentum"] for group in optimizer.param_groups] == [0.0, 0.9]
    assert repr(optimizer).splitlines()[1].startswith("SGD(1 parameters, lr=0.5, momentum=0.9")


@pytest.mark.parametrize(("kind", "settings"), [
    ("SGD", {"lr": -0.1}), ("SGD", {"lr": float("nan")}), ("SGD", {"lr": float("inf")}),
    ("SGD", {"momentum": -1}),
    ("SGD", {"weight_decay": -1}), ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adam", {"lr": -1}), ("Adam", {"betas": (1.0, 0.9)}), ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"eps": -1e-8}), ("Adam", {"betas": None}), ("Adam", {"betas": (0.9,)}), ("Adam", {"lr": "x"}),
    ("Adam", {"amsgrad": None}), ("SGD", {"dampening": float("nan")}),
    ("AdamW", {"weight_decay": -1}), ("RMSprop", {"alpha": -0.1}), ("RMSprop", {"alpha": 1.1}),
    ("Adagrad", {"lr_decay": -1}), ("Adagrad", {"initial_accumulator_value": -1}),
])  # fmt: skip
def test_settings_are_checked(kind, settings):
    with pytest.raises(DataError, match=kind):
        getattr(optim, kind)([leaf(2)], **settings)
    with pytest.raises(DataError, match=kind):
        getattr(optim, kind)([{"params": [leaf(2)], **settings}])


def test_settings_that_do_not_exist_are_named():
    with pytest.raises(DataError, match=r"SGD: beta, rate is no setting of it; it has lr, momentum"):
        optim.SGD([{"params": [leaf(2)], "rate": 1, "beta": 2}])


def test_parameters_are_checked():
    a = leaf(2)
    for nothing in ([], iter(()), [{"params": []}], [{"lr": 0.1}]):
        with pytest.raises(DataError, match="no parameters"):
            optim.SGD(nothing)
    frozen = tg.Tensor(np.ones(2), name="frozen")
    with pytest.raises(GradientError, match=r"'frozen' does not require grad; .*if p.requires_grad"):
        optim.SGD([frozen])
    with pytest.raises(GradientError, match="was computed"):
        optim.SGD([a * 2])
    with pytest.raises(UnsupportedError, match="not ndarray"):
        optim.SGD([np.ones(2)])
    with pytest.raises(UnsupportedError, match=r"write \[t\]"):
        optim.SGD(a)
    with pytest.raises(DataError, match="given twice"):
        optim.SGD([a, a])
    with pytest.raises(DataError, match="given twice"):
        optim.SGD([{"params": [a]}, {"params": [a]}])
    optimizer = optim.SGD([a])
    with pytest.raises(DataError, match="given twice"):
        optimizer.add_param_group({"params": [leaf(2), a]})
    assert len(optimizer.param_groups) == 1


# ---- state ----


@every
def test_a_run_taken_up_again_goes_on_bit_for_bit(name):
    a = [leaf(3, 2), leaf(2, dtype=np.float32)]
    first = OPTIMISERS[name](a)
    for step in range(4):
        give_gradients(a, step)
        first.step()
    state = first.state_dict()
    b = [tg.Tensor(p.numpy(), requires_grad=True) for p in a]
    second = OPTIMISERS[name](b)
    second.param_groups[0]["lr"] = 9.0
    second.load_state_dict(state)
    for step in range(4, 8):
        for params, optimizer in ((a, first), (b, second)):
            give_gradients(params, step)
            optimizer.step()
    for p, q in zip(a, b, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize("careless", [lambda numbers: numbers[0].fill(5), lambda numbers: numbers.pop(0)])
def test_an_update_cannot_change_the_numbers_of_others(careless):
    class Careless(optim.SGD):
        def update(self, p, g, d, state, group, numbers):
            careless(numbers)

    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    x.sum().backward()
    with pytest.raises((ValueError, AttributeError), match=r"read-only|'tuple' object"):
        Careless([x], lr=0.1).step()
    optim.SGD([x], lr=0.1).step()
    assert x.data.tolist() == [0.9, 1.9]


@every
def test_the_state_is_a_copy_of_plain_arrays_and_numbers(name):
    params = [leaf(2), leaf()]
    optimizer = OPTIMISERS[name](params)
    give_gradients(params)
    optimizer.step()
    optimizer.step()
    state = optimizer.state_dict()
    assert state["param_groups"][0]["params"] == [0, 1]
    for values in state["state"].values():
        for array in values.values():
            assert type(array) is np.ndarray
            array[...] = -1
    assert all((array != -1).all() for values in optimizer.state.values() for array in values.values())


def test_state_that_does_not_fit_changes_nothing():
    a, b = leaf(2), leaf(3)
    optimizer = optim.Adam([a])
    give_gradients([a])
    optimizer.step()
    other = optim.Adam([b])
    with pytest.raises(CheckpointError, match=r"exp_avg has shape \(2,\)"):
        other.load_state_dict(optimizer.state_dict())
    assert not other.state
    with pytest.raises(CheckpointError, match=r"groups of \[1\] parameters, this optimiser of \[2\]"):
        optim.Adam([a, b]).load_state_dict(optimizer.state_dict())


def stepped(kind="Adam", **settings):
    """An optimiser after a step over two parameters."""
    params = [leaf(2), leaf(3)]
    optimizer = getattr(optim, kind)(params, **settings)
    give_gradients(params)
    optimizer.step()
    return optimizer


def changed(state, path, value):
    """A copy of the state with another value at the path, or none where it is `...`."""
    key, *rest = path
    inner = changed(state[key], rest, value) if rest else value
    if isinstance(state, list):
        return [inner if i == key else each for i, each in enumerate(state)]
    return {**{k: v for k, v in state.items() if k != key}, **({} if inner is ... else {key: inner})}


GROUP, FIRST = ("param_groups", 0), ("state", 0)


@pytest.mark.parametrize(("kind", "path", "value", "named"), [
    ("Adam", (*GROUP, "lr"), -1, "lr must be at least 0"),
    ("Adam", (*GROUP, "lr"), "x", "lr must be at least 0"),
    ("Adam", (*GROUP, "lr"), np.nan, "lr must be at least 0"),
    ("Adam", (*GROUP, "lr"), 10**400, "no state of an optimiser"),
    ("Adam", (*GROUP, "eps"), None, "eps must be at least 0"),
    ("Adam", (*GROUP, "betas"), None, "betas must be two numbers"),
    ("Adam", (*GROUP, "betas"), [0.9], "betas must be two numbers"),
    ("Adam", (*GROUP, "betas"), [0.9, "x"], "betas must be two numbers"),
    ("Adam", (*GROUP, "betas"), [0.9, 1.0], "betas must be two numbers"),
    ("Adam", (*GROUP, "amsgrad"), {}, "amsgrad must be True or False"),
    ("Adam", (*GROUP, "maximize"), "no", "maximize must be True or False"),
    ("Adam", (*GROUP, "amsgrad"), True, "max_exp_avg_sq is missing"),
    ("Adam", (*GROUP, "initial_lr"), -1, "initial_lr must be at least 0"),
    ("Adam", (*GROUP, "params"), [0, 0], "parameter twice"),
    ("Adam", (*GROUP, "params"), [0, 7], "parameters of no group: .1"),
    ("Adam", (*GROUP, "params"), ..., "params"),
    ("Adam", GROUP, 1, "no state of an optimiser"),
    ("Adam", ("param_groups",), ..., "param_groups"),
    ("Adam", ("param_groups",), None, "no state of an optimiser"),
    ("Adam", ("state",), ..., "'state'"),
    ("Adam", ("state",), [], "no state of an optimiser"),
    ("Adam", FIRST, None, "no state of an optimiser"),
    ("Adam", (*FIRST, "exp_avg"), ..., "exp_avg is missing"),
    ("Adam", (*FIRST, "exp_avg"), None, "exp_avg is missing"),
    ("Adam", (*FIRST, "step"), ..., "step is missing"),
    ("Adam", (*FIRST, "sum"), np.zeros(2), "sum is unknown"),
    ("Adam", (*FIRST, "exp_avg"), np.array(["a", "b"]), "exp_avg holds"),
    ("Adam", (*FIRST, "exp_avg"), [[1], [1, 2]], "no state of an optimiser"),
    ("Adam", (*FIRST, "step"), -1, "step must be a whole number"),
    ("Adam", (*FIRST, "step"), 1.5, "step must be a whole number"),
    ("Adam", (*FIRST, "step"), np.inf, "step must be a whole number"),
    ("Adam", (*FIRST, "step"), np.nan, "step must be a whole number"),
    ("Adam", (*FIRST, "step"), np.ones(2), "step must be a whole number"),
    ("Adam", (*FIRST, "step"), "x", "step holds"),
    ("SGD", (*GROUP, "nesterov"), True, "Nesterov"),
    ("SGD", (*GROUP, "dampening"), "x", "dampening must be a finite number"),
    ("SGD", (*GROUP, "momentum"), None, "momentum must be at least 0"),
    ("SGD", (*FIRST, "step"), 1, "step is unknown"),
    ("RMSprop", (*GROUP, "alpha"), 1.5, "alpha must be from 0 to 1"),
    ("RMSprop", (*GROUP, "momentum"), 0.5, "momentum_buffer is missing"),
    ("RMSprop", (*GROUP, "centered"), True, "grad_avg is missing"),
    ("Adagrad", (*FIRST, "sum"), ..., "sum is missing"),
])  # fmt: skip
def test_a_state_that_is_none_is_named_and_changes_nothing(kind, path, value, named):
    optimizer = stepped(kind)
    before = repr(optimizer.state_dict())
    other = changed(stepped(kind, lr=0.5).state_dict(), path, value)
    with pytest.raises(CheckpointError, match=rf"^{kind}.*{named}"):
        optimizer.load_state_dict(other)
    assert repr(optimizer.state_dict()) == before


def test_a_state_that_is_no_dict_is_refused():
    for nothing in (None, 1, [], "state"):
        with pytest.raises(CheckpointError, match="no state of an optimiser"):
            stepped().load_state_dict(nothing)
        with pytest.raises(CheckpointError, match="no state of a schedule"):
            optim.StepLR(stepped(), 1).load_state_dict(nothing)


@pytest.mark.parametrize(("kind", "settings", "later"), [
    ("SGD", {"momentum": 0.9}, {"momentum": 0.0}),
    ("Adam", {"amsgrad": True}, {"amsgrad": False}),
    ("RMSprop", {"momentum": 0.9, "centered": True}, {"momentum": 0.0, "centered": False}),
])  # fmt: skip
def test_what_was_of_use_before_a_setting_changed_may_stay(kind, settings, later):
    optimizer = stepped(kind, **settings)
    optimizer.param_groups[0].update(later)
    other = stepped(kind)
    other.load_state_dict(optimizer.state_dict())
    assert repr(other.state_dict()) == repr(optimizer.state_dict())


# ---- schedules ----

SCHEDULES = {
    "LambdaLR": lambda o: optim.LambdaLR(o, lambda t: 1 / (1 + t)),
    "StepLR": lambda o: optim.StepLR(o, 3, 0.5),
    "LinearLR": lambda o: optim.LinearLR(o, 0.1, total_iters=7),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, 10),
    "OneCycleLR": lambda o: optim.OneCycleLR(o, 1.0, 20),
    "SequentialLR": lambda o: optim.SequentialLR(o, [optim.LinearLR(o, 0.5), optim.StepLR(o, 4)], [5]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_taken_up_again_goes_on(name):
    def run(optimizer, schedule, n):
        rates = []
        for _ in range(n):
            schedule.step()
            rates.append((schedule.get_last_lr(), optimizer.param_groups[0]["betas"]))
        return rates

    a, b = optim.Adam([leaf(2)], lr=0.3), optim.Adam([leaf(2)], lr=0.1)
    first = SCHEDULES[name](a)
    run(a, first, 6)
    second = SCHEDULES[name](b)
    second.load_state_dict(first.state_dict())
    assert second.get_last_lr() == first.get_last_lr()
    assert run(a, first, 8) == run(b, second, 8)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_begun_behind_a_loaded_optimiser_starts_from_its_first_rate(name):
    a = optim.Adam([leaf(2)], lr=0.3)
    first = SCHEDULES[name](a)
    for _ in range(3):
        first.step()
    b = optim.Adam([leaf(2)], lr=0.9)
    b.load_state_dict(a.state_dict())
    second = SCHEDULES[name](b)
    assert second.state_dict()["base_lrs"] == first.state_dict()["base_lrs"]


def test_schedules_check_their_settings():
    optimizer = optim.SGD([leaf(2)], lr=0.1)
    for make in (
        lambda: optim.StepLR(optimizer, 0),
        lambda: optim.StepLR(optimizer, 1.5),
        lambda: optim.LinearLR(optimizer, 0.0),
        lambda: optim.LinearLR(optimizer, 0.5, end_factor=2.0),
        lambda: optim.CosineAnnealingLR(optimizer, 0),
        lambda: optim.LambdaLR(optimizer, [abs, abs]),
        lambda: optim.SequentialLR(optimizer, [], []),
        lambda: optim.OneCycleLR(optimizer, 1.0, 10),  # no momentum to cycle
        lambda: optim.OneCycleLR(optimizer, 1.0, cycle_momentum=False),  # no number of steps
        lambda: optim.OneCycleLR(optimizer, [1.0, 2.0], 10, cycle_momentum=False),
        lambda: optim.OneCycleLR(optimizer, 1.0, 10, pct_start=1.5, cycle_momentum=False),
        lambda: optim.OneCycleLR(optimizer, 1.0, 10, anneal_strategy="cosine", cycle_momentum=False),
        lambda: optim.StepLR([leaf(2)], 1),
    ):
        with pytest.raises(DataError):
            make()
    assert optimizer.param_groups[0]["lr"] == 0.1
    with pytest.raises(CheckpointError, match="of 2 groups, the optimiser has 1"):
        optim.StepLR(optimizer, 1).load_state_dict({"last_epoch": 1, "base_lrs": [1.0, 2.0]})


@pytest.mark.parametrize("state", [
    {"last_epoch": -1}, {"last_epoch": 1.5}, {"last_epoch": "x"}, {"last_epoch": None},
    {"last_epoch": 10**400}, {"base_lrs": None}, {"base_lrs": ["x"]}, {"base_lrs": [-1.0]},
    {"base_lrs": [np.nan]}, {"base_lrs": [10**400]},
])  # fmt: skip
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedules_state_that_is_none_changes_nothing(name, state):
    optimizer = optim.Adam([leaf(2)], lr=0.3)
    schedule = SCHEDULES[name](optimizer)
    if name in ("LambdaLR", "LinearLR", "SequentialLR") and state == {"last_epoch": 10**400}:
        return  # they have a rate then
    before = repr(optimizer), schedule.state_dict()
    with pytest.raises(CheckpointError, match=name):
        schedule.load_state_dict({**schedule.state_dict(), **state})
    assert (repr(optimizer), schedule.state_dict()) == before


def test_one_cycle_ends():
    schedule = optim.OneCycleLR(optim.SGD([leaf(2)]), 1.0, 4, cycle_momentum=False)
    rates = [schedule.get_last_lr()[0]]
    for _ in range(4):  # once after each batch, the last one too
        schedule.step()
        rates += schedule.get_last_lr()
    assert rates[0] == pytest.approx(0.04)
    assert rates[-2:] == pytest.approx([4e-6, 4e-6])
    with pytest.raises(DataError, match="after the last of 4"):
        schedule.step()
    short = optim.OneCycleLR(optim.SGD([leaf(2)]), 1.0, 10, pct_start=0.1, cycle_momentum=False)
    assert short.get_last_lr() == [1.0]  # no steps that go up


def test_a_group_that_joins_later_is_scheduled_too():
    optimizer = optim.SGD([leaf(2)], lr=1.0)
    schedule = optim.StepLR(optimizer, 1)
    schedule.step()
    optimizer.add_param_group({"params": [leaf(2)], "lr": 2.0})
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.01, 0.02])


# ---- clipping ----


def test_clipping_keeps_dtype_and_direction_and_what_is_small():
    x = leaf(3, dtype=np.float32)
    x.grad = np.array([3.0, 4.0, 0.0], np.float32)
    before = x.grad
    assert optim.clip_grad_norm_([x], 10.0) == 5.0
    assert x.grad is before
    assert optim.clip_grad_norm_(x, 1.0) == 5.0
    np.testing.assert_allclose(x.grad.data, [0.6, 0.8, 0.0], rtol=1e-5)
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(before.data, [3.0, 4.0, 0.0])  # whoever holds the old gradient keeps it
    optim.clip_grad_value_(x, 0.7)
    np.testing.assert_allclose(x.grad.data, [0.6, 0.7, 0.0], rtol=1e-5)
    assert x.grad.dtype == np.float32


def test_clipping_nothing_and_what_is_not_finite():
    x = tg.Tensor(np.ones(2), requires_grad=True, name="w")
    assert optim.clip_grad_norm_([x], 1.0) == 0.0
    x.grad = [np.nan, 1.0]
    with pytest.raises(GradientError, match="'w'"):
        optim.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)
    assert np.isnan(optim.clip_grad_norm_([x], 1.0))
    assert np.isnan(x.grad.data).all()
    for wrong in ({"max_norm": -1.0}, {"max_norm": 1.0, "norm_type": 0}, {"max_norm": float("nan")}):
        with pytest.raises(DataError):
            optim.clip_grad_norm_([x], **wrong)
    with pytest.raises(DataError):
        optim.clip_grad_value_([x], -1.0)


def test_public_names():
    assert optim.__all__ == sorted(optim.__all__)
    assert all(hasattr(optim, name) for name in optim.__all__)


@pytest.mark.parametrize("make", [optim.Adam, optim.Adagrad, lambda p: optim.SGD(p, momentum=0.9)])
def test_a_state_that_is_put_in_by_hand_stays(make):
    def stepped(optimizer, w):
        w.grad = tg.Tensor([1.0, -2.0])
        optimizer.step()
        return w.numpy()

    w, v = leaf(2), leaf(2)
    v.data = w.data
    one, other = make([w]), make([v])
    stepped(one, w), stepped(one, w)
    v.data = w.data
    other.state[v] = {key: array.copy() for key, array in one.state[w].items()}
    assert stepped(one, w).tolist() == stepped(other, v).tolist()
