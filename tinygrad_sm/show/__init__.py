"""Programs for people to look at. Everything here reads a Program, and loads when it is used."""

from .dot import draw

__all__ = ["draw"]
