"""``jsonschema``: what fits a schema and what does not. It takes 90 ms to import.

Nothing is fetched: without a registry of ours the library would, for a reference that it
does not know.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from aethr.documents import pointer
from aethr.text import first_line

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from aethr.subschemas import Rule, Schema

MOST_COUNTED = 100


def errors(document: object, schema: Schema) -> list[str]:
    """Say what is wrong with a document, each with its place: ``/labels/0: 1 is not …``."""
    found = _validator(schema).iter_errors(document)  # type: ignore[arg-type]
    try:
        first = sorted(islice(found, MOST_COUNTED), key=lambda error: list(error.absolute_path))
    except RecursionError:
        return ["the whole: it is nested too deep for this schema"]
    places = (pointer(list(error.absolute_path)) or "the whole" for error in first)
    return [f"{place}: {words(error)}" for place, error in zip(places, first, strict=True)]


def allows(schema: Schema, rule: Rule, value: object) -> bool:
    """Whether a value fits a part of a schema."""
    try:
        return bool(_validator(schema).evolve(schema=rule).is_valid(value))  # type: ignore[arg-type]
    except RecursionError:
        return False


def kind(schema: Schema) -> type[Validator]:
    """Give the validator of the draft that a schema names, or of 2020-12."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return validator_for(schema, default=Draft202012Validator)


def words(error: ValidationError) -> str:
    """Give the library's sentence, the value in it shortened."""
    value = repr(error.instance)
    shown = first_line(value, 60)
    return first_line(
        error.message.replace(value, shown, 1) if shown != value else error.message, 200
    )


def _validator(schema: Schema) -> Validator:
    from referencing import Registry

    made: Validator = kind(schema)(schema, registry=Registry())
    return made
