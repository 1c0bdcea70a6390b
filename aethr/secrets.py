"""Keys that must not be seen: masked in whole texts and in streams. Pure, no I/O."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TELLING = 4  # so many characters of a key that was cut tell something about it
_PLAIN = re.compile(r"[\w.~-]*", re.ASCII)
_UNDECODED = re.compile("[\udc80-\udcff]")


class Mask:
    """Replaces the values of known keys; ``names`` maps a value to the name shown instead.

    A key is found as JSON and URLs write it, too: events of agents and errors quote it so.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        forms = {form: name for value, name in names.items() for form in _forms(value)}
        self._names = {**forms, **names}
        # Longest first: a key that begins with another is masked whole.
        self._values = sorted(self._names, key=len, reverse=True)
        self._firsts = {value[0] for value in self._values}
        self._pattern = re.compile("|".join(map(re.escape, self._values))) if names else None

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"[masked {self._names[match[0]]}]", text)

    def cut(self, text: str) -> str:
        """Mask a text that goes on where it was cut, and what there is of a key at its end."""
        return text if self._pattern is None else self._without_half(self(text))

    def brief(self, text: str) -> str:
        """Mask a line for people, in which a ``…`` may stand for the rest of a key."""
        if self._pattern is None:
            return text
        return "…".join(map(self._without_half, self(text).split("…")))

    def stream(self) -> StreamMask:
        return StreamMask(self)

    def settled(self, text: str) -> int:
        """Return how many characters from the start no later piece can make part of a key."""
        if self._pattern is None:
            return len(text)
        cut = len(text) - self._unfinished(text)
        for match in self._pattern.finditer(text):
            if match.start() < cut < match.end():
                return match.start()
        return cut

    def _without_half(self, text: str) -> str:
        size = self._unfinished(text)
        if size < _TELLING:
            return text
        half = text[-size:]
        name = next(self._names[value] for value in self._values if value.startswith(half))
        return f"{text[:-size]}[masked {name}]"

    def _unfinished(self, text: str) -> int:
        """Return the length of the longest end of the text that begins some key."""
        end = text[-len(self._values[0]) :]
        for start, first in enumerate(end):
            if first in self._firsts:
                size, begun = len(end) - start, end[start:]
                if any(len(value) > size and value.startswith(begun) for value in self._values):
                    return size
        return 0


class StreamMask:
    """Masks a text that comes in pieces; a key split between pieces does not slip through."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = ""

    def feed(self, piece: str) -> str:
        """Give what can be shown now; the rest is held until it can't be a key any more."""
        text = self._held + piece
        cut = self._mask.settled(text)
        self._held = text[cut:]
        return self._mask(text[:cut])

    def flush(self, *, cut: bool = False) -> str:
        """Give what is left: a whole key, masked, or a beginning that never became one.

        Of a stream that was ``cut`` it may be the beginning of a key all the same.
        """
        held, self._held = self._held, ""
        return self._mask.cut(held) if cut else self._mask(held)


def _forms(value: str) -> set[str]:
    """Give a key as JSON, Python, a URL and a decoder of broken UTF-8 write it.

    Twice over: an event of an agent may quote a file, or an error a server, that quotes it.
    """
    if _PLAIN.fullmatch(value):
        return set()
    from urllib.parse import quote

    found = {value, _UNDECODED.sub("\ufffd", value)}
    for _ in range(2):
        found |= {form for one in found for form in _quoted(one)}
    return found | {quote(value, safe="", errors="surrogateescape")}


def _quoted(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield repr(f'"{text}')[2:-1]  # beside a quote, Python chooses the other one
    yield repr(text.encode("utf-8", "replace"))[2:-1]
