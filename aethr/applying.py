"""What a run changed, put on a working tree that is not the one in which it was done.

The file is a stranger's: git refuses names that lead out of the repository, into `.git` or
through a link, and what a patch would change is looked at as trees before a file is touched.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import checkpoint, git, resume, scratch, signals, undo
from aethr.errors import AethrError, UsageError
from aethr.frozen import frozen
from aethr.names import is_git_own, is_secret, shown
from aethr.text import count, first_line, one_line
from aethr.trees import KEPT, WHOLE, Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.git import Repo
    from aethr.options import Apply
    from aethr.results import Change
    from aethr.saved import Saved
    from aethr.session import Session

_MASKED = re.compile(rb"\[masked \w+\]")
_SUBMODULE = "160000"
_NAMED = 20  # objections of git; the rest is counted
_IN_THE_WAY = re.compile(
    "(patch does not apply|already exists in working directory|No such file or directory)$",
    re.MULTILINE,
)
# What git says of a file that is not in the recorded tree, though it may stand there.
_UNRECORDED = "does not exist in index"
_NEVER = "never touched: secret, ignored by git, or untracked and over 5 MB"


@frozen
class Work:
    """One patch, from the tree ``base`` to the ``tree`` that the last step on it left behind.

    ``commit`` was checked out at the run's start; it and ``base`` may be empty.
    """

    heading: str
    patch: bytes
    base: str
    tree: str
    commit: str


@frozen
class Done:
    """What came of it, in a line, and what changed."""

    said: str
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


def apply(session: Session, asked: Apply) -> Done:
    """Put on what the run of a checkpoint changed. Raises AethrError."""
    environ = session.settings.environ
    name = asked.file or environ.get("AETHR_CHECKPOINT", "")
    if not name:
        raise UsageError("no checkpoint was named", "aethr apply FILE, or set AETHR_CHECKPOINT")
    repo = git.find(session.start, environ)
    if repo is None:
        raise UsageError(f"no patch can be put on: {git.NOWHERE}")
    path = session.start / name
    saved = _read(name, path)
    if saved.header and not saved.header.live:
        return Done("nothing to do: the run is mock, and a mock run changes no file")
    found = work(saved)
    folder = scratch.of(path)
    try:
        changes = put(found, Trees(replace(repo, own=path), folder), folder, check=asked.check)
    finally:
        scratch.cleared(folder)
    if changes is None:
        return Done(f"nothing to do: what step `{found.heading}` left behind is here already")
    verb, files = "can be put on" if asked.check else "put on", count(len(changes), "file")
    said = f"{verb}: {files}, from the run's start to step `{found.heading}`"
    return Done(said, changes, tuple(resume.moved(saved, repo)))


def _read(name: str, path: Path) -> Saved:
    if name != "-":
        return checkpoint.read(path)
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("stdin is a terminal", "pipe a checkpoint in, or name its file")
    return checkpoint.parse(sys.stdin.buffer.read(), "stdin")


def work(saved: Saved) -> Work:
    """Find what a checkpoint's run changed. Raises UsageError where that can't be put on."""
    last = next((result for result in reversed(saved.results) if result.artifact), None)
    if last is None or last.artifact is None:
        raise UsageError("the checkpoint holds no patch: no step of it has worked on files")
    patch, heading = last.artifact.run_patch, one_line(last.heading)
    if patch is None:
        raise UsageError(
            f"the patch of step `{heading}` was not kept",
            "it is over 10 MB, or the run's first tree was not there: carry the work with git",
        )
    try:
        data = patch.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError(f"the patch of step `{heading}` is no patch") from None
    if len(data) > KEPT:
        raise UsageError(f"the patch of step `{heading}` is over 10 MB: no run keeps such a one")
    header = saved.header
    base, commit = (header.tree, header.commit) if header else ("", "")
    return Work(heading, data, base, last.artifact.tree, commit)


def put(work: Work, trees: Trees, folder: Path, *, check: bool) -> tuple[Change, ...] | None:
    """Put it on, whole or not at all, and say what changed; None where it was on already.

    With ``check`` nothing is written. ``folder`` is for temporary files. Raises UsageError
    for a patch that is refused, AethrError for one that does not fit what stands here.
    """
    if not work.patch:
        return ()
    copies = scratch.shared(trees.repo.top / "apply")
    undo.refuse_unfinished(copies)
    file = scratch.written(folder / "run.patch", work.patch)
    now = trees.record().id
    _refuse_altered(work, trees)
    if _is_on(work, trees, now, file):
        return None
    # As a tree it has no file that git ignores, and none that is secret.
    after, objections = trees.patched(now, work.patch)
    if objections:
        raise _conflict(objections, work.commit)
    names = _touched(trees.repo, now, after)
    if not check:
        _write(trees.repo, file, undo.Before(trees.repo.top, names, copies))
    return trees.changes(now, after)


def _refuse_altered(work: Work, trees: Trees) -> None:
    """Raise UsageError for a patch that is not what the step left behind."""
    is_here = trees.has(work.base)
    if is_here and trees.patched(work.base, work.patch)[0] == work.tree:
        return  # what looks like a mask in it is the files' own text
    if masked := _MASKED.search(work.patch):
        raise UsageError(
            f"the patch holds `{masked[0].decode()}`: a key stood there, "
            "and its mask would be written into the file",
            "take the key out of the file and run the step again, or carry the work with git",
        )
    if is_here:
        raise UsageError(
            f"the patch does not give what step `{work.heading}` left behind",
            "the checkpoint was edited, or damaged",
        )


def _is_on(work: Work, trees: Trees, now: str, file: Path) -> bool:
    """Whether the patch is on already. Raises AethrError where it neither is nor fits."""
    if _is_alike(work, trees, now, work.tree):
        return True
    objections = git.apply(trees.repo, file, "--check")
    if git.apply(trees.repo, file, "--check", "--reverse"):
        if objections:
            raise _conflict(objections, work.commit)
        return False
    if objections or trees.patched(now, work.patch)[0] == now:
        return True
    # It fits both ways, as a line does that is added among others like it. Of a mode git says
    # that it fits either way, and where it is set already it stays as it is.
    if _is_alike(work, trees, now, work.base):
        return False
    if trees.patched(now, work.patch, "--reverse")[0] == now:
        return False
    raise AethrError(
        "can't tell whether the patch is on already: it fits both ways",
        "commit or stash your own edits of its files, and try again",
    )


def _is_alike(work: Work, trees: Trees, one: str, other: str) -> bool:
    """Whether two trees are known, and the same in all files that the patch is about."""
    if not all(map(trees.has, (work.base, work.tree, one, other))):
        return one == other
    changed, differing = (
        {change.path for change in trees.changes(*pair)}
        for pair in ((work.base, work.tree), (one, other))
    )
    return changed.isdisjoint(differing)


def _conflict(objections: str, commit: str) -> AethrError:
    """Tell which files conflict, in git's words."""
    lines = [line for line in objections.splitlines() if not line.startswith("error: patch failed")]
    error = AethrError("the patch does not apply; nothing was changed")
    if _IN_THE_WAY.search(objections):
        began = f", or check out {commit[:12]}, where the run began" if commit else ""
        error.hint = f"commit or stash your own edits of these files{began}"
    said = [
        one_line(line.removeprefix("error: ").replace(_UNRECORDED, _NEVER))
        for line in lines[:_NAMED]
    ]
    more = [f"and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    error.footer = "\n".join(f"  {line}" for line in [*said, *more])
    return error


def _touched(repo: Repo, before: str, after: str) -> Sequence[str]:
    """Name what would change. Raises UsageError for what no patch may touch."""
    asked = repo.command("diff", *WHOLE, "--raw", "-z", before, after, "--")
    said = git.names(asked, "git diff")
    names = said[1::2]
    for row, name in zip(said[::2], names, strict=True):
        if is_secret(name) or is_git_own(name):
            raise UsageError(f"the patch would write {shown(name)}, which is never written")
        if _SUBMODULE in row.removeprefix(":").split()[:2]:
            raise UsageError(f"the patch moves the submodule {shown(name)}", "carry it with git")
        if any(lexists(repo.top / folder / ".git") for folder in list(Path(name).parents)[:-1]):
            raise UsageError(f"the patch would write {shown(name)}, in a repository of its own")
    return names


def _write(repo: Repo, file: Path, before: undo.Before) -> None:
    """Have git write the files; where it fails half way, put back what stood there."""
    with signals.held():
        before.keep()
        objections = git.apply(repo, file)
        if objections:
            before.put_back()
            why = one_line(first_line(objections))
            raise AethrError(f"the patch can't be written: {why}", "every file is as it was")
        before.forget()
