"""A checkpoint goes to another machine: the next step sees there what it would have seen here."""

from __future__ import annotations

import fcntl
import getpass
import json
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.agent import BEGUN, FakeOpenCode, error, text, turn
from tests.support.cli import Shell
from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.test_run import PASS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import Act
    from tests.support.cli import Said

FLOW = """\
workflow: shout
roles: {planner: Plan., implementer: Do., reviewer: Find defects.}
models: {planner: "openai:gpt-4o-mini", reviewer: "openai:gpt-4o-mini"}
steps:
  - {id: plan, role: planner}
  - {id: implement, role: implementer, backend: opencode}
  - id: review
    role: reviewer
    context: [latest_diff, run_diff]
    repeat: {back_to: implement, until_review_pass: true}
"""
EVERY = FLOW.replace(
    "[latest_diff, run_diff]",
    '[latest_diff, run_diff, git_diff, "git_diff:all", "git_diff:HEAD", "file:src/app.py", '
    '"glob:**/*.py", "step:implement"]',
)
BARE = FLOW.replace("    context: [latest_diff, run_diff]\n", "")
RUN = ("--checkpoint", "run.jsonl")
ELSEWHERE = "the working tree is not the one that step `implement` left behind"


class Machine(Shell):
    """A clone of one's own, on which an agent plays a script."""

    def __init__(self, folder: Path, fake: FakeOpenCode) -> None:
        super().__init__(folder, folder.with_suffix(".home"))
        self.fake = fake

    def implements(self, *edits: Act, step: str = "implement") -> Said:
        env = self.fake.env(BEGUN, *edits, text("Done."), turn())
        done = self.aethr("step", step, "go", *RUN, AETHR_LIVE="1", **env)
        assert done.code == 0, done.err
        return done

    def fails(self, *edits: Act) -> None:
        env = self.fake.env(BEGUN, *edits, error("boom", statusCode=500))
        failed = self.aethr("step", "implement", *RUN, AETHR_LIVE="1", **env)
        assert failed.code == 1, failed.err

    def preview(self, step: str = "review") -> Said:
        shown = self.aethr("step", step, *RUN, "--show-prompt", AETHR_LIVE="1")
        assert shown.code == 0, shown.err
        return shown

    def clone(self, name: str) -> Machine:
        """Clone what is committed, no other object, with the checkpoint of now."""
        other = Machine(self.folder.with_name(name), self.fake)
        self.git("clone", "-q", "--no-local", str(self.folder), str(other.folder))
        if (self.folder / RUN[1]).exists():
            shutil.copy(self.folder / RUN[1], other.folder)
        return other

    def commits(self, text: str) -> None:
        self.write({"other.txt": text})
        self.git("add", "other.txt")
        self.git("commit", "-qm", text)

    def flows(self, text: str) -> None:
        self.write({".aethr.yaml": text})
        self.git("commit", "-qam", "flow", "--allow-empty")


@pytest.fixture
def one(repo: Shell, tmp_path: Path) -> Machine:
    """Give the first machine, with the workflow committed."""
    (tmp_path / "fake").mkdir()
    machine = Machine(repo.folder, FakeOpenCode(tmp_path / "fake"))
    machine.write({".aethr.yaml": FLOW, "old.txt": "old\n" * 9, "bin": bytes(range(256))})
    machine.git("add", "-A")
    machine.git("commit", "-qm", "set up")
    return machine


SHOUT: Act = ["edit", "src/app.py", "print('HI')\n"]
LOUDER: Act = ["edit", "src/app.py", "print('HI!')\n"]
NEW: Act = ["edit", "new.py", "n = 1\n"]


def test_two_processes_in_two_clones_review_what_one_process_would(one: Machine) -> None:
    two, alone = one.clone("two"), one.clone("alone")
    with LLMServer(said("Shout."), said(PASS), said("Shout."), said(PASS)) as server:
        env = {**live(server), **one.fake.env(BEGUN, SHOUT, NEW, text("Done."), turn())}
        begun = one.aethr("run", "add --shout", "--until", "implement", *RUN, **env)
        assert begun.code == 0, begun.err
        shutil.copy(one.folder / "run.jsonl", two.folder)
        applied = two.aethr("apply", "run.jsonl")
        assert applied.code == 0, applied.err
        assert applied.out == "new.py +1 -0\nsrc/app.py +1 -1\n"
        reviewed = two.aethr("step", "review", *RUN, **env)
        assert reviewed.code == 0, reviewed.err
        assert "warning" not in reviewed.err
        together = alone.aethr("run", "add --shout", *RUN, **env)
        assert together.code == 0, together.err
        _, apart, _, same = (request.body for request in server.requests)
    assert apart == same
    assert "+print('HI')" in str(apart)


