"""Functions of functions: grad, vjp, jvp, jacobian, hessian, hvp, with JAX's names and signatures.

A function may take and return numbers, arrays, Tensors, and tuples, lists and dicts of them, nested. What it
closes over is a constant to it. Numbers and arrays in, arrays out; Tensors in, Tensors out. Within another
transform everything is recorded, so that transforms nest to any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from .backprop import current_mode, tracing, walk, within
from .errors import GradientError, ShapeError, UnsupportedError
from .primitive import PRIMITIVES, filled
from .tensor import Tensor

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]
Argnums = int | Sequence[int]

_nested: ContextVar[bool] = ContextVar("tinygrad_sm.transforms", default=False)  # inside of a transform?


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The function that gives the gradient of f, which returns a scalar: value_and_grad without the value.

    >>> grad(np.tanh)(0.0)
    np.float64(1.0)
    """
    both = value_and_grad(f, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The function that gives f(*args), a scalar, and its gradient, in the structure of the argument.

    argnums  the argument (int) or arguments (tuple) to differentiate by
    has_aux  f returns (scalar, anything), and the result is ((scalar, anything), gradient)

    Raises GradientError if f returns no scalar, or an integer or truth value.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """

    def both(*args: Any, **kwargs: Any) -> Any:
        run = _run(f, args, kwargs, argnums, has_aux)
        value = run.result
        if not isinstance(value, (Tensor, np.ndarray, np.generic, float, int)) or np.shape(value) != ():
            raise GradientError(
                f"grad: the function returned {_described(value)}, not a scalar; reduce it (.sum(), "
                f".mean()), or use jacobian, or vjp with a cotangent"
            )
        dtype = np.dtype(getattr(value, "dtype", type(value)))
        if dtype.kind != "f":
            raise GradientError(
                f"grad: the function returned {dtype}, which has no derivative; return a real number, or "
                f"multiply by 1.0 what is constant"
            )
        g = run.pull([filled(1, dtype)])
        value = run.out(value)
        return ((value, tree_map(run.out, run.aux)) if has_aux else value), _one_or_all(g, argnums)

    return both


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """f(*primals), and the function that takes a cotangent u of its shape to the tuple of J^T u (and aux).

    Raises ShapeError for a cotangent of another structure or shape.

    >>> y, pull = vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pull(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    run = _run(f, primals, {}, tuple(range(len(primals))), has_aux)
    value = tree_map(run.out, run.result)

    def pull(cotangent: Any) -> tuple[Any, ...]:
        _check_like(cotangent, run.result, "vjp", "cotangent", "the function's result")
        return tuple(run.pull(tree_leaves(cotangent)))

    return (value, pull, tree_map(run.out, run.aux)) if has_aux else (value, pull)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and J t for the tangents t, one for each primal: the transpose of the linear u -> J^T u.

    Raises ShapeError for tangents of another structure or shape.

    >>> jvp(lambda x: x**2, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (array([1., 4.]), array([ 2., 40.]))
    """
    primals, tangents = _tuples("jvp", primals, tangents)
    run = _run(f, primals, {}, tuple(range(len(primals))), False, inner=True)
    outputs = tree_leaves(run.result)
    with within(recording=True):
        u = [Argument(np.ones(np.shape(y), getattr(y, "dtype", None)), requires_grad=True) for y in outputs]
        g = tree_leaves(run.pull(list(u)))
        inner = _inner(g, tree_leaves(tangents))
        found = _pull([inner], [np.ones((), inner.dtype)], u, recorded=run.nested)
    rest = iter([run.out(_zeros(v) if t is None else t) for v, t in zip(u, found, strict=True)])
    return tree_map(run.out, run.result), tree_map(lambda _: next(rest), run.result)


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The product of the Hessian of a scalar f with tangents: the gradient of (gradient of f) . t.

    One primal gives one array, several give a tuple.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    primals, tangents = _tuples("hvp", primals, tangents)
    every = tuple(range(len(primals)))

    def slope(*args: Any) -> Any:
        g = tree_leaves(grad(f, every)(*args))
        return _inner(g, tree_leaves(tangents))

    found = grad(slope, every)(*primals)
    return found[0] if len(primals) == 1 else found


def jacobian(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The function that gives the Jacobian of f: for each array in its result, for each array in the
    argument, an array of shape (*result.shape, *argument.shape).

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def jacobians(*args: Any, **kwargs: Any) -> Any:
        run = _run(f, args, kwargs, argnums, has_aux)
        outputs = tree_leaves(run.result)

        def rows(place: int) -> Any:
            y = outputs[place]
            found = []
            for i in range(np.size(y)):
                seeds: list[Any] = [None] * len(outputs)
                seeds[place] = np.eye(1, np.size(y), i, getattr(y, "dtype", float)).reshape(np.shape(y))
                found.append(run.pull(seeds))
            shape = np.shape(y)
            whole = [_stacked([row[n] for row in found], shape, x) for n, x in enumerate(run.primals)]
            return _one_or_all(whole, argnums)

        places = iter(range(len(outputs)))
        result = tree_map(lambda _: rows(next(places)), run.result)
        return (result, tree_map(run.out, run.aux)) if has_aux else result

    return jacobians


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives the Hessian of a scalar f: the Jacobian of its gradient.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(f, argnums), argnums)


# ---- what they share ----


class Argument(Tensor):
    """A leaf that a transform makes, to stand for an argument."""

    __slots__ = ()


class _Run(NamedTuple):
    """A function run on variables of its own, ready to be pulled back."""

    result: Any  # a tree of Tensors (and constants)
    aux: Any
    primals: list[Any]  # the arguments that are differentiated by
    variables: list[Any]  # the same as trees of Tensors
    wrapped: bool  # is any of them a Tensor, so that results are Tensors?
    nested: bool  # is everything recorded: for a transform around, or a Tensor that asks for its gradient?
    inner: bool  # shall the pass itself be recorded in any case?

    def pull(self, cotangents: list[Any]) -> list[Any]:
        """J^T u as one tree for each primal."""
        leaves = tree_leaves(self.variables)
        asked = any(isinstance(u, Tensor) and u.requires_grad for u in cotangents)  # J^T u by u, later on
        recorded = self.nested or self.inner or asked
        found = iter(_pull(tree_leaves(self.result), cotangents, leaves, recorded))

        def gradient(primal: Any, variable: Any) -> Any:
            g = next(found)
            g = _zeros(variable) if g is None else g
            return g if recorded else self.out(g, primal)

        return [tree_map(gradient, x, v) for x, v in zip(self.primals, self.variables, strict=True)]

    def out(self, y: Any, like: Any = None) -> Any:
        """A result as the caller gets it: recorded, or an array, or a Tensor if the argument was one."""
        if self.nested or not isinstance(y, (Tensor, np.ndarray, np.generic)):
            return y
        if (watcher := current_mode().watcher) is not None and watcher.tracing:
            return watcher.out(y, tree_leaves(self.primals))
        if self.wrapped:
            return y.detach() if isinstance(y, Tensor) else Tensor(y)
        array = y.data if isinstance(y, Tensor) else np.asarray(y)
        return array if isinstance(like, np.ndarray) else array[()]


def _run(f: Function, args: Any, kwargs: Any, argnums: Argnums, has_aux: bool, inner: bool = False) -> _Run:
    given = [argnums] if isinstance(argnums, (int, np.integer)) else list(argnums)
    if not all(isinstance(place, (int, np.integer)) and -len(args) <= place < len(args) for place in given):
        raise UnsupportedError(
            f"argnums={argnums!r}: the function was called with {len(args)} positional arguments, whose "
            f"numbers are 0 to {len(args) - 1}"
        )
    places = [place % len(args) for place in given]
    if len({*places}) < len(places):
        raise UnsupportedError(f"argnums={argnums!r} names an argument twice")
    primals = [args[place] for place in places]
    tensors = [x for x in tree_leaves(primals) if isinstance(x, Tensor)]
    nested = _nested.get() or any(x.requires_grad for x in tensors)
    token = _nested.set(True)
    try:
        with within(recording=True):
            variables = [tree_map(_variable, x) for x in primals]
            args = list(args)
            for place, variable in zip(places, variables, strict=True):
                args[place] = variable
            result = f(*args, **kwargs)
    finally:
        _nested.reset(token)
    if has_aux and not (isinstance(result, tuple) and len(result) == 2):
        raise UnsupportedError("has_aux=True: the function must return a pair (result, aux)")
    result, aux = result if has_aux else (result, None)
    return _Run(result, aux, primals, variables, bool(tensors), nested, inner)


def _variable(x: Any) -> Tensor:
    """A Tensor of its own for an argument, recorded as a copy of it where that one asks for its gradient."""
    if not isinstance(x, Tensor):
        return Argument(x, requires_grad=True)
    t: Tensor = PRIMITIVES["copy"](x if x.dtype.kind == "f" else x.astype(dtype=np.float64))
    if type(t) is Tensor and t.node is None:
        return Argument(t, requires_grad=True)
    t.requires_grad = True
    return t


def _pull(outputs: list[Any], cotangents: Iterable[Any], variables: list[Any], recorded: bool) -> list[Any]:
    """For each variable, the sum of what the backward passes from the outputs give it, or None."""
    numbers = {v._number for v in variables}
    since = min(numbers, default=0)
    totals: dict[Tensor, Any] = {}
    on_tensors = recorded or tracing()
    with within(recording=recorded or not on_tensors, scope=("backward",)):
        for y, u in zip(outputs, cotangents, strict=True):
            if u is None or not isinstance(y, Tensor):
                continue
            u = u if on_tensors and isinstance(u, Tensor) else np.asarray(u, y.dtype)
            u = Tensor(u) if on_tensors and not isinstance(u, Tensor) else u
            found = {y: u} if y.node is None else walk(y, u, on_tensors, numbers, since)
            for x, g in found.items():
                totals[x] = totals[x] + g if x in totals else g
        gradients = [(totals.get(v), v.dtype) for v in variables]
        return [g if g is None or g.dtype == dtype else g.astype(dtype) for g, dtype in gradients]


def _inner(g: list[Any], tangents: list[Any]) -> Any:
    """The inner product of two lists of arrays."""
    products = [(a * t).sum() for a, t in zip(g, tangents, strict=True)]
    return sum(products[1:], products[0]) if products else Tensor(0.0)


def _zeros(x: Any) -> Any:
    return np.zeros(x.shape, x.dtype)


def _stacked(rows: list[Any], shape: tuple[int, ...], primal: Any) -> Any:
    """The rows of a Jacobian, trees like the primal, as one tree of arrays, the result's axes first."""

    def stack(like: Any, *parts: Any) -> Any:
        if not parts:
            return np.zeros((*shape, *np.shape(like)))
        stacked = np.stack(parts)
        return np.reshape(stacked, (*shape, *stacked.shape[1:]))

    return tree_map(stack, primal, *rows)


def _one_or_all(found: list[Any], argnums: Argnums) -> Any:
    return found[0] if isinstance(argnums, (int, np.integer)) else tuple(found)


def _tuples(name: str, primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise UnsupportedError(
            f"{name}: primals and tangents are tuples, one entry for each argument: (x,), (v,)"
        )
    _check_like(list(tangents), list(primals), name, "tangent", "the primal")
    return tuple(primals), tuple(tangents)


def _check_like(given: Any, expected: Any, name: str, what: str, of: str) -> None:
    try:
        tree_map(lambda e, g: None if np.shape(e) == np.shape(g) else 1 / 0, expected, given)
    except (ValueError, TypeError, KeyError, ZeroDivisionError):
        raise ShapeError(
            f"{name}: the {what} is {_described(given)}, but {of} is {_described(expected)}; "
            f"they must be alike"
        ) from None


def _described(tree: Any) -> str:
    """The structure of a value, with the shapes of its arrays."""
    return repr(tree_map(_shape_of, tree))


def _shape_of(x: Any) -> str:
    number = isinstance(x, (Tensor, np.ndarray, np.generic, float, int))
    return _Shown(f"array of shape {np.shape(x)}" if number else repr(x))


class _Shown(str):
    __slots__ = ()
    __repr__ = str.__str__


# ---- trees: nested tuples, lists and dicts ----


def tree_map(f: Function, tree: Any, *rest: Any) -> Any:
    """The tree with f(leaf, leaves of the other trees in its place) for each leaf; None is an empty tree."""
    if isinstance(tree, dict):
        if any(not isinstance(r, dict) or r.keys() != tree.keys() for r in rest):
            raise ValueError("dicts with different keys")
        return {key: tree_map(f, value, *(r[key] for r in rest)) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        items = [tree_map(f, *parts) for parts in zip(tree, *rest, strict=True)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return None if tree is None else f(tree, *rest)


def tree_leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    tree_map(found.append, tree)
    return found
