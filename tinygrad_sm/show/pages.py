"""A Story as text for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from os import environ
from textwrap import wrap

import numpy as np

from . import tex
from .story import Line, Section, Story, summed_up, table
from .text import columns, encodable, pad, spelled

__all__ = ["latex", "markdown", "text"]

WIDTH = 100
MARKDOWN = set("\\`*_{}[]()#+!~&<>$|:@\"'")  # what means something
BOLD, BLUE, ORANGE, PLAIN = "\x1b[1m", "\x1b[34m", "\x1b[1;33m", "\x1b[0m"


def text(
    story: Story, width: int | None = None, color: bool | None = None, ascii: bool | None = None
) -> str:
    """A story in lines of at most `width` columns (names and numbers are never cut).

    width   by default the terminal's, 100 where there is none
    color   by default on a terminal; the environment's NO_COLOR turns it off
    ascii   by default where the output's encoding has no arrows and sums
    """
    width = width or (shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH)
    if ascii is None:
        ascii = not encodable("→ΣΔ≠—")
    story = in_ascii(story) if ascii else story
    lines = [*folded(story.title.split("   "), width)]
    for section in story.sections:
        about = [section.about] if section.about else []
        lines += ["", *folded([styled(section.title, BOLD, color), *about], width)]
        lines += body(section, width, color)
    return "\n".join(lines)


def in_ascii(story: Story) -> Story:
    """A story with all its words spelled in ASCII, before they are set in columns."""

    def line(x: Line) -> Line:
        return replace(x, label=spelled(x.label), text=spelled(x.text), note=spelled(x.note))

    sections = [Section(spelled(s.title), spelled(s.about), [*map(line, s.lines)]) for s in story.sections]
    return Story(spelled(story.title), sections)


def styled(words: str, style: str, color: bool | None) -> str:
    if color is None:
        color = sys.stdout.isatty() and "NO_COLOR" not in environ
    return f"{style}{words}{PLAIN}" if color else words


def folded(words: list[str], width: int) -> list[str]:
    """Pieces of text on one line if they fit, else one below the other."""
    one = "  ".join(words)
    if columns(one) <= width:
        return [one]
    return [words[0], *(f"  {line}" for more in words[1:] for line in wrapped(more.strip(), width - 2))]


def wrapped(words: str, width: int) -> list[str]:
    """A sentence in lines of at most some columns, cut between words alone."""
    return wrap(words, max(width, 1), break_long_words=False, break_on_hyphens=False)


def body(section: Section, width: int, color: bool | None) -> Iterator[str]:
    """The lines of a section, their parts in columns where the page is wide enough."""
    values = [value_lines(line, width - 6) for line in section.lines]
    label = max((columns(line.label) for line in section.lines), default=0)
    middle = max((columns(line.text) for line in section.lines), default=0)
    shape = max((columns(line.shape) for line in section.lines), default=0)
    right = max((columns(v) for value in values for v in value), default=0)
    head = label + middle + shape + 6 + (2 if shape else 0)
    side_by_side = head + right <= width
    if not side_by_side:  # then a formula that is too long for its column has its value below
        middle = max(middle - (head + right - width), min(middle, 16))
        head = label + middle + shape + 6 + (2 if shape else 0)
    for line, value in zip(section.lines, values, strict=True):
        beside = columns(line.text) <= middle and head + max(map(columns, value), default=0) <= width
        parts = [pad(line.label, label), pad(line.text, middle), *([pad(line.shape, shape)] if shape else [])]
        first = "  " + "  ".join(parts)
        note = [mark(line.note, line.note, color)] if line.note else []
        if beside:
            start = f"{first}  {pad(value[0], right)}" if value else first
            fits = columns(start) + 3 + columns(line.note) <= width
            yield "   ".join([start, *(note if fits else [])]).rstrip()
            yield from (" " * (columns(first) + 2) + more for more in value[1:])
            below = [] if fits else [line.note]
        else:
            yield first.rstrip()
            yield from (f"      {more}" for more in value)
            below = [line.note]
        lines = (more for words in below for more in wrapped(words, width - 6))
        yield from (f"      {mark(more, line.note, color)}" for more in lines)


def mark(words: str, note: str, color: bool | None) -> str:
    """Words of a note in its colour."""
    return styled(words, ORANGE if note.startswith("DIFFERS") else BLUE, color)


def value_lines(line: Line, width: int) -> list[str]:
    """The array of a line: a row per line, its numbers in columns; what is in it if it is large."""
    if line.value is None:
        return []
    rows = table(line.value, line.signed)
    if rows is None:
        return [summed_up(line.value)]
    if np.ndim(line.value) == 0:
        return [rows[0][0]]
    widest = max(len(x) for row in rows for x in row)
    lines = []
    for row in rows:
        each = max(1, (width - 2) // (widest + 1))
        chunks = [" ".join(x.rjust(widest) for x in row[i : i + each]) for i in range(0, len(row), each)]
        lines += [f"{'[' if i == 0 else ' '}{chunk}" for i, chunk in enumerate(chunks)]
        lines[-1] += "]"
    return lines


# ---- Markdown and LaTeX ----


def markdown(story: Story) -> str:
    """A story as Markdown: a heading and a table for each section, mathematics between dollar signs."""
    parts = [f"**{escaped(story.title)}**"]
    for section in story.sections:
        rows = [f"| {' | '.join(cells)} |" for cells in map(markdown_cells, section.lines)]
        table = ["|  |  | value |  |", "|---|---|---|---|", *rows]
        heading = [f"### {escaped(section.title.capitalize())}", ""]
        heading += [escaped(section.about), ""] if section.about else []
        parts.append("\n".join([*heading, *table]))
    return "\n\n".join(parts) + "\n"


def markdown_cells(line: Line) -> list[str]:
    formula, value = (part.replace("|", r"\vert ") for part in (line.latex, matrix(line)))
    mathematics = [f"${part}$" if part else "" for part in (formula, value)]
    return [escaped(line.label), *mathematics, escaped(line.note)]


def escaped(words: str) -> str:
    """A text that Markdown shows as it is."""
    return "".join(f"&#{ord(c)};" if c in MARKDOWN else c for c in words)


def latex(story: Story) -> str:
    """A story as LaTeX: a display of aligned formulas for each section (amsmath)."""
    parts = [tex.words(story.title)]
    for section in story.sections:
        lines = [latex_line(line) for line in section.lines]
        about = f": {section.about}" if section.about else ""
        parts.append(tex.words(section.title.capitalize() + about))
        parts.append("\\[\n\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}\n\\]")
    return "\n\n".join(parts) + "\n"


def latex_line(line: Line) -> str:
    value = matrix(line)
    equals = " = " if value and line.latex else ""
    note = rf" \qquad {tex.text(line.note)}" if line.note else ""
    return rf"{tex.text(line.label) if line.label else ''} &\quad {line.latex}{equals}{value}{note}"


def matrix(line: Line) -> str:
    """The array of a line in LaTeX."""
    if line.value is None:
        return ""
    rows = table(line.value)
    if rows is None:
        return tex.text(summed_up(line.value))
    if np.ndim(line.value) == 0:
        return tex.digits(rows[0][0])
    cells = (" & ".join(map(tex.digits, row)) for row in rows)
    return r"\begin{pmatrix} " + r" \\ ".join(cells) + r" \end{pmatrix}"
