"""The other door: a stock ``inv`` with a ``tasks.py`` that a user would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.test_run import LOOP, PASS, REVIEW, REVISE

if TYPE_CHECKING:
    from tests.support.cli import Shell

TASKS = """\
from invoke import Collection, task
import aethr

@task
def lint(c):
    print("linted")

aethr_tasks = aethr.collection()

@task(pre=[aethr_tasks["steps.plan"]])
def after_plan(c):
    print("planned")

@task
def by_hand(c):
    aethr_tasks["step"](c, id="review", text="by hand")

ns = Collection(lint, after_plan, by_hand, aethr_tasks)
"""


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": LOOP, "tasks.py": TASKS})
    return repo


def test_the_list_shows_every_step_and_the_users_own(project: Shell) -> None:
    listed = project.inv("--list").out
    for name in ("lint", "aethr.run", "aethr.steps.review", "aethr.auth.login"):
        assert f"\n  {name}" in listed
    assert "reviewer · openai:gpt-4o-mini: Find defects." in listed


@pytest.mark.parametrize("broken", [None, "workflow: [", "", "- a\n", b"\xff"])
def test_a_broken_or_missing_workflow_takes_no_other_task_away(
    project: Shell, broken: str | bytes | None
) -> None:
    project.write({"tasks.py": (PROJECT / "tasks.py").read_text()})
    (project.folder / ".aethr.yaml").unlink()
    if broken is not None:
        project.write({".aethr.yaml": broken})
    listed = project.inv("--list")
    assert listed.code == 0, listed.err
    assert "lint" in listed.out
    assert "aethr.run" in listed.out
    run = project.inv("aethr.run", "go")
    assert run.code == 2
    assert "Traceback" not in run.err
    assert ".aethr.yaml" in run.err


def test_the_run_is_the_same_at_both_doors(project: Shell) -> None:
    for argv in (("aethr.run", "go"), ("aethr.run", "--text", "go"), ("aethr.run", "-v", "go")):
        assert project.inv(*argv).out == project.aethr("run", "go").out
    assert project.inv("aethr.run", AETHR_TASK="go").out == project.aethr("run", "go").out


def test_the_steps_of_one_call_share_task_and_results(project: Shell) -> None:
    with LLMServer(said("the plan"), said(PASS)) as server:
        run = project.inv(
            "lint",
            "aethr.step",
            "plan",
            "--text",
            "the task",
            "aethr.step",
            "review",
            **live(server),
        )
        assert run.code == 0, run.err
        assert "the plan" in server.prompts[1]
        assert "the task" in server.prompts[1]
    assert run.out == f"linted\nthe plan\n{PASS}\n"


def test_a_step_asked_for_twice_runs_twice(project: Shell) -> None:
    run = project.inv("aethr.steps.plan", "--text", "x", "aethr.steps.plan", "aethr.step", "plan")
    assert run.out.count("[mock] step `plan`") == 3


def test_run_starts_empty_in_the_same_call(project: Shell) -> None:
    with LLMServer(said("OLD"), said("new"), said("done"), said(PASS)) as server:
        argv = ("aethr.step", "plan", "--text", "a", "aethr.run", "b")
        assert project.inv(*argv, **live(server)).code == 0
        assert not any("OLD" in prompt for prompt in server.prompts)


def test_a_users_task_may_have_a_step_before_it_or_call_it(project: Shell) -> None:
    run = project.inv("after-plan", AETHR_TASK="x")
    assert run.out.endswith("planned\n")
    assert "[mock] step `plan`" in run.out
    assert "[mock] step `review`" in project.inv("by-hand").out


def test_a_step_that_does_not_pass_stops_the_chain(project: Shell) -> None:
    with LLMServer(said(REVISE)) as server:
        run = project.inv("aethr.step", "review", "--text", "x", "lint", **live(server))
    assert run.code == 3
    assert "linted" not in run.out
    assert "not passed: step `review` said revise" in run.err


def test_dry_is_the_preview(project: Shell) -> None:
    dry = project.inv("--dry", "aethr.run", "go")
    assert dry.out == project.aethr("run", "--show-prompt", "go").out


def test_the_help_of_a_step_is_its_role_model_and_guidance(project: Shell) -> None:
    said = project.inv("--help", "aethr.steps.review").out
    assert "reviewer · openai:gpt-4o-mini: Find defects." in said


def test_a_pre_task_that_a_user_gives_a_step_runs_before_each_pass(repo: Shell) -> None:
    more = 'aethr_tasks.collections["steps"]["implement"].pre.append(lint)\nns = '
    repo.write({".aethr.yaml": LOOP, "tasks.py": TASKS.replace("ns = ", more)})
    with LLMServer(*map(said, ("p", "i", REVISE, "i", PASS))) as server:
        run = repo.inv("aethr.run", "go", **live(server))
    assert run.code == 0, run.err
    assert run.out.count("linted\n") == 2


def test_names_that_invoke_could_not_take_get_a_slug(repo: Shell) -> None:
    ids = ["my step", "my-step", "a.b", "ünï", "!!"]
    steps = "".join(f"  - {{id: '{name}', role: r}}\n" for name in ids)
    flow = f"workflow: w\nroles: {{r: R.}}\nsteps:\n{steps}"
    repo.write({".aethr.yaml": flow, "tasks.py": (PROJECT / "tasks.py").read_text()})
    listed = repo.inv("--list").out
    for name in ("my-step", "my-step-2", "a-b", "ünï", "step-5"):
        assert f"  aethr.steps.{name} " in listed
        assert repo.inv(f"aethr.steps.{name}", AETHR_TASK="x").code == 0
    for name in ids:
        assert repo.aethr("step", name, "x").code == 0


def test_the_root_is_the_same_from_below(project: Shell) -> None:
    project.write({"deep/er/x.txt": ""})
    assert project.aethr("run", "go", cwd="deep/er").out == project.aethr("run", "go").out
    assert project.aethr("show", "-f", "../../.aethr.yaml", cwd="deep/er").code == 0


def test_invokes_own_parse_errors_stay_its_own(project: Shell) -> None:
    assert project.inv("aethr.run", "a", "b").code == 1
    assert REVIEW
