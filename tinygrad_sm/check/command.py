"""What `python -m tinygrad_sm check FILE.py:function` does."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DataError, TinygradError
from .gradients import GradientCheck, check_grads

__all__ = ["check_file"]

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
Shapes = Mapping[str, tuple[int, ...]]


def check_file(target: str, order: int = 2, shapes: Shapes | None = None, seed: int = 0) -> GradientCheck:
    """Run check_grads on a function of a Python file, which is run as an import would run it.

    target  "FILE.py:function"
    order   up to which order
    shapes  parameters that get arrays of these shapes, drawn from the standard normal distribution
    seed    of the drawing

    A parameter's value is what `shapes` says; else what the file's `example_inputs` says, a tuple of the
    first arguments, or a dict of arguments by their names, or a dict of one of these for each function by its
    name; else its default. Floats and arrays of floats are differentiated, all else is constant.

    Raises GradientCheckError where a gradient is wrong, DataError where the file or the function is.
    """
    file, _, name = target.rpartition(":")
    if not file.endswith(".py") or not name:
        raise DataError(f"check: {target!r} is not of the form FILE.py:function, such as model.py:loss")
    path = Path(file)
    if not path.is_file():
        raise DataError(f"check: there is no file {file!r}")
    with _loaded(path) as module:
        f = getattr(module, name, None)
        if not callable(f):
            functions = [(key, x) for key, x in vars(module).items() if inspect.isfunction(x)]
            own = [key for key, x in functions if x.__module__ == module.__name__]
            raise DataError(f"check: {file} has no function {name!r}; it has {', '.join(own) or 'none'}")
        given = getattr(module, "example_inputs", ())
        if isinstance(given, dict) and any(callable(getattr(module, str(key), None)) for key in given):
            given = given.get(name, ())  # of each function its own
        call, inputs = _example(f, name, file, given, shapes or {}, seed)
        with _told(file, f"{name} raised"):
            return check_grads(call, *inputs, order=order)


@contextmanager
def _loaded(path: Path) -> Iterator[ModuleType]:
    """The module of a file, with the file's folder where it looks for what it imports."""
    spec = spec_from_file_location(f"checked_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # as dataclasses, for one, expect
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with _told(str(path), "running the file raised"):
            spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(path.resolve().parent))
        del sys.modules[module.__name__]


@contextmanager
def _told(file: str, what: str) -> Iterator[None]:
    """Whatever the user's code raises as an error of one line."""
    try:
        yield
    except TinygradError:
        raise
    except (Exception, SystemExit) as error:
        resolved = Path(file).resolve()
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == resolved]
        at = lines[-1] if lines else getattr(error, "lineno", None)
        text = str(error).splitlines()[0] if str(error) else "no message"
        where = f"{file}, line {at}" if at else file
        raise DataError(f"check: {where}: {what} {type(error).__name__}: {text}") from error


def _example(
    f: Callable[..., Any], name: str, file: str, given: Any, shapes: Shapes, seed: int
) -> tuple[Callable[..., Any], list[Any]]:
    """The function, with what is only passed by keyword in place, and the values of its other parameters."""
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        raise DataError(f"check: {file}: the parameters of {name} are not known; wrap it in a def") from None
    places = [p.name for p in parameters.values() if p.kind in POSITIONAL]
    values = {p.name: p.default for p in parameters.values() if p.default is not p.empty}
    more: list[Any] = []
    if isinstance(given, dict):
        values |= given
    elif isinstance(given, (tuple, list)):
        values |= dict(zip(places, given, strict=False))
        more = list(given[len(places) :])
    else:
        kind = type(given).__name__
        raise DataError(f"check: {file}: example_inputs must be a tuple or a dict, not {kind}")
    rng = np.random.default_rng(seed)
    values |= {key: rng.normal(size=shape) for key, shape in shapes.items()}
    takes_more = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    if unknown := [key for key in values if key not in parameters] or more[: 0 if takes_more else 1]:
        raise DataError(
            f"check: {file}: {name}{inspect.signature(f)} has no parameter for the example {unknown[0]!r:.60}"
        )
    single = (*POSITIONAL, inspect.Parameter.KEYWORD_ONLY)
    if missing := [p.name for p in parameters.values() if p.kind in single and p.name not in values]:
        raise DataError(
            f"check: {file}: {name} needs an example of {missing[0]!r}: give it a default, put "
            f"example_inputs = (...) "
            f"into the file, or ask for random numbers, such as --shape {missing[0]}=3,4"
        )
    named = {key: value for key, value in values.items() if key not in places}
    return partial(f, **named) if named else f, [*(values[key] for key in places), *more]
