"""The exceptions of the package. Each also is the built-in exception that Python or NumPy would raise in its
place.

    TinygradError
    ├── ShapeError       (ValueError)     shapes that do not fit together
    ├── BoundsError      (IndexError)     an index outside of an axis
    ├── DtypeError       (TypeError)      complex, object or text data; a gradient asked of integers
    ├── GradientError    (RuntimeError)   a backward pass that cannot be right
    │   └── GradientCheckError (AssertionError)  a gradient that differences of the function contradict
    ├── UnsupportedError (TypeError)      a function, keyword or conversion that is not differentiable here
    ├── LinAlgError      (NumPy's)        a matrix that has no inverse, or no factor of the kind asked for
    ├── DataError        (ValueError)     labels, distributions, tables, colours
    ├── TraceError       (RuntimeError)   a function that cannot be recorded as a program
    ├── CheckpointError  (ValueError)     a model file or checkpoint that is missing, damaged or foreign
    └── MissingError     (RuntimeError)   an optional program or library that is not installed
"""

from numpy.linalg import LinAlgError as _LinAlgError

__all__ = ["BoundsError", "CheckpointError", "DataError", "DtypeError", "GradientCheckError", "GradientError",
           "LinAlgError", "MissingError", "ShapeError", "TinygradError", "TraceError",
           "UnsupportedError"]  # fmt: skip


class TinygradError(Exception):
    """What every exception of this package is."""


class ShapeError(TinygradError, ValueError):
    """Shapes do not fit together; the message names the op, the shapes and the fix."""


class BoundsError(TinygradError, IndexError):
    """An index outside of an axis, or one that NumPy does not take."""


class LinAlgError(TinygradError, _LinAlgError):
    """A matrix without what was asked for: it is singular, not positive definite, or holds NaN."""


class DtypeError(TinygradError, TypeError):
    """Data of a kind that has no real derivative: complex, object, text, or integers where floats are
    needed."""


class GradientError(TinygradError, RuntimeError):
    """A backward pass that cannot be right: no scalar, no graph, or data that changed under the graph."""


class GradientCheckError(GradientError, AssertionError):
    """A gradient that differences of the function contradict; the message names the entry and the op."""


class UnsupportedError(TinygradError, TypeError):
    """A function, keyword or conversion that would lose the gradient; the message says what to use
    instead."""


class DataError(TinygradError, ValueError):
    """Labels, target distributions, tables or colours that are not what they must be; the row is named."""


class TraceError(TinygradError, RuntimeError):
    """A function that does what a recorded program could not do again; the message says what, and the fix."""


class CheckpointError(TinygradError, ValueError):
    """A model file or checkpoint that is missing, damaged, truncated or foreign."""


class MissingError(TinygradError, RuntimeError):
    """An optional program or library is not installed; the message holds the command that brings it."""
