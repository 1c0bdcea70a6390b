"""Colours, where they are wanted."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RESET = "\x1b[0m"


class Style(Enum):
    """What a line stands out by; the values are those of SGR."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


def painted(text: str, style: Style) -> str:
    return f"\x1b[{style.value}m{text}{RESET}" if style.value and text else text


def wanted(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether colours are; see no-color.org and force-color.org."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (terminal and can_act(environ))


def can_act(environ: Mapping[str, str]) -> bool:
    """Whether a terminal knows escape sequences."""
    return environ.get("TERM", "") not in {"", "dumb", "unknown"}
