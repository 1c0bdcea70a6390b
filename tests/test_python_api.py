"""Aethr from Python: a tasks.py and a script as users write them, their answers as values."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from typing import TYPE_CHECKING, assert_type

import pytest
from invoke import Config, Context

import aethr
from tests.support import user_tasks
from tests.support.agent import BEGUN, FakeOpenCode, text, turn
from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import Reply, refusal, said
from tests.support.llm_server import LLMServer
from tests.test_run import LOOP, PASS, REVISE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Said, Shell

SAMPLE = re.findall(
    r"^```python\n(.*?)^```$", (PROJECT / "docs/python.md").read_text(), re.MULTILINE | re.DOTALL
)
HEAD = """\
import aethr
from invoke import Collection, task

"""

HOOKED = f"""\
{HEAD}
@task
def hook(c):
    print("hook", aethr.run_step(c, "review", "x").passed)

@task
def mine(c):
    print(aethr.run_workflow(c, "x").passed)

own = aethr.collection()
own.collections["steps"]["plan"].pre.append(hook)
ns = Collection(hook, mine, own)
"""


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.git("config", "user.name", "t")
    repo.git("config", "user.email", "t@example.com")
    repo.write({".aethr.yaml": LOOP, "tasks.py": SAMPLE[0]})
    repo.git("add", "-A")
    return repo


def script(repo: Shell, body: str, *replies: Reply, **env: str) -> Said:
    """Run a Python script, live where the model has replies."""
    source = f"import aethr, dataclasses\n{body}"
    with LLMServer(*replies) as server:
        return repo.run(sys.executable, "-c", source, **(live(server) if replies else {}), **env)


def tasks(repo: Shell, body: str) -> None:
    """Write a tasks.py with one task, `mine`."""
    body = body.replace("\n", "\n    ")
    ns = "ns = Collection(mine, aethr.collection())\n"
    repo.write({"tasks.py": f"{HEAD}@task\ndef mine(c):\n    {body}\n\n{ns}"})


class TestTasks:
    """What docs/python.md shows, typed."""

    def test_the_sample_is_the_file_that_mypy_reads(self) -> None:
        assert user_tasks.__file__
        assert (PROJECT / "tests/support/user_tasks.py").read_text().endswith(f"\n\n{SAMPLE[0]}")

    @pytest.mark.parametrize(("answer", "code"), [(PASS, 0), (REVISE, 3)])
    def test_a_users_task_decides(self, project: Shell, answer: str, code: int) -> None:
        with LLMServer(said(answer)) as server:
            run = project.inv("commit", "add a loop", **live(server))
            assert "The commit message is: add a loop" in server.prompts[0]
        assert run.code == code, run.err
        assert run.out == ("" if code == 0 else f"{answer}\n")
        committed = "add a loop" in project.git("log", "--format=%s")
        assert committed is (code == 0)

    def test_a_failed_step_ends_the_call_as_the_command_line_does(self, project: Shell) -> None:
        with LLMServer(refusal(401, "no")) as server:
            run = project.inv("commit", "x", **live(server))
        assert (run.code, run.out) == (1, "")
        assert "error: step `review` failed: " in run.err
        assert run.command.startswith("AETHR_LIVE=1 aethr step review")
        assert "x" not in project.git("log", "--format=%s")

    @pytest.mark.parametrize(("answer", "code"), [(said(REVISE), 0), (refusal(401, "no"), 1)])
    def test_a_script_ends_as_the_command_line_does(
        self, project: Shell, answer: Reply, code: int
    ) -> None:
        with LLMServer(answer) as server:
            ran = project.run(sys.executable, "-c", SAMPLE[1], **live(server))
        assert (ran.code, ran.out) == (code, "")
        assert "Traceback" not in ran.err
        assert not code or "AETHR_LIVE=1 aethr step review" in ran.err

    def test_a_whole_workflow_tells_what_it_changed(self, project: Shell) -> None:
        agent = FakeOpenCode(project.folder.parent / "agent")
        agent.folder.mkdir()
        flow = LOOP.replace("role: worker}", "role: worker, backend: opencode}")
        project.write({".aethr.yaml": flow.replace('  worker: "openai:gpt-4o-mini"\n', "")})
        edit = ["edit", str(project.folder / "src/new.py"), "new = 1\n"]
        acts = agent.env(BEGUN, edit, text("Done."), turn())
        with LLMServer(said("Plan."), said(PASS)) as server:
            env = {**live(server), **acts, "PATH": f"{acts['PATH']}:{project.env['PATH']}"}
            run = project.inv("implement", "add new.py", **env)
        assert run.code == 0, run.err
        assert run.out == "src/new.py 1 0\n"
        again = project.inv("implement", "add new.py", **env)
        assert again.code == 2
        assert "finished and passed" in again.err

    def test_dry_is_the_preview_and_decides_nothing(self, project: Shell) -> None:
        dry = project.inv("--dry", "commit", "x")
        assert (dry.code, dry.out[:10]) == (0, "## review\n")
        assert dry.err.startswith("dry run: nothing was called")
        assert "git commit" not in dry.out

    def test_a_hook_of_a_generated_task_runs_and_may_make_a_call_of_its_own(
        self, project: Shell
    ) -> None:
        project.write({"tasks.py": HOOKED})
        run = project.inv("aethr.run", "-q", "go")
        assert run.code == 0, run.err
        assert run.out.startswith("hook True\n[mock] step `review`")
        assert project.inv("mine").out == "True\n"


class TestValues:
    def test_what_comes_back_is_typed_frozen_and_public(self) -> None:
        outcome = aethr.Outcome((aethr.StepResult("s", "said"),), live=False)
        assert_type(outcome.verdict, aethr.Verdict | None)
        assert_type(outcome.usage, aethr.Usage)
        assert_type(outcome.artifact, aethr.Artifact | None)
        assert_type(outcome.error, aethr.NotPassed | None)
        assert (outcome.passed, outcome.status, outcome.verdict) == (True, 0, None)
        with pytest.raises(dataclasses.FrozenInstanceError):
            outcome.live = True  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("verdicts", "passed", "verdict"),
        [
            ("revise pass", True, "pass"),
            ("pass revise", False, "revise"),
            ("pass inconclusive", False, "inconclusive"),
            ("pass", False, "inconclusive"),
            ("", False, None),
        ],
    )
    def test_the_verdict_is_a_pass_only_where_everything_passed(
        self, verdicts: str, passed: bool, verdict: str | None
    ) -> None:
        results = [
            aethr.StepResult("review", "", number, aethr.Verdict(word))
            for number, word in enumerate(verdicts.split(), 1)
        ]
        last = aethr.StepResult("ship", "shipped", usage=aethr.Usage(1, 1, None))
        error = None if passed else aethr.NotPassed("no")
        outcome = aethr.Outcome((*results, last), live=True, error=error)
        assert outcome.verdict == (aethr.Verdict(verdict) if verdict else None)
        assert outcome.content == "shipped"
        assert outcome.usage.cost is None

    def test_a_report_is_written_where_it_is_asked_for(self, project: Shell) -> None:
        call = "aethr.run_workflow(None, 'x', report={})"
        one, two = call.format("'one.json'"), call.format("[pathlib.Path('a.json'), 'a.md']")
        ran = script(project, f"import pathlib\n{one}\n{two}")
        assert (ran.code, ran.out) == (0, ""), ran.err
        assert (project.folder / "one.json").read_text().startswith("{")
        assert (project.folder / "a.json").exists()
        assert (project.folder / "a.md").exists()

    def test_it_works_from_a_plain_script_and_prints_nothing(self, project: Shell) -> None:
        body = """
