"""What the name of a file says: secret, generated, of git's own, matched by a pattern. Pure.

Names are relative to a folder and posix: ``docs/a.md``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHAREABLE = (".example", ".sample", ".template")
_GENERATED = re.compile(
    r"""(?: .*\.lockb? | .*-lock\.(?:json|ya?ml) | npm-shrinkwrap\.json | go\.sum
      | .*\.min\.(?:js|css|mjs) | .*\.(?:js|css|mjs)\.map
      | .*_pb2(?:_grpc)?\.pyi? | .*\.pb\.go )""",
    re.VERBOSE | re.IGNORECASE,
)
_TOKEN = r"(?s)\[(!?+)(\][^\]]*|[^\]]+)\]|(\*+)|(.)"
_FOLDERS = "(?:[^/]+/)*"


def is_secret(name: str) -> bool:
    """Whether it is a ``.env`` of some kind, in whichever folder; case aside, as on macOS."""
    last = name.rpartition("/")[2].casefold()
    return last == ".env" or (last.startswith(".env.") and not last.endswith(_SHAREABLE))


def is_generated(name: str) -> bool:
    """Whether a tool wrote it, so that other files are worth more of a reader's room."""
    return _GENERATED.fullmatch(name.rpartition("/")[2]) is not None


def is_git_own(name: str) -> bool:
    """Whether it stands in a ``.git`` folder, or is the ``.git`` file of a worktree."""
    return any(part.casefold() == ".git" for part in name.split("/"))


def shown(name: str) -> str:
    """Give a name as one line that is safe to show."""
    return one_line(name)


def leaves(pattern: str) -> bool:
    """Whether a pattern names something outside the folder that it is relative to."""
    return pattern.startswith("/") or ".." in pattern.split("/")


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Give the names that match, sorted, each once."""
    matches = matcher(pattern)
    return sorted({name for name in names if matches(name)})


def matcher(pattern: str) -> Callable[[str], object]:
    """Compile a pattern: ``*`` and ``?`` stay inside a folder, ``**`` crosses any number of them.

    Own, because ``glob`` and ``pathlib`` of Python 3.11 to 3.13 differ on ``**``.
    """
    parts = pattern.split("/")
    if parts[-1] == "**":
        parts.append("*")
    regex = ""
    for part in parts[:-1]:
        if part == "**":
            regex = regex.removesuffix(_FOLDERS) + _FOLDERS
        elif part not in {"", "."}:
            regex += f"{_part(part)}/"
    return re.compile(regex + _part(parts[-1]), re.DOTALL).fullmatch


def _part(pattern: str) -> str:
    """Translate one name of a path; each `*` gives up at its first fit, so that none backtracks."""
    chunks = [""]
    for negated, members, stars, char in re.findall(_TOKEN, pattern):
        if stars:
            chunks.append("")
        elif members:
            chunks[-1] += _one_of(members, negated)
        else:
            chunks[-1] += "[^/]" if char == "?" else re.escape(char)
    first, *rest = chunks
    if not rest:
        return first
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1]) + f"[^/]*{rest[-1]}"


def _one_of(members: str, negated: str) -> str:
    ranges = "".join(
        f"{re.escape(low or one)}-{re.escape(high or one)}"
        for low, high, one in re.findall("(.)-(.)|(.)", members, re.DOTALL)
        if low <= high
    )
    if negated:
        return f"[^/{ranges}]"
    return f"(?!/)[{ranges}]" if ranges else "(?!)"
