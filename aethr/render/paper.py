"""What stands on a terminal for good, and the one line below it that lives."""

from __future__ import annotations

import os
import sys
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING

from aethr import signals
from aethr.render import paint
from aethr.streams import columns, tell_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Line = Callable[[int], str]

_PATIENCE = 0.3  # seconds: what is over by then needs no live line
_TICK = 1.0
_NARROWEST = 16
_CLEAR = "\x1b[J"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
# Makes sure of a row below, scrolling if need be, and stays where it was.
_MAKE_ROOM = "\x1bD\x1b[A"
_BELOW = "\r\x1b[B"


def _nothing() -> None: ...


class Paper:
    """stderr as a terminal, for one writer at a time.

    The cursor always rests where the next text goes, and the live line is behind it. So one
    "clear from here on" takes the line away, wherever a resized window has put it, and a process
    that dies leaves nothing switched on or off: no cursor hidden, no mode set.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.can_act = paint.can_act(environ)
        self._environ = environ
        # Reentrant: a signal may be raised while its holder lets go of it.
        self._lock = RLock()
        self._line: Line | None = None
        self._over = Event()
        self._shown = False  # what is to be taken away before the next text
        self._due = False  # the line has had its moment
        self._open = ""
        self._pending = ""
        self._halted = False  # the terminal is the shell's
        self._was_stopped = False  # and the shell has moved the cursor
        self._unheard: Callable[[], None] = _nothing

    @property
    def width(self) -> int:
        """Columns that may be written to; in the last one the cursor's place is in doubt."""
        # More than the terminal has, whatever COLUMNS says, would break rows behind our back.
        found = min(columns(sys.stderr, self._environ), columns(sys.stderr, {}))
        return max(found, _NARROWEST) - 1

    def write(self, text: str, *, border: str = "", pending: str = "") -> None:
        """Write text that is safe; where it ends within a row, with the border that began it.

        What is ``pending`` may yet change: it stands there until the next text comes.
        """
        with self._lock:
            cleared = self._cleared()
            self._open, self._pending = border, pending if self.can_act else ""
            tell_safe(f"{cleared}{text}{self._drawn()}")

    def live(self, line: Line) -> None:
        """Let a line live, which is given the width whenever it is drawn, until ``rest``."""
        self.rest()
        self._unheard = signals.around_stop(self._stopped, self._came_back)
        if self.can_act:
            self._line, self._over, self._due = line, Event(), False
            signals.before_parting(self._left)
            Thread(target=self._tick, args=(line, self._over), daemon=True).start()

    def redraw(self) -> None:
        """Draw the live line at once, as it is now."""
        with self._lock:
            self._due = True
            tell_safe(f"{self._cleared()}{self._drawn()}")

    def rest(self) -> None:
        """Take the live line away."""
        with self._lock:
            self._over.set()
            self._line, self._pending = None, ""
            tell_safe(self._cleared())
            self._shown = False
        signals.before_parting(str)
        self._unheard()
        self._unheard = _nothing

    def _tick(self, line: Line, over: Event) -> None:
        wait = _PATIENCE
        while not over.wait(wait):
            wait = _TICK
            # Whoever holds it draws the line, too.
            if self._lock.acquire(blocking=False):
                try:
                    if self._line is line and not self._halted:
                        self.redraw()
                finally:
                    self._lock.release()

    def _cleared(self) -> str:
        begun, self._was_stopped = self._open if self._was_stopped else "", False
        return f"{_CLEAR if self._shown else ''}{begun}"

    def _drawn(self) -> str:
        line = self._line(self.width) if self._line and self._due else ""
        self._shown = bool(line or self._pending)
        if not self._shown:
            return ""
        if not line:
            return f"{_SAVE}{self._pending}{_RESTORE}"
        if not (self._open or self._pending):
            return f"{_SAVE}\r{line}{_RESTORE}"
        return f"{_MAKE_ROOM}{_SAVE}{self._pending}{_BELOW}{line}{_RESTORE}"

    def _stopped(self) -> None:
        """Take the live line away for a shell; not through sys.stderr, which may be at work."""
        self._halted = True
        # Who draws it at this moment is waited for, but not for long: the terminal may be full.
        if self._lock.acquire(timeout=_PATIENCE):
            self._lock.release()
        if self.can_act:
            os.write(2, f"{paint.RESET}{_CLEAR}".encode())

    def _came_back(self) -> None:
        """Have a row that was begun go on in a new one, behind its border."""
        self._halted, self._was_stopped = False, True

    def _left(self) -> str:
        """Give what cleans up for a process that ends at once; it waits for nobody."""
        self._line = None
        return f"{paint.RESET}{_CLEAR}"
