"""SIGINT, SIGTERM and SIGHUP: the first is raised where the work stands, a second ends at once.

After the first one nothing is raised any more: the way out is never torn.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aethr.errors import Signalled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
# Seconds. A wrapper may pass on the Ctrl-C that the terminal has sent already.
_SAME = 0.25


class _Taker:
    """What a signal meets while a task runs. One a process, as its signals are."""

    def __init__(self) -> None:
        self.words: Callable[[], str] = str
        self.before: Callable[[], str] = str
        self.holding = False
        self.waiting: int | None = None
        self.since: float | None = None
        self._ending = False

    def __call__(self, signum: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self.since is None:
            self.since = now
            self.waiting = signum
            if not self.holding:
                self.let_go()
        elif now - self.since > _SAME:
            self._end(signum)

    def let_go(self) -> None:
        """Raise a signal that was put off."""
        if self.waiting is not None:
            signum, self.waiting = self.waiting, None
            raise Signalled(signum)

    def _end(self, signum: int) -> None:
        """Leave at once, but nothing that was started goes on."""
        try:
            if not self._ending:  # a third one waits for neither
                self._ending = True
                from aethr import process

                before = self.before()
                process.kill_all()
                # Not through sys.stderr: what was interrupted may be writing there.
                os.write(2, f"{before}{self.words()}".encode("utf-8", "replace"))
        finally:
            os._exit(128 + signum)

    def again(self, signum: int) -> None:
        """Have a signal come once more whose exception Python could not raise where it was.

        That is so in a generator that is closed, or in any other finalizer.
        """

        def come() -> None:
            self.since = None
            # Straight to the main thread, which may wait in a call that only this ends.
            signal.pthread_kill(threading.main_thread().ident or 0, signum)

        # From a thread, later: here it would meet the finalizer a second time.
        later = threading.Timer(0.01, come)
        later.daemon = True
        later.start()


_taker = _Taker()


def _can_come() -> bool:
    """Whether signals are ours to meet: Python gives them to the main thread alone."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def taken(*, goes_on: bool = False) -> Iterator[None]:
    """Take the signals for a task; one that is ignored (nohup) or somebody else's stays so.

    Once interrupted, the process ends, and a second signal is to find us until it has;
    a program that calls us ``goes_on`` if it likes, with signals of its own again.
    """
    if not _can_come():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in _free()}
    hook = sys.unraisablehook

    def unraised(what: sys.UnraisableHookArgs) -> None:
        if isinstance(what.exc_value, Signalled):
            _taker.again(what.exc_value.signum)
        else:
            hook(what)

    try:
        sys.unraisablehook = unraised
        for signum in before:
            signal.signal(signum, _taker)
        yield
    finally:
        sys.unraisablehook = hook
        if goes_on or _taker.since is None:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            if before:  # an inner block, within a task of ours, has taken none
                _taker.since = _taker.waiting = None


def _free() -> list[int]:
    every = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    nobodys = (signal.SIG_DFL, signal.default_int_handler)
    return [signum for signum in every if signal.getsignal(signum) in nobodys]


@contextmanager
def held() -> Iterator[None]:
    """Put a signal off to the end of a block that must not be torn."""
    if not _can_come():
        yield
        return
    _taker.holding = True
    try:
        yield
    finally:
        _taker.holding = False
    _taker.let_go()


@contextmanager
def released() -> Iterator[None]:
    """Within such a block, let a new one in where it may take for ever: nobody may be reading."""
    if not _can_come():
        yield
        return
    was, _taker.holding = _taker.holding, False
    try:
        yield
    finally:
        _taker.holding = was


@contextmanager
def lent() -> Iterator[None]:
    """Leave Ctrl-C to a program that has the terminal, as git does while it waits for an editor.

    A function and not SIG_IGN: that the program would inherit.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def parting(words: Callable[[], str]) -> Iterator[None]:
    """Give what a second signal says before it ends the process."""
    before, _taker.words = _taker.words, words
    try:
        yield
    finally:
        _taker.words = before


def around_stop(leave: Callable[[], None], come_back: Callable[[], None]) -> Callable[[], None]:
    """Be told before Ctrl-Z stops the process and when it goes on; give what ends this."""
    if not (_can_come() and hasattr(signal, "SIGTSTP")):  # Windows has none
        return lambda: None
    if {*map(signal.getsignal, (signal.SIGTSTP, signal.SIGCONT))} != {signal.SIG_DFL}:
        return lambda: None  # somebody else's, or a shell without job control

    def stop(signum: int, _: FrameType | None) -> None:
        leave()
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)
        # Where nobody could send it on (its group is an orphan), the kernel stops no process.
        go_on()

    def go_on(*_: object) -> None:
        signal.signal(signal.SIGTSTP, stop)
        come_back()

    def over() -> None:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)

    signal.signal(signal.SIGTSTP, stop)
    signal.signal(signal.SIGCONT, go_on)
    return over


def before_parting(words: Callable[[], str]) -> None:
    """Give what is written before those words: a terminal is left as it was found."""
    _taker.before = words
