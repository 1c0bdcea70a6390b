"""Whether a run of OpenCode succeeded: judged by all that it said, not by its exit code.

Exit code 0 is also what a refused permission, a cut answer and an empty one give (1.18.33).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr.backends.opencode_events import (
    Begun,
    BrokenEvent,
    Did,
    Failed,
    Foreign,
    Other,
    Said,
    Turn,
    parse,
)
from aethr.errors import StepFailed
from aethr.results import NOTHING_USED, Reply
from aethr.text import first_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aethr.backends import Output
    from aethr.backends.opencode_events import Event
    from aethr.process import Line

_UNKNOWN_TURNS = 3
_REASONS: Mapping[str, tuple[str, str]] = {
    "": ("opencode ended without an answer", ""),
    "length": (
        "the answer was cut at the length limit",
        "raise the model's output limit in opencode.json",
    ),
    "content-filter": ("the provider's content filter stopped the answer", ""),
    "tool-calls": ("opencode ended in the middle of its work", ""),
    "unknown": ("the model's stream ended without a reason", ""),
}
_HINTS: Mapping[int, str] = {
    401: "opencode auth login",
    402: "check plan and billing at the provider",
    403: "check at the provider what your key may use",
    404: "check the model's name: opencode models",
    429: "go on later, or choose another model",
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REFUSED = re.compile(r"permission requested: (.+?); auto-reject|auto-rejecting")
# Keys of OpenCode's own login or configuration, which nobody else could mask.
_KEY = re.compile(
    r"\b(?:(?:sk|pk|rk|gsk|xai)[-_][\w-]{8,}|AIza[\w-]{12,}|gh[pousr]_\w{12,})"
    r"""|((?:api[ _-]?key(?: provided)?|authorization)["']?\s*[:=]\s*["']?(?:bearer )?|\bbearer )"""
    r"""[^\s"',}]+""",
    re.IGNORECASE,
)


class Judge:
    """Hears the lines of one run. Raises StepFailed as soon as it can't succeed any more.

    ``used`` is what the run's own session took, ``subagents`` are their sessions.
    """

    def __init__(self, root: Path, model: str, output: Output) -> None:
        self.used = NOTHING_USED
        self.subagents: list[str] = []
        self._root = root
        self._model = model
        self._output = output
        self._message = ""  # the one that the model is at
        self._said: list[str] = []  # its text
        self._reason = ""  # why it ended
        self._unknown = 0  # messages in a row that ended for no reason
        self._complaint = ""
        self._warned: set[str] = set()

    def hear(self, line: Line) -> None:
        try:
            text = line.text.decode()
        except UnicodeDecodeError:
            text = line.text.decode("utf-8", "replace")
            self._warn("opencode wrote what is not UTF-8; such bytes are replaced")
        if line.is_error:
            self._complained(_COLOUR.sub("", text))
        elif text.strip():
            self._happened(self._event(text))

    def reply(self, code: int) -> Reply:
        """Give the final text of a run that ended with an exit code."""
        if code < 0:
            raise StepFailed(f"opencode was ended by signal {-code}")
        if code:
            raise StepFailed(f"opencode ended with exit code {code}{self._complaint}")
        if self._reason != "stop":
            otherwise = (f"the answer ended with `{first_line(self._reason)}`",)
            raise StepFailed(*_REASONS.get(self._reason, otherwise))
        text = "\n\n".join(self._said)
        if not text.strip():
            raise StepFailed("opencode gave no final text")
        return Reply(text, self.used, self._model)

    def _event(self, text: str) -> Event | None:
        try:
            return parse(text, self._root)
        except BrokenEvent:
            raise StepFailed("opencode sent an event that can't be read") from None

    def _happened(self, event: Event | None) -> None:
        match event:
            case Said(message, text):
                if message != self._message:
                    self._begin(message)
                self._said.append(text)
                self._output.text(text if text.endswith("\n") else f"{text}\n")
            case Did(line, session):
                self._output.tool(line)
                if session is not None:
                    self.subagents.append(session)
            case Turn():
                self._turned(event)
            case Failed():
                raise self._failure(event)
            case Begun(message):
                self._begin(message)
            case Foreign(line):
                self._warn(f"opencode wrote what is no event: {_quoted(line)}")
            case Other(kind):
                self._warn(f"opencode sent an event that Aethr does not know: {_quoted(kind)}")

    def _begin(self, message: str) -> None:
        self._message, self._said, self._reason = message, [], ""

    def _turned(self, turn: Turn) -> None:
        if turn.message != self._message:
            self._begin(turn.message)
        self._reason = turn.reason
        self.used += turn.usage
        self._output.used(turn.usage, whole=False)
        self._unknown = self._unknown + 1 if turn.reason == "unknown" else 0
        if self._unknown == _UNKNOWN_TURNS:
            # OpenCode asks again without end (224 requests in a minute).
            raise StepFailed(
                f"stopped: the model's stream ended without a reason {_UNKNOWN_TURNS} times",
                "the provider's server leaves `finish_reason` out",
            )

    def _complained(self, line: str) -> None:
        """Judge a line of stderr. Of others only one is ever shown: configuration comes after."""
        if match := _REFUSED.search(line):
            what = f": {_quoted(match[1])}" if match[1] else ""
            raise StepFailed(
                f"a permission was refused{what}",
                "set `unsafe_permissions: true` on the step, or allow it in opencode.json",
            )
        if "Falling back to default agent" in line:
            raise StepFailed(f"unknown agent: {_quoted(line.removeprefix('!'))}")
        said = _quoted(line.removeprefix("Error:"))
        if line.startswith("Error:") or (said and not self._complaint):
            self._complaint = f": {said}"
        elif said and self._complaint == ": Unexpected error":
            self._complaint = f": {said}"  # "database is locked", say

    def _failure(self, error: Failed) -> StepFailed:
        said = _quoted(error.message)
        if error.status is not None:
            hint = _HINTS.get(error.status, "")
            return StepFailed(f"{error.status} from the model's API: {said or error.name}", hint)
        if error.name == "UnknownError" and not self._message and "server error" in said:
            model = f"`{self._model}`" if self._model else "the one that it is configured for"
            return StepFailed(
                f"opencode failed at once: unknown agent, model or provider? (model: {model})",
                "`opencode models` lists what it knows; its log has the reason",
            )
        return StepFailed(f"opencode failed: {said or error.name}")

    def _warn(self, line: str) -> None:
        """Warn once of each kind of thing."""
        kind = line.partition(":")[0]
        if kind not in self._warned:
            self._warned.add(kind)
            self._output.warn(line)


def _quoted(text: str) -> str:
    return first_line(_KEY.sub(r"\1[masked key]", text), 200)
