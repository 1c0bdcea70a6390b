"""What ``output_schema`` and ``until`` may say: schemas are read, judged, and held together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aethr import documents, files, subschemas
from aethr.config.document import read
from aethr.config.node import Odd
from aethr.config.shape import one_of
from aethr.config.sourcefile import quoted
from aethr.documents import NoDocumentError, pointer, written
from aethr.errors import ConfigError, did_you_mean
from aethr.files import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aethr.config.node import Trail, Value
    from aethr.documents import Json
    from aethr.errors import Problem
    from aethr.subschemas import Rule, Schema

_SCHEMA, _UNTIL = ("output_schema",), ("repeat", "until")
_MOST_READ = 1_000_000
_MOST_REFERENCES = 100
_OPEN = frozenset({"$ref", "allOf", "anyOf", "oneOf", "patternProperties"})


class Found(NamedTuple):
    """A place in a step, and what is wrong with its value, or with its key."""

    trail: Trail
    text: str
    key: bool = False


class BadSchemaError(ValueError):
    """What is wrong with the file of a schema, as the end of a sentence about it."""


class Schemas:
    """The schemas of one workflow file; those in files of their own are read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, Schema | BadSchemaError] = {}

    def of(self, entry: str | dict[str, Value]) -> Schema:
        """Give the schema of a step, which stands there or in a file. Raises BadSchemaError."""
        if not isinstance(entry, str):
            return entry
        if entry not in self._read:
            try:
                self._read[entry] = self._file(entry)
            except BadSchemaError as error:
                self._read[entry] = error
        found = self._read[entry]
        if isinstance(found, BadSchemaError):
            raise found
        return found

    def _file(self, name: str) -> Schema:
        piece = files.read(self._root, name, _MOST_READ, _MOST_READ)
        if isinstance(piece, Unread):
            raise BadSchemaError(f"can't be read: {piece.value}")
        if not piece.is_whole or piece.replaced:
            raise BadSchemaError("is too large" if not piece.replaced else "is not UTF-8")
        text = piece.text.removeprefix("\ufeff")
        schema = _json(text) if name.casefold().endswith(".json") else _yaml(text, name)
        if not isinstance(schema, dict):
            raise BadSchemaError("holds no JSON Schema, which is a mapping")
        return schema


def problems(step: dict[str, Value], name: str, schemas: Schemas) -> Iterator[Found]:
    """Yield what is wrong with these keys of a step."""
    repeat = step.get("repeat")
    loop = repeat if isinstance(repeat, dict) else {}
    entry = step.get("output_schema")
    if "output_schema" not in step:
        if "until" in loop:
            text = "asks for fields, and only an answer with an `output_schema` has some"
            yield Found(_UNTIL, f"the loop of {name} {text}", key=True)
        return
    if "run" in step or not isinstance(entry, str | dict):
        return
    yield from _conflicts(step, name, loop)
    wrong = list(_schema(entry, name, schemas))
    yield from wrong
    until = loop.get("until")
    if not wrong and isinstance(until, dict):
        yield from _until(until, schemas.of(entry), name)


def _conflicts(step: dict[str, Value], name: str, loop: dict[str, Value]) -> Iterator[Found]:
    backend = step.get("backend", "model")
    if backend != "model" and isinstance(backend, str):
        text = f"is for a model, and its backend is {quoted(backend)}; let a later step give it"
        yield Found(_SCHEMA, f"`output_schema` in {name} {text}", key=True)
    if step.get("verdict", step.get("role") == "reviewer") is True:
        why = "says `verdict: true`" if "verdict" in step else "has the role `reviewer`"
        text = "so its answer would end with a verdict, and JSON can't; say `verdict: false`"
        yield Found(_SCHEMA, f"{name} {why}, {text}", key=True)
    for key in ("until_review_pass", "until_contains"):
        if loop.get(key) not in (None, False):
            text = f"has an `output_schema`; ask for its fields with `until`, not with `{key}`"
            yield Found(("repeat", key), f"the answer of {name} {text}", key=True)


