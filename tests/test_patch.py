"""Diffs as git writes them, split into the parts of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import patch
from tests.support.repo import GitRepo

if TYPE_CHECKING:
    from pathlib import Path

ODD = ["sp ace", 'quo"te', "new\nline", "ünï", "-dash", "tab\t", "back\\slash", "a b/a b", "x b/x"]


def two(name: str) -> str:
    return (
        f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n"
        "-diff --git a/x b/x\n+* Unmerged path x\n"
    )


def test_names_that_git_quotes_are_read_back(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({name: f"{name}\n" for name in ODD})
    for name in ODD:
        (repo.path / name).write_text("changed\n")
    text = repo.git("-c", "core.quotePath=false", "diff")
    parts = list(patch.split([text], 10_000))
    assert "".join(part.piece.text for part in parts) == text
    assert sorted(part.names for part in parts) == sorted((name,) for name in ODD)


@pytest.mark.parametrize("old", ODD)
def test_a_renamed_file_has_both_names(tmp_path: Path, old: str) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({old: "same\n" * 9})
    repo.write({f"{old} 2": "same\n" * 9 + "more\n"})
    (repo.path / old).unlink()
    repo.git("add", "--all")
    (part,) = patch.split([repo.git("diff", "--cached")], 10_000)
    assert part.names == (f"{old} 2", old)


def test_a_conflict_is_one_part(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a file": "1\n"})
    repo.git("checkout", "-qb", "other")
    repo.commit({"a file": "2\n"})
    repo.git("checkout", "-q", "main")
    repo.commit({"a file": "3\n"})
    repo.git("merge", "other", "--no-commit", "-s", "ours", "-q")
    repo.git("update-index", "--index-info", stdin=_stages(repo))
    for arguments in ((), ("--cached",)):
        (part,) = patch.split([repo.git("diff", *arguments)], 10_000)
        assert part.names == ("a file",)


def _stages(repo: GitRepo) -> bytes:
    """Make the index entries of a conflict."""
    blobs = [
        repo.git("rev-parse", f"{commit}:a file").strip() for commit in ("main~1", "main", "other")
    ]
    lines = [f"100644 {blob} {stage}\ta file\n" for stage, blob in enumerate(blobs, 1)]
    return f"0 {'0' * 40}\ta file\n{''.join(lines)}".encode()


@given(st.lists(st.integers(1, 400)), st.integers(0, 300))
def test_chunks_do_not_matter(sizes: list[int], hold: int) -> None:
    text = two("one") + two("two") + two("three")
    chunks, at = [], 0
    for size in sizes:
        chunks.append(text[at : at + size])
        at += size
    chunks.append(text[at:])
    assert list(patch.split(chunks, hold)) == list(patch.split([text], hold))


def test_content_that_looks_like_a_header_begins_no_part() -> None:
    parts = list(patch.split([two("one") + two("two")], 1000))
    assert [(part.names, part.piece.text) for part in parts] == [
        (("one",), two("one")),
        (("two",), two("two")),
    ]


def test_of_a_long_part_the_beginning_is_held_and_all_is_counted() -> None:
    text = two("big") + "+x\n" * 100_000
    (part,) = patch.split([text], 50)
    assert (part.piece.text, part.piece.size) == (text[:50], len(text))
    assert not part.piece.is_whole


def test_text_that_is_no_diff_is_a_part_without_a_name() -> None:
    (part,) = patch.split(["just text\n"], 100)
    assert part.names == ("",)
    assert not list(patch.split([""], 100))
