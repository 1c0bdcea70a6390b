"""Order, loops and exhaustion are a pure fold of the results."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aethr import plan
from aethr.results import StepResult, Verdict
from tests.support.workflows import PASS, REVISE, result, step, workflow

if TYPE_CHECKING:
    from aethr.workflow import Workflow

PIR = workflow(step("plan"), step("implement"), step("review", "implement"), step("ship"))
DOUBT = replace(result("review", Verdict.INCONCLUSIVE), unproven=("git_diff",))


def next_id(flow: Workflow, *results: StepResult) -> str:
    following = plan.next_step(flow, plan.replay(flow, results))
    return following.id if following else "end"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], "plan"),
        (["plan"], "implement"),
        (["plan", "implement"], "review"),
        (["plan", "implement", "revise"], "implement"),
        (["plan", "implement", "revise", "implement"], "review"),
        (["plan", "implement", "pass"], "ship"),
        (["plan", *["implement", "revise"] * 2, "implement", "pass"], "ship"),
        (["plan", *["implement", "revise"] * 3], "ship"),
        (["plan", "implement", "inconclusive"], "implement"),
        (["plan", "implement", "pass", "ship"], "end"),
        # A jump: the order goes on after it, its loop's count is kept.
        (["plan", "implement", "revise", "implement", "implement"], "review"),
        (["plan", *["implement", "revise"] * 2, "implement", "implement", "revise"], "ship"),
        (["review"], "ship"),
        # Out of the loop and in again: fresh passes.
        (["plan", *["implement", "revise"] * 3, "ship", "implement", "revise"], "implement"),
    ],
)
def test_the_next_step(results: list[str], expected: str) -> None:
    words = {"revise": REVISE, "pass": PASS, "inconclusive": Verdict.INCONCLUSIVE}
    made = [
        result("review", words[name])
        if name in words
        else result(name, PASS if name == "review" else None)
        for name in results
    ]
    assert next_id(PIR, *made) == expected


def test_a_doubtful_pass_ends_its_loop_and_does_not_pass() -> None:
    position = plan.replay(PIR, [result("plan"), result("implement"), DOUBT])
    assert plan.next_step(PIR, position) == PIR.step("ship")
    assert not position.passed
    assert position.exhausted == {"review"}


def test_a_raised_limit_goes_on_where_the_loop_was_exhausted() -> None:
    flow = workflow(step("implement"), step("review", "implement", 1))
    results = [result("implement"), result("review", REVISE)]
    assert next_id(flow, *results) == "end"
    raised = workflow(step("implement"), step("review", "implement", 2))
    assert next_id(raised, *results) == "implement"


@pytest.mark.parametrize(("said", "expected"), [("not yet", "work"), ("all DONE", "end")])
def test_until_contains_is_a_plain_substring(said: str, expected: str) -> None:
    flow = workflow(step("work"), step("check", "work", contains="DONE"))
    assert next_id(flow, result("work"), result("check", None, said)) == expected


def test_an_exhausted_loop_that_passes_later_counts_as_passed() -> None:
    flow = workflow(step("implement"), step("review", "implement", 1))
    failed = plan.replay(flow, [result("implement"), result("review", REVISE)])
    assert not failed.passed
    again = plan.advance(flow, plan.jump(flow, failed, "implement"), result("implement"))
    assert plan.advance(flow, again, result("review", PASS)).passed
