"""Modules, layers, losses and initialisations, against NumPy written by hand and central differences."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_sm as tg
from tinygrad_sm import nn
from tinygrad_sm.errors import (
    BoundsError,
    CheckpointError,
    DataError,
    DtypeError,
    GradientError,
    ShapeError,
    TinygradError,
    UnsupportedError,
)
from tinygrad_sm.nn.convolution import fold, see
from tinygrad_sm.nn.losses import soft
from tinygrad_sm.nn.normalization import standardize
from tinygrad_sm.primitive import PRIMITIVES

linear, conv2d = PRIMITIVES["linear"], PRIMITIVES["conv2d"]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def leaf(*shape, seed=0):
    return tg.Tensor(normal(*shape, seed=seed), requires_grad=True)


# ---- derivatives ----


def numeric(f, arrays, i, h=1e-5):
    """df/d(array i) of a function that gives a number, by central differences."""
    result = np.zeros_like(arrays[i])
    for at in np.ndindex(arrays[i].shape):
        ends = []
        for step in (h, -h):
            moved = [a.copy() for a in arrays]
            moved[i][at] += step
            ends.append(f(*moved))
        result[at] = (ends[0] - ends[1]) / (2 * h)
    return result


def gradients(f, arrays, create_graph=False):
    """The gradients of a function that gives a Tensor of one entry, as Tensors."""
    leaves = [tg.Tensor(a, requires_grad=True) for a in arrays]
    f(*leaves).backward(create_graph=create_graph)
    return leaves, [x.grad for x in leaves]


AT = ((2, 2), (2, 1), (1, 0), (1, 2))
DIFFERENTIABLE = {
    "linear": (linear, [(4, 3), (2, 3), (2,)]),
    "linear of one row": (linear, [(3,), (2, 3), (2,)]),
    "linear of many axes": (linear, [(2, 2, 3), (2, 3), (2,)]),
    "windows": (lambda x: see(x, at=AT), [(2, 1, 3, 4)]),
    "fold": (lambda x: fold(x, at=AT, shape=(2, 1, 3, 4)), [(2, 2, 2, 1, 2, 2)]),
    "conv2d": (lambda x, k: conv2d(x, k, at=AT), [(2, 2, 3, 4), (2, 2, 2, 2)]),
    "standardize": (lambda x: standardize(x, axis=(0, 2), eps=0.1), [(3, 2, 2)]),
    "softplus": (soft, [(5,)]),
    "max pooling": (nn.MaxPool2d(2, 1, 1), [(1, 1, 3, 3)]),
    "average pooling": (nn.AvgPool2d((2, 1), 1), [(1, 1, 3, 3)]),
    "GELU by tanh": (nn.GELU("tanh"), [(5,)]),
    "SiLU": (nn.SiLU(), [(5,)]),
    "LeakyReLU": (nn.LeakyReLU(0.1), [(5,)]),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_are_those_of_central_differences(name):
    f, shapes = DIFFERENTIABLE[name]
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    weights = normal(*np.shape(f(*arrays)), seed=9)

    def scalar(*inputs):
        return (np.sin(f(*inputs)) * weights).sum()

    _, found = gradients(scalar, arrays)
    for i, g in enumerate(found):
        np.testing.assert_allclose(
            g.numpy(), numeric(lambda *a: float(scalar(*a)), arrays, i), rtol=1e-6, atol=1e-8
        )


@pytest.mark.parallel_threads_limit(2)  # they are many
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivatives_are_those_of_central_differences(name):
    f, shapes = DIFFERENTIABLE[name]
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    weights = normal(*np.shape(f(*arrays)), seed=9)

    def scalar(*inputs):
        return (np.sin(f(*inputs)) * weights).sum()

    def slope(*inputs):  # the gradients' product with fixed directions, computed without a graph
        _, found = gradients(scalar, inputs)
        return float(sum((g.numpy() * normal(*g.shape, seed=5)).sum() for g in found))

    leaves, found = gradients(scalar, arrays, create_graph=True)
    total = sum((g * normal(*g.shape, seed=5)).sum() for g in found)
    for x in leaves:
        x.zero_grad()
    total.backward()
    for i, x in enumerate(leaves):
        np.testing.assert_allclose(x.grad.numpy(), numeric(slope, arrays, i), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_float32_stays_float32(name):
    f, shapes = DIFFERENTIABLE[name]
    leaves = [tg.Tensor(normal(*s), requires_grad=True, dtype=np.float32) for s in shapes]
    y = f(*leaves)
    y.sum().backward()
    assert {y.dtype, *(x.grad.dtype for x in leaves)} == {np.dtype(np.float32)}


PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(PAIRS, PAIRS, st.tuples(st.integers(0, 2), st.integers(0, 2)), PAIRS, PAIRS, PAIRS)
def test_windows_and_fold_are_transposes(size, stride, padding, dilation, extra, batch):
    at = (size, stride, padding, dilation)
    spans = [d * (s - 1) + 1 for s, d in zip(size, dilation, strict=True)]
    x = normal(*batch, *(max(s - 2 * p, 0) + e for s, p, e in zip(spans, padding, extra, strict=True)))
    seen = see(x, at=at)
    y = normal(*seen.shape, seed=1)
    np.testing.assert_allclose(
        (seen * y).sum(), (x * fold(y, at=at, shape=x.shape)).sum(), rtol=1e-9, atol=1e-9
    )


@given(PAIRS, PAIRS, st.tuples(st.integers(0, 2), st.integers(0, 2)), PAIRS, PAIRS)
def test_convolution_is_the_sum_over_each_window(size, stride, padding, dilation, extra):
    spans = [d * (s - 1) + 1 for s, d in zip(size, dilation, strict=True)]
    x = normal(2, 3, *(max(s - 2 * p, 0) + e for s, p, e in zip(spans, padding, extra, strict=True)))
    layer = nn.Conv2d(3, 2, size, stride, padding, dilation, dtype=np.float64, rng=0)
    y = layer(x)
    whole = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    for n, o, i, j in np.ndindex(y.shape):
        top, left = i * stride[0], j * stride[1]
        window = whole[n, :, top : top + spans[0] : dilation[0], left : left + spans[1] : dilation[1]]
        expected = (window * layer.weight.data[o]).sum() + layer.bias.data[o]
        np.testing.assert_allclose(y.data[n, o, i, j], expected, rtol=1e-9, atol=1e-12)


# ---- modules ----


class Net(nn.Module):
    def __init__(self):
        self.first = nn.Linear(3, 4, rng=0)
        self.rest = nn.ModuleList([nn.Linear(4, 4, rng=1), nn.Linear(4, 2, rng=2)])
        self.scale = tg.Tensor(1.0, requires_grad=True)
        self.register_buffer("shift", np.zeros(2))
        self.note = "not a parameter"

    def forward(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(nn.ReLU()(x))
        return x * self.scale + self.shift


def test_parameters_are_found_by_attribute():
    net = Net()
    names = ["first.weight", "first.bias", "rest.0.weight", "rest.0.bias", "rest.1.weight", "rest.1.bias"]
    assert [name for name, _ in net.named_parameters()] == ["scale", *names]
    assert [p.name for p in net.parameters()] == ["scale", *names]
    assert [name for name, _ in net.named_modules()] == ["", "first", "rest", "rest.0", "rest.1"]
    assert list(net.modules()) == [net, net.first, net.rest, net.rest[0], net.rest[1]]
    assert list(net.children()) == [net.first, net.rest]
    assert [name for name, _ in net.named_buffers()] == ["shift"]
    assert list(net.state_dict()) == ["scale", "shift", *names]


def test_what_is_no_parameter():
    net = nn.Module()
    net.constant = tg.Tensor([1.0])
    net.computed = leaf(2) * 2
    net.array = np.ones(3)
    assert not list(net.parameters())
    assert not net.state_dict()


def test_attributes_can_be_replaced_and_deleted():
    net = Net()
    net.first = None
    assert [name for name, _ in net.named_children()] == ["rest"]
    net.scale = tg.Tensor(2.0, requires_grad=True)
    assert net.state_dict()["scale"] == 2
    del net.scale
    assert "scale" not in net.state_dict()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'scale'"):
        _ = net.scale
    net.shift = np.ones(2)
    assert net.state_dict()["shift"].tolist() == [1, 1]
    net.rest = nn.ReLU()
    assert list(net.state_dict()) == ["shift"]


def test_frozen_parameters_stay_in_the_state():
    net = Net()
    keys = list(net.state_dict())
    net.first.requires_grad_(False)
    assert list(net.state_dict()) == keys
    assert len(list(net.parameters())) == 7
    net(normal(5, 3)).sum().backward()
    assert net.first.weight.grad is None
    assert net.scale.grad is not None
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())


def test_shared_parameters_count_once_and_are_saved_under_each_name():
    tied = nn.Linear(3, 3, rng=0)
    net = nn.Sequential(tied, nn.Tanh(), tied)
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(list(net.modules())) == 3
    assert "# 12 parameters" in repr(net)
    net(normal(2, 3)).sum().backward()
    assert tied.weight.grad is not None


def test_plain_lists_of_modules_earn_a_warning():
    net = nn.Module()
    with pytest.warns(UserWarning, match=r"Module.layers is a plain list.*nn.ModuleList"):
        net.layers = [nn.ReLU(), nn.Linear(2, 2)]
    assert not list(net.parameters())


def test_a_module_without_forward_says_so():
    with pytest.raises(UnsupportedError, match=r"Module has no forward"):
        nn.Module()(1.0)
    with pytest.raises(UnsupportedError, match="holds modules, not function"):
        nn.Sequential(lambda x: x)


def test_sequences():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    assert len(net) == 3
    assert net[-3] is net[0]
    assert isinstance(net[-1], nn.Linear)
    x = normal(5, 3)
    part = net[:2]
    np.testing.assert_array_equal(part(x).data, net[1](net[0](x)).data)
    assert [m is n for m, n in zip(net[1:], list(net)[1:], strict=True)] == [True, True]
    assert [p.name for p in net.parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    with pytest.raises(BoundsError, match=r"Sequential has 3 modules, no \[3\]"):
        _ = net[3]
    assert [type(m).__name__ for m in nn.ModuleList([nn.ReLU()]).extend([nn.Tanh()]).append(nn.SiLU())] == [
        "ReLU",
        "Tanh",
        "SiLU",
    ]
    np.testing.assert_array_equal(nn.Sequential()(x), x)


def test_graphs_know_the_modules():
    net = Net()
    y = net(normal(2, 3))
    scopes, stack = set(), [y]
    while stack:
        t = stack.pop()
        if isinstance(t, tg.Tensor) and t.node is not None:
            scopes.add(t.node.scope)
            stack += t.node.inputs
    assert scopes == {
        ("Net",),
        ("Net", "first: Linear"),
        ("Net", "0: Linear"),
        ("Net", "1: Linear"),
        ("Net", "ReLU"),
    }
    assert (leaf(2) * 1).node.scope == ()
    with tg.scope("outer"):
        assert net(normal(2, 3)).node.scope == ("outer", "Net")
    assert net(normal(2, 3)).node.scope == ("Net",)
    with tg.no_grad():
        assert net(normal(2, 3)).node is None
    assert net(normal(2, 3)).requires_grad


def test_the_scope_ends_when_forward_raises():
    net = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(ShapeError):
        net(normal(4, 5))
    assert (leaf(2) * 1).node.scope == ()


def test_a_module_serves_several_threads():
    net, scopes = Net(), []
    threads = [threading.Thread(target=lambda: scopes.append(net(normal(2, 3)).node.scope)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert scopes == [("Net",)] * 4


def test_training_and_evaluation_mode():
    net = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.BatchNorm1d(3)))
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train()[1][0].training


def test_apply_reaches_every_module_inner_ones_first():
    seen = []
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen[-1] == "Sequential"
    assert sorted(seen) == ["ReLU", "Sequential", "Sequential", "Tanh"]


def test_zero_grad_forgets():
    net = Net()
    net(normal(2, 3)).sum().backward()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad is None for p in net.parameters())  # what is not there does not become 0
    net(normal(2, 3)).sum().backward()
    old = [p.grad for p in net.parameters()]
    net.zero_grad(set_to_none=False)
    for p in net.parameters():
        assert p.grad.dtype == p.dtype
        np.testing.assert_array_equal(p.grad.data, np.zeros(p.shape))
    assert any(g.data.any() for g in old)  # whoever holds a gradient keeps it
    net.zero_grad(set_to_none=True)
    assert all(p.grad is None for p in net.parameters())


def test_zeroed_gradients_in_a_program():
    steps = []
    for compiled in False, True:
        net = nn.Linear(2, 1, rng=0)
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1)

        def step(x, net=net, optimizer=optimizer):
            net.zero_grad(set_to_none=False)
            loss = net(x).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = tg.compile(step) if compiled else step
        steps.append([float(run(normal(3, 2, seed=i))) for i in range(4)] + net.weight.data.tolist())
    assert steps[0] == steps[1]


def test_repr_shows_structure_and_parameters():
    assert repr(Net()) == (
        "Net(  # 47 parameters\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)  # 16 parameters\n"
        "  (rest): ModuleList(  # 30 parameters\n"
        "    (0): Linear(in_features=4, out_features=4, bias=True)  # 20 parameters\n"
        "    (1): Linear(in_features=4, out_features=2, bias=True)  # 10 parameters\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential(nn.ReLU(), nn.Conv2d(1, 2, 3, bias=False))) == (
        "Sequential(  # 18 parameters\n"
        "  (0): ReLU()\n"
        "  (1): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), bias=False)  # 18 parameters\n"
        ")"
    )


def test_copies_are_independent():
    net = Net()
    x = normal(2, 3)
    y = net(x).numpy()
    twin = copy.deepcopy(net)
    np.testing.assert_array_equal(twin(x).numpy(), y)
    twin.first.weight.data = np.zeros((4, 3))
    twin.shift += 1
    np.testing.assert_array_equal(net(x).numpy(), y)
    assert [p.name for p in twin.parameters()] == [p.name for p in net.parameters()]


@pytest.mark.thread_unsafe(reason="the garbage collector is the process's")
def test_a_dropped_model_is_freed_at_once():
    gc.disable()
    try:
        net = Net()
        gone = weakref.ref(net)
        loss = net(normal(2, 3)).sum()
        loss.backward()
        del net, loss
        assert gone() is None
    finally:
        gc.enable()


# ---- state ----


def test_state_goes_in_and_out():
    net, other = Net(), Net()
    for p in net.parameters():
        p.data = p.data + 1
    net.shift += 5
    state = net.state_dict()
    report = other.load_state_dict(state)
    assert report == ([], [])
    x = normal(4, 3)
    np.testing.assert_array_equal(net(x).numpy(), other(x).numpy())
    state["scale"][...] = 7  # a copy, on both sides
    assert net.scale.item() == other.scale.item() == 2
    other.load_state_dict({name: tg.Tensor(array) for name, array in net.state_dict().items()})
    np.testing.assert_array_equal(net(x).numpy(), other(x).numpy())


def test_state_that_does_not_fit_is_one_error_that_names_all_and_changes_nothing():
    net = Net()
    before = net.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    del state["rest.0.bias"], state["scale"]
    state |= {"more": np.ones(1), "first.weight": np.ones((3, 4)), "shift": np.ones(3)}
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(state)
    for part in ("Net", "missing: scale, rest.0.bias", "unexpected: more",
                 "first.weight has shape (3, 4), the model's has (4, 3)",
                 "shift has shape (3,), the model's has (2,)"):  # fmt: skip
        assert part in str(caught.value)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(CheckpointError, match=r"first.weight has shape"):  # shapes must always fit
        net.load_state_dict(state, strict=False)
    del state["first.weight"], state["shift"]
    report = net.load_state_dict(state, strict=False)
    assert report.missing_keys == ["scale", "shift", "first.weight", "rest.0.bias"]
    assert report.unexpected_keys == ["more"]
    np.testing.assert_array_equal(net.first.bias.data, before["first.bias"] + 1)


@pytest.mark.parametrize("value", [np.array("1"), np.array(1j), np.array(None)])
def test_state_must_be_real_numbers(value):
    with pytest.raises(DtypeError, match="scale holds"):
        Net().load_state_dict({**Net().state_dict(), "scale": value})


def test_loading_keeps_dtypes_and_stops_older_graphs():
    net = Net()
    loss = net(normal(4, 3)).sum()
    net.load_state_dict({name: array.astype(np.float64) for name, array in net.state_dict().items()})
    assert {p.dtype for p in (net.first.weight, net.rest[0].bias)} == {np.dtype(np.float32)}
    with pytest.raises(GradientError, match="was set or updated"):
        loss.backward()


def test_buffers_have_rules():
    net = nn.Module()
    values = np.ones(2)
    net.register_buffer("mean", values)
    values[:] = 5
    assert net.mean.tolist() == [1, 1]
    for name in ("mean", "a.b", "training"):
        with pytest.raises(UnsupportedError, match="take a name that is free"):
            net.register_buffer(name, 1.0)


# ---- dtypes ----

INPUTS = {
    "Linear": (nn.Linear(3, 2), (4, 3)),
    "Linear without bias": (nn.Linear(3, 2, bias=False), (4, 3)),
    "Conv2d": (nn.Conv2d(2, 3, 2), (1, 2, 4, 4)),
    "BatchNorm1d": (nn.BatchNorm1d(3), (4, 3)),
    "BatchNorm2d": (nn.BatchNorm2d(2), (4, 2, 3, 3)),
    "LayerNorm": (nn.LayerNorm(3), (4, 3)),
    "Flatten": (nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), (4, 2, 3)),
    "Dropout": (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), (4, 3)),
    "activations": (nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.LeakyReLU(), nn.GELU("tanh"), nn.SiLU(),
                                  nn.Tanh(), nn.Sigmoid(), nn.Softmax()), (4, 3)),
    "pools": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(2), nn.AvgPool2d(2)), (1, 1, 4, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("make", [
    np.asarray, tg.Tensor, lambda a: a.astype(np.float16), lambda a: a.round().astype(int), np.ndarray.tolist,
    lambda a: tg.Tensor(a, requires_grad=True),
])  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_inputs_come_to_the_models_dtype(name, make, training):
    net, shape = copy.deepcopy(INPUTS[name])
    x = make(normal(*shape))
    if isinstance(x, list) and name in ("Flatten", "pools"):
        x = np.asarray(x)
    y = net.train(training)(x)
    assert y.dtype == np.float32
    y.sum().backward()
    assert all(p.grad.dtype == np.float32 for p in net.parameters())
    if isinstance(x, tg.Tensor) and x.requires_grad:
        assert x.grad.dtype == np.float64
    net.zero_grad()
    assert all(array.dtype in (np.float32, np.int64) for array in net.buffers())


def test_a_step_in_float32_stays_in_float32_with_float64_batches_and_targets():
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))
    x, t = normal(5, 3), np.eye(2)[[0, 1, 1, 0, 1]]
    losses = [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=[1.0, 2.0]),
        nn.MSELoss(),
        nn.BCEWithLogitsLoss(),
        nn.BCEWithLogitsLoss(weight=np.array([1.0, 2.0]), pos_weight=[2.0, 1.0]),
    ]
    for loss in losses:
        value = loss(net(x), t)
        value.backward()
        assert value.dtype == np.float32
        assert all(p.grad.dtype == np.float32 for p in net.parameters())
    log = PRIMITIVES["log_softmax"](net(x))
    assert nn.NLLLoss(weight=[1.0, 2.0])(log, t.argmax(1)).dtype == np.float32


ACTIVATIONS = [
    nn.LeakyReLU(), nn.GELU("tanh"), *([nn.GELU()] if find_spec("scipy") else []), nn.SiLU(), nn.Tanh(),
    nn.Sigmoid(), nn.Softmax(), nn.Dropout(rng=0), nn.Dropout().eval(),
]  # fmt: skip
NUMBERS = [nn.Linear(2, 2), nn.ReLU(), *ACTIVATIONS, nn.LayerNorm(2), nn.BatchNorm1d(2)]
IMAGES = [nn.Conv2d(2, 2, 1), nn.MaxPool2d(1), nn.AvgPool2d(1), nn.BatchNorm2d(2)]


@pytest.mark.parametrize("layer", [*NUMBERS, *IMAGES], ids=repr)
@pytest.mark.parametrize("x", ["ab", "a", 1j, None], ids=str)
def test_text_and_complex_numbers_are_no_input(layer, x):
    shape = (2, 2) if layer in NUMBERS else (2, 2, 1, 1)
    with pytest.raises(DtypeError, match=r"a layer: dtype .* is not one of real numbers"):
        layer(np.full(shape, x).tolist())


@pytest.mark.parametrize("layer", NUMBERS, ids=repr)
def test_rows_of_several_lengths_are_no_input(layer):
    with pytest.raises(ShapeError, match="a layer: the data is not an array of numbers"):
        layer([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_])
@pytest.mark.parametrize("make", [np.asarray, tg.Tensor, np.ndarray.tolist, lambda a: tuple(a.tolist())])
def test_activations_take_lists_and_integers_as_real_numbers(layer, dtype, make):
    x = np.array([100, 7, 0, 6, 30]).astype(dtype)
    y = copy.deepcopy(layer)(make(x))
    assert y.dtype == np.float64
    assert isinstance(y, tg.Tensor if make is tg.Tensor else np.ndarray)
    expected = copy.deepcopy(layer)(x.astype(float))
    np.testing.assert_array_equal(tg.stop_gradient(y), expected)


@pytest.mark.parametrize("x", [[-1, 2], [-1.5, 2.0], [True, False], np.array([3, 0], np.uint8)], ids=str)
def test_relu_of_lists_and_integers_keeps_the_dtype(x):
    y = nn.ReLU()(x)
    assert y.dtype == np.asarray(x).dtype
    np.testing.assert_array_equal(y, np.maximum(np.asarray(x), np.asarray(x).dtype.type(0)))


def test_activations_take_one_number():
    for layer in ACTIVATIONS:
        if not isinstance(layer, nn.Softmax):
            assert copy.deepcopy(layer)(3) == copy.deepcopy(layer)(np.array(3.0))


# ---- layers ----


def test_linear_is_x_times_the_transposed_weight_plus_bias():
    layer = nn.Linear(3, 2, dtype=np.float64, rng=0)
    x = normal(4, 3)
    y = layer(x)
    np.testing.assert_allclose(y.numpy(), x @ layer.weight.data.T + layer.bias.data)
    assert y.node.primitive.name == "linear"
    g = normal(4, 2)
    y.backward(g)
    np.testing.assert_allclose(layer.weight.grad.numpy(), g.T @ x)
    np.testing.assert_allclose(layer.bias.grad.numpy(), g.sum(0))
    assert layer.bias.grad.shape == (2,)


@pytest.mark.parametrize("shape", [(4, 2), (3, 4), (), (4, 1)])
def test_linear_names_both_shapes(shape):
    with pytest.raises(ShapeError) as caught:
        nn.Linear(3, 2)(np.ones(shape))
    assert str(shape) in str(caught.value)
    assert "(2, 3)" in str(caught.value)


def test_linear_takes_an_empty_batch():
    assert nn.Linear(3, 2)(np.ones((0, 3))).shape == (0, 2)


@pytest.mark.parametrize("make", [
    lambda: nn.Linear(0, 2), lambda: nn.Linear(2, -1), lambda: nn.Linear(2.5, 1), lambda: nn.Embedding(0, 2),
    lambda: nn.Conv2d(0, 1, 1), lambda: nn.Conv2d(1, 1, 0), lambda: nn.Conv2d(1, 1, (1, 2, 3)),
    lambda: nn.Conv2d(1, 1, 1, stride=0), lambda: nn.Conv2d(1, 1, 1, padding=-1),
    lambda: nn.MaxPool2d(2, padding=2),
    lambda: nn.AvgPool2d(2, padding=2), lambda: nn.BatchNorm1d(0), lambda: nn.BatchNorm1d(2, momentum=2.0),
    lambda: nn.BatchNorm1d(2, eps=-1.0), lambda: nn.LayerNorm(()), lambda: nn.LayerNorm(2, eps=float("nan")),
    lambda: nn.Dropout(1.5), lambda: nn.Dropout(float("nan")), lambda: nn.GELU("fast"),
    lambda: nn.MSELoss("men"),
    lambda: nn.CrossEntropyLoss(reduction="Mean"), lambda: nn.init.calculate_gain("step"),
    lambda: nn.init.kaiming_normal_(leaf(2, 2), mode="fan"),
])  # fmt: skip
def test_settings_are_checked(make):
    with pytest.raises(DataError):
        make()


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Conv2d(1, 1, 3), (1, 1, 2, 3)), (nn.Conv2d(1, 1, 2, dilation=3), (1, 1, 3, 9)),
    (nn.Conv2d(1, 1, 1), (1, 4, 4)),
    (nn.Conv2d(2, 1, 1), (1, 1, 4, 4)), (nn.MaxPool2d(3), (1, 1, 2, 2)), (nn.AvgPool2d(2), (4, 4)),
    (nn.BatchNorm1d(3), (4, 2)), (nn.BatchNorm1d(3), (4,)), (nn.BatchNorm1d(3), (4, 3, 2, 2)),
    (nn.BatchNorm2d(3), (4, 3)), (nn.BatchNorm1d(3), (1, 3)), (nn.LayerNorm(3), (4, 2)),
    (nn.LayerNorm((2, 3)), (3,)),
    (nn.Flatten(1, 3), (2, 2)), (nn.Flatten(2, 1), (2, 2, 2)),
])  # fmt: skip
def test_shapes_are_checked(layer, shape):
    with pytest.raises(ShapeError, match=type(layer).__name__):
        layer(np.ones(shape))


def test_flatten():
    x = normal(2, 3, 4, 5)
    for start, end, shape in (
        (1, -1, (2, 60)),
        (0, -1, (120,)),
        (1, 2, (2, 12, 5)),
        (2, 2, (2, 3, 4, 5)),
        (-2, -1, (2, 3, 20)),
    ):
        np.testing.assert_array_equal(nn.Flatten(start, end)(x), x.reshape(shape))
    assert nn.Flatten()(np.ones((0, 2, 3))).shape == (0, 6)
    assert nn.Flatten()([[[1, 2], [3, 4]]]).tolist() == [[1, 2, 3, 4]]
    for wrong in np.ones((2, 2, 2), complex), [[["a"]]]:
        with pytest.raises(DtypeError, match="real numbers"):
            nn.Flatten()(wrong)


def test_embedding_takes_rows_and_checks_indices():
    layer = nn.Embedding(5, 2, rng=0)
    layer(np.array([1, 1, 4])).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy()[:, 0], [0, 2, 0, 0, 1])
    for index in (-1, 5):
        with pytest.raises(BoundsError, match=rf"index {index} is outside of 0 to 4"):
            layer([0, index])
    with pytest.raises(DtypeError, match="must be integers"):
        layer([0.5])


@pytest.mark.thread_unsafe  # the generator is the process's
def test_dropout_keeps_the_mean_and_repeats_from_a_seed():
    x = np.ones(20000, np.float32)
    y = nn.Dropout(0.25, rng=0)(x)
    assert y.dtype == np.float32
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.01
    layer = nn.Dropout(0.25, rng=0)
    np.testing.assert_array_equal(layer(x), y)
    assert (layer(x) != y).any()  # the next draw is another one
    assert layer.eval()(x) is x
    assert not nn.Dropout(1.0)(x).any()
    tg.manual_seed(3)
    first = nn.Dropout()(x)
    tg.manual_seed(3)
    np.testing.assert_array_equal(nn.Dropout()(x), first)
    t = leaf(1000)
    y = nn.Dropout(0.5, rng=1)(t)
    y.sum().backward()
    np.testing.assert_array_equal(t.grad.data != 0, y.data != 0)


def test_batch_normalisation_has_a_memory():
    layer = nn.BatchNorm1d(2, momentum=0.25, dtype=np.float64)
    x = normal(6, 2) * [1, 5] + [3, -2]
    y = layer(x)
    np.testing.assert_allclose(y.data.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(y.data.var(0), 1, rtol=1e-4)
    np.testing.assert_allclose(layer.running_mean, 0.25 * x.mean(0))
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * x.var(0, ddof=1))
    assert layer.num_batches_tracked == 1
    layer.eval()
    layer.weight.data, layer.bias.data = [2.0, 3.0], [0.5, -1.0]
    expected = (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-5) * [2, 3] + [0.5, -1]
    np.testing.assert_allclose(layer(x).numpy(), expected)
    assert layer.num_batches_tracked == 1
    assert layer(x[:1]).shape == (1, 2)  # one sample is enough


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.BatchNorm1d(3), (0, 3)), (nn.BatchNorm1d(3), (4, 3, 0)), (nn.BatchNorm2d(3), (0, 3, 2, 2)),
    (nn.BatchNorm1d(3, momentum=None), (0, 3)), (nn.BatchNorm1d(3, track_running_stats=False), (0, 3)),
])  # fmt: skip
def test_batch_normalisation_learns_nothing_from_an_empty_batch(layer, shape):
    layer = copy.deepcopy(layer)
    before = layer.state_dict()
    for x in np.ones(shape), tg.Tensor(np.ones(shape)):
        with pytest.raises(DataError, match=f"{type(layer).__name__}: .* no entries"):
            layer(x)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    if layer.track_running_stats:
        assert layer.eval()(np.ones(shape)).shape == shape


def test_pooling_by_hand():
    x = np.array([[1.0, 2, 5, 6], [3, 4, 8, 7], [9, 9, 0, 0], [9, 9, 0, -1]])[None, None]
    t = tg.Tensor(x, requires_grad=True)
    y = nn.MaxPool2d(2)(t)
    np.testing.assert_array_equal(y.data[0, 0], [[4, 8], [9, 0]])
    y.sum().backward()
    third = 1 / 3
    np.testing.assert_allclose(
        t.grad.data[0, 0], [[0, 0, 0, 0], [0, 1, 1, 0], [0.25, 0.25, third, third], [0.25, 0.25, third, 0]]
    )
    np.testing.assert_array_equal(nn.MaxPool2d(2, 2, 1)(-np.ones((1, 1, 2, 2)))[0, 0], -np.ones((2, 2)))
    np.testing.assert_array_equal(nn.AvgPool2d(2, 2, 1)(np.ones((1, 1, 2, 2)))[0, 0], np.full((2, 2), 0.25))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_, np.float16, np.float64])
@pytest.mark.parametrize("make", [np.asarray, tg.Tensor, np.ndarray.tolist])
def test_padding_is_below_whatever_images_hold(dtype, make):
    x = -np.arange(16).reshape(1, 1, 4, 4) if np.dtype(dtype).kind in "if" else np.zeros((1, 1, 4, 4))
    x = x.astype(dtype)
    y = nn.MaxPool2d(3, 2, 1)(make(x))
    assert y.dtype == (np.asarray(x.tolist()).dtype if make is np.ndarray.tolist else dtype)
    np.testing.assert_array_equal(tg.stop_gradient(y)[0, 0], x[0, 0, :2, :2])


@pytest.mark.skipif(find_spec("scipy") is None, reason="needs SciPy")
def test_exact_gelu():
    from math import erf, sqrt

    x = normal(20)
    expected = [0.5 * v * (1 + erf(v / sqrt(2))) for v in x]
    np.testing.assert_allclose(nn.GELU()(x), expected, rtol=1e-12)
    for dtype in np.float16, np.float32:
        plain = x.astype(dtype)
        for each in plain, plain[0]:
            t = tg.Tensor(each, requires_grad=True)
            y = nn.GELU()(t)
            y.sum().backward()
            assert nn.GELU()(each).dtype == y.dtype == t.grad.dtype == dtype
            assert np.array_equal(nn.GELU()(each), y.data)


# ---- losses ----


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_cross_entropy_is_minus_the_log_of_the_targets_softmax():
    z, t = tg.Tensor(normal(6, 4), requires_grad=True), np.array([0, 3, 1, 1, 2, 0])
    loss = nn.CrossEntropyLoss()(z, t)
    a = softmax(z.data)
    assert loss.item() == pytest.approx(-np.log(a[range(6), t]).mean(), rel=1e-12)
    loss.backward()
    np.testing.assert_allclose(z.grad.data, (a - np.eye(4)[t]) / 6, rtol=1e-10, atol=1e-15)
    assert loss.node.primitive.name == "SoftmaxCrossEntropy"
    assert loss.node.scope == ("CrossEntropyLoss",)
    assert nn.CrossEntropyLoss()(z, tg.Tensor(t)).item() == loss.item()
    assert nn.CrossEntropyLoss()(z, t.tolist()).item() == loss.item()


def test_ignored_rows_do_not_count():
    z, t = normal(4, 3), np.array([0, -100, 2, -100])
    assert float(nn.CrossEntropyLoss()(z, t)) == pytest.approx(float(nn.CrossEntropyLoss()(z[::2], t[::2])))
    log = np.log(softmax(z))
    assert float(nn.NLLLoss()(log, t)) == pytest.approx(float(nn.CrossEntropyLoss()(z[::2], t[::2])))
    for loss in (nn.CrossEntropyLoss(), nn.NLLLoss()):
        with pytest.raises(DataError, match=r"nothing|left out"):
            loss(z, np.full(4, -100))
    assert float(nn.NLLLoss()(np.array([[-np.inf, 0.0], [-1.0, -2.0]]), np.array([-100, 0]))) == 1.0


@pytest.mark.parametrize(("loss", "layer", "says"), [
    (nn.CrossEntropyLoss, nn.Softmax(dim=-1), "takes logits and applies softmax itself"),
    (nn.NLLLoss, nn.Softmax(dim=-1), "use tg.log_softmax"),
    (nn.BCEWithLogitsLoss, nn.Sigmoid(), "applies sigmoid itself"),
])  # fmt: skip
def test_what_a_loss_does_itself_earns_a_warning(loss, layer, says):
    net = nn.Sequential(nn.Linear(3, 2), layer)
    targets = np.array([0, 1]) if loss is not nn.BCEWithLogitsLoss else np.ones((2, 2))
    with pytest.warns(UserWarning, match=says) as caught:
        loss()(net(normal(2, 3)), targets)
    assert caught[0].filename == __file__
    net[0:1](normal(2, 3))
    logits = nn.Sequential(net[0])(normal(2, 3))
    loss()(logits, targets)  # logits earn none: a warning would be an error here


def test_log_softmax_is_no_mistake():
    z, t = leaf(3, 4), np.array([0, 1, 2])
    log = PRIMITIVES["log_softmax"](z)
    assert nn.NLLLoss()(log, t).item() == pytest.approx(nn.CrossEntropyLoss()(z, t).item(), rel=1e-12)


def test_bce_is_exact_far_out_and_right_at_zero():
    loss = nn.BCEWithLogitsLoss(reduction="none")
    z = tg.Tensor([0.0, 0.0, 40.0, -40.0, 800.0, -800.0], requires_grad=True)
    t = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    y = loss(z, t)
    np.testing.assert_allclose(y.data, [np.log(2), np.log(2), np.exp(-40), np.exp(-40), 800, 800], rtol=1e-12)
    y.sum().backward()
    np.testing.assert_allclose(z.grad.data, [0.5, -0.5, -np.exp(-40), np.exp(-40), 1, -1], rtol=1e-12)


@pytest.mark.parametrize("call", [
    lambda: nn.MSELoss()(np.ones((3, 1)), np.ones(3)),
    lambda: nn.BCEWithLogitsLoss()(np.ones(3), np.ones((3, 1))),
    lambda: nn.NLLLoss()(np.zeros((3, 2)), np.zeros(2, int)),
    lambda: nn.NLLLoss()(np.zeros((3, 2)), np.zeros((3, 2), int)),
    lambda: nn.CrossEntropyLoss()(np.zeros((3, 2)), np.zeros(2, int)),
])  # fmt: skip
def test_losses_do_not_stretch_shapes(call):
    with pytest.raises(ShapeError):
        call()


@pytest.mark.parametrize("call", [
    lambda: nn.BCEWithLogitsLoss()(np.ones(2), [0.0, 1.5]),
    lambda: nn.BCEWithLogitsLoss()(np.ones(1), [np.nan]),
    lambda: nn.NLLLoss()(np.zeros((3, 2)), [0, 1, 2]), lambda: nn.NLLLoss()(np.zeros((3, 2)), [0, -1, 0]),
    lambda: nn.NLLLoss(weight=[1.0])(np.zeros((1, 2)), [0]),
    lambda: nn.CrossEntropyLoss()(np.zeros((3, 2)), [0, 1, 2]),
    lambda: nn.MSELoss()(np.ones(0), np.ones(0)),
])  # fmt: skip
def test_losses_check_targets(call):
    with pytest.raises(DataError):
        call()


def test_classes_are_integers():
    with pytest.raises(DtypeError):
        nn.NLLLoss()(np.zeros((2, 2)), [0.0, 1.0])


def test_a_losss_weights_are_part_of_its_state():
    assert list(nn.CrossEntropyLoss(weight=[1.0, 2.0]).state_dict()) == ["weight"]
    assert not nn.CrossEntropyLoss().state_dict()


# ---- initialisation ----


@pytest.mark.thread_unsafe(reason="draws from the package's generator")
def test_layers_start_from_the_generator_that_they_are_given():
    a, b = nn.Linear(4, 3, rng=7), nn.Linear(4, 3, rng=np.random.default_rng(7))
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    np.testing.assert_array_equal(a.bias.data, b.bias.data)
    tg.manual_seed(5)
    c = nn.Linear(4, 3)
    assert (c.weight.data != a.weight.data).all()
    tg.manual_seed(5)
    np.testing.assert_array_equal(nn.Linear(4, 3).weight.data, c.weight.data)
    bound = 1 / np.sqrt(400)
    wide = nn.Linear(400, 300, rng=0)
    for p in wide.parameters():
        assert 0.97 * bound < np.abs(p.data).max() <= bound
        assert p.dtype == np.float32
        assert p.requires_grad
    half = nn.Conv2d(2, 3, 2, dtype=np.float64, rng=1)
    assert half.weight.dtype == half.bias.dtype == np.float64


@pytest.mark.parametrize(
    ("fill", "spread"),
    [
        (nn.init.xavier_uniform_, (2 / (6 * 12 + 30 * 12)) ** 0.5),
        (nn.init.xavier_normal_, (2 / (6 * 12 + 30 * 12)) ** 0.5),
        (nn.init.kaiming_uniform_, (2 / (30 * 12)) ** 0.5),
        (nn.init.kaiming_normal_, (2 / (30 * 12)) ** 0.5),
        (nn.init.normal_, 1.0),
        (nn.init.uniform_, 12**-0.5),
    ],
)
def test_initial_spreads(fill, spread):
    values = fill(tg.Tensor(np.empty((6, 30, 3, 4))), rng=0).data
    assert values.std() == pytest.approx(spread, rel=0.05)


def test_initialisation_replaces_the_data_and_says_so_to_graphs():
    layer = nn.Linear(3, 2)
    loss = layer(normal(4, 3)).sum()
    assert nn.init.zeros_(layer.weight) is layer.weight
    assert not layer.weight.data.any()
    with pytest.raises(GradientError, match="was set or updated"):
        loss.backward()


def test_initialisation_leaves_the_callers_array_alone():
    array = np.ones(3)
    nn.init.zeros_(tg.Tensor(array))
    assert array.all()


def test_what_cannot_be_initialised():
    with pytest.raises(ShapeError, match="fan"):
        nn.init.xavier_normal_(leaf(3))
    with pytest.raises(DtypeError, match="int64"):
        nn.init.uniform_(tg.Tensor([1, 2]))


def test_public_names():
    assert nn.__all__ == sorted(nn.__all__)
    assert all(hasattr(nn, name) for name in nn.__all__)
    assert issubclass(CheckpointError, TinygradError)


def test_a_sequential_may_own_parameters_and_buffers() -> None:
    class Scaled(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(2, 2, rng=0))
            self.scale = leaf(2)
            self.register_buffer("mean", np.ones(2))

        def forward(self, x: Any) -> Any:
            return super().forward(x - self.mean) * self.scale

    net = Scaled().append(nn.ReLU())
    assert len(net) == 2
    assert set(net.state_dict()) == {"0.weight", "0.bias", "scale", "mean"}
    x = normal(3, 2)
    expected = np.maximum((x - 1) @ net[0].weight.data.T + net[0].bias.data, 0) * net.scale.data
    np.testing.assert_allclose(net(x).data, expected, rtol=1e-6)
    net.append(nn.Tanh())
    assert [name for name, _ in net.named_children()] == ["0", "1", "2"]


def test_a_buffer_can_be_given_up() -> None:
    criterion = nn.CrossEntropyLoss(weight=[1.0, 2.0])
    criterion.weight = None
    assert criterion.weight is None
    assert criterion.state_dict() == {}
    assert criterion(normal(3, 2), [0, 1, 1]).shape == ()
