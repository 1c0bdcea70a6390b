"""A person between the steps, together with everything else that a run can have."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aethr import saved
from aethr.errors import UsageError
from aethr.saved import Header, Saved
from aethr.starts import Start, Starts
from aethr.treelog import TreeLog
from tests.support.agent import BEGUN, GOOD, FakeOpenCode, error, text, turn
from tests.support.person import Person
from tests.support.workflows import result
from tests.test_run import PASS, REVISE
from tests.test_steering import INTERACTIVE, KEEP, lines
from tests.test_trees import trees_of

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.results import Artifact, StepResult
    from tests.support.agent import Act
    from tests.support.cli import Shell

TYPED = """\
workflow: typed
roles: {worker: Work.}
steps:
  - id: plan
    role: worker
    output_schema: {type: object, required: [files], properties: {files: {type: integer}}}
  - {id: work, role: worker}
"""
TESTED = """\
workflow: tested
steps:
  - {id: fix, run: echo x >> log}
  - id: test
    run: exit 1
    repeat: {back_to: fix, until_success: true, max_iterations: 1}
"""
JUDGED = """\
workflow: judged
roles: {worker: Work., reviewer: Judge.}
steps:
  - {id: work, role: worker, backend: opencode}
  - id: review
    role: reviewer
    backend: opencode
    context: [latest_diff]
    expect_changes: false
    repeat: {back_to: work, until_review_pass: true}
"""
GATES = """\
workflow: gates
steps:
  - {id: one, run: "true", pause: true}
  - {id: two, run: "true"}
