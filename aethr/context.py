"""What a step can see: its context sources as blocks of text within a limit."""

from __future__ import annotations

from dataclasses import field, replace
from enum import Enum
from typing import TYPE_CHECKING

from aethr import diffs, files, git
from aethr.comparison import compare, has_staged
from aethr.errors import UsageError
from aethr.files import Unread
from aethr.frozen import frozen
from aethr.material import READ_FACTOR, Material, Note, Piece, Shelf, not_read
from aethr.names import is_generated, leaves, matching
from aethr.results import Doubt
from aethr.secrets import Mask
from aethr.share import fit_all
from aethr.workflow import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aethr.git import Repo
    from aethr.results import Block
    from aethr.workflow import Source, Workflow


class Absent(Enum):
    """Why there is no diff where one could be."""

    NOT_YET = "nothing was implemented yet"
    NOT_KEPT = "the patch was not kept"
    TOO_LARGE = "the patch is over 10 MB"
    NO_TREE = "the tree that it starts from is not in this repository"
    ELSEWHERE = "the working tree is not the one that the last step left behind"


@frozen
class Patch:
    """What an earlier result changed, as a diff."""

    name: str
    text: str | Absent


@frozen
class Surroundings:
    """Where context comes from.

    ``outputs`` maps step ids to their latest output. ``patches`` are shown beside
    the sources and share their limit. ``scratch`` is a folder for temporary files
    (the system's); ``verbose`` makes warnings name every file that is left out.
    """

    root: Path
    repo: Repo | None = None
    stdin: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    latest_diff: str | Absent = Absent.NOT_YET
    run_diff: str | Absent = Absent.NOT_YET
    patches: tuple[Patch, ...] = ()
    scratch: Path | None = None
    verbose: bool = False
    mask: Mask = Mask({})


def collect(sources: Sequence[Source], around: Surroundings, limit: int) -> tuple[Block, ...]:
    """Give a block for each source, in order, and then one for each patch.

    Their texts together have at most ``limit`` characters. Raises UsageError for
    a revision that git does not know.
    """
    materials = [[_GATHER[source.kind](source, around, limit)] for source in sources]
    patches = [_kept_diff(patch.name, patch.text, around, limit) for patch in around.patches]
    # Before anything is cut: half a key is none that a mask would know.
    masked = [[one.masked(around.mask) for one in parts] for parts in [*materials, patches]]
    return fit_all(masked, limit, verbose=around.verbose)


def refuse_secrets(workflow: Workflow, root: Path) -> None:
    """Raise UsageError for a ``file:`` that a link leads to a secret file."""
    for step in workflow.steps:
        for source in step.context:
            is_file = source.kind is SourceKind.FILE
            if is_file and files.locate(root, source.argument) is Unread.SECRET:
                raise UsageError(
                    f"step `{step.id}`: {source.name} leads to a secret file, which is never read",
                    "name another file; a model may see an `.env.example`",
                )


def _git_diff(source: Source, around: Surroundings, limit: int) -> Material:
    if around.repo is None:
        return _said(source.name, git.NOWHERE, Doubt.MISSING)
    with compare(around.repo, source.argument, around.scratch) as comparison:
        material = diffs.compared(comparison, limit)
    if material.pieces:
        return material
    material = replace(material, notes=(Note("git diff is empty"), *material.notes))
    unseen = "" if source.argument else _unseen(around.repo, around.scratch)
    if not unseen:
        return material
    return replace(
        material,
        notes=(*material.notes, Note(f"but there are {unseen}; git_diff:all shows them")),
        warnings=(
            f"git_diff is empty, but there are {unseen}; git_diff:all shows them",
            *material.warnings,
        ),
        doubt=Doubt.MISSING,
    )


def _unseen(repo: Repo, scratch: Path | None) -> str:
    """Name the uncommitted work that `git diff` alone does not show."""
    found = {
        "staged changes": has_staged(repo, scratch),
        "untracked files": bool(git.untracked(repo)),
    }
    return " and ".join(work for work, is_there in found.items() if is_there)


