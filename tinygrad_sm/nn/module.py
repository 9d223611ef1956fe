"""What a layer or a model is: a module, which owns parameters, buffers and modules, each known by its name.

A Tensor that requires grad is a parameter of the module that it is assigned to, and stays one when it is
frozen; a Module is a part of it; what `register_buffer` takes goes with the parameters into `state_dict`, but
is not trained. Lists are not looked into: `ModuleList` is for that.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..backprop import Mode, current_mode, reset_mode, set_mode
from ..errors import BoundsError, CheckpointError, DtypeError, UnsupportedError
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..show.diagram import Diagram

__all__ = ["LoadReport", "Module", "ModuleList", "Sequential"]


class LoadReport(NamedTuple):
    """The keys that `load_state_dict(strict=False)` did not find, or had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


NOWHERE = None, Mode()  # of a module that has not been called


class Module:
    """A layer or a model: derive from it, assign parameters and layers to attributes, define `forward`.

    Calling it runs `forward` in a scope that graphs show: "name: Class" inside of another module, "Class"
    alone. Parameters are named by their path, such as "0.weight".

    >>> import tinygrad_sm as tg
    >>> from tinygrad_sm import nn
    >>> class Line(nn.Module):
    ...     def __init__(self):
    ...         self.slope = tg.Tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> Line()(3.0)
    Tensor(6., requires_grad=True)
    """

    training: bool
    _kinds: dict[str, str]  # what an attribute is: "parameter", "buffer" or "module"; in the order they came
    _label: str  # what its scope is called

    changes = [0]  # noqa: RUF012 (how often an attribute of any module was set: who watches them looks at it)
    _inside: tuple[Mode | None, Mode]  # the mode it was last called in, and the same within its scope
    __slots__ = ("__dict__", "__weakref__", "_inside")

    def __new__(cls, *_: Any, **__: Any) -> Self:
        self = super().__new__(cls)
        vars(self).update(training=True, _kinds={}, _label=cls.__name__)
        _remember(self, NOWHERE)
        return self

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """`forward` within the module's scope."""
        current = current_mode()
        outside, inside = self._inside
        if outside is not current:  # it mostly is, and a new mode takes as long as a small op
            inside = replace(current, scope=(*current.scope, self._label))
            if current.watcher is None:  # who watches holds what it saw
                _remember(self, (current, inside))
        token = set_mode(inside)
        try:
            return self.forward(*inputs, **options) if options else self.forward(*inputs)
        finally:
            reset_mode(token)

    def forward(self, *inputs: Any, **options: Any) -> Any:  # noqa: ARG002
        """What it computes."""
        raise UnsupportedError(f"{type(self).__name__} has no forward(self, ...): define what it computes")

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: the attributes."""
        return vars(self)

    # ---- what it owns ----

    def __setattr__(self, name: str, value: Any) -> None:
        kind = None
        if isinstance(value, Module):
            kind = "module"
            value._named(name)
        elif isinstance(value, Tensor) and value.node is None:
            if value.requires_grad or self._kinds.get(name) == "parameter":
                kind, value.name = "parameter", name
        elif self._kinds.get(name) == "buffer" and value is not None:
            kind, value = "buffer", np.asarray(value)
        elif isinstance(value, list | tuple) and any(isinstance(part, Module) for part in value):
            warnings.warn(
                f"{type(self).__name__}.{name} is a plain {type(value).__name__}: the parameters of the "
                f"modules in it are not found, so they would not be trained or saved; wrap it: "
                f"nn.ModuleList(...)",
                stacklevel=2,
            )
        if kind:
            self._kinds[name] = kind
        else:
            self._kinds.pop(name, None)
        vars(self)[name] = value
        self.changes[0] += 1

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._kinds.pop(name, None)
        self.changes[0] += 1

    def _named(self, name: str) -> None:
        """Take the name that an outer module gives to this one, also into the parameters' names."""
        vars(self)["_label"] = f"{name}: {type(self).__name__}"
        _remember(self, NOWHERE)
        for path, p in self.named_parameters():
            p.name = f"{name}.{path}"

    def _own(self, kind: str) -> Iterator[tuple[str, Any]]:
        return ((name, vars(self)[name]) for name, k in self._kinds.items() if k == kind)

    def register_buffer(self, name: str, value: Any) -> None:
        """Keep an array (copied) that is part of the state but not trained as attribute `name` (or None)."""
        if "." in name or hasattr(self, name):
            raise UnsupportedError(
                f"{type(self).__name__}: a buffer cannot be called {name!r}; take a name that is free, "
                f"without dots"
            )
        vars(self)[name] = None if value is None else np.array(value)
        self.changes[0] += 1
        if value is not None:
            self._kinds[name] = "buffer"

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules right inside of this one, by their attributes' names."""
        return self._own("module")

    def children(self) -> Iterator[Module]:
        """The modules right inside of this one."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside of it, each once, by their paths; its own is the empty string."""
        return _once(self._every(prefix))

    def modules(self) -> Iterator[Module]:
        """This module and all inside of it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters of this module and of all inside of it, each once, by their paths."""
        return _once(self._all("parameter"))

    def parameters(self) -> Iterator[Tensor]:
        """The parameters of this module and of all inside of it, each once, frozen ones too.

        >>> from tinygrad_sm import nn
        >>> [p.shape for p in nn.Linear(3, 2).parameters()]
        [(2, 3), (2,)]
        """
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """The buffers of this module and of all inside of it, each once, by their paths."""
        return _once(self._all("buffer"))

    def buffers(self) -> Iterator[NDArray[Any]]:
        """The buffers of this module and of all inside of it, each once."""
        return (array for _, array in self.named_buffers())

    def _every(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for name, child in self.named_children():
            yield from child._every(f"{prefix}.{name}" if prefix else name)

    def _all(self, kind: str) -> Iterator[tuple[str, Any]]:
        for path, module in self._every():
            for name, value in module._own(kind):
                yield f"{path}.{name}" if path else name, value

    # ---- what is done to all of it ----

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function with every module inside of this one, then with this one (to initialise them)."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set the mode for training: Dropout drops, batch normalisation uses the batch's own statistics."""
        for module in self.modules():
            vars(module)["training"] = mode
        self.changes[0] += 1
        return self

    def eval(self) -> Self:
        """Set the mode for evaluation."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze all parameters, or thaw them; they stay parameters."""
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients; if not set_to_none, those that there are become 0."""
        for p in self.parameters():
            p.zero_grad(set_to_none)

    # ---- its state ----

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and buffers by their paths: PyTorch's keys, in its order.

        >>> from tinygrad_sm import nn
        >>> list(nn.Sequential(nn.Linear(3, 2), nn.ReLU()).state_dict())
        ['0.weight', '0.bias']
        """
        return {path: array.copy() for path, (_, array) in self._state().items()}

    def _state(self) -> dict[str, tuple[Tensor | None, NDArray[Any]]]:
        """What the state consists of: for each path its parameter, if it is one, and its array."""
        state: dict[str, tuple[Tensor | None, NDArray[Any]]] = {}
        for path, module in self._every(""):
            start = f"{path}." if path else ""
            state |= {start + name: (p, p.data) for name, p in module._own("parameter")}
            state |= {start + name: (None, array) for name, array in module._own("buffer")}
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadReport:
        """Copy arrays into the parameters and buffers of the same paths; all of them or, on an error, none.

        With strict=False, paths that are missing or unexpected are reported and not an error.
        Raises CheckpointError that names every path that is missing or unexpected and every shape that does
        not fit, DtypeError for what does not hold real numbers.
        """
        own = self._state()
        given = {path: _real(path, value) for path, value in state_dict.items() if path in own}
        missing, unexpected = (
            [path for path in own if path not in given],
            [path for path in state_dict if path not in own],
        )
        wrong = [f"{path} has shape {array.shape}, the model's has {own[path][1].shape}"
                 for path, array in given.items() if array.shape != own[path][1].shape]  # fmt: skip
        if strict:
            wrong = (
                [f"missing: {', '.join(missing)}"] * bool(missing)
                + [f"unexpected: {', '.join(unexpected)}"] * bool(unexpected)
                + wrong
            )
        if wrong:
            raise CheckpointError(
                f"load_state_dict: the state does not fit this {type(self).__name__}: {'; '.join(wrong)}"
            )
        for path, array in given.items():
            p, place = own[path]
            place[...] = array
            if p is not None:
                p._changed()
        return LoadReport(missing, unexpected)

    # ---- how it looks ----

    def diagram(self, highlight: str | int | None = None, **options: Any) -> Diagram:
        """The network as units in columns with an edge for each weight: .svg(), .save("network.svg").

        highlight                  the class whose weights stand out, by name or number
        inputs, classes            the names of the inputs and outputs
        paint                      colours of inputs and outputs, "#rrggbb", by their names
        most                       how many units of a wide layer are drawn

        Raises UnsupportedError unless it consists of Linear layers, and layers without parameters.

        >>> from tinygrad_sm import nn
        >>> print(nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 11)).diagram())
        network 3-16-11, 251 weights and biases
        """
        from ..show.diagram import Diagram

        return Diagram(self, highlight, **options)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows: the diagram, where there is one, and the structure."""
        from ..show.notebook import of_module

        return of_module(self)

    def extra_repr(self) -> str:
        """What stands between the brackets in the repr of a layer."""
        return ""

    def __repr__(self) -> str:
        """The structure, and the number of parameters of each part that has some."""
        n = sum(p.size for p in self.parameters())
        count = f"  # {n:,} parameter{'s' * (n != 1)}" if n else ""
        parts = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        if not parts:
            return f"{type(self).__name__}({self.extra_repr()}){count}"
        return "\n  ".join([f"{type(self).__name__}({self.extra_repr()}{count}", *parts]) + "\n)"


_remember: Any = vars(Module)["_inside"].__set__  # past __setattr__, which looks for parameters


def _once(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Of what occurs under several paths, the first."""
    seen = set()
    for path, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield path, value


def _real(path: str, value: Any) -> NDArray[Any]:
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            f"load_state_dict: {path} holds {array.dtype}; parameters and buffers are real numbers"
        )
    return array