def _schema(entry: str | dict[str, Value], name: str, schemas: Schemas) -> Iterator[Found]:
    from aethr import answers  # it imports jsonschema, which takes 90 ms

    where = f"`output_schema` in {name}"
    if isinstance(entry, dict) and (odd := list(_odd(entry))):
        yield from (Found((*_SCHEMA, *trail), f"{where} {text}") for trail, text in odd)
        return
    try:
        schema = schemas.of(entry)
    except BadSchemaError as error:
        yield Found(_SCHEMA, f"{where}: {quoted(f'{entry}')} {error}")
        return
    for flaw in answers.flaws(schema):
        text = f"{quoted(flaw.shown) if flaw.trail else 'the schema'} {flaw.text}"
        if isinstance(entry, str):
            place = f" at {pointer(flaw.trail)}" if flaw.trail else ""
            yield Found(_SCHEMA, f"{where}: {quoted(entry)}{place}: {text}")
        else:
            yield Found((*_SCHEMA, *flaw.trail), f"{where}: {text}", flaw.key)


def _until(until: dict[str, Value], schema: Schema, name: str) -> Iterator[Found]:
    from aethr import answers

    for field, value in until.items():
        where = f"{quoted(field)} in `until` of {name}"
        rule = _rule(schema, schema, field)
        if isinstance(rule, str):
            yield Found((*_UNTIL, field), f"{where} {rule}", key=True)
        elif not isinstance(value, dict | list | Odd) and not answers.allows(schema, rule, value):
            text = f"can never be {quoted(written(value))} by its `output_schema`"
            yield Found((*_UNTIL, field), f"{where} {text}{_instead(rule, value)}")


def _rule(schema: Schema, part: Rule, field: str) -> Rule | str:
    """Give the part for a field, True where any value may be; or say, as text, what is wrong."""
    seen = 0
    while isinstance(part, dict) and "$ref" in part and seen < _MOST_REFERENCES:
        part, seen = subschemas.resolve(schema, part["$ref"]), seen + 1
    if not isinstance(part, dict) or part.keys() & _OPEN:
        return True
    known: dict[str, Rule] = part.get("properties", {})
    first, dot, rest = field.partition(".")
    if field in known:
        return known[field]
    if dot and first in known:
        return _rule(schema, known[first], rest)
    if not known and "object" in part.get("type", "object"):
        others: Rule = part.get("additionalProperties", True)
        return others if others is False or not dot else True
    names = f"; it has {one_of(map(quoted, list(known)[:8]), 'and')}" if known else ""
    return f"is no field of its `output_schema`{did_you_mean(field, known) or names}"


def _instead(rule: Rule, value: Value) -> str:
    """Name what the field may be."""
    choices = rule.get("enum", []) if isinstance(rule, dict) else []
    if near := did_you_mean(f"{value}", [one for one in choices if isinstance(one, str)]):
        return near
    if choices:
        return f"; it is {one_of((quoted(written(one)) for one in choices[:8]), 'or')}"
    kind = rule.get("type") if isinstance(rule, dict) else None
    return f"; its type is {kind}" if isinstance(kind, str) else ""


def _odd(value: Value, trail: Trail = ()) -> Iterator[tuple[Trail, str]]:
    """Find what YAML reads as more than JSON has."""
    if isinstance(value, Odd):
        yield trail, f"holds {value.what} that JSON does not have; to mean text, quote it"
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _odd(entry, (*trail, key))
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _odd(entry, (*trail, index))


def _json(text: str) -> Json:
    try:
        return documents.parse(text)
    except NoDocumentError as error:
        raise BadSchemaError(f"is no JSON: {error}") from None


def _yaml(text: str, name: str) -> Json:
    try:
        document = read(text, name)
    except ConfigError as error:
        raise BadSchemaError(_first(error.problems)) from None
    if document.problems:
        raise BadSchemaError(_first(document.problems))
    if odd := list(_odd(document.root.value)):
        trail, said = odd[0]
        raise BadSchemaError(f"at {pointer(trail)} {said}")
    return document.root.value


def _first(problems: Sequence[Problem]) -> str:
    one = problems[0]
    return f"is no YAML: line {one.line}, column {one.column}: {one.text}"
