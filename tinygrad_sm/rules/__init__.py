"""The tables of derivatives, one page for each kind of op. Importing this package fills them."""

from . import elementwise, linalg, queries, reductions, selections, shapes

__all__ = ["elementwise", "linalg", "queries", "reductions", "selections", "shapes"]
