"""Optimisers, schedules and clipping against PyTorch, step for step."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import optim

torch = pytest.importorskip("torch")

SHAPES = [(4, 3), (3,), ()]
CLOSE = {"rtol": 1e-10, "atol": 1e-10}

OPTIMISERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True, "weight_decay": 0.2}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.7}),
    ("RMSprop", {"lr": 0.1, "centered": True}),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.7, "weight_decay": 0.1}),
    ("Adagrad", {}),
    (
        "Adagrad",
        {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3},
    ),
    ("Adagrad", {"lr": 0.5, "maximize": True}),
]


def twins(name, settings):
    """Equal parameters here and in PyTorch in two groups, and an optimiser for each."""
    rng = np.random.default_rng(0)
    ours = [tg.Tensor(rng.normal(size=shape), requires_grad=True) for shape in SHAPES]
    theirs = [torch.tensor(p.numpy(), requires_grad=True) for p in ours]
    made = []
    for library, params in ((optim, ours), (torch.optim, theirs)):
        groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.03}]
        made.append(getattr(library, name)(groups, **settings))
    return ours, theirs, *made


def give_gradients(ours, theirs, rng, sparsely=False):
    for p, q in zip(ours, theirs, strict=True):
        g = rng.normal(size=p.shape)
        if sparsely and rng.random() < 0.3:
            p.grad = q.grad = None
        else:
            p.grad, q.grad = tg.Tensor(g), torch.tensor(g)


def check(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), **CLOSE)


@pytest.mark.parametrize(("name", "settings"), OPTIMISERS)
@pytest.mark.parametrize("sparsely", [False, True])
def test_step_for_step(name, settings, sparsely):
    ours, theirs, a, b = twins(name, settings)
    rng = np.random.default_rng(1)
    for step in range(25):
        if step == 10:  # the learning rate is read at each step
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.02
        give_gradients(ours, theirs, rng, sparsely)
        a.step()
        b.step()
        check(ours, theirs)


@pytest.mark.parametrize(("name", "settings"), OPTIMISERS)
def test_state_goes_to_and_comes_from_pytorch(name, settings):
    ours, theirs, a, b = twins(name, settings)
    rng = np.random.default_rng(2)
    for _ in range(5):
        give_gradients(ours, theirs, rng)
        a.step()
        b.step()
    state, their_state = a.state_dict(), b.state_dict()
    for group, their_group in zip(state["param_groups"], their_state["param_groups"], strict=True):
        assert group.items() <= their_group.items()
    for i, values in their_state["state"].items():
        mine = state["state"].get(i, {})
        assert mine.keys() == {key for key, value in values.items() if value is not None}
        for key, array in mine.items():
            np.testing.assert_allclose(array, values[key].numpy(), **CLOSE)
    _, _, c, _ = again = twins(name, settings)
    c.load_state_dict(their_state)
    for p, q in zip(again[0], theirs, strict=True):
        p.data = q.detach().numpy()
    for _ in range(5):
        give_gradients(again[0], theirs, rng)
        c.step()
        b.step()
        check(again[0], theirs)


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}, {}),
    ("StepLR", {"step_size": 1}, {}),
    ("LinearLR", {}, {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 12}, {}),
    ("CosineAnnealingLR", {"T_max": 25}, {}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}, {}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}, {}),
    ("LambdaLR", {"lr_lambda": [lambda t: 0.9**t, lambda t: 1 / (1 + t)]}, {}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 26}, {"momentum": 0.9}),
    ("OneCycleLR", {"max_lr": [1.0, 0.5], "epochs": 2, "steps_per_epoch": 13, "pct_start": 0.25,
                    "anneal_strategy": "linear", "cycle_momentum": False}, {}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 30, "three_phase": True, "div_factor": 10.0,
                    "final_div_factor": 100.0, "base_momentum": 0.7, "max_momentum": 0.9}, {"momentum": 0.9}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "more"), SCHEDULES)
def test_schedules(name, settings, more):
    ours, theirs, a, b = twins("SGD", {"lr": 0.1, **more})
    mine = getattr(optim, name)(a, **settings)
    other = getattr(torch.optim.lr_scheduler, name)(b, **settings)
    rng = np.random.default_rng(1)
    for _ in range(25):
        give_gradients(ours, theirs, rng)
        a.step()
        b.step()
        mine.step()
        other.step()
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-12, atol=1e-15)
        for group, their_group in zip(a.param_groups, b.param_groups, strict=True):
            assert math.isclose(group["momentum"], their_group["momentum"], rel_tol=1e-12)
        check(ours, theirs)


def test_one_cycle_of_adam_cycles_its_first_beta():
    ours, theirs, a, b = twins("Adam", {})
    mine = optim.OneCycleLR(a, 0.1, total_steps=26)
    other = torch.optim.lr_scheduler.OneCycleLR(b, 0.1, total_steps=26)
    rng = np.random.default_rng(1)
    for _ in range(25):
        give_gradients(ours, theirs, rng)
        a.step()
        b.step()
        mine.step()
        other.step()
        check(ours, theirs)


def test_warm_up_then_cosine():
    ours, theirs, a, b = twins("SGD", {"lr": 0.1})
    mine = optim.SequentialLR(
        a, [optim.LinearLR(a, 0.1, total_iters=5), optim.CosineAnnealingLR(a, T_max=20)], [5]
    )
    schedules = torch.optim.lr_scheduler
    other = schedules.SequentialLR(
        b, [schedules.LinearLR(b, 0.1, total_iters=5), schedules.CosineAnnealingLR(b, T_max=20)], [5]
    )
    rng = np.random.default_rng(1)
    for _ in range(25):
        give_gradients(ours, theirs, rng)
        a.step()
        b.step()
        mine.step()
        other.step()
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e6])
def test_clipping_the_norm(norm_type, max_norm):
    ours, theirs, *_ = twins("SGD", {})
    rng = np.random.default_rng(1)
    give_gradients(ours, theirs, rng)
    ours[1].grad = theirs[1].grad = None
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    assert norm == pytest.approx(
        torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-12
    )
    for p, q in zip(ours, theirs, strict=True):
        if p.grad is None:
            assert q.grad is None
        else:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE)


def test_clipping_values():
    ours, theirs, *_ = twins("SGD", {})
    give_gradients(ours, theirs, np.random.default_rng(1))
    optim.clip_grad_value_(ours, 0.3)
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE)
