"""`aethr run` and `aethr step` as a person types them: streams, exit codes, tasks, previews."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import PROJECT
from tests.support.live import OPENAI_KEY, live
from tests.support.llm_script import Reply, refusal, said
from tests.support.llm_server import LLMServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

REVIEW = """\
workflow: review
roles: {reviewer: Find defects.}
models: {reviewer: "openai:gpt-4o-mini"}
steps: [{id: review, role: reviewer, context: ["git_diff:all"]}]
"""
LOOP = """\
workflow: loop
roles: {planner: Plan., worker: Work., reviewer: Find defects.}
models:
  planner: "openai:gpt-4o-mini"
  worker: "openai:gpt-4o-mini"
  reviewer: "openai:gpt-4o-mini"
steps:
  - {id: plan, role: planner}
  - {id: implement, role: worker}
  - {id: review, role: reviewer, repeat: {back_to: implement, until_review_pass: true}}
"""
PASS, REVISE = "Fine.\nReview status: pass", "No.\nReview status: revise"


def changed(repo: Shell, workflow: str = REVIEW) -> Shell:
    """Leave one change of every kind uncommitted."""
    repo.write({"old.txt": "old name\n" * 9, "gone.txt": "gone\n", "data.bin": bytes(range(256))})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "more")
    repo.git("mv", "old.txt", "new name.txt")
    repo.git("rm", "-q", "gone.txt")
    repo.write(
        {
            "src/app.py": "print('unstaged')\n",
            "staged.py": "staged = 1\n",
            "data.bin": bytes(range(255, -1, -1)),
            "latin.txt": b"caf\xe9\n",
            "untracked ünï.txt": "untracked\n",
        }
    )
    repo.git("add", "staged.py")
    repo.write({".aethr.yaml": workflow})
    return repo


def test_the_main_job_in_mock_mode(repo: Shell) -> None:
    changed(repo)
    (repo.folder / ".aethr.yaml").unlink()
    assert repo.aethr("init", "review-existing-diff").code == 0
    said = repo.aethr("run", "review my current changes before I commit")
    assert said.code == 0, said.err
    assert "mock: no model, agent or command is called" in said.err
    assert said.out.endswith("Review status: pass\n")
    assert not repo.checkpoints


def test_the_preview_shows_every_kind_of_change(repo: Shell) -> None:
    shown = changed(repo).aethr("run", "--show-prompt", "review").out
    for part in (
        "+print('unstaged')",
        "+staged = 1",
        "rename to new name.txt",
        "deleted file mode",
        "data.bin",
        "+caf\ufffd",
        "untracked ünï.txt",
        "1 byte",
    ):
        assert part in shown, part


@pytest.mark.parametrize("model", ["openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5"])
def test_what_is_sent_is_what_is_shown_byte_for_byte(repo: Shell, model: str) -> None:
    changed(repo, REVIEW.replace("openai:gpt-4o-mini", model))
    shown = repo.aethr("run", "--show-prompt", "review `this`\nplease")
    with LLMServer(said(PASS)) as server:
        run = repo.aethr("run", "review `this`\nplease", **live(server))
        assert run.code == 0, run.err
        assert f"## review\n{server.prompts[0]}" == shown.out
    assert run.out == f"{PASS}\n"
    assert "live (AETHR_LIVE=1 in the environment)" in run.err
    assert "12 / 5 tokens" in run.err


def test_several_results_stand_under_headings_and_quiet_gives_the_last(repo: Shell) -> None:
    repo.write({".aethr.yaml": LOOP})
    replies = [said("the plan"), said("one"), said(REVISE), said("two"), said(PASS)]
    with LLMServer(*replies) as server:
        run = repo.aethr("run", "go", **live(server))
    assert run.code == 0, run.err
    assert run.out == (
        f"## plan\nthe plan\n\n## implement\none\n\n## review\n{REVISE}\n\n"
        f"## implement (pass 2)\ntwo\n\n## review (pass 2)\n{PASS}\n\n"
    )
    with LLMServer(*replies) as server:
        assert repo.aethr("run", "-q", "go", **live(server)).out == f"{PASS}\n"


@pytest.mark.parametrize(
    ("answer", "options", "code"),
    [
        (PASS, (), 0),
        (REVISE, (), 3),
        (REVISE, ("--exit-zero",), 0),
        ("looks fine", (), 3),
        ("", (), 1),
    ],
)
def test_the_exit_code_says_how_it_ended(
    repo: Shell, answer: str, options: tuple[str, ...], code: int
) -> None:
    repo.write({".aethr.yaml": REVIEW})
    for command in (("run",), ("step", "review")):
        with LLMServer(said(answer)) as server:
            run = repo.aethr(*command, "go", *options, **live(server))
        assert run.code == code, run.err


TASKS = [
    "-x",
    "--quiet",
    "[bold]markup[/]",
    "run",
    "review",
    "two\nlines",
    "a=b",
    "*",
    "$HOME",
    "ünï",
]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_arrives_literally_at_both_doors(repo: Shell, task: str) -> None:
    repo.write({".aethr.yaml": LOOP, "tasks.py": (PROJECT / "tasks.py").read_text()})
    words = ("--", task) if task.startswith("-") else (task,)
    shown = [
        repo.aethr("run", "--show-prompt", *words),
        repo.inv("aethr.run", "--show-prompt", *words),
        repo.aethr("step", "plan", "--show-prompt", *words),
    ]
    for one in shown:
        assert one.code == 0, one.err
        assert f"# Task\n\n```\n{task}\n```\n" in one.out


@pytest.mark.parametrize("text", ["--weird", "-x y", "plan"])
def test_a_task_in_text_is_literal_too(repo: Shell, text: str) -> None:
    repo.write({".aethr.yaml": LOOP, "tasks.py": (PROJECT / "tasks.py").read_text()})
    for one in (
        repo.aethr("run", "--show-prompt", "--text", text),
        repo.inv("aethr.run", "--show-prompt", "--text", text),
        repo.inv("aethr.step", "plan", "--show-prompt", "--text", text),
    ):
        assert f"\n{text}\n" in one.out, one.err


@pytest.mark.parametrize("option", ["--tpyo", "-z", "--show-promt", "--preset=x=y --nope"])
def test_a_mistyped_option_is_never_a_task(repo: Shell, option: str) -> None:
    repo.write({".aethr.yaml": LOOP, "tasks.py": (PROJECT / "tasks.py").read_text()})
    for words in (option.split(), [*option.split(), "task"], ["task", *option.split()]):
        at_console = repo.aethr("run", *words)
        assert at_console.code == 2
        assert "unknown option" in at_console.err
        at_invoke = repo.inv("aethr.run", *words)
        assert at_invoke.code == 1
        assert "No idea what" in at_invoke.err
        assert at_console.out == at_invoke.out == ""


def test_a_reader_that_goes_away_ends_the_output_only(repo: Shell) -> None:
    repo.write({".aethr.yaml": LOOP})
    run = repo.sh("set -o pipefail; aethr run go | head -1; echo ${PIPESTATUS[0]}")
    assert run.out == "## plan\n0\n"
    assert "Traceback" not in run.err
    assert "review: pass" in run.err


def test_stdout_is_not_the_view_and_has_no_colour(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW})
    run = repo.aethr("run", "go", FORCE_COLOR="1")
    assert "\x1b" not in run.out
    assert "mock:" not in run.out


@pytest.mark.fault(
    "explicit",
    "a model's bytes changed on their way into a file",
    "stdout redirected, with every kind of control character",
)
def test_control_characters_reach_a_file_but_no_terminal(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW})
    evil = f"\x1b]0;owned\x07\x9b31m\u202e{PASS}"
    with LLMServer(said(evil), said(evil)) as server:
        env = {**repo.env, **live(server), "TERM": "xterm"}
        assert repo.aethr("run", "go", **live(server)).out == f"{evil}\n"
        screen = on_terminal([sys.executable, "-m", "aethr", "run", "go"], repo, env)
    assert "\x1b]0;" not in screen
    assert "\x9b" not in screen
    assert "\\x1b]0;owned\\x07\\x9b31m\\u202eFine." in screen
    assert screen.count("Fine.") == 1


def on_terminal(argv: list[str], shell: Shell, env: dict[str, str]) -> str:
    """Run with all three streams on a pseudo-terminal and give what it was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv, cwd=shell.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass  # the last reader of a terminal gets EIO at its end
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_no_task_without_a_terminal_is_an_error(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW})
    run = repo.aethr("run")
    assert (run.code, run.out) == (2, "")
    assert "error: no task" in run.err
    assert repo.aethr("run", AETHR_TASK="from the environment").code == 0
    assert repo.aethr("run", "  \n").code == 2


