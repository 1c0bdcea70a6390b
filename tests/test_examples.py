"""Each example as it stands: copied, and typed; in mock mode as its README shows, and live."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from aethr import config
from tests.support.agent import BEGUN, FakeOpenCode, text, turn
from tests.support.cli import PROJECT, Said, Shell
from tests.support.live import live
from tests.support.llm_script import Reply, said
from tests.support.llm_server import LLMServer
from tests.test_readme import as_pattern, steps
from tests.test_run import PASS, REVISE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Example = Callable[[str], Shell]

EXAMPLES = PROJECT / "examples"
TYPED = ["github-actions", "makefile", "nox", "pre-commit", "tasks"]
FLOWS = [
    file
    for name in TYPED
    for file in sorted((EXAMPLES / name).rglob("*.yaml"))
    if "aethr" in str(file.relative_to(EXAMPLES))
]


@pytest.fixture
def example(shell: Shell) -> Example:
    """Copy an example into a project with a remote, one commit there and one change here."""

    def copied(name: str) -> Shell:
        bare = shell.folder.with_name("origin.git")
        shutil.copytree(EXAMPLES / name, shell.folder, dirs_exist_ok=True)
        shell.write({"src/app.py": "print('hi')\n"})
        shell.git("init", "-q")
        shell.git("config", "user.name", "t")
        shell.git("config", "user.email", "t@example.com")
        commit(shell, "begin")
        shell.git("init", "-q", "--bare", str(bare))
        shell.git("remote", "add", "origin", str(bare))
        shell.git("push", "-q", "--set-upstream", "origin", "main")
        shell.git("checkout", "-q", "-b", "topic")
        shell.write({"src/app.py": "print('HI')\n"})
        if name in ("pre-commit", "github-actions"):
            commit(shell, "shout")
        return shell

    return copied


def commit(shell: Shell, message: str) -> None:
    shell.git("add", "-A")
    shell.git("commit", "-qm", message)


def typed(shell: Shell, command: str, *replies: Reply, **env: str) -> Said:
    """Type a command, live where the model has replies; ``out`` is what a terminal shows."""
    if not replies:
        return shell.run("bash", "-c", f"({command}) 2>&1", PYTHONWARNINGS=None, **env)
    with LLMServer(*replies) as server:
        said = typed(shell, command, **{**live(server), **env})
        assert len(server.requests) == len(replies), said.out
    return said


def edits(shell: Shell, fake: FakeOpenCode, word: str) -> dict[str, str]:
    """Give the environment in which an agent edits the program."""
    env = fake.env(BEGUN, ["edit", "src/app.py", f"print('{word}')\n"], text("Done."), turn())
    return {**env, "PATH": f"{fake.folder / 'bin'}:{shell.env['PATH']}"}


@pytest.mark.parametrize("name", TYPED)
def test_the_transcript_of_an_example_is_true(example: Example, name: str) -> None:
    project = example(name)
    readme = (EXAMPLES / name / "README.md").read_text("utf-8")
    (transcript,) = re.findall(r"^```console\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    for command, expected in steps(transcript):
        shown = typed(project, command)
        assert re.fullmatch(as_pattern(expected), shown.out, re.DOTALL), f"$ {command}\n{shown.out}"


@pytest.mark.parametrize("file", FLOWS, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_the_workflow_of_an_example_is_valid(file: Path) -> None:
    loaded = config.load(file)
    assert not loaded.warnings
    assert loaded.workflow.description


def test_each_example_is_one_of_these_or_of_another_test() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders - {"gitlab-ci"} == set(TYPED)
    assert len(FLOWS) == 7


class TestMake:
    def test_it_stops_goes_on_and_mends(self, example: Example, tmp_path: Path) -> None:
        project = example("makefile")
        fake = FakeOpenCode(tmp_path)
        begun = 'make -j4 review AETHR_TASK="a flag"'
        first = typed(project, begun, said("Plan."), said(REVISE), **edits(project, fake, "HI!"))
        assert first.code == 2
        assert "not passed: step `review` said revise" in first.out
        assert re.search(r"make: \*\*\* \[Makefile:\d+: review\] Error 3\n", first.out)
        assert "warning" not in first.out
        again = typed(project, "make again", **edits(project, fake, "HI!!"), AETHR_LIVE="1")
        assert again.code == 2
        assert "OPENAI_API_KEY" in again.out
        assert "Review status: revise" in fake.calls[-1]["stdin"]
        last = typed(project, "make review", said(PASS))
        assert (last.code, last.out.count("aethr step ")) == (0, 1), last.out
        assert not (project.folder / ".run").exists()

    @pytest.mark.fault("fail closed", "a run that is over", "make review again, or of another task")
    def test_neither_another_task_nor_a_finished_run_passes(self, example: Example) -> None:
        project = example("makefile")
        assert typed(project, "make implement AETHR_TASK=one").code == 0
        other = typed(project, "make review AETHR_TASK=two")
        assert other.code == 2
        assert "Error 2" in other.out
        assert typed(project, "make review").code == 0
        over = typed(project, "make review")
        assert over.code == 2
        assert "no task" in over.out


def test_a_nox_session_fails_alone(example: Example) -> None:
    project = example("nox")
    ran = typed(project, "nox -s correctness security", said(REVISE), said(PASS))
    assert ran.code == 1, ran.out
    assert "Command aethr step correctness --text 'review my uncommitted changes' failed" in ran.out
    assert "exit code 3" in ran.out
    assert "* correctness: failed" in ran.out
    assert "* security: success" in ran.out


class TestTasks:
    def test_a_task_does_not_start_after_a_review_that_did_not_pass(self, example: Example) -> None:
        ran = typed(example("tasks"), "inv ready", said(REVISE))
        assert ran.code == 3
        assert "ready to commit" not in ran.out

    def test_the_result_decides(self, example: Example) -> None:
        project = example("tasks")
        ran = typed(project, "inv commit 'it is \"loud\"'", said("Well."))
        assert ran.code == 3, ran.out
        assert {"Well.", "not committed"} < {*ran.out.splitlines()}
        assert project.git("log", "-1", "--format=%s") == "begin\n"

    def test_what_comes_before_stops_both(self, example: Example) -> None:
        project = example("tasks")
        project.write({"src/app.py": "<<<<<<< mine\n"})
        for command in ("inv ready", "inv commit x"):
            ran = typed(project, command)
            assert ran.code == 2
            assert "leftover conflict marker" in ran.out
            assert "mock" not in ran.out


class TestPrePush:
    """Real pre-commit, and a real push to a remote on this disk."""

    @staticmethod
    def pushes(project: Shell, *replies: Reply, refs: str = "topic", **env: str) -> Said:
        assert typed(project, "pre-commit install").code == 0
        return typed(project, f"git push origin {refs}", *replies, **env)

    @staticmethod
    def arrived(project: Shell, ref: str = "topic") -> bool:
        return bool(project.git("ls-remote", "origin", f"refs/heads/{ref}"))

    @pytest.mark.fault("fail closed", "no pass", "git push with the pre-push hook of the example")
    @pytest.mark.parametrize(
        ("answer", "goes_out"), [(PASS, True), (REVISE, False), ("Looks good.", False)]
    )
    def test_only_a_pass_goes_out(self, example: Example, answer: str, goes_out: bool) -> None:
        project = example("pre-commit")
        project.write({"src/app.py": "uncommitted\n"})
        assert typed(project, "pre-commit install").code == 0
        with LLMServer(said(answer)) as server:
            ran = typed(project, "git push origin topic", **live(server))
            assert "+print('HI')" in server.prompts[0]
            assert "uncommitted" not in server.prompts[0]
        assert (ran.code == 0) is goes_out, ran.out
        assert self.arrived(project) is goes_out
        assert answer in ran.out

    @pytest.mark.fault("fail closed", "no answer", "git push, live and without a key")
    def test_a_review_that_does_not_come_about_refuses(self, example: Example) -> None:
        project = example("pre-commit")
        ran = self.pushes(project, AETHR_LIVE="1")
        assert ran.code == 1
        assert "OPENAI_API_KEY" in ran.out
        assert not self.arrived(project)

    @pytest.mark.fault("fail closed", "no answer", "git push of a branch that is not checked out")
    def test_another_branch_is_not_passed_unseen(self, example: Example) -> None:
        project = example("pre-commit")
        project.git("checkout", "-q", "-b", "other")
        project.write({"other.txt": "other\n"})
        commit(project, "other")
        ran = self.pushes(project)
        assert ran.code == 1
        assert "only what is checked out can be reviewed" in ran.out
        assert not self.arrived(project)
