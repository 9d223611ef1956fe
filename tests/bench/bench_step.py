"""What a training step costs: `python tests/bench/bench_step.py [--tiny]` prints a table of ratios.

A step is forward, backward and stochastic gradient descent (below, Adam) of a multi-layer perceptron with
softmax and cross-entropy on class indices, in float32, on one thread, over batches that take turns. Plain
NumPy, as a good student writes it, is 1.00. All take turns in every round, in an order that changes; in the
table stands the median over the rounds of the ratio to plain NumPy in the same round. All start from the same
parameters and make the same steps; after a first round, which is not counted, the parameters must be the same
up to rounding. Peers are measured where installed. At the end stand the most memory that a step took at one
moment besides parameters, their optimiser's state and inputs, and what recording and emitting a step costs.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import tracemalloc
from collections.abc import Callable
from math import isfinite
from time import perf_counter
from typing import Any, NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402

import tinygrad_sm as tg  # noqa: E402
from tinygrad_sm import nn, optim  # noqa: E402

LEARNING_RATE = 0.05
ADAMS_RATE, BETA1, BETA2, EPS = 0.001, 0.9, 0.999, 1e-8
BATCHES = 8  # that take turns
APART = 2e-5  # how far parameters may be apart after the first round, relative to the largest
ADAMS_APART = 1e-3  # which divides by the size of a gradient, also where that is rounding


class Network(NamedTuple):
    sizes: tuple[int, ...]
    batch: int
    steps: int  # in each round
    rounds: int
    adam: bool = False

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}"

    def parameters(self) -> list[Any]:
        """W (in, out) and b (out,) of each layer, anew for everybody."""
        rng = np.random.default_rng(0)
        arrays = []
        for n, m in zip(self.sizes, self.sizes[1:], strict=False):
            arrays += [rng.normal(0, (2 / n) ** 0.5, (n, m)), rng.normal(0, 0.1, m)]
        return [array.astype(np.float32) for array in arrays]

    def batches(self) -> list[tuple[Any, Any]]:
        rng = np.random.default_rng(1)
        shape = (self.batch, self.sizes[0])
        return [
            (rng.normal(size=shape).astype(np.float32), rng.integers(self.sizes[-1], size=self.batch))
            for _ in range(BATCHES)
        ]


NETWORKS = [
    Network((3, 16, 11), 32, 200, 40),
    Network((3, 64, 64, 11), 128, 60, 40),
    Network((64, 128, 10), 128, 60, 40),
    Network((784, 512, 256, 10), 256, 2, 25),
]
TINY = [Network((3, 16, 11), 32, 3, 3), Network((3, 8, 8, 11), 16, 3, 3)]

Step = Callable[[Any, Any], Any]  # one batch, one update
Made = tuple[Step, list[tuple[Any, Any]], Callable[[], list[Any]]]  # the step, its batches, the parameters


# ---- NumPy by hand ----


def plain_numpy(net: Network) -> Made:
    p = net.parameters()
    weights, biases, rows = p[::2], p[1::2], np.arange(net.batch)
    means, squares, t = [np.zeros_like(a) for a in p], [np.zeros_like(a) for a in p], 0

    def adam(gradients: list[Any]) -> None:
        nonlocal t
        t += 1
        for a, g, m, v in zip(p, gradients, means, squares, strict=True):
            m[...] = BETA1 * m + (1 - BETA1) * g
            v[...] = BETA2 * v + (1 - BETA2) * g**2
            a -= ADAMS_RATE * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + EPS)

    def step(x: Any, t: Any) -> None:
        inputs, z = [], x
        for W, b in zip(weights, biases, strict=True):
            h = np.maximum(z, 0) if inputs else z
            inputs.append(h)
            z = h @ W + b
        e = np.exp(z - z.max(axis=1, keepdims=True))
        a = e / e.sum(axis=1, keepdims=True)
        np.mean(-np.log(a[rows, t]))  # the loss
        d = a
        d[rows, t] -= 1
        d /= len(x)
        gradients = []
        for i in reversed(range(len(weights))):
            dW, db = inputs[i].T @ d, d.sum(axis=0)
            if i:
                d = (d @ weights[i].T) * (inputs[i] > 0)
            if net.adam:
                gradients += [db, dW]
            else:
                weights[i] -= LEARNING_RATE * dW
                biases[i] -= LEARNING_RATE * db
        if net.adam:
            adam(gradients[::-1])

    return step, net.batches(), lambda: p


def tuned_numpy(net: Network) -> Made:
    """The same with every buffer reused, the loss as exact as the framework's, and the labels checked."""
    p, n, k, f4 = net.parameters(), net.batch, net.sizes[-1], np.float32
    start, ones_n, ones_k = np.arange(0, n * k, k), np.ones(n, f4), np.ones(k, f4)
    small = np.full(n, np.finfo(f4).tiny)
    largest, place, label = (np.empty(n, dtype) for dtype in (np.intp, np.intp, np.uint64))
    m, s, total, loss, z_t, d_t = (np.empty(n, f4) for _ in range(6))
    zero, one, per_row, rate = (np.array(x, f4) for x in (0, 1, 1 / n, LEARNING_RATE))
    layers = []
    for W, b in zip(p[::2], p[1::2], strict=True):
        z, dz, positive = (np.empty((n, W.shape[1]), dtype) for dtype in (f4, f4, bool))
        layers.append((W, b, z, np.empty_like(W), np.empty_like(b), dz, positive))
    flat, e = layers[-1][2].ravel(), layers[-1][2]
    backward = [(*layer, before) for layer, before in zip(layers[:0:-1], layers[-2::-1], strict=True)]
    W0, b0, _, dW0, db0, _, _ = layers[0]
    beta1, rest1, beta2, rest2 = (np.array(x, f4) for x in (BETA1, 1 - BETA1, BETA2, 1 - BETA2))
    state = {id(a): (np.zeros_like(a), np.zeros_like(a), np.empty_like(a)) for a in p}
    length, eps = np.empty((), f4), np.empty((), f4)  # lr c / (1 - β₁ᵗ) and eps c at step t, c = √(1 - β₂ᵗ)
    steps = 0

    def sgd(a: Any, g: Any) -> None:
        np.multiply(g, rate, g)
        np.subtract(a, g, a)

    def adam(a: Any, g: Any) -> None:
        m, v, d = state[id(a)]
        np.multiply(m, beta1, m)
        np.multiply(g, rest1, d)
        np.add(m, d, m)
        np.multiply(v, beta2, v)
        np.multiply(g, g, g)
        np.multiply(g, rest2, g)
        np.add(v, g, v)
        np.sqrt(v, d)
        np.add(d, eps, d)
        np.divide(m, d, d)
        np.multiply(d, length, d)
        np.subtract(a, d, a)

    def step(x: Any, t: Any) -> None:
        nonlocal steps
        update = sgd
        if net.adam:
            update, steps = adam, steps + 1
            c = (1 - BETA2**steps) ** 0.5
            length[...], eps[...] = ADAMS_RATE * c / (1 - BETA1**steps), EPS * c
        h = x
        for W, b, z, _, _, _, _ in layers:
            np.dot(h, W, z)
            np.add(z, b, z)
            if z is not e:
                np.maximum(z, zero, out=z)
            h = z
        label[:] = t  # a negative one becomes huge
        if np.maximum.reduce(label) >= k:
            raise ValueError("a label is out of range")
        np.add(start, t, place)
        e.argmax(1, largest)
        np.add(largest, start, largest)
        flat.take(largest, None, m)
        if not isfinite(m.dot(small)):
            raise ValueError("a logit is infinite")
        np.subtract(e, m[:, None], e)
        flat.take(place, None, z_t)
        np.exp(e, e)
        flat[largest] = 0
        e.dot(ones_k, s)
        flat[largest] = 1
        np.log1p(s, loss)
        np.subtract(loss, z_t, loss)
        np.add.reduce(loss) * per_row
        np.add(s, one, total)
        flat.take(place, None, d_t)
        np.subtract(d_t, one, d_t)
        np.subtract(d_t, s, d_t)
        np.divide(per_row, total, total)
        np.multiply(e, total[:, None], e)
        np.multiply(d_t, total, d_t)
        flat[place] = d_t
        d = e
        for W, b, _, dW, db, _, _, (_, _, h, _, _, dh, positive) in backward:
            np.dot(h.T, d, dW)
            ones_n.dot(d, db)
            np.dot(d, W.T, dh)
            np.greater(h, 0, positive)
            np.multiply(dh, positive, dh)
            d = dh
            update(W, dW)
            update(b, db)
        np.dot(x.T, d, dW0)
        ones_n.dot(d, db0)
        update(W0, dW0)
        update(b0, db0)

    return step, net.batches(), lambda: p


