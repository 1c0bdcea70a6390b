"""What there is of a context source before it is known how much of it fits. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr.frozen import frozen
from aethr.names import is_generated, shown
from aethr.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aethr.results import Doubt
    from aethr.secrets import Mask

NAMED = 20  # so many names are listed, the rest is counted
READ_FACTOR = 4  # so many times the limit is held, to choose from
SKIM = 1 << 24  # so many characters are read in search of files that fit
LINE_CUT = " […]\n"
_ESCAPED = "[\ud800-\udfff]"


@frozen
class Piece:
    """One file of a source, or all of a source that is one text.

    ``text`` may be only the beginning; ``size`` counts the characters that were
    seen, and ``more`` says that there are others. ``replaced`` counts the bytes
    that were not UTF-8. ``late`` marks one that git's attributes call generated.
    """

    name: str
    text: str = ""
    size: int = 0
    more: bool = False
    replaced: int = 0
    late: bool = False

    @classmethod
    def read(cls, name: str, text: str, size: int | None = None, *, more: bool = False) -> Piece:
        """Make one of text decoded with ``surrogateescape``, which keeps count of bad bytes."""
        mended, bad = (text, 0) if text.isascii() else re.subn(_ESCAPED, "\ufffd", text)
        return cls(name, mended, len(text) if size is None else size, more, bad)

    @property
    def is_late(self) -> bool:
        """Whether others are worth more of a reader's room."""
        return self.late or is_generated(self.name)

    @property
    def is_whole(self) -> bool:
        return not self.more and len(self.text) == self.size

    def masked(self, mask: Mask) -> Piece:
        """Hide keys; of one that the end of a cut text holds a part of, that part."""
        if not self.text:
            return self  # as most are where there are many
        text = mask(self.text) if self.is_whole else mask.cut(self.text)
        return replace(self, text=text, size=self.size + len(text) - len(self.text))

    def entry(self, *, titled: bool) -> str:
        """Give the text as whole lines, under its name if ``titled``."""
        title = f"==> {shown(self.name)} <==\n" if titled else ""
        closed = not self.text or self.text.endswith("\n")
        return title + self.text + ("" if closed else "\n" if self.is_whole else LINE_CUT)


@frozen
class Note:
    """A line about a source; ``about`` names the files that it is about."""

    text: str
    about: tuple[str, ...] = ()

    def said(self, most: int | None = NAMED) -> str:
        return f"{self.text}: {listed(self.about, most)}" if self.about else self.text

    def line(self, most: int | None = NAMED) -> str:
        return f"[{self.said(most)}]"


@frozen
class Material:
    """One source, read. ``titled``: a name above each piece. ``partial``: a cut of it is fine."""

    name: str
    pieces: tuple[Piece, ...] = ()
    notes: tuple[Note, ...] = ()
    warnings: tuple[str, ...] = ()
    doubt: Doubt | None = None
    titled: bool = False
    partial: bool = False

    @property
    def size(self) -> int:
        """The characters that were seen; there may be more."""
        return sum(piece.size for piece in self.pieces)

    @property
    def more(self) -> bool:
        return any(piece.more for piece in self.pieces)

    def masked(self, mask: Mask) -> Material:
        return replace(self, pieces=tuple(piece.masked(mask) for piece in self.pieces))

    def whole(self) -> str | None:
        """Give all of it as one text, or None where not all was read."""
        if not all(piece.is_whole for piece in self.pieces):
            return None
        parts = [piece.entry(titled=True) if self.titled else piece.text for piece in self.pieces]
        notes = (*self.notes, *replaced(self.pieces))
        return joined("".join(parts), [note.line() for note in notes])


class Shelf:
    """Pieces while they are read, so that what is held in memory depends on the limit only.

    Of those longer than the whole limit, which can't be shown whole, only the
    first keeps its text: it is cut where nothing else fits (one generated, one not).
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: list[Piece] = []
        self.skimmed = 0
        self._held = 0
        self._cuttable: set[bool] = set()

    @property
    def is_full(self) -> bool:
        """Whether it is time to stop reading: what comes later is named, and not read."""
        most = READ_FACTOR * self.limit
        return self._held >= most or self.skimmed >= max(most, SKIM)

    def add(self, piece: Piece) -> None:
        generated = piece.is_late
        if piece.size > self.limit:
            if generated in self._cuttable:
                piece = replace(piece, text="")
            self._cuttable.add(generated)
        self._held += len(piece.text)
        self.pieces.append(piece)


def joined(body: str, lines: Sequence[str]) -> str:
    """Put lines under a text that may not end with one."""
    gap = "\n" if lines and body and not body.endswith("\n") else ""
    return body + gap + "\n".join(lines)


def replaced(pieces: Sequence[Piece]) -> tuple[Note, ...]:
    """Count the bytes that are not as they were."""
    about = tuple(
        f"{shown(piece.name)} ({count(piece.replaced, 'byte')})"
        for piece in pieces
        if piece.replaced
    )
    return (Note("not UTF-8, replaced", about),) if about else ()


def not_read(about: Iterable[tuple[str, str]]) -> tuple[Note, ...]:
    """Tell which files are not read, and why each."""
    named = tuple(f"{shown(name)} ({why})" for name, why in about)
    return (Note("not read", named),) if named else ()


def listed(names: Sequence[str], most: int | None = NAMED) -> str:
    """``a, b, … (11 more)``; all of them if ``most`` is None, only their number if it is 0."""
    if most == 0:
        return count(len(names), "file")
    if most is None or len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])}, … ({len(names) - most:,} more)"
