"""The real OpenCode CLI, with a scripted model: what the stand-in plays is what it does."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aethr.backends.opencode import OpenCodeBackend
from aethr.errors import StepFailed
from aethr.results import Call, Usage
from aethr.settings import Settings
from aethr.workflow import ModelRef, Step
from tests.support.llm_script import Reply, ToolCall, refusal, said
from tests.support.llm_server import LLMServer
from tests.support.opencode import real_env
from tests.support.output import Heard
from tests.support.processes import alive, carriers, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

STEP = Step("implement", "implementer", backend="opencode")
UNSAFE = replace(STEP, unsafe_permissions=True)
OUTSIDE = {"filePath": "/etc/hostname"}


def wants(tool: str, text: str = "", **arguments: object) -> Reply:
    return Reply(text, tools=(ToolCall(tool, arguments),), finish="tool_calls")


def answer(
    repo: Shell, server: LLMServer, step: Step = STEP, prompt: str = "go", model: str = ""
) -> tuple[str, Usage, Heard]:
    heard = Heard()
    backend = OpenCodeBackend(Settings(repo.folder, real_env(server)))
    call = Call(step, prompt, ModelRef(model) if model else None, repo.folder)
    reply = backend.answer(call, heard)
    return reply.content, reply.usage, heard


def test_it_edits_the_tree_and_says_what_it_does(repo: Shell) -> None:
    prompt = 'add "--shout"\n' + "ünï " * 250_000
    edit = {"filePath": str(repo.folder / "src/app.py"), "oldString": "hi", "newString": "HI"}
    script = [
        wants("read", "I look.", filePath=edit["filePath"]),
        wants("edit", **edit),
        wants("bash", command="pwd; exit 3", description="look"),
        said("It shouts."),
    ]
    with LLMServer(*script) as server:
        content, usage, heard = answer(repo, server, prompt=prompt, model="fake:fake-1")
        asked = [message["content"] for message in server.requests[0].body["messages"]]
        bash = server.requests[3].body["messages"][-1]["content"]
    assert content == "It shouts."
    assert (repo.folder / "src/app.py").read_text() == "print('HI')\n"
    assert prompt in asked
    assert bash.startswith(f"{repo.folder}\n")
    assert heard.texts == ["I look.\n", "It shouts.\n"]
    assert heard.tools == ["read src/app.py", "edit src/app.py", "bash pwd; exit 3 → exit 3"]
    assert heard.warnings == []
    assert (usage.input_tokens, usage.output_tokens) == (48, 20)
    assert usage.cost == pytest.approx(4 * 0.000111)


def test_a_long_last_answer_is_not_cut_at_the_exit(repo: Shell) -> None:
    with LLMServer(said("x" * 1_000_000)) as server:
        assert answer(repo, server)[0] == "x" * 1_000_000


def test_subagents_are_counted(repo: Shell) -> None:
    task = {"description": "sub", "prompt": "x" * 200_000, "subagent_type": "general"}
    script = [wants("task", **task), Reply("found", usage=(7000, 300, 0)), said("Done.")]
    with LLMServer(*script) as server:
        content, usage, heard = answer(repo, server)
    assert (content, usage.input_tokens, usage.output_tokens) == ("Done.", 7024, 310)
    assert heard.tools == ["task sub"]


def test_what_it_asks_for_is_refused_unless_the_step_says_otherwise(repo: Shell) -> None:
    script = [wants("read", **OUTSIDE), said("Read.")]
    with (
        LLMServer(*script) as server,
        pytest.raises(StepFailed, match=r"a permission was refused: external_directory \(/etc/"),
    ):
        answer(repo, server)
    with LLMServer(*script) as server:
        assert answer(repo, server, UNSAFE)[0] == "Read."


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([refusal(401, "Incorrect API key")], "401 from the model's API: Incorrect API key"),
        ([Reply("half", finish="length")], "the answer was cut at the length limit"),
        ([Reply("")], "opencode gave no final text"),
        ([Reply("hm", finish=None)] * 9, "stopped: the model's stream ended without a reason 3"),
        (
            [refusal(400, "maximum context length", "context_length_exceeded")] * 9,
            "opencode failed: maximum context length",
        ),
    ],
)
def test_what_is_no_success_is_a_failed_step(repo: Shell, script: list[Reply], reason: str) -> None:
    with LLMServer(*script) as server, pytest.raises(StepFailed) as failed:
        answer(repo, server)
    assert failed.value.summary.startswith(reason)


def test_an_unknown_model_is_a_failed_step(repo: Shell) -> None:
    with (
        LLMServer() as server,
        pytest.raises(StepFailed, match=r"unknown agent, model or provider\? \(model: `fake:no`"),
    ):
        answer(repo, server, model="fake:no")


def test_a_broken_configuration_is_not_repeated(repo: Shell) -> None:
    repo.write({"opencode.json": '{"provider": {"x": {"options": {"apiKey": "hush-hush"}}}'})
    with LLMServer() as server, pytest.raises(StepFailed) as failed:
        answer(repo, server)
    assert "opencode.json is not valid JSON" in failed.value.summary
    assert "hush" not in f"{failed.value}{failed.value.hint}{failed.value.partial}"


def told_in(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def test_sigterm_to_aethr_ends_the_agent_in_mid_tool(repo: Shell, tmp_path: Path) -> None:
    repo.write(
        {
            ".aethr.yaml": "workflow: one\nroles: {worker: Do it.}\n"
            "steps: [{id: implement, role: worker, backend: opencode}]\n"
        }
    )
    command = f"echo $AETHR_RUN_MARKER > {tmp_path}/marker; sleep 1000"
    with LLMServer(wants("bash", command=command, description="wait")) as server:
        aethr = subprocess.Popen(
            [sys.executable, "-m", "aethr", "run", "go", "--checkpoint", "run.jsonl"],
            cwd=repo.folder,
            env={**repo.env, **real_env(server), "AETHR_LIVE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        until(lambda: told_in(tmp_path / "marker") or aethr.poll() is not None, seconds=300)
        aethr.terminate()
        _, told = aethr.communicate(timeout=60)
        marker = told_in(tmp_path / "marker")
        assert aethr.returncode == 128 + signal.SIGTERM, told.decode()
        assert not [pid for pid in carriers(marker) if alive(pid)]
    assert "--checkpoint run.jsonl" in told.decode()
