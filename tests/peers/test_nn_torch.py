"""Layers, losses and initialisations against PyTorch: same weights in, same outputs and gradients out."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import tinygrad_sm as tg
from tinygrad_sm import nn, optim

torch = pytest.importorskip("torch")

NEEDS_SCIPY = pytest.mark.skipif(find_spec("scipy") is None, reason="needs SciPy")
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
F64 = {"dtype": np.float64}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def twins(name, *args, **kwargs):
    """The same layer here and in PyTorch, in float64, with the same random weights."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    ours = getattr(nn, name)
    try:
        ours = ours(*args, **kwargs, dtype=np.float64)
    except TypeError:
        ours = ours(*args, **kwargs)
    with torch.no_grad():
        for i, p in enumerate(theirs.parameters()):
            p += torch.tensor(numbers(*p.shape, seed=i + 1))
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    return ours, theirs


def agree(ours, theirs, x, targets=None):
    """Outputs and all gradients are the same, and so are the buffers afterwards."""
    g = np.random.default_rng(9)
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = (ours(a), theirs(b)) if targets is None else (ours(a, targets), theirs(b, torch.tensor(targets)))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), **CLOSE)
    incoming = g.normal(size=y.shape)
    y.backward(incoming)
    z.backward(torch.tensor(incoming))
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **CLOSE)
    for (name, p), (their_name, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == their_name
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE, err_msg=name)
    for (name, p), (their_name, q) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == their_name
        np.testing.assert_allclose(p, q.numpy(), **CLOSE, err_msg=name)


LAYERS = [
    ("Linear", (3, 2), {}, (5, 3)),
    ("Linear", (3, 2), {"bias": False}, (5, 3)),
    ("Linear", (3, 2), {}, (3,)),
    ("Linear", (3, 2), {}, (4, 5, 3)),
    ("Linear", (3, 2), {"bias": False}, (4, 5, 3)),
    ("Conv2d", (2, 4, 3), {}, (3, 2, 6, 7)),
    ("Conv2d", (2, 4, 3), {"bias": False}, (3, 2, 6, 7)),
    ("Conv2d", (1, 1, 1), {}, (1, 1, 1, 1)),
    ("Conv2d", (2, 4, (3, 2)), {"stride": 2, "padding": (1, 0)}, (3, 2, 6, 7)),
    ("Conv2d", (2, 4, (2, 3)), {"stride": (2, 3), "padding": (0, 2), "dilation": (2, 1)}, (3, 2, 8, 7)),
    ("Conv2d", (3, 2, 2), {"stride": 3, "dilation": 3}, (2, 3, 8, 9)),
    ("MaxPool2d", (2,), {}, (3, 2, 6, 8)),
    ("MaxPool2d", (2,), {}, (3, 2, 5, 7)),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, (3, 2, 5, 7)),
    ("MaxPool2d", ((2, 3),), {"stride": (1, 2), "padding": (1, 0), "dilation": 2}, (3, 2, 6, 7)),
    ("AvgPool2d", (2,), {}, (3, 2, 6, 8)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1}, (3, 2, 5, 7)),
    ("AvgPool2d", ((2, 3),), {"stride": (1, 2)}, (3, 2, 5, 7)),
    ("Flatten", (), {}, (3, 2, 4)),
    ("Flatten", (0, 1), {}, (3, 2, 4)),
    ("BatchNorm1d", (4,), {}, (6, 4)),
    ("BatchNorm1d", (4,), {"momentum": None}, (6, 4, 3)),
    ("BatchNorm1d", (4,), {"affine": False, "momentum": 0.3}, (6, 4)),
    ("BatchNorm1d", (4,), {"track_running_stats": False}, (6, 4)),
    ("BatchNorm2d", (2,), {"eps": 0.1}, (3, 2, 4, 5)),
    ("LayerNorm", (4,), {}, (6, 4)),
    ("LayerNorm", ((3, 4),), {"eps": 0.1}, (2, 3, 4)),
    ("LayerNorm", (4,), {"bias": False}, (6, 4)),
    ("LayerNorm", (4,), {"elementwise_affine": False}, (6, 4)),
    ("ReLU", (), {}, (4, 5)),
    ("LeakyReLU", (), {}, (4, 5)),
    ("LeakyReLU", (0.2,), {}, (4, 5)),
    ("GELU", (), {"approximate": "tanh"}, (4, 5)),
    pytest.param("GELU", (), {}, (4, 5), marks=NEEDS_SCIPY),
    ("SiLU", (), {}, (4, 5)),
    ("Tanh", (), {}, (4, 5)),
    ("Sigmoid", (), {}, (4, 5)),
    ("Softmax", (), {"dim": -1}, (4, 5)),
    ("Softmax", (), {"dim": 1}, (4, 5, 3)),
    ("Dropout", (0.0,), {}, (4, 5)),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_layers(name, args, kwargs, shape, training):
    ours, theirs = twins(name, *args, **kwargs)
    for batch in range(2):  # the second in evaluation mode, with the statistics of the first
        ours.train(training or not batch)
        theirs.train(training or not batch)
        ours.zero_grad()
        theirs.zero_grad()
        agree(ours, theirs, numbers(*shape, seed=batch))


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "SiLU", "Tanh", "Sigmoid"])
def test_activations_at_zero_and_far_out(name):
    ours, theirs = twins(name)
    agree(ours, theirs, np.array([0.0, -0.0, 1e-300, -800.0, 800.0, 30.0, -30.0]))


