"""What a run may take at most: read from options, compared with what it took. Pure."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeVar

from aethr.errors import AethrError, UsageError
from aethr.text import count, duration, first_line
from aethr.workflow import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aethr.options import Request
    from aethr.spent import Spent

N = TypeVar("N", int, float)

OPTIONS = ("max_cost", "max_tokens", "max_time", "max_calls")  # fields of a request
# Both as the workflow file has them. More than a year is no time that anybody waits, and more
# than 292 years is none that the system can.
_DURATION = re.compile(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,7})s)?")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15}")
_LONGEST = 9999 * 3600.0
# What a limit of 0 is raised to in the command that goes on.
_FIRST = {"cost": 1, "tokens": 100_000, "calls": 10}


class LimitReached(AethrError):
    """No further call may be made. ``raised`` are options that let the run go on, by field."""

    def __init__(self, reached: Mapping[str, str], raised: Mapping[str, Any]) -> None:
        flags = " and ".join(f"--max-{name}" for name in reached)
        keys = " and ".join(f"`{name}`" for name in reached)
        anew = "; a call of aethr has its own time" if "time" in reached else ""
        super().__init__(
            f"limit reached: {', '.join(reached.values())}",
            f"raise {flags}, or {keys} under `limits` in the workflow file{anew}",
        )
        self.raised = raised


def check(limits: Limits, spent: Spent, seconds: float) -> None:
    """Raise LimitReached where another call would be one too many."""
    used = spent.used
    amounts = {
        "cost": round(used.cost or 0.0, 9),  # 0.7 + 0.1 is 0.8 here
        "tokens": (used.input_tokens or 0) + (used.output_tokens or 0),
        "time": seconds,
        "calls": spent.calls,
    }
    over = {
        name: limit
        for name, amount in amounts.items()
        if (limit := getattr(limits, name)) is not None and amount >= limit
    }
    if over:
        raise LimitReached(
            {
                name: f"{name} {_SAID[name](amounts[name])} of {_SAID[name](limit)}"
                for name, limit in over.items()
            },
            {
                f"max_{name}": _written(name, amounts[name] + (limit or _FIRST[name]))
                for name, limit in over.items()
                if name != "time"
            },
        )


def said(limits: Limits) -> str:
    """``$2.00 · 500,000 tokens · 30 min 0 s · 20 calls``, or nothing where there is no limit."""
    parts = (
        limits.cost is not None and dollars(limits.cost),
        limits.tokens is not None and count(limits.tokens, "token"),
        limits.time is not None and duration(limits.time),
        limits.calls is not None and count(limits.calls, "call"),
    )
    return " · ".join(part for part in parts if part)


def effective(file: Limits, request: Request) -> Limits:
    """Give the limits of a file with those options that beat it. Raises UsageError."""

    def beaten(own: N | None, asked: N | None) -> N | None:
        return own if asked is None else asked

    return Limits(
        beaten(file.cost, _number("--max-cost", request.max_cost, float, "US dollars")),
        beaten(file.tokens, _number("--max-tokens", request.max_tokens, int, "tokens")),
        beaten(file.time, _time(request.max_time)),
        beaten(file.calls, _number("--max-calls", request.max_calls, int, "calls")),
    )


def seconds(text: str) -> float | None:
    """Read a duration: seconds, or ``90s``, ``30m``, ``2h``, ``1h30m``; None for anything else."""
    if found := _DURATION.fullmatch(text):
        hours, minutes, rest = (int(part or 0) for part in found.groups())
        return 3600.0 * hours + 60 * minutes + rest or None
    number = float(text) if _NUMBER.fullmatch(text) else 0
    return number if 0 < number <= _LONGEST else None


def dollars(amount: float) -> str:
    """``$2.03``, ``$0.0870``; a tiny one with more places, so that it is not shown as none."""
    places = 2 if amount >= 1 or not amount else 4 if amount >= 0.0005 else 8
    return f"${amount:,.{places}f}"


_SAID: Mapping[str, Callable[[Any], str]] = {
    "cost": dollars,
    "tokens": "{:,}".format,
    "time": duration,
    "calls": "{:,}".format,
}


def _written(name: str, amount: float) -> str:
    """Write a limit for the command line; dollars are rounded up to cents."""
    return f"{math.ceil(amount * 100) / 100:.2f}" if name == "cost" else str(amount)


def _number(flag: str, text: str, kind: Callable[[str], N], unit: str) -> N | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or (kind is int and "." in text):
        whole = "whole " if kind is int else ""
        raise UsageError(
            f"{flag} must be a {whole}number of {unit}, 0 or more, not `{first_line(text, 40)}`"
        )
    return kind(text)


def _time(text: str) -> float | None:
    if text and seconds(text) is None:
        raise UsageError(
            "--max-time must be a time above 0 and up to 9999h, as seconds or like 90s, 30m, 2h "
            f"or 1h30m, not `{first_line(text, 40)}`"
        )
    return seconds(text)
