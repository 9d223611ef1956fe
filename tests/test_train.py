"""Training: what `fit` does is what the loop written out does, and a run that dies goes on where it was."""

from __future__ import annotations

import errno
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_sm import checkpoint, data, manual_seed, nn, optim, plots, train
from tinygrad_sm.errors import CheckpointError, DataError, GradientError, MissingError, TinygradError
from tinygrad_sm.train.layers import shape_behind

MOONS = data.moons(60, noise=0.2, rng=0)
X, T = MOONS.inputs, MOONS.labels
VALIDATION = data.moons(40, noise=0.2, rng=1).inputs, data.moons(40, noise=0.2, rng=1).labels


def network(seed: int = 0, dropout: bool = False) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    middle = [nn.Dropout(0.3)] if dropout else []
    return nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Tanh(), *middle, nn.Linear(8, 2, rng=rng))


def fitted(
    epochs: int, seed: int = 0, lr: float = 0.02, **options: Any
) -> tuple[nn.Sequential, train.History]:
    model = network(seed)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    history = train.fit(
        model, X, T, optimizer=optimizer, epochs=epochs, batch_size=16, rng=seed, progress=False, **options
    )
    return model, history


def weights(model: nn.Module) -> bytes:
    return b"".join(array.tobytes() for array in model.state_dict().values())


# ---- the loop ----


def test_fit_is_the_loop_written_out_in_numpy() -> None:
    """Same order of rows, same steps: gradients and updates by hand, in float64."""
    model = nn.Sequential(
        nn.Linear(2, 8, rng=0, dtype=np.float64), nn.Tanh(), nn.Linear(8, 2, rng=1, dtype=np.float64)
    )
    W, b, V, c = (np.array(p.data) for p in model.parameters())
    history = train.fit(
        model,
        X,
        T,
        optimizer=optim.SGD(model.parameters(), lr=0.5),
        epochs=3,
        batch_size=16,
        rng=5,
        progress=False,
    )
    rng, losses, accuracies = np.random.default_rng(5), [], []
    for _ in range(3):
        order, total, right = rng.permutation(60), 0.0, 0
        for start in range(0, 60, 16):
            rows = order[start : start + 16]
            x, t = X[rows].astype(np.float64), T[rows]
            h = np.tanh(x @ W.T + b)
            z = h @ V.T + c
            a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            total -= np.log(a[range(len(t)), t]).sum()
            right += (a.argmax(axis=1) == t).sum()
            dz = (a - np.eye(2)[t]) / len(t)
            dh = (dz @ V) * (1 - h * h)
            V, c, W, b = V - 0.5 * dz.T @ h, c - 0.5 * dz.sum(0), W - 0.5 * dh.T @ x, b - 0.5 * dh.sum(0)
        losses.append(total / 60)
        accuracies.append(right / 60)
    for p, expected in zip(model.parameters(), (W, b, V, c), strict=True):
        np.testing.assert_allclose(p.data, expected, rtol=1e-10)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-10)
    np.testing.assert_allclose(history.accuracy, accuracies)
    assert history.epochs == 3
    assert history.stopped == ""


@pytest.mark.thread_unsafe  # the generator is the process's
def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    assert weights(fitted(3)[0]) == weights(fitted(3)[0])
    assert weights(fitted(3)[0]) != weights(fitted(3, seed=1)[0])
    manual_seed(3)
    first = fitted(2)[0]
    options = {"optimizer": None}
    runs = []
    for _ in range(2):
        manual_seed(3)
        model = network()
        options["optimizer"] = optim.SGD(model.parameters(), lr=0.1)
        train.fit(model, X, T, epochs=2, progress=False, **options)
        runs.append(weights(model))
    assert runs[0] == runs[1] != weights(first)


def test_a_float32_model_stays_float32() -> None:
    model = network()
    train.fit(
        model,
        X.astype(np.float64),
        T,
        optimizer=optim.SGD(model.parameters(), lr=0.1),
        epochs=1,
        progress=False,
    )
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.thread_unsafe  # the generator is the process's
def test_fit_puts_the_model_into_training_mode() -> None:
    trained = []
    for mode in (True, False):
        manual_seed(0)
        model = network(dropout=True).train(mode)
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        train.fit(model, X, T, optimizer=optimizer, epochs=3, rng=0, progress=False)
        trained.append(weights(model))
        assert model.training
    assert trained[0] == trained[1]


def test_other_losses_and_targets() -> None:
    model = nn.Sequential(nn.Linear(2, 1, rng=0))

    def squares(y: Any, t: Any) -> Any:
        return ((y[:, 0] - t) ** 2).mean()

    y = X @ np.float32([2, -1]) + 3
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    history = train.fit(
        model, X, y, optimizer=optimizer, epochs=60, loss=squares, rng=0, progress=False, validation=(X, y)
    )
    np.testing.assert_allclose(model.state_dict()["0.weight"], [[2, -1]], atol=1e-3)
    assert np.isnan(history.accuracy).all()
    assert np.isnan(history.validation_accuracy).all()
    assert history.validation_loss[-1] < 1e-4


