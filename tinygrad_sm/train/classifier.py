"""A trained model in one object: network, standardisation of its inputs, names of its classes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checkpoint as files
from .. import nn
from ..data import Standardizer
from ..errors import CheckpointError, DataError
from ..optim import AdamW, CosineAnnealingLR
from ..random import generator
from .evaluation import Evaluation, log_probabilities, logits, measure
from .fitting import fit
from .history import REFUSED, History
from .layers import described, rebuilt, shape_behind

__all__ = ["Classifier", "mlp"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
}


def mlp(
    sizes: Sequence[int], activation: str = "relu", *, rng: np.random.Generator | int | None = None
) -> nn.Sequential:
    """Linear layers of these sizes with an activation between them; the last gives logits.

    sizes       of the inputs, of each hidden layer, and the number of classes
    activation  relu, tanh, sigmoid or silu

    Raises DataError for fewer than two sizes, or another activation.

    >>> mlp([3, 16, 11], "tanh")
    Sequential(  # 251 parameters
      (0): Linear(in_features=3, out_features=16, bias=True)  # 64 parameters
      (1): Tanh()
      (2): Linear(in_features=16, out_features=11, bias=True)  # 187 parameters
    )
    """
    if activation not in ACTIVATIONS:
        raise DataError(f"mlp: the activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
    if len(sizes) < 2:
        raise DataError("mlp: sizes are at least two numbers: of the inputs, and of the classes")
    source = generator(rng)
    layers: list[nn.Module] = []
    for size, following in itertools.pairwise(sizes):
        layers += [nn.Linear(size, following, rng=source), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class Classifier:
    """Tells classes apart: a network over standardised inputs, and the names of the classes.

    network       a Sequential that gives one logit for each class; `mlp` makes one
    classes       their names, in the order of the logits
    features      the names of the columns of the inputs, or () where they have none
    standardizer  a fitted Standardizer; if not given, `fit` fits one, on what it trains on

    history  of the last `fit`

    >>> from tinygrad_sm import data
    >>> moons = data.moons(200, rng=0)
    >>> model = Classifier(mlp([2, 16, 2], rng=0), classes=["upper", "lower"])
    >>> _ = model.fit(moons.inputs, moons.labels, epochs=50, rng=0, progress=False)
    >>> model.score(moons.inputs, moons.labels) > 0.95
    True
    >>> model.predict([[0.0, 1.0], [1.0, -0.5]])
    ['upper', 'lower']
    """

    def __init__(
        self,
        network: nn.Sequential,
        classes: Sequence[str],
        features: Sequence[str] = (),
        standardizer: Standardizer | None = None,
    ) -> None:
        self.network, self.standardizer = network, standardizer
        self.classes, self.features = tuple(classes), tuple(features)
        self.history = History()

    def __repr__(self) -> str:
        return f"Classifier({', '.join(self.classes)})\n{self.network!r}"

    def fit(
        self,
        inputs: ArrayLike,
        labels: ArrayLike,
        *,
        epochs: int = 200,
        lr: float = 0.01,
        weight_decay: float = 0.01,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
        **options: Any,
    ) -> Self:
        """Standardise the inputs and train the network by AdamW, its rate falling as a cosine.

        inputs, labels    (N, ...) numbers and (N,) class indices
        lr, weight_decay  of AdamW; the defaults were chosen inside training parts of the colours
        validation        inputs and labels to measure on
        options           of `train.fit`, which trains any module with any optimiser

        Raises what `train.fit` raises.
        """
        if self.standardizer is None:
            self.standardizer = Standardizer().fit(inputs)
        if validation is not None:
            validation = (self.standardizer.transform(validation[0]), validation[1])
        optimizer = AdamW(self.network.parameters(), lr=lr, weight_decay=weight_decay)
        self.history = fit(
            self.network,
            self.standardizer.transform(inputs),
            labels,
            optimizer=optimizer,
            schedule=CosineAnnealingLR(optimizer, max(epochs, 1)),
            epochs=epochs,
            validation=validation,
            **options,
        )
        return self

    def logits(self, inputs: ArrayLike) -> NDArray[Any]:
        """(N, K) logits of inputs (N, ...). Raises DataError before `fit`, or for inputs of another shape."""
        if self.standardizer is None:
            raise DataError("this Classifier is not trained yet: call fit, or load one")
        z = logits(self.network, self.standardizer.transform(inputs))
        if z.ndim != 2 or z.shape[1] != len(self.classes):
            raise DataError(
                f"the network gives shape {z.shape}, not (N, {len(self.classes)}), one for each class"
            )
        return z

    def predict_proba(self, inputs: ArrayLike) -> NDArray[np.float64]:
        """(N, K) probabilities: a = softmax(z), in float64."""
        return np.exp(log_probabilities(self.logits(inputs)))

    def predict(self, inputs: ArrayLike) -> list[str]:
        """The name of the most probable class of each row."""
        return [self.classes[k] for k in self.logits(inputs).argmax(axis=1)]

    def evaluate(self, inputs: ArrayLike, labels: ArrayLike) -> Evaluation:
        """Accuracy, log-loss and confusion matrix."""
        return measure(log_probabilities(self.logits(inputs)), labels)

    def score(self, inputs: ArrayLike, labels: ArrayLike) -> float:
        """The accuracy: the share of the rows whose most probable class is their label."""
        return self.evaluate(inputs, labels).accuracy

    # ---- in a file ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that predicting needs to a `.npz` file, whole or not at all, without pickle.

        Raises CheckpointError for layers that a file cannot name, for whatever else `load` would refuse, such
        as weights that are not finite, and where it cannot be written; DataError before `fit`.
        """
        if self.standardizer is None:
            raise DataError("this Classifier is not trained yet: call fit first")
        state = {
            "kind": "classifier",
            "layers": [described(layer) for layer in self.network],
            "classes": self.classes,
            "features": self.features,
            "mean": self.standardizer.mean,
            "scale": self.standardizer.scale,
            "network": self.network.state_dict(),
        }
        try:
            assembled(state)
        except REFUSED as error:
            raise CheckpointError(f"cannot write {str(path)!r}: {error}") from error
        files.save(path, state)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """The classifier in a file that `save` wrote. Raises CheckpointError whatever is wrong with it."""
        state = files.load(path)
        try:
            return cls(*assembled(state))
        except REFUSED as error:
            raise CheckpointError(f"{str(path)!r} is not a model: {error}") from error


def assembled(state: dict[str, Any]) -> tuple[nn.Sequential, list[str], list[str], Standardizer]:
    """The parts of a classifier, which fit together; it costs no more than the state is large."""
    if state["kind"] != "classifier":
        raise CheckpointError("it holds another kind of state")
    names, features, weights = state["classes"], state["features"], state["network"]
    if not all(type(name) is str for name in [*names, *features]) or len(set(names)) != len(names):
        raise CheckpointError("its classes have no names, or the same")
    network = nn.Sequential(*(rebuilt(i, layer, weights) for i, layer in enumerate(state["layers"])))
    with np.errstate(all="ignore"):  # what is not finite then is found below
        network.load_state_dict(weights)
    for name, array in network.state_dict().items():
        if not np.isfinite(array).all():
            raise CheckpointError(f"{name} is not finite; train anew with a lower learning rate")
    standardizer = Standardizer(state["mean"], state["scale"])
    row = np.shape(state["mean"])
    if (given := shape_behind(network, row)) != (len(names),):
        raise CheckpointError(
            f"from a row of shape {row} the network gives shape {given}, not one logit for each of "
            f"{len(names)} classes"
        )
    return network, names, features, standardizer
