"""One recorded program of a compiled function, ready to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backprop import now
from ..errors import TraceError
from ..tensor import Tensor
from .environment import Environment
from .equations import Program, Variable, substitute
from .fast import emit
from .optimising import frozen, optimised, same_bits
from .recording import Numbers
from .tracing import Recording

__all__ = ["Version", "signature"]


class Version:
    """A program with the parameters, optimisers and arrays that it works on.

    It may run in several threads at once: each takes a `run` with buffers of its own from those that are free.
    """

    def __init__(self, recording: Recording, program: Program) -> None:
        self.recording, self.output = recording, recording.output
        self.program = program = optimised(program)
        known = {id(t): t for t in recording.environment.tensors}
        gradients = {id(grad._data): p for p, grad in recording.grads if grad is not None}
        inputs = [v for v in program.inputs if v.literal is None]
        numbers = [v for v in inputs if v.kind == "number"]
        self.read = [v for v in inputs if id(v.source.value) in gradients]
        self.readers = [gradients[id(v.source.value)] for v in self.read]
        self.sources = list(dict.fromkeys(v.source.source[0] for v in numbers))
        self.picks = [
            (self.sources.index(source), place) for source, place in (v.source.source for v in numbers)
        ]
        self.numbers = numbers
        self.emitted = emit(program, [*numbers, *self.read])
        space: dict[str, Any] = {}
        exec(compile(self.emitted.source, "<program>", "exec"), space)  # noqa: S102 (see fast: names are identifiers)
        self._make: Callable[..., Any] = space["make"]
        self.tensors = [v.source.thing for v in self.emitted.stays if isinstance(v.source.thing, Tensor)]
        for t in self.tensors:
            if id(t) not in known and t._number < recording.began:
                raise TraceError(
                    f"compile: the function reads {t.label}, which it reaches in a way that cannot be watched; pass "
                    f"it in as an argument, or let the function name it"
                )
        self.updated = [t for t in recording.environment.tensors if id(t._data) in recording.recorder.updates]
        self.kept = [(p, grad is not None) for p, grad in recording.kept_gradients()]
        self.signature = signature(recording, program)
        self.settings_are_read = False  # known to come in by `numbers` alone
        self._made_inside = [
            v for v in program.inputs if v.kind == "constant" and v.literal is None and not self._is_reached(v)
        ]
        self.renew(recording.environment)

    def _is_reached(self, v: Variable) -> bool:
        """Does a constant share its memory with what is watched or cannot change?"""
        if v.source is None or not v.source.value.flags.writeable:
            return True
        return any(np.may_share_memory(v.source.value, a) for a, _ in self.recording.before.values())

    # ---- what may change ----

    def renew(self, environment: Environment) -> bool:
        """Take things as they are now; False if the settings of an optimiser changed, for the first time."""
        settings = [snapshot(source.group) for source in self.sources]
        if hasattr(self, "_settings") and settings != self._settings and not self.settings_are_read:
            return False
        self.environment, self.fingerprint = environment, environment.fingerprint
        self.gradients = environment.gradients
        self._unchanged = environment.guard()
        self._settings = settings
        self._watched = [(t, t._number, t._data) for t in environment.tensors]
        self._contents = [(a, a.copy()) for a in environment.arrays] if self._made_inside else []
        self._free: list[Callable[..., Any]] = []
        return True

    def fits(self, environment: Environment) -> bool:
        """Is it the program for things as they are?"""
        if self.fingerprint != environment.fingerprint or self.gradients != environment.gradients:
            return False
        return all(same_bits(array, copy) for array, copy in self._contents)

    def holds(self) -> bool:
        """Is all as it was, as far as can be seen at a glance?"""
        if not self._unchanged():
            return False
        for t, number, data in self._watched:
            if t._number != number and (t._data is not data or not self._recheck()):
                return False
        for i, source in enumerate(self.sources):
            if source.group != self._settings[i]:
                if not self.settings_are_read or not alike(source.group, self._settings[i]):
                    return False
                self._settings[i] = snapshot(source.group)
        return not self._contents or all(same_bits(array, copy) for array, copy in self._contents)

    def _recheck(self) -> bool:
        """After an update elsewhere: do the same Tensors still require a gradient?"""
        if Environment(self.recording.f).fingerprint != self.fingerprint:
            return False
        self._watched = [(t, t._number, data) for t, _, data in self._watched]
        return True

    # ---- running ----

    def make(self, array: Callable[[Variable], Any]) -> Callable[..., Any]:
        """A `run` with its own buffers, on the arrays given for the variables that stay."""
        return self._make(*map(array, self.emitted.stays), *self.emitted.things.values())  # type: ignore[no-any-return]

    def run(self, arrays: Any) -> Any:
        """One call."""
        current = [source.current() for source in self.sources]
        numbers = [current[source][place] for source, place in self.picks]
        gradients = [p._grad._data for p in self.readers]  # type: ignore[union-attr]
        try:
            run = self._free.pop()
        except IndexError:
            run = self.make(array_now)
        results = run(*arrays, *numbers, *gradients)
        self._free.append(run)
        for t in self.updated:
            t._number = now()
        if self.updated:
            self._watched = [(t, t._number, data) for t, _, data in self._watched]
        n = len(results)
        for p, there in reversed(self.kept):
            if there:
                n -= 1
                p._grad = constant(results[n])
            else:
                p._grad = None
        return self.output(results[:n])

    def verify(self) -> None:
        """Run once on copies of what was there, and compare every bit with what the function did."""
        recording = self.recording
        copies = {key: copy.copy() for key, (_, copy) in recording.before.items()}

        def array(v: Variable) -> Any:
            return copies.get(id(v.source.value), v.source.value)

        run = self.make(array)
        inputs = [slot.value for slot in recording.inputs]
        numbers = [v.source.value for v in self.numbers]
        with recording.draws_again():
            results = run(*inputs, *numbers, *(array(v) for v in self.read))
        expected = [v.source.value for v in self.program.outputs]
        pairs = [
            (v.name, got, want) for v, got, want in zip(self.program.outputs, results, expected, strict=True)
        ]
        for key in recording.recorder.updates:
            if key in copies:
                pairs.append(("an updated array", copies[key], recording.before[key][0]))
        for name, got, want in pairs:
            if not same_bits(got, want):
                raise TraceError(
                    f"compile: the recorded program gives other bits for {name} than the function itself; something "
                    f"in it could not be seen; please do without compile here, and report it"
                )


def array_now(v: Variable) -> Any:
    """The array of a variable as it is now."""
    thing = v.source.thing
    return thing._data if isinstance(thing, Tensor) else v.source.value


def snapshot(group: dict[str, Any]) -> dict[str, Any]:
    """The settings of an optimiser's group, and its parameters."""
    return {**group, "params": list(group["params"])}


