"""The engine: while there is a next step, context -> prompt -> backend -> result -> checkpoint.

It emits events and prints nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aethr import context, events, plan, prompt, routing, verdict
from aethr.checkpoint import Start
from aethr.context import Patch
from aethr.errors import AethrError, Interrupted, StepFailed, UsageError
from aethr.results import Call, Doubt, StepResult, Verdict
from aethr.text import slug
from aethr.workflow import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aethr.backends import Backend
    from aethr.checkpoint import Checkpoint
    from aethr.context import Surroundings
    from aethr.results import Artifact, Block, Reply, StepPrompt
    from aethr.secrets import Mask
    from aethr.settings import Settings
    from aethr.treelog import TreeLog
    from aethr.workflow import Step, Workflow


@dataclass(frozen=True, slots=True)
class World:
    """The outside as a run sees it; tests give another one. ``backends`` maps names to answers."""

    settings: Settings
    backends: Mapping[str, Backend]
    surroundings: Surroundings
    mask: Mask
    emit: Callable[[events.Event], None]
    tree: TreeLog | None = None
    verbose: bool = False


class Run:
    """One run of a workflow: its results so far, and the position that they add up to.

    ``world.tree`` is None where no tree is recorded: in mock mode, outside git,
    or where no step works on the tree.
    """

    def __init__(
        self, workflow: Workflow, task: str, world: World, results: Sequence[StepResult] = ()
    ) -> None:
        self.workflow = workflow
        self.task = task
        self.world = world
        self.results = list(results)
        self.position = plan.replay(workflow, results)
        self._numbers = Counter(result.step_id for result in results)
        self._outputs = {result.step_id: result.content for result in results}

    def drive(self, call: Callable[[Step], object], until: str | None = None) -> None:
        """Have every next step called, to the end or until the step named is done with."""
        while step := plan.next_step(self.workflow, self.position):
            done = len(self.results)
            call(step)
            if len(self.results) == done:
                raise StepFailed(f"the task of step `{step.id}` ended without running the step")
            if step.id == until and self.position.index == self.workflow.index[until] + 1:
                return

    def perform(self, step: Step, checkpoint: Checkpoint) -> StepResult:
        """Run one step, wherever the run stands, and keep its result.

        Raises StepFailed or Interrupted, with what the step had said in the checkpoint.
        """
        here = plan.jump(self.workflow, self.position, step.id)
        number = self._numbers[step.id] + 1
        model = routing.model_for(self.workflow, step, self.world.settings.model)
        self.world.emit(events.StepStarted(step, number, model, _passes(step, here)))
        composed = self._compose(step, here, self.results, self._outputs)
        doubts = self._doubts(step, composed.blocks)
        self._announce(step, composed, doubts)
        start = self._start(step)
        checkpoint.start(start)
        began = time.monotonic()
        output = _Output(step.id, self.world)
        trace = self._trace(start, number, checkpoint)
        call = Call(step, composed.text, model, self.world.settings.root, start.marker, trace)
        try:
            reply = self.world.backends[step.backend].answer(call, output)
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
        try:
            checkpoint.result(result)
        except UsageError as error:
            # The disk is full, say. What was paid for is shown all the same.
            self._keep(here, result)
            raise StepFailed(f"{error.summary}; the result above is not kept", error.hint) from None
        self._keep(here, result)
        return result

    def preview(self, steps: Sequence[Step]) -> Iterator[tuple[Step, StepPrompt]]:
        """Give the prompts of steps to come, in order; nothing is called.

        A loop is given once. A placeholder stands where earlier output will be.
        """
        results, outputs, position = list(self.results), dict(self._outputs), self.position
        numbers = Counter(self._numbers)
        for step in steps:
            position = plan.jump(self.workflow, position, step.id)
            yield step, self._compose(step, position, results, outputs)
            text = f"[the output of step `{step.id}` will stand here]"
            numbers[step.id] += 1
            results.append(StepResult(step.id, text, numbers[step.id]))
            outputs[step.id] = text

    def _compose(
        self,
        step: Step,
        here: plan.Position,
        results: Sequence[StepResult],
        outputs: Mapping[str, str],
    ) -> StepPrompt:
        kinds = {source.kind for source in step.context}
        shown = prompt.shown(step, results)
        around = replace(
            self.world.surroundings,
            outputs=outputs,
            latest_diff=_latest_diff(results),
            run_diff=self.world.tree.run_diff()
            if self.world.tree and SourceKind.RUN_DIFF in kinds
            else None,
            # A step that lists `latest_diff` has the patches already, as one.
            patches=() if SourceKind.LATEST_DIFF in kinds else self._patches(shown),
        )
        blocks = context.collect(step.context, around, step.context_limit)
        setting = prompt.Setting(
            self.workflow, step, self.task, here.passes[-1] if step.repeat else 0
        )
        composed = prompt.build(setting, results, blocks)
        return replace(composed, text=self.world.mask(composed.text))

    def _patches(self, shown: Sequence[StepResult]) -> tuple[Patch, ...]:
        """Give the patches of the results that a step sees, each its own step's."""
        if self.world.tree is None:
            return ()
        tree = self.world.tree
        own = ((result, tree.own_patch(result.artifact)) for result in shown if result.artifact)
        return tuple(Patch(f"changes of {result.heading}", text) for result, text in own if text)

    def _doubts(self, step: Step, blocks: Sequence[Block]) -> tuple[str, ...]:
        """Name the blocks over which a pass of this step would not count."""
        if not step.has_verdict or step.allow_truncated:
            return ()
        counted = set(Doubt) if self.world.settings.live else {Doubt.CUT}
        return tuple(block.name for block in blocks if block.doubt in counted)

    def _announce(self, step: Step, composed: StepPrompt, doubts: Sequence[str]) -> None:
        for block in composed.blocks:
            for line in block.warnings:
                self._warn(step.id, line)
        if doubts:
            self._warn(
                step.id, "a pass over it will be inconclusive (allow_truncated: true accepts it)"
            )

    def _warn(self, step_id: str, line: str) -> None:
        self.world.emit(events.Warned(self.world.mask(line), step_id))

    def _start(self, step: Step) -> Start:
        """Tell where a step begins; for an agent with the tree, and a marker to find it by."""
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
        if not (self.world.verbose and start.marker):
            return None
        name = f"{checkpoint.path.name}.{slug(start.step_id, 'step')}-{number}.events"
        path = checkpoint.path.with_name(name)
        self.world.emit(events.Told(f"raw events: {path}"))
        return path

    def _artifact(self, step: Step, start: Start, here: plan.Position) -> Artifact | None:
        """Record what an agent changed. Raises StepFailed where it should have and did not."""
        if self.world.tree is None or not start.tree:
            return None
        tree = self.world.tree.record()
        if tree.unread:
            names = ", ".join(tree.unread)
            self._warn(step.id, f"not in the diff, untracked and over 5 MB: {names}")
        artifact = self.world.tree.artifact(start, here.since, tree.id)
        if artifact.patch is None:
            self._warn(step.id, "the patch is over 10 MB and is not kept")
        if artifact.patch == "":
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

    def _result(self, step: Step, reply: Reply, doubts: tuple[str, ...]) -> StepResult:
        content = self.world.mask(reply.content)
        judged = verdict.read(content) if step.has_verdict else None
        unproven = doubts if judged is Verdict.PASS else ()
        return StepResult(
            step.id,
            content,
            verdict=Verdict.INCONCLUSIVE if unproven else judged,
            unproven=unproven,
            usage=reply.usage,
            model=reply.model,
        )

    def _keep(self, here: plan.Position, result: StepResult) -> None:
        step = self.workflow.step(result.step_id)
        turn = plan.turned(self.workflow, here, result)
        self.results.append(result)
        self._numbers[result.step_id] += 1
        self._outputs[result.step_id] = result.content
        self.position = plan.advance(self.workflow, self.position, result)
        self.world.emit(events.StepFinished(result, self.world.settings.live))
        if turn and step.repeat:
            limit = step.repeat.max_iterations
            self.world.emit(
                events.LoopTurned(step.id, step.repeat.back_to, turn, here.passes[-1], limit)
            )

    def _broken(
        self,
        error: AethrError | KeyboardInterrupt,
        output: _Output,
        seconds: float,
        checkpoint: Checkpoint,
    ) -> StepFailed | Interrupted:
        """Keep what a step had said before it failed, and say which step it was."""
        output.close()
        ended = isinstance(error, KeyboardInterrupt)
        self.world.emit(events.StepBroken(output.step_id, seconds, interrupted=ended))
        if isinstance(error, KeyboardInterrupt):
            checkpoint.failure(output.step_id, "interrupted", self.world.mask(output.said))
            return Interrupted(getattr(error, "signum", signal.SIGINT))
        reason, hint = self.world.mask(error.summary), self.world.mask(error.hint)
        partial = self.world.mask(getattr(error, "partial", "") or output.said)
        checkpoint.failure(output.step_id, reason, partial)
        return StepFailed(f"step `{output.step_id}` failed: {reason}", hint, partial)