# ---- this package ----


def optimizer_of(net: Network, parameters: Any) -> Any:
    if net.adam:
        return optim.Adam(parameters, lr=ADAMS_RATE, betas=(BETA1, BETA2), eps=EPS)
    return optim.SGD(parameters, lr=LEARNING_RATE)


def tensors(net: Network, compiled: bool = False) -> Made:
    p = [tg.Tensor(array, requires_grad=True) for array in net.parameters()]
    layers = list(zip(p[::2], p[1::2], strict=True))
    optimizer = optimizer_of(net, p)

    def step(x: Any, t: Any) -> Any:
        h = x
        for W, b in layers[:-1]:
            h = tg.relu(h @ W + b)
        W, b = layers[-1]
        loss = tg.softmax_cross_entropy(h @ W + b, t)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    if compiled:
        return tg.compile(step), net.batches(), lambda: [t.data for t in p]
    return step, [(tg.Tensor(x), t) for x, t in net.batches()], lambda: [t.data for t in p]


def compiled_tensors(net: Network) -> Made:
    return tensors(net, compiled=True)


def sequential(net: Network, compiled: bool = False) -> Made:
    start, modules = net.parameters(), []
    for W, b in zip(start[::2], start[1::2], strict=True):
        layer = nn.Linear(*W.shape)
        layer.weight.data, layer.bias.data = W.T.copy(), b
        modules += [layer, nn.ReLU()]
    model, criterion = nn.Sequential(*modules[:-1]), nn.CrossEntropyLoss()
    optimizer = optimizer_of(net, model.parameters())

    def step(x: Any, t: Any) -> Any:
        loss = criterion(model(x), t)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step = tg.compile(step) if compiled else step
    return step, net.batches(), lambda: [p.data.T for p in model.parameters()]