def test_the_model_ends_with_its_best_weights_unless_told_otherwise() -> None:
    loss = nn.CrossEntropyLoss()
    model, history = fitted(60, lr=0.2, validation=VALIDATION)
    assert history.best_epoch < 60
    assert loss(model(VALIDATION[0]), VALIDATION[1]).item() == pytest.approx(min(history.validation_loss))
    last, watched = fitted(60, lr=0.2, validation=VALIDATION, best=False)
    assert watched.validation_loss == history.validation_loss
    assert weights(last) == weights(fitted(60, lr=0.2)[0]) != weights(model)
    accuracy = train.evaluate(last, *VALIDATION).accuracy
    assert watched.validation_accuracy[-1] == pytest.approx(accuracy)


def test_patience_ends_the_training() -> None:
    _, history = fitted(500, lr=0.2, validation=VALIDATION, patience=5)
    assert history.stopped == "patience"
    assert history.epochs == history.best_epoch + 5 < 500
    with pytest.raises(DataError, match="patience"):
        fitted(5, patience=5)
    with pytest.raises(DataError, match="patience"):
        fitted(5, patience=0, validation=VALIDATION)


def test_callbacks_see_every_epoch_and_may_end_the_training() -> None:
    seen: list[int] = []

    def watch(history: train.History) -> bool:
        seen.append(history.epochs)
        return history.epochs == 4

    _, history = fitted(9, callbacks=[watch, lambda history: "no"])
    assert seen == [1, 2, 3, 4]
    assert history.stopped == "callback"


def test_a_schedule_steps_after_each_epoch() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    rates: list[float] = []
    train.fit(
        model, X, T, optimizer=optimizer, epochs=4, rng=0, progress=False,
        schedule=optim.StepLR(optimizer, 2, gamma=0.5),
        callbacks=[lambda history: rates.append(optimizer.param_groups[0]["lr"])],
    )  # fmt: skip
    assert rates == pytest.approx([0.1, 0.05, 0.05, 0.025])


@pytest.mark.parametrize("factor", [np.inf, np.nan])
def test_a_loss_that_is_not_finite_is_an_error(factor: float) -> None:
    with pytest.raises(GradientError, match="learning rate"):
        fitted(3, loss=lambda z, t: (z * z).sum() * factor)


@pytest.mark.parametrize("epochs", [-1, 1.5, "3"])
def test_epochs_are_a_whole_number(epochs: Any) -> None:
    with pytest.raises(DataError, match="epochs"):
        fitted(epochs)


def test_no_epochs_are_fine() -> None:
    model, history = fitted(0)
    assert weights(model) == weights(network())
    assert (history.epochs, history.best_epoch) == (0, 0)


# ---- Ctrl-C ----


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C does what it does at a terminal, also where whoever started the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.thread_unsafe  # signals are the process's
@pytest.mark.usefixtures("listening")
def test_ctrl_c_between_epochs_keeps_what_was_learnt() -> None:
    def press(history: train.History) -> None:
        if history.epochs == 3:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    model, history = fitted(9, callbacks=[press])
    assert history.stopped == "interrupted"
    assert history.epochs == 3
    assert weights(model) == weights(fitted(3)[0])
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.thread_unsafe  # signals are the process's
@pytest.mark.usefixtures("listening")
def test_ctrl_c_within_an_epoch_ends_after_the_batch() -> None:
    calls = itertools.count()
    loss = nn.CrossEntropyLoss()

    def press(z: Any, t: Any) -> Any:
        if next(calls) == 5:  # the second of the four batches of the second epoch
            signal.raise_signal(signal.SIGINT)
        return loss(z, t)

    model, history = fitted(9, loss=press)
    assert next(calls) == 6
    assert (history.epochs, history.stopped) == (1, "interrupted")
    assert weights(model) not in (weights(fitted(1)[0]), weights(fitted(2)[0]))


@pytest.mark.thread_unsafe  # signals are the process's
@pytest.mark.usefixtures("listening")
def test_a_second_ctrl_c_ends_at_once() -> None:
    def press(z: Any, t: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        fitted(9, loss=press)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.thread_unsafe  # signals are the process's
def test_fit_works_in_other_threads_and_leaves_foreign_handlers_alone() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(fitted(2)[1].epochs))
    thread.start()
    thread.join()
    assert found == [2]
    mine = signal.signal(signal.SIGINT, lambda *_: found.append("mine"))
    try:
        assert fitted(2, callbacks=[lambda _: signal.raise_signal(signal.SIGINT)])[1].epochs == 2
    finally:
        signal.signal(signal.SIGINT, mine)
    assert found == [2, "mine", "mine"]


# ---- checkpoints ----


