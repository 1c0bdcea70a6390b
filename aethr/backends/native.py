"""What of a JSON Schema a provider can hold an answer to while it is written. Pure.

OpenAI's strict mode and Anthropic's structured outputs take a part of JSON Schema, and
refuse the rest or change its meaning. What only limits an answer further is left out
here: the prompt states it, and the answer is held against the whole schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aethr.subschemas import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.subschemas import Rule, Schema

_DEEP = 8  # OpenAI takes 10 levels
_TAKEN = frozenset({"type", "enum", "const", "description", "required", "additionalProperties"})


class NotStrictError(ValueError):
    """Why a schema can't be held to, as the end of a sentence about it."""


def response_format(schema: Schema) -> Mapping[str, Any]:
    """Give OpenAI's parameter, which LiteLLM translates. Raises NotStrictError."""
    if schema.get("type") != "object":
        raise NotStrictError("its top is no `type: object`")
    named = {"name": "answer", "strict": True, "schema": _strict(schema, schema, 0)}
    return {"type": "json_schema", "json_schema": named}


def _strict(schema: Schema, part: Rule, deep: int) -> dict[str, Any]:
    if deep > _DEEP:
        raise NotStrictError("it is nested too deep, or without an end")
    if isinstance(part, bool):
        raise NotStrictError("a part of it allows anything or nothing")
    if "$ref" in part:
        # Anthropic takes no references that recur; what is put in their place can't.
        return _strict(schema, resolve(schema, part["$ref"]), deep + 1)
    made = {key: value for key, value in part.items() if key in _TAKEN}
    if "anyOf" in part and "type" not in part:
        return {"anyOf": [_strict(schema, one, deep + 1) for one in part["anyOf"]]}
    kinds = part.get("type", ())
    if "object" in kinds:
        made["properties"] = _properties(schema, part, deep)
    if "array" in kinds:
        made["items"] = _strict(schema, part.get("items", True), deep + 1)
    if not made.keys() & {"type", "enum", "const"}:
        raise NotStrictError("a part of it has no `type`")
    return made


def _properties(schema: Schema, part: Schema, deep: int) -> dict[str, Any]:
    known = part.get("properties", {})
    if part.get("additionalProperties") is not False:
        raise NotStrictError("an object lacks `additionalProperties: false`")
    if set(known) != set(part.get("required", ())):
        raise NotStrictError("not all fields are `required`")
    return {name: _strict(schema, one, deep + 1) for name, one in known.items()}
