"""The pipeline of examples/gitlab-ci, really run: jobs that share a checkpoint and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from aethr import config
from tests.support.agent import BEGUN, FakeOpenCode, error, text, turn
from tests.support.cli import BIN, PROJECT, Shell
from tests.support.gitlab import pipeline
from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.test_run import PASS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import Act

EXAMPLE = PROJECT / "examples" / "gitlab-ci"
REVISE = "- [high] src/app.py:1: it shouts too low\n\nReview status: revise\n"
SHOUT: Act = ["edit", "src/app.py", "print('HI')\n"]
LOUDER: Act = ["edit", "src/app.py", "print('HI!')\n"]
TASK = 'add a --shout flag, "loud" & $5 cheap'


@pytest.fixture
def project(repo: Shell) -> Shell:
    """Give a project with the example in it, and with a remote, as one on GitLab has."""
    shutil.copytree(EXAMPLE, repo.folder, dirs_exist_ok=True)
    repo.write({"README.md": "# demo\n"})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "pipeline")
    repo.git("remote", "add", "origin", "https://gitlab.example.com/group/project.git")
    repo.git("config", "user.name", "t")
    repo.git("config", "user.email", "t@example.com")
    return repo


@pytest.fixture
def fake(tmp_path: Path) -> FakeOpenCode:
    (tmp_path / "fake").mkdir()
    return FakeOpenCode(tmp_path / "fake")


def works(fake: FakeOpenCode, server: LLMServer, *acts: Act) -> dict[str, str]:
    """Give the variables of a live project, with an agent that plays some acts."""
    env = {**live(server), **fake.env(BEGUN, *acts, text("Done."), turn())}
    return {**env, "PATH": f"{BIN}:{env['PATH']}"}


def cases(junit: Path) -> dict[str, list[str]]:
    """Give what JUnit says of each step beside its output."""
    found = ET.parse(junit).iter("testcase")
    return {
        case.get("name", ""): [one.tag for one in case if one.tag != "system-out"] for case in found
    }


def test_the_files_are_valid() -> None:
    program, file = str(BIN / "check-jsonschema"), str(EXAMPLE / ".gitlab-ci.yml")
    argv = [program, "--builtin-schema", "vendor.gitlab-ci", file]
    checked = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert not config.load(EXAMPLE / ".aethr.yaml").warnings


def test_in_mock_mode_every_job_is_green(project: Shell) -> None:
    ran = pipeline(project, TASK)
    assert ran.code == 0, ran.log
    assert ran.jobs == {"plan": True, "implement": True, "review": True}
    assert "nothing to do: the run is mock, and a mock run changes no file" in ran.log
    assert ran.log.count("mock: no model, agent or command is called") == 3
    review = ran.artifact("review", "aethr-review.xml")
    assert cases(review) == {"plan": [], "implement": [], "review": []}


def test_a_review_that_passes_makes_it_green(project: Shell, fake: FakeOpenCode) -> None:
    with LLMServer(said("Shout in src/app.py."), said(PASS)) as server:
        ran = pipeline(project, TASK, **works(fake, server, SHOUT))
        planned, reviewed = server.prompts
    assert ran.code == 0, ran.log
    assert TASK in planned
    assert TASK in reviewed
    assert "Shout in src/app.py." in fake.calls[-1]["stdin"]
    assert "+print('HI')" in reviewed
    assert "put on: 1 file, from the run's start to step `implement`" in ran.log
    assert "warning: " not in ran.log


@pytest.mark.fault("nothing lost", "a review that does not pass", "a GitLab pipeline, then by hand")
def test_a_review_that_does_not_pass_makes_it_red_and_goes_on_by_hand(
    project: Shell, fake: FakeOpenCode, tmp_path: Path
) -> None:
    with LLMServer(said("Plan."), said(REVISE), said(PASS)) as server:
        env = works(fake, server, SHOUT)
        ran = pipeline(project, TASK, **env)
        assert ran.code != 0
        assert ran.jobs == {"plan": True, "implement": True, "review": False}, ran.log
        assert "FAIL 3" in ran.log
        assert cases(ran.artifact("review", "aethr-review.xml"))["review"] == ["failure"]
        assert "it shouts too low" in ran.artifact("review", "aethr-review.md").read_text()
        mine = Shell(tmp_path / "mine", tmp_path / "home")
        project.git("clone", "-q", str(project.folder), str(mine.folder))
        shutil.copy(ran.artifact("review", "run.jsonl"), mine.folder)
        assert mine.aethr("apply", "run.jsonl").out == "src/app.py +1 -1\n"
        mended = mine.aethr("run", "--checkpoint", "run.jsonl", **works(fake, server, LOUDER))
    assert mended.code == 0, mended.err
    assert "warning: " not in mended.err
    assert "it shouts too low" in fake.calls[-1]["stdin"]
    assert "+print('HI!')" in server.prompts[-1]


@pytest.mark.fault("nothing lost", "an agent that fails", "a GitLab pipeline")
def test_a_step_that_fails_ends_it_and_keeps_the_checkpoint(
    project: Shell, fake: FakeOpenCode
) -> None:
    with LLMServer(said("Plan.")) as server:
        env = works(fake, server)
        fake.env(BEGUN, error("boom", statusCode=500))
        ran = pipeline(project, TASK, **env)
    assert ran.code != 0
    assert ran.jobs == {"plan": True, "implement": False}, ran.log
    assert "error: step `implement` failed: 500 from the model's API: boom" in ran.log
    kept = ran.artifact("implement", "run.jsonl").read_text()
    assert (kept.count('"kind":"result"'), kept.count('"kind":"failure"')) == (1, 1)
    assert cases(ran.artifact("implement", "aethr-implement.xml"))["implement"] == ["error"]
