"""Results on the colours beside scikit-learn's, on the same folds; and the measures themselves."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from tinygrad_sm import data, nn, train

pytest.importorskip("sklearn")


def test_measures_are_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(200, 5)) * 4, rng.integers(5, size=200)
    a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    result = train.evaluate(nn.Sequential(), z, t)
    assert result.accuracy == accuracy_score(t, a.argmax(axis=1))
    assert result.log_loss == pytest.approx(log_loss(t, a), rel=1e-12)
    np.testing.assert_array_equal(result.confusion, confusion_matrix(t, a.argmax(axis=1)))


@pytest.mark.parametrize("hidden", [16, 32])
def test_colours_are_named_as_well_as_by_mlp_classifier(hidden: int) -> None:
    """Defaults on both sides, but for their number of epochs, which they need to converge; same folds."""
    from sklearn.neural_network import MLPClassifier

    table = data.colours()

    def ours(rows: Any) -> Any:
        model = train.Classifier(train.mlp([3, hidden, 11], rng=0), table.classes)
        model.fit(table.inputs[rows], table.labels[rows], rng=0, progress=False)
        return lambda test: model.predict_proba(table.inputs[test])

    def theirs(rows: Any) -> Any:
        scale = data.Standardizer().fit(table.inputs[rows])
        model = MLPClassifier((hidden,), max_iter=1000, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged even then
            model.fit(scale.transform(table.inputs[rows]), table.labels[rows])
        return lambda test: model.predict_proba(scale.transform(table.inputs[test]))

    one, other = (train.cross_validate(fitted, table.labels, rng=1) for fitted in (ours, theirs))
    for name, sign in (("accuracy", 1), ("log_loss", -1)):
        mine = sign * np.array([getattr(result, name) for result in one])
        peer = sign * np.array([getattr(result, name) for result in other])
        error = peer.std(ddof=1) / len(peer) ** 0.5
        assert mine.mean() >= peer.mean() - error, f"{name}: {mine} beside {peer}"
