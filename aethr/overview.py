"""The map of a workflow as plain lines: before a run, and in ``aethr show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import routing
from aethr.prompt import condition
from aethr.text import count, printable

if TYPE_CHECKING:
    from aethr.workflow import Step, Workflow


def headline(workflow: Workflow, live_because: str) -> str:
    """``review · 1 step · mock: no model, agent or command is called``."""
    mode = (
        f"live ({live_because})" if live_because else "mock: no model, agent or command is called"
    )
    return printable(f"{workflow.name} · {count(len(workflow.steps), 'step')} · {mode}")


def lines(workflow: Workflow, model: str | None, *, full: bool = False) -> list[str]:
    """Give a line a step, in columns. ``full`` adds what each step sees and may do."""
    rows = [_row(workflow, step, model, full=full) for step in workflow.steps]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        printable(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(workflow: Workflow, step: Step, model: str | None, *, full: bool) -> tuple[str, ...]:
    place = f"{workflow.index[step.id] + 1:>3}"
    return (place, step.id, step.role, answerer(workflow, step, model), *_details(step, full=full))


def answerer(workflow: Workflow, step: Step, model: str | None) -> str:
    """Tell who answers a step: its model, its agent, or the agent with its model."""
    chosen = routing.model_for(workflow, step, model)
    agent = [] if step.backend == "model" else [step.backend]
    return " · ".join([*agent, *([chosen.name] if chosen else [])]) or "no model"


def _details(step: Step, *, full: bool) -> tuple[str, ...]:
    repeat = step.repeat
    loop = (
        f"↺ {repeat.back_to}, until {condition(repeat)}, ≤ {repeat.max_iterations}"
        if repeat
        else ""
    )
    if not full:
        return (loop,)
    sees = ", ".join(source.name for source in step.context) or "no context"
    may = "unsafe permissions" if step.unsafe_permissions else ""
    return (sees, f"history {step.history.value}", may, loop)
