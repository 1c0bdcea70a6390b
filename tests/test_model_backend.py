"""Live model steps: real LiteLLM against a scripted provider on loopback."""

from __future__ import annotations

import gc
import json
import re
from dataclasses import replace
from enum import Enum
from pathlib import Path

import pytest

from aethr.backends.model import ModelBackend
from aethr.errors import StepFailed, UsageError
from aethr.results import Call, Usage
from aethr.results import Reply as Answered
from aethr.settings import Settings
from aethr.workflow import ModelRef, Step
from tests.support.llm_script import Fault, Reply, refusal, said
from tests.support.llm_server import LLMServer, closed_port
from tests.support.output import Heard

STEP = Step("review", "reviewer")
KEY = "sk-made-up-for-tests"


class Protocol(Enum):
    """Two providers that speak differently; the value is a model of each."""

    OPENAI = "openai:gpt-4o-mini"
    ANTHROPIC = "anthropic:claude-sonnet-4-5"

    @property
    def provider(self) -> str:
        return self.name.lower()

    @property
    def key_name(self) -> str:
        return f"{self.name}_API_KEY"

    def __str__(self) -> str:
        return self.provider


both = pytest.mark.parametrize("protocol", Protocol, ids=str)


def environment(server: LLMServer) -> dict[str, str]:
    """Give the keys, and this server for every provider that the tests call."""
    return {
        **{protocol.key_name: KEY for protocol in Protocol},
        "GEMINI_API_KEY": KEY,
        "OPENROUTER_API_KEY": KEY,
        "OPENAI_BASE_URL": server.url,
        "ANTHROPIC_BASE_URL": server.root,
        "GEMINI_API_BASE": server.root,
        "OLLAMA_API_BASE": server.root,
        "OPENROUTER_API_BASE": server.url,
    }


def ask(
    server: LLMServer, model: ModelRef, heard: Heard | None = None, prompt: str = "Review this."
) -> Answered:
    heard = heard or Heard()
    settings = Settings(Path(), environment(server))
    backend = ModelBackend(settings, sleep=heard.slept.append)
    assert backend.preflight(STEP, model) == []
    return backend.answer(Call(STEP, prompt, model, Path()), heard)


def fail(server: LLMServer, model: ModelRef, heard: Heard | None = None) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        ask(server, model, heard)
    return caught.value


PROMPTS = {
    "plain": "Review this.",
    "blanks at both ends": "\n\n  Review this. \t\n\n",
    "every kind of line end": "a\r\nb\rc\nd\u2028e",
    "not only ASCII": "grüße 🎈 \u202e 中文",
    "control characters": "\x00\x1b[31mred\x07",
    "what looks like markup or a template": "<|im_start|>{{x}} {0} %s \\n ```sh\n$(rm)\n```",
    "long": "0123456789abcdef\n" * 20_000,
}


