"""Frozen dataclasses that are quick to define.

``dataclass`` compiles the methods of each class from source whenever it is imported: 0.5 to 1 ms
a class (Python 3.11), and for all of a run's 60 ms, more than the rest of Aethr's imports takes.
Frozen ones share their methods. Their fields are the standard library's own, so ``fields``,
``replace`` and ``asdict`` take them as any dataclass.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from dataclasses import Field
    from typing import Protocol

    class Frozen(Protocol):
        __dataclass_fields__: dict[str, Field[Any]]


T = TypeVar("T")
_set = object.__setattr__


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make of a class what ``@dataclass(frozen=True, slots=True)`` would.

    One with a ``cached_property`` has no slots: its value is kept in the ``__dict__``.
    """
    for name, method in _METHODS.items():
        setattr(cls, name, method)
    slots = not any(isinstance(value, cached_property) for value in vars(cls).values())
    return dataclass(init=False, repr=False, eq=False, slots=slots)(cls)


def _init(self: Frozen, *given: Any, **named: Any) -> None:  # noqa: ANN401 - values of any field
    fields = self.__dataclass_fields__
    placed = dict(zip(fields, given, strict=False))
    if len(placed) < len(given) or placed.keys() & named or named.keys() - fields:
        got = f"got {len(given)} by place and {', '.join(named) or 'none'} by name"
        raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}; {got}")
    named |= placed
    for name, entry in fields.items():
        _set(self, name, named[name] if name in named else _default(self, entry))


def _default(of: object, entry: Field[Any]) -> Any:  # noqa: ANN401 - a field's
    if entry.default is not MISSING:
        return entry.default
    if entry.default_factory is MISSING:
        raise TypeError(f"{type(of).__name__} needs a value for {entry.name!r}")
    return entry.default_factory()


def _repr(self: Frozen) -> str:
    said = [
        f"{e.name}={getattr(self, e.name)!r}" for e in self.__dataclass_fields__.values() if e.repr
    ]
    return f"{type(self).__qualname__}({', '.join(said)})"


def _eq(self: Frozen, other: Frozen) -> bool:
    return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented


def _compared(of: Frozen) -> list[object]:
    return [getattr(of, e.name) for e in of.__dataclass_fields__.values() if e.compare]


def _hash(self: Frozen) -> int:
    entries = self.__dataclass_fields__.values()
    hashed = [e for e in entries if (e.compare if e.hash is None else e.hash)]
    return hash(tuple([getattr(self, e.name) for e in hashed]))


def _reduce(self: Frozen) -> tuple[object, ...]:
    return type(self), tuple([getattr(self, name) for name in self.__dataclass_fields__])


def _refuse(self: object, name: str, value: object = None) -> NoReturn:  # noqa: ARG001 - as set
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


_METHODS = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__reduce__": _reduce,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
}