def test_the_editor_asks_on_a_terminal(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW, "ed.sh": 'sed -i "1i # keep #1" "$1"\n'})
    env = {**repo.env, "TERM": "dumb", "AETHR_EDITOR": f"sh {repo.folder}/ed.sh"}
    shown = on_terminal([sys.executable, "-m", "aethr", "run", "--show-prompt"], repo, env)
    assert "# keep #1" in shown
    assert ">8" not in shown


@pytest.mark.parametrize("value", ["maybe", "2", " x"])
def test_a_switch_that_is_neither_is_an_error(repo: Shell, value: str) -> None:
    repo.write({".aethr.yaml": REVIEW})
    run = repo.aethr("run", "go", AETHR_LIVE=value)
    assert run.code == 2
    assert f"AETHR_LIVE={value} (the environment) is neither true nor false" in run.err


@pytest.mark.parametrize(
    ("env", "mode"),
    [
        ({}, "mock:"),
        ({"AETHR_LIVE": "off", "AETHR_MODEL": "openai:gpt-4o"}, "mock:"),
        ({"AETHR_LIVE": "", "AETHR_MODEL": ""}, "mock:"),
        ({"AETHR_LIVE": "Yes"}, "needs OPENAI_API_KEY for openai:gpt-4o-mini"),
        ({"AETHR_MODEL": "groq:x"}, "needs GROQ_API_KEY for groq:x"),
    ],
)
def test_live_is_asked_for_or_it_is_mock(repo: Shell, env: dict[str, str], mode: str) -> None:
    repo.write({".aethr.yaml": REVIEW})
    assert mode in repo.aethr("run", "go", **env).err


