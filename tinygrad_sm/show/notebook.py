"""What a notebook shows of tensors and modules; programs, comparisons and diagrams know it themselves."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from ..errors import UnsupportedError
from ..program import graph
from ..tensor import Tensor
from .diagram import Diagram

__all__ = ["of_module", "of_tensor"]

MOST_EQUATIONS = 2000  # of a graph that is drawn unasked


def of_tensor(tensor: Tensor) -> dict[str, str]:
    """The picture of the graph behind a tensor, if it was computed by not too many ops, and its text."""
    bundle = {"text/plain": repr(tensor)}
    if tensor.node is not None:
        known = vars(sys.modules["__main__"]).items()  # a notebook's variables
        names = {name: x for name, x in known if isinstance(x, Tensor) and name[0] != "_"}
        program = graph(tensor, names=names)
        if len(program) <= MOST_EQUATIONS:
            bundle["image/svg+xml"] = program.svg()
    return bundle


def of_module(module: Any) -> dict[str, str]:
    """The diagram of a network, if there is one for its layers, and its text."""
    bundle = {"text/plain": repr(module)}
    with suppress(UnsupportedError):
        bundle["image/svg+xml"] = Diagram(module).svg()
    return bundle
