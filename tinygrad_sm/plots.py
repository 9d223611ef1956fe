"""Pictures of training runs and classifiers, drawn into files by Matplotlib, past pyplot and its backends.

The letters: K classes, a probabilities (rows, K).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError, MissingError
from .show.numbers import clip, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .train import History

__all__ = ["confusion_matrix", "decision_map", "decision_regions", "learning_curve", "sample_pictures"]

Proba = Callable[[NDArray[Any]], NDArray[Any]]
BOX = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "black", "alpha": 0.85}
HUES, LIGHTNESSES = 361, 241
FARTHEST = 1e100  # coordinate of a point that Matplotlib still computes with
BLUE, ORANGE = "#1f77b4", "#ff7f0e"
_drawing = Lock()  # Matplotlib draws in one thread at a time, and filters of warnings are the process's


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingError(
            f"pictures need Matplotlib, which is missing ({error}): pip install 'tinygrad_sm[plots]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def _save(figure: Figure, path: str | os.PathLike[str]) -> None:
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise DataError(f"a picture is not saved as {Path(path).name!r}; use one of .png, .svg, .pdf")
    with _drawing, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph"
        )  # names may be in any script; a box stands for a sign
        figure.savefig(path)


def _name(text: str, most: int = 16) -> str:
    """A name as it stands in a picture: on one line, and not too long."""
    return clip(plain(text), most)


def learning_curve(
    history: History,
    path: str | os.PathLike[str],
    *,
    uniform: float | None = None,
    title: str = "Learning curve",
) -> None:
    """Loss and accuracy by epoch, of the training and, where there was one, of the validation part.

    uniform   the loss of a uniform guess, ln K, drawn as a dotted line if given

    Raises MissingError where Matplotlib is not installed, OSError where the file cannot be written.
    """
    figure = _figure(10, 4)
    epochs = np.arange(1, history.epochs + 1)
    left, right = figure.subplots(1, 2)
    for axes, training, validation, what in (
        (left, history.loss, history.validation_loss, "cross-entropy (nats)"),
        (right, history.accuracy, history.validation_accuracy, "accuracy"),
    ):
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, training, color=BLUE, marker=marker, label="training (mean over the epoch)")
        if validation:
            axes.plot(epochs, validation, color=ORANGE, marker=marker, label="held out")
            axes.axvline(
                history.best_epoch, color="grey", linewidth=0.8, linestyle="--", label="lowest held-out loss"
            )
        axes.set(xlabel="epoch", ylabel=what)
        axes.grid(alpha=0.3)
    left.set_ylim(bottom=0)
    if uniform is not None:
        left.axhline(uniform, color="black", linestyle=":", linewidth=1.2)
        where = {"xy": (1, uniform), "xycoords": ("axes fraction", "data")}
        left.annotate(f"uniform guess: {uniform:.3f}", xytext=(-4, -4), textcoords="offset points",
                      ha="right", va="top", **where)  # fmt: skip
        left.set_ylim(top=max(1.1 * uniform, *left.get_ylim()))
    right.set_ylim(top=min(1.01, max(right.get_ylim()[1], 1.0)))
    right.legend(loc="lower right")
    figure.suptitle(plain(title), parse_math=False)
    _save(figure, path)


def confusion_matrix(
    confusion: ArrayLike,
    classes: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str = "Confusion matrix",
) -> None:
    """Labels by rows, predictions by columns; the shade is the share of the row, its number beside its name.

    confusion   (K, K) counts
    classes     their K names

    Raises MissingError where Matplotlib is not installed, OSError where the file cannot be written.
    """
    counts = np.asarray(confusion)
    k, totals = len(classes), counts.sum(axis=1)
    size = min(max(3.2, 0.5 * k), 14)
    figure = _figure(size + 1.8, size + 1.4)
    axes = figure.subplots()
    shares = counts / np.maximum(totals, 1)[:, np.newaxis]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [_name(name) for name in classes]
    long = any(len(name) > 3 for name in names)
    slanted: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if long else {}
    axes.set_xticks(range(k), names, parse_math=False, **slanted)
    rows = [f"{name} ({total})" for name, total in zip(names, totals, strict=True)]
    axes.set_yticks(range(k), rows, parse_math=False)
    axes.set(xlabel="predicted", ylabel="label (how many)")
    axes.set_title(plain(title), parse_math=False)
    axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    if k <= 30:
        for i, j in np.argwhere(counts):
            colour = "white" if shares[i, j] > 0.55 else "black"
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=9)
    _save(figure, path)


def decision_map(
    proba: Proba, classes: Sequence[str], path: str | os.PathLike[str], *, saturation: float = 0.75
) -> None:
    """What a colour classifier calls every hue and lightness, drawn over the colours themselves.

    proba        takes (rows, 3) red, green, blue from 0 to 1 and gives (rows, K) probabilities
    saturation   of all colours of the map (HLS)

    Raises MissingError where Matplotlib is not installed, OSError where the file cannot be written.
    """
    hue, lightness = np.meshgrid(np.linspace(0, 360, HUES), np.linspace(0, 1, LIGHTNESSES))
    rgb = rgb_from_hls(hue / 360, lightness, saturation)
    a = np.asarray(proba(rgb.reshape(-1, 3).astype(np.float32))).reshape(*hue.shape, -1)
    figure = _figure(9.6, 5.6)
    axes = figure.subplots()
    axes.imshow(rgb, extent=(0, 360, 0, 1), origin="lower", aspect="auto", interpolation="bilinear")
    _regions(axes, hue, lightness, a, classes)
    axes.set(xlabel="hue (degrees)", ylabel="lightness", xticks=range(0, 361, 60), ylim=(0, 1))
    axes.set_title(f"What the classifier calls each colour (HLS, saturation {saturation:g})")
    _save(figure, path)


def decision_regions(
    proba: Proba, inputs: ArrayLike, labels: ArrayLike, classes: Sequence[str], path: str | os.PathLike[str],
    *, features: Sequence[str] = ("x", "y"), title: str = "Decision regions",
) -> None:  # fmt: skip
    """The regions of a classifier in the plane, stronger where it is surer, and the points that it is about.

    proba            takes (rows, 2) and gives (rows, K) probabilities
    inputs, labels   (N, 2) points and their class indices

    Raises MissingError where Matplotlib is not installed, OSError where the file cannot be written.
    """
    figure = _figure(7, 6)
    points, t = np.asarray(inputs), np.asarray(labels)
    kept = points.dtype if points.dtype.kind == "f" else np.dtype(np.float64)
    points = points.astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    if not np.all(np.abs([low, high]) < FARTHEST):
        raise DataError(
            f"decision_regions: the points are from {low} to {high}; "
            f"a picture needs them finite and less far apart"
        )
    edge = np.where(high > low, 0.08 * (high - low), 1)
    x, y = np.meshgrid(*(np.linspace(a - e, b + e, 300) for a, b, e in zip(low, high, edge, strict=True)))
    places = np.stack([x.ravel(), y.ravel()], axis=1).clip(np.finfo(kept).min, np.finfo(kept).max)
    a = np.asarray(proba(places.astype(kept))).reshape(*x.shape, -1)
    palette = np.array([_colour(k, len(classes)) for k in range(len(classes))])
    axes = figure.subplots()
    sure = 0.15 + 0.35 * a.max(axis=2, keepdims=True)
    picture = 1 - sure * (1 - palette[a.argmax(axis=2)])
    extent = (x[0, 0], x[0, -1], y[0, 0], y[-1, 0])
    axes.imshow(picture, extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    _borders(axes, x, y, a)
    for k, name in enumerate(classes):
        rows = t == k
        axes.scatter(
            points[rows, 0],
            points[rows, 1],
            s=16,
            color=palette[k],
            edgecolor="black",
            linewidth=0.4,
            label=_name(name),
        )
    legend = axes.legend(loc="upper right", framealpha=0.9, title="label")
    for text in legend.get_texts():
        text.set_parse_math(False)
    axes.set_xlabel(_name(features[0], 40), parse_math=False)
    axes.set_ylabel(_name(features[1], 40), parse_math=False)
    axes.set_title(plain(title), parse_math=False)
    _save(figure, path)


def sample_pictures(
    pictures: ArrayLike,
    titles: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    columns: int = 6,
) -> None:
    """Small grey pictures beside one another, each with a line or two above it.

    pictures   (N, height, width), ink from 0 (white) to 1 (black)
    titles     one for each

    Raises MissingError where Matplotlib is not installed, OSError where the file cannot be written.
    """
    images = np.asarray(pictures)
    rows = max(1, -(-len(images) // columns))
    figure = _figure(1.5 * columns, 1.75 * rows + 0.5)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, text in zip(figure.axes, images, titles, strict=False):
        axes.imshow(image, cmap="Greys", vmin=0, vmax=1)
        lines = "\n".join(map(plain, text.splitlines()))
        axes.set_title(lines, fontsize=9, parse_math=False)
    figure.suptitle(plain(title), parse_math=False)
    _save(figure, path)


# ---- regions ----


def rgb_from_hls(hue: ArrayLike, lightness: ArrayLike, saturation: ArrayLike) -> NDArray[Any]:
    """Colours (..., 3) of hue, lightness and saturation, all from 0 to 1: as colorsys.hls_to_rgb, on arrays.

    >>> rgb_from_hls(1 / 3, 0.5, 1.0).round(6)
    array([0., 1., 0.])
    """
    h, l, s = np.broadcast_arrays(hue, lightness, saturation)
    chroma = (1 - np.abs(2 * l - 1)) * s
    parts = [(np.abs((6 * h + shift) % 6 - 3) - 1).clip(0, 1) for shift in (0, 4, 2)]
    return np.stack([l + chroma * (part - 0.5) for part in parts], axis=-1)


def _colour(k: int, count: int) -> tuple[float, float, float]:
    """The colour of class k in a picture of the plane: evenly spaced hues that differ in lightness too."""
    r, g, b = rgb_from_hls((0.6 + k / count) % 1, (0.45, 0.6)[k % 2 if count > 3 else 0], 0.7)
    return float(r), float(g), float(b)


def _borders(axes: Axes, x: NDArray[Any], y: NDArray[Any], a: NDArray[Any]) -> NDArray[np.intp]:
    """Draw the lines on which another class becomes the most probable; gives the class of each place."""
    for k in range(a.shape[-1]):
        others = np.delete(a, k, axis=-1).max(axis=-1) if a.shape[-1] > 1 else np.zeros_like(a[..., 0])
        ahead = a[..., k] - others
        if ahead.min() < 0 < ahead.max():
            for colour, width, alpha in (
                ("white", 2.8, 0.35),
                ("black", 1.1, 1.0),
            ):  # seen on dark colours too
                axes.contour(x, y, ahead, levels=[0], colors=colour, linewidths=width, alpha=alpha)
    return np.asarray(a.argmax(axis=-1))


def _regions(axes: Axes, x: NDArray[Any], y: NDArray[Any], a: NDArray[Any], classes: Sequence[str]) -> None:
    """Draw the borders, and each class's name where its regions are widest."""
    winner = _borders(axes, x, y, a)
    for k, name in enumerate(classes):
        region = winner == k
        while region.any():
            depth = _depth(region)
            i, j = np.unravel_index(depth.argmax(), depth.shape)
            if depth[i, j] < 5:  # too thin for a name
                break
            at = float(np.clip(x[i, j], x.min() + 12, x.max() - 12)), float(y[i, j])
            axes.text(*at, _name(name), ha="center", va="center", fontsize=10, bbox=BOX, parse_math=False)
            region &= ~_around(region, i, j)


def _depth(region: NDArray[np.bool_]) -> NDArray[np.intp]:
    """How many steps each place of a region is from its border; the edge of the map counts as one."""
    depth, inner = np.zeros(region.shape, np.intp), region
    while inner.any():
        depth += inner
        padded = np.pad(inner, 1)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return depth


def _around(region: NDArray[np.bool_], i: np.intp, j: np.intp) -> NDArray[np.bool_]:
    """The connected part of a region that holds place i, j."""
    part = np.zeros_like(region)
    part[i, j] = True
    while True:
        padded = np.pad(part, 1)
        grown = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:] | part
        grown &= region
        if (grown == part).all():
            return part
        part = grown