def kept(
    folder: Path, epochs: int, stop: int | None = None, resume: bool = True
) -> tuple[bytes, train.History]:
    """A training with everything random and everything remembered; it is ended after `stop` epochs."""
    manual_seed(7)
    model = network(dropout=True)
    optimizer = optim.AdamW(model.parameters(), lr=0.05)
    history = train.fit(
        model, X, T, optimizer=optimizer, epochs=epochs, batch_size=16, rng=3, progress=False,
        validation=VALIDATION, schedule=optim.CosineAnnealingLR(optimizer, epochs),
        checkpoint=folder, resume=resume, callbacks=[lambda history: history.epochs == stop],
    )  # fmt: skip
    return weights(model), history


@pytest.mark.thread_unsafe  # the generator is the process's
def test_a_run_that_is_stopped_anywhere_ends_where_one_in_one_go_ends(tmp_path: Path) -> None:
    expected = kept(tmp_path / "whole", 8)
    for stop in range(1, 8):
        kept(tmp_path / str(stop), 8, stop)
        assert kept(tmp_path / str(stop), 8) == expected
        assert kept(tmp_path / str(stop), 8) == expected  # it is finished: nothing changes
    kept(tmp_path / "1", 8, 3, resume=False)
    assert kept(tmp_path / "1", 8) == expected


KILLED = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[1])
import test_train
from pathlib import Path

folder, dice = Path(sys.argv[2]), random.Random(0)
kills = done = 0
expected = test_train.kept(folder / "whole", 60)
while kills < 50 or not done:
    child = os.fork()
    if not child:
        os._exit(0 if test_train.kept(folder / f"run{done}", 60) == expected else 1)
    if kills < 50:
        time.sleep(dice.uniform(0.005, 0.12))
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    kills += code == -signal.SIGKILL
    done += code == 0
    assert code in (0, -signal.SIGKILL), code
left = [path for path in folder.rglob("*.tmp") if path.parent.name != f"run{done}"]
print(kills, done, len(left))
"""


@pytest.mark.thread_unsafe  # the generator is the process's
def test_a_run_that_is_killed_anywhere_ends_where_one_in_one_go_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, Path(__file__).parent, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    output = subprocess.check_output(command, env=environment, text=True, timeout=300)
    kills, done, left = map(int, output.split())
    assert kills == 50
    assert done >= 1
    assert left == 0


@pytest.mark.thread_unsafe  # the generator is the process's
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, 8, 2)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    with pytest.raises(CheckpointError, match="number of epochs"):
        kept(tmp_path, 9)
    model = network(dropout=True)
    for options in (
        {"batch_size": 8},
        {"inputs": X + 1},
        {"optimizer": optim.SGD(model.parameters(), lr=0.1)},
    ):
        settings: dict[str, Any] = {
            "inputs": X, "optimizer": optim.AdamW(model.parameters()), "batch_size": 16, "rng": 3, **options,
        }  # fmt: skip
        with pytest.raises(CheckpointError, match="training with other"):
            train.fit(
                model, settings.pop("inputs"), T, epochs=8, checkpoint=tmp_path, resume=True, progress=False,
                validation=VALIDATION, **settings,
            )  # fmt: skip
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


@pytest.mark.thread_unsafe  # the generator is the process's
def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, 4, 2)
    path = tmp_path / "checkpoint.npz"
    state, good = checkpoint.load(path), path.read_bytes()
    path.write_bytes(good[:-100])
    with pytest.raises(CheckpointError, match=r"checkpoint\.npz"):
        kept(tmp_path, 4)
    for name in state:
        for other in (None, 1, [], {}, "text"):
            checkpoint.save(path, {**state, name: other})
            with pytest.raises(CheckpointError, match="cannot go on"):
                kept(tmp_path, 4)
        checkpoint.save(path, {key: value for key, value in state.items() if key != name})
        with pytest.raises(CheckpointError, match="cannot go on"):
            kept(tmp_path, 4)


def every_change(state: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The state with one part in it changed to another that a file can hold, in many ways."""
    if isinstance(state, dict | list) and path != "['best']":
        for key in state if isinstance(state, dict) else range(len(state)):
            here = f"{path}[{key!r}]"
            for what, inner in every_change(state[key], here):
                if isinstance(state, dict):
                    yield what, {**state, key: inner}
                else:
                    yield what, [*state[:key], inner, *state[key + 1 :]]
            if isinstance(state, dict):
                yield f"{here} left out", {name: state[name] for name in state if name != key}
            else:
                yield f"{here} left out", state[:key] + state[key + 1 :]
    if path:
        values = (
            None,
            True,
            -1,
            0,
            10**400,
            1.5,
            float("nan"),
            float("inf"),
            "text",
            [],
            {},
            np.zeros((3, 1)),
        )
        yield from ((f"{path} = {value!r}"[:80], value) for value in values)


