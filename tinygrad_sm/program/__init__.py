"""The program behind a graph: one flat list of equations, which all who show or check it read."""

from .equations import Array, Equation, Program, Variable
from .live import graph
from .steps import BackwardStep, backward_steps

__all__ = ["Array", "BackwardStep", "Equation", "Program", "Variable", "backward_steps", "graph"]
