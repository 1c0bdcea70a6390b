"""Text that is safe to show, and small helpers for wording. Pure functions."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache

# Everything that acts on a terminal or can't be seen there: controls, what turns the direction
# of text ("Trojan Source", CVE-2021-42574), line separators, and what Unicode calls default
# ignorable, tags (U+E0000) and fillers included, which can carry text that nobody sees.
_ALWAYS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff"
    "\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# Emoji, Indic and Persian need joiners and variation selectors: one behind a visible character
# may stay, but no joiner inside plain ASCII (`pa<joiner>ss`), and no run of them.
_JOINERS, _SELECTORS = "\u200c\u200d", "\ufe0e\ufe0f"
# Compiled by whoever has a text that needs it: 2 ms that most starts of Aethr can do without.
_UNSAFE = (
    f"[{_ALWAYS}]"
    f"|(?<![^\0-\x7f{_JOINERS}{_ALWAYS}])[{_JOINERS}]"
    f"|(?<![^\0-\x22$-)+-/:-\x7f{_JOINERS}{_SELECTORS}{_ALWAYS}])[{_SELECTORS}]"
)
_OFF_LINE = f"[\n\t]|{_UNSAFE}"


def printable(text: str) -> str:
    """Make foreign text safe for a terminal: control characters become visible escapes."""
    if is_plain(text) or not re.search(_UNSAFE, text):
        return text
    return re.sub(_UNSAFE, _escaped, text.replace("\r\n", "\n"))


def is_plain(text: str) -> bool:
    """Whether it is printable ASCII, line feeds and tabs aside: no pattern need look at it."""
    return text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()


def one_line(text: str) -> str:
    """Make text safe, and keep it on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def first_control(text: str) -> str:
    """Give the first character that a terminal would not show as it is on one line, or nothing."""
    found = None if text.isascii() and text.isprintable() else re.search(_OFF_LINE, text)
    return found[0] if found else ""


class PrintableStream:
    """Makes text that comes in pieces printable, as if it had come whole."""

    def __init__(self) -> None:
        self._before = ""
        self._held = ""  # a CR that may be the first half of a line's end

    def feed(self, piece: str) -> str:
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        text = self._before + text.removesuffix(self._held)
        shown = printable(text)[len(printable(self._before)) :]
        self._before = text[-1:]
        return shown

    def close(self) -> str:
        """Give what was held back."""
        held, self._held, self._before = self._held, "", ""
        return printable(held)


def shell_word(text: str) -> str:
    """Quote a word for a shell.

    One with control characters is written as ``$'…'`` (bash, zsh, POSIX 2024): a command that
    people are given must be visible, and still name the very same file.
    """
    if not first_control(text):
        return shlex.quote(text)
    return f"$'{''.join(map(_shell_escaped, text))}'"


def _shell_escaped(char: str) -> str:
    if not first_control(char) and char not in "'\\":
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``1,204 files``, ``3 passes``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first_line(text: str, width: int = 120) -> str:
    """The first line that says something, shortened with a visible mark."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def command_line(text: str, width: int = 60) -> str:
    """``pytest -q``; of several lines the first, with a visible mark."""
    lines = text.strip().splitlines()
    first = first_line(text, width)
    return f"{first} …" if lines[1:] and not first.endswith("…") else first


def cells(text: str) -> int:
    """Count the columns that a line takes on a terminal: the most, where terminals differ."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


# Wide by Unicode 15.1 to 17, and so on new terminals, whatever this Python knows: symbols of the
# I Ching, strokes, Tangut, Kana, counting rods, flags and emoji.
_WIDE = re.compile(
    "[\u2630-\u2637\u268a-\u268f\u2ff0-\u2fff\u31e4\u31e5\u31ef\u4dc0-\u4dff"
    "\U00016ff2-\U00016ff6\U000187f8-\U000187ff\U00018cd6-\U00018cff\U00018d09-\U000191d2"
    "\U0001b123-\U0001b168\U0001d300-\U0001d376\U0001f1ae\U0001f1e6-\U0001faff]"
)


@lru_cache(4096)
def _cells_of(char: str) -> int:
    import unicodedata

    if char == "\ufe0f":
        return 1  # it makes an emoji, which is wide, of the sign before it
    if char in _JOINERS or unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if _WIDE.match(char) or unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int) -> list[str]:
    """Break a line behind dots, else at spaces; a word that is wider than the room stays whole."""
    lines: list[str] = []
    for part in re.split("(?<= ·) ", text) if text else ():
        for word in [part] if cells(part) <= width else re.split(" (?!·)", part):
            if lines and cells(lines[-1]) + 1 + cells(word) <= width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
    return lines


def last_lines(text: str, most: int = 20) -> str:
    """Give the end of a text: so many lines, and of each its first 1,000 characters."""
    lines = text.rstrip().rsplit("\n", most)
    return "\n".join(line[:1000] for line in lines[-most:])


def slug(text: str, otherwise: str) -> str:
    """Give a name that a shell and invoke take as one word: ``My step`` -> ``my-step``."""
    return re.sub(r"[^\w]+|_", "-", text.casefold()).strip("-") or otherwise


def duration(seconds: float) -> str:
    """``0.4 s``, ``41 s``, ``1 min 27 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