def test_a_checkpoint_holds_no_path_or_name_of_its_machine(one: Machine) -> None:
    fails = "  - {id: fails, run: 'no-such-command'}\n  - id: review"
    one.flows(FLOW.replace("  - id: review", fails))
    began = one.git("rev-parse", "HEAD").strip()
    one.implements(SHOUT)
    one.fails()
    assert one.aethr("step", "fails", *RUN, AETHR_LIVE="1").code == 1
    kept = (one.folder / "run.jsonl").read_text()
    assert kept.count('"kind":"failure"') == 2
    names = [str(one.folder.parent), one.env["HOME"], one.env["TMPDIR"], socket.gethostname()]
    assert [name for name in [*names, getpass.getuser()] if name in kept] == []
    assert json.loads(kept.splitlines()[0])["commit"] == began


def test_the_next_step_sees_the_same_of_every_source(one: Machine) -> None:
    one.flows(EVERY)
    one.implements(SHOUT, NEW, ["edit", "bin", "no longer binary\n"])
    two = one.clone("two")
    assert two.aethr("apply", "run.jsonl").code == 0
    here, there = one.preview(), two.preview()
    assert there.out == here.out
    assert there.err == here.err == ""


@pytest.mark.parametrize("how", ["--depth=1", "--filter=blob:none", "--filter=tree:0"])
def test_a_clone_without_the_history_is_enough(one: Machine, how: str) -> None:
    one.commits("more\n")
    one.implements(SHOUT, NEW)
    one.git("config", "uploadpack.allowFilter", "true")
    two = Machine(one.folder.with_name("two"), one.fake)
    one.git("clone", "-q", how, f"file://{one.folder}", str(two.folder))
    shutil.copy(one.folder / "run.jsonl", two.folder)
    applied = two.aethr("apply", "run.jsonl")
    assert applied.code == 0, applied.err
    assert two.preview().out == one.preview().out
    assert two.preview().err == ""


@pytest.mark.fault("nothing lost", "an agent that commits everything", "git add -A && git commit")
@pytest.mark.parametrize("how", ["adds", "commits"])
def test_a_checkpoint_that_the_agent_commits_is_nobodys_work(one: Machine, how: str) -> None:
    one.flows(EVERY)
    two = one.clone("two")
    one.implements(SHOUT, NEW)
    one.git("add", "-A")
    if how == "commits":
        one.git("commit", "-qm", "all")
    assert "run.jsonl" in one.git("ls-files")
    one.implements(LOUDER)
    shown = one.preview()
    assert "run.jsonl" not in shown.out + shown.err
    assert "[run_diff: " not in shown.out
    shutil.copy(one.folder / "run.jsonl", two.folder)
    applied = two.aethr("apply", "run.jsonl")
    assert (applied.code, applied.out) == (0, "new.py +1 -0\nsrc/app.py +1 -1\n"), applied.err


@pytest.mark.fault("fail closed", "a tree that is not there", "a step that failed elsewhere")
def test_where_an_attempt_failed_elsewhere_the_missing_work_is_said(one: Machine) -> None:
    one.implements(SHOUT)
    one.fails(LOUDER)
    two = one.clone("two")
    for _ in range(2):
        assert f"warning: {ELSEWHERE}: src/app.py" in two.preview().err
    assert two.aethr("apply", "run.jsonl").code == 0
    assert two.preview().err == ""


def test_while_a_run_still_writes_its_finished_work_goes_on(one: Machine) -> None:
    one.implements(SHOUT)
    two = one.clone("two")
    with (two.folder / "run.jsonl").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b'{"kind":"result","step_id":"impl')
        file.flush()
        applied = two.aethr("apply", "run.jsonl")
    assert (applied.code, applied.out) == (0, "src/app.py +1 -1\n"), applied.err


def test_a_mock_run_has_nothing_to_put_on(one: Machine) -> None:
    assert one.aethr("run", "go", *RUN).code == 0
    applied = one.aethr("apply", "run.jsonl")
    assert (applied.code, applied.out) == (0, "")
    assert applied.err == "nothing to do: the run is mock, and a mock run changes no file\n"


@pytest.mark.parametrize("flow", [FLOW, BARE], ids=["sources", "history"])
def test_the_second_pass_of_a_loop_sees_the_same_elsewhere(one: Machine, flow: str) -> None:
    one.flows(flow)
    one.implements(SHOUT, NEW)
    one.implements(LOUDER, ["edit", "bin", "no longer binary\n"])
    two = one.clone("two")
    assert two.aethr("apply", "run.jsonl").code == 0
    here, there = one.preview(), two.preview()
    assert there.out == here.out
    assert there.err == here.err == ""
    assert "-print('HI')\n+print('HI!')" in here.out or flow == FLOW


def test_the_work_goes_on_elsewhere_and_back(one: Machine) -> None:
    one.implements(SHOUT, NEW)
    two = one.clone("two")
    assert two.aethr("apply", "run.jsonl").code == 0
    two.implements(LOUDER)
    three = two.clone("three")
    assert three.git("rev-parse", "HEAD") == one.git("rev-parse", "HEAD")
    applied = three.aethr("apply", "run.jsonl")
    assert applied.out == "new.py +1 -0\nsrc/app.py +1 -1\n"
    assert three.preview().out == two.preview().out
    # The first machine has the work of the first pass only, of which the patch knows nothing.
    shutil.copy(two.folder / "run.jsonl", one.folder)
    assert one.aethr("apply", "run.jsonl").code == 1
    one.git("checkout", "-q", ".")
    (one.folder / "new.py").unlink()
    assert one.aethr("apply", "run.jsonl").code == 0
    assert one.preview().out == two.preview().out


