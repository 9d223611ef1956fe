"""Functions made of other functions: they have no rule of their own, and answer for NumPy's on Tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .errors import TinygradError
from .primitive import DISPATCH, FUNCTIONS, bind, check_keywords, misfit

__all__ = ["composed", "composition"]


def composition(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function that is made of primitives answer, on Tensors, for these NumPy functions.

    It may leave out keywords of NumPy's (they are refused then), and name the first parameter in its own way.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        code = function.__code__
        many, anything = code.co_flags & inspect.CO_VARARGS, code.co_flags & inspect.CO_VARKEYWORDS
        names = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])

        @wraps(function)
        def composed(*args: Any, **kwargs: Any) -> Any:
            if args and isinstance(args[0], list) and code.co_varnames[0] == "x":
                args = (np.asarray(args[0]), *args[1:])
            if (len(args) > code.co_argcount and not many) or not (anything or kwargs.keys() <= names):
                own = inspect.signature(function)
                kwargs = bind(function.__name__, functions[0] if functions else function, own, args, kwargs)
                first = kwargs.pop(next(iter(kwargs)))
                args = first if many else (first,)
                check_keywords(function.__name__, kwargs, list(own.parameters)[1:])
            try:
                return function(*args, **kwargs)
            except TinygradError as error:
                if not isinstance(error.__cause__, np.exceptions.AxisError):
                    raise
                raise misfit(error.__cause__, composed, arrays_in(args)) from error.__cause__  # type: ignore
            except (ValueError, IndexError, TypeError) as error:  # another name would keep the graph alive
                raise misfit(error, composed, arrays_in(args)) from error  # type: ignore[arg-type]

        vars(composed).update(name=function.__name__, shapes="")
        FUNCTIONS[function.__name__] = composed
        DISPATCH.update(dict.fromkeys(functions, composed))
        return composed

    return register


def arrays_in(args: Any) -> list[Any]:
    """The arrays and Tensors among the arguments, also in lists: what a message tells of."""
    parts = [x for a in args for x in (a if isinstance(a, list | tuple) else [a])]
    return [x for x in parts if hasattr(x, "dtype")]


def composed(function: Any, doc: str, definition: Callable[..., Any]) -> Callable[..., Any]:
    """A composition in one row: NumPy's function, what it does, and a lambda that says it in others."""
    definition.__name__, definition.__doc__ = function.__name__, doc
    return composition(function)(definition)
