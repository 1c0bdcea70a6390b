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
import time
import unicodedata
from codecs import getincrementaldecoder
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pyte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import FileIO
    from typing import TypeAlias

    from tests.support.cli import Shell

    Size: TypeAlias = tuple[int, int]  # columns and rows

# Opening a terminal makes it that of the session; so `/dev/tty` works, as on a person's machine.
_OWN = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execvp(sys.argv[1], sys.argv[1:])"
_COLUMNS, _ROWS = 80, 3000  # nothing scrolls away
# What lines of text and the view's own colours need.
_HARMLESS = {"draw", "linefeed", "carriage_return", "tab", "select_graphic_rendition"}
# What lines of ours and of rendered Markdown have; nothing that hides or blinks.
_SGR = "(?:[0-4]|[349][0-7])"
_OWN_COLOURS = re.compile(rf"\x1b\[{_SGR}(?:;{_SGR})*m")
# How a word that may go on and the status line are drawn, and how they are taken away.
_STATUS = re.compile(r"(?:\x1bD\x1b\[A)?\x1b7[^\r\x1b]*(?:\r(?:\x1b\[B)?(.*?))?\x1b8|\x1b\[J")
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
    columns: int = _COLUMNS

    @property
    def text(self) -> str:
        """What was written in the end, without our colours and status lines."""
        return _OWN_COLOURS.sub("", _STATUS.sub("", self.sent)).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, as wide as it is; blanks at the ends are left out."""
        return rows(self.sent, self.columns)

    @property
    def statuses(self) -> list[str]:
        """What the status line said, one time after another, without our colours."""
        return [_OWN_COLOURS.sub("", said) for said in _STATUS.findall(self.sent) if said]

    @property
    def harm(self) -> list[str]:
        """Name whatever acted on the terminal or can't be seen; what we do ourselves aside."""
        shown = self.text + "".join(self.statuses)
        unsafe = {repr(char) for char in set(shown) if is_unsafe(char)}
        return sorted((self._acts() - _HARMLESS) | unsafe)

    def _acts(self) -> set[str]:
        watch = _Watch(pyte.Screen(_COLUMNS, _ROWS))
        pyte.Stream(cast("pyte.Screen", watch)).feed(_STATUS.sub("", self.sent))
        return watch.acts


def rows(sent: str, columns: int, height: int = _ROWS) -> list[str]:
    """Give the lines that stand on a screen of this size, as an emulator shows them."""
    screen = pyte.Screen(columns, height)
    pyte.Stream(screen).feed(sent)
    # Of a wide character the second half is an empty cell.
    return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


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


def on_terminal(
    shell: Shell, argv: Sequence[str], *, columns: int | str = _COLUMNS, **env: str
) -> Screen:
    """Run a command with all three streams on a terminal, until it has ended.

    ``columns`` may be text for the sake of those who give ``env`` as a dict of texts.
    """
    columns = int(columns)
    with _started(shell, argv, env, (columns, _ROWS)) as (process, terminal):
        sent = b"".join(_heard(terminal)).decode()
        return Screen(process.wait(60), sent, columns)


class Console:
    """A terminal with a process on it, both as they are now; a person can look and act."""

    def __init__(
        self, process: subprocess.Popen[bytes], terminal: FileIO, size: Size, encoding: str
    ) -> None:
        self.process = process
        self.sent = ""
        self._terminal = terminal
        self._decoder = getincrementaldecoder(encoding)()
        self._screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What is in sight."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def mode(self) -> list[Any]:
        """How the terminal takes what is typed: what ``stty -a`` shows."""
        return termios.tcgetattr(self._terminal)

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until a line in sight matches; a minute is far more than any takes."""
        going_on, deadline = True, time.monotonic() + 60
        while True:
            for line in self.lines:
                if found := re.search(pattern, line):
                    return found
            assert going_on, f"it ended without {pattern}:\n" + "\n".join(self.lines)
            assert time.monotonic() < deadline, "\n".join(self.lines)
            going_on = self._hear(0.2)

    def types(self, keys: str) -> None:
        self._terminal.write(keys.encode())

    def resize(self, columns: int, height: int) -> None:
        """Change the size of the window: the process gets SIGWINCH."""
        size = struct.pack("4H", height, columns, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
        self._screen.resize(height, columns)

    def ends(self) -> int:
        """Take in all that is still sent, and give the exit code."""
        deadline = time.monotonic() + 60
        while self._hear(0.2):
            assert time.monotonic() < deadline, "\n".join(self.lines)
        return self.process.wait(60)

    def is_as_before(self, mode: list[Any]) -> bool:
        """Whether nothing is left switched: keys, cursor, colours, margins."""
        plain = pyte.screens.Char(" ")
        at_rest = (not self._screen.cursor.hidden, self._screen.cursor.attrs == plain)
        return all(at_rest) and self.mode == mode and self._screen.margins is None

    def _hear(self, seconds: float) -> bool:
        """Take in what comes; False where nothing will come any more."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            data = self._terminal.read(65536)
        except OSError:
            return False
        text = self._decoder.decode(data)
        self.sent += text
        self._stream.feed(text)
        return bool(data)


@contextmanager
def console(
    shell: Shell,
    argv: Sequence[str],
    size: Size = (80, 24),
    *,
    encoding: str = "utf-8",
    **env: str,
) -> Iterator[Console]:
    """Run a command on a terminal of so many columns and rows, to be looked at meanwhile."""
    with _started(shell, argv, env, size) as (process, terminal):
        yield Console(process, terminal, size, encoding)


def left_alone(shell: Shell, argv: Sequence[str], **env: str) -> int:
    """Run a command whose terminal goes away at its first word; return its exit code."""
    with _started(shell, argv, env) as (process, terminal):
        next(_heard(terminal))
        terminal.close()
        return process.wait(60)


@contextmanager
def _started(
    shell: Shell, argv: Sequence[str], env: Mapping[str, str], size: Size = (_COLUMNS, _ROWS)
) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
    """Give the process and our side of its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", *reversed(size), 0, 0))
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
    with process, os.fdopen(ours, "r+b", buffering=0) as terminal:
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
