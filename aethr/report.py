"""Results -> stdout, exactly as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.events import RunStarted, StepFinished
from aethr.streams import out

if TYPE_CHECKING:
    from aethr.events import Event
    from aethr.results import StepResult
    from aethr.workflow import Workflow


class Results:
    """Writes each result when it is there, or, with ``last_only``, the last one at the end."""

    def __init__(self, *, headings: bool, last_only: bool) -> None:
        self._headings = headings
        self._last_only = last_only
        self._last: StepResult | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted) and not _several(event.workflow):
            self._headings = False
        if isinstance(event, StepFinished):
            self._last = event.result
            if not self._last_only:
                self._write(event.result)

    def close(self) -> None:
        if self._last_only and self._last:
            self._write(self._last)

    def _write(self, result: StepResult) -> None:
        heading = f"## {result.heading}\n" if self._headings and not self._last_only else ""
        end = "" if result.content.endswith("\n") else "\n"
        gap = "\n" if heading else ""
        out(f"{heading}{result.content}{end}{gap}")


def _several(workflow: Workflow) -> bool:
    """Whether a run can give more than one result."""
    return len(workflow.steps) > 1
