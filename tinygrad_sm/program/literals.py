"""How names, values and long lines are written in a text that people read and Python runs."""

from __future__ import annotations

import builtins
import io
import keyword
import re
import tokenize
from typing import Any

import numpy as np

__all__ = ["Names", "Unwritable", "comment", "number", "wrapped", "written"]

SMALL = 64  # entries: arrays of more are not written out
WIDTH = 100
RESERVED = {"np", "_", *dir(builtins), *keyword.kwlist, *keyword.softkwlist}

INNER = r"\{([^{}]*)\}"
TEX = [
    (rf"\\frac{INNER}{INNER}", r"(\1) / (\2)"), (rf"\\sqrt(?:\[3\])?{INNER}", r"root(\1)"),
    (rf"\\overline{INNER}", r"mean(\1)"),
    (rf"\\(?:mathrm|text){INNER}", r"\1"), (rf"([_^]){INNER}", r"\1(\2)"),
]  # fmt: skip


class Unwritable(Exception):
    """A value that cannot be written as code so that nothing is lost."""


class Names:
    """Names that are taken, each once."""

    def __init__(self, *taken: str) -> None:
        self.taken = {*RESERVED, *taken}

    def new(self, *wanted: str) -> str:
        """The first of these names that is free as an identifier, else the last with a number."""
        for stem in wanted:
            stem = re.sub(r"\W", "_", stem, flags=re.ASCII).lstrip("_") or "v"
            stem = f"layer_{stem}" if stem[0].isdigit() else stem
            if stem not in self.taken:
                break
        unique, n = stem, 1
        while unique in self.taken:
            n += 1
            unique = f"{stem}_{n}"
        self.taken.add(unique)
        return unique


def number(value: Any) -> str:
    """A number that stands in the code, to the last bit."""
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({number(value.item())})" if exact(value) else _unwritable(value)
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def exact(value: Any) -> bool:
    """Is a NumPy number the same after it was Python's?"""
    return value.dtype.kind in "fiub" and (bool(value != value) or value.dtype.type(value.item()) == value)


def _unwritable(value: Any) -> str:
    raise Unwritable(f"{type(value).__name__}")


def written(value: Any) -> str:
    """A value as code that gives the same; Unwritable if there is none."""
    if value is None or type(value) in (bool, int, float, str, bytes) or isinstance(value, np.generic):
        return number(value)
    if type(value) in (tuple, list):
        inner = ", ".join(map(written, value))
        return f"[{inner}]" if type(value) is list else f"({inner}{',' * (len(value) == 1)})"
    if type(value) is dict:
        return f"{{{', '.join(f'{written(k)}: {written(v)}' for k, v in value.items())}}}"
    if type(value) is slice:
        return f"slice({', '.join(map(written, (value.start, value.stop, value.step)))})"
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return f"np.{np.dtype(value).name}" if np.dtype(value).kind in "fiub" else _unwritable(value)
    if isinstance(value, type) and value in (bool, int, float):
        return value.__name__
    if isinstance(value, np.ndarray):
        return array(value)
    return _unwritable(value)


def array(value: Any) -> str:
    """An array of one value, or a small one, as code."""
    if type(value) is not np.ndarray or value.dtype.kind not in "fiub" or not value.dtype.isnative:
        return _unwritable(value)
    known = (np.float64, np.int64, np.bool) if value.size else (np.float64,)
    dtype = "" if value.dtype in known else f", dtype=np.{value.dtype.name}"
    if not value.ndim:
        return written(value[()])
    if uniform(value) and value.size > 1:
        first = value.ravel()[0].item()
        if value.dtype == np.float64 and first in (0, 1) and not np.signbit(first):
            return f"np.{'ones' if first else 'zeros'}({value.shape})"
        full = f"np.full({value.shape}, {number(first)}"
        return f"{full}{dtype})" if exact(value.ravel()[0]) else _unwritable(value)
    if value.size > SMALL or not all(map(exact, value.ravel())):
        return _unwritable(value)
    if not value.size:
        return f"np.empty({value.shape}{dtype})"
    return f"np.array({nested(value)}{dtype})"


def nested(value: Any) -> str:
    """Numbers in lists of lists; those of float32 with as few digits as tell them apart."""
    if value.ndim:
        return f"[{', '.join(map(nested, value))}]"
    text = str(value[()])
    short = value.dtype.kind == "f" and np.isfinite(value) and value.dtype.type(float(text)) == value
    return text if short else number(value.item())


def uniform(value: Any) -> bool:
    """Are all entries one number?"""
    if not value.size or value.dtype.kind not in "fiub":
        return False
    first = value.ravel()[0]
    return bool((value == first).all()) and not (
        first == 0 and np.signbit(value).any() != np.signbit(value).all()
    )


def comment(text: str) -> str:
    """A formula in LaTeX as a short line of plain letters, which may come from anywhere."""
    text, before = re.sub(r"\\bar (\w)", r"mean(\1)", text), ""
    while text != before:
        before = text
        for pattern, plain in TEX:
            text = re.sub(pattern, plain, text)
    for sign, plain in {
        r"\,": " ",
        r"\;": " ",
        r"\ln": "ln",
        r"\cdot": "*",
        r"\le": "<=",
        r"\ge": ">=",
    }.items():
        text = text.replace(sign, plain)
    text = re.sub(r"[{}]", "", re.sub(r"\\([A-Za-z]+)", r"\1", text))
    text = "".join(c if " " <= c <= "~" else " " for c in text)
    return re.sub(r"(?<![\w)])\((\w+)\)", r"\1", re.sub(r"\s+", " ", text)).strip()[:80]


def wrapped(line: str, indent: str) -> list[str]:
    """A statement in lines that fit the page, broken behind commas in brackets and before operators."""
    line = indent + line
    if len(line) <= WIDTH:
        return [line]
    depth, breaks = 0, []
    for token in tokenize.generate_tokens(io.StringIO(line.lstrip()).readline):
        depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
        if token.type == tokenize.OP and depth and token.string == ",":
            breaks.append(token.end[1] + len(indent))
    lines, start = [], 0
    deep = 8 if line.startswith("def ") else 4
    while len(line) - start > WIDTH - 8 * bool(start):
        fits = [b for b in breaks if start < b <= start + WIDTH - 8 * bool(start)]
        end = fits[-1] if fits else next((b for b in breaks if b > start), len(line))
        if end == len(line):
            break
        lines.append(line[start:end])
        start = end
    lines.append(line[start:])
    return [lines[0], *(f"{indent}{' ' * deep}{part.strip()}" for part in lines[1:] if part.strip())]
