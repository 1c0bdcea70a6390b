"""The engine: while there is a next step, context -> prompt -> backend -> result -> checkpoint.

It emits events and prints nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import events, judging, names, plan, prompt, routing, signals
from aethr.checkpoint import Start
from aethr.composing import Composer, Past
from aethr.context import Absent
from aethr.errors import AethrError, Interrupted, StepFailed, UsageError
from aethr.limits import LimitReached
from aethr.results import Call, StepResult
from aethr.spent import known
from aethr.steered import Steered
from aethr.text import last_lines, slug
from aethr.treelog import last_artifact
from aethr.workflow import Limits, SourceKind
from aethr.world import Meter, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aethr.checkpoint import Checkpoint
    from aethr.results import Artifact, Reply, StepPrompt
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
            artifact = self._artifact(step, start, here)
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
                self._warn(step.id, line)
        if doubts:
            self._warn(
                step.id, "a pass over it will be inconclusive (allow_truncated: true accepts it)"
            )

    def _warn(self, step_id: str, line: str) -> None:
        self.world.emit(events.Warned(self.world.mask.brief(line), step_id))

    def _start(self, step: Step, checkpoint: Checkpoint) -> Start:
        """Keep where a step begins."""
        start = self._place(step)
        try:
            checkpoint.start(start)
        except UsageError as error:
            not_begun = f"step `{step.id}` was not begun: {error.summary}"
            raise StepFailed(not_begun, error.hint) from None
        return start

    def _place(self, step: Step) -> Start:
        """Tell where a step begins; with the tree and a marker where it works by itself."""
        if not self.world.backends[step.backend].agent:
            return Start(step.id, len(self.results))
        marker = os.urandom(8).hex()
        if self.world.tree is None:
            return Start(step.id, len(self.results), "", marker)
        tree = self.world.tree.record()
        start = Start(step.id, len(self.results), tree.id, marker)
        self.world.tree.began(start)
        return start

    def _trace(self, start: Start, number: int, checkpoint: Checkpoint) -> Path | None:
        """Name the file for an agent's raw events, beside the checkpoint."""
        if not (self.world.verbose and start.marker) or self.workflow.step(start.step_id).run:
            return None
        name = f"{checkpoint.path.name}.{slug(start.step_id, 'step')}-{number}.events"
        path = checkpoint.path.with_name(name)
        self.world.emit(events.Told(f"raw events: {path}"))
        return path

    def _artifact(self, step: Step, start: Start, here: plan.Position) -> Artifact | None:
        """Record what a step changed. Raises StepFailed where an agent should have and did not."""
        if self.world.tree is None or not start.tree:
            return None
        tree = self.world.tree.record()
        if tree.unread:
            unread = ", ".join(map(names.shown, tree.unread))
            self._warn(step.id, f"not in the diff, untracked and over 5 MB: {unread}")
        earlier = last_artifact(self.results) if step.run else None
        base = earlier.base or earlier.before if earlier else ""
        artifact = self.world.tree.artifact(start, here.since, tree.id, base)
        if step.run and artifact.before == artifact.tree:
            return None
        for line in self.world.tree.unkept:
            self._warn(step.id, line)
        if artifact.patch == "" and not step.run:
            self._unchanged(step, here)
        return artifact

    def _unchanged(self, step: Step, here: plan.Position) -> None:
        """Judge an implementation that changed nothing since its first start."""
        sources = (source for other in self.workflow.steps for source in other.context)
        read = any(source.kind is SourceKind.LATEST_DIFF for source in sources)
        expected = read if step.expect_changes is None else step.expect_changes
        if not expected:
            return
        if max(here.passes, default=1) == 1:
            raise StepFailed(
                "the agent changed nothing", "expect_changes: false on the step accepts that"
            )
        self._warn(step.id, "the agent changed nothing")

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
        live, patch = self.world.settings.live, self._own_patch(result)
        self.world.emit(events.StepFinished(self._masked(result), live, patch))
        if turn and step.repeat:
            limit = step.repeat.max_iterations
            self.world.emit(
                events.LoopTurned(step.id, step.repeat.back_to, turn, here.passes[-1], limit)
            )

    def _masked(self, result: StepResult) -> StepResult:
        """Hide keys in the names of files, which git and a later step need as they are."""
        if result.artifact is None:
            return result
        mask = self.world.mask
        changes = tuple(replace(one, path=mask(one.path)) for one in result.artifact.changes)
        return replace(result, artifact=replace(result.artifact, changes=changes))

    def _own_patch(self, result: StepResult) -> str:
        """Give what a step changed by itself, where all is to be shown."""
        if not (self.world.verbose and self.world.tree and result.artifact):
            return ""
        patch = self.world.tree.own_patch(result.artifact)
        return patch.value if isinstance(patch, Absent) else self.world.mask(patch)

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
            self._warn(output.step_id, f"{full.summary}; it had said:\n{partial}")
        if isinstance(error, KeyboardInterrupt):
            return Interrupted(getattr(error, "signum", signal.SIGINT))
        if isinstance(error, LimitReached):
            return error
        hint = self.world.mask(error.hint)
        return StepFailed(f"step `{output.step_id}` failed: {reason}", hint, partial)


def _passes(step: Step, here: plan.Position) -> tuple[int, int] | None:
    """Return (pass, limit) of the loop that the step controls."""
    return (here.passes[-1], step.repeat.max_iterations) if step.repeat else None