def compiled_sequential(net: Network) -> Made:
    return sequential(net, compiled=True)


# ---- peers ----


def pytorch(net: Network) -> Made:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    p = [torch.tensor(array, requires_grad=True) for array in net.parameters()]
    layers = list(zip(p[::2], p[1::2], strict=True))
    optimizer = torch.optim.SGD(p, lr=LEARNING_RATE)
    if net.adam:
        optimizer = torch.optim.Adam(p, lr=ADAMS_RATE, betas=(BETA1, BETA2), eps=EPS)

    def step(x: Any, t: Any) -> None:
        h = x
        for W, b in layers[:-1]:
            h = torch.relu(h @ W + b)
        W, b = layers[-1]
        loss = torch.nn.functional.cross_entropy(h @ W + b, t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    batches = [(torch.tensor(x), torch.tensor(t)) for x, t in net.batches()]
    return step, batches, lambda: [t.detach().numpy() for t in p]


def jax_jit(net: Network) -> Made:
    jax = importlib.import_module("jax")
    rows = np.arange(net.batch)

    def loss(p: Any, x: Any, t: Any) -> Any:
        h = x
        for W, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            h = jax.nn.relu(h @ W + b)
        return -jax.nn.log_softmax(h @ p[-2] + p[-1])[rows, t].mean()

    @jax.jit
    def update(p: Any, x: Any, t: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(p, x, t)
        return value, [a - LEARNING_RATE * g for a, g in zip(p, gradients, strict=True)]

    held = [[jax.numpy.asarray(array) for array in net.parameters()]]

    def step(x: Any, t: Any) -> None:
        value, held[0] = update(held[0], x, t)
        value.block_until_ready()

    batches = [(jax.numpy.asarray(x), jax.numpy.asarray(t, "int32")) for x, t in net.batches()]
    return step, batches, lambda: [np.asarray(array) for array in held[0]]


def hips_autograd(net: Network) -> Made:
    autograd = importlib.import_module("autograd")
    anp = importlib.import_module("autograd.numpy")
    p, rows = net.parameters(), np.arange(net.batch)

    def loss(p: Any, x: Any, t: Any) -> Any:
        h = x
        for i in range(0, len(p) - 2, 2):
            h = anp.maximum(anp.dot(h, p[i]) + p[i + 1], 0)
        z = anp.dot(h, p[-2]) + p[-1]
        d = z - anp.max(z, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(d), axis=1)) - d[rows, t])

    gradient = autograd.value_and_grad(loss)

    def step(x: Any, t: Any) -> None:
        _, gradients = gradient(p, x, t)
        for a, g in zip(p, gradients, strict=True):
            a -= LEARNING_RATE * g

    return step, net.batches(), lambda: p


def mygrad(net: Network) -> Made:
    mg = importlib.import_module("mygrad")
    relu = importlib.import_module("mygrad.nnet.activations").relu
    cross_entropy = importlib.import_module("mygrad.nnet.losses").softmax_crossentropy
    mg.turn_memory_guarding_off()  # its own advice for speed
    p = [mg.tensor(array) for array in net.parameters()]
    layers = list(zip(p[::2], p[1::2], strict=True))

    def step(x: Any, t: Any) -> None:
        h = x
        for W, b in layers[:-1]:
            h = relu(mg.matmul(h, W) + b)
        W, b = layers[-1]
        cross_entropy(mg.matmul(h, W) + b, t).backward()
        for a in p:
            a.data -= LEARNING_RATE * a.grad
            a.null_grad()

    return step, net.batches(), lambda: [a.data for a in p]


