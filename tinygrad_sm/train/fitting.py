"""The training loop, and the checkpoints that let it go on where it was killed."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checkpoint as files
from ..backprop import no_grad
from ..data import Batches
from ..errors import CheckpointError, DataError, GradientError
from ..nn import CrossEntropyLoss, Module
from ..optim import Optimizer
from ..primitive import primitive
from ..random import generator
from .evaluation import logits
from .history import REFUSED, History
from .progress import Progress

__all__ = ["fit"]

NAME = "checkpoint.npz"


def fit(
    model: Module,
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    loss: Callable[[Any, Any], Any] | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    best: bool = True,
    patience: int | None = None,
    schedule: Any = None,
    callbacks: Iterable[Callable[[History], Any]] = (),
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    compile: bool = False,
    rng: np.random.Generator | int | None = None,
) -> History:
    """Train a model on mini-batches: loss, gradients, step, for every batch of every epoch.

    inputs, labels  (N, ...) and (N,) class indices, or whatever targets the loss takes
    optimizer       over the model's parameters
    loss            of (outputs, targets), a mean over the batch; cross-entropy of logits if not given
    validation      inputs and labels to measure after each epoch
    best            end with the weights that had the lowest validation loss; False only watches it
    patience        stop after so many epochs without a lower validation loss
    schedule        a learning-rate schedule; its step() is called after each epoch
    callbacks       called with the History after each epoch; one that returns True ends the training
    progress        show a bar on a terminal, or a few lines elsewhere (on stderr)
    checkpoint      a folder; after each epoch the whole state is written to checkpoint.npz in it
    resume          go on from the checkpoint there, if there is one: the run ends bit for bit as if it had
                    never been stopped
    compile         run the steps as straight-line NumPy (see tg.compile), with the same results
    rng             generator or seed for the order of the rows

    Ctrl-C ends the training after the batch at hand and keeps what was learnt; a second one does so at once.
    Raises DataError for data that do not fit, GradientError where the loss is no longer finite,
    CheckpointError for a checkpoint that is damaged, is of another training, or cannot be written.

    >>> from tinygrad_sm import data, nn, optim
    >>> moons = data.moons(100, rng=0)
    >>> model = nn.Sequential(nn.Linear(2, 16, rng=0), nn.ReLU(), nn.Linear(16, 2, rng=1))
    >>> history = fit(model, moons.inputs, moons.labels, epochs=40, rng=0, progress=False,
    ...               optimizer=optim.Adam(model.parameters(), lr=0.01))
    >>> history.epochs, history.accuracy[-1] > 0.9
    (40, True)
    """
    run = _Run(model, optimizer, schedule, loss or CrossEntropyLoss(), epochs, validation, best, patience)
    if compile:
        from ..program import compile as compiled  # which is loaded only then

        run.step = compiled(run.step)
    targets = np.asarray(labels)
    batches = Batches(inputs, targets, batch_size=batch_size, rng=generator(rng), dtype=None)
    store = None if checkpoint is None else _Store(run, batches, Path(checkpoint))
    if store and resume:
        store.restore()
    elif resume:
        raise DataError("fit: resume=True needs the folder of the checkpoint: checkpoint=...")
    history = run.history
    history.stopped = "patience" if run.impatient() else ""
    with Progress(epochs, history.epochs, batches.rows, progress) as bar, _interruptible() as interrupted:
        while history.epochs < epochs and not history.stopped:
            if not run.epoch(batches, interrupted):
                break
            if store:
                store.keep()
            bar.epoch(history)
            if run.impatient():
                history.stopped = "patience"
            elif True in [callback(history) for callback in callbacks]:
                history.stopped = "callback"
            elif interrupted():
                break
        if interrupted() and history.epochs < epochs:
            history.stopped = history.stopped or "interrupted"
    if run.best is not None:
        model.load_state_dict(run.best)
    return history


def not_finite(loss: Any) -> Any:
    """The loss, if it is a finite number."""
    if not np.isfinite(loss).all():
        raise NotFiniteError(str(loss))
    return loss


class NotFiniteError(GradientError):
    """The loss of a batch is NaN or infinite; nothing was updated."""


checked = primitive(not_finite, "x", lambda g, y, x: g, name="finite", shapes="any")  # noqa: ARG005


def step_of(model: Module, optimizer: Optimizer, loss_of: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """One step on a batch: it gives the loss and the outputs."""

    def step(x: Any, t: Any) -> Any:
        optimizer.zero_grad()
        z = model(x)
        loss = checked(loss_of(z, t))
        loss.backward()
        optimizer.step()
        return loss, z

    return step


class _Run:
    """What a training run consists of, and its epochs."""

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        schedule: Any,
        loss: Callable[[Any, Any], Any],
        epochs: int,
        validation: tuple[ArrayLike, ArrayLike] | None,
        keep_best: bool,
        patience: int | None,
    ) -> None:
        if not isinstance(epochs, int) or epochs < 0:
            raise DataError(f"fit: epochs must be a whole number, at least 0, but it is {epochs!r}")
        if patience is not None and (validation is None or patience < 1):
            raise DataError(
                "fit: patience is a number of epochs above 0, and needs validation=(inputs, labels)"
            )
        self.model, self.optimizer, self.schedule, self.loss = model, optimizer, schedule, loss
        self.step = step_of(model, optimizer, loss)
        self.epochs, self.validation, self.keep_best, self.patience = epochs, validation, keep_best, patience
        self.history = History()
        self.best: dict[str, NDArray[Any]] | None = None

    def epoch(self, batches: Batches, interrupted: Callable[[], bool]) -> bool:
        """One pass over the data; False if it was ended early, and so does not count."""
        history = self.history
        self.model.train()
        total = right = 0.0
        for x, t in batches:
            try:
                loss, z = self.step(x, t)
            except NotFiniteError as error:
                raise GradientError(
                    f"fit: the loss is {error} in epoch {history.epochs + 1}: the steps are too long, or the "
                    f"inputs too large; lower the learning rate, standardise the inputs"
                ) from None
            total += loss.item() * len(x)
            right += correct(z.data, t)
            if interrupted():
                return False
        if self.schedule is not None:
            self.schedule.step()
        history.loss.append(total / batches.rows)
        history.accuracy.append(right / batches.rows)
        if self.validation is not None:
            self._validate(*self.validation)
        return True

    def _validate(self, inputs: ArrayLike, labels: ArrayLike) -> None:
        z, t, history = logits(self.model, inputs), np.asarray(labels), self.history
        with no_grad():
            history.validation_loss.append(float(self.loss(z, t)))
        history.validation_accuracy.append(correct(z, t) / len(t))
        if self.keep_best and history.best_epoch == history.epochs:
            self.best = self.model.state_dict()

    def impatient(self) -> bool:
        return self.patience is not None and self.history.epochs - self.history.best_epoch >= self.patience


def correct(z: NDArray[Any], t: NDArray[Any]) -> float:
    """How many rows have their largest logit at their label; NaN where that has no meaning."""
    if z.ndim != 2 or t.shape != z.shape[:1] or t.dtype.kind not in "iu":
        return math.nan
    return float(np.count_nonzero(z.argmax(axis=1) == t))


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Within it Ctrl-C only makes the given function say True; a second one raises as ever.

    Only the main thread can do that, and only where nobody else has taken Ctrl-C over.
    """
    asked = threading.Event()

    def ask(*_: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    ours = threading.current_thread() is threading.main_thread()
    ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Store:
    """Where a run is kept from epoch to epoch."""

    def __init__(self, run: _Run, batches: Batches, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(
                f"cannot make the folder {str(folder)!r} for checkpoints: {reason}"
            ) from error
        self.run, self.path = run, folder / NAME
        found = [vars(module).get("rng") for module in run.model.modules()]
        sources = [batches.rng, generator(), *(rng for rng in found if isinstance(rng, np.random.Generator))]
        self.sources = list({id(source): source for source in sources}.values())
        digest = hashlib.sha256()
        for array in batches.arrays:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(array.tobytes())
        self.settings = {
            "data": digest.hexdigest(),
            "batch size": batches.batch_size,
            "optimiser": type(run.optimizer).__name__,
            "schedule": type(run.schedule).__name__,
            "number of epochs, which the schedule depends on": None if run.schedule is None else run.epochs,
            "validation": (run.validation is not None) + run.keep_best,
            "random generators": [type(source.bit_generator).__name__ for source in self.sources],
        }
        files.sweep(self.path)

    def keep(self) -> None:
        """Write all that the next epoch depends on."""
        run = self.run
        state = {
            "settings": self.settings,
            "history": {**run.history.state_dict(), "stopped": ""},
            "model": run.model.state_dict(),
            "best": run.best,
            "optimizer": run.optimizer.state_dict(),
            "schedule": None if run.schedule is None else run.schedule.state_dict(),
            "random": [source.bit_generator.state for source in self.sources],
        }
        files.save(self.path, state)

    def restore(self) -> None:
        """Take the state from the checkpoint, if there is one."""
        if not self.path.exists():
            return
        state, run = files.load(self.path), self.run
        try:
            settings = state["settings"]
            other = [name for name, value in self.settings.items() if settings[name] != value]
            if other:
                raise CheckpointError(f"it is of a training with other {', '.join(other)}")
            history, best = History.from_state_dict(state["history"]), state["best"]
            if not history.loss or bool(history.validation_loss) != (run.validation is not None):
                raise CheckpointError("the history in it is of no epochs, or of another validation")
            if (best is not None) != (run.validation is not None and run.keep_best):
                raise CheckpointError("the best weights in it are missing, or of another training")
            if best is not None:
                run.model.load_state_dict(best)  # it fits, too
            run.model.load_state_dict(state["model"])
            run.optimizer.load_state_dict(state["optimizer"])
            if run.schedule is not None:
                run.schedule.load_state_dict(state["schedule"])
            for source, value in zip(self.sources, state["random"], strict=True):
                source.bit_generator.state = value
            run.history, run.best = history, best
        except REFUSED as error:
            raise CheckpointError(
                f"cannot go on from {str(self.path)!r}: {error}; start anew without resume, or elsewhere"
            ) from error