@pytest.mark.thread_unsafe  # the generator is the process's
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_checkpoint_changed_anywhere_is_refused_or_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, 4, 2)
    state, refused = checkpoint.load(tmp_path / "checkpoint.npz"), 0
    monkeypatch.setattr(checkpoint, "save", lambda *_: None)  # as if it were in the file
    for what, changed in every_change(state):
        monkeypatch.setattr(checkpoint, "load", lambda _, changed=changed: changed)
        try:
            kept(tmp_path, 4)
        except CheckpointError as error:
            assert "cannot go on" in str(error)  # noqa: PT017
            refused += 1
        except GradientError:  # the loss is not finite
            pass
        except Exception as error:
            raise AssertionError(what) from error
    assert refused > 900


@pytest.mark.thread_unsafe  # the generator is the process's
@pytest.mark.parametrize("change", [
    {"loss": [1.0]}, {"accuracy": []}, {"validation_loss": []}, {"validation_accuracy": [0.5]},
    {"loss": [], "accuracy": [], "validation_loss": [], "validation_accuracy": []},
])  # fmt: skip
def test_a_history_that_is_not_of_one_piece_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    kept(tmp_path, 4, 2)
    path = tmp_path / "checkpoint.npz"
    state = checkpoint.load(path)
    checkpoint.save(path, {**state, "history": {**state["history"], **change}})
    with pytest.raises(CheckpointError, match=r"cannot go on .*history"):
        kept(tmp_path, 4)


def test_a_full_disk_ends_the_training_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = kept(tmp_path / "whole", 6)
    saves = itertools.count()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if next(saves) == 6:  # two for each file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(CheckpointError, match="No space left"):
            kept(tmp_path / "run", 6)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint.npz"]
    assert checkpoint.load(tmp_path / "run" / "checkpoint.npz")["history"]["loss"] == expected[1].loss[:3]
    assert kept(tmp_path / "run", 6) == expected


def test_places_for_checkpoints_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "inner", Path("a\0b")):
        with pytest.raises(CheckpointError):
            fitted(1, checkpoint=folder)
    with pytest.raises(DataError, match="resume"):
        fitted(1, resume=True)


# ---- evaluation ----


def test_evaluation_is_what_its_formulas_say() -> None:
    z = np.random.default_rng(0).normal(size=(50, 4)) * 3
    t = np.random.default_rng(1).integers(4, size=50)
    result = train.evaluate(nn.Sequential(), z, t)
    loss = right = 0.0
    counts = [[0] * 4 for _ in range(4)]
    for row, label in zip(z.tolist(), t.tolist(), strict=True):
        a = [np.exp(value) / sum(map(np.exp, row)) for value in row]
        loss -= float(np.log(a[label])) / 50
        right += a.index(max(a)) == label
        counts[label][a.index(max(a))] += 1
    assert result.log_loss == pytest.approx(loss, rel=1e-12)
    assert result.accuracy == right / 50
    assert result.confusion.tolist() == counts


def test_evaluation_keeps_the_mode_and_takes_many_rows() -> None:
    model = network(dropout=True)
    rows, labels = np.tile(X, (50, 1)), np.tile(T, 50)
    one, all_ = train.evaluate(model, X, T), train.evaluate(model, rows, labels)
    assert model.training
    assert all_.log_loss == pytest.approx(one.log_loss, rel=1e-6)
    model.eval()
    train.evaluate(model, X, T)
    assert not model.training


@pytest.mark.parametrize("labels", [[0, 1], [0, 2, 1], [-1, 0, 1], [0.0, 1.0, 1.0], [[0], [1], [1]], []])
def test_labels_that_do_not_fit_are_errors(labels: Any) -> None:
    with pytest.raises(DataError, match="evaluate"):
        train.evaluate(nn.Sequential(), np.eye(3)[:, :2], labels)


def test_cross_validation_tests_every_row_once_on_a_model_that_has_not_seen_it() -> None:
    seen: list[int] = []

    def fold(rows: Any) -> Any:
        def proba(test: Any) -> Any:
            assert not set(rows) & set(test)
            assert len(rows) + len(test) == 60
            seen.extend(test)
            return np.eye(2)[T[test]]

        return proba

    results = train.cross_validate(fold, T, k=4, repeats=2, rng=0)
    assert sorted(seen) == sorted([*range(60), *range(60)])
    assert [(result.accuracy, result.log_loss) for result in results] == [(1, 0)] * 8


# ---- a classifier as one object ----


@pytest.fixture(scope="module")
def trained() -> train.Classifier:
    model = train.Classifier(train.mlp([2, 8, 2], "tanh", rng=0), ["up", "dön"], ["x", "y"])
    return model.fit(X * 100 + 7, T, epochs=20, rng=0, progress=False)


