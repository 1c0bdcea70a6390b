"""What a person may do between two steps. Each act is in the checkpoint before it counts."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from aethr import judging, plan, signals
from aethr.errors import UsageError, did_you_mean
from aethr.events import Decided, Warned
from aethr.frozen import frozen
from aethr.steered import Edit, Rewind
from aethr.text import one_line
from aethr.treelog import last_artifact

if TYPE_CHECKING:
    from aethr.checkpoint import Checkpoint
    from aethr.results import StepPrompt, StepResult
    from aethr.runtime import Run
    from aethr.workflow import Step


class Move(Enum):
    """How a stop ends."""

    NEXT = "go on, to the next stop"
    END = "go on, to the end"
    STOP = "stop"


@frozen
class Helm:
    """A run that has stopped between two steps, and its file."""

    run: Run
    file: Checkpoint

    @property
    def last(self) -> StepResult | None:
        """The result that the run stands behind."""
        return self.run.results[-1] if self.run.results else None

    @property
    def next(self) -> Step | None:
        return plan.next_step(self.run.workflow, self.run.position)

    @property
    def done(self) -> list[str]:
        """The ids of the steps to which one can go back, in the order of the file."""
        ids = {result.step_id for result in self.run.results}
        return [step.id for step in self.run.workflow.steps if step.id in ids]

    def back(self, step_id: str, note: str = "") -> None:
        """Make a step next that is done; its latest result and those behind it count no more."""
        if step_id not in self.done:
            near = did_you_mean(step_id, self.done)
            raise UsageError(f"step `{step_id}` is not done{near}")
        run = self.run
        self._preflight(step_id)
        ids = [result.step_id for result in run.results]
        kept = len(ids) - 1 - ids[::-1].index(step_id)
        rewind, pending = Rewind(step_id, kept, run.world.mask(note)), run.steered.note
        with signals.held():
            self.file.rewind(rewind)
            if run.world.tree:
                run.world.tree.rewind(run.results, kept)
            run.stand(run.results[:kept], rewind.of(run.results))
        said = " with a note" if note else ""
        if pending:
            said += f"; the note for {one_line(pending.step_id)} counts no more"
        run.world.emit(Decided(f"back to {one_line(step_id)}{said}"))

    def edit(self, text: str) -> None:
        """Put another text in the place of the last result's; its verdict is read anew.

        Raises StepFailed for a text that does not fit the step's schema.
        """
        run, last = self.run, self.run.results[-1]
        step = run.workflow.step(last.step_id)
        content = judging.checked(text, step, run.world)
        judged = judging.judged(replace(last, content=content), step, run.world)
        edit = Edit(last.step_id, content, judged.verdict, judged.unproven)
        with signals.held():
            self.file.edit(edit)
            run.stand([*run.results[:-1], edit.of(last)], run.steered)
        said = f": {edit.verdict.value}" if edit.verdict else ""
        unseen = f", not seen whole: {', '.join(edit.unproven)}" if edit.unproven else ""
        line = run.world.mask.brief(f"{one_line(last.heading)} edited{said}{unseen}")
        run.world.emit(Decided(line, run.results[-1]))

    def prompt(self) -> StepPrompt:
        """Give what the next step will be sent. Raises UsageError where none is left."""
        if self.next is None:
            raise UsageError("every step is done")
        ((_, composed),) = self.run.preview([self.next])
        return composed

    def diff(self) -> str:
        """Give what the most recent implementation changed. Raises UsageError where it can't be."""
        tree, artifact = self.run.world.tree, last_artifact(self.run.results)
        if not self.run.world.settings.live:
            raise UsageError("mock: nothing was changed")
        if tree is None or artifact is None:
            raise UsageError("no step has worked on the tree")
        patch = tree.own_patch(artifact)
        if not isinstance(patch, str):
            raise UsageError(f"no diff: {patch.value}")
        return self.run.world.mask(patch)

    def _preflight(self, step_id: str) -> None:
        """Find what a step to come lacks; when the run was opened these were done with."""
        run, place = self.run, self.run.workflow.index[step_id]
        steps = run.workflow.steps[place : max(place + 1, run.position.index)]
        for line in run.world.preflight(run.workflow, steps, run.limits):
            run.world.emit(Warned(run.world.mask(line)))
