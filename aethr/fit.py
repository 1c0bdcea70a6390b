"""Fitting one source into its share: whole, or what fits of it and lines about the rest. Pure."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from aethr.frozen import frozen
from aethr.material import LINE_CUT, NAMED, Material, Note, Piece, joined, listed, replaced
from aethr.names import shown
from aethr.results import Block, Doubt
from aethr.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = 32  # room for the numbers of two marks to grow


def fit(material: Material, share: int, *, verbose: bool = False) -> Block:
    """Fit a source into so many characters; files go in whole, in order, generated ones last."""
    text = material.whole()
    if text is not None and len(text) <= share:
        size = material.size
        return Block(material.name, text, size, size, material.warnings, material.doubt)
    return _block(_selected(material, share), share, verbose=verbose)


@frozen
class _Selection:
    """What is shown of a source: place -> piece; one that stands alone may be cut."""

    material: Material
    pieces: Mapping[int, Piece] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        return sum(len(piece.text) for piece in self.pieces.values())

    @property
    def in_part(self) -> list[Piece]:
        return [piece for piece in self.pieces.values() if not piece.is_whole]

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        if len(self.material.pieces) == 1:
            return ()  # it is the source, which the mark names
        every = enumerate(self.material.pieces)
        return tuple(shown(piece.name) for place, piece in every if place not in self.pieces)

    @cached_property
    def body(self) -> str:
        titled = self.material.titled
        return "".join(piece.entry(titled=titled) for piece in self.pieces.values())

    @property
    def measure(self) -> str:
        return _measure(self.kept, self.material)

    @property
    def mark(self) -> str:
        return f"[truncated: {shown(self.material.name)}, {self.measure}]"

    def lines(self, most: int) -> list[str]:
        """Say what was cut, with at most so many names a line."""
        material, several = self.material, len(self.material.pieces) > 1
        marks = [
            f"[truncated: {shown(piece.name)}, {_measure(len(piece.text), piece)}]"
            for piece in self.in_part
            if several
        ]
        if material.pieces:
            marks.append(self.mark)
        left_out = (Note("left out", self.left_out),) if self.left_out else ()
        notes = (*left_out, *material.notes, *replaced(tuple(self.pieces.values())))
        return [*marks, *(note.line(most) for note in notes)]


def _selected(material: Material, share: int) -> _Selection:
    """Choose the files that fit whole; where none does, the beginning of the first."""
    pieces = material.pieces
    order = sorted(range(len(pieces)), key=lambda place: pieces[place].is_late)
    first = next((place for place in order if pieces[place].text), None)
    room = share - _reserve(material, first, share)
    left, taken = room, set()
    for place in order:
        piece = pieces[place]
        if piece.is_whole and len(entry := piece.entry(titled=material.titled)) <= left:
            taken.add(place)
            left -= len(entry)
    if first is None or any(pieces[place].text for place in taken):
        return _Selection(material, {place: pieces[place] for place in sorted(taken)})
    room -= len(replace(pieces[first], text="").entry(titled=material.titled))
    beginning = replace(pieces[first], text=_beginning(pieces[first].text, room))
    return _Selection(material, {first: beginning} if beginning.text else {})


def _reserve(material: Material, first: int | None, share: int) -> int:
    """Keep room for the lines about what is cut; names take no more than a third."""
    none = {} if first is None else {first: replace(material.pieces[first], text="")}
    cut, notes = _Selection(material, none), replaced(material.pieces)
    least, wished = (
        len("\n".join([*cut.lines(most), *(note.line(most) for note in notes)]))
        for most in (0, NAMED)
    )
    return _DIGITS + max(least, min(wished, share // 3))


def _beginning(text: str, room: int) -> str:
    """Cut at a line, or inside one that is longer than half of the room."""
    end = text.rfind("\n", 0, max(room, 0)) + 1
    return text[:end] if 2 * end >= room else text[: max(room - len(LINE_CUT), end)]


def _block(selection: _Selection, share: int, *, verbose: bool) -> Block:
    """Name as many files as there is room for; with hardly any room, still be visibly cut."""
    nothing = _Selection(selection.material)
    for tried in (selection, nothing):
        for most in (NAMED, NAMED // 2, 3, 1, 0):
            text = joined(tried.body, tried.lines(most))
            if len(text) <= share:
                return _made(tried, text, verbose=verbose)
    bare = next(text for text in (nothing.mark, "[truncated]", "…", "") if len(text) <= share)
    return _made(nothing, bare, verbose=verbose)


def _made(selection: _Selection, text: str, *, verbose: bool) -> Block:
    material = selection.material
    total = None if material.more else material.size
    warnings = (_warning(selection, None if verbose else NAMED), *material.warnings)
    doubt = material.doubt if material.partial else Doubt.CUT
    return Block(material.name, text, selection.kept, total, warnings, doubt)


def _warning(selection: _Selection, most: int | None) -> str:
    """``git_diff:all is cut: 31 of 44 files, 199,874 of 301,220 characters; left out: …``."""
    material, files = selection.material, ""
    if not material.pieces:
        return f"{shown(material.name)} is cut: there is no room to say anything about it"
    if len(material.pieces) > 1:
        part = "part of " if selection.in_part else ""
        files = f"{part}{len(selection.pieces):,} of {count(len(material.pieces), 'file')}, "
    left_out = f"; left out: {listed(selection.left_out, most)}" if selection.left_out else ""
    return f"{shown(material.name)} is cut: {files}{selection.measure}{left_out}"


def _measure(kept: int, whole: Piece | Material) -> str:
    more = "more than " if whole.more else ""
    return f"{kept:,} of {more}{whole.size:,} characters"
