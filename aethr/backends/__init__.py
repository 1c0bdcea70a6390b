"""Who answers a step: one small protocol, and a table that you can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aethr.backends.model import ModelBackend
from aethr.backends.opencode import OpenCodeBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aethr.results import Call, Reply
    from aethr.settings import Settings
    from aethr.workflow import ModelRef, Step


class Output(Protocol):
    """Where a backend says what it does, while it does it."""

    def text(self, piece: str) -> None:
        """Pass on a piece of the answer, as it came."""

    def waiting(self, what: str) -> None:
        """Tell what is being waited for: ``connecting``, ``first token``."""

    def tool(self, line: str) -> None:
        """Tell what an agent has just done: ``edit src/app.py``."""

    def warn(self, line: str) -> None:
        """Tell people something they should know, as one line."""


class Backend(Protocol):
    """Answers steps. Made once a run; ``preflight`` comes before the first paid call.

    ``agent`` tells whether it works on the tree by itself.
    """

    agent: bool

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:
        """Raise UsageError where the step can't work; return warnings, one line each."""

    def prepare(self) -> None:
        """Begin, without waiting, what will be needed soon (a slow import, say)."""

    def answer(self, call: Call, output: Output) -> Reply:
        """Do the step. Raises StepFailed, with the partial text, where it did not succeed."""


BACKENDS: Mapping[str, Callable[[Settings], Backend]] = {
    "model": ModelBackend,
    "opencode": OpenCodeBackend,
}
