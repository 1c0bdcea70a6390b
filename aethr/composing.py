"""A step's prompt, from where the run stands: for the preview and for the call alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import context, prompt
from aethr.context import Absent, Patch
from aethr.frozen import frozen
from aethr.results import Doubt
from aethr.treelog import last_artifact
from aethr.workflow import History, SourceKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aethr.plan import Position
    from aethr.results import Block, StepPrompt, StepResult
    from aethr.steered import Steered
    from aethr.workflow import Step, Workflow
    from aethr.world import World


@frozen
class Past:
    """The results before a step, and of each step the latest output."""

    results: Sequence[StepResult]
    outputs: Mapping[str, str]


@frozen
class Composer:
    """Makes the prompts of one run."""

    workflow: Workflow
    task: str
    world: World
    steered: Steered

    def compose(self, step: Step, here: Position, past: Past) -> StepPrompt:
        """Give the exact text that is sent for a step, keys masked."""
        note = self.steered.note if self.steered.is_noted(step.id) else None
        setting = prompt.Setting(
            self.workflow, step, self.task, here.passes[-1] if step.repeat else 0, note
        )
        blocks = context.collect(step.context, self._around(step, past), step.context_limit)
        composed = prompt.build(setting, past.results, blocks)
        return replace(composed, text=self.world.mask(composed.text))

    def doubts(self, step: Step, blocks: Sequence[Block]) -> tuple[str, ...]:
        """Name the blocks over which a pass of this step would not count."""
        if not step.has_verdict or step.allow_truncated:
            return ()
        counted = set(Doubt) if self.world.settings.live else {Doubt.CUT}
        return tuple(block.name for block in blocks if block.doubt in counted)

    def _around(self, step: Step, past: Past) -> context.Surroundings:
        kinds = {source.kind for source in step.context}
        around = replace(self.world.surroundings, outputs=past.outputs)
        if SourceKind.LATEST_DIFF in kinds:
            around = replace(around, latest_diff=self._latest_diff(past.results))
        if SourceKind.RUN_DIFF in kinds and self.world.tree:
            around = replace(around, run_diff=self.world.tree.run_diff(past.results))
        # A step that lists `latest_diff` has the patches of its history already, as one.
        if SourceKind.LATEST_DIFF not in kinds and self.world.tree:
            around = replace(around, patches=self._patches(step, past.results))
        return around

    def _patches(self, step: Step, results: Sequence[StepResult]) -> tuple[Patch, ...]:
        """Give the patches of the results that a step sees, each its own step's."""
        shown, tree = prompt.shown(step, results), self.world.tree
        own = [
            (one.heading, tree.own_patch(one.artifact)) for one in shown if tree and one.artifact
        ]
        found = [Patch(f"changes of {heading}", text) for heading, text in own if text]
        sees = step.history in (History.ALL, History.LATEST)
        if tree and sees and (standing := tree.standing(results)):
            found.append(Patch("changes as they stand now", standing))
        return tuple(found)

    def _latest_diff(self, results: Sequence[StepResult]) -> str | Absent:
        """Give the patch of the most recent implementation."""
        standing = self.world.tree.standing(results) if self.world.tree else None
        if standing is not None:
            return standing
        artifact = last_artifact(results)
        if artifact is None:
            return Absent.NOT_YET
        return Absent.NOT_KEPT if artifact.patch is None else artifact.patch
