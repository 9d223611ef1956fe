"""What a training run has seen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..errors import CheckpointError, TinygradError

__all__ = ["REFUSED", "History"]

# what a state of another kind leads to, where it is read
REFUSED = (TinygradError, LookupError, ArithmeticError, TypeError, ValueError, AttributeError)


@dataclass
class History:
    """The course of a training run: one entry for each finished epoch.

    loss, accuracy                        means over the epoch's mini-batches, as the weights changed
    validation_loss, validation_accuracy  after the epoch; empty without validation
    stopped                               why it ended early: "interrupted", "patience", "callback", or ""

    An accuracy is NaN where the targets are no class indices.

    >>> History(loss=[2.0, 1.0, 0.5], validation_loss=[2.1, 1.4, 1.5]).best_epoch
    2
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    stopped: str = ""

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, of the lowest validation loss; without validation the last."""
        losses = self.validation_loss
        return losses.index(min(losses)) + 1 if losses else self.epochs

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw loss and accuracy by epoch into a picture (.png, .svg, .pdf).

        Raises MissingError where Matplotlib is not installed.
        """
        from ..plots import learning_curve

        learning_curve(self, path)

    def state_dict(self) -> dict[str, Any]:
        """All of it as lists and texts."""
        return asdict(self)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> History:
        """The history that `state_dict` gave; a CheckpointError where it is none."""
        names = [entry.name for entry in fields(cls)][:-1]
        lists: dict[str, Any] = {name: state.get(name) for name in names}
        if not all(type(x) is list and all(type(entry) is float for entry in x) for x in lists.values()):
            raise CheckpointError("the history in it is not one")
        n, *others = map(len, lists.values())
        if others not in ([n, 0, 0], [n, n, n]):
            raise CheckpointError(f"the history in it has {n} losses, and of the others {others}")
        return cls(**lists)
