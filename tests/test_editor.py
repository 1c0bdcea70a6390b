"""The task from the user's editor, as git asks for a commit message; real editors on a pty."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from aethr import editor
from aethr.errors import UsageError
from aethr.settings import Settings
from tests.support.live import OPENAI_KEY
from tests.support.person import Person
from tests.test_run import REVIEW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

SCISSORS = "# ------------------------ >8 ------------------------"

fault = pytest.mark.fault


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": REVIEW})
    return repo


def program(repo: Shell, name: str, script: str) -> str:
    """Install an editor, whose file is `$1` unless it is called with arguments."""
    repo.write({name: f"#!/bin/sh\n{script}\n"})
    (repo.folder / name).chmod(0o755)
    return str(repo.folder / name)


def prompted(repo: Shell, **env: str) -> tuple[int, str]:
    """Preview without a task; give the exit code and the screen."""
    person = Person(repo, "aethr", "run", "--show-prompt", **env)
    return person.leaves(), person.seen


def task_of(screen: str) -> str:
    found = re.search(r"# Task\n\n(`{3,})\n(.*?)\n\1\n", screen, re.DOTALL)
    assert found, screen
    return found[2]


class TestTemplate:
    """What the editor is given, and what counts of it."""

    @pytest.mark.parametrize(
        ("live", "says"), [("0", "mock: nothing is called"), ("1", "live: this spends money")]
    )
    def test_it_explains_itself(self, project: Shell, live: str, says: str) -> None:
        ed = program(project, "ed.sh", 'cp "$1" given.md; stat -c %a "$1" >> given.md; false')
        env = {"AETHR_EDITOR": ed, "AETHR_LIVE": live, "OPENAI_API_KEY": OPENAI_KEY}
        assert prompted(project, **env)[0] == 2
        given = (project.folder / "given.md").read_text()
        assert given == (
            f"\n{SCISSORS}\n# Write the task above this line. Everything from the line on is "
            "ignored;\n# above it a line may start with #. An empty task calls nothing.\n"
            f"# Workflow review, {says}.\n600\n"
        )

    @pytest.mark.parametrize(
        ("script", "task"),
        [
            ('sed -i "1i # a heading\\nand text" "$1"', "# a heading\nand text"),
            ('printf "no scissors left" > "$1"', "no scissors left"),
            (
                f'sed -i "1i mend this:\\n{SCISSORS}\\nof git" "$1"',
                f"mend this:\n{SCISSORS}\nof git",
            ),
            (f'printf "dos\\r\\n{SCISSORS}\\r\\nhelp\\r\\n" > "$1"', "dos"),
            (f'sed -i "1i see \\`{SCISSORS}\\` there" "$1"', f"see `{SCISSORS}` there"),
            ('printf "\\n\\n  indented\\n\\n" > "$1"', "  indented"),
            ('printf "renamed" > "$1.new"; mv "$1.new" "$1"', "renamed"),
        ],
    )
    def test_what_stands_above_the_line_is_the_task(
        self, project: Shell, script: str, task: str
    ) -> None:
        code, screen = prompted(project, AETHR_EDITOR=program(project, "ed.sh", script))
        assert code == 0, screen
        assert task_of(screen) == task


class TestCommand:
    """Which program is the editor, and how it is called."""

    @pytest.mark.parametrize(
        ("env", "chosen"),
        [
            ({"AETHR_EDITOR": "a", "VISUAL": "b", "EDITOR": "c"}, "a"),
            ({"AETHR_EDITOR": " ", "VISUAL": "b", "EDITOR": "c"}, "b"),
            ({"VISUAL": "b", "EDITOR": "c", "TERM": "dumb"}, "c"),
            ({"EDITOR": "c"}, "c"),
            ({}, "editor"),
        ],
    )
    def test_the_most_special_name_counts(
        self, project: Shell, env: dict[str, str], chosen: str
    ) -> None:
        for name in ("a", "b", "c", "editor"):
            program(project, f"bin/{name}", f'echo "by {name}" > "$1"')
        code, screen = prompted(
            project, **{"PATH": f"{project.folder}/bin:{project.env['PATH']}", **env}
        )
        assert (code, task_of(screen)) == (0, f"by {chosen}")

    @pytest.mark.parametrize(
        "command",
        ["'{0}/my ed.sh' --wait", "{0}/my\\ ed.sh --wait", '"$HOME/../project/my ed.sh" --wait'],
    )
    def test_it_may_have_arguments_and_spaces_as_gits_may(
        self, project: Shell, command: str
    ) -> None:
        program(project, "my ed.sh", 'echo "$# $1 ${2##*/}" > "$2"')
        code, screen = prompted(project, AETHR_EDITOR=command.format(project.folder))
        assert (code, task_of(screen)) == (0, "2 --wait TASK.md")

    def test_it_has_the_terminal_though_stdout_is_a_file(self, project: Shell) -> None:
        ed = program(project, "ed.sh", '[ -t 0 ] && [ -t 1 ] && echo "I see" > "$1"; echo drawn')
        person = Person(project, "sh", "-c", "aethr run > out.md", AETHR_EDITOR=ed)
        assert person.leaves() == 0
        assert "drawn" in person.seen
        assert (project.folder / "out.md").read_text().startswith("[mock] step `review`")

    def test_no_key_of_the_env_file_names_a_program(self, project: Shell) -> None:
        project.write({".env": "AETHR_EDITOR=touch owned\nEDITOR=touch owned\n"})
        prompted(project, EDITOR="true")
        assert not (project.folder / "owned").exists()


class TestAborted:
    """Nothing is called, and nothing is left behind."""

    @fault("fail closed", "an editor that fails", "missing, killed, broken, or left unchanged")
    @pytest.mark.parametrize(
        ("command", "says"),
        [
            ("true", "aborted: the task is empty"),
            ("truncate -s 0", "aborted: the task is empty"),
            ("printf ' \\n\\t' >", "aborted: the task is empty"),
            ("false", "aborted: the editor `false` failed with exit code 1"),
            ("no-such-program", "aborted: the editor `no-such-program` failed with exit code 127"),
            ("sh -c 'kill -9 $$'", "failed with exit code 137"),
            ("vi '", "failed with exit code 2"),
            ("vi\x1b[2J", "the editor `vi\\x1b[2J` holds a control character"),
            ("/tmp", "failed with exit code 126"),
            ("rm", "aborted: the editor's file can't be used"),
            ("printf '\\377' >", "aborted: what the editor wrote is not UTF-8"),
        ],
    )
    def test_it_is_one_line_and_exit_code_2(self, project: Shell, command: str, says: str) -> None:
        person = Person(project, "aethr", "run", AETHR_EDITOR=command)
        assert person.leaves() == 2
        assert "error: aborted" in person.seen
        assert says in person.seen
        assert "hint: give the task on the command line" in person.seen
        assert "Traceback" not in person.seen
        assert "review: " not in person.seen
        assert not project.checkpoints
        assert not list((project.folder.parent / "home/tmp").glob("aethr-*/*.md"))

    @pytest.mark.parametrize("environ", [{"TERM": "dumb", "VISUAL": "vi"}, {"PATH": "/nothing"}])
    def test_without_an_editor_there_is_a_hint(
        self, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(editor, "is_someone_there", lambda: True)
        settings = Settings(tmp_path, {"PATH": "/bin", "TERM": "xterm", **environ})
        with pytest.raises(UsageError, match="no editor: EDITOR is not set") as raised:
            editor.ask(settings, "", "aethr run …")
        assert "aethr run" in raised.value.hint

    @pytest.mark.parametrize("closed", ["< /dev/null", "2> err"])
    def test_without_a_terminal_none_is_opened(self, project: Shell, closed: str) -> None:
        ed = program(project, "ed.sh", "touch opened")
        person = Person(project, "sh", "-c", f"aethr run {closed}", AETHR_EDITOR=ed)
        assert person.leaves() == 2
        assert not (project.folder / "opened").exists()


class TestNothingLost:
    """What was written is kept when the run fails behind it."""

    def test_a_failed_run_keeps_the_task_in_its_checkpoint(self, project: Shell) -> None:
        ed = program(project, "ed.sh", 'echo "my long task" > "$1"')
        project.write({".aethr.yaml": "workflow: w\nsteps: [{id: one, run: 'false'}]\n"})
        person = Person(project, "aethr", "run", AETHR_EDITOR=ed, AETHR_LIVE="1")
        assert person.leaves() == 1
        assert '"task":"my long task"' in project.checkpoints[0].read_text()
        assert person.command.startswith("AETHR_LIVE=1 aethr run ")

    @fault("nothing lost", "a task that can't be kept", "the checkpoint's folder is gone by then")
    def test_where_there_is_no_checkpoint_the_task_is_shown(self, project: Shell) -> None:
        ed = program(project, "ed.sh", 'echo "my long\ntask" > "$1"; rmdir kept')
        (project.folder / "kept").mkdir()
        person = Person(project, "aethr", "run", "--checkpoint", "kept/c", AETHR_EDITOR=ed)
        assert person.leaves() == 2
        assert "warning: the task is not kept; it was:" in person.seen
        assert "\n  my long\n  task\n" in person.seen
