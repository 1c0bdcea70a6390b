"""Aethr's command line in a process that a signal meets at an instant that a test has chosen.

``python -m tests.support.mortal`` imports everything once. Then each line on stdin is a
command, run in a process of its own, and each line on stdout tells how that one ended.
"""

from __future__ import annotations

import json
import os
import pkgutil
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aethr
from aethr.__main__ import main as aethr_main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_HERE = str(Path(aethr.__file__).parent)
# Here is waited for agents: how often one looks is no two times the same.
_WAITING = ("process/following.py", "process/family.py", "backends/driver.py")


@dataclass(frozen=True)
class Instant:
    """The ``number``-th of a kind of moments in a process, counted from 1.

    ``event``: an event is about to be shown. ``call``: a function of Aethr is entered or left,
    or calls one of C. ``write``: ``kept`` bytes of a line of the checkpoint are written, and
    the disk takes no more: the kernel ends the process, in the midst of the line.
    """

    kind: str
    number: int
    signals: tuple[int, ...] = (signal.SIGKILL,)
    kept: int = 0


NEVER = Instant("call", 1 << 60)


@dataclass(frozen=True)
class Order:
    """A command line, where its output goes, and when it meets its signals."""

    argv: Sequence[str]
    folder: str
    instant: Instant = NEVER

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> Order:
        data: dict[str, Any] = json.loads(line)
        instant = data["instant"]
        return cls(
            data["argv"],
            data["folder"],
            Instant(**{**instant, "signals": tuple(instant["signals"])}),
        )


class _Fate:
    """A profile function that counts moments and, at the chosen one, sends the signals."""

    def __init__(self, instant: Instant) -> None:
        self._instant = instant
        self._count = 0

    def __call__(self, frame: FrameType, event: str, given: object) -> None:
        place = frame.f_code.co_filename
        if event == "return" and given is None:
            return  # also of a generator that is thrown away, where no signal is ever handled
        if not place.startswith(_HERE) or not self._counts(frame, event, place[len(_HERE) + 1 :]):
            return
        self._count += 1
        if self._count == self._instant.number:
            self._strike(frame)

    def _counts(self, frame: FrameType, event: str, module: str) -> bool:
        name = frame.f_code.co_name
        match self._instant.kind:
            case "event":
                return event == "call" and (module, name) == ("front.py", "emit")
            case "write":
                return event == "call" and (module, name) == ("lockfile.py", "write_all")
            case _:
                return module not in _WAITING

    def _strike(self, frame: FrameType) -> None:
        if self._instant.kind == "write":
            size = os.fstat(frame.f_locals["file"]).st_size + self._instant.kept
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, self._instant.signals)
        for signum in self._instant.signals:
            os.kill(os.getpid(), signum)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._instant.signals)


def main() -> None:
    for module in pkgutil.walk_packages(aethr.__path__, "aethr."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    print("ready", flush=True)  # noqa: T201 - the protocol
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(Order.parse(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201 - the protocol


def _run(order: Order) -> None:
    """Be the command: a process with streams of its own, as after exec."""
    os.chdir(order.folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, name in ((1, "../out"), (2, "../err")):
        os.dup2(os.open(name, flags), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["aethr", *order.argv]
    sys.setprofile(_Fate(order.instant))
    aethr_main()


if __name__ == "__main__":
    main()
