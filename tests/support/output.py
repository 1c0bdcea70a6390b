"""Where a backend under test says what it does."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Heard:
    """Keeps everything, by kind, in the order in which it came."""

    texts: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def text(self, piece: str) -> None:
        self.texts.append(piece)

    def tool(self, line: str) -> None:
        self.tools.append(line)

    def waiting(self, what: str) -> None:
        self.waits.append(what)

    def warn(self, line: str) -> None:
        self.warnings.append(line)