class TestAnAnswer:
    @both
    @pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
    def test_the_prompt_arrives_byte_for_byte(self, protocol: Protocol, prompt: str) -> None:
        with LLMServer(said("ok")) as server:
            ask(server, ModelRef(protocol.value), prompt=prompt)
        assert [request.prompt for request in server.requests] == [prompt]
        assert "system" not in server.requests[0].body

    @both
    def test_it_is_passed_on_in_pieces_as_it_comes(self, protocol: Protocol) -> None:
        heard = Heard()
        with LLMServer(said("first line\nsecond line\n")) as server:
            reply = ask(server, ModelRef(protocol.value), heard)
        assert reply.content == "".join(heard.texts) == "first line\nsecond line\n"
        assert len(heard.texts) > 1
        assert reply.model == protocol.value
        assert heard.waits[-1] == "first token"

    def test_reasoning_is_no_part_of_it(self) -> None:
        heard = Heard()
        with LLMServer(Reply("42", reasoning="let me see")) as server:
            model = ModelRef("deepseek:deepseek-reasoner", api_base=server.url)
            assert ask(server, model, heard).content == "".join(heard.texts) == "42"

    @pytest.mark.parametrize(
        ("written", "path", "model"),
        [
            ("openai:gpt-4o-mini", "/v1/chat/completions", "gpt-4o-mini"),
            ("gpt-4o-mini", "/v1/chat/completions", "gpt-4o-mini"),
            ("openai/ft:gpt-4o:org::id", "/v1/chat/completions", "ft:gpt-4o:org::id"),
            ("ft:gpt-4o:org::id", "/v1/chat/completions", "ft:gpt-4o:org::id"),
            ("openai:a-new-model", "/v1/chat/completions", "a-new-model"),
            ("openrouter/a/b:free", "/v1/chat/completions", "a/b:free"),
            ("openrouter:auto", "/v1/chat/completions", "openrouter/auto"),
            ("anthropic/claude-sonnet-4-5", "/v1/messages", "claude-sonnet-4-5"),
            ("claude-sonnet-4-5", "/v1/messages", "claude-sonnet-4-5"),
        ],
    )
    def test_a_models_name_on_the_wire(self, written: str, path: str, model: str) -> None:
        with LLMServer(said("ok")) as server:
            assert ask(server, ModelRef(written)).model == written
        (request,) = server.requests
        assert (request.path, request.body["model"]) == (path, model)

    def test_parameters_are_sent_and_only_those_given(self) -> None:
        with LLMServer(said("ok"), said("ok")) as server:
            ask(server, ModelRef("openai:gpt-4o-mini"))
            ask(server, ModelRef("openai:gpt-4o-mini", temperature=0, top_p=0.5, max_tokens=99))
        plain, given = (request.body for request in server.requests)
        assert set(plain) == {"model", "messages", "stream", "stream_options"}
        assert (given["temperature"], given["top_p"], given["max_tokens"]) == (0, 0.5, 99)

    def test_the_garbage_collector_stays_out_of_a_call(self) -> None:
        # Without this, calls after broken ones hang now and then.
        seen: list[bool] = []

        class Watching(Heard):
            def text(self, piece: str) -> None:
                super().text(piece)
                seen.append(gc.isenabled())

        with LLMServer(said("ok")) as server:
            ask(server, ModelRef("openai:gpt-4o-mini"), Watching())
        assert set(seen) == {False}
        assert gc.isenabled()


GEMINI, OLLAMA = "google:gemini-2.5-flash", "ollama:llama3:8b"


def from_gemini(text: str, finish: str | None) -> Reply:
    reason = {"finishReason": finish} if finish else {}
    content = {"role": "model", "parts": [{"text": text}]}
    count = {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100}
    body = {"candidates": [{"content": content, **reason}], "usageMetadata": count}
    return Reply(body=json.dumps(body))


def from_ollama(text: str, finish: str | None) -> Reply:
    def line(content: str, **end: object) -> str:
        message = {"role": "assistant", "content": content}
        return json.dumps({"model": "llama3:8b", "message": message, "done": False, **end}) + "\n"

    end = {"done": True, "done_reason": finish, "prompt_eval_count": 1000, "eval_count": 100}
    body = line(text) + (line("", **end) if finish else "")
    return Reply(body=body, headers={"content-type": "application/x-ndjson"})


class TestTheOtherProtocols:
    """LiteLLM knows the end of an answer in another way for each."""

    @pytest.mark.parametrize(
        ("name", "whole", "full", "half", "cost"),
        [
            (
                *(GEMINI, from_gemini("hello", "STOP"), from_gemini("hello", "MAX_TOKENS")),
                *(from_gemini("hello", None), (1000 * 0.3 + 100 * 2.5) / 1e6),
            ),
            (
                *(OLLAMA, from_ollama("hello", "stop"), from_ollama("hello", "length")),
                *(from_ollama("hello", None), 0.0),
            ),
        ],
        ids=["gemini", "ollama"],
    )
    def test_whole_full_and_cut_short(
        self, name: str, whole: Reply, full: Reply, half: Reply, cost: float
    ) -> None:
        with LLMServer(whole, full, half) as server:
            reply = ask(server, ModelRef(name))
            failures = [fail(server, ModelRef(name)) for _ in range(2)]
        assert (reply.content, reply.model) == ("hello", name)
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (1000, 100)
        assert reply.usage.cost == pytest.approx(cost)
        assert [failure.summary for failure in failures] == [
            "the answer was cut at the limit of tokens",
            "the answer was cut short: the stream just ended",
        ]
        assert {failure.partial for failure in failures} == {"hello"}

    def test_ollama_gets_the_prompt_as_it_is(self) -> None:
        with LLMServer(from_ollama("ok", "stop")) as server:
            ask(server, ModelRef(OLLAMA), prompt="### a\n\n b ")
        (request,) = server.requests
        (message,) = request.body["messages"]
        assert (request.path, message["content"]) == ("/api/chat", "### a\n\n b ")

    def test_gemini_gets_the_prompt_as_it_is_and_no_key_in_the_url(self) -> None:
        with LLMServer(from_gemini("ok", "STOP")) as server:
            ask(server, ModelRef(GEMINI), prompt="### a\n\n b ")
        (request,) = server.requests
        assert request.body["contents"] == [{"role": "user", "parts": [{"text": "### a\n\n b "}]}]
        assert request.path == "/models/gemini-2.5-flash:generateContent"
        assert request.headers["x-goog-api-key"] == KEY