def test_a_classifier_comes_back_from_its_file_as_it_was(trained: train.Classifier, tmp_path: Path) -> None:
    trained.save(tmp_path / "model.npz")
    loaded = train.Classifier.load(tmp_path / "model.npz")
    rows = VALIDATION[0] * 100 + 7
    np.testing.assert_array_equal(loaded.predict_proba(rows), trained.predict_proba(rows))
    assert loaded.classes == ("up", "dön")
    assert loaded.features == ("x", "y")
    assert repr(loaded) == repr(trained)
    assert loaded.predict(rows) == [loaded.classes[k] for k in trained.predict_proba(rows).argmax(axis=1)]
    np.testing.assert_allclose(trained.predict_proba(rows).sum(axis=1), 1, rtol=1e-14)
    accuracy = float(np.mean(np.array(loaded.predict(rows)) == np.array(["up", "dön"])[VALIDATION[1]]))
    assert loaded.score(rows, VALIDATION[1]) == accuracy > 0.8


def test_inputs_are_standardised_on_what_is_trained_on(trained: train.Classifier) -> None:
    assert trained.standardizer is not None
    np.testing.assert_allclose(trained.standardizer.mean, (X * 100 + 7).mean(axis=0), rtol=1e-5)
    plain = train.Classifier(train.mlp([2, 8, 2], "tanh", rng=0), ["up", "down"])
    plain.fit((X - X.mean(axis=0)) / X.std(axis=0), T, epochs=20, rng=0, progress=False)
    np.testing.assert_allclose(plain.history.loss, trained.history.loss, rtol=1e-3)


def test_every_layer_that_a_file_can_name_comes_back(tmp_path: Path) -> None:
    for activation in ("relu", "tanh", "sigmoid", "silu"):
        model = train.Classifier(train.mlp([2, 5, 4, 2], activation), "ab").fit(
            X, T, epochs=1, progress=False
        )
        model.save(tmp_path / "model.npz")
        loaded = train.Classifier.load(tmp_path / "model.npz")
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    layers = [
        nn.Flatten(),
        nn.Linear(4, 6, dtype=np.float64),
        nn.LeakyReLU(0.3),
        nn.GELU("tanh"),
        nn.Dropout(0.7),
    ]
    pictures = np.random.default_rng(0).normal(size=(10, 2, 2))
    model = train.Classifier(nn.Sequential(*layers, nn.Linear(6, 2)), "ab")
    model.fit(pictures, T[:10], epochs=1, progress=False).save(tmp_path / "model.npz")
    loaded = train.Classifier.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict_proba(pictures), model.predict_proba(pictures))
    assert loaded.network[1].weight.dtype == np.float64
    layers = [nn.Conv2d(1, 3, 2, padding=1, rng=0), nn.BatchNorm2d(3, momentum=0.3), nn.MaxPool2d(2)]
    layers += [nn.AvgPool2d((1, 2)), nn.Flatten(), nn.BatchNorm1d(6, eps=0.01)]
    model = train.Classifier(nn.Sequential(*layers, nn.Linear(6, 2)), "ab")
    pictures = np.random.default_rng(0).normal(size=(10, 1, 4, 4))
    model.fit(pictures, T[:10], epochs=1, progress=False).save(tmp_path / "model.npz")
    loaded = train.Classifier.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict_proba(pictures), model.predict_proba(pictures))
    assert repr(loaded) == repr(model)
    state = checkpoint.load(tmp_path / "model.npz")
    for change in (
        {"padding": [10**5, 10**5]},
        {"kernel_size": [3, 2]},
        {"out_channels": 4},
        {"stride": "ab"},
    ):
        layer = {**state["layers"][0], **change}
        checkpoint.save(tmp_path / "bad.npz", {**state, "layers": [layer, *state["layers"][1:]]})
        with pytest.raises(CheckpointError, match="layer 0"):
            train.Classifier.load(tmp_path / "bad.npz")


