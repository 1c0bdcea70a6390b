"""The help: it fits, begins as a person types, and its examples are true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from aethr import namespace, presets
from aethr.usage import USAGES

if TYPE_CHECKING:
    from tests.support.cli import Said, Shell

COMMANDS = [name.replace(".", " ") for name in USAGES]
CHANGE = 'workflow: c\nsteps: [{id: change, run: "echo more > new.txt"}]\n'


@pytest.fixture
def project(repo: Shell) -> Shell:
    """Give a repository with all that the examples name."""
    repo.write(
        {
            ".aethr.yaml": presets.path("plan-implement-review").read_bytes(),
            "ci/review.yaml": presets.path("review-existing-diff").read_bytes(),
            "key.txt": "sk-made-up-0123456789\n",
            "tasks.py": "import aethr\nfrom invoke import Collection\n"
            "ns = Collection(aethr.collection())\n",
        }
    )
    return repo


def examples(said: Said) -> list[str]:
    """Give the commands at the end of a help."""
    found = re.search(r"^ *[Ee]xamples:\n((?: +\S.*\n)+)", said.out, re.MULTILINE)
    assert found, said.out
    return [line.strip() for line in found[1].splitlines()]


def kept_run(project: Shell) -> None:
    """Leave the checkpoint of a run that changed a file, and take the change back."""
    project.write({"c.yaml": CHANGE})
    argv = ("run", "go", "-f", "c.yaml", "--checkpoint", "run.jsonl")
    assert project.aethr(*argv, AETHR_LIVE="1").code == 0
    (project.folder / "new.txt").unlink()


def test_every_command_is_in_the_help() -> None:
    assert set(namespace.console().task_names) == set(USAGES)


@pytest.mark.parametrize("name", ["", *COMMANDS], ids=lambda name: name or "aethr")
def test_help_fits_begins_with_the_usage_and_its_examples_run(project: Shell, name: str) -> None:
    said = project.aethr(*name.split(), "--help")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    usage = USAGES[name.replace(" ", ".")].words if name else "COMMAND [options]"
    assert lines[0] == f"usage: aethr {name} {usage}".replace("  ", " ").rstrip()
    assert lines[-3] == "examples:"
    if name == "apply":
        kept_run(project)
    if not name:
        (project.folder / ".aethr.yaml").unlink()
    for example in examples(said):
        ran = project.sh(example, stdin="sk-made-up-0123456789\n")
        assert ran.code == 0, f"{example}\n{ran.err}"


@pytest.mark.parametrize("name", ["run", "step", "auth.login"])
def test_the_other_door_shows_examples_of_its_own(project: Shell, name: str) -> None:
    said = project.inv("--help", f"aethr.{name}")
    assert len(examples(said)) == 2
    for example in examples(said):
        assert example.startswith(f"inv aethr.{name}")
        ran = project.sh(example, stdin="sk-made-up-0123456789\n")
        assert ran.code == 0, f"{example}\n{ran.err}"


def test_a_list_of_tasks_is_not_made_longer_by_examples(project: Shell) -> None:
    assert "xample" not in project.inv("--list").out


@pytest.mark.parametrize("text", ["workflow: [", ""])
def test_help_does_not_read_the_workflow(project: Shell, text: str) -> None:
    project.write({".aethr.yaml": text})
    for argv in (("--help",), ("run", "--help"), ("step", "-h")):
        assert project.aethr(*argv).code == 0
