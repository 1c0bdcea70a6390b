"""What of an answer is the reviewer's own, and what it quotes of files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FENCE = re.compile(r"\s*(`{3,}(?!.*`)|~{3,})(.*)")
_PROSE = frozenset({"", "text", "txt", "plain", "plaintext", "markdown", "md", "findings"})
_DIFF = re.compile(r"\s*(?:diff --git |@@ -\d|--- \S+|\+\+\+ \S+)")
_HUNK = re.compile(r"\s*@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class Part(NamedTuple):
    """A line, or a whole JSON document; ``fenced`` is a line in a code block."""

    text: str
    fenced: bool = False
    is_json: bool = False


def own(answer: str) -> Iterator[Part]:
    """Leave out what is quoted. JSON may be the answer itself: who reads it is to be strict."""
    if answer.lstrip()[:1] in ("{", "["):
        yield Part(answer, is_json=True)
    lines, at = answer.splitlines(), 0
    while at < len(lines):
        if fence := fence_after(lines[at], ""):
            end = _closing(lines, at + 1, fence)
            if end is not None:
                yield from _fenced(lines[at], lines[at + 1 : end])
                at = end
        elif hunk := _HUNK.match(lines[at]):
            at = _after_hunk(lines, at + 1, int(hunk[1] or 1), int(hunk[2] or 1)) - 1
        else:
            yield Part(lines[at])
        at += 1


def fence_after(line: str, fence: str) -> str:
    """Give the fence of the code block that is open after a line, if one is."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark[1]
    return "" if mark[1].startswith(fence) and not mark[2].strip() else fence


def _closing(lines: Sequence[str], start: int, fence: str) -> int | None:
    """Find the line that closes a fence; one that nothing closes hides nothing."""
    return next((at for at in range(start, len(lines)) if not fence_after(lines[at], fence)), None)


def _fenced(opening: str, inside: Sequence[str]) -> Iterator[Part]:
    info = opening.strip(" \t>`~").casefold()
    if info == "json":
        yield Part("\n".join(inside), is_json=True)
    elif info in _PROSE and not any(map(_DIFF.match, inside)):
        yield from (Part(line, fenced=True) for line in inside)


def _after_hunk(lines: Sequence[str], at: int, old: int, new: int) -> int:
    """Go over as many lines as a hunk says that it has; one that can't be in it ends it."""
    while at < len(lines) and (old > 0 or new > 0) and lines[at][:1] in (" ", "+", "-", "\\"):
        old -= lines[at][0] in " -"
        new -= lines[at][0] in " +"
        at += 1
    return at
