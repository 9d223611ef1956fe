"""Programs for people to look at. Everything here reads a Program, and loads when it is used."""

from .compare import Comparison, compare
from .dot import draw
from .explain import explain

__all__ = ["Comparison", "compare", "draw", "explain"]