def test_embedding():
    ours, theirs = twins("Embedding", 7, 3)
    indices = np.array([[1, 6, 1], [0, 1, 5]])
    y, z = ours(indices), theirs(torch.tensor(indices))
    np.testing.assert_array_equal(y.numpy(), z.detach().numpy())
    g = numbers(*y.shape)
    y.backward(g)
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), **CLOSE)


WEIGHT = [0.5, 2.0, 1.0, 0.25]
CLASSES = np.array([0, 3, 1, 3, 2, 0])
IGNORING = np.array([0, -100, 1, 3, -100, 0])
SOFT = np.random.default_rng(3).dirichlet(np.ones(4), 6)
PIXELS = np.random.default_rng(4).integers(0, 4, (2, 3, 5))

CROSS_ENTROPIES = [
    ({}, (6, 4), CLASSES),
    ({}, (6, 4), SOFT),
    ({}, (6, 4), IGNORING),
    ({}, (4,), np.array(2)),
    ({}, (4,), SOFT[0]),
    ({}, (2, 4, 3, 5), PIXELS),
    ({"weight": WEIGHT}, (6, 4), CLASSES),
    ({"weight": WEIGHT}, (6, 4), IGNORING),
    ({"weight": WEIGHT}, (6, 4), SOFT),
    ({"ignore_index": 3}, (6, 4), CLASSES),
    ({"ignore_index": 3, "weight": WEIGHT}, (2, 4, 3, 5), PIXELS),
    ({"label_smoothing": 0.1}, (6, 4), CLASSES),
    ({"label_smoothing": 0.1}, (6, 4), IGNORING),
    ({"label_smoothing": 0.1}, (6, 4), SOFT),
    ({"label_smoothing": 0.1, "weight": WEIGHT}, (6, 4), CLASSES),
    ({"label_smoothing": 0.1, "weight": WEIGHT}, (6, 4), IGNORING),
    ({"label_smoothing": 0.1, "weight": WEIGHT}, (6, 4), SOFT),
]


def losses(name, settings, reduction):
    theirs = {
        k: torch.tensor(v, dtype=torch.float64) if k.endswith("weight") else v for k, v in settings.items()
    }
    return (getattr(nn, name)(**settings, reduction=reduction),
            getattr(torch.nn, name)(**theirs, reduction=reduction))  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("settings", "shape", "targets"), CROSS_ENTROPIES)
def test_cross_entropy(settings, shape, targets, reduction):
    ours, theirs = losses("CrossEntropyLoss", settings, reduction)
    agree(ours, theirs, 3 * numbers(*shape), targets)


OF_CLASSES = [row for row in CROSS_ENTROPIES if "label_smoothing" not in row[0] and row[2].dtype.kind == "i"]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("settings", "shape", "targets"), OF_CLASSES)
def test_nll(settings, shape, targets, reduction):
    ours, theirs = losses("NLLLoss", settings, reduction)
    agree(ours, theirs, numbers(*shape), targets)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse(reduction):
    agree(*losses("MSELoss", {}, reduction), numbers(4, 3), numbers(4, 3, seed=1))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("settings", [{}, {"pos_weight": [0.5, 2.0, 3.0]}, {"weight": [0.5, 2.0, 3.0]}])
def test_bce_with_logits(reduction, settings):
    x = np.concatenate([3 * numbers(4, 3), [[0.0, 300.0, -300.0]]])
    targets = np.concatenate([np.random.default_rng(1).random((3, 3)), [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]])
    agree(*losses("BCEWithLogitsLoss", settings, reduction), x, targets)


def network(library, dtype):
    more = {"dtype": dtype} if library is nn else {}
    return library.Sequential(
        library.Conv2d(1, 4, 3, padding=1, **more), library.BatchNorm2d(4, **more), library.ReLU(),
        library.MaxPool2d(2), library.Flatten(),
        library.Linear(64, 16, **more), library.LayerNorm(16, **more),
        library.GELU(approximate="tanh"), library.Sequential(library.Linear(16, 10, **more)),
    )  # fmt: skip


