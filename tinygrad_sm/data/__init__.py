"""Data for toy classifiers: colours, digits, synthetic, CSV; mini-batches, splits, standardisation.

Whatever makes or reads data gives a `Dataset` (inputs float32, labels int64, classes).
Whatever is random takes `rng=`. Whatever is wrong with data raises `DataError` that says where.
"""

from .colour_table import COLOUR_CLASSES, colours, parse_colour
from .dataset import Dataset, one_hot
from .handwriting import digits
from .loader import Batches, batches
from .scaling import Standardizer
from .splits import stratified_folds, train_test_split
from .synthetic import blobs, moons, spirals
from .tables import read_csv

__all__ = [
    "Batches",
    "COLOUR_CLASSES",
    "Dataset",
    "Standardizer",
    "batches",
    "blobs",
    "colours",
    "digits",
    "moons",
    "one_hot",
    "parse_colour",
    "read_csv",
    "spirals",
    "stratified_folds",
    "train_test_split",
]