class Mine(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    for layer in (
        Mine(), nn.Linear(2, 2, bias=False), nn.Sequential(), nn.BatchNorm1d(2, affine=False),
        nn.BatchNorm1d(2, track_running_stats=False),
    ):  # fmt: skip
        model = train.Classifier(nn.Sequential(layer), "ab", standardizer=data.Standardizer([0, 0], [1, 1]))
        with pytest.raises(CheckpointError):
            model.save(path)
    untrained = train.Classifier(train.mlp([2, 2]), "ab")
    for use in (lambda: untrained.save(path), lambda: untrained.predict(X)):
        with pytest.raises(DataError, match="not trained"):
            use()
    assert list(tmp_path.iterdir()) == []


SOUND = [
    {"layer": "Linear", "in_features": 2, "out_features": 8}, {"layer": "Tanh"},
    {"layer": "Linear", "in_features": 8, "out_features": 2},
]  # fmt: skip
HOSTILE: dict[str, dict[str, Any]] = {
    "another kind": {"kind": "checkpoint"},
    "no layers": {"layers": None},
    "unknown layer": {"layers": [{"layer": "Module"}]},
    "a name that is none": {"layers": [{"layer": "__class__"}]},
    "settings that are none": {"layers": [{"layer": "ReLU", "inplace": True}]},
    "a layer that is no dict": {"layers": ["Linear"]},
    "a huge layer": {"layers": [{"layer": "Linear", "in_features": 10**9, "out_features": 10**9}]},
    "a layer without weights": {
        "layers": [{"layer": "Tanh"}, {"layer": "Linear", "in_features": 2, "out_features": 2}]
    },
    "no name": {"classes": ["up", None]},
    "the same names": {"classes": ["up", "up"]},
    "too many names": {"classes": ["up", "down", "left"]},
    "feature of another kind": {"features": [1, 2]},
    "a scale of zero": {"scale": np.zeros(2)},
    "another width": {"mean": np.zeros(3), "scale": np.ones(3)},
    "no mean": {"mean": None},
    "a scalar mean": {"mean": np.zeros(()), "scale": np.ones(())},
    "a slope that is none": {"layers": [*SOUND, {"layer": "LeakyReLU", "negative_slope": "x"}]},
    "a slope beyond all numbers": {"layers": [*SOUND, {"layer": "LeakyReLU", "negative_slope": 10**400}]},
    "an axis that is none": {"layers": [*SOUND, {"layer": "Flatten", "start_dim": 1.0, "end_dim": -1}]},
    "no rows of its own": {"layers": [*SOUND, {"layer": "Flatten", "start_dim": 0, "end_dim": -1}]},
    "no weights": {"network": {}},
    "weights that are none": {"network": {"0.weight": 1}},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_no_model_is_refused(
    trained: train.Classifier, tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "model.npz"
    trained.save(path)
    checkpoint.save(path, {**checkpoint.load(path), **change})
    with pytest.raises(CheckpointError, match=r"model\.npz"):
        train.Classifier.load(path)


def described_model(layers: list[dict[str, Any]], side: int, **weights: Any) -> dict[str, Any]:
    """What a file says of a classifier of square pictures."""
    shape = (1, side, side)
    return {
        "kind": "classifier", "layers": layers, "classes": ["up", "down"], "features": [],
        "mean": np.zeros(shape, np.int8), "scale": np.ones(shape, np.int8), "network": weights,
    }  # fmt: skip


def heavy_model(kind: str) -> tuple[dict[str, Any], bool]:
    """A small file of a model that would take hours or gigabytes, and whether it is one."""
    pixel = np.ones((1, 1, 1, 1), np.float32)
    window = {"kernel_size": [64, 64], "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1]}
    conv = {"layer": "Conv2d", "in_channels": 1, "out_channels": 1, **window}
    if kind == "padding":
        layer = {**conv, "kernel_size": [1, 1], "padding": [64, 64]}
        weights = {f"{i}.{name}": pixel[0, 0, 0] for i in range(200) for name in ("weight", "bias")}
        weights |= {f"{i}.weight": pixel for i in range(200)}
        return described_model([layer] * 200, 1, **weights), False
    if kind == "pools":
        layer = {"layer": "MaxPool2d", **window, "padding": [32, 32]}
        return described_model([layer] * 300, 8), False
    pool = {"layer": "AvgPool2d", **window, "stride": [64, 64]}
    del pool["dilation"]
    layers = [conv, pool, {"layer": "Flatten", "start_dim": 1, "end_dim": -1}]
    layers.append({"layer": "Linear", "in_features": 9, "out_features": 2})
    weights = {"0.weight": np.ones((1, 1, 64, 64), np.float32), "0.bias": np.ones(1, np.float32)}
    weights |= {"3.weight": np.ones((2, 9), np.float32), "3.bias": np.ones(2, np.float32)}
    return described_model(layers, 300, **weights), True


@pytest.mark.thread_unsafe(reason="tracemalloc sees all threads")
@pytest.mark.parametrize("kind", ["large window", "padding", "pools"])
def test_loading_a_model_costs_no_more_than_its_file_is_large(tmp_path: Path, kind: str) -> None:
    import time
    import tracemalloc

    path = tmp_path / "model.npz"
    state, fits = heavy_model(kind)
    checkpoint.save(path, state)
    tracemalloc.start()
    began = time.process_time()
    try:
        if fits:
            train.Classifier.load(path)
        else:
            with pytest.raises(CheckpointError, match="not one logit for each"):
                train.Classifier.load(path)
        took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert took < 5
    assert peak < 20 * path.stat().st_size


BEHIND = [
    nn.Linear(3, 5), nn.Conv2d(3, 2, (2, 3), stride=2, padding=(1, 0), dilation=(2, 1)), nn.MaxPool2d((2, 3)),
    nn.MaxPool2d(3, stride=1, padding=1), nn.AvgPool2d(2, padding=1), nn.BatchNorm1d(3), nn.BatchNorm2d(3),
    nn.Flatten(), nn.Flatten(2), nn.Flatten(1, 2), nn.Flatten(-1, -2), nn.Flatten(0, 0), nn.Flatten(9),
    nn.Tanh(), nn.Dropout(), nn.GELU(), nn.LeakyReLU(),
]  # fmt: skip


@pytest.mark.parametrize("layer", BEHIND, ids=repr)
def test_shapes_are_worked_out_as_the_layers_give_them(layer: nn.Module) -> None:
    layer = nn.Sequential(layer).eval()
    for row in ((), (3,), (2,), (3, 3), (4, 3), (3, 4, 5), (2, 7, 3), (3, 1, 1), (2, 3, 4, 5)):
        try:
            expected = np.shape(layer(np.zeros((2, *row))))[1:]
        except TinygradError:
            with pytest.raises(CheckpointError, match="does not take rows"):
                shape_behind(layer, row)
        else:
            assert shape_behind(layer, row) == expected
    with pytest.raises(CheckpointError, match="does not take rows"):
        shape_behind(nn.Sequential(nn.Flatten(0, 1)), (3, 4))  # rows stay apart


def test_any_state_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    for state in ({}, {"kind": "classifier"}, {"a": np.zeros(3)}):
        checkpoint.save(path, state)
        with pytest.raises(CheckpointError):
            train.Classifier.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_model_whose_weights_are_not_finite_is_neither_written_nor_read(
    trained: train.Classifier, tmp_path: Path, value: float
) -> None:
    path = tmp_path / "model.npz"
    trained.save(path)
    good = path.read_bytes()
    state = checkpoint.load(path)
    bias = np.array(state["network"]["0.bias"], np.float64)  # 1e300 does not fit into the model's float32
    bias[3] = value
    checkpoint.save(path, {**state, "network": {**state["network"], "0.bias": bias}})
    with pytest.raises(CheckpointError, match=r"model\.npz' is not a model: 0\.bias is not finite"):
        train.Classifier.load(path)
    path.write_bytes(good)
    broken = train.Classifier.load(path)
    with np.errstate(over="ignore"):
        broken.network[0].bias.data = bias.astype(np.float32)
    with pytest.raises(CheckpointError, match=r"0\.bias is not finite"):
        broken.save(path)
    assert path.read_bytes() == good


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    standardizer = data.Standardizer([0, 0], [1, 1])
    for classes in ([0, 1], ["up", "up"], ["up", "down", "left"]):
        with pytest.raises(CheckpointError, match=r"cannot write .*class"):
            train.Classifier(train.mlp([2, 2]), classes, standardizer=standardizer).save(path)
    dropout = nn.Dropout(np.float64(0.5))
    model = train.Classifier(nn.Sequential(dropout, nn.Linear(2, 2)), "ab", standardizer=standardizer)
    model.save(path)
    assert repr(train.Classifier.load(path)) == repr(model)


def test_networks_that_do_not_fit_are_errors() -> None:
    for bad in (lambda: train.mlp([2]), lambda: train.mlp([2, 3, 2], "swish"), lambda: train.mlp([2, 0])):
        with pytest.raises(DataError):
            bad()
    model = train.Classifier(train.mlp([2, 3]), "ab").fit(X, T, epochs=1, progress=False)
    with pytest.raises(DataError, match="one for each class"):
        model.predict(X)
    with pytest.raises(TinygradError):
        train.Classifier(train.mlp([3, 2]), "ab").fit(X, T, epochs=1, progress=False)


# ---- what is shown ----


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: Any, epochs: int, **options: Any) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    train.fit(model, X, T, optimizer=optimizer, epochs=epochs, rng=0, **options)
    return stream.getvalue() if stream else ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.delenv("TQDM_MININTERVAL", raising=False)
    text = shown(monkeypatch, Terminal(), 3, validation=VALIDATION)
    for word in ("epoch 3/3", "loss", "accuracy", "held out", "rows/s"):
        assert word in text
    assert text.endswith("\n")


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (7, 7), (10, 10), (25, 10), (1000, 10)])
def test_elsewhere_there_are_a_few_plain_lines(
    monkeypatch: pytest.MonkeyPatch, epochs: int, lines: int
) -> None:
    monkeypatch.setattr(sys.modules["tinygrad_sm.train.fitting"]._Run, "epoch", fake_epoch)
    text = shown(monkeypatch, io.StringIO(), epochs).splitlines()
    assert len(text) == lines
    assert text[-1].startswith(f"epoch {epochs}/{epochs}: loss 0.5, accuracy 0.750; ")


def fake_epoch(run: Any, *_: Any) -> bool:
    run.history.loss.append(0.5)
    run.history.accuracy.append(0.75)
    return True


def test_nothing_is_shown_where_nothing_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO(), 3, progress=False) == ""
    assert shown(monkeypatch, None, 3) == ""


