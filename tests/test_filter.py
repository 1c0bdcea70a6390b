"""Aethr between other commands: pipes, chains over one checkpoint, and `&&`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import Reply, said
from tests.support.llm_server import LLMServer
from tests.test_run import LOOP, PASS, REVIEW, REVISE

if TYPE_CHECKING:
    from tests.support.cli import Said, Shell

FILTER = """\
workflow: filter
roles: {reviewer: Find defects.}
models: {reviewer: "openai:gpt-4o-mini"}
steps: [{id: review, role: reviewer, context: [stdin]}]
"""
CHAIN = "aethr step plan && aethr step implement && aethr step review"
SET = {
    "AETHR_TASK": "add a flag",
    "AETHR_CHECKPOINT": "run.jsonl",
    "AETHR_WORKFLOW": "ci/loop.yaml",
}


@pytest.fixture
def project(repo: Shell) -> Shell:
    """Give a project of two workflows, one of which is named by a variable only."""
    other = REVIEW.replace("workflow: review", "workflow: other")
    files = {"ci/loop.yaml": LOOP, ".aethr.yaml": REVIEW, "other.yaml": other}
    repo.write({**files, "tasks.py": (PROJECT / "tasks.py").read_text()})
    return repo


def kept(project: Shell, name: str = "run.jsonl") -> list[str]:
    """Name the steps whose results a checkpoint keeps."""
    lines = map(json.loads, (project.folder / name).read_text().splitlines())
    return [line["step_id"] for line in lines if line["kind"] == "result"]


class TestPipes:
    def test_one_runs_answer_is_the_next_ones_input(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": FILTER})
        with LLMServer(said(f"First.\n{PASS}"), said(f"Second. \n{PASS}")) as server:
            pipe = "printf 'a\\tchange\\n' | aethr run -q 'look' | aethr run -q 'look again'"
            run = repo.sh(pipe, **live(server))
            assert "a\tchange" in server.prompts[0]
            assert "First.\nFine.\nReview status: pass" in server.prompts[1]
        assert (run.code, run.out) == (0, f"Second. \n{PASS}\n"), run.err

    def test_nothing_but_the_last_result_is_on_stdout(self, project: Shell) -> None:
        said = project.sh("aethr run -q x -f ci/loop.yaml | cat")
        assert said.out.startswith("[mock] step `review`")
        assert said.out.count("[mock]") == 1

    @pytest.mark.fault("fail closed", "an empty pipe", "the command before it fails, live")
    def test_a_pass_over_an_empty_pipe_is_inconclusive(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": FILTER})
        with LLMServer(said(PASS)) as server:
            run = repo.sh("git diff no-such-branch | aethr run -q x", **live(server))
        assert run.code == 3
        assert "passed what it did not see whole: stdin" in run.err

    @pytest.mark.fault("fail closed", "a stdin that gives nothing", "closed, or open to write only")
    @pytest.mark.parametrize(
        ("stdin", "said"),
        [
            ("<&-", "the context source `stdin` needs input, and stdin is closed\nhint: pipe "),
            ("0>written", "stdin can't be read: Bad file descriptor\n"),
        ],
    )
    def test_a_stdin_that_can_not_be_read_is_an_error(
        self, repo: Shell, stdin: str, said: str
    ) -> None:
        repo.write({".aethr.yaml": FILTER})
        run = repo.sh(f"aethr run -q x {stdin}")
        assert (run.code, run.out) == (2, "")
        assert run.err.startswith(f"error: {said}")

    def test_what_no_step_asks_for_is_left_to_the_next_command(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": REVIEW})
        run = repo.sh("printf 'one\\ntwo\\n' | (aethr run -q x > /dev/null; cat)")
        assert run.out == "one\ntwo\n"

    @pytest.mark.fault(
        "nothing lost", "two writers", "one AETHR_CHECKPOINT for both ends of a pipe"
    )
    def test_both_ends_of_a_pipe_do_not_write_one_checkpoint(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": FILTER})
        pipe = "printf x | aethr run -q one | aethr run -q two; echo ${PIPESTATUS[*]}"
        run = repo.sh(pipe, AETHR_CHECKPOINT="run.jsonl")
        assert run.out == "0 0 2\n", run.err
        assert "(AETHR_CHECKPOINT)\n" in run.err
        assert '"task":"one"' in (repo.folder / "run.jsonl").read_text()

    def test_what_was_piped_in_before_counts_and_that_is_said(self, repo: Shell) -> None:
        repo.write(
            {".aethr.yaml": LOOP.replace("role: worker}", "role: worker, context: [stdin]}")}
        )
        first = ("run", "x", "--checkpoint", "c.jsonl", "--until", "plan")
        assert repo.aethr(*first, stdin="yesterday's").code == 0
        on = ("run", "--checkpoint", "c.jsonl", "--show-prompt")
        shown = repo.aethr(*on, stdin="today's")
        assert "yesterday's" in shown.out
        assert "today's" not in shown.out
        assert shown.err.count("warning: stdin is not read: the checkpoint keeps") == 1
        assert "stdin is" not in repo.sh("aethr run --checkpoint c.jsonl < /dev/null").err


class TestVariables:
    def test_a_chain_sets_them_once(self, project: Shell) -> None:
        chain = project.sh(f"cd ci && {CHAIN}", **{**SET, "AETHR_WORKFLOW": "loop.yaml"})
        assert chain.code == 0, chain.err
        assert chain.out.count("[mock] step") == 3
        assert kept(project, "ci/run.jsonl") == ["plan", "implement", "review"]

    @pytest.mark.fault("fail closed", "yesterday's checkpoint", "a chain that is run again")
    @pytest.mark.parametrize(
        "again", [CHAIN, "aethr run", "aethr run --until plan", "aethr run -q"]
    )
    def test_what_passed_yesterday_fails_today(self, project: Shell, again: str) -> None:
        assert project.sh("aethr run", **SET).code == 0
        before = (project.folder / "run.jsonl").read_bytes()
        today = project.sh(f"{again} && echo deployed", **SET)
        assert (today.code, today.out) == (2, "")
        assert "finished and passed (AETHR_CHECKPOINT)" in today.err
        assert "name another file, or remove this one" in today.err
        assert (project.folder / "run.jsonl").read_bytes() == before

    def test_what_did_not_pass_yesterday_is_all_done_again_today(self, project: Shell) -> None:
        project.write({"ci/loop.yaml": LOOP.replace("true}", "true, max_iterations: 1}")})
        assert project.sh(CHAIN, **SET).code == 0
        path = project.folder / "run.jsonl"
        path.write_text(path.read_text().replace('"verdict":"pass"', '"verdict":"revise"'))
        assert project.sh("aethr run && echo deployed", **SET).code == 2
        today = project.sh(CHAIN, **SET)
        assert today.code == 0, today.err
        assert kept(project) == ["plan", "implement", "review"] * 2

    def test_an_option_beats_them(self, project: Shell) -> None:
        first = project.aethr(
            "run", "mine", "--checkpoint", "mine.jsonl", "-f", "other.yaml", **SET
        )
        assert first.code == 0, first.err
        assert kept(project, "mine.jsonl") == ["review"]
        assert '"task":"mine"' in (project.folder / "mine.jsonl").read_text()
        named = project.aethr("run", "--until", "plan", **SET)
        on = project.aethr(
            "run", "--resume-checkpoint", "@run.jsonl", **{**SET, "AETHR_CHECKPOINT": "x"}
        )
        assert (named.code, on.code) == (0, 0), on.err
        assert not (project.folder / "x").exists()
        preset = project.aethr("show", "--preset", "add-tests", **SET)
        assert preset.out.startswith("add-tests"), preset.err

    def test_the_task_is_taken_as_it_is(self, project: Shell) -> None:
        given = project.aethr("run", "--show-prompt", "--", "  two\n\n  lines\n")
        assert project.aethr("run", "--show-prompt", AETHR_TASK="  two\n\n  lines\n") == given
        blank = project.aethr("run", "--show-prompt", AETHR_TASK=" \n")
        assert (blank.code, blank.out) == (2, "")

    def test_an_empty_one_and_one_of_the_env_file_are_unset(self, project: Shell) -> None:
        project.write({".env": "".join(f"{name}={value}\n" for name, value in SET.items())})
        run = project.aethr("run", "x", **dict.fromkeys(SET, ""))
        assert run.code == 0, run.err
        assert run.err.startswith("review · 1 step")
        assert not (project.folder / "run.jsonl").exists()

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("AETHR_WORKFLOW", "no.yaml", "there is no workflow file no.yaml (AETHR_WORKFLOW)"),
            ("AETHR_WORKFLOW", "tasks.py", "(AETHR_WORKFLOW)"),
            ("AETHR_WORKFLOW", "other.yaml", "no step `plan` in `other` (AETHR_WORKFLOW)"),
            ("AETHR_CHECKPOINT", "no/run.jsonl", "No such file or directory (AETHR_CHECKPOINT)"),
            ("AETHR_CHECKPOINT", "ci", "can't open"),
            ("AETHR_CHECKPOINT", "tasks.py", "tasks.py (AETHR_CHECKPOINT)"),
            ("AETHR_CHECKPOINT", "other.jsonl", "not of `loop` (AETHR_CHECKPOINT)"),
        ],
    )
    def test_an_error_names_the_one_that_is_its_cause(
        self, project: Shell, name: str, value: str, message: str
    ) -> None:
        if value == "other.jsonl":
            project.aethr("run", "x", "-f", "other.yaml", "--checkpoint", value)
        run = project.aethr("step", "plan", **{**SET, name: value})
        assert run.code == 2
        assert message in run.err
        assert f"({name})" in run.err

    def test_the_task_of_another_chain_is_not_taken_for_done(self, project: Shell) -> None:
        assert project.aethr("step", "plan", **SET).code == 0
        other = {**SET, "AETHR_TASK": "remove a flag"}
        refused = project.aethr("step", "implement", **other)
        assert refused.code == 2
        assert "AETHR_TASK is not the task of this checkpoint (AETHR_CHECKPOINT)" in refused.err
        named = project.aethr("step", "implement", "--checkpoint", "run.jsonl", **other)
        assert named.code == 0
        assert "warning: AETHR_TASK is another task and does not count" in named.err

    def test_a_report_does_not_replace_the_checkpoint_that_it_names(self, project: Shell) -> None:
        refused = project.aethr("run", "--report", "run.jsonl", **SET)
        assert (refused.code, refused.out) == (2, "")

    @pytest.mark.parametrize("still_set", [True, False])
    def test_the_printed_command_works_with_and_without_them(
        self, project: Shell, still_set: bool
    ) -> None:
        first = project.aethr("run", "--until", "plan", **SET)
        assert "--checkpoint run.jsonl" in first.command
        done = project.sh(first.command, **(SET if still_set else {}))
        assert done.code == 0, done.err
        assert kept(project) == ["plan", "implement", "review"]

    def test_the_generated_tasks_are_those_of_the_workflow_that_it_names(
        self, project: Shell
    ) -> None:
        both = project.inv("aethr.steps.plan", "aethr.steps.implement", "aethr.run", **SET)
        assert both.code == 0, both.err
        assert kept(project) == ["plan", "implement", "review"]


class TestChains:
    def test_a_run_in_parts_is_the_run(self, project: Shell) -> None:
        parts = [("--until", "plan"), ("--from", "implement", "--until", "implement"), ()]
        for part in parts:
            done = project.aethr("run", *part, **SET)
            assert done.code == 0, done.err
        assert kept(project) == ["plan", "implement", "review"]

    def test_a_run_goes_on_from_a_step_of_the_same_call(self, project: Shell) -> None:
        argv = (
            "aethr.step",
            "plan",
            "--text",
            "x",
            "--checkpoint",
            "c.jsonl",
            "-f",
            "ci/loop.yaml",
        )
        run = project.inv(*argv, "aethr.run", "--checkpoint", "c.jsonl", "-f", "ci/loop.yaml")
        assert run.code == 0, run.err
        assert kept(project, "c.jsonl") == ["plan", "implement", "review"]

    @pytest.mark.fault("fail closed", "no pass", "inv aethr.step review && git commit, live")
    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (said(REVISE), 3),
            (said("Review status: pass, mostly"), 3),
            (Reply(PASS, finish="length"), 1),
            (said(PASS), 0),
        ],
    )
    def test_only_a_pass_is_committed(self, project: Shell, answer: Reply, code: int) -> None:
        project.git("add", "-A")
        project.git("config", "user.name", "t")
        project.git("config", "user.email", "t@example.com")
        run = self.typed(project, answer)
        assert run.code == code, run.err
        log = project.git("log", "--oneline")
        assert log.count("\n") == (2 if code == 0 else 1)

    def typed(self, project: Shell, answer: Reply) -> Said:
        with LLMServer(answer) as server:
            script = "inv aethr.step review --text 'look at it' && git commit -qm reviewed"
            return project.sh(script, **live(server))
