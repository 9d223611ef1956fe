"""A minimal reverse-mode autograd framework over NumPy, with softmax and cross-entropy at its heart."""

from . import ops
from .backprop import Node, no_grad, scope
from .ops import *
from .primitive import fused, primitive
from .random import manual_seed
from .tensor import Tensor

__all__ = ["Node", "Tensor", "fused", "manual_seed", "no_grad", "primitive", "scope", *(name for name in ops.__all__ if name != "Methods")]
