"""Answers held against a JSON Schema: the one home of ``jsonschema``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import documents, instances, subschemas
from aethr.answers import apart
from aethr.answers.flaws import flaws
from aethr.answers.validator import MOST_COUNTED, allows, errors
from aethr.documents import NoDocumentError
from aethr.errors import StepFailed, UsageError
from aethr.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.documents import Scalar
    from aethr.subschemas import Schema
    from aethr.workflow import Step

__all__ = ["allows", "checked", "errors", "example", "flaws"]

_SHOWN = 10
SECONDS = 10.0  # for an answer held against patterns


def checked(
    answer: str, schema: Schema, environ: Mapping[str, str], seconds: float = SECONDS
) -> str:
    """Give the document that an answer is. Raises StepFailed with all that is wrong with it."""
    text = documents.bare(answer)
    try:
        document = documents.parse(text)
    except NoDocumentError as error:
        raise StepFailed(f"the answer is no JSON document: {error}", partial=answer) from None
    try:
        wrong = (
            apart.errors(document, schema, environ, seconds)
            if _has_pattern(schema)
            else errors(document, schema)
        )
    except apart.NotJudgedError as error:
        hint = "look at the schema's `pattern`: nested repeats can take for ever"
        raise StepFailed(f"the answer can't be checked: {error}", hint, answer) from None
    if wrong:
        many = f"{count(len(wrong), 'error')}{' or more' if len(wrong) == MOST_COUNTED else ''}"
        more = f"; and {len(wrong) - _SHOWN} more" if wrong[_SHOWN:] else ""
        said = f"{many}: {'; '.join(wrong[:_SHOWN])}{more}"
        raise StepFailed(f"the answer does not fit `output_schema`, {said}", partial=answer)
    return text


def _has_pattern(schema: Schema) -> bool:
    keys = {"pattern", "patternProperties"}
    return any(part.keys() & keys for _, part in subschemas.walk(schema))


def example(step: Step) -> str:
    """Make an answer of a step, always the same. Raises UsageError where none is found."""
    schema = step.output_schema or {}
    wanted: Mapping[str, Scalar] = step.repeat.until or {} if step.repeat else {}
    try:
        value = instances.instance(schema, wanted, lambda one, rule: allows(schema, rule, one))
    except (instances.CantMakeError, RecursionError):
        until = " and its loop's `until`" if wanted else ""
        raise UsageError(
            f"mock mode finds no answer of step `{step.id}` that fits its `output_schema`{until}",
            "write one under `examples` in the schema",
        ) from None
    return subschemas.text(value)
