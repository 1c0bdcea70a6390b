"""A finding of a reviewer."""

from __future__ import annotations

from enum import Enum

from aethr.frozen import frozen


class Severity(Enum):
    """A pass stands beside ``LOW`` only."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@frozen
class Finding:
    """``path`` is as it was written, with ``/``, or empty; ``line`` counts from 1."""

    severity: Severity
    path: str
    line: int | None
    text: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.line else f"{self.path}: " if self.path else ""
        return f"{place}{self.severity.value}: {self.text}"
