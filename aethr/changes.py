"""What a step changes in the working tree: recorded around it, and judged."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import names
from aethr.checkpoint import Start
from aethr.context import Absent
from aethr.errors import StepFailed
from aethr.treelog import last_artifact
from aethr.workflow import SourceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.plan import Position
    from aethr.results import Artifact, StepResult
    from aethr.secrets import Mask
    from aethr.workflow import Step, Workflow
    from aethr.world import World


def begun(step: Step, done: int, world: World) -> Start:
    """Tell where a step begins, behind so many results; an agent also with tree and marker."""
    if not world.backends[step.backend].agent:
        return Start(step.id, done)
    marker = os.urandom(8).hex()
    if world.tree is None:
        return Start(step.id, done, "", marker)
    start = Start(step.id, done, world.tree.record().id, marker)
    world.tree.began(start)
    return start


def made(
    workflow: Workflow, start: Start, here: Position, results: Sequence[StepResult], world: World
) -> Artifact | None:
    """Record what a step changed. Raises StepFailed where an agent should have and did not."""
    if world.tree is None or not start.tree:
        return None
    step = workflow.step(start.step_id)
    tree = world.tree.record()
    if tree.unread:
        unread = ", ".join(map(names.shown, tree.unread))
        world.warn(step.id, f"not in the diff, untracked and over 5 MB: {unread}")
    earlier = last_artifact(results) if step.run else None
    base = earlier.base or earlier.before if earlier else ""
    artifact = world.tree.artifact(start, here.since, tree.id, base)
    if step.run and artifact.before == artifact.tree:
        return None
    for line in world.tree.unkept:
        world.warn(step.id, line)
    if artifact.patch == "" and not step.run and _should_change(step, workflow):
        if max(here.passes, default=1) == 1:  # later ones have what the first one changed
            hint = "expect_changes: false on the step accepts that"
            raise StepFailed("the agent changed nothing", hint)
        world.warn(step.id, "the agent changed nothing")
    return artifact


def _should_change(step: Step, workflow: Workflow) -> bool:
    """Whether an agent's step is to change something: if not said, where a step looks at it."""
    if step.expect_changes is not None:
        return step.expect_changes
    sources = (source for other in workflow.steps for source in other.context)
    return any(source.kind is SourceKind.LATEST_DIFF for source in sources)


def masked(result: StepResult, mask: Mask) -> StepResult:
    """Hide keys in the names of files, which git and a later step need as they are."""
    if result.artifact is None:
        return result
    shown = tuple(replace(one, path=mask(one.path)) for one in result.artifact.changes)
    return replace(result, artifact=replace(result.artifact, changes=shown))


def own_patch(result: StepResult, world: World) -> str:
    """Give what a step changed by itself, where all is to be shown."""
    if not (world.verbose and world.tree and result.artifact):
        return ""
    patch = world.tree.own_patch(result.artifact)
    return patch.value if isinstance(patch, Absent) else world.mask(patch)