step = aethr.run_step(None, "plan", "the task", checkpoint="c.jsonl")
run = aethr.run_workflow(None, checkpoint="c.jsonl")
print([one.step_id for one in run.results], run.verdict, run.usage, run.live)
over = aethr.run_step(None, "review", "alone", quiet=True)
print(over.status, over.error.message, over.checkpoint.exists(), over.results[0].content)
try: aethr.run_step(None, "review", "alone")
except aethr.StepFailed as error: print(error.partial, error.message)
"""
        half = Reply("half an ans", finish="length")
        ran = script(project, body, said("p"), said("i"), said(PASS), said(REVISE), half)
        assert ran.code == 0, ran.err
        first, status, *rest = ran.out.splitlines()
        assert first.startswith(
            "['plan', 'implement', 'review'] Verdict.PASS Usage(input_tokens=36,"
        )
        assert first.endswith("True")
        assert status == "3 not passed: step `review` said revise"
        assert any(line.startswith("half an ans error: step `review` failed") for line in rest)
        assert "To go through it again:" in ran.out
        assert ran.err.count("loop · 3 steps · live") == 3  # one of the four calls is quiet

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ("run_step(None, 'no')", "UsageError: no step `no` in `loop`"),
            ("run_step(None, '')", "UsageError: no step was named"),
            ("run_step(None, 'plan')", "UsageError: no task"),
            ("run_step(None, 'plan', ' ')", "UsageError: the task is blank"),
            ("run_step(None, 'plan', 'x', checkpoint='')", "UsageError: --checkpoint is empty"),
            ("run_step(None, 'plan', 'x', until='plan')", "TypeError: there is no option `until`"),
            ("run_workflow(None, 'x', chekpoint='c')", "did you mean `checkpoint`?"),
            ("run_workflow(None, 'x', max_cost=-1)", "UsageError: --max-cost must be a number"),
            ("run_workflow(None, 'x', workflow=pathlib.Path('no.yaml'))", "workflow file no.yaml"),
        ],
    )
    def test_a_mistake_is_an_error_before_anything_is_called(
        self, project: Shell, monkeypatch: pytest.MonkeyPatch, call: str, message: str
    ) -> None:
        monkeypatch.chdir(project.folder)
        monkeypatch.setattr("tempfile.tempdir", project.env["TMPDIR"])
        monkeypatch.delenv("AETHR_TASK", raising=False)
        code = f"import aethr, pathlib\naethr.{call}"
        with pytest.raises((aethr.UsageError, TypeError)) as raised:
            exec(code, {})
        assert message in f"{type(raised.value).__name__}: {raised.value}"
        assert not project.checkpoints

    def test_a_working_directory_that_is_gone_is_an_error_too(self, project: Shell) -> None:
        body = """
