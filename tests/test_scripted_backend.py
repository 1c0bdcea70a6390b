"""Mock answers that satisfy their own step, and scripted ones for tests; agents not yet live."""

from __future__ import annotations

from pathlib import Path

import pytest

from aethr import verdict
from aethr.backends.scripted import MockBackend, ScriptedBackend
from aethr.errors import StepFailed
from aethr.results import NOTHING_USED, Call, Reply, Verdict
from aethr.workflow import ModelRef, Repeat, Step
from tests.support.output import Heard


def call(step: Step, model: str | None = "openai:gpt-4o-mini") -> Call:
    return Call(step, "the prompt", ModelRef(model) if model else None, Path())


class TestMock:
    def test_says_that_it_is_mock_and_what_it_stands_for(self) -> None:
        reply = MockBackend().answer(call(Step("plan", "planner")), Heard())
        assert reply == Reply(
            "[mock] step `plan`: role planner, backend model, model openai:gpt-4o-mini.\n"
            "Nothing was called; this text stands for the answer.\n",
            NOTHING_USED,
            "openai:gpt-4o-mini",
        )

    def test_needs_no_model(self) -> None:
        reply = MockBackend().answer(call(Step("go", "r", backend="opencode"), None), Heard())
        assert "backend opencode.\n" in reply.content
        assert reply.model == ""

    @pytest.mark.parametrize(
        "step",
        [
            Step("s", "reviewer"),
            Step("s", "r", verdict=True),
            Step("s", "r", repeat=Repeat("plan", until_review_pass=True)),
            Step("s", "r", repeat=Repeat("plan", True, "Review status: revise")),
        ],
    )
    def test_passes_where_there_is_a_verdict(self, step: Step) -> None:
        answer = MockBackend().answer(call(step), Heard()).content
        assert verdict.read(answer) is Verdict.PASS

    @pytest.mark.parametrize("text", ["DONE", "two\nlines", "`**x**`"])
    def test_contains_what_a_loop_waits_for(self, text: str) -> None:
        step = Step("s", "r", repeat=Repeat("plan", until_contains=text))
        assert text in MockBackend().answer(call(step), Heard()).content

    def test_streams_exactly_what_it_answers_and_always_the_same(self) -> None:
        one, two = Heard(), Heard()
        step = Step("s", "reviewer")
        reply = MockBackend().answer(call(step), one)
        assert MockBackend().answer(call(step), two) == reply
        assert "".join(one.texts) == reply.content
        assert len(one.texts) > 1

    def test_warns_of_what_live_could_not_check(self) -> None:
        backend = MockBackend()
        model = ModelRef("openai:x", fallbacks=("cohere:y",))
        (line,) = backend.preflight(Step("s", "r"), model)
        assert "the provider `cohere` is not in" in line
        assert backend.preflight(Step("s", "r", backend="opencode"), ModelRef("zen/y")) == []
        assert backend.preflight(Step("s", "r"), None) == []


class TestScripted:
    def test_replies_in_order_and_keeps_what_was_asked(self) -> None:
        backend, heard = ScriptedBackend(["one\ntwo", Reply("three", model="m")]), Heard()
        first, second = call(Step("a", "r")), call(Step("b", "r"))
        assert backend.answer(first, heard) == Reply("one\ntwo", model="openai:gpt-4o-mini")
        assert backend.answer(second, heard) == Reply("three", model="m")
        assert heard.texts == ["one\n", "two", "three"]
        assert backend.calls == [first, second]

    @pytest.mark.parametrize(
        ("error", "heard"),
        [(StepFailed("no", partial="half"), ["half"]), (KeyboardInterrupt(), [])],
    )
    def test_fails_after_what_it_said(self, error: BaseException, heard: list[str]) -> None:
        pieces = Heard()
        with pytest.raises(type(error)):
            ScriptedBackend([error]).answer(call(Step("a", "r")), pieces)
        assert pieces.texts == heard

    def test_a_call_too_many_is_loud(self) -> None:
        with pytest.raises(IndexError):
            ScriptedBackend([]).answer(call(Step("a", "r")), Heard())
