"""The map of a workflow as plain lines: before a run, and in ``aethr show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import routing
from aethr.limits import said as limits_said
from aethr.prompt import condition
from aethr.text import command_line, count, duration, one_line

if TYPE_CHECKING:
    from aethr.workflow import Limits, Step, Workflow


_WIDTH = 80


def headline(workflow: Workflow, live_because: str) -> str:
    """``review · 1 step · mock: no model, agent or command is called``."""
    mode = (
        f"live ({live_because})" if live_because else "mock: no model, agent or command is called"
    )
    return one_line(f"{workflow.name} · {count(len(workflow.steps), 'step')} · {mode}")


def lines(workflow: Workflow, model: str | None, *, full: bool = False) -> list[str]:
    """Give a row a step, in columns, and below it what has no room or is asked for.

    ``full`` adds what each step sees and may do.
    """
    rows = [
        (f"{place:>3}", step.id, step.role or step.backend, answerer(workflow, step, model))
        for place, step in enumerate(workflow.steps, 1)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    found = []
    for step, row in zip(workflow.steps, rows, strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        found += [*_with_loop(line, step), *([f"     {_details(step)}"] if full else [])]
    return [one_line(line.rstrip()) for line in found]


def limits_line(limits: Limits) -> list[str]:
    return [f"limits: {said}"] if (said := limits_said(limits)) else []


def _with_loop(line: str, step: Step) -> list[str]:
    if step.repeat is None:
        return [line]
    loop = (
        f"↺ {step.repeat.back_to}, until {condition(step.repeat)}, ≤ {step.repeat.max_iterations}"
    )
    beside = f"{line}  {loop}"
    return [beside] if len(beside) < _WIDTH else [line, f"     {loop}"]


def answerer(workflow: Workflow, step: Step, model: str | None) -> str:
    """Tell who answers a step: its model, its agent, the agent with its model, or a command."""
    if step.run:
        return command(step)
    chosen = routing.model_for(workflow, step, model)
    agent = [] if step.backend == "model" else [step.backend]
    return " · ".join([*agent, *([chosen.name] if chosen else [])]) or "no model"


def command(step: Step) -> str:
    """``$ pytest -q``."""
    return f"$ {command_line(step.run)}"


def _details(step: Step) -> str:
    if step.run:
        return _of_command(step)
    said = [
        f"sees {', '.join(source.name for source in step.context) or 'no context'}",
        f"history {step.history.value}",
        *(["answers JSON"] if step.output_schema is not None else []),
        *(["unsafe permissions"] if step.unsafe_permissions else []),
    ]
    return " · ".join(said)


def _of_command(step: Step) -> str:
    said = [
        *([f"timeout {duration(step.timeout)}"] if step.timeout else []),
        *([f"env {', '.join(step.env)}"] if step.env else []),
        *(["may fail"] if step.may_fail else []),
    ]
    return " · ".join(said) or "must exit with 0"
