"""Elementwise functions made of others."""

from typing import Any

import numpy as np

from ..composition import composed, composition
from ..primitive import Array
from ..rules.elementwise import choose, clamp

# fmt: off
composed(np.divmod, "The floor of a / b, and what remains.", lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)))
composed(np.modf, "The part of x behind the point, and the part before it.", lambda x:
    (np.fmod(np.where(np.isinf(x), 0, x), 1), np.trunc(x)))


@composition(np.clip)
def clip(x: Array, a_min: Array = None, a_max: Array = None, *, min: Array = None, max: Array = None) -> Array:
    """x, but a_min where it is below and a_max where it is above; min and max are other names of the bounds."""
    return clamp(x, a_min if min is None else min, a_max if max is None else max)


@composition(np.where)
def where(condition: Array, *branches: Array) -> Any:
    """Entries of the first branch where the condition holds, else of the second; without branches, where it holds."""
    return choose(condition, *branches) if branches else np.nonzero(condition)


@composition(np.copysign)
def copysign(a: Array, b: Array) -> Array:
    """|a| with the sign of b, which has no derivative by b; by a it is 0 where a is 0."""
    dtype = np.copysign(*(np.ones((), x.dtype) if hasattr(x, "dtype") else x for x in (a, b))).dtype
    size = np.absolute(a.astype(dtype) if hasattr(a, "dtype") else np.asarray(a, dtype))
    return np.where(np.signbit(b), -size, size)
