"""The map of a workflow as plain lines: before a run, and in ``aethr show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aethr import arrows, routing
from aethr.limits import said as limits_said
from aethr.prompt import condition
from aethr.text import cells, command_line, count, duration, one_line, padded, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aethr.plan import Position
    from aethr.results import StepResult
    from aethr.workflow import Limits, Repeat, Step, Workflow

_GAP = 2  # between columns


class _Row(NamedTuple):
    """What is said of a step, in the order in which it stands; empty where there is nothing."""

    name: str
    state: str
    role: str
    answerer: str
    sees: str
    history: str
    marks: str
    loop: str


# How important the columns are. The first for which there is no room in every row gives way, and
# all behind it do: in `aethr show` they go below their step; before a run those of `_ALWAYS` do,
# and the others are left out. The step's name is whole at any width.
_IMPORTANCE = ("name", "state", "answerer", "role", "sees", "history", "marks", "loop")
_ALWAYS = {"answerer", "marks", "loop"}


def headline(workflow: Workflow, live_because: str) -> str:
    """``review · 1 step · mock: no model, agent or command is called``."""
    mode = (
        f"live ({live_because})" if live_because else "mock: no model, agent or command is called"
    )
    return one_line(f"{workflow.name} · {count(len(workflow.steps), 'step')} · {mode}")


def lines(
    workflow: Workflow,
    model: str | None,
    *,
    width: int = 80,
    states: Sequence[str] = (),
    full: bool = False,
) -> list[str]:
    """Give a row a step, in columns, with its loops at the side; ``full`` leaves nothing out.

    ``model`` is AETHR_MODEL's; ``states`` are as ``states`` gives them.
    """
    states = states or [""] * len(workflow.steps)
    rows = [
        _Row(*map(one_line, _row(workflow, step, model, state)))
        for step, state in zip(workflow.steps, states, strict=True)
    ]
    digits = len(str(len(rows)))
    sides = arrows.beside(workflow)
    head = _GAP + len(sides[0].row) + digits + _GAP
    columns = _with_room(rows, width - head)
    wanted = [name for name in _Row._fields if name not in columns and (full or name in _ALWAYS)]
    found = []
    for place, (row, side) in enumerate(zip(rows, sides, strict=True), 1):
        shown = (" " * _GAP).join(padded(getattr(row, name), columns[name]) for name in columns)
        found.append(f"  {side.row}{place:>{digits}}  {shown}".rstrip())
        below = f"  {side.below}{' ' * digits}  "
        found += [below + line for line in _below(row, wanted, width - head)]
    return found


def limits_line(limits: Limits) -> list[str]:
    return [f"limits: {said}"] if (said := limits_said(limits)) else []


def states(workflow: Workflow, position: Position, results: Sequence[StepResult]) -> list[str]:
    """Tell of each step whether it is done, where a run goes on; a run that begins has none."""
    kept = [result.step_id for result in results]
    if not kept and not position.index:
        return [""] * len(workflow.steps)

    def state(place: int, step: Step) -> str:
        runs = kept.count(step.id)
        if place == position.index:
            return f"next, pass {runs + 1}" if runs else "next"
        if place < position.index:
            return "done" if runs else "skipped"
        return "again" if runs else ""

    return [state(place, step) for place, step in enumerate(workflow.steps)]


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


def _loop(repeat: Repeat) -> str:
    """``↺ implement, until the review passes, ≤ 3``."""
    return f"↺ {repeat.back_to}, until {condition(repeat)}, ≤ {repeat.max_iterations}"


def _row(workflow: Workflow, step: Step, model: str | None, state: str) -> _Row:
    sees = f"sees {', '.join(source.name for source in step.context) or 'no context'}"
    return _Row(
        name=step.id,
        state=state,
        role=step.role or step.backend,
        answerer=answerer(workflow, step, model),
        sees=_of_command(step) if step.run else sees,
        history="" if step.run else f"history {step.history.value}",
        marks=" · ".join(
            [
                *(["answers JSON"] if step.output_schema is not None else []),
                *(["unsafe permissions"] if step.unsafe_permissions else []),
                *(["pauses"] if step.pause else []),
            ]
        ),
        loop=_loop(step.repeat) if step.repeat else "",
    )


def _of_command(step: Step) -> str:
    said = [
        *([f"timeout {duration(step.timeout)}"] if step.timeout else []),
        *([f"env {', '.join(step.env)}"] if step.env else []),
        *(["may fail"] if step.may_fail else []),
    ]
    return " · ".join(said) or "must exit with 0"


def _with_room(rows: Sequence[_Row], room: int) -> dict[str, int]:
    """Choose the columns that stand side by side: name -> width, in the order of a row."""
    widths = {name: max(cells(getattr(row, name)) for row in rows) for name in _IMPORTANCE}
    chosen: set[str] = set()
    for name in _IMPORTANCE:
        room -= widths[name] + _GAP * bool(chosen and widths[name])
        if chosen and room < 0:
            break
        chosen.add(name)
    return {name: widths[name] for name in _Row._fields if name in chosen and widths[name]}


def _below(row: _Row, names: Iterable[str], room: int) -> list[str]:
    """Say what had no room, the loop on lines of its own."""
    texts = {name: text for name in names if (text := getattr(row, name))}
    last = texts.pop("loop", "")
    return [*wrapped(" · ".join(texts.values()), room), *wrapped(last, room)]
