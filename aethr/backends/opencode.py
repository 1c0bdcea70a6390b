"""Steps done by the OpenCode CLI: the real one, with the user's own configuration and login."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import process, routing
from aethr.backends import driver
from aethr.backends.opencode_events import BrokenEvent, exported
from aethr.backends.opencode_judge import Judge
from aethr.errors import StepFailed, UsageError
from aethr.results import NOTHING_USED, Usage

if TYPE_CHECKING:
    from aethr.backends import Output
    from aethr.process import Command, Finished
    from aethr.results import Call, Reply
    from aethr.settings import Settings
    from aethr.workflow import ModelRef, Step

_INSTALL = "npm install -g opencode-ai"
_ASKING = 60.0  # seconds for a question that costs no model call


class OpenCodeBackend:
    """Runs ``opencode run``; ``heartbeat`` is how many seconds of silence people are left in."""

    agent = True

    def __init__(self, settings: Settings, heartbeat: float = driver.HEARTBEAT) -> None:
        self._settings = settings
        self._heartbeat = heartbeat
        self._unsafe_flag = ""  # not asked for yet

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        driver.program("opencode", _INSTALL, self._settings)
        if model:
            _model_name(model.name)
        return []

    def unpriced(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        return [f"the cost of {step.backend} is known only when its step is done"]

    def prepare(self) -> None:
        """Nothing to begin."""

    def answer(self, call: Call, output: Output) -> Reply:
        root = call.root.resolve()
        ask = process.Command(
            [driver.program("opencode", _INSTALL, self._settings)],
            root,
            driver.environment(self._settings, root),
            timeout=_ASKING,
            marker=call.marker or process.new_marker(),
        )
        judge = Judge(root, call.model.name if call.model else "", output)
        watch = driver.Watch("opencode", call.step, output, self._heartbeat)
        run = replace(
            ask,
            argv=[*ask.argv, *self._arguments(call, ask)],
            stdin=call.prompt.encode("utf-8", "replace"),
            timeout=watch.timeout,
        )
        with driver.traced(call.trace, self._settings, output) as trace:
            output.calling(call.model.name if call.model else "")
            code = driver.drive(run, watch, trace, judge.hear)
        reply = judge.reply(code)
        return replace(reply, usage=reply.usage + _subagents(judge.subagents, ask, output))

    def _arguments(self, call: Call, ask: Command) -> list[str]:
        # Without a title OpenCode has a model think of one.
        arguments = ["run", "--format", "json", f"--title=aethr: {call.step.id}"]
        if call.model:
            arguments.append(f"--model={_model_name(call.model.name)}")
        if call.step.unsafe_permissions:
            self._unsafe_flag = self._unsafe_flag or _unsafe_flag(ask)
            arguments.append(self._unsafe_flag)
        return arguments


def _model_name(name: str) -> str:
    """``openai:gpt-4o`` -> ``openai/gpt-4o``: OpenCode has names of its own for providers."""
    _, model = routing.split(name)
    provider = name.removesuffix(model)[:-1]
    if not provider or not model:
        raise UsageError(
            f"opencode needs a provider with the model `{name}`", "write provider:model"
        )
    return f"{provider}/{model}"


def _unsafe_flag(ask: Command) -> str:
    """Find the flag of the installed version that says yes to whatever would be asked."""
    told = _asked(ask, "run", "--help")
    newer = re.search(r"--auto(?![\w-])", told.stderr + told.stdout.decode("utf-8", "replace"))
    return "--auto" if newer else "--dangerously-skip-permissions"


def _subagents(sessions: list[str], ask: Command, output: Output) -> Usage:
    """Add up what subagents used, and theirs; none of it is in the events of a run."""
    used, ahead, seen = NOTHING_USED, list(sessions), set[str]()
    while ahead:
        session = ahead.pop()
        if session in seen:
            continue
        seen.add(session)
        try:
            own, more = _exported(session, ask)
        except (BrokenEvent, StepFailed):
            output.warn("what the subagents used is unknown: opencode does not tell")
            return Usage()
        used += own
        ahead += more
    return used


def _exported(session: str, ask: Command) -> tuple[Usage, list[str]]:
    if not session.isidentifier():
        raise BrokenEvent(session)
    return exported(_asked(ask, "export", session).stdout.decode("utf-8", "replace"))


def _asked(ask: Command, *arguments: str) -> Finished:
    """Ask OpenCode something that costs no model call."""
    try:
        return process.collect(replace(ask, argv=[*ask.argv, *arguments]))
    except (process.TimedOut, process.Flooded):
        raise StepFailed(f"`opencode {' '.join(arguments)}` did not end") from None
    except OSError as error:
        raise StepFailed(f"can't run opencode: {error.strerror}") from None
