"""One recorded program of a compiled function, ready to run.

What is done at each call (has anything changed? the numbers of the optimisers, the program, the gradients) is
written out as one function, too: it takes a small part of the time of the smallest program.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..backprop import current_mode, now
from ..errors import TraceError
from ..tensor import Tensor
from .environment import Environment
from .equations import Program, Variable, substitute
from .fast import LARGE, Emitted, emit
from .optimising import frozen, optimised, same_bits
from .tracing import TENSOR, Recording, filled_in

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

    def __init__(self, recording: Recording) -> None:
        program = recording.program()
        self.signature = signature(recording, program)
        self._f, self._recording = recording.f, recording.recorded
        self._arguments = [(x.value.shape, x.value.strides, x.value.dtype) for x in recording.inputs]
        self._result = recording.layout()
        program = optimised(program)
        owners = {id(grad._data): p for p, grad in recording.grads if grad is not None}
        inputs = [v for v in program.inputs if v.literal is None]
        numbers = [v for v in inputs if v.kind == "number"]
        added_to = [v for v in inputs if id(v.source.value) in owners]  # gradients that others are added to
        self._owners = [owners[id(v.source.value)] for v in added_to]
        sources = dict.fromkeys(v.source.source[0] for v in numbers)
        self.sources = sorted(sources, key=lambda source: source.ahead)  # in the order in which they count
        self._places = [(self.sources.index(source), i) for source, i in (v.source.source for v in numbers)]
        emitted = emit(program, [*numbers, *added_to])
        self.source = emitted.source
        space: dict[str, Any] = {}
        exec(compile(self.source, "<program>", "exec"), space)  # its names are identifiers, see fast
        self._make: Callable[..., Any] = space["make"]
        self._stays, self._things = [v.source.thing for v in emitted.stays], list(emitted.things.values())
        self._check_reach(recording)
        self.updated = [t for t in recording.environment.tensors if id(t._data) in recording.recorder.updates]
        self.kept = [(p, grad is not None) for p, grad in recording.kept_gradients()]
        env = recording.environment
        states = [state for optimizer in env.optimizers for state in optimizer.state.values()]
        read = [v.source.value for v in inputs if v.kind == "constant" and v.source]
        self._changing = {id(a) for state in states for a in state.values()} | {  # and looked at in each call
            id(a) for a in env.arrays if id(a) in env.buffers
            or (a.nbytes > LARGE and any(np.may_share_memory(a, x) for x in read))
        } | recording.recorder.updates.keys()  # fmt: skip
        shared = [id(grad._data) for _, grad in recording.grads if grad is not None]
        if len(shared) != len(set(shared)):
            raise TraceError(
                "compile: two parameters have one array as their gradients, which is not looked at in each "
                "call; give each a gradient of its own"
            )
        for source in self.sources:
            source.check_settings()
        self._settings = [snapshot(source.group) for source in self.sources]
        copies = {id(source): copies for source, copies in recording.recorder.numbers.values()}
        self._numbers = [[a.copy() for a in copies[id(source)]] for source in self.sources]  # what `run` gets
        self.settings_are_read = False
        self._verify(recording, program, emitted, [*numbers, *added_to])
        self.program = without_values(program)
        self.renew(recording.environment)

    def _check_reach(self, recording: Recording) -> None:
        known = {id(t) for t in recording.environment.tensors}
        for t in self._stays:
            if isinstance(t, Tensor) and id(t) not in known and t._number < recording.began:
                raise TraceError(
                    f"compile: the function reads {t.label}, which it reaches in a way that is not watched; "
                    f"pass it in as an argument, or let the function name it"
                )
        if recording.recorder.updates.keys() - recording.before.keys():
            raise TraceError(
                "compile: an optimiser or a layer that is made inside the function forgets its state after "
                "each call, which a compiled call would not do; make it outside"
            )

    def _verify(
        self, recording: Recording, program: Program, emitted: Emitted, given: list[Variable]
    ) -> None:
        """Run once on copies of what was there, and compare every bit with what the function did."""
        copies = {key: copy.copy() for key, (_, copy) in recording.before.items()}

        def array(v: Variable) -> Any:
            return copies.get(id(v.source.value), v.source.value)

        inputs = [slot.value for slot in recording.inputs]
        before = [x.copy() for x in inputs]
        with recording.draws_again():
            results = self._make(*map(array, emitted.stays), *self._things)(*inputs, *map(array, given))
        pairs = [(v.name, x, v.source.value) for v, x in zip(program.outputs, results, strict=True)]
        pairs += [("an argument", *pair) for pair in zip(inputs, before, strict=True)]
        for key, (first, _) in zip(recording.recorder.updates, program.updates, strict=True):
            if key in copies:
                pairs.append((first.name, copies[key], recording.before[key][0]))
        for name, got, want in pairs:
            if not same_bits(got, want):
                raise TraceError(
                    f"compile: the recorded program gives other bits for {name} than the function itself: "
                    f"something in it could not be seen. Do without compile for this function"
                )

    # ---- what may change ----

    def renew(self, environment: Environment) -> bool:
        """Take things as they are; False if it is not known whether the program holds for the settings."""
        settings = [snapshot(source.group) for source in self.sources]
        if settings != self._settings and not self.settings_are_read:
            return False
        self.environment, self._settings = environment, settings
        self._types = [[*map(type, s.group.values())] for s in self.sources]  # np.float32(0.1) == 0.1
        arrays = [array for array in environment.arrays if id(array) not in self._changing]
        self._contents = [(array, array.copy()) for array in arrays]
        for i in range(len(self.sources)):
            self._refresh(i)
        self._write_call()
        return True

    def fits(self, environment: Environment) -> bool:
        """Is it the program for things as they are?"""
        mine = self.environment
        same = mine.fingerprint == environment.fingerprint and mine.gradients == environment.gradients
        if same and environment.reads_settings:
            same = self._settings == [snapshot(source.group) for source in self.sources]
        return same and self._contents_hold()

    def _contents_hold(self) -> bool:
        return all(same_bits(array, copy) for array, copy in self._contents)

    def _settings_hold(self, i: int) -> bool:
        """Does the program hold for the settings of the optimiser, which are others?"""
        source, before = self.sources[i], self._settings[i]
        if not self.settings_are_read or not alike(source.group, before):
            return False
        before.clear()  # nothing is held to be there if a number cannot be put in its place
        self._refresh(i)
        before.update(snapshot(source.group))
        self._types[i][:] = map(type, source.group.values())
        return True

    def _note_updates(self) -> None:
        """A run has raised, perhaps after updates: no older graph of the parameters shall be used."""
        for t in self.updated:
            t._changed()

    def _refresh(self, i: int) -> None:
        """Put the numbers of the next step into their arrays."""
        for array, value in zip(self._numbers[i], self.sources[i].current(), strict=True):
            array[()] = value  # in a fifth of the time of fill()

    # ---- running ----

    def make(self) -> Callable[..., Any]:
        """A `run` with its own memory, on the arrays as they are."""
        stays = (x._data if isinstance(x, Tensor) else x for x in self._stays)
        return self._make(*stays, *self._things)  # type: ignore[no-any-return]

    def _write_call(self) -> None:
        """Write out what is done at each call."""
        things: dict[str, Any] = {
            "CHANGED": CHANGED, "ndarray": np.ndarray, "is_": operator.is_, "mode": current_mode, "now": now,
            "wrapped": Tensor._wrapped, "asarray": np.asarray,
            "self": self, "free": [], "filled_in": filled_in, "result": self._result,
        }  # fmt: skip
        names: dict[int, str] = {}

        def name(thing: Any) -> str:
            text = names.setdefault(id(thing), f"t{len(names)}")
            things[text] = thing
            return text

        env, arguments = self.environment, [f"x{i}" for i in range(len(self._arguments))]
        seen = name([t._number for t in env.tensors])
        tests = [f"(current := mode()).recording is {self._recording}", "current.watcher is None"]
        places = [array for t in self.updated for array in (t._data, t._data.base)]
        own = name({id(array) for array in places if array is not None})
        for x, (shape, strides, dtype) in zip(arguments, self._arguments, strict=True):
            tests.append(f"type({x}) is ndarray and {x}.shape == {shape} and {x}.strides == {strides}")
            tests.append(f"{x}.dtype == {name(dtype)}")
            if self.updated:  # an argument in the memory of a parameter changes with it
                tests.append(f"id({x}) not in {own} and id({x}.base) not in {own}")
        tests += env.tests(name)
        tests += [f"{name(t)}._number == {seen}[{i}]" for i, t in enumerate(env.tensors)]
        tests += [
            f"({name(s.group)} == {name(before)} and [*map(type, {name(s.group)}.values())] == "
            f"{name(self._types[i])} or self._settings_hold({i}))"
            for i, (s, before) in enumerate(zip(self.sources, self._settings, strict=True))
        ]
        for i, source in enumerate(self.sources):
            if len(source.counts) > 1:  # of one step, as all are counted alike
                tests.append(" == ".join(f"{name(count)}.item()" for count in source.counts))
            if source.counts:
                tests.append(f"self._refresh({i}) is None")
        tests += ["self._contents_hold()"] * bool(self._contents)
        lines = ["try:", f"    if not ({' and '.join(tests)}):", "        return CHANGED"]
        lines += ["except Exception:", "    return CHANGED"]  # what is there cannot even be compared
        given = [name(self._numbers[i][k]) for i, k in self._places]
        given += [f"{name(p)}.grad._data" for p in self._owners]
        lines += ["run = free.pop() if free else self.make()"]
        lines += ["try:", f"    r = run({', '.join([*arguments, *given])})"]
        lines += ["except BaseException:", "    self._note_updates()", "    raise"]
        lines += [
            "free.append(run)",
            *(f"{name(source)}.advance()" for source in self.sources if source.counts),
        ]
        place = {id(t): i for i, t in enumerate(env.tensors)}
        lines += [f"{seen}[{place[id(t)]}] = {name(t)}._number = now()" for t in self.updated]
        n = len(self.program.outputs) - sum(there for _, there in self.kept)
        results = "wrapped(r[0])" if self._result is TENSOR else f"filled_in(result, r[:{n}])"
        for p, there in self.kept:
            lines.append(f"{name(p)}._grad = {f'asarray(r[{n}])' if there else None}")
            n += there
        body = "".join(f"    {line}\n" for line in [*lines, f"return {results}"])
        exec(compile(f"def call({', '.join(arguments)}):\n{body}", "<call>", "exec"), things)
        self.call = things["call"]


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


def without_values(program: Program) -> Program:
    """The same program, whose variables hold no arrays but parameters and constants: to look at."""

    def empty(v: Variable) -> Variable:
        nothing = np.broadcast_to(np.zeros((), v.dtype), v.shape)
        return replace(v, source=None, value=v.value if v.kind in ("parameter", "constant") else nothing)

    light = {name: empty(v) for name, v in program.variables.items()}

    def of(v: Variable) -> Variable:
        return light[v.name]

    equations = [
        replace(e, inputs=tuple(map(of, e.inputs)), output=of(e.output), attrs={
            key: substitute(value, lambda x: of(x) if isinstance(x, Variable) else x)
            for key, value in e.attrs.items()})
        for e in program
    ]  # fmt: skip
    updates = [(of(first), of(latest)) for first, latest in program.updates]
    return Program(equations, map(of, program.outputs), map(of, program.arguments), updates)


def fixed(x: Any) -> Any:
    """What tells a result that was not computed from another."""
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, hashlib.sha256(x.tobytes()).digest()
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
