"""All processes that one command has started, and their end.

A process group is not enough: an agent's tools run in sessions of their own, and
what they leave running loses its parent. The environment is what they keep, so a
marker stands there, and ``/proc`` tells who carries it. A process that drops its
environment (``env -i``, tox) is found below one that has it, as long as that lives.
"""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

VARIABLE = "AETHR_RUN_MARKER"
_MARKER = re.compile("[0-9a-f]{16,64}")
_NO_SIGNAL = 0  # kill(2) only checks
_GRACE = 2.0  # seconds between asking a process to end and making it
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.2  # seconds between two looks: more and more


@frozen
class Member:
    """A process that lives. ``began`` tells it from a later one with the same number."""

    pid: int
    began: str
    parent: int
    marked: bool = False

    @property
    def identity(self) -> tuple[int, str]:
        return self.pid, self.began


def new_marker() -> str:
    return os.urandom(16).hex()


def is_marker(text: str) -> bool:
    """Whether a text is one of ours: a checkpoint may be a stranger's file."""
    return _MARKER.fullmatch(text) is not None


def marked(env: Mapping[str, str], marker: str) -> dict[str, str]:
    """Add a marker to an environment, behind those of the runs that this one is part of.

    Raises ValueError for what is none: nobody would be found by it.
    """
    if not is_marker(marker):
        raise ValueError(marker)
    return {**env, VARIABLE: ":".join(filter(None, (env.get(VARIABLE), marker)))}


def from_proc(marker: str) -> Iterator[Member]:
    """List this machine's processes (Linux); only those of the same user can be seen as marked."""
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - thousands of names
        folder = Path("/proc", name)
        with suppress(OSError):  # it has ended meanwhile
            # pid (name) state parent …; the name may hold blanks and brackets
            fields = folder.joinpath("stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] not in b"ZX":
                began = fields[19].decode()
                yield Member(int(name), began, int(fields[1]), _carries(folder, marker))


def from_ps(listing: str) -> Iterator[Member]:
    """Read ``ps -A -o pid=,ppid=,stat=,lstart=``."""
    for line in listing.splitlines():
        pid, parent, state, began = line.split(None, 3)
        if not state.startswith("Z"):
            yield Member(int(pid), began, int(parent))


def end(table: Callable[[], Iterable[Member]], root: int = 0, patience: float = 0.0) -> int:
    """End the marked of a table, ``root``, and their descendants: asked first, then made.

    Returns how many there were after ``patience`` seconds to end by themselves.
    An interruption (a second Ctrl-C) cuts the asking short, not the end.
    """
    family = _Family(table, root)
    if patience and family.gone(_NO_SIGNAL, patience):
        return 0
    family.seen.clear()
    gone = False
    try:
        gone = family.gone(signal.SIGTERM, _GRACE)
    finally:
        if not gone:
            family.gone(signal.SIGKILL, _GRACE)
    return len(family.seen)


def kill(table: Callable[[], Iterable[Member]], root: int = 0) -> None:
    """End them without asking."""
    _Family(table, root).gone(signal.SIGKILL, _GRACE)


class _Family:
    """Who belongs together; one that was ever seen does, also when its parent is gone."""

    def __init__(self, table: Callable[[], Iterable[Member]], root: int) -> None:
        self._table = table
        self._root = root
        self.seen: set[tuple[int, str]] = set()

    def gone(self, signum: int, seconds: float) -> bool:
        """Signal each member once, and wait so long until none is left."""
        deadline, pause = time.monotonic() + seconds, _FIRST_LOOK
        asked: set[tuple[int, str]] = set()
        while alive := self._alive():
            for pid, _ in alive - asked:
                # It may be gone by now, or have become another user's.
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signum)
            asked |= alive
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK)
        return True

    def _alive(self) -> set[tuple[int, str]]:
        others = [member for member in self._table() if member.pid != os.getpid()]
        pids = {member.pid for member in others if self._belongs(member)}
        while more := {member.pid for member in others if member.parent in pids} - pids:
            pids |= more
        alive = {member.identity for member in others if member.pid in pids}
        self.seen |= alive
        return alive

    def _belongs(self, member: Member) -> bool:
        return member.marked or member.pid == self._root or member.identity in self.seen


def _carries(folder: Path, marker: str) -> bool:
    """Whether a process has the marker; one of another user has none to show."""
    try:
        environment = folder.joinpath("environ").read_bytes()
    except PermissionError:
        return False
    prefix = f"{VARIABLE}=".encode()
    ours = (entry for entry in environment.split(b"\0") if entry.startswith(prefix))
    return any(marker.encode() in entry.removeprefix(prefix).split(b":") for entry in ours)
