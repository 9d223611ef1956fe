"""A program as a person would have thought of it: without what does nothing, and what nobody asks for.

Copies, broadcasts that the next op does by itself and products with 1 are left out; what is computed of
constants is a constant.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from .equations import Equation, Program, Variable, substitute
from .expressions import PRODUCT, elementwise, key_of
from .literals import SMALL, number, uniform
from .optimising import DRAWS, NEUTRAL, alive, immutable

__all__ = ["Tidied", "immutable_number", "nameless"]

NOTHING = {"copy", "stop_gradient", "probabilities", "truths", "fraction", "checked_indices"}
NOTHING_IF_ALIKE = {"astype", "broadcast_to", "reshape", "sum_to", "squeeze"}  # where shape and dtype stay


class Tidied:
    """What is left of a program.

    equations  in order
    outputs    what stands for the program's outputs
    updates    and for its updates
    gradients  what its backward passes lead to, if it neither returns a gradient nor updates with one
    slopes     and what stands for them
    results    all that is returned as it is
    wanted     all that the equations are for
    numbers    what is computed of constants, all entries alike, as a text and its rank: 1 / 5
    made       the equations by name
    named      what to call results without a name: as the copies that are left out
    uses       how often each variable is read
    """

    def __init__(self, program: Program) -> None:
        self.known: dict[str, Variable] = {}
        self.numbers: dict[str, tuple[str, int]] = {}
        self.named: dict[str, str] = {}
        self.made: dict[str, Equation] = {}
        self._back: set[str] = set()  # what the backward passes make
        for e in program:
            e = self._tidied(e)
            same = self._same(e)
            if same is None:
                self.made[e.name] = e
            else:
                self.known[e.name] = same
                if same.name in self.made and nameless(same) and not nameless(e.output):
                    self.named.setdefault(same.name, e.name)
        self.outputs = [self.known.get(v.name, v) for v in program.outputs]
        self.updates = [(first, self.known.get(latest.name, latest)) for first, latest in program.updates]
        self.gradients: list[Variable] = []
        scopes = [self.made[v.name].scope[:1] for v in self._ends() if v.name in self.made]
        if ("backward",) not in scopes and ("update",) not in scopes:
            read = {x.name for e in program for x in e.reads} | {v.name for v in self.outputs}
            self.gradients = [e.output for e in program if e.name in self._back and e.name not in read]
        self.slopes = [self.known.get(v.name, v) for v in self.gradients]
        self.results = [*self.outputs, *self.slopes]
        self.wanted = [*self._ends(), *self.slopes]
        self.equations = alive(list(self.made.values()), self.wanted)
        self.made = {e.name: e for e in self.equations}
        self._readers: dict[str, list[int]] = {}
        self.uses: Counter[str] = Counter(v.name for v in self.wanted)
        for i, e in enumerate(self.equations):
            for x in e.reads:
                self.uses[x.name] += 1
                self._readers.setdefault(x.name, []).append(i)
        self._returned = {v.name for v in self.wanted}

    def _ends(self) -> list[Variable]:
        return [*self.outputs, *(latest for _, latest in self.updates)]

    def nameless(self, v: Variable) -> bool:
        """Has nobody given it a name, nor what it stands for?"""
        return nameless(v) and v.name not in self.named

    def inline(self, e: Equation) -> bool:
        """May a result be written into the one expression that reads it?"""
        return (
            self.nameless(e.output) and self.uses[e.name] == 1 and e.name not in self._returned
            and e.primitive.name not in DRAWS and not e.primitive.definition
            and any(x.name == e.name for x in self.equations[self._readers[e.name][0]].inputs)
        )  # fmt: skip

    def reached(self) -> dict[str, int]:
        """For each result the last equation into whose expression it may be written, by its number, or -1."""
        found: dict[str, int] = {}
        for e in reversed(self.equations):
            moves = self.inline(e) or (key_of(e) == "transpose" and self.nameless(e.output))
            places = self._readers.get(e.name, []) if moves else []
            found[e.name] = max((max(i, found[self.equations[i].name]) for i in places), default=-1)
        return found

    # ---- one equation ----

    def _tidied(self, e: Equation) -> Equation:
        """An equation of what stands for its inputs; those of a ufunc before they were broadcast."""
        inputs = [self.known.get(x.name, x) for x in e.inputs]
        if elementwise(e):
            for i, x in enumerate(inputs):
                maker = self.made.get(x.name)
                if maker is not None and key_of(maker) == "broadcast_to":
                    source = maker.inputs[0]
                    shapes = [v.shape for v in [*inputs[:i], source, *inputs[i + 1 :]]]
                    if source.literal is None and np.broadcast_shapes(*shapes) == e.output.shape:
                        inputs[i] = source
        attrs = {
            key: substitute(value, lambda x: self.known.get(x.name, x) if isinstance(x, Variable) else x)
            for key, value in e.attrs.items()
        }
        cast = key_of(e) == "astype" and e.inputs[0].name in self._back  # a gradient in a parameter's dtype
        scope = ("backward",) if cast else e.scope
        if scope[:1] == ("backward",):
            self._back.add(e.name)
        return replace(e, inputs=tuple(inputs), attrs=attrs, scope=scope)

    def _same(self, e: Equation) -> Variable | None:
        """What an equation's result is without computing it: an input, or a constant."""
        key, output = key_of(e), e.output
        if key in DRAWS or not key or not e.inputs:
            return None
        first = e.inputs[0]
        if first.literal is None and (key in NOTHING or (key in NOTHING_IF_ALIKE and alike(first, output))):
            return first
        if all(map(immutable, e.reads)):
            return self._folded(e, key)
        for place, neutral in enumerate(NEUTRAL.get(key, ())):
            x, other = e.inputs[place], e.inputs[1 - place]
            if neutral is not None and immutable(x) and (x.value == neutral).all() and alike(other, output):
                return other if other.literal is None else None
        return None

    def _folded(self, e: Equation, key: str) -> Variable | None:
        value = np.array(e.value)
        if value.dtype.kind not in "fiub" or not (value.size <= SMALL or uniform(value)):
            return None
        value.flags.writeable = False
        parts = [immutable_number(x) for x in e.inputs]
        name = f"c{len(self.known)}.{e.name}"
        if (
            key == "divide"
            and all(n is not None and n == int(n) and abs(n) < 1e6 for n in parts)
            and parts[1]
        ):
            self.numbers[name] = f"{number(int(parts[0]))} / {number(int(parts[1]))}", PRODUCT
        if key == "broadcast_to" and e.inputs[0].name in self.numbers:
            self.numbers[name] = self.numbers[e.inputs[0].name]
        if key == "negative" and e.inputs[0].name in self.numbers:
            text, rank = self.numbers[e.inputs[0].name]
            self.numbers[name] = (text[1:] if text.startswith("-") else f"-{text}"), rank
        return Variable(name, "constant", value)


def alike(x: Variable, y: Variable) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype


def nameless(v: Variable) -> bool:
    """Has nobody given it a name?"""
    return re.fullmatch(r"[cvg]\d+(\..*)?", v.name) is not None


def immutable_number(v: Variable) -> Any:
    """The number that a constant is, an array of one value by it; None for anything else."""
    if not immutable(v) or v.value.dtype.kind not in "fiub" or not uniform(v.value):
        return None
    value = v.value.ravel()[0].item()
    return value if np.isfinite(value) else None
