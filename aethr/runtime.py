"""The engine: while there is a next step, context -> prompt -> backend -> result -> checkpoint.

It emits events and prints nothing.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import changes, events, judging, plan, prompt, routing, signals
from aethr.composing import Composer, Past
from aethr.errors import AethrError, Interrupted, StepFailed, UsageError
from aethr.limits import LimitReached
from aethr.results import Call, StepResult
from aethr.spent import known
from aethr.steered import Steered
from aethr.text import last_lines, slug
from aethr.workflow import Limits
from aethr.world import Meter, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aethr.checkpoint import Checkpoint, Start
    from aethr.results import Reply, StepPrompt
    from aethr.workflow import Step, Workflow
    from aethr.world import World


class Run:
    """One run of a workflow: its results so far, and the position that they add up to.

    ``world.tree`` is None where no tree is recorded: in mock mode, outside git,
    or where no step works on the tree. ``limits`` hold live runs only.
    """

    def __init__(
        self,
        workflow: Workflow,
        task: str,
        world: World,
        results: Sequence[StepResult] = (),
        steered: Steered | None = None,
    ) -> None:
        self.workflow = workflow
        self.task = task
        self.world = world
        self.limits = Limits()
        self._began: float | None = None
        self.stand(results, steered or Steered())

    def stand(self, results: Sequence[StepResult], steered: Steered) -> None:
        """Take these results for what is done, and go on as people decided since."""
        self.results = list(results)
        self.steered = steered
        self.position = plan.replay(self.workflow, results, steered.next_id)
        self._numbers = Counter(result.step_id for result in results)
        self._outputs = {result.step_id: prompt.output(result) for result in results}

    def waited(self, seconds: float) -> None:
        """Leave out of the time that counts how long a person has thought."""
        self._began = self._began and self._began + seconds

    def drive(
        self,
        call: Callable[[Step], object],
        until: str = "",
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Have every next step called, to the end or until the step named is done with.

        ``stop`` is called behind each, and may take the run back.
        """
        while not self.reached(until) and (step := plan.next_step(self.workflow, self.position)):
            done = len(self.results)
            call(step)
            if len(self.results) == done:
                raise StepFailed(f"the task of step `{step.id}` ended without running the step")
            stop()

    def reached(self, until: str) -> bool:
        """Whether the step named was the last one, and no loop goes back from it."""
        if not until or not self.results or self.results[-1].step_id != until:
            return False
        return self.position.index == self.workflow.index[until] + 1

    def perform(self, step: Step, checkpoint: Checkpoint) -> StepResult:
        """Run one step, wherever the run stands, and keep its result.

        Raises StepFailed or Interrupted, with what the step had said in the checkpoint;
        LimitReached, before anything of the step is begun where that can be.
        """
        self._began = self._began or time.monotonic()
        # A command is no call: only time counts for it.
        limits = Limits(time=self.limits.time) if step.run else self.limits
        meter = Meter(limits, checkpoint, self._began)
        meter.check()
        here = plan.jump(self.workflow, self.position, step.id)
        number = self._numbers[step.id] + 1
        model = routing.model_for(self.workflow, step, self.world.settings.model)
        passes = _passes(step, here)
        self.world.emit(events.StepStarted(step, number, model, passes, checkpoint.spent))
        composer = Composer(self.workflow, self.task, self.world, self.steered)
        composed = composer.compose(step, here, Past(self.results, self._outputs))
        doubts = composer.doubts(step, composed.blocks)
        self._announce(step, composed, doubts)
        start = self._start(step, checkpoint)
        began = time.monotonic()
        output = Output(step.id, self.world, meter)
        trace = self._trace(start, number, checkpoint)
        root = self.world.settings.root
        call = Call(step, composed.text, model, root, start.marker, trace, composed.blocks)
        try:
            reply = self.world.backends[step.backend].answer(call, output)
            reply = self._checked(step, reply, output)
            artifact = changes.made(self.workflow, start, here, self.results, self.world)
            output.close()
        except (AethrError, KeyboardInterrupt) as error:
            raise self._broken(error, output, time.monotonic() - began, checkpoint) from None
        result = replace(
            self._result(step, reply, doubts),
            number=number,
            seconds=round(time.monotonic() - began, 3),
            artifact=artifact,
        )
        with signals.held():
            self._finish(here, result, checkpoint)
        return result

    def preview(self, steps: Sequence[Step]) -> Iterator[tuple[Step, StepPrompt]]:
        """Give the prompts of steps to come, in order; nothing is called.

        A loop is given once. A placeholder stands where earlier output will be.
        """
        results, outputs, position = list(self.results), dict(self._outputs), self.position
        numbers = Counter(self._numbers)
        composer = Composer(self.workflow, self.task, self.world, self.steered)
        for step in steps:
            position = plan.jump(self.workflow, position, step.id)
            yield step, composer.compose(step, position, Past(results, outputs))
            text = f"[the output of step `{step.id}` will stand here]"
            numbers[step.id] += 1
            results.append(StepResult(step.id, text, numbers[step.id]))
            outputs[step.id] = text

    def _announce(self, step: Step, composed: StepPrompt, doubts: Sequence[str]) -> None:
        for block in composed.blocks:
            for line in block.warnings:
                self.world.warn(step.id, line)
        if doubts:
            self.world.warn(
                step.id, "a pass over it will be inconclusive (allow_truncated: true accepts it)"
            )

    def _start(self, step: Step, checkpoint: Checkpoint) -> Start:
        """Keep where a step begins."""
        start = changes.begun(step, len(self.results), self.world)
        try:
            checkpoint.start(start)
        except UsageError as error:
            not_begun = f"step `{step.id}` was not begun: {error.summary}"
            raise StepFailed(not_begun, error.hint) from None
        return start

    def _trace(self, start: Start, number: int, checkpoint: Checkpoint) -> Path | None:
        """Name the file for an agent's raw events, beside the checkpoint."""
        if not (self.world.verbose and start.marker) or self.workflow.step(start.step_id).run:
            return None
        name = f"{checkpoint.path.name}.{slug(start.step_id, 'step')}-{number}.events"
        path = checkpoint.path.with_name(name)
        self.world.emit(events.Told(f"raw events: {path}"))
        return path

    def _checked(self, step: Step, reply: Reply, output: Output) -> Reply:
        try:
            return replace(reply, content=judging.checked(reply.content, step, self.world))
        except StepFailed:
            output.used(reply.usage, whole=True)
            raise

    def _result(self, step: Step, reply: Reply, doubts: tuple[str, ...]) -> StepResult:
        result = StepResult(
            step.id,
            reply.content,
            doubts=doubts,
            usage=known(reply.usage),
            model=reply.model,
            exit_code=reply.exit_code,
        )
        return judging.judged(result, step, self.world)

    def _finish(self, here: plan.Position, result: StepResult, checkpoint: Checkpoint) -> None:
        """Keep a result, then show it."""
        try:
            checkpoint.result(result)
        except UsageError as error:
            # The disk is full, say. What was paid for is shown all the same.
            self._show(here, result)
            not_kept = f"{error.summary}; the result above is not kept"
            raise StepFailed(not_kept, error.hint) from None
        self._keep(result)
        self._show(here, result)

    def _keep(self, result: StepResult) -> None:
        self.results.append(result)
        if self.world.tree:
            self.world.tree.finished(result.step_id)
        self.steered = self.steered.after(result)
        self._numbers[result.step_id] += 1
        self._outputs[result.step_id] = prompt.output(result)
        self.position = plan.advance(self.workflow, self.position, result)

    def _show(self, here: plan.Position, result: StepResult) -> None:
        step = self.workflow.step(result.step_id)
        turn = plan.turned(self.workflow, here, result)
        live, patch = self.world.settings.live, changes.own_patch(result, self.world)
        shown = changes.masked(result, self.world.mask)
        self.world.emit(events.StepFinished(shown, live, patch))
        if turn and step.repeat:
            limit = step.repeat.max_iterations
            self.world.emit(
                events.LoopTurned(step.id, step.repeat.back_to, turn, here.passes[-1], limit)
            )

    def _broken(
        self,
        error: AethrError | KeyboardInterrupt,
        output: Output,
        seconds: float,
        checkpoint: Checkpoint,
    ) -> AethrError:
        """Keep what a step had said before it failed, and say which step it was."""
        output.close(cut=True)
        ended = isinstance(error, KeyboardInterrupt)
        partial = self.world.mask.cut(getattr(error, "partial", "") or output.said)
        tail = last_lines(partial) if self.workflow.step(output.step_id).run else ""
        self.world.emit(events.StepBroken(output.step_id, seconds, ended, tail))
        reason = "interrupted" if ended else self.world.mask.brief(f"{error}")
        try:
            checkpoint.failure(output.step_id, reason, partial)
        except UsageError as full:
            # What was said is nowhere else then.
            self.world.warn(output.step_id, f"{full.summary}; it had said:\n{partial}")
        if isinstance(error, KeyboardInterrupt):
            return Interrupted(getattr(error, "signum", signal.SIGINT))
        if isinstance(error, LimitReached):
            return error
        hint = self.world.mask(error.hint)
        return StepFailed(f"step `{output.step_id}` failed: {reason}", hint, partial)


def _passes(step: Step, here: plan.Position) -> tuple[int, int] | None:
    """Return (pass, limit) of the loop that the step controls."""
    return (here.passes[-1], step.repeat.max_iterations) if step.repeat else None
