"""The outside as a run sees it, and the way in which a backend is heard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aethr import events, limits, routing
from aethr.excerpt import Excerpt
from aethr.frozen import frozen
from aethr.results import Usage
from aethr.spent import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aethr.backends import Backend
    from aethr.checkpoint import Checkpoint
    from aethr.context import Surroundings
    from aethr.secrets import Mask
    from aethr.settings import Settings
    from aethr.treelog import TreeLog
    from aethr.workflow import Limits, Step, Workflow

_SAID = 1_000_000  # characters, of either end: no answer is longer, and a command's output may be


@frozen
class World:
    """The outside as a run sees it; tests give another one. ``backends`` maps names to answers."""

    settings: Settings
    backends: Mapping[str, Backend]
    surroundings: Surroundings
    mask: Mask
    emit: Callable[[events.Event], None]
    tree: TreeLog | None = None
    verbose: bool = False

    def warn(self, step_id: str, line: str) -> None:
        self.emit(events.Warned(self.mask.brief(line), step_id))

    def preflight(self, workflow: Workflow, steps: Iterable[Step], limits: Limits) -> list[str]:
        """Have every backend look at its steps. Returns warnings; raises UsageError."""
        said: dict[str, None] = {}
        for step in steps:
            model = routing.model_for(workflow, step, self.settings.model)
            backend = self.backends[step.backend]
            said |= dict.fromkeys(backend.preflight(step, model))
            if limits.cost is not None:
                said |= dict.fromkeys(backend.unpriced(step, model))
        return list(said)


@frozen
class Meter:
    """Holds a run to its limits; ``began`` is when this process took it up."""

    limits: Limits
    file: Checkpoint
    began: float

    def check(self) -> None:
        """Raise LimitReached where no further call may be made."""
        limits.check(self.limits, self.file.spent, time.monotonic() - self.began)


class Output:
    """Passes what a backend says on as events, keys masked; keeps it for a failure."""

    def __init__(self, step_id: str, world: World, meter: Meter) -> None:
        self.step_id = step_id
        self._meter = meter
        self._said = Excerpt(_SAID)
        self._emit = world.emit
        self._verbose = world.verbose
        self._mask = world.mask
        self._stream = world.mask.stream()

    @property
    def said(self) -> str:
        return self._said.text

    def text(self, piece: str) -> None:
        self._said.add(piece)
        self._show(self._stream.feed(piece))

    def waiting(self, what: str, seconds: float = 0.0) -> None:
        self._emit(events.Waiting(self._mask.brief(what), seconds))

    def allowed(self) -> None:
        self._meter.check()

    def calling(self, model: str) -> None:
        self._meter.check()
        self._meter.file.call(self.step_id, model)

    def used(self, usage: Usage, *, whole: bool) -> None:
        if (told := known(usage)) != Usage():
            self._meter.file.used(told, whole=whole)
            self._emit(events.Used(self._meter.file.spent))

    def tool(self, line: str) -> None:
        self._emit(events.Told(self._mask.brief(line)))

    def warn(self, line: str) -> None:
        self._emit(events.Warned(self._mask.brief(line), self.step_id))

    def raw(self, text: str) -> None:
        if self._verbose:
            self._emit(events.Told(self._mask.brief(text)))

    def close(self, *, cut: bool = False) -> None:
        """Show what was held back; of an answer that was ``cut``, no part of a key."""
        self._show(self._stream.flush(cut=cut))

    def _show(self, text: str) -> None:
        if text:
            self._emit(events.Chunk(text))