class TestUsage:
    @both
    def test_tokens_and_cost_are_counted(self, protocol: Protocol) -> None:
        with LLMServer(Reply("ok", usage=(1000, 100, 0))) as server:
            usage = ask(server, ModelRef(protocol.value)).usage
        price = {Protocol.OPENAI: (0.15, 0.60), Protocol.ANTHROPIC: (3, 15)}[protocol]
        assert (usage.input_tokens, usage.output_tokens) == (1000, 100)
        assert usage.cost == pytest.approx((1000 * price[0] + 100 * price[1]) / 1e6)

    @both
    def test_cached_tokens_are_cheaper(self, protocol: Protocol) -> None:
        with LLMServer(
            Reply("ok", usage=(1000, 5, 0)), Reply("ok", usage=(1000, 5, 900))
        ) as server:
            full, cached = (ask(server, ModelRef(protocol.value)).usage for _ in range(2))
        assert full.input_tokens == cached.input_tokens == 1000
        assert full.cost is not None
        assert cached.cost is not None
        assert cached.cost < full.cost

    @both
    def test_what_the_server_does_not_tell_is_unknown(self, protocol: Protocol) -> None:
        with LLMServer(Reply("ok", usage=None)) as server:
            assert ask(server, ModelRef(protocol.value)).usage == Usage(None, None, None)

    @pytest.mark.parametrize(
        "name", ["openai:nobody-knows", "openrouter:anthropic/claude-sonnet-4.5"]
    )
    def test_a_price_that_litellm_does_not_know_is_unknown(self, name: str) -> None:
        with LLMServer(said("ok")) as server:
            assert ask(server, ModelRef(name)).usage == Usage(12, 5, None)

    def test_a_price_that_the_server_tells_counts(self) -> None:
        with LLMServer(Reply("ok", cost=0.0123)) as server:
            assert ask(server, ModelRef("openrouter:x/y")).usage == Usage(12, 5, 0.0123)


QUOTA = "You exceeded your current quota, please check your plan and billing details."

# What the server does, and what people read; tests/faults/test_protocols.py has the usual.
FINAL = [
    (
        refusal(400, "Your credit balance is too low"),
        "the quota at {provider} is used up: Your credit balance is too low",
    ),
    (refusal(418, "No connection"), "418 from {provider}: No connection"),
    (refusal(429, "Pay", "insufficient_quota"), "the quota at {provider} is used up: Pay"),
    (Reply(""), "the model gave an empty answer"),
    (Reply(" \n"), "the model gave an empty answer"),
]
PASSING = [
    (Reply(fault=Fault.STALL), r"no whole answer from {url} within 0\.\d s"),
    (Reply(fault=Fault.PINGS), r"no whole answer from {url} within 0\.\d s"),
    (Reply(fault=Fault.CLOSE), "the connection to {url} failed: Server disconnected .+"),
    (Reply(fault=Fault.CUT), "the connection to {url} failed: Connection reset by peer"),
    (Reply(fault=Fault.ERROR), "500 from {provider}: the server is overloaded"),
    (Reply("", finish=None), "the answer was cut short: the stream just ended"),
]
SILENT = {Fault.HANG, Fault.STALL, Fault.PINGS}
HALVES = [
    (Reply(finish=None), "the answer was cut short: the stream just ended"),
    (Reply(fault=Fault.CUT), "the connection to {url} failed: Connection reset by peer"),
    (Reply(fault=Fault.STALL), r"no whole answer from {url} within 5\.0 s"),
    (Reply(fault=Fault.PINGS), r"no whole answer from {url} within 5\.0 s"),
]


def ids(rows: list[tuple[Reply, str]]) -> list[str]:
    return [f"{reply.status} {reply.fault.value} {line}" for reply, line in rows]


