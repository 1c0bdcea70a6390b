"""The failures that people are told about; anything else is a bug of ours.

They derive from ``invoke.Exit``, so that ``aethr`` and a stock ``inv`` print
the same lines on stderr and exit with the same code.
"""

from __future__ import annotations

import re
import signal
from difflib import get_close_matches
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from aethr.frozen import frozen
from aethr.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FAILED = 1
USAGE = 2
NOT_PASSED = 3
PAUSED = 4


class AethrError(Exit):
    """A failure with one line for people, an optional hint, and an exit code.

    ``footer`` is set where more is to be said after it: how to go on, mostly;
    ``mask`` where keys are known that must not be in it.
    """

    exit_code = FAILED
    label = "error"

    def __init__(self, summary: str, hint: str = "") -> None:
        super().__init__(code=self.exit_code)
        self.summary = summary
        self.hint = hint
        self.footer = ""
        self.mask: Callable[[str], str] = str

    @property
    def message(self) -> str:
        """What both doors print: made late, safe for a terminal; no name in it adds a line."""
        hint = [f"hint: {self.hint}"] if self.hint else []
        lines = [one_line(self.mask(line)) for line in (f"{self.label}: {self.summary}", *hint)]
        footer = [printable(self.mask(self.footer))] if self.footer else []
        return "\n".join([*lines, *footer])

    @message.setter
    def message(self, _: str | None) -> None:
        """Ignore what ``Exit.__init__`` assigns: the text is made from the data."""

    def __str__(self) -> str:
        return self.summary


class UsageError(AethrError):
    """A wrong option, file, task or setting: nothing was called."""

    exit_code = USAGE


@frozen
class Problem:
    """One mistake in a workflow file; ``line`` and ``column`` count from 1."""

    path: str
    line: int
    column: int
    text: str
    source: str = ""
    width: int = 1

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}: {self.text}"
        if not self.source.strip():
            return where
        start = self.column - 1
        # Tabs stay, so that the caret stands below its word on every terminal.
        pad = re.sub(r"[^\t]", " ", printable(self.source[:start]))
        caret = "^" * max(1, len(printable(self.source[start : start + self.width])))
        return f"{where}\n{self.line:>4} | {self.source}\n     | {pad}{caret}"


class ConfigError(UsageError):
    """Everything that is wrong with one workflow file, in the order of its lines."""

    def __init__(self, problems: Sequence[Problem], hint: str = "") -> None:
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__(count, hint)
        self.problems = tuple(problems)

    @property
    def message(self) -> str:
        hint = [f"hint: {self.hint}"] if self.hint else []
        return printable(self.mask("\n".join([*map(str, self.problems), self.summary, *hint])))

    @message.setter
    def message(self, _: str | None) -> None: ...

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class StepFailed(AethrError):
    """A step gave no usable result; ``partial`` is what it said before."""

    def __init__(self, summary: str, hint: str = "", partial: str = "") -> None:
        super().__init__(summary, hint)
        self.partial = partial


class NotPassed(AethrError):
    """Every step is done, and the last verdict or loop is no pass."""

    exit_code = NOT_PASSED
    label = "not passed"


class Paused(AethrError):
    """The run has stopped for a person to look at it, and goes on when it is resumed."""

    exit_code = PAUSED
    label = "paused"


class DryRun(AethrError):
    """Only a preview was asked for (``inv --dry``): there is no result to go on with."""

    exit_code = 0
    label = "dry run"


class Interrupted(AethrError):
    """A signal ended the run; the exit code is 128 plus its number."""

    def __init__(self, signum: int) -> None:
        self.exit_code = 128 + signum
        super().__init__(f"interrupted by {signal.Signals(signum).name}")


class Signalled(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP, raised where Ctrl-C would be: all take the same way out.

    ``partial`` is what a step had said, where more than what was shown is known of it.
    """

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum
        self.partial = ""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """``; did you mean `context`?`` or nothing."""
    close = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""
