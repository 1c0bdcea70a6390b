"""Results -> stdout, exactly as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.errors import AethrError
from aethr.events import Decided, RunFinished, RunStarted, StepFinished
from aethr.streams import out, tell

if TYPE_CHECKING:
    from aethr.events import Event
    from aethr.results import StepResult
    from aethr.workflow import Workflow


class Results:
    """Writes each result when it is there, or, with ``last_only``, the last one at the end.

    Raises AethrError at the end where some of them could not be written.
    """

    def __init__(self, *, headings: bool, last_only: bool) -> None:
        self._headings = headings
        self._last_only = last_only
        self._lost: AethrError | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted) and not _several(event.workflow):
            self._headings = False
        if isinstance(event, StepFinished) and not self._last_only:
            self._write(event.result)
        if isinstance(event, Decided) and event.result and not self._last_only:
            self._write(event.result, " (edited)")
        if isinstance(event, RunFinished) and self._last_only and event.results:
            self._write(event.results[-1])  # as it was edited, or resumed behind a pause
        if isinstance(event, RunFinished) and self._lost:
            raise self._lost

    def _write(self, result: StepResult, edited: str = "") -> None:
        heading = f"## {result.heading}{edited}\n" if self._headings and not self._last_only else ""
        end = "" if result.content.endswith("\n") else "\n"
        gap = "\n" if heading else ""
        try:
            out(f"{heading}{result.content}{end}{gap}")
        except AethrError as error:
            # The run goes on: its results are kept. But they were not seen.
            self._lost = error
            tell(f"warning: {error.summary}\n")


def _several(workflow: Workflow) -> bool:
    """Whether a run can give more than one result."""
    return len(workflow.steps) > 1
