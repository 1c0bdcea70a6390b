"""A person between the steps: every choice at a real terminal, and the gate where none is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import aethr
from aethr.errors import Paused
from aethr.saved import Header, Saved
from aethr.starts import Start
from aethr.treelog import TreeLog
from tests.support.agent import GOOD, FakeOpenCode, error
from tests.support.live import OPENAI_KEY, live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.support.person import CTRL_C, CTRL_D, KILL, Person
from tests.support.processes import until
from tests.support.workflows import result
from tests.test_invoke import TASKS
from tests.test_run import LOOP, REVISE
from tests.test_trees import trees_of

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.results import Artifact
    from tests.support.cli import Shell

INTERACTIVE = ("aethr", "run", "go", "--interactive", "--checkpoint", "c.jsonl")
MENU = "[enter] go on  a all  r again  e edit  p prompt  d diff  b back  q stop  ? help"
GATED = LOOP.replace("{id: plan, role: planner}", "{id: plan, role: planner, pause: true}")
AGENTS = """\
workflow: agents
roles: {worker: Work.}
steps:
  - {id: plan, role: worker, backend: opencode}
  - {id: work, role: worker, backend: opencode}
"""
REVIEWED = """\
workflow: reviewed
roles: {worker: Work.}
steps:
  - {id: draft, role: worker, backend: opencode}
  - {id: check, role: worker, backend: opencode, context: [latest_diff], expect_changes: false}
