"""The map of a workflow in the formats of other programs: JSON, and a Mermaid flowchart."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aethr import overview, routing
from aethr.prompt import condition
from aethr.text import count, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.workflow import Repeat, Step, Workflow

# Quoted Mermaid text takes an entity for any character. Everything but letters, digits and
# harmless marks becomes one, and the first letter of two words does: Mermaid takes the last `;`
# away from a line like `style…:…#…;`, which an entity ends with (mermaid, utils.encodeEntities).
_ESCAPED = re.compile(r"[^\w ·.,:/-]|s(?=tyle)|c(?=lassDef)")


def as_json(workflow: Workflow, model: str | None, *, live: bool, states: Sequence[str]) -> str:
    """Give the map as JSON; docs/show.md describes it."""
    import json

    document = {
        "version": 1,
        "workflow": workflow.name,
        "description": workflow.description or None,
        "mode": "live" if live else "mock",
        "limits": asdict(workflow.limits),
        "steps": [
            _step(workflow, step, model, state)
            for step, state in zip(workflow.steps, states, strict=True)
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _step(workflow: Workflow, step: Step, model: str | None, state: str) -> dict[str, Any]:
    chosen = routing.model_for(workflow, step, model)
    return {
        "id": step.id,
        "state": state or None,
        "role": step.role or None,
        "backend": step.backend,
        "model": chosen.name if chosen else None,
        "run": step.run or None,
        "context": [source.name for source in step.context],
        "history": None if step.run else step.history.value,
        "unsafe_permissions": step.unsafe_permissions,
        "pause": step.pause,
        "verdict": step.has_verdict,
        "repeat": asdict(step.repeat) if step.repeat else None,
    }


def as_mermaid(workflow: Workflow, model: str | None, states: Sequence[str]) -> str:
    """Give a flowchart: a box a step, and of each loop an arrow back with its condition."""
    names = {step.id: f"n{place}" for place, step in enumerate(workflow.steps, 1)}
    lines = ["flowchart TD"]
    for place, (step, state) in enumerate(zip(workflow.steps, states, strict=True), 1):
        said = (f"{place} · {step.id}", _who(workflow, step, model), state)
        text = "<br/>".join(map(_text, filter(None, said)))
        lines.append(f'  {names[step.id]}["{text}"]')
    lines += [f"  {one} --> {two}" for one, two in pairwise(names.values())]
    lines += [
        f'  {names[step.id]} -->|"{_text(_back(step.repeat))}"| {names[step.repeat.back_to]}'
        for step in workflow.steps
        if step.repeat
    ]
    return "\n".join(lines) + "\n"


def _who(workflow: Workflow, step: Step, model: str | None) -> str:
    who = overview.answerer(workflow, step, model)
    return who if step.run else f"{step.role} · {who}"


def _back(repeat: Repeat) -> str:
    passes = count(repeat.max_iterations, "pass", "passes")
    return f"until {condition(repeat)}, at most {passes}"


def _text(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"#{ord(found[0])};", one_line(text))
