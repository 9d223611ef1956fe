"""Neural networks: modules that own parameters, layers, losses and initialisations, with PyTorch's names and meanings."""

from . import init
from .activations import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from .linear import Dropout, Embedding, Flatten, Linear
from .losses import CrossEntropyLoss
from .module import Module, ModuleList, Sequential

__all__ = [
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "GELU",
    "LeakyReLU",
    "Linear",
    "Module",
    "ModuleList",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "init",
]