import os
os.mkdir("d"); os.chdir("d"); os.rmdir("../d")
try: aethr.run_step(None, "plan", "x")
except aethr.UsageError as error: print(error)
"""
        ran = script(project, body)
        assert ran.out == "the working directory is gone\n", ran.err

    def test_a_forgotten_context_is_named(self) -> None:
        with pytest.raises(TypeError, match="the first argument is invoke's Context, or None"):
            aethr.run_workflow("say hello")  # type: ignore[arg-type]

    def test_a_number_is_the_number_that_it_is(self, project: Shell) -> None:
        call = "aethr.run_workflow(None, 'x', max_cost=1e-07, max_time=0.5, max_calls=3)"
        ran = script(project, f"print({call}.passed)")
        assert ran.out == "True\n", ran.err

    def test_streams_that_are_no_files_are_written_to(self, project: Shell) -> None:
        """As a program has them that catches what others print, or that shows a notebook."""
        body = """
import contextlib, invoke, io
err, out = io.StringIO(), io.StringIO()
dry = invoke.Context(invoke.Config(overrides={"run": {"dry": True}}))
with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
    aethr.run_workflow(None, "x")
    with contextlib.suppress(aethr.DryRun): aethr.run_step(dry, "plan", "x")
print("passed" in err.getvalue(), out.getvalue()[:8])
"""
        ran = script(project, body)
        assert (ran.out, ran.err) == ("True ## plan\n\n", "")

    def test_a_preview_is_captured_as_other_output_is(
        self, project: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(project.folder)
        monkeypatch.setattr("tempfile.tempdir", project.env["TMPDIR"])
        dry = Context(Config(overrides={"run": {"dry": True}}))
        with pytest.raises(aethr.DryRun):
            aethr.run_step(dry, "plan", "::error ::x")
        assert capsys.readouterr().out.startswith("## plan\n")

    def test_a_stdin_that_is_no_file_is_not_read(self, project: Shell) -> None:
        flow = LOOP.replace("role: worker}", "role: worker, context: [stdin]}")
        project.write({".aethr.yaml": flow})
        body = """
