"""The whole run as JSON; ``schema.json`` beside this file describes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aethr import __version__

if TYPE_CHECKING:
    from aethr.findings import Finding
    from aethr.reports.outcome import Outcome
    from aethr.results import StepResult, Usage


def text(outcome: Outcome) -> str:
    return json.dumps(document(outcome), ensure_ascii=False, indent=2) + "\n"


def schema_text() -> str:
    return Path(__file__).with_name("schema.json").read_text("utf-8")


def document(outcome: Outcome) -> dict[str, Any]:
    return {
        "version": 1,
        "aethr": __version__,
        "workflow": outcome.workflow.name,
        "task": outcome.task,
        "mode": "live" if outcome.live else "mock",
        **ending(outcome),
        "steps": [step(result) for result in outcome.results],
        "findings": [{"step": by, **one(finding)} for by, finding in outcome.standing],
    }


def ending(outcome: Outcome) -> dict[str, Any]:
    spent = outcome.spent
    return {
        "status": outcome.status.value,
        "exit_code": outcome.exit_code,
        "error": outcome.error or None,
        "broken_step": outcome.broken or None,
        "seconds": outcome.seconds,
        "calls": spent.calls,
        "calls_of_unknown_cost": spent.unpriced,
        "usage": usage(spent.used),
    }


def step(result: StepResult) -> dict[str, Any]:
    changes = result.artifact.changes if result.artifact else ()
    return {
        "id": result.step_id,
        "pass": result.number,
        "verdict": result.verdict.value if result.verdict else None,
        "unproven": list(result.unproven),
        "exit_code": result.exit_code,
        "edited": result.edited,
        "model": result.model or None,
        "seconds": result.seconds,
        "usage": usage(result.usage),
        "changes": [{"path": c.path, "added": c.added, "removed": c.removed} for c in changes],
        "content": result.content,
    }


def usage(used: Usage) -> dict[str, Any]:
    return {
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cost": used.cost,
    }


def one(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "path": finding.path or None,
        "line": finding.line,
        "text": finding.text,
    }
