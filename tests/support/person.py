"""A person at a terminal: waits for the question, then types."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pexpect

from tests.support.processes import until

if TYPE_CHECKING:
    from tests.support.cli import Shell

CTRL_C, CTRL_D, KILL = "ctrl-c", "ctrl-d", "kill -9"


class Person:
    """A command in a terminal of its own, and who sits there. ``seen`` is all that was shown."""

    def __init__(self, shell: Shell, *argv: str, **env: str) -> None:
        self._spawn = pexpect.spawn(
            argv[0] if argv[0] == "sh" else sys.executable,
            [*argv[1:]] if argv[0] == "sh" else ["-m", *argv],
            cwd=str(shell.folder),
            env={**shell.env, "TERM": "xterm-256color", **env},
            encoding="utf-8",
            timeout=60,
            dimensions=(500, 80),
        )
        self.seen = ""

    def types(self, *answers: str) -> str:
        """Answer question after question; give what was shown since the first, theirs included."""
        before = len(self.seen)
        for answer in answers:
            self._hears("\n> ")
            if answer == CTRL_C:
                self._spawn.sendintr()
            elif answer == CTRL_D:
                self._spawn.sendeof()
            elif answer == KILL:
                self._spawn.kill(signal.SIGKILL)
                until(lambda: not self._spawn.isalive())
            else:
                self._spawn.send(f"{answer}\n")
        return self.seen[before:]

    def hurries(self, text: str) -> None:
        """Type before there is a question; the terminal has it when this returns."""
        self._spawn.send(text)
        self._hears(f"{text.rsplit(maxsplit=1)[-1]}\r\n")

    def leaves(self, *answers: str) -> int:
        """Type these, and wait for the end; give the exit code, or minus a signal's number."""
        self.types(*answers)
        self._hears(pexpect.EOF)
        self._spawn.close()
        code = self._spawn.exitstatus
        return -(self._spawn.signalstatus or 0) if code is None else code

    @property
    def command(self) -> str:
        """The command to go on that the end offers."""
        return self.seen[self.seen.rindex("To go on:") :].partition("\n")[2].strip()

    def _hears(self, what: str | type[pexpect.EOF]) -> None:
        self._spawn.expect(what)
        after = self._spawn.after
        said = f"{self._spawn.before}{after if isinstance(after, str) else ''}"
        self.seen += said.replace("\r\n", "\n")
