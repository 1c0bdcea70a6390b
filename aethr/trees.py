"""The working tree recorded as git trees, so that a step's changes are exact.

A tree holds what is tracked, staged and untracked; not what is ignored, secret,
or an untracked file over 5 MB. It is made through a copy of the index: the
user's own index, stash, HEAD and refs stay as they are, byte for byte. Only
loose objects are added, which git's own garbage collection takes away again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import git
from aethr.comparison import Comparison
from aethr.errors import UsageError
from aethr.names import is_secret
from aethr.results import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aethr.git import Repo

LARGE = 5_000_000  # bytes of an untracked file that is named and not read
KEPT = 10_000_000  # bytes of a patch that a checkpoint keeps


@dataclass(frozen=True, slots=True)
class Tree:
    """A recorded tree; ``unread`` names the untracked files that are too large to be in it."""

    id: str
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trees:
    """Records and compares trees of a repository.

    ``scratch`` is a folder for the index's copy. ``own`` is a checkpoint in the
    working tree: it grows while an agent works, and is none of the agent's work.
    """

    repo: Repo
    scratch: Path | None = None
    own: Path | None = None

    def record(self) -> Tree:
        """Record what stands in the working tree now. Raises UsageError where git can't."""
        with self._own_index() as repo:
            listing = _Listing.of(repo, self._own_name())
            if listing.secret:
                _update(repo, listing.secret, "--force-remove")
            if listing.changed:
                _update(repo, listing.changed, "--add", "--remove", "--replace")
            made = git.output(repo.command("write-tree"), "git write-tree")
        return Tree(made.decode().strip(), listing.large)

    def has(self, tree: str) -> bool:
        """Whether a tree is in this repository: it is not on another machine."""
        try:
            return bool(git.output(self.repo.command("cat-file", "-t", tree)))
        except UsageError:
            return False

    def patch(self, before: str, after: str) -> str | None:
        """Give the difference as a patch that ``git apply`` takes; None where it is too large."""
        if before == after:
            return ""
        kept, size = [], 0
        with Comparison("diff of trees", self.repo, (before, after), exact=True).patch() as chunks:
            for chunk in chunks:
                kept.append(chunk)
                size += len(chunk)
                if size > KEPT:
                    return None
        return b"".join(kept).decode("utf-8", "surrogateescape")

    def changes(self, before: str, after: str) -> tuple[Change, ...]:
        """Give the changed files with their lines added and removed."""
        if before == after:
            return ()
        asked = self.repo.command("diff", "--numstat", "-z", "--no-renames", before, after, "--")
        rows = (row.split("\t", 2) for row in git.names(asked, "git diff"))
        return tuple(Change(name, _lines(added), _lines(gone)) for added, gone, name in rows)

    def _own_name(self) -> str:
        top = self.repo.top.resolve()
        own = self.own and self.own.resolve()
        return own.relative_to(top).as_posix() if own and own.is_relative_to(top) else ""

    @contextmanager
    def _own_index(self) -> Iterator[Repo]:
        with tempfile.TemporaryDirectory(prefix="aethr-", dir=self.scratch) as folder:
            index = Path(folder, "index")
            with suppress(FileNotFoundError):  # nothing was ever added
                # With its time: git reads again what is as new as the index that lists it.
                shutil.copy2(self.repo.index, index)
            yield replace(self.repo, env={**self.repo.env, "GIT_INDEX_FILE": str(index)})


@dataclass(frozen=True, slots=True)
class _Listing:
    """What differs from the index, and what must not be in a tree."""

    changed: tuple[str, ...]
    secret: tuple[str, ...]
    large: tuple[str, ...]

    @classmethod
    def of(cls, repo: Repo, own: str) -> _Listing:
        kinds = ("--cached", "--modified", "--deleted", "--others", "--exclude-standard")
        changed: dict[str, None] = {}
        secret: dict[str, None] = {}
        large = []
        for row in git.names(repo.command("ls-files", "-t", "-z", *kinds), "git ls-files"):
            tag, name = row[0], row[2:]
            if tag in "HS" and ".env" not in name.casefold():
                continue  # as the index has it: nearly all rows of a large repository
            if own and tag == "?" and name.startswith(own):
                continue  # the checkpoint, or a trace beside it
            if is_secret(name):
                secret |= {name: None} if tag != "?" else {}
            elif tag == "?" and (name.endswith("/") or _is_large(repo.top / name)):
                large.append(name)
            elif tag not in "HS":
                changed[name] = None
        return cls(tuple(changed), tuple(secret), tuple(large))


def _is_large(path: Path) -> bool:
    try:
        return path.lstat().st_size > LARGE
    except OSError:
        return False


def _update(repo: Repo, names: Sequence[str], *options: str) -> None:
    # safecrlf: a user's strictness about line ends must not keep a tree from being recorded.
    command = repo.command("-c", "core.safecrlf=false", "update-index", *options, "-z", "--stdin")
    stdin = b"".join(os.fsencode(name) + b"\0" for name in names)
    git.output(replace(command, stdin=stdin), "git update-index")


def _lines(count: str) -> int | None:
    """Read a count of lines; a binary file has none."""
    return None if count == "-" else int(count)
