"""A minimal reverse-mode autograd framework over NumPy, with softmax and cross-entropy at its heart.

The engine is loaded with the package; the rest is when it is first used.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import errors, ops
from .backprop import Node as Node
from .backprop import no_grad as no_grad
from .backprop import scope as scope
from .ops import *
from .primitive import fused as fused
from .primitive import primitive as primitive
from .random import manual_seed as manual_seed
from .tensor import Tensor as Tensor

if _TYPE_CHECKING:
    from . import data, nn, optim, train
    from .check import check_grads, detect_anomaly, diagnose
    from .checkpoint import load, save
    from .program import backward_steps, compile, graph, trace
    from .show import compare, draw, explain
    from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

_WHEN_USED = {
    "check": ["check_grads", "detect_anomaly", "diagnose"],
    "checkpoint": ["load", "save"],
    "program": ["backward_steps", "compile", "graph", "trace"],
    "show": ["compare", "draw", "explain"],
    "transforms": ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"],
    "data": [], "nn": [], "optim": [], "train": [],
}  # fmt: skip
_HOME = {name: module for module, names in _WHEN_USED.items() for name in names or [module]}

__all__ = sorted({
    "Node", "Tensor", "errors", "fused", "manual_seed", "no_grad", "primitive", "scope", *_HOME, *ops.__all__,
})  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tinygrad_sm' has no attribute {name!r}")
    module = _import_module(f".{_HOME[name]}", __name__)
    found = module if _HOME[name] == name else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
