"""An answer of a megabyte on a terminal: what it costs to show it, by number of pieces."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

from benchmarks.growth import exponent
from benchmarks.row import Budget, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

PIECES = (20_000, 40_000, 80_000)  # of 50 characters: 1, 2 and 4 MB
SIZE = (40, 120)  # rows and columns
# A bit more than 1: the first 0.3 s of a step have no live line to draw.
STEEPEST = 1.1
MOST = 3.0  # seconds of CPU for the first of them, with the start of the process


def rows(runs: int) -> list[Row]:
    """Measure in turns; of each number the least counts, as noise only adds."""
    path = os.pathsep.join(path for path in sys.path if path)
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "PYTHONPATH": path}
    rounds = [[_once(number, env) for number in (0, *PIECES)] for _ in range(runs)]
    start, *costs = (min(column) for column in zip(*rounds, strict=True))
    pipe = min(_once(PIECES[0], env, is_pipe=True) for _ in range(runs))
    above = {number: cost - start for number, cost in zip(PIECES, costs, strict=True)}
    return [
        Row("1 MB in 20,000 pieces, 40×120", costs[0], "s", Budget.TOTAL, MOST),
        Row("the same into a pipe", pipe, "s"),
        Row("pieces of an answer: exponent", exponent(above), "", Budget.TOTAL, STEEPEST),
    ]


def _once(pieces: int, env: Mapping[str, str], *, is_pipe: bool = False) -> float:
    """Show so many pieces on a terminal, or in a pipe, read as fast as it is written."""
    ours, theirs = os.pipe() if is_pipe else pty.openpty()
    if not is_pipe:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", *SIZE, 0, 0))
    argv = [sys.executable, "-m", "tests.support.player", f"{pieces}"]
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if is_pipe else theirs,
        stdout=theirs,
        stderr=theirs,
        env=dict(env),
    )
    os.close(theirs)
    try:
        while os.read(ours, 1 << 16):
            pass
    except OSError:
        pass  # what the last one to leave a terminal does to its reader
    os.close(ours)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)} exited with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
