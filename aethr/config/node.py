"""The values of a YAML file, and what its scalars mean."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, TypeAlias

from aethr.frozen import frozen
from aethr.text import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aethr.config.sourcefile import Spot

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | Odd | None"

Trail: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead from the top of a file to a value."""

# Within JSON's safe integers: no float and no conversion overflows.
MAX_NUMBER = 10**15

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]{0,30})")
_FRACTION = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?")


@frozen
class Odd:
    """What is neither text nor a value of JSON; YAML has dates and base 60, say."""

    what: str


ODD_NUMBER = Odd("a number")  # of base 8, 16 or 60, .inf, .nan, or out of bounds


@dataclass(slots=True)
class Node:
    """A value, and where it stands; ``raw`` is the text of a scalar, ``size`` counts values."""

    value: Value
    start: Spot
    end: Spot
    raw: str = ""
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str, Node] = field(default_factory=dict)
    size: int = 1

    def reading(self) -> str:
        """Say what YAML made of a scalar that was meant as text, and how to keep it text."""
        match self.value:
            case bool():
                what = str(self.value).lower()
            case None:
                what = "nothing"
            case Odd():
                what = self.value.what
            case _:
                what = "a number"
        raw = first_line(self.raw, 40)
        return f'YAML reads `{raw}` as {what}; quote it: "{raw}"'


def _integer(raw: str) -> Value:
    number = int(raw.replace("_", "")) if _DECIMAL.fullmatch(raw) else None
    return ODD_NUMBER if number is None or abs(number) > MAX_NUMBER else number


def _fraction(raw: str) -> Value:
    number = float(raw.replace("_", "")) if _FRACTION.fullmatch(raw) else nan
    if not abs(number) <= MAX_NUMBER:
        return ODD_NUMBER
    # 3.0 is an integer, as JSON Schema has it.
    return int(number) if number.is_integer() else number


# By YAML's tag: what it says of a scalar that was not quoted.
SCALARS: Mapping[str, Callable[[str], Value]] = {
    "str": str,
    "value": str,
    "merge": str,
    "null": lambda _: None,
    "bool": lambda raw: raw.lower() in {"yes", "true", "on"},
    "int": _integer,
    "float": _fraction,
    "timestamp": lambda _: Odd("a date"),
}
