"""Every failure of both protocols, streamed, through real LiteLLM and the real runtime.

Of each: the requests made, the waits announced, the line, the hint, what is kept, and
that the run goes on from its checkpoint without paying for the finished step again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import pytest

from aethr import checkpoint, events
from aethr.backends.model import ModelBackend
from aethr.checkpoint import Header
from aethr.context import Surroundings
from aethr.errors import FAILED, StepFailed
from aethr.runtime import Run
from aethr.secrets import Mask
from aethr.settings import Settings
from aethr.workflow import ModelRef, Step, Workflow
from aethr.world import World
from tests.support.live import ANTHROPIC_KEY, live
from tests.support.llm_script import Fault, Reply, refusal, said
from tests.support.llm_server import LLMServer, closed_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aethr.results import StepResult
    from tests.support.cli import Shell

PLAN = "openai:gpt-4o"


class Protocol(Enum):
    """The value is a model that is called with the protocol."""

    OPENAI = "openai:gpt-4o-mini"
    ANTHROPIC = "anthropic:claude-sonnet-4-5"

    def __str__(self) -> str:
        return self.name.lower()


class Project:
    """A two-step workflow and its checkpoint file; waits take no time and are written down."""

    def __init__(self, folder: Path, server: LLMServer) -> None:
        self.file = folder / "run.jsonl"
        self.shown: list[events.Event] = []
        self.slept: list[float] = []
        self._folder = folder
        self._environ = live(server)

    def run(self, model: ModelRef) -> list[StepResult]:
        """Begin a run, or go on with the one that is there."""
        settings = Settings(self._folder, self._environ, live_because="the test")
        world = World(
            settings,
            {"model": ModelBackend(settings, self.slept.append)},
            Surroundings(self._folder),
            Mask({}),
            self.shown.append,
        )
        steps = Step("plan", "planner"), Step("review", "critic")
        models = {"planner": ModelRef(PLAN), "critic": model}
        workflow = Workflow("two", steps, {"planner": "Plan.", "critic": "Judge."}, models)
        results, file = self._opened()
        run = Run(workflow, "do it", world, results)
        try:
            run.drive(lambda step: run.perform(step, file))
        finally:
            file.close()
        return run.results

    def _opened(self) -> tuple[Sequence[StepResult], checkpoint.Checkpoint]:
        if self.file.exists():
            saved, file = checkpoint.reopen(self.file)
            return saved.results, file
        file = checkpoint.create(self.file)
        file.header(Header("two", "", "do it", live=True))
        return (), file

    def lines(self, kind: str) -> list[dict[str, object]]:
        found = map(json.loads, self.file.read_text().splitlines())
        return [line for line in found if line["kind"] == kind]

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.shown if isinstance(event, events.Warned)]

    @property
    def streamed(self) -> str:
        return "".join(event.text for event in self.shown if isinstance(event, events.Chunk))


@dataclass(frozen=True)
class Row:
    """What the server does, and what comes of it; the words stand for the protocol's own.

    ``again`` is what the announcement of a second try begins with, empty where
    there is none. ``anthropic`` is the line where it is another.
    """

    name: str
    reply: Reply
    line: str
    hint: str = ""
    again: str = ""
    anthropic: str = ""
    timeout: float | None = None
    closed: bool = field(default=False, kw_only=True)  # nobody listens

    @property
    def sent(self) -> int:
        """How many requests come, with one retry allowed."""
        return 0 if self.closed else 1 + bool(self.again)


LATER = "go on later, or name other models under `fallbacks`"
NETWORK = "check the network, and that the server runs"
BROKEN = "go on later, or choose another model or endpoint"
SLOW = "go on later, or raise the model's `timeout`"
CUT = "the answer was cut short: the stream just ended"
QUOTA = "You exceeded your current quota, please check your plan and billing details."
HALF = "the first half"


@dataclass(frozen=True)
class Words:
    """What the braces in a row stand for."""

    protocol: Protocol
    url: str
    prompt: str

    def fill(self, text: str) -> str:
        provider = self.protocol.name.lower()
        return text.format(
            provider=provider,
            model=self.protocol.value,
            key=f"{provider.upper()}_API_KEY",
            url=self.url,
            size=len(self.prompt),
        )


ROWS = (
    Row("400", refusal(400, "Unknown field"), "400 from {provider}: Unknown field"),
    Row(
        "context length",
        refusal(400, "maximum context length is 8", "context_length_exceeded"),
        "the prompt is too long for {model}: maximum context length is 8",
        "of its {size} characters the most are {size} task, role and earlier results;"
        " lower `context_limit`, name fewer sources, or choose a model with a longer context",
    ),
    Row(
        "policy",
        refusal(400, "Rejected by our safety system.", "content_policy_violation"),
        "{provider} rejected the prompt for its content policy: Rejected by our safety system.",
        "look at what the step sends: --show-prompt",
    ),
    Row(
        "401",
        refusal(401, "It is expired"),
        "{provider} refused the key in {key}: It is expired",
        "aethr auth login {provider}",
    ),
    Row(
        "403",
        refusal(403, "Not yours"),
        "no access to {model}: Not yours",
        "check at {provider} what the key in {key} may use",
    ),
    Row(
        "404",
        refusal(404, "No such thing"),
        "{provider} has no model {model}: No such thing",
        "check the name under `models`, and the endpoint {url}",
    ),
    Row("429", refusal(429, "Slow"), "429 from {provider}: Slow", LATER, "429 from {provider}"),
    Row(
        "quota",
        refusal(429, QUOTA, "insufficient_quota"),
        f"the quota at {{provider}} is used up: {QUOTA}",
        "check plan and billing there, or name other models under `fallbacks`",
    ),
    *(
        Row(
            str(status),
            refusal(status, "Oops"),
            f"{status} from {{provider}}: Oops",
            LATER,
            f"{status} from {{provider}}",
        )
        for status in (500, 502, 503, 529)
    ),
    Row(
        "refused connection",
        Reply(),
        "the connection to {url} failed: Connection refused",
        NETWORK,
        "the connection to {url} failed",
        closed=True,
    ),
    Row(
        "hang",
        Reply(fault=Fault.HANG),
        "no whole answer from {url} within 0.5 s",
        SLOW,
        "no whole answer from {url} within 0.5 s",
        timeout=0.5,
    ),
    Row(
        "stream cut",
        Reply(HALF, fault=Fault.CUT),
        "the connection to {url} failed: Connection reset by peer",
        NETWORK,
    ),
    Row(
        "broken chunk",
        Reply(HALF, fault=Fault.BROKEN),
        "a broken answer from {url}: Unterminated string starting at: line 1 column 13 (char 12)",
        BROKEN,
        anthropic=CUT,  # LiteLLM waits for the chunk's other half
    ),
    Row(
        "error chunk",
        Reply(HALF, fault=Fault.ERROR),
        "500 from {provider}: the server is overloaded",
        LATER,
    ),
    Row("no finish_reason", Reply(HALF, finish=None), CUT, BROKEN),
    Row(
        "length",
        Reply(HALF, finish="length"),
        "the answer was cut at the limit of tokens",
        "raise the model's `max_tokens`",
    ),
    Row(
        "content_filter",
        Reply(HALF, finish="content_filter"),
        "the provider's content filter stopped the answer",
    ),
)


@pytest.mark.fault(
    "nothing lost",
    "a model's server fails in each way of both protocols",
    "a scripted server behind real LiteLLM; the run fails with the right line, and is resumed",
)
@pytest.mark.parametrize("protocol", Protocol, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_failure_is_told_kept_and_gone_on_from(
    tmp_path: Path, row: Row, protocol: Protocol
) -> None:
    good = LLMServer(said("the plan"), said("the judgement"))
    with good, LLMServer(*[row.reply] * row.sent) as bad:
        project = Project(tmp_path, good)
        url = bad.url if protocol is Protocol.OPENAI else bad.root
        if row.closed:
            url = f"http://127.0.0.1:{closed_port()}/v1"
        model = ModelRef(protocol.value, retries=1, api_base=url, timeout=row.timeout)
        with pytest.raises(StepFailed) as caught:
            project.run(model)
        words = Words(protocol, url, bad.prompts[-1] if bad.prompts else "")
        line = words.fill((protocol is Protocol.ANTHROPIC and row.anthropic) or row.line)
        assert caught.value.exit_code == FAILED
        assert caught.value.summary == f"step `review` failed: {line}"
        assert caught.value.hint == words.fill(row.hint)

        # A slow machine may not get a request out within the time of a hanging one.
        assert len(bad.requests) == row.sent or row.timeout
        waits = [re.sub(r" in 2\.\d s", " in 2 s", warning) for warning in project.warnings]
        told = [f"{words.fill(row.again)}, again in 2 s (1 of 1)"] if row.again else []
        assert (waits, len(project.slept)) == (told, len(told))

        assert project.streamed == f"the plan{row.reply.text}"
        assert caught.value.partial == row.reply.text
        (failure,) = project.lines("failure")
        assert (failure["reason"], failure["partial"]) == (line, row.reply.text)
        assert [kept["content"] for kept in project.lines("result")] == ["the plan"]

        results = project.run(ModelRef(protocol.value))
        assert [result.content for result in results] == ["the plan", "the judgement"]
        assert results[-1].model == protocol.value
        assert len(good.requests) == 2
        assert "the plan" in good.prompts[-1]


FLOW = """\
workflow: two
roles: {planner: Plan., critic: Judge.}
models:
  planner: openai:gpt-4o-mini
  critic: {model: "anthropic:claude-sonnet-4-5", retries: 0}
