"""What people decide between the steps of a run: a fold of its lines, as the results are. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.results import StepResult, Verdict


class Pause(Enum):
    """Whether a person was waited for since the last result."""

    NONE = "none"
    WAITING = "waiting"
    OVER = "over"


@frozen
class Edit:
    """An ``edit`` line: another text for the last result, of this step, and what it comes to."""

    step_id: str
    content: str
    verdict: Verdict | None = None
    unproven: tuple[str, ...] = ()

    def of(self, result: StepResult) -> StepResult:
        """Give the edited result. Raises ValueError where it is another step's."""
        if result.step_id != self.step_id:
            raise ValueError(self.step_id)
        return replace(
            result,
            content=self.content,
            verdict=self.verdict,
            unproven=self.unproven,
            edited=True,
        )


@frozen
class Rewind:
    """A ``rewind`` line: a step is next again, and so many results are kept.

    With a ``text`` it is a ``note`` line: what a person says to the step.
    """

    step_id: str
    kept: int
    text: str = ""

    def of(self, results: Sequence[StepResult]) -> Steered:
        """Give what is decided. Raises ValueError where no result of the step is there."""
        if not 0 <= self.kept < len(results) or results[self.kept].step_id != self.step_id:
            raise ValueError(self.step_id)
        note = Note(self.step_id, self.text, results[self.kept].content) if self.text else None
        # What is kept was looked at before.
        return Steered(self.step_id, note, Pause.OVER)


@frozen
class Note:
    """What a person says to a step that runs again; ``answer`` is what it had said."""

    step_id: str
    text: str
    answer: str


@frozen
class Steered:
    """What was decided since the last result; ``next_id`` names the step that is next, if it was.

    A note waits for the next result of its step.
    """

    next_id: str = ""
    note: Note | None = None
    pause: Pause = Pause.NONE

    def after(self, result: StepResult) -> Steered:
        return Steered(note=self.note if not self.is_noted(result.step_id) else None)

    def is_noted(self, step_id: str) -> bool:
        return self.note is not None and self.note.step_id == step_id

    def paused(self, *, over: bool) -> Steered:
        return replace(self, pause=Pause.OVER if over else Pause.WAITING)
