"""Steps done by the OpenCode CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.errors import UsageError

if TYPE_CHECKING:
    from aethr.backends import Output
    from aethr.results import Call, Reply
    from aethr.settings import Settings
    from aethr.workflow import ModelRef, Step


class OpenCodeBackend:
    """Stands in until OpenCode is driven for real: no live step is ever taken for done."""

    agent = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        raise UsageError(
            f"backend `{step.backend}` of step `{step.id}` can't run live yet",
            "AETHR_LIVE=0 runs the workflow as a mock",
        )

    def prepare(self) -> None:
        """Nothing to begin."""

    def answer(self, call: Call, output: Output) -> Reply:  # noqa: ARG002 - protocol
        raise UsageError(f"backend `{call.step.backend}` of step `{call.step.id}` can't run live")
