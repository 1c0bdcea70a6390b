"""A real terminal for a test: a pty that controls the process, and an emulator that reads it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pyte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import FileIO

    from tests.support.cli import Shell

# Opening a terminal makes it that of the session; so `/dev/tty` works, as on a person's machine.
_OWN = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execvp(sys.argv[1], sys.argv[1:])"
_COLUMNS, _ROWS = 80, 3000  # nothing scrolls away
# What lines of text and the view's own colours need.
_HARMLESS = {"draw", "linefeed", "carriage_return", "tab", "select_graphic_rendition"}
_OWN_COLOURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33|36)m")
_ACTS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# What can't be seen although its category does not tell: joiners, fillers, selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True)
class Screen:
    """What a process made of its terminal: its exit code, and all that it sent."""

    code: int
    sent: str

    @property
    def text(self) -> str:
        """What people read, without our colours."""
        return _OWN_COLOURS.sub("", self.sent).replace("\r\n", "\n")

    @property
    def harm(self) -> list[str]:
        """Name whatever acted on the terminal or can't be seen, lines and our colours aside."""
        unsafe = {repr(char) for char in set(self.text) if is_unsafe(char)}
        return sorted((self._acts() - _HARMLESS) | unsafe)

    def _acts(self) -> set[str]:
        watch = _Watch(pyte.Screen(_COLUMNS, _ROWS))
        pyte.Stream(cast("pyte.Screen", watch)).feed(self.sent)
        return watch.acts


def is_unsafe(char: str) -> bool:
    """Whether a character does more to a terminal than stand there; by Unicode's own categories."""
    if char in "\n\t":
        return False
    return unicodedata.category(char) in _ACTS or _UNSEEN.match(char) is not None


class _Watch:
    """Stands before pyte's screen, and notes the name of all that it is told to do."""

    def __init__(self, screen: pyte.Screen) -> None:
        self.acts: set[str] = set()
        self._screen = screen

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._screen, name)

        def noted(*args: Any, **options: Any) -> Any:
            self.acts.add(name)
            return act(*args, **options)

        return noted


def on_terminal(shell: Shell, argv: Sequence[str], **env: str) -> Screen:
    """Run a command with all three streams on a terminal, until it has ended."""
    with _started(shell, argv, env) as (process, terminal):
        sent = b"".join(_heard(terminal)).decode()
        return Screen(process.wait(60), sent)


def left_alone(shell: Shell, argv: Sequence[str], **env: str) -> int:
    """Run a command whose terminal goes away at its first word; return its exit code."""
    with _started(shell, argv, env) as (process, terminal):
        next(_heard(terminal))
        terminal.close()
        return process.wait(60)


@contextmanager
def _started(
    shell: Shell, argv: Sequence[str], env: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
    """Give the process and our side of its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", _ROWS, _COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-IS", "-c", _OWN, *argv],
        cwd=shell.folder,
        env={**shell.env, "TERM": "xterm-256color", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    with process, os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            yield process, terminal
        finally:
            process.kill()


def _heard(terminal: FileIO) -> Iterator[bytes]:
    while select.select([terminal], [], [], 60)[0]:
        try:
            yield terminal.read(65536)
        except OSError:
            return  # what the last one to leave a terminal does to its reader
    raise AssertionError("nothing came for a minute")
