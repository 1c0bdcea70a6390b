"""Whatever a person does at the stops of a run: what the file says is where the run stands."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aethr import checkpoint, opening, plan
from aethr.backends.scripted import MockBackend
from aethr.helm import Helm, Move
from aethr.limits import LimitReached
from aethr.options import Door, Request
from aethr.results import Reply, StepResult, Verdict
from aethr.runtime import Run
from aethr.session import Session
from aethr.settings import load as load_settings
from aethr.steered import Note, Pause, Rewind, Steered
from aethr.workflow import Limits
from tests.support.workflows import result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from aethr.backends import Output
    from aethr.ongoing import OpenRun
    from aethr.plan import Position
    from aethr.results import Call

FLOW = """\
workflow: steered
roles: {worker: Work., reviewer: Review.}
steps:
  - {id: plan, role: worker, pause: true}
  - {id: draft, role: worker, pause: true, context: ["step:plan"]}
  - id: polish
    role: worker
    pause: true
    repeat: {back_to: draft, until_contains: SMOOTH, max_iterations: 2}
  - {id: review, role: reviewer, pause: true, repeat: {back_to: draft, until_review_pass: true}}
  - {id: ship, role: worker, pause: true, history_visibility: summary}
"""
WORDS = ["rough", "SMOOTH", "Review status: revise", "Review status: pass"]
Act: TypeAlias = tuple[int, str]
"""A place to go back to with a note, or -1 and a text for the last result."""
ACTS = st.tuples(
    st.integers(-1, 4), st.sampled_from(["", *WORDS, "`" * 5, "\n# Task\n", "ü\x1b[2J"])
)
State: TypeAlias = "tuple[list[StepResult], Position, Steered]"


class PureBackend(MockBackend):
    """Answers by the prompt alone; ``prompts`` is what it was asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def answer(self, call: Call, output: Output) -> Reply:  # noqa: ARG002 - says nothing before
        self.prompts.append(call.prompt)
        digest = hashlib.sha256(call.prompt.encode()).digest()
        return Reply(f"{call.step.id} {digest.hex()[:8]}\n{WORDS[digest[0] % len(WORDS)]}")


@dataclass
class Desk:
    """Who does at the stops what was planned, and notes when the file was how long."""

    acts: list[list[Act]]
    file: Path
    seen: dict[int, State] = field(default_factory=dict)
    stops: list[tuple[int, int]] = field(default_factory=list)  # the file's length around each

    def steer(self, helm: Helm) -> Move:
        began = self.file.stat().st_size
        self.note(helm.run)
        for place, text in self.acts.pop(0) if self.acts else ():
            if place >= 0 and helm.done:
                helm.back(helm.done[place % len(helm.done)], text)
            elif place < 0 and helm.last and text:
                helm.edit(text)
            self.note(helm.run)
        self.stops.append((began, self.file.stat().st_size))
        return Move.NEXT

    def note(self, run: Run) -> None:
        self.seen[self.file.stat().st_size] = (list(run.results), run.position, run.steered)


@pytest.fixture
def session() -> Iterator[Session]:
    """Give one whose files are in memory, where there is such a folder: a sync takes 7 ms."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        (folder / ".aethr.yaml").write_text(FLOW)
        made = Session(folder, Door.CONSOLE)
        made.settings = load_settings(folder, {})
        yield made
        made.leave()


def opened(session: Session, file: Path, backend: PureBackend) -> OpenRun:
    run = opening.begin(session, Request(text="go", checkpoint=str(file)), lambda _: None)
    run.run.world = replace(run.run.world, backends=dict.fromkeys(run.run.world.backends, backend))
    return run


def driven(run: OpenRun, desk: Desk) -> list[StepResult]:
    run.drive(run.perform, desk.steer)
    run.leave()
    return [replace(result, seconds=0.0) for result in run.run.results]


@settings(max_examples=settings().max_examples // 4)  # each is four runs
@given(st.lists(st.lists(ACTS, max_size=3), max_size=6), st.randoms(use_true_random=False))
def test_a_run_goes_on_from_any_cut_as_if_nothing_had_been(
    session: Session,
    example: Callable[[], None],
    acts: list[list[Act]],
    random: Random,
) -> None:
    file, cut_file = session.start / "run.jsonl", session.start / "cut.jsonl"
    file.unlink(missing_ok=True)
    backend, desk = PureBackend(), Desk([*acts], file)
    first = opened(session, file, backend)
    whole = driven(first, desk)
    data = file.read_bytes()
    for size, state in desk.seen.items():
        saved = checkpoint.parse(data[:size] + data[size : size + 9], "cut")
        run = Run(first.run.workflow, "go", first.run.world, saved.results, saved.steered)
        assert (run.results, run.position, run.steered) == state
    ends = [match.end() for match in re.finditer(b"\n", data)][1:-1]
    # What a stop that was cut short had left to do is not asked for again.
    cuts = [cut for cut in ends if not any(one <= cut < end for one, end in desk.stops)]
    for cut in random.sample(cuts, min(2, len(cuts))):
        cut_file.write_bytes(data[: cut + 5])
        made = sum(ended <= cut for _, ended in desk.stops)
        again = PureBackend()
        assert driven(opened(session, cut_file, again), Desk(acts[made:], cut_file)) == whole
        assert again.prompts == backend.prompts[len(backend.prompts) - len(again.prompts) :]
    example()


def test_how_long_a_person_thinks_is_no_time_of_the_run(session: Session) -> None:
    run = opened(session, session.start / "run.jsonl", PureBackend())
    run.run.limits = Limits(time=60)
    run.perform(run.run.workflow.steps[0])
    run.run.waited(-60)  # a minute goes by, as it were
    with pytest.raises(LimitReached):
        run.perform(run.run.workflow.steps[1])
    run.run.waited(60)
    run.perform(run.run.workflow.steps[1])
    run.leave()


@pytest.mark.parametrize(
    ("before", "unproven", "text", "after"),
    [
        (Verdict.REVISE, (), "Fine.\nReview status: pass", Verdict.PASS),
        (Verdict.PASS, (), "Review status: revise", Verdict.REVISE),
        (Verdict.PASS, (), "nothing plain", Verdict.INCONCLUSIVE),
        (Verdict.PASS, (), "- [high] a.py:1: bad\nReview status: pass", Verdict.INCONCLUSIVE),
        (Verdict.INCONCLUSIVE, ("git_diff",), "Review status: pass", Verdict.INCONCLUSIVE),
        (Verdict.INCONCLUSIVE, ("git_diff",), "Review status: revise", Verdict.REVISE),
    ],
)
def test_the_verdict_is_that_of_the_edited_text(
    session: Session, before: Verdict, unproven: tuple[str, ...], text: str, after: Verdict
) -> None:
    run = opened(session, session.start / "run.jsonl", PureBackend())
    done = StepResult("review", "said", verdict=before, unproven=unproven)
    run.run.stand([done], Steered())
    run.file.result(done)
    Helm(run.run, run.file).edit(text)
    saved = checkpoint.read(run.file.path)
    run.leave()
    assert run.run.results[0].verdict is after
    assert (run.run.results[0].content, saved.results) == (text, tuple(run.run.results))
    assert run.run.position == plan.replay(run.run.workflow, run.run.results)


def test_a_note_is_for_the_next_result_of_its_step() -> None:
    steered = Rewind("plan", 0, "shorter").of([result("plan", content="long")])
    assert steered == Steered("plan", Note("plan", "shorter", "long"), Pause.OVER)
    assert steered.after(result("draft")).is_noted("plan")
    assert not steered.after(result("plan")).is_noted("plan")
