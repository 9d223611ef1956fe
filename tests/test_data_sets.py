"""Datasets, one-hot rows, digits and the synthetic classes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_sm import data
from tinygrad_sm.errors import DataError, MissingError


def test_public_names_are_sorted_and_complete() -> None:
    assert data.__all__ == sorted(set(data.__all__))
    public = {n for n, v in vars(data).items() if not n.startswith("_") and not isinstance(v, ModuleType)}
    assert public == set(data.__all__)
    assert all(getattr(data, name).__doc__ for name in data.__all__)


@pytest.mark.thread_unsafe(reason="it starts a process")
def test_importing_data_loads_only_numpy() -> None:
    command = [sys.executable, "-c", "import sys, tinygrad_sm.data; print(*sys.modules)"]
    loaded = set(subprocess.check_output(command, text=True).split())
    assert not {"sklearn", "scipy", "pandas", "matplotlib"} & loaded


# -- Dataset and one-hot rows


def test_a_dataset_is_frozen_and_says_what_it_is() -> None:
    made = data.Dataset(np.ones((2, 3), np.float32), [1, 0], ["a", "b"], features="xyz", names=("p", "q"))
    assert len(made) == 2
    assert (made.classes, made.features, made.names) == (("a", "b"), ("x", "y", "z"), ("p", "q"))
    assert made.labels.dtype == np.int64
    assert repr(made) == "Dataset(2 rows of shape (3,), float32; classes: a, b)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.labels = made.labels


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"inputs": np.ones((2, 3), int)}, "int64 of shape"),
        ({"inputs": np.ones(2)}, r"shape \(2,\)"),
        ({"inputs": np.array([[1, 2, 3], [4, np.nan, 6]])}, r"inputs\[1, 1\] is nan"),
        ({"labels": [0, 2]}, r"labels\[1\] is 2, but with 2 classes"),
        ({"labels": [0, -1]}, r"labels\[1\] is -1"),
        ({"labels": [0.0, 1.0]}, "float64"),
        ({"labels": [True, False]}, "bool"),
        ({"labels": [0]}, r"shape \(2,\)"),
        ({"labels": [[0], [1]]}, r"\(2, 1\)"),
        ({"classes": ()}, "at least one name"),
        ({"classes": ("a", "a")}, "each once"),
        ({"features": ("x",)}, "1 names of features"),
        ({"names": ("p",)}, "1 names of rows"),
        ({"inputs": np.ones((2, 3, 3)), "features": ("x", "y", "z")}, "names of features"),
    ],
)
def test_a_dataset_that_does_not_fit_together_is_refused(change: dict[str, object], says: str) -> None:
    fields = {"inputs": np.ones((2, 3)), "labels": [0, 1], "classes": ("a", "b")} | change
    with pytest.raises(DataError, match=says):
        data.Dataset(**fields)


@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint64, np.int64]), hnp.array_shapes(), elements=st.integers(0, 6)
    )
)
def test_one_hot_rows_are_rows_of_the_identity(labels: np.ndarray) -> None:
    rows = data.one_hot(labels, 7)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.eye(7)[labels.astype(int)])
    assert data.one_hot(labels, 9, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "n_classes", "says"),
    [
        ([0, 3], 3, r"labels\[1\] is 3, but with 3 classes a label is from 0 to 2"),
        ([[0, 1], [2, -1]], 3, r"labels\[1, 1\] is -1"),
        (5, 3, "the label is 5"),
        (np.uint64(2**64 - 1), 3, "18446744073709551615"),
        ([0.0], 3, "float64"),
        ([True], 3, "bool"),
        (["0"], 3, "<U1"),
        ([[0], [0, 1]], 3, "not an array"),
        ([0], 0, "n_classes must be at least 1"),
        ([0], 3.0, "n_classes must be a whole number"),
    ],
)
def test_labels_are_checked(labels: object, n_classes: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        data.one_hot(labels, n_classes)


# -- digits


@pytest.fixture
def datasets() -> Any:
    return pytest.importorskip("sklearn.datasets")


def test_digits_are_those_of_scikit_learn(datasets: Any) -> None:
    digits, bunch = data.digits(), datasets.load_digits()
    assert digits.inputs.shape == (1797, 64)
    assert digits.inputs.dtype == np.float32
    assert (digits.inputs.min(), digits.inputs.max()) == (0, 1)
    np.testing.assert_array_equal(16 * digits.inputs, bunch.data)
    np.testing.assert_array_equal(digits.labels, bunch.target)
    assert digits.classes == tuple("0123456789")
    np.testing.assert_array_equal(16 * digits.inputs.reshape(-1, 8, 8), bunch.images)
    assert digits.features[9] == "row 1, column 1"


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingError, match=r"pip install 'tinygrad_sm\[examples\]'"):
        data.digits()


# -- synthetic classes

MAKERS = [data.spirals, data.moons, data.blobs]


@pytest.mark.parametrize("make", MAKERS)
@given(n=st.integers(5, 100), seed=st.integers(0, 2**32))
def test_classes_are_even_in_every_prefix(make: Callable[..., data.Dataset], n: int, seed: int) -> None:
    made = make(n, rng=seed)
    assert made.inputs.shape == (n, 2)
    assert made.inputs.dtype == np.float32
    for stop in (5, n):
        assert np.ptp(np.bincount(made.labels[:stop], minlength=len(made.classes))) <= 1
    np.testing.assert_array_equal(make(n, rng=seed).inputs, made.inputs)
    np.testing.assert_array_equal(make(n, rng=np.random.default_rng(seed)).inputs, made.inputs)
    assert not np.array_equal(make(n, rng=seed + 1).inputs, made.inputs)
    assert not np.array_equal(make(n).inputs, make(n).inputs)


def test_defaults_of_the_synthetic_classes() -> None:
    assert [len(make(rng=0)) for make in MAKERS] == [300, 300, 300]
    assert [make(rng=0).classes for make in MAKERS] == [("0", "1", "2"), ("0", "1"), ("0", "1", "2")]
    assert [make(rng=0).features for make in MAKERS] == [("x", "y")] * 3
    for make, noise in zip(MAKERS, (0.2, 0.1, 1.0), strict=True):
        np.testing.assert_array_equal(make(rng=0).inputs, make(noise=noise, rng=0).inputs)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_arms_of_a_spiral_are_turned_copies(classes: int) -> None:
    made = data.spirals(20 * classes, classes=classes, noise=0)
    points = made.inputs[:, 0] + 1j * made.inputs[:, 1]
    arms = np.stack([points[made.labels == c] for c in range(classes)])
    np.testing.assert_allclose(
        arms, arms[0] * np.exp(2j * np.pi * np.arange(classes) / classes)[:, None], atol=1e-6
    )
    np.testing.assert_allclose(abs(arms[0]), np.linspace(0.05, 1, 20), rtol=1e-6)
    np.testing.assert_allclose(arms[0], abs(arms[0]) * np.exp(4j * abs(arms[0])), atol=1e-6)


def test_spiral_noise_turns_the_points() -> None:
    noisy, clean = (data.spirals(30_000, noise=noise, rng=0).inputs @ np.array([1, 1j]) for noise in (0.2, 0))
    np.testing.assert_allclose(abs(noisy), abs(clean), rtol=1e-5)
    assert abs(np.angle(noisy / clean).std() - 0.2) < 0.01


def test_moons_are_half_circles_as_in_scikit_learn() -> None:
    made = data.moons(200, noise=0)
    upper, lower = (made.inputs[made.labels == c] for c in (0, 1))
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(*upper.T[::-1]), np.pi * np.arange(1, 101) / 100, atol=1e-6)
    assert upper[:, 1].min() > -1e-6
    assert lower[:, 1].max() < 0.5 + 1e-6
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, labels = datasets.make_moons(2000, random_state=0)
    for ours, label in ((upper, 0), (lower, 1)):  # each of our points has one of theirs nearby
        nearest = np.linalg.norm(ours[:, None] - theirs[labels == label], axis=2).min(axis=1)
        assert nearest.max() < 0.002


@pytest.mark.parametrize(("make", "noise"), [(data.moons, 0.3), (data.blobs, 1.5)])
def test_noise_is_a_standard_deviation(make: Callable[..., data.Dataset], noise: float) -> None:
    spread = make(30_000, noise=noise, rng=0).inputs - make(30_000, noise=0, rng=0).inputs
    np.testing.assert_allclose(spread.std(axis=0), noise, rtol=0.02)
    np.testing.assert_allclose(spread.mean(axis=0), 0, atol=0.03)


def test_blobs_have_a_centre_for_each_class() -> None:
    made = data.blobs(40, classes=4, noise=0, rng=0)
    for label in range(4):
        assert not np.ptp(made.inputs[made.labels == label], axis=0).any()
    assert len(np.unique(made.inputs, axis=0)) == 4
    assert abs(made.inputs).max() <= 10


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"n": 1}, "n must be at least"),
        ({"n": 10.0}, "n must be a whole number"),
        ({"noise": -0.1}, "noise"),
        ({"noise": np.nan}, "but it is nan"),
        ({"noise": np.inf}, "but it is inf"),
        ({"noise": "0"}, "but it is '0'"),
        ({"noise": 1j}, "noise"),
        ({"rng": 1.5}, "rng must be a whole number"),
    ],
)
def test_bad_settings_are_refused(
    make: Callable[..., data.Dataset], keywords: dict[str, object], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        make(**keywords)


@pytest.mark.parametrize("make", [data.spirals, data.blobs])
def test_a_classifier_needs_two_classes(make: Callable[..., data.Dataset]) -> None:
    with pytest.raises(DataError, match="classes must be at least 2"):
        make(classes=1)
    with pytest.raises(DataError, match="n must be at least 7, but it is 6"):
        make(6, classes=7)
