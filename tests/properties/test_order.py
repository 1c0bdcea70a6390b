"""The scheduler does what plain recursion does, and what counting does where people jump."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count, cycle
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from aethr import plan
from aethr.results import StepResult, Verdict
from tests.support.strategies import examples
from tests.support.workflows import result, step, workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aethr.workflow import Step, Workflow

Item: TypeAlias = "str | Loop"
"""A step's id, or a loop."""


@dataclass(frozen=True)
class Loop:
    """Steps and inner loops, and then the step ``end``, which asks for a pass or for a text."""

    body: tuple[Item, ...]
    limit: int
    for_text: bool
    end: str = ""

    @property
    def first(self) -> str:
        inner = self.body[0]
        return inner if isinstance(inner, str) else inner.first


LOOPS: st.SearchStrategy[Item] = st.recursive(
    st.just(""),
    lambda inner: st.builds(
        Loop, st.lists(inner, min_size=1, max_size=3).map(tuple), st.integers(1, 3), st.booleans()
    ),
    max_leaves=6,
)
SAID = st.sampled_from(["good", "bad", "unsure", "doubtful"])


def named(items: Sequence[Item], numbers: Iterator[int]) -> tuple[Item, ...]:
    """Give the steps ids in the order in which they stand."""

    def one(item: Item) -> Item:
        if isinstance(item, str):
            return f"s{next(numbers)}"
        return replace(item, body=named(item.body, numbers), end=f"s{next(numbers)}")

    return tuple(map(one, items))


PLANS = st.lists(LOOPS, min_size=1, max_size=3).map(lambda items: named(items, count()))


def laid_out(items: Sequence[Item]) -> Iterator[Step]:
    for item in items:
        if isinstance(item, str):
            yield step(item)
        else:
            yield from laid_out(item.body)
            yield step(item.end, item.first, item.limit, contains="DONE" * item.for_text)


def loops_in(items: Sequence[Item]) -> Iterator[Loop]:
    """Give the loops, outer ones before those that they hold."""
    for item in items:
        if isinstance(item, Loop):
            yield item
            yield from loops_in(item.body)


def answered(loop: Loop | None, step_id: str, said: str) -> StepResult:
    if loop is None:
        return result(step_id)
    if loop.for_text:
        return result(step_id, None, "all DONE" if said == "good" else "not yet")
    if said == "doubtful":
        return replace(result(step_id, Verdict.INCONCLUSIVE), unproven=("git_diff",))
    words = {"good": Verdict.PASS, "bad": Verdict.REVISE, "unsure": Verdict.INCONCLUSIVE}
    return result(step_id, words[said])


def is_over(loop: Loop, said: str) -> bool:
    return said == "good" or (said == "doubtful" and not loop.for_text)


def recursion(items: Sequence[Item], said: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Run the steps as loops nest; gives each step's id, and what it said."""
    for item in items:
        if isinstance(item, str):
            yield item, ""
            continue
        for _ in range(item.limit):
            yield from recursion(item.body, said)
            word = next(said)
            yield item.end, word
            if is_over(item, word):
                break


@examples(300)
@given(PLANS, st.lists(SAID, min_size=1, max_size=12))
def test_the_scheduler_does_what_plain_recursion_does(
    items: tuple[Item, ...], words: list[str]
) -> None:
    flow = workflow(*laid_out(items))
    ends = {loop.end: loop for loop in loops_in(items)}
    position, last = plan.start(flow), dict[str, str]()
    for step_id, said in recursion(items, cycle(words)):
        following = plan.next_step(flow, position)
        assert following
        assert following.id == step_id
        position = plan.advance(flow, position, answered(ends.get(step_id), step_id, said))
        last[step_id] = said
    assert plan.next_step(flow, position) is None
    assert position.passed == all(last[end] == "good" for end in ends)
    assert position.exhausted == {end for end in ends if last[end] != "good"}


class Counted:
    """Where a run stands, by counting the whole passes of each loop since it was entered."""

    def __init__(self, items: Sequence[Item], flow: Workflow) -> None:
        self.spans = {
            loop: range(flow.index[loop.first], flow.index[loop.end] + 1)
            for loop in loops_in(items)
        }
        self.ends = {span[-1]: loop for loop, span in self.spans.items()}
        self.made = dict.fromkeys(self.spans, 0)
        self.place = 0

    @property
    def passes(self) -> tuple[int, ...]:
        return tuple(self.made[loop] + 1 for loop in self.spans if self.place in self.spans[loop])

    def take(self, place: int, said: str) -> None:
        self.place = place + 1
        for loop, span in self.spans.items():
            if place not in span:
                self.made[loop] = 0
        if own := self.ends.get(place):
            self.made[own] += 1
            if is_over(own, said) or self.made[own] >= own.limit:
                self.made[own] = 0
            else:
                self.place = self.spans[own][0]


@examples(300)
@given(PLANS, st.lists(st.tuples(st.none() | st.integers(0, 20), SAID), max_size=20))
def test_whoever_jumps_comes_where_counting_leads(
    items: tuple[Item, ...], moves: list[tuple[int | None, str]]
) -> None:
    """A move is a jump to a step, or (None) the next one; a resume after each changes nothing."""
    flow = workflow(*laid_out(items))
    counted, results = Counted(items, flow), list[StepResult]()
    for jump, said in moves:
        place = (counted.place if jump is None else jump) % len(flow.steps)
        before = plan.replay(flow, results)
        results.append(answered(counted.ends.get(place), flow.steps[place].id, said))
        counted.take(place, said)
        position = plan.replay(flow, results)
        assert (position.index, position.passes) == (counted.place, counted.passes)
        assert position.taken == len(results)
        assert position == plan.advance(flow, before, results[-1])
        asked_for = plan.jump(flow, before, flow.steps[place].id)
        assert plan.advance(flow, asked_for, results[-1]) == position
