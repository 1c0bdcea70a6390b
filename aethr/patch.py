"""A unified diff as git writes it, split into the parts of its files. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aethr.frozen import frozen
from aethr.material import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Content never begins a line with a letter or a star, so that such a line begins a file.
_KINDS = ("diff --git ", "diff --cc ", "* Unmerged path ")
_BEGIN = re.compile("\n(?=" + "|".join(map(re.escape, _KINDS)) + ")")
_TAIL = 20  # a beginning that is split between two chunks is at most this long
_HEADER = 40_000  # two names of 4,096 bytes, quoted, and the lines around them
_RENAMED = "(?m)^(?:rename|copy) (from|to) (.+)$"
_ESCAPE = rb"\\(?:([0-7]{3})|(.))"
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
}


@frozen
class Part:
    """What a diff says about one file; ``names`` are the file's and, if another, its old one."""

    names: tuple[str, ...]
    piece: Piece

    @property
    def is_binary(self) -> bool:
        return re.search("\nBinary files .* differ\n?$", self.piece.text) is not None

    def joined(self, other: Part) -> Part:
        """Make one of two parts that follow each other."""
        one, two = self.piece, other.piece
        text = one.text + two.text if one.is_whole else one.text
        bad = one.replaced + two.replaced
        return Part(self.names, Piece(one.name, text, one.size + two.size, replaced=bad))


def split(chunks: Iterable[str], hold: int) -> Iterator[Part]:
    """Yield the parts in order; of one longer than ``hold`` characters only its beginning."""
    part, buffer = _Growing(hold), ""
    for chunk in chunks:
        buffer += chunk
        begin = 0
        for match in _BEGIN.finditer(buffer):
            part.add(buffer[begin : match.end()])
            yield part.done()
            part, begin = _Growing(hold), match.end()
        end = max(begin, len(buffer) - _TAIL)
        part.add(buffer[begin:end])
        buffer = buffer[end:]
    part.add(buffer)
    if part.size:
        yield part.done()


@dataclass(slots=True)
class _Growing:
    """A part while it is read: its beginning, and the size of all of it."""

    hold: int
    size: int = 0
    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        room = max(self.hold, _HEADER) - self.size
        if room > 0:
            self.texts.append(text[:room])
        self.size += len(text)

    def done(self) -> Part:
        text = "".join(self.texts)
        names = _names(text)
        return Part(names, Piece.read(names[0], text[: self.hold], self.size))


def _names(part: str) -> tuple[str, ...]:
    """Read the names of a part's header, the present one first; empty where it has none."""
    line = part.partition("\n")[0]
    kind = next((kind for kind in _KINDS if line.startswith(kind)), None)
    if kind is None:
        return ("",)
    moved = dict(re.findall(_RENAMED, part.partition("\n@@")[0]))
    if moved.keys() == {"from", "to"}:
        return _unquoted(moved["to"]), _unquoted(moved["from"])
    rest = line.removeprefix(kind)
    if kind != _KINDS[0]:
        return (_unquoted(rest),)
    # `a/NAME b/NAME` may hold any number of blanks, but it has two equal halves.
    return (_unquoted(rest[len(rest) // 2 + 1 :])[2:],)


def _unquoted(name: str) -> str:
    if not (name.startswith('"') and name.endswith('"')):
        return name
    quoted = name[1:-1].encode("utf-8", "surrogateescape")
    return re.sub(_ESCAPE, _unescaped, quoted).decode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[bytes]) -> bytes:
    octal, letter = match.groups()
    return bytes([int(octal, 8)]) if octal else _LETTERS.get(letter, letter)
