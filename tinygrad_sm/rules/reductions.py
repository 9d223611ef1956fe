"""Reductions. The letters: x input; y output; g = dL/dy, which `spread` takes back to x's shape."""

import numpy as np

from ..primitive import primitive


def spread(g, x, axis, keepdims):
    """Repeat g, a reduction's result, along the axes of x that the reduction took away."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, np.shape(x))


def count(y, x):
    """How many entries of x went into each entry of y."""
    return np.size(x) // max(np.size(y), 1)


def share(g, y, x, axis, keepdims):
    """Give g to the entries of x that equal the extreme y, in equal parts where there are several."""
    hit = x == spread(y, x, axis, keepdims)
    return spread(g, x, axis, keepdims) * hit / np.sum(hit, axis, keepdims=True)


shapes = "x without the axes given (kept with length 1 if keepdims), a scalar if axis is None"

# fmt: off
# function        formula                      rule
primitive(np.sum,  r"\sum x",                  lambda g, y, x, axis=None, keepdims=False: spread(g, x, axis, keepdims),
          shapes=shapes, example="tg.sum([[1., 2.], [3., 4.]], axis=0) -> array([4., 6.])")
primitive(np.mean, r"\frac{1}{n} \sum x",      lambda g, y, x, axis=None, keepdims=False: spread(g / count(y, x), x, axis, keepdims),
          shapes=shapes, example="tg.mean([[1., 2.], [3., 4.]], axis=0) -> array([2., 3.])")
primitive(np.max,  r"\max x",                  lambda g, y, x, axis=None, keepdims=False: share(g, y, x, axis, keepdims),
          shapes=shapes, example="tg.max([[1., 2.], [3., 4.]], axis=0) -> array([3., 4.])")
primitive(np.min,  r"\min x",                  lambda g, y, x, axis=None, keepdims=False: share(g, y, x, axis, keepdims),
          shapes=shapes, example="tg.min([[1., 2.], [3., 4.]], axis=0) -> array([1., 2.])")

# no derivative
primitive(np.argmax, r"\mathrm{argmax}\, x", None, shapes=shapes)
primitive(np.argmin, r"\mathrm{argmin}\, x", None, shapes=shapes)
primitive(np.any, r"\exists x", None, shapes=shapes)
primitive(np.all, r"\forall x", None, shapes=shapes)
# fmt: on