class ModuleList(Module):
    """Modules in a list whose parameters are found, which those of modules in a plain list are not.

    >>> from tinygrad_sm import nn
    >>> layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), [name for name, _ in layers.named_parameters()][-1]
    (3, '2.bias')
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def append(self, module: Module) -> Self:
        """Put a module at the end."""
        if not isinstance(module, Module):
            raise UnsupportedError(
                f"{type(self).__name__} holds modules, not {type(module).__name__}: wrap a function in a "
                f"Module with a forward"
            )
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return list(self._kinds.values()).count("module")

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self)
        if isinstance(index, slice):
            part = type(self)()
            for i, module in enumerate(modules[index]):  # they keep the names that they have in the whole
                vars(part)[str(i)], part._kinds[str(i)] = module, "module"
            return part
        if not -len(modules) <= index < len(modules):
            raise BoundsError(f"{type(self).__name__} has {len(modules)} modules, no [{index}]")
        return modules[index]


class Sequential(ModuleList):
    """Modules one after another: each takes what the one before gave.

    >>> from tinygrad_sm import nn
    >>> nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 11))
    Sequential(  # 251 parameters
      (0): Linear(in_features=3, out_features=16, bias=True)  # 64 parameters
      (1): ReLU()
      (2): Linear(in_features=16, out_features=11, bias=True)  # 187 parameters
    )
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        parts = self.__dict__
        for name, kind in self._kinds.items():
            if kind == "module":  # a class derived from it may own parameters, too
                x = parts[name](x)
        return x
