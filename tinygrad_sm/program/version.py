"""One recorded program of a compiled function, ready to run.

What is done at each call (has anything changed? the numbers of the optimisers, the program, the gradients) is
written out as one function, too: it takes a small part of the time of the smallest program.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backprop import mode, now
from ..errors import TraceError
from ..tensor import Tensor
from .environment import Environment
from .equations import Program, Variable, substitute
from .fast import emit
from .optimising import frozen, optimised, same_bits
from .tracing import Recording

__all__ = ["CHANGED", "Version"]

CHANGED = object()  # what a call gives where something is no longer what it was


class Version:
    """A program with the parameters, optimisers and arrays that it works on.

    call       call(*arrays) runs it, or gives CHANGED; in several threads at once each takes a `run` with a
               block of memory of its own from those that are free
    signature  what another recording of the same must have in common
    settings_are_read  whether the numbers in an optimiser's settings come in by `numbers` alone, so that the
               program holds for others: known as soon as it was recorded with two of them
    """

    call: Callable[..., Any]

    def __init__(self, recording: Recording, program: Program) -> None:
        self.recording = recording
        self.signature = signature(recording, program)
        self.program = program = optimised(program)
        owners = {id(grad._data): p for p, grad in recording.grads if grad is not None}
        inputs = [v for v in program.inputs if v.literal is None]
        self.numbers = [v for v in inputs if v.kind == "number"]
        self.added_to = [
            v for v in inputs if id(v.source.value) in owners
        ]  # gradients that others are added to
        self.owners = [owners[id(v.source.value)] for v in self.added_to]
        self.sources = list(dict.fromkeys(v.source.source[0] for v in self.numbers))
        self.emitted = emit(program, [*self.numbers, *self.added_to])
        space: dict[str, Any] = {}
        exec(compile(self.emitted.source, "<program>", "exec"), space)  # its names are identifiers, see fast
        self._make: Callable[..., Any] = space["make"]
        self._check_reach()
        self.updated = [t for t in recording.environment.tensors if id(t._data) in recording.recorder.updates]
        self.kept = [(p, grad is not None) for p, grad in recording.kept_gradients()]
        constants = [v for v in inputs if v.kind == "constant" and not self._is_reached(v)]
        self._are_made_of_others = bool(constants)  # perhaps: of the contents of arrays that are reached
        self._settings = [snapshot(source.group) for source in self.sources]
        copies = {id(source): copies for source, copies in recording.recorder.numbers.values()}
        self._numbers = [
            [a.copy() for a in copies[id(source)]] for source in self.sources
        ]  # what `run` is given
        self._values: list[Any] = [()] * len(self.sources)  # what is in them
        self.settings_are_read = False
        self.renew(recording.environment)

    def _check_reach(self) -> None:
        known = {id(t) for t in self.recording.environment.tensors}
        for v in self.emitted.stays:
            t = v.source.thing
            if isinstance(t, Tensor) and id(t) not in known and t._number < self.recording.began:
                raise TraceError(
                    f"compile: the function reads {t.label}, which it reaches in a way that cannot be "
                    f"watched; pass it in as an argument, or let the function name it"
                )

    def _is_reached(self, v: Variable) -> bool:
        """Does a constant share its memory with what is watched, or can it not change?"""
        array = v.source.value if v.source else v.value
        watched = self.recording.before.values()
        return not array.flags.writeable or any(np.may_share_memory(array, a) for a, _ in watched)

    # ---- what may change ----

    def renew(self, environment: Environment) -> bool:
        """Take things as they are; False if it is not known whether the program holds for the settings."""
        settings = [snapshot(source.group) for source in self.sources]
        if settings != self._settings and not self.settings_are_read:
            return False
        self.environment, self._settings = environment, settings
        arrays = environment.arrays if self._are_made_of_others else []
        self._contents = [(array, array.copy()) for array in arrays]
        for i in range(len(self.sources)):
            self._refresh(i)
        self._write_call()
        return True

    def fits(self, environment: Environment) -> bool:
        """Is it the program for things as they are?"""
        mine = self.environment
        same = mine.fingerprint == environment.fingerprint and mine.gradients == environment.gradients
        return same and self._contents_hold()

    def _contents_hold(self) -> bool:
        return all(same_bits(array, copy) for array, copy in self._contents)

    def _settings_hold(self, i: int) -> bool:
        """Does the program hold for the settings of the optimiser, which are others?"""
        source, before = self.sources[i], self._settings[i]
        if not self.settings_are_read or not alike(source.group, before):
            return False
        before.update(snapshot(source.group))
        return self._refresh(i)

    def _refresh(self, i: int) -> bool:
        """Put the numbers of the next step into their arrays; False if they are not of one step."""
        values = self.sources[i].current()
        if values is None:
            return False
        if values != self._values[i]:
            for array, value in zip(self._numbers[i], values, strict=True):
                array.fill(value)
            self._values[i] = values
        return True

    # ---- running ----

    def make(self, array: Callable[[Variable], Any]) -> Callable[..., Any]:
        """A `run` with its own memory, on the arrays given for the variables that stay."""
        stays, things = map(array, self.emitted.stays), self.emitted.things.values()
        return self._make(*stays, *things)  # type: ignore[no-any-return]

    def _write_call(self) -> None:
        """Write out what is done at each call."""
        things: dict[str, Any] = {
            "CHANGED": CHANGED, "is_": operator.is_, "mode": mode.get, "now": now, "constant": constant,
            "self": self, "free": [], "make": lambda: self.make(array_now), "output": self.recording.output,
        }  # fmt: skip
        names: dict[int, str] = {}

        def name(thing: Any) -> str:
            text = names.setdefault(id(thing), f"t{len(names)}")
            things[text] = thing
            return text

        env, arguments = self.environment, [f"x{i}" for i in range(len(self.program.arguments))]
        seen = name([t._number for t in env.tensors])
        tests = [f"mode().recording is {self.recording.recorded}", "mode().watcher is None"]
        for x, slot in zip(arguments, self.recording.inputs, strict=True):
            a = slot.value
            tests.append(
                f"{x}.shape == {a.shape} and {x}.strides == {a.strides} and {x}.dtype == {name(a.dtype)}"
            )
        tests += env.tests(name)
        tests += [f"{name(t)}._number == {seen}[{i}]" for i, t in enumerate(env.tensors)]
        tests += [
            f"({name(s.group)} == {name(before)} or self._settings_hold({i}))"
            for i, (s, before) in enumerate(zip(self.sources, self._settings, strict=True))
        ]
        tests += [f"self._refresh({i})" for i, source in enumerate(self.sources) if source.counts]
        tests += ["self._contents_hold()"] * bool(self._contents)
        lines = ["try:", f"    if not ({' and '.join(tests)}):", "        return CHANGED"]
        lines += ["except Exception:", "    return CHANGED"]  # what is there cannot even be compared
        places = [(self.sources.index(source), k) for source, k in (v.source.source for v in self.numbers)]
        given = [name(self._numbers[i][k]) for i, k in places]
        given += [f"{name(p)}._grad._data" for p in self.owners]
        lines += ["run = free.pop() if free else make()", f"r = run({', '.join([*arguments, *given])})"]
        lines += [
            "free.append(run)",
            *(f"{name(source)}.advance()" for source in self.sources if source.counts),
        ]
        place = {id(t): i for i, t in enumerate(env.tensors)}
        lines += [f"{seen}[{place[id(t)]}] = {name(t)}._number = now()" for t in self.updated]
        n = len(self.program.outputs) - sum(there for _, there in self.kept)
        results = "constant(r[0])" if self.recording.is_one_tensor() else f"output(r[:{n}])"
        for p, there in self.kept:
            lines.append(f"{name(p)}._grad = {f'constant(r[{n}])' if there else None}")
            n += there
        body = "".join(f"    {line}\n" for line in [*lines, f"return {results}"])
        exec(compile(f"def call({', '.join(arguments)}):\n{body}", "<call>", "exec"), things)
        self.call = things["call"]

    def verify(self) -> None:
        """Run once on copies of what was there, and compare every bit with what the function did."""
        recording = self.recording
        copies = {key: copy.copy() for key, (_, copy) in recording.before.items()}

        def array(v: Variable) -> Any:
            return copies.get(id(v.source.value), v.source.value)

        inputs = [slot.value for slot in recording.inputs]
        before = [array.copy() for array in inputs]
        with recording.draws_again():
            results = self.make(array)(*inputs, *map(array, [*self.numbers, *self.added_to]))
        pairs = [(v.name, x, v.source.value) for v, x in zip(self.program.outputs, results, strict=True)]
        updates = recording.recorder.updates.items()
        pairs += [(v.name, copies[key], recording.before[key][0]) for key, (v, _) in zip(
            [key for key, _ in updates], self.program.updates, strict=True) if key in copies]  # fmt: skip
        pairs += [("an argument", *pair) for pair in zip(inputs, before, strict=True)]
        for name, got, want in pairs:
            if not same_bits(got, want):
                raise TraceError(
                    f"compile: the recorded program gives other bits for {name} than the function itself: "
                    f"something in it could not be seen. Do without compile for this function"
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
        value == before[key]
        if key == "params" or isinstance(value, bool)
        else bool(value) == bool(before[key])
        for key, value in group.items()
    )


def constant(array: Any) -> Tensor:
    """An array, or NumPy's scalar, as a Tensor."""
    return Tensor(array)


def fixed(x: Any) -> Any:
    """What tells a result that was not computed from another."""
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, x.tobytes()
    return id(x) if isinstance(x, Tensor) else repr(x)


def signature(recording: Recording, program: Program) -> list[tuple[str, Any]]:
    """What two recordings of the same function must have in common: every op, and every constant's bits."""

    def key(v: Variable) -> Any:
        if v.literal is not None:
            return type(v.number), v.literal
        if v.kind != "constant" or id(v.source.value) in recording.before:
            return v.name
        return v.name, fixed(v.value)

    def part(x: Any) -> Any:
        if isinstance(x, Variable):
            return key(x)
        return fixed(x) if isinstance(x, np.ndarray) else x

    found: list[tuple[str, Any]] = [
        (str(e), (id(e.primitive), tuple(map(key, e.inputs)), e.output.shape, e.output.dtype.str,
                  frozen({name: substitute(value, part) for name, value in e.attrs.items()})))
        for e in program
    ]  # fmt: skip
    found += [(f"a result ({type(x).__name__})", fixed(x)) for x in recording.fixed_results()]
    return [*found, ("what is returned", tuple(map(key, program.outputs)))]
