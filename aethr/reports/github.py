"""What GitHub Actions shows of a run: annotations on lines, and the job's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.findings import Severity
from aethr.reports import as_markdown
from aethr.reports.outcome import message
from aethr.streams import tell, tell_safe
from aethr.text import count, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aethr.findings import Finding
    from aethr.reports.outcome import Outcome
    from aethr.secrets import Mask

COMMANDS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}
MOST = 1 << 20  # bytes of a step's summary; GitHub shows nothing of a larger one
_ROOM = 200  # bytes for the line that says what is cut


def annotate(outcome: Outcome) -> None:
    """Write a workflow command a finding."""
    for _, finding in outcome.standing:
        tell_safe(f"{annotation(finding)}\n")


def annotation(finding: Finding) -> str:
    """``::error file=src/a.py,line=3::text``, in which no foreign text is a command."""
    values = {"file": finding.path, "line": str(finding.line or "")}
    given = ",".join(f"{name}={_property(value)}" for name, value in values.items() if value)
    command = COMMANDS[finding.severity]
    return f"::{command}{f' {given}' if given else ''}::{_data(message(finding))}"


def summarise(path: Path, outcome: Outcome, mask: Mask) -> None:
    """Append the Markdown to the job's summary; one that can't be written is a warning."""
    try:
        size = path.stat().st_size if path.exists() else 0
        said = fitted([mask(block) for block in as_markdown.blocks(outcome)], MOST - size)
        if not said:
            tell("warning: the job's summary is full: GitHub takes 1 MiB\n")
        with path.open("ab") as file:
            file.write(said)
    except OSError as error:
        tell(f"warning: the job's summary is not written: {error.strerror}\n")


def fitted(blocks: Sequence[str], room: int) -> bytes:
    """Give as many whole parts as there is room for, and a line about those left out."""
    kept, left = [], 0
    room -= _ROOM
    for block in blocks:
        data = f"{block}\n".encode("utf-8", "replace")
        if len(data) <= room:
            kept.append(data)
            room -= len(data)
        else:
            left += 1
    if left and room >= 0:
        said = f"{count(left, 'part')} left out: GitHub takes 1 MiB a summary.\n"
        kept.append(said.encode())
    return b"".join(kept)


def _data(said: str) -> str:
    """Escape as GitHub's toolkit does (@actions/core, escapeData), and keep it on one line."""
    return one_line(said).replace("%", "%25")


def _property(said: str) -> str:
    return _data(said).replace(":", "%3A").replace(",", "%2C")