# ---- pictures ----


def drawn(folder: Path) -> dict[str, Path]:
    """Every kind of picture, with names that are no mathematics, no markup and no terminal's orders."""
    names = ["$x_{", "a\nb\x1b[31m", "東京<&>"]
    history = train.History([2.0, 1.0], [0.3, 0.5], [1.9, 1.2], [0.4, 0.6])
    one = train.History([2.0], [float("nan")])
    rng = np.random.default_rng(0)
    confusion = rng.integers(9, size=(3, 3))
    points, labels = rng.normal(size=(30, 2)), rng.integers(3, size=30)

    def proba(x: Any) -> Any:
        z = np.stack([x[:, 0], x[:, 1], -x[:, 0]], axis=1)
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    paths = {
        name: folder / f"{name}.png"
        for name in ("curve", "one", "none", "confusion", "map", "regions", "samples")
    }
    plots.learning_curve(history, paths["curve"], uniform=1.1, title="$x_{$")
    one.plot(paths["one"])
    train.History().plot(paths["none"])
    plots.confusion_matrix(confusion, names, paths["confusion"], title="$x_{$")
    plots.decision_map(proba, names, paths["map"])
    plots.decision_regions(proba, points, labels, names, paths["regions"], features=names[:2], title="$")
    plots.sample_pictures(rng.random((4, 8, 8)), ["$x_{", "b", "c", "d"], paths["samples"], title="$x_{$")
    return paths


