"""Mini-batches, splits and standardisation, held to NumPy and to scikit-learn."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_sm import data
from tinygrad_sm.data.arguments import generator, quoted
from tinygrad_sm.errors import DataError
from tinygrad_sm.random import generator as package_generator
from tinygrad_sm.random import manual_seed

SEEDS = st.integers(0, 2**32)
LABELS = hnp.arrays(np.int64, st.integers(2, 60), elements=st.integers(-3, 5))


def flat(batches: data.Batches, position: int = 0) -> np.ndarray:
    return np.concatenate([batch[position] for batch in batches])


# -- mini-batches


@given(st.integers(1, 50), st.integers(1, 60), st.booleans(), st.booleans(), SEEDS)
def test_a_pass_has_every_row_once(rows: int, size: int, shuffle: bool, drop_last: bool, seed: int) -> None:
    x, y = np.arange(2.0 * rows).reshape(rows, 2), np.arange(rows)
    if drop_last and rows < size:
        with pytest.raises(DataError, match="leaves no batch"):
            data.batches(x, y, batch_size=size, drop_last=True)
        return
    batches = data.batches(x, y, batch_size=size, shuffle=shuffle, rng=seed, drop_last=drop_last)
    for _ in range(2):
        got = list(batches)
        assert len(got) == len(batches)
        sizes = [len(batch_y) for _, batch_y in got]
        assert sizes[:-1] == [size] * (len(sizes) - 1)
        assert sizes[-1] == (size if drop_last else (rows - 1) % size + 1)
        seen = np.concatenate([batch_y for _, batch_y in got])
        assert len(set(seen.tolist())) == len(seen) == (rows // size * size if drop_last else rows)
        np.testing.assert_array_equal(np.concatenate([batch_x for batch_x, _ in got]), x[seen])
        if not shuffle:
            assert seen.tolist() == list(range(len(seen)))


def test_each_pass_has_a_new_order_that_the_seed_determines() -> None:
    once, again = (data.batches(np.arange(100), rng=7) for _ in range(2))
    first, second = flat(once), flat(once)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(100))
    np.testing.assert_array_equal(flat(again), first)
    np.testing.assert_array_equal(flat(again), second)
    np.testing.assert_array_equal(first, np.random.default_rng(7).permutation(100))
    assert not np.array_equal(flat(data.batches(np.arange(100), rng=8)), first)


@pytest.mark.thread_unsafe(reason="the generator is the process's")
def test_a_generator_is_shared_and_none_is_that_of_the_package() -> None:
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(
        flat(data.batches(np.arange(9), rng=rng)), np.random.default_rng(7).permutation(9)
    )
    assert rng.bit_generator.state != np.random.default_rng(7).bit_generator.state
    assert not np.array_equal(flat(data.batches(np.arange(1000))), flat(data.batches(np.arange(1000))))
    manual_seed(7)
    np.testing.assert_array_equal(flat(data.batches(np.arange(9))), np.random.default_rng(7).permutation(9))


def test_batches_are_copies_in_the_asked_dtype() -> None:
    x, y = np.ones((4, 2)), np.arange(4, dtype=np.int32)
    for shuffle in (True, False):
        for x_batch, y_batch in data.batches(x, y, batch_size=2, shuffle=shuffle):
            assert (x_batch.dtype, y_batch.dtype) == (np.float32, np.int32)
            x_batch += 1
            y_batch += 1
    single = np.ones((4, 2), np.float32)
    for (batch,) in data.batches(single, shuffle=False):
        batch += 1
    assert (x.sum(), y.sum(), single.sum()) == (8, 6, 8)
    assert next(iter(data.batches(x, dtype=None)))[0].dtype == np.float64
    assert data.batches(single).arrays[0] is single  # no second copy of data that are right as they are
    assert next(iter(data.batches(single, dtype=np.float64)))[0].dtype == np.float64


def test_batches_are_of_32_shuffled_rows_by_default() -> None:
    first, *_, last = data.batches(np.arange(100), rng=0)
    assert (len(first[0]), len(last[0])) == (32, 4)
    assert sorted(first[0]) != list(range(32))


def test_the_state_survives_json() -> None:
    batches = data.batches(np.arange(50), batch_size=8, rng=1)
    flat(batches)
    state = json.loads(json.dumps(batches.state_dict()))
    then = [flat(batches) for _ in range(3)]
    other = data.batches(np.arange(50), batch_size=8, rng=99)
    other.load_state_dict(state)
    for order in then:
        np.testing.assert_array_equal(flat(other), order)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["bit_generator", "state", "inc", "has_uint32", "uinteger", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(
    JSON | JSON.map(lambda inner: {"bit_generator": "PCG64", "state": inner, "has_uint32": 0, "uinteger": 0})
)
def test_any_other_state_is_refused_and_changes_nothing(state: object) -> None:
    batches = data.batches(np.arange(50), rng=1)
    before = batches.state_dict()
    with contextlib.suppress(DataError):
        batches.load_state_dict(state)
        return
    assert batches.state_dict() == before


@pytest.mark.parametrize(
    "state",
    [None, {}, {"bit_generator": "PCG64"}, np.random.Generator(np.random.MT19937(0)).bit_generator.state],
)
def test_a_foreign_state_is_refused(state: object) -> None:
    batches = data.batches(np.arange(50), rng=1)
    before = batches.state_dict()
    with pytest.raises(DataError, match="not a state of a PCG64"):
        batches.load_state_dict(state)
    assert batches.state_dict() == before


@pytest.mark.parametrize(
    ("arrays", "keywords", "says"),
    [
        ((), {}, "no arrays"),
        ((np.ones((5, 3)), np.ones(4)), {}, r"arrays\[0\] has 5 rows \(shape \(5, 3\)\), arrays\[1\] has 4"),
        ((np.ones((0, 3)),), {}, "no rows"),
        ((np.float64(3),), {}, "without rows"),
        (([[1], [1, 2]],), {}, r"arrays\[0\] is not an array"),
        ((np.ones(4),), {"batch_size": 0}, "batch_size must be at least 1, but it is 0"),
        ((np.ones(4),), {"batch_size": 2.0}, "batch_size must be a whole number, but it is 2.0"),
        ((np.ones(4),), {"batch_size": 5, "drop_last": True}, "leaves no batch of 4 rows"),
        ((np.ones(4),), {"rng": -1}, "rng must be at least 0"),
        ((np.ones(4),), {"rng": "seed"}, "rng must be a whole number, but it is 'seed'"),
        ((np.ones(4),), {"dtype": np.int32}, "float type"),
    ],
)
def test_bad_batches_are_refused(arrays: tuple[object, ...], keywords: dict[str, object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        data.batches(*arrays, **keywords)


def test_generators_come_from_one_place() -> None:
    rng = np.random.default_rng(3)
    assert generator(rng) is rng
    assert generator(3).random() == generator(np.int32(3)).random() == rng.random()
    assert generator(None) is package_generator()


def test_messages_show_long_values_cut_short() -> None:
    assert quoted("a" * 60) == repr("a" * 60)
    assert quoted("a" * 61) == repr("a" * 60) + "..."
    assert quoted(b"\n" * 61) == repr(b"\n" * 60) + "..."
    assert quoted(list(range(9))) == "[0, 1, 2, 3, 4, 5, 6, 7, 8]"
    assert quoted([0] * 100) == repr([0] * 100)[:200] + "..."


# -- splits


@given(LABELS, st.floats(0.01, 0.99), st.booleans(), SEEDS)
def test_a_split_has_every_row_once(labels: np.ndarray, share: float, stratify: bool, seed: int) -> None:
    rows, expected = len(labels), int(np.ceil(share * len(labels)))
    keywords = {"test_size": share, "stratify": labels if stratify else None, "rng": seed}
    if expected == rows:
        with pytest.raises(DataError, match="leaves 0 to train"):
            data.train_test_split(labels, **keywords)
        return
    x = np.stack([labels, np.arange(rows)], axis=1)
    x_train, x_test, y_train, y_test = data.train_test_split(x, labels, **keywords)
    assert (len(x_train), len(x_test)) == (rows - expected, expected)
    assert sorted([*x_train[:, 1], *x_test[:, 1]]) == list(range(rows))
    np.testing.assert_array_equal(x_train[:, 0], y_train)
    np.testing.assert_array_equal(x_test[:, 0], y_test)
    if stratify:
        for label, count in Counter(labels.tolist()).items():
            assert abs((y_test == label).sum() - count * expected / rows) < 1


def test_a_split_is_random_seeded_and_in_no_order() -> None:
    labels = np.repeat([0, 1], 100)
    for stratify in (None, labels):
        train, test = data.train_test_split(np.arange(200), stratify=stratify, rng=0)
        assert not np.array_equal(train, np.sort(train))
        assert not np.array_equal(test, np.sort(test))
        assert 0 < labels[test[:20]].mean() < 1
        np.testing.assert_array_equal(
            data.train_test_split(np.arange(200), stratify=stratify, rng=0)[1], test
        )
        assert not np.array_equal(data.train_test_split(np.arange(200), stratify=stratify, rng=1)[1], test)


def test_every_row_is_tested_equally_often() -> None:
    rng = np.random.default_rng(0)
    times = np.zeros(10)
    for _ in range(2000):
        times[data.train_test_split(np.arange(10), test_size=3, stratify=[0] * 4 + [1] * 6, rng=rng)[1]] += 1
    assert abs(times[:4] / 2000 - 1 / 4).max() < 0.05  # 1.2 of 3 test rows are due to the first class: 1
    assert abs(times[4:] / 2000 - 2 / 6).max() < 0.05


@pytest.fixture
def selection() -> Any:
    return pytest.importorskip("sklearn.model_selection")


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 1 / 3, 0.5, 7])
def test_sizes_are_those_of_scikit_learn(share: float, selection: Any) -> None:
    labels = data.colours().labels
    ours = data.train_test_split(labels, test_size=share, stratify=None, rng=0)
    theirs = selection.train_test_split(labels, test_size=share, random_state=0)
    assert [len(part) for part in ours] == [len(part) for part in theirs]


@pytest.mark.parametrize(
    ("test_size", "stratify", "says"),
    [
        (0, None, "leaves 10 to train and 0 to test"),
        (10, None, "leaves 0 to train"),
        (11, None, "leaves -1"),
        (-1, None, "leaves 11"),
        (0.0, None, "a share between 0 and 1"),
        (1.0, None, "a share between 0 and 1"),
        (float("nan"), None, "but it is nan"),
        ("0.2", None, "but it is '0.2'"),
        (None, None, "but it is None"),
        (0.2, np.zeros(9, int), r"shape \(10,\)"),
        (0.2, np.zeros((10, 2), int), r"\(10, 2\)"),
        (0.2, np.zeros(10), "float64"),
    ],
)
def test_bad_splits_are_refused(test_size: object, stratify: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        data.train_test_split(np.arange(10), test_size=test_size, stratify=stratify)


def check_folds(labels: np.ndarray, k: int, folds: list[tuple[np.ndarray, np.ndarray]]) -> None:
    rows = len(labels)
    assert len(folds) == k
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(rows))
    for train, test in folds:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(rows))
    assert np.ptp([len(test) for _, test in folds]) <= 1
    for label in np.unique(labels):
        assert np.ptp([(labels[test] == label).sum() for _, test in folds]) <= 1


@given(LABELS, st.integers(2, 9), SEEDS)
def test_folds_are_even_in_each_class_and_in_all(labels: np.ndarray, k: int, seed: int) -> None:
    if k > len(labels):
        with pytest.raises(DataError, match=f"k is {k}, but there are only {len(labels)} rows"):
            data.stratified_folds(labels, k)
        return
    check_folds(labels, k, data.stratified_folds(labels, k, rng=seed))
    check_folds(labels, k, data.stratified_folds(labels.astype(str), k, rng=seed))


def test_the_three_blacks_are_in_three_folds() -> None:
    labels = data.colours().labels
    folds = data.stratified_folds(labels, rng=0)
    check_folds(labels, 5, folds)
    assert sorted((labels[test] == 0).sum() for _, test in folds) == [0, 0, 1, 1, 1]


def test_folds_are_random_and_seeded() -> None:
    labels = np.arange(100) % 3
    tests = [data.stratified_folds(labels, rng=seed)[0][1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(tests[0], tests[1])
    assert not np.array_equal(tests[0], tests[2])
    rng = np.random.default_rng(0)
    assert not np.array_equal(
        data.stratified_folds(labels, rng=rng)[0][1], data.stratified_folds(labels, rng=rng)[0][1]
    )


def test_folds_are_as_even_as_those_of_scikit_learn(selection: Any) -> None:
    table = data.colours()
    keep = table.labels > 0  # scikit-learn warns of classes smaller than k
    labels = table.labels[keep]
    theirs = list(
        selection.StratifiedKFold(5, shuffle=True, random_state=0).split(table.inputs[keep], labels)
    )
    ours = data.stratified_folds(labels, rng=0)
    for label in np.unique(labels):
        counts = [sorted((labels[test] == label).sum() for _, test in folds) for folds in (ours, theirs)]
        assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("labels", "k", "says"),
    [
        ([0, 1, 2], 1, "k must be at least 2"),
        ([0, 1, 2], 2.0, "k must be a whole number"),
        ([0.5, 1, 2], 2, "float64"),
        ([[0, 1], [2, 3]], 2, r"\(2, 2\)"),
        ([], 2, "only 0 rows|float64"),
        ([0, None], 2, "object"),
    ],
)
def test_bad_folds_are_refused(labels: object, k: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        data.stratified_folds(labels, k)


# -- standardisation


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(50,), (50, 3), (50, 2, 4, 4), (1, 3)])
def test_standardized_columns_have_mean_0_and_deviation_1(dtype: type, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = (5 + 3 * rng.standard_normal(shape)).astype(dtype)
    standardizer = data.Standardizer()
    assert standardizer.fit(x) is standardizer
    z = standardizer.transform(x)
    assert z.dtype == dtype
    assert z.shape == shape
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(standardizer.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(z.mean(axis=0, dtype=np.float64), 0, atol=8 * eps)
    np.testing.assert_allclose(z.std(axis=0, dtype=np.float64), 1 if shape[0] > 1 else 0, rtol=8 * eps)
    back = standardizer.inverse_transform(z)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, x, rtol=8 * eps, atol=16 * eps)


@pytest.fixture
def preprocessing() -> Any:
    return pytest.importorskip("sklearn.preprocessing")


def test_scale_is_that_of_scikit_learn(preprocessing: Any) -> None:
    x = data.colours().inputs.astype(np.float64)
    ours, theirs = data.Standardizer().fit(x[:600]), preprocessing.StandardScaler().fit(x[:600])
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-13)
    np.testing.assert_allclose(ours.scale, theirs.scale_, rtol=1e-13)
    np.testing.assert_allclose(ours.transform(x[600:]), theirs.transform(x[600:]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("value", [0, 0.1, 1e8 + 1 / 3, -1e-30, 5e-324])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_has_scale_1(value: float, dtype: type) -> None:
    x = np.full((7, 2), value, dtype)
    x[:, 1] = np.arange(7)
    standardizer = data.Standardizer().fit(x)
    assert standardizer.scale[0] == 1
    assert standardizer.mean[0] == x[0, 0]
    assert not standardizer.transform(x)[:, 0].any()
    np.testing.assert_array_equal(standardizer.inverse_transform(standardizer.transform(x))[:, 0], x[:, 0])


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.floats(-1e300, 1e300)))
def test_fit_never_gives_a_scale_that_cannot_be_divided_by(x: np.ndarray) -> None:
    standardizer = data.Standardizer().fit(x)
    assert np.all(standardizer.scale > 0)
    assert np.all(np.isfinite(standardizer.scale))
    assert np.all(np.isfinite(standardizer.transform(x)))


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e200])
def test_the_square_of_a_deviation_may_be_beyond_the_dtype(size: float) -> None:
    z = data.Standardizer().fit([[0.0], [2 * size]]).transform([[0.0], [size], [2 * size]])
    np.testing.assert_allclose(z, [[-1], [0], [1]], rtol=1e-15)


def test_integers_become_float32() -> None:
    z = data.Standardizer().fit(np.array([[0], [255]], np.uint8)).transform(np.array([[255]], np.uint8))
    assert z.dtype == np.float32
    assert z.tolist() == [[1]]


def test_a_standardizer_is_restored_from_its_arrays() -> None:
    x = np.random.default_rng(0).random((20, 3), np.float32)
    fitted = data.Standardizer().fit(x)
    restored = data.Standardizer(fitted.mean, fitted.scale)
    np.testing.assert_array_equal(restored.transform(x), fitted.transform(x))
    np.testing.assert_array_equal(restored.transform(x[0]), fitted.transform(x)[0])
    assert fitted.mean.dtype == fitted.scale.dtype == np.float64


def test_a_failed_fit_leaves_the_old_one() -> None:
    standardizer = data.Standardizer().fit([[0.0], [2.0]])
    with pytest.raises(DataError):
        standardizer.fit([[np.nan], [2.0]])
    assert standardizer.transform([[3.0]]).tolist() == [[2]]


def test_bad_standardisation_is_refused() -> None:
    fitted = data.Standardizer().fit(np.eye(3))
    with pytest.raises(DataError, match="call fit"):
        data.Standardizer().transform(np.eye(3))
    with pytest.raises(DataError, match="call fit"):
        data.Standardizer().inverse_transform(np.eye(3))
    with pytest.raises(DataError, match=r"\(3, 2\).*rows of shape \(3,\)"):
        fitted.transform(np.ones((3, 2)))
    with pytest.raises(DataError, match=r"x\[1, 0\] is nan"):
        data.Standardizer().fit([[1, 2], [np.nan, 3]])
    with pytest.raises(DataError, match=r"x\[0, 1\] is inf"):
        data.Standardizer().fit([[1, np.inf], [0, 3]])
    with pytest.raises(DataError, match="scale of x"):
        data.Standardizer().fit([[1.7e308], [-1.7e308]])
    with pytest.raises(DataError, match="at least one row"):
        data.Standardizer().fit(np.ones((0, 3)))
    with pytest.raises(DataError, match="real numbers"):
        data.Standardizer().fit(np.array([["a"]]))
    with pytest.raises(DataError, match="real numbers"):
        fitted.transform(np.ones((2, 3), complex))
    with pytest.raises(DataError, match="belong together"):
        data.Standardizer(mean=[0.0])
    with pytest.raises(DataError, match="scales above 0"):
        data.Standardizer([0.0], [0.0])
    with pytest.raises(DataError, match="one shape"):
        data.Standardizer([0.0], [1.0, 1.0])
    with pytest.raises(DataError, match=r"scale\[0\] is nan"):
        data.Standardizer([0.0], [np.nan])
