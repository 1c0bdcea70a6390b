"""The findings as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aethr import __version__
from aethr.findings import Severity
from aethr.reports.outcome import Status, message
from aethr.text import count, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aethr.findings import Finding
    from aethr.reports.outcome import Outcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST = 25_000  # results of a file; GitHub takes no more, and shows 5,000
_CUT_SHORT = (Status.FAILED, Status.INTERRUPTED, Status.PAUSED)
LEVELS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_RANKS = {severity: rank for rank, severity in enumerate(LEVELS)}


def text(outcome: Outcome) -> str:
    # GitHub refuses a whole file for one result without a place, or for one too many.
    ranked = sorted(outcome.standing, key=lambda found: _RANKS[found[1].severity])
    placed = [found for found in ranked if _uri(found[1].path)]
    results = placed[:MOST]
    notes = [
        *((LEVELS[one.severity], f"{one}") for _, one in ranked if not _uri(one.path)),
        *_notes(outcome, len(placed) - len(results)),
    ]
    driver = {
        "name": "Aethr",
        "version": __version__,
        "rules": [_rule(by) for by in dict.fromkeys(by for by, _ in results)],
    }
    invocation = {
        "executionSuccessful": outcome.status not in _CUT_SHORT,
        "exitCode": outcome.exit_code,
        "toolExecutionNotifications": [
            {"level": level, "message": {"text": one_line(said)}} for level, said in notes
        ],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": [_result(by, one) for by, one in results],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _notes(outcome: Outcome, left: int) -> Iterator[tuple[str, str]]:
    """Tell of the run itself, each with its level."""
    if outcome.error:
        yield "error", outcome.error
    if left:
        yield "error", f"{count(left, 'finding')} left out: GitHub takes {MOST:,}"
    if not outcome.live:
        yield "note", outcome.title


def _rule(by: str) -> dict[str, Any]:
    said = {"text": f"Found by step {by}"}
    return {"id": by, "shortDescription": said, "fullDescription": said, "help": said}


def _result(by: str, finding: Finding) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": _uri(finding.path)},
        # GitHub asks for one; of a file as a whole it is the first.
        "region": {"startLine": finding.line or 1},
    }
    return {
        "ruleId": by,
        "level": LEVELS[finding.severity],
        "message": {"text": message(finding)},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """Give a path of the project as a relative URI; nothing for one that leads elsewhere."""
    outside = path.startswith("/") or re.match("[A-Za-z]:/", path) or ".." in path.split("/")
    return "" if outside else quote(path, safe="/", errors="replace")
