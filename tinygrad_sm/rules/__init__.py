"""The tables of derivatives, one page for each kind of op. Importing this package fills them."""

from . import elementwise, linalg, reductions, shapes

__all__ = ["elementwise", "linalg", "reductions", "shapes"]