def matches(line: str, failure: StepFailed, protocol: Protocol, server: LLMServer) -> bool:
    url = server.url if protocol is Protocol.OPENAI else server.root
    words = {
        "provider": protocol.provider,
        "model": protocol.value,
        "key": protocol.key_name,
        "url": re.escape(url),
    }
    return re.fullmatch(line.format_map(words), failure.summary) is not None


class TestAFailure:
    pytestmark = pytest.mark.fault(
        "explicit", "a provider refuses or falls silent", "a scripted server behind real LiteLLM"
    )

    @both
    @pytest.mark.parametrize(("reply", "line"), FINAL, ids=ids(FINAL))
    def test_that_will_not_pass_is_one_line_at_once(
        self, protocol: Protocol, reply: Reply, line: str
    ) -> None:
        heard = Heard()
        with LLMServer(reply) as server:
            failure = fail(server, ModelRef(protocol.value), heard)
        assert matches(line, failure, protocol, server), failure.summary
        assert len(server.requests) == 1
        assert (heard.warnings, heard.slept) == ([], [])

    @both
    @pytest.mark.parametrize(("reply", "line"), PASSING, ids=ids(PASSING))
    def test_that_may_pass_is_tried_again_and_said(
        self, protocol: Protocol, reply: Reply, line: str
    ) -> None:
        heard = Heard()
        timeout = 0.3 if reply.fault in SILENT else None
        with LLMServer(reply, reply) as server:
            failure = fail(server, ModelRef(protocol.value, timeout=timeout, retries=1), heard)
        assert matches(line, failure, protocol, server), failure.summary
        # A slow machine may not get a request out within the time of the silent ones.
        assert len(server.requests) == 2 or reply.fault in SILENT
        assert len(heard.slept) == 1
        assert re.fullmatch(r"[^\n]+, again in 2\.\d s \(1 of 1\)", heard.warnings[0])

    @both
    @pytest.mark.parametrize(("reply", "line"), HALVES, ids=ids(HALVES))
    def test_in_mid_answer_keeps_what_was_said_and_is_not_paid_twice(
        self, protocol: Protocol, reply: Reply, line: str
    ) -> None:
        heard = Heard()
        timeout = 5 if reply.fault in SILENT else None  # LiteLLM's first call takes a while
        model = ModelRef(protocol.value, timeout=timeout, fallbacks=("openai:gpt-4o",))
        with LLMServer(replace(reply, text="half of it")) as server:
            failure = fail(server, model, heard)
        assert matches(line, failure, protocol, server), failure.summary
        assert failure.partial == "".join(heard.texts) == "half of it"
        assert len(server.requests) == 1
        assert (heard.warnings, heard.slept) == ([], [])

    def test_with_a_bad_key_tells_what_to_do_and_shows_no_key(self) -> None:
        with LLMServer(refusal(401, f"Incorrect API key provided: {KEY}.")) as server:
            failure = fail(server, ModelRef("openai:gpt-4o-mini"))
        assert failure.summary == (
            "openai refused the key in OPENAI_API_KEY:"
            " Incorrect API key provided: [masked OPENAI_API_KEY]."
        )
        assert failure.hint == "aethr auth login openai"

    def test_shows_the_first_line_of_what_the_provider_said(self) -> None:
        with LLMServer(refusal(400, "\n\nfirst\nsecond " + "x" * 999)) as server:
            assert fail(server, ModelRef("anthropic:x")).summary == "400 from anthropic: first"

    def test_of_a_parameter_names_it_before_anything_is_sent(self) -> None:
        with LLMServer() as server:
            failure = fail(server, ModelRef("openai:gpt-4o-mini", reasoning_effort="high"))
        assert failure.summary.startswith("openai:gpt-4o-mini does not take a parameter")
        assert "reasoning_effort" in failure.summary

    def test_of_the_installation_is_not_a_providers(self) -> None:
        with LLMServer() as server:
            failure = fail(server, ModelRef("openai:gpt-5.3-codex"))
        assert failure.summary.endswith("does not bring: No module named 'mcp'")


