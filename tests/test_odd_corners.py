"""Corners that a hostile user found: nothing runs unasked, nothing paid for is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.live import OPENAI_KEY, live
from tests.support.llm_script import refusal, said
from tests.support.llm_server import LLMServer
from tests.test_invoke import TASKS
from tests.test_run import LOOP, PASS, REVIEW, REVISE, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

DOWN = refusal(401, "no")


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": LOOP, "tasks.py": TASKS})
    return repo


def test_a_step_that_is_done_is_no_reason_to_run_what_comes_after_it(project: Shell) -> None:
    argv = ("run", "--until", "plan", "--checkpoint", "c.jsonl")
    assert project.aethr(*argv, "x").code == 0
    again = project.aethr(*argv)
    assert again.code == 2
    assert "step `plan` is done already in this checkpoint" in again.err


def test_stdin_reaches_a_later_step_of_a_chain(project: Shell) -> None:
    project.write({".aethr.yaml": LOOP.replace("role: worker", "role: worker, context: [stdin]")})
    with LLMServer(said("p"), said("i")) as server:
        argv = ("aethr.step", "plan", "--text", "hi", "aethr.step", "implement")
        run = project.inv(*argv, stdin="PIPED", **live(server))
        assert run.code == 0, run.err
        assert "PIPED" in server.prompts[1]


def test_the_command_to_go_on_begins_where_from_and_ends_where_until_said(project: Shell) -> None:
    with LLMServer(DOWN) as server:
        failed = project.aethr(
            "run", "x", "--from", "implement", "--until", "implement", **live(server)
        )
    assert "--from implement --until implement" in failed.command
    with LLMServer(said("i")) as server:
        done = project.sh(failed.command, **live(server))
    assert done.code == 0, done.err
    assert done.out == "## implement\ni\n\n"


@pytest.mark.parametrize("name", ["run", "step", "steps.plan", "auth.login", "init"])
def test_stock_invoke_shows_the_help_of_every_task(project: Shell, name: str) -> None:
    for argv in ((f"aethr.{name}", "--help"), ("--help", f"aethr.{name}")):
        shown = project.inv(*argv)
        assert shown.code == 0, shown.err
        assert "Usage:" in shown.out


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "2>/dev/full", "<&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("words", ["run x", "--help", "check", "run --show-prompt x", "version"])
def test_a_closed_stream_or_a_full_stderr_ends_the_output_only(
    project: Shell, redirect: str, words: str
) -> None:
    run = project.sh(f"{{ aethr {words} {redirect}; }}; echo code $? >&2")
    assert run.err.endswith("code 0\n")
    assert "Traceback" not in run.err


@pytest.mark.fault("fail closed", "a full disk under stdout", "of run, check, --help, a preview")
@pytest.mark.parametrize("words", ["run x", "--help", "check", "run --show-prompt x"])
def test_a_full_stdout_is_no_success(project: Shell, words: str) -> None:
    run = project.sh(f"{{ aethr {words} >/dev/full; }}; echo code $? >&2")
    assert run.err.endswith("code 1\n")
    assert "error: can't write to stdout: No space left on device" in run.err
    assert "Traceback" not in run.err


def test_the_older_form_counts_its_verdicts_and_is_not_written_to(project: Shell) -> None:
    contents = {"plan": "p", "implement": "i", "review": PASS}
    rows = json.dumps([{"step_id": name, "content": text} for name, text in contents.items()])
    project.write({"old.json": rows})
    before = (project.folder / "old.json").read_bytes()
    done = project.aethr("run", "x", "--resume-checkpoint", "@old.json")
    assert done.code == 2
    assert "finished and passed" in done.err
    refused = project.aethr("run", "x", "--checkpoint", "old.json")
    assert refused.code == 2
    assert "--resume-checkpoint @old.json" in refused.err
    assert (project.folder / "old.json").read_bytes() == before


def test_a_task_of_the_environment_is_no_other_task(project: Shell) -> None:
    assert "no task" in project.aethr("run", "-q", AETHR_TASK="   ").err
    with LLMServer(DOWN) as server:
        failed = project.aethr(
            "run", "x", "--checkpoint", "c.jsonl", AETHR_TASK="y", **live(server)
        )
    with LLMServer(said("p"), said("i"), said(PASS)) as server:
        assert project.sh(failed.command, AETHR_TASK="y", **live(server)).code == 0
        assert "\nx\n" in server.prompts[0]


def test_a_key_in_the_task_or_the_file_is_not_in_the_checkpoint(project: Shell) -> None:
    project.write({".aethr.yaml": LOOP.replace("Plan.", f"Plan with {OPENAI_KEY}.")})
    argv = ("run", f"use {OPENAI_KEY}", "--checkpoint", "c.jsonl")
    with LLMServer(DOWN) as server:
        assert project.aethr(*argv, **live(server)).code == 1
    assert OPENAI_KEY not in (project.folder / "c.jsonl").read_text()
    with LLMServer(said("p"), said("i"), said(PASS)) as server:
        assert project.aethr(*argv, **live(server)).code == 0


@pytest.mark.skipif(not shutil.which("mount") or os.getuid() != 0, reason="needs a small disk")
def test_an_answer_that_can_not_be_kept_is_shown(project: Shell, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12k", "none", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("can't mount a small disk here")
    try:
        with LLMServer(said("long " * 4_000)) as server:
            run = project.aethr("run", "x", "--checkpoint", str(small / "c"), **live(server))
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert run.code == 1
    assert run.out.count("long ") == 4_000
    assert "No space left on device; the result above is not kept" in run.err


def test_a_failing_task_before_a_step_says_how_to_go_on(project: Shell) -> None:
    bad = '@task\ndef bad(c):\n    raise ValueError("mine")\n\n'
    bad += 'aethr_tasks["steps.review"].pre.append(bad)\nns = '
    project.write({"tasks.py": TASKS.replace("ns = ", bad)})
    run = project.inv("aethr.run", "x")
    assert "ValueError: mine" in run.err
    assert "2 of 3 steps are done and kept. To go on:" in run.err


def test_a_task_that_is_not_utf8_is_refused(project: Shell) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "aethr", "run", b"a\xffb"],
        cwd=project.folder,
        env=project.env,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 2
    assert b"not UTF-8" in run.stderr


def test_what_the_editor_wrote_is_not_lost_to_a_missing_key(project: Shell) -> None:
    project.write({"ed.sh": f"touch {project.folder}/opened\n"})
    env = {**project.env, "TERM": "dumb", "AETHR_EDITOR": f"sh {project.folder}/ed.sh"}
    with pytest.raises(AssertionError, match="needs OPENAI_API_KEY"):
        on_terminal([sys.executable, "-m", "aethr", "run"], project, {**env, "AETHR_LIVE": "1"})
    assert not (project.folder / "opened").exists()


def test_a_working_directory_that_is_gone_is_one_line(project: Shell) -> None:
    run = project.sh("mkdir gone; cd gone; rmdir ../gone; aethr run x")
    assert run.code == 2
    assert "error: the working directory is gone" in run.err


def test_a_login_through_a_link_out_of_the_project_is_refused(project: Shell) -> None:
    (project.folder / ".env").symlink_to("../elsewhere")
    run = project.aethr("auth", "login", "openai", stdin="sk-0123456789")
    assert run.code == 2
    assert not (project.folder.parent / "elsewhere").exists()


def test_the_steps_of_one_call_may_name_the_same_checkpoint(project: Shell) -> None:
    argv = ("aethr.step", "plan", "--text", "t", "--checkpoint", "c.jsonl")
    run = project.inv(*argv, "aethr.step", "review", "--checkpoint", "c.jsonl")
    assert run.code == 0, run.err


@pytest.mark.parametrize(
    "option", ["--checkpoint", "--resume-checkpoint", "--from", "--until", "-f", "--preset"]
)
def test_an_empty_value_is_not_passed_over(project: Shell, option: str) -> None:
    for run in (project.aethr("run", "x", option, ""), project.inv("aethr.run", "x", option, "")):
        assert run.code == 2
        assert "is empty" in run.err


def test_a_second_run_of_the_same_call_leaves_no_file(project: Shell) -> None:
    assert project.inv("aethr.run", "x", "aethr.run", "y").code == 0
    assert not project.checkpoints


def test_exit_zero_still_says_why_and_how(project: Shell) -> None:
    project.write({".aethr.yaml": REVIEW})
    with LLMServer(said(REVISE)) as server:
        run = project.aethr("run", "x", "--exit-zero", **live(server))
    assert run.code == 0
    assert "not passed: step `review` said revise" in run.err
    assert run.command


def test_an_id_that_looks_like_an_option(project: Shell) -> None:
    project.write({".aethr.yaml": REVIEW.replace("id: review", 'id: "-x"')})
    with LLMServer(DOWN) as server:
        failed = project.aethr("step", "--id=-x", "hi", **live(server))
    assert failed.code == 1, failed.err
    with LLMServer(said(PASS)) as server:
        assert project.sh(failed.command, **live(server)).code == 0


def test_a_closed_stdin_is_not_called_a_terminal(project: Shell) -> None:
    project.write({".aethr.yaml": REVIEW.replace('"git_diff:all"', "stdin")})
    run = project.sh("aethr run x <&-")
    assert run.code == 2
    assert "stdin is closed" in run.err


def test_a_pipe_as_workflow_file_is_not_waited_for(project: Shell) -> None:
    os.mkfifo(project.folder / "pipe.yaml")
    run = project.aethr("check", "-f", "pipe.yaml")
    assert run.code == 2
    assert "is no regular file" in run.err


@pytest.mark.fault("nothing lost", "a torn checkpoint", "half a line is all that there is")
def test_a_kill_within_the_first_line_leaves_a_file_to_begin_anew(project: Shell) -> None:
    project.write({"torn.jsonl": '{"kind":"run","for'})
    assert project.aethr("run", "x", "--checkpoint", "torn.jsonl").code == 0
    project.write({"notes.txt": "my notes\n"})
    assert project.aethr("run", "x", "--checkpoint", "notes.txt").code == 2
    assert (project.folder / "notes.txt").read_text() == "my notes\n"


@pytest.mark.parametrize("source", ["git_diff:all", "glob:**/*"])
def test_a_checkpoint_in_the_project_is_not_what_a_step_sees(repo: Shell, source: str) -> None:
    steps = f"[{{id: plan, role: worker}}, {{id: look, role: worker, context: ['{source}']}}]"
    head = "workflow: w\nroles: {worker: Work.}\nmodels: {worker: 'openai:a'}\n"
    repo.write({".aethr.yaml": f"{head}steps: {steps}\n", "runner.py": "print('mine')\n"})
    assert repo.aethr("step", "plan", "go", "--checkpoint", "run").code == 0
    seen = repo.aethr("run", "--show-prompt", "--checkpoint", "run").out
    assert "print('mine')" in seen
    assert '"kind":' not in seen
