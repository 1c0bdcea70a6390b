"""What happens in a run, as values. The engine emits them; views and reports consume them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.plan import Position, Turn
    from aethr.results import StepResult
    from aethr.workflow import ModelRef, Step, Workflow


@dataclass(frozen=True, slots=True)
class RunStarted:
    """``only`` is the one step of ``aethr step``, else empty.

    ``results`` are the kept ones of a checkpoint; ``live_because`` is empty in
    mock mode.
    """

    workflow: Workflow
    only: str
    results: tuple[StepResult, ...]
    live_because: str
    checkpoint: Path | None


@dataclass(frozen=True, slots=True)
class StepStarted:
    """``number`` counts this step's runs from 1; ``passes`` is (pass, limit) of its loop."""

    step: Step
    number: int
    model: ModelRef | None
    passes: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer, as it came, keys masked."""

    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """One line about what an agent just did: ``edit src/app.py``."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the run waits for, such as ``first token``."""

    what: str


@dataclass(frozen=True, slots=True)
class Warned:
    """One line that people should know; ``step_id`` is empty where it is about the whole run."""

    text: str
    step_id: str = ""


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A result that is in the checkpoint."""

    result: StepResult
    live: bool


@dataclass(frozen=True, slots=True)
class StepBroken:
    """A step that failed or was interrupted, after ``seconds``; the error follows."""

    step_id: str
    seconds: float
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class LoopTurned:
    """A loop's controlling step has a result: ``made`` of at most ``limit`` passes."""

    step_id: str
    back_to: str
    turn: Turn
    made: int
    limit: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The end of a run that no error ended.

    ``results`` are all of the checkpoint, ``seconds`` are this process's;
    ``go_on`` tells how, where steps are left.
    """

    workflow: Workflow
    results: tuple[StepResult, ...]
    position: Position
    passed: bool
    live: bool
    seconds: float
    go_on: str = ""


Event = (
    RunStarted
    | StepStarted
    | Chunk
    | Told
    | Waiting
    | Warned
    | StepFinished
    | StepBroken
    | LoopTurned
    | RunFinished
)
