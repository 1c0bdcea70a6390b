"""A checkpoint's bytes -> what they say. Pure.

Whoever sends a file sends its checkpoint too, so every field is looked at: what is not of the
kind that its record names makes the whole file no checkpoint.
"""

from __future__ import annotations

import json
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from aethr.errors import UsageError
from aethr.frozen import frozen
from aethr.results import Artifact, Change, StepResult, Usage, Verdict
from aethr.spent import Spent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T", bound="Header | Start | Usage | Change | Artifact | StepResult")

FORMAT = 1

# By a field's annotation. True is an int for Python, and not for JSON.
_KINDS: Mapping[object, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "bool": (bool,),
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
}
_MOST = 10**15  # no number that is meant is larger, and no calculation overflows


@frozen
class Header:
    """The ``run`` line: what the run is of; ``text`` is the workflow file's.

    ``commit`` and ``tree`` are git's where the run began; ``tree`` is empty where
    none is recorded.
    """

    workflow: str
    text: str
    task: str
    live: bool
    commit: str = ""
    tree: str = ""


@frozen
class Start:
    """A ``start`` line: a step begins, ``after`` so many results.

    ``tree`` is what stood in the working tree, ``marker`` is in the environment
    of what the step starts; both are empty for a step that is no agent.
    """

    step_id: str
    after: int
    tree: str = ""
    marker: str = ""


@frozen
class Saved:
    """What a checkpoint holds. ``header`` is None for the older form, a list of results."""

    header: Header | None
    results: tuple[StepResult, ...]
    stdin: str | None = None
    starts: tuple[Start, ...] = ()
    spent: Spent = field(default_factory=Spent)


def parse(data: bytes, path: Path | str) -> Saved:
    """Understand a checkpoint's bytes, also the older forms; ``path`` is for the message."""
    try:
        text = data.decode("utf-8")
        if older := _older(text):
            return older
        return _from_lines([json.loads(line) for line in _whole_lines(text)])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"not a checkpoint: {path}") from None


def is_whole(line: str) -> bool:
    """Whether a last line without its newline was written to its end after all."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _from_lines(lines: list[dict[str, Any]]) -> Saved:
    first = lines[0] if lines else {}
    if [line for line in lines if line["kind"] == "run"] != [first]:
        raise ValueError
    if _number(first["format"]) != FORMAT:
        raise UsageError(f"this checkpoint has format {first['format']}; this Aethr reads {FORMAT}")
    piped = [_text(line["text"]) for line in lines if line["kind"] == "stdin"]
    results = tuple(_result(line) for line in lines if line["kind"] == "result")
    starts = tuple(_record(Start, line) for line in lines if line["kind"] == "start")
    return Saved(
        _record(Header, first),
        results,
        piped[-1] if piped else None,
        starts,
        _spent(lines, iter(results)),
    )


def _spent(lines: Iterable[dict[str, Any]], results: Iterator[StepResult]) -> Spent:
    """Fold the lines; ``results`` are those of the ``result`` lines, in order."""
    spent = Spent()
    for line in lines:
        match line["kind"]:
            case "call":
                spent = spent.called()
            case "used":
                spent = spent.told(_record(Usage, line["usage"]), whole=bool(line["whole"]))
            case "result":
                spent = spent.after(next(results))
    return spent


def _whole_lines(text: str) -> list[str]:
    """Give the lines; a last one without its newline counts only if it is whole after all."""
    lines = text.split("\n")
    torn = lines.pop()
    if torn and is_whole(torn):
        lines.append(torn)
    return lines


def _older(text: str) -> Saved | None:
    """Read what users have from before: a JSON array of results, or an object with ``results``."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if isinstance(data, dict) and "kind" in data:
        return None
    rows = data["results"] if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise TypeError
    return Saved(None, _numbered(_result(row) for row in rows))


def _numbered(results: Iterable[StepResult]) -> tuple[StepResult, ...]:
    """Count each step's results, which in the older form carry no numbers of their own."""
    counts: dict[str, int] = {}
    found = []
    for result in results:
        counts[result.step_id] = counts.get(result.step_id, 0) + 1
        found.append(replace(result, number=counts[result.step_id]))
    return tuple(found)


def _result(row: dict[str, Any]) -> StepResult:
    """Make a result from a line or from a row of the older form, where null is not there."""
    known = {name: value for name, value in row.items() if value is not None}
    verdict, artifact = known.get("verdict"), known.get("artifact")
    return _record(
        StepResult,
        known,
        verdict=None if verdict is None else Verdict(verdict),
        unproven=tuple(_text(name) for name in known.get("unproven", ())),
        usage=_record(Usage, known.get("usage", {})),
        artifact=None if artifact is None else _artifact(artifact),
    )


def _artifact(row: dict[str, Any]) -> Artifact:
    changes = tuple(_record(Change, change) for change in row["changes"])
    return _record(Artifact, row, changes=changes)


def _record(kind: type[T], row: dict[str, Any], **made: object) -> T:
    """Make a record of a row; ``made`` are the fields that are no plain values of JSON.

    Raises TypeError or ValueError where a field lacks, or holds what it can't.
    """
    values: dict[str, Any] = {**made}
    for entry in fields(kind):
        if entry.name in row and entry.name not in made:
            value = row[entry.name]
            if type(value) not in _KINDS[entry.type]:
                raise TypeError(entry.name)
            values[entry.name] = _number(value) if isinstance(value, int | float) else value
    return kind(**values)


def _number(value: float) -> float:
    """Return it. Raises ValueError for what is none, as NaN, and for one out of all bounds."""
    if not abs(value) <= _MOST:
        raise ValueError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
