"""Diffs as material: read only as far as could be shown, with no secret file in them."""

from __future__ import annotations

import codecs
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import git, patch
from aethr.comparison import LARGEST
from aethr.files import Unread
from aethr.material import Material, Note, Piece, Shelf, not_read
from aethr.names import is_generated, is_secret, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from aethr.comparison import Comparison
    from aethr.git import Repo
    from aethr.patch import Part

_COMMAND_LINE = 20_000  # bytes of paths; Windows takes 32,767 in all


def compared(comparison: Comparison, limit: int) -> Material:
    """Read what git says about two states, for a limit of characters."""
    names = comparison.names()
    secret = [name for name in names if is_secret(name)]
    marked = git.generated(comparison.repo, comparison.repo.top, names)
    generated = [name for name in names if name in marked or is_generated(name)]
    late = _sayable([name for name in generated if not is_secret(name)])
    reading = _Reading(comparison.name, limit, marked)
    for paths in _runs(names, secret, late):
        with comparison.patch(paths) as chunks:
            reading.take(_decoded(chunks))
        if reading.stopped:
            break
    if reading.stopped:
        reading.name_rest(comparison.names(_but(secret), renames=True))
    if reading.binary:
        reading.leave_out(comparison.too_large(reading.binary))
    if late:
        reading.shelf.pieces.sort(key=lambda piece: piece.name)
    unread = [(name, Unread.SECRET.value) for name in {**dict.fromkeys(secret), **reading.secret}]
    unread += [(name, "a repository of its own") for name in comparison.apart]
    return _material(reading, unread)


def given(name: str, text: str, limit: int, repo: Repo | None = None) -> Material:
    """Split a diff that was kept; the repository tells which of its files are generated."""
    names = [path for part in patch.split([text], 0) for path in part.names]
    marked = git.generated(repo, repo.top, names) if repo else set[str]()
    reading = _Reading(name, limit, marked)
    reading.take([text])
    return _material(reading, [(path, Unread.SECRET.value) for path in reading.secret])


def _material(reading: _Reading, unread: Sequence[tuple[str, str]]) -> Material:
    notes = (*not_read(unread), *reading.notes)
    warnings = tuple(f"{reading.name}: {note.said()}" for note in notes)
    return Material(reading.name, tuple(reading.shelf.pieces), notes, warnings)


def _runs(names: list[str], secret: list[str], late: list[str]) -> Iterator[list[str]]:
    """Yield the paths to ask for, generated files last: reading may stop before them."""
    if set(names) - {*secret, *late}:
        yield _but([*secret, *late])
    if late:
        yield [f":(top,literal){name}" for name in late]


def _but(names: list[str]) -> list[str]:
    return [":/", *(f":(top,exclude,literal){name}" for name in _sayable(names))]


def _sayable(names: list[str]) -> list[str]:
    """Give as many names as a command line takes; what is secret is looked for again when read."""
    left = _COMMAND_LINE
    for place, name in enumerate(names):
        left -= len(os.fsencode(name)) + 24
        if left < 0:
            return names[:place]
    return names


class _Reading:
    """Takes a diff chunk by chunk, until there is enough to choose from."""

    def __init__(self, name: str, limit: int, late: Collection[str] = ()) -> None:
        self.name = name
        self._late = late
        self.shelf = Shelf(limit)
        self.stopped = False
        self.secret: dict[str, None] = {}
        self.binary: set[str] = set()
        self.notes: tuple[Note, ...] = ()
        self._seen: set[str] = set()

    def take(self, chunks: Iterable[str]) -> None:
        last: Part | None = None
        for part in patch.split(self._until_full(chunks), self.shelf.limit):
            if last and last.names == part.names:  # a file that became a link has two parts
                last = last.joined(part)
            else:
                self._keep(last)
                last = part
        if not self.stopped:
            self._keep(last)
        elif last and not self.shelf.pieces:
            self._keep(replace(last, piece=replace(last.piece, more=True)))

    def name_rest(self, names: Iterable[str]) -> None:
        """Put the files that were not read beside the others, by name."""
        pieces = self.shelf.pieces
        pieces.extend(Piece(name, more=True) for name in names if name not in self._seen)
        if not any(piece.more for piece in pieces):
            # Something did come after what was read, whatever became of it since.
            pieces.append(Piece("the rest", more=True))

    def leave_out(self, large: Collection[str]) -> None:
        """Take files that git called binary for their size alone as what was not seen."""
        pieces = self.shelf.pieces
        pieces[:] = [Piece(p.name, more=True) if p.name in large else p for p in pieces]
        if large:
            why = f"larger than {LARGEST >> 20} MiB, so no lines are compared"
            self.notes = (Note(why, tuple(map(shown, sorted(large)))),)

    def _until_full(self, chunks: Iterable[str]) -> Iterator[str]:
        for chunk in chunks:
            if self.shelf.is_full:
                self.stopped = True
                return
            self.shelf.skimmed += len(chunk)
            yield chunk

    def _keep(self, part: Part | None) -> None:
        if part is None:
            return
        if hidden := [name for name in part.names if is_secret(name)]:
            self.secret.update(dict.fromkeys(hidden))
            return
        self._seen.update(part.names)
        name = part.piece.name
        if part.is_binary:
            self.binary.add(name)
        self.shelf.add(replace(part.piece, name=name or self.name, late=name in self._late))


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
