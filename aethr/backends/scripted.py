"""Steps answered without a model: mock mode, and replies that a test gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import routing
from aethr.errors import StepFailed
from aethr.results import Reply
from aethr.text import command_line
from aethr.verdict import PASS_LINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aethr.backends import Output
    from aethr.results import Call
    from aethr.workflow import ModelRef, Step


class MockBackend:
    """Answers every step of any backend so that the step's own conditions hold."""

    agent = False

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:
        if step.output_schema is not None:
            _example(step)
        refs = routing.with_fallbacks(model) if model and step.backend == "model" else []
        return [warning for ref in refs if (warning := routing.unchecked(ref.name))]

    def unpriced(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        return []

    def prepare(self) -> None:
        """Nothing to begin."""

    def answer(self, call: Call, output: Output) -> Reply:
        return _spoken(_mock(call), output)


class ScriptedBackend:
    """Gives each call the next reply of a script; ``calls`` is what was asked.

    An exception in the script is raised, after the partial text of a StepFailed.
    A call beyond the script is an IndexError.
    """

    def __init__(
        self, script: Iterable[str | Reply | BaseException], *, agent: bool = False
    ) -> None:
        self.agent = agent
        self.calls: list[Call] = []
        self._script = list(script)

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        return []

    def unpriced(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        return []

    def prepare(self) -> None:
        """Nothing to begin."""

    def answer(self, call: Call, output: Output) -> Reply:
        self.calls.append(call)
        said = self._script[len(self.calls) - 1]
        if isinstance(said, StepFailed) and said.partial:
            output.text(said.partial)
        if isinstance(said, BaseException):
            raise said
        return _spoken(said if isinstance(said, Reply) else _reply(call, said), output)


def _reply(call: Call, text: str) -> Reply:
    return Reply(text, model=call.model.name if call.model else "")


def _spoken(reply: Reply, output: Output) -> Reply:
    for line in reply.content.splitlines(keepends=True):
        output.text(line)
    return reply


def _mock(call: Call) -> Reply:
    """Say what a step stands for, and what its conditions ask to hear."""
    step = call.step
    if step.run:
        return _mock_command(step)
    if step.output_schema is not None:
        return _reply(call, f"{_example(step)}\n")
    model = f", model {call.model.name}" if call.model else ""
    lines = [
        f"[mock] step `{step.id}`: role {step.role}, backend {step.backend}{model}.",
        "Nothing was called; this text stands for the answer.",
    ]
    if step.repeat and step.repeat.until_contains is not None:
        lines.append(step.repeat.until_contains)
    if step.has_verdict:
        lines.append(PASS_LINE)
    return _reply(call, "\n".join(lines) + "\n")


def _example(step: Step) -> str:
    from aethr import answers  # few workflows have a schema

    return answers.example(step)


def _mock_command(step: Step) -> Reply:
    lines = [
        f"[mock] step `{step.id}`: $ {command_line(step.run)}",
        "Nothing was run; this text stands for its output, and exit code 0.",
    ]
    if step.repeat and step.repeat.until_contains is not None:
        lines.append(step.repeat.until_contains)
    return Reply("\n".join(lines) + "\n", exit_code=0)
