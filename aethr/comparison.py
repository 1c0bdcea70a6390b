"""Two states of a repository's files, as git compares them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import git, process, scratch
from aethr.errors import UsageError
from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OPTIONS = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--diff-algorithm=default",
    "--indent-heuristic",
    "--inter-hunk-context=0",
    "-l1000",
    "-O/dev/null",
    "--submodule=short",
)
LARGEST = 64 << 20  # bytes; of a larger file no lines are compared
# git holds both versions of a file of text at once, and ten times as much while it compares them:
# 1.2 GB for a file of 120 MB. It takes a file above the threshold for binary by its size alone,
# unless it has read it already, to see whether it was only touched.
_BOUNDED = ("-c", f"core.bigFileThreshold={LARGEST}", "-c", "diff.autoRefreshIndex=false")
# The name of a file without content, where names have so many digits (SHA-1, SHA-256).
_EMPTY_BLOB = {
    40: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    64: "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
}


@frozen
class Comparison:
    """Two states of the files that git compares; ``name`` is the context source that asks.

    An ``exact`` patch can be applied: binary files are in it, and whole object names.
    ``apart`` names the untracked repositories inside this one: git compares nothing in them.
    """

    name: str
    repo: git.Repo
    sides: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    exact: bool = False

    def names(self, paths: Sequence[str] = (), *, renames: bool = False) -> list[str]:
        """List the changed files, from the top; with ``renames`` a renamed one has its new name.

        Raises UsageError for a revision that git does not know.
        """
        found = "--find-renames=50%" if renames else "--no-renames"
        return git.names(self._command(found, "--name-only", "-z", paths=paths), self.name)

    @contextmanager
    def patch(self, paths: Sequence[str] = ()) -> Iterator[Iterator[bytes]]:
        """Give the diff of some paths (all) in chunks; leaving the block ends git.

        Unless it is exact, files above ``LARGEST`` are in it as binary ones, and one that was only
        touched as a header without a change.
        """
        exact = ("--binary", "--full-index", "--ignore-submodules=none") if self.exact else ()
        settings = () if self.exact else _BOUNDED
        options = ("--find-renames=50%", "--patch", "--unified=3", *exact)
        with process.running(self._command(*options, paths=paths, settings=settings)) as child:
            yield self._read(child)

    def too_large(self) -> set[str]:
        """Give the changed files, by all names, that are above ``LARGEST`` on either side."""
        listed = git.names(self._command("--no-renames", "--raw", "--no-abbrev", "-z"), self.name)
        sides = [
            (blob, name)
            for said, name in zip(listed[::2], listed[1::2], strict=True)
            for blob in said.split()[2:4]
        ]
        stored = [(blob, name) for blob, name in sides if blob.strip("0")]
        asked = self.repo.command("cat-file", "--batch-check=%(objectsize)")
        stdin = "".join(f"{blob}\n" for blob, _ in stored).encode()
        sizes = git.output(replace(asked, stdin=stdin), self.name).splitlines()
        # Of a submodule's commit there is no size, and what is not stored is a file or nothing.
        large = {
            name
            for (_, name), size in zip(stored, sizes, strict=True)
            if size.isdigit() and int(size) > LARGEST
        }
        return large | {
            name
            for blob, name in sides
            if not blob.strip("0") and _size(self.repo.top / name) > LARGEST
        }

    def _read(self, child: process.Running) -> Iterator[bytes]:
        with git.in_time():
            yield from child.chunks()
        if child.code:
            raise git.failed(self.name, child.code, child.stderr)

    def _command(
        self, *options: str, paths: Sequence[str] = (), settings: Sequence[str] = ()
    ) -> process.Command:
        own = git.own_name(self.repo, self.repo.top)
        but_own = [f":(top,exclude,literal){own}"] if own else []
        diff = (*settings, "diff", *_OPTIONS, *options, *self.sides)
        return self.repo.command(*diff, "--", *paths, *but_own)


@contextmanager
def compare(repo: git.Repo, what: str = "", place: Path | None = None) -> Iterator[Comparison]:
    """Compare as ``git_diff:WHAT`` says: unstaged (empty), ``staged``, ``all``, REV or A...B.

    ``place`` is a folder for temporary files; without one the system's is used.
    """
    import tempfile

    name = f"git_diff:{what}" if what else "git_diff"
    if what.startswith("-"):
        raise UsageError(f"{name}: a revision does not begin with `-`")
    sides = _sides(repo, what)
    new = git.untracked(repo) if what == "all" else []
    apart = tuple(path for path in new if path.endswith("/"))
    place = place and scratch.made(place)
    with tempfile.TemporaryDirectory(prefix="aethr-", dir=place) as folder:
        own = _indexed(repo, Path(folder))
        if files := [path for path in new if not path.endswith("/")]:
            git.output(_adding(own, files, _EMPTY_BLOB[len(sides[0])]))
        yield Comparison(name, own, sides, apart)


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0  # the side on which it is not there


def _sides(repo: git.Repo, what: str) -> tuple[str, ...]:
    if what == "all":
        return (git.head(repo) or _empty_tree(repo),)
    if what == "staged":
        return ("--cached",)
    return ("--end-of-options", what) if what else ()


def has_staged(repo: git.Repo, place: Path | None = None) -> bool:
    with compare(repo, "staged", place) as staged:
        return bool(staged.names())


def _indexed(repo: git.Repo, folder: Path) -> git.Repo:
    """Give the repository with a copy of its index, in a folder.

    A copy in any case: where a file was only touched, `git diff` writes that
    into the index, GIT_OPTIONAL_LOCKS or not (2.39).
    """
    import shutil

    index = folder / "index"
    try:
        # With its time: git reads again what is as new as the index that lists it.
        shutil.copy2(repo.index, index)
    except FileNotFoundError:
        pass  # nothing was ever added
    except OSError as error:
        raise UsageError(f"can't copy git's index: {error}") from None
    return replace(repo, env={**repo.env, "GIT_INDEX_FILE": str(index)})


def _adding(repo: git.Repo, names: Sequence[str], blob: str) -> process.Command:
    """List files in the index, so that git compares them; what they hold it reads from the files.

    ``add --intent-to-add`` says the same, but looks for each of its paths in the whole index:
    3.3 s for 10,000 among 60,000, and 0.03 s so.
    """
    entry = f"100644 {blob}\t".encode()
    stdin = b"".join(entry + os.fsencode(name) + b"\0" for name in names)
    return replace(repo.command("update-index", "-z", "--index-info"), stdin=stdin)


def _empty_tree(repo: git.Repo) -> str:
    """Return the name of the tree without files; every git has it built in."""
    return git.output(repo.command("hash-object", "-t", "tree", "--stdin")).decode().strip()
