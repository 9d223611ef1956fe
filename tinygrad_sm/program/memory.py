"""Which parts of one block of memory are taken and which are free."""

from __future__ import annotations

from bisect import insort

__all__ = ["ALIGNMENT", "Memory"]

ALIGNMENT = 64  # bytes: where a part may begin


class Memory:
    """Parts of one block of memory: (start, length), taken and given back."""

    def __init__(self) -> None:
        self.size = 0
        self.parts: list[tuple[int, int]] = []  # those that are free, in order

    def take(self, nbytes: int) -> tuple[int, int]:
        """The smallest free part that is large enough, or a new one at the end."""
        length = -(-nbytes // ALIGNMENT) * ALIGNMENT
        fitting = [(size, start) for start, size in self.parts if size >= length]
        if fitting:
            size, start = min(fitting)
            self.parts.remove((start, size))
            if size > length:
                insort(self.parts, (start + length, size - length))
            return start, length
        start = self.size
        if self.parts and sum(self.parts[-1]) == self.size:  # the last one is free, but too small
            start = self.parts.pop()[0]
        self.size = start + length
        return start, length

    def free(self, part: tuple[int, int]) -> None:
        """Give a part back, and join it with its neighbours."""
        insort(self.parts, part)
        at = self.parts.index(part)
        for i in (at, at - 1):
            if 0 <= i < len(self.parts) - 1 and sum(self.parts[i]) == self.parts[i + 1][0]:
                self.parts[i : i + 2] = [(self.parts[i][0], self.parts[i][1] + self.parts[i + 1][1])]
