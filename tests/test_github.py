"""GitHub Actions: annotations, the job's summary, and foreign text that is no workflow command."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aethr.findings import Finding, Severity
from aethr.reports import github
from aethr.secrets import Mask
from tests.support.reported import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

HIGH = Finding(Severity.HIGH, "src/a,b:c.py", 3, "x")
ACTIONS = {"GITHUB_ACTIONS": "true"}
# As the runner reads a line (actions/runner, ActionCommand.cs: TryParseV2, TryParse).
COMMAND = re.compile(
    r"\s*::(?P<name>[^ :]+)(?: [^\n]*?)?::|.*##\[(?P<old>[^ \]]+)[^\]]*\]", re.DOTALL
)


def commands(log: str) -> list[str]:
    """Give the commands that a runner finds in a log."""
    found = (COMMAND.match(line) for line in re.split(r"\r\n|\r|\n", log))
    return [one["name"] or one["old"] for one in found if one]


HOSTILE = [
    "::add-mask::a",
    "  \u2003::set-env name=A::b",
    "text\r::stop-commands::t",
    "so ##[add-path]/tmp it is",
    "::error file=a::x::y",
]


@pytest.mark.fault(
    "explicit", "an answer that holds workflow commands", "stdout and stderr in GitHub Actions"
)
def test_no_answer_is_a_command_to_the_runner(shell: Shell) -> None:
    text = "\n".join([*HOSTILE, "std::vector and a::b", ""])
    shell.write({"said": text, ".aethr.yaml": "workflow: w\nsteps: [{id: a, run: cat said}]"})
    assert len(commands(text)) == len(HOSTILE)
    run = shell.aethr("run", "go", AETHR_LIVE="1", **ACTIONS)
    assert run.code == 0, run.err
    assert commands(run.out + run.err) == []
    assert run.out.replace("\\::", "::").replace("## [", "##[") == text
    assert "std::vector and a::b\n" in run.out
    assert "warning: stdout would hold 5 commands of GitHub Actions: each is broken" in run.err
    shell.sh("aethr run -q go > out", AETHR_LIVE="1", **ACTIONS)
    assert (shell.folder / "out").read_bytes() == text.encode()  # a file is no log
    assert shell.aethr("run", "go", AETHR_LIVE="1").out == text


@pytest.mark.parametrize(
    "flow",
    [
        "workflow: w\nsteps: [{id: a, run: cat said; false}]",
        "workflow: w\n##[add-mask]x\n  ::add-mask::x: 1\n",
    ],
    ids=["the last lines of a failed command", "a line of the workflow file"],
)
def test_no_error_is_a_command_to_the_runner(shell: Shell, flow: str) -> None:
    shell.write({"said": "\n".join(HOSTILE), ".aethr.yaml": flow})
    run = shell.aethr("run", "go", "--verbose", AETHR_LIVE="1", **ACTIONS)
    assert run.code in (1, 2)
    assert "add-mask" in run.err
    assert commands(run.out + run.err) == []


def test_annotations_can_be_had_elsewhere_and_turned_off(shell: Shell) -> None:
    shell.write({".aethr.yaml": "workflow: w\nroles: {a: A.}\nsteps: [{id: a, role: a}]"})
    summary = shell.folder / "summary"
    there = {"GITHUB_STEP_SUMMARY": str(summary)}
    assert shell.aethr("run", "go", "--no-annotate", **ACTIONS, **there).code == 0
    assert not summary.exists()
    assert shell.aethr("run", "go", **there).code == 0
    assert not summary.exists()
    assert shell.aethr("run", "go", "--annotate", **there).code == 0
    assert "mock: nothing was called" in summary.read_text()
    both = shell.aethr("run", "go", "--annotate", "--no-annotate")
    assert (both.code, "exclude each other" in both.err) == (2, True)


@pytest.mark.fault(
    "explicit", "an answer that holds workflow commands", "annotations of hostile findings"
)
@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (replace(HIGH, text="a\n::set-env::b"), "::error file=src/a%2Cb%3Ac.py,line=3::a"),
        (
            Finding(Severity.MEDIUM, "a%.py\r\n::x::", None, "50%\r::stop::"),
            "::warning file=a%25.py\\n%3A%3Ax%3A%3A::50%25",
        ),
        (Finding(Severity.LOW, "", None, ""), "::notice::low finding"),
    ],
)
def test_no_foreign_text_is_a_workflow_command(finding: Finding, line: str) -> None:
    said = github.annotation(finding)
    assert said == line
    assert len(said.splitlines()) == 1


def test_a_summary_keeps_to_the_limit_and_says_what_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_bytes(b"x" * (github.MOST - 3000) + b"\n")
    github.summarise(file, outcome("y" * 100_000), Mask({}))
    text = file.read_text()
    assert len(text.encode()) <= github.MOST
    assert text.endswith("left out: GitHub takes 1 MiB a summary.\n")


def test_a_full_summary_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "summary.md").write_bytes(b"x" * github.MOST)
    github.summarise(tmp_path / "summary.md", outcome("y"), Mask({}))
    assert (tmp_path / "summary.md").stat().st_size == github.MOST
    assert "warning: the job's summary is full" in capsys.readouterr().err
