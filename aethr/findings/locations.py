"""Where a line of text points to: ``src/app.py:12``, in the ways in which people write it."""

from __future__ import annotations

import re
from typing import NamedTuple

_BARE = "Makefile|Dockerfile|Containerfile|Jenkinsfile|Procfile|Rakefile|Gemfile|Justfile|LICENSE"
# Without a line number `asyncio.run` is no file, and `app.py` is one.
_EXTENSIONS = """
bash c cc cfg clj cpp cs css dart erl ex exs go gradle h hpp hs html ini ipynb java js json jsx kt
lock lua m md mm php pl proto ps1 py pyi r rb rs rst scala scss sh sql svelte swift tf toml ts tsx
txt vue xml yaml yml
"""
_KNOWN = frozenset(_EXTENSIONS.split())
# Also Next.js's `app/[id]/` and `app/(shop)/`.
_PART = r"(?:[\w.@+~$=-]+|\[[\w.-]{1,60}\]|\([\w-]{1,60}\))"
_PATH = rf"""
    (?:[A-Za-z]:(?=[\\/]))?[\\/]?(?:{_PART}[\\/]){{0,40}}+
    (?: [\w@+~$=.\-]*\.[A-Za-z]\w{{0,9}}(?![\w/\\]) | (?:{_BARE})\b
      | (?<=[\\/])[\w@+~$=.\-]+(?=:L?\d) )
"""
_WORD = r"(?:lines?|ln\.?|zeilen?|lignes?|líneas?|linhas?|righe|riga|строк[аи]|第)"
MOST_DIGITS = 7  # of a line's number
_NUMBER = rf"(\d{{1,{MOST_DIGITS}}})(?!\d)"
_RANGE = r"(?:\s?[-–:,]\s?L?\d+)*"
_LINE = rf"""
    (?: [:\#]L?{_NUMBER} | \({_NUMBER}(?:,\s?\d+)?\)
      | [\s,:]{{0,3}}[(\[]?(?:{_WORD}\s?|L){_NUMBER} ){_RANGE}\s?行?[)\]]?
"""
# A file in the browser of GitHub or GitLab; a branch with a slash in its name can't be told.
_BROWSED = r"https?://[\w.-]+(?:/[\w.~-]+){2,6}?/(?:-/)?blob/[\w.-]+/"
_LINK = r"(?:(?:\]|(?<=\]))\([^()\s]{0,400}\))?"
_FLAGS = re.VERBOSE | re.IGNORECASE
_FOUND = re.compile(
    rf"(?:{_WORD}\s?{_NUMBER}{_RANGE}\s(?:of|in|von|de|di|du|dans)\s)?"
    rf"(?:(?<![\w/\\.@:-])(?:{_BROWSED})?({_PATH})(?:{_LINE})?`?{_LINK}"
    rf"|`((?:[^`:\n]|:(?=[\\/])){{1,300}})(?:{_LINE})?`(?:{_LINE})?{_LINK})",
    _FLAGS,
)
_ALONE = re.compile(rf"[(\[]?(?:{_WORD}\s?:?\s?|L){_NUMBER}{_RANGE}\s?行?[)\]]?", _FLAGS)
_WHOLE = re.compile(_PATH, _FLAGS)
_AROUND = "[(<`*_"


class Location(NamedTuple):
    """A path with ``/``, a line from 1 or None, and where both stand in the text."""

    path: str
    line: int | None
    start: int
    end: int


def first(text: str) -> Location | None:
    """Find the first place that a text names; one without a line must look much like a file."""
    for found in _FOUND.finditer(text):
        plain, quoted = found[2], found[6]
        path = plain or quoted
        line = next((int(found[at]) for at in (1, *_LINES) if found[at]), 0) or None
        if _is_file(path, lined=line is not None, quoted=quoted is not None):
            path = path.replace("\\", "/").removeprefix("./")
            return Location(path, line, found.start(), found.end())
    return None


def at_start(text: str) -> Location | None:
    """Find a place with which a text begins, whatever stands around it."""
    place = first(text)
    return place if place and not text[: place.start].strip(_AROUND + " ") else None


def line_alone(text: str) -> tuple[int, int] | None:
    """Read ``line 12`` or ``L12-15`` at the start: the line, and where the text goes on."""
    found = _ALONE.match(text)
    return (int(found[1]), found.end()) if found and int(found[1]) else None


def _is_file(path: str, *, lined: bool, quoted: bool) -> bool:
    if quoted and " " not in path and not _WHOLE.fullmatch(path):
        return lined and bool(re.search(r"[\\/]", path)) and "://" not in path
    if not re.search(r"[^\W\d_]", path) or "//" in path:
        return False
    known = path.rpartition(".")[2].lower() in _KNOWN
    if quoted and " " in path:
        return known
    return lined or known or ("/" in path and "." in path.rpartition("/")[2])


_LINES = (3, 4, 5, 7, 8, 9, 10, 11, 12)
