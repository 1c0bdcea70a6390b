"""The one description of a file's shape, and a validator for the keywords that it uses.

jsonschema takes 90 ms to import and 30 ms for a small file, at every ``aethr run``; the
tests prove that it and this agree.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aethr.config.node import Trail, Value

Rule: TypeAlias = "Mapping[str, Any]"
"""A schema, or a part of one."""

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


@frozen
class Violation:
    """A value that breaks a keyword of the rule for it; ``trail`` ends with a key that is wrong."""

    trail: Trail
    keyword: str
    rule: Rule


def text() -> str:
    """Return the JSON Schema, draft 2020-12, as it is published."""
    return Path(__file__).parents[1].joinpath("schema.json").read_text(encoding="utf-8")


@cache
def schema() -> Rule:
    parsed: Rule = json.loads(text())
    return parsed


def resolve(rule: Rule) -> Rule:
    """Follow a ``$ref``; beside one stand only notes for people."""
    reference: str = rule.get("$ref", "")
    return schema()["$defs"][reference.removeprefix("#/$defs/")] if reference else rule


def violations(value: Value, rule: Rule, trail: Trail = ()) -> Iterator[Violation]:
    """Find everything that is wrong with a value, top down."""
    rule = resolve(rule)
    if "anyOf" in rule:
        # The alternatives differ in type, so that one of them is meant.
        meant = [one for one in rule["anyOf"] if _is(value, resolve(one)["type"])]
        if not meant:
            yield Violation(trail, "anyOf", rule)
        for one in meant:
            yield from violations(value, {"title": rule["title"], **resolve(one)}, trail)
    elif "enum" in rule and value not in rule["enum"]:
        yield Violation(trail, "enum", rule)
    elif "type" in rule and not _is(value, rule["type"]):
        yield Violation(trail, "type", rule)
    elif isinstance(value, dict):
        yield from _in_mapping(value, rule, trail)
    elif isinstance(value, list):
        yield from _in_list(value, rule, trail)
    elif keyword := _broken(value, rule):
        yield Violation(trail, keyword, rule)


def _is(value: Value, name: str) -> bool:
    # True is an int for Python, and not for JSON.
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _in_mapping(value: dict[str, Value], rule: Rule, trail: Trail) -> Iterator[Violation]:
    required = [*rule.get("required", ())]
    if "if" in rule and not all(key in value for key in rule["if"]["required"]):
        required += rule["else"]["required"]
    for key in required:
        if key not in value:
            yield Violation((*trail, key), "required", rule)
    known: Rule = rule.get("properties", {})
    others = rule.get("additionalProperties", {})
    for key, entry in value.items():
        if "propertyNames" in rule and any(violations(key, rule["propertyNames"])):
            yield Violation((*trail, key), "propertyNames", rule)
        if key in known:
            yield from violations(entry, known[key], (*trail, key))
        elif others is False:
            yield Violation((*trail, key), "additionalProperties", rule)
        else:
            yield from violations(entry, others, (*trail, key))


def _in_list(value: list[Value], rule: Rule, trail: Trail) -> Iterator[Violation]:
    if len(value) < rule.get("minItems", 0):
        yield Violation(trail, "minItems", rule)
    for index, entry in enumerate(value):
        yield from violations(entry, rule.get("items", {}), (*trail, index))


def _broken(value: Value, rule: Rule) -> str:
    """Name the keyword that a scalar breaks, or nothing."""
    match value:
        case str():
            if len(value) < rule.get("minLength", 0):
                return "minLength"
            return "" if re.search(rule.get("pattern", ""), value) else "pattern"
        case bool() | None:
            return ""
        case int() | float():
            return _out_of_bounds(value, rule)
    return ""


def _out_of_bounds(value: float, rule: Rule) -> str:
    if value < rule.get("minimum", value):
        return "minimum"
    if value > rule.get("maximum", value):
        return "maximum"
    if "exclusiveMinimum" in rule and value <= rule["exclusiveMinimum"]:
        return "exclusiveMinimum"
    return ""
