"""The lines of ``opencode run --format json`` -> values. Written against OpenCode 1.18.33."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aethr.frozen import frozen
from aethr.results import NOTHING_USED, Usage
from aethr.text import first_line

_WIDTH = 100  # characters of a tool's line
# What a tool was used on, by the names of its inputs.
_SUBJECTS = ("filePath", "command", "pattern", "url", "query", "description", "name")
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class BrokenEvent(ValueError):
    """A line that began as an event and can't be read as one."""


@frozen
class Said:
    """A part of a message, whole."""

    message: str
    text: str


@frozen
class Did:
    """A tool call that is over.

    ``session`` is that of a subagent: None where none was at work, empty where it is not told.
    """

    line: str
    session: str | None = None


@frozen
class Turn:
    """One answer of the model; ``reason`` is its finish reason in OpenCode's words."""

    message: str
    reason: str
    usage: Usage


@frozen
class Failed:
    """An error event; ``status`` is the HTTP status of the model's API."""

    name: str
    message: str
    status: int | None = None


@frozen
class Begun:
    """The model starts to answer."""

    message: str


@frozen
class Other:
    """An event that we have never heard of."""

    kind: str


@frozen
class Foreign:
    """A line that is no event: what a plugin prints, say."""

    line: str


Event = Begun | Said | Did | Turn | Failed | Other | Foreign


def parse(line: str, root: Path) -> Event | None:
    """Read a line; None is one of no consequence. Paths below ``root`` are shown from there.

    Raises BrokenEvent.
    """
    try:
        data = json.loads(line)
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):
            return Foreign(line)
        return None if data["type"] == "reasoning" else _event(data, root)
    except _UNREADABLE:
        if line.startswith('{"'):
            raise BrokenEvent(line) from None
        return Foreign(line)


def exported(text: str) -> tuple[Usage, list[str]]:
    """Read ``opencode export``: what a session used, and the sessions of its own subagents.

    Raises BrokenEvent.
    """
    try:
        messages = json.loads(text)["messages"]
        answers = (one["info"] for one in messages if one["info"]["role"] == "assistant")
        used = sum(map(_usage, answers), NOTHING_USED)
        parts = (part for message in messages for part in message["parts"])
        return used, [found for part in parts if (found := _session(part)) is not None]
    except _UNREADABLE:
        raise BrokenEvent from None


def _event(data: dict[str, Any], root: Path) -> Event:
    match data["type"]:
        case "step_start":
            return Begun(data["part"]["messageID"])
        case "text":
            part = data["part"]
            return Said(part["messageID"], _LONE_SURROGATE.sub("\ufffd", part["text"]))
        case "tool_use":
            return _did(data["part"], root)
        case "step_finish":
            part = data["part"]
            return Turn(part["messageID"], str(part["reason"]), _usage(part))
        case "error":
            return _failed(data["error"])
        case kind:
            return Other(kind)


def _did(part: dict[str, Any], root: Path) -> Did:
    """Word a tool call: ``bash pytest -q → exit 1``."""
    tool, state = part["tool"], part["state"]
    given, code = state.get("input") or {}, (state.get("metadata") or {}).get("exit")
    if tool == "invalid":  # the model called what there is not
        return Did(_line(str(given.get("tool")), "", str(given.get("error"))))
    subject = next((given[name] for name in _SUBJECTS if isinstance(given.get(name), str)), "")
    if subject and subject == given.get("filePath"):
        subject = _from(root, subject)
    outcome = f"exit {code}" if code else ""
    if state["status"] == "error":
        outcome = str(state.get("error"))
    return Did(_line(tool, subject or str(state.get("title") or ""), outcome), _session(part))


def _line(tool: str, subject: str, outcome: str) -> str:
    said = f"{tool} {' '.join(subject.split())}".strip()
    after = f" → {first_line(outcome, _WIDTH)}" if outcome else ""
    return first_line(said, _WIDTH) + after


def _from(root: Path, path: str) -> str:
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path


def _session(part: dict[str, Any]) -> str | None:
    if part["type"] != "tool" or part["tool"] != "task":
        return None
    return str((part["state"].get("metadata") or {}).get("sessionId") or "")


def _failed(error: dict[str, Any]) -> Failed:
    data = error.get("data") or {}
    named = "/".join(str(data[key]) for key in ("providerID", "modelID") if key in data)
    status = data.get("statusCode")
    return Failed(
        str(error["name"]),
        str(data.get("message") or named),
        status if isinstance(status, int) else None,
    )


def _usage(part: dict[str, Any]) -> Usage:
    """Read tokens and cost; zeros are what OpenCode has where it was told nothing, so unknown."""
    tokens = part.get("tokens") or {}
    cache = tokens.get("cache") or {}
    read = int(tokens.get("input", 0)) + int(cache.get("read", 0)) + int(cache.get("write", 0))
    written = int(tokens.get("output", 0)) + int(tokens.get("reasoning", 0))
    cost = float(part.get("cost") or 0)
    return Usage(read, written, cost or None) if read or written else Usage()
