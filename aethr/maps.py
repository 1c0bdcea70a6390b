"""A workflow's map as it was asked for: its format, and what is done in the run of a checkpoint."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from aethr import charts, overview
from aethr.errors import UsageError, did_you_mean
from aethr.options import Map, MapFormat, Request
from aethr.streams import columns
from aethr.text import one_line, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.session import Session
    from aethr.workflow import Workflow


def asked_for(session: Session, asked: Map) -> str:
    """Give the text of a map. Raises UsageError."""
    form, settings = _form(asked.format), session.settings
    workflow = session.load(asked).workflow
    states = _states(session, asked, workflow)
    match form:
        case MapFormat.TEXT:
            return _text(session, workflow, states)
        case MapFormat.JSON:
            return charts.as_json(workflow, settings.model, live=settings.live, states=states)
        case MapFormat.MERMAID:
            return charts.as_mermaid(workflow, settings.model, states)


def _form(name: str) -> MapFormat:
    known = [form.value for form in MapFormat]
    if name not in known:
        said = f"no format `{name}`{did_you_mean(name, known)}"
        raise UsageError(said, f"the formats are {', '.join(known)}")
    return MapFormat(name)


def _states(session: Session, asked: Map, workflow: Workflow) -> list[str]:
    if not asked.checkpoint:
        return [""] * len(workflow.steps)
    from aethr import kept, plan, resume

    saved = kept.read(session, Request(resume_checkpoint=f"@{asked.checkpoint}"))
    if saved.header:
        resume.match_workflow(saved.header, workflow)
    next_id = saved.steered.next_id
    results = resume.known(saved.results, workflow, next_id)
    return overview.states(workflow, plan.replay(workflow, results, next_id), results)


def _text(session: Session, workflow: Workflow, states: Sequence[str]) -> str:
    settings, width = session.settings, columns(sys.stdout, session.environ)
    lines = [
        *wrapped(overview.headline(workflow, settings.live_because), width),
        *wrapped(one_line(workflow.description), width),
        *overview.lines(workflow, settings.model, width=width, states=states, full=True),
        *overview.limits_line(workflow.limits),
    ]
    return "\n".join(lines) + "\n"