def alike(group: dict[str, Any], before: dict[str, Any]) -> bool:
    """Are the settings those of the same program: the same parameters, and 0 what was 0?"""
    return group.keys() == before.keys() and all(
        value == before[key] if key == "params" or isinstance(value, bool) else bool(value) == bool(before[key])
        for key, value in group.items()
    )


def constant(array: Any) -> Tensor:
    t = Tensor(0)
    t._data = array if isinstance(array, np.ndarray) else np.asarray(array)
    return t


def fixed(x: Any) -> Any:
    """What tells a result that was not computed from another."""
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, x.tobytes()
    return id(x) if isinstance(x, Tensor) else repr(x)


def signature(recording: Recording, program: Program) -> list[tuple[str, Any]]:
    """What two recordings of the same function must have in common: every op, and every constant's bits."""
    lasting = set(recording.before)

    def key(v: Variable) -> Any:
        if v.literal is not None:
            return type(v.number), v.literal
        if v.kind != "constant" or id(v.source.value) in lasting:
            return v.name
        return v.name, v.shape, v.dtype.str, v.value.tobytes()

    def part(x: Any) -> Any:
        if isinstance(x, Variable):
            return key(x)
        return fixed(x) if isinstance(x, np.ndarray) else x

    found = [
        (str(e), (id(e.primitive), tuple(map(key, e.inputs)), e.output.shape, e.output.dtype.str,
                  frozen({k: substitute(x, part) for k, x in e.attrs.items()})))
        for e in program
    ]  # fmt: skip
    found += [
        (f"a result ({type(x).__name__})", fixed(x)) for x in recording.fixed_results()
    ]
    return [*found, ("what is returned", tuple(map(key, program.outputs)))]

