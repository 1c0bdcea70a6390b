"""The lines of a file, and a problem that points into them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from aethr.errors import Problem
from aethr.frozen import frozen
from aethr.text import first_line, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaml._yaml import Mark as CMark
    from yaml.error import Mark

Spot: TypeAlias = tuple[int, int]
"""Line and column, both from 0."""

# A longer line is shown up to here: on a file of one line every error would repeat it all.
_SHOWN = 160

# A key that somebody put into the file is not repeated on the terminal or in a CI log. What is
# named in capitals is a variable, as `api_key_env` wants it.
_SECRET = (
    r"""((?i:(?:\b|_|api)(?:key|secret|password|token(?!s))\w*["']?\s*:\s*["']?))"""
    r"""(?![A-Z_][A-Z0-9_]*(?:["',}\s]|$))([^\s"',}]{4,})"""
)


@frozen
class SourceFile:
    """A file's name, as people gave it, and its lines."""

    name: str
    lines: Sequence[str]

    def problem(self, start: Spot, end: Spot, text: str) -> Problem:
        """Point at what is between two spots; of several lines at the first."""
        line, column = start
        source = self.lines[line] if line < len(self.lines) else ""
        width = (end[1] if end[0] == line else len(source.rstrip())) - column
        return Problem(self.name, line + 1, column + 1, text, _shown(source, column), max(1, width))


def spot_of(mark: Mark | CMark | None) -> Spot:
    """Return where a mark of YAML's is; one made by its parser is never None."""
    return (mark.line, mark.column) if mark else (0, 0)


def spot(text: str, index: int) -> Spot:
    """Return where a character of a text stands."""
    lines = (text[:index] + "x").splitlines()
    return len(lines) - 1, len(lines[-1]) - 1


def quoted(text: str) -> str:
    """Show a name or value of the file inside a message: one line, not too long."""
    shown = printable(first_line(text, 60)).replace("\t", "\\t")
    return f"`{shown}`" if shown else f'"{text[:20]}"'


def _shown(line: str, column: int) -> str:
    if len(line) > _SHOWN:
        line = f"{line[:_SHOWN]}…" if column < _SHOWN else ""
    return re.sub(_SECRET, lambda found: found[1] + "*" * len(found[2]), line)
