"""The OpenCode backend against a stand-in: how it is called, what it says, whether it succeeded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aethr.backends.opencode import OpenCodeBackend
from aethr.backends.opencode_judge import Judge
from aethr.errors import StepFailed, UsageError
from aethr.process import Line
from aethr.results import Usage
from aethr.settings import Settings
from aethr.workflow import ModelRef
from tests.support.agent import (
    BEGUN,
    GOOD,
    STEP,
    Agent,
    FakeOpenCode,
    error,
    event,
    text,
    tool,
    turn,
)
from tests.support.output import Heard

if TYPE_CHECKING:
    from tests.support.agent import Act

USED = Usage(1000, 50, 0.00321)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(FakeOpenCode(tmp_path.resolve()))


# -- how it is called ---------------------------------------------------------------


def test_the_prompt_goes_in_by_stdin_and_the_final_text_comes_out(agent: Agent) -> None:
    prompt = 'say "hello"\n-- --model x\n' + "ünï\x00" * 200_000
    reply = agent.plays(text("I begin."), turn("tool-calls"), *second_message(), prompt=prompt)
    assert reply.content == "Done.\n\nReally."
    assert agent.heard.texts == ["I begin.\n", "Done.\n", "Really.\n"]
    (call,) = agent.fake.calls
    assert call["stdin"] == prompt
    assert call["argv"] == ["run", "--format", "json", "--title=aethr: implement"]
    assert call["cwd"] == call["PWD"] == str(agent.fake.folder)


def second_message() -> list[Act]:
    return [text("Done.", "msg_2"), text("Really.", "msg_2"), turn(message="msg_2")]


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("openai:gpt-4o", "openai/gpt-4o"),
        ("openrouter/a/b:free", "openrouter/a/b:free"),
        ("ollama:llama3:8b", "ollama/llama3:8b"),
        ("google/gemini-3", "google/gemini-3"),
    ],
)
def test_a_model_is_named_as_opencode_names_it(agent: Agent, written: str, given: str) -> None:
    assert agent.plays(*GOOD, model=written).model == written
    assert f"--model={given}" in agent.fake.calls[0]["argv"]


@pytest.mark.parametrize("bare", ["gpt-4o", "ft:gpt-4o:org::id", "openai:"])
def test_a_model_without_its_provider_is_an_error_before_anything_runs(
    agent: Agent, bare: str
) -> None:
    with pytest.raises(UsageError, match="needs a provider"):
        agent.backend(*GOOD).preflight(STEP, ModelRef(bare))


def test_an_opencode_that_is_not_installed_is_an_error_with_the_way_to_install_it(
    tmp_path: Path,
) -> None:
    backend = OpenCodeBackend(Settings(tmp_path, {"PATH": str(tmp_path)}))
    with pytest.raises(UsageError, match="no `opencode` on the PATH") as raised:
        backend.preflight(STEP, None)
    assert raised.value.hint == "npm install -g opencode-ai"


def test_an_installed_one_and_a_full_model_name_are_fine(agent: Agent) -> None:
    assert agent.backend().preflight(STEP, ModelRef("openai:gpt-4o")) == []


def test_the_agent_has_the_users_environment_and_the_keys_of_dotenv(agent: Agent) -> None:
    agent.environ = {"MINE": "1", "OPENAI_API_KEY": "mine", "GROQ_API_KEY": ""}
    agent.dotenv = {
        "OPENAI_API_KEY": "theirs",
        "GROQ_API_KEY": "theirs",
        "XAI_API_KEY": "theirs",
        "OPENAI_BASE_URL": "http://theirs",
    }
    agent.plays(*GOOD)
    (call,) = agent.fake.calls
    assert (call["MINE"], call["OPENAI_API_KEY"], call["GROQ_API_KEY"]) == ("1", "mine", "")
    assert call["XAI_API_KEY"] == "theirs"
    assert "OPENAI_BASE_URL" not in call


@pytest.mark.parametrize(
    ("told", "flag"),
    [
        ("  --auto   auto-approve", "--auto"),
        ("  --auto-share  share", "--dangerously-skip-permissions"),
        ("", "--dangerously-skip-permissions"),
    ],
)
def test_unsafe_permissions_use_the_flag_of_the_installed_version_asked_once(
    agent: Agent, told: str, flag: str
) -> None:
    agent.fake.help = told
    backend = agent.backend(*GOOD)
    unsafe = agent.call(replace(STEP, unsafe_permissions=True))
    for call in (agent.call(), unsafe, unsafe):
        backend.answer(call, agent.heard)
    plain = ["run", "--format", "json", "--title=aethr: implement"]
    asked = [call["argv"] for call in agent.fake.calls]
    assert asked == [plain, ["run", "--help"], [*plain, flag], [*plain, flag]]


# -- whether it succeeded -------------------------------------------------------------


LIES = {
    "an API error": (
        [error("Incorrect API key", statusCode=401), ["end", 1]],
        "401 from the model's API: Incorrect API key",
    ),
    "an API error after which it says 0": ([*GOOD, error("Overloaded", statusCode=503)], "503 "),
    "an error without a status": (
        [error("The operation timed out.", "UnknownError"), ["end", 1]],
        "opencode failed: The operation timed out.",
    ),
    "an error without a word": (
        [event("error", error={"name": "MessageOutputLengthError"})],
        "opencode failed: MessageOutputLengthError",
    ),
    "an aborted one": ([error("Aborted", "MessageAbortedError")], "opencode failed: Aborted"),
    "an unknown model": (
        [error("Unexpected server error. Check server logs.", "UnknownError", ref="err_1")],
        "opencode failed at once: unknown agent, model or provider",
    ),
    "an unknown model, as older versions have it": (
        [error("", "ProviderModelNotFoundError", providerID="a", modelID="b"), ["end", 1]],
        "opencode failed: a/b",
    ),
    "an unknown agent": (
        [["err", '\x1b[93m! \x1b[0m agent "nope" not found. Falling back to default agent'], *GOOD],
        'unknown agent: agent "nope" not found',
    ),
    "a refused permission": (
        [
            ["err", "\x1b[93m\x1b[1m! \x1b[0mpermission requested: bash (rm x); auto-rejecting"],
            *GOOD,
        ],
        "a permission was refused: bash (rm x)",
    ),
    "a refused permission in other words": (
        [*GOOD, ["err", "! edit: auto-rejecting"]],
        "a permission was refused",
    ),
    "a cut answer": ([text("half"), turn("length")], "the answer was cut at the length limit"),
    "a filtered answer": ([text("half"), turn("content-filter")], "content filter stopped"),
    "an end after a tool call": ([text("I go"), turn("tool-calls")], "in the middle of its work"),
    "a stream that just ended": ([text("half"), turn("unknown")], "ended without a reason"),
    "a reason of its own": ([text("half"), turn("bored")], "the answer ended with `bored`"),
    "an empty answer": ([BEGUN, turn()], "no final text"),
    "a blank answer": ([text(" \n"), turn()], "no final text"),
    "a text only before the end": (
        [text("I go"), turn("tool-calls"), turn(message="msg_2")],
        "no final text",
    ),
    "a message begun after the last": (
        [*GOOD, event("step_start", part={"messageID": "msg_2"})],
        "ended without an answer",
    ),
    "silence": ([], "ended without an answer"),
    "a failure after a whole answer": ([*GOOD, ["end", 3]], "opencode ended with exit code 3"),
    "a crash": ([*GOOD, ["killed", 9]], "opencode was ended by signal 9"),
    "a complaint": (
        [["err", "\x1b[91mError: \x1b[0mSession not found"], ["end", 1]],
        "opencode ended with exit code 1: Session not found",
    ),
    "a complaint that comes second": (
        [["err", "Error: Unexpected error\n\ndatabase is locked\nparams:"], ["end", 1]],
        "opencode ended with exit code 1: database is locked",
    ),
    "a broken event": ([["out", '{"type":"text","part":{"text":"a'], *GOOD], "can't be read"),
    "an event of another form": ([["out", '{"type":"text","text":"hi"}'], *GOOD], "can't be read"),
}


@pytest.mark.parametrize(("acts", "reason"), LIES.values(), ids=LIES)
def test_whatever_the_exit_code_says_a_failed_run_is_a_failed_step(
    agent: Agent, acts: list[Act], reason: str
) -> None:
    assert reason in agent.fails(*acts)


def test_a_refused_permission_says_what_to_do(agent: Agent) -> None:
    with pytest.raises(StepFailed) as failed:
        agent.plays(["err", "! permission requested: bash (a); auto-rejecting"], *GOOD)
    assert failed.value.hint == (
        "set `unsafe_permissions: true` on the step, or allow it in opencode.json"
    )


def test_only_the_whole_of_a_good_run_is_a_success() -> None:
    acts = [BEGUN, text("I go."), tool("bash"), turn("tool-calls"), *second_message()]
    stream = "".join(f"{line}\n" for _, line in acts).encode()
    for size in range(len(stream) - 1):
        with pytest.raises(StepFailed):
            judged(stream[:size])
    assert judged(stream[:-1]) == judged(stream) == "Done.\n\nReally."


def judged(stream: bytes) -> str:
    judge = Judge(Path("/"), "", Heard())
    for line in stream.split(b"\n"):
        judge.hear(Line(line))
    return judge.reply(0).content


@pytest.mark.parametrize("lost", [5, 6])
def test_a_run_whose_last_events_are_lost_is_no_success(lost: int) -> None:
    acts = [BEGUN, text("I go."), turn("tool-calls"), tool("bash"), turn("tool-calls")]
    acts += [text("Done.", "msg_2"), turn(message="msg_2")]
    kept = [line for place, (_, line) in enumerate(acts) if place != lost]
    with pytest.raises(StepFailed):
        judged("\n".join(kept).encode())


@pytest.mark.parametrize(
    "said",
    [
        'Config file at opencode.json is not valid JSON(C):\n{"apiKey":"sk-abcdefgh1234"}',
        "Incorrect API key provided: sk-abcdefgh1234",
        'unexpected value: {"apiKey": "hush-hush"}',
        "bad header Authorization: Bearer hush-hush",
        "API key provided: hush-hush",
    ],
)
def test_a_message_never_shows_a_key(agent: Agent, said: str) -> None:
    for acts in ([["err", f"Error: {said}"], ["end", 1]], [error(said, statusCode=401)]):
        told = agent.fails(*acts)
        assert "abcdefgh1234" not in told
        assert "hush-hush" not in told


# -- what people see -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "state", "line"),
    [
        ("edit", {"input": {"filePath": "{root}/src/app.py", "oldString": "a"}}, "edit src/app.py"),
        ("write", {"input": {"filePath": "/elsewhere/x"}}, "write /elsewhere/x"),
        (
            "bash",
            {"input": {"command": "pytest -q"}, "metadata": {"exit": 1}},
            "bash pytest -q → exit 1",
        ),
        ("bash", {"input": {"command": "a\n  b"}, "metadata": {"exit": 0}}, "bash a b"),
        ("grep", {"input": {"pattern": "TODO", "path": "/"}}, "grep TODO"),
        ("todowrite", {"input": {"todos": []}, "title": "3 todos"}, "todowrite 3 todos"),
        ("list", {}, "list"),
        (
            "read",
            {"status": "error", "input": {"filePath": "{root}/no"}, "error": "not found\nat 1"},
            "read no → not found",
        ),
        (
            "invalid",
            {"input": {"tool": "nope", "error": "no tool 'nope'"}},
            "nope → no tool 'nope'",
        ),
    ],
)
def test_each_tool_call_is_a_line(
    agent: Agent, name: str, state: dict[str, Any], line: str
) -> None:
    rooted = json.loads(json.dumps(state).replace("{root}", str(agent.fake.folder)))
    agent.plays(tool(name, **rooted), *GOOD)
    assert agent.heard.tools == [line]


def test_a_long_command_is_shortened_with_a_mark(agent: Agent) -> None:
    agent.plays(tool("bash", input={"command": "x" * 500}), *GOOD)
    assert agent.heard.tools == ["bash " + "x" * 94 + "…"]


def test_silence_is_broken_by_a_heartbeat_with_the_elapsed_time(agent: Agent) -> None:
    agent.heartbeat = 0.0
    agent.plays(*GOOD)
    assert agent.heard.waits
    assert all(re.fullmatch(r"opencode … \d+\.\d s", line) for line in agent.heard.waits)


def test_the_raw_events_are_kept_on_demand_without_keys(agent: Agent, tmp_path: Path) -> None:
    agent.secrets = {"sk-secret-12345678": "OPENAI_API_KEY"}
    call = replace(agent.call(), trace=tmp_path / "trace.jsonl")
    backend = agent.backend(text("my sk-secret-12345678"), turn())
    backend.answer(call, agent.heard)
    backend.answer(call, agent.heard)
    lines = (tmp_path / "trace.jsonl").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["text", "step_finish"] * 2
    assert json.loads(lines[0])["part"]["text"] == "my [masked OPENAI_API_KEY]"
    assert (tmp_path / "trace.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_trace_that_cannot_be_written_is_an_error_before_the_agent_runs(agent: Agent) -> None:
    call = replace(agent.call(), trace=agent.fake.folder / "no" / "trace")
    with pytest.raises(UsageError, match="can't open"):
        agent.backend(*GOOD).answer(call, agent.heard)
    assert not (agent.fake.folder / "record").exists()


# -- odd output ------------------------------------------------------------------------


def test_five_megabytes_in_one_line(agent: Agent) -> None:
    assert agent.plays(text("x" * 5_000_000), turn()).content == "x" * 5_000_000


def test_bytes_that_are_not_utf8_are_replaced_and_that_is_said(agent: Agent) -> None:
    spoilt = text("caf#")[1].encode().replace(b"#", b"\xe9") + b"\n"
    assert agent.plays(["raw", spoilt.hex()], turn()).content == "caf\ufffd"
    assert agent.heard.warnings == ["opencode wrote what is not UTF-8; such bytes are replaced"]


def test_half_a_character_of_json_is_replaced(agent: Agent) -> None:
    assert agent.plays(text("\ud83d!"), turn()).content == "\ufffd!"


def test_foreign_lines_and_new_events_are_told_and_do_no_harm(agent: Agent) -> None:
    strange: list[Act] = [
        ["out", "plugin: hello", 3],
        ["out", ""],
        ["out", "[1]"],
        event("news"),
        *GOOD,
    ]
    assert agent.plays(*strange).content == "All done."
    assert agent.heard.warnings == [
        "opencode wrote what is no event: plugin: hello",
        "opencode sent an event that Aethr does not know: news",
    ]


# -- usage -----------------------------------------------------------------------------


def test_usage_is_the_sum_of_all_turns(agent: Agent) -> None:
    assert agent.plays(turn("tool-calls"), *second_message()).usage == USED + USED
    assert len(agent.fake.calls) == 1  # no export without a subagent


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({"cost": 0}, Usage(1000, 50, None)),
        ({"tokens": None, "cost": None}, Usage()),
        ({"tokens": {"input": 0, "output": 0, "reasoning": 0}}, Usage()),
        ({"tokens": {"input": 7, "output": 2, "reasoning": 3}, "cost": 1}, Usage(7, 5, 1.0)),
    ],
)
def test_what_opencode_was_not_told_is_unknown_not_free(
    agent: Agent, fields: dict[str, Any], usage: Usage
) -> None:
    assert agent.plays(text("Done."), turn(**fields)).usage == usage


def export(*inner: str) -> str:
    info = {"role": "assistant", "cost": 0.5, "tokens": {"input": 10, "output": 1}}
    parts = [json.loads(tool("task", session)[1])["part"] for session in inner]
    return json.dumps({"info": {}, "messages": [{"info": info, "parts": parts}]})


def test_subagents_are_counted_with_their_own_each_once(agent: Agent) -> None:
    agent.fake.exports = {"ses_a": export("ses_b"), "ses_b": export()}
    reply = agent.plays(tool("task", "ses_a"), tool("task", "ses_a"), *GOOD)
    assert reply.usage == USED + Usage(20, 2, 1.0)
    exported = [call["argv"][1] for call in agent.fake.calls if call["argv"][0] == "export"]
    assert exported == ["ses_a", "ses_b"]


@pytest.mark.parametrize("session", ["ses_gone", "--help", ""])
def test_a_subagent_that_cannot_be_counted_makes_the_usage_unknown(
    agent: Agent, session: str
) -> None:
    reply = agent.plays(tool("task", session), *GOOD)
    assert (reply.content, reply.usage) == ("All done.", Usage())
    assert "what the subagents used is unknown" in agent.heard.warnings[0]