def _latest_diff(source: Source, around: Surroundings, limit: int) -> Material:
    return _kept_diff(source.name, around.latest_diff, around, limit)


def _run_diff(source: Source, around: Surroundings, limit: int) -> Material:
    return _kept_diff(source.name, around.run_diff, around, limit)


def _kept_diff(name: str, text: str | Absent, around: Surroundings, limit: int) -> Material:
    if isinstance(text, Absent):
        return _said(name, text.value, Doubt.MISSING)
    material = diffs.given(name, text, limit, around.repo)
    return material if material.pieces or material.notes else _text(Piece(name))


def _step(source: Source, around: Surroundings, _: int) -> Material:
    output = around.outputs.get(source.argument)
    if output is None:
        return _said(source.name, "this step has no output yet")
    return _text(Piece.read(source.name, output))


def _stdin(source: Source, around: Surroundings, limit: int) -> Material:
    if around.stdin is None:
        return _said(source.name, "nothing was piped in")
    text, more = around.stdin[:limit], len(around.stdin) > limit
    material = _text(Piece.read(source.name, text, more=more))
    if around.stdin.strip():
        return material
    # The command before the pipe may have failed: a shell tells nobody.
    return replace(material, warnings=(f"{source.name} is empty",), doubt=Doubt.MISSING)


def _file(source: Source, around: Surroundings, limit: int) -> Material:
    found = _read(around.root, source.argument, limit)
    if isinstance(found, Unread):
        return _said(source.name, found.value)
    return _text(replace(found, name=source.name))


def _glob(source: Source, around: Surroundings, limit: int) -> Material:
    pattern, root = source.argument, around.root
    if leaves(pattern):
        return _said(source.name, Unread.OUTSIDE.value)
    names = matching(pattern, git.files(around.repo, root) if around.repo else files.walk(root))
    if not names:
        return _said(source.name, "no file matches")
    marked = git.generated(around.repo, root, names) if around.repo else set[str]()
    shelf, unread = Shelf(limit), []
    for name in sorted(names, key=lambda name: name in marked or is_generated(name)):
        if shelf.is_full:
            shelf.add(Piece(name, more=True, late=name in marked))
            continue
        found = _read(root, name, limit)
        if isinstance(found, Unread):
            unread.append((name, found.value))
        else:
            shelf.skimmed += found.size
            shelf.add(replace(found, late=name in marked) if marked else found)
    notes = not_read(sorted(unread))
    warnings = tuple(f"{source.name}: {note.said()}" for note in notes)
    pieces = tuple(sorted(shelf.pieces, key=lambda piece: piece.name))
    return Material(source.name, pieces, notes, warnings, titled=True, partial=True)


def _read(root: Path, name: str, limit: int) -> Piece | Unread:
    return files.read(root, name, limit, READ_FACTOR * limit)


def _text(piece: Piece) -> Material:
    """Give a source that is one text."""
    if not piece.text and piece.is_whole:
        return Material(piece.name, notes=(Note(f"{piece.name} is empty"),))
    return Material(piece.name, (piece,))


def _said(name: str, why: str, doubt: Doubt | None = None) -> Material:
    """Give a source of which there is nothing to show: a placeholder, and a warning."""
    return Material(
        name, notes=(Note(f"{name}: {why}"),), warnings=(f"{name}: {why}",), doubt=doubt
    )


_GATHER: Mapping[SourceKind, Callable[[Source, Surroundings, int], Material]] = {
    SourceKind.GIT_DIFF: _git_diff,
    SourceKind.LATEST_DIFF: _latest_diff,
    SourceKind.RUN_DIFF: _run_diff,
    SourceKind.STEP: _step,
    SourceKind.STDIN: _stdin,
    SourceKind.FILE: _file,
    SourceKind.GLOB: _glob,
}
