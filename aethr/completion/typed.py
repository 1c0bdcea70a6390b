"""A command line as far as it is typed in bash -> its words, and how the last one is gone on with.

bash gives a completion function words that are still quoted, and broken at COMP_WORDBREAKS;
what the function returns goes into the line as it is. So the line is read here, with its quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPES = {
    "": re.compile(r"[^\w@%+=./,-]", re.ASCII),
    '"': re.compile(r'[$`"\\!]'),
    "'": re.compile("'"),
}
_IN_DOUBLE = frozenset('$`"\\')  # what a backslash quotes between double quotes


@dataclass
class Line:
    """``words`` are whole and without quotes; ``current`` is the one that the cursor is behind.

    Of it bash keeps ``kept``, and replaces the rest; ``quote`` is the one that is open in it.
    ``redirected`` tells that it names the file of a redirection.
    """

    words: list[str] = field(default_factory=list)
    current: str = ""
    kept: str = ""
    quote: str = ""
    redirected: bool = False

    def goes_on(self, candidate: str) -> str:
        """Write what makes a candidate of the current word, quoted as the word is."""
        return _ESCAPES[self.quote].sub(self._escaped, candidate[len(self.kept) :])

    def _escaped(self, found: re.Match[str]) -> str:
        char = found[0]
        if self.quote == "'":
            return "'\\''"
        if self.quote and char == "!":
            return "\"'!'\""  # history is expanded between double quotes, and a backslash stays
        return f"\\{char}" if char.isascii() else char

    def end_word(self) -> None:
        if self.current and not self.redirected:
            self.words.append(self.current)
        if self.current:
            self.redirected = False
        self.current = self.kept = ""


def read(text: str, breaks: str) -> Line:
    """Read a line up to the cursor; ``breaks`` is COMP_WORDBREAKS."""
    line = Line()
    rest = iter(text)
    for char in rest:
        if line.quote:
            _quoted(line, char, rest)
        elif char == "\\":
            line.current += next(rest, "")
        elif char in "'\"":
            line.quote, line.kept = char, line.current
        elif char in " \t\n":
            line.end_word()
        elif char in "<>":
            line.end_word()
            line.redirected = True
        else:
            line.current += char
            if char in breaks:
                # `@` breaks words and stays with what is behind it (readline, rl_special_prefixes).
                line.kept = line.current.removesuffix("@")
    return line


def _quoted(line: Line, char: str, rest: Iterator[str]) -> None:
    """Take a character between quotes in."""
    if char == line.quote:
        line.quote, line.kept = "", line.current
    elif char == "\\" and line.quote == '"':
        after = next(rest, "")
        line.current += after if after in _IN_DOUBLE else f"\\{after}"
    else:
        line.current += char
