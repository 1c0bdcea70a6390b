"""One JSON document, read strictly: what RFC 8259 allows, no key twice, nothing around it. Pure."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Never

Scalar: TypeAlias = "str | int | float | bool | None"
Json: TypeAlias = Any
"""Mappings, lists and scalars: what a document is depends on its schema."""

MAX_DEPTH = 64  # validators go down by recursion, and Python ends that at 1,000 frames
_TOO_DEEP = f"it is nested more than {MAX_DEPTH} deep"
_BLANKS = " \t\r\n"
_FENCED = re.compile(r"(`{3,})(?:json)?[ \t]*\r?\n(.*)\n\1", re.DOTALL | re.IGNORECASE)
_MOST_DIGITS = 300  # more is no number of other programs, and overflows when it is divided


class NoDocumentError(ValueError):
    """Why a text is no JSON document."""


def bare(answer: str) -> str:
    """Take a document out of the blanks and the one fence around it."""
    text = answer.strip(_BLANKS)
    fenced = _FENCED.fullmatch(text)
    return fenced[2].strip(_BLANKS) if fenced else text


def parse(text: str) -> Json:
    """Give the value of a text that is one document. Raises NoDocumentError."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_constant=_no_number,
            parse_float=_fraction,
            parse_int=_whole,
        )
    except json.JSONDecodeError as error:
        raise NoDocumentError(f"{error}") from None
    except RecursionError:
        raise NoDocumentError(_TOO_DEEP) from None
    if _deeper(value, MAX_DEPTH):
        raise NoDocumentError(_TOO_DEEP)
    return value


def holds(content: str, wanted: Mapping[str, Scalar]) -> bool:
    """Whether a text is a document in which every field has its value."""
    try:
        document = parse(content)
    except NoDocumentError:
        return False
    return meets(document, wanted)


def meets(document: object, wanted: Mapping[str, Scalar]) -> bool:
    """Compare as JSON does: 1 is 1.0, and neither true nor "1" text."""
    return all(_is(document, name, value) for name, value in wanted.items())


def written(value: object) -> str:
    """Write a value as JSON, on one line."""
    return json.dumps(value, ensure_ascii=False)


def pointer(trail: Sequence[str | int]) -> str:
    """Write a place as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in trail)


def _is(document: object, name: str, value: Scalar) -> bool:
    """Whether the field has the value; its whole name goes before a path with dots."""
    if not isinstance(document, dict):
        return False
    if name in document:
        found = document[name]
        # True is 1 for Python.
        return isinstance(found, bool) is isinstance(value, bool) and bool(found == value)
    first, dot, rest = name.partition(".")
    return bool(dot) and _is(document.get(first), rest, value)


def _deeper(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        inner = [list(one.values()) if isinstance(one, dict) else one for one in level]
        level = [entry for one in inner if isinstance(one, list) for entry in one]
    return bool(level)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise NoDocumentError(f"the key {json.dumps(key[:60])} stands twice")
        made[key] = value
    return made


def _no_number(said: str) -> Never:
    raise NoDocumentError(f"{said[:20]} is no number of JSON")


def _fraction(said: str) -> float:
    number = float(said)
    return number if isfinite(number) else _no_number(said)


def _whole(said: str) -> int:
    return int(said) if len(said) <= _MOST_DIGITS else _no_number(said)
