"""The slope of a function of one number by central differences, and whether a derivative agrees with it.

The letters: t the number, h a step, L(t) the function; right = (L(h) - L(0)) / h, left = (L(0) - L(-h)) / h,
central = their mean. Steps shrink by 4; two of them give Richardson's estimate, whose error is O(h^4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, isfinite, isnan
from typing import NamedTuple

__all__ = ["Verdict", "judge"]

SHRINK = 4
STEPS = 22
CLEAR = 1000  # times as large as its noise: rounding cannot have made such a quotient


class Verdict(NamedTuple):
    """What differences say of one derivative."""

    kind: str  # "right", "wrong", or "kink" where there is no derivative and the one given is as good as any
    expected: float
    error: float  # relative, of a right one


class Quotient(NamedTuple):
    """The difference quotients of one step."""

    central: float
    right: float
    left: float
    noise: float  # what rounding may have done to them


def judge(
    L: Callable[[float], float], got: float, h: float, noise: float, tolerance: float, floor: float
) -> Verdict:
    """Compare dL/dt at 0 with differences, whose steps shrink from h until they agree with it.

    noise      how much rounding may change L
    tolerance  how much the derivative may be off, relative
    floor      and how much in any case
    """
    found: list[Quotient] = []
    best, least = inf, inf
    for q in _quotients(L, h, noise):
        if not isfinite(q.central):
            found.append(q)
            continue
        estimate, error = q.central, abs(q.right - q.left)
        if found and isfinite(found[-1].central):
            estimate = (SHRINK**2 * q.central - found[-1].central) / (SHRINK**2 - 1)
            error = abs(estimate - q.central)
        found.append(q)
        margin = floor + 4 * found[0].noise  # the noise of shorter steps would excuse anything
        if isfinite(got) and abs(got - estimate) <= tolerance * max(abs(got), abs(estimate)) + margin:
            return Verdict("right", estimate, _relative(got, estimate, margin))
        if error + q.noise < least:
            best, least = estimate, error + q.noise
    if _kink(found, got):
        return Verdict("kink", best, 0)
    margin = tolerance * max(abs(got), abs(best)) + floor + least
    if isfinite(got) and isfinite(best) and abs(got - best) <= margin:
        return Verdict("right", best, _relative(got, best, floor + least))
    return Verdict("wrong", best if isfinite(best) else _one_sided(found), inf)


def _relative(got: float, expected: float, margin: float) -> float:
    off = abs(got - expected) - margin
    return off / max(abs(got), abs(expected)) if off > 0 else 0.0


def _quotients(L: Callable[[float], float], h: float, noise: float) -> Iterator[Quotient]:
    middle = L(0.0)
    for _ in range(STEPS):
        above, below = L(h), L(-h)
        yield Quotient((above - below) / (2 * h), (above - middle) / h, (middle - below) / h, noise / h)
        h /= SHRINK


def _one_sided(found: list[Quotient]) -> float:
    """The best quotient at the edge of a domain, where only one side has values."""
    clear = [q for q in found if _size(q) > CLEAR * q.noise] or found
    return clear[-1].right if isfinite(clear[-1].right) else clear[-1].left


def _kink(found: list[Quotient], got: float) -> bool:
    """Is there no derivative, and `got` one that a convention could give?

    At a kink the quotients from both sides differ however small the step; at a jump or an infinite slope they
    grow without end; at the edge of a domain one side has none.
    """
    if isnan(got):
        return False
    clear = [q for q in found if _size(q) > CLEAR * q.noise]
    if len(clear) < 4:
        return False
    early, late = clear[-3], clear[-1]
    if _size(late) > 1.5 * _size(early):  # smooth functions settle
        return isfinite(got) or (got > 0) == (max(late.right, late.left, key=_magnitude) > 0)
    sides = [s for s in (late.left, late.right) if isfinite(s)]
    margin = 0.01 * _size(late)
    between = min(sides) - margin <= got <= max(sides) + margin
    if len(sides) == 1:
        return between
    gap, before = abs(late.right - late.left), abs(early.right - early.left)
    return between and gap > 100 * late.noise and gap > before / SHRINK  # of smooth ones it shrinks by 16


def _size(q: Quotient) -> float:
    return max(_magnitude(q.left), _magnitude(q.right))


def _magnitude(x: float) -> float:
    return abs(x) if isfinite(x) else 0.0