OURS: dict[str, Callable[[Network], Made]] = {
    "plain NumPy": plain_numpy,
    "tuned NumPy": tuned_numpy,
    "tinygrad_sm, tensors": tensors,
    "the same, compiled": compiled_tensors,
    "tinygrad_sm, nn.Sequential": sequential,
    "the same, compiled ": compiled_sequential,
}
PEERS: dict[str, tuple[str, Callable[[Network], Made]]] = {
    "PyTorch": ("torch", pytorch),
    "JAX, jit": ("jax", jax_jit),
    "HIPS autograd": ("autograd", hips_autograd),
    "MyGrad": ("mygrad", mygrad),
}


def installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def compare(trained: dict[str, list[Any]], apart: float) -> None:
    """Stop unless all have trained the same parameters."""
    for name, arrays in trained.items():
        for one, other in zip(trained["plain NumPy"], arrays, strict=True):
            if not np.abs(one - other).max() <= apart * np.abs(one).max():
                raise SystemExit(f"{name} has other parameters than plain NumPy: it did other work")


def measure(net: Network, makers: dict[str, Callable[[Network], Made]]) -> tuple[dict[str, float], float]:
    """The ratio of each to plain NumPy, and the microseconds of plain NumPy's step."""
    made = {name: make(net) for name, make in makers.items()}
    times: dict[str, list[float]] = {name: [] for name in made}
    rng = np.random.default_rng(2)
    for turn in range(net.rounds + 1):
        for name in rng.permutation(list(made)):
            step, batches, _ = made[name]
            began = perf_counter()
            for i in range(net.steps):
                step(*batches[(turn * net.steps + i) % BATCHES])
            times[name].append(perf_counter() - began)
        if turn == 0:
            trained = {name: parameters() for name, (_, _, parameters) in made.items()}
            compare(trained, ADAMS_APART if net.adam else APART)
    rounds = {name: np.array(all_[1:]) for name, all_ in times.items()}  # the first one warms up
    ratios = {name: float(np.median(rounds[name] / rounds["plain NumPy"])) for name in rounds}
    return ratios, float(np.median(rounds["plain NumPy"])) / net.steps * 1e6


def memory(net: Network, make: Callable[[Network], Made]) -> float:
    """The most memory, in kB, that a step's arrays took at one moment, with those that it keeps;
    without parameters, the state of the optimiser and the inputs."""
    tracemalloc.start()
    try:
        step, batches, parameters = make(net)
        for i in range(5):
            step(*batches[i])
        given = sum(a.nbytes for a in parameters()) * (3 if net.adam else 1)
        given += sum(x.nbytes + t.nbytes for x, t in batches)
        gc.collect()
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        kept = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([arrays]).traces)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for i in range(4):
            step(*batches[i])
        return (kept - given + tracemalloc.get_traced_memory()[1] - before) / 1000
    finally:
        tracemalloc.stop()


def recording(net: Network) -> float:
    """The milliseconds that the first call of a compiled step takes more than it does uncompiled."""
    times = []
    for _ in range(5):
        step, batches, _ = compiled_tensors(net)
        step(*batches[0])  # as SGD has no state yet, the second call is the first that is recorded
        began = perf_counter()
        step(*batches[1])
        times.append(perf_counter() - began)
    return float(np.median(times)) * 1e3


def table(title: str, networks: list[Network], makers: dict[str, Callable[[Network], Made]]) -> None:
    columns = [measure(net, makers) for net in networks]
    print(f"{title}: layers, batch".ljust(28), *(str(net).rjust(20) for net in networks), sep="")
    for name in makers:
        print(name.ljust(28), *(f"{ratios[name]:20.2f}" for ratios, _ in columns), sep="")
    print("plain NumPy, µs a step".ljust(28), *(f"{micros:20.0f}" for _, micros in columns), sep="")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a training step costs, as ratios to plain NumPy.")
    parser.add_argument("--tiny", action="store_true", help="small networks, few steps: does it run?")
    networks = TINY if parser.parse_args().tiny else NETWORKS
    makers = OURS | {name: make for name, (module, make) in PEERS.items() if installed(module)}
    table("SGD", networks, makers)
    print()
    with_adam = {name: make for name, make in makers.items() if name in OURS or name == "PyTorch"}
    table("Adam", [net._replace(adam=True) for net in networks], with_adam)
    print()
    stepping = {"memory, tuned NumPy, kB": tuned_numpy, "memory, compiled, kB": compiled_tensors}
    for name, make in stepping.items():
        print(name.ljust(28), *(f"{memory(net, make):20.0f}" for net in networks), sep="")
    print("recording a step, ms".ljust(28), *(f"{recording(net):20.1f}" for net in networks), sep="")
    for name, (module, _) in PEERS.items():
        if name not in makers:
            print(f"{name} is not installed: pip install {module}")


if __name__ == "__main__":
    main()