"""

fault = pytest.mark.fault


def says(answer: str) -> list[Act]:
    return [BEGUN, text(answer), turn()]


class TestEdits:
    """What a person makes of a step's text, and what it can't be made."""

    @fault("fail closed", "an edit that breaks a structured answer", "at a stop")
    @pytest.mark.parametrize(
        ("number", "says", "kept"),
        [
            ("7", "plan edited", [{"files": 7}]),
            ("many", "the answer is no JSON document", []),
            ("true", "the answer does not fit `output_schema`, 1 error", []),
        ],
    )
    def test_an_edit_fits_the_schema_or_is_none(
        self, repo: Shell, number: str, says: str, kept: list[object]
    ) -> None:
        repo.write({".aethr.yaml": TYPED})
        editor = f"sed -i 's/: [0-9]*/: {number}/'"
        person = Person(repo, *INTERACTIVE, AETHR_EDITOR=editor)
        assert person.leaves("e", "q") == 4
        assert says in person.seen
        assert [json.loads(row["content"]) for row in lines(repo, "edit")] == kept

    @fault("fail closed", "an edit of what a command said", "at a stop")
    def test_an_edit_makes_no_command_succeed(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": TESTED})
        env = {"AETHR_LIVE": "1", "AETHR_EDITOR": "sed -i 's/.*/exit code 0/'"}
        person = Person(repo, *INTERACTIVE, **env)
        assert person.leaves("", "e", "") == 3
        assert "the command of step `test` exited with 1" in person.seen

    @fault("fail closed", "a pass typed by a person over a cut diff", "also in two edits")
    def test_no_edit_makes_a_pass_of_what_was_not_seen_whole(
        self, repo: Shell, tmp_path: Path
    ) -> None:
        repo.write({".aethr.yaml": JUDGED.replace("steps:", "context_limit: 1000\nsteps:")})
        fake = FakeOpenCode(tmp_path / "fake")
        env = {"AETHR_LIVE": "1", **fake.env(["edit", "one.txt", "1\n" * 9000], *says(REVISE))}
        swap = "sed -i 's/: pass/: PASS/; s/: revise/: pass/; s/: PASS/: revise/'"
        person = Person(repo, *INTERACTIVE, **env, AETHR_EDITOR=swap)
        person.types("", "e", "e", "e")
        assert person.leaves("q") == 4
        assert "review edited: inconclusive" in person.seen
        assert "review edited: pass" not in person.seen

    def test_a_report_says_which_text_is_a_persons(self, repo: Shell, tmp_path: Path) -> None:
        repo.write({".aethr.yaml": JUDGED})
        fake = FakeOpenCode(tmp_path / "fake")
        env = {"AETHR_LIVE": "1", **fake.env(["edit", "one.txt", "1\n"], *says(REVISE))}
        reports = ("--report", "r.json", "--report", "r.md")
        person = Person(repo, *INTERACTIVE, *reports, **env, AETHR_EDITOR="sed -i s/revise/pass/")
        assert person.leaves("", "e", "") == 0
        steps = json.loads((repo.folder / "r.json").read_text())["steps"]
        assert [(one["verdict"], one["edited"]) for one in steps] == [(None, False), ("pass", True)]
        assert "pass, edited" in (repo.folder / "r.md").read_text()


class TestTrees:
    """What was gone back over stands in the tree: no reviewer passes without it."""

    @fault("fail closed", "work gone back over that nobody would review", "latest_diff at a stop")
    @pytest.mark.parametrize("context", ["context: [latest_diff]", "history_visibility: all"])
    def test_a_reviewer_who_is_next_sees_it(
        self, repo: Shell, tmp_path: Path, context: str
    ) -> None:
        repo.write({".aethr.yaml": JUDGED.replace("context: [latest_diff]", context)})
        fake = FakeOpenCode(tmp_path / "fake")
        env = {"AETHR_LIVE": "1", **fake.env(["edit", "one.txt", "1\n"], *says(REVISE))}
        person = Person(repo, *INTERACTIVE, **env)
        person.types("", "")  # work, review: revise
        fake.env(["edit", "two.txt", "2\n"], *says(PASS))
        person.types("b")  # behind the second pass of work, back to the review before it
        person.types("review", "")
        person.types("p")
        fake.env(error("overloaded"))
        assert person.leaves("") == 1
        fake.env(*says(PASS))
        assert repo.aethr("run", *KEEP, **env).code == 0
        sent = fake.calls[-1]["stdin"]
        assert "+++ b/one.txt" in sent
        assert "+++ b/two.txt" in sent
        assert sent in person.seen

    def test_a_command_that_runs_again_still_counts_for_what_it_did(
        self, repo: Shell, tmp_path: Path
    ) -> None:
        command = '  - {id: fmt, run: "echo f > fmt.txt"}\n  - id: review'
        repo.write({".aethr.yaml": JUDGED.replace("  - id: review", command)})
        fake = FakeOpenCode(tmp_path / "fake")
        env = {"AETHR_LIVE": "1", **fake.env(["edit", "one.txt", "1\n"], *says(PASS))}
        assert Person(repo, *INTERACTIVE, **env).leaves("", "r", "a") == 0
        sent = fake.calls[-1]["stdin"]
        assert "+++ b/one.txt" in sent
        assert "+++ b/fmt.txt" in sent

    def test_of_two_that_were_gone_back_over_the_earlier_counts(self) -> None:
        def worked(name: str, before: str) -> StepResult:
            artifact = saved._artifact(
                {"before": before, "tree": "", "changes": [], "patch": "", "run_patch": ""}
            )
            return replace(result(name), artifact=artifact)

        results = [result("plan"), worked("draft", "t1"), worked("polish", "t2")]
        starts = Starts()
        starts.rewind(results, 2)
        starts.rewind(results[:2], 1)
        assert starts.undone == Start("draft", 1, "t1")
        starts.rewind([result("plan"), result("x"), worked("polish", "t3")], 2)
        assert starts.undone == Start("draft", 1, "t1")

    def test_on_another_machine_the_kept_work_is_missed(self, repo: Shell) -> None:
        log = self.log(repo)
        done = [
            replace(result(name), artifact=self.work(log, repo, place, name))
            for place, name in enumerate(["draft", "polish"])
        ]
        log.rewind(done, 1)
        assert log.is_left_behind(done[:1])
        (repo.folder / "draft").unlink()
        (repo.folder / "polish").unlink()
        assert not log.is_left_behind(done[:1])

    def log(self, repo: Shell) -> TreeLog:
        trees = trees_of(repo)
        header = Header("w", "", "", live=True, commit=trees.repo.commit, tree=trees.record().id)
        return TreeLog(trees, header.tree, Saved(header, ()))

    def work(self, log: TreeLog, repo: Shell, place: int, name: str) -> Artifact:
        start = Start(name, place, log.record().id)
        log.began(start)
        repo.write({name: "x\n"})
        return log.artifact(start, place, log.record().id)

    @fault("fail closed", "a key in the diff shown at a stop", "written by an agent")
    def test_the_shown_diff_holds_no_key(self, repo: Shell, tmp_path: Path) -> None:
        repo.write({".aethr.yaml": JUDGED})
        fake = FakeOpenCode(tmp_path / "fake")
        key = "sk-ant-0123456789abcdef"
        env = {"AETHR_LIVE": "1", **fake.env(["edit", "one.txt", f"{key}\n"], *GOOD)}
        person = Person(repo, *INTERACTIVE, **env, ANTHROPIC_API_KEY=key)
        assert person.leaves("d", "q") == 4
        assert "+[masked ANTHROPIC_API_KEY]" in person.seen
        assert key not in person.seen


class TestUntil:
    """A part of a run that ends at a stop."""

    def test_the_command_behind_a_gate_ends_where_until_says(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": GATES})
        stopped = repo.aethr("run", "go", "--until", "one", *KEEP)
        assert stopped.code == 4
        done = repo.sh(stopped.command)
        assert (done.code, done.out) == (0, ""), done.err
        assert repo.sh(stopped.command).code == 2
        assert repo.sh(done.command).code == 0
        assert [row["step_id"] for row in lines(repo, "result")] == ["one", "two"]

    def test_going_back_asks_nothing_of_steps_that_are_not_to_come(self, repo: Shell) -> None:
        steps = '[{id: one, run: "true"}, {id: two, role: r}]'
        repo.write({".aethr.yaml": f"workflow: w\nroles: {{r: R.}}\nsteps: {steps}\n"})
        person = Person(repo, *INTERACTIVE, "--until", "one", AETHR_LIVE="1")
        assert person.leaves("r", "") == 0
        assert len(lines(repo, "result")) == 2


@fault("fail closed", "a stranger's checkpoint", "a pause behind no result")
@pytest.mark.parametrize("name", ["one", "two"])
def test_a_pause_that_is_behind_no_result_is_no_checkpoint(repo: Shell, name: str) -> None:
    repo.write({".aethr.yaml": GATES})
    assert repo.aethr("run", "go", *KEEP).code == 4
    kept = (repo.folder / "c.jsonl").read_text().splitlines()
    rows = [kept[0], kept[-1]] if name == "one" else [*kept[:-1], kept[-1].replace("one", name)]
    with pytest.raises(UsageError, match="not a checkpoint"):
        saved.parse("\n".join(rows).encode() + b"\n", "c.jsonl")
