"""A process whose output is followed in files, and which ends with all that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aethr.process import family
from aethr.process.command import Finished, Flooded, Line, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, TypeAlias

    from aethr.process.command import Command

    Stream: TypeAlias = IO[bytes] | int

_CHUNK = 1 << 16
_POLL = 0.05  # seconds between two looks at what a process has written
_MOST_WRITTEN = 1 << 30
_followed: dict[str, int] = {}  # marker -> process, 0 until it is known


@contextmanager
def following(command: Command) -> Iterator[Following]:
    """Run a command and follow what it writes; leaving the block ends it and all it started.

    It writes to files: what a program leaves in a pipe as it exits may be lost (of a line of
    1 MB that OpenCode 1.18.33 wrote last, 35 %). Raises FileNotFoundError where there is no
    such program. Needs pread, which Windows has not.
    """
    import tempfile

    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        command = ended_with(stack, command)
        child = Following(command, *files)
        stack.callback(child.end)
        yield child


def ended_with(stack: ExitStack, command: Command) -> Command:
    """Have all that a command starts ended with a block; give it a marker if it has none."""
    marker = command.marker or family.new_marker()
    _followed[marker] = 0
    stack.callback(_followed.pop, marker)
    # Also for a process whose start was interrupted before anybody could hold it.
    stack.callback(end_marked, marker)
    return replace(command, marker=marker)


def collect(command: Command) -> Finished:
    """Run a command to its end as ``following`` does. Raises TimedOut and Flooded, too."""
    with following(command) as child:
        lines = [line for line in child.lines() if line]
        out = b"\n".join(line.text for line in lines if not line.is_error)
        err = b"\n".join(line.text for line in lines if line.is_error)
        return Finished(child.code, out, err.decode("utf-8", "replace"))


def end_marked(marker: str, patience: float = 0.0) -> int | None:
    """End every process that carries a marker, after ``patience`` seconds to go by itself.

    Returns how many had to be ended; None where that can't be told, as on any system but
    Linux: there, those that have lost their parent are out of reach.
    """
    if not sys.platform.startswith("linux"):
        return None
    if not family.is_marker(marker):
        return 0
    return family.end(partial(family.from_proc, marker), patience=patience)


def kill_all() -> None:
    """End whatever is followed now, without asking."""
    for marker, root in list(_followed.items()):
        if sys.platform.startswith("linux"):
            family.kill(partial(family.from_proc, marker), root)
        elif root:
            family.kill(_listed_by_ps, root)


class Child:
    """A process in a session of its own, with all that it starts."""

    def __init__(self, command: Command, stdin: Stream, stdout: Stream, stderr: Stream) -> None:
        self._marker = command.marker
        self._deadline = time.monotonic() + (command.timeout or float("inf"))
        self._popen = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=family.marked(command.env, command.marker),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        _followed[command.marker] = self._popen.pid

    @property
    def code(self) -> int:
        """The exit code; waits for it. Minus the signal's number where one ended the process."""
        return self._popen.wait()

    def end(self) -> None:
        """End the process and, where the system lets us find them, all that it started."""
        root = self._popen.pid if self._popen.poll() is None else 0
        if sys.platform.startswith("linux"):
            family.end(partial(family.from_proc, self._marker), root)
        elif root:
            family.end(_listed_by_ps, root)  # before parents go and leave their children unknown
        self._popen.wait()

    def _keep_time(self) -> None:
        """Raise TimedOut where the process has had its time."""
        if time.monotonic() > self._deadline:
            raise TimedOut


class Following(Child):
    """A process while it runs, and its output as it grows; made by ``following``."""

    def __init__(
        self, command: Command, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]
    ) -> None:
        stdin.write(command.stdin)
        stdin.seek(0)
        self._spools = (_Spool(stdout), _Spool(stderr, is_error=True))
        super().__init__(command, stdin, stdout, stderr)

    def lines(self) -> Iterator[Line | None]:
        """Yield lines as they come, and None for every moment without one, until the process ends.

        Raises TimedOut and Flooded.
        """
        ended = False
        while not ended:
            ended = self._popen.poll() is not None  # first: all that it wrote is there by then
            quiet = True
            for spool in self._spools:
                for line in spool.lines(last=ended):
                    quiet = False
                    yield line
            if not ended:
                self._keep_time()
            if quiet and not ended:
                yield None
                time.sleep(_POLL)


class _Spool:
    """A file that a process writes and that is read as it grows."""

    def __init__(self, file: IO[bytes], *, is_error: bool = False) -> None:
        self._file = file.fileno()
        self._is_error = is_error
        self._place = 0
        self._begun = bytearray()

    def lines(self, *, last: bool) -> Iterator[Line]:
        """Yield what is new, whole lines only; the ``last`` time the rest, too. Raises Flooded."""
        size = os.fstat(self._file).st_size
        if size > _MOST_WRITTEN:
            raise Flooded
        while self._place < size:
            # The process shares the file's position; pread leaves it alone.
            chunk = os.pread(self._file, _CHUNK, self._place)
            self._place += len(chunk)
            *ended, begun = chunk.split(b"\n")
            for piece in ended:
                yield self._line(piece)
            self._begun += begun
        if last and self._begun:
            yield self._line(b"")

    def _line(self, piece: bytes) -> Line:
        text = bytes(self._begun + piece)
        self._begun.clear()
        return Line(text, self._is_error)


def _listed_by_ps() -> Iterator[family.Member]:
    argv = ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="]
    listing = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return family.from_ps(listing)
