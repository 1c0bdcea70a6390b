"""The loops of a workflow as arrows at the side of its steps. Pure.

One column a level of nesting, the outermost at the left::

         1  plan
    ╭──▸ 2  write
    │╭─▸ 3  fix
    │╰── 4  test
    ╰─── 5  review
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aethr.workflow import Loop, Workflow


class Side(NamedTuple):
    """What stands left of a step's row, and left of the lines below it; all are of one width."""

    row: str
    below: str


def beside(workflow: Workflow) -> list[Side]:
    """Give the side of each step; a workflow without loops has none to show."""
    depth = max(map(len, workflow.loops))
    if not depth:
        return [Side("", "")] * len(workflow.steps)
    return [
        Side(_row(place, workflow.loops[place], depth), _below(place, workflow.loops[place], depth))
        for place in range(len(workflow.steps))
    ]


def _row(place: int, loops: tuple[Loop, ...], depth: int) -> str:
    """Draw the ends of loops that are here, each with an arm to the step, and what passes by."""
    columns, arm, tip = "", " ", " "
    for loop in loops:
        if loop.start == place:
            columns += "╭" if arm == " " else "┬"
            arm, tip = "─", "▸"
        elif loop.end == place:
            columns += "╰"
            arm = tip = "─"
        else:
            columns += "│"
    return f"{columns.ljust(depth, arm)}{arm}{tip} "


def _below(place: int, loops: tuple[Loop, ...], depth: int) -> str:
    columns = "".join("│" if place < loop.end else " " for loop in loops)
    return f"{columns:{depth}}   "
