"""What a run came to, as reports tell it; made of the run and of what ended it."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from aethr import findings
from aethr.errors import FAILED, AethrError, Interrupted, Paused
from aethr.frozen import frozen
from aethr.text import first_line, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aethr.findings import Finding
    from aethr.ongoing import OpenRun
    from aethr.results import StepResult
    from aethr.spent import Spent
    from aethr.workflow import Workflow
    from aethr.world import World


class Status(Enum):
    """``DONE`` is of a run in which nothing was judged, or of a part of one that passed so far."""

    PASSED = "passed"
    DONE = "done"
    NOT_PASSED = "not passed"
    PAUSED = "paused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@frozen
class Outcome:
    """``broken`` is the step that failed or was interrupted, and ``error`` says why.

    ``standing`` are the findings of the latest result of each step that gives a verdict.
    ``against`` names the steps that keep the run from passing. ``seconds`` add up the results'.
    """

    workflow: Workflow
    task: str
    live: bool
    status: Status
    exit_code: int
    error: str
    results: tuple[StepResult, ...]
    standing: tuple[tuple[str, Finding], ...]
    against: frozenset[str]
    spent: Spent
    broken: str = ""

    @property
    def title(self) -> str:
        """The workflow's name; a mock run is not to be taken for one in which all is well."""
        return f"{self.workflow.name}{'' if self.live else ' (mock: nothing was called)'}"

    @property
    def seconds(self) -> float:
        return round(sum(result.seconds for result in self.results), 3)


def of(opened: OpenRun, error: BaseException | None, broken: str) -> Outcome:
    """Tell how a run ended; ``error`` is what ended it early."""
    run = opened.run
    ended = error or opened.verdict()
    mask = run.world.mask
    judged = any(result.verdict for result in run.results)
    if isinstance(error, Interrupted | KeyboardInterrupt):
        status = Status.INTERRUPTED
    elif isinstance(error, Paused):
        status = Status.PAUSED
    elif error:
        status = Status.FAILED
    elif ended:
        status = Status.NOT_PASSED
    else:
        status = Status.PASSED if judged else Status.DONE
    code = ended.exit_code if isinstance(ended, AethrError) else FAILED if ended else 0
    said = mask.brief(f"{ended}" or type(ended).__name__) if ended else ""
    return Outcome(
        replace(run.workflow, name=mask(run.workflow.name)),
        mask(run.task),
        opened.session.settings.live,
        status,
        code,
        said,
        tuple(run.results),
        standing(run.results, run.world),
        run.position.open | run.position.exhausted,
        opened.file.spent,
        broken,
    )


def standing(results: Iterable[StepResult], world: World) -> tuple[tuple[str, Finding], ...]:
    """Give the findings that stand: those of the latest result of each step with a verdict.

    Agents like to name files with the folder that they are in on this machine: it is taken away.
    """
    latest = {result.step_id: result for result in results if result.verdict}
    repo = world.surroundings.repo
    folder = f"{(repo.top if repo else world.settings.root).as_posix().rstrip('/')}/"
    return tuple(
        (name, replace(finding, path=finding.path.removeprefix(folder)))
        for name, result in latest.items()
        for finding in findings.read(result.content)
    )


def message(finding: Finding) -> str:
    """Give what a finding says; formats want a text that is not empty."""
    return one_line(first_line(finding.text, 2000)) or f"{finding.severity.value} finding"
