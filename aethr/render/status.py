"""What a step is at, in one line that has room for what matters most."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from aethr.limits import dollars
from aethr.streams import sayable
from aethr.text import cells, count, duration, one_line

if TYPE_CHECKING:
    from aethr.events import StepStarted
    from aethr.spent import Spent


class _Part(NamedTuple):
    text: str
    rank: int  # the highest gives way first


class Status:
    """``step 2/3 implement · pass 2/3 · openai:x · 12 s · 1,204 tokens · $0.02 · first token``."""

    def __init__(self, event: StepStarted, place: str, *, live: bool) -> None:
        self.spent = event.spent
        self._began = time.monotonic()
        self._place = place
        self._live = live
        self._event = event
        self._waiting = ""
        self._until = 0.0
        self.idle()

    def idle(self) -> None:
        """Say that its backend is at work, and nothing more is known."""
        step = self._event.step
        self.waits("running" if step.run else "starting" if step.backend == "model" else "working")

    def heard(self) -> None:
        """Say that a model's answer comes; what else is heard does not end the waiting."""
        if self._event.step.backend == "model":
            self.waits("")

    def waits(self, what: str, seconds: float = 0.0) -> None:
        self._waiting = what
        self._until = time.monotonic() + seconds if seconds else 0.0

    def line(self, width: int) -> str:
        """Give the line, safe for a terminal, and no wider than ``width``."""
        parts = [_Part(sayable(one_line(part.text)), part.rank) for part in self._parts()]
        by_rank = sorted(parts, key=lambda part: part.rank)
        while len(by_rank) > 1 and cells(_joined(parts)) > width:
            parts.remove(by_rank.pop())
        line = _joined(parts)
        while cells(line) > width:
            line = line[:-1]
        return line

    def _parts(self) -> list[_Part]:
        step, number, model, passes, _ = self._event
        turn = f"pass {passes[0]}/{passes[1]}" if passes else f"pass {number}" * (number > 1)
        told = [
            _Part(f"step {self._place} {step.id}", 0),
            _Part(turn, 3),
            _Part(model.name if model else "", 6),
            _Part(_whole(time.monotonic() - self._began), 2),
            *(_spent(self.spent) if self._live else [_Part("mock", 1)]),
            _Part(self._waited_for(), 2),
        ]
        return [part for part in told if part.text]

    def _waited_for(self) -> str:
        if not self._until:
            return self._waiting
        return f"{self._waiting} in {_whole(math.ceil(max(0.0, self._until - time.monotonic())))}"


def _joined(parts: list[_Part]) -> str:
    return sayable(" · ").join(part.text for part in parts)


def _whole(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 60 else duration(seconds)


def _spent(spent: Spent) -> list[_Part]:
    """Tell what is known; what the call in flight takes is known when it is over."""
    in_flight = spent.so_far is not None
    tokens = (spent.used.input_tokens or 0) + (spent.used.output_tokens or 0)
    more = "≥ " if spent.untold > in_flight else ""
    dearer = "≥ " if spent.unpriced > in_flight else ""
    return [
        _Part(f"{more}{count(tokens, 'token')}" if tokens or more else "", 5),
        _Part(f"{dearer}{dollars(spent.used.cost or 0.0)}" if tokens or dearer else "", 4),
    ]
