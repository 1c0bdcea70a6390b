"""Workflow -> invoke Collection: a generated task for every step, and the way to call one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke import Collection, Executor

from aethr.options import Options, Request, StepText
from aethr.overview import answerer
from aethr.task import AethrTask, Wiring
from aethr.text import printable, slug

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke import Config, Context

    from aethr.session import Session
    from aethr.workflow import Step, Workflow


def steps(session: Session, workflow: Workflow) -> Collection:
    """Give the sub-collection ``steps``: one task a step, named by a slug of its id."""
    wiring = Wiring(session, Collection("steps"))
    for name, step in named(workflow).items():
        wiring.steps.add_task(_task(wiring, workflow, step, name))
    return wiring.steps


def named(workflow: Workflow) -> dict[str, Step]:
    """Map task names to steps, in order; of two slugs that meet, the later gets ``-2``."""
    names: dict[str, Step] = {}
    for place, step in enumerate(workflow.steps, 1):
        base = name = slug(step.id, f"step-{place}")
        again = 2
        while name in names:
            name, again = f"{base}-{again}", again + 1
        names[name] = step
    return names


def renamed(workflow: Workflow) -> list[str]:
    """Warn of steps whose task has not the plain slug of the id, because another has it."""
    return [
        f"{step.id}: its task is `aethr.steps.{name}`, because another step has the plain name"
        for name, step in named(workflow).items()
        if name != slug(step.id, name)
    ]


def caller(wiring: Wiring, workflow: Workflow, settings: Config) -> Callable[[Step], object]:
    """Give what calls a step's generated task through invoke, with its ``pre`` and ``post``."""
    tasks = wiring.steps
    if wiring.session.default != workflow:
        tasks = steps(wiring.session, workflow)
    names = {step.id: name for name, step in named(workflow).items()}
    # A clone: an executor leaves the inner collection's settings in its config.
    executor = _Executor(tasks, settings.clone())
    return lambda step: executor.execute(names[step.id])


class _Executor(Executor):
    """Calls a task as often as it is asked to: a second pass of a loop is no duplicate."""

    def dedupe(self, calls: list[Any]) -> list[Any]:
        return calls


def _task(wiring: Wiring, workflow: Workflow, step: Step, name: str) -> AethrTask:
    def body(wiring: Wiring, _: Context, given: StepText) -> None:
        current = wiring.session.current
        if current and current.driving:
            current.perform(step)
        else:
            from aethr import front

            front.step(wiring.session, Request(text=given.text, id=step.id), Options())

    who = answerer(workflow, step, None)
    if not step.run:
        who = f"{step.role} · {who}: {' '.join(workflow.roles[step.role].split())}"
    body.__doc__ = printable(who)
    return AethrTask(body, wiring, name=name, asks=(StepText,))