def test_a_whole_network_there_and_back():
    theirs, ours = network(torch.nn, None).double(), network(nn, np.float64)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    for _ in range(2):
        agree(ours, theirs, numbers(5, 1, 8, 8))
        ours.zero_grad()
        theirs.zero_grad()
    state = {key: torch.tensor(array) for key, array in ours.state_dict().items()}
    other = network(torch.nn, None).double()
    other.load_state_dict(state)
    x = numbers(5, 1, 8, 8)
    np.testing.assert_allclose(
        ours.eval()(x).numpy(), other.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-12
    )


def test_structure_is_named_alike():
    theirs, ours = network(torch.nn, None), network(nn, np.float32)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert [type(m).__name__ for m in ours.modules()] == [type(m).__name__ for m in theirs.modules()]
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_buffers()] == [name for name, _ in theirs.named_buffers()]
    assert [name for name, _ in ours.named_children()] == [name for name, _ in theirs.named_children()]
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert str(p.dtype) == str(q.dtype).removeprefix("torch.")


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "Embedding", "BatchNorm1d", "LayerNorm"])
@pytest.mark.thread_unsafe  # the generator is the process's
def test_parameters_start_with_the_same_spread(name):
    """Bounds and standard deviations of the starting values, over many layers."""
    args = {"Linear": (7, 300), "Conv2d": (3, 50, (2, 3)), "Embedding": (300, 7)}.get(name, (7,))
    torch.manual_seed(0)
    tg.manual_seed(0)
    pairs = [(getattr(nn, name)(*args), getattr(torch.nn, name)(*args)) for _ in range(20)]
    for key in pairs[0][0].state_dict():
        ours = np.concatenate([a.state_dict()[key].ravel() for a, _ in pairs])
        theirs = np.concatenate([b.state_dict()[key].numpy().ravel() for _, b in pairs])
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.05)
        if name in ("Linear", "Conv2d"):
            np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.02)


INITS = [
    ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 2.0}), ("xavier_normal_", {}),
    ("kaiming_uniform_", {}), ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}),
    ("kaiming_uniform_", {"nonlinearity": "relu"}), ("kaiming_normal_", {"nonlinearity": "tanh"}),
    ("kaiming_normal_", {"mode": "fan_out"}), ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 0.5}), ("zeros_", {}), ("ones_", {}), ("constant_", {"val": 3.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), INITS)
@pytest.mark.thread_unsafe  # the generator is the process's
def test_initialisations(name, settings):
    torch.manual_seed(0)
    shape = (200, 30, 3, 2)
    ours = getattr(nn.init, name)(
        tg.Tensor(np.empty(shape, np.float32), requires_grad=True), **settings
    ).numpy()
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), **settings).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.02, atol=1e-6)
    np.testing.assert_allclose(ours.mean(), theirs.mean(), atol=0.02 * max(1e-3, float(theirs.std())))
    if "normal" not in name:
        np.testing.assert_allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], rtol=0.01)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"])
def test_gains(name):
    assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
    assert nn.init.calculate_gain("leaky_relu", 0.3) == pytest.approx(
        torch.nn.init.calculate_gain("leaky_relu", 0.3), rel=1e-15
    )


def test_training_together():
    """A network trained here and there from the same weights ends at the same weights."""
    ours, theirs = network(nn, np.float64), network(torch.nn, None).double()
    theirs.load_state_dict({key: torch.tensor(array) for key, array in ours.state_dict().items()})
    x, t = numbers(12, 1, 8, 8), np.arange(12) % 10
    runs = [
        (ours, optim.SGD(ours.parameters(), lr=0.05, momentum=0.9), nn.CrossEntropyLoss(), np.asarray),
        (theirs, torch.optim.SGD(theirs.parameters(), 0.05, 0.9), torch.nn.CrossEntropyLoss(), torch.tensor),
    ]
    for _ in range(5):
        for model, optimizer, loss, wrap in runs:
            optimizer.zero_grad()
            loss(model(wrap(x)), wrap(t)).backward()
            optimizer.step()
    for (name, array), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(array, other.numpy(), rtol=1e-8, atol=1e-9, err_msg=name)


def test_double_backward_through_layers():
    """A gradient penalty: the derivatives of the input gradient's square by all parameters."""
    ours, theirs = network(nn, np.float64), network(torch.nn, None).double()
    theirs.load_state_dict({key: torch.tensor(array) for key, array in ours.state_dict().items()})
    x = numbers(4, 1, 8, 8)
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = ours(a)
    (y * y).sum().backward(create_graph=True)
    penalty = (a.grad * a.grad).sum()
    ours.zero_grad()
    penalty.backward()
    z = theirs(b)
    (g,) = torch.autograd.grad((z * z).sum(), b, create_graph=True)
    (g * g).sum().backward()
    np.testing.assert_allclose(penalty.item(), (g * g).sum().item(), rtol=1e-10)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-7, atol=1e-8, err_msg=name)