@pytest.mark.fault("fail closed", "a tree that is not there", "a step without aethr apply before")
def test_without_apply_the_step_says_so_and_shows_no_run_diff(one: Machine) -> None:
    one.implements(SHOUT)
    two = one.clone("two")
    shown = two.preview()
    assert f"warning: {ELSEWHERE}: src/app.py; `aethr apply` puts a run's changes on\n" in shown.err
    assert "[run_diff: the working tree is not the one that the last step left behind]" in shown.out
    assert "+print('HI')" in shown.out  # latest_diff is in the checkpoint


@pytest.mark.fault("fail closed", "a tree that is not there", "a step in a clone of another commit")
def test_another_commit_is_said(one: Machine) -> None:
    one.implements(SHOUT)
    two = one.clone("two")
    began = two.git("rev-parse", "HEAD")[:12]
    two.commits("theirs\n")
    two.aethr("apply", "run.jsonl")
    shown = two.preview()
    now = two.git("rev-parse", "HEAD")[:12]
    assert f"warning: {ELSEWHERE}" in shown.err
    assert f"warning: the run began at commit {began}, HEAD is {now}\n" in shown.err
    assert "[run_diff: the working tree is not" in shown.out


def test_a_commit_of_the_work_itself_is_no_other_tree(one: Machine) -> None:
    one.implements(SHOUT)
    before = one.preview()
    one.git("commit", "-qam", "the agent's work")
    after = one.preview()
    assert (after.out, after.err) == (before.out, "")


def test_what_a_failed_attempt_left_is_the_steps_own_work(one: Machine) -> None:
    one.implements(SHOUT)
    one.fails(LOUDER)
    assert one.preview("implement").err == ""


def test_what_a_failed_attempt_left_without_the_first_tree(one: Machine) -> None:
    one.write({"mine.txt": "uncommitted\n"})
    one.implements(SHOUT)
    two = one.clone("two")
    assert two.aethr("apply", "run.jsonl").code == 0
    two.implements(LOUDER)
    two.fails(SHOUT)
    assert ELSEWHERE in two.preview("implement").err


def test_edits_beside_the_work_are_said_and_shown(one: Machine) -> None:
    one.implements(SHOUT)
    one.write({"mine.txt": "by hand\n"})
    shown = one.preview()
    assert f"{ELSEWHERE}: mine.txt; " in shown.err
    assert "+by hand" in shown.out


@pytest.mark.fault(
    "fail closed", "a tree that is not there", "a run that began over uncommitted edits"
)
def test_without_the_first_tree_a_pass_is_inconclusive(one: Machine) -> None:
    one.write({"mine.txt": "uncommitted\n"})
    one.implements(SHOUT)
    two = one.clone("two")
    assert two.aethr("apply", "run.jsonl").code == 0
    with LLMServer(said(PASS)) as server:
        done = two.aethr("step", "review", *RUN, **live(server))
    assert done.code == 3, done.err
    assert "run_diff: the tree that it starts from is not in this repository" in done.err
    assert "passed what it did not see whole: run_diff" in done.err
    assert "+print('HI')" in server.prompts[0]
    assert "mine.txt" not in server.prompts[0]


def test_a_history_without_its_trees_says_so(one: Machine) -> None:
    one.flows(BARE)
    one.write({"mine.txt": "uncommitted\n"})
    one.implements(SHOUT)
    shown = one.clone("two").preview()
    why = "changes of implement: the tree that it starts from is not in this repository"
    assert f"[{why}]" in shown.out


def test_a_patch_that_can_not_be_kept_is_said_with_the_reason(one: Machine) -> None:
    one.write({"mine.txt": "uncommitted\n"})
    one.implements(SHOUT)
    two = one.clone("two")
    two.aethr("apply", "run.jsonl")
    done = two.implements(LOUDER)
    why = "the tree that it starts from is not in this repository"
    assert f"warning: implement: no patch is kept for aethr apply: {why}" in done.err
    refused = one.clone("three").aethr("apply", str(two.folder / "run.jsonl"))
    assert refused.code == 2
    assert "the patch of step `implement (pass 2)` was not kept" in refused.err


def test_a_preview_does_not_show_the_checkpoint_as_the_runs_work(one: Machine) -> None:
    one.implements(SHOUT)
    assert "run.jsonl" not in one.preview().out


def test_a_mock_chain_says_another_commit_too(one: Machine) -> None:
    assert one.aethr("step", "plan", "go", *RUN).code == 0
    one.commits("more\n")
    done = one.aethr("step", "implement", *RUN)
    assert done.code == 0
    assert "warning: the run began at commit " in done.err
