"""A process whose output flows through one pipe, however much it is."""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from aethr.process.following import Child, ended_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.process.command import Command

_CHUNK = 1 << 16
_POLL = 0.05  # seconds of waiting for the next output
_LINGER = 1.0  # seconds that are left to what has the pipe when the process is over
_MOST_LEFT = 1 << 20  # bytes that a pipe may hold then


@contextmanager
def flowing(command: Command, hear: Callable[[bytes], None]) -> Iterator[Flowing]:
    """Run a command as ``following`` does; stdout and stderr come as one, and on no disk.

    What was written and not read yet when the block is left, however that is, ``hear``
    gets then. Needs a poll, which Windows has not.
    """
    with ExitStack() as stack:
        ours, theirs = os.pipe()
        stack.callback(os.close, ours)
        command = ended_with(stack, command)
        try:
            child = Flowing(command, ours, theirs)
        finally:
            os.close(theirs)
        stack.callback(child.end)
        stack.callback(child.drain, hear)
        yield child


class Flowing(Child):
    """A process while it runs, and its output as it comes; made by ``flowing``."""

    def __init__(self, command: Command, ours: int, theirs: int) -> None:
        os.set_blocking(ours, False)
        self._pipe = ours
        self._closed = False
        self._ended: float | None = None
        # Not select, which takes no file above 1023: a program that calls us may have many open.
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        super().__init__(command, subprocess.DEVNULL, theirs, theirs)

    def goes_on(self) -> bool:
        """Whether more may be said. Raises TimedOut.

        What the process has left running may say a last word, as ``tee`` does in
        bash's ``> >(tee log)``.
        """
        if self._popen.poll() is None:
            self._keep_time()
            return True
        now = time.monotonic()
        self._ended = self._ended or now
        return not self._closed and now - self._ended < _LINGER

    def comes(self) -> bool:
        """Wait a moment; tell whether there is something to read."""
        if self._closed:  # by the process, which goes on
            time.sleep(_POLL)
            return False
        return bool(self._poll.poll(_POLL * 1000))

    def read(self) -> bytes:
        """Read what is there, which may be nothing."""
        try:
            chunk = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return b""
        self._closed = not chunk
        return chunk

    def drain(self, hear: Callable[[bytes], None]) -> None:
        """Hear what stands in the pipe; no more, as something may still write on."""
        left = _MOST_LEFT
        while left > 0 and (chunk := self.read()):
            left -= len(chunk)
            hear(chunk)
