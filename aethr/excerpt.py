"""A text of any length within bounds: its beginning and its end."""

from __future__ import annotations

from collections import deque


class Excerpt:
    """Keeps ``each`` characters of the beginning and of the end of a text that comes in pieces."""

    def __init__(self, each: int = 100_000) -> None:
        self._each = each
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._room = each  # for the head
        self._held = 0  # in the tail
        self._size = 0

    def add(self, piece: str) -> None:
        self._size += len(piece)
        if self._room:
            self._head.append(piece[: self._room])
            piece = piece[self._room :]
            self._room -= len(self._head[-1])
        if piece:
            self._tail.append(piece)
            self._held += len(piece)
        while self._tail and self._held - len(self._tail[0]) >= self._each:
            self._held -= len(self._tail.popleft())

    @property
    def text(self) -> str:
        """The whole text, or its two ends and between them a line that counts what is cut."""
        head, tail = "".join(self._head), "".join(self._tail)[-self._each :]
        cut = self._size - len(head) - len(tail)
        if not cut:
            return head + tail
        begun = "" if head.endswith("\n") else "\n"
        return f"{head}{begun}[truncated: {cut:,} of {self._size:,} characters]\n{tail}"
