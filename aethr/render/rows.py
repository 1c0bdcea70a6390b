"""Text set in rows behind a border, broken between words. Pure.

What is behind the border is foreign. It can't get in front of it: every row is begun here, none
is longer than the width, and no character of it moves the cursor.
"""

from __future__ import annotations

import re

from aethr.text import cells

# Chinese, Japanese and Korean have no blanks; rows break behind any of their characters.
_CJK = (
    "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffe6"
    "\U00020000-\U0003ffff"
)
_TOKEN = re.compile(f"\n|[ \t]+|[{_CJK}]|[^ \n\t{_CJK}]+")
_TAB = 8


class Rows:
    """Sets text that comes in pieces, and has been made safe, as if it had come whole.

    ``width`` is that of the text, in columns, and may change between two pieces. The last word
    of a piece may go on: it is ``pending``, and fits where the cursor stands.
    """

    def __init__(self, border: str, width: int) -> None:
        self.width = width
        self.open = False  # the cursor stands in a row, and not at the start of the next
        self._border = border
        self._column = 0
        self._gap = 0  # blanks before the next word
        self._held = ""

    @property
    def pending(self) -> str:
        """What would stand there if nothing more came."""
        begun = "" if self.open else self._border
        return f"{begun}{' ' * self._gap}{self._held}" if self._held else ""

    def feed(self, text: str) -> str:
        tokens = _TOKEN.findall(self._held + text)
        self._held = tokens.pop() if tokens and tokens[-1][0] not in " \n\t" else ""
        done = "".join(map(self._set, tokens))
        if self._held:
            rows, self._held = self._with_room(self._held)
            done += rows
        return done

    def close(self) -> str:
        """Give what was held back, and end the row."""
        last, self._held = self._held, ""
        return (self._set(last) if last else "") + (self._set("\n") if self.open else "")

    def _set(self, token: str) -> str:
        if token == "\n":
            empty = "" if self.open else self._border.rstrip()
            return empty + self._next()
        if token[0] in " \t":
            for char in token:
                place = self._column + self._gap
                self._gap += _TAB - place % _TAB if char == "\t" else 1
            return ""
        rows, word = self._with_room(token)
        return rows + self._word(word)

    def _with_room(self, word: str) -> tuple[str, str]:
        """Go to where there is room for a word; one that is longer than a row fills rows before."""
        size, rows = cells(word), ""
        if self._column + self._gap + size > self.width:
            if self._column:
                rows = self._next()
            self._gap = 0
        while size > self.width:
            part = _fitting(word, self.width)
            rows += self._word(part) + self._next()
            word = word[len(part) :]
            size = cells(word)
        return rows, word

    def _word(self, word: str) -> str:
        begun = "" if self.open else self._border
        text = f"{begun}{' ' * self._gap}{word}"
        self._column += self._gap + cells(word)
        self.open, self._gap = True, 0
        return text

    def _next(self) -> str:
        self.open, self._column, self._gap = False, 0, 0
        return "\n"


def framed(text: str, first: str, border: str, width: int) -> list[str]:
    """Set a line in rows, the first of them behind another border of the same width."""
    rows = Rows(border, width)
    lines = (rows.feed(text) + rows.close()).removesuffix("\n").split("\n")
    return [first + lines[0].removeprefix(border), *lines[1:]]


def _fitting(word: str, room: int) -> str:
    """Give as much of a word as there is room for."""
    if word.isascii():
        return word[:room]
    taken = 0
    for place, char in enumerate(word):
        taken += cells(char)
        if taken > room:
            return word[:place]
    return word
