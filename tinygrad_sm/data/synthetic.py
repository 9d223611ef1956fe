"""Toy classes in the plane, made from a seed. The classes take turns: row i is of class i mod `classes`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .arguments import generator, quoted, whole_number
from .dataset import Dataset

__all__ = ["blobs", "moons", "spirals"]


def spirals(
    n: int = 300, classes: int = 3, noise: float = 0.2, rng: np.random.Generator | int | None = None
) -> Dataset:
    """Arms that wind around the origin; no straight line tells them apart.

    Arm c has the points (r cos a, r sin a), a = 2 pi c / classes + 4 r + noise * N(0, 1),
    r evenly spaced in (0, 1].

    n        rows in all; inputs (n, 2) float32, labels (n,)
    classes  arms
    noise    standard deviation of the angle, in radians
    rng      a NumPy Generator or an int seed; None is the package's

    Raises DataError for fewer rows than classes, or a noise that is negative or not finite.

    >>> spirals(6, classes=3, noise=0, rng=0).inputs.round(2)[3:]
    array([[-0.65, -0.76],
           [ 0.98, -0.19],
           [-0.33,  0.94]], dtype=float32)
    """
    labels, along = _turns(n, classes)
    angle = 2 * np.pi * labels / classes + 4 * along + _normal(n, noise, rng)
    return _plane(np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1), labels)


def moons(n: int = 300, noise: float = 0.1, rng: np.random.Generator | int | None = None) -> Dataset:
    """Two half circles that reach into one another.

    Class 0 has the points (cos a, sin a), class 1 (1 - cos a, 1/2 - sin a),
    a evenly spaced in (0, pi], plus noise.

    n      rows in all; inputs (n, 2) float32, labels (n,)
    noise  standard deviation of the normal noise on both coordinates
    rng    a NumPy Generator or an int seed; None is the package's

    Raises DataError for fewer than two rows, or a noise that is negative or not finite.

    >>> moons(4, noise=0, rng=0).inputs.round(2)
    array([[ 0. ,  1. ],
           [ 1. , -0.5],
           [-1. ,  0. ],
           [ 2. ,  0.5]], dtype=float32)
    """
    labels, along = _turns(n, 2)
    x, y = np.cos(np.pi * along), np.sin(np.pi * along)
    points = np.where(labels[:, None] == 0, np.stack([x, y], axis=1), np.stack([1 - x, 0.5 - y], axis=1))
    return _plane(points + _normal((n, 2), noise, rng), labels)


def blobs(
    n: int = 300, classes: int = 3, noise: float = 1.0, rng: np.random.Generator | int | None = None
) -> Dataset:
    """Round clouds of points about random centres.

    Class c has the points centre_c + noise * N(0, 1);
    centres are uniform in the square from -10 to 10, so two may touch.

    n        rows in all; inputs (n, 2) float32, labels (n,)
    classes  clouds
    noise    standard deviation on both coordinates
    rng      a NumPy Generator or an int seed; None is the package's

    Raises DataError for fewer rows than classes, or a noise that is negative or not finite.

    >>> blobs(4, classes=2, rng=0).inputs.round(1)
    array([[ 2.2, -4.2],
           [-7.9, -8.7],
           [ 2. , -5.9],
           [-9.8, -9.6]], dtype=float32)
    """
    labels, _ = _turns(n, classes)
    source = generator(rng)
    centres = source.uniform(-10, 10, size=(classes, 2))
    return _plane(centres[labels] + _normal((n, 2), noise, source), labels)


def _turns(n: int, classes: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The label of each row, and how far along its class it is, in (0, 1]."""
    whole_number("n", n, whole_number("classes", classes, 2))
    labels = np.arange(n) % classes
    return labels, (np.arange(n) // classes + 1) / np.bincount(labels)[labels]


def _normal(
    shape: int | tuple[int, ...], noise: float, rng: np.random.Generator | int | None
) -> NDArray[np.float64]:
    if not (isinstance(noise, int | float | np.integer | np.floating) and 0 <= noise < np.inf):
        raise DataError(f"noise must be a number of at least 0, but it is {quoted(noise)}")
    return noise * generator(rng).standard_normal(shape)


def _plane(points: NDArray[np.float64], labels: NDArray[np.int64]) -> Dataset:
    names = tuple(str(label) for label in range(labels.max() + 1))
    return Dataset(points.astype(np.float32), labels, names, features=("x", "y"))
