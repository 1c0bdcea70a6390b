"""Whether a checkpoint may go on in this run, and the words with which people go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import plan, verdict
from aethr.errors import NotPassed, UsageError
from aethr.secrets import Mask
from aethr.steered import Pause
from aethr.text import count, one_line, shell_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aethr.checkpoint import Header, Saved
    from aethr.git import Repo
    from aethr.options import Door, Request
    from aethr.results import StepResult
    from aethr.runtime import Run
    from aethr.settings import Settings
    from aethr.treelog import TreeLog
    from aethr.workflow import Step, Workflow


_NAMED = 5  # files that differ; the rest is counted


def match(header: Header, workflow: Workflow, settings: Settings, task: str | None) -> list[str]:
    """Raise UsageError where the checkpoint is of something else; return warnings.

    ``task`` is the one given with this call, None where none was.
    """
    match_workflow(header, workflow)
    if task is not None and task != header.task:
        raise UsageError(
            "this checkpoint is of another task", "give no task: the checkpoint knows it"
        )
    if header.live != settings.live:
        was, now = ("live", "mock") if header.live else ("mock", "live")
        raise UsageError(
            f"this checkpoint is of a {was} run; this one is {now}",
            "set AETHR_LIVE=1 to go on" if header.live else "unset AETHR_LIVE and AETHR_MODEL",
        )
    if header.text != Mask(settings.secrets)(workflow.text):
        return ["the workflow file was edited since the checkpoint began"]
    return []


def match_workflow(header: Header, workflow: Workflow) -> None:
    """Raise UsageError where the checkpoint is of another workflow."""
    if header.workflow != workflow.name:
        raise UsageError(
            f"this checkpoint is of workflow `{header.workflow}`, not of `{workflow.name}`",
            "name its file with -f or its preset with --preset",
        )


def elsewhere(saved: Saved, repo: Repo | None, trees: TreeLog | None) -> list[str]:
    """Warn of a repository that is not as the last result left it: its commit, its files.

    Where the files are as they were left, the commit is too, or holds no other work.
    """
    said = moved(saved, repo)
    if trees is None or not trees.base:
        return said
    if trees.is_left_behind(saved.results):
        return []
    last = next((result for result in reversed(saved.results) if result.artifact), None)
    left = f"step `{last.step_id}` left behind" if last else "the run began with"
    names = trees.edited(saved.results)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    which = f": {', '.join(map(one_line, names[:_NAMED]))}{more}" if names else ""
    hint = "; `aethr apply` puts a run's changes on" if last else ""
    return [f"the working tree is not the one that {left}{which}{hint}", *said]


def moved(saved: Saved, repo: Repo | None) -> list[str]:
    """Warn of another commit than the one that the run began at."""
    began = saved.header.commit if saved.header else ""
    here = repo.commit if repo else ""
    if began in ("", here):
        return []
    return [f"the run began at commit {one_line(began[:12])}, HEAD is {here[:12] or 'none'}"]


def known(
    results: Sequence[StepResult], workflow: Workflow, next_id: str = ""
) -> tuple[StepResult, ...]:
    """Give the kept results. Raises UsageError where the workflow has no such step any more.

    ``next_id`` is the step to which a person went back, if one did.
    """
    said = {result.step_id: f"has a result of step `{result.step_id}`" for result in results}
    if next_id:
        said.setdefault(next_id, f"goes on with step `{next_id}`")
    for step_id, what in said.items():
        if step_id not in workflow.index:
            raise UsageError(
                f"the checkpoint {what}, which the workflow has not",
                "undo the edit, or begin a new run",
            )
    return tuple(_judged(result, workflow.step(result.step_id)) for result in results)


def _judged(result: StepResult, step: Step) -> StepResult:
    """Read the verdict of a result of the older form, which has none of its own."""
    if result.verdict or not step.has_verdict:
        return result
    return replace(result, verdict=verdict.read(result.content))


def pauses(run: Run) -> bool:
    """Whether a person is to be waited for, as the step just done says, and was not yet."""
    last = run.workflow.step(run.results[-1].step_id) if run.results else None
    return bool(last and last.pause and run.steered.pause is Pause.NONE)


def waits(run: Run) -> bool:
    """Whether the run stands at a stop that no person has ended."""
    return run.steered.pause is Pause.WAITING or pauses(run)


def refuse_finished(run: Run, request: Request) -> None:
    """Raise UsageError for a run that is done: it must not make another one succeed."""
    if not run.results or plan.next_step(run.workflow, run.position):
        return
    if waits(run):
        return  # its end was not reached
    if run.position.passed:
        raise UsageError(
            "the run of this checkpoint is finished and passed",
            "a new run needs a new checkpoint: name another file, or remove this one",
        )
    if not request.id and not request.from_:
        raise UsageError(
            "the run of this checkpoint is finished and not passed",
            f"--from {shell_word(again_from(run.workflow, run.position))} goes through it again",
        )


def again_from(workflow: Workflow, position: plan.Position) -> str:
    """Name the step from which fresh passes can make a finished run pass."""
    for step in workflow.steps:
        if step.id in position.exhausted and step.repeat:
            return step.repeat.back_to
    return next(step.id for step in workflow.steps if step.id in position.open)


def tally(workflow: Workflow, results: Sequence[StepResult]) -> str:
    done = len({result.step_id for result in results})
    are = "is" if done == 1 else "are"
    return f"{done} of {count(len(workflow.steps), 'step')} {are} done and kept"


def go_on(workflow: Workflow, results: Sequence[StepResult], with_command: str) -> str:
    """Give the last lines of a run that is not finished: what is kept, and the command."""
    return f"{tally(workflow, results)}. To go on:\n  {with_command}"


def not_passed(
    workflow: Workflow,
    position: plan.Position,
    results: Sequence[StepResult],
    make_command: Callable[[str], str],
) -> NotPassed:
    """Say why a run that is done did not pass, and with which command it can."""
    last = results[-1]
    judged = [result for result in results if result.step_id in position.open | position.exhausted]
    shown = judged[-1] if judged else last
    repeat = workflow.step(shown.step_id).repeat
    said = f"step `{shown.step_id}` said {shown.verdict.value}" if shown.verdict else ""
    if shown.exit_code:
        said = f"the command of step `{shown.step_id}` exited with {shown.exit_code}"
    if shown.unproven:
        error = NotPassed(
            f"step `{shown.step_id}` passed what it did not see whole: {', '.join(shown.unproven)}",
            "narrow its context, raise context_limit, or accept it with allow_truncated: true",
        )
    elif repeat and shown.step_id in position.exhausted:
        said = said or f"the answer of step `{shown.step_id}` does not meet its loop's condition"
        passes = count(repeat.max_iterations, "pass", "passes")
        error = NotPassed(f"{said}, and its loop of {passes} is over")
    else:
        error = NotPassed(said)
    if shown is last and repeat and not shown.unproven and shown.step_id in position.exhausted:
        error.hint = f"raise max_iterations of step `{shown.step_id}` in the workflow file, then:"
        error.footer = f"  {make_command('')}"
    else:
        error.footer = f"To go through it again:\n  {make_command(again_from(workflow, position))}"
    return error


def command(
    door: Door, request: Request, settings: Settings, path: Path, from_step: str = ""
) -> str:
    """Give the exact command that goes on from a checkpoint, for a shell."""
    switches = [
        f"{name}={shell_word(settings.environ[name])}"
        for name in ("AETHR_LIVE", "AETHR_MODEL")
        if settings.environ.get(name)
    ]
    # One step by itself is repeated by itself; anything else goes on to the end.
    alone = request.id if not from_step else ""
    words = [f"{door.value}{'step' if alone else 'run'}"]
    if alone:
        words.append(shell_word(f"--id={alone}" if alone.startswith("-") else alone))
    for name, value in (
        ("--from", from_step),
        ("--until", request.until),
        ("-f", request.workflow),
        ("--preset", request.preset),
        ("--max-cost", request.max_cost),
        ("--max-tokens", request.max_tokens),
        ("--max-time", request.max_time),
        ("--max-calls", request.max_calls),
    ):
        words += [name, shell_word(value)] if value else []
    words += ["--interactive"] if request.interactive else []
    kept = ("--checkpoint", request.checkpoint)
    option, value = kept if request.checkpoint else ("--resume-checkpoint", f"@{path}")
    return f"{' '.join([*switches, *words])} \\\n    {option} {shell_word(value)}"
