"""A process whose output is read as it comes, through pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

from aethr.process.command import Finished, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO

    from aethr.process.command import Command

_CHUNK = 1 << 16
_STDERR_KEPT = 1 << 14  # its beginning
_GRACE = 1.0  # seconds between asking a process to end and making it
_KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


@contextmanager
def running(command: Command) -> Iterator[Running]:
    """Run a command in a process group of its own; leaving the block ends what still runs.

    Raises FileNotFoundError where there is no such program.
    """
    child = Running(command)
    try:
        yield child
    finally:
        child.end()


def run(command: Command) -> Finished:
    """Run a command to its end. Raises FileNotFoundError and TimedOut."""
    with running(command) as child:
        stdout = b"".join(child.chunks())
        return Finished(child.code, stdout, child.stderr)


def interactive(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Lend the terminal to a program; return its exit code, 127 where there is none such.

    It has stderr for its stdout, which may be a file for the results.
    """
    try:
        return subprocess.run(argv, env=env, stdout=sys.stderr, check=False).returncode
    except FileNotFoundError:
        return 127


class Running:
    """A process while it runs; made by ``running``."""

    def __init__(self, command: Command) -> None:
        self._popen = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._stderr = bytearray()
        self._late = False
        # Each pipe has its own thread: a process that fills one which nobody reads waits forever.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        if command.stdin:
            threading.Thread(target=self._feed, args=(command.stdin,), daemon=True).start()
        self._timer = threading.Timer(command.timeout or 0, self._time_is_up)
        if command.timeout:
            self._timer.daemon = True
            self._timer.start()

    @property
    def code(self) -> int:
        """The exit code; waits for it. Minus the signal's number where one ended the process."""
        return self._popen.wait()

    @property
    def stderr(self) -> str:
        """What the process said, from its beginning; waits for its end."""
        self._popen.wait()
        # Not for ever: what the process left running may hold the pipe open.
        self._listener.join(_GRACE)
        return self._stderr.decode("utf-8", "replace")

    def chunks(self) -> Iterator[bytes]:
        """Yield stdout as it comes. Raises TimedOut."""
        pipe = cast("IO[bytes]", self._popen.stdout).fileno()
        while chunk := os.read(pipe, _CHUNK):
            yield chunk
        self._popen.wait()
        if self._late:
            raise TimedOut

    def end(self) -> None:
        """End the process and its group: asked first, then made."""
        self._timer.cancel()
        if self._popen.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(_GRACE)
        if self._popen.poll() is None:
            self._signal(_KILL)
            self._popen.wait()
        self._listener.join(_GRACE)
        cast("IO[bytes]", self._popen.stdout).close()

    def _signal(self, signum: int) -> None:
        """Signal the whole group: git starts filters, and they must not outlive it."""
        if sys.platform == "win32":
            self._popen.terminate()
        else:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signum)

    def _time_is_up(self) -> None:
        if self._popen.poll() is None:
            self._late = True
            self._signal(_KILL)

    def _feed(self, data: bytes) -> None:
        # A process may end without having read all of its input.
        with suppress(BrokenPipeError), cast("IO[bytes]", self._popen.stdin) as pipe:
            pipe.write(data)

    def _listen(self) -> None:
        with cast("IO[bytes]", self._popen.stderr) as pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                self._stderr += chunk[: _STDERR_KEPT - len(self._stderr)]
