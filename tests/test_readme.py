"""Every fenced command and YAML of the README is run or validated as it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from aethr import config
from tests.support.cli import PROJECT

if TYPE_CHECKING:
    from tests.support.cli import Shell

README = (PROJECT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def steps(block: str) -> list[tuple[str, str]]:
    """Split a transcript into commands and what each printed."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def as_pattern(expected: str) -> str:
    """Let `…` stand for anything, over lines too."""
    return ".*?".join(map(re.escape, expected.split("…")))


def test_the_transcripts_are_true(repo: Shell) -> None:
    (tasks,) = blocks("python")
    repo.write({"tasks.py": tasks, "src/app.py": "print('changed')\n"})
    for command, expected in (step for block in blocks("console") for step in steps(block)):
        said = repo.sh(command)
        assert re.fullmatch(as_pattern(expected), said.err + said.out, re.DOTALL), (
            f"$ {command}\n{said.err}{said.out}"
        )


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_yaml_is_valid(text: str) -> None:
    loaded = config.parse(text, ".aethr.yaml")
    assert not loaded.warnings


def test_the_make_rule_works(repo: Shell) -> None:
    (rule,) = blocks("make")
    repo.aethr("init", "review-existing-diff")
    repo.write({"Makefile": f"export PATH := {repo.env['PATH']}\n{rule}"})
    said = repo.run("make", "review")
    assert said.code == 0, said.err
    assert (repo.folder / "review.md").read_text().endswith("Review status: pass\n")


def test_the_two_commands_are_those_that_ci_runs() -> None:
    one, two = blocks("sh")
    ci = (PROJECT / ".ci/run").read_text("utf-8")
    assert two.strip() in ci
    assert one.strip() in ci


def test_nothing_fenced_is_left_untested() -> None:
    assert {name for name, _ in BLOCKS} == {"console", "yaml", "python", "make", "sh", "text"}
