"""The program behind a graph: one flat list of equations, which all who show or check it read."""

from .equations import Array, Equation, Program, Variable
from .live import graph

__all__ = ["Array", "Equation", "Program", "Variable", "graph"]
