"""Workflows made in the test, and generated ones with properly nested loops."""

from __future__ import annotations

from hypothesis import strategies as st

from aethr.results import StepResult, Verdict
from aethr.workflow import Repeat, Step, Workflow


def workflow(*steps: Step, name: str = "demo") -> Workflow:
    roles = {step.role: f"You are the {step.role}." for step in steps}
    return Workflow(name, steps, roles)


def step(step_id: str, back_to: str = "", limit: int = 3, *, contains: str = "") -> Step:
    """Make a step; with ``back_to`` it reviews, and controls a loop."""
    if not back_to:
        return Step(step_id, "worker")
    repeat = Repeat(back_to, not contains, contains or None, limit)
    return Step(step_id, "worker" if contains else "reviewer", repeat=repeat)


def result(step_id: str, verdict: Verdict | None = None, content: str = "said") -> StepResult:
    return StepResult(step_id, content, verdict=verdict)


PASS, REVISE = Verdict.PASS, Verdict.REVISE


@st.composite
def nested(draw: st.DrawFn, most: int = 7) -> Workflow:
    """Draw a workflow of up to ``most`` steps whose loops do not overlap."""
    count = draw(st.integers(1, most))
    loops: dict[int, int] = {}
    for end in range(1, count):
        starts = [start for start in range(end) if _fits(start, loops)]
        back_to = draw(st.none() | st.sampled_from(starts)) if starts else None
        if back_to is not None:
            loops[end] = back_to
    limits = [draw(st.integers(1, 3)) for _ in range(count)]
    return workflow(
        *(
            step(f"s{place}", f"s{loops[place]}" if place in loops else "", limits[place])
            for place in range(count)
        )
    )


def _fits(start: int, loops: dict[int, int]) -> bool:
    """Whether a loop from here to a later end would enclose or miss each one before it."""
    return all(other_end < start or start <= other for other_end, other in loops.items())
