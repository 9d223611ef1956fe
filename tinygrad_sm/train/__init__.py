"""Training with progress, validation and checkpoints; evaluation; a trained model in one object."""

from .classifier import Classifier, mlp
from .evaluation import Evaluation, cross_validate, evaluate
from .fitting import fit
from .history import History

__all__ = ["Classifier", "Evaluation", "History", "cross_validate", "evaluate", "fit", "mlp"]