class TestRetries:
    pytestmark = pytest.mark.fault(
        "explicit", "a provider is busy", "429 and 503, with every kind of Retry-After"
    )
    busy = refusal(429, "Slow down", retry_after="7")

    @both
    def test_wait_as_long_as_the_server_asks(self, protocol: Protocol) -> None:
        heard = Heard()
        with LLMServer(self.busy, self.busy, said("ok")) as server:
            assert ask(server, ModelRef(protocol.value), heard).content == "ok"
        assert heard.slept == [7, 7]
        assert heard.warnings == [
            f"429 from {protocol.provider}, again in 7.0 s (1 of 2)",
            f"429 from {protocol.provider}, again in 7.0 s (2 of 2)",
        ]

    def test_wait_longer_each_time_where_it_does_not_ask(self) -> None:
        heard = Heard()
        with LLMServer(*[refusal(503, "Busy")] * 8) as server:
            fail(server, ModelRef("openai:gpt-4o-mini", retries=7), heard)
        for number, slept in enumerate(heard.slept):
            assert min(60, 2 * 2**number) <= slept <= min(60, 2.5 * 2**number)
        assert len(heard.slept) == 7

    def test_do_not_wait_for_minutes(self) -> None:
        heard = Heard()
        with LLMServer(refusal(429, "Slow down", retry_after="300")) as server:
            failure = fail(server, ModelRef("openai:gpt-4o-mini"), heard)
        assert failure.summary == "429 from openai: asks to wait 5 min 0 s; Slow down"
        assert heard.slept == []

    @pytest.mark.parametrize(
        ("header", "slept"),
        [
            ("Wed, 21 Oct 2015 07:28:34 GMT", 34),
            ("Wednesday, 21-Oct-15 07:28:34 GMT", 34),
            ("Wed, 21 Oct 2015 09:28:34 +0200", 34),
            ("0.25", 0.25),
        ],
    )
    def test_wait_until_the_date_that_the_server_names_by_its_own_clock(
        self, header: str, slept: float
    ) -> None:
        heard = Heard()
        dates = {"retry_after": header, "date": "Wed, 21 Oct 2015 07:28:00 GMT"}
        with LLMServer(refusal(429, "Slow down", **dates), said("ok")) as server:
            ask(server, ModelRef("openai:gpt-4o-mini"), heard)
        assert heard.slept == [slept]

    def test_do_not_wait_for_a_date_that_is_far(self) -> None:
        date = "Wed, 21 Oct 2999 07:28:00 GMT"
        with LLMServer(refusal(429, "Slow down", retry_after=date)) as server:
            failure = fail(server, ModelRef("anthropic:claude-sonnet-4-5"))
        assert re.fullmatch(
            r"429 from anthropic: asks to wait \d+ h .+; Slow down", failure.summary
        )

    @pytest.mark.parametrize(
        "header",
        [
            *("soon", "-1", "0", "nan", "inf", "", "1e9", "9" * 400, "1732166400", "٣"),
            "Wed, 21 Oct 2015 07:28:00 GMT",  # is past
            "Wed, 21 Oct 2999 07:28:00 -0000",  # of no zone
            "Wed, 99 Oct 2999 99:28:00 GMT",
            "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        ],
    )
    def test_wait_as_usual_for_a_header_that_makes_no_sense(self, header: str) -> None:
        heard = Heard()
        sent = header.encode().decode("latin-1")
        with LLMServer(refusal(429, "Slow down", retry_after=sent), said("ok")) as server:
            ask(server, ModelRef("openai:gpt-4o-mini"), heard)
        assert 2 <= heard.slept[0] <= 2.5

    def test_wait_as_long_as_the_text_says(self) -> None:
        heard = Heard()
        limit = f"{QUOTA}\n* limit: 10\nPlease retry in 34.5s."
        with LLMServer(refusal(429, limit), from_gemini("ok", "STOP")) as server:
            ask(server, ModelRef(GEMINI), heard)
        assert heard.slept == [34.5]

    def test_can_be_turned_off(self) -> None:
        with LLMServer(self.busy) as server:
            fail(server, ModelRef("openai:gpt-4o-mini", retries=0))
        assert len(server.requests) == 1

    def test_end_with_ctrl_c(self) -> None:
        def interrupted(_: float) -> None:
            raise KeyboardInterrupt

        call = Call(STEP, "hi", ModelRef("openai:gpt-4o-mini"), Path())
        with LLMServer(self.busy) as server:
            backend = ModelBackend(Settings(Path(), environment(server)), interrupted)
            with pytest.raises(KeyboardInterrupt):
                backend.answer(call, Heard())
        assert len(server.requests) == 1


class TestFallbacks:
    pytestmark = pytest.mark.fault(
        "explicit", "the first choice of a model fails", "a fallback answers, or fails as well"
    )
    model = ModelRef(
        "openai:gpt-4o", retries=1, max_tokens=9, fallbacks=("anthropic:claude-sonnet-4-5", "gpt-4")
    )

    def test_answer_in_order_after_the_retries_and_it_is_said(self) -> None:
        heard = Heard()
        with LLMServer(
            refusal(503, "Busy"), refusal(503, "Busy"), refusal(404, "Gone"), said("ok")
        ) as server:
            assert ask(server, self.model, heard).model == "gpt-4"
        asked = [(request.body["model"], request.body["max_tokens"]) for request in server.requests]
        assert asked == [("gpt-4o", 9), ("gpt-4o", 9), ("claude-sonnet-4-5", 9), ("gpt-4", 9)]
        assert heard.warnings[1:] == [
            "503 from openai: Busy; falling back to anthropic:claude-sonnet-4-5",
            "anthropic has no model anthropic:claude-sonnet-4-5: Gone; falling back to gpt-4",
        ]

    def test_that_fail_too_leave_the_last_failure(self) -> None:
        with LLMServer(*[refusal(404, "Gone")] * 3) as server:
            assert fail(server, self.model).summary == "openai has no model gpt-4: Gone"

    def test_do_not_get_the_endpoint_of_the_first(self) -> None:
        first = replace(self.model, api_base=f"http://127.0.0.1:{closed_port()}", retries=0)
        with LLMServer(said("ok")) as server:
            assert ask(server, first).model == "anthropic:claude-sonnet-4-5"
        assert server.requests[0].path == "/v1/messages"


class TestPreflight:
    """Everything that can be known is said before anything is spent."""

    def check(self, model: ModelRef | None, environ: dict[str, str] | None = None) -> list[str]:
        return ModelBackend(Settings(Path(), environ or {})).preflight(STEP, model)

    def refused(self, model: ModelRef | None, environ: dict[str, str] | None = None) -> str:
        with pytest.raises(UsageError) as caught:
            self.check(model, environ)
        return caught.value.message

    def test_a_missing_key(self) -> None:
        assert self.refused(ModelRef("openai:gpt-4o-mini")) == (
            "error: step `review` needs OPENAI_API_KEY for openai:gpt-4o-mini\n"
            "hint: aethr auth login openai"
        )

    def test_a_missing_key_of_two_possible(self) -> None:
        assert "needs GOOGLE_API_KEY or GEMINI_API_KEY for google:x" in self.refused(
            ModelRef("google:x")
        )

    def test_a_missing_key_of_a_fallback(self) -> None:
        model = ModelRef("openai:gpt-4o", fallbacks=("groq:llama",))
        assert "needs GROQ_API_KEY for groq:llama" in self.refused(model, {"OPENAI_API_KEY": KEY})

    def test_a_step_without_a_model(self) -> None:
        assert self.refused(None) == (
            "error: step `review` needs a model: the role `reviewer` has none\n"
            "hint: give `reviewer` a model under `models`"
        )

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("nobody:x", "LiteLLM knows no provider `nobody` (nobody:x)"),
            ("opnai:gpt-4o", "knows no provider `opnai` (opnai:gpt-4o); did you mean `openai`?"),
            ("no-such-model", "LiteLLM knows no model (no-such-model)"),
        ],
    )
    def test_a_provider_that_nobody_knows(self, name: str, line: str) -> None:
        assert line in self.refused(ModelRef(name))

    def test_a_provider_that_only_litellm_knows_is_warned_of(self) -> None:
        (warning,) = self.check(ModelRef("cohere:command-r"))
        assert "its key is not checked" in warning

    def test_a_bare_name_that_litellm_knows_is_checked_like_any_other(self) -> None:
        assert "needs OPENAI_API_KEY for computer-use-preview" in self.refused(
            ModelRef("computer-use-preview")
        )

    def test_a_key_that_is_held_back_is_warned_of(self) -> None:
        model = ModelRef("openai:x", api_base="https://models.example.com")
        (warning,) = self.check(model, {"OPENAI_API_KEY": KEY})
        assert "OPENAI_API_KEY of the environment is not sent to https://models.ex" in warning
