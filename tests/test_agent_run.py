"""A whole run with an agent: what it changed is reviewed exactly, and nothing of it gets lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import BEGUN, GOOD, FakeOpenCode, error, text, turn
from tests.support.live import live
from tests.support.llm_script import Reply, ToolCall, said
from tests.support.llm_server import LLMServer
from tests.support.opencode import real_env
from tests.support.processes import alive, carriers, until
from tests.test_run import PASS, REVISE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.agent import Act
    from tests.support.cli import Said, Shell

FLOW = """\
workflow: shout
roles: {planner: Plan., implementer: Do., reviewer: Find defects.}
models: {planner: "openai:gpt-4o-mini", reviewer: "openai:gpt-4o-mini"}
steps:
  - {id: plan, role: planner}
  - {id: implement, role: implementer, backend: opencode, history_visibility: latest}
  - id: review
    role: reviewer
    context: [latest_diff]
    repeat: {back_to: implement, until_review_pass: true}
"""


@pytest.fixture
def project(repo: Shell) -> Shell:
    """Give a repository in which the user has uncommitted work of their own."""
    repo.write({".aethr.yaml": FLOW, "tasks.py": "import aethr\nfrom invoke import Collection\n"})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "set up")
    repo.write({"README.md": "the user's own edit\n", "mine.txt": "untracked\n"})
    return repo


def state(repo: Shell) -> list[bytes | str]:
    asked = ("stash", "list"), ("reflog",), ("for-each-ref",), ("rev-parse", "HEAD")
    index = (repo.folder / ".git/index").read_bytes()
    return [index, *(repo.git(*argv) for argv in asked)]


def edit(repo: Shell, old: str, new: str) -> Reply:
    arguments = {"filePath": str(repo.folder / "src/app.py"), "oldString": old, "newString": new}
    return Reply("", tools=(ToolCall("edit", arguments),), finish="tool_calls")


def read(repo: Shell) -> Reply:
    call = ToolCall("read", {"filePath": str(repo.folder / "src/app.py")})
    return Reply("", tools=(call,), finish="tool_calls")


def test_the_real_agent_implements_and_the_loop_turns_once(project: Shell) -> None:
    before = state(project)
    script = [
        said("Shout."),
        *(read(project), edit(project, "hi", "HI"), said("It shouts.")),
        said(REVISE),
        *(read(project), edit(project, "HI", "HI!"), said("It shouts louder.")),
        said(PASS),
    ]
    with LLMServer(*script) as server:
        env = {**real_env(server), "TMPDIR": project.env["TMPDIR"], **live(server)}
        run = project.aethr("run", "add a --shout flag", **env)
        assert run.code == 0, run.err
        first, second = (r.prompt for r in server.requests if "Find defects." in str(r.body))
    assert (project.folder / "src/app.py").read_text() == "print('HI!')\n"
    assert "-print('hi')\n+print('HI')\n" in first
    assert "-print('hi')\n+print('HI!')\n" in second
    assert "the user's own edit" not in first + second
    assert "mine.txt" not in first + second
    assert "· edit src/app.py" in run.err
    assert "src/app.py +1 -1" in second
    assert state(project) == before


@pytest.fixture
def fake(tmp_path: Path) -> FakeOpenCode:
    folder = tmp_path / "fake"
    folder.mkdir()
    return FakeOpenCode(folder)


def run(
    project: Shell, fake: FakeOpenCode, acts: list[Act], *replies: Reply, argv: Any = ("run", "go")
) -> tuple[Said, LLMServer]:
    """Run live with the stand-in, which plays the same acts each time."""
    with LLMServer(*replies) as server:
        env = {**live(server), **fake.env(*acts)}
        return project.aethr(*argv, **env), server


def writes(project: Shell, name: str, content: str) -> Act:
    return ["edit", str(project.folder / name), content]


def test_the_same_through_invoke(project: Shell, fake: FakeOpenCode) -> None:
    project.write({"tasks.py": "import aethr\nfrom invoke import Collection\n"
                   "ns = Collection(aethr.collection())\n"})  # fmt: skip
    acts = [BEGUN, writes(project, "new.py", "n = 1\n"), text("Done."), turn()]
    with LLMServer(said("plan"), said(PASS)) as server:
        done = project.inv("aethr.run", "go", **{**live(server), **fake.env(*acts)})
        assert done.code == 0, done.err
        assert "+n = 1" in server.prompts[1]
    assert "## implement\nDone.\n" in done.out


def test_what_a_dead_agent_edited_is_still_reviewed_after_a_resume(
    project: Shell, fake: FakeOpenCode
) -> None:
    half = [BEGUN, writes(project, "half.py", "half = 1\n"), error("boom", statusCode=500)]
    failed, _ = run(project, fake, half, said("plan"))
    assert failed.code == 1
    assert "step `implement` failed: " in failed.err
    rest = [BEGUN, writes(project, "rest.py", "rest = 1\n"), text("Done."), turn()]
    with LLMServer(said(PASS)) as server:
        done = project.sh(failed.command, **{**live(server), **fake.env(*rest)})
        assert done.code == 0, done.err
        assert "+half = 1" in server.prompts[0]
        assert "+rest = 1" in server.prompts[0]


def test_an_agent_that_changed_nothing_failed_if_its_diff_is_read(
    project: Shell, fake: FakeOpenCode
) -> None:
    failed, _ = run(project, fake, GOOD, said("plan"))
    assert failed.code == 1
    assert "step `implement` failed: the agent changed nothing" in failed.err
    project.write({".aethr.yaml": FLOW.replace("latest}", "latest, expect_changes: false}")})
    done, _ = run(project, fake, GOOD, said("plan"), said(PASS))
    assert done.code == 0, done.err


def test_an_agent_that_is_not_there_is_found_before_the_first_call(project: Shell) -> None:
    with LLMServer() as server:
        refused = project.aethr("run", "go", **{**live(server), "PATH": "/usr/bin:/bin"})
    assert refused.code == 2
    assert "npm install -g opencode-ai" in refused.err


def test_outside_git_it_works_with_a_warning(shell: Shell, fake: FakeOpenCode) -> None:
    shell.write({".aethr.yaml": FLOW})
    acts = [BEGUN, writes(shell, "new.py", "n = 1\n"), text("Done."), turn()]
    done, server = run(shell, fake, acts, said("plan"), said(PASS))
    assert done.code == 3
    assert "implement: outside git its changes can't be shown" in done.err
    assert "passed what it did not see whole: latest_diff" in done.err
    assert len(server.requests) == 2


def started(project: Shell, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aethr", "run", "go", "--checkpoint", "c.jsonl"],
        cwd=project.folder,
        env={**project.env, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def has(file: Path) -> bool:
    return file.exists() and bool(file.read_text())


@pytest.fixture
def asleep(project: Shell, fake: FakeOpenCode) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """Give a run whose agent's child, in a session of its own, sleeps; its marker; the child."""
    pid_file = fake.folder / "pid"
    acts = [BEGUN, ["child", str(pid_file), "session"], text("half way"), ["hang"]]
    with LLMServer(said("plan")) as server:
        process = started(project, {**live(server), **fake.env(*acts)})
        until(lambda: (has(pid_file) and fake.calls) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield process, fake.calls[-1]["AETHR_RUN_MARKER"], int(pid_file.read_text())


@pytest.mark.fault(
    "nothing lost",
    "SIGINT, SIGTERM, SIGHUP",
    "while what an agent started works, in its own session",
)
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_to_aethr_alone_ends_everything_that_the_agent_started(
    asleep: tuple[subprocess.Popen[str], str, int], signum: signal.Signals, code: int
) -> None:
    process, marker, child = asleep
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "1 of 3 steps is done and kept" in err
    assert not list(carriers(marker))
    assert not alive(child)


@pytest.mark.fault("nothing lost", "SIGKILL", "while an agent works, which outlives Aethr")
def test_a_resume_after_a_kill_ends_the_survivors_first(
    project: Shell, fake: FakeOpenCode, asleep: tuple[subprocess.Popen[str], str, int]
) -> None:
    process, marker, child = asleep
    process.kill()
    process.communicate()
    assert list(carriers(marker))
    acts = [BEGUN, writes(project, "new.py", "n = 1\n"), text("Done."), turn()]
    argv = ("run", "--checkpoint", "c.jsonl")
    done, _ = run(project, fake, acts, said(PASS), argv=argv)
    assert done.code == 0, done.err
    assert "that it had left running" in done.err
    assert not list(carriers(marker))
    assert not alive(child)


def test_the_checkpoint_keeps_what_was_changed(project: Shell, fake: FakeOpenCode) -> None:
    acts = [BEGUN, writes(project, "new.py", "n = 1\n"), text("Done."), turn()]
    argv = ("run", "go", "--checkpoint", "c.jsonl", "-v")
    done, _ = run(project, fake, acts, said("plan"), said(PASS), argv=argv)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in (project.folder / "c.jsonl").read_text().splitlines()]
    start = next(line for line in lines if line["kind"] == "start" and line["tree"])
    artifact = next(line["artifact"] for line in lines if line.get("artifact"))
    assert start["marker"] == fake.calls[-1]["AETHR_RUN_MARKER"]
    assert artifact["before"] == start["tree"] == lines[0]["tree"]
    assert artifact["changes"] == [{"path": "new.py", "added": 1, "removed": 0}]
    assert artifact["patch"] == artifact["run_patch"]
    assert "raw events: " in done.err
    (trace,) = project.folder.glob("c.jsonl.*.events")
    assert "step_finish" in trace.read_text()
