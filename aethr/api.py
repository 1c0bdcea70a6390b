"""Aethr from Python: a step or a workflow is a call, and what came of it a value.

``c`` is invoke's Context in a ``tasks.py``, None elsewhere. Options are named as
those of the command line, and left-out ones come from the same variables
(AETHR_TASK, AETHR_CHECKPOINT, AETHR_WORKFLOW). Progress goes to stderr, nothing
to stdout. A step that fails raises StepFailed; a review that does not pass is a value.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from invoke import Context

from aethr import documents, front
from aethr.errors import DryRun, NotPassed, UsageError, did_you_mean
from aethr.frozen import frozen
from aethr.options import Door, Options, Request
from aethr.reports.outcome import standing
from aethr.results import StepResult, Usage, Verdict
from aethr.session import Session
from aethr.task import edge, record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from aethr.documents import Json
    from aethr.findings import Finding
    from aethr.results import Artifact

    StrPath = str | os.PathLike[str]


class StepOptions(TypedDict, total=False):
    """The keywords of ``run_step``."""

    workflow: StrPath
    preset: str
    checkpoint: StrPath
    resume_checkpoint: str
    max_cost: str | float
    max_tokens: str | int
    max_time: str | float
    max_calls: str | int
    report: StrPath | Sequence[StrPath]
    quiet: bool
    verbose: bool


class WorkflowOptions(StepOptions, total=False):
    """The keywords of ``run_workflow``."""

    from_: str
    until: str


@frozen
class Outcome:
    """What a call came to.

    ``results`` are those of the step or, in order, of the whole run with what a
    checkpoint had kept of it. ``error`` says why they are not passed, and how to go
    on: the command line would print it and exit with its code. ``checkpoint`` is
    the file that keeps the run, None where there is none any more. ``live`` is False
    in mock mode, where everything passes. ``findings`` are those of the latest result
    of each step with a verdict.
    """

    results: tuple[StepResult, ...]
    live: bool
    error: NotPassed | None = None
    checkpoint: Path | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return self.error is None

    @property
    def status(self) -> int:
        """What the command line would exit with: 0, or 3 for not passed."""
        return self.error.exit_code if self.error else 0

    @property
    def content(self) -> str:
        """The text of the last result."""
        return self.results[-1].content

    @property
    def data(self) -> Json:
        """The last result as the JSON that it is. Raises ValueError where it is none."""
        return documents.parse(self.content)

    @property
    def artifact(self) -> Artifact | None:
        """What the last result that changed the working tree changed in it."""
        return next((one.artifact for one in reversed(self.results) if one.artifact), None)

    @property
    def usage(self) -> Usage:
        """Tokens and dollars of all results; one unknown makes the sum unknown."""
        return sum((one.usage for one in self.results[1:]), self.results[0].usage)

    @property
    def verdict(self) -> Verdict | None:
        """PASS only where everything passed; None where no step has a verdict."""
        latest = {one.step_id: one.verdict for one in self.results if one.verdict}
        if self.passed or not latest:
            return Verdict.PASS if latest else None
        against = [one for one in latest.values() if one is not Verdict.PASS]
        # A loop may ask for more than a pass, and be over without it.
        return against[-1] if against else Verdict.INCONCLUSIVE


def run_step(
    c: Context | None, step: str, text: str | None = None, **options: Unpack[StepOptions]
) -> Outcome:
    """Run one step, as ``aethr step`` does. Raises StepFailed, UsageError, Interrupted."""
    if not step:
        raise UsageError("no step was named")
    return _outcome(c, StepOptions, {**options, "id": step, "text": text})


def run_workflow(
    c: Context | None, text: str | None = None, **options: Unpack[WorkflowOptions]
) -> Outcome:
    """Run a workflow, as ``aethr run`` does. Raises also Paused, behind ``pause: true``."""
    return _outcome(c, WorkflowOptions, {**options, "text": text})


def _outcome(c: Context | None, known: type, given: Mapping[str, Any]) -> Outcome:
    names = {"id", "text", *known.__annotations__}
    for name in given.keys() - names:
        raise TypeError(f"there is no option `{name}`{did_you_mean(name, names)}")
    if not (c is None or isinstance(c, Context)):
        raise TypeError(f"the first argument is invoke's Context, or None, not {c!r}")
    words = {name: _words(value) for name, value in given.items()}
    if isinstance(report := words.get("report"), str):
        words["report"] = (report,)
    # The command to go on is one that works whatever the user's own tasks are called.
    session = Session(Path(), Door.CONSOLE)
    with edge(session, goes_on=True):
        try:
            # What did not pass is a value here, which hides no report that was lost.
            words["exit_zero"] = True
            request, options = record(Request, words), record(Options, words)
            if c is not None and c.config.run.dry:
                front.preview(session, request, options)
                raise DryRun("nothing was called, so there is no result to go on with")
            return _called(session, request, options)
        finally:
            session.leave()


def _called(session: Session, request: Request, options: Options) -> Outcome:
    with front.begun(session, request, options, front.progress(session, options)) as opened:
        if request.id:
            results = [opened.one()]
        else:
            opened.drive(opened.perform)
            results = opened.run.results
    error, file = opened.verdict(), opened.file
    if error:
        error.mask = opened.run.world.mask.brief
    path = file.path if opened.keep or not file.temporary else None
    found = tuple(finding for _, finding in standing(results, opened.run.world))
    return Outcome(tuple(results), session.settings.live, error, path, found)


def _words(value: object) -> object:
    """Write a value as the command line has it."""
    if isinstance(value, list | tuple):
        return tuple(map(_words, value))
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"  # 1e-07 is no number of the command line
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value
