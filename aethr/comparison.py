"""Two states of a repository's files, as git compares them."""

from __future__ import annotations

import os
import re
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
    "--unified=3",
    "--inter-hunk-context=0",
    "-l1000",
    "-O/dev/null",
    "--submodule=short",
)


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
        """Give the diff of some paths (all) in chunks; leaving the block ends git."""
        exact = ("--binary", "--full-index", "--ignore-submodules=none") if self.exact else ()
        command = self._command("--find-renames=50%", "--patch", *exact, paths=paths)
        with process.running(command) as child:
            yield self._read(child)

    def _read(self, child: process.Running) -> Iterator[bytes]:
        with git.in_time():
            yield from child.chunks()
        if child.code:
            raise git.failed(self.name, child.code, child.stderr)

    def _command(self, *options: str, paths: Sequence[str]) -> process.Command:
        own = git.own_name(self.repo, self.repo.top)
        but_own = [f":(top,exclude,literal){own}"] if own else []
        return self.repo.command("diff", *_OPTIONS, *options, *self.sides, "--", *paths, *but_own)


@contextmanager
def compare(repo: git.Repo, what: str = "", place: Path | None = None) -> Iterator[Comparison]:
    """Compare as ``git_diff:WHAT`` says: unstaged (empty), ``staged``, ``all``, REV or A...B.

    ``place`` is a folder for temporary files; without one the system's is used.
    """
    import tempfile

    name = f"git_diff:{what}" if what else "git_diff"
    if what.startswith("-"):
        raise UsageError(f"{name}: a revision does not begin with `-`")
    new = git.untracked(repo) if what == "all" else []
    apart = tuple(path for path in new if path.endswith("/"))
    place = place and scratch.made(place)
    with tempfile.TemporaryDirectory(prefix="aethr-", dir=place) as folder:
        own = _indexed(repo, [path for path in new if not path.endswith("/")], Path(folder))
        yield Comparison(name, own, _sides(own, what), apart)


def _sides(repo: git.Repo, what: str) -> tuple[str, ...]:
    if what == "all":
        return (git.head(repo) or _empty_tree(repo),)
    if what == "staged":
        return ("--cached",)
    return ("--end-of-options", what) if what else ()


def has_staged(repo: git.Repo, place: Path | None = None) -> bool:
    with compare(repo, "staged", place) as staged:
        return bool(staged.names())


def _indexed(repo: git.Repo, names: Sequence[str], folder: Path) -> git.Repo:
    """Give the repository with a copy of its index that has some more files in it, by name.

    A copy in any case: where a file was only touched, `git diff` writes that
    into the index, GIT_OPTIONAL_LOCKS or not (2.39).
    """
    import shutil

    index, objects = folder / "index", folder / "objects"
    try:
        objects.mkdir()
        # With its time: git reads again what is as new as the index that lists it.
        shutil.copy2(repo.index, index)
    except FileNotFoundError:
        pass  # nothing was ever added
    except OSError as error:
        raise UsageError(f"can't copy git's index: {error}") from None
    own = replace(repo, env={**repo.env, "GIT_INDEX_FILE": str(index)})
    if names:
        git.output(_adding(own, names, objects))
    return own


def _adding(repo: git.Repo, names: Sequence[str], objects: Path) -> process.Command:
    """Add by intent: git then takes a file for changed without reading it."""
    added = ("add", "--intent-to-add", "--sparse", "--pathspec-from-file=-", "--pathspec-file-nul")
    command = repo.command("--literal-pathspecs", *added)
    # It stores the empty blob; the user's repository is not the place for it.
    quoted = re.sub(r'(["\\])', r"\\\1", str(repo.objects))
    own = {"GIT_OBJECT_DIRECTORY": str(objects), "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'}
    stdin = b"\0".join(map(os.fsencode, names))
    return replace(command, env={**command.env, **own}, stdin=stdin)


def _empty_tree(repo: git.Repo) -> str:
    """Return the name of the tree without files; every git has it built in."""
    return git.output(repo.command("hash-object", "-t", "tree", "--stdin")).decode().strip()
