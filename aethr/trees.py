"""The working tree recorded as git trees, so that a step's changes are exact.

A tree holds what is tracked, staged and untracked; not what is ignored, secret,
or an untracked file over 5 MB. It is made through a copy of the index: the
user's own index, stash, HEAD and refs stay as they are, byte for byte. Only
loose objects are added, which git's own garbage collection takes away again.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import git, scratch
from aethr.comparison import Comparison
from aethr.errors import UsageError
from aethr.frozen import frozen
from aethr.names import is_secret
from aethr.results import Change

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aethr.git import Repo

LARGE = 5_000_000  # bytes of an untracked file that is named and not read
KEPT = 10_000_000  # bytes of a patch that a checkpoint keeps
# Of trees, whatever a user or .gitmodules has set: no submodule is left out.
WHOLE = ("--no-renames", "--ignore-submodules=none")
_NAME = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@frozen
class Tree:
    """A recorded tree; ``unread`` names the untracked files that are too large to be in it."""

    id: str
    unread: tuple[str, ...] = ()


class Trees:
    """Records and compares trees of a repository; ``folder`` is for the index's copy."""

    def __init__(self, repo: Repo, folder: Path) -> None:
        self.repo = repo
        self._folder = folder
        self._copy = replace(repo, env={**repo.env, "GIT_INDEX_FILE": str(folder / "index")})
        self._copied: tuple[int, ...] | None = None  # the signature of what was copied
        self._added: set[str] = set()  # untracked files, which only the copy knows
        self._tree = ""
        self._here: set[str] = set()  # trees that are known to be in this repository

    def record(self) -> Tree:
        """Record what stands in the working tree now. Raises UsageError where git can't."""
        found = _signature(self.repo.index)
        if fresh := found != self._copied:
            self._take_over()
        changed, others, gone = self._listed(fresh=fresh)
        large = {name for name in others if name.endswith("/") or self._is_large(name)}
        grown = {name for name in changed & self._added if self._is_large(name)}
        if gone := gone | grown:
            self._update(gone, "--force-remove")
        if new := (changed | others) - gone - large:
            self._update(new, "--add", "--remove", "--replace")
        if fresh or gone or new:
            made = git.output(self._copy.command("write-tree"), "git write-tree")
            self._tree = made.decode().strip()
            self._added |= others - large
            self._here.add(self._tree)
        self._copied = found
        return Tree(self._tree, tuple(sorted(large | grown)))

    def has(self, tree: str) -> bool:
        """Whether a tree is in this repository: it is not on another machine."""
        if not _NAME.fullmatch(tree):
            return False  # a checkpoint may be a stranger's, and git would take it for anything
        if tree not in self._here:
            try:
                kind = git.output(self.repo.command("cat-file", "-t", tree))
            except UsageError:
                return False
            if kind != b"tree\n":
                return False
            self._here.add(tree)
        return True

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
        asked = self.repo.command("diff", *WHOLE, "--numstat", "-z", before, after, "--")
        rows = (row.split("\t", 2) for row in git.names(asked, "git diff"))
        return tuple(Change(name, _lines(added), _lines(gone)) for added, gone, name in rows)

    def patched(self, tree: str, patch: bytes, *options: str) -> tuple[str, str]:
        """Record what a patch makes of a tree: its name, or what git objects to.

        The working tree has no part in it. ``options`` are those of ``git apply``.
        """
        file = scratch.written(self._folder / "patch", patch)
        index = file.with_name("patched")
        own = replace(self.repo, env={**self.repo.env, "GIT_INDEX_FILE": str(index)})
        git.output(own.command("read-tree", tree), "git read-tree")
        if objections := git.apply(own, file, "--cached", *options):
            return "", objections
        return git.output(own.command("write-tree"), "git write-tree").decode().strip(), ""

    def _take_over(self) -> None:
        """Copy the user's index anew; else the copy knows what was hashed since."""
        self._copied, self._added = None, set()
        index = scratch.made(self._folder) / "index"
        try:
            index.unlink(missing_ok=True)
            # With its time: git reads again what is as new as the index that lists it.
            shutil.copy2(self.repo.index, index)
        except FileNotFoundError:
            pass  # nothing was ever added
        except OSError as error:
            raise UsageError(f"can't copy git's index: {error}") from None

    def _listed(self, *, fresh: bool) -> tuple[set[str], set[str], set[str]]:
        """List what differs from the copy, what it does not know, and what has to go from it.

        One git lists all of it too, but looks at one file at a time; these go side by side.
        """
        asked = [
            self._copy.command("diff-files", "--name-status", "-z", "--ignore-submodules=dirty"),
            self._copy.command("ls-files", "-z", "--others", "--exclude-standard"),
        ]
        if fresh:
            # An agent that adds everything has git track the checkpoint too.
            own = re.sub(r"([*?[\\])", r"\\\1", git.own_name(self.repo, self.repo.top))
            paths = [":(top,icase)*.env*", *([f":(top){own}*"] if own else [])]
            asked.append(self._copy.command("ls-files", "-z", "--", *paths))
        said, others, *tracked = map(git.split, git.outputs(asked, "git ls-files"))
        kept = {name for names in tracked for name in names}
        changed = dict(zip(said[1::2], said[::2], strict=True))
        # Told apart: git takes nothing out by itself that lies where a folder was, and a link is.
        gone = {name for name, status in changed.items() if status == "D"}
        return self._shown(changed) - gone, self._shown(others), gone | (kept - self._shown(kept))

    def _shown(self, names: Iterable[str]) -> set[str]:
        allowed = [name for name in names if not is_secret(name)]
        return set(git.others(self.repo, self.repo.top, allowed))

    def _update(self, names: Iterable[str], *options: str) -> None:
        git.update_index(self._copy, sorted(names), *options, "-z", "--stdin")

    def _is_large(self, name: str) -> bool:
        try:
            return (self.repo.top / name).lstat().st_size > LARGE
        except OSError:
            return False


def _signature(file: Path) -> tuple[int, ...]:
    """Tell one state of a file that is only ever replaced from another."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _lines(count: str) -> int | None:
    """Read a count of lines; a binary file has none."""
    return None if count == "-" else int(count)
