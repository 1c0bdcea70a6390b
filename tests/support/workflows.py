"""Workflows and results made in a test."""

from __future__ import annotations

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
