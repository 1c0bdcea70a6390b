"""Text that is safe to show, and small helpers for wording. Pure functions."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, and the bidirectional and invisible
# formatting characters that can make a terminal show other text than it got
# ("Trojan Source", CVE-2021-42574), line separators included.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Make foreign text safe for a terminal: control characters become visible escapes."""
    return _UNSAFE.sub(_escaped, text.replace("\r\n", "\n")) if _UNSAFE.search(text) else text


def has_control(text: str) -> bool:
    """Whether a one-line name holds what a terminal would not show as it is."""
    return "\n" in text or "\t" in text or _UNSAFE.search(text) is not None


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``1,204 files``, ``3 passes``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first_line(text: str, width: int = 120) -> str:
    """The first line that says something, shortened with a visible mark."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


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
