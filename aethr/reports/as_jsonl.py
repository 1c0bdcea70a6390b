"""The events of a run, a JSON object a line, as they happen; the last one says how it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aethr import events
from aethr.reports import as_json

if TYPE_CHECKING:
    from aethr.events import Event
    from aethr.reports.outcome import Outcome


def line(event: Event) -> str:
    """Give the line of an event; the end of the run is told by ``text``."""
    said = _said(event)
    return _line(**said) if said else ""


def text(outcome: Outcome) -> str:
    return _line(event="run_ended", **as_json.ending(outcome))


def _said(event: Event) -> dict[str, Any]:  # noqa: C901 - an entry an event
    found: dict[str, Any] = {}
    match event:
        case events.RunStarted():
            found = {
                "event": "run_started",
                "workflow": event.workflow.name,
                "mode": "live" if event.live_because else "mock",
                "kept_results": len(event.results),
            }
        case events.StepStarted(step, number, model):
            name = model.name if model else None
            found = {"event": "step_started", "id": step.id, "pass": number, "model": name}
        case events.Chunk(piece):
            found = {"event": "text", "text": piece}
        case events.Told(said):
            found = {"event": "told", "text": said}
        case events.Decided(said):
            found = {"event": "steered", "text": said}
        case events.Waiting(what):
            found = {"event": "waiting", "text": what}
        case events.Warned(said, step_id):
            found = {"event": "warning", "id": step_id or None, "text": said}
        case events.StepFinished(result):
            found = {"event": "step_finished", **as_json.step(result)}
        case events.StepBroken(step_id, seconds, interrupted):
            word = "step_interrupted" if interrupted else "step_failed"
            found = {"event": word, "id": step_id, "seconds": round(seconds, 3)}
        case events.LoopTurned():
            found = {
                "event": "loop",
                "id": event.step_id,
                "back_to": event.back_to,
                "turn": event.turn.value,
                "made": event.made,
                "limit": event.limit,
            }
    return found


def _line(**fields: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(fields, ensure_ascii=False) + "\n"
