"""What is started, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class TimedOut(Exception):
    """A process was ended because it took longer than its timeout."""


class Flooded(Exception):
    """A process was ended because it wrote more than a disk should have to hold."""


@frozen
class Command:
    """What to start. An empty ``stdin`` is the null device; ``timeout`` is in seconds, in all.

    ``marker`` is for ``following``: it stands in the environment of all that is started.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes = b""
    timeout: float | None = None
    marker: str = ""


@frozen
class Line:
    """What a process wrote, without the newline."""

    text: bytes
    is_error: bool = False


@frozen
class Finished:
    """How a process ended, and what it wrote; ``run`` keeps only the beginning of ``stderr``."""

    code: int
    stdout: bytes
    stderr: str
