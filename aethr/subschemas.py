"""The parts of a JSON Schema, and what its references name. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema: TypeAlias = "Mapping[str, Any]"
Rule: TypeAlias = "Schema | bool"
Trail: TypeAlias = "tuple[str | int, ...]"

_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
_WITH_SCHEMAS = frozenset(
    {*_IN_PLACE, "additionalProperties", "items", "prefixItems", "contains", "properties"}
    | {"patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
    | {"$defs", "definitions"}
)
_OF_NAMES = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
KEYWORDS = _WITH_SCHEMAS | frozenset(
    {
        "$schema",
        "$id",
        "$ref",
        "$anchor",
        "$comment",
        "$dynamicAnchor",
        "$recursiveAnchor",
        "additionalItems",
        "dependencies",
        "$vocabulary",
        "type",
        "enum",
        "const",
        "multipleOf",
        "maximum",
        "minimum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxContains",
        "minContains",
        "maxProperties",
        "minProperties",
        "required",
        "dependentRequired",
        "title",
        "description",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
        "examples",
        "format",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
    }
)


def walk(schema: Schema) -> Iterator[tuple[Trail, Schema]]:
    """Give every part that is a schema of its own, with its place; true and false apart."""
    waiting: list[tuple[Trail, object]] = [((), schema)]
    while waiting:
        trail, part = waiting.pop()
        if isinstance(part, dict):
            yield trail, part
            waiting += [
                ((*trail, *place), inner)
                for keyword in part
                if keyword in _WITH_SCHEMAS
                for place, inner in _inside(keyword, part[keyword])
            ]


def resolve(schema: Schema, reference: str) -> Rule:
    """Give what ``#/$defs/name`` names. Raises LookupError."""
    if not (reference == "#" or reference.startswith("#/")):
        raise LookupError(reference)
    if "%" in reference:  # a reference is a URI
        from urllib.parse import unquote

        reference = unquote(reference)
    found: Any = schema
    for part in reference.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = dict(zip(map(str, range(len(found))), found, strict=True))
        found = found[key] if isinstance(found, dict) else None
    if isinstance(found, dict | bool):
        return found
    raise LookupError(reference)


def endless(schema: Schema, part: Schema) -> bool:
    """Whether a part that refers comes back to itself at the same place of the document."""
    seen: set[int] = set()
    waiting = list(_at_once(schema, part))
    while waiting:
        one = waiting.pop()
        if one is part:
            return True
        if isinstance(one, dict) and id(one) not in seen:
            seen.add(id(one))
            waiting += _at_once(schema, one)
    return False


def _at_once(schema: Schema, part: Schema) -> Iterator[object]:
    if "$ref" in part:
        yield resolve(schema, part["$ref"])
    for keyword in _IN_PLACE:
        if keyword in part:
            yield from (inner for _, inner in _inside(keyword, part[keyword]))


def _inside(keyword: str, value: object) -> Iterator[tuple[Trail, object]]:
    if isinstance(value, list):
        yield from (((keyword, index), one) for index, one in enumerate(value))
    elif isinstance(value, dict) and keyword in _OF_NAMES:
        yield from (((keyword, name), one) for name, one in value.items())
    else:
        yield (keyword,), value


def text(schema: Schema) -> str:
    """Write a schema as prompts have it."""
    return json.dumps(schema, ensure_ascii=False, indent=2)
