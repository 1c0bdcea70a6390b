"""Findings as JSON: objects with a severity, a file and a text, wherever they are in a document.

An object of a quoted file may have one of these; one that has all three says what is wrong.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aethr.findings import labels
from aethr.findings.finding import Finding
from aethr.findings.locations import MOST_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

_RATED = ("severity", "priority", "level")
_FILES = ("path", "file", "filename", "file_path", "location")
_LINES = ("line", "line_number", "start_line", "startline")
_TEXTS = ("text", "message", "issue", "title", "description", "summary", "problem", "finding")


def read(document: str) -> list[Finding]:
    """Give the findings of a document in its order; none where it is no JSON."""
    try:
        waiting = [json.loads(document)]
    except (ValueError, RecursionError):
        return []
    found: list[Finding] = []
    while waiting:
        value = waiting.pop()
        inner = list(value.values()) if isinstance(value, dict) else value
        if isinstance(inner, list):
            waiting += reversed(inner)
        if isinstance(value, dict):
            found += _finding({str(key).casefold(): one for key, one in value.items()})
    return found


def _finding(fields: dict[str, Any]) -> Iterator[Finding]:
    rated, path, text = (_first(fields, names) for names in (_RATED, _FILES, _TEXTS))
    label = labels.at_start(rated)
    if not (label and not label.rest and path and text):
        return
    line = next((fields[name] for name in _LINES if type(fields.get(name)) is int), 0)
    place, _, number = path.rpartition(":")
    if place and not line and number.isdecimal():
        path, line = place, int(number[:MOST_DIGITS])
    path = path.replace("\\", "/").removeprefix("./")
    known = line if 0 < line < 10**MOST_DIGITS else None
    yield Finding(label.severity, path, known, text)


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> str:
    found = (fields[name] for name in names if isinstance(fields.get(name), str))
    return " ".join(next(found, "").split())
