"""Reductions, and the sums and products that run along an axis. The letters: x input; y output; g = dL/dy.

Equal entries of max and min share the gradient; std and norm have derivative 0 where they are 0; prod and cumprod are
right where entries are 0. Where entries are equal, sort, median and their like give the gradient to one of them.
"""

from math import prod

import numpy as np

from ..primitive import Array, Axis, primitive, sum_to
from .shapes import axes_of


def spread(g: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """Repeat g, a reduction's result, along the axes of x that the reduction took away."""
    if axis is not None and not keepdims and np.ndim(x):
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, np.shape(x))


def divided(g: Array, y: Array, x: Array) -> Array:
    """g over n, how many entries of x went into each of y. float16 ends at 65504, so a large n is divided by in two
    steps, which in other dtypes gives the same to the last bit."""
    return g / n if (n := np.size(x) // max(np.size(y), 1)) < 2**15 else g / (n / 2**15) / 2**15


def share(g: Array, y: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """Give g to the entries of x that equal the extreme y, in equal parts where there are several."""
    hit = (x == spread(y, x, axis, keepdims)).astype(y.dtype)
    return spread(g, x, axis, keepdims) * hit / np.sum(hit, axis, keepdims=True)


def in_rows(x: Array, axis: Axis) -> Array:
    """x with the axes meant last, and made one."""
    axes = axes_of(x, axis)
    kept = [n for i, n in enumerate(np.shape(x)) if i not in axes]
    return np.reshape(np.moveaxis(x, axes, range(-len(axes), 0)), (*kept, prod(np.shape(x)[i] for i in axes)))


def from_rows(rows: Array, x: Array, axis: Axis) -> Array:
    """The way back from in_rows."""
    axes = axes_of(x, axis)
    rows = np.reshape(rows, (*rows.shape[:-1], *[np.shape(x)[i] for i in axes]))
    return np.moveaxis(rows, range(-len(axes), 0), axes)


def shifted(x: Array, k: int) -> Array:
    """Rows k places to the left, filled up with 0."""
    return np.concatenate((x[..., k:], np.zeros_like(x[..., :k])), -1)


def through_products(g: Array, rows: Array) -> Array:
    """From g of cumprod: x_1 ... x_(i-1) s_i with s_i = g_i + x_(i+1) s_(i+1), which reaches twice as far each time."""
    before = np.cumprod(np.concatenate((np.ones_like(rows[..., :1]), rows[..., :-1]), -1), -1)
    s, factor, reach = g, shifted(rows, 1), 1
    while reach < rows.shape[-1]:
        s, factor, reach = s + factor * shifted(s, reach), factor * shifted(factor, reach), 2 * reach
    return before * s


def through_prod(g: Array, x: Array, axis: Axis) -> Array:
    """A product is the last of the cumulated products."""
    rows = in_rows(x, axis)
    last = np.concatenate((np.zeros_like(rows[..., 1:]), np.reshape(g, (*rows.shape[:-1], 1))), -1)
    return from_rows(through_products(last[..., : rows.shape[-1]], rows), x, axis)


shape = "x without the axes given (kept with length 1 if keepdims), a scalar if axis is None"
sample = "[[1., 2.], [3., 4.]], axis=0)"
# function              formula                     rule
primitive(np.sum,       r"\sum x",                  lambda g, y, x, axis=None, keepdims=False:
        spread(g, x, axis, keepdims),
    shapes=shape, example=f"tg.sum({sample}")
primitive(sum_to,       r"\sum x",                  lambda g, y, x, shape=(): np.broadcast_to(g, np.shape(x)),
    shapes="x to `shape`, which broadcasts to x's: summed along the axes that were stretched",
    example="tg.sum_to(np.array([[1., 2.], [3., 4.]]), shape=(2,))")
primitive(np.mean,      r"\frac{1}{n} \sum x",      lambda g, y, x, axis=None, keepdims=False:
        spread(divided(g, y, x), x, axis, keepdims),
    shapes=shape, example=f"tg.mean({sample}")
primitive(np.prod,      r"\prod x",                 lambda g, y, x, axis=None, keepdims=False: through_prod(g, x, axis),
    shapes=shape, example=f"tg.prod({sample}")
for extreme, formula in {np.max: r"\max x", np.min: r"\min x"}.items():
    primitive(extreme,  formula,                    lambda g, y, x, axis=None, keepdims=False:
        share(g, y, x, axis, keepdims),
        numpy=(getattr(np, f"a{extreme.__name__}"),), shapes=shape, example=f"tg.{extreme.__name__}({sample}")
length = primitive(lambda x, axis=None, keepdims=False: np.sqrt(np.sum(x * x, axis, keepdims=keepdims)),
                        r"\sqrt{\sum x^2}",         lambda g, y, x, axis=None, keepdims=False:
        spread(g / (y + (y == 0)), x, axis, keepdims) * x,
    name="euclid", shapes=shape, example="tg.euclid(np.array([3., 4.]))")
primitive(np.cumsum,    r"y_i = \sum_{j \le i} x_j",lambda g, y, x, axis=None: np.reshape(
        np.flip(np.cumsum(np.flip(g, axis), axis), axis), np.shape(x)),
    shapes="x's, flat if axis is None", example=f"tg.cumsum({sample}")
primitive(np.cumprod,   r"y_i = \prod_{j \le i} x_j", lambda g, y, x, axis=None: from_rows(
        through_products(in_rows(g, axis), in_rows(x, axis)), x, axis),
    shapes="x's, flat if axis is None", example=f"tg.cumprod({sample}")
