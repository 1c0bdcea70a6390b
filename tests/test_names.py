"""What the names of files say."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import names


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (".env", True),
        ("deep/er/.env", True),
        (".env.local", True),
        ("a/.env.production", True),
        (".ENV", True),
        (".env.example", False),
        (".env.local.sample", False),
        ("a/.env.template", False),
        (".environment", False),
        ("env", False),
        (".env/readme.md", False),
    ],
)
def test_secret_files(name: str, secret: bool) -> None:
    assert names.is_secret(name) is secret


@pytest.mark.parametrize(
    ("name", "generated"),
    [
        ("package-lock.json", True),
        ("web/pnpm-lock.yaml", True),
        ("Cargo.lock", True),
        ("go.sum", True),
        ("a/app.min.js", True),
        ("package.json", False),
        ("lock.py", False),
        ("block", False),
    ],
)
def test_generated_files(name: str, generated: bool) -> None:
    assert names.is_generated(name) is generated


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("*.md", "a.md .h.md"),
        ("**/*.md", "a.md .h.md docs/b.md docs/deep/c.md docs/.x/d.md"),
        ("docs/*.md", "docs/b.md"),
        ("docs/**", "docs/b.md docs/deep/c.md docs/.x/d.md docs/e.txt"),
        ("docs/**/**/c.md", "docs/deep/c.md"),
        ("./docs//b.md", "docs/b.md"),
        ("**", "a.md .h.md docs/b.md docs/deep/c.md docs/.x/d.md docs/e.txt"),
        ("docs/?.txt", "docs/e.txt"),
        ("docs/[a-c].md", "docs/b.md"),
        ("[!a]*.md", ".h.md"),
        ("docs[/]b.md", ""),
        ("docs?b.md", ""),
        ("docs/", ""),
        ("DOCS/*", ""),
    ],
)
def test_patterns(pattern: str, matched: str) -> None:
    files = ["a.md", ".h.md", "docs/b.md", "docs/deep/c.md", "docs/.x/d.md", "docs/e.txt"]
    assert names.matching(pattern, files) == sorted(matched.split())


@given(st.text("ab*?[]!-.", max_size=8), st.text("ab-.!]", min_size=1, max_size=8))
def test_within_a_folder_a_pattern_means_what_it_means_to_a_shell(pattern: str, name: str) -> None:
    expected = re.compile(fnmatch.translate(pattern)).match(name) is not None
    assert bool(names.matcher(pattern)(name)) is expected


PARTS = st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=5)


@given(PARTS, st.lists(st.sampled_from("ab"), min_size=1, max_size=5))
def test_two_stars_stand_for_any_number_of_folders(pattern: list[str], path: list[str]) -> None:
    def matches(pattern: list[str], path: list[str]) -> bool:
        if not pattern or not path:
            return not pattern and not path
        if pattern[0] == "**":
            return matches(pattern[1:] or ["*"], path) or matches(pattern, path[1:])
        return pattern[0] in ("*", path[0]) and matches(pattern[1:], path[1:])

    assert bool(names.matcher("/".join(pattern))("/".join(path))) is matches(pattern, path)


def test_a_pattern_with_many_stars_does_not_take_for_ever() -> None:
    assert not names.matcher("**/" + "*a" * 30 + "b")("a" * 200)


@pytest.mark.parametrize(
    ("pattern", "leaves"),
    [("/etc/*", True), ("../*", True), ("a/../../b", True), ("a..b/*", False)],
)
def test_patterns_that_leave_the_folder(pattern: str, leaves: bool) -> None:
    assert names.leaves(pattern) is leaves


def test_odd_names_are_shown_as_one_line() -> None:
    assert names.shown("a\nb\tc\x1b[2J\udce9 ü") == "a\\nb\\tc\\x1b[2J\\udce9 ü"
