"""How far a training run is: a moving bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from .history import History

__all__ = ["Progress"]

LINES = 10  # so many in all where there is no terminal


def words(history: History) -> str:
    """The last epoch in words; what is not known is left out."""
    text = f"loss {history.loss[-1]:.3g}"
    if history.accuracy[-1] == history.accuracy[-1]:
        text += f", accuracy {history.accuracy[-1]:.3f}"
    if history.validation_loss:
        text += f"; held out {history.validation_loss[-1]:.3g}"
        if history.validation_accuracy[-1] == history.validation_accuracy[-1]:
            text += f", {history.validation_accuracy[-1]:.3f}"
    return text


class Progress:
    """Shows each epoch as it ends, on stderr.

    epochs  how many there will be
    done    how many an earlier run has done
    rows    in an epoch, for the speed
    shown   False shows nothing
    """

    def __init__(self, epochs: int, done: int, rows: int, shown: bool) -> None:
        self.epochs, self.done, self.rows = epochs, done, rows
        self.stream: Any = sys.stderr if shown else None
        self.bar: Any = None
        self.began = time.perf_counter()
        if self.stream is not None and self.stream.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=epochs,
                initial=done,
                file=self.stream,
                bar_format="epoch {n_fmt}/{total_fmt} {bar} {postfix}",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def epoch(self, history: History) -> None:
        """An epoch has ended."""
        n = history.epochs
        speed = self.rows * (n - self.done) / max(time.perf_counter() - self.began, 1e-9)
        text = f"{words(history)}; {speed / 1000:.3g}k rows/s"
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update()
        elif self.stream is not None and n * LINES // self.epochs > (n - 1) * LINES // self.epochs:
            self.stream.write(f"epoch {n}/{self.epochs}: {text}\n")
            self.stream.flush()
