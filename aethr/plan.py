"""The only scheduler: a pure fold of results into a position.

Nothing about loops is stored: run, resume and preview call the same functions.
A step costs the same however long the run is, because a position holds only
the pass counts of the loops around one step.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from aethr import documents
from aethr.frozen import frozen
from aethr.results import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aethr.results import StepResult
    from aethr.workflow import Repeat, Step, Workflow


@frozen
class Position:
    """Where a run stands.

    ``index`` is the place of the next step, or the number of steps at the end.
    ``passes`` counts the current pass, from 1, of each loop around that place,
    outermost first. ``taken`` counts the results so far, ``since`` those before
    the outermost loop around the place was entered (before the step, where there
    is none). ``open`` holds the steps whose last verdict is not pass, or
    whose command was to succeed and did not, ``exhausted`` the loops (by
    controlling step) whose last pass did not meet their condition.
    """

    index: int = 0
    passes: tuple[int, ...] = ()
    open: frozenset[str] = frozenset()
    exhausted: frozenset[str] = frozenset()
    taken: int = 0
    since: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against success so far."""
        return not self.open and not self.exhausted


class Turn(Enum):
    """What a loop does after a result of the step that controls it."""

    BACK = "back"
    MET = "met"
    EXHAUSTED = "exhausted"


def start(workflow: Workflow) -> Position:
    return _moved(workflow, Position(index=len(workflow.steps)), 0)


def replay(workflow: Workflow, results: Iterable[StepResult], next_id: str = "") -> Position:
    """Fold results, all of steps that the workflow has, from the start; then go to ``next_id``."""
    position = start(workflow)
    for result in results:
        position = advance(workflow, position, result)
    return jump(workflow, position, next_id) if next_id else position


def next_step(workflow: Workflow, position: Position) -> Step | None:
    return workflow.steps[position.index] if position.index < len(workflow.steps) else None


def jump(workflow: Workflow, position: Position, step_id: str) -> Position:
    """Go to a step: loops around both places keep their count, others start afresh."""
    return _moved(workflow, position, workflow.index[step_id])


def advance(workflow: Workflow, position: Position, result: StepResult) -> Position:
    """Take one result in; one of another step than the expected is a jump to it."""
    here = jump(workflow, position, result.step_id)
    turn = turned(workflow, here, result)
    judged = Position(
        index=here.index,
        passes=here.passes,
        open=_with(here.open, result.step_id, _member(workflow.step(result.step_id), result)),
        exhausted=_with(
            here.exhausted, result.step_id, None if turn is None else turn is Turn.EXHAUSTED
        ),
        taken=here.taken + 1,
        since=here.since,
    )
    if turn is Turn.BACK:
        again = replace(judged, passes=(*here.passes[:-1], here.passes[-1] + 1))
        return _moved(workflow, again, workflow.loops[here.index][-1].start)
    return _moved(workflow, judged, here.index + 1)


def turned(workflow: Workflow, position: Position, result: StepResult) -> Turn | None:
    """What the loop that this result's step controls does; None where it controls none.

    ``position`` is the one at which the result's step was next.
    """
    repeat = workflow.step(result.step_id).repeat
    if repeat is None:
        return None
    if not result.unproven:
        if _met(repeat, result):
            return Turn.MET
        # A step's own loop is the innermost around it: loops are nested.
        if position.passes[-1] < repeat.max_iterations:
            return Turn.BACK
    return Turn.EXHAUSTED


def _met(repeat: Repeat, result: StepResult) -> bool:
    reviewed = not repeat.until_review_pass or result.verdict is Verdict.PASS
    succeeded = not repeat.until_success or result.exit_code == 0
    contains = repeat.until_contains is None or repeat.until_contains in result.content
    if not (reviewed and succeeded and contains):
        return False
    return repeat.until is None or documents.holds(result.content, repeat.until)


def _moved(workflow: Workflow, position: Position, place: int) -> Position:
    """Go to another place; proper nesting makes the loops around both a common prefix."""
    if place == position.index and position.passes:
        return position
    ours, theirs = workflow.loops[position.index], workflow.loops[place]
    passes = tuple(
        position.passes[depth] if depth < len(ours) and ours[depth] is loop else 1
        for depth, loop in enumerate(theirs)
    )
    stays = place == position.index or bool(ours and theirs and ours[0] is theirs[0])
    since = position.since if stays else position.taken
    return replace(position, index=place, passes=passes, since=since)


def _member(step: Step, result: StepResult) -> bool | None:
    if step.repeat and step.repeat.until_success:
        return result.exit_code != 0
    return None if result.verdict is None else result.verdict is not Verdict.PASS


def _with(names: frozenset[str], name: str, member: bool | None) -> frozenset[str]:
    """Return the set with the name in or out; the same object where nothing changes."""
    if member is None or member == (name in names):
        return names
    return names | {name} if member else names - {name}
