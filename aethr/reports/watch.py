"""Hears a run, and tells other programs of it when it is over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aethr import kept, reports, signals
from aethr.errors import AethrError
from aethr.events import StepBroken
from aethr.reports import outcome
from aethr.streams import out, tell
from aethr.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from aethr.events import Event
    from aethr.ongoing import OpenRun
    from aethr.options import Options, Request
    from aethr.reports.outcome import Outcome
    from aethr.session import Session


class Watch:
    """Stands before the view. What can't be written is found when it is made."""

    def __init__(
        self, session: Session, request: Request, options: Options, emit: Callable[[Event], None]
    ) -> None:
        environ = session.settings.environ
        taken = _taken(session, request) if options.report else {}
        self._reports = reports.prepared(options.report, session.start, taken, environ)
        session.reports.update(self._reports.formats)
        self._options = options
        self._summary = environ.get("GITHUB_STEP_SUMMARY")
        self._emit = emit
        self._broken = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepBroken):
            self._broken = event.step_id
        self._emit(event)
        self._reports.take(event)

    def begun(self, opened: OpenRun) -> None:
        self._reports.mask = opened.run.world.mask

    def ended(self, opened: OpenRun, error: BaseException | None) -> None:
        """Write all there is to write; what ended the run matters more than what can't be."""
        with signals.held():
            came_to = outcome.of(opened, error, self._broken)
            try:
                self._tell(opened, came_to, done=error is None)
            except AethrError as lost:
                if error or (came_to.exit_code and not self._options.exit_zero):
                    return
                opened.unreported(lost)
                raise

    def _tell(self, opened: OpenRun, came_to: Outcome, *, done: bool) -> None:
        try:
            self._reports.finish(came_to)
        finally:
            if self._options.annotate:
                self._on_github(opened, came_to)
            if self._options.findings and done:
                _print(came_to)

    def _on_github(self, opened: OpenRun, came_to: Outcome) -> None:
        from aethr.reports import github

        github.annotate(came_to)
        if self._summary:
            github.summarise(Path(self._summary), came_to, opened.run.world.mask)


def _taken(session: Session, request: Request) -> dict[str, Path]:
    """Give the files of a run that no report may be written over."""
    checkpoint, _ = kept.place(session, request)
    workflow = session.start / request.workflow if request.workflow else None
    named = {"checkpoint": checkpoint, "workflow file": workflow}
    return {what: path for what, path in named.items() if path}


def _print(came_to: Outcome) -> None:
    if not any(step.has_verdict for step in came_to.workflow.steps):
        tell("warning: no step of this workflow gives a verdict, so there are no findings\n")
    try:
        out("".join(f"{one_line(str(finding))}\n" for _, finding in came_to.standing))
    except AethrError as error:
        tell(f"warning: {error.summary}\n")
        raise