class _Output:
    """Passes what a backend says on as events, keys masked; keeps it for a failure."""

    def __init__(self, step_id: str, world: World) -> None:
        self.step_id = step_id
        self._pieces: list[str] = []
        self._emit = world.emit
        self._mask = world.mask
        self._stream = world.mask.stream()

    @property
    def said(self) -> str:
        return "".join(self._pieces)

    def text(self, piece: str) -> None:
        self._pieces.append(piece)
        self._show(self._stream.feed(piece))

    def waiting(self, what: str) -> None:
        self._emit(events.Waiting(self._mask(what)))

    def tool(self, line: str) -> None:
        self._emit(events.Told(self._mask(line)))

    def warn(self, line: str) -> None:
        self._emit(events.Warned(self._mask(line), self.step_id))

    def close(self) -> None:
        self._show(self._stream.flush())

    def _show(self, text: str) -> None:
        if text:
            self._emit(events.Chunk(text))


def _latest_diff(results: Sequence[StepResult]) -> str | None:
    """Give the patch of the most recent implementation."""
    found = (result.artifact for result in reversed(results) if result.artifact)
    return next((artifact.patch for artifact in found), None)


def _passes(step: Step, here: plan.Position) -> tuple[int, int] | None:
    """Return (pass, limit) of the loop that the step controls."""
    return (here.passes[-1], step.repeat.max_iterations) if step.repeat else None
