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
from aethr.starts import Start, Starts
from aethr.steered import Edit, Rewind, Steered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

T = TypeVar("T", bound="Header | Start | Usage | Change | Artifact | StepResult | Edit | Rewind")

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
class Saved:
    """What a checkpoint holds. ``header`` is None for the older form, a list of results.

    ``results`` and ``starts`` are those that count; ``spent`` is of all that was called.
    """

    header: Header | None
    results: tuple[StepResult, ...]
    stdin: str | None = None
    starts: tuple[Start, ...] = ()
    spent: Spent = field(default_factory=Spent)
    undone: Start | None = None
    steered: Steered = field(default_factory=Steered)


def parse(data: bytes, path: Path | str) -> Saved:
    """Understand a checkpoint's bytes, also the older forms; ``path`` is for the message."""
    try:
        text = data.decode("utf-8")
        if older := _older(text):
            return older
        return _from_lines([json.loads(line) for line in _whole_lines(text)])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f"not a checkpoint: {path}",
            "it is the file that --checkpoint wrote, or that the last lines of a run name",
        ) from None


def is_line(data: bytes) -> bool:
    """Whether a file that begins with this is one of lines, and not of the older form."""
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "kind" in row


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
    story = _Story()
    for line in lines:
        story.tell(line)
    return Saved(
        _record(Header, first),
        tuple(story.results),
        story.stdin,
        tuple(story.starts.begun),
        story.spent,
        story.starts.undone,
        story.steered,
    )


class _Story:
    """What the lines add up to, in their order. Raises ValueError where one does not fit."""

    def __init__(self) -> None:
        self.results: list[StepResult] = []
        self.stdin: str | None = None
        self.starts = Starts()
        self.spent = Spent()
        self.steered = Steered()

    def tell(self, line: dict[str, Any]) -> None:
        match line["kind"]:
            case "stdin":
                self.stdin = _text(line["text"])
            case "start":
                self.starts.begin(_record(Start, line))
            case "call":
                self.spent = self.spent.called()
            case "used":
                usage = _record(Usage, line["usage"])
                self.spent = self.spent.told(usage, whole=bool(line["whole"]))
            case "result":
                self._finish(_result(line))
            case "edit" | "rewind" | "note" | "pause":
                self._steer(line)

    def _finish(self, result: StepResult) -> None:
        self.results.append(result)
        self.spent = self.spent.after(result)
        self.steered = self.steered.after(result)
        self.starts.finish(result.step_id)

    def _steer(self, line: dict[str, Any]) -> None:
        if line["kind"] == "pause":
            if self.results[-1].step_id != line["step_id"]:
                raise ValueError
            self.steered = self.steered.paused(over=_truth(line["over"]))
        elif line["kind"] == "edit":
            self.results[-1] = _edit(line).of(self.results[-1])
        else:
            rewind = _record(Rewind, line)
            self.steered = rewind.of(self.results)
            self.starts.rewind(self.results, rewind.kept)
            del self.results[rewind.kept :]


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
    artifact = known.get("artifact")
    return _record(
        StepResult,
        known,
        verdict=_verdict(row),
        unproven=_names(row, "unproven"),
        doubts=_names(row, "doubts"),
        usage=_record(Usage, known.get("usage", {})),
        artifact=None if artifact is None else _artifact(artifact),
    )


def _edit(row: dict[str, Any]) -> Edit:
    return _record(Edit, row, verdict=_verdict(row), unproven=_names(row, "unproven"))


def _verdict(row: dict[str, Any]) -> Verdict | None:
    return None if row.get("verdict") is None else Verdict(row["verdict"])


def _names(row: dict[str, Any], field: str) -> tuple[str, ...]:
    return tuple(map(_text, row.get(field) or ()))


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


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