def test_a_missing_key_is_found_before_the_first_call(repo: Shell) -> None:
    repo.write({".aethr.yaml": LOOP.replace('reviewer: "openai:gpt', 'reviewer: "mistral:gpt')})
    with LLMServer() as server:
        run = repo.aethr("run", "go", **live(server))
        assert not server.requests
    assert run.code == 2
    assert "step `review` needs MISTRAL_API_KEY for mistral:gpt-4o-mini" in run.err
    assert "hint: aethr auth login mistral" in run.err
    assert not repo.checkpoints


def test_a_key_is_masked_wherever_it_could_show(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW, "src/app.py": f"key = '{OPENAI_KEY}'\n"})
    with LLMServer(said(f"I saw {OPENAI_KEY}.\n{REVISE}")) as server:
        run = repo.aethr("run", f"use {OPENAI_KEY}", **live(server))
        assert OPENAI_KEY not in server.prompts[0]
    assert OPENAI_KEY not in run.out + run.err
    assert "I saw [masked OPENAI_API_KEY]." in run.out
    assert all(OPENAI_KEY not in path.read_text() for path in repo.checkpoints)
    assert repo.checkpoints


def test_a_failed_step_shows_its_reason_and_keeps_what_was_said(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW})
    with LLMServer(Reply("half an ans", finish=None)) as server:
        run = repo.aethr("run", "go", **live(server))
    assert run.code == 1
    assert "error: step `review` failed: " in run.err
    assert "half an ans" in repo.checkpoints[0].read_text()
    with LLMServer(refusal(401, "bad key")) as server:
        run = repo.aethr("run", "go", **live(server))
    assert run.code == 1
    assert "Traceback" not in run.err
    assert "OPENAI_API_KEY" in run.err


def test_steps_are_limited_by_from_and_until(repo: Shell) -> None:
    repo.write({".aethr.yaml": LOOP})
    run = repo.aethr("run", "go", "--until", "implement")
    assert run.code == 0
    assert run.out.count("## ") == 2
    assert "2 of 3 steps are done and kept" in run.err
    assert repo.sh(run.command).out.startswith("## review\n")
    assert not repo.checkpoints
    assert repo.aethr("run", "go", "--from", "review").out.startswith("## review\n")


def test_the_receipt_tells_sizes_and_the_digest(repo: Shell) -> None:
    changed(repo)
    shown = repo.aethr("run", "--show-prompt", "-v", "go")
    assert "review: " in shown.err
    assert "sha256 " in shown.err
    assert "git_diff:all: " in shown.err


FILES = sorted([*PROJECT.glob("presets/*.yaml"), *PROJECT.glob("examples/*.yaml")])


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_everything_that_ships_runs_to_its_end_in_mock_mode(repo: Shell, file: Path) -> None:
    repo.write({"bin/opencode": f"#!/bin/sh\ntouch {repo.folder}/executed\n"})
    (repo.folder / "bin/opencode").chmod(0o755)
    run = repo.aethr("run", "-f", str(file), "go", PATH=f"{repo.folder}/bin:{repo.env['PATH']}")
    assert run.code == 0, run.err
    assert re.search("^(passed|done) · ", run.err, re.MULTILINE)
    assert not (repo.folder / "executed").exists()
