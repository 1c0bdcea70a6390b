"""What a run came to, made for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.reports.outcome import Outcome, Status
from aethr.results import StepResult, Verdict
from aethr.spent import Spent
from tests.support.workflows import step, workflow

if TYPE_CHECKING:
    from aethr.findings import Finding


def outcome(text: str, *findings: Finding) -> Outcome:
    """Make that of a review that asks for changes; its text stands wherever one may."""
    flow = workflow(step("work"), step("review", "work"), step("never"), name=text)
    results = (
        StepResult("work", text, model=text),
        StepResult("review", text, verdict=Verdict.REVISE),
    )
    stands = tuple(("review", finding) for finding in findings)
    status, against = Status.NOT_PASSED, frozenset({"review"})
    return Outcome(flow, text, True, status, 3, text, results, stands, against, Spent())