def test_pictures_are_drawn_whatever_the_names(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    for path in drawn(tmp_path).values():
        picture = imread(path)
        assert min(picture.shape[:2]) > 200
        colours = np.round(255 * picture) @ 256.0 ** np.arange(picture.shape[2])  # a number for each
        assert len(np.unique(colours)) > 10
    history = train.History([2.0, 1.0], [0.3, 0.5])
    for suffix in (".svg", ".pdf"):
        history.plot(tmp_path / f"curve{suffix}")
    with pytest.raises(DataError, match=r"\.png"):
        history.plot(tmp_path / "curve.bmp")


@pytest.mark.parametrize("far", [1e308, np.inf, np.nan])
def test_points_that_no_picture_can_hold_are_an_error(tmp_path: Path, far: float) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="finite and less far apart"):
        plots.decision_regions(
            lambda x: np.full((len(x), 2), 0.5), [[-far, 0], [far, 1]], [0, 1], "ab", tmp_path / "a.png"
        )


@pytest.mark.thread_unsafe(reason="it starts a process")
def test_drawing_leaves_pyplot_and_its_backend_alone(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code = (
        "import sys, pathlib, test_train; test_train.drawn(pathlib.Path(sys.argv[1]));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent)]),
    }
    environment["MPLBACKEND"] = "tkagg"
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
    assert subprocess.check_output(command, env=environment, text=True).strip() == "False"


def test_without_matplotlib_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingError, match=r"pip install 'tinygrad_sm\[plots\]'"):
        train.History([1.0], [0.5]).plot(tmp_path / "curve.png")


def test_colours_of_the_map_are_those_of_the_standard_library() -> None:
    import colorsys

    for h, l, s in np.random.default_rng(0).random((200, 3)).tolist():
        np.testing.assert_allclose(plots.rgb_from_hls(h, l, s), colorsys.hls_to_rgb(h, l, s), atol=1e-12)


def test_a_history_goes_through_json() -> None:
    history = train.History([2.0], [0.5], [1.0], [0.25], "patience")
    again = train.History.from_state_dict(json.loads(json.dumps(history.state_dict())))
    assert again == train.History([2.0], [0.5], [1.0], [0.25])


@pytest.mark.thread_unsafe  # it seeds the package's generator
@pytest.mark.parametrize("name", ["adam", "momentum", "dropout and batch norm"])
def test_compiled_training_is_the_same_to_the_last_bit(name: str) -> None:
    moons = data.moons(70, rng=0)  # batches of 16 and a smaller last one

    def run(compile: bool) -> tuple[dict[str, Any], Any]:
        manual_seed(0)
        inside = [nn.BatchNorm1d(8), nn.Dropout(0.3)] if name.startswith("dropout") else []
        model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), *inside, nn.Linear(8, 2))
        parameters = list(model.parameters())
        optimizer: optim.Optimizer = optim.Adam(parameters)
        if name == "momentum":
            optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)
        history = train.fit(
            model, moons.inputs, moons.labels, epochs=6, batch_size=16, rng=0, progress=False,
            compile=compile, optimizer=optimizer, schedule=optim.lr_scheduler.StepLR(optimizer, 2),
            validation=(moons.inputs, moons.labels),
        )  # fmt: skip
        return model.state_dict(), history

    (plain, one), (fast, other) = run(False), run(True)
    assert all(plain[key].tobytes() == fast[key].tobytes() for key in plain)
    assert one.loss == other.loss
    assert one.validation_loss == other.validation_loss


def test_compiled_training_stops_before_an_infinite_loss_is_learnt_from() -> None:
    inputs = np.ones((40, 2), np.float32)
    inputs[35] = np.nan
    model = nn.Sequential(nn.Linear(2, 2, rng=0))
    with pytest.raises(GradientError, match="the loss is nan in epoch 1"):
        train.fit(
            model, inputs, np.zeros(40, int), epochs=2, batch_size=4, rng=0, progress=False, compile=True,
            optimizer=optim.SGD(model.parameters(), lr=0.1),
        )  # fmt: skip
    assert all(np.isfinite(array).all() for array in model.state_dict().values())
