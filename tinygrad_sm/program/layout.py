"""Where the results of a program go in memory.

a result goes into         when
its input's memory         it is a view of it
an array of its own        it is returned, or its op makes its own
the array to be updated    it is the new value of it, and nobody reads the old one any more
an input's place           each entry depends on that entry alone, and nobody reads the input any more
a part of one block        else; the parts of what nobody reads any more are taken again
"""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

import numpy as np

from .equations import Equation, Program, Variable
from .optimising import alike

__all__ = ["ALIGNMENT", "REDUCTIONS", "Layout", "Place", "adds_rows", "elementwise"]

ALIGNMENT = 64  # bytes: where a part of the block may begin
REDUCTIONS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply}


class Place(NamedTuple):
    """Where a result is.

    kind   "own", "view", "state" (the array of that variable), "input" (the place of that variable) or
           "block"
    of     the variable meant
    start  where in the block
    """

    kind: str
    of: str = ""
    start: int = 0


class Layout:
    """The place of every result.

    places   by the names of variables
    roots    whose memory a variable is in: of a view that of what it is a view of
    last     for every root, the number of the equation that reads it last
    returned the roots of what is returned
    size     of the block, in bytes
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.places: dict[str, Place] = {}
        self.roots = {v.name: v.name for v in program.inputs}
        self.last: dict[str, int] = {}
        self.size = 0
        self._free: list[tuple[int, int]] = []  # parts of the block: (start, length), in order
        self._taken: dict[str, tuple[int, int]] = {}  # by the root that is there
        self._fresh: set[str] = set()  # arrays of their own that certainly share no memory
        self._holder: dict[str, str] = {}  # which root is in the array of a state
        uses = self._find_uses()
        self._find_targets(uses)
        for i, equation in enumerate(program):
            self.places[equation.name] = self._place(i, equation)
            for root in {self.roots[x.name] for x in equation.reads if x.literal is None} | {equation.name}:
                if self.last.get(root) == i and root in self._taken:
                    self._give_back(self._taken.pop(root))

    # ---- looking ahead ----

    def _find_uses(self) -> dict[str, list[int]]:
        """Who shares whose memory, and when each is read."""
        uses: dict[str, list[int]] = {}
        for i, equation in enumerate(self.program):
            reads = [x for x in equation.reads if x.literal is None]
            shares = equation.shares
            self.roots[equation.name] = (
                equation.name if shares is None else self.roots[equation.inputs[shares].name]
            )
            for x in reads:
                uses.setdefault(self.roots[x.name], []).append(i)
            self.last |= dict.fromkeys((self.roots[x.name] for x in reads), i)
            self.last.setdefault(self.roots[equation.name], i)
        end = len(self.program)
        self.returned = {self.roots[v.name] for v in self.program.outputs}
        self.last |= dict.fromkeys(self.returned, end)
        self.last |= {self.roots[latest.name]: end for _, latest in self.program.updates}
        return uses

    def _find_targets(self, uses: dict[str, list[int]]) -> None:
        """Which results are to be written into the arrays that are updated."""
        self._targets: dict[str, Variable] = {}
        made = {equation.name: equation for equation in self.program}
        for state, latest in self.program.updates:
            name: str | None = latest.name
            while name in made and name not in self._targets and self.roots[name] not in self.returned:
                self._targets[name] = state
                name = next((x.name for x in made[name].inputs if self._is_step(x, state, made, uses)), None)

    def _is_step(
        self, x: Variable, state: Variable, made: dict[str, Equation], uses: dict[str, list[int]]
    ) -> bool:
        """Was x computed of the state, entry by entry, on the way to its new value alone: p *= a; p -= b?"""
        return (
            x.name in made and elementwise(made[x.name]) and state in made[x.name].inputs and alike(x, state)
            and len(uses[self.roots[x.name]]) == 1
        )  # fmt: skip

    # ---- one result ----

    def _place(self, i: int, equation: Equation) -> Place:
        y = equation.output
        if self.roots[y.name] != y.name:
            return Place("view")
        if y.name in self.returned or not takes_out(equation):
            if takes_out(equation) or hasattr(equation.primitive, "fused"):
                self._fresh.add(y.name)
            return Place("own")
        state = self._targets.get(y.name)
        if state is not None and alike(y, state) and self._may_overwrite(state.name, i, equation):
            self._holder[state.name] = y.name
            return Place("state", state.name)
        if elementwise(equation):
            for x in equation.inputs:
                if self._may_take_over(x, i, equation):
                    if x.name in self._taken:
                        self._taken[y.name] = self._taken.pop(x.name)
                    return Place("input", x.name)
        self._taken[y.name] = part = self._take(y.value.nbytes)
        return Place("block", "", part[0])

    def _may_overwrite(self, state: str, i: int, equation: Equation) -> bool:
        """Is what is in the array of a state read by nobody later, nor by this op in another order?"""
        holder = self._holder.get(state, state)
        if self.last.get(holder, -1) > i:
            return False
        reads = [x for x in equation.reads if x.literal is None and self.roots[x.name] == holder]
        return not reads or (elementwise(equation) and all(x.name == holder for x in reads))

    def _may_take_over(self, x: Variable, i: int, equation: Equation) -> bool:
        """Can the result be written over an input?"""
        kind = self.places.get(x.name, Place("outside")).kind
        if kind == "own" and x.name not in self._fresh:
            return False
        return bool(
            kind in ("own", "block", "input") and self.last[x.name] == i and alike(x, equation.output)
            and x.value.flags.writeable and x.name not in self.returned
            and (x.value.ndim or kind != "own")  # which may be a NumPy scalar
            and all(y.name == x.name or self.roots.get(y.name) != x.name for y in equation.reads)
        )  # fmt: skip

    # ---- the block ----

    def _take(self, nbytes: int) -> tuple[int, int]:
        """The smallest free part that is large enough, or a new one at the end."""
        length = -(-nbytes // ALIGNMENT) * ALIGNMENT
        fitting = [(size, start) for start, size in self._free if size >= length]
        if fitting:
            size, start = min(fitting)
            self._free.remove((start, size))
            if size > length:
                insort(self._free, (start + length, size - length))
            return start, length
        start = self.size
        if self._free and sum(self._free[-1]) == self.size:  # the last one is free, but too small
            start = self._free.pop()[0]
        self.size = start + length
        return start, length

    def _give_back(self, part: tuple[int, int]) -> None:
        """Let a part be taken again, joined with its neighbours."""
        insort(self._free, part)
        at = self._free.index(part)
        for i in (at, at - 1):
            if 0 <= i < len(self._free) - 1 and sum(self._free[i]) == self._free[i + 1][0]:
                self._free[i : i + 2] = [(self._free[i][0], self._free[i][1] + self._free[i + 1][1])]


def elementwise(equation: Equation) -> bool:
    """Does each entry of the result depend on the same entries of the inputs alone?"""
    function = equation.primitive.function
    if not isinstance(function, np.ufunc) or function.signature is not None:
        return False
    return getattr(np, function.__name__, None) is function  # another library's is called as it is


def adds_rows(equation: Equation) -> bool:
    """Is it the sum over the rows of a batch?"""
    shape = equation.output.shape
    return equation.primitive.name == "sum_to" and len(shape) == 1 and equation.inputs[0].shape[1:] == shape


def takes_out(equation: Equation) -> bool:
    """Can NumPy be told where to put the result?"""
    y, arrays = equation.output.value, [x.value for x in equation.inputs if x.literal is None]
    if not isinstance(y, np.ndarray) or not y.nbytes or not is_dense(y):
        return False
    match equation.primitive.name:
        case "matmul":
            return all(a.ndim == 2 for a in arrays) and y.flags.c_contiguous
        case "sum_to":
            return adds_rows(equation)
        case name if name in REDUCTIONS:
            return not equation.attrs.keys() - {"axis", "keepdims"}
    return elementwise(equation)


def is_dense(a: np.ndarray) -> bool:
    """Do the entries lie side by side, in some order of the axes?"""
    step = a.itemsize
    for n, stride in sorted(zip(a.shape, a.strides, strict=True), key=lambda pair: pair[1]):
        if n > 1 and stride != step:
            return False
        step *= n
    return True