steps:
  - {id: plan, role: planner}
  - {id: judge, role: critic, context: ["file:big.txt", "file:small.txt"]}
"""
STARRED = f"Incorrect API key provided: {ANTHROPIC_KEY[:8]}*****{ANTHROPIC_KEY[-4:]}."
MASKED = "Incorrect API key provided: [masked ANTHROPIC_API_KEY]."
SIZES = """\
of its {size:,} characters the most are 9,000 file:big.txt, {rest:,} task, role and earlier \
results, 5 file:small.txt; lower `context_limit`, name fewer sources, or choose a model with a \
longer context"""
# Neither markup nor what a terminal would obey.
LONG = "prompt is too long: [bold red]9[/] > 8 \x1b[31m \x1b]0;title\x07 \u202e%s"
SHOWN = r"prompt is too long: [bold red]9[/] > 8 \x1b[31m \x1b]0;title\x07 \u202e%s"
TOLD = (
    (
        Reply(HALF, fault=Fault.CUT),
        "the connection to {root} failed: Connection reset by peer",
        NETWORK,
    ),
    (
        refusal(401, STARRED),
        f"anthropic refused the key in ANTHROPIC_API_KEY: {MASKED}",
        "aethr auth login anthropic",
    ),
    (
        refusal(400, LONG),
        f"the prompt is too long for anthropic:claude-sonnet-4-5: {SHOWN}",
        SIZES,
    ),
)


@pytest.mark.fault(
    "nothing lost",
    "a model's call fails again and again",
    "each printed command is run, and meets the next failure, until one run passes",
)
def test_each_command_that_is_printed_goes_on(shell: Shell, cases: Callable[[int], None]) -> None:
    shell.write({".aethr.yaml": FLOW, "big.txt": "x" * 9000, "small.txt": "small"})
    script = [said("the plan"), *(reply for reply, *_ in TOLD), said("the judgement")]
    with LLMServer(*script) as server:
        command = "aethr run 'do it'"
        for _, line, hint in TOLD:
            failed = shell.sh(command, **live(server))
            size = len(server.prompts[-1])
            words = {"root": server.root, "size": size, "rest": size - 9005}
            told = f"\nerror: step `judge` failed: {line}\nhint: {hint}\n"
            assert told.format(**words) in failed.err
            assert failed.code == 1
            assert failed.out == ("## plan\nthe plan\n\n" if len(server.requests) == 2 else "")
            assert not re.search("traceback|litellm\\.|exception", failed.err, re.IGNORECASE)
            command = failed.command
        (file,) = shell.checkpoints
        kept = map(json.loads, file.read_text().splitlines())
        partials = [entry["partial"] for entry in kept if entry["kind"] == "failure"]
        assert partials == [HALF, "", ""]
        done = shell.sh(command, **live(server))
    assert (done.code, done.out) == (0, "## judge\nthe judgement\n\n")
    assert ["\nthe plan\n" in prompt for prompt in server.prompts] == [False, *[True] * 4]
    cases(len(TOLD))


@pytest.mark.fault(
    "explicit", "the first choice of a model fails", "a fallback answers; the checkpoint names it"
)
def test_a_fallback_is_announced_and_recorded(shell: Shell) -> None:
    fallback = "fallbacks: [openai:gpt-4o-mini]"
    shell.write({".aethr.yaml": FLOW.replace("retries: 0", f"retries: 0, {fallback}")})
    script = said("the plan"), refusal(503, f"Busy {ANTHROPIC_KEY}"), said("the judgement")
    with LLMServer(*script) as server:
        run = shell.aethr("run", "do it", "--checkpoint", "c.jsonl", "--verbose", **live(server))
    assert run.code == 0, run.err
    busy = "503 from anthropic: Busy [masked ANTHROPIC_API_KEY]"
    assert f"warning: judge: {busy}; falling back to openai:gpt-4o-mini\n" in run.err
    assert run.err.splitlines()[-1].endswith(" · judge by openai:gpt-4o-mini")
    lines = map(json.loads, (shell.folder / "c.jsonl").read_text().splitlines())
    models = [line["model"] for line in lines if line["kind"] == "result"]
    assert models == ["openai:gpt-4o-mini", "openai:gpt-4o-mini"]
    # The library's own words are there for those who ask for them, keys masked.
    assert "HTTPStatusError: Server error '503 Service Unavailable' for url" in run.err
    assert ANTHROPIC_KEY not in run.err
