"""All results of a run, a row each, as wide as there is room for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aethr.render import words
from aethr.text import cells, duration, one_line, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.results import StepResult

_GAP = "  "
_TO_THE_RIGHT = {"pass", "time", "tokens", "cost"}
# What gives way first where there is no room; the other columns never do.
_SPARE = ("files", "tokens", "pass", "cost")


class _Row(NamedTuple):
    step: str
    passed: str
    verdict: str
    time: str
    tokens: str
    cost: str
    files: str


_HEAD = _Row("step", "pass", "verdict", "time", "tokens", "cost", "files")


def table(results: Sequence[StepResult], width: int, *, live: bool) -> list[str]:
    """Give the head and the rows; a last line names the columns for which there is no room."""
    loops = any(result.number > 1 for result in results)
    rows = [_row(result, live=live, loops=loops) for result in results]
    columns = {name: column for name, *column in zip(_HEAD, *rows, strict=True) if any(column)}
    left_out = []
    for name in filter(columns.__contains__, _SPARE):
        if _width(columns) > width:
            del columns[name]
            left_out.append(name)
    found = [_set(name, column) for name, column in columns.items()]
    lines = [_GAP.join(row).rstrip() for row in zip(*found, strict=True)]
    return [*lines, *([f"no room for: {', '.join(left_out)}"] if left_out else [])]


def _row(result: StepResult, *, live: bool, loops: bool) -> _Row:
    command = result.exit_code is not None
    tokens, cost = words.spent(result.usage) if live and not command else ("", "")
    return _Row(
        one_line(result.step_id),
        str(result.number) if loops else "",
        words.outcome(result),
        duration(result.seconds),
        tokens.removesuffix(" tokens"),
        cost.removeprefix("cost "),
        words.changes(result.artifact) if result.artifact else "",
    )


def _width(columns: dict[str, list[str]]) -> int:
    gaps = len(_GAP) * (len(columns) - 1)
    return gaps + sum(_widest(name, column) for name, column in columns.items())


def _widest(name: str, column: list[str]) -> int:
    return max(map(cells, (name, *column)))


def _set(name: str, column: list[str]) -> list[str]:
    """Set a column below its head."""
    width = _widest(name, column)
    if name in _TO_THE_RIGHT:
        return [text.rjust(width) for text in (name, *column)]
    return [padded(text, width) for text in (name, *column)]
