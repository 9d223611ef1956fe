"""How parameters follow their gradients: optimisers, learning-rate schedules and clipping, with PyTorch's names and meanings."""

from .adaptive import Adam
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["Adam", "Optimizer", "SGD"]
