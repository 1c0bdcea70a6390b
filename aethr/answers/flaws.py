"""What is wrong with a JSON Schema itself."""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from aethr import subschemas
from aethr.answers.validator import kind, words
from aethr.documents import written
from aethr.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aethr.subschemas import Schema, Trail

_MOST_LETTERS = 50_000  # of a schema: it stands in each of its step's prompts
_MOST_PARTS = 1_000
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_DRAFTS = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
)
_ELSEWHERE = frozenset({"$dynamicRef", "$recursiveRef"})


class Flaw(NamedTuple):
    """A place in a schema, and what is wrong with what is shown of it; ``key``: it is a key."""

    trail: Trail
    text: str
    shown: str = ""
    key: bool = False


def flaws(schema: Schema) -> list[Flaw]:
    """Find what is wrong with a schema itself."""
    if len(written(schema)) > _MOST_LETTERS:
        return [Flaw((), f"is longer than {_MOST_LETTERS:,} characters, and prompts hold it all")]
    if len(list(islice(subschemas.walk(schema), _MOST_PARTS + 1))) > _MOST_PARTS:
        return [Flaw((), f"has more than {_MOST_PARTS:,} parts")]
    found = list(_against_meta(schema))
    found = found or [
        one for place, part in subschemas.walk(schema) for one in _of(schema, part, place)
    ]
    return found or [
        Flaw((*place, "$ref"), "refers to itself without an end", part["$ref"])
        for place, part in subschemas.walk(schema)
        if "$ref" in part and subschemas.endless(schema, part)
    ]


def _against_meta(schema: Schema) -> Iterator[Flaw]:
    named = schema.get("$schema", "")
    if named and (not isinstance(named, str) or named.rstrip("#") not in _DRAFTS):
        yield Flaw(("$schema",), f"is none of {', '.join(_DRAFTS)}", f"{named}")
        return
    draft = kind(schema)
    for error in draft(draft.META_SCHEMA).iter_errors(schema):
        place = tuple(error.absolute_path)
        if place[-1:] == ("type",) and isinstance(error.instance, str):
            meant = did_you_mean(error.instance, _TYPES) or f"; known are {', '.join(_TYPES)}"
            yield Flaw(place, f"is no type of JSON Schema{meant}", error.instance)
        else:
            yield Flaw(place, f"is no JSON Schema: {words(error)}", f"{place[-1]}" if place else "")


def _of(schema: Schema, part: Schema, place: Trail) -> Iterator[Flaw]:
    """Find in one part what the standard allows, and nobody can have meant or we do not do."""
    for key in part:
        if why := _no_keyword(key):
            yield Flaw((*place, key), why, key, key=True)
    if place and "$id" in part:
        yield Flaw((*place, "$id"), "is for the top of a schema only", "$id", key=True)
    if why := _no_reference(schema, part.get("$ref", "#")):
        yield Flaw((*place, "$ref"), why, part["$ref"])
    for pattern in part.get("patternProperties", {}):
        if why := _no_pattern(pattern):
            yield Flaw((*place, "patternProperties", pattern), why, pattern, key=True)
    if why := _no_pattern(pattern := part.get("pattern", "")):
        yield Flaw((*place, "pattern"), why, pattern)


def _no_reference(schema: Schema, named: str) -> str:
    try:
        subschemas.resolve(schema, named)
    except LookupError:
        text = "leads nowhere" if named.startswith("#/") else "is not fetched"
        return f"{text}; refer to a part of this schema: `#/$defs/name`"
    return ""


def _no_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no pattern that Python's re knows: {error}"
    return ""


def _no_keyword(key: str) -> str:
    """Find a misspelt keyword; others of one's own are allowed."""
    if key in _ELSEWHERE:
        return "is not supported; refer to `#/$defs/name`"
    if key in subschemas.KEYWORDS or key.startswith("x-"):
        return ""
    near = get_close_matches(key, sorted(subschemas.KEYWORDS), 1, 0.8)
    return f"is no keyword of JSON Schema; did you mean `{near[0]}`?" if near else ""
