"""What comes in on stdin, for the context source of that name."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from aethr.errors import UsageError
from aethr.workflow import SourceKind

if TYPE_CHECKING:
    from aethr.secrets import Mask
    from aethr.workflow import Workflow


def most(workflow: Workflow, only: str) -> int:
    """Tell how many characters are of use to a run, or to its only step; 0 where no step asks.

    One more than the limit tells that there is more.
    """
    sizes = [
        step.context_limit
        for step in workflow.steps
        if only in ("", step.id) and any(s.kind is SourceKind.STDIN for s in step.context)
    ]
    return max(sizes) + 1 if sizes else 0


def read(most: int, mask: Mask) -> str:
    """Read at most so many characters, keys masked. Raises UsageError where nothing can come."""
    if why := _unreadable():
        raise UsageError(
            f"the context source `stdin` needs input, and stdin {why}",
            "pipe something in: git diff main | aethr run …",
        )
    # A character has at most 4 bytes in UTF-8. Masked before it is cut: a mask may be
    # shorter than its key.
    try:
        data = _read(sys.stdin.buffer, 4 * most)
    except OSError as error:
        raise UsageError(f"stdin can't be read: {error.strerror or error}") from None
    text = data.decode("utf-8", "surrogateescape")
    return (mask(text) if len(data) < 4 * most else mask.cut(text))[:most]


def is_there() -> bool:
    """Whether something may be waiting: a pipe or a file, not a terminal or /dev/null."""
    with suppress(OSError, ValueError):  # stdin is no file where a program has replaced it
        mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin else 0
        return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
    return False


def _unreadable() -> str:
    """Say why no input can be expected, or nothing."""
    if sys.stdin is None or sys.stdin.closed:
        return "is closed"
    if sys.stdin.isatty():
        return "is a terminal"
    return "" if hasattr(sys.stdin, "buffer") else "is no file"


def _read(stream: BinaryIO, most: int) -> bytes:
    """Read to the end, or so many bytes. Asked for all at once, Python makes room for all."""
    pieces = []
    while most and (piece := stream.read(min(most, 1 << 20))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)
