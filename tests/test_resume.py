"""Finished steps survive; the printed command goes on; what is another run's is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.live import live
from tests.support.llm_script import Fault, Reply, refusal, said
from tests.support.llm_server import LLMServer
from tests.test_invoke import TASKS
from tests.test_run import LOOP, PASS, REVISE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Said, Shell

DOWN = refusal(401, "no")


def run(repo: Shell, *replies: Reply, argv: tuple[str, ...] = ("run", "go")) -> Said:
    with LLMServer(*replies) as server:
        return repo.aethr(*argv, **live(server))


def go_on(repo: Shell, before: Said, *replies: Reply) -> Said:
    """Paste the command that the run before printed."""
    with LLMServer(*replies) as server:
        return repo.sh(before.command, **{**live(server), "AETHR_LIVE": None})


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": LOOP})
    return repo


def test_a_loop_that_fails_in_its_last_pass_goes_on_with_one_review(project: Shell) -> None:
    script = [said("plan"), said("1"), said(REVISE), said("2"), said(REVISE), said("3"), DOWN]
    failed = run(project, *script)
    assert failed.code == 1
    assert "3 of 3 steps are done and kept. To go on:" in failed.err
    done = go_on(project, failed, said(REVISE))
    assert done.code == 3
    assert done.out == f"## review (pass 3)\n{REVISE}\n\n"
    assert "not passed: step `review` said revise, and its loop of 3 passes is over" in done.err
    assert "raise max_iterations of step `review`" in done.err


def test_a_raised_limit_goes_on_after_an_exhausted_loop(project: Shell) -> None:
    over = run(project, said("plan"), *[said("i"), said(REVISE)] * 3)
    assert over.code == 3
    again = go_on(project, over)
    assert again.code == 2
    assert "finished and not passed" in again.err
    project.write({".aethr.yaml": LOOP.replace("true}", "true, max_iterations: 4}")})
    done = go_on(project, over, said("4"), said(PASS))
    assert done.code == 0, done.err
    assert "warning: the workflow file was edited since the checkpoint began" in done.err
    assert not project.checkpoints


def test_from_makes_fresh_passes_of_a_run_that_did_not_pass(project: Shell) -> None:
    project.write({".aethr.yaml": f"{LOOP}  - {{id: ship, role: worker}}\n"})
    over = run(project, said("plan"), *[said("i"), said(REVISE)] * 3, said("shipped"))
    assert over.code == 3
    assert "--from implement" in over.command
    done = go_on(project, over, said("5"), said(PASS), said("shipped again"))
    assert done.code == 0, done.err
    assert done.out.startswith("## implement (pass 4)\n")


def test_no_finished_step_is_called_again(project: Shell) -> None:
    failed = run(project, said("the plan"), DOWN)
    with LLMServer(said("impl"), said(PASS)) as server:
        done = project.sh(failed.command, **live(server))
        assert done.code == 0, done.err
        assert "the plan" in server.prompts[0]
        assert len(server.requests) == 2


def test_the_preview_of_a_checkpoint_begins_at_the_next_step(project: Shell) -> None:
    run(project, said("the plan"), DOWN)
    (path,) = project.checkpoints
    path.write_bytes(path.read_bytes() + b'{"kind":"resu')
    before = path.read_bytes()
    shown = project.aethr("run", "--show-prompt", "--resume-checkpoint", f"@{path}", AETHR_LIVE="1")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("## implement\n")
    assert "the plan" in shown.out
    assert path.read_bytes() == before


@pytest.mark.fault("nothing lost", "a torn checkpoint", "half a line at the end of a run's file")
def test_a_torn_last_line_is_cut_off(project: Shell) -> None:
    failed = run(project, said("plan"), DOWN)
    (path,) = project.checkpoints
    path.write_bytes(path.read_bytes() + b'{"kind":"result","step_id":"imp')
    assert go_on(project, failed, said("i"), said(PASS)).code == 0


def checkpoint_of(project: Shell) -> Path:
    run(project, said("plan"), DOWN, argv=("run", "go", "--checkpoint", "c.jsonl"))
    return project.folder / "c.jsonl"


def test_a_checkpoint_that_is_named_stays_and_is_gone_on_from(project: Shell) -> None:
    checkpoint_of(project)
    argv = ("run", "--checkpoint", "c.jsonl")
    assert run(project, said("i"), said(PASS), argv=argv).code == 0
    assert (project.folder / "c.jsonl").exists()
    again = run(project, argv=argv)
    assert again.code == 2
    assert "finished and passed" in again.err
    assert run(project, argv=("step", "plan", "--checkpoint", "c.jsonl")).code == 2


@pytest.mark.parametrize(
    ("argv", "env", "message"),
    [
        (("run", "another task"), {}, "of another task"),
        (("run", "go", "-f", "other.yaml"), {}, "of workflow `loop`, not of `other`"),
        (("run",), {"AETHR_LIVE": "0"}, "of a live run; this one is mock"),
        (("run", "-f", "gone.yaml"), {}, "a result of step `plan`, which the workflow has not"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    project: Shell, argv: tuple[str, ...], env: dict[str, str], message: str
) -> None:
    project.write(
        {
            "other.yaml": LOOP.replace("workflow: loop", "workflow: other"),
            "gone.yaml": LOOP.replace("id: plan", "id: planned"),
        }
    )
    path = checkpoint_of(project)
    before = path.read_bytes()
    with LLMServer() as server:
        refused = project.aethr(*argv, "--checkpoint", "c.jsonl", **{**live(server), **env})
    assert refused.code == 2
    assert message in refused.err
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", ["@nothing.jsonl", "@.", "nonsense", "@.aethr.yaml", "{}", "[3]"])
def test_what_is_no_checkpoint_is_refused(project: Shell, value: str) -> None:
    refused = project.aethr("run", "go", "--resume-checkpoint", value)
    assert refused.code == 2
    assert "checkpoint" in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("form", ["inline", "file"])
def test_the_older_form_is_continued_in_a_new_file(project: Shell, form: str) -> None:
    rows = json.dumps([{"step_id": "plan", "content": "an old plan", "metadata": {"x": 1}}])
    project.write({"old.json": rows})
    value = rows if form == "inline" else "@old.json"
    done = run(project, said("i"), said(PASS), argv=("run", "go", "--resume-checkpoint", value))
    assert done.code == 0, done.err
    assert done.out.startswith("## implement\n")
    assert (project.folder / "old.json").read_text() == rows


def test_a_step_goes_on_where_another_process_was(project: Shell) -> None:
    first = run(project, said("the plan"), argv=("step", "plan", "go", "--checkpoint", "c.jsonl"))
    assert first.code == 0, first.err
    with LLMServer(said(PASS)) as server:
        argv = ("step", "review", "--checkpoint", "c.jsonl")
        assert project.aethr(*argv, **live(server)).code == 0
        assert "the plan" in server.prompts[0]


@pytest.mark.fault(
    "nothing lost", "SIGINT, SIGTERM, SIGHUP", "while a model streams, at both doors"
)
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("door", ["aethr", "invoke"])
def test_a_signal_keeps_what_was_done(
    project: Shell, signum: signal.Signals, code: int, door: str
) -> None:
    project.write({"tasks.py": TASKS})
    argv = ["aethr", "run", "go"] if door == "aethr" else ["invoke", "aethr.run", "go"]
    with LLMServer(said("the plan"), Reply("half an ans", fault=Fault.STALL)) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", *argv],
            cwd=project.folder,
            env={**project.env, **live(server)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        seen = ""
        while "implement ·" not in seen:
            seen += process.stderr.readline() or pytest.fail(seen)
        server.wait_for(2)
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, seen + err
    assert "the plan" in out
    assert f"error: interrupted by {signum.name}" in err
    assert "1 of 3 steps is done and kept" in err
    assert ("inv aethr.run" if door == "invoke" else "aethr run") in err
    (path,) = project.checkpoints
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == [
        "run", "start", "call", "result", "start", "call", "failure",
    ]  # fmt: skip


@pytest.mark.fault("nothing lost", "SIGKILL", "while a model is called, counted at the server")
def test_a_kill_costs_at_most_the_call_in_flight(project: Shell) -> None:
    with LLMServer(said("the plan"), Reply(fault=Fault.HANG)) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "aethr", "run", "go", "--checkpoint", "c.jsonl"],
            cwd=project.folder,
            env={**project.env, **live(server)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server.wait_for(2)
        process.kill()
        process.wait()
    done = run(project, said("i"), said(PASS), argv=("run", "--checkpoint", "c.jsonl"))
    assert done.code == 0, done.err
    assert done.out.startswith("## implement\n")


def test_stdin_is_read_once_and_kept(repo: Shell) -> None:
    repo.write({".aethr.yaml": LOOP.replace("role: planner", "role: planner, context: [stdin]")})
    with LLMServer(DOWN) as server:
        failed = repo.aethr("run", "go", stdin="piped ünï\n", **live(server))
    with LLMServer(said("p"), said("i"), said(PASS)) as server:
        done = repo.sh(failed.command, **live(server))
        assert done.code == 0, done.err
        assert "piped ünï" in server.prompts[0]
