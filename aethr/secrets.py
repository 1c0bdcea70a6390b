"""Keys that must not be seen: masked in whole texts and in streams. Pure, no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mask:
    """Replaces the values of known keys; ``names`` maps a value to the name shown instead."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        # Longest first: a key that begins with another is masked whole.
        self._values = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._values))) if names else None

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"[masked {self._names[match[0]]}]", text)

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

    def _unfinished(self, text: str) -> int:
        """Return the length of the longest end of the text that begins some key."""
        longest = max(map(len, self._values)) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(len(value) > size and value.startswith(text[-size:]) for value in self._values):
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

    def flush(self) -> str:
        """Give what is left: a whole key, masked, or a beginning that never became one."""
        held, self._held = self._held, ""
        return self._mask(held)
