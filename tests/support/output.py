"""Where a backend under test says what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aethr.results import Usage


@dataclass
class Heard:
    """Keeps everything, by kind, in the order in which it came; any number of calls is allowed.

    ``slept`` is for the waits of a backend whose sleep takes no time.
    """

    texts: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def text(self, piece: str) -> None:
        self.texts.append(piece)

    def tool(self, line: str) -> None:
        self.tools.append(line)

    def waiting(self, what: str, seconds: float = 0.0) -> None:  # noqa: ARG002 - the protocol's
        self.waits.append(what)

    def warn(self, line: str) -> None:
        self.warnings.append(line)

    def raw(self, text: str) -> None:
        self.raws.append(text)

    def allowed(self) -> None: ...

    def calling(self, model: str) -> None:
        self.calls.append(model)

    def used(self, usage: Usage, *, whole: bool) -> None:  # noqa: ARG002 - the protocol's
        self.usages.append(usage)