import io, sys
sys.stdin = io.StringIO("said")
try: aethr.run_workflow(None, "x")
except aethr.UsageError as error: print(error)
"""
        ran = script(project, body)
        assert ran.out == "the context source `stdin` needs input, and stdin is no file\n", ran.err

    @pytest.mark.fault("nothing lost", "Ctrl-C that a program catches", "the next run has it anew")
    def test_after_an_interrupted_call_signals_are_the_programs_own_again(
        self, project: Shell
    ) -> None:
        project.write(
            {"hang.yaml": "workflow: w\nsteps: [{id: hang, run: 'kill -INT $PPID; sleep 9'}]"}
        )
        body = """
import signal, time
def hang():
    try: aethr.run_workflow(None, "x", workflow="hang.yaml", quiet=True)
    except aethr.Interrupted as error: print(error.exit_code, "To go on:" in error.message)
hang()
time.sleep(0.3)
hang()
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
        ran = script(project, body, AETHR_LIVE="1")
        assert ran.out == "130 True\n130 True\nTrue\n", ran.err

    def test_calls_work_from_threads_too(self, project: Shell) -> None:
        project.write({"say.yaml": "workflow: w\nsteps: [{id: say, run: echo said}]"})
        body = """
from concurrent.futures import ThreadPoolExecutor
def say(name): return aethr.run_workflow(None, name, workflow="say.yaml", quiet=True).content
with ThreadPoolExecutor(4) as pool: print([*pool.map(say, "abcd")])
"""
        ran = script(project, body, AETHR_LIVE="1")
        assert ran.out == f"{['said' + chr(10)] * 4}\n", ran.err
        assert not project.checkpoints


class TestSharing:
    def test_two_calls_share_nothing_unless_they_name_a_checkpoint(self, project: Shell) -> None:
        shared = 'aethr.run_step(c, "plan", "x", checkpoint="c.jsonl")\n'
        alone = 'aethr.run_step(c, "plan", "other")\n'
        tasks(
            project, f"{shared}{alone}print(aethr.run_workflow(c, checkpoint='c.jsonl').results[0])"
        )
        run = project.inv("mine")
        assert run.code == 0, run.err
        assert "going on after 1 kept result" in run.err
        assert not project.checkpoints

    @pytest.mark.parametrize("env", [{}, {"AETHR_CHECKPOINT": "c.jsonl"}])
    def test_a_task_and_a_call_share_the_checkpoint_that_both_name(
        self, project: Shell, env: dict[str, str]
    ) -> None:
        named = () if env else ("--checkpoint", "c.jsonl")
        keyword = "" if env else ", checkpoint='c.jsonl'"
        tasks(project, f"aethr.run_step(c, 'implement'{keyword})")
        first = ("aethr.step", "plan", "--text", "x", *named)
        run = project.inv(*first, "mine", "aethr.step", "review", *named, **env)
        assert run.code == 0, run.err
        assert run.err.count("going on after") == 2
        assert "going on after 2 kept results" in run.err

    @pytest.mark.fault("nothing lost", "two writers", "a call between two steps of one inv")
    def test_a_step_does_not_go_on_beside_what_a_call_has_written(self, project: Shell) -> None:
        tasks(project, "aethr.run_step(c, 'implement', checkpoint='c.jsonl')")
        first = ("aethr.step", "plan", "--text", "x", "--checkpoint", "c.jsonl")
        env = {"AETHR_WORKFLOW": ".aethr.yaml"}
        run = project.inv(*first, "mine", "aethr.step", "review", **env)
        assert run.code == 2
        assert "another run has gone on in" in run.err


def test_importing_aethr_imports_none_of_it() -> None:
    code = "import sys; before = {*sys.modules}; import aethr; print({*sys.modules} - before)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "{'aethr'}\n"


def test_every_public_name_is_there() -> None:
    for name in aethr.__all__:
        assert getattr(aethr, name)
    assert sorted(aethr.__all__) == list(aethr.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        aethr.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_types_are_right() -> None:
    def typed(c: Context, path: Path) -> None:
        assert_type(aethr.run_step(c, "review", checkpoint=path), aethr.Outcome)
        assert_type(aethr.run_workflow(None, "x", from_="plan", max_cost=1.5), aethr.Outcome)
        aethr.run_step(c, "plan", from_="plan")  # type: ignore[call-arg]
        aethr.run_workflow(c, quiet="yes")  # type: ignore[arg-type]

    assert callable(typed)  # mypy is what reads it
