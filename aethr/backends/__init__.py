"""Who answers a step: one small protocol, and a table that you can see."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.results import Call, Reply, Usage
    from aethr.settings import Settings
    from aethr.workflow import ModelRef, Step


class Output(Protocol):
    """Where a backend says what it does, while it does it."""

    def text(self, piece: str) -> None:
        """Pass on a piece of the answer, as it came."""

    def waiting(self, what: str, seconds: float = 0.0) -> None:
        """Tell what is being waited for, such as ``first token``; how long, where it is known."""

    def allowed(self) -> None:
        """Raise LimitReached where no further call may be made."""

    def calling(self, model: str) -> None:
        """Announce every call right before it is made. Raises as ``allowed`` does."""

    def used(self, usage: Usage, *, whole: bool) -> None:
        """Tell what a call without a reply used since it was last told; ``whole``: it is over."""

    def tool(self, line: str) -> None:
        """Tell what an agent has just done: ``edit src/app.py``."""

    def warn(self, line: str) -> None:
        """Tell people something they should know, as one line."""

    def raw(self, text: str) -> None:
        """Give what a library said of a failure, word for word: for ``--verbose`` only."""


class Backend(Protocol):
    """Answers steps. Made once a run; ``preflight`` comes before the first paid call.

    ``agent`` tells whether it works on the tree by itself; a command counts as one.
    """

    agent: bool

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:
        """Raise UsageError where the step can't work; return warnings, one line each."""

    def unpriced(self, step: Step, model: ModelRef | None) -> list[str]:
        """Name the costs of a step that are not known before its calls; may take seconds."""

    def prepare(self) -> None:
        """Begin, without waiting, what will be needed soon (a slow import, say)."""

    def answer(self, call: Call, output: Output) -> Reply:
        """Do the step. Raises StepFailed, with the partial text, where it did not succeed."""


# Modules and classes by name: a mock run imports none of them.
BACKENDS: Mapping[str, str] = {
    "model": "aethr.backends.model:ModelBackend",
    "opencode": "aethr.backends.opencode:OpenCodeBackend",
    "shell": "aethr.backends.shell:ShellBackend",
}


def make(name: str, settings: Settings) -> Backend:
    """Make the backend of a name that the table has."""
    module, _, made = BACKENDS[name].partition(":")
    backend: Backend = getattr(import_module(module), made)(settings)
    return backend
