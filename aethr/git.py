"""Asking git. Nothing here changes a repository.

git runs with a fixed configuration: what a user has set for their own eyes
must not change what a model is shown, nor start a program of theirs.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import process
from aethr.errors import UsageError
from aethr.frozen import frozen
from aethr.names import is_git_own, shown
from aethr.routing import KEY_NAMES
from aethr.text import first_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_TIMEOUT = 600.0  # seconds; a partial clone may have to fetch what is compared
_CONFIG = (
    "core.abbrev=auto",
    "core.fsmonitor=false",  # else the program named there is started
    "core.hooksPath=/dev/null",  # writing an index runs post-index-change
    "core.quotePath=false",
    "core.splitIndex=false",  # else the copy of an index could write into .git
    "diff.autoRefreshIndex=true",
    "diff.ignoreSubmodules=untracked",
    "diff.suppressBlankEmpty=false",
)
_PLACES = ("--show-toplevel", "--git-path", "index")
_WHERE = ("rev-parse", *_PLACES, "--revs-only", "HEAD")  # a HEAD without a commit is left out
_OTHERS = ("--others", "--exclude-standard")
_ANY_NAME = ("-c", "core.protectNTFS=false", "-c", "core.protectHFS=false")
# A stranger's patch: names that mean .git on some system are refused on every system, and
# what a user has set for patches of their own must not change what this one does.
_APPLY = (
    *("-c", "core.protectNTFS=true", "-c", "core.protectHFS=true"),
    *("-c", "apply.ignoreWhitespace=no", "apply", "--whitespace=nowarn", "--binary"),
)
NOWHERE = "there is no git repository, or no git on the PATH"
_MISUSED = 129  # git's exit code for arguments that it can't make sense of
# Of git's own variables those that say where it may look and whom it may trust.
_KEPT = ("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
_SECRET_ENDS = ("_KEY", "_TOKEN", "_SECRET")
_ADDED = {
    "LC_ALL": "C",  # messages are read here
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


class NotStarted(UsageError):
    """There is no git, or no folder for it to run in."""


@frozen
class Repo:
    """A repository with a working tree. ``env`` is cleaned: no GIT_DIR, no keys.

    Where the ``index`` of a linked worktree is, is git's to say.
    ``commit`` was checked out when it was found; empty before the first one.
    ``own`` is a checkpoint: one in the working tree, with what lies beside it under
    its name, is nobody's work, and in no listing; nor are the reports that are being written,
    to which a later task of the same call adds its own.
    """

    top: Path
    env: Mapping[str, str]
    index: Path
    commit: str = ""
    own: Path | None = None
    reports: set[Path] = field(default_factory=set)

    def command(self, *arguments: str, cwd: Path | None = None) -> process.Command:
        return _command(arguments, cwd or self.top, self.env)


def find(start: Path, environ: Mapping[str, str], secret: Collection[str] = ()) -> Repo | None:
    """Find the repository that a folder is in; None without one, or without git.

    ``secret`` names variables that git must not see, beside those that look like keys.
    Raises UsageError where git refuses the repository, as one of another owner.
    """
    env = _cleaned(environ, secret)
    try:
        found = _ask(_command(_WHERE, start, env))
    except NotStarted:  # there is no such program
        return None
    if found.code == 0:
        said = os.fsdecode(found.stdout).removesuffix("\n")
        commit = re.search("\n([0-9a-f]{40,64})$", said)  # no path to an index looks like it
        top, index = said[: commit and commit.start()].rsplit("\n", 1)
        return Repo(Path(top), env, start / index, commit[1] if commit else "")
    if re.search("not a git repository|must be run in a work tree", found.stderr):
        return None
    refused = failed("git", found.code, found.stderr)
    raise UsageError(refused.summary, f"`git -C {start} status` says what to do")


def head(repo: Repo) -> str:
    """Return the commit that is checked out; empty before the first one."""
    return _ask(repo.command("rev-parse", "--verify", "--quiet", "HEAD")).stdout.decode().strip()


def is_tracked(root: Path, name: str, environ: Mapping[str, str]) -> bool:
    repo = find(root, environ)
    return bool(
        repo and output(repo.command("ls-files", "-z", "--", f":(literal){name}", cwd=root))
    )


def is_ignored(root: Path, name: str, environ: Mapping[str, str]) -> bool:
    """Whether git leaves a file alone that it does not track; it does where it is not used."""
    repo = find(root, environ)
    if repo is None:
        return True
    return _ask(repo.command("check-ignore", "--quiet", "--", name, cwd=root)).code == 0


def files(repo: Repo, folder: Path) -> list[str]:
    """List the files below a folder, relative to it: tracked, and untracked but not ignored."""
    listed = names(repo.command("ls-files", "-z", "--cached", *_OTHERS, cwd=folder))
    return others(repo, folder, listed)


def generated(repo: Repo, folder: Path, names: Sequence[str]) -> set[str]:
    """Give the files, relative to a folder, that git's attributes call generated.

    That is ``linguist-generated``, and ``-diff``. Most projects have no such file,
    and are not asked.
    """
    folders = {""}
    for name in names:
        parent = name.rpartition("/")[0]
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    places = [folder / parent / ".gitattributes" for parent in folders]
    if not any(place.exists() for place in [repo.top / ".gitattributes", *places]):
        return set()
    asked = repo.command("check-attr", "-z", "--stdin", "linguist-generated", "diff", cwd=folder)
    stdin = b"".join(os.fsencode(name) + b"\0" for name in names)
    said = [os.fsdecode(word) for word in output(replace(asked, stdin=stdin)).split(b"\0")]
    return {
        name
        for name, attribute, value in zip(said[::3], said[1::3], said[2::3], strict=False)
        if value in (("unset",) if attribute == "diff" else ("set", "true"))
    }


def untracked(repo: Repo) -> list[str]:
    """List what git neither tracks nor ignores; a repository inside this one ends with a slash."""
    return others(repo, repo.top, names(repo.command("ls-files", "-z", *_OTHERS)))


def others(repo: Repo, folder: Path, names: list[str]) -> list[str]:
    """Leave out what is Aethr's own of files listed below a folder."""
    inside, top = own_name(repo, folder), folder.resolve()
    written = {
        path.relative_to(top).as_posix() for path in repo.reports if path.is_relative_to(top)
    }
    if not (inside or written):
        return names
    return [name for name in names if name not in written and not _is_own(name, inside)]


