"""Every fenced command and YAML of the README is run or validated as it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from aethr import config
from tests.support.cli import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

README = (PROJECT / "README.md").read_text("utf-8")
FENCED = re.MULTILINE | re.DOTALL
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, FENCED)


PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("*/*/README.md")])


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def yaml_of_docs() -> list[str]:
    pages = [page.read_text("utf-8") for page in PROJECT.glob("docs/*.md")]
    return [text for page in pages for text in re.findall(r"^```yaml\n(.*?)^```$", page, FENCED)]


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


@pytest.mark.parametrize("text", [*blocks("yaml"), *yaml_of_docs()])
def test_the_yaml_is_valid(text: str) -> None:
    loaded = config.parse(text, ".aethr.yaml")
    assert not loaded.warnings


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_each_page_of_the_docs_can_be_found() -> None:
    assert not [
        page.name for page in PROJECT.glob("docs/*.md") if f"docs/{page.name}" not in README
    ]


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
