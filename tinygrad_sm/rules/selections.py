"""Entries chosen by place, by condition or by rank. The letters: x input; k a key; y output; g = dL/dy.

Where a place is chosen twice, its gradients add up.
"""

from typing import Any

import numpy as np

from ..primitive import Array, Primitive, primitive


def scatter(x: Array, key: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape with x added at [key]; where the key repeats an index, its entries add up."""
    y = np.zeros(shape, np.result_type(x))
    basic = (slice, int, type(None), type(Ellipsis))
    if all(isinstance(k, basic) and not isinstance(k, bool) for k in (key if isinstance(key, tuple) else (key,))):
        y[key] = x
    else:
        np.add.at(y, key, x)
    return y


# function                         formula                       rule
primitive(lambda x, key: x[key],   r"x_{k}",                     lambda g, y, x, key=():
        scatter_add(g, key=key, shape=np.shape(x)),
    name="getitem",                shapes="NumPy's of x[key]", example="tg.getitem(np.array([1., 2., 3.]), key=[0, 2])")
scatter_add: Primitive = primitive(scatter, r"0, \; y_{k} \mathrel{+}= x", lambda g, y, x, key=(), shape=(): g[key],
    name="scatter_add",            shapes="x of the shape of y[key]; y of `shape`",
    example="tg.scatter_add(1.0, key=1, shape=(3,))")
