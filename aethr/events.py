"""What happens in a run, as values. The engine emits them; views and reports consume them.

Named tuples: a tenth of the start-up time of as many frozen dataclasses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.plan import Position, Turn
    from aethr.results import StepResult
    from aethr.spent import Spent
    from aethr.workflow import Limits, ModelRef, Step, Workflow


class RunStarted(NamedTuple):
    """``only`` is the one step of ``aethr step``, else empty; ``position`` is where it begins.

    ``results`` are the kept ones of a checkpoint; ``live_because`` is empty in
    mock mode, where ``limits`` are none.
    """

    workflow: Workflow
    only: str
    results: tuple[StepResult, ...]
    live_because: str
    checkpoint: Path | None
    limits: Limits
    position: Position


class StepStarted(NamedTuple):
    """``number`` counts this step's runs from 1; ``passes`` is (pass, limit) of its loop.

    ``spent`` is what the whole run took before it.
    """

    step: Step
    number: int
    model: ModelRef | None
    passes: tuple[int, int] | None
    spent: Spent


class Chunk(NamedTuple):
    """A piece of an answer, as it came, keys masked."""

    text: str


class Told(NamedTuple):
    """One line about what an agent just did: ``edit src/app.py``."""

    text: str


class Waiting(NamedTuple):
    """What the run waits for, such as ``first token``; ``seconds`` is how long, if it is known."""

    what: str
    seconds: float = 0.0


class Used(NamedTuple):
    """What the whole run has taken by now, as far as a call in flight has told."""

    spent: Spent


class Warned(NamedTuple):
    """One line that people should know; ``step_id`` is empty where it is about the whole run."""

    text: str
    step_id: str = ""


class StepFinished(NamedTuple):
    """A result that is in the checkpoint; with ``--verbose`` with the diff of what it changed."""

    result: StepResult
    live: bool
    patch: str = ""


class StepBroken(NamedTuple):
    """A step that failed or was interrupted, after ``seconds``; the error follows.

    ``tail`` is the end of what a command has written.
    """

    step_id: str
    seconds: float
    interrupted: bool = False
    tail: str = ""


class Decided(NamedTuple):
    """What a person decided between two steps, in one line; ``result`` is one that was edited."""

    text: str
    result: StepResult | None = None


class LoopTurned(NamedTuple):
    """A loop's controlling step has a result: ``made`` of at most ``limit`` passes."""

    step_id: str
    back_to: str
    turn: Turn
    made: int
    limit: int


class RunFinished(NamedTuple):
    """The end of a run that no error ended.

    ``results`` and ``spent`` are the whole checkpoint's, ``seconds`` this process's;
    ``go_on`` tells how, where steps are left.
    """

    workflow: Workflow
    results: tuple[StepResult, ...]
    position: Position
    passed: bool
    live: bool
    seconds: float
    spent: Spent
    go_on: str = ""


class RunStopped(NamedTuple):
    """The end of a run that an error or a signal ended, which is told of after it.

    ``results`` and ``spent`` are the whole checkpoint's, ``seconds`` this process's.
    """

    results: tuple[StepResult, ...]
    live: bool
    seconds: float
    spent: Spent


Event = (
    RunStarted
    | StepStarted
    | Chunk
    | Told
    | Waiting
    | Used
    | Warned
    | StepFinished
    | StepBroken
    | Decided
    | LoopTurned
    | RunFinished
    | RunStopped
)
