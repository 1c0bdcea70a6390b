"""Two states of a repository's files, as git compares them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import git, process, scratch
from aethr.errors import UsageError
from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
LARGEST = 64 << 20  # bytes; of a larger file git is asked for no lines
_LOOKED_AT = 8000  # bytes at the beginning of a file: git calls one with a NUL in them binary
# git holds both versions of a file of text at once, and ten times as much while it compares them:
# 1.2 GB for a file of 120 MB. It takes a file above the threshold for binary by its size, unless
# it has read it already, to see whether it was only touched, or moved.
_BOUNDED = ("-c", f"core.bigFileThreshold={LARGEST}", "-c", "diff.autoRefreshIndex=false")


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

        Unless it is exact, files above ``LARGEST`` are in it as binary ones.
        """
        exact = ("--binary", "--full-index", "--ignore-submodules=none") if self.exact else ()
        settings = () if self.exact else _BOUNDED
        options = ("--find-renames=50%", "--patch", "--unified=3", *exact)
        with process.running(self._command(*options, paths=paths, settings=settings)) as child:
            yield self._read(child)

    def too_large(self, names: Collection[str]) -> set[str]:
        """Give those of some changed files that are text, and above ``LARGEST`` on either side."""
        listed = git.names(self._command("--no-renames", "--raw", "--no-abbrev", "-z"), self.name)
        stored, large = list[tuple[str, str]](), set()
        for said, name in zip(listed[::2], listed[1::2], strict=True):
            _, _, old, new, status = said.split()
            if name in names:
                stored += [(blob, name) for blob in (old, new) if blob.strip("0")]
                if status != "D" and not new.strip("0") and _is_large_text(self.repo.top / name):
                    large.add(name)
        return large | {name for blob, name in self._above(stored) if self._is_text(blob)}

    def _above(self, stored: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Give the stored ones above ``LARGEST``; of a submodule's commit there is no size."""
        asked = self.repo.command("cat-file", "--batch-check=%(objectsize)")
        stdin = "".join(f"{blob}\n" for blob, _ in stored).encode()
        sizes = git.output(replace(asked, stdin=stdin), self.name).splitlines()
        told = zip(stored, sizes, strict=True)
        return [one for one, size in told if size.isdigit() and int(size) > LARGEST]

    def _is_text(self, blob: str) -> bool:
        with process.running(self.repo.command("cat-file", "blob", blob)) as child:
            return _may_be_text(next(self._read(child), b""))

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
            _add(own, files, len(sides[0]))
        yield Comparison(name, own, sides, apart)


def _is_large_text(file: Path) -> bool:
    try:
        if file.is_symlink() or file.stat().st_size <= LARGEST:
            return False
        with file.open("rb") as opened:
            return _may_be_text(opened.read(_LOOKED_AT))
    except OSError:
        return True  # git could read it a moment ago


def _may_be_text(beginning: bytes) -> bool:
    return b"\0" not in beginning[:_LOOKED_AT]


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


def _add(repo: git.Repo, names: Sequence[str], digits: int) -> None:
    """List files in the index, so that git compares them; what they hold it reads from the files.

    The object that is named is no file's: git would read that instead of the file, once it had
    found them to be the same. ``add --intent-to-add`` needs none, but looks for each of its paths
    in the whole index: 3.3 s for 10,000 among 60,000, and this takes 0.03 s.
    """
    entry = f"100644 {'1' * digits}\t".encode()
    git.update_index(repo, names, "-z", "--index-info", entry=entry)


def _empty_tree(repo: git.Repo) -> str:
    """Return the name of the tree without files; every git has it built in."""
    return git.output(repo.command("hash-object", "-t", "tree", "--stdin")).decode().strip()