def own_name(repo: Repo, folder: Path) -> str:
    """Name the checkpoint as git would, below a folder; empty where it is not there."""
    own, top = repo.own and repo.own.resolve(), folder.resolve()
    return own.relative_to(top).as_posix() if own and own.is_relative_to(top) else ""


def _is_own(name: str, checkpoint: str) -> bool:
    """Whether a file is the checkpoint, or lies beside it under its name."""
    is_trace = name.startswith(f"{checkpoint}.") and name.endswith(".events")
    return bool(checkpoint) and (is_trace or name == checkpoint)


def names(command: process.Command, asker: str = "git") -> list[str]:
    """Run git to its end and give the file names that it lists with ``-z``."""
    return split(output(command, asker))


def split(listing: bytes) -> list[str]:
    """Split what git lists with ``-z``."""
    # Decoded at once: ten thousand names by themselves take five times as long.
    return [name for name in os.fsdecode(listing).split("\0") if name]


def apply(repo: Repo, patch: Path, *options: str) -> str:
    """Have git apply a patch file, from the top, whole or not at all; empty where it did.

    Else what git objects to, a line each. Without a file in its way it touches only the
    working tree; ``--cached`` touches only the index, ``--check`` nothing.
    """
    finished = _ask(repo.command(*_APPLY, *options, "--", str(patch)))
    return finished.stderr or f"exit code {finished.code}" if finished.code else ""


def update_index(repo: Repo, names: Sequence[str], *options: str, entry: bytes = b"") -> None:
    """Tell git's index of files, with ``entry`` before each name.

    Raises UsageError for a name that git takes into no index. It says "Ignoring path" of one, and
    does not fail; and of one that would be ``.git`` on another system it would, if protected.
    """
    # safecrlf: a user's strictness about line ends must not keep a tree from being recorded.
    settings = ("-c", "core.safecrlf=false", *_ANY_NAME)
    stdin = b"".join(entry + os.fsencode(name) + b"\0" for name in names)
    finished = _ask(replace(repo.command(*settings, "update-index", *options), stdin=stdin))
    if finished.code:
        raise failed("git update-index", finished.code, finished.stderr)
    said = re.search("^Ignoring path (.+)", finished.stderr, re.MULTILINE)
    # Filters may have said too much for that to be kept.
    if refused := next(filter(is_git_own, names), said and said[1]):
        raise UsageError(
            f"git takes no file named {shown(refused)} into an index",
            "give it another name, or list it in .gitignore",
        )


def outputs(commands: Sequence[process.Command], asker: str = "git") -> list[bytes]:
    """Run several gits side by side to their ends, as ``output`` does with one."""
    with ExitStack() as stack, in_time():
        children = [stack.enter_context(process.running(command)) for command in commands]
        texts = [b"".join(child.chunks()) for child in children]
        for child in children:
            if child.code:
                raise failed(asker, child.code, child.stderr)
        return texts


def output(command: process.Command, asker: str = "git") -> bytes:
    """Run git to its end. Raises UsageError, in the name of ``asker``, where it fails."""
    finished = _ask(command)
    if finished.code:
        raise failed(asker, finished.code, finished.stderr)
    return finished.stdout


def failed(asker: str, code: int, stderr: str) -> UsageError:
    """Tell why git gave up, in its own words."""
    if code == _MISUSED:
        return UsageError(f"{asker}: nothing that git can compare")
    fatal = re.search("^fatal: (.+)", stderr, re.MULTILINE)
    said = fatal[1] if fatal else first_line(stderr) or f"exit code {code}"
    return UsageError(f"{asker}: {said}")


@contextmanager
def in_time() -> Iterator[None]:
    """Make a UsageError of git's timeout, and of a git that can't be started."""
    try:
        yield
    except process.TimedOut:
        raise UsageError(f"git did not end in {_TIMEOUT:.0f} s") from None
    except OSError as error:  # its folder is gone, say
        raise NotStarted(f"git can't be started: {error.strerror}: {error.filename}") from None


def _ask(command: process.Command) -> process.Finished:
    with in_time():
        return process.run(command)


def _cleaned(environ: Mapping[str, str], secret: Collection[str]) -> dict[str, str]:
    """Leave out what would steer git, and keys: filters run with this environment too."""
    hidden = {*KEY_NAMES, *secret}
    kept = {
        name: value
        for name, value in environ.items()
        if name not in hidden and not name.endswith(_SECRET_ENDS)
        if name in _KEPT or name.startswith("GIT_CONFIG") or not name.startswith("GIT_")
    }
    return kept | _ADDED


def _command(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> process.Command:
    settings = [word for setting in _CONFIG for word in ("-c", setting)]
    argv = ["git", "--no-pager", *settings, *arguments]
    return process.Command(argv, cwd, env, timeout=_TIMEOUT)
