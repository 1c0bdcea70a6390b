"""A text taken as a step's: keys masked, held against its schema, its verdict read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import findings, verdict
from aethr.results import Verdict
from aethr.text import count, one_line

if TYPE_CHECKING:
    from aethr.results import StepResult
    from aethr.workflow import Step
    from aethr.world import World


def checked(content: str, step: Step, world: World) -> str:
    """Give what is kept of a text. Raises StepFailed where it does not fit the step's schema."""
    said = world.mask(content)
    if step.output_schema is None:
        return said
    from aethr import answers

    return answers.checked(said, step.output_schema, world.settings.environ)


def judged(result: StepResult, step: Step, world: World) -> StepResult:
    """Read the verdict of a result; a pass over what was not seen whole is none."""
    if not step.has_verdict:
        return result
    read = verdict.read(result.content)
    if read is Verdict.INCONCLUSIVE and verdict.said(result.content) is Verdict.PASS:
        grave = findings.grave(result.content)
        line = (
            f"it says pass beside {count(len(grave), 'high or medium finding')}, so it is "
            f"inconclusive; the first: {one_line(str(grave[0]))}"
        )
        world.warn(step.id, line)
    # A result of an older checkpoint tells only what it passed over.
    unproven = (result.doubts or result.unproven) if read is Verdict.PASS else ()
    return replace(result, verdict=Verdict.INCONCLUSIVE if unproven else read, unproven=unproven)
