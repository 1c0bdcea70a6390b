"""The outside as a run sees it, and the way in which a backend is heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aethr import events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aethr.backends import Backend
    from aethr.context import Surroundings
    from aethr.secrets import Mask
    from aethr.settings import Settings
    from aethr.treelog import TreeLog


@dataclass(frozen=True, slots=True)
class World:
    """The outside as a run sees it; tests give another one. ``backends`` maps names to answers."""

    settings: Settings
    backends: Mapping[str, Backend]
    surroundings: Surroundings
    mask: Mask
    emit: Callable[[events.Event], None]
    tree: TreeLog | None = None
    verbose: bool = False


class Output:
    """Passes what a backend says on as events, keys masked; keeps it for a failure."""

    def __init__(self, step_id: str, world: World) -> None:
        self.step_id = step_id
        self._pieces: list[str] = []
        self._emit = world.emit
        self._mask = world.mask
        self._stream = world.mask.stream()

    @property
    def said(self) -> str:
        return "".join(self._pieces)

    def text(self, piece: str) -> None:
        self._pieces.append(piece)
        self._show(self._stream.feed(piece))

    def waiting(self, what: str) -> None:
        self._emit(events.Waiting(self._mask(what)))

    def tool(self, line: str) -> None:
        self._emit(events.Told(self._mask(line)))

    def warn(self, line: str) -> None:
        self._emit(events.Warned(self._mask(line), self.step_id))

    def close(self) -> None:
        self._show(self._stream.flush())

    def _show(self, text: str) -> None:
        if text:
            self._emit(events.Chunk(text))