"""
LAST = "workflow: w\nsteps: [{id: one, run: 'true', pause: true}]\n"

KEEP = ("--checkpoint", "c.jsonl")

fault = pytest.mark.fault


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": LOOP})
    return repo


@pytest.fixture
def gated(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": GATED})
    return repo


def lines(repo: Shell, *kinds: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (repo.folder / "c.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] in kinds]


def fenced(text: str) -> str:
    return f"\n```\n{text}\n```\n"


class TestMenu:
    """What is typed at a stop, and what it does."""

    def test_every_choice_in_mock(self, project: Shell) -> None:
        person = Person(project, *INTERACTIVE, AETHR_EDITOR="sed -i s/Nothing/Naught/")
        assert f"\n\nplan is done · next: implement · mock\n{MENU}\n> " in person.types("")
        assert "\nreview is done" not in person.types("?")  # of the second step
        assert "  r      run this step again" in person.types("d")
        assert "\nmock: nothing was changed\n" in person.types("e")
        assert "\nimplement edited\n" in person.types("p")
        assert "\n## review\nYou are the reviewer" in person.types("b")
        assert "Naught was called" in person.seen
        assert "\nback to  1 plan  2 implement  (enter: nowhere)\n> " in person.types("1")
        assert "\na note for plan (enter: none)\n> " in person.types("")
        assert "\nback to plan\n\nnothing is done · next: plan · mock\n" in person.types("r")
        assert "\nnothing is done yet\n" in person.types("a")
        assert person.leaves() == 0
        assert "passed · 3 results" in person.seen
        assert [row["step_id"] for row in lines(project, "result")] == [
            "plan",
            "implement",
            "plan",
            "implement",
            "review",
        ]

    @pytest.mark.parametrize("word", ["x", "A L L", "aa", "go", "-", "\x1b[A", "\\", "1"])
    def test_another_word_acts_in_no_way(self, project: Shell, word: str) -> None:
        person = Person(project, *INTERACTIVE)
        assert person.leaves(word, "q") == 4
        assert "  enter  go on with the next step" in person.seen
        assert len(lines(project, "start", "edit", "rewind", "note")) == 1

    @pytest.mark.parametrize(("key", "code"), [("q", 4), ("STOP", 4), (CTRL_D, 4), (CTRL_C, 130)])
    def test_whoever_stops_goes_on_with_the_command(
        self, project: Shell, key: str, code: int
    ) -> None:
        person = Person(project, "aethr", "run", "go", "--interactive")
        assert person.leaves("", key) == code
        assert "2 of 3 steps are done and kept. To go on:\n" in person.seen
        assert "aethr run --interactive \\\n" in person.command
        again = Person(project, "sh", "-c", person.command)
        assert again.leaves("") == 0
        assert "implement is done" not in again.seen
        assert "\nreview is done · next: the end · mock\n" in again.seen

    def test_at_invokes_door_and_on_a_dumb_terminal(self, project: Shell) -> None:
        project.write({"tasks.py": TASKS})
        argv = ("invoke", "aethr.run", "go", "--interactive")
        person = Person(project, *argv, TERM="dumb")
        assert person.leaves("q") == 4
        assert "\x1b" not in person.seen
        assert person.command.startswith("inv aethr.run --interactive")

    @fault("explicit", "an answer given before the question", "Enter typed while a step works")
    def test_what_was_typed_before_the_question_is_no_answer(self, repo: Shell) -> None:
        up = repo.folder / "up"
        slow = "touch up; while [ -e up ]; do sleep 0.01; done"
        steps = f'[{{id: one, run: "{slow}"}}, {{id: two, run: "true"}}]'
        repo.write({".aethr.yaml": f"workflow: w\nsteps: {steps}\n"})
        person = Person(repo, *INTERACTIVE, AETHR_LIVE="1")
        until(up.exists)
        person.hurries("\n\na\n")
        up.unlink()
        assert person.leaves("q") == 4
        assert len(lines(repo, "result")) == 1

    @fault("fail closed", "text that acts on the terminal", "in the prompt shown at a stop")
    def test_what_is_shown_does_not_act_on_the_terminal(self, project: Shell) -> None:
        person = Person(project, "aethr", "run", "go\x1b]0;x\x07\u202e", "--interactive")
        assert person.leaves("p", "b", "no\x1bne", "", "q") == 4
        assert "\ngo\\x1b]0;x\\x07\\u202e\n" in person.seen
        assert "step `no\\x1bne` is not done" in person.seen
        assert not {"\x1b]", "\x07", "\u202e"} & set(re.findall(r"\x1b.|\x07|\u202e", person.seen))

    def test_a_line_that_the_terminal_cuts_is_not_taken(self, project: Shell) -> None:
        person = Person(project, *INTERACTIVE)
        assert person.leaves("r", "x" * 5000, "q") == 4
        assert "that line is too long for a terminal" in person.seen
        assert not lines(project, "note", "rewind")

    @pytest.mark.parametrize(
        ("editor", "says"),
        [
            ("true", "nothing was changed"),
            ("false", "aborted: the editor `false` failed with exit code 1"),
            ("no-such-editor", "failed with exit code 127"),
            ("truncate -s 0", "aborted: the text is empty"),
            ("printf '\\377' >", "not UTF-8"),
            ("printf '\\355\\240\\200' >", "not UTF-8"),  # half a character
        ],
    )
    def test_an_edit_that_comes_to_nothing_changes_nothing(
        self, project: Shell, editor: str, says: str
    ) -> None:
        person = Person(project, *INTERACTIVE, AETHR_EDITOR=editor)
        assert person.leaves("e", "q") == 4
        assert says in person.seen
        assert not lines(project, "edit")


class TestPrompts:
    """What is sent after what a person did."""

    @fault("explicit", "a preview that is not what is sent", "the next prompt shown at a stop")
    def test_the_shown_prompt_is_sent_and_notes_and_edits_are_in_it(self, project: Shell) -> None:
        script = [said("a plan"), said("work"), said("more work"), said(REVISE)]
        argv = (*INTERACTIVE, "--report", "r.json")
        with LLMServer(*script) as server:
            env = {**live(server), "AETHR_EDITOR": "sed -i 's/a plan/MY PLAN/; s/revise/pass/'"}
            person = Person(project, *argv, **env)
            person.types("e", "p")
            shown = person.types("").partition("\n## implement\n")[2]
            person.types("r", f"no `{OPENAI_KEY}`", "", "e")
            assert person.leaves("") == 0
            prompts = server.prompts
        assert shown.startswith(prompts[1])
        assert fenced("MY PLAN") in prompts[1]
        assert prompts[2] == (
            f"{prompts[1]}\n# Once more\n\nA person has read your answer to this prompt, and asks "
            f"for another one.\n\n## Your answer\n{fenced('work')}\n## What the person says\n"
            "\n````\nno `[masked OPENAI_API_KEY]`\n````\n".replace("````", "```")
        )
        assert fenced("more work") in prompts[3]
        assert fenced("work") not in prompts[3]
        assert "Once more" not in prompts[3]
        assert "\nreview is done · next: implement\n" in person.seen
        assert "\nreview edited: pass\n\nreview is done · next: the end\n" in person.seen
        assert lines(project, "result")[0]["content"] == "a plan"
        report = json.loads((project.folder / "r.json").read_text())
        assert report["calls"] == 4
        contents = [step["content"] for step in report["steps"]]
        assert contents == ["MY PLAN", "more work", REVISE.replace("revise", "pass")]

    def test_a_note_outlives_a_failure_and_a_kill(self, repo: Shell, tmp_path: Path) -> None:
        repo.write({".aethr.yaml": AGENTS})
        fake = FakeOpenCode(tmp_path / "fake")
        env = {"AETHR_LIVE": "1", **fake.env(*GOOD)}
        go_on = ("aethr", "run", "--interactive", "--checkpoint", "c.jsonl")

        first = Person(repo, *INTERACTIVE, **env)
        first.types("r")
        fake.env(error("overloaded"))
        assert first.leaves("in German") == 1
        fake.env(*GOOD)
        shown = repo.aethr("run", "--show-prompt", "--checkpoint", "c.jsonl", **env).out
        assert Person(repo, *go_on, **env).leaves(KILL) == -9
        assert repo.aethr("run", "--checkpoint", "c.jsonl", **env).code == 0
        sent = [call["stdin"] for call in fake.calls if call["argv"][1:] != ["--help"]]
        assert [fenced("in German") in prompt for prompt in sent] == [False, True, True, False]
        assert sent[1] == sent[2]
        assert shown.startswith(f"## plan\n{sent[2]}")
        assert [row["step_id"] for row in lines(repo, "result")] == ["plan", "plan", "work"]

    def test_a_command_is_run_again_without_a_note(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": "workflow: w\nsteps: [{id: one, run: echo x >> log}]\n"})
        person = Person(repo, *INTERACTIVE, AETHR_LIVE="1")
        assert person.leaves("r", "") == 0
        assert "a note" not in person.seen
        assert (repo.folder / "log").read_text() == "x\nx\n"


class TestGate:
    """`pause: true` stops a run that nobody watches."""

    def test_without_a_terminal_it_stops_and_goes_on_past_it(self, gated: Shell) -> None:
        stopped = gated.aethr("run", "go", "--exit-zero", "--report", "r.json", *KEEP)
        assert stopped.code == 4
        assert (
            "paused: waits for a person; the next step is `implement`\n1 of 3 steps is done"
            in stopped.err
        )
        assert stopped.out.startswith("## plan\n[mock]")
        assert "## implement" not in stopped.out
        report = json.loads((gated.folder / "r.json").read_text())
        assert (report["status"], report["exit_code"]) == ("paused", 4)
        done = gated.sh(stopped.command)
        assert done.code == 0, done.err
        assert done.out.startswith("## implement\n")
        again = gated.sh(stopped.command)
        assert again.code == 2
        assert "finished and passed" in again.err

    @fault("fail closed", "a gate that nobody saw", "a kill between a step and its pause")
    def test_a_gate_that_a_kill_came_before_still_stops(self, gated: Shell) -> None:
        assert gated.aethr("run", "go", *KEEP).code == 4
        file = gated.folder / "c.jsonl"
        whole = file.read_bytes()
        for cut in range(whole.index(b'{"kind":"pause"'), len(whole) - 1):
            if cut % 16 == 0:
                file.write_bytes(whole[:cut])
                assert gated.aethr("run", *KEEP).code == 4
                assert file.read_bytes() == whole
        assert gated.aethr("run", *KEEP).code == 0

    def test_a_gate_behind_the_last_step(self, repo: Shell) -> None:
        repo.write({".aethr.yaml": LAST})
        stopped = repo.aethr("run", "-q", "go", *KEEP)
        assert (stopped.code, stopped.out) == (4, "")
        assert "paused: waits for a person; every step is done\n" in stopped.err
        done = repo.aethr("run", "-q", *KEEP)
        assert done.code == 0
        assert done.out.startswith("[mock] step `one`")
        assert repo.aethr("run", *KEEP).code == 2

    def test_a_step_by_itself_is_a_stop_by_itself(self, gated: Shell) -> None:
        assert gated.aethr("step", "plan", "go", *KEEP).code == 0
        assert gated.aethr("run", *KEEP).code == 0

    def test_at_invokes_door(self, gated: Shell) -> None:
        gated.write({"tasks.py": TASKS})
        stopped = gated.inv("aethr.run", "go", "lint")
        assert (stopped.code, "linted" in stopped.out) == (4, False)
        assert stopped.command.startswith("inv aethr.run ")
        assert gated.sh(stopped.command).code == 0

    def test_on_a_terminal_it_asks_also_on_the_way_to_the_end(self, repo: Shell) -> None:
        steps = (
            "[{id: one, run: a, pause: true}, {id: two, run: b}, {id: three, run: c, pause: true}]"
        )
        repo.write({".aethr.yaml": f"workflow: w\nsteps: {steps}\n"})
        env = {"AETHR_EDITOR": "sed -i s/Nothing/Naught/"}
        person = Person(repo, "sh", "-c", "aethr run go --interactive > out.md", **env)
        assert person.leaves("a", "e", "b", "two", "", "") == 0
        assert "\nthree is done · next: the end" in person.seen
        assert "two is done" not in person.seen.partition("back to two")[0]
        written = (repo.folder / "out.md").read_text()
        assert re.findall("^## .*", written, re.MULTILINE) == [
            "## one",
            "## two",
            "## three",
            "## three (edited)",
            "## two",
            "## three",
        ]
        assert "Naught" in written.partition("(edited)")[2]

    @pytest.mark.parametrize("closed", ["< /dev/null", "2> err", "< /dev/null > out"])
    def test_interactive_needs_a_terminal(self, project: Shell, closed: str) -> None:
        person = Person(project, "sh", "-c", f"aethr run go --interactive {closed}")
        assert person.leaves() == 2
        err = project.folder / "err"
        said = err.read_text() if err.exists() else person.seen
        assert "error: --interactive needs a terminal, as stdin and as stderr" in said
        assert "hint: " in said

    @pytest.mark.parametrize("argv", [("run", "--show-prompt"), ("step", "plan")])
    def test_interactive_is_of_a_run(self, project: Shell, argv: tuple[str, ...]) -> None:
        assert project.aethr(*argv, "go", "--interactive").code == 2

    def test_from_python_it_is_an_error_of_its_own(
        self, gated: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(gated.folder)
        with pytest.raises(Paused, match="next step is `implement`") as raised:
            aethr.run_workflow(None, "go", checkpoint="c.jsonl", quiet=True)
        assert raised.value.exit_code == 4
        assert "aethr run " in raised.value.footer
        assert aethr.run_workflow(None, checkpoint="c.jsonl", quiet=True).passed


class TestTrees:
    """What was gone back over stands in the tree all the same, and a reviewer sees it."""

    @pytest.mark.parametrize("killed", [False, True])
    def test_work_that_was_gone_back_over_is_in_the_next_diff(
        self, repo: Shell, tmp_path: Path, killed: bool
    ) -> None:
        repo.write({".aethr.yaml": REVIEWED})
        fake = FakeOpenCode(tmp_path / "fake")
        env = {"AETHR_LIVE": "1", **fake.env(["edit", "one.txt", "1\n"], *GOOD)}
        person = Person(repo, *INTERACTIVE, **env)
        assert "+++ b/one.txt" not in person.types("d")
        assert "+++ b/one.txt" in person.types("b", "1", "", *([KILL] if killed else []))
        fake.env(["edit", "two.txt", "2\n"], *GOOD)
        if killed:
            person = Person(repo, "aethr", "run", "--interactive", *KEEP, **env)
        assert person.leaves(*([] if killed else [""]), "a") == 0
        assert "the working tree is not the one" not in person.seen
        again, checked = (row["artifact"] for row in lines(repo, "result")[-2:])
        assert [change["path"] for change in again["changes"]] == ["one.txt", "two.txt"]
        assert checked["changes"] == []
        sent = fake.calls[-1]["stdin"]
        assert "+++ b/one.txt" in sent
        assert "+++ b/two.txt" in sent

    def log(self, repo: Shell) -> TreeLog:
        trees = trees_of(repo)
        tree, commit = trees.record().id, trees.repo.commit
        header = Header("w", "", "", live=True, commit=commit, tree=tree)
        return TreeLog(trees, header.tree, Saved(header, ()))

    def work(self, log: TreeLog, repo: Shell, place: int, **files: str) -> Artifact:
        """Do a step of an agent, or begin it only."""
        start = Start("draft" if "draft" in files else "polish", place, log.record().id)
        log.began(start)
        repo.write(files)
        return log.artifact(start, place, log.record().id)

    def test_the_next_work_of_the_step_is_that_too(self, repo: Shell) -> None:
        log = self.log(repo)
        one = self.work(log, repo, 1, draft="1\n")
        two = self.work(log, repo, 2, polish="1\n")
        done = [
            result("plan"),
            replace(result("draft"), artifact=one),
            replace(result("polish"), artifact=two),
        ]
        log.rewind(done, 0)
        assert log.is_left_behind([])
        again = self.work(log, repo, 4, draft="2\n")
        assert [change.path for change in again.changes] == ["draft", "polish"]
        assert "+2" in (again.patch or "")
        after = self.work(log, repo, 5, polish="2\n")
        assert [change.path for change in after.changes] == ["polish"]
