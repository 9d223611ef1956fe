"""The program behind a graph: one flat list of equations, which all who show, check, print or run it read."""

from .compiled import Compiled, compile
from .equations import Array, Equation, Program, Variable
from .live import graph
from .steps import BackwardStep, backward_steps
from .tracing import trace

__all__ = [
    "Array", "BackwardStep", "Compiled", "Equation", "Program", "Variable", "backward_steps", "compile",
    "graph", "trace",
]  # fmt: skip
